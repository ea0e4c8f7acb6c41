//! To the shell and back.

use std::time::Duration;

use mediamill::events::{EventKind, RunPhase};
use rustix::process::Signal;

use crate::pty::Session;
use crate::support::{Bench, installed, mediamill, skip, until};
use crate::{Shown, gated, go, run, stands, state, told};

/// A shell with job control in a terminal, and the line that runs the bench.
fn shell(bench: &Bench) -> (Shown, String) {
    let command = run(bench);
    let line = format!("{} {}\n", mediamill().display(), command.words.join(" "));
    let (shell, mark) = command.env("PS1", "AT-IT> ").builder(&["dash", "-i"]);
    let shown = Shown { session: Session::start_in(shell, 100, 30), mark };
    shown.wait_for("AT-IT>");
    (shown, line)
}

#[test]
fn the_run_begins_nothing_while_it_is_suspended_and_goes_on_in_whatever_size() {
    if !installed("dash") {
        return skip("dash is not installed");
    }
    let bench = gated(6);
    let (mut shown, line) = shell(&bench);
    let cooked = shown.modes();
    shown.press(&line);
    shown.wait_for("2 of 2 tasks");
    assert_ne!(shown.modes(), cooked);

    shown.press("\x1a");
    shown.wait_for("Stopped");
    shown.assert_whole("Ctrl-Z");
    assert_eq!(shown.modes(), cooked);
    told(&bench, "it is paused", |kind| matches!(kind, EventKind::RunPaused { .. }));
    go(&bench, "000.txt");
    stands(&bench, "what ran goes on", |state| state.counts.done == 1);
    assert_eq!(bench.journal().begun().len(), 2, "something was begun meanwhile");
    shown.press("echo it is $((40 + 2))\n");
    shown.wait_for("it is 42");

    let before = shown.bytes().len();
    shown.resize(120, 40);
    shown.press("fg\n");
    shown.wait_for("2 of 2 tasks");
    assert!(shown.screen().alternate_screen());
    let since = String::from_utf8_lossy(&shown.bytes()[before..]).into_owned();
    assert!(since.contains("\x1b]2;") && since.contains("gated - mediamill"), "the window has its title again");
    assert!(shown.lines()[39].contains("q quit"), "{}", shown.text());
    assert_ne!(shown.modes(), cooked);
    told(&bench, "it goes on", |kind| matches!(kind, EventKind::RunResumed { .. }));
    go(&bench, "");
    shown.wait_for("finished");
    shown.press("q");
    shown.wait_for("Successful:     6 (100.0%)");
    shown.assert_whole("q");
    shown.press("echo code $?\n");
    shown.wait_for("code 0");
}

#[test]
fn a_suspended_run_ends_in_order_with_its_shell() {
    if !installed("dash") {
        return skip("dash is not installed");
    }
    let bench = gated(4);
    let (mut shown, line) = shell(&bench);
    shown.press(&line);
    shown.wait_for("2 of 2 tasks");
    shown.press("\x1a");
    shown.wait_for("Stopped");
    shown.signal(Signal::KILL);
    until("nothing is left behind", Duration::from_secs(20), || shown.mark.living().is_empty());
    assert_eq!(state(&bench).phase, RunPhase::Finished(Some("SIGHUP".into())));
    bench.assert_clean();
}
