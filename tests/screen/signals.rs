//! Ctrl-C, signals from outside, and the death of either process.

use std::time::{Duration, Instant};

use mediamill::events::{EventKind, RunPhase};
use rustix::process::{Signal, kill_process};

use crate::support::{Bench, until};
use crate::{GATED, Shown, gated, go, run, stands, state, watch};

/// What was done is kept, nothing half-made is there, and the same command does the rest.
fn goes_on(bench: &Bench, files: usize) {
    bench.assert_clean();
    let before: Vec<_> = bench.journals().iter().flat_map(crate::support::Journal::done).collect();
    assert_eq!(bench.outputs().len(), before.len());
    go(bench, "");
    bench.run().expect(0);
    assert!(before.iter().all(|task| !bench.journal().begun().contains(task)), "a task was done twice");
    assert_eq!(bench.outputs().len(), files);
    bench.assert_clean();
}

/// One file is done, two are at work.
fn working(bench: &Bench) -> Shown {
    let shown = run(bench).showing("2 of 2 tasks");
    go(bench, "000.txt");
    stands(bench, "one is done, two are at work", |state| state.counts.done == 1 && state.tasks.len() == 2);
    shown
}

#[test]
fn ctrl_c_stops_in_order() {
    let bench = gated(5);
    let mut shown = working(&bench);
    // From wherever one is.
    shown.press("?");
    shown.wait_for("one row up");
    shown.ends("\x03", 130);
    shown.wait_for("Batch Processing Summary");
    shown.gone();
    assert_eq!(state(&bench).phase, RunPhase::Finished(Some("SIGINT".into())));
    goes_on(&bench, 5);
}

#[test]
fn a_second_ctrl_c_ends_a_tool_now_that_does_not_care() {
    let stubborn =
        GATED.replace("while !", "trap '' TERM INT HUP; echo > BENCH/at-it; while !").replace("\"1s\"", "\"60s\"");
    let bench = Bench::new(&stubborn);
    bench.inputs(3);
    let mut shown = run(&bench).showing("2 of 2 tasks");
    until("a tool is at it", Duration::from_secs(20), || bench.path("at-it").exists());
    shown.press("\x03");
    shown.wait_for("stopping");
    shown.wait_for("once more ends them now");
    let at = Instant::now();
    shown.ends("\x03", 130);
    assert!(at.elapsed() < Duration::from_secs(10), "{:?}", at.elapsed());
    shown.gone();
    go(&bench, "");
    bench.run().expect(0);
    assert_eq!(bench.outputs().len(), 3);
    bench.assert_clean();
}

#[test]
fn a_signal_to_the_screen_ends_the_run_in_order_and_has_its_exit_code() {
    for (signal, name, code) in
        [(Signal::TERM, "SIGTERM", 143), (Signal::HUP, "SIGHUP", 129), (Signal::INT, "SIGINT", 130)]
    {
        let bench = gated(4);
        let shown = working(&bench);
        shown.signal(signal);
        let mut shown = shown;
        shown.ends("", code);
        shown.gone();
        assert_eq!(state(&bench).phase, RunPhase::Finished(Some(name.into())));
        goes_on(&bench, 4);
    }
}

#[test]
fn a_signal_to_a_watcher_does_the_run_no_harm() {
    let bench = gated(2);
    let mut shown = run(&bench).showing("2 of 2 tasks");
    let mut watcher = watch(&bench).showing("2 of 2 tasks");
    watcher.signal(Signal::TERM);
    watcher.ends("", 143);
    go(&bench, "");
    shown.wait_for("finished");
    shown.ends("q", 0);
}

#[test]
fn when_the_screen_is_killed_the_run_ends_in_order() {
    let bench = gated(5);
    let mut shown = working(&bench);
    shown.signal(Signal::KILL);
    assert_eq!(shown.wait_for_exit(), 137);
    shown.gone();
    assert_eq!(state(&bench).phase, RunPhase::Finished(Some("SIGHUP".into())));
    goes_on(&bench, 5);
}

#[test]
fn when_the_engine_is_killed_the_screen_says_so_and_can_be_left() {
    let bench = gated(5);
    let mut shown = working(&bench);
    kill_process(shown.engine(), Signal::KILL).unwrap();
    shown.wait_for("was killed");
    shown.press("p");
    shown.wait_for("the run does not answer");
    shown.ends("q", 137);
    shown.wait_for("the run was killed (signal 9)");
    shown.gone();
    assert!(!bench.journal().kinds().any(|kind| matches!(kind, EventKind::RunFinished { .. })));
    go(&bench, "");
    bench.run().expect(0);
    assert_eq!(bench.outputs().len(), 5);
    bench.assert_clean();
}

#[test]
fn a_closed_terminal_ends_the_run_in_order() {
    let bench = gated(4);
    let mut shown = working(&bench);
    shown.hang_up("jjj");
    until("nothing is left behind", Duration::from_secs(20), || shown.mark.living().is_empty());
    assert_eq!(state(&bench).phase, RunPhase::Finished(Some("SIGHUP".into())));
    goes_on(&bench, 4);
}
