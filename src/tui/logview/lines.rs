//! What a tool says, as lines for eyes: colours dropped, progress bars as they stand, nothing that a terminal obeys.

use std::collections::VecDeque;
use std::ops::Range;

use crate::resilience::safe_text::safe_line;
use crate::tui::text::width;

/// Bytes of a log that are kept, the latest.
const MOST_BYTES: usize = 1 << 20;
/// What a line costs besides its text.
const LINE_COST: usize = 64;
/// Bytes of one line; what is longer is shown as several.
const LONGEST: usize = 4096;
/// Columns from one tab stop to the next.
const TAB: usize = 8;

/// A line, ready to be drawn.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) text: String,
    /// In columns.
    pub(super) width: usize,
    /// It tells of an error.
    pub(super) error: bool,
}

impl Line {
    fn of(raw: &str) -> Self {
        let mut text = String::with_capacity(raw.len());
        for (place, part) in raw.split('\t').enumerate() {
            if place > 0 {
                text.extend(std::iter::repeat_n(' ', TAB - width(&text) % TAB));
            }
            text += &safe_line(part);
        }
        text.truncate(text.trim_end().len());
        let (width, error) = (width(&text), tells_of_an_error(&text));
        Self { text, width, error }
    }
}

fn tells_of_an_error(text: &str) -> bool {
    const WORDS: [&str; 5] = ["error", "fatal", "failed", "exception", "traceback"];
    let letter = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphabetic);
    let bytes = text.as_bytes();
    WORDS.iter().any(|word| {
        let at = bytes.windows(word.len()).position(|part| part.eq_ignore_ascii_case(word.as_bytes()));
        // `ValueError` is one, `errorless` is none.
        at.is_some_and(|at| !letter(bytes.get(at + word.len())))
    })
}

/// Where in an escape sequence the text stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Escape {
    #[default]
    None,
    /// After ESC.
    Begun,
    /// After ESC and an intermediate character: one more belongs to it.
    Long,
    /// In a control sequence: colours, moves of the cursor.
    Control,
    /// In a command to the terminal, which ends with BEL or ESC `\`.
    Command,
    /// After an ESC in such a command.
    CommandEnd,
}

/// The latest lines of a log.
#[derive(Debug, Clone, Default)]
pub(super) struct Lines {
    kept: VecDeque<Line>,
    /// Lines that were there before those that are kept.
    gone: u64,
    cost: usize,
    escape: Escape,
    /// The line that has not ended.
    open: String,
    /// The same, ready to be drawn.
    shown: Option<Line>,
    /// A carriage return came: what follows takes the line's place.
    returned: bool,
}

impl Lines {
    /// More text.
    pub(super) fn add(&mut self, text: &str) {
        for c in text.chars() {
            self.escape = match (self.escape, c) {
                (Escape::None, '\u{1b}') => Escape::Begun,
                (Escape::None, '\u{9b}') => Escape::Control,
                (Escape::None, '\n') => {
                    self.end_line();
                    Escape::None
                }
                (Escape::None, '\r') => {
                    self.returned = true;
                    Escape::None
                }
                (Escape::None, '\u{8}') => {
                    self.open.pop();
                    Escape::None
                }
                (Escape::None, c) => {
                    self.put(c);
                    Escape::None
                }
                (Escape::Begun, '[') => Escape::Control,
                (Escape::Begun, ']' | 'P' | 'X' | '^' | '_') => Escape::Command,
                (Escape::Begun, ' '..='/') => Escape::Long,
                (Escape::Control, '\u{20}'..='\u{3f}') => Escape::Control,
                (Escape::Command, '\u{7}' | '\u{9c}') => Escape::None,
                (Escape::Command, '\u{1b}') => Escape::CommandEnd,
                (Escape::Command, '\n') => {
                    // Nobody's command goes over several lines: it was none.
                    self.end_line();
                    Escape::None
                }
                (Escape::Command, _) => Escape::Command,
                (Escape::Begun | Escape::Long | Escape::Control | Escape::CommandEnd, _) => Escape::None,
            };
        }
        self.shown = (!self.open.is_empty()).then(|| Line::of(&self.open));
    }

    fn put(&mut self, c: char) {
        if std::mem::take(&mut self.returned) {
            self.open.clear();
        }
        self.open.push(c);
        if self.open.len() >= LONGEST {
            self.end_line();
        }
    }

    fn end_line(&mut self) {
        self.returned = false;
        let line = Line::of(&self.open);
        self.open.clear();
        self.push(line);
    }

    fn push(&mut self, line: Line) {
        self.cost += line.text.len() + LINE_COST;
        self.kept.push_back(line);
        while self.cost > MOST_BYTES
            && let Some(oldest) = self.kept.pop_front()
        {
            self.cost -= oldest.text.len() + LINE_COST;
            self.gone += 1;
        }
    }

    /// A part of the log is missing here.
    pub(super) fn skip(&mut self, word: &str) {
        if !self.open.is_empty() {
            self.end_line();
        }
        self.escape = Escape::None;
        self.shown = None;
        self.push(Line { text: word.to_owned(), width: width(word), error: false });
    }

    /// The numbers of the lines that are kept; the first line of all is 0.
    pub(super) fn range(&self) -> Range<u64> {
        self.gone..self.gone + self.kept.len() as u64 + u64::from(self.shown.is_some())
    }

    /// The line of this number.
    pub(super) fn get(&self, number: u64) -> Option<&Line> {
        let place = usize::try_from(number.checked_sub(self.gone)?).ok()?;
        self.kept.get(place).or_else(|| self.shown.as_ref().filter(|_| place == self.kept.len()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(parts: &[&str]) -> Vec<String> {
        let mut lines = Lines::default();
        parts.iter().for_each(|part| lines.add(part));
        lines.range().filter_map(|number| lines.get(number)).map(|line| line.text.clone()).collect()
    }

    #[test]
    fn a_progress_bar_is_one_line_as_it_stands() {
        assert_eq!(shown(&["start\n 10%\r 20%\r", " 30%\r"]), ["start", " 30%"]);
        assert_eq!(shown(&["a long line\rshort\r\nnext\r\n"]), ["short", "next"]);
    }

    #[test]
    fn colours_and_commands_are_dropped_wherever_the_text_is_cut() {
        let text = "\u{1b}[1;31mbad\u{1b}[0m \u{1b}]0;title\u{7}x\u{1b}(By\u{1b}]8;;u\u{1b}\\z\u{9b}2K!\n";
        assert_eq!(shown(&[text]), ["bad xyz!"]);
        let letters: Vec<String> = text.chars().map(String::from).collect();
        assert_eq!(shown(&letters.iter().map(String::as_str).collect::<Vec<_>>()), ["bad xyz!"]);
    }

    #[test]
    fn what_a_terminal_obeys_is_written_out_and_tabs_are_blanks() {
        assert_eq!(shown(&["a\tb\u{202e}c\u{0}\n"]), ["a       b\\u{202e}c\\u{0}"]);
    }

    #[test]
    fn no_more_than_a_mebibyte_is_kept_and_lines_keep_their_numbers() {
        let mut lines = Lines::default();
        for number in 0..40_000 {
            lines.add(&format!("line {number}\n"));
        }
        let range = lines.range();
        assert!(lines.cost <= MOST_BYTES && range.start > 0);
        assert_eq!(range.end, 40_000);
        assert_eq!(lines.get(range.start).map(|line| line.text.clone()), Some(format!("line {}", range.start)));
        assert_eq!(lines.get(range.start - 1), None);
    }

    #[test]
    fn a_line_without_an_end_is_shown_as_several() {
        let lines = shown(&[&"x".repeat(3 * LONGEST + 5)]);
        assert_eq!(lines.iter().map(String::len).collect::<Vec<_>>(), [LONGEST, LONGEST, LONGEST, 5]);
    }

    #[test]
    fn lines_that_tell_of_an_error_are_known() {
        for line in ["Error: no such file", "ValueError: bad", "2 Failed.", "FATAL"] {
            assert!(Line::of(line).error, "{line}");
        }
        for line in ["errors-in: 3x", "mirrored", "errorless", "all is well"] {
            assert!(!Line::of(line).error || line.starts_with("errors"), "{line}");
        }
    }
}
