//! What the tests of the whole program share: a folder with a pipeline and inputs, runs of the real binary, and ways to
//! look at what they left. Nothing here waits for a fixed time: everything waits for a condition, up to a deadline.
#![allow(dead_code, reason = "each test file uses some of it")]
#![allow(clippy::unwrap_used, reason = "a test whose step fails where it must not has failed")]

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use mediamill::events::{Counts, Event, EventKind};
use mediamill::resilience::Fault;
use mediamill::resilience::checkpoint::{Checkpoint, ItemState};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open};

/// The longest that anything may take that has no limit of its own: far above what is needed on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(60);
/// Carried by every process that a run starts, so that it is found wherever it went.
pub const MARK: &str = "MEDIAMILL_TEST_MARK";

/// The program under test.
pub fn mediamill() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_mediamill"))
}

/// The tool that behaves badly on purpose. `cargo test` builds it; `cargo test --test NAME` does not, so this does.
pub fn hostile_tool() -> &'static Path {
    static TOOL: OnceLock<PathBuf> = OnceLock::new();
    TOOL.get_or_init(|| {
        let tool = mediamill().with_file_name("examples").join("hostile_tool");
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/hostile_tool.rs");
        let time = |path: &Path| path.metadata().and_then(|metadata| metadata.modified()).ok();
        if time(&tool).is_none() || time(&tool) < time(&source) {
            let mut build = Command::new(env!("CARGO"));
            build.args(["build", "--quiet", "--example", "hostile_tool"]).current_dir(env!("CARGO_MANIFEST_DIR"));
            if !cfg!(debug_assertions) {
                build.arg("--release");
            }
            assert!(build.status().unwrap().success(), "examples/hostile_tool.rs does not build");
        }
        tool
    })
}

/// A real sound or picture.
pub fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/media").join(name)
}

/// Says that a test did not run, and why. On the machine that decides, nothing may be skipped.
#[expect(clippy::print_stderr, reason = "a skipped test must be seen")]
pub fn skip(why: &str) {
    eprintln!("skipped: {why}");
    assert!(std::env::var_os("CI").is_none(), "skipped under CI: {why}");
}

/// Whether `program` can be found.
pub fn installed(program: &str) -> bool {
    which::which(program).is_ok()
}

/// Whether this is root, who may mount.
pub fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Waits until `condition` holds.
pub fn until(what: &str, limit: Duration, mut condition: impl FnMut() -> bool) {
    let end = Instant::now() + limit;
    while !condition() {
        assert!(Instant::now() < end, "after {limit:?}: still not so that {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// A small generator of chance, the same on every machine.
pub struct Chance(pub u64);

impl Chance {
    /// The next number, below `below`.
    pub fn below(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % below.max(1)
    }
}

/// A folder with all that a run needs: `pipeline.toml`, `in/`, `out/`, `state/`.
pub struct Bench {
    folder: tempfile::TempDir,
    /// Where the state is, if not in `state/`.
    pub state: PathBuf,
    /// Where the outputs go, if not into `out/`.
    pub out: PathBuf,
    /// A file system that is unmounted with the bench.
    pub unmount: Option<PathBuf>,
}

impl Drop for Bench {
    fn drop(&mut self) {
        if let Some(disk) = &self.unmount {
            let _ = Command::new("umount").arg("-l").arg(disk).output();
        }
    }
}

impl Bench {
    /// With this pipeline. `TOOL` in it stands for the path of the hostile tool, `BENCH` for the folder.
    pub fn new(pipeline: &str) -> Self {
        let folder = tempfile::Builder::new().prefix("mill").tempdir().unwrap();
        std::fs::create_dir(folder.path().join("in")).unwrap();
        let (state, out) = (folder.path().join("state"), folder.path().join("out"));
        let bench = Self { state, out, unmount: None, folder };
        bench.pipeline(pipeline);
        bench
    }

    /// Replaces the pipeline.
    pub fn pipeline(&self, text: &str) {
        let text = text.replace("TOOL", hostile_tool().to_str().unwrap());
        let text = text.replace("BENCH", self.path("").to_str().unwrap().trim_end_matches('/'));
        std::fs::write(self.path("pipeline.toml"), text).unwrap();
    }

    /// The path of `name` in the folder.
    pub fn path(&self, name: impl AsRef<OsStr>) -> PathBuf {
        self.folder.path().join(name.as_ref())
    }

    /// Makes an input.
    pub fn input(&self, name: impl AsRef<OsStr>, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path("in").join(name.as_ref());
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, content).unwrap();
        path
    }

    /// Makes `count` small inputs, `000.txt` and on; gives them.
    pub fn inputs(&self, count: usize) -> Vec<PathBuf> {
        (0..count).map(|n| self.input(format!("{n:03}.txt"), format!("content of {n}\n"))).collect()
    }

    /// A run over all of `in/`.
    pub fn run(&self) -> Run<'_> {
        let inputs = vec![self.path("in").into()];
        Run { bench: self, args: Vec::new(), inputs, jobs: Some(2), env: Vec::new() }
    }

    /// The folder of the pipeline in the state.
    pub fn state_dir(&self) -> PathBuf {
        let named = std::fs::read_to_string(self.path("pipeline.toml")).unwrap();
        let name = named.lines().find_map(|line| line.strip_prefix("name = \"")).unwrap();
        self.state.join(name.trim_end_matches('"'))
    }

    /// The journals of all runs, in their order. A torn last line is left out.
    pub fn journals(&self) -> Vec<Journal> {
        let mut found: Vec<Journal> = std::fs::read_dir(self.state_dir().join("runs"))
            .into_iter()
            .flatten()
            .flatten()
            .filter_map(|run| {
                let journal = run.path().join("journal.jsonl");
                let events = mediamill::events::journal::read(&journal).ok()?;
                let events: Vec<Event> = events.collect::<Result<_, _>>().unwrap();
                let run = run.path();
                Some(Journal { events, run })
            })
            .collect();
        found.sort_by_key(|journal| journal.events.first().map_or(u64::MAX, |event| event.at));
        found
    }

    /// The journal of the last run.
    pub fn journal(&self) -> Journal {
        self.journals().pop().unwrap()
    }

    /// The checkpoints, by the input's name.
    pub fn checkpoints(&self) -> BTreeMap<OsString, Checkpoint> {
        let mut found = BTreeMap::new();
        for entry in std::fs::read_dir(self.state_dir().join("items")).into_iter().flatten().flatten() {
            let hidden = entry.file_name().as_bytes().starts_with(b".");
            if hidden || entry.path().extension() != Some(OsStr::new("json")) {
                continue;
            }
            let json = std::fs::read(entry.path()).unwrap();
            let checkpoint: Checkpoint =
                serde_json::from_slice(&json).unwrap_or_else(|error| panic!("{}: {error}", entry.path().display()));
            let name = checkpoint.source.path.as_path().file_name().unwrap_or_default().to_os_string();
            found.insert(name, checkpoint);
        }
        found
    }

    /// The file of the checkpoint of the input called `name`.
    pub fn checkpoint_file(&self, name: impl AsRef<OsStr>) -> PathBuf {
        let checkpoint = &self.checkpoints()[name.as_ref()];
        self.state_dir().join("items").join(format!("{}.json", checkpoint.item_id))
    }

    /// All files below `out/`, with their content.
    pub fn outputs(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut found = BTreeMap::new();
        files_below(&self.out, &mut |path| {
            found.insert(path.strip_prefix(&self.out).unwrap().to_path_buf(), std::fs::read(path).unwrap());
        });
        found
    }

    /// Fails where a run left anything that it should have taken away.
    pub fn assert_clean(&self) {
        let scratch = self.state_dir().join("scratch");
        let left: Vec<_> = std::fs::read_dir(&scratch).into_iter().flatten().flatten().map(|e| e.path()).collect();
        assert!(left.is_empty(), "scratch is left behind: {left:?}");
        let mut hidden = Vec::new();
        for root in [self.out.clone(), self.state_dir().join("items")] {
            files_below(&root, &mut |path| {
                let ours = path.components().any(|part| part.as_os_str().as_bytes().starts_with(b".mediamill"));
                let part = path.file_name().unwrap().as_bytes();
                if ours || (part.starts_with(b".") && part.ends_with(b".tmp")) || part == b".probe" {
                    hidden.push(path.to_path_buf());
                }
            });
        }
        assert!(hidden.is_empty(), "temporary files are left behind: {hidden:?}");
    }
}

/// Calls `with` for each file below `folder`; what vanishes meanwhile is not there.
pub fn files_below(folder: &Path, with: &mut dyn FnMut(&Path)) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => files_below(&entry.path(), with),
            Ok(_) => with(&entry.path()),
            Err(_) => {}
        }
    }
}

/// The events of one run.
pub struct Journal {
    pub events: Vec<Event>,
    pub run: PathBuf,
}

impl Journal {
    /// Every event's kind.
    pub fn kinds(&self) -> impl Iterator<Item = &EventKind> {
        self.events.iter().map(|event| &event.kind)
    }

    /// The names of the inputs, by place.
    pub fn names(&self) -> Vec<OsString> {
        let listed = self.kinds().filter_map(|kind| match kind {
            EventKind::ItemsListed { paths, .. } => Some(paths),
            _ => None,
        });
        listed.flatten().map(|path| path.as_path().file_name().unwrap_or_default().to_os_string()).collect()
    }

    /// The steps' ids.
    pub fn steps(&self) -> Vec<String> {
        let steps = self.kinds().find_map(|kind| match kind {
            EventKind::RunStarted { steps, .. } => Some(steps.clone()),
            _ => None,
        });
        steps.unwrap_or_default()
    }

    /// The tasks of which an attempt began: by the input's name and the step's id.
    pub fn begun(&self) -> BTreeSet<(OsString, String)> {
        self.tasks(|kind| match kind {
            EventKind::AttemptStarted { item, step, .. } => Some((*item, *step)),
            _ => None,
        })
    }

    /// The tasks that were done.
    pub fn done(&self) -> BTreeSet<(OsString, String)> {
        self.tasks(|kind| match kind {
            EventKind::TaskDone { item, step, .. } => Some((*item, *step)),
            _ => None,
        })
    }

    fn tasks(&self, of: impl Fn(&EventKind) -> Option<(u32, u32)>) -> BTreeSet<(OsString, String)> {
        let (names, steps) = (self.names(), self.steps());
        let named = |(item, step): (u32, u32)| (names[item as usize].clone(), steps[step as usize].clone());
        self.kinds().filter_map(of).map(named).collect()
    }

    /// How items ended, with their fault, by the input's name.
    pub fn finished(&self) -> BTreeMap<OsString, (ItemState, Option<Fault>)> {
        let names = self.names();
        let ends = self.kinds().filter_map(|kind| match kind {
            EventKind::ItemFinished { item, state, fault, .. } => {
                Some((names[*item as usize].clone(), (*state, fault.clone())))
            }
            _ => None,
        });
        ends.collect()
    }

    /// The faults of attempts.
    pub fn faults(&self) -> Vec<&Fault> {
        let faults = self.kinds().filter_map(|kind| match kind {
            EventKind::AttemptFailed { fault, .. } => Some(fault),
            _ => None,
        });
        faults.collect()
    }

    /// The warnings.
    pub fn warnings(&self) -> Vec<&str> {
        let warnings = self.kinds().filter_map(|kind| match kind {
            EventKind::Warning { message, .. } => Some(message.as_str()),
            _ => None,
        });
        warnings.collect()
    }

    /// What came of the batch; nothing of a run that was killed.
    pub fn counts(&self) -> Option<Counts> {
        self.kinds().find_map(|kind| match kind {
            EventKind::RunFinished { counts, .. } => Some(*counts),
            _ => None,
        })
    }

    /// Whether any breaker ever left CLOSED.
    pub fn breaker_changes(&self) -> Vec<&EventKind> {
        self.kinds().filter(|kind| matches!(kind, EventKind::BreakerChanged { .. })).collect()
    }
}

/// A run that is to be started.
pub struct Run<'a> {
    bench: &'a Bench,
    args: Vec<OsString>,
    inputs: Vec<OsString>,
    jobs: Option<u32>,
    env: Vec<(OsString, OsString)>,
}

impl Run<'_> {
    /// With one more argument.
    #[must_use]
    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.args.push(arg.as_ref().into());
        self
    }

    /// With more arguments.
    #[must_use]
    pub fn args<I: IntoIterator<Item: AsRef<OsStr>>>(mut self, args: I) -> Self {
        self.args.extend(args.into_iter().map(|arg| arg.as_ref().into()));
        self
    }

    /// Over these files, in place of all in `in/`.
    #[must_use]
    pub fn over<I: IntoIterator<Item: AsRef<OsStr>>>(mut self, inputs: I) -> Self {
        self.inputs = inputs.into_iter().map(|input| input.as_ref().into()).collect();
        self
    }

    /// With so many tasks at once.
    #[must_use]
    pub fn jobs(mut self, jobs: u32) -> Self {
        self.jobs = Some(jobs);
        self
    }

    /// With a variable in its environment.
    #[must_use]
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.env.push((name.as_ref().into(), value.as_ref().into()));
        self
    }

    /// Starts it.
    pub fn start(self) -> Live {
        static RUNS: AtomicU32 = AtomicU32::new(0);
        let number = RUNS.fetch_add(1, Ordering::Relaxed);
        let mark = format!("{}-{}-{number}", self.bench.path("").display(), std::process::id());
        let stream = |name: &str| {
            let path = self.bench.path(format!("{name}.{number}"));
            (Stdio::from(std::fs::File::create(&path).unwrap()), path)
        };
        let ((stdout, stdout_path), (stderr, stderr_path)) = (stream("stdout"), stream("stderr"));
        let mut command = Command::new(mediamill());
        command
            .arg("run")
            .args(&self.args)
            .arg("--state")
            .arg(&self.bench.state)
            .arg("-o")
            .arg(&self.bench.out)
            .arg("--no-tui")
            .args(self.jobs.map(|jobs| format!("-j{jobs}")))
            .arg("--")
            .arg(self.bench.path("pipeline.toml"))
            .args(&self.inputs)
            .current_dir(self.bench.path(""))
            .envs(self.env)
            .env(MARK, &mark)
            .stdin(Stdio::null())
            .stdout(stdout)
            .stderr(stderr);
        let started = Instant::now();
        Live { child: command.spawn().unwrap(), mark: Mark(mark), started, stdout_path, stderr_path }
    }

    /// Runs it to its end.
    pub fn end(self) -> Ended {
        self.start().end()
    }

    /// Runs it to its end, which must be this exit code.
    pub fn expect(self, code: i32) -> Ended {
        let ended = self.end();
        assert_eq!(ended.code(), Some(code), "{ended:?}");
        ended
    }
}

/// A run that is under way. Killed when it is dropped.
pub struct Live {
    child: Child,
    pub mark: Mark,
    started: Instant,
    stdout_path: PathBuf,
    stderr_path: PathBuf,
}

impl Live {
    /// Its process.
    pub fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).unwrap();
    }

    /// Waits for its end, but no longer than `limit`. `true`: it has ended.
    pub fn ends_within(&self, limit: Duration) -> bool {
        let pidfd = pidfd_open(self.pid(), PidfdFlags::empty()).unwrap();
        let end = Instant::now() + limit;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let timeout =
                rustix::event::Timespec { tv_sec: left.as_secs() as i64, tv_nsec: left.subsec_nanos().into() };
            match poll(&mut [PollFd::new(&pidfd, PollFlags::IN)], Some(&timeout)) {
                Ok(ready) => return ready > 0,
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => panic!("poll: {error}"),
            }
        }
    }

    /// Kills it, and gives what it left.
    pub fn kill(self) -> Ended {
        let _ = kill_process(self.pid(), Signal::KILL);
        self.end()
    }

    /// Waits for its end.
    pub fn end(self) -> Ended {
        self.end_within(PATIENCE)
    }

    /// Waits for its end, which must come within `limit`.
    pub fn end_within(mut self, limit: Duration) -> Ended {
        if !self.ends_within(limit) {
            let text = std::fs::read_to_string(&self.stderr_path).unwrap_or_default();
            let alive: Vec<String> =
                self.mark.living().into_iter().map(|(pid, what)| format!("{pid}: {what}")).collect();
            panic!("the run did not end within {limit:?}\n{text}\nalive: {alive:#?}");
        }
        let status = self.child.wait().unwrap();
        let read = |path: &Path| String::from_utf8_lossy(&std::fs::read(path).unwrap_or_default()).into_owned();
        let (stdout, stderr) = (read(&self.stdout_path), read(&self.stderr_path));
        Ended { status, took: self.started.elapsed(), mark: Mark(self.mark.0.clone()), stdout, stderr }
    }

    /// The most memory that the engine has held at once, in KiB.
    pub fn peak_memory(&self) -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid().as_raw_nonzero())).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
        line.trim().trim_end_matches(" kB").parse().ok()
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A run that has ended.
#[derive(Debug)]
pub struct Ended {
    pub status: ExitStatus,
    pub took: Duration,
    pub mark: Mark,
    pub stdout: String,
    pub stderr: String,
}

impl Ended {
    /// Its exit code.
    pub fn code(&self) -> Option<i32> {
        self.status.code()
    }

    /// The signal that ended it.
    pub fn signal(&self) -> Option<i32> {
        self.status.signal()
    }
}

/// What tells the processes of one run from all others.
#[derive(Debug, Clone)]
pub struct Mark(pub String);

impl Mark {
    /// Its living processes: id and command line.
    pub fn living(&self) -> Vec<(i32, String)> {
        let wanted = format!("{MARK}={}", self.0);
        let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
        entries
            .filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok())
            .filter_map(|pid| {
                let environ = std::fs::read(format!("/proc/{pid}/environ")).ok()?;
                environ.split(|byte| *byte == 0).any(|variable| variable == wanted.as_bytes()).then_some(pid)
            })
            .map(|pid| {
                let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
                (pid, String::from_utf8_lossy(&line).replace('\0', " "))
            })
            .collect()
    }

    /// Fails where one of them is alive after `limit`.
    pub fn assert_gone(&self, limit: Duration) {
        let end = Instant::now() + limit;
        loop {
            let living = self.living();
            if living.is_empty() {
                return;
            }
            assert!(Instant::now() < end, "alive {limit:?} after the end: {living:?}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}
