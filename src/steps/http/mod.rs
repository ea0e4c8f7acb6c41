//! Steps that call services over HTTP.

mod answer;
mod content;
pub(super) mod fit;
pub mod request;
pub mod webhook;
