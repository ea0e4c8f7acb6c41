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

#[tokio::test(start_paused = true)]
async fn a_step_that_makes_other_pieces_now_is_the_cure_of_pieces_that_failed() {
    let folder = tempfile::tempdir().unwrap();
    let broken = |task: &Task, _| match task.step {
        WORK => (SECOND, failed(FaultClass::Input, "broken")),
        _ => (SECOND, done()),
    };
    let first = scene(1, 4).play_in(folder.path(), broken).await;
    assert_eq!((first.outcome.counts.failed, of_step(&first, WORK)), (1, 20));
    let again = scene(1, 4).play_in(folder.path(), broken).await;
    assert_eq!((again.outcome.counts.failed, again.log.attempts.len()), (1, 0));
    // It is edited.
    let text = FAN.replace("uses = \"noop\"\nout", "uses = \"noop\"\nwith = { pieces = 9 }\nout").leak();
    let edited = Scene { text, ..scene(1, 4) }.play_in(folder.path(), |_, _| (SECOND, done())).await;
    assert_eq!(of_step(&edited, 0), 1);
}

#[tokio::test(start_paused = true)]
async fn from_a_step_on_its_pieces_are_done_again_too() {
    let folder = tempfile::tempdir().unwrap();
    scene(1, 4).play_in(folder.path(), |_, _| (SECOND, done())).await;
    let options = Options { from: Some("make".into()), ..Options::default() };
    let ran = Scene { options, ..scene(1, 4) }.play_in(folder.path(), |_, _| (SECOND, done())).await;
    assert_eq!([0, 1, 2].map(|step| of_step(&ran, step)), [1, 20, 20]);
}

#[tokio::test(start_paused = true)]
async fn items_that_hold_pieces_go_on_though_no_more_are_taken_up() {
    let more = "\n[[step]]\nid = \"late\"\neach = \"make.pieces\"\nuses = \"noop\"\nafter = [\"last\"]\n";
    let text = format!("{FAN}{more}").leak();
    let scene = Scene { text, most_pieces: Some(20), ..scene(3, 4) };
    // The pieces of the first item come when those of the second are held.
    let play = scene.play(|task, _| match (task.active.item.index, task.step) {
        (0, 0) => (20 * SECOND, done()),
        _ => (SECOND, done()),
    });
    let ran = tokio::time::timeout(3600 * SECOND, play).await.unwrap();
    assert_eq!((ran.outcome.counts.done, of_step(&ran, 4)), (3, 60));
}

#[tokio::test(start_paused = true)]
async fn the_first_piece_that_fails_ends_a_run_that_is_to_fail_fast_and_the_rest_is_done_in_the_next() {
    let folder = tempfile::tempdir().unwrap();
    let options = Options { fail_fast: true, ..Options::default() };
    let broken = |task: &Task, _| match task.piece {
        Some(3) if task.step == WORK => (SECOND, failed(FaultClass::Input, "broken")),
        _ => (SECOND, done()),
    };
    let first = Scene { options, ..scene(1, 1) }.play_in(folder.path(), broken).await;
    assert_eq!((first.outcome.counts.failed, first.outcome.counts.cancelled), (1, 0));
    assert!(of_step(&first, WORK) < 20);
    assert!(first.state.failures[&0].1.message.starts_with("1 of 20 pieces failed: 0003: "));
    let second = scene(1, 1).play_in(folder.path(), broken).await;
    assert_eq!(of_step(&first, WORK) + of_step(&second, WORK), 20);
}

#[tokio::test(start_paused = true)]
async fn pieces_that_failed_are_tried_again_by_hand() {
    let retry = (60 * SECOND, Command::RetryItem { item: 0 });
    let ran = Scene { commands: vec![retry], ..scene(2, 1) }
        .play(|task, now| match task.piece {
            Some(3) if (task.active.item.index, task.step) == (0, WORK) && now < 50 * SECOND => {
                (SECOND, failed(FaultClass::Input, "broken"))
            }
            _ => (SECOND, done()),
        })
        .await;
    assert_eq!((ran.outcome.counts.done, of_step(&ran, WORK)), (2, 41));
}

#[tokio::test(start_paused = true)]
async fn pieces_of_one_item_that_failed_with_two_causes_are_tried_again_by_cause() {
    let folder = tempfile::tempdir().unwrap();
    let broken = |task: &Task, _| match task.piece {
        Some(3) if task.step == WORK => (SECOND, failed(FaultClass::Input, "exit")),
        Some(7) if task.step == WORK => (SECOND, failed(FaultClass::Input, "decode")),
        _ => (SECOND, done()),
    };
    scene(1, 4).play_in(folder.path(), broken).await;
    for (cause, attempts) in [("decode", 1), ("exit", 1), ("other", 0)] {
        let options = Options { retry_failed: true, cause: Some(cause.into()), ..Options::default() };
        let ran = Scene { options, ..scene(1, 4) }.play_in(folder.path(), broken).await;
        assert_eq!(of_step(&ran, WORK), attempts, "{cause}");
    }
}

#[tokio::test(start_paused = true)]
async fn pieces_that_are_parked_probe_and_go_on_while_others_of_their_item_are_at_work() {
    let slow = "\n[[step]]\nid = \"slow\"\nuses = \"noop\"\n";
    let text = format!("{FAN}{slow}").leak();
    let ran = Scene { text, ..scene(1, 4) }
        .play(|task, now| match task.step {
            4 => (36_000 * SECOND, done()),
            WORK if now < 100 * SECOND => (SECOND, failed(FaultClass::Dependency, "gone")),
            _ => (SECOND, done()),
        })
        .await;
    assert_eq!(ran.outcome.counts.done, 1);
    let last = ran.log.attempts.iter().filter(|(_, _, step, _)| *step == WORK).map(|(at, ..)| *at).max().unwrap();
    assert!(last < 600 * SECOND, "{last:?}");
    assert_eq!(ran.state.breakers["tool"].parked, 0);
}

#[tokio::test(start_paused = true)]
async fn answers_are_heard_while_many_pieces_are_turned_away() {
    let skip = "optional = true\non_open = \"skip\"\nretry = { max_retries = 0 }\nrun = [";
    let other = "\n[[step]]\nid = \"other\"\neach = \"make.pieces\"\nuses = \"noop\"\n";
    let text = format!("{}{other}", FAN.replace("run = [", skip)).leak();
    let ran = Scene { text, ..scene(40, 64) }
        .play(|task, _| match task.step {
            WORK => (SECOND, failed(FaultClass::Dependency, "gone")),
            _ => (SECOND, done()),
        })
        .await;
    let (mut all, mut in_a_row, mut longest) = (0, 0, 0);
    for event in &ran.events {
        let is_skipped = matches!(event.kind, EventKind::TaskSkipped { step: 1, piece: Some(_), .. });
        if matches!(event.kind, EventKind::TaskDone { step: 4, piece: Some(_), .. }) {
            in_a_row = 0;
        }
        in_a_row += u32::from(is_skipped);
        all += u32::from(is_skipped);
        longest = longest.max(in_a_row);
    }
    assert!(all > 700 && longest <= 256, "{longest} of {all}");
}

#[tokio::test(start_paused = true)]
async fn a_piece_whose_step_before_failed_is_told() {
    let text = FAN
        .replace("after = [\"work\"]", "in = \"{work.text}\"")
        .replace("[\"sh\", \"{piece}\"]", "[\"sh\", \"{piece}\"]\nout = { text = \"{piece.stem}.text\" }")
        .leak();
    let ran = Scene { text, ..scene(1, 4) }
        .play(|task, _| match task.piece {
            Some(3) if task.step == WORK => (SECOND, failed(FaultClass::Input, "broken")),
            _ => (SECOND, done()),
        })
        .await;
    let told: Vec<(u32, u32)> = ran
        .events
        .iter()
        .filter_map(|event| match &event.kind {
            EventKind::TaskSkipped { step, piece: Some(piece), .. } => Some((*step, piece.index)),
            _ => None,
        })
        .collect();
    assert_eq!(told, [(2, 4)]);
}
