//! A line to type in at the foot of the screen: the filter, or the text to search for.

use ratatui::buffer::Buffer;
use ratatui::crossterm::event::{KeyCode, KeyEvent};
use ratatui::layout::{Position, Rect};

use super::typed::Typed;
use crate::tui::action::Place;
use crate::tui::look::Look;

/// A line that is typed.
#[derive(Debug)]
pub struct Prompt {
    place: Place,
    typed: Typed,
    /// What Esc goes back to.
    before: String,
}

impl Prompt {
    /// A line on the screen `place` that holds `text`.
    #[must_use]
    pub fn new(place: Place, text: &str) -> Self {
        Self { place, typed: Typed::new(text), before: text.to_owned() }
    }

    /// What it holds.
    #[must_use]
    pub fn text(&self) -> &str {
        self.typed.text()
    }

    /// A key; `true`: the line is finished, and holds what is to be used.
    pub fn key(&mut self, key: KeyEvent) -> bool {
        match key.code {
            KeyCode::Enter => return true,
            KeyCode::Esc => {
                self.typed = Typed::new(&self.before);
                return true;
            }
            _ => drop(self.typed.key(key)),
        }
        false
    }

    /// A text was pasted: its first line is taken.
    pub fn paste(&mut self, text: &str) {
        self.typed.paste(text);
    }

    /// Draws into one line; gives the place of the terminal's cursor.
    pub fn draw(&self, look: &Look, area: Rect, buffer: &mut Buffer) -> Option<Position> {
        let title = match self.place {
            Place::Run | Place::Failures => "filter:",
            _ => "search:",
        };
        // Where there is no room for both, what is typed is more than that it is typed.
        let label = if area.width >= 20 { title } else { "/" };
        self.typed.draw(label, "", look, area, buffer)
    }
}
