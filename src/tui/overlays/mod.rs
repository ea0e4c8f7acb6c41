//! What lies over a screen: the help, the palette, questions, and a line to type in.

pub mod confirm;
mod fuzzy;
pub mod help;
pub mod palette;
pub mod prompt;
mod typed;

use super::action::About;
use super::keys::KeyChord;

/// An action, its keys, and why it cannot be done now, where it cannot.
pub type Possible = (&'static About, Vec<KeyChord>, Result<(), String>);
