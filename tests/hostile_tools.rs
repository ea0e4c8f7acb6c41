//! Whatever a tool does, it ends as one clear fault within its limits, and costs nobody else anything: the batch's other
//! items are done, nothing that it started is alive, and the engine's memory does not grow.

mod support;

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use mediamill::events::EventKind;
use mediamill::resilience::checkpoint::ItemState;
use mediamill::resilience::{Fault, FaultClass};
use support::{Bench, Ended, Journal, PATIENCE, hostile_tool, is_root, skip, until};

/// The growth of the engine's memory that is allowed, in KiB, whatever a tool writes.
const GROWTH: u64 = 64 * 1024;

/// A pipeline in which the tool does `bad` to the item `bad.txt`, and copies the others.
fn pipeline(bad: &str, more: &str) -> String {
    // The tool's place in the list of arguments is the item's: `sh` picks the behaviour by the input's name.
    format!(
        r#"
name = "hostile"
[output]
dir = "out/{{item.stem}}"
[breakers.tool]
failure_threshold = 50
[[step]]
id = "work"
tool = "tool"
run = ["/bin/sh", "-c", "case $1 in */bad.txt) {bad};; *) exec TOOL copy \"$1\" \"$2\";; esac", "sh", "{{in}}", "{{out}}"]
out = {{ text = "made.txt" }}
retry = {{ max_retries = 1, base_delay = "20ms" }}
grace = "300ms"
{more}
"#
    )
}

struct Seen {
    bench: Bench,
    ended: Ended,
    journal: Journal,
}

/// Runs a batch of ten good files and `bad.txt`.
fn run(bad: &str, more: &str) -> Seen {
    let bench = Bench::new(&pipeline(bad, more));
    bench.inputs(10);
    bench.input("bad.txt", "the bad one\n");
    let ended = bench.run().end();
    let journal = bench.journal();
    Seen { bench, ended, journal }
}

impl Seen {
    /// The bad item failed with this, all others are done, and nothing is left of any of it.
    fn failed_with(&self, class: FaultClass, cause: &str) -> &Self {
        assert_eq!(self.ended.code(), Some(1), "{:?}", self.ended);
        let finished = self.journal.finished();
        assert_eq!(finished.len(), 11);
        for (name, (state, fault)) in &finished {
            if name == "bad.txt" {
                let fault = fault.as_ref();
                assert_eq!((*state, fault.map(|fault| fault.class)), (ItemState::Failed, Some(class)), "{fault:?}");
                assert_eq!(fault.map(|fault| fault.cause.as_str()), Some(cause), "{fault:?}");
                assert!(fault.is_some_and(|fault| fault.message.chars().count() < 600), "{fault:?}");
            } else {
                assert_eq!(*state, ItemState::Done, "{}: {fault:?}", name.display());
            }
        }
        assert_eq!(self.bench.outputs().len(), 10, "the good ones' outputs, and none of the bad one");
        self.leaves_nothing()
    }

    /// All items are done.
    fn all_done(&self) -> &Self {
        assert_eq!(self.ended.code(), Some(0), "{:?} {:?}", self.ended, self.faults());
        assert_eq!(self.bench.outputs().len(), 11);
        self.leaves_nothing()
    }

    fn leaves_nothing(&self) -> &Self {
        self.ended.mark.assert_gone(Duration::from_millis(500));
        self.bench.assert_clean();
        self
    }

    /// Attempts that failed.
    fn faults(&self) -> Vec<&Fault> {
        self.journal.faults()
    }

    fn faster_than(&self, limit: Duration) -> &Self {
        assert!(self.ended.took < limit, "it took {:?}", self.ended.took);
        self
    }
}

#[test]
fn one_that_hangs_is_ended_at_its_time_limit() {
    let seen = run("exec TOOL sleep 600000", "timeout = \"400ms\"");
    seen.failed_with(FaultClass::Transient, "timeout").faster_than(Duration::from_secs(6));
    assert_eq!(seen.faults().len(), 2, "it may pass, so it is tried again, as often as the pipeline says");
}

#[test]
fn one_that_hangs_and_ignores_sigterm_is_killed_after_its_grace() {
    let seen = run("exec TOOL ignore-term BENCH/pid", "timeout = \"400ms\"");
    seen.failed_with(FaultClass::Transient, "timeout").faster_than(Duration::from_secs(7));
}

#[test]
fn one_that_does_nothing_is_ended_at_its_idle_limit_and_one_that_works_is_not() {
    let seen = run("exec TOOL sleep 600000", "idle_timeout = \"400ms\"");
    seen.failed_with(FaultClass::Transient, "idle-timeout").faster_than(Duration::from_secs(7));
    // Busy without a word for longer than the limit: work, all the same.
    let busy = "end=$(( $(date +%s) + 2 )); while [ $(date +%s) -lt $end ]; do :; done; cp \\\"$1\\\" \\\"$2\\\"";
    run(busy, "idle_timeout = \"700ms\"").all_done();
}

#[test]
fn one_that_leaves_a_daemon_in_a_session_of_its_own_is_done_and_the_daemon_is_ended() {
    let seen = run("exec TOOL grandchild \\\"$1\\\" \\\"$2\\\" BENCH/daemon", "");
    seen.all_done().faster_than(Duration::from_secs(8));
    assert!(seen.bench.path("daemon").exists(), "the daemon never ran");
    let told = seen.journal.warnings().iter().any(|warning| warning.contains("left 1 processes behind"));
    assert!(told, "nobody was told: {:?}", seen.journal.warnings());
}

#[test]
fn one_that_starts_processes_without_end_is_ended_with_all_of_them() {
    let seen = run("exec TOOL forks 8 150", "timeout = \"300ms\"");
    seen.failed_with(FaultClass::Transient, "timeout").faster_than(Duration::from_secs(10));
}

#[test]
fn one_that_closes_its_pipes_and_lingers_is_still_waited_for_and_limited() {
    let seen = run("exec TOOL close-pipes 600000", "timeout = \"500ms\"");
    seen.failed_with(FaultClass::Transient, "timeout").faster_than(Duration::from_secs(7));
    run("TOOL close-pipes 300; exec TOOL copy \\\"$1\\\" \\\"$2\\\"", "").all_done();
}

#[test]
fn one_that_is_ended_by_a_signal_may_pass() {
    for signal in [9, 11, 15, 6] {
        let seen = run(&format!("exec TOOL half-then-die \\\"$1\\\" \\\"$2\\\" {signal}"), "");
        seen.failed_with(FaultClass::Transient, "signal");
        assert_eq!(seen.faults().len(), 2);
    }
    let seen = run("exec TOOL flaky BENCH/calls 1 \\\"$1\\\" \\\"$2\\\"", "");
    seen.all_done();
    assert_eq!(seen.faults().len(), 1, "the second attempt went well");
}

#[test]
fn one_that_stops_itself_is_ended_at_its_time_limit() {
    let seen = run("kill -STOP $$", "timeout = \"400ms\"");
    seen.failed_with(FaultClass::Transient, "timeout").faster_than(Duration::from_secs(7));
}

#[test]
fn one_that_kills_the_process_above_it_ends_itself_and_nobody_else() {
    // Once: the next attempt has a new host.
    let once = "if ! [ -e BENCH/killed ]; then : > BENCH/killed; kill -9 $PPID; sleep 600; fi; exec TOOL copy";
    let seen = run(&format!("{once} \\\"$1\\\" \\\"$2\\\""), "sandbox = false");
    seen.all_done();
    assert!(seen.faults().iter().all(|fault| fault.class == FaultClass::Transient), "{:?}", seen.faults());
    // Every time.
    let seen = run("kill -9 $PPID; sleep 600", "sandbox = false");
    seen.failed_with(FaultClass::Transient, "host-lost").faster_than(Duration::from_secs(7));
    // In the sandbox it reaches nobody but its own, where the kernel can hold it back: so not even a daemon gets away.
    let daemon = "setsid sleep 20 & kill -9 $PPID; exec TOOL copy";
    let seen = run(&format!("{daemon} \\\"$1\\\" \\\"$2\\\""), "");
    if seen.journal.faults().is_empty() {
        seen.all_done();
    }
}

#[test]
fn a_link_or_a_folder_or_a_pipe_in_the_place_of_an_output_is_none() {
    for made in ["ln -s /etc/passwd \\\"$2\\\"", "mkdir \\\"$2\\\"", "mkfifo \\\"$2\\\"", "ln -s nowhere \\\"$2\\\""] {
        let seen = run(made, "");
        assert_eq!(seen.ended.code(), Some(1), "{made}: {:?}", seen.ended);
        let fault = seen.faults().pop().cloned();
        assert_eq!(fault.map(|fault| fault.cause).as_deref(), Some("output-missing"), "{made}");
        assert_eq!(seen.bench.outputs().len(), 10, "{made}");
        seen.leaves_nothing();
    }
}

#[test]
fn success_without_the_promised_output_is_a_failure() {
    for (behaviour, cause) in [("nothing", "output-missing"), ("empty \\\"$2\\\"", "output-empty")] {
        let seen = run(&format!("exec TOOL {behaviour}"), "");
        // Nothing else is known of the tool than that it works for others: so it is the file.
        assert_eq!(seen.ended.code(), Some(1));
        let fault = seen.faults().pop().cloned();
        assert_eq!(fault.map(|fault| fault.cause), Some(cause.to_owned()));
        assert_eq!(seen.bench.outputs().len(), 10);
        seen.leaves_nothing();
    }
}

#[test]
fn sound_that_cannot_be_decoded_is_no_output() {
    let text = pipeline("exec TOOL garbage \\\"$2\\\"", "").replace("made.txt", "made.wav");
    let bench = Bench::new(&text.replace("exec TOOL copy \\\"$1\\\" \\\"$2\\\"", "cp BENCH/good.wav \\\"$2\\\""));
    std::fs::copy(support::fixture("speech-1.wav"), bench.path("good.wav")).unwrap_or_default();
    bench.inputs(4);
    bench.input("bad.txt", "x");
    bench.run().expect(1);
    let journal = bench.journal();
    let finished = journal.finished();
    let (state, fault) = &finished[std::ffi::OsStr::new("bad.txt")];
    assert_eq!(
        (*state, fault.as_ref().map(|fault| fault.cause.as_str())),
        (ItemState::Failed, Some("output-undecodable"))
    );
    assert_eq!(bench.outputs().len(), 4);
    bench.assert_clean();
}

#[test]
fn a_flood_of_two_gigabytes_is_drained_bounded_and_ended_at_its_limit() {
    // Without a word on it a tool may write a lot: all of it is drained, and little of it kept.
    let bench = Bench::new(&pipeline("exec TOOL flood 2147483648 \\\"$1\\\" \\\"$2\\\"", "max_output = \"4GB\""));
    bench.inputs(10);
    let quiet = bench.run().start();
    let before = peak_of(quiet);
    bench.input("bad.txt", "the bad one\n");
    let live = bench.run().start();
    let after = peak_of(live);
    assert!(after < before + GROWTH, "the engine held {before} KiB at most, and {after} KiB with a flood");
    assert_eq!(bench.journal().counts().map(|counts| counts.done), Some(1), "{:?}", bench.journal().faults());
    let mut logs = 0;
    support::files_below(&bench.journal().run.join("logs"), &mut |log| {
        logs += 1;
        let size = log.metadata().map_or(0, |metadata| metadata.len());
        assert!(size < 20 << 20, "the log has {size} bytes");
    });
    assert_eq!(logs, 1);

    let seen = run("exec TOOL flood 2147483648 \\\"$1\\\" \\\"$2\\\"", "max_output = \"8MB\"");
    seen.failed_with(FaultClass::Input, "output-flood").faster_than(Duration::from_secs(8));
}

/// Runs it to its end; the most memory that the engine and its hosts held, each by itself, in KiB.
fn peak_of(live: support::Live) -> u64 {
    let mut peak = 0;
    while !live.ends_within(Duration::from_millis(10)) {
        peak = peak.max(live.peak_memory().unwrap_or(0));
        for (pid, line) in live.mark.living() {
            if line.contains("__host") {
                let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
                let held = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or("0");
                peak = peak.max(held.trim().trim_end_matches(" kB").parse().unwrap_or(0));
            }
        }
    }
    assert_eq!(live.end().code(), Some(0));
    peak
}

#[test]
fn what_a_tool_says_cannot_steer_a_terminal() {
    let seen = run("printf '\\\\033]52;c;aGk=\\\\007\\\\033[2J\\\\r\\\\n evil \\\\302\\\\233 2J' >&2; exit 3", "");
    seen.leaves_nothing();
    let mut raw = Vec::new();
    support::files_below(&seen.journal.run, &mut |file| raw.extend(std::fs::read(file).unwrap_or_default()));
    raw.extend(seen.ended.stdout.as_bytes());
    raw.extend(seen.ended.stderr.as_bytes());
    assert!(raw.windows(4).any(|part| part == b"evil"), "what it said is nowhere");
    assert!(
        !raw.contains(&0x1b) && !raw.contains(&7),
        "an escape of the tool is in the log, the journal or the output"
    );
}

#[test]
fn one_that_writes_outside_of_its_scratch_is_held_back() {
    // Tools may write to the temporary folders and the caches: the repository itself may lie below one of them.
    let home = std::env::home_dir().unwrap_or_default();
    let shared = ["/tmp".into(), "/var/tmp".into(), "/dev".into(), home.join(".cache")];
    let places = [env!("CARGO_TARGET_TMPDIR").into(), home, "/var/lib".into(), "/srv".into(), "/opt".into()];
    let outside = places
        .iter()
        .filter(|place: &&PathBuf| !shared.iter().any(|shared: &PathBuf| place.starts_with(shared)))
        .find_map(|place| tempfile::Builder::new().prefix("outside").tempdir_in(place).ok());
    let Some(outside) = outside else {
        return skip("no folder outside of the temporary ones");
    };
    let target = outside.path().join("file");
    let seen = run(&format!("exec TOOL outside {} \\\"$1\\\" \\\"$2\\\"", target.display()), "");
    seen.all_done();
    if std::fs::read_to_string("/sys/kernel/security/lsm").is_ok_and(|lsm| !lsm.contains("landlock")) {
        return skip("the kernel has no landlock");
    }
    assert!(!target.exists(), "the tool wrote {}", target.display());
}

#[test]
fn one_whose_program_is_replaced_while_it_runs_ends_as_it_began() {
    let bench = Bench::new(
        r#"
name = "replaced"
[output]
dir = "out"
[[step]]
id = "work"
run = ["BENCH/tool", "copy", "{in}", "{out}", "30"]
out = { text = "{item.name}" }
"#,
    );
    assert!(std::fs::copy(hostile_tool(), bench.path("tool")).is_ok());
    bench.inputs(30);
    let live = bench.run().start();
    until("something is done", PATIENCE, || bench.outputs().len() > 2);
    // As a package manager does it: a new file takes the name.
    assert!(std::fs::copy(hostile_tool(), bench.path("tool.new")).is_ok());
    assert!(std::fs::rename(bench.path("tool.new"), bench.path("tool")).is_ok());
    let ended = live.end();
    assert_eq!(ended.code(), Some(0), "{ended:?}");
    assert_eq!(bench.outputs().len(), 30);
    assert_eq!(bench.journal().faults().len(), 0);
}

#[test]
fn one_whose_program_vanishes_while_it_runs_parks_the_rest_until_it_is_back() {
    let bench = Bench::new(
        r#"
name = "vanished"
give_up_after = 1
[output]
dir = "out"
[retry]
max_retries = 1
base_delay = "10ms"
[breakers.tool]
failure_threshold = 3
recovery_timeout = "150ms"
[[step]]
id = "work"
run = ["BENCH/tool", "copy", "{in}", "{out}", "20"]
out = { text = "{item.name}" }
"#,
    );
    assert!(std::fs::copy(hostile_tool(), bench.path("tool")).is_ok());
    bench.inputs(60);
    let live = bench.run().start();
    until("something is done", PATIENCE, || bench.outputs().len() > 2);
    assert!(std::fs::rename(bench.path("tool"), bench.path("away")).is_ok());
    let ended = live.end();
    assert_eq!(ended.code(), Some(5), "{ended:?}");
    let journal = bench.journal();
    let counts = journal.counts().unwrap_or_default();
    assert_eq!((counts.failed, counts.done + counts.parked), (0, 60), "{counts:?}");
    assert!(counts.parked > 0);
    assert!(journal.faults().iter().all(|fault| fault.class == FaultClass::Dependency), "{:?}", journal.faults());
    assert!(journal.faults().len() <= 6, "{} calls of a tool that is gone", journal.faults().len());

    bench.run().expect(3);
    assert!(std::fs::rename(bench.path("away"), bench.path("tool")).is_ok());
    let done = bench.outputs().len() as u32;
    bench.run().expect(0);
    let counts = bench.journal().counts().unwrap_or_default();
    assert_eq!((counts.up_to_date, counts.done), (done, 60 - done));
}

#[test]
fn one_that_is_no_program_is_told_as_such() {
    let bench = Bench::new(
        r#"
name = "noprogram"
[output]
dir = "out"
[[step]]
id = "work"
run = ["BENCH/tool", "{in}", "{out}"]
out = { text = "{item.name}" }
retry = { max_retries = 0 }
"#,
    );
    bench.inputs(3);
    std::fs::write(bench.path("tool"), b"\x7fELF and then nothing that makes sense").unwrap_or_default();
    let ended = bench.run().end();
    assert_eq!(ended.code(), Some(3), "not executable: {ended:?}");
    assert!(std::fs::set_permissions(bench.path("tool"), PermissionsExt::from_mode(0o755)).is_ok());
    let ended = bench.run().end();
    assert!(matches!(ended.code(), Some(3 | 5)), "broken: {ended:?}");
    ended.mark.assert_gone(Duration::from_millis(500));
    bench.assert_clean();
}

/// A file system of its own with little room, unmounted when it is dropped.
struct SmallDisk(std::path::PathBuf);

impl SmallDisk {
    fn mount(bench: &Bench, options: &str) -> Option<Self> {
        let at = bench.path("disk");
        std::fs::create_dir(&at).ok()?;
        let mut mount = std::process::Command::new("mount");
        let mounted = mount.args(["-t", "tmpfs", "-o", options, "tmpfs"]).arg(&at).output();
        let ok = is_root() && mounted.is_ok_and(|output| output.status.success());
        ok.then_some(Self(at))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = std::process::Command::new("umount").arg("-l").arg(&self.0).output();
    }
}

/// The pipeline's outputs and state are on a disk of 16 MB.
fn on_small_disk(text: &str, options: &str) -> Option<(Bench, SmallDisk)> {
    let mut bench = Bench::new(text);
    let Some(disk) = SmallDisk::mount(&bench, options) else {
        skip("a tmpfs cannot be mounted");
        return None;
    };
    bench.state = disk.0.join("state");
    bench.out = disk.0.join("out");
    Some((bench, disk))
}

const FILLING: &str = r#"
name = "filling"
[output]
dir = "out/{item.stem}"
[[step]]
id = "work"
run = ["TOOL", "copy", "{in}", "{out}"]
out = { text = "made.txt" }
retry = { max_retries = 0 }
[[step]]
id = "again"
uses = "file.copy"
in = "{work.text}"
out = { copy = "again.txt" }
"#;

#[test]
fn a_disk_that_fills_up_pauses_the_run_until_there_is_room() {
    let Some((bench, disk)) = on_small_disk(FILLING, "size=16m") else { return };
    for n in 0..40 {
        bench.input(format!("{n:02}.txt"), vec![b'a' + (n % 26) as u8; 100_000]);
    }
    // Something else takes nearly all of the room.
    let hog = disk.0.join("hog");
    std::fs::write(&hog, vec![1; 12 << 20]).unwrap_or_default();
    let live = bench.run().start();
    let pid = live.pid();
    let paused = |bench: &Bench| bench.journal().kinds().any(|kind| matches!(kind, EventKind::RunPaused { .. }));
    until("the run pauses and says so", PATIENCE, || !bench.journals().is_empty() && paused(&bench));
    // For a while it only looks: no new task, no failure.
    assert!(!live.ends_within(Duration::from_millis(300)), "it ended on a full disk");
    for (_, (state, fault)) in bench.journal().finished() {
        assert_eq!(state, ItemState::Done, "{fault:?}");
    }
    assert!(std::fs::remove_file(&hog).is_ok());
    assert!(live.ends_within(PATIENCE), "process {pid:?} does not go on");
    let ended = live.end();
    assert_eq!(ended.code(), Some(0), "{ended:?}");
    let counts = bench.journal().counts();
    assert_eq!(counts.map(|counts| counts.done), Some(40), "{:?}", bench.journal().faults());
    assert!(bench.journal().kinds().any(|kind| matches!(kind, EventKind::RunResumed { .. })));
    assert_eq!(bench.outputs().len(), 80);
    assert!(bench.outputs().values().all(|content| content.len() >= 100_000), "half a file was put in place");
    ended.mark.assert_gone(Duration::from_millis(500));
    bench.assert_clean();
    bench.run().expect(0);
}

#[test]
fn the_journal_of_a_run_that_met_a_full_disk_is_whole() {
    let Some((bench, disk)) = on_small_disk(FILLING, "size=16m") else { return };
    // Many small items, so that the journal itself needs room while there is none.
    for n in 0..250 {
        bench.input(format!("{n:03}.txt"), "small");
    }
    let hog = disk.0.join("hog");
    let room = 600_000;
    std::fs::write(&hog, vec![1; (16 << 20) - room]).unwrap_or_default();
    let live = bench.run().start();
    let paused = |bench: &Bench| bench.journal().kinds().any(|kind| matches!(kind, EventKind::RunPaused { .. }));
    let _ = live.ends_within(Duration::from_secs(2));
    assert!(std::fs::remove_file(&hog).is_ok());
    let ended = live.end();
    assert_eq!(ended.code(), Some(0), "{ended:?}");
    let journal = bench.journal();
    assert!(paused(&bench), "the disk was never full: this shows nothing");
    let warnings = journal.warnings().iter().filter(|warning| warning.contains("journal")).count();
    assert!(warnings < 5, "it is told {warnings} times");
    assert_eq!(journal.counts().map(|counts| counts.done), Some(250), "the journal does not tell how the run ended");
    for (place, event) in journal.events.iter().enumerate() {
        assert_eq!(event.seq, place as u64, "an event is missing");
    }
}

#[test]
fn a_task_that_fills_the_disk_by_itself_fails_as_the_machines_fault_and_others_go_on() {
    let text = pipeline("exec TOOL fill-disk \\\"$2\\\"", "");
    let Some((bench, _disk)) = on_small_disk(&text, "size=16m") else { return };
    bench.inputs(10);
    bench.input("bad.txt", "fills the disk");
    let ended = bench.run().end();
    let journal = bench.journal();
    let finished = journal.finished();
    let (state, fault) = &finished[std::ffi::OsStr::new("bad.txt")];
    let fault = fault.as_ref();
    assert_eq!(
        (*state, fault.map(|fault| fault.class)),
        (ItemState::Failed, Some(FaultClass::Environment)),
        "{fault:?}"
    );
    assert_eq!(fault.map(|fault| fault.cause.as_str()), Some("disk-full"));
    assert_eq!(ended.code(), Some(1), "{ended:?}");
    assert_eq!(journal.counts().map(|counts| counts.done), Some(10), "{:?}", journal.finished());
    assert_eq!(bench.outputs().len(), 10);
    ended.mark.assert_gone(Duration::from_millis(500));
    bench.assert_clean();
}

#[test]
fn a_disk_without_inodes_pauses_the_run_too() {
    let Some((bench, disk)) = on_small_disk(FILLING, "size=16m,nr_inodes=120") else { return };
    for n in 0..40 {
        bench.input(format!("{n:02}.txt"), "small");
    }
    for n in 0..80 {
        std::fs::write(disk.0.join(format!("hog{n}")), "").unwrap_or_default();
    }
    let live = bench.run().start();
    let paused = |bench: &Bench| bench.journal().kinds().any(|kind| matches!(kind, EventKind::RunPaused { .. }));
    until("the run pauses and says so", PATIENCE, || !bench.journals().is_empty() && paused(&bench));
    // 40 folders, 80 outputs, 40 checkpoints: more than there can ever be.
    let mounted = std::process::Command::new("mount").args(["-o", "remount,nr_inodes=5000"]).arg(&disk.0).status();
    assert!(mounted.is_ok_and(|status| status.success()));
    let ended = live.end();
    assert_eq!(ended.code(), Some(0), "{ended:?} {:?}", bench.journal().faults());
    assert_eq!(bench.outputs().len(), 80);
    bench.assert_clean();
}

#[test]
fn outputs_on_another_file_system_than_the_state_appear_whole_too() {
    let mut bench = Bench::new(FILLING);
    let Some(disk) = SmallDisk::mount(&bench, "size=64m") else { return skip("a tmpfs cannot be mounted") };
    bench.out = disk.0.join("out");
    bench.inputs(20);
    bench.run().expect(0);
    assert_eq!(bench.outputs().len(), 40);
    bench.assert_clean();
    let device = |path: &std::path::Path| path.metadata().map(|metadata| metadata.dev()).ok();
    assert_ne!(device(&bench.out), device(&bench.state), "this shows nothing");
    let began = Instant::now();
    bench.run().expect(0);
    assert!(began.elapsed() < PATIENCE);
}
