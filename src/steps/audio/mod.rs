//! Built-in steps on sound.

pub mod analyze;
pub mod convert;
pub mod encoded;
pub mod probe;
pub mod verify;
