//! What a screen shows of a run that works is what the record of it shows.

use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};

use mediamill::engine::owner::Owned;
use mediamill::events::{Command as Ask, EventKind, RunState, Story};
use mediamill::resilience::breaker::BreakerState;

use crate::support::{Bench, mediamill};
use crate::{run, told, watch};

/// A tool that is ill while `BENCH/dead` is there, fails the first time for some files, and a check that bad ones never pass.
const ILL: &str = r#"
name = "ill"
[output]
dir = "out/{item.stem}"
[retry]
max_retries = 2
base_delay = "5ms"
[breakers.engine]
failure_threshold = 4
recovery_timeout = "300ms"
[tools.engine]
canary = ["/bin/sh", "-c", "! [ -e BENCH/dead ]"]
[[step]]
id = "before"
uses = "file.hash"
[[step]]
id = "work"
tool = "engine"
run = ["/bin/sh", "-c", "if [ -e BENCH/dead ]; then echo I am ill >&2; exit 1; fi; if grep -q flaky \"$1\" && ! [ -e \"BENCH/seen-$0\" ]; then : > \"BENCH/seen-$0\"; kill -9 $$; fi; cp \"$1\" \"$2\"", "{item.name}", "{in}", "{out}"]
out = { text = "made.txt" }
[[step]]
id = "check"
run = ["/bin/sh", "-c", "if grep -q bad \"$0\"; then echo that is bad >&2; exit 1; fi", "{work.text}"]
"#;

fn ill() -> Bench {
    let bench = Bench::new(ILL);
    for n in 0..16 {
        let content = match n {
            5 | 9 => "bad",
            2 | 11 => "flaky",
            _ => "good",
        };
        bench.input(format!("{n:02}.txt"), format!("{content} {n}\n"));
    }
    std::fs::write(bench.path("dead"), "").unwrap();
    bench
}

fn is_open(kind: &EventKind) -> bool {
    matches!(kind, EventKind::BreakerChanged { state: BreakerState::Open, .. })
}

/// All that makes a record worth comparing.
fn has_all(bench: &Bench) {
    let journal = bench.journal();
    let kinds = || journal.kinds();
    assert!(kinds().any(is_open));
    assert!(kinds().any(|kind| matches!(kind, EventKind::TaskParked { .. })));
    assert!(kinds().any(|kind| matches!(kind, EventKind::RetryScheduled { .. })));
    let counts = journal.counts().unwrap();
    assert!(counts.failed >= 1 && counts.done >= 10, "{counts:?}");
}

#[test]
fn the_fold_of_the_live_events_is_that_of_the_journal() {
    let bench = ill();
    let (ours, theirs) = UnixStream::pair().unwrap();
    let mut command = Command::new(mediamill());
    command.args(["run", "--owned", "--no-tui", "-j3", "--state"]).arg(&bench.state).arg("-o").arg(&bench.out);
    command.arg(bench.path("pipeline.toml")).arg(bench.path("in")).current_dir(bench.path(""));
    command.stdin(Stdio::null()).stderr(Stdio::null()).stdout(OwnedFd::from(theirs));
    let mut engine = command.spawn().unwrap();
    let owned = Owned::new(ours);
    let (mut state, mut story) = (RunState::default(), Story::default());
    for event in owned.events().unwrap() {
        if is_open(&event.kind) && bench.path("dead").exists() {
            assert!(owned.send(Ask::SetJobs { jobs: 2 }) && owned.send(Ask::SkipItem { item: 15 }));
            std::fs::remove_file(bench.path("dead")).unwrap();
        }
        state.apply(&event);
        story.apply(&event);
    }
    assert_eq!(engine.wait().unwrap().code(), Some(1));
    has_all(&bench);
    let (mut replayed, mut retold) = (RunState::default(), Story::default());
    for event in &bench.journal().events {
        replayed.apply(event);
        retold.apply(event);
    }
    assert_eq!(state, replayed);
    assert_eq!(story, retold);
}

#[test]
fn the_end_of_a_run_looks_as_its_record_does_on_every_screen() {
    let bench = ill();
    let mut live = run(&bench).start();
    told(&bench, "the breaker is open", is_open);
    std::fs::remove_file(bench.path("dead")).unwrap();
    live.wait_for("finished, with failures");
    let mut record = watch(&bench).showing("finished, with failures");
    has_all(&bench);
    for (key, sign) in [("1", "failed 2 "), ("2", "failed"), ("4", "CLOSED")] {
        let rows = |screen: &crate::Shown| -> Vec<String> {
            let lines = screen.lines();
            // How long ago, and the line of the clock, go on with the watch of who looks.
            let still = lines[2..24].iter().filter(|line| !line.contains(" ago") && !line.contains("  for "));
            still.map(|line| line.trim_end().to_owned()).collect()
        };
        for screen in [&mut live, &mut record] {
            screen.press(key);
            screen.wait_for(sign);
        }
        live.wait(&format!("the same on screen {key} as\n{}", record.text()), |_| rows(&live) == rows(&record));
    }
    record.ends("q", 0);
    live.ends("q", 1);
}
