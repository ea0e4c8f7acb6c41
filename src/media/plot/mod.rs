//! Plots as pictures: a canvas of few colours, letters, marks and axes.

mod axes;
mod canvas;
mod colours;
mod font;
mod ticks;

pub use axes::{Area, Axes, Frame, Legend};
pub use canvas::{Canvas, LETTER, LINE, text_width};
pub use colours::Colours;
pub use ticks::{frequencies, frequency_text, plain, round};
