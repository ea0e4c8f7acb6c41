//! The terminal is whole again whatever happens: a real one is taken, and after each way to end it is looked at.
//!
//! The terminal is a pty that answers no question. What runs in it is the test `probe` of this very file.

#![expect(clippy::unwrap_used, reason = "a test may")]

mod pty;

use std::path::Path;
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use crossterm::event::KeyCode;
use mediamill::tui::terminal::{Screen, ScreenOptions, Suspended, TerminalEvent};
use portable_pty::CommandBuilder;
use pty::Session;
use ratatui::style::Stylize as _;
use ratatui::text::Line;
use rustix::process::Signal;

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
                // It is told of by `Closed`.
                KeyCode::Char('t') => drop(thread::spawn(|| panic!("on purpose"))),
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
            TerminalEvent::Signal(_) => return,
            TerminalEvent::Closed => {
                assert!(!screen.is_ready() && !screen.draw(|_| ()).unwrap());
                return;
            }
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

/// What makes `program` into the probe.
const ARGUMENTS: [&str; 5] = ["--ignored", "--exact", "probe", "--nocapture", "--test-threads=1"];

/// The probe in its terminal.
fn probe_session() -> Session {
    probe_that_marks(Path::new("/dev/null"))
}

/// The probe, which makes the file `stuck` once its terminal takes nothing any more.
fn probe_that_marks(stuck: &Path) -> Session {
    let mut command = CommandBuilder::new(std::env::current_exe().unwrap());
    command.args(ARGUMENTS);
    command.env(PROBE, stuck);
    command.env("NO_COLOR", "1");
    let session = Session::start(command);
    session.wait_for("READY 80x24");
    session
}

/// A probe whose terminal takes nothing any more, in the middle of a frame.
fn jammed() -> Session {
    let folder = tempfile::tempdir().unwrap();
    let stuck = folder.path().join("stuck");
    let mut session = probe_that_marks(&stuck);
    session.set_deaf(true);
    session.press("f");
    session.wait("the jam", |_| stuck.exists());
    session
}

#[test]
fn a_screen_that_was_left() {
    let mut session = probe_session();
    assert_ne!(session.modes(), session.modes_before());
    for number in [1049, 1004, 2004] {
        assert!(session.is_set(number), "mode {number}");
    }
    assert!(!session.is_set(1000) && session.screen().hide_cursor());
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
        let mut session = probe_session();
        session.press(keys);
        session.wait_for_exit();
        session.assert_whole("a panic");
        // It is told after the first screen came back, so that it stays to be read.
        session.wait("the message", |session| session.text().contains("on purpose"));
    }
}

#[test]
fn a_panic_that_somebody_else_tells_of_leaves_the_screen_up() {
    let mut session = probe_session();
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
        let mut session = probe_session();
        session.signal(signal);
        assert_eq!(session.wait_for_exit(), 0);
        session.assert_whole(&format!("{signal:?}"));
    }
}

#[test]
fn keys_and_pastes_arrive() {
    let mut session = probe_session();
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
fn a_frame_that_changes_nothing_is_not_written() {
    let mut session = probe_session();
    let frames = |session: &Session| String::from_utf8_lossy(&session.bytes()).matches("\x1b[?2026h").count();
    assert_eq!(frames(&session), 1);
    // Each of these is an event, and after each a frame is drawn.
    session.press("\x1b[I\x1b[O\x1b[I\x1b[Ox");
    session.wait_for("KEY x");
    assert_eq!(frames(&session), 2);
    session.press("q");
    assert_eq!(session.wait_for_exit(), 0);
}

#[test]
fn a_changed_size_is_drawn() {
    let mut session = probe_session();
    session.resize(40, 10);
    session.wait_for("READY 40x10");
    session.press("q");
    assert_eq!(session.wait_for_exit(), 0);
    session.assert_whole("a new size");
}

#[test]
fn suspending_under_a_shell_and_going_on() {
    // In the background it takes no terminal: it is stopped once more until it is called back.
    // The shell must have seen that before, or it takes it for the end of its `fg`.
    let background = r#"bg; while ! grep -q ") T " "/proc/$(jobs -p %1)/stat"; do sleep 0.05; done; sleep 0.2;"#;
    for between in ["", background] {
        let mut command = CommandBuilder::new("bash");
        let script = format!(r#""$0" "$@"; echo STOP"PED"; read -r line; {between} fg; echo EN"DED""#);
        command.args(["--norc", "-m", "-c", &script]);
        command.arg(std::env::current_exe().unwrap());
        command.args(ARGUMENTS);
        command.env(PROBE, "/dev/null");
        let mut session = Session::start(command);
        session.wait_for("READY 80x24");
        session.press("mz");
        // The shell has the terminal now.
        session.wait_for("STOPPED");
        session.assert_whole("suspending");
        session.resize(70, 12);
        session.press("\n");
        // The second SIGCONT may be told of as well.
        session.wait("its screen", |session| {
            let shown = session.text();
            shown.contains("BACK 70x12") || shown.contains("CONTINUED 70x12")
        });
        assert!(session.is_set(1049) && session.is_set(2004) && session.is_set(1000));
        assert_eq!(String::from_utf8_lossy(&session.bytes()).matches("\x1b]2;a title").count(), 2);
        assert_ne!(session.modes(), session.modes_before());
        session.press("q");
        session.wait_for("ENDED");
        session.wait_for_exit();
        session.assert_whole("suspending and leaving");
    }
}

#[test]
fn nobody_is_stopped_whom_nobody_would_continue() {
    let mut session = probe_session();
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
    let mut session = probe_session();
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
    let mut session = jammed();
    let before = Instant::now();
    session.press("xQ");
    assert_eq!(session.wait_for_exit(), 0);
    assert!(before.elapsed() < Duration::from_secs(4), "{:?}", before.elapsed());
    assert_eq!(session.modes(), session.modes_before());
}

#[test]
fn a_terminal_that_takes_something_again_gets_the_latest() {
    let mut session = jammed();
    session.press("x\x1b[B");
    session.set_deaf(false);
    session.wait_for("KEY Down");
    session.press("q");
    assert_eq!(session.wait_for_exit(), 0);
    session.assert_whole("a jam");
}

#[test]
fn a_panic_gives_the_modes_back_to_a_terminal_that_takes_nothing() {
    let mut session = jammed();
    session.press("t");
    session.wait("its modes", |session| session.modes() == session.modes_before());
}

#[test]
fn a_closed_terminal_ends_it() {
    let mut session = probe_session();
    session.hang_up("x");
    session.wait_for_exit();
}

#[test]
fn waiting_costs_nothing() {
    let mut session = probe_session();
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
