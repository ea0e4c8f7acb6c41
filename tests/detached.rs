//! A run can outlive the terminal that it was started in: it is let go, found again, commanded, and stopped.

#![expect(clippy::unwrap_used, reason = "a test may")]

mod support;

use std::io::{BufRead, BufReader, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command as Process, Stdio};
use std::time::{Duration, Instant};

use mediamill::engine::owner::Owned;
use mediamill::engine::socket::{Remote, is_running};
use mediamill::events::{Command, EventKind, ItemPhase, RunPhase, RunState, StopLevel};
use rustix::process::{Pid, Signal, kill_process};
use support::{Bench, PATIENCE, mediamill, until};

/// Copies, once `BENCH/go` is there; until then it waits for it.
fn bench(items: usize) -> Bench {
    let bench = Bench::new(
        r#"
name = "slow"
[output]
dir = "out"
[[step]]
id = "work"
run = ["/bin/sh", "-c", "while ! [ -e BENCH/go ]; do sleep 0.02; done; cp \"$1\" \"$2\"", "sh", "{in}", "{out}"]
out = { text = "{item.name}" }
grace = "1s"
"#,
    );
    bench.inputs(items);
    bench
}

fn go(bench: &Bench) {
    std::fs::write(bench.path("go"), "").unwrap();
}

/// `mediamill run FLAGS` over the bench's inputs, with all that it needs.
fn command(bench: &Bench, flags: &[&str]) -> Process {
    let mut command = Process::new(mediamill());
    command.arg("run").args(flags).args(["--no-tui", "-j2", "--state"]).arg(&bench.state).arg("-o").arg(&bench.out);
    command.arg("--").arg(bench.path("pipeline.toml")).arg(bench.path("in")).current_dir(bench.path(""));
    command.stdin(Stdio::null());
    command
}

/// A run that was let go. Killed when it is dropped.
struct Detached {
    pid: Pid,
    folder: PathBuf,
    told: String,
}

impl Detached {
    fn start(bench: &Bench) -> Self {
        let ended = command(bench, &["--detach"]).output().unwrap();
        let told = String::from_utf8(ended.stdout).unwrap();
        assert!(ended.status.success(), "{told}{}", String::from_utf8_lossy(&ended.stderr));
        let id = told.split_whitespace().nth(1).unwrap();
        let folder = bench.state_dir().join("runs").join(id);
        let pid = told.rsplit_once("kill ").unwrap().1.trim().parse().unwrap();
        Self { pid: Pid::from_raw(pid).unwrap(), folder, told }
    }

    fn is_alive(&self) -> bool {
        // One that nobody has waited for yet is none.
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.pid.as_raw_nonzero())).unwrap_or_default();
        stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with(['Z', 'X']))
    }

    fn ended(&self) {
        until("the engine has ended", PATIENCE, || !self.is_alive());
    }

    fn state(&self) -> RunState {
        let mut state = RunState::default();
        for event in mediamill::events::journal::read(&self.folder.join("journal.jsonl")).unwrap() {
            state.apply(&event.unwrap());
        }
        state
    }
}

impl Drop for Detached {
    fn drop(&mut self) {
        let _ = kill_process(self.pid, Signal::KILL);
    }
}

/// An engine whose owner is this test.
struct Engine {
    child: Child,
    owned: Option<Owned>,
}

impl Engine {
    fn start(bench: &Bench) -> Self {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let mut command = command(bench, &["--owned"]);
        let child = command.stdout(OwnedFd::from(theirs)).stderr(Stdio::piped()).spawn().unwrap();
        Self { child, owned: Some(Owned::new(ours)) }
    }

    fn owned(&self) -> &Owned {
        self.owned.as_ref().unwrap()
    }

    /// Its exit code.
    fn end(&mut self) -> Option<i32> {
        until("the engine has ended", PATIENCE, || self.child.try_wait().unwrap().is_some());
        self.child.wait().unwrap().code()
    }

    fn errors(&mut self) -> String {
        let mut text = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut text).unwrap();
        text
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_run_that_is_let_go_works_on_and_its_command_returns_at_once() {
    let bench = bench(4);
    let began = Instant::now();
    let run = Detached::start(&bench);
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    assert!(run.told.contains(&format!("--state {}", bench.state.display())), "{}", run.told);
    assert!(run.is_alive());
    let about: serde_json::Value =
        serde_json::from_slice(&std::fs::read(run.folder.join("run.json")).unwrap()).unwrap();
    assert_eq!(about["pid"], run.pid.as_raw_nonzero().get());
    assert!(about["arguments"].as_array().unwrap().iter().all(|word| word != "--owned" && word != "--detach"));
    // Of what started it nothing is held: not its session, not its streams.
    for fd in 0..2 {
        let target = std::fs::read_link(format!("/proc/{}/fd/{fd}", run.pid.as_raw_nonzero())).unwrap();
        assert_eq!(target, Path::new("/dev/null"), "descriptor {fd}");
    }
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", run.pid.as_raw_nonzero())).unwrap();
    let session = stat.rsplit_once(')').unwrap().1.split_whitespace().nth(3).unwrap().to_owned();
    assert_eq!(session, run.pid.as_raw_nonzero().to_string());
    go(&bench);
    run.ended();
    assert_eq!(bench.outputs().len(), 4);
    assert_eq!(run.state().counts.done, 4);
    assert!(run.folder.join("summary.json").exists());
    bench.assert_clean();
}

#[test]
fn a_run_that_cannot_start_says_why_with_its_own_exit_code() {
    let bench = bench(2);
    let run = Detached::start(&bench);
    let second = command(&bench, &["--detach"]).output().unwrap();
    let told = String::from_utf8_lossy(&second.stderr).into_owned();
    assert_eq!(second.status.code(), Some(4), "{told}");
    assert!(told.starts_with("error: ") && told.matches("error: ").count() == 1, "{told}");
    assert!(second.stdout.is_empty());
    go(&bench);
    run.ended();

    let unknown = command(&bench, &["--detach", "--only", "nothing"]).output().unwrap();
    assert_eq!(unknown.status.code(), Some(2), "{}", String::from_utf8_lossy(&unknown.stderr));
    let json = command(&bench, &["--detach", "--format", "json"]).output().unwrap();
    assert_eq!(json.status.code(), Some(2), "{}", String::from_utf8_lossy(&json.stderr));
    let by_hand = command(&bench, &["--owned"]).output().unwrap();
    assert_eq!(by_hand.status.code(), Some(2), "{}", String::from_utf8_lossy(&by_hand.stderr));
}

#[test]
fn an_owner_reads_all_events_and_its_commands_are_obeyed() {
    let bench = bench(12);
    let mut engine = Engine::start(&bench);
    let mut state = RunState::default();
    let mut events = engine.owned().events().unwrap();
    let mut all = Vec::new();
    for event in &mut events {
        state.apply(&event);
        if matches!(event.kind, EventKind::AttemptStarted { .. }) && !bench.path("go").exists() {
            assert!(engine.owned().send(Command::CancelItem { item: 11 }));
            assert!(engine.owned().send(Command::SetJobs { jobs: 3 }));
            go(&bench);
        }
        all.push(event);
    }
    assert_eq!(engine.end(), Some(5), "{}", engine.errors());
    assert_eq!((state.counts.done, state.counts.cancelled, state.jobs), (11, 1, 3));
    assert!(matches!(all.last().unwrap().kind, EventKind::RunFinished { .. }));
    assert!(all == bench.journal().events, "the owner and the journal have the same events");
    assert_eq!(engine.errors(), "");
}

#[test]
fn a_run_whose_owner_dies_is_stopped_and_one_that_was_released_goes_on() {
    let bench = bench(4);
    let mut engine = Engine::start(&bench);
    let begun = |event: &mediamill::events::Event| matches!(event.kind, EventKind::AttemptStarted { .. });
    assert!(engine.owned().events().unwrap().any(|event| begun(&event)));
    engine.owned = None;
    assert_eq!(engine.end(), Some(129));
    let journal = bench.journal();
    let stopped = |kind: &EventKind| matches!(kind, EventKind::StopRequested { by, .. } if by == "SIGHUP");
    assert!(journal.kinds().any(stopped));
    bench.assert_clean();

    let mut engine = Engine::start(&bench);
    assert!(engine.owned().events().unwrap().any(|event| begun(&event)));
    assert!(engine.owned().release());
    engine.owned = None;
    go(&bench);
    assert_eq!(engine.end(), Some(0));
    assert_eq!(bench.outputs().len(), 4);
}

#[test]
fn an_owner_that_reads_nothing_holds_nothing_up() {
    let bench = bench(40);
    go(&bench);
    let mut engine = Engine::start(&bench);
    assert_eq!(engine.end(), Some(0));
    assert_eq!(bench.outputs().len(), 40);
}

#[test]
fn the_files_of_a_run_that_is_let_go_may_come_from_standard_input() {
    let bench = bench(3);
    go(&bench);
    let mut command = Process::new(mediamill());
    command.args(["run", "--detach", "--files-from", "-", "--state"]).arg(&bench.state).arg("-o").arg(&bench.out);
    command.arg(bench.path("pipeline.toml")).current_dir(bench.path("")).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let list = format!("{}\n{}\n", bench.path("in/000.txt").display(), bench.path("in/002.txt").display());
    child.stdin.take().unwrap().write_all(list.as_bytes()).unwrap();
    let ended = child.wait_with_output().unwrap();
    assert!(ended.status.success());
    until("both are done", PATIENCE, || bench.outputs().len() == 2);
}

#[test]
fn a_run_that_was_let_go_is_commanded_through_its_socket() {
    let bench = bench(6);
    let run = Detached::start(&bench);
    let mut remote = Remote::connect(&run.folder).unwrap();
    let comes = |what: &str, condition: &dyn Fn(&RunState) -> bool| until(what, PATIENCE, || condition(&run.state()));
    comes("two run", &|state| state.tasks.len() == 2);
    remote.send(&Command::SetJobs { jobs: 3 }).unwrap();
    comes("there are three jobs", &|state| state.jobs == 3 && state.tasks.len() == 3);
    remote.send(&Command::Pause).unwrap();
    comes("it is paused", &|state| matches!(state.phase, RunPhase::Paused(_)));
    remote.send(&Command::CancelItem { item: 0 }).unwrap();
    remote.send(&Command::SkipItem { item: 5 }).unwrap();
    comes("one was cancelled, and one is left out", &|state| {
        state.phase_of(0) == ItemPhase::Cancelled && state.phase_of(5) == ItemPhase::LeftOut
    });
    assert_eq!(run.state().tasks.len(), 2, "nothing is begun while it is paused");
    let looks = || {
        let looked = |kind: &&EventKind| matches!(kind, EventKind::MachineChecked { .. });
        bench.journal().kinds().filter(looked).count()
    };
    let before = looks();
    assert!(before > 0, "it is looked at when the run begins");
    remote.send(&Command::CheckHealth { dependency: None }).unwrap();
    until("the machine is looked at", PATIENCE, || looks() > before);
    remote.send(&Command::Resume).unwrap();
    comes("it works again", &|state| state.phase == RunPhase::Running && state.tasks.len() == 3);

    // What is no command is answered, and harms nothing.
    let folder = std::fs::File::open(&run.folder).unwrap();
    let path = format!("/proc/self/fd/{}/socket", std::os::fd::AsRawFd::as_raw_fd(&folder));
    let mut other = BufReader::new(UnixStream::connect(path).unwrap());
    let mut said = String::new();
    for garbage in ["stop\n", "{\"command\":\"stop\"}\n", "\0\u{1b}\n", "{\"command\":\"set_jobs\",\"jobs\":-1}\n"] {
        other.get_ref().write_all(garbage.as_bytes()).unwrap();
        said.clear();
        other.read_line(&mut said).unwrap();
        assert!(said.starts_with("{\"ok\":false,\"why\":\""), "{said}");
    }
    other.get_ref().write_all(b"{\"command\":\"retry_item\",\"item\":0}\n").unwrap();
    said.clear();
    other.read_line(&mut said).unwrap();
    assert_eq!(said, "{\"ok\":true}\n");

    assert!(is_running(&run.folder));
    remote.send(&Command::Stop { level: StopLevel::Cancel, by: "test".into() }).unwrap();
    run.ended();
    assert!(!is_running(&run.folder));
    assert!(!run.folder.join("socket").exists());
    assert!(remote.send(&Command::Pause).is_err());
    assert_eq!(run.state().phase, RunPhase::Finished(Some("test".into())));
    bench.assert_clean();
}

#[test]
fn a_killed_run_is_seen_to_be_none_and_the_next_one_works() {
    let bench = bench(2);
    let run = Detached::start(&bench);
    assert!(is_running(&run.folder));
    kill_process(run.pid, Signal::KILL).unwrap();
    until("it is seen", PATIENCE, || !is_running(&run.folder));
    go(&bench);
    let next = Detached::start(&bench);
    next.ended();
    assert_eq!(bench.outputs().len(), 2);
}

#[test]
fn sigterm_ends_a_run_that_was_let_go_in_order() {
    let bench = bench(4);
    let run = Detached::start(&bench);
    until("it works", PATIENCE, || !run.state().tasks.is_empty());
    kill_process(run.pid, Signal::TERM).unwrap();
    run.ended();
    assert_eq!(run.state().phase, RunPhase::Finished(Some("SIGTERM".into())));
    bench.assert_clean();
}

#[test]
fn a_tool_that_came_meanwhile_is_found_when_somebody_asks_and_used_by_the_next_run() {
    let bench = Bench::new(
        r#"
name = "slow"
[output]
dir = "out"
[health]
late = { required = false }
[[step]]
id = "work"
run = ["/bin/sh", "-c", "while ! [ -e BENCH/go ]; do sleep 0.02; done; cp \"$1\" \"$2\"", "sh", "{in}", "{out}"]
out = { text = "{item.name}" }
[[step]]
id = "late"
optional = true
tool = "late"
run = ["BENCH/late", "{in}", "{out}"]
out = { text = "{item.name}.late" }
"#,
    );
    bench.inputs(2);
    let run = Detached::start(&bench);
    let late = bench.path("late");
    std::fs::write(&late, "#!/bin/sh\ncp \"$1\" \"$2\"\n").unwrap();
    std::fs::set_permissions(&late, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    assert!(!run.state().dependencies["late"].available);
    let mut remote = Remote::connect(&run.folder).unwrap();
    remote.send(&Command::CheckHealth { dependency: Some("late".into()) }).unwrap();
    until("it is found", PATIENCE, || run.state().dependencies["late"].available);
    go(&bench);
    run.ended();
    assert!(bench.journal().warnings().contains(&"late is there now; the next run uses it"));
    assert_eq!(bench.outputs().len(), 2);
    command(&bench, &[]).output().unwrap();
    assert_eq!(bench.outputs().len(), 4);
}
