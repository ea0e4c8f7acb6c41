//! Steps that work with object storage.

pub(super) mod fit;
pub mod get;
pub mod put;
pub mod sign;
