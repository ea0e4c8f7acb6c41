//! Front ends for eyes other than a screen: plain lines, JSON, and the summary.
//!
//! Nothing here prints by itself: reports are texts, or go to a writer that the command line gives.

pub mod failures;
pub mod json;
pub mod lines;
mod names;
pub mod pools;
pub mod resources;
pub mod summary;

#[cfg(test)]
mod testing;

pub use json::JsonLines;
pub use lines::{Level, Lines};
pub use names::Names;
