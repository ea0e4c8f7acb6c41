//! What terminals send is read for what it means, however it is cut up on the way.

use crossterm::event::{MouseButton, MouseEvent, MouseEventKind};
use proptest::prelude::*;

use super::*;

fn read(parts: &[&[u8]]) -> Vec<TerminalEvent> {
    let (mut parser, mut events) = (Parser::default(), Vec::new());
    for part in parts {
        parser.feed(part, &mut events);
    }
    if parser.is_waiting() || parser.is_pasting() {
        parser.give_up(&mut events);
    }
    events
}

const NONE: KeyModifiers = KeyModifiers::NONE;
const CTRL: KeyModifiers = KeyModifiers::CONTROL;
const ALT: KeyModifiers = KeyModifiers::ALT;
const SHIFT: KeyModifiers = KeyModifiers::SHIFT;

#[test]
fn keys_are_read_in_every_way_they_are_sent() {
    for (bytes, code, modifiers) in [
        (&b"a"[..], KeyCode::Char('a'), NONE),
        (b"G", KeyCode::Char('G'), SHIFT),
        (b"?", KeyCode::Char('?'), NONE),
        ("é".as_bytes(), KeyCode::Char('é'), NONE),
        ("日".as_bytes(), KeyCode::Char('日'), NONE),
        (b"\r", KeyCode::Enter, NONE),
        (b"\t", KeyCode::Tab, NONE),
        (b"\x7f", KeyCode::Backspace, NONE),
        (b"\x12", KeyCode::Char('r'), CTRL),
        (b"\x1a", KeyCode::Char('z'), CTRL),
        (b"\x1f", KeyCode::Char('_'), CTRL),
        (b"\0", KeyCode::Char(' '), CTRL),
        (b"\x1b", KeyCode::Esc, NONE),
        (b"\x1bx", KeyCode::Char('x'), ALT),
        (b"\x1bX", KeyCode::Char('X'), ALT | SHIFT),
        (b"\x1b[", KeyCode::Char('['), ALT),
        (b"\x1b\r", KeyCode::Enter, ALT),
        (b"\x1b[A", KeyCode::Up, NONE),
        (b"\x1bOA", KeyCode::Up, NONE),
        (b"\x1b[1;5C", KeyCode::Right, CTRL),
        (b"\x1b[1;2D", KeyCode::Left, SHIFT),
        (b"\x1b[H", KeyCode::Home, NONE),
        (b"\x1b[4~", KeyCode::End, NONE),
        (b"\x1b[3;5~", KeyCode::Delete, CTRL),
        (b"\x1b[6~", KeyCode::PageDown, NONE),
        (b"\x1bOP", KeyCode::F(1), NONE),
        (b"\x1b[[A", KeyCode::F(1), NONE),
        (b"\x1b[15~", KeyCode::F(5), NONE),
        (b"\x1b[24~", KeyCode::F(12), NONE),
        (b"\x1b[Z", KeyCode::BackTab, SHIFT),
        (b"\x1b[97;5u", KeyCode::Char('a'), CTRL),
        (b"\x1b[97;1:1u", KeyCode::Char('a'), NONE),
    ] {
        assert_eq!(read(&[bytes]), [TerminalEvent::Key(KeyEvent::new(code, modifiers))], "{bytes:?}");
    }
}

#[test]
fn a_sequence_may_come_in_parts() {
    assert_eq!(read(&[b"\x1b", b"[", b"1;", b"5C"]), read(&[b"\x1b[1;5C"]));
    assert_eq!(read(&[&[0xe6], &[0x97], &[0xa5]]), read(&["日".as_bytes()]));
}

#[test]
fn answers_that_nobody_asked_for_are_dropped() {
    for bytes in [
        &b"\x1b[12;40R"[..],
        b"\x1b[?62;4c",
        b"\x1b[>1;10;0c",
        b"\x1b[?2026;2$y",
        b"\x1b[4;600;800t",
        b"\x1b]11;rgb:0000/0000/0000\x1b\\",
        b"\x1b]11;rgb:0000/0000/0000\x07",
        b"\x1bP>|xterm(390)\x1b\\",
        b"\x1b_Gi=31;OK\x1b\\",
        b"\x1b[97;1:3u",
        b"\xff",
    ] {
        assert_eq!(read(&[bytes, b"a"]), read(&[b"a"]), "{bytes:?}");
    }
}

#[test]
fn a_paste_is_one_event_whatever_it_holds() {
    let pasted = |text: &str| [TerminalEvent::Paste(text.to_owned())];
    assert_eq!(read(&[b"\x1b[200~a\rb\r\n\x1b[A\x03\x1b[201~"]), pasted("a\nb\n\x1b[A\x03"));
    assert_eq!(read(&[b"\x1b[200~a", b"b\x1b[20", b"1~"]), pasted("ab"));
    // Its end is lost.
    assert_eq!(read(&[b"\x1b[200~ab"]), pasted("ab"));
    let long = "x".repeat(3 << 20);
    let sent = format!("\x1b[200~{long}\x1b[201~q");
    let parts: Vec<&[u8]> = sent.as_bytes().chunks(4096).collect();
    let events = read(&parts);
    assert!(matches!(&events[..], [TerminalEvent::Paste(text), TerminalEvent::Key(_)] if text.len() <= LONGEST_PASTE));
}

#[test]
fn the_mouse_and_the_focus_are_read() {
    let mouse = |kind, column, row, modifiers| [TerminalEvent::Mouse(MouseEvent { kind, column, row, modifiers })];
    assert_eq!(read(&[b"\x1b[<0;300;2M"]), mouse(MouseEventKind::Down(MouseButton::Left), 299, 1, NONE));
    assert_eq!(read(&[b"\x1b[<2;1;1m"]), mouse(MouseEventKind::Up(MouseButton::Right), 0, 0, NONE));
    assert_eq!(read(&[b"\x1b[<32;5;6M"]), mouse(MouseEventKind::Drag(MouseButton::Left), 4, 5, NONE));
    assert_eq!(read(&[b"\x1b[<81;5;6M"]), mouse(MouseEventKind::ScrollDown, 4, 5, CTRL));
    assert_eq!(read(&[b"\x1b[I\x1b[O"]), [TerminalEvent::Focus(true), TerminalEvent::Focus(false)]);
}

proptest! {
    #[test]
    fn any_bytes_are_read_alike_however_they_are_cut(bytes in prop::collection::vec(any::<u8>(), 0..80), cut in 0_usize..80) {
        let cut = cut.min(bytes.len());
        prop_assert_eq!(read(&[&bytes]), read(&[&bytes[..cut], &bytes[cut..]]));
    }

    #[test]
    fn sequences_are_read_alike_however_they_are_cut(bytes in "(\x1b[\\[O\\]]?[0-9;<~A-Mu\x1b]{0,4}){0,12}", cut in 0_usize..60) {
        let bytes = bytes.as_bytes();
        let cut = cut.min(bytes.len());
        prop_assert_eq!(read(&[bytes]), read(&[&bytes[..cut], &bytes[cut..]]));
    }
}
