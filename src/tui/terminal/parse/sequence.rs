//! Escape sequences.

use crossterm::event::{KeyCode, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};

use super::{Found, TerminalEvent, key};

/// What comes after `ESC O`: some terminals' cursor and function keys.
pub(super) fn single_shift(rest: &[u8]) -> Found {
    let Some(byte) = rest.first() else { return Found::Unfinished };
    let code = match byte {
        b'M' => Some(KeyCode::Enter),
        byte => letter(*byte),
    };
    Found::Event(3, code.map(|code| key(code, KeyModifiers::NONE)))
}

/// A string that a terminal sends as an answer: nobody asked. `bytes` begin with its ESC.
pub(super) fn string(bytes: &[u8]) -> Found {
    let end = bytes.iter().enumerate().skip(2).find_map(|(at, byte)| match byte {
        0x07 => Some(at + 1),
        b'\\' if bytes[at - 1] == 0x1b => Some(at + 1),
        _ => None,
    });
    end.map_or(Found::Unfinished, |length| Found::Event(length, None))
}

/// What comes after `ESC [`.
pub(super) fn control(rest: &[u8]) -> Found {
    // The Linux console's F1 to F5.
    if rest.first() == Some(&b'[') {
        let Some(byte) = rest.get(1) else { return Found::Unfinished };
        let code = matches!(byte, b'A'..=b'E').then(|| KeyCode::F(byte - b'A' + 1));
        return Found::Event(4, code.map(|code| key(code, KeyModifiers::NONE)));
    }
    let Some(length) = rest.iter().position(|byte| !matches!(byte, 0x20..=0x3f)) else { return Found::Unfinished };
    let (parameters, last) = (&rest[..length], rest[length]);
    if !matches!(last, 0x40..=0x7e) {
        // It was cut off. What comes now is something else.
        return Found::Event(2 + length, None);
    }
    let whole = 2 + length + 1;
    if (parameters, last) == (b"200", b'~') {
        return Found::Paste(whole);
    }
    Found::Event(whole, event(parameters, last))
}

fn event(parameters: &[u8], last: u8) -> Option<TerminalEvent> {
    if let Some(mouse) = parameters.strip_prefix(b"<") {
        return self::mouse(&numbers(mouse)?, last);
    }
    match (parameters, last) {
        (b"", b'I') => return Some(TerminalEvent::Focus(true)),
        (b"", b'O') => return Some(TerminalEvent::Focus(false)),
        _ => {}
    }
    // `number ; modifiers : kind`, any of them left out.
    let mut parts = parameters.split(|byte| *byte == b';');
    let number = leading(parts.next().unwrap_or_default())?;
    let mut second = parts.next().unwrap_or_default().split(|byte| *byte == b':');
    let modifiers = self::modifiers(leading(second.next().unwrap_or_default())?);
    // A key that is let go is no press.
    if second.next() == Some(b"3") {
        return None;
    }
    let code = match last {
        b'Z' => return Some(key(KeyCode::BackTab, modifiers | KeyModifiers::SHIFT)),
        b'~' => numbered(number)?,
        b'u' => match char::from_u32(number)? {
            '\r' => KeyCode::Enter,
            '\t' => KeyCode::Tab,
            '\x1b' => KeyCode::Esc,
            '\x7f' => KeyCode::Backspace,
            c if c.is_control() => return None,
            c => KeyCode::Char(c),
        },
        // With a row in front it is where the cursor is.
        last if number <= 1 => letter(last)?,
        _ => return None,
    };
    Some(key(code, modifiers))
}

/// Keys by the letter at the end of their sequence.
const fn letter(byte: u8) -> Option<KeyCode> {
    Some(match byte {
        b'A' => KeyCode::Up,
        b'B' => KeyCode::Down,
        b'C' => KeyCode::Right,
        b'D' => KeyCode::Left,
        b'F' => KeyCode::End,
        b'H' => KeyCode::Home,
        b'P' => KeyCode::F(1),
        b'Q' => KeyCode::F(2),
        b'R' => KeyCode::F(3),
        b'S' => KeyCode::F(4),
        _ => return None,
    })
}

/// Keys by the number before `~`.
const fn numbered(number: u32) -> Option<KeyCode> {
    Some(match number {
        1 | 7 => KeyCode::Home,
        2 => KeyCode::Insert,
        3 => KeyCode::Delete,
        4 | 8 => KeyCode::End,
        5 => KeyCode::PageUp,
        6 => KeyCode::PageDown,
        11..=15 => KeyCode::F(number as u8 - 10),
        17..=21 => KeyCode::F(number as u8 - 11),
        23..=26 => KeyCode::F(number as u8 - 12),
        28..=29 => KeyCode::F(number as u8 - 15),
        31..=34 => KeyCode::F(number as u8 - 17),
        _ => return None,
    })
}

/// Modifiers as xterm counts them: 1 and a bit for each.
fn modifiers(number: u32) -> KeyModifiers {
    let bits = number.saturating_sub(1);
    let bit = |bit: u32, modifier| if bits & bit == 0 { KeyModifiers::NONE } else { modifier };
    bit(1, KeyModifiers::SHIFT) | bit(2 | 32, KeyModifiers::ALT) | bit(4, KeyModifiers::CONTROL)
}

fn mouse(numbers: &[u32], last: u8) -> Option<TerminalEvent> {
    let [state, column, row] = *numbers else { return None };
    let button = match state & 3 {
        0 => MouseButton::Left,
        1 => MouseButton::Middle,
        _ => MouseButton::Right,
    };
    let kind = match (state & 0b1110_0011, last) {
        (64, _) => MouseEventKind::ScrollUp,
        (65, _) => MouseEventKind::ScrollDown,
        (66, _) => MouseEventKind::ScrollLeft,
        (67, _) => MouseEventKind::ScrollRight,
        (35, _) => MouseEventKind::Moved,
        (32..=34, b'M') => MouseEventKind::Drag(button),
        (0..=2, b'M') => MouseEventKind::Down(button),
        (0..=2, b'm') => MouseEventKind::Up(button),
        _ => return None,
    };
    let bit = |bit: u32, modifier| if state & bit == 0 { KeyModifiers::NONE } else { modifier };
    let modifiers = bit(4, KeyModifiers::SHIFT) | bit(8, KeyModifiers::ALT) | bit(16, KeyModifiers::CONTROL);
    let place = |at: u32| u16::try_from(at.checked_sub(1)?).ok();
    Some(TerminalEvent::Mouse(MouseEvent { kind, column: place(column)?, row: place(row)?, modifiers }))
}

fn numbers(parameters: &[u8]) -> Option<Vec<u32>> {
    parameters.split(|byte| *byte == b';').map(leading).collect()
}

/// The number that `text` is, or begins with before a colon; 1 where it is empty.
fn leading(text: &[u8]) -> Option<u32> {
    let text = text.split(|byte| *byte == b':').next().unwrap_or_default();
    if text.is_empty() { Some(1) } else { std::str::from_utf8(text).ok()?.parse().ok() }
}
