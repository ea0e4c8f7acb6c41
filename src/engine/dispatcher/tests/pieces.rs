//! Pieces in virtual time.

use super::*;
use crate::events::ItemPhase;

/// One step makes twenty pieces, two run for each of them, and one waits for all.
const FAN: &str = r#"
[breakers.tool]
failure_threshold = 3
recovery_timeout = "120s"
success_threshold = 1
[health]
tool = { required = false }
[[step]]
id = "make"
uses = "noop"
out = { pieces = "*.txt" }
[[step]]
id = "work"
each = "make.pieces"
run = ["sh", "{piece}"]
tool = "tool"
[[step]]
id = "then"
each = "make.pieces"
uses = "noop"
after = ["work"]
[[step]]
id = "last"
uses = "noop"
after = ["then"]
"#;

const WORK: usize = 1;

fn scene(items: u32, jobs: u32) -> Scene {
    Scene { text: FAN, ..Scene::new(items, jobs) }
}

fn of_step(ran: &Ran, step: usize) -> usize {
    ran.log.attempts.iter().filter(|(_, _, of, _)| *of == step).count()
}

#[tokio::test(start_paused = true)]
async fn pieces_run_side_by_side_and_the_steps_after_them_piece_by_piece() {
    let ran = scene(2, 8).play(|_, _| (SECOND, done())).await;
    assert_eq!(ran.outcome.counts.done, 2);
    assert_eq!([0, 1, 2, 3].map(|step| of_step(&ran, step)), [2, 40, 40, 2]);
    assert_eq!(ran.log.most_at_once.borrow().1, 8);
    // 84 seconds of work for eight: little of it waits.
    let took = ran.events.last().unwrap().elapsed;
    assert!((11_000..18_000).contains(&took), "{took}");
    let last = ran.log.attempts.iter().rev().find(|(_, item, step, _)| (*item, *step) == (0, 3)).unwrap().0;
    assert!(ran.log.attempts.iter().all(|(at, item, step, _)| *item != 0 || *step == 3 || *at < last));
    assert_eq!(ran.state.step_done, [2, 2, 2, 2]);
}

#[tokio::test(start_paused = true)]
async fn pieces_that_fail_fail_their_item_when_all_others_are_through() {
    let ran = scene(1, 4)
        .play(|task, _| match task.piece {
            Some(3 | 7) if task.step == WORK => (SECOND, failed(FaultClass::Input, "broken")),
            _ => (SECOND, done()),
        })
        .await;
    assert_eq!((ran.outcome.counts.failed, ran.state.phase_of(0)), (1, ItemPhase::Failed));
    // What comes after in order, and reads nothing, is done for them, too.
    assert_eq!([1, 2, 3].map(|step| of_step(&ran, step)), [20, 20, 1]);
    let (step, fault) = &ran.state.failures[&0];
    assert_eq!((*step, fault.cause.as_str()), (Some(1), "broken"));
    assert!(fault.message.starts_with("2 of 20 pieces failed: 0003: "), "{}", fault.message);
    let failed: Vec<u32> = ran.state.failed_pieces(0).iter().map(|failed| failed.piece.index).collect();
    assert_eq!(failed, [4, 8]);
    assert_eq!(ran.state.pieces(0, 1), None, "an item that has ended is not counted");
}

#[tokio::test(start_paused = true)]
async fn each_piece_is_tried_again_at_its_own_time() {
    let ran = scene(1, 20)
        .play(|task, _| match task.attempt {
            // Never so many in a row that the breaker opens.
            1 if task.step == WORK && task.piece.is_some_and(|piece| piece % 10 == 9) => {
                (SECOND, failed(FaultClass::Transient, "network"))
            }
            _ => (SECOND, done()),
        })
        .await;
    assert_eq!(ran.outcome.counts.done, 1);
    assert_eq!(of_step(&ran, WORK), 22);
    let delays: Vec<u64> = ran
        .events
        .iter()
        .filter_map(|event| match &event.kind {
            EventKind::RetryScheduled { piece: Some(_), delay, .. } => Some(*delay),
            _ => None,
        })
        .collect();
    assert!(delays.len() == 2 && delays[0] != delays[1], "{delays:?}");
}

#[tokio::test(start_paused = true)]
async fn pieces_are_parked_together_while_their_breaker_is_open_and_lose_no_attempt() {
    let ran = scene(3, 4)
        .play(|task, now| match task.step {
            WORK if now < 100 * SECOND => (SECOND, failed(FaultClass::Dependency, "gone")),
            _ => (SECOND, done()),
        })
        .await;
    assert_eq!(ran.outcome.counts.done, 3);
    let parked = ran.events.iter().filter(|event| matches!(event.kind, EventKind::TaskParked { .. })).count();
    assert!((3..=9).contains(&parked), "{parked}");
    assert!(of_step(&ran, WORK) <= 60 + 6, "{}", of_step(&ran, WORK));
    assert_eq!(ran.state.waiting_items(), 0);
    assert_eq!(ran.state.breakers["tool"].parked, 0);
}

#[tokio::test(start_paused = true)]
async fn a_later_run_does_what_is_left() {
    let folder = tempfile::tempdir().unwrap();
    let stop = (30 * SECOND, Command::Stop { level: StopLevel::Drain, by: "test".into() });
    let first = Scene { commands: vec![stop], ..scene(1, 1) }.play_in(folder.path(), |_, _| (SECOND, done())).await;
    assert_eq!(first.outcome.counts.cancelled, 1);
    let second = scene(1, 1).play_in(folder.path(), |_, _| (SECOND, done())).await;
    assert_eq!(second.outcome.counts.done, 1);
    let both = [1, 2].map(|step| of_step(&first, step) + of_step(&second, step));
    assert_eq!((both, of_step(&second, 0)), ([20, 20], 0));
}

#[tokio::test(start_paused = true)]
async fn an_item_that_is_cancelled_begins_no_other_piece() {
    let cancel = (5 * SECOND + SECOND / 2, Command::CancelItem { item: 0 });
    let ran = Scene { commands: vec![cancel], ..scene(1, 2) }.play(|_, _| (SECOND, done())).await;
    assert_eq!(ran.state.phase_of(0), ItemPhase::Cancelled);
    assert!(ran.log.attempts.iter().all(|(at, ..)| *at <= 6 * SECOND));
}
