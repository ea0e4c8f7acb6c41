//! A run in a terminal: it is shown, searched, and commanded.

use mediamill::events::{EventKind, ItemPhase, RunPhase};

use crate::support::{Bench, installed, mediamill, skip};
use crate::{gated, go, run, selected, sounds, stands, state, told};

/// What `run --no-tui` prints as its summary, of the same run.
fn summary(bench: &Bench, shown: &str) -> (Vec<String>, Vec<String>) {
    let rule = "=".repeat(60);
    let from = |text: &str| -> Vec<String> {
        let lines: Vec<&str> = text.lines().collect();
        let begin = lines.iter().position(|line| line.trim_end() == rule).unwrap();
        let changing = ["Run folder:", "Total time:", "Avg per file:"];
        let kept = lines[begin..].iter().map(|line| line.trim_end().to_owned());
        kept.filter(|line| !line.is_empty() && !changing.iter().any(|word| line.starts_with(word))).collect()
    };
    let shown = from(shown);
    std::fs::remove_dir_all(&bench.state).unwrap();
    std::fs::remove_dir_all(&bench.out).unwrap();
    let plain = bench.run().end().stdout;
    (shown, from(&plain))
}

#[test]
fn a_run_in_a_terminal_is_shown_to_its_end_and_the_end_stays() {
    if !installed("ffmpeg") {
        return skip("ffmpeg is not installed");
    }
    let bench = sounds(&["music-1.flac", "speech-1.wav", "speech-3.mp3"]);
    let mut shown = run(&bench).start();
    shown.wait("the second screen", |session| session.is_set(1049));
    assert_ne!(shown.modes(), shown.modes_before());
    shown.wait_for("finished");
    for text in ["3 / 3", "done 3", "music-1.flac", "speech-1.wav", "speech-3.mp3", "q leave"] {
        shown.wait_for(text);
    }
    assert!(shown.screen().alternate_screen() && shown.screen().hide_cursor());
    shown.ends("q", 0);
    shown.wait_for("Successful:     3 (100.0%)");
    let bytes = String::from_utf8_lossy(&shown.bytes()).into_owned();
    for part in ["\x1b[22;2t", "100 % sounds - mediamill", "\x1b[23;2t"] {
        assert!(bytes.contains(part), "the window's title: {part:?}");
    }
    assert!(!shown.text().contains("speech-3.mp3"), "nothing of the screen is left:\n{}", shown.text());
    let (screen, plain) = summary(&bench, &shown.text());
    assert_eq!(screen, plain);
}

#[test]
fn a_broken_file_is_in_sight_and_the_exit_code_is_the_engines() {
    if !installed("ffmpeg") {
        return skip("ffmpeg is not installed");
    }
    let bench = sounds(&["music-2.mp3"]);
    bench.input("broken.wav", "this is no sound");
    let mut shown = run(&bench).showing("finished, with failures");
    for text in ["broken.wav", "convert: ", "1 failed", "2 tells why files failed"] {
        shown.wait_for(text);
    }
    assert_eq!(state(&bench).counts.failed, 1);
    shown.ends("q", 1);
    shown.wait_for("Failed:         1 (50.0%)");
    let (screen, plain) = summary(&bench, &shown.text());
    assert_eq!(screen, plain);
}

#[test]
fn files_move_as_they_finish_and_the_cursor_stays_on_its_file() {
    let bench = gated(8);
    let mut shown = run(&bench).showing("2 of 2 tasks");
    shown.go_to("005.txt");
    for name in ["000.txt", "001.txt", "002.txt", "003.txt"] {
        go(&bench, name);
        stands(&bench, "it is done", |state| state.counts.done > 0);
    }
    shown.wait_for("4 / 8");
    shown.wait("its file is at work", |session| {
        session.lines().iter().any(|line| line.contains("005.txt") && line.contains("work"))
    });
    assert!(shown.selected().contains("005.txt"), "{}", shown.text());
    go(&bench, "");
    shown.wait_for("finished");
    assert!(shown.selected().contains("005.txt"), "{}", shown.text());
    shown.ends("q", 0);
}

#[test]
fn a_filter_shows_what_matches_and_esc_takes_it_away_and_never_quits() {
    let bench = gated(12);
    let mut shown = run(&bench).showing("2 of 2 tasks");
    shown.press("/00");
    shown.wait_for("filter: 00");
    shown.wait_gone("010.txt");
    assert!(!shown.screen().hide_cursor(), "who types sees where");
    shown.press("7");
    shown.wait_gone("006.txt");
    shown.wait_for("007.txt");
    shown.press("\r");
    shown.wait_gone("filter: ");
    shown.wait_for("/007");
    shown.esc();
    for name in ["000.txt", "006.txt", "010.txt"] {
        shown.wait_for(name);
    }
    // A line that is left by Esc goes back to what was there before.
    shown.press("/nothing");
    shown.wait_for("no file matches the filter");
    shown.esc();
    shown.wait_for("011.txt");
    for _ in 0..5 {
        shown.esc();
        shown.wait_for("2 of 2 tasks");
    }
    go(&bench, "");
    shown.wait_for("finished");
    shown.esc();
    shown.press("/x");
    shown.wait_for("filter: x");
    shown.esc();
    shown.wait_gone("filter: ");
    shown.ends("q", 0);
}

#[test]
fn a_paused_run_begins_nothing_and_the_number_of_tasks_can_be_changed() {
    let bench = gated(9);
    let mut shown = run(&bench).showing("2 of 2 tasks");
    shown.press("+");
    shown.wait_for("3 of 3 tasks");
    shown.press("--");
    shown.wait_for("3 of 1 tasks");
    shown.press("-");
    shown.wait_for("one task is the least");
    shown.press("+");
    told(&bench, "there are two again", |kind| matches!(kind, EventKind::JobsChanged { jobs: 2 }));
    shown.press("p");
    shown.wait_for("PAUSED");
    told(&bench, "it is paused", |kind| matches!(kind, EventKind::RunPaused { .. }));
    for (item, _) in state(&bench).tasks.keys() {
        go(&bench, &format!("{item:03}.txt"));
    }
    shown.wait_for("3 / 9");
    shown.wait_for("0 of 2 tasks");
    assert!(state(&bench).tasks.is_empty());
    assert!(matches!(state(&bench).phase, RunPhase::Paused(_)));
    shown.press("p");
    shown.wait_for("2 of 2 tasks");
    told(&bench, "it goes on", |kind| matches!(kind, EventKind::RunResumed { .. }));
    go(&bench, "");
    shown.wait_for("finished");
    shown.ends("q", 0);
}

#[test]
fn a_file_is_cancelled_tried_again_and_left_out() {
    let bench = gated(6);
    let mut shown = run(&bench).showing("2 of 2 tasks");
    shown.go_to("000.txt");
    // What has run for a moment is ended without a question.
    shown.press("c");
    stands(&bench, "it is cancelled", |state| state.phase_of(0) == ItemPhase::Cancelled);
    shown.wait_for("cancelled 1");
    assert!(shown.selected().contains("000.txt"));
    shown.press("c");
    shown.wait_for("it is cancelled");
    shown.press("r");
    shown.wait_for("000.txt is tried again as soon as there is room");
    go(&bench, "001.txt");
    stands(&bench, "it is at work again", |state| state.phase_of(0) == ItemPhase::Running);
    shown.go_to("005.txt");
    shown.press("r");
    shown.wait_for("it is waiting, not failed");
    shown.press("x");
    stands(&bench, "it is left out", |state| state.phase_of(5) == ItemPhase::LeftOut);
    go(&bench, "");
    shown.wait_for("finished");
    let counts = state(&bench).counts;
    assert_eq!((counts.done, counts.left_out, counts.cancelled), (5, 1, 0));
    shown.ends("q", 0);
}

#[test]
fn work_that_has_gone_on_for_long_is_not_ended_without_a_question() {
    let bench = gated(3);
    let mut shown = run(&bench).showing("2 of 2 tasks");
    shown.go_to("001.txt");
    stands(&bench, "it is at work", |state| state.tasks.contains_key(&(1, 0)));
    shown.wait("ten seconds", |session| session.text().contains("00:11 elapsed"));
    shown.press("c");
    shown.wait_for("001.txt: work has been running for");
    shown.wait_for("cancel it; what earlier steps made stays");
    shown.esc();
    shown.wait_gone("has been running for");
    shown.press("c");
    shown.wait_for("has been running for");
    shown.press("n");
    shown.wait_gone("has been running for");
    shown.press("x");
    shown.wait_for("leave it out; what earlier steps made stays");
    shown.press("y");
    shown.wait_for("001.txt is left out of this run");
    stands(&bench, "it is left out", |state| state.phase_of(1) == ItemPhase::LeftOut);
    go(&bench, "");
    shown.wait_for("finished");
    shown.ends("q", 0);
}

#[test]
fn the_mouse_is_the_terminals_until_somebody_wants_it_and_text_can_be_pasted() {
    let bench = gated(12);
    let mut shown = run(&bench).showing("2 of 2 tasks");
    shown.press("m");
    shown.wait_for("hold Shift to select text");
    shown.wait("the mouse", |session| session.is_set(1000) && session.is_set(1006));
    let row = shown.lines().iter().position(|line| line.contains("007.txt")).unwrap();
    shown.press(&format!("\x1b[<0;10;{0}M\x1b[<0;10;{0}m", row + 1));
    shown.wait("the row that was clicked", |session| selected(session).is_some_and(|row| row.contains("007.txt")));
    let tab = shown.lines()[0].split("Log").next().unwrap().chars().count();
    shown.press(&format!("\x1b[<0;{tab};1M\x1b[<0;{tab};1m"));
    shown.wait_for("jobs; steps: work");
    shown.press("1/");
    shown.wait_for("filter: ");
    // Of what is pasted the first line is taken, and nothing of it is a key.
    shown.press("\x1b[200~q01\nq\x1b[201~");
    shown.wait_for("filter: q01");
    shown.wait_for("no file matches the filter");
    shown.esc();
    shown.press("m");
    shown.wait("the mouse is given back", |session| !session.is_set(1000));
    shown.press("m");
    shown.wait("the mouse", |session| session.is_set(1000));
    go(&bench, "");
    shown.wait_for("finished");
    shown.ends("q", 0);
}

#[test]
fn files_may_come_through_a_pipe_while_keys_come_from_the_terminal() {
    let bench = gated(3);
    let mut command = run(&bench);
    command.words.pop();
    let line =
        format!("ls in/000.txt in/002.txt | {} {} --files-from -", mediamill().display(), command.words.join(" "));
    let mut shown = command.shell(&line).showing("2 of 2 tasks");
    shown.go_to("002.txt");
    go(&bench, "");
    shown.wait_for("2 / 2");
    shown.wait_for("finished");
    shown.ends("q", 0);
    assert_eq!(bench.outputs().len(), 2);
}
