//! Ctrl-C once, Ctrl-C twice, SIGTERM and SIGHUP end a run in order: its tools end, its scratch goes, what was done is
//! kept, and the same command goes on from there.

mod support;

use std::path::Path;
use std::time::{Duration, Instant};

use mediamill::events::EventKind;
use mediamill::resilience::checkpoint::ItemState;
use rustix::process::Signal;
use support::{Bench, Live, PATIENCE, until};

/// One quick step, then one that takes its time over the input called `slow` and ends on SIGTERM with a note.
fn bench(slow: &str) -> Bench {
    let bench = Bench::new(&format!(
        r#"
name = "interrupted"
[output]
dir = "out/{{item.stem}}"
[[step]]
id = "first"
run = ["TOOL", "copy", "{{in}}", "{{out}}"]
out = {{ text = "first.txt" }}
[[step]]
id = "second"
run = ["/bin/sh", "-c", "if [ -e BENCH/go ]; then cp \"$1\" \"$2\"; else {slow}; fi", "sh", "{{first.text}}", "{{out}}"]
out = {{ text = "second.txt" }}
grace = "2s"
retry = {{ max_retries = 0 }}
"#
    ));
    bench.inputs(6);
    bench
}

/// Ends on SIGTERM, and tells.
const GENTLE: &str = "trap 'echo > BENCH/got-term; exit 1' TERM; echo > BENCH/at-it; while :; do sleep 0.02; done";
/// Does not care.
const STUBBORN: &str = "trap '' TERM INT HUP; echo > BENCH/at-it; while :; do sleep 0.02; done";

fn start_and_wait(bench: &Bench) -> Live {
    let live = bench.run().start();
    until("a tool is at it", PATIENCE, || bench.path("at-it").exists());
    live
}

/// The run was ended by `name`: all is in order, and the same command does the rest and nothing twice.
fn ended_in_order(bench: &Bench, name: &str) {
    bench.assert_clean();
    let journal = bench.journal();
    let told = journal.kinds().any(|kind| matches!(kind, EventKind::StopRequested { by, .. } if by == name));
    assert!(told, "the journal does not tell of {name}");
    let last = journal.kinds().last();
    assert!(
        matches!(last, Some(EventKind::RunFinished { reason: Some(reason), .. }) if reason == name),
        "the journal does not end with the run's end: {last:?}"
    );
    assert!(!journal.done().is_empty(), "nothing was done before the signal");
    for (item, step) in journal.done() {
        let checkpoint = &bench.checkpoints()[&item];
        assert!(
            checkpoint.completed_steps.contains(&step),
            "{} {step} is done, and no checkpoint says so",
            item.display()
        );
        assert_eq!(checkpoint.state, ItemState::Pending);
    }
    goes_on(bench);
}

fn goes_on(bench: &Bench) {
    let before: Vec<_> = bench.journals().iter().flat_map(support::Journal::done).collect();
    std::fs::write(bench.path("go"), "").unwrap_or_default();
    bench.run().expect(0);
    let journal = bench.journal();
    assert!(before.iter().all(|task| !journal.begun().contains(task)), "a task was done twice");
    assert_eq!(bench.outputs().len(), 12);
    assert!(bench.checkpoints().values().all(|checkpoint| checkpoint.state == ItemState::Done));
    bench.assert_clean();
}

#[test]
fn the_first_signal_ends_tools_in_order_and_each_has_its_exit_code() {
    for (signal, name, code) in
        [(Signal::INT, "SIGINT", 130), (Signal::TERM, "SIGTERM", 143), (Signal::HUP, "SIGHUP", 129)]
    {
        let bench = bench(GENTLE);
        let live = start_and_wait(&bench);
        let at = Instant::now();
        live.signal(signal);
        let ended = live.end();
        assert_eq!(ended.code(), Some(code), "{name}: {ended:?}");
        assert!(at.elapsed() < Duration::from_secs(2), "{name}: {:?} for a tool that ends at once", at.elapsed());
        assert!(bench.path("got-term").exists(), "{name}: the tool was not asked to end");
        ended.mark.assert_gone(Duration::from_secs(1));
        ended_in_order(&bench, name);
    }
}

#[test]
fn a_tool_that_ignores_sigterm_gets_its_grace_and_no_more() {
    let bench = bench(STUBBORN);
    let live = start_and_wait(&bench);
    let at = Instant::now();
    live.signal(Signal::INT);
    let ended = live.end();
    assert_eq!(ended.code(), Some(130), "{ended:?}");
    let took = at.elapsed();
    assert!(took > Duration::from_millis(1900), "it had a grace of 2 s, and was ended after {took:?}");
    assert!(took < Duration::from_secs(4), "it had a grace of 2 s, and the end took {took:?}");
    ended.mark.assert_gone(Duration::from_secs(1));
    ended_in_order(&bench, "SIGINT");
}

#[test]
fn the_second_signal_ends_the_run_now_whatever_the_tool_does() {
    let bench = bench(STUBBORN);
    let live = start_and_wait(&bench);
    live.signal(Signal::INT);
    let folder = bench.state_dir();
    until("the first signal is in the journal", PATIENCE, || journal_says(&folder, "stop_requested"));
    let at = Instant::now();
    live.signal(Signal::INT);
    let ended = live.end();
    let took = at.elapsed();
    assert_eq!(ended.code(), Some(130), "{ended:?}");
    assert!(took < Duration::from_millis(1500), "the second signal took {took:?}");
    ended.mark.assert_gone(Duration::from_secs(3));
    goes_on(&bench);
}

#[test]
fn a_burst_of_signals_is_no_more_than_two() {
    let bench = bench(STUBBORN);
    let live = start_and_wait(&bench);
    for signal in [Signal::INT, Signal::TERM, Signal::HUP, Signal::INT, Signal::TERM] {
        live.signal(signal);
    }
    let ended = live.end_within(Duration::from_secs(5));
    assert!(matches!(ended.code(), Some(129 | 130 | 143)), "{ended:?}");
    ended.mark.assert_gone(Duration::from_secs(3));
    goes_on(&bench);
}

#[test]
fn a_signal_while_files_are_looked_at_or_nothing_has_begun_ends_the_run_too() {
    let bench = bench(GENTLE);
    // At many instants of a run's first moments; before its own handlers are there a signal simply ends it.
    for wait in [0_u64, 2, 5, 10, 20, 30, 40, 60, 80] {
        let live = bench.run().start();
        if !live.ends_within(Duration::from_millis(wait)) {
            live.signal(Signal::TERM);
        }
        let ended = live.end_within(Duration::from_secs(5));
        assert!(ended.code() == Some(143) || ended.signal() == Some(15), "after {wait} ms: {ended:?}");
        ended.mark.assert_gone(Duration::from_secs(3));
    }
    goes_on(&bench);
}

#[test]
fn a_stopped_engine_goes_on_where_it_was() {
    let bench = Bench::new(
        r#"
name = "stopped"
[output]
dir = "out"
[[step]]
id = "copy"
run = ["TOOL", "copy", "{in}", "{out}", "10"]
out = { text = "{item.name}" }
timeout = "20s"
"#,
    );
    bench.inputs(60);
    let live = bench.run().start();
    let folder = bench.state_dir();
    for _ in 0..5 {
        until("something was done", PATIENCE, || journal_says(&folder, "task_done"));
        live.signal(Signal::STOP);
        let stat = format!("/proc/{}/stat", live.pid().as_raw_nonzero());
        until("it is stopped", PATIENCE, || {
            std::fs::read_to_string(&stat)
                .is_ok_and(|stat| stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('T')))
        });
        live.signal(Signal::CONT);
    }
    let ended = live.end();
    assert_eq!(ended.code(), Some(0), "{ended:?}");
    assert_eq!(bench.outputs().len(), 60);
    assert_eq!(bench.journal().faults().len(), 0);
    ended.mark.assert_gone(Duration::from_secs(1));
    bench.assert_clean();
}

#[test]
fn ctrl_c_in_a_terminal_does_not_reach_the_tools_past_the_engine() {
    // The terminal sends SIGINT to the whole foreground group: the tools must not be in it.
    let bench = bench(GENTLE);
    let live = start_and_wait(&bench);
    let engine_group = group_of(live.pid().as_raw_nonzero().get());
    for (pid, line) in live.mark.living() {
        if pid != live.pid().as_raw_nonzero().get() && !line.contains("__host") {
            assert_ne!(group_of(pid), engine_group, "{line} is in the engine's group");
        }
    }
    live.signal(Signal::INT);
    assert_eq!(live.end().code(), Some(130));
}

fn group_of(pid: i32) -> Option<i32> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(')')?.1.split_whitespace().nth(2)?.parse().ok()
}

fn journal_says(state_dir: &Path, word: &str) -> bool {
    let runs = std::fs::read_dir(state_dir.join("runs")).into_iter().flatten().flatten();
    let mut journals = runs.filter_map(|run| std::fs::read_to_string(run.path().join("journal.jsonl")).ok());
    journals.any(|journal| journal.contains(&format!("\"event\":\"{word}\"")))
}
