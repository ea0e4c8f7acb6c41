//! Steps that ask language models.

pub mod complete;
pub(super) mod fit;
pub mod params;
mod question;
mod text;
