//! The pipeline file: `Spec` as written, [`template`], and [`Plan`](plan::Plan) once checked.
//!
//! [`load`](load::load) reads a file: the TOML becomes a `Spec` (every key with its place), the `Spec` a `Plan` (every
//! name resolved). What is wrong on the way is collected as [`diagnostic::Diagnostics`], all of it at once.

pub mod builtins;
mod check;
mod constants;
mod definition;
pub mod diagnostic;
pub mod generate;
pub mod hooks;
pub mod init;
pub mod load;
pub mod names;
pub mod plan;
pub mod pools;
mod secrets;
mod spec;
pub mod suggest;
pub mod template;
mod words;

#[cfg(test)]
mod tests;
