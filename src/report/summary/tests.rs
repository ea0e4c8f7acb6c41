//! The summary, as people and programs read it.
#![expect(clippy::unwrap_used, reason = "a test may")]
use super::*;
use crate::events::EventKind;
use crate::report::testing::{beginning, broken, events, finished, folded, story};
use crate::resilience::checkpoint::ItemState;

fn places() -> Places {
    Places {
        output: "out/{item.stem}".to_owned(),
        state: "/music/checkpoints/lesson".into(),
        run_folder: "/music/checkpoints/lesson/runs/r1".into(),
    }
}

fn summary(state: &RunState) -> String {
    text_with(state, &places(), &Names::below("/music"))
}

#[test]
fn a_plain_batch_is_summed_up_in_the_shape_that_people_know() {
    let mut kinds = beginning(10);
    kinds.extend((0..9).map(|item| (1000, finished(item, ItemState::Done, None))));
    kinds.push((125_300, finished(9, ItemState::Failed, Some((0, broken())))));
    let text = summary(&folded(&events(kinds)));
    let expected = "\
============================================================
Batch Processing Summary
============================================================
Total files:    10
Successful:     9 (90.0%)
Failed:         1 (10.0%)
Skipped:        0
Total time:     125.3s
Avg per file:   12.5s
";
    assert!(text.starts_with(expected), "{text}");
}

#[test]
fn everything_that_is_not_done_is_told_with_the_reason() {
    let expected = "\
============================================================
Batch Processing Summary
============================================================
Total files:    8
Successful:     3 (37.5%)
Failed:         1 (12.5%)
Skipped:        1
Up to date:     2
Parked:         1
Cancelled:      1
Not begun:      1
Total time:     125.3s
Avg per file:   31.3s

Failed:
  song1.wav  prepare  input/decode
    song1.wav ends after 2 of 40 seconds
    hint: get the file again
  By cause, with logs and the command that tries them again: mediamill failures

Parked:
  1 file  stems  dependency/missing
    demucs is OPEN: demucs was not found on PATH
    hint: pip install demucs
  The same command takes them up first, once what they wait for is well again.

Ended early:    it was asked to stop

Outputs:        out/{item.stem}
Checkpoints:    checkpoints/lesson/items
Run folder:     checkpoints/lesson/runs/r1
";
    assert_eq!(summary(&folded(&story())), expected);
}

#[test]
fn of_many_failures_the_first_are_told_and_a_hint_for_all_of_them_once() {
    let mut kinds = beginning(30);
    kinds.extend((0..30).map(|item| (1000, finished(item, ItemState::Failed, Some((0, broken()))))));
    let text = summary(&folded(&events(kinds)));
    assert_eq!(text.matches("hint:").count(), 1, "{text}");
    assert!(text.contains("  song19.wav  prepare") && !text.contains("song20.wav"), "{text}");
    assert!(text.contains("  ... and 10 more\n"), "{text}");
}

#[test]
fn an_empty_batch_divides_by_nothing() {
    let text = summary(&folded(&events(beginning(0))));
    assert!(text.contains("Successful:     0 (0.0%)") && text.contains("Avg per file:   0.0s"), "{text}");
}

#[test]
fn the_json_holds_every_figure_and_the_status_of_each_item_that_failed_or_waits() {
    let json: serde_json::Value = serde_json::from_str(&json(&folded(&story()), &places())).unwrap();
    assert_eq!(json["version"], 1);
    assert_eq!((&json["counts"]["total"], &json["not_begun"]), (&8.into(), &1.into()));
    assert_eq!(json["elapsed_seconds"], 125.3);
    assert_eq!(json["causes"], serde_json::json!([{ "class": "input", "cause": "decode", "count": 1 }]));
    let told = |field: &str| -> Vec<_> {
        json["failures"].as_array().unwrap().iter().map(|failure| failure[field].as_str().unwrap()).collect()
    };
    assert_eq!(told("status"), ["failed", "parked"]);
    assert_eq!(told("path"), ["/music/song1.wav", "/music/song2.wav"]);
    assert_eq!(told("step"), ["prepare", "stems"]);
    assert_eq!(json["breakers"]["demucs"]["state"], "open");
    assert_eq!(json["dependencies"]["demucs"]["available"], false);
    assert_eq!(json["ended_early"], "it was asked to stop");
}

#[test]
fn the_json_counts_the_items_that_it_has_no_room_for() {
    let mut kinds = beginning(0);
    kinds[1].1 =
        EventKind::ItemsListed { first: 0, paths: (0..10_005).map(|n| OsText::from(format!("/{n}"))).collect() };
    kinds.extend((0..10_005).map(|item| (1000, finished(item, ItemState::Failed, Some((0, broken()))))));
    let json: serde_json::Value = serde_json::from_str(&json(&folded(&events(kinds)), &places())).unwrap();
    assert_eq!(json["failures"].as_array().unwrap().len(), 10_000);
    assert_eq!(json["failures_left_out"], 5);
}
