//! Steps that work with object storage.

mod ended;
pub(super) mod fit;
pub mod get;
mod limits;
pub mod put;
pub mod sign;

pub use ended::ended;
