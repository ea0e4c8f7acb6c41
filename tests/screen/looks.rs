//! Colours, signs, and the configuration.

use crate::support::mediamill;
use crate::{gated, go, run, selected};

/// The numbers of all changes of attributes that the terminal got.
fn attributes(bytes: &[u8]) -> Vec<Vec<u32>> {
    let text = String::from_utf8_lossy(bytes).into_owned();
    let parts = text.split("\x1b[").skip(1);
    let numbers = parts.filter_map(|part| {
        let end = part.find(|c: char| !c.is_ascii_digit() && c != ';')?;
        part[end..].starts_with('m').then(|| part[..end].split(';').map(|n| n.parse().unwrap_or(0)).collect())
    });
    numbers.collect()
}

fn is_colour(number: u32) -> bool {
    matches!(number, 30..=38 | 40..=48 | 58 | 90..=107)
}

#[test]
fn without_colours_the_row_of_the_cursor_is_still_marked() {
    let bench = gated(4);
    let mut shown = run(&bench).env("NO_COLOR", "1").showing("2 of 2 tasks");
    shown.press("2345?");
    shown.wait_for("to the first row");
    shown.esc();
    shown.press("1");
    shown.go_to("001.txt");
    let row = shown.lines().iter().position(|line| line.contains("001.txt")).unwrap();
    let cell = shown.screen().cell(row as u16, 4).unwrap().clone();
    assert!(cell.inverse(), "the row has no look of its own");
    go(&bench, "");
    shown.wait_for("finished");
    shown.ends("q", 0);
    let all = attributes(&shown.bytes());
    assert!(all.len() > 20);
    assert!(!all.iter().flatten().any(|number| is_colour(*number)), "{all:?}");
}

#[test]
fn with_colours_there_are_some() {
    let bench = gated(2);
    go(&bench, "");
    for theme in ["light", "dark"] {
        let mut shown = run(&bench).arg("--theme").arg(theme).showing("finished");
        shown.ends("q", 0);
        assert!(attributes(&shown.bytes()).iter().flatten().any(|number| is_colour(*number)), "{theme}");
    }
}

#[test]
fn an_unknown_theme_is_a_usage_error_and_no_screen() {
    let bench = gated(2);
    let mut shown = run(&bench).arg("--theme").arg("nope").start();
    shown.ends("", 2);
    shown.wait_for("invalid value 'nope'");
    shown.wait_for("light");
    assert!(!shown.had_screen());
    assert!(bench.journals().is_empty());
}

#[test]
fn ascii_is_all_that_is_drawn_where_it_is_asked_for() {
    for by in ["--ascii", "C", "config"] {
        let bench = gated(4);
        let mut command = run(&bench);
        match by {
            "C" => command = command.env("LANG", "C").env("LC_ALL", "C"),
            "config" => {
                let folder = bench.path("home/config/mediamill");
                std::fs::create_dir_all(&folder).unwrap();
                std::fs::write(folder.join("tui.toml"), "glyphs = \"ascii\"\n").unwrap();
            }
            flag => command = command.arg(flag),
        }
        let mut shown = command.showing("2 of 2 tasks");
        // Into every screen, the help, the palette, and the question at the end.
        for (key, text) in [
            ("\r", "log of work"),
            ("2", "Nothing failed"),
            ("3", "DEPENDENCIES"),
            ("4", "CLOSED"),
            ("5", "jobs; steps: work"),
        ] {
            shown.press(key);
            shown.wait_for(text);
        }
        shown.press("?");
        shown.wait_for("to the first row");
        shown.esc();
        shown.press(":");
        shown.wait_for("type some letters");
        shown.esc();
        shown.press("1q");
        shown.wait_for("2 tasks are running");
        shown.esc();
        go(&bench, "");
        shown.wait_for("finished");
        assert!(selected(&shown).is_some(), "{}", shown.text());
        shown.ends("q", 0);
        let other = shown.bytes().iter().position(|byte| !byte.is_ascii());
        let bytes = shown.bytes();
        let near = other
            .map(|at| String::from_utf8_lossy(&bytes[at.saturating_sub(40)..(at + 10).min(bytes.len())]).into_owned());
        assert_eq!(near, None, "{by}");
    }
}

#[test]
fn a_broken_configuration_is_told_and_stops_nothing() {
    let bench = gated(2);
    let config = bench.path("own.toml");
    std::fs::write(&config, "theme = \"light\"\nframes_per_second = \"many\"\n[keys]\nquit = [\"Q\"]\n").unwrap();
    let mut shown = run(&bench).env("MEDIAMILL_TUI_CONFIG", config.to_str().unwrap()).showing("own.toml:2:");
    shown.wait_for("2 of 2 tasks");
    go(&bench, "");
    shown.wait_for("finished");
    // What is right in it counts.
    shown.wait_for("Q leave");
    shown.ends("qQ", 0);
}

#[test]
fn where_no_screen_is_possible_there_are_plain_lines() {
    let bench = gated(2);
    go(&bench, "");
    for (name, value, word) in [("TERM", "dumb", ""), ("LANG", "C.UTF-8", "--no-tui")] {
        let command = run(&bench).env(name, value);
        let command = if word.is_empty() { command } else { command.arg(word) };
        let mut shown = command.arg("--fresh").showing("Successful:     2 (100.0%)");
        shown.ends("", 0);
        assert!(!shown.had_screen(), "{name}");
    }
}

#[test]
fn where_the_output_goes_elsewhere_there_are_plain_lines() {
    let bench = gated(2);
    go(&bench, "");
    let command = run(&bench);
    let line = format!("{} {} | cat", mediamill().display(), command.words.join(" "));
    let mut shown = command.shell(&line).showing("Successful:     2 (100.0%)");
    shown.ends("", 0);
    assert!(!shown.had_screen());
}

#[test]
fn a_run_that_cannot_begin_tells_why_without_a_screen() {
    let bench = gated(1);
    bench.pipeline(&crate::GATED.replace("out = {", "nothing = 1\nout = {"));
    let mut shown = run(&bench).showing("nothing");
    shown.ends("", 2);
    assert!(!shown.had_screen());
    let plain = bench.run().expect(2);
    let told = |text: &str| text.lines().map(|line| line.trim_end().to_owned()).collect::<Vec<_>>();
    assert_eq!(told(shown.text().trim()), told(plain.stderr.trim()));
}

#[test]
fn the_end_is_told_by_bell_or_notification_only_where_that_is_asked_for() {
    for (how, told) in [("off", None), ("bell", Some("\x07")), ("desktop", Some("\x1b]777;notify;"))] {
        let bench = gated(2);
        let config = bench.path("tui.toml");
        std::fs::write(&config, format!("notify = \"{how}\"\n")).unwrap();
        let mut shown = run(&bench).env("MEDIAMILL_TUI_CONFIG", config.to_str().unwrap()).showing("2 of 2 tasks");
        go(&bench, "");
        shown.wait_for("finished");
        shown.ends("q", 0);
        let bytes = String::from_utf8_lossy(&shown.bytes()).into_owned();
        match told {
            Some(told) => assert!(bytes.contains(told), "{how}"),
            None => assert!(!bytes.contains('\x07') && !bytes.contains("]777;")),
        }
    }
}
