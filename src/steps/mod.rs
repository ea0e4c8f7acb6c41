//! What a step does: the register of built-in steps, and external commands through the shim.

pub mod audio;
pub mod builtin;
pub mod collect;
pub mod common;
pub mod file;
pub mod image;
pub mod media_fault;
pub mod noop;
pub mod register;
pub mod shim;
pub mod verify;
