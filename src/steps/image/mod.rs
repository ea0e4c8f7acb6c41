//! Built-in steps on pictures.

pub mod probe;
pub mod resize;
pub mod sizes;
