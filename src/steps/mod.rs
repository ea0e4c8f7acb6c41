//! What a step does: the register of built-in steps, and external commands through the shim.

pub mod builtin;
pub mod catalog;
pub mod register;
mod schema;
