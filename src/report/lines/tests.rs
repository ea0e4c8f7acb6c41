//! Lines for people who read along.
use super::*;
use crate::report::testing::{Shared, beginning, events, finished, story, told};

fn lines(level: Level) -> String {
    let shared = Shared::default();
    let mut lines = Lines::new(shared.clone(), level, false).with_names(Names::below("/music"));
    told(&story(), &mut lines);
    shared.text()
}

#[test]
fn a_run_is_told_in_one_line_for_each_file_and_for_what_matters() {
    let expected = "\
00:00 run       lesson  2 jobs; steps: prepare, stems, analyze
00:00 items     8 files
00:00 missing   demucs  demucs was not found on PATH
00:01 done      2 up to date
00:01 skipped   1 left out: its outputs exist
00:01 failed    song1.wav  prepare: song1.wav ends after 2 of 40 seconds (input/decode)
00:02 retry     song0.wav  stems: demucs ran past its limit of 1 h (transient/timeout); attempt 2 of 4 in 1.0 s
00:03 breaker   demucs  OPEN: 3 failures in a row; tried again in 2 min 0 s
00:04 done      song0.wav  4.0 s, without analyze
00:05 parked    song2.wav  stems: demucs is OPEN: demucs was not found on PATH (dependency/missing)
00:05 warning   song3.wav  \\u{1b}[2Ja \"strange\" log
00:06 paused    the disk of out is full
00:08 resumed   there is room again
00:09 stopping  SIGINT: running tools are asked to end
00:09 cancelled song3.wav
02:05 ended     it was asked to stop: 1 done, 2 up to date, 1 failed, 1 parked, 1 skipped, 1 cancelled, 1 not begun
";
    assert_eq!(lines(Level::Info), expected);
}

#[test]
fn a_level_tells_what_the_ones_before_it_tell_and_more() {
    let words = |level| -> Vec<String> {
        let text = lines(level);
        text.lines().map(|line| line.split_whitespace().nth(1).unwrap_or_default().to_owned()).collect()
    };
    assert_eq!(words(Level::Error), ["failed", "ended"]);
    let warn = words(Level::Warn);
    assert!(!warn.contains(&"done".to_owned()) && warn.contains(&"parked".to_owned()), "{warn:?}");
    let all = lines(Level::Debug);
    assert!(lines(Level::Info).lines().all(|line| all.contains(line)));
    assert!(all.contains("00:01 task      song0.wav  prepare: done in 1.2 s\n"), "{all}");
    assert!(all.contains("(input/decode); log: logs/song1/prepare.1.log\n"), "{all}");
}

#[test]
fn files_that_are_up_to_date_cost_one_line_a_second_however_many_they_are() {
    let mut kinds = beginning(3000);
    kinds.extend((0..3000).map(|n| (10 + u64::from(n), EventKind::ItemsUpToDate { ranges: vec![(n, n + 1)] })));
    let kinds = events(kinds);
    let shared = Shared::default();
    told(&kinds, &mut Lines::new(shared.clone(), Level::Info, false));
    let lines = shared.text();
    assert_eq!(lines.lines().count(), 5, "{lines}");
}

#[test]
fn only_the_word_has_a_colour() {
    let shared = Shared::default();
    let mut kinds = beginning(1);
    kinds.push((3_661_000, finished(0, ItemState::Done, None)));
    told(&events(kinds), &mut Lines::new(shared.clone(), Level::Info, true).with_names(Names::below("/music")));
    assert!(shared.text().ends_with("1:01:01 \x1b[32mdone     \x1b[0m song0.wav\n"), "{:?}", shared.text());
}

#[test]
fn what_fails_for_an_asset_is_told_once_with_the_asset_and_its_denylisting_once() {
    let shared = Shared::default();
    told(&crate::events::testing::pools_scene(), &mut Lines::new(shared.clone(), Level::Warn, false));
    let text = shared.text();
    let first = text.lines().next().unwrap_or_default();
    assert!(first.contains(" attempt   /texts/00") && first.contains(".txt  render: with '/fonts/s"), "{first}");
    assert!(first.ends_with(".ttf': its table glyf is cut off (asset/font)"), "{first}");
    assert_eq!(text.matches("retry").count(), 0, "{text}");
    let denylisted = text.lines().filter(|line| line.contains(" denylist  ")).count();
    assert_eq!((denylisted, text.matches(" spared ").count()), (8, 1), "{text}");
    assert!(text.contains("denylist  fonts  /fonts/serif/Font 8.ttf  score 40 after 6 failures; the last: its table"));
}
