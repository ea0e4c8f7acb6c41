//! All keys of the screen in sight: a list to search and to choose from, with the reason where something cannot be done.

#[cfg(test)]
mod tests;

use ratatui::buffer::Buffer;
use ratatui::crossterm::event::{KeyCode, KeyEvent};
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::Possible;
use super::typed::Typed;
use crate::tui::action::{Action, Group};
use crate::tui::keys::KeyChord;
use crate::tui::list::List;
use crate::tui::look::Look;
use crate::tui::text;
use crate::tui::theme::Role;
use crate::tui::widgets::{found, overlay, plain, put, row};

/// The columns of one column of actions at least, where there are several.
const COLUMN: u16 = 50;
/// The columns between them.
const GAP: u16 = 2;
/// From this width on both words on what is no key are in one line.
const BESIDE: u16 = 106;
/// Columns of the keys at most.
const KEYS: usize = 14;

/// The help.
#[derive(Debug)]
pub struct Help {
    /// In the order of their groups.
    rows: Vec<Possible>,
    typed: Typed,
    /// The rows that match.
    found: Vec<usize>,
    list: List,
    /// Rows that were in sight.
    page: usize,
}

/// A line of a column.
enum Entry {
    Heading(Group),
    /// An action, by its place among those that were found.
    Row(usize),
    Blank,
}

impl Help {
    /// The help on these actions.
    #[must_use]
    pub fn new(mut rows: Vec<Possible>) -> Self {
        rows.sort_by_key(|(about, ..)| about.group);
        let found = (0..rows.len()).collect();
        Self { rows, typed: Typed::default(), found, list: List::default(), page: 1 }
    }

    /// A key; `action` is what it would do on the screen below. Whether the help is closed, and an action that was chosen.
    pub fn key(&mut self, key: KeyEvent, action: Option<Action>) -> (bool, Option<Action>) {
        let (at, last) = (self.list.cursor(self.found.len()).unwrap_or(0), self.found.len().saturating_sub(1));
        // A letter may be part of what is searched for, once something is.
        let is_typed = matches!(key.code, KeyCode::Char(_)) && !self.typed.text().is_empty();
        match key.code {
            KeyCode::Esc => return (true, None),
            KeyCode::Enter => {
                let chosen = self.chosen().filter(|(_, _, can)| can.is_ok()).map(|(about, ..)| about.action);
                // Why it cannot be done is in sight.
                return (chosen.is_some(), chosen);
            }
            KeyCode::Up => self.list.go(at.saturating_sub(1)),
            KeyCode::Down => self.list.go(last.min(at + 1)),
            KeyCode::PageUp => self.list.go(at.saturating_sub(self.page)),
            KeyCode::PageDown => self.list.go(last.min(at + self.page)),
            _ if key.code == KeyCode::Char('?') || (action == Some(Action::Help) && !is_typed) => return (true, None),
            _ if self.typed.key(key) => self.find(),
            _ => {}
        }
        (false, None)
    }

    /// A text was pasted.
    pub fn paste(&mut self, text: &str) {
        self.typed.paste(text);
        self.find();
    }

    fn chosen(&self) -> Option<&Possible> {
        self.rows.get(*self.found.get(self.list.cursor(self.found.len())?)?)
    }

    /// Every word that was typed is in the name, the title, the group or a key.
    fn find(&mut self) {
        let holds = |(about, keys, _): &Possible, word: &str| {
            let texts = [about.name, about.title, about.group.title()];
            texts.iter().any(|text| !found(text, word).is_empty()) || keys.iter().any(|key| key.to_string() == word)
        };
        let words: Vec<&str> = self.typed.text().split_whitespace().collect();
        let matches = self.rows.iter().enumerate().filter(|(_, row)| words.iter().all(|word| holds(row, word)));
        self.found = matches.map(|(at, _)| at).collect();
        self.list.go(0);
    }

    /// The lines of `found` in columns of `height` lines.
    fn columns(&self, found: impl Iterator<Item = usize>, height: usize) -> Vec<Vec<Entry>> {
        let mut columns: Vec<Vec<Entry>> = Vec::new();
        let mut column = Vec::new();
        let mut group = None;
        for (at, row) in found.filter_map(|row| self.rows.get(row)).enumerate() {
            let is_new = group != Some(row.0.group) && height > 2;
            let above = if !is_new { 0 } else { 1 + usize::from(!column.is_empty()) };
            if column.len() + above + 1 > height && !column.is_empty() {
                columns.push(std::mem::take(&mut column));
            }
            if is_new {
                if !column.is_empty() {
                    column.push(Entry::Blank);
                }
                column.push(Entry::Heading(row.0.group));
            }
            group = Some(row.0.group);
            column.push(Entry::Row(at));
        }
        columns.push(column);
        columns
    }

    /// Draws over `area`, the whole screen.
    pub fn draw(&mut self, look: &Look, area: Rect, buffer: &mut Buffer) {
        let most = (area.width.saturating_sub(8) + GAP) / (COLUMN + GAP);
        let height = area.height.saturating_sub(2);
        let is_wide = area.width >= BESIDE + 8;
        let (head, foot) = match height {
            0..4 => (0, 0),
            4..8 => (1, 0),
            8..15 => (2, 2),
            _ if is_wide => (2, 3),
            _ => (2, 4),
        };
        // As few columns as there must be, and no longer than they must be; what is typed changes nothing of that.
        let (most, room) = (most.clamp(1, 3), height.saturating_sub(head + foot));
        let needs = |height: u16| self.columns(0..self.rows.len(), usize::from(height)).len();
        let across = (1..most).find(|across| needs(room) <= usize::from(*across)).unwrap_or(most);
        let rows = (5..room).find(|rows| needs(*rows) <= usize::from(across)).unwrap_or(room);
        let width = if across == 1 { 72 } else { across * (COLUMN + 6 + GAP) - GAP };
        let width = width.min(area.width.saturating_sub(4));
        let inner = overlay(buffer, area, (width, rows + head + foot), "keys", look);
        // Where there is no border there is more room.
        let (head, foot) = if inner.height < 4 { (0, 0) } else { (head.max(1), foot) };
        self.typed.draw("find:", "type to search", look, Rect { height: head.min(1), ..inner }, buffer);
        let body = Rect { y: inner.y + head, height: inner.height.saturating_sub(head + foot), ..inner };
        let (page, pages) = self.draw_rows(look, body, across, buffer);
        if pages > 1 && inner.width >= 40 && head > 0 {
            let told = text::pad_start(&format!("page {page} of {pages}"), usize::from(inner.width));
            let start = inner.width - (told.trim_start().len() as u16).min(inner.width);
            let at = Rect { x: inner.x + start, width: inner.width - start, height: 1, ..inner };
            put(buffer, at, &Line::styled(told.trim_start().to_owned(), look.style(Role::Dim)), look);
        }
        let foot = Rect { y: body.y + body.height, height: inner.height.saturating_sub(head + body.height), ..inner };
        self.draw_foot(look, foot, buffer);
    }

    /// Draws the columns that the cursor is among: the page, and how many there are.
    fn draw_rows(&mut self, look: &Look, body: Rect, across: u16, buffer: &mut Buffer) -> (usize, usize) {
        if self.found.is_empty() {
            put(buffer, body, &Line::styled("nothing is called that", look.style(Role::Dim)), look);
            return (1, 1);
        }
        let columns = self.columns(self.found.iter().copied(), usize::from(body.height.max(1)));
        let cursor = self.list.cursor(self.found.len());
        let is_on = |entry: &Entry| matches!(entry, Entry::Row(at) if Some(*at) == cursor);
        let with_cursor = columns.iter().position(|column| column.iter().any(is_on)).unwrap_or(0);
        let across = usize::from(across);
        let first = with_cursor / across * across;
        let shown: Vec<&Vec<Entry>> = columns.iter().skip(first).take(across).collect();
        let rows = shown.iter().flat_map(|column| column.iter()).filter(|entry| matches!(entry, Entry::Row(_))).count();
        self.page = rows.max(1);
        let width = (body.width + GAP) / across as u16;
        let is_narrow = width < 40;
        let texts = self.rows.iter().map(|(_, keys, _)| text::width(&told_keys(keys, is_narrow)));
        let wide = texts.max().unwrap_or(0).min(KEYS);
        let pages = (first / across + 1, columns.len().div_ceil(across));
        for (at, column) in shown.into_iter().enumerate() {
            let x = body.x + at as u16 * width;
            let place = Rect { x, width: width.saturating_sub(GAP).min(body.right().saturating_sub(x)), ..body };
            for (y, entry) in column.iter().enumerate() {
                let here = row(place, y as u16);
                match entry {
                    Entry::Heading(group) => {
                        let line = Line::styled(group.title(), look.style(Role::Title));
                        put(buffer, here, &line, look);
                    }
                    Entry::Row(at) => {
                        let Some(possible) = self.found.get(*at).and_then(|at| self.rows.get(*at)) else { continue };
                        put(
                            buffer,
                            here,
                            &line(possible, is_on(entry), (wide, is_narrow), usize::from(place.width), look),
                            look,
                        );
                        if is_on(entry) {
                            look.highlight(here.intersection(buffer.area), buffer);
                        }
                    }
                    Entry::Blank => {}
                }
            }
        }
        pages
    }

    /// What is to be said of the row of the cursor, and of what is no key.
    fn draw_foot(&self, look: &Look, foot: Rect, buffer: &mut Buffer) {
        let dim = look.style(Role::Dim);
        let chosen = match self.chosen() {
            Some((_, _, Err(why))) => Line::from(vec![
                Span::styled("not now: ", look.style(Role::Warn)),
                Span::styled(why.clone(), plain(look)),
            ]),
            Some((about, ..)) => Line::styled(format!("Enter does it; its name in the file is `{}`", about.name), dim),
            None => Line::default(),
        };
        let (file, mouse) =
            ("keys and colours: tui.toml in ~/.config/mediamill", "while the mouse is ours, hold Shift to select text");
        let lines = match foot.width >= BESIDE {
            true => vec![chosen, Line::styled(format!("{file}; {mouse}"), dim)],
            false => vec![chosen, Line::styled(file, dim), Line::styled(mouse, dim)],
        };
        // One line stays free below the rows.
        for (y, line) in lines.iter().enumerate().take(usize::from(foot.height.saturating_sub(1))) {
            put(buffer, row(foot, y as u16 + 1), line, look);
        }
    }
}

/// The keys as they are written: all, or the first alone.
fn told_keys(keys: &[KeyChord], is_narrow: bool) -> String {
    let most = if is_narrow { 1 } else { keys.len() };
    keys.iter().take(most).map(ToString::to_string).collect::<Vec<_>>().join(" ")
}

/// The keys, what they do, and why not now.
fn line(
    (about, keys, can): &Possible,
    is_on: bool,
    (wide, is_narrow): (usize, bool),
    width: usize,
    look: &Look,
) -> Line<'static> {
    let keys = told_keys(keys, is_narrow);
    let keys = if keys.is_empty() { look.glyphs.none } else { &keys };
    let (key, text) = match can {
        Ok(()) => (look.style(Role::Key), plain(look)),
        Err(_) => (look.style(Role::Dim), look.style(Role::Dim)),
    };
    let cursor = if is_on { look.glyphs.cursor } else { " " };
    let mut spans = vec![
        Span::styled(format!("{cursor} "), plain(look)),
        Span::styled(text::fit(keys, wide, look.glyphs.ellipsis), key),
        Span::styled(format!("  {}", about.title), text),
    ];
    if let Err(why) = can {
        let used: usize = spans.iter().map(|span| text::width(&span.content)).sum();
        // All of the reason is at the foot, for the row of the cursor.
        let why = if used + text::width(why) + 3 <= width { why } else { "not now" };
        spans.push(Span::styled(format!(" ({why})"), text));
    }
    Line::from(spans)
}
