//! Leaving while the run works: it is let go, drained or stopped.

use mediamill::events::{EventKind, RunPhase, StopLevel};
use rustix::process::{Signal, kill_process};

use crate::support::Bench;
use crate::{Shown, gated, go, run, stands, state, told, watch};

fn asked(bench: &Bench) -> Shown {
    let mut shown = run(bench).showing("2 of 2 tasks");
    shown.press("q");
    for text in ["2 tasks are running.", "keep running without a screen", "drain: ", "stop: "] {
        shown.wait_for(text);
    }
    shown
}

#[test]
fn a_question_is_asked_and_esc_goes_on_as_before() {
    let bench = gated(2);
    let mut shown = asked(&bench);
    shown.press("zzzj\r");
    shown.esc();
    shown.wait_gone("keep running");
    shown.wait_for("2 of 2 tasks");
    go(&bench, "");
    // One that is over asks nothing.
    shown.wait_for("finished");
    shown.ends("q", 0);
}

#[test]
fn a_run_that_is_let_go_finishes_by_itself_and_can_be_watched() {
    let bench = gated(5);
    let mut shown = asked(&bench);
    let engine = shown.engine();
    shown.ends("k", 0);
    shown.wait_for("goes on by itself");
    shown.wait_for("watch it: mediamill watch ");
    assert_eq!(shown.engine(), engine, "it works on");
    let mut watcher = watch(&bench).showing("2 of 2 tasks");
    watcher.wait_for("watching gated");
    watcher.press("j+");
    watcher.wait_for("3 of 3 tasks");
    go(&bench, "");
    watcher.wait_for("finished");
    watcher.ends("q", 0);
    watcher.wait_for("Successful:     5 (100.0%)");
    assert_eq!(bench.outputs().len(), 5);
    shown.gone();
    bench.assert_clean();
}

#[test]
fn a_drained_run_begins_nothing_more_and_ends() {
    let bench = gated(5);
    let mut shown = asked(&bench);
    shown.press("d");
    shown.wait_for("draining");
    told(&bench, "it drains", |kind| matches!(kind, EventKind::StopRequested { level: StopLevel::Drain, .. }));
    go(&bench, "");
    shown.wait_for("ended: asked on the screen");
    shown.wait_for("the same command goes on from here");
    let counts = state(&bench).counts;
    assert_eq!((counts.done, counts.waiting()), (2, 3));
    shown.ends("q", 5);
    shown.gone();
    bench.assert_clean();
}

#[test]
fn a_stopped_run_leaves_no_tool_behind_and_goes_on_from_there() {
    let bench = gated(5);
    let mut shown = asked(&bench);
    go(&bench, "000.txt");
    stands(&bench, "one is done", |state| state.counts.done == 1);
    shown.press("s");
    shown.wait_for("ended: asked on the screen");
    assert_eq!(state(&bench).phase, RunPhase::Finished(Some("asked on the screen".into())));
    shown.ends("q", 5);
    shown.gone();
    bench.assert_clean();
    go(&bench, "");
    let mut next = run(&bench).showing("finished");
    next.wait_for("1 up to date");
    assert_eq!(bench.journal().done().len(), 4);
    next.ends("q", 0);
}

#[test]
fn an_engine_that_does_not_answer_can_be_let_go() {
    let bench = gated(3);
    let mut shown = run(&bench).showing("2 of 2 tasks");
    let engine = shown.engine();
    kill_process(engine, Signal::STOP).unwrap();
    shown.press("p");
    shown.press("q");
    shown.wait_for("keep running");
    shown.ends("k", 0);
    shown.wait_for("goes on by itself");
    kill_process(engine, Signal::CONT).unwrap();
    // What was asked before counts.
    told(&bench, "it is paused", |kind| matches!(kind, EventKind::RunPaused { .. }));
    let mut watcher = watch(&bench).showing("PAUSED");
    watcher.press("p");
    go(&bench, "");
    watcher.wait_for("finished");
    watcher.ends("q", 0);
    shown.gone();
}
