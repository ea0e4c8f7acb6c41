//! Any size, at any time.

use crate::support::Chance;
use crate::{Shown, go, run};

/// The places that the terminal was told to go to after its size became this one, and the whole was drawn anew.
fn furthest(shown: &Shown, from: usize) -> Option<(u32, u32)> {
    let bytes = shown.bytes();
    let text = String::from_utf8_lossy(&bytes[from..]).into_owned();
    let drawn = &text[text.find("\x1b[2J")?..];
    let end = drawn.rfind("\x1b[?2026l")?;
    let mut furthest = (1, 1);
    for part in drawn[..end].split("\x1b[").skip(1) {
        let Some((place, _)) = part.split_once('H') else { continue };
        let Some((row, column)) = place.split_once(';') else { continue };
        if let (Ok(row), Ok(column)) = (row.parse::<u32>(), column.parse::<u32>()) {
            furthest = (furthest.0.max(row), furthest.1.max(column));
        }
    }
    Some(furthest)
}

#[test]
fn the_screen_fits_into_every_size_that_the_terminal_takes_while_it_runs() {
    let bench = crate::gated(40);
    let mut shown = run(&bench).showing("2 of 2 tasks");
    let mut chance = Chance(11);
    let mut sizes = vec![(1, 1), (20, 5), (300, 100), (2, 1), (1, 60), (300, 1), (20, 100), (299, 7), (3, 3), (80, 24)];
    sizes.extend((0..30).map(|_| (20 + chance.below(281) as u16, 5 + chance.below(96) as u16)));
    for (place, (cols, rows)) in sizes.into_iter().enumerate() {
        if place % 2 == 0 {
            go(&bench, &format!("{:03}.txt", place / 2));
        }
        // Each screen and what can lie over it comes into sight in some size.
        shown.press(["1", "\r", "2", "3", "4", "5", "?", "\x1b[A", ":", "x", "\x1b[B", "1/0"][place % 12]);
        let from = shown.bytes().len();
        shown.resize(cols, rows);
        shown.wait(&format!("{cols}x{rows}"), |_| furthest(&shown, from).is_some());
        let (row, column) = furthest(&shown, from).unwrap();
        assert!(row <= u32::from(rows) && column <= u32::from(cols), "{row};{column} in {cols}x{rows}");
        if matches!(place % 12, 6..=11) {
            shown.esc();
        }
    }
    shown.resize(100, 30);
    // Sizes that follow each other faster than frames do.
    for size in 1..=60_u16 {
        shown.resize(size * 5, 61 - size);
    }
    shown.resize(100, 30);
    shown.esc();
    shown.press("1");
    go(&bench, "");
    shown.wait_for("finished");
    shown.wait("the hints in the last line", |session| session.lines()[29].contains("q leave"));
    shown.ends("q", 0);
}
