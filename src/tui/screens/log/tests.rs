//! The log of events.
#![expect(clippy::unwrap_used, reason = "a test may")]

use super::*;
use crate::events::{EVENT_VERSION, EventKind};
use crate::tui::testing::{SIZES, drawn, facts, look, looks, scene, scene_over};

fn log() -> Log {
    Log::new(LocalTime::utc())
}

fn text(log: &mut Log, facts: &Facts) -> String {
    drawn((80, 12), |area, buffer| log.draw(facts, &look(), area, buffer))
}

/// The words of what is in sight.
fn words(log: &mut Log, facts: &Facts) -> Vec<String> {
    let text = drawn((80, 90), |area, buffer| log.draw(facts, &look(), area, buffer));
    let lines = text.lines().filter(|line| line.starts_with('|')).skip(1);
    let word = |line: &str| line.chars().skip(13).take(9).collect::<String>().trim().to_owned();
    lines.map(word).filter(|word| !word.is_empty()).collect()
}

fn warning(seq: u64) -> Event {
    let kind = EventKind::Warning { message: format!("number {seq}"), item: None };
    Event { v: EVENT_VERSION, seq, at: 1_790_000_000_000 + seq, elapsed: seq, kind }
}

fn snapshot(name: &str, log: &mut Log, facts: &Facts) {
    for (width, height) in SIZES {
        for (looks, look) in looks() {
            let text = drawn((width, height), |area, buffer| log.draw(facts, &look, area, buffer));
            insta::assert_snapshot!(format!("{name}-{width}x{height}-{looks}"), text);
        }
    }
}

#[test]
fn it_shows_what_happened() {
    let mut known = facts(&scene());
    let mut searched = log();
    searched.act(Action::Level, &mut known);
    searched.act(Action::Wrap, &mut known);
    searched.search("demucs", &mut known);
    snapshot("search", &mut searched, &known);
    snapshot("over", &mut log(), &facts(&scene_over()));
}

#[test]
fn a_level_shows_what_matters_as_much_or_more() {
    let mut known = facts(&scene());
    let mut log = log();
    let info = words(&mut log, &known);
    assert!(info.contains(&"retry".into()) && info.contains(&"done".into()) && !info.contains(&"found".into()));
    log.act(Action::Level, &mut known);
    assert!(words(&mut log, &known).contains(&"found".into()));
    log.act(Action::Level, &mut known);
    assert_eq!(words(&mut log, &known), ["failed"]);
    log.act(Action::Level, &mut known);
    let warn = words(&mut log, &known);
    assert!(warn.contains(&"retry".into()) && !warn.contains(&"done".into()), "{warn:?}");
}

#[test]
fn a_kind_shows_what_is_about_one_thing() {
    let mut known = facts(&scene());
    let mut log = log();
    let mut kinds = Vec::new();
    for _ in 0..5 {
        log.act(Action::Kind, &mut known);
        kinds.push(words(&mut log, &known).join(" "));
    }
    let expected = [
        "done failed done done",
        "attempt attempt retry attempt retry attempt task attempt retry",
        "breaker task",
        "missing",
        "run warning",
    ];
    assert_eq!(kinds, expected);
    log.act(Action::Kind, &mut known);
    assert_eq!(log.index.topic(), None);
}

#[test]
fn the_cursor_stays_on_its_event_while_old_ones_fall_out_and_new_ones_come() {
    let mut known = facts(&[]);
    (0..20_000).for_each(|seq| known.apply(&warning(seq)));
    let mut log = log();
    text(&mut log, &known);
    assert_eq!(log.on, Some(19_999));
    log.act(Action::PageUp, &mut known);
    let on = log.on;
    let before = text(&mut log, &known);
    (20_000..20_050).for_each(|seq| known.apply(&warning(seq)));
    let after = text(&mut log, &known);
    assert_eq!(log.on, on);
    let rows = |text: &str| {
        text.lines().filter(|line| line.contains("number")).map(|l| l[..70].to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(rows(&before), rows(&after));
    assert_eq!(log.index.len(), 20_000);
    // Its event falls out: the first that is left is the nearest.
    (20_050..40_000).for_each(|seq| known.apply(&warning(seq)));
    text(&mut log, &known);
    assert_eq!(log.on, Some(20_000));
}

#[test]
fn scrolling_up_ends_following_and_the_end_begins_it() {
    let mut known = facts(&scene());
    let mut log = log();
    text(&mut log, &known);
    assert!(log.follows);
    log.act(Action::Up, &mut known);
    assert!(!log.follows);
    log.act(Action::Bottom, &mut known);
    assert!(log.follows);
    log.act(Action::Follow, &mut known);
    assert!(!log.follows);
    let seq = known.state.next_seq();
    known.apply(&Event { elapsed: 134_000, ..warning(seq) });
    text(&mut log, &known);
    assert_ne!(log.on, Some(seq));
    log.act(Action::Follow, &mut known);
    assert_eq!(log.on, Some(seq));
}

#[test]
fn a_search_goes_to_the_latest_match_and_then_from_one_to_the_next() {
    let mut known = facts(&scene());
    let mut log = log();
    log.search("GAVOTTE", &mut known);
    let last = log.on.unwrap();
    assert_eq!((log.index.matches(), log.index.rank(last)), (3, Some(3)));
    assert!(text(&mut log, &known).contains("search GAVOTTE (3 of 3 matches)"));
    log.act(Action::NextMatch, &mut known);
    assert_eq!(log.index.rank(log.on.unwrap()), Some(1));
    log.act(Action::PreviousMatch, &mut known);
    assert_eq!(log.on, Some(last));
    let seq = known.state.next_seq();
    let kind = EventKind::Warning { message: "gavotte".into(), item: None };
    known.apply(&Event { kind, ..warning(seq) });
    text(&mut log, &known);
    assert_eq!(log.index.matches(), 4);
    log.search("gavotte.wav", &mut known);
    assert_eq!(log.index.matches(), 3);
    log.search("nowhere", &mut known);
    assert_eq!(log.can(Action::NextMatch, &known).unwrap_err(), "nothing matches");
    log.search("", &mut known);
    assert_eq!(log.can(Action::NextMatch, &known).unwrap_err(), "nothing is searched for");
}

#[test]
fn an_event_opens_its_item_if_it_has_one() {
    let mut known = facts(&scene());
    let mut log = log();
    log.search("Gavotte", &mut known);
    assert_eq!(log.act(Action::Open, &mut known), [Effect::Show(4)]);
    log.search("2 jobs", &mut known);
    assert_eq!(log.can(Action::Open, &known).unwrap_err(), "the event is about no item");
    let [Effect::Copy(text, "the line")] = &log.act(Action::Copy, &mut known)[..] else { panic!() };
    assert_eq!(text, "run  lesson  2 jobs; steps: prepare, stems, analyze, table");
}

#[test]
fn a_time_line_that_is_moved_back_shows_what_had_happened_by_then() {
    let events = scene();
    let mut log = log();
    text(&mut log, &facts(&events));
    let early = facts(&events[..12]);
    assert!(words(&mut log, &early).len() < words(&mut self::log(), &facts(&events)).len());
    assert!(log.on.unwrap() < 12);
    let again = words(&mut log, &facts(&events));
    assert_eq!(again, words(&mut self::log(), &facts(&events)));
}

#[test]
fn long_lines_are_wrapped_when_asked_for() {
    let mut known = facts(&scene());
    let mut log = log();
    assert!(text(&mut log, &known).contains('…'));
    log.act(Action::Wrap, &mut known);
    assert!(!text(&mut log, &known).contains('…'), "{}", text(&mut log, &known));
}

#[test]
fn where_nothing_is_shown_it_says_why() {
    let mut log = log();
    assert!(text(&mut log, &facts(&[])).contains("nothing has happened yet"));
    let mut known = facts(&scene()[..2]);
    log.act(Action::Kind, &mut known);
    assert!(text(&mut log, &known).contains("no event of this level (l) and kind (t)"));
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(32))]
    #[test]
    fn no_size_is_too_small_or_too_large(width in 0_u16..=300, height in 0_u16..=100, wraps: bool, up in 0..30) {
        let mut known = facts(&scene_over());
        let mut log = log();
        log.wraps = wraps;
        log.search("e", &mut known);
        (0..up).for_each(|_| drop(log.act(Action::Up, &mut known)));
        for (_, look) in looks() {
            drawn((width, height), |area, buffer| log.draw(&known, &look, area, buffer));
        }
        drawn((width, height), |area, buffer| self::log().draw(&facts(&[]), &look(), area, buffer));
    }
}
