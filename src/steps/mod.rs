//! What a step does: the register of built-in steps, and external commands through the shim.

pub mod audio;
pub mod batch;
pub mod builtin;
pub mod catalog;
pub mod collect;
pub mod common;
pub mod database;
pub mod file;
pub mod http;
pub mod image;
pub mod llm;
pub mod media_fault;
pub mod noop;
pub mod register;
pub mod resource;
mod schema;
pub mod shim;
pub mod storage;
pub mod table;
pub mod text;
pub mod verify;
