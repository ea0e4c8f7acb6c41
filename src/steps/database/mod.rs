//! Steps that work with a database.

pub mod export;
pub(super) mod fit;
pub mod insert;
pub mod query;
