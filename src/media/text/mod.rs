//! Text, drawn as pictures whose every glyph has a known place: shaping, layout, outlines, effects, and the label.

mod background;
mod cache;
pub mod canvas;
pub mod colour;
pub mod coverage;
mod draw;
mod effects;
pub mod error;
pub mod font;
pub mod label;
mod layout;
mod outline;
mod placing;
mod random;
mod raster;
mod runs;
mod shape;
pub mod spec;
mod warp;
mod wrap;

pub use canvas::Canvas;
pub use colour::Colour;
pub use coverage::{Coverage, coverage};
pub use draw::{Drawn, redraw, render};
pub use error::TextError;
pub use label::Label;
pub use spec::TextSpec;
