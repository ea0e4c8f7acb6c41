//! Text from outside (file names, what tools say) made safe to print on a terminal.

use std::borrow::Cow;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

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

/// The word as a shell takes it. What a terminal or a shell would obey is written as escapes, for bash and its kin.
#[must_use]
pub fn shell_word(word: impl AsRef<OsStr>) -> String {
    let word = word.as_ref();
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:,+@%=".contains(c);
    match word.to_str() {
        // At the beginning of a word, zsh takes `=` for something else.
        Some(text) if !text.is_empty() && !text.starts_with('=') && text.chars().all(plain) => text.to_owned(),
        Some(text) if safe_line(text) == text => format!("'{}'", text.replace('\'', r"'\''")),
        _ => {
            let escaped = word.as_bytes().iter().map(|byte| match byte {
                b'\'' | b'\\' => format!("\\{}", char::from(*byte)),
                b' '..=b'~' => char::from(*byte).to_string(),
                _ => format!("\\x{byte:02x}"),
            });
            format!("$'{}'", escaped.collect::<String>())
        }
    }
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

    #[test]
    fn a_shell_takes_a_word_as_it_is() {
        assert_eq!(shell_word("/music/01.flac"), "/music/01.flac");
        assert_eq!(shell_word("it's $5"), r"'it'\''s $5'");
        assert_eq!(shell_word(""), "''");
        assert_eq!(shell_word("=x"), "'=x'");
        assert_eq!(shell_word("--set=x"), "--set=x");
        assert_eq!(shell_word("日本 1"), "'日本 1'");
    }

    #[test]
    fn a_word_that_would_steer_a_terminal_is_escaped() {
        assert_eq!(shell_word("a\nrm 'x'\u{1b}"), r"$'a\x0arm \'x\'\x1b'");
        assert_eq!(shell_word(OsStr::from_bytes(b"a\xff\\")), r"$'a\xff\\'");
    }
}
