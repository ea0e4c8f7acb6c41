//! The screens: each draws what is known of the run, and turns actions into effects.

mod asks;
pub mod breakers;
pub mod failures;
pub mod health;
pub mod item;
pub mod log;
pub mod pools;
pub mod resources;
pub mod run;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::action::Action;
use super::effect::{Effect, Loaded};
use super::facts::Facts;
use super::look::Look;

/// A screen of its own state: where the cursor is, what is filtered. What it shows of the run it takes from the facts.
pub trait Screen {
    /// Draws into `area`, of any size down to nothing. The frame, tabs and hints are not its business.
    fn draw(&mut self, facts: &Facts, look: &Look, area: Rect, buffer: &mut Buffer);

    /// Does an action that belongs to this screen, or a general one that moves or opens.
    fn act(&mut self, action: Action, facts: &mut Facts) -> Vec<Effect>;

    /// Whether the action makes sense now; asked only of actions that belong to this screen and that the program does
    /// not do itself.
    ///
    /// # Errors
    /// Why not, for the person: `the item is not running`.
    fn can(&self, action: Action, facts: &Facts) -> Result<(), String>;

    /// The text that filters or is searched for.
    fn searched(&self) -> &str {
        ""
    }

    /// Another text to filter by or to search for, at every key.
    fn search(&mut self, _text: &str, _facts: &mut Facts) {}

    /// The way back is asked for; `true`: it went a step back itself, and stays in sight.
    fn back(&mut self) -> bool {
        false
    }

    /// Time has passed while the screen is in sight; also called when it comes into sight.
    fn tick(&mut self, _facts: &Facts) -> Vec<Effect> {
        Vec::new()
    }

    /// Something that was asked for has come.
    fn loaded(&mut self, _loaded: &Loaded, _facts: &Facts) {}

    /// A click on a cell of its area, from its upper left corner; `true` for a second one at the same place.
    fn click(&mut self, _column: u16, _row: u16, _again: bool, _facts: &mut Facts) -> Vec<Effect> {
        Vec::new()
    }
}
