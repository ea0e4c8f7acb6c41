//! Text that fits: widths in columns, names cut to a width, and numbers, sizes and times as people read them.
//!
//! Widths are those of a terminal: a letter of Chinese takes two columns, an accent of its own none. Nothing here cuts
//! between a letter and its accents. What comes from outside is made safe first, by
//! [`safe_line`](crate::resilience::safe_text::safe_line).

mod figures;

use std::borrow::Cow;

use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthStr;

pub use figures::{
    DURATION_WIDTH, LocalTime, bytes, clock, count, count_short, count_within, duration, duration_fixed, percent,
};

/// How many columns `text` takes.
#[must_use]
pub fn width(text: &str) -> usize {
    if text.is_ascii() { text.len() } else { text.graphemes(true).map(columns).sum() }
}

/// The columns of one letter with all that belongs to it.
fn columns(grapheme: &str) -> usize {
    // A letter alone may be narrower than as part of its text, never the other way round.
    grapheme.width()
}

/// The beginning of `text`, in at most `columns_wanted` columns; `ellipsis` stands for what is missing.
#[must_use]
pub fn clip<'a>(text: &'a str, columns_wanted: usize, ellipsis: &str) -> Cow<'a, str> {
    if fits(text, columns_wanted) {
        return Cow::Borrowed(text);
    }
    let (room, ellipsis) = room(columns_wanted, ellipsis);
    Cow::Owned(format!("{}{ellipsis}", head(text, room)))
}

/// The end of `text`, in at most `columns_wanted` columns; `ellipsis` stands for what is missing.
#[must_use]
pub fn clip_start<'a>(text: &'a str, columns_wanted: usize, ellipsis: &str) -> Cow<'a, str> {
    if fits(text, columns_wanted) {
        return Cow::Borrowed(text);
    }
    let (room, ellipsis) = room(columns_wanted, ellipsis);
    Cow::Owned(format!("{ellipsis}{}", tail(text, room)))
}

/// Both ends of `text`, in at most `columns_wanted` columns; `ellipsis` stands for what is missing. This is for the
/// names of files: their beginning and their end, with the extension, tell them apart.
#[must_use]
pub fn clip_middle<'a>(text: &'a str, columns_wanted: usize, ellipsis: &str) -> Cow<'a, str> {
    if fits(text, columns_wanted) {
        return Cow::Borrowed(text);
    }
    let (room, ellipsis) = room(columns_wanted, ellipsis);
    let end = tail(text, room.div_ceil(2));
    let start = head(&text[..text.len() - end.len()], room - width(end));
    Cow::Owned(format!("{start}{ellipsis}{end}"))
}

/// `text` with blanks behind it, up to `columns_wanted` columns. What is wider stays as it is.
#[must_use]
pub fn pad(text: &str, columns_wanted: usize) -> String {
    format!("{text}{}", " ".repeat(columns_wanted.saturating_sub(width(text))))
}

/// `text` with blanks before it, up to `columns_wanted` columns. What is wider stays as it is.
#[must_use]
pub fn pad_start(text: &str, columns_wanted: usize) -> String {
    format!("{}{text}", " ".repeat(columns_wanted.saturating_sub(width(text))))
}

/// `text` in exactly `columns_wanted` columns: its end cut off, or blanks behind it.
#[must_use]
pub fn fit(text: &str, columns_wanted: usize, ellipsis: &str) -> String {
    pad(&clip(text, columns_wanted, ellipsis), columns_wanted)
}

fn fits(text: &str, columns_wanted: usize) -> bool {
    // A text of many kilobytes is not measured to its end.
    let mut left = columns_wanted;
    if text.is_ascii() {
        return text.len() <= left;
    }
    text.graphemes(true).all(|grapheme| {
        let columns = columns(grapheme);
        let fits = columns <= left;
        left = left.saturating_sub(columns);
        fits
    })
}

/// The columns left beside the ellipsis, and the ellipsis, where there is room for it at all.
fn room(columns_wanted: usize, ellipsis: &str) -> (usize, &str) {
    columns_wanted.checked_sub(width(ellipsis)).map_or((columns_wanted, ""), |room| (room, ellipsis))
}

fn head(text: &str, room: usize) -> &str {
    let mut used = 0;
    let end = text.grapheme_indices(true).find(|(_, grapheme)| {
        used += columns(grapheme);
        used > room
    });
    end.map_or(text, |(at, _)| &text[..at])
}

fn tail(text: &str, room: usize) -> &str {
    let mut used = 0;
    let end = text.grapheme_indices(true).rev().find(|(_, grapheme)| {
        used += columns(grapheme);
        used > room
    });
    end.map_or(text, |(at, grapheme)| &text[at + grapheme.len()..])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Names of every kind: Latin with accents of their own, Chinese, Korean, Arabic, Devanagari, emoji and flags.
    fn names() -> impl Strategy<Value = String> {
        let parts =
            ["a", "e\u{301}", "日", "한", "\u{1112}\u{1161}", "لا", "क्षि", "👩‍👩‍👧", "🇩🇪", "❤\u{fe0f}", "ß", " ", ".wav"];
        let known = prop::collection::vec(prop::sample::select(parts.to_vec()), 0..24).prop_map(|parts| parts.concat());
        prop_oneof![known, "\\PC{0,24}"]
    }

    fn is_cut_between_letters(text: &str, part: &str, at_start: bool) -> bool {
        let edge = if at_start { part.len() } else { text.len() - part.len() };
        edge == text.len() || text.grapheme_indices(true).any(|(at, _)| at == edge)
    }

    proptest! {
        #[test]
        fn a_clipped_text_is_never_wider_than_asked(text in names(), wanted in 0_usize..30, ascii in any::<bool>()) {
            let ellipsis = if ascii { "..." } else { "…" };
            for clipped in [
                clip(&text, wanted, ellipsis),
                clip_start(&text, wanted, ellipsis),
                clip_middle(&text, wanted, ellipsis),
            ] {
                prop_assert!(width(&clipped) <= wanted, "{clipped:?}");
                prop_assert_eq!(fits(&text, wanted), clipped == text.as_str(), "{:?}", clipped);
            }
            prop_assert_eq!(width(&fit(&text, wanted, ellipsis)), wanted);
        }

        #[test]
        fn nothing_is_cut_between_a_letter_and_its_accents(text in names(), wanted in 0_usize..30) {
            prop_assume!(!fits(&text, wanted) && !text.contains('…'));
            let clipped = clip(&text, wanted, "…");
            prop_assert!(is_cut_between_letters(&text, clipped.trim_end_matches('…'), true), "{clipped:?}");
            let clipped = clip_start(&text, wanted, "…");
            prop_assert!(is_cut_between_letters(&text, clipped.trim_start_matches('…'), false), "{clipped:?}");
            if let Some((start, end)) = clip_middle(&text, wanted, "…").split_once('…') {
                prop_assert!(is_cut_between_letters(&text, start, true), "{start:?}");
                prop_assert!(is_cut_between_letters(&text, end, false), "{end:?}");
            }
        }

        #[test]
        fn padding_makes_the_width_that_was_asked_for(text in names(), wanted in 0_usize..60) {
            for padded in [pad(&text, wanted), pad_start(&text, wanted)] {
                prop_assert_eq!(width(&padded), wanted.max(width(&text)));
                prop_assert_eq!(padded.trim_matches(' '), text.trim_matches(' '));
            }
        }
    }

    #[test]
    fn each_way_to_clip_keeps_its_part() {
        assert_eq!(clip("holiday 2024 beach.jpg", 10, "…"), "holiday 2…");
        assert_eq!(clip_start("holiday 2024 beach.jpg", 10, "…"), "…beach.jpg");
        assert_eq!(clip_middle("holiday 2024 beach.jpg", 11, "…"), "holid…h.jpg");
        assert_eq!(clip("日本語", 4, "…"), "日…");
        assert_eq!(clip("abc", 3, "…"), "abc");
        assert_eq!(clip("abcd", 2, "..."), "ab");
        assert_eq!(clip("abcd", 0, "…"), "");
    }
}
