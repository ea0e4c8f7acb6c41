//! How things look: theme, glyphs, keys, and how much room there is.

use super::glyphs::Glyphs;
use super::keymap::Keymap;
use super::theme::{Role, Theme};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier, Style};

/// What every screen draws with.
#[derive(Debug, Clone)]
pub struct Look {
    /// The colours.
    pub theme: Theme,
    /// The signs.
    pub glyphs: Glyphs,
    /// The keys.
    pub keymap: Keymap,
    /// A count of frames that moves the signs of what runs.
    pub beat: usize,
    /// Wall time of the run's start, milliseconds since 1970.
    pub epoch: u64,
}

impl Look {
    /// Makes what is drawn in `row` the row of the cursor: one colour for all of it, and a sign at its beginning.
    pub fn select(&self, row: Rect, buffer: &mut Buffer) {
        self.highlight(row, buffer);
        let row = row.intersection(buffer.area);
        if !row.is_empty() {
            buffer[(row.x, row.y)].set_symbol(self.glyphs.cursor);
        }
    }

    /// Gives what is drawn in `row` the one colour of the row of the cursor. Bold and underlined letters stay so, and bars
    /// keep their colours: they would be holes.
    pub fn highlight(&self, row: Rect, buffer: &mut Buffer) {
        let text = self.style(Role::Text);
        let plain = Style::new()
            .fg(text.fg.unwrap_or(Color::Reset))
            .bg(text.bg.unwrap_or(Color::Reset))
            .remove_modifier(Modifier::DIM | Modifier::REVERSED)
            .patch(self.style(Role::Selected));
        for place in row.intersection(buffer.area).positions() {
            let cell = &mut buffer[place];
            if !cell.symbol().starts_with(|sign| ('\u{2580}'..='\u{259f}').contains(&sign)) {
                cell.set_style(plain);
            }
        }
    }

    /// The style of a role.
    #[must_use]
    pub fn style(&self, role: Role) -> Style {
        self.theme.style(role)
    }
}
