//! How work flows: retries, breakers, the disk, without anybody's word.

use super::*;

#[tokio::test(start_paused = true)]
async fn a_dead_tool_costs_its_threshold_and_one_call_for_each_probe() {
    for (items, jobs) in [(1, 1), (40, 1), (40, 8), (300, 3)] {
        let ran = Scene::new(items, jobs).play(|_, _| (SECOND, failed(FaultClass::Dependency, "missing"))).await;
        let counts = ran.outcome.counts;
        assert_eq!((counts.parked, counts.failed, counts.done), (items, 0, 0), "{items} items, {jobs} jobs");
        assert!(ran.log.attempts.len() <= 3 + 3, "{items} items, {jobs} jobs: {} calls", ran.log.attempts.len());
    }
}

#[tokio::test(start_paused = true)]
async fn a_tool_that_comes_back_gets_all_its_work_done() {
    let script = |_: &Task, now: Duration| {
        let well = now < SECOND * 5 || now > SECOND * 200;
        (SECOND, if well { done() } else { failed(FaultClass::Dependency, "missing") })
    };
    let ran = Scene::new(40, 4).play(script).await;
    assert_eq!(ran.outcome.counts.done, 40);
    assert_eq!(ran.state.breakers["tool"].state, BreakerState::Closed);
    // Open at about 8 s and probed every 120 s: one probe in vain, and one that closes it.
    let in_vain = ran.log.attempts.iter().filter(|(at, ..)| *at > SECOND * 20 && *at < SECOND * 200).count();
    assert_eq!(in_vain, 1);
}

#[tokio::test(start_paused = true)]
async fn a_transient_fault_is_tried_again_after_one_two_and_four_seconds() {
    let ran = Scene { text: "[retry]\njitter = 0.0\n[[step]]\nid = \"a\"\nuses = \"noop\"\n", ..Scene::new(1, 1) }
        .play(|task, _| {
            (Duration::ZERO, if task.attempt < 4 { failed(FaultClass::Transient, "timeout") } else { done() })
        })
        .await;
    let starts: Vec<u64> = ran.log.attempts.iter().map(|(at, ..)| at.as_secs()).collect();
    assert_eq!(starts, [0, 1, 3, 7]);
    assert_eq!(ran.outcome.counts.done, 1);
}

#[tokio::test(start_paused = true)]
async fn after_the_last_attempt_the_item_has_failed() {
    let ran =
        Scene { text: "[[step]]\nid = \"a\"\nuses = \"noop\"\nretry = { max_retries = 2 }\n", ..Scene::new(3, 2) }
            .play(|_, _| (SECOND, failed(FaultClass::Transient, "timeout")))
            .await;
    assert_eq!(ran.log.attempts.len(), 9);
    assert_eq!(ran.outcome.counts.failed, 3);
}

#[tokio::test(start_paused = true)]
async fn a_thousand_bad_inputs_do_not_open_the_breaker() {
    let ran = Scene::new(1000, 4).play(|_, _| (SECOND, failed(FaultClass::Input, "decode"))).await;
    assert_eq!(ran.log.attempts.len(), 1000);
    assert_eq!(ran.outcome.counts.failed, 1000);
    assert!(breakers_are_untouched(&ran.state));
}

#[tokio::test(start_paused = true)]
async fn the_canary_decides_and_is_asked_once_in_thirty_seconds() {
    let well = CanaryResult { well: true, details: "fine".into() };
    let scene = Scene { canary: Some(well), ..Scene::new(100, 1) };
    let ran = scene.play(|_, _| (SECOND, ambiguous())).await;
    assert_eq!(ran.outcome.counts.failed, 100);
    assert_eq!(ran.log.attempts.len(), 100);
    assert!(ran.log.canaries.len() <= 4, "{:?}", ran.log.canaries);
    assert!(breakers_are_untouched(&ran.state));

    let ill = CanaryResult { well: false, details: "no model".into() };
    let ran = Scene { canary: Some(ill), ..Scene::new(100, 1) }.play(|_, _| (SECOND, ambiguous())).await;
    assert_eq!((ran.outcome.counts.failed, ran.outcome.counts.parked), (0, 100));
    assert!(ran.log.attempts.len() <= 6);
}

#[tokio::test(start_paused = true)]
async fn a_full_disk_pauses_the_run_and_costs_no_attempt() {
    let ran = Scene { text: "[retry]\nmax_retries = 0\n[[step]]\nid = \"a\"\nuses = \"noop\"\n", ..Scene::new(6, 2) }
        .play(|_, now| {
            let full = now < SECOND;
            (SECOND / 2, if full { failed(FaultClass::Environment, "disk-full") } else { done() })
        })
        .await;
    assert_eq!(ran.outcome.counts.done, 6);
    let count = |wanted: fn(&EventKind) -> bool| ran.events.iter().filter(|event| wanted(&event.kind)).count();
    assert!(count(|kind| matches!(kind, EventKind::RunPaused { .. })) > 0);
    assert_eq!(
        count(|kind| matches!(kind, EventKind::RunPaused { .. })),
        count(|kind| matches!(kind, EventKind::RunResumed { .. }))
    );
    assert!(ran.log.attempts.iter().all(|(.., attempt)| *attempt == 1));
}

#[tokio::test(start_paused = true)]
async fn a_task_that_fills_the_disk_each_time_fails_in_the_end() {
    let ran = Scene { text: "[[step]]\nid = \"a\"\nuses = \"noop\"\n", ..Scene::new(4, 2) }
        .play(|task, _| {
            let hog = task.active.item.index == 1;
            (SECOND, if hog { failed(FaultClass::Environment, "disk-full") } else { done() })
        })
        .await;
    assert_eq!((ran.outcome.counts.failed, ran.outcome.counts.done), (1, 3));
}

#[tokio::test(start_paused = true)]
async fn other_work_goes_on_while_tasks_are_parked() {
    let text = r#"
[breakers.tool]
failure_threshold = 2
recovery_timeout = "600s"
[health]
tool = { required = false }
[[step]]
id = "mine"
uses = "noop"
[[step]]
id = "theirs"
run = ["sh", "{in}"]
tool = "tool"
"#;
    let ran = Scene { text, ..Scene::new(30, 3) }
        .play(|task, _| (SECOND, if task.step == 0 { done() } else { failed(FaultClass::Dependency, "missing") }))
        .await;
    assert_eq!(ran.outcome.counts.parked, 30);
    let mine = ran.log.attempts.iter().filter(|(.., step, _)| *step == 0).count();
    assert_eq!(mine, 30, "each item's own step ran once, though the tool was dead");
}

#[tokio::test(start_paused = true)]
async fn the_journal_folds_to_the_state_that_the_run_had() {
    let script = |task: &Task, now: Duration| {
        let ending = match (task.active.item.index + task.attempt) % 5 {
            0 => failed(FaultClass::Transient, "timeout"),
            1 if now < SECOND * 30 => failed(FaultClass::Dependency, "missing"),
            2 => failed(FaultClass::Input, "decode"),
            _ => done(),
        };
        (SECOND, ending)
    };
    let ran = Scene::new(80, 4).play(script).await;
    // That they fold to the same is looked at in every scene.
    assert_eq!(ran.state.counts.waiting(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_step_that_is_skipped_while_its_breaker_is_open_holds_nothing_up() {
    let ran = Scene { text: TOOL_THEN_MINE, ..Scene::new(700, 2) }
        .play(|task, _| (SECOND / 10, if task.step == 1 { done() } else { failed(FaultClass::Dependency, "missing") }))
        .await;
    let counts = ran.outcome.counts;
    assert_eq!(counts.done + counts.parked, 700);
    assert!(counts.parked <= 3, "only those that were tried before it opened wait: {}", counts.parked);
    let last = ran.log.attempts.iter().filter(|(.., step, _)| *step == 1).map(|(at, ..)| *at).max();
    assert!(last.unwrap() < SECOND * 120, "{last:?}: no recovery was waited for");
}

#[tokio::test(start_paused = true)]
async fn many_items_of_a_dead_tool_are_all_looked_at_without_waiting_for_a_recovery() {
    let ran = Scene::new(3000, 2).play(|_, _| (SECOND, failed(FaultClass::Dependency, "missing"))).await;
    assert_eq!(ran.outcome.counts.parked, 3000);
    let parked = |event: &&Event| matches!(event.kind, EventKind::TaskParked { .. });
    let early = ran.events.iter().filter(|event| event.elapsed < 60_000).filter(parked).count();
    assert!(early >= 2990, "{early} were parked in the first minute");
}
