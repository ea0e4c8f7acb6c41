//! A real terminal for a program: a pty that answers no question, and what a person would see on it.

#![allow(dead_code, reason = "each test file uses some of it")]
#![allow(clippy::unwrap_used, reason = "a test whose step fails where it must not has failed")]

use std::io::{Read as _, Write as _};
use std::num::NonZero;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, SlavePty, native_pty_system};
use rustix::process::{Pid, Signal, kill_process};

/// Nothing takes longer.
const LIMIT: Duration = Duration::from_secs(20);

/// How a frame begins and ends.
const FRAME: (&[u8], &[u8]) = (b"\x1b[?2026h", b"\x1b[?2026l");

/// Runs a program and stays, as a shell at its prompt does: the end of the program is not the end of the terminal.
const HOLDER: &str = r#"
code=$1 pid=$2
shift 2
/bin/sh -c 'echo $$ > "$0.new"; mv "$0.new" "$0"; exec "$@"' "$pid" "$@"
echo $? > "$code.new"
mv "$code.new" "$code"
while read -r _; do :; done
"#;

/// What came from the program, and what it looks like.
struct Seen {
    bytes: Vec<u8>,
    parser: vt100::Parser,
    /// So many bytes went into the parser.
    shown: usize,
}

impl Seen {
    fn take(&mut self, part: &[u8]) {
        self.bytes.extend_from_slice(part);
        // A frame is shown when it is whole, as terminals do it.
        let new = &self.bytes[self.shown..];
        let last = |word: &[u8]| new.windows(word.len()).rposition(|bytes| bytes == word);
        let cut = (1..FRAME.0.len()).rev().find(|length| new.ends_with(&FRAME.0[..*length])).unwrap_or(0);
        let end = match (last(FRAME.0), last(FRAME.1)) {
            (Some(begin), end) if end.is_none_or(|end| end < begin) => begin,
            _ => new.len() - cut,
        };
        self.parser.process(&new[..end]);
        self.shown += end;
    }
}

/// A terminal with a program in it.
pub struct Session {
    master: Option<Box<dyn MasterPty + Send>>,
    /// Keeps the terminal alive after the program's end, so that it can be looked at.
    _slave: Box<dyn SlavePty + Send>,
    keys: Box<dyn std::io::Write + Send>,
    child: Box<dyn Child + Send + Sync>,
    seen: Arc<(Mutex<Seen>, Condvar)>,
    deaf: Arc<AtomicBool>,
    closed: Arc<AtomicBool>,
    reader: Option<thread::JoinHandle<()>>,
    /// The terminal's modes, in words.
    before: String,
    /// Where the shell that runs the program tells its exit code and its id.
    held: Option<(tempfile::TempDir, PathBuf, PathBuf)>,
}

impl Session {
    /// Runs `command` in a terminal of 80 columns and 24 rows.
    pub fn start(mut command: CommandBuilder) -> Self {
        command.env("TERM", "xterm-256color");
        Self::start_in(command, 80, 24)
    }

    /// Runs `command` under a shell that is still there when it has ended.
    pub fn hold(mut command: CommandBuilder, cols: u16, rows: u16) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (code, pid) = (folder.path().join("code"), folder.path().join("pid"));
        let words =
            ["/bin/sh".into(), "-c".into(), HOLDER.into(), "sh".into(), code.clone().into(), pid.clone().into()];
        command.get_argv_mut().splice(0..0, words);
        let mut session = Self::start_in(command, cols, rows);
        session.wait("the program", |_| pid.exists());
        session.held = Some((folder, code, pid));
        session
    }

    /// Runs `command` in a terminal of this size.
    pub fn start_in(mut command: CommandBuilder, cols: u16, rows: u16) -> Self {
        let pty = native_pty_system().openpty(PtySize { rows, cols, ..PtySize::default() }).unwrap();
        let before = format!("{:?}", pty.master.get_termios().unwrap());
        command.env_remove("RUST_BACKTRACE");
        let child = pty.slave.spawn_command(command).unwrap();
        let mut output = pty.master.try_clone_reader().unwrap();
        let keys = pty.master.take_writer().unwrap();
        let parser = vt100::Parser::new(NonZero::new(rows).unwrap(), NonZero::new(cols).unwrap(), 0);
        let seen = Arc::new((Mutex::new(Seen { bytes: Vec::new(), parser, shown: 0 }), Condvar::new()));
        let deaf = Arc::new(AtomicBool::new(false));
        let closed = Arc::new(AtomicBool::new(false));
        let (own, own_deaf, own_closed) = (Arc::clone(&seen), Arc::clone(&deaf), Arc::clone(&closed));
        let reader = thread::spawn(move || {
            let mut part = [0; 4096];
            while let Ok(count @ 1..) = output.read(&mut part) {
                own.0.lock().unwrap().take(&part[..count]);
                own.1.notify_all();
                if own_closed.load(SeqCst) {
                    return;
                }
                while own_deaf.load(SeqCst) {
                    thread::sleep(Duration::from_millis(1));
                }
            }
        });
        Self {
            master: Some(pty.master),
            _slave: pty.slave,
            keys,
            child,
            seen,
            deaf,
            closed,
            reader: Some(reader),
            before,
            held: None,
        }
    }

    /// Types `keys`.
    pub fn press(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
        self.keys.flush().unwrap();
    }

    /// The program.
    pub fn pid(&self) -> Pid {
        let told = self.held.as_ref().map(|(_, _, pid)| std::fs::read_to_string(pid).unwrap().trim().parse().unwrap());
        Pid::from_raw(told.unwrap_or_else(|| self.child.process_id().unwrap() as i32)).unwrap()
    }

    /// The process that the terminal began with: the program, or the shell that holds it.
    pub fn holder(&self) -> i32 {
        self.child.process_id().unwrap() as i32
    }

    /// Sends a signal to the program.
    pub fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).unwrap();
    }

    /// All that the terminal got.
    pub fn bytes(&self) -> Vec<u8> {
        self.seen.0.lock().unwrap().bytes.clone()
    }

    /// What the terminal shows.
    pub fn screen(&self) -> vt100::Screen {
        self.seen.0.lock().unwrap().parser.screen().clone()
    }

    /// What the terminal shows, in lines.
    pub fn text(&self) -> String {
        self.seen.0.lock().unwrap().parser.screen().contents()
    }

    /// The lines that the terminal shows.
    pub fn lines(&self) -> Vec<String> {
        let seen = self.seen.0.lock().unwrap();
        let screen = seen.parser.screen();
        screen.rows(0, screen.size().1.get()).collect()
    }

    /// Waits until the terminal shows `text`.
    pub fn wait_for(&self, text: &str) {
        self.wait(text, |session| session.text().contains(text));
    }

    /// Waits until the terminal shows `text` no more.
    pub fn wait_gone(&self, text: &str) {
        self.wait(&format!("a screen without {text:?}"), |session| !session.text().contains(text));
    }

    /// Waits until `done`.
    pub fn wait(&self, what: &str, done: impl Fn(&Self) -> bool) {
        let until = Instant::now() + LIMIT;
        while !done(self) {
            assert!(Instant::now() < until, "never came: {what}; {}", self.told());
            let seen = self.seen.0.lock().unwrap();
            drop(self.seen.1.wait_timeout(seen, Duration::from_millis(20)).unwrap());
        }
    }

    /// What the terminal shows and the last of what it got, for a message.
    fn told(&self) -> String {
        let bytes = self.bytes();
        let last = String::from_utf8_lossy(&bytes[bytes.len().saturating_sub(2000)..]).escape_debug().to_string();
        format!("the terminal shows:\n{}\nand got last: {last}", self.text())
    }

    /// Waits until the program has ended: its exit code.
    pub fn wait_for_exit(&mut self) -> u32 {
        let until = Instant::now() + LIMIT;
        loop {
            if let Some((_, code, _)) = &self.held {
                if let Ok(code) = std::fs::read_to_string(code) {
                    return code.trim().parse().unwrap();
                }
            } else if let Some(status) = self.child.try_wait().unwrap() {
                return status.exit_code();
            }
            assert!(Instant::now() < until, "it does not end; {}", self.told());
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Whether the terminal takes nothing any more, once it has read what it is reading.
    pub fn set_deaf(&self, deaf: bool) {
        self.deaf.store(deaf, SeqCst);
    }

    /// Closes the terminal. The program has to write something once more.
    pub fn hang_up(&mut self, keys: &str) {
        self.closed.store(true, SeqCst);
        // What is written now makes the reading thread give its end of the terminal up.
        self.press(keys);
        self.reader.take().unwrap().join().unwrap();
        self.keys = Box::new(std::io::sink());
        self.master = None;
    }

    /// The terminal's modes before the program began, in words.
    pub fn modes_before(&self) -> &str {
        &self.before
    }

    /// Gives the terminal another size.
    pub fn resize(&self, cols: u16, rows: u16) {
        let size = PtySize { rows, cols, ..PtySize::default() };
        let mut seen = self.seen.0.lock().unwrap();
        seen.parser.screen_mut().set_size(NonZero::new(rows).unwrap(), NonZero::new(cols).unwrap());
        self.master.as_ref().unwrap().resize(size).unwrap();
    }

    /// The terminal's modes, in words.
    pub fn modes(&self) -> String {
        format!("{:?}", self.master.as_ref().unwrap().get_termios().unwrap())
    }

    /// Whether the last word on the private mode `number` was to set it.
    pub fn is_set(&self, number: u32) -> bool {
        let seen = self.seen.0.lock().unwrap();
        let bytes = String::from_utf8_lossy(&seen.bytes);
        let last = |word: &str| bytes.rfind(&format!("\x1b[?{number}{word}"));
        last("h") > last("l")
    }

    /// The terminal is as it was.
    pub fn assert_whole(&self, after: &str) {
        // What the program wrote last may still be on its way.
        self.wait(&format!("the first screen, after {after}"), |session| !session.is_set(1049) && session.is_set(25));
        assert_eq!(self.modes(), self.before, "after {after}");
        for number in [1000, 1002, 1003, 1004, 1006, 1015, 2004, 2026] {
            assert!(!self.is_set(number), "mode {number} is on after {after}");
        }
        let screen = self.screen();
        assert!(!screen.alternate_screen() && !screen.hide_cursor(), "after {after}");
        let bytes = String::from_utf8_lossy(&self.bytes()).into_owned();
        for question in ["\x1b[6n", "\x1b[c", "\x1b[>c", "\x1b]11;?", "\x1b[?u", "\x1b_G"] {
            assert!(!bytes.contains(question), "it asked {question:?}");
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.deaf.store(false, SeqCst);
        // It may be gone, or be stopped.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
