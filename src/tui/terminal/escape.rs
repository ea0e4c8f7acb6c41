//! What is written to the terminal beside the cells of a frame.

use crossterm::Command as _;
use crossterm::clipboard::CopyToClipboard;

use crate::resilience::safe_text::safe_line;

/// Second screen, empty; no cursor; pastes are marked; changes of focus are told.
pub(super) const ENTER: &[u8] = b"\x1b[?1049h\x1b[0m\x1b[2J\x1b[?25l\x1b[?2004h\x1b[?1004h";

/// Presses, drags and the wheel, in the form that knows no largest column.
pub(super) const MOUSE_ON: &[u8] = b"\x1b[?1000h\x1b[?1002h\x1b[?1006h";

/// The reverse.
pub(super) const MOUSE_OFF: &[u8] = b"\x1b[?1006l\x1b[?1002l\x1b[?1000l";

/// Puts the window's title aside.
pub(super) const SAVE_TITLE: &[u8] = b"\x1b[22;2t";

/// The longest text that is put into the clipboard, as it is written: terminals drop more.
const LONGEST_CLIP: usize = 100 * 1024;

/// Undoes [`ENTER`], the mouse and a frame that was cut off, and brings the title back where one was put aside.
pub(super) fn leave(title: bool) -> Vec<u8> {
    // First the end of whatever sequence was cut off. Where there was none it does nothing.
    let mut bytes = b"\x1b\\\x1b[?2026l".to_vec();
    bytes.extend(MOUSE_OFF);
    bytes.extend(b"\x1b[?1004l\x1b[?2004l\x1b[0m");
    if title {
        bytes.extend(b"\x1b[23;2t");
    }
    bytes.extend(b"\x1b[?1049l\x1b[?25h");
    bytes
}

/// A frame that the terminal shows at once, where it can.
pub(super) fn synchronized(frame: &[u8]) -> Vec<u8> {
    [b"\x1b[?2026h", frame, b"\x1b[?2026l"].concat()
}

/// Puts a title on the window.
pub(super) fn title(title: &str) -> Vec<u8> {
    format!("\x1b]2;{}\x1b\\", safe_line(title)).into_bytes()
}

/// A notification, in the two ways that terminals know. One that knows both shows it twice at worst.
pub(super) fn notification(title: &str, text: &str, tmux: bool) -> Vec<u8> {
    let (title, text) = (safe_line(title).replace(';', ","), safe_line(text));
    let mut bytes = through(&format!("\x1b]9;{title}: {text}\x07"), tmux);
    bytes.extend(through(&format!("\x1b]777;notify;{title};{text}\x07"), tmux));
    bytes
}

/// Puts `text` into the clipboard; nothing where it is too long.
pub(super) fn clipboard(text: &str, tmux: bool) -> Option<Vec<u8>> {
    let mut sequence = String::new();
    if text.len().div_ceil(3) * 4 > LONGEST_CLIP {
        return None;
    }
    CopyToClipboard::to_clipboard_from(text).write_ansi(&mut sequence).ok()?;
    let mut bytes = sequence.clone().into_bytes();
    if tmux {
        // Which of the two it lets through is for its owner to say: `set-clipboard` the first, `allow-passthrough` the
        // second. Both together do the same twice.
        bytes.extend(through(&sequence, true));
    }
    Some(bytes)
}

/// A sequence for the terminal that tmux runs in.
fn through(sequence: &str, tmux: bool) -> Vec<u8> {
    if tmux {
        format!("\x1bPtmux;{}\x1b\\", sequence.replace('\x1b', "\x1b\x1b")).into_bytes()
    } else {
        sequence.as_bytes().to_vec()
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may")]

    use super::*;

    #[test]
    fn a_clip_is_base64_wrapped_for_tmux_and_not_too_long() {
        assert!(clipboard("hello", false).unwrap().starts_with(b"\x1b]52;c;aGVsbG8="));
        let plain = clipboard("hello", false).unwrap();
        let both = clipboard("hello", true).unwrap();
        let wrapped = both.strip_prefix(&plain[..]).unwrap();
        assert!(wrapped.starts_with(b"\x1bPtmux;\x1b\x1b]52;c;aGVsbG8=") && wrapped.ends_with(b"\x1b\\"));
        assert_eq!(clipboard(&"x".repeat(76_801), false), None);
        assert!(clipboard(&"x".repeat(76_800), false).is_some());
    }

    #[test]
    fn what_comes_from_outside_ends_no_sequence() {
        let bytes = [title("a\x1b\\b\x07"), notification("x;y", "a\x07b", false)].concat();
        let text = String::from_utf8(bytes).unwrap();
        assert_eq!(text.matches('\x07').count(), 2);
        assert_eq!(text.matches('\x1b').count(), 4);
        assert!(text.contains("777;notify;x,y;"));
    }
}
