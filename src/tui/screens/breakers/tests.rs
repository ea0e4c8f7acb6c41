//! The screen of the breakers.
#![expect(clippy::unwrap_used, reason = "a test may")]

use super::*;
use crate::events::story::BreakerMark;
use crate::events::{EVENT_VERSION, Event, EventKind};
use crate::tui::testing::{SIZES, drawn, facts, look, looks, scene, scene_over};

/// The run in the middle, three seconds after its last event.
fn known() -> Facts {
    let mut facts = facts(&scene());
    facts.now += 3_000;
    facts
}

/// What is known once the breaker of `demucs` was tried twice: it failed, and then went well.
fn tried() -> Facts {
    let mut facts = known();
    let mut change = |elapsed, state, reason: &str, retry_in| {
        let (dependency, reason) = ("demucs".to_owned(), reason.to_owned());
        let kind = EventKind::BreakerChanged { dependency, state, reason, retry_in };
        facts.apply(&Event { v: EVENT_VERSION, seq: facts.state.next_seq(), at: 0, elapsed, kind });
    };
    change(250_000, BreakerState::HalfOpen, "120.0 s have passed: one call may try it", None);
    change(310_000, BreakerState::Open, "the call that tried it failed: demucs did not end within 1 h", Some(120_000));
    change(430_000, BreakerState::HalfOpen, "120.0 s have passed: one call may try it", None);
    change(480_000, BreakerState::Closed, "the call that tried it went well", None);
    facts.now = 600_000;
    facts
}

fn on(row: usize) -> Breakers {
    let mut breakers = Breakers::default();
    breakers.list.go(row);
    breakers
}

#[test]
fn it_shows_where_each_breaker_stands_and_its_way() {
    for (name, facts, row) in [("middle", known(), 1), ("tried", tried(), 1)] {
        for (width, height) in SIZES {
            for (looks, look) in looks() {
                let text = drawn((width, height), |area, buffer| on(row).draw(&facts, &look, area, buffer));
                insta::assert_snapshot!(format!("{name}-{width}x{height}-{looks}"), text);
            }
        }
    }
    let over = facts(&scene_over());
    let text = drawn((80, 24), |area, buffer| Breakers::default().draw(&over, &look(), area, buffer));
    insta::assert_snapshot!("over-80x24", text);
}

#[test]
fn a_strip_tells_the_worst_of_each_part_and_how_it_is_now() {
    use BreakerState::{Closed, HalfOpen, Open};
    let mark = |at, state| BreakerMark { at, state, reason: String::new() };
    let marks = [mark(35, Open), mark(38, Closed), mark(60, HalfOpen), mark(99, Closed)];
    let told = |changes, now, cells| strip::cells(marks.iter(), changes, now, cells);
    let some = |states: &[BreakerState]| states.iter().copied().map(Some).collect::<Vec<_>>();
    assert_eq!(told(4, 100, 5), some(&[Closed, Open, Closed, HalfOpen, Closed]));
    assert_eq!(told(4, 100, 1), some(&[Closed]));
    assert_eq!(told(300, 100, 5)[..2], [None, Some(Open)]);
    assert!(told(4, 100, 0).is_empty());
    assert_eq!(strip::cells([].iter(), 0, 0, 3), some(&[Closed; 3]));
}

#[test]
fn a_breaker_is_reset_at_once_and_tripped_after_a_question() {
    let mut facts = known();
    let reset = Command::ResetBreaker { dependency: "demucs".into() };
    assert_eq!(on(1).act(Action::ResetBreaker, &mut facts), [Effect::Send(reset)]);
    let asked = on(0).act(Action::TripBreaker, &mut facts);
    let [Effect::Confirm(question)] = asked.as_slice() else { panic!("{asked:?}") };
    let expected = "Open the breaker of ffmpeg? Work that needs it (prepare) waits, or goes on without it. \
                    After 1 min 00 s one task tries it.";
    assert_eq!(question.text, expected);
    let trip = Command::TripBreaker { dependency: "ffmpeg".into() };
    assert_eq!(question.answers[0].2, [Effect::Send(trip)]);
}

#[test]
fn what_would_change_nothing_says_so() {
    let facts = known();
    assert_eq!(on(0).can(Action::ResetBreaker, &facts), Ok(()), "it counts a failure");
    assert_eq!(on(0).can(Action::TripBreaker, &facts), Ok(()));
    assert_eq!(on(1).can(Action::ResetBreaker, &facts), Ok(()));
    assert_eq!(on(1).can(Action::TripBreaker, &facts).unwrap_err(), "it is OPEN already");
    assert_eq!(on(1).can(Action::ResetBreaker, &tried()).unwrap_err(), "it is CLOSED, and counts no failures");
    assert!(on(0).can(Action::Copy, &facts).is_err());
    let none = crate::tui::testing::facts(&[]);
    assert_eq!(on(0).can(Action::TripBreaker, &none).unwrap_err(), "there is no breaker");
}

#[test]
fn the_reason_is_copied() {
    let mut facts = known();
    let reason = "3 failures in a row; the last: demucs did not end within 1 h";
    assert_eq!(on(1).act(Action::Copy, &mut facts), [Effect::Copy(reason.into(), "the reason")]);
    facts.state.breakers[1].reason = "a\nrm\u{1b}[2J".into();
    let [Effect::Copy(text, _)] = &on(1).act(Action::Copy, &mut facts)[..] else { panic!() };
    assert!(!text.contains(|c: char| c.is_control()), "{text:?}");
}

#[test]
fn the_time_to_the_next_probe_counts_down_and_ends_with_the_run() {
    let mut facts = known();
    let text = |facts: &Facts| drawn((80, 24), |area, buffer| on(1).draw(facts, &look(), area, buffer));
    assert!(text(&facts).contains("probe in 01:54"), "{}", text(&facts));
    facts.now += 60_000;
    assert!(text(&facts).contains("probe in 00:54"), "{}", text(&facts));
    facts.now += 60_000;
    assert!(text(&facts).contains("the next task probes"), "{}", text(&facts));
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(48))]
    #[test]
    fn no_size_is_too_small_or_too_large(width in 0_u16..=300, height in 0_u16..=100, row in 0_usize..3) {
        // One whose settings nobody told, and of which the first changes are forgotten.
        let mut unknown = known();
        for at in 0..300 {
            let (dependency, reason) = ("sox".to_owned(), "again".to_owned());
            let state = if at % 2 == 0 { BreakerState::Open } else { BreakerState::Closed };
            let kind = EventKind::BreakerChanged { dependency, state, reason, retry_in: None };
            let elapsed = 140_000 + at;
            unknown.apply(&Event { v: EVENT_VERSION, seq: unknown.state.next_seq(), at: 0, elapsed, kind });
        }
        for facts in [known(), tried(), unknown, crate::tui::testing::facts(&[])] {
            for (_, look) in looks() {
                drawn((width, height), |area, buffer| on(row).draw(&facts, &look, area, buffer));
            }
        }
    }
}
