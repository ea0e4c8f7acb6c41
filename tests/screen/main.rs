//! The screen as a person has it: the real program in a real terminal, over real media and with real tools.
//!
//! The terminal answers no question. Each test asserts what is to be seen on it, and that it is whole afterwards.

#![expect(clippy::unwrap_used, reason = "a test may")]

#[path = "../pty/mod.rs"]
mod pty;
#[path = "../support/mod.rs"]
mod support;

mod batch;
mod hardship;
mod hostile;
mod leave;
mod looks;
mod places;
mod replay;
mod signals;
mod sizes;
mod suspend;
mod watch;

use std::ops::{Deref, DerefMut};
use std::path::Path;
use std::time::Duration;

use mediamill::events::{EventKind, RunState};
use portable_pty::CommandBuilder;
use pty::Session;
use rustix::process::{Pid, Signal, kill_process};
use support::{Bench, MARK, Mark, PATIENCE, fixture, mediamill, until};

/// Every sound becomes a short one.
const FFMPEG: &str = r#"
name = "sounds"
[output]
dir = "out"
[retry]
max_retries = 1
base_delay = "10ms"
[[step]]
id = "convert"
run = ["ffmpeg", "-nostdin", "-v", "info", "-y", "-i", "{in}", "-t", "0.2", "{out}"]
out = { sound = "{item.stem}.wav" }
[[step]]
id = "hash"
uses = "file.hash"
in = "{convert.sound}"
"#;

/// Each file waits for `BENCH/go`, or for `BENCH/go-` with its own name, and is copied.
const GATED: &str = r#"
name = "gated"
[output]
dir = "out"
[[step]]
id = "work"
run = ["/bin/sh", "-c", "while ! [ -e BENCH/go ] && ! [ -e \"BENCH/go-$0\" ]; do sleep 0.02; done; cp \"$1\" \"$2\"", "{item.name}", "{in}", "{out}"]
out = { text = "{item.name}" }
grace = "1s"
"#;

/// A bench whose files wait until they may be copied.
fn gated(files: usize) -> Bench {
    let bench = Bench::new(GATED);
    bench.inputs(files);
    bench
}

/// A bench with real sounds.
fn sounds(names: &[&str]) -> Bench {
    let bench = Bench::new(FFMPEG);
    for name in names {
        let sound = std::fs::read(fixture(name)).unwrap();
        bench.input(name, sound);
    }
    bench
}

/// Lets the files of a gated bench go: all, or the one of this name.
fn go(bench: &Bench, name: &str) {
    let gate = if name.is_empty() { "go".to_owned() } else { format!("go-{name}") };
    std::fs::write(bench.path(gate), "").unwrap();
}

/// What is to be run in a terminal.
struct Command<'a> {
    bench: &'a Bench,
    words: Vec<String>,
    env: Vec<(String, String)>,
    size: (u16, u16),
    shell: Option<String>,
}

/// `mediamill run` over the bench.
fn run(bench: &Bench) -> Command<'_> {
    let text = |path: &Path| path.to_str().unwrap().to_owned();
    let mut words: Vec<String> = ["run", "-j2", "--state"].map(str::to_owned).to_vec();
    words.extend([text(&bench.state), "-o".into(), text(&bench.out)]);
    words.extend([text(&bench.path("pipeline.toml")), text(&bench.path("in"))]);
    Command { bench, words, env: Vec::new(), size: (100, 30), shell: None }
}

/// `mediamill watch` of the bench's latest run.
fn watch(bench: &Bench) -> Command<'_> {
    let words = vec!["watch".into(), "--state".into(), bench.state.to_str().unwrap().to_owned()];
    Command { bench, words, env: Vec::new(), size: (100, 30), shell: None }
}

impl Command<'_> {
    fn arg(mut self, word: &str) -> Self {
        self.words.push(word.to_owned());
        self
    }

    fn env(mut self, name: &str, value: &str) -> Self {
        self.env.push((name.to_owned(), value.to_owned()));
        self
    }

    fn size(mut self, cols: u16, rows: u16) -> Self {
        self.size = (cols, rows);
        self
    }

    /// A shell does this line in its place.
    fn shell(mut self, line: &str) -> Self {
        self.shell = Some(line.to_owned());
        self
    }

    /// The program with its arguments, in a world of its own.
    fn builder(&self, program: &[&str]) -> (CommandBuilder, Mark) {
        static COUNT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
        let number = COUNT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let mark = Mark(format!("screen-{}-{number}", std::process::id()));
        let (first, rest) = program.split_first().unwrap();
        let mut command = CommandBuilder::new(first);
        command.args(rest);
        command.env_clear();
        command.cwd(self.bench.path(""));
        let path = std::env::var("PATH").unwrap();
        let (home, config) = (self.bench.path("home"), self.bench.path("home/config"));
        std::fs::create_dir_all(&config).unwrap();
        let (home, config) = (home.to_str().unwrap(), config.to_str().unwrap());
        let known = [
            ("PATH", path.as_str()),
            ("HOME", home),
            ("XDG_CONFIG_HOME", config),
            ("LANG", "C.UTF-8"),
            ("TERM", "xterm-256color"),
        ];
        let own = self.env.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        for (name, value) in known.into_iter().chain([(MARK, mark.0.as_str())]).chain(own) {
            command.env(name, value);
        }
        (command, mark)
    }

    /// Starts it in a terminal.
    fn start(self) -> Shown {
        let own = || [mediamill().to_str().unwrap()].into_iter().chain(self.words.iter().map(String::as_str));
        let words: Vec<&str> = match &self.shell {
            Some(line) => vec!["/bin/sh", "-c", line],
            None => own().collect(),
        };
        let (command, mark) = self.builder(&words);
        Shown { session: Session::hold(command, self.size.0, self.size.1), mark }
    }

    /// Starts it, and waits until it shows `text`.
    fn showing(self, text: &str) -> Shown {
        let shown = self.start();
        shown.wait_for(text);
        shown
    }
}

/// A terminal with mediamill in it. All that it started is killed when it is dropped.
struct Shown {
    session: Session,
    mark: Mark,
}

impl Deref for Shown {
    type Target = Session;

    fn deref(&self) -> &Session {
        &self.session
    }
}

impl DerefMut for Shown {
    fn deref_mut(&mut self) -> &mut Session {
        &mut self.session
    }
}

impl Drop for Shown {
    fn drop(&mut self) {
        for (pid, _) in self.mark.living() {
            let _ = kill_process(Pid::from_raw(pid).unwrap(), Signal::KILL);
        }
    }
}

impl Shown {
    /// The row of the cursor, without its sign.
    fn selected(&self) -> String {
        selected(self).unwrap_or_else(|| panic!("no row is marked:\n{}", self.text()))
    }

    /// Moves the cursor down until it is on `name`.
    fn go_to(&mut self, name: &str) {
        self.wait_for(name);
        self.press("g");
        self.wait("the cursor on the first row", |session| {
            selected(session).is_some_and(|row| row.starts_with(['▾', 'v']))
        });
        for _ in 0..40 {
            let now = self.selected();
            if now.contains(name) {
                return;
            }
            let first = |row: &str| row.split_whitespace().nth(1).map(str::to_owned);
            self.press("j");
            self.wait("the cursor to move", |session| selected(session).is_some_and(|row| first(&row) != first(&now)));
        }
        panic!("no row {name}:\n{}", self.text());
    }

    /// Whether there ever was a screen.
    fn had_screen(&self) -> bool {
        String::from_utf8_lossy(&self.bytes()).contains("\x1b[?1049h")
    }

    /// Presses Esc. Nothing tells that it was taken where it changes nothing, and one that is followed at once by a letter
    /// is Alt and that letter: a person takes longer.
    fn esc(&mut self) {
        self.press("\x1b");
        std::thread::sleep(Duration::from_millis(120));
    }

    /// All processes of the run and its screen, without the shell that holds the terminal.
    fn processes(&self) -> Vec<(i32, String)> {
        let holder = self.session.holder();
        self.mark.living().into_iter().filter(|(pid, _)| *pid != holder).collect()
    }

    /// Waits until nothing of it is left.
    fn gone(&self) {
        until("nothing is left behind", Duration::from_secs(10), || self.processes().is_empty());
    }

    /// The engine's process.
    fn engine(&self) -> Pid {
        let owned = |(pid, line): (i32, String)| line.contains(" --owned ").then_some(pid);
        let mut found = None;
        until("there is an engine", PATIENCE, || {
            found = self.mark.living().into_iter().find_map(owned);
            found.is_some()
        });
        Pid::from_raw(found.unwrap()).unwrap()
    }

    /// Leaves by `keys`; the exit code is `code`, and the terminal is as it was.
    fn ends(&mut self, keys: &str, code: u32) {
        self.press(keys);
        assert_eq!(self.wait_for_exit(), code, "{}", self.text());
        if self.had_screen() {
            self.assert_whole(keys);
        }
        assert_eq!(self.modes(), self.modes_before(), "after {keys:?}");
    }
}

/// The row of the cursor, without its sign; none where no row is marked.
fn selected(session: &Session) -> Option<String> {
    session.lines().iter().find_map(|line| line.strip_prefix(['▸', '>'])).map(|row| row.trim().to_owned())
}

/// The state that the journal of the bench's latest run tells.
fn state(bench: &Bench) -> RunState {
    let mut state = RunState::default();
    bench.journals().last().into_iter().flat_map(|journal| &journal.events).for_each(|event| state.apply(event));
    state
}

/// Waits until the journal of the latest run tells of it.
fn told(bench: &Bench, what: &str, told: impl Fn(&EventKind) -> bool) {
    until(what, Duration::from_secs(30), || bench.journals().last().is_some_and(|journal| journal.kinds().any(&told)));
}

/// Waits until the latest run stands so.
fn stands(bench: &Bench, what: &str, stands: impl Fn(&RunState) -> bool) {
    until(what, Duration::from_secs(30), || stands(&state(bench)));
}
