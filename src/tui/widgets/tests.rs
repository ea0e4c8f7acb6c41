//! Small things that several screens draw.

use proptest::prelude::*;

use super::*;
use crate::tui::testing::{drawn, look};

#[test]
fn what_is_cut_off_has_a_sign_for_it() {
    let text = |width| {
        let line = Line::from(vec![Span::raw("name"), Span::raw("  "), Span::raw("value")]);
        drawn((width, 1), |area, buffer| put(buffer, area, &line, &look()))
    };
    for (width, expected) in
        [(12, "|name  value |"), (11, "|name  value|"), (10, "|name  val…|"), (4, "|nam…|"), (1, "|…|")]
    {
        assert_eq!(text(width).lines().next(), Some(expected));
    }
}

#[test]
fn blanks_at_the_end_are_missed_by_nobody() {
    let line = Line::from(vec![Span::raw("name  "), Span::raw("    ")]);
    let text = drawn((5, 1), |area, buffer| put(buffer, area, &line, &look()));
    assert_eq!(text.lines().next(), Some("|name |"));
}

#[test]
fn where_the_run_stands_is_one_word_everywhere() {
    let mut facts = crate::tui::testing::facts(&crate::tui::testing::scene());
    facts.link = Link::Record;
    let seen = |facts: &Facts, screen: &mut dyn crate::tui::screens::Screen| {
        drawn((120, 30), |area, buffer| screen.draw(facts, &look(), area, buffer))
    };
    for word in ["was killed", "finished"] {
        assert!(seen(&facts, &mut crate::tui::screens::run::RunScreen::default()).contains(word));
        assert!(seen(&facts, &mut crate::tui::screens::health::Health::default()).contains(word));
        facts.state.phase = RunPhase::Finished(None);
    }
}

#[test]
fn a_text_is_found_whatever_its_case() {
    assert_eq!(found("Demucs, DEMUCS", "demucs"), [0..6, 8..14]);
    assert_eq!(found("ÄÖ äö", "äö"), [0..4, 5..9]);
    assert_eq!(found("aaaa", "aa"), [0..2, 2..4]);
    assert!(found("abc", "").is_empty());
    assert!(found("abc", "abcd").is_empty());
}

proptest! {
    #[test]
    fn what_is_found_is_what_was_searched_for(text in "\\PC{0,30}", needle in "\\PC{1,3}") {
        for range in found(&text, &needle) {
            let part = text.get(range).map(str::to_lowercase);
            prop_assert!(part.is_some_and(|part| part.starts_with(&needle.to_lowercase())));
        }
    }
}
