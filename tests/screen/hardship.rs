//! A terminal that takes nothing, hours without news, and a screen that panics.

use std::time::{Duration, Instant};

use mediamill::events::EventKind;

use crate::support::{Bench, until};
use crate::{GATED, Shown, gated, go, run, stands, state, told, watch};

/// A number of `/proc/PID/status` of the screen, in KiB.
fn status(shown: &Shown, name: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", shown.pid().as_raw_nonzero())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    line.trim_start_matches(':').trim().trim_end_matches(" kB").parse().unwrap()
}

/// What the screen has computed so far.
fn computed(shown: &Shown) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", shown.pid().as_raw_nonzero())).unwrap();
    let rest: Vec<&str> = stat.rsplit_once(") ").unwrap().1.split(' ').collect();
    let ticks: u64 = rest[11].parse::<u64>().unwrap() + rest[12].parse::<u64>().unwrap();
    Duration::from_millis(ticks * 1000 / rustix::param::clock_ticks_per_second())
}

#[test]
fn a_terminal_that_takes_nothing_holds_no_run_up() {
    let bench = Bench::new(
        r#"
name = "many"
[output]
dir = "out"
[[step]]
id = "gate"
run = ["/bin/sh", "-c", "while ! [ -e BENCH/go ]; do sleep 0.02; done"]
[[step]]
id = "hash"
uses = "file.hash"
after = ["gate"]
"#,
    );
    bench.inputs(400);
    let mut shown = run(&bench).size(250, 80).showing("2 of 2 tasks");
    shown.set_deaf(true);
    // More than the terminal takes: each is a whole screen.
    for _ in 0..40 {
        shown.press("\x0c2\x0c1");
        std::thread::sleep(Duration::from_millis(20));
    }
    let shown_before = shown.bytes().len();
    let began = Instant::now();
    go(&bench, "");
    told(&bench, "it is over", |kind| matches!(kind, EventKind::RunFinished { .. }));
    let took = began.elapsed();
    assert_eq!(state(&bench).counts.done, 400);
    assert!(shown.bytes().len() - shown_before < 8192, "it was no deaf terminal");
    let memory = status(&shown, "VmHWM");
    assert!(memory < 200 * 1024, "{memory} KiB");
    shown.set_deaf(false);
    shown.wait_for("400 / 400");
    shown.wait_for("finished");
    shown.ends("q", 0);
    // As fast as without any screen, on a machine that others use too.
    std::fs::remove_dir_all(&bench.state).unwrap();
    let plain = bench.run().expect(0).took;
    assert!(took < plain * 3 + Duration::from_secs(3), "{took:?}, and {plain:?} without a screen");
}

/// Fails where the screen computes more than it may while nothing happens.
#[expect(clippy::print_stderr, reason = "the figure is worth knowing")]
fn assert_idle(shown: &Shown, what: &str) {
    let (before, at) = (computed(shown), Instant::now());
    // This long, for it is a share of time that is measured.
    std::thread::sleep(Duration::from_secs(3));
    let share = (computed(shown) - before).as_secs_f64() * 100.0 / at.elapsed().as_secs_f64();
    eprintln!("{what}: {share:.2} % of a core, {} KiB", status(shown, "VmRSS"));
    assert!(share < if cfg!(debug_assertions) { 3.0 } else { 0.5 }, "{what}: {share} %");
}

#[test]
fn a_paused_run_and_one_that_is_over_cost_nothing() {
    let bench = gated(4);
    let mut shown = run(&bench).showing("2 of 2 tasks");
    shown.press("p");
    shown.wait_for("PAUSED");
    go(&bench, "");
    stands(&bench, "nothing is at work", |state| state.counts.done == 2);
    assert_idle(&shown, "paused");
    shown.press("p");
    shown.wait_for("finished");
    assert_idle(&shown, "over");
    shown.ends("q", 0);
}

#[test]
fn a_run_that_waits_for_a_breaker_costs_nothing_on_any_screen() {
    let bench = Bench::new(&format!("{GATED}\n[breakers.sh]\nrecovery_timeout = \"1h\"\n"));
    bench.inputs(40);
    let mut shown = run(&bench).showing("2 of 2 tasks");
    shown.press("4");
    shown.wait_for("CLOSED     sh");
    shown.press("tt");
    shown.wait_for("OPEN       sh");
    go(&bench, "");
    stands(&bench, "all others are parked", |state| state.tasks.is_empty() && state.waiting_items() == 38);
    assert_idle(&shown, "parked, the breakers in sight");
    shown.press("1");
    shown.wait_for("parked 38");
    assert_idle(&shown, "parked, the batch in sight");
    shown.ends("\x03", 130);
}

#[test]
fn a_panic_of_the_screen_leaves_the_terminal_whole_and_the_run_at_work() {
    if !cfg!(debug_assertions) {
        return;
    }
    let bench = gated(4);
    let mut shown = run(&bench).env("MEDIAMILL_SCREEN_PANICS", "1").showing("2 of 2 tasks");
    let engine = shown.engine();
    shown.press("m\x1b[24~");
    assert_eq!(shown.wait_for_exit(), 1);
    shown.assert_whole("a panic");
    for text in ["the screen was asked to panic", "goes on by itself", "watch it: mediamill watch "] {
        shown.wait_for(text);
    }
    assert_eq!(shown.engine(), engine);
    let mut watcher = watch(&bench).showing("2 of 2 tasks");
    go(&bench, "");
    watcher.wait_for("finished");
    watcher.ends("q", 0);
    until("nothing is left behind", Duration::from_secs(10), || shown.processes().is_empty());
    assert_eq!(bench.outputs().len(), 4);
}
