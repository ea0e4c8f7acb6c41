//! Built-in steps on files of any kind.

pub mod copy;
pub mod hash;
