//! Built-in steps on pictures.

mod coded;
pub mod convert;
pub mod crop;
pub(super) mod fit;
pub mod orient;
pub mod probe;
pub mod resize;
pub mod verify;
