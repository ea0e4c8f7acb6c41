//! What a terminal sends, as events. Answers to questions that nobody asked are dropped.

mod sequence;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::TerminalEvent;

/// A paste is cut off after so many bytes.
const LONGEST_PASTE: usize = 1 << 20;

/// A sequence that is longer is none.
const LONGEST_SEQUENCE: usize = 1 << 16;

const PASTE_END: &[u8] = b"\x1b[201~";

/// Keeps what is not whole yet.
#[derive(Debug, Default)]
pub(super) struct Parser {
    pending: Vec<u8>,
    pasting: bool,
}

/// What the beginning of some bytes is.
#[derive(Debug, PartialEq)]
enum Found {
    /// More must come before that can be said.
    Unfinished,
    /// So many bytes are this, or nothing.
    Event(usize, Option<TerminalEvent>),
    /// So many bytes begin a paste.
    Paste(usize),
}

impl Parser {
    /// Whether a sequence has begun that may be none.
    pub(super) const fn is_waiting(&self) -> bool {
        !self.pending.is_empty()
    }

    /// Whether a paste has begun that has not ended.
    pub(super) const fn is_pasting(&self) -> bool {
        self.pasting
    }

    /// Takes what the terminal sent.
    pub(super) fn feed(&mut self, bytes: &[u8], events: &mut Vec<TerminalEvent>) {
        // Only what is new, and what could be the beginning of an end, is searched for it: a long paste is not read over and
        // over again.
        let mut searched = self.pending.len().saturating_sub(PASTE_END.len());
        self.pending.extend_from_slice(bytes);
        let mut at = 0;
        while at < self.pending.len() {
            if self.pasting {
                let rest = &self.pending[at..];
                let from = searched.saturating_sub(at).min(rest.len());
                let end = rest[from..].windows(PASTE_END.len()).position(|part| part == PASTE_END);
                let Some(end) = end.map(|end| from + end) else { break };
                events.push(pasted(&rest[..end]));
                self.pasting = false;
                at += end + PASTE_END.len();
                continue;
            }
            match first(&self.pending[at..]) {
                Found::Unfinished if self.pending.len() - at > LONGEST_SEQUENCE => at = self.pending.len(),
                Found::Unfinished => break,
                Found::Event(length, event) => {
                    events.extend(event);
                    at += length;
                }
                Found::Paste(length) => {
                    self.pasting = true;
                    at += length;
                    searched = at;
                }
            }
        }
        self.pending.drain(..at);
        if self.pasting && self.pending.len() > LONGEST_PASTE {
            // Its end is still awaited; what is too much is left out of the middle.
            let tail = self.pending.split_off(self.pending.len() - PASTE_END.len());
            self.pending.truncate(LONGEST_PASTE - PASTE_END.len());
            self.pending.extend(tail);
        }
    }

    /// Nothing more came: what is there is what it looks like without it.
    pub(super) fn give_up(&mut self, events: &mut Vec<TerminalEvent>) {
        let pending = std::mem::take(&mut self.pending);
        if std::mem::take(&mut self.pasting) {
            events.push(pasted(&pending));
            return;
        }
        match pending.as_slice() {
            [0x1b] => events.push(key(KeyCode::Esc, KeyModifiers::NONE)),
            // Alt and a character with which sequences begin.
            [0x1b, byte @ (b'[' | b'O' | b']' | b'P' | b'_' | b'^' | b'X')] => {
                events.push(key(KeyCode::Char(char::from(*byte)), KeyModifiers::ALT));
            }
            _ => {}
        }
    }
}

fn pasted(bytes: &[u8]) -> TerminalEvent {
    let bytes = &bytes[..bytes.len().min(LONGEST_PASTE)];
    // Terminals send what Enter sends for a line's end.
    TerminalEvent::Paste(String::from_utf8_lossy(bytes).replace("\r\n", "\n").replace('\r', "\n"))
}

fn key(code: KeyCode, modifiers: KeyModifiers) -> TerminalEvent {
    // Capitals are told with Shift, as everywhere.
    let shifted = matches!(code, KeyCode::Char(c) if c.is_uppercase()) && !modifiers.contains(KeyModifiers::CONTROL);
    let shift = if shifted { KeyModifiers::SHIFT } else { KeyModifiers::NONE };
    TerminalEvent::Key(KeyEvent::new(code, modifiers | shift))
}

/// What `bytes`, of which there is one at least, begin with.
fn first(bytes: &[u8]) -> Found {
    match bytes {
        [0x1b] => Found::Unfinished,
        [0x1b, b'[', rest @ ..] => sequence::control(rest),
        [0x1b, b'O', rest @ ..] => sequence::single_shift(rest),
        [0x1b, b']' | b'P' | b'_' | b'^' | b'X', ..] => sequence::string(bytes),
        // One Esc, and what comes after it.
        [0x1b, 0x1b, ..] => Found::Event(1, Some(key(KeyCode::Esc, KeyModifiers::NONE))),
        [0x1b, rest @ ..] => match character(rest) {
            Found::Event(length, Some(TerminalEvent::Key(event))) => {
                Found::Event(length + 1, Some(key(event.code, event.modifiers | KeyModifiers::ALT)))
            }
            Found::Event(length, other) => Found::Event(length + 1, other),
            other => other,
        },
        _ => character(bytes),
    }
}

/// A key that is one character, whichever that is.
fn character(bytes: &[u8]) -> Found {
    const CONTROL: KeyModifiers = KeyModifiers::CONTROL;
    const NONE: KeyModifiers = KeyModifiers::NONE;
    let byte = bytes[0];
    let one = |code, modifiers| Found::Event(1, Some(key(code, modifiers)));
    match byte {
        b'\r' => one(KeyCode::Enter, NONE),
        b'\t' => one(KeyCode::Tab, NONE),
        0x7f => one(KeyCode::Backspace, NONE),
        0 => one(KeyCode::Char(' '), CONTROL),
        1..=26 => one(KeyCode::Char(char::from(byte - 1 + b'a')), CONTROL),
        27..=31 => one(KeyCode::Char(char::from(byte - 27 + b'[')), CONTROL),
        32..=126 => one(KeyCode::Char(char::from(byte)), NONE),
        _ => {
            let length = match byte {
                0xc2..=0xdf => 2,
                0xe0..=0xef => 3,
                0xf0..=0xf4 => 4,
                _ => return Found::Event(1, None),
            };
            let whole = &bytes[..length.min(bytes.len())];
            match std::str::from_utf8(whole) {
                Ok(text) => Found::Event(length, text.chars().next().map(|c| key(KeyCode::Char(c), NONE))),
                Err(error) if error.error_len().is_none() => Found::Unfinished,
                Err(_) => Found::Event(1, None),
            }
        }
    }
}

#[cfg(test)]
mod tests;
