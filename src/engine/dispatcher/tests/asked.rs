//! What a person asks of the run, and what there is to say to it.

use super::*;
use crate::events::ItemPhase;

const NOOP: &str = "[[step]]\nid = \"a\"\nuses = \"noop\"\n";

fn trip() -> Command {
    Command::TripBreaker { dependency: "tool".into() }
}

fn reset() -> Command {
    Command::ResetBreaker { dependency: "tool".into() }
}

/// What the events that pass say, and when, in seconds.
fn told<T>(ran: &Ran, what: impl Fn(&EventKind) -> Option<T>) -> Vec<(u64, T)> {
    ran.events.iter().filter_map(|event| Some((event.elapsed / 1000, what(&event.kind)?))).collect()
}

#[tokio::test(start_paused = true)]
async fn an_item_that_was_left_out_is_tried_when_somebody_wants_it_whatever_it_was_left_out_for() {
    // By the limit: the second and third are beyond it.
    let options = Options { limit: Some(1), ..Options::default() };
    let commands = vec![(SECOND, Command::RetryItem { item: 2 }), (SECOND, Command::RetryItem { item: 2 })];
    let scene = Scene { text: NOOP, commands, options, ..Scene::new(3, 1) };
    let ran = scene.play(|_, _| (SECOND * 3, done())).await;
    assert_eq!([0, 1, 2].map(|item| ran.state.phase_of(item)), [ItemPhase::Done, ItemPhase::LeftOut, ItemPhase::Done]);
    assert_eq!(ran.log.attempts.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn who_wants_a_run_to_go_on_that_the_machine_holds_up_has_the_machine_looked_at() {
    // So many troubles that the next look by itself is far away.
    let full = |_: &Task, now: Duration| {
        let is_full = now < SECOND * 20;
        (SECOND / 10, if is_full { failed(FaultClass::Environment, "disk-full") } else { done() })
    };
    let commands = (0..30).map(|second| (SECOND * second, Command::Resume)).collect();
    let ran = Scene { text: NOOP, commands, ..Scene::new(40, 8) }.play(full).await;
    let resumed = told(&ran, |kind| matches!(kind, EventKind::RunResumed { .. }).then_some(()));
    assert!(resumed.len() > 5, "{resumed:?}");
}

#[tokio::test(start_paused = true)]
async fn who_wants_a_run_to_go_on_is_told_that_the_machine_is_still_ill() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let commands = vec![(SECOND * 5, Command::Resume), (SECOND * 10, Command::Resume)];
    let script = move |_: &Task, now: Duration| {
        // A file where the output folder was: nothing can be made in it.
        if now < SECOND {
            let _ = std::fs::remove_dir_all(&out);
            std::fs::write(&out, b"").unwrap();
            let (out, well) = (out.clone(), SECOND * 8 - now);
            tokio::task::spawn_local(async move {
                tokio::time::sleep(well).await;
                let _ = std::fs::remove_file(out);
            });
            return (SECOND / 2, failed(FaultClass::Environment, "disk-full"));
        }
        (SECOND / 2, done())
    };
    let ran = Scene { text: NOOP, commands, ..Scene::new(1, 1) }.play_in(folder.path(), script).await;
    assert_eq!(ran.outcome.counts.done, 1);
    let paused = told(&ran, |kind| matches!(kind, EventKind::RunPaused { .. }).then_some(()));
    assert_eq!(paused, [(0, ()), (5, ())]);
    let resumed = told(&ran, |kind| matches!(kind, EventKind::RunResumed { .. }).then_some(()));
    // Two seconds after the look that was asked for, and two more.
    assert_eq!(resumed, [(9, ())]);
}

#[tokio::test(start_paused = true)]
async fn a_system_that_gives_no_more_threads_is_told_and_the_run_goes_on_with_those_there_are() {
    let commands = vec![(SECOND * 2, Command::SetJobs { jobs: 1024 })];
    let ran = Scene { commands, threads: 5, ..Scene::new(60, 2) }.play(|_, _| (SECOND, done())).await;
    assert_eq!((ran.outcome.counts.done, ran.state.jobs, ran.log.most_at_once.borrow().1), (60, 5, 5));
    let warned = told(&ran, |kind| match kind {
        EventKind::Warning { message, .. } => {
            Some(message.contains("no more threads") && message.contains("5 at once"))
        }
        _ => None,
    });
    assert_eq!(warned, [(2, true)]);
    let ran = Scene { threads: 3, ..Scene::new(20, 8) }.play(|_, _| (SECOND, done())).await;
    assert_eq!((ran.outcome.counts.done, ran.state.jobs, ran.log.most_at_once.borrow().1), (20, 3, 3));
}

#[tokio::test(start_paused = true)]
async fn a_breaker_that_is_open_and_tripped_again_tells_when_it_is_tried_again() {
    let commands = vec![(SECOND * 2, trip()), (SECOND * 60, trip())];
    let ran = Scene { commands, ..Scene::new(20, 2) }.play(|_, _| (SECOND, done())).await;
    let opened = told(&ran, |kind| match kind {
        EventKind::BreakerChanged { state: BreakerState::Open, retry_in, .. } => Some(*retry_in),
        _ => None,
    });
    assert_eq!(opened, [(2, Some(120_000)), (60, Some(120_000))]);
    let tried = told(&ran, |kind| {
        matches!(kind, EventKind::BreakerChanged { state: BreakerState::HalfOpen, .. }).then_some(())
    });
    assert_eq!(tried, [(180, ())]);
    assert_eq!(ran.outcome.counts.done, 20);
}

#[tokio::test(start_paused = true)]
async fn a_breaker_that_is_closed_and_reset_throttles_no_calls_for_what_failed_before() {
    let text = "[retry]\nmax_retries = 0\n".to_owned() + ONE_TOOL;
    let commands = vec![(SECOND * 2, reset()), (SECOND * 2, Command::SetJobs { jobs: 6 })];
    let text: &'static str = text.leak();
    let ran = Scene { text, commands, ..Scene::new(8, 1) }
        .play(|task, _| {
            let bad = task.active.item.index < 2;
            (SECOND, if bad { failed(FaultClass::Transient, "timeout") } else { done() })
        })
        .await;
    // Three may be in flight before the first success, as at the beginning; with the failures it would be one.
    let at_once = ran.log.attempts.iter().filter(|(at, ..)| *at == SECOND * 2).count();
    assert_eq!(at_once, 3, "{:?}", ran.log.attempts);
}

#[tokio::test(start_paused = true)]
async fn what_nobody_could_look_at_is_looked_at_when_it_is_asked_for_again() {
    let check = || Command::CheckHealth { dependency: None };
    let commands = vec![(SECOND, check()), (SECOND * 3, check())];
    let ran = Scene { commands, is_blind: true, ..Scene::new(5, 1) }.play(|_, _| (SECOND, done())).await;
    assert_eq!((ran.log.checks.len(), ran.log.looks_at_machine.len()), (2, 2));
}
