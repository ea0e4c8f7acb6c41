//! Keys by name: as a user writes them in the configuration, as the terminal sends them, and as hints show them.

use std::fmt;
use std::str::FromStr;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::pipeline::suggest;

/// One key with its modifiers, in the one form that every way to say the same key comes to: `G` for Shift and `g`,
/// `ctrl-r` for Ctrl and `R`, `shift-tab` for a back tab.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeyChord {
    code: KeyCode,
    modifiers: KeyModifiers,
}

/// Why a text names no key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct KeyError {
    /// What is wrong: a fragment, lower case, no period.
    pub message: String,
    /// What would be right.
    pub help: Option<String>,
}

/// Keys that have a name: as written, as shown, and the key. The first name of a key is the one that is shown.
const NAMES: &[(&str, &str, KeyCode)] = &[
    ("space", "Space", KeyCode::Char(' ')),
    ("enter", "Enter", KeyCode::Enter),
    ("return", "Enter", KeyCode::Enter),
    ("esc", "Esc", KeyCode::Esc),
    ("escape", "Esc", KeyCode::Esc),
    ("tab", "Tab", KeyCode::Tab),
    ("backspace", "Backspace", KeyCode::Backspace),
    ("delete", "Del", KeyCode::Delete),
    ("del", "Del", KeyCode::Delete),
    ("insert", "Ins", KeyCode::Insert),
    ("ins", "Ins", KeyCode::Insert),
    ("home", "Home", KeyCode::Home),
    ("end", "End", KeyCode::End),
    ("pageup", "PgUp", KeyCode::PageUp),
    ("pgup", "PgUp", KeyCode::PageUp),
    ("pagedown", "PgDn", KeyCode::PageDown),
    ("pgdn", "PgDn", KeyCode::PageDown),
    ("up", "Up", KeyCode::Up),
    ("down", "Down", KeyCode::Down),
    ("left", "Left", KeyCode::Left),
    ("right", "Right", KeyCode::Right),
    ("plus", "+", KeyCode::Char('+')),
    ("minus", "-", KeyCode::Char('-')),
];

/// Modifiers, as written and as shown.
const MODIFIERS: &[(&str, &str, KeyModifiers)] = &[
    ("ctrl", "Ctrl", KeyModifiers::CONTROL),
    ("control", "Ctrl", KeyModifiers::CONTROL),
    ("alt", "Alt", KeyModifiers::ALT),
    ("meta", "Alt", KeyModifiers::ALT),
    ("shift", "Shift", KeyModifiers::SHIFT),
];

impl KeyChord {
    /// The chord of a key and its modifiers, in whatever form a terminal gives them.
    #[must_use]
    pub fn new(code: KeyCode, modifiers: KeyModifiers) -> Self {
        let mut modifiers = modifiers & (KeyModifiers::CONTROL | KeyModifiers::ALT | KeyModifiers::SHIFT);
        let control = modifiers.contains(KeyModifiers::CONTROL);
        let code = match code {
            KeyCode::BackTab => {
                modifiers.insert(KeyModifiers::SHIFT);
                KeyCode::Tab
            }
            // A terminal sends one byte for these, whichever of the two was pressed.
            KeyCode::Char('i' | 'I') if control => {
                modifiers.remove(KeyModifiers::CONTROL);
                KeyCode::Tab
            }
            KeyCode::Char('m' | 'M') if control => {
                modifiers -= KeyModifiers::CONTROL | KeyModifiers::SHIFT;
                KeyCode::Enter
            }
            KeyCode::Char('[') if control => {
                modifiers.remove(KeyModifiers::CONTROL);
                KeyCode::Esc
            }
            KeyCode::Char(c) if control => {
                modifiers.remove(KeyModifiers::SHIFT);
                KeyCode::Char(single(c.to_lowercase()).unwrap_or(c))
            }
            KeyCode::Char(c) if modifiers.contains(KeyModifiers::SHIFT) && c != ' ' => {
                // What Shift makes of it is in the character already, or can be put there.
                modifiers.remove(KeyModifiers::SHIFT);
                KeyCode::Char(single(c.to_uppercase()).unwrap_or(c))
            }
            other => other,
        };
        Self { code, modifiers }
    }

    /// A plain character.
    #[must_use]
    pub const fn char(c: char) -> Self {
        Self { code: KeyCode::Char(c), modifiers: KeyModifiers::NONE }
    }

    /// The key.
    #[must_use]
    pub const fn code(self) -> KeyCode {
        self.code
    }

    /// The character that it types into a line of text, if it types one.
    #[must_use]
    pub const fn typed(self) -> Option<char> {
        match self.code {
            KeyCode::Char(c) if self.modifiers.is_empty() => Some(c),
            _ => None,
        }
    }

    /// As a user writes it in the configuration: `ctrl-r`, `space`, `G`.
    #[must_use]
    pub fn to_config(self) -> String {
        self.spelled(|written, _| written.to_owned(), |c| c.to_string())
    }

    fn spelled(self, pick: impl Fn(&'static str, &'static str) -> String, letter: impl Fn(char) -> String) -> String {
        let mut text = String::new();
        for (written, shown, modifier) in MODIFIERS {
            if self.modifiers.contains(*modifier) && !matches!(*written, "control" | "meta") {
                text += &pick(written, shown);
                text.push('-');
            }
        }
        let named = NAMES.iter().find(|(_, _, code)| *code == self.code);
        match (self.code, named) {
            (KeyCode::Char(c @ ('+' | '-')), _) => text.push(c),
            (_, Some((written, shown, _))) => text += &pick(written, shown),
            (KeyCode::Char(c), None) => text += &letter(c),
            (KeyCode::F(n), None) => text += &(pick("f", "F") + &n.to_string()),
            (other, None) => text += &other.to_string(),
        }
        text
    }
}

/// The one character that a change of case gives, where it is one.
fn single(mut chars: impl Iterator<Item = char>) -> Option<char> {
    let first = chars.next()?;
    chars.next().is_none().then_some(first)
}

impl From<KeyEvent> for KeyChord {
    fn from(event: KeyEvent) -> Self {
        Self::new(event.code, event.modifiers)
    }
}

impl fmt::Display for KeyChord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Ctrl-R is what keyboards and manuals say, though no Shift is in it.
        let control = self.modifiers.contains(KeyModifiers::CONTROL);
        let letter = |c: char| if control { c.to_uppercase().to_string() } else { c.to_string() };
        f.write_str(&self.spelled(|_, shown| shown.to_owned(), letter))
    }
}

impl FromStr for KeyChord {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        let mut modifiers = KeyModifiers::NONE;
        let mut rest = text.trim();
        if rest.is_empty() {
            // A blank is what somebody writes who means the space bar.
            let help = (!text.is_empty()).then(|| "write `space` for the space bar".to_owned());
            return Err(KeyError { message: "no key is named".to_owned(), help });
        }
        // The sign may be the key itself: `-`, `ctrl--`.
        while let Some((at, _)) = rest.char_indices().skip(1).find(|(_, c)| matches!(c, '-' | '+')) {
            let (word, tail) = (&rest[..at], &rest[at + 1..]);
            if tail.is_empty() {
                break;
            }
            let known = MODIFIERS.iter().find(|(written, ..)| word.eq_ignore_ascii_case(written));
            let Some((_, _, modifier)) = known else {
                let help = suggest::help(word, MODIFIERS.iter().map(|(written, ..)| *written));
                return Err(KeyError { message: format!("`{word}` is no modifier"), help });
            };
            modifiers |= *modifier;
            rest = tail;
        }
        let mut chars = rest.chars();
        if let (Some(c), None) = (chars.next(), chars.next()) {
            return Ok(Self::new(KeyCode::Char(c), modifiers));
        }
        let word = rest.to_ascii_lowercase();
        if let Some((_, _, code)) = NAMES.iter().find(|(written, ..)| *written == word) {
            return Ok(Self::new(*code, modifiers));
        }
        if word == "backtab" {
            return Ok(Self::new(KeyCode::BackTab, modifiers));
        }
        if let Some(number) = word.strip_prefix('f').and_then(|digits| digits.parse::<u8>().ok()) {
            return if (1..=24).contains(&number) {
                Ok(Self::new(KeyCode::F(number), modifiers))
            } else {
                let help = Some("there are `f1` to `f24`".to_owned());
                Err(KeyError { message: format!("`{rest}` is no key"), help })
            };
        }
        let near = suggest::closest(&word, NAMES.iter().map(|(written, ..)| *written));
        let help = near.map_or_else(
            || "one character, a name as `space` or `f5`, or `ctrl-`, `alt-`, `shift-` before one".to_owned(),
            |near| format!("did you mean `{near}`?"),
        );
        Err(KeyError { message: format!("`{rest}` is no key"), help: Some(help) })
    }
}

impl Serialize for KeyChord {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.to_config())
    }
}

impl<'de> Deserialize<'de> for KeyChord {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may")]

    use super::*;

    fn chord(text: &str) -> KeyChord {
        text.parse().unwrap()
    }

    #[test]
    fn what_a_terminal_sends_and_what_a_user_writes_are_the_same_key() {
        let sent = |code, modifiers| KeyChord::from(KeyEvent::new(code, modifiers));
        let (none, shift, ctrl) = (KeyModifiers::NONE, KeyModifiers::SHIFT, KeyModifiers::CONTROL);
        for (text, code, modifiers) in [
            ("G", KeyCode::Char('G'), shift),
            ("G", KeyCode::Char('G'), none),
            ("G", KeyCode::Char('g'), shift),
            ("shift-g", KeyCode::Char('G'), shift),
            ("?", KeyCode::Char('?'), shift),
            ("ctrl-r", KeyCode::Char('R'), ctrl),
            ("Ctrl-R", KeyCode::Char('r'), ctrl),
            ("ctrl+r", KeyCode::Char('r'), ctrl | shift),
            ("shift-tab", KeyCode::BackTab, shift),
            ("shift-tab", KeyCode::BackTab, none),
            ("backtab", KeyCode::Tab, shift),
            ("space", KeyCode::Char(' '), none),
            ("ctrl-i", KeyCode::Tab, none),
            ("ctrl-m", KeyCode::Enter, none),
            ("ctrl-[", KeyCode::Esc, none),
            ("F5", KeyCode::F(5), none),
            ("alt-left", KeyCode::Left, KeyModifiers::ALT),
            ("-", KeyCode::Char('-'), none),
            ("ctrl--", KeyCode::Char('-'), ctrl),
            ("+", KeyCode::Char('+'), shift),
            ("minus", KeyCode::Char('-'), none),
            ("É", KeyCode::Char('é'), shift),
        ] {
            assert_eq!(chord(text), sent(code, modifiers), "{text}");
        }
    }

    #[test]
    fn a_chord_is_shown_as_it_can_be_written() {
        for (text, shown) in [
            ("ctrl-r", "Ctrl-R"),
            ("space", "Space"),
            ("?", "?"),
            ("pgdn", "PgDn"),
            ("G", "G"),
            ("g", "g"),
            ("shift-tab", "Shift-Tab"),
            ("f12", "F12"),
            ("ctrl-alt-delete", "Ctrl-Alt-Del"),
            ("alt-x", "Alt-x"),
            ("ctrl--", "Ctrl--"),
            ("plus", "+"),
            ("escape", "Esc"),
        ] {
            assert_eq!(chord(text).to_string(), shown);
            assert_eq!(chord(shown), chord(text), "{shown}");
            assert_eq!(chord(&chord(text).to_config()), chord(text), "{text}");
        }
    }

    #[test]
    fn what_is_no_key_is_told_with_what_would_be_right() {
        let error = |text: &str| text.parse::<KeyChord>().unwrap_err();
        assert_eq!(error("spcae").help.as_deref(), Some("did you mean `space`?"));
        assert_eq!(error("ctlr-r").help.as_deref(), Some("did you mean `ctrl`?"));
        assert_eq!(error("f99").help.as_deref(), Some("there are `f1` to `f24`"));
        assert_eq!(error(" ").help.as_deref(), Some("write `space` for the space bar"));
        assert_eq!(error("").message, "no key is named");
    }

    #[test]
    fn only_a_plain_character_types_itself() {
        assert_eq!(chord("G").typed(), Some('G'));
        assert_eq!(chord("ctrl-g").typed(), None);
        assert_eq!(chord("enter").typed(), None);
    }
}
