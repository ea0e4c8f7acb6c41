//! Failures are told by cause.
#![expect(clippy::unwrap_used, reason = "a test may")]

use super::*;
use crate::events::journal::JournalWriter;
use crate::report::Names;
use crate::report::testing::{beginning, broken, dead, events, finished, story};

/// A run's folder with the journal of `told`.
fn folder(told: &[Event]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let mut journal = JournalWriter::create(&folder.path().join("journal.jsonl")).unwrap();
    for event in told {
        journal.write_line(format!("{}\n", serde_json::to_string(event).unwrap()).as_bytes()).unwrap();
    }
    journal.flush().unwrap();
    folder
}

#[test]
fn each_cause_is_told_with_an_example_the_end_of_its_log_and_the_command_that_tries_it_again() {
    let run = folder(&story());
    let log = run.path().join("logs/song1");
    std::fs::create_dir_all(&log).unwrap();
    let lines: Vec<String> = (0..50).map(|n| format!("\x1b[2Kprogress\rline {n}\n")).collect();
    std::fs::write(log.join("prepare.1.log"), lines.concat()).unwrap();
    std::fs::write(
        run.path().join("run.json"),
        r#"{"version":1,"pipeline_file":"lesson.toml","arguments":["run","lesson.toml","/music"],"output":null}"#,
    )
    .unwrap();
    let report = read(run.path()).unwrap();
    let text = text(&report, &Names::below(run.path()));
    let shown: String = (30..50).map(|n| format!("    | line {n}\n")).collect();
    let expected = format!(
        "\
Run r1 of lesson

1 file failed: input/decode in prepare
  example: /music/song1.wav
    song1.wav ends after 2 of 40 seconds
    hint: get the file again
  log: logs/song1/prepare.1.log
{shown}  again: mediamill run lesson.toml /music --retry-failed --cause decode

1 file parked: dependency/missing in stems
  example: /music/song2.wav
    demucs is OPEN: demucs was not found on PATH
    hint: pip install demucs
  again: mediamill run lesson.toml /music
"
    );
    assert_eq!(text, expected);
    let json: serde_json::Value = serde_json::from_str(&json(&report)).unwrap();
    assert_eq!(json["groups"][0]["count"], 1);
    assert_eq!(json["groups"][0]["log_end"][19], "line 49");
}

#[test]
fn the_largest_group_comes_first_and_parked_files_after_failed_ones() {
    let mut kinds = beginning(20);
    let other = Fault::input("format", "it is no sound");
    kinds.extend((0..2).map(|item| (10, finished(item, ItemState::Failed, Some((0, other.clone()))))));
    kinds.extend((2..5).map(|item| (10, finished(item, ItemState::Failed, Some((0, broken()))))));
    kinds.extend((5..15).map(|item| (10, finished(item, ItemState::Parked, Some((1, dead()))))));
    let report = read(folder(&events(kinds)).path()).unwrap();
    let told: Vec<_> = report.groups.iter().map(|group| (group.status, group.cause.as_str(), group.count)).collect();
    assert_eq!(told, [("failed", "decode", 3), ("failed", "format", 2), ("parked", "missing", 10)]);
    assert!(!report.finished);
}

#[test]
fn a_file_that_went_well_when_it_was_tried_again_is_no_failure() {
    let mut kinds = beginning(2);
    kinds.push((10, finished(0, ItemState::Failed, Some((0, broken())))));
    kinds.push((11, finished(1, ItemState::Failed, Some((0, broken())))));
    kinds.push((20, EventKind::AttemptStarted { item: 0, step: 0, piece: None, attempt: 1, draws: Vec::new() }));
    kinds.push((30, finished(0, ItemState::Done, None)));
    let report = read(folder(&events(kinds)).path()).unwrap();
    assert_eq!((report.groups.len(), report.groups[0].count), (1, 1));
    assert_eq!(report.groups[0].example, Some(OsText::from("/music/song1.wav")));
}

#[test]
fn a_journal_that_a_crash_cut_short_is_read_as_far_as_it_goes() {
    let run = folder(&story());
    let path = run.path().join("journal.jsonl");
    let text = std::fs::read(&path).unwrap();
    std::fs::write(&path, &text[..text.len() - 30]).unwrap();
    let report = read(run.path()).unwrap();
    assert!(!report.finished && report.groups.len() == 2);
}

#[test]
fn a_log_outside_of_the_runs_folder_is_not_read() {
    let mut kinds = beginning(1);
    let log = Some("../../secret".to_owned());
    kinds.push((
        10,
        EventKind::AttemptFailed { item: 0, step: 0, piece: None, attempt: 1, fault: broken(), log, ms: 1 },
    ));
    kinds.push((10, finished(0, ItemState::Failed, Some((0, broken())))));
    let report = read(folder(&events(kinds)).path()).unwrap();
    assert_eq!(report.groups[0].log, None);
}

#[test]
fn the_newest_run_comes_first() {
    let pipeline = tempfile::tempdir().unwrap();
    for (run, seconds) in [("b", 100), ("a", 300), ("c", 200)] {
        let folder = pipeline.path().join("runs").join(run);
        std::fs::create_dir_all(&folder).unwrap();
        let journal = std::fs::File::create(folder.join("journal.jsonl")).unwrap();
        journal.set_modified(std::time::UNIX_EPOCH + std::time::Duration::from_secs(seconds)).unwrap();
    }
    std::fs::create_dir_all(pipeline.path().join("runs/no-journal")).unwrap();
    let names: Vec<_> = runs(pipeline.path()).unwrap().iter().map(|run| run.file_name().unwrap().to_owned()).collect();
    assert_eq!(names, ["a", "c", "b"]);
    assert!(runs(&pipeline.path().join("nothing")).unwrap().is_empty());
}
