//! Steps that work with object storage.

pub(super) mod fit;
pub mod get;
mod limits;
pub mod put;
pub mod sign;
