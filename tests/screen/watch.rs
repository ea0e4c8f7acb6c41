//! A run on a second screen, and the record of one that is over.

use mediamill::events::{EventKind, RunPhase};
use rustix::process::{Signal, kill_process};

use crate::{gated, go, run, stands, state, told, watch};

#[test]
fn a_second_screen_commands_the_run_and_leaves_without_harm() {
    let bench = gated(6);
    let mut owner = run(&bench).showing("2 of 2 tasks");
    let mut watcher = watch(&bench).showing("2 of 2 tasks");
    watcher.wait_for("watching gated");
    watcher.press("p");
    for screen in [&owner, &watcher] {
        screen.wait_for("PAUSED");
    }
    owner.press("p");
    for screen in [&owner, &watcher] {
        screen.wait_gone("PAUSED");
    }
    watcher.press("+");
    owner.wait_for("3 of 3 tasks");
    watcher.go_to("005.txt");
    watcher.press("x");
    owner.wait_for("1 left out");
    // Who only watches leaves the run as it is, unless the answer is another; and Ctrl-C does not mean the run.
    watcher.press("q");
    watcher.wait_for("leave: the run goes on as it is");
    watcher.ends("l", 0);
    let mut another = watch(&bench).showing("3 of 3 tasks");
    another.ends("\x03", 0);
    assert_eq!(state(&bench).phase, RunPhase::Running);
    go(&bench, "");
    owner.wait_for("finished");
    assert_eq!(state(&bench).counts.done, 5);
    owner.ends("q", 0);
}

#[test]
fn a_run_that_is_over_has_a_time_line() {
    let bench = gated(6);
    go(&bench, "");
    bench.run().expect(0);
    let total = bench.journal().events.len();
    let mut shown = watch(&bench).showing("finished");
    shown.wait_for("record of gated");
    let at = |event: usize| format!("event {event} of {total}");
    shown.wait_for(&at(total));
    shown.wait_for("6 / 6");
    shown.press("{");
    shown.wait_for(&at(1));
    shown.wait_for("0 / 0");
    assert!(!shown.text().contains("killed") && !shown.text().contains("finished"), "{}", shown.text());
    shown.press(".");
    shown.wait_for(&at(2));
    shown.press(",");
    shown.wait_for(&at(1));
    let step = total.div_ceil(20);
    shown.press("]]]");
    // Each counts, however fast they follow each other.
    shown.wait_for(&at(1 + 3 * step));
    shown.press("[[[");
    shown.wait_for(&at(1));
    // Some moment at which a task ran.
    let begun = bench.journal().kinds().position(|kind| matches!(kind, EventKind::AttemptStarted { .. })).unwrap();
    for event in 2..=begun + 1 {
        shown.press(".");
        shown.wait_for(&at(event));
    }
    shown.wait_for("1 running");
    shown.wait_for("running   1 of 2 tasks");
    shown.press("p");
    shown.wait_for("the run is over");
    shown.press("}");
    shown.wait_for(&at(total));
    shown.wait_for("6 / 6");
    shown.ends("q", 0);
}

#[test]
fn a_run_that_was_killed_is_told_to_be_that() {
    let bench = gated(4);
    let mut owner = run(&bench).showing("2 of 2 tasks");
    let mut watcher = watch(&bench).showing("2 of 2 tasks");
    go(&bench, "000.txt");
    stands(&bench, "one is done", |state| state.counts.done == 1);
    watcher.press("p");
    told(&bench, "it is paused", |kind| matches!(kind, EventKind::RunPaused { .. }));
    kill_process(owner.engine(), Signal::KILL).unwrap();
    for screen in [&owner, &watcher] {
        screen.wait_for("was killed");
        screen.wait_gone("PAUSED");
    }
    watcher.ends("q", 0);
    owner.ends("q", 137);
    let mut record = watch(&bench).showing("was killed");
    record.wait_for("1 / 4");
    record.press("{");
    record.wait_for("event 1 of ");
    assert!(!record.text().contains("was killed"), "it was not killed then:\n{}", record.text());
    record.ends("q", 0);
}

#[test]
fn a_second_screen_can_end_the_run_too() {
    let bench = gated(4);
    let mut owner = run(&bench).showing("2 of 2 tasks");
    let mut watcher = watch(&bench).showing("2 of 2 tasks");
    watcher.press("qd");
    owner.wait_for("draining");
    watcher.wait_for("draining");
    watcher.press("qs");
    for screen in [&mut owner, &mut watcher] {
        screen.wait_for("ended: asked on the screen");
    }
    watcher.ends("q", 0);
    owner.ends("q", 5);
    owner.gone();
    bench.assert_clean();
}
