//! A step can make many pieces of an item, and others run for each of them: with its own attempts, faults and place in the
//! checkpoint, and whatever happens in between.
//!
//! `MEDIAMILL_PIECES=10000` takes so many where one item is killed in the middle (600 without it).

#![expect(clippy::unwrap_used, reason = "a test whose step fails where it must not has failed")]

#[path = "support/pieces.rs"]
mod pieces;
mod support;

use std::collections::{BTreeMap, BTreeSet};

use mediamill::events::EventKind;
use mediamill::resilience::FaultClass;
use mediamill::resilience::checkpoint::ItemState;
use pieces::*;
use serde_json::Value;
use support::{Bench, PATIENCE, until};

#[test]
fn each_piece_of_each_item_goes_its_way_and_a_second_run_has_nothing_to_do() {
    let bench = Bench::new(CUT);
    bench.input("one.txt", "a\nb\nc\nd\ne\n");
    bench.input("two.txt", "x\n");
    bench.run().expect(0);
    let found = texts(&bench);
    assert_eq!(found["one/clip-aa.loud"], "A\nB\n");
    assert_eq!(found["one/copies/3-clip-ac.part"], "E\n");
    assert_eq!(found["two/copies/1-clip-aa.part"], "X\n");
    assert_eq!(found.len(), 3 * (3 + 1), "{found:?}");
    let journal = bench.journal();
    assert_eq!(begun(&journal, "copy"), [1, 1, 2, 3]);
    let record = &bench.checkpoints()[std::ffi::OsStr::new("one.txt")];
    assert_eq!(record.completed_steps, ["slice", "loud", "copy"]);
    assert_eq!(record.steps["slice"].pieces["clips"].count, 3);
    bench.run().expect(0);
    assert_eq!(bench.journal().begun(), BTreeSet::new());
    assert_eq!(bench.journal().counts().unwrap().up_to_date, 2);
    bench.assert_clean();

    let shown = ask(&bench, &["checkpoint", "show", "one.txt"]);
    assert!(shown.contains("clips: 3 pieces"), "{shown}");
    let json: Value = serde_json::from_str(&ask(&bench, &["checkpoint", "show", "one.txt", "--json"])).unwrap();
    assert_eq!(json["piece_records"].as_array().unwrap().len(), 3);
    assert_eq!(json["piece_records"][2]["steps"]["loud"]["outcome"], "done");
    let verified = ask(&bench, &["checkpoint", "verify"]);
    assert!(verified.contains("14 files are fine, 0 are not"), "{verified}");
}

#[test]
fn what_a_built_in_step_knows_of_each_piece_can_be_read_with_its_type() {
    let each = r#"
[[step]]
id = "say"
each = "make.pieces"
run = ["sh", "-c", 'echo "$1 of $2" > "$3"', "sh", "{piece.number}", "{item.stem}", "{out}"]
out = { text = "{piece.stem}.said" }
[[step]]
id = "table"
uses = "collect"
each = "make.pieces"
out = { table = "all.jsonl" }
[step.with.columns]
item = "{item.stem}"
number = "{piece.number}"
name = "{piece.name}"
text = "{say.text|content}"
"#;
    let bench = Bench::new(&made(3, each));
    bench.inputs(2);
    bench.run().expect(0);
    let table = std::fs::read_to_string(bench.out.join("all.jsonl")).unwrap();
    let rows: Vec<Value> = table.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(rows.len(), 6);
    let row = serde_json::json!({"item": "001", "number": 2, "name": "000002.txt", "text": "2 of 001"});
    assert_eq!(rows[4], row, "{table}");
    assert!(bench.checkpoints()[std::ffi::OsStr::new("000.txt")].result("make").unwrap().is_empty());
}

#[test]
fn a_bad_piece_stops_no_other_and_is_told_by_name_and_not_tried_again() {
    let script = r#"if [ "$3" = 4 ]; then echo broken clip >&2; exit 65; fi; cp "$1" "$2""#;
    let bench = Bench::new(&made(9, &shell(script, "")));
    bench.inputs(1);
    bench.run().expect(1);
    let journal = bench.journal();
    let (state, fault) = journal.finished().into_values().next().unwrap();
    let fault = fault.unwrap();
    assert_eq!((state, fault.class), (ItemState::Failed, FaultClass::Input));
    assert!(fault.message.starts_with("1 of 9 pieces failed: pieces/000004.txt"), "{}", fault.message);
    assert_eq!(texts(&bench).len(), 9 + 8);
    let told = ask(&bench, &["failures"]);
    assert!(told.contains("1 file failed (1 piece): input") && told.contains("000004.txt"), "{told}");
    assert!(journal.run.join("logs").read_dir().unwrap().next().unwrap().unwrap().path().join("work.4.1.log").exists());
    let shown = ask(&bench, &["checkpoint", "show", "000.txt"]);
    assert!(shown.contains("work: done for 8 of 9 pieces, 1 failed"), "{shown}");

    bench.run().expect(1);
    assert_eq!(begun(&bench.journal(), "work"), [0; 0]);
    bench.run().arg("--retry-failed").expect(1);
    assert_eq!(begun(&bench.journal(), "work"), [4]);
    // Edited so that it is good: all are done again, as the step is another.
    bench.pipeline(&made(9, &shell(r#"cp "$1" "$2""#, "")));
    bench.run().expect(0);
    assert_eq!(begun(&bench.journal(), "work"), (1..=9).collect::<Vec<_>>());
}

#[test]
fn an_optional_step_leaves_out_the_pieces_that_fail_and_the_table_lacks_them() {
    let table = r#"
[[step]]
id = "table"
uses = "collect"
each = "make.pieces"
out = { table = "all.csv" }
with = { format = "csv", columns = { name = "{piece.name}", text = "{work.text}" } }
"#;
    let script = r#"[ "$3" = 2 ] && exit 65; cp "$1" "$2""#;
    let bench = Bench::new(&made(4, &(shell(script, "optional = true") + table)));
    bench.inputs(1);
    bench.run().expect(0);
    let rows = std::fs::read_to_string(bench.out.join("all.csv")).unwrap();
    assert_eq!(rows.lines().count(), 1 + 3, "{rows}");
    assert!(!rows.contains("000002"));
    bench.run().expect(0);
    assert_eq!(bench.journal().counts().unwrap().up_to_date, 1);
}

#[test]
fn each_piece_has_attempts_of_its_own() {
    // Each fails once, then once more for the third.
    let script = r#"echo x >> "BENCH/tries.$3"; n=$(wc -l < "BENCH/tries.$3"); [ "$n" -ge 2 ] && [ "$3" != 3 -o "$n" -ge 3 ] || exit 66; cp "$1" "$2""#;
    let bench = Bench::new(
        &made(5, &shell(script, "sandbox = false"))
            .replace("[[step]]\nid = \"make\"", "[breakers.sh]\nfailure_threshold = 100\n[[step]]\nid = \"make\""),
    );
    bench.inputs(1);
    bench.run().expect(0);
    assert_eq!(begun(&bench.journal(), "work"), [1, 1, 2, 2, 3, 3, 3, 4, 4, 5, 5]);
    let json: Value = serde_json::from_str(&ask(&bench, &["checkpoint", "show", "000.txt", "--json"])).unwrap();
    assert_eq!(json["piece_records"][2]["steps"]["work"]["attempts"], 3);
}

#[test]
fn pieces_wait_for_a_tool_that_is_down_and_go_on_when_it_is_well() {
    let script = r#"echo x >> BENCH/calls; [ $(wc -l < BENCH/calls) -ge 7 ] || exit 69; cp "$1" "$2""#;
    let breakers = "[breakers.sh]\nfailure_threshold = 2\nrecovery_timeout = \"50ms\"\nsuccess_threshold = 1\n";
    let text = made(20, &(shell(script, "sandbox = false") + breakers))
        .replace("name = \"noop\"\n", "name = \"noop\"\ngive_up_after = 50\n");
    let bench = Bench::new(&text);
    bench.inputs(2);
    bench.run().expect(0);
    let journal = bench.journal();
    assert!(journal.breaker_changes().len() >= 3, "{:?}", journal.breaker_changes());
    let parked = journal.kinds().filter(|kind| matches!(kind, EventKind::TaskParked { .. })).count();
    assert!((1..40).contains(&parked), "{parked}: pieces wait together");
    assert_eq!(texts(&bench).len(), 2 * (20 + 20));
    assert_eq!(std::fs::read_to_string(bench.path("calls")).unwrap().lines().count(), 40 + 6);
}

#[test]
fn sigkill_in_the_middle_of_the_pieces_of_one_item_loses_no_finished_one() {
    let count: u32 = std::env::var("MEDIAMILL_PIECES").ok().map_or(600, |count| count.parse().unwrap());
    let bench = Bench::new(&made(count, KEEP_EACH));
    bench.inputs(1);
    let mut known: BTreeSet<(u32, u32)> = BTreeSet::new();
    for kill in 1..=4_usize {
        let live = bench.run().start();
        let pieces = || bench.journals().last().map_or(0, |journal| done(journal).len());
        let wanted = count as usize / 8;
        until("some pieces are done", PATIENCE, || {
            bench.journals().len() == kill && (pieces() >= wanted || bench.journal().counts().is_some())
        });
        live.kill();
        let journal = bench.journal();
        // What was told to be done is not done again.
        let again: Vec<u32> =
            begun(&journal, "keep").into_iter().filter(|piece| known.contains(&(1, *piece))).collect();
        assert_eq!(again, [0; 0]);
        known.extend(done(&journal));
    }
    bench.run().expect(0);
    let journal = bench.journal();
    assert!(begun(&journal, "keep").iter().all(|piece| !known.contains(&(1, *piece))));
    assert_eq!(begun(&journal, "make"), [0; 0]);
    let found = texts(&bench);
    assert_eq!(found.len(), 2 * count as usize);
    assert_eq!(found[&format!("000/kept/{count:06}.txt")], format!("piece {count}\n"));
    bench.run().expect(0);
    assert_eq!(bench.journal().begun(), BTreeSet::new());
    bench.assert_clean();
}

#[test]
fn an_edited_step_runs_again_alone_and_fewer_pieces_leave_no_old_file() {
    let bench = Bench::new(CUT);
    let input = bench.input("one.txt", "a\nb\nc\nd\ne\nf\n");
    bench.run().expect(0);
    bench.pipeline(&CUT.replace("tr a-z A-Z", "tr a-z 0-9"));
    bench.run().expect(0);
    assert_eq!(begun(&bench.journal(), "loud"), [1, 2, 3]);
    assert_eq!(begun(&bench.journal(), "copy"), [1, 2, 3]);
    assert!(!bench.journal().begun().contains(&("one.txt".into(), "slice".into())));

    // The second piece is another one, the third is no more.
    std::fs::write(&input, "a\nb\nx\n").unwrap();
    bench.run().expect(0);
    let journal = bench.journal();
    assert_eq!(begun(&journal, "loud"), [2]);
    let found = texts(&bench);
    let names: Vec<&str> = found.keys().map(String::as_str).collect();
    let left = [
        "clip-aa.loud",
        "clip-aa.part",
        "clip-ab.loud",
        "clip-ab.part",
        "copies/1-clip-aa.part",
        "copies/2-clip-ab.part",
    ];
    assert_eq!(names, left.map(|name| format!("one/{name}")));
    assert!(journal.warnings().iter().any(|told| told.contains("3 files of pieces")), "{:?}", journal.warnings());
}

#[test]
fn a_piece_that_was_changed_by_somebody_is_not_removed_and_a_checkpoint_that_is_removed_counts_no_more() {
    let bench = Bench::new(CUT);
    let input = bench.input("one.txt", "a\nb\nc\n");
    bench.run().expect(0);
    std::fs::write(bench.out.join("one/copies/2-clip-ab.part"), "mine now").unwrap();
    std::fs::write(&input, "a\nb\n").unwrap();
    bench.run().expect(0);
    assert_eq!(texts(&bench)["one/copies/2-clip-ab.part"], "mine now");
    assert!(!texts(&bench).contains_key("one/clip-ab.part"));

    ask(&bench, &["checkpoint", "remove", "one.txt"]);
    bench.run().expect(0);
    assert_eq!(begun(&bench.journal(), "loud"), [1]);
    assert_eq!(begun(&bench.journal(), "copy"), [1]);
}

#[test]
fn clips_of_speech_carry_their_places_into_a_manifest() {
    let bench = Bench::new(
        r#"
name = "speech"
[output]
dir = "out/{item.stem}"
[[step]]
id = "slice"
uses = "audio.slice"
with = { by = "windows", window_s = 0.5 }
out = { clips = "clips/*.wav" }
[[step]]
id = "digest"
each = "slice.clips"
uses = "audio.probe"
[[step]]
id = "manifest"
uses = "collect"
each = "slice.clips"
out = { table = "clips.jsonl" }
[step.with.columns]
clip = "{piece.name}"
start_s = "{piece.start_s}"
duration = "{digest.duration}"
"#,
    );
    let sound = support::fixture("speech-1.wav");
    bench.run().over([sound]).expect(0);
    let table = std::fs::read_to_string(bench.out.join("clips.jsonl")).unwrap();
    let rows: Vec<Value> = table.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(rows.len() >= 3, "{table}");
    for (at, row) in rows.iter().enumerate() {
        assert_eq!(row["start_s"].as_f64().unwrap(), at as f64 * 0.5, "{table}");
        let last = at + 1 == rows.len();
        assert!(last || (row["duration"].as_f64().unwrap() - 0.5).abs() < 1e-3, "{table}");
    }
}

#[test]
fn rows_of_pieces_are_split_by_their_source() {
    let each = r#"
[[step]]
id = "table"
uses = "collect"
each = "make.pieces"
out = { table = "all.jsonl", train = "train.jsonl", test = "test.jsonl" }
with = { split = { test = 0.3 }, columns = { item = "{item.name}", number = "{piece.number}" } }
"#;
    let digest = "\n[[step]]\nid = \"digest\"\nuses = \"file.hash\"\n";
    let bench = Bench::new(&made(4, &format!("{digest}{each}")));
    bench.inputs(30);
    bench.run().expect(0);
    let items = |name: &str| -> BTreeMap<String, usize> {
        let mut found = BTreeMap::new();
        for line in std::fs::read_to_string(bench.out.join(name)).unwrap().lines() {
            let row: Value = serde_json::from_str(line).unwrap();
            *found.entry(row["item"].as_str().unwrap().to_owned()).or_default() += 1;
        }
        found
    };
    let (train, test) = (items("train.jsonl"), items("test.jsonl"));
    assert!(train.values().chain(test.values()).all(|rows| *rows == 4), "no item is on two sides");
    assert_eq!(train.len() + test.len(), 30);
    assert!((3..=16).contains(&test.len()), "{test:?}");
    assert_eq!(items("all.jsonl").len(), 30);
    // More items move nobody, and a copy goes where its original is.
    for n in 30..45 {
        bench.input(format!("{n:03}.txt"), format!("content of {n}\n"));
    }
    bench.input("copy.txt", "content of 7\n");
    bench.run().expect(0);
    let (train, later) = (items("train.jsonl"), items("test.jsonl"));
    assert!(test.keys().all(|item| later.contains_key(item)), "{test:?} {later:?}");
    assert_eq!(train.contains_key("copy.txt"), train.contains_key("007.txt"));
}

#[test]
fn a_plan_tells_what_is_known_of_pieces() {
    let bench = Bench::new(&made(6, &shell(r#"[ "$3" = 2 ] && exit 66; cp "$1" "$2""#, "on_open = \"park\"")));
    bench.inputs(2);
    let (out, pipeline, inputs) = (bench.out.clone(), bench.path("pipeline.toml"), bench.path("in"));
    let plan = |more: &[&str]| {
        let words = ["plan", pipeline.to_str().unwrap(), inputs.to_str().unwrap(), "-o", out.to_str().unwrap()];
        ask(&bench, &[&words[..], more].concat())
    };
    let told = plan(&[]);
    assert!(told.contains("pieces of make.pieces, not known yet"), "{told}");
    bench.run().args(["--limit", "1"]).start().end();
    let told = plan(&["--why", "000.txt"]);
    assert!(told.contains("work             runs for 1 of 6 pieces of make.pieces: it failed before"), "{told}");
    let told = plan(&[]);
    assert!(told.contains("1 of 6 pieces of make.pieces") && told.contains("not known yet"), "{told}");
}

#[test]
fn a_built_in_step_may_find_nothing_to_cut_out_and_a_tool_may_not() {
    let bench = Bench::new(&made(0, KEEP_EACH));
    bench.inputs(1);
    bench.run().expect(0);
    assert_eq!(bench.outputs().len(), 0);
    bench.pipeline(
        &CUT.replace(
            "\"split\", \"-l\", \"2\", \"--additional-suffix=.part\", \"{in}\", \"{scratch}/clip-\"",
            "\"true\"",
        ),
    );
    bench.run().expect(1);
    assert_eq!(bench.journal().faults()[0].cause, "output-missing");
}
