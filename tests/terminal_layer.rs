//! The terminal is whole again whatever happens: a real one is taken, and after each way to end it is looked at.
//!
//! The terminal is a pty that answers no question. What runs in it is the test `probe` of this very file.

#![expect(clippy::unwrap_used, reason = "a test may")]

use std::io::{Read as _, Write as _};
use std::num::NonZero;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Condvar, Mutex, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use crossterm::event::KeyCode;
use mediamill::tui::terminal::{Screen, ScreenOptions, Suspended, TerminalEvent};
use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, SlavePty, native_pty_system};
use ratatui::style::Stylize as _;
use ratatui::text::Line;
use rustix::process::{Pid, Signal, kill_process};

/// Nothing takes longer.
const LIMIT: Duration = Duration::from_secs(20);

/// Set where `probe` is to do something: the file that it makes once its terminal takes nothing any more.
const PROBE: &str = "MEDIAMILL_PROBE";

#[test]
#[ignore = "it is what the other tests run in their terminals"]
fn probe() {
    let Some(stuck) = std::env::var_os(PROBE) else { return };
    let (sender, events) = mpsc::channel();
    // A panic on a thread of this name is somebody's own business.
    let contains_panic = || thread::current().name() == Some("contained");
    let options = ScreenOptions { contains_panic: Some(Arc::new(contains_panic)), ..ScreenOptions::default() };
    let mut screen = Screen::enter(&options, move |event| drop(sender.send(event))).unwrap();
    let mut shown = "READY".to_owned();
    let mut frames = 0_u32;
    loop {
        let (width, height) = screen.size();
        screen
            .draw(|frame| frame.render_widget(Line::from(format!("{shown} {width}x{height}")), frame.area()))
            .unwrap();
        match events.recv().unwrap() {
            TerminalEvent::Key(key) => match key.code {
                KeyCode::Char('q') => return screen.leave().unwrap(),
                KeyCode::Char('Q') => {
                    screen.leave().unwrap();
                    // The test's own words would wait for the terminal.
                    end();
                }
                KeyCode::Char('p') => panic!("on purpose"),
                KeyCode::Char('t') => {
                    thread::spawn(|| panic!("on purpose")).join().unwrap_err();
                    assert!(screen.is_lost() && !screen.draw(|_| ()).unwrap());
                    return;
                }
                KeyCode::Char('c') => {
                    let contained = thread::Builder::new().name("contained".into());
                    contained.spawn(|| panic!("not to be seen")).unwrap().join().unwrap_err();
                    shown = "CONTAINED".to_owned();
                }
                KeyCode::Char('m') => {
                    screen.set_mouse(true);
                    screen.set_title("a title");
                    screen.bell();
                    assert!(screen.copy("hello"));
                    shown = "MOUSE".to_owned();
                }
                KeyCode::Char('z') => shown = suspended(&mut screen),
                KeyCode::Char('f') => {
                    // Until the terminal takes no more.
                    while screen.draw(|frame| flood(frame, &mut frames)).unwrap() || !stays_busy(&screen) {}
                    std::fs::write(&stuck, "").unwrap();
                }
                _ => shown = format!("KEY {}", key.code),
            },
            TerminalEvent::Paste(text) => shown = format!("PASTE {text}"),
            TerminalEvent::Signal("SIGTSTP") => shown = suspended(&mut screen),
            TerminalEvent::Signal(_) | TerminalEvent::Closed => return,
            TerminalEvent::Continued => {
                screen.resume().unwrap();
                shown = "CONTINUED".to_owned();
            }
            TerminalEvent::Resize(..) | TerminalEvent::Ready | TerminalEvent::Mouse(_) | TerminalEvent::Focus(_) => {}
        }
    }
}

#[expect(clippy::exit, reason = "the frame of tests would print what came of it")]
fn end() {
    std::process::exit(0);
}

fn suspended(screen: &mut Screen) -> String {
    match screen.suspend().unwrap() {
        Suspended::Continued => "BACK".to_owned(),
        Suspended::Refused => "REFUSED".to_owned(),
    }
}

fn flood(frame: &mut ratatui::Frame<'_>, frames: &mut u32) {
    *frames += 1;
    for row in frame.area().rows() {
        let text = format!("{}", *frames % 10).repeat(usize::from(row.width));
        frame.render_widget(if frames.is_multiple_of(2) { text.red() } else { text.green() }, row);
    }
}

fn stays_busy(screen: &Screen) -> bool {
    let until = Instant::now() + Duration::from_millis(300);
    while !screen.is_ready() && Instant::now() < until {
        thread::sleep(Duration::from_millis(5));
    }
    !screen.is_ready()
}

/// A terminal with a program in it.
struct Session {
    master: Option<Box<dyn MasterPty + Send>>,
    /// Keeps the terminal alive after the program's end, so that it can be looked at.
    _slave: Box<dyn SlavePty + Send>,
    keys: Box<dyn std::io::Write + Send>,
    child: Box<dyn Child + Send + Sync>,
    sent: Arc<(Mutex<Vec<u8>>, Condvar)>,
    deaf: Arc<AtomicBool>,
    closed: Arc<AtomicBool>,
    reader: Option<thread::JoinHandle<()>>,
    folder: tempfile::TempDir,
    /// The terminal's modes, in words.
    before: String,
}

impl Session {
    fn probe() -> Self {
        let mut command = CommandBuilder::new(std::env::current_exe().unwrap());
        command.args(["--ignored", "--exact", "probe", "--nocapture", "--test-threads=1"]);
        let session = Self::start(command);
        session.wait_for("READY 80x24");
        session
    }

    fn start(mut command: CommandBuilder) -> Self {
        let pty = native_pty_system().openpty(PtySize { rows: 24, cols: 80, ..PtySize::default() }).unwrap();
        let before = format!("{:?}", pty.master.get_termios().unwrap());
        let folder = tempfile::tempdir().unwrap();
        command.env(PROBE, folder.path().join("stuck"));
        command.env("TERM", "xterm-256color");
        command.env("NO_COLOR", "1");
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
            folder,
            before,
        }
    }

    fn press(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
        self.keys.flush().unwrap();
    }

    fn pid(&self) -> Pid {
        Pid::from_raw(self.child.process_id().unwrap() as i32).unwrap()
    }

    fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).unwrap();
    }

    fn bytes(&self) -> Vec<u8> {
        self.sent.0.lock().unwrap().clone()
    }

    /// What the terminal shows.
    fn screen(&self) -> vt100::Parser {
        let mut parser = vt100::Parser::new(NonZero::new(24).unwrap(), NonZero::new(80).unwrap(), 0);
        parser.process(&self.bytes());
        parser
    }

    fn wait_for(&self, text: &str) {
        self.wait(text, |session| session.screen().screen().contents().contains(text));
    }

    fn wait(&self, what: &str, done: impl Fn(&Self) -> bool) {
        let until = Instant::now() + LIMIT;
        while !done(self) {
            let shown = || String::from_utf8_lossy(&self.bytes()).escape_debug().to_string();
            assert!(Instant::now() < until, "never came: {what}; the terminal got: {}", shown());
            let sent = self.sent.0.lock().unwrap();
            drop(self.sent.1.wait_timeout(sent, Duration::from_millis(20)).unwrap());
        }
    }

    fn wait_for_exit(&mut self) -> u32 {
        let until = Instant::now() + LIMIT;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.exit_code();
            }
            assert!(Instant::now() < until, "it does not end");
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Makes the terminal take nothing any more, in the middle of a frame.
    fn jam(&mut self) {
        self.deaf.store(true, SeqCst);
        self.press("f");
        self.wait("the jam", |session| session.folder.path().join("stuck").exists());
    }

    fn resize(&self, cols: u16, rows: u16) {
        let size = PtySize { rows, cols, ..PtySize::default() };
        self.master.as_ref().unwrap().resize(size).unwrap();
    }

    fn modes(&self) -> String {
        format!("{:?}", self.master.as_ref().unwrap().get_termios().unwrap())
    }

    /// Whether the last word on the private mode `number` was to set it.
    fn is_set(&self, number: u32) -> bool {
        let bytes = String::from_utf8_lossy(&self.bytes()).into_owned();
        let last = |word: &str| bytes.rfind(&format!("\x1b[?{number}{word}"));
        last("h") > last("l")
    }

    /// The terminal is as it was.
    fn assert_whole(&self, after: &str) {
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

#[test]
fn a_screen_that_was_left() {
    let mut session = Session::probe();
    assert_ne!(session.modes(), session.before);
    for number in [1049, 1004, 2004] {
        assert!(session.is_set(number), "mode {number}");
    }
    assert!(!session.is_set(1000) && session.screen().screen().hide_cursor());
    session.press("m");
    session.wait_for("MOUSE");
    session.wait("the mouse", |session| session.is_set(1000) && session.is_set(1006));
    session.press("q");
    assert_eq!(session.wait_for_exit(), 0);
    session.assert_whole("leaving");
    let bytes = String::from_utf8_lossy(&session.bytes()).into_owned();
    for part in ["\x1b[22;2t", "\x1b]2;a title\x1b\\", "\x07", "\x1b]52;c;aGVsbG8=", "\x1b[23;2t"] {
        assert!(bytes.contains(part), "{part:?}");
    }
}

#[test]
fn a_panic_on_the_main_thread_and_on_another() {
    for keys in ["p", "mt"] {
        let mut session = Session::probe();
        session.press(keys);
        session.wait_for_exit();
        session.assert_whole("a panic");
        // It is told after the first screen came back, so that it stays to be read.
        session.wait("the message", |session| session.screen().screen().contents().contains("on purpose"));
    }
}

#[test]
fn a_panic_that_somebody_else_tells_of_leaves_the_screen_up() {
    let mut session = Session::probe();
    session.press("c");
    session.wait_for("CONTAINED");
    assert!(session.is_set(1049) && !String::from_utf8_lossy(&session.bytes()).contains("not to be seen"));
    session.press("q");
    assert_eq!(session.wait_for_exit(), 0);
    session.assert_whole("a contained panic");
}

#[test]
fn signals_from_outside() {
    for signal in [Signal::TERM, Signal::HUP, Signal::INT] {
        let mut session = Session::probe();
        session.signal(signal);
        assert_eq!(session.wait_for_exit(), 0);
        session.assert_whole(&format!("{signal:?}"));
    }
}

#[test]
fn keys_and_pastes_arrive() {
    let mut session = Session::probe();
    session.press("\x1b[A");
    session.wait_for("KEY Up");
    session.press("\x1b");
    session.wait_for("KEY Esc");
    session.press("\x1b[200~some text\x1b[201~");
    session.wait_for("PASTE some text");
    session.press("q");
    assert_eq!(session.wait_for_exit(), 0);
}

#[test]
fn a_changed_size_is_drawn() {
    let mut session = Session::probe();
    session.resize(40, 10);
    session.wait_for("READY 40x10");
    session.press("q");
    assert_eq!(session.wait_for_exit(), 0);
    session.assert_whole("a new size");
}

#[test]
fn suspending_under_a_shell_and_going_on() {
    let mut command = CommandBuilder::new("bash");
    let probe = std::env::current_exe().unwrap();
    let script = r#""$0" --ignored --exact probe --nocapture --test-threads=1
echo STOP"PED"; read -r line; fg; echo EN"DED""#;
    command.args(["--norc", "-m", "-c", script]);
    command.arg(probe);
    let mut session = Session::start(command);
    session.wait_for("READY 80x24");
    session.press("mz");
    // The shell has the terminal now.
    session.wait_for("STOPPED");
    session.assert_whole("suspending");
    session.resize(70, 12);
    session.press("\n");
    session.wait_for("BACK 70x12");
    assert!(session.is_set(1049) && session.is_set(2004) && session.is_set(1000));
    assert_ne!(session.modes(), session.before);
    session.press("q");
    session.wait_for("ENDED");
    session.wait_for_exit();
    session.assert_whole("suspending and leaving");
}

#[test]
fn nobody_is_stopped_whom_nobody_would_continue() {
    let mut session = Session::probe();
    session.press("z");
    session.wait_for("REFUSED");
    session.press("x");
    session.wait_for("KEY x");
    session.signal(Signal::TSTP);
    session.wait_for("REFUSED");
    session.press("q");
    assert_eq!(session.wait_for_exit(), 0);
    session.assert_whole("a refusal");
}

#[test]
fn a_program_that_somebody_else_stopped_takes_its_screen_back() {
    let mut session = Session::probe();
    session.signal(Signal::STOP);
    let stat = format!("/proc/{}/stat", session.pid().as_raw_nonzero());
    session.wait("the stop", |_| std::fs::read_to_string(&stat).unwrap().contains(") T "));
    let drawn = session.bytes().len();
    session.signal(Signal::CONT);
    session.wait_for("CONTINUED");
    assert!(String::from_utf8_lossy(&session.bytes()[drawn..]).contains("\x1b[?1049h"));
    session.press("q");
    assert_eq!(session.wait_for_exit(), 0);
    session.assert_whole("being stopped");
}

#[test]
fn a_terminal_that_takes_nothing_holds_nobody_up() {
    let mut session = Session::probe();
    session.jam();
    let before = Instant::now();
    session.press("xQ");
    assert_eq!(session.wait_for_exit(), 0);
    assert!(before.elapsed() < Duration::from_secs(4), "{:?}", before.elapsed());
    assert_eq!(session.modes(), session.before);
}

#[test]
fn a_terminal_that_takes_something_again_gets_the_latest() {
    let mut session = Session::probe();
    session.jam();
    session.press("x\x1b[B");
    session.deaf.store(false, SeqCst);
    session.wait_for("KEY Down");
    session.press("q");
    assert_eq!(session.wait_for_exit(), 0);
    session.assert_whole("a jam");
}

#[test]
fn a_closed_terminal_ends_it() {
    let mut session = Session::probe();
    session.closed.store(true, SeqCst);
    // What is drawn now makes the reading thread give its end of the terminal up.
    session.press("x");
    let reader = session.reader.take().unwrap();
    reader.join().unwrap();
    session.keys = Box::new(std::io::sink());
    session.master = None;
    session.wait_for_exit();
}

#[test]
fn waiting_costs_nothing() {
    let mut session = Session::probe();
    let switches = |session: &Session| -> u64 {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", session.pid().as_raw_nonzero())).unwrap();
        let status = |task: std::io::Result<std::fs::DirEntry>| {
            std::fs::read_to_string(task.unwrap().path().join("status")).unwrap()
        };
        let count = |text: String| -> u64 {
            let line = text.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:")).unwrap().to_owned();
            line.trim().parse().unwrap()
        };
        tasks.map(|task| count(status(task))).sum()
    };
    // Whatever the start still does is over by then.
    thread::sleep(Duration::from_millis(300));
    let before = switches(&session);
    thread::sleep(Duration::from_secs(2));
    let after = switches(&session);
    assert!(after - before <= 2, "{} wake-ups in two seconds", after - before);
    session.press("q");
    assert_eq!(session.wait_for_exit(), 0);
}
