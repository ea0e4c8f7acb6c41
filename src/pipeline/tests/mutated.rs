//! Whatever is in the file: no panic, and places that lie in it.

use proptest::prelude::*;

use super::{LESSON, check};

/// Pieces that upset a reader of TOML or of templates.
const PIECES: &[&str] = &[
    "{",
    "}",
    "{{",
    "[",
    "]",
    "[[step]]\n",
    "\"",
    "'''",
    "=",
    "\n",
    "\\",
    "\\u0041",
    "é",
    "\u{1b}",
    "\0",
    "..",
    "/",
    "*",
    "nan",
    "-1",
    "1e999",
    "99999999999999999999",
    "{in}",
    "{out}",
    "{stems.vocals}",
    "{item.x}",
    "{a.b.c}",
    "1979-05-27",
    "after = [\"stems\"]\n",
    "id = \"prepare\"\n",
    "\u{feff}",
    "step = 3\n",
    "out = 1\n",
    "with = []\n",
    "on_open = \"skip\"\n",
];

proptest! {
    #[test]
    fn a_mutated_file_never_panics(
        cuts in prop::collection::vec((any::<prop::sample::Index>(), 0_usize..40, prop::sample::select(PIECES)), 1..6)
    ) {
        let mut text = if cuts.len() % 2 == 0 { LESSON.to_owned() } else { include_str!("every_key.toml").to_owned() };
        for (at, length, piece) in cuts {
            let start = text.floor_char_boundary(at.index(text.len() + 1));
            let end = text.ceil_char_boundary((start + length).min(text.len()));
            text.replace_range(start..end, piece);
        }
        let (plan, found) = check(&text);
        prop_assert_eq!(plan.is_none(), found.has_errors());
        prop_assert!(found.iter().all(|d| d.span.as_ref().is_none_or(|span| text.get(span.clone()).is_some())));
        prop_assert_eq!(found.to_text(true).is_empty(), found.is_empty());
        prop_assert!(found.to_json().is_array());
    }

    #[test]
    fn any_text_at_all_never_panics(text in "\\PC{0,200}") {
        let (plan, found) = check(&text);
        prop_assert!(plan.is_none() && found.has_errors());
        prop_assert!(found.to_text(false).contains("error"));
    }
}
