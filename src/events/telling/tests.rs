//! Events in words.

use super::*;
use crate::events::{EVENT_VERSION, MachineView, StepShape};
use crate::resilience::FaultClass;
use crate::resilience::os_text::OsText;

fn event(kind: EventKind) -> Event {
    Event { v: EVENT_VERSION, seq: 0, at: 0, elapsed: 0, kind }
}

/// A run of two steps over one file.
fn state() -> RunState {
    let mut state = RunState::default();
    state.apply(&event(EventKind::RunStarted {
        run: "a".into(),
        pipeline: "lesson".into(),
        steps: vec!["prepare".into(), "stems".into()],
        jobs: 1,
        seed: 0,
        shapes: vec![StepShape { attempts: 4, ..StepShape::default() }, StepShape::default()],
        pools: Vec::new(),
        breakers: Vec::new(),
        output: OsText::default(),
        generated: false,
    }));
    let paths = vec![OsText::from(Path::new("/music/a/song.wav").to_path_buf())];
    state.apply(&event(EventKind::ItemsListed { first: 0, paths }));
    state
}

fn told(kind: EventKind) -> Told {
    tell(&event(kind), &state())
}

#[test]
fn what_is_about_an_item_begins_with_its_name_and_says_which() {
    let retry = told(EventKind::RetryScheduled { item: 0, step: 0, piece: None, attempt: 2, delay: 1_040 });
    assert_eq!(retry.text, "song.wav  prepare: attempt 2 of 4 in 1.0 s");
    assert_eq!((retry.level, retry.kind, retry.subject), (Level::Warn, Topic::Attempts, Some(0)));
    let unknown = told(EventKind::RetryScheduled { item: 7, step: 9, piece: None, attempt: 2, delay: 0 });
    assert_eq!(unknown.text, "file 7  a step: attempt 2 in 0.0 s");
    let fault = Some(Fault::new(FaultClass::Input, "decode", "no sound in it"));
    let failed = EventKind::ItemFinished { item: 0, state: ItemState::Failed, step: Some(1), fault, before: true };
    assert_eq!(told(failed.clone()).text, "song.wav  as before: stems: no sound in it (input/decode)");
    assert_eq!(
        tell_with(&failed, &state(), &|path| path.display().to_string()).text.split("  ").next(),
        Some("/music/a/song.wav")
    );
}

#[test]
fn nothing_that_is_told_steers_a_terminal() {
    let warning = told(EventKind::Warning { message: "\x1b[2J\nnext".into(), item: None });
    assert_eq!(warning.text, "\\u{1b}[2J\\nnext");
    let reason = "\u{202e}x".to_owned();
    let breaker = EventKind::BreakerChanged {
        dependency: "a\tb".into(),
        state: BreakerState::Open,
        reason,
        retry_in: Some(200_000),
    };
    assert_eq!(told(breaker).text, "a\\tb  OPEN: \\u{202e}x; tried again in 3 min 20 s");
}

#[test]
fn of_the_machine_only_what_is_wrong_is_told_where_something_is() {
    let part = |name: &str, well| MachineView { name: name.into(), well, details: "1 GiB free".into(), hint: None };
    let machine = |found| told(EventKind::MachineChecked { found });
    let well = machine(vec![part("disk", true), part("memory", true)]);
    assert_eq!((well.level, well.text.as_str()), (Level::Debug, "disk  1 GiB free; memory  1 GiB free"));
    let full = machine(vec![part("disk", false), part("memory", true)]);
    assert_eq!((full.level, full.text.as_str()), (Level::Warn, "disk  1 GiB free"));
}

#[test]
fn a_step_that_is_for_other_files_is_no_news() {
    let skipped =
        |because| told(EventKind::TaskSkipped { item: 0, step: 1, piece: None, because, reason: "x".into() }).level;
    assert_eq!(skipped(Because::Unmatched), Level::Debug);
    assert_eq!(skipped(Because::Passing), Level::Info);
}

/// What is told of a run that draws from pools, of the events that `wanted` takes.
fn told_of_pools(wanted: impl Fn(&EventKind) -> bool) -> Vec<Told> {
    let mut state = RunState::default();
    let mut all = Vec::new();
    for event in crate::events::testing::pools_scene() {
        state.apply(&event);
        if wanted(&event.kind) {
            all.push(tell(&event, &state));
        }
    }
    all
}

#[test]
fn an_asset_that_is_denylisted_is_told_with_its_pool_its_failures_and_the_last_reason() {
    let scored = told_of_pools(|kind| matches!(kind, EventKind::AssetScored { .. }));
    let warnings: Vec<_> = scored.iter().filter(|told| told.level == Level::Warn).collect();
    let first = warnings.first().map(|told| (told.word, told.text.as_str()));
    let expected = "fonts  Font 24.ttf  score 40 after 6 failures; the last: its table glyf is cut off";
    assert_eq!(first, Some(("denylist", expected)));
    assert!(scored.iter().all(|told| told.kind == Topic::Pools));
    // Five that are broken, one by hand, two papers, and the one that is left.
    assert_eq!(warnings.len(), 9, "{warnings:#?}");
    let last = warnings.last().map(|told| told.text.as_str());
    assert_eq!(last, Some("papers  2.jpg  score 40: it is drawn all the same, there is no better one"));
    let by_hand = warnings.iter().find(|told| told.text.contains("by hand")).map(|told| told.text.as_str());
    assert_eq!(by_hand, Some("fonts  Font 1.ttf  score 49: by hand"));
}

#[test]
fn an_attempt_that_failed_for_an_asset_names_the_item_the_asset_and_the_reason() {
    let failed = told_of_pools(|kind| matches!(kind, EventKind::AttemptFailed { .. }));
    let text = &failed[0].text;
    assert!(text.ends_with(".ttf': its table glyf is cut off (asset/font)"), "{text}");
    assert!(text.contains(".txt  render: with 'Font "), "{text}");
    assert_eq!(failed[0].level, Level::Warn);
}

#[test]
fn a_font_that_fails_once_more_after_its_denylisting_is_no_second_warning() {
    use crate::events::Scoring;
    let scoring = Scoring::default();
    let known = |change, score| is_known(change, score, scoring);
    use crate::events::ScoreChange::{Banned, Failure};
    assert_eq!(
        [known(Failure, 40), known(Failure, 49), known(Failure, 39), known(Banned, 0)],
        [false, false, true, false]
    );
}
