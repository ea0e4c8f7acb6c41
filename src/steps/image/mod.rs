//! Built-in steps on pictures.

pub mod compare;
pub mod hash;
pub mod probe;
pub mod resize;
