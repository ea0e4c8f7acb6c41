//! A line to type in.

use ratatui::buffer::Buffer;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::layout::{Position, Rect};
use ratatui::text::{Line, Span};
use unicode_segmentation::UnicodeSegmentation;

use crate::resilience::safe_text::safe_line;
use crate::tui::look::Look;
use crate::tui::text;
use crate::tui::theme::Role;
use crate::tui::widgets::{plain, put};

/// What was typed, and where the cursor is in it: between two letters, each with all that belongs to it.
#[derive(Debug, Default)]
pub struct Typed {
    text: String,
    /// In bytes.
    cursor: usize,
}

impl Typed {
    /// A line that holds `text`, the cursor behind it.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self { text: text.to_owned(), cursor: text.len() }
    }

    /// The text.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// A key; `true`: the text is another one.
    pub fn key(&mut self, key: KeyEvent) -> bool {
        let held = key.modifiers & (KeyModifiers::CONTROL | KeyModifiers::ALT);
        let (control, alt) = (held == KeyModifiers::CONTROL, held == KeyModifiers::ALT);
        match key.code {
            KeyCode::Char('a') if control => self.cursor = 0,
            KeyCode::Char('e') if control => self.cursor = self.text.len(),
            KeyCode::Char('b') if control => self.cursor = self.letter_before(),
            KeyCode::Char('f') if control => self.cursor = self.letter_after(),
            KeyCode::Char('b') if alt => self.cursor = self.word_before(),
            KeyCode::Char('f') if alt => self.cursor = self.word_after(),
            KeyCode::Left if held.is_empty() => self.cursor = self.letter_before(),
            KeyCode::Right if held.is_empty() => self.cursor = self.letter_after(),
            KeyCode::Left => self.cursor = self.word_before(),
            KeyCode::Right => self.cursor = self.word_after(),
            KeyCode::Home => self.cursor = 0,
            KeyCode::End => self.cursor = self.text.len(),
            KeyCode::Char('w') if control => return self.remove(self.word_before(), self.cursor),
            KeyCode::Char('u') if control => return self.remove(0, self.cursor),
            KeyCode::Char('k') if control => return self.remove(self.cursor, self.text.len()),
            KeyCode::Char('h') if control => return self.remove(self.letter_before(), self.cursor),
            KeyCode::Char('d') if control => return self.remove(self.cursor, self.letter_after()),
            KeyCode::Char('d') if alt => return self.remove(self.cursor, self.word_after()),
            KeyCode::Backspace if held.is_empty() => return self.remove(self.letter_before(), self.cursor),
            KeyCode::Backspace => return self.remove(self.word_before(), self.cursor),
            KeyCode::Delete => return self.remove(self.cursor, self.letter_after()),
            KeyCode::Char(c) if held.is_empty() => return self.insert(c.encode_utf8(&mut [0; 4])),
            _ => {}
        }
        false
    }

    /// A text was pasted: its first line is taken.
    pub fn paste(&mut self, text: &str) {
        self.insert(text.lines().next().unwrap_or_default());
    }

    fn insert(&mut self, text: &str) -> bool {
        self.text.insert_str(self.cursor, text);
        self.cursor += text.len();
        // An accent joins the letter behind which it was typed.
        let is_end = |(at, _): (usize, &str)| at >= self.cursor;
        let end = self.text.grapheme_indices(true).find(|letter| is_end(*letter));
        self.cursor = end.map_or(self.text.len(), |(at, _)| at);
        !text.is_empty()
    }

    fn remove(&mut self, from: usize, to: usize) -> bool {
        self.text.replace_range(from..to, "");
        // What stands together now may be one letter.
        let whole = self.text.grapheme_indices(true).map(|(at, _)| at).take_while(|at| *at <= from).last();
        self.cursor = if from == self.text.len() { from } else { whole.unwrap_or(0) };
        from < to
    }

    fn letter_before(&self) -> usize {
        self.text[..self.cursor].grapheme_indices(true).next_back().map_or(0, |(at, _)| at)
    }

    fn letter_after(&self) -> usize {
        self.text[self.cursor..].graphemes(true).next().map_or(self.cursor, |letter| self.cursor + letter.len())
    }

    fn word_before(&self) -> usize {
        let before = &self.text[..self.cursor];
        before.unicode_word_indices().next_back().map_or(0, |(at, _)| at)
    }

    fn word_after(&self) -> usize {
        let mut words = self.text[self.cursor..].unicode_word_indices();
        words.next().map_or(self.text.len(), |(at, word)| self.cursor + at + word.len())
    }

    /// Draws it into the first row of `area`, after `label`, or `hint` where nothing was typed; gives the place of the
    /// cursor.
    pub fn draw(&self, label: &str, hint: &str, look: &Look, area: Rect, buffer: &mut Buffer) -> Option<Position> {
        let area = area.intersection(buffer.area);
        let room = usize::from(area.width).checked_sub(text::width(label) + 2)?;
        if area.height == 0 {
            return None;
        }
        let mut spans = vec![Span::styled(format!("{label} "), look.style(Role::Accent))];
        let (before, after) = self.text.split_at(self.cursor);
        let before = safe_line(before);
        let before = text::clip_start(&before, room, look.glyphs.ellipsis);
        let column = text::width(label) + 1 + text::width(&before);
        spans.push(Span::styled(before.into_owned(), plain(look)));
        // The cursor is drawn, so that it is seen in every terminal.
        let after = safe_line(after);
        let under = after.graphemes(true).next().unwrap_or_default();
        let rest = &after[under.len()..];
        spans.push(Span::styled(text::pad(under, 1), look.style(Role::Selected)));
        spans.push(Span::styled(rest.to_owned(), plain(look)));
        if self.text.is_empty() && room > text::width(hint) {
            spans.push(Span::styled(hint.to_owned(), look.style(Role::Dim)));
        }
        put(buffer, area, &Line::from(spans), look);
        Some(Position::new(area.x + column as u16, area.y))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::tui::testing::{drawn, look};

    fn press(typed: &mut Typed, code: KeyCode, modifiers: KeyModifiers) -> bool {
        typed.key(KeyEvent::new(code, modifiers))
    }

    #[test]
    fn a_line_is_edited_letter_by_letter_and_word_by_word() {
        let (none, control, alt) = (KeyModifiers::NONE, KeyModifiers::CONTROL, KeyModifiers::ALT);
        let mut typed = Typed::new("one two");
        for (code, modifiers, changes, expected) in [
            (KeyCode::Char('!'), none, true, "one two!|"),
            (KeyCode::Backspace, none, true, "one two|"),
            (KeyCode::Left, control, false, "one |two"),
            (KeyCode::Char('日'), none, true, "one 日|two"),
            (KeyCode::Left, none, false, "one |日two"),
            (KeyCode::Delete, none, true, "one |two"),
            (KeyCode::Char('b'), alt, false, "|one two"),
            (KeyCode::Backspace, none, false, "|one two"),
            (KeyCode::Right, control, false, "one| two"),
            (KeyCode::Char('k'), control, true, "one|"),
            (KeyCode::Char('\u{301}'), none, true, "one\u{301}|"),
            (KeyCode::Left, none, false, "on|e\u{301}"),
            (KeyCode::Char('d'), control, true, "on|"),
            (KeyCode::Char('p'), control, false, "on|"),
            (KeyCode::Char('w'), control, true, "|"),
        ] {
            assert_eq!(press(&mut typed, code, modifiers), changes, "{expected}");
            let (before, after) = typed.text.split_at(typed.cursor);
            assert_eq!(format!("{before}|{after}"), expected);
        }
        typed.paste("a\nb");
        assert_eq!(typed.text(), "a");
    }

    #[test]
    fn the_cursor_of_a_line_that_is_too_long_is_where_it_is_seen() {
        let typed = Typed::new("日本の歌日本の歌");
        let mut at = None;
        let text = drawn((14, 1), |area, buffer| at = typed.draw("filter:", "", &look(), area, buffer));
        assert!(text.starts_with("|filter: …の歌 |"), "{text}");
        assert_eq!(at, Some(Position::new(13, 0)));
    }

    proptest! {
        #[test]
        fn whatever_is_pressed_the_cursor_is_in_the_text_and_in_sight(
            keys in prop::collection::vec((prop::sample::select(vec![
                KeyCode::Char('a'), KeyCode::Char('日'), KeyCode::Char('\u{301}'), KeyCode::Char('\u{200d}'),
                KeyCode::Char('👩'), KeyCode::Char(' '), KeyCode::Char('🇩'), KeyCode::Left, KeyCode::Right,
                KeyCode::Home, KeyCode::End, KeyCode::Backspace, KeyCode::Delete, KeyCode::Char('w'),
            ]), any::<bool>()), 0..30),
            width in 0_u16..30,
        ) {
            let mut typed = Typed::default();
            for (code, control) in keys {
                let held = if control { KeyModifiers::CONTROL } else { KeyModifiers::NONE };
                let before = typed.text().to_owned();
                prop_assert_eq!(press(&mut typed, code, held), before != typed.text());
                let is_edge = typed.cursor == typed.text.len()
                    || typed.text.grapheme_indices(true).any(|(at, _)| at == typed.cursor);
                prop_assert!(is_edge, "{:?}", typed);
                let mut place = None;
                drawn((width, 1), |area, buffer| place = typed.draw("/", "hint", &look(), area, buffer));
                prop_assert!(place.is_none_or(|place| place.x < width));
                prop_assert_eq!(place.is_some(), width >= 3);
            }
        }
    }
}
