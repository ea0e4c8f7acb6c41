//! Text from outside (file names, what tools say) made safe to print on a terminal.

use std::borrow::Cow;

/// `text` with every character that a terminal would obey, or that reorders what the reader sees, written as an escape
/// (`\u{1b}`). Newlines and tabs stay.
///
/// Escaped are the control characters C0, DEL and C1, the line and paragraph separators, and the controls of the
/// direction of writing.
#[must_use]
pub fn safe_text(text: &str) -> Cow<'_, str> {
    escape(text, |c| is_unsafe(c) && !matches!(c, '\n' | '\t'))
}

/// As [`safe_text`], for what must stay on one line: newlines and tabs are escaped too.
#[must_use]
pub fn safe_line(text: &str) -> Cow<'_, str> {
    escape(text, is_unsafe)
}

fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn escape(text: &str, bad: impl Fn(char) -> bool) -> Cow<'_, str> {
    if !text.contains(&bad) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if bad(c) { safe.extend(c.escape_default()) } else { safe.push(c) }
    }
    Cow::Owned(safe)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_without_anything_to_escape_is_not_copied() {
        assert!(matches!(safe_text("Björk - 01 été.wav\n\t日本"), Cow::Borrowed(_)));
    }

    #[test]
    fn what_a_terminal_obeys_is_written_out() {
        assert_eq!(safe_text("\x1b]52;c;aGk=\x07"), "\\u{1b}]52;c;aGk=\\u{7}");
        assert_eq!(safe_text("a\rb\x7f\u{9b}2J\0"), "a\\rb\\u{7f}\\u{9b}2J\\u{0}");
    }

    #[test]
    fn what_turns_the_direction_of_writing_is_written_out() {
        assert_eq!(safe_text("photo\u{202e}gpj.exe \u{2066}x\u{2069}"), "photo\\u{202e}gpj.exe \\u{2066}x\\u{2069}");
    }

    #[test]
    fn a_line_stays_one_line() {
        assert_eq!(safe_line("a\nb\tc\u{2028}d"), "a\\nb\\tc\\u{2028}d");
    }
}
