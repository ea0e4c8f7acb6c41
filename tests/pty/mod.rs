//! A real terminal for a program: a pty that answers no question, and what a person would see on it.

#![allow(dead_code, reason = "each test file uses some of it")]
#![allow(clippy::unwrap_used, reason = "a test whose step fails where it must not has failed")]

use std::io::{Read as _, Write as _};
use std::num::NonZero;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, SlavePty, native_pty_system};
use rustix::process::{Pid, Signal, kill_process};

/// Nothing takes longer.
const LIMIT: Duration = Duration::from_secs(20);

/// A terminal with a program in it.
pub struct Session {
    master: Option<Box<dyn MasterPty + Send>>,
    /// Keeps the terminal alive after the program's end, so that it can be looked at.
    _slave: Box<dyn SlavePty + Send>,
    keys: Box<dyn std::io::Write + Send>,
    child: Box<dyn Child + Send + Sync>,
    sent: Arc<(Mutex<Vec<u8>>, Condvar)>,
    deaf: Arc<AtomicBool>,
    closed: Arc<AtomicBool>,
    reader: Option<thread::JoinHandle<()>>,
    /// The terminal's modes, in words.
    before: String,
}

impl Session {
    /// Runs `command` in a terminal of 80 columns and 24 rows.
    pub fn start(mut command: CommandBuilder) -> Self {
        let pty = native_pty_system().openpty(PtySize { rows: 24, cols: 80, ..PtySize::default() }).unwrap();
        let before = format!("{:?}", pty.master.get_termios().unwrap());
        command.env("TERM", "xterm-256color");
        command.env_remove("RUST_BACKTRACE");
        let child = pty.slave.spawn_command(command).unwrap();
        let mut output = pty.master.try_clone_reader().unwrap();
        let keys = pty.master.take_writer().unwrap();
        let sent = Arc::new((Mutex::new(Vec::new()), Condvar::new()));
        let deaf = Arc::new(AtomicBool::new(false));
        let closed = Arc::new(AtomicBool::new(false));
        let (own, own_deaf, own_closed) = (Arc::clone(&sent), Arc::clone(&deaf), Arc::clone(&closed));
        let reader = thread::spawn(move || {
            let mut part = [0; 4096];
            while let Ok(count @ 1..) = output.read(&mut part) {
                own.0.lock().unwrap().extend_from_slice(&part[..count]);
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
            sent,
            deaf,
            closed,
            reader: Some(reader),
            before,
        }
    }

    /// Types `keys`.
    pub fn press(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
        self.keys.flush().unwrap();
    }

    /// The program.
    pub fn pid(&self) -> Pid {
        Pid::from_raw(self.child.process_id().unwrap() as i32).unwrap()
    }

    /// Sends a signal to the program.
    pub fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).unwrap();
    }

    /// All that the terminal got.
    pub fn bytes(&self) -> Vec<u8> {
        self.sent.0.lock().unwrap().clone()
    }

    /// What the terminal shows.
    pub fn screen(&self) -> vt100::Parser {
        let mut parser = vt100::Parser::new(NonZero::new(24).unwrap(), NonZero::new(80).unwrap(), 0);
        parser.process(&self.bytes());
        parser
    }

    /// Waits until the terminal shows `text`.
    pub fn wait_for(&self, text: &str) {
        self.wait(text, |session| session.screen().screen().contents().contains(text));
    }

    /// Waits until `done`.
    pub fn wait(&self, what: &str, done: impl Fn(&Self) -> bool) {
        let until = Instant::now() + LIMIT;
        while !done(self) {
            let shown = || String::from_utf8_lossy(&self.bytes()).escape_debug().to_string();
            assert!(Instant::now() < until, "never came: {what}; the terminal got: {}", shown());
            let sent = self.sent.0.lock().unwrap();
            drop(self.sent.1.wait_timeout(sent, Duration::from_millis(20)).unwrap());
        }
    }

    /// Waits until the program has ended: its exit code.
    pub fn wait_for_exit(&mut self) -> u32 {
        let until = Instant::now() + LIMIT;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.exit_code();
            }
            assert!(Instant::now() < until, "it does not end");
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
        self.master.as_ref().unwrap().resize(size).unwrap();
    }

    /// The terminal's modes, in words.
    pub fn modes(&self) -> String {
        format!("{:?}", self.master.as_ref().unwrap().get_termios().unwrap())
    }

    /// Whether the last word on the private mode `number` was to set it.
    pub fn is_set(&self, number: u32) -> bool {
        let bytes = String::from_utf8_lossy(&self.bytes()).into_owned();
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
        let parser = self.screen();
        assert!(!parser.screen().alternate_screen() && !parser.screen().hide_cursor(), "after {after}");
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
