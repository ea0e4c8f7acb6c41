#![expect(clippy::unwrap_used, reason = "a test may")]

use insta::assert_snapshot;
use proptest::prelude::*;

use super::*;
use crate::events::{Event, EventKind};
use crate::resilience::checkpoint::ItemState;
use crate::resilience::{Fault, FaultClass};
use crate::tui::effect::Load;
use crate::tui::testing::{
    NAMES, SIZES, beginning, broken, drawn, events, facts, look, looks, scene, scene_over, timeout,
};

fn finish(item: ItemIndex, state: ItemState, step: u32, fault: Fault) -> EventKind {
    EventKind::ItemFinished { item, state, step: Some(step), fault: Some(fault), before: false }
}

/// Many failures of several causes.
fn many() -> Vec<Event> {
    let names: Vec<String> = (0..60)
        .map(|number| format!("{}/{number:03} {}", number % 3, NAMES[number % NAMES.len()].replace('/', "-")))
        .collect();
    let mut kinds = beginning(&names.iter().map(String::as_str).collect::<Vec<_>>());
    for item in 0..60 {
        let at = 1_000 * u64::from(item) + 100;
        kinds.push((at, EventKind::AttemptStarted { item, step: 0, piece: None, attempt: 1, draws: Vec::new() }));
        let log = Some(format!("logs/{item}/prepare.1.log"));
        let (step, fault, state) = match item % 7 {
            0..=3 => (0, broken(), ItemState::Failed),
            4 => (item % 2, timeout(), ItemState::Failed),
            5 => {
                let fault = Fault::new(FaultClass::Bug, "panic", "step 'analyze' panicked at src/media/level.rs:81:9")
                    .with_hint("please report it, with the file if that may be shared");
                (2, fault, ItemState::Failed)
            }
            _ => {
                let fault = Fault::new(FaultClass::Dependency, "parked", "demucs is OPEN: 3 failures in a row")
                    .with_hint("the next run goes on with it; `mediamill doctor demucs` tells how it stands");
                (1, fault, ItemState::Parked)
            }
        };
        let failed =
            EventKind::AttemptFailed { item, step, piece: None, attempt: 1, fault: fault.clone(), log, ms: 700 };
        kinds.push((at + 700, failed));
        kinds.push((at + 701, finish(item, state, step, fault)));
    }
    events(kinds)
}

fn ready(events: &[Event], log: &str) -> (Failures, Facts) {
    let facts = facts(events);
    let mut screen = Failures::default();
    for effect in screen.tick(&facts) {
        if let Effect::Load(Load::Log { path, from }) = effect {
            let (to, text) = (from + log.len() as u64, log.to_owned());
            screen.loaded(&Loaded::Log { path, from, to, text }, &facts);
        }
    }
    (screen, facts)
}

const LOG: &str = "Input #0, wav, from '000 01 Overture.flac':\nStream #0:0: Audio: pcm_s16le, 44100 Hz, stereo, s16\n\
                   [pcm_s16le @ 0x5581] Invalid PCM packet, data has size 3 but at least a size of 4 was expected\n\
                   Error while decoding stream #0:0: Invalid data found when processing input\nConversion failed!\n";

fn snapshots(name: &str, make: impl Fn() -> (Failures, Facts)) {
    for (look_name, look) in looks() {
        let mut text = String::new();
        for size in SIZES {
            let (mut screen, facts) = make();
            let frame = drawn(size, |area, buffer| screen.draw(&facts, &look, area, buffer));
            text += &format!("{}x{}\n{frame}\n", size.0, size.1);
        }
        assert_snapshot!(format!("{name}-{look_name}"), text);
    }
}

#[test]
fn many_failures_are_drawn() {
    snapshots("many", || ready(&many(), LOG));
}

#[test]
fn the_files_of_a_group_are_drawn() {
    snapshots("files", || {
        let (mut screen, mut facts) = ready(&many(), "");
        for action in [Action::Down, Action::Open, Action::Down, Action::Down] {
            screen.act(action, &mut facts);
        }
        (screen, facts)
    });
}

#[test]
fn a_run_that_goes_on_is_drawn() {
    snapshots("scene", || ready(&scene(), LOG));
}

#[test]
fn a_run_that_is_over_is_drawn() {
    snapshots("over", || ready(&scene_over(), ""));
}

#[test]
fn nothing_failed_is_drawn() {
    snapshots("nothing", || ready(&beginning_only(), ""));
}

fn beginning_only() -> Vec<Event> {
    events(beginning(&NAMES))
}

#[test]
fn groups_are_sorted_by_count_and_the_parked_stand_below() {
    let (screen, facts) = ready(&many(), "");
    let told: Vec<_> = screen.groups.all.iter().map(|group| (group.key.cause.as_str(), group.count)).collect();
    assert_eq!(told, [("decode", 36), ("panic", 8), ("timeout", 8), ("parked", 8)]);
    assert!(screen.groups.all.last().unwrap().key.parked.is_some());
    assert_eq!(screen.groups.total(false) as u32, facts.state.counts.failed);
    assert_eq!(screen.groups.total(true) as u32, facts.state.counts.parked);
}

#[test]
fn more_failures_than_are_kept_are_counted_and_the_person_is_told() {
    let names: Vec<String> = (0..10_002).map(|number| format!("{number}.wav")).collect();
    let mut kinds = beginning(&names.iter().map(String::as_str).collect::<Vec<_>>());
    kinds.extend((0..10_002).map(|item| (10, finish(item, ItemState::Failed, 0, broken()))));
    let (mut screen, facts) = ready(&events(kinds), "");
    let text = drawn((80, 12), |area, buffer| screen.draw(&facts, &look(), area, buffer));
    assert!(text.contains("10,002 files failed, 1 cause · the first 10,000 are listed"), "{text}");
}

#[test]
fn a_filter_takes_groups_by_their_words_and_files_by_their_paths() {
    let (mut screen, mut facts) = ready(&many(), "");
    screen.search("timeout", &mut facts);
    assert_eq!(screen.groups.all.len(), 1);
    screen.search("encore", &mut facts);
    assert!(screen.groups.all.iter().all(|group| group.items.len() == group.count && group.count < 10));
    screen.search("nowhere", &mut facts);
    let text = drawn((60, 16), |area, buffer| screen.draw(&facts, &look(), area, buffer));
    assert!(text.contains("No failure has 'nowhere' in its cause or its path."), "{text}");
    screen.search("", &mut facts);
    assert_eq!(screen.groups.all.len(), 4);
}

#[test]
fn a_group_is_tried_again_at_once_and_left_out_after_a_question() {
    let (mut screen, mut facts) = ready(&scene(), "");
    let retry = Effect::Send(Command::RetryFailed { cause: Some("decode".into()) });
    let effects = screen.act(Action::RetryGroup, &mut facts);
    assert!(effects.contains(&retry) && effects.contains(&Effect::Say("1 file with 'decode' is tried again".into())));
    let Effect::Confirm(question) = screen.act(Action::SkipGroup, &mut facts).remove(0) else { panic!("no question") };
    assert_eq!(question.text, "Leave 1 file that failed with 'decode' out of this run?");
    let skip = Effect::Send(Command::SkipFailed { cause: Some("decode".into()) });
    assert_eq!(question.answers[0].2, [skip, Effect::Say("1 file is left out of this run".into())]);
    facts.state.phase = crate::events::RunPhase::Stopping(crate::events::StopLevel::Drain);
    assert_eq!(screen.can(Action::RetryGroup, &facts), Err("the run is ending".into()));
}

#[test]
fn what_a_filter_hides_is_asked_for_too_and_the_person_is_told() {
    let (mut screen, mut facts) = ready(&many(), "");
    screen.search("encore", &mut facts);
    let said = screen.act(Action::RetryGroup, &mut facts).remove(0);
    assert_eq!(said, Effect::Say("all 36 files with 'decode' are tried again".into()));
    let Effect::Confirm(question) = screen.act(Action::SkipGroup, &mut facts).remove(0) else { panic!("no question") };
    assert!(question.text.starts_with("Leave 36 files"), "{}", question.text);
}

#[test]
fn a_parked_group_cannot_be_asked_for_and_says_why() {
    let (mut screen, mut facts) = ready(&many(), "");
    screen.act(Action::Bottom, &mut facts);
    let why = Err("they go on by themselves when demucs is well".to_owned());
    assert_eq!(screen.can(Action::RetryGroup, &facts), why);
    assert_eq!(screen.can(Action::SkipGroup, &facts), why);
    let (screen, facts) = ready(&beginning_only(), "");
    for action in [Action::RetryGroup, Action::SkipGroup, Action::Open, Action::Copy] {
        assert!(screen.can(action, &facts).is_err(), "{action:?}");
    }
}

#[test]
fn what_is_copied_can_be_pasted_into_a_shell() {
    let (mut screen, mut facts) = ready(&many(), "");
    let copied = |effects: Vec<Effect>| {
        effects
            .into_iter()
            .find_map(|effect| if let Effect::Copy(text, _) = effect { Some(text) } else { None })
            .unwrap()
    };
    let again = "mediamill run pipelines/lesson.toml songs";
    assert_eq!(copied(screen.act(Action::Copy, &mut facts)), format!("{again} --retry-failed --cause decode"));
    screen.act(Action::Open, &mut facts);
    let one = "mediamill run pipelines/lesson.toml --retry-failed '/music/0/000 01 Overture.flac'";
    assert_eq!(copied(screen.act(Action::Copy, &mut facts)), one);
    screen.act(Action::Left, &mut facts);
    screen.act(Action::Bottom, &mut facts);
    assert_eq!(copied(screen.act(Action::Copy, &mut facts)), again);
}

#[test]
fn an_item_is_opened_and_what_is_chosen_stays_when_groups_move() {
    let (mut screen, mut facts) = ready(&many(), "");
    screen.act(Action::Down, &mut facts);
    screen.act(Action::Right, &mut facts);
    screen.act(Action::Down, &mut facts);
    let (key, item) = (screen.group().unwrap().key.clone(), screen.example().unwrap());
    assert_eq!(screen.act(Action::Open, &mut facts), [Effect::Show(item)]);
    // Twenty more of another cause: this group sinks.
    let next = facts.state.next_seq();
    for item in 0..5 {
        let fault = Fault::new(FaultClass::Transient, "signal", "killed");
        let kind = finish(item, ItemState::Failed, 0, fault);
        facts.apply(&Event { v: 1, seq: next + u64::from(item), at: 0, elapsed: 90_000, kind });
    }
    screen.tick(&facts);
    assert_eq!((screen.group().unwrap().key.clone(), screen.example()), (key, Some(item)));
}

#[test]
fn what_failed_is_looked_at_a_few_times_a_second_at_most() {
    let all = many();
    let mut facts = facts(&all[..40]);
    let mut screen = Failures::default();
    screen.tick(&facts);
    let before = screen.groups.total(false) + screen.groups.total(true);
    let mut next = all[40..43].to_vec();
    next.iter_mut().for_each(|event| event.elapsed = facts.now + 10);
    next.iter().for_each(|event| facts.apply(event));
    screen.tick(&facts);
    assert_eq!(screen.groups.total(false) + screen.groups.total(true), before);
    facts.now += 400;
    screen.tick(&facts);
    assert_eq!(screen.groups.total(false) + screen.groups.total(true), before + 1);
}

#[test]
fn a_click_selects_and_a_second_one_opens() {
    let (mut screen, mut facts) = ready(&many(), "");
    drawn((80, 24), |area, buffer| screen.draw(&facts, &look(), area, buffer));
    let (groups, items) = (screen.areas.groups, screen.areas.items);
    screen.click(4, groups.y + 1, false, &mut facts);
    assert_eq!(screen.at(), Some(1));
    screen.click(4, items.y + 1, false, &mut facts);
    assert_eq!((screen.focus, screen.item_at()), (Focus::Items, 1));
    assert!(matches!(screen.click(4, items.y + 1, true, &mut facts)[..], [Effect::Show(_)]));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]
    #[test]
    fn no_size_is_too_small_or_too_large(
        width in 0_u16..=300,
        height in 0_u16..=100,
        which in 0_usize..4,
        acts in prop::collection::vec(prop::sample::select(vec![
            Action::Up, Action::Down, Action::Left, Action::Right, Action::PageUp, Action::PageDown, Action::Top,
            Action::Bottom, Action::Open,
        ]), 0..12),
        look in 0_usize..4,
        searched in prop::sample::select(vec!["", "a", "decode", "!x"]),
    ) {
        let events = [many(), scene(), scene_over(), beginning_only()][which].clone();
        let (mut screen, mut facts) = ready(&events, LOG);
        let (_, look) = &looks()[look];
        screen.search(searched, &mut facts);
        for act in acts {
            screen.act(act, &mut facts);
            drawn((width, height), |area, buffer| screen.draw(&facts, look, area, buffer));
        }
        drawn((width, height), |area, buffer| screen.draw(&facts, look, area, buffer));
    }
}
