//! Text, drawn as pictures whose every glyph has a known place: shaping, layout, outlines, effects, and the label.

pub mod coverage;
pub mod error;
pub mod font;

pub use coverage::{Coverage, coverage};
pub use error::TextError;
