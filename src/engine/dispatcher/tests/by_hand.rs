//! What a person asks of the run while it works.

use super::*;
use crate::events::{ItemPhase, RunPhase};

#[tokio::test(start_paused = true)]
async fn no_more_tasks_run_at_once_than_asked_for_and_jobs_can_be_changed() {
    let ran = Scene::new(60, 3).play(|_, _| (SECOND, done())).await;
    assert_eq!(ran.log.most_at_once.borrow().1, 3);
    let commands = vec![(SECOND * 2, Command::SetJobs { jobs: 10 })];
    let ran = Scene { commands, ..Scene::new(60, 2) }.play(|_, _| (SECOND, done())).await;
    assert_eq!(ran.log.most_at_once.borrow().1, 10);
}

#[tokio::test(start_paused = true)]
async fn pause_starts_nothing_and_resume_goes_on() {
    let commands = vec![(SECOND * 3, Command::Pause), (SECOND * 100, Command::Resume)];
    let ran = Scene { commands, ..Scene::new(20, 2) }.play(|_, _| (SECOND, done())).await;
    assert_eq!(ran.outcome.counts.done, 20);
    let between = |(at, ..): &&(Duration, ItemIndex, usize, u32)| *at > SECOND * 4 && *at < SECOND * 100;
    assert_eq!(ran.log.attempts.iter().filter(between).count(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_drain_lets_running_tasks_end_and_begins_none() {
    let stop = Command::Stop { level: StopLevel::Drain, by: "test".into() };
    let scene = Scene { commands: vec![(SECOND * 5 / 2, stop)], ..Scene::new(50, 2) };
    let ran = scene.play(|_, _| (SECOND, done())).await;
    assert_eq!(ran.outcome.counts.done, 6);
    assert_eq!(ran.outcome.reason.as_deref(), Some("test"));
    assert_eq!(ran.outcome.counts.waiting() + ran.outcome.counts.cancelled, 44);
}

#[tokio::test(start_paused = true)]
async fn a_breaker_tripped_by_hand_parks_and_one_that_is_reset_goes_on() {
    let commands = vec![
        (SECOND * 2, Command::TripBreaker { dependency: "tool".into() }),
        (SECOND * 60, Command::ResetBreaker { dependency: "tool".into() }),
    ];
    let ran = Scene { commands, ..Scene::new(20, 2) }.play(|_, _| (SECOND, done())).await;
    assert_eq!(ran.outcome.counts.done, 20);
    let between = |(at, ..): &&(Duration, ItemIndex, usize, u32)| *at > SECOND * 3 && *at < SECOND * 60;
    assert_eq!(ran.log.attempts.iter().filter(between).count(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_item_begins_no_other_attempt_and_is_not_done() {
    let commands = vec![(SECOND * 3 / 2, Command::CancelItem { item: 1 })];
    let ran = Scene { text: TOOL_THEN_MINE, commands, ..Scene::new(4, 4) }.play(|_, _| (SECOND * 2, done())).await;
    assert_eq!((ran.outcome.counts.done, ran.outcome.counts.cancelled), (3, 1));
    assert!(ran.log.attempts.iter().all(|(_, item, step, _)| (*item, *step) != (1, 1)));
}

#[tokio::test(start_paused = true)]
async fn a_retry_that_is_asked_for_twice_runs_once() {
    let again = Command::RetryFailed { cause: None };
    let commands = vec![(SECOND * 5, again.clone()), (SECOND * 5, again)];
    let text = "[retry]\nmax_retries = 0\n[[step]]\nid = \"a\"\nuses = \"noop\"\n";
    let ran = Scene { text, commands, ..Scene::new(8, 1) }
        .play(|task, now| {
            let bad = task.active.item.index == 2 && now < SECOND * 4;
            (SECOND, if bad { failed(FaultClass::Transient, "timeout") } else { done() })
        })
        .await;
    assert_eq!(ran.outcome.counts.done, 8);
    assert_eq!(ran.log.attempts.len(), 9);
    assert!(ran.state.causes.values().all(|count| *count == 0));
}

/// Four items in four stages while the commands come: 0 runs, 1 waits for its next attempt, 200 is ready, and 299 was
/// not looked at.
const STAGES: [ItemIndex; 4] = [0, 1, 200, 299];

fn in_stages(commands: Vec<(Duration, Command)>) -> Scene {
    let text = "[retry]\nbase_delay = \"100s\"\nmax_delay = \"200s\"\n[[step]]\nid = \"a\"\nuses = \"noop\"\n";
    Scene { text, commands, ..Scene::new(300, 2) }
}

fn at_length(task: &Task, _: Duration) -> (Duration, Ending) {
    match (task.active.item.index, task.attempt) {
        (0, _) => (SECOND * 10, done()),
        (1, 1) => (SECOND, failed(FaultClass::Transient, "timeout")),
        _ => (SECOND, done()),
    }
}

fn of(items: &[ItemIndex], at: Duration, command: fn(ItemIndex) -> Command) -> Vec<(Duration, Command)> {
    items.iter().map(|item| (at, command(*item))).collect()
}

fn cancel(item: ItemIndex) -> Command {
    Command::CancelItem { item }
}

fn skip(item: ItemIndex) -> Command {
    Command::SkipItem { item }
}

fn retry(item: ItemIndex) -> Command {
    Command::RetryItem { item }
}

fn begun_after(ran: &Ran, item: ItemIndex, time: Duration) -> usize {
    ran.log.attempts.iter().filter(|(at, of, ..)| *of == item && *at > time).count()
}

#[tokio::test(start_paused = true)]
async fn an_item_is_cancelled_or_skipped_in_whatever_stage_it_is() {
    for (command, phase) in [(cancel as fn(_) -> _, ItemPhase::Cancelled), (skip, ItemPhase::LeftOut)] {
        let ran = in_stages(of(&STAGES, SECOND * 5 / 2, command)).play(at_length).await;
        for item in STAGES {
            assert_eq!(ran.state.phase_of(item), phase, "item {item}");
            assert_eq!(begun_after(&ran, item, SECOND * 5 / 2), 0, "item {item}");
        }
        let counts = ran.outcome.counts;
        assert_eq!((counts.done, counts.cancelled + counts.left_out, counts.waiting()), (296, 4, 0));
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_cancelled_or_skipped_can_be_retried_at_any_time() {
    for command in [cancel as fn(_) -> _, skip] {
        for later in [Duration::ZERO, SECOND, SECOND * 20] {
            let mut commands = of(&STAGES, SECOND * 5 / 2, command);
            // Whoever asks twice gets it once.
            commands.extend(of(&STAGES, SECOND * 5 / 2 + later, retry));
            commands.extend(of(&STAGES, SECOND * 5 / 2 + later, retry));
            let ran = in_stages(commands).play(at_length).await;
            assert_eq!(ran.outcome.counts.done, 300, "{later:?}");
            assert_eq!(begun_after(&ran, 299, SECOND), 1);
            assert_eq!(ran.log.attempts.iter().filter(|(_, item, ..)| *item == 200).count(), 1);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_last_word_on_an_item_holds() {
    let first = SECOND * 5 / 2;
    let mut commands = of(&STAGES, first, skip);
    commands.extend(of(&STAGES, first, retry));
    commands.extend(of(&STAGES, first, cancel));
    commands.extend(of(&STAGES, first, skip));
    let ran = in_stages(commands.clone()).play(at_length).await;
    assert_eq!((ran.outcome.counts.left_out, ran.outcome.counts.done), (4, 296));
    commands.extend(of(&STAGES, SECOND * 30, retry));
    let ran = in_stages(commands).play(at_length).await;
    assert_eq!(ran.outcome.counts.done, 300);
}

#[tokio::test(start_paused = true)]
async fn parked_items_are_cancelled_skipped_and_let_go_on() {
    let trip = || (SECOND * 3 / 2, Command::TripBreaker { dependency: "tool".into() });
    let reset = || (SECOND * 60, Command::ResetBreaker { dependency: "tool".into() });
    let commands = vec![trip(), (SECOND * 10, cancel(7)), (SECOND * 10, skip(8)), reset()];
    let ran = Scene { commands, ..Scene::new(20, 2) }.play(|_, _| (SECOND, done())).await;
    assert_eq!(ran.state.phase_of(7), ItemPhase::Cancelled);
    assert_eq!(ran.state.phase_of(8), ItemPhase::LeftOut);
    assert_eq!(ran.outcome.counts.done, 18);
    assert_eq!(ran.state.waiting_items(), 0);
    assert_eq!(ran.state.breakers["tool"].parked, 0);
    let waiting = ran.events.iter().filter(|event| matches!(event.kind, EventKind::TaskParked { .. })).count();
    assert!(waiting >= 16, "{waiting}");
}

#[tokio::test(start_paused = true)]
async fn a_run_whose_probing_item_is_skipped_probes_with_another() {
    let mut commands = vec![(SECOND / 2, Command::TripBreaker { dependency: "tool".into() })];
    commands.extend((0..500).map(|ms| (SECOND * 120 + Duration::from_millis(ms * 10), skip((ms % 19) as ItemIndex))));
    let ran = Scene { commands, ..Scene::new(20, 1) }.play(|_, _| (SECOND, done())).await;
    assert_eq!(ran.outcome.counts.done + ran.outcome.counts.left_out, 20);
    assert_eq!(ran.state.breakers["tool"].state, BreakerState::Closed);
}

/// Even items fail with one cause, odd ones with another, until this time; the first ten only.
fn two_causes(until: Duration) -> impl FnMut(&Task, Duration) -> (Duration, Ending) {
    move |task, now| {
        let item = task.active.item.index;
        let ending = match item % 2 {
            _ if item >= 10 || now > until => done(),
            0 => failed(FaultClass::Input, "decode"),
            _ => failed(FaultClass::Bug, "panic"),
        };
        (SECOND, ending)
    }
}

const NOOP: &str = "[[step]]\nid = \"a\"\nuses = \"noop\"\n";

#[tokio::test(start_paused = true)]
async fn failed_items_are_retried_and_skipped_by_their_cause() {
    let decode = || Some("decode".to_owned());
    let at = SECOND * 12;
    let commands = vec![(at, Command::RetryFailed { cause: decode() })];
    let ran = Scene { text: NOOP, commands, ..Scene::new(30, 1) }.play(two_causes(SECOND * 11)).await;
    assert_eq!((ran.outcome.counts.done, ran.outcome.counts.failed), (25, 5));
    assert_eq!(ran.state.causes[&(FaultClass::Input, "decode".into())], 0);

    let commands = vec![(at, Command::SkipFailed { cause: decode() }), (at * 2, Command::RetryFailed { cause: None })];
    let ran = Scene { text: NOOP, commands, ..Scene::new(30, 1) }.play(two_causes(SECOND * 11)).await;
    assert_eq!((ran.outcome.counts.done, ran.outcome.counts.left_out), (25, 5));
    assert!(ran.state.failures.is_empty());
    assert!(ran.state.causes.values().all(|count| *count == 0));

    let commands =
        vec![(at, Command::SkipFailed { cause: None }), (at, retry(3)), (at, skip(20)), (SECOND * 29, skip(2))];
    let ran = Scene { text: NOOP, commands, ..Scene::new(30, 1) }.play(two_causes(SECOND * 11)).await;
    assert_eq!((ran.outcome.counts.done, ran.outcome.counts.left_out, ran.outcome.counts.failed), (20, 10, 0));
}

#[tokio::test(start_paused = true)]
async fn what_failed_before_and_never_changed_is_really_tried_again() {
    let folder = tempfile::tempdir().unwrap();
    let bad = |_: &Task, _| (SECOND, failed(FaultClass::Input, "decode"));
    Scene { text: NOOP, ..Scene::new(4, 1) }.play_in(folder.path(), bad).await;
    // It is known to have failed: without a word nothing of it is tried.
    let ran = Scene { text: NOOP, ..Scene::new(4, 1) }.play_in(folder.path(), |_, _| (SECOND, done())).await;
    assert_eq!((ran.outcome.counts.failed, ran.log.attempts.len()), (4, 0));
    // The fifth is new, and keeps the run going until the word comes. No limit holds against that.
    let options = Options { limit: Some(1), ..Options::default() };
    let commands = vec![(SECOND, retry(2))];
    let scene = Scene { text: NOOP, commands, options, ..Scene::new(5, 1) };
    let ran = scene.play_in(folder.path(), |_, _| (SECOND * 2, done())).await;
    assert_eq!((ran.outcome.counts.done, ran.outcome.counts.failed, ran.log.attempts.len()), (2, 3, 2));
    let commands = vec![(SECOND, Command::RetryFailed { cause: None })];
    let scene = Scene { text: NOOP, commands, ..Scene::new(6, 1) };
    let ran = scene.play_in(folder.path(), |_, _| (SECOND * 2, done())).await;
    assert_eq!((ran.outcome.counts.done, ran.log.attempts.len()), (4, 4));
}

#[tokio::test(start_paused = true)]
async fn a_run_with_two_reasons_to_be_paused_goes_on_when_both_are_gone() {
    let millis = Duration::from_millis;
    // The disk is full at 1 s, and well again at the first look, 0.1 s later.
    for (pause, resume) in [(500, 5000), (1020, 1050), (1020, 5000), (500, 1050)] {
        let commands = vec![(millis(pause), Command::Pause), (millis(resume), Command::Resume)];
        let ran = Scene { text: NOOP, commands, ..Scene::new(4, 2) }
            .play(|_, now| (SECOND, if now < SECOND { failed(FaultClass::Environment, "disk-full") } else { done() }))
            .await;
        assert_eq!(ran.outcome.counts.done, 4);
        let end = millis(resume.max(1100));
        let early = ran.log.attempts.iter().filter(|(at, ..)| *at > millis(pause.min(1000)) && *at < end).count();
        assert_eq!(early, 0, "paused at {pause}, resumed at {resume}");
        let resumed: Vec<u64> = ran
            .events
            .iter()
            .filter(|event| matches!(event.kind, EventKind::RunResumed { .. }))
            .map(|event| event.elapsed)
            .collect();
        assert_eq!(resumed, [end.as_millis() as u64], "paused at {pause}, resumed at {resume}");
    }
}

#[tokio::test(start_paused = true)]
async fn who_was_asked_to_stop_is_not_told_to_go_on() {
    let stop = Command::Stop { level: StopLevel::Drain, by: "test".into() };
    let commands = vec![(SECOND, Command::Pause), (SECOND * 2, stop), (SECOND * 3, Command::Resume)];
    let ran = Scene { text: NOOP, commands, ..Scene::new(4, 2) }.play(|_, _| (SECOND * 5, done())).await;
    assert_eq!(ran.state.phase, RunPhase::Stopping(StopLevel::Drain));
    let mut state = ran.state.clone();
    let kind = EventKind::RunResumed { reason: "the machine is well again".into() };
    state.apply(&Event { v: 1, seq: state.next_seq(), at: 0, elapsed: 0, kind });
    assert_eq!(state.phase, RunPhase::Stopping(StopLevel::Drain));
}

#[tokio::test(start_paused = true)]
async fn jobs_go_down_too_and_stay_within_reason() {
    let commands = vec![(SECOND * 5 / 2, Command::SetJobs { jobs: 0 }), (SECOND * 5 / 2, Command::SetJobs { jobs: 1 })];
    let ran = Scene { commands, ..Scene::new(20, 4) }.play(|_, _| (SECOND, done())).await;
    assert_eq!(ran.state.jobs, 1);
    let starts: Vec<Duration> = ran.log.attempts.iter().map(|(at, ..)| *at).filter(|at| *at > SECOND * 5 / 2).collect();
    assert!(starts.windows(2).all(|two| two[1] - two[0] >= SECOND), "{starts:?}");
    let told = ran.events.iter().filter(|event| matches!(event.kind, EventKind::JobsChanged { .. })).count();
    assert_eq!(told, 1);
    let commands = vec![(SECOND, Command::SetJobs { jobs: u32::MAX })];
    let ran = Scene { commands, ..Scene::new(20, 4) }.play(|_, _| (SECOND, done())).await;
    assert_eq!(ran.state.jobs, 1024);
}

#[tokio::test(start_paused = true)]
async fn the_failures_in_a_row_that_a_breaker_counts_are_told() {
    let mut calls = 0;
    let ran = Scene { text: ONE_TOOL, ..Scene::new(3, 1) }
        .play(move |_, _| {
            calls += 1;
            let well = calls == 3 || calls > 6;
            (SECOND, if well { done() } else { failed(FaultClass::Transient, "timeout") })
        })
        .await;
    let told: Vec<i64> = ran
        .events
        .iter()
        .filter_map(|event| match &event.kind {
            EventKind::BreakerCounted { failures, .. } => Some(i64::from(*failures)),
            EventKind::BreakerChanged { state: BreakerState::Open, .. } => Some(-1),
            EventKind::BreakerChanged { state: BreakerState::Closed, .. } => Some(-2),
            _ => None,
        })
        .collect();
    assert_eq!(told, [1, 2, 0, 1, 2, -1, 3, -2]);
    assert_eq!(ran.state.breakers["tool"].failures, 0);
    let commands = vec![(SECOND * 5 / 2, Command::ResetBreaker { dependency: "tool".into() })];
    let ran = Scene { commands, ..Scene::new(1, 1) }
        .play(|task, _| (SECOND, if task.attempt < 3 { failed(FaultClass::Transient, "timeout") } else { done() }))
        .await;
    assert_eq!(ran.state.breakers["tool"].failures, 0);
}

#[tokio::test(start_paused = true)]
async fn health_is_checked_when_somebody_asks_and_the_machine_each_minute() {
    let one = Command::CheckHealth { dependency: Some("tool".into()) };
    let nobody = Command::CheckHealth { dependency: Some("nobody".into()) };
    let all = Command::CheckHealth { dependency: None };
    let commands = vec![(SECOND, one), (SECOND * 2, nobody), (SECOND * 3, all)];
    let ran = Scene { commands, ..Scene::new(200, 1) }.play(|_, _| (SECOND, done())).await;
    assert_eq!(ran.log.checks.len(), 2);
    let checked = |name: &str, after: u64| {
        let is_it = |kind: &EventKind| matches!(kind, EventKind::DependencyChecked { name: of, .. } if of == name);
        ran.events.iter().filter(|event| event.elapsed >= after && is_it(&event.kind)).count()
    };
    assert_eq!((checked("tool", 1000), checked("nobody", 0)), (2, 0));
    let machine: Vec<u64> = ran
        .events
        .iter()
        .filter(|event| matches!(event.kind, EventKind::MachineChecked { .. }))
        .map(|event| event.elapsed / 1000)
        .collect();
    assert_eq!(machine, [3, 60, 120, 180]);
    assert_eq!(ran.events.last().map(|event| event.elapsed / 1000), Some(200));
}

/// Attempts of one task that overlap in time.
fn overlaps(events: &[Event]) -> usize {
    let mut running = std::collections::HashSet::new();
    let mut overlaps = 0;
    for event in events {
        match event.kind {
            EventKind::AttemptStarted { item, step, .. } => overlaps += usize::from(!running.insert((item, step))),
            EventKind::AttemptFailed { item, step, .. } | EventKind::TaskDone { item, step, .. } => {
                running.remove(&(item, step));
            }
            _ => {}
        }
    }
    overlaps
}

#[tokio::test(start_paused = true)]
async fn whatever_is_asked_and_when_every_item_comes_to_one_end() {
    for seed in 0..40 {
        let chance =
            move |of: u64, below: u64| crate::resilience::retry::chance(seed, "by hand", "test", of as u32) % below;
        let items = 40;
        let mut commands: Vec<(Duration, Command)> = (0..120)
            .map(|n| {
                let item = chance(n * 4, items + 2) as ItemIndex;
                let cause =
                    [None, Some("decode".to_owned()), Some("panic".to_owned())][chance(n * 4 + 1, 3) as usize].clone();
                let dependency = "tool".to_owned();
                let command = match chance(n * 4 + 2, 16) {
                    0 => Command::Pause,
                    1 | 2 => Command::Resume,
                    3 => Command::SetJobs { jobs: chance(n * 4 + 1, 6) as u32 },
                    4 => Command::SkipFailed { cause },
                    5 => Command::RetryFailed { cause },
                    6 => Command::TripBreaker { dependency },
                    7 => Command::ResetBreaker { dependency },
                    8 => Command::CheckHealth { dependency: None },
                    9 | 10 => skip(item),
                    11 | 12 => cancel(item),
                    _ => retry(item),
                };
                (Duration::from_millis(chance(n * 4 + 3, 30_000)), command)
            })
            .collect();
        commands.push((SECOND * 31, Command::Resume));
        let script = move |task: &Task, now: Duration| {
            let ending = match (u64::from(task.active.item.index) + now.as_secs() + seed) % 8 {
                0 => failed(FaultClass::Input, "decode"),
                1 => failed(FaultClass::Bug, "panic"),
                2 => failed(FaultClass::Transient, "timeout"),
                3 => failed(FaultClass::Dependency, "missing"),
                4 if now < SECOND * 10 => failed(FaultClass::Environment, "disk-full"),
                _ => done(),
            };
            (Duration::from_millis(300 + 100 * chance(now.as_millis() as u64, 20)), ending)
        };
        let text = [ONE_TOOL, TOOL_THEN_MINE][seed as usize % 2];
        let ran = Scene { text, commands, ..Scene::new(items as u32, 1 + chance(1000, 5) as u32) }.play(script).await;
        let counts = ran.outcome.counts;
        assert_eq!(counts.waiting(), 0, "seed {seed}: {counts:?}");
        assert_eq!(overlaps(&ran.events), 0, "seed {seed}");
        assert!(ran.state.tasks.is_empty(), "seed {seed}: {:?}", ran.state.tasks);
        let kept = ran.state.causes.values().sum::<usize>();
        assert_eq!(kept, counts.failed as usize, "seed {seed}");
        assert!(ran.state.waiting_items() <= counts.parked as usize, "seed {seed}");
    }
}
