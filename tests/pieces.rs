//! A step can make many pieces of an item, and others run for each of them: with its own attempts, faults and place in the
//! checkpoint, and whatever happens in between.
//!
//! `MEDIAMILL_PIECES=10000` takes so many where one item is killed in the middle (600 without it).

#![expect(clippy::unwrap_used, reason = "a test whose step fails where it must not has failed")]

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::process::Command;

use mediamill::events::EventKind;
use mediamill::resilience::FaultClass;
use mediamill::resilience::checkpoint::ItemState;
use mediamill::resilience::store::{Access, Store};
use serde_json::Value;
use support::{Bench, Journal, PATIENCE, mediamill, until};

/// Cuts a text into pieces of two lines, and does two things with each.
const CUT: &str = r#"
name = "cut"
[output]
dir = "out/{item.stem}"
[[step]]
id = "slice"
run = ["split", "-l", "2", "--additional-suffix=.part", "{in}", "{scratch}/clip-"]
out = { clips = "clip-*.part" }
[[step]]
id = "loud"
each = "slice.clips"
run = ["sh", "-c", "tr a-z A-Z < \"$1\" > \"$2\"", "sh", "{piece}", "{out}"]
out = { text = "{piece.stem}.loud" }
[[step]]
id = "copy"
each = "slice.clips"
uses = "file.copy"
in = "{loud.text}"
out = { copy = "copies/{piece.index}-{piece.name}" }
"#;

/// As many pieces as `COUNT` says, and `EACH` for each of them.
const NOOP: &str = r#"
name = "noop"
[output]
dir = "out/{item.stem}"
[[step]]
id = "make"
uses = "noop"
with = { pieces = COUNT }
out = { pieces = "pieces/*.txt" }
EACH
"#;

const COPY: &str = r#"
[[step]]
id = "keep"
each = "make.pieces"
uses = "file.copy"
out = { copy = "kept/{piece.name}" }
"#;

fn made(count: u32, each: &str) -> String {
    NOOP.replace("COUNT", &count.to_string()).replace("EACH", each)
}

/// A shell step over the pieces of [`NOOP`]; `$1` is the piece, `$2` the output, `$3` its number.
fn shell(script: &str, more: &str) -> String {
    format!(
        r#"
[[step]]
id = "work"
each = "make.pieces"
run = ["sh", "-c", '{script}', "sh", "{{piece}}", "{{out}}", "{{piece.number}}"]
out = {{ text = "{{piece.stem}}.done" }}
retry = {{ base_delay = "1ms", jitter = 0.0 }}
{more}
[tools.sh]
faults = [{{ exit = 65, class = "input" }}, {{ exit = 66, class = "transient" }}, {{ exit = 69, class = "dependency" }}]
"#
    )
}

/// The pieces that an attempt began for in `step`, by number, each as often as it did.
fn begun(journal: &Journal, step: &str) -> Vec<u32> {
    let place = journal.steps().iter().position(|id| id == step).unwrap() as u32;
    let number = |kind: &EventKind| match kind {
        EventKind::AttemptStarted { step, piece: Some(piece), .. } if *step == place => Some(piece.index),
        _ => None,
    };
    let mut found: Vec<u32> = journal.kinds().filter_map(number).collect();
    found.sort_unstable();
    found
}

fn done(journal: &Journal) -> BTreeSet<(u32, u32)> {
    let task = |kind: &EventKind| match kind {
        EventKind::TaskDone { step, piece: Some(piece), .. } => Some((*step, piece.index)),
        _ => None,
    };
    journal.kinds().filter_map(task).collect()
}

fn texts(bench: &Bench) -> BTreeMap<String, String> {
    let text =
        |(path, content): (PathBuf, Vec<u8>)| (path.to_str().unwrap().to_owned(), String::from_utf8(content).unwrap());
    bench.outputs().into_iter().map(text).collect()
}

fn ask(bench: &Bench, words: &[&str]) -> String {
    let mut command = Command::new(mediamill());
    let out = command.args(words).arg("--state").arg(&bench.state).current_dir(bench.path("")).output().unwrap();
    assert!(out.status.success(), "{words:?}: {}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8(out.stdout).unwrap()
}

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
    let bench = Bench::new(&made(count, COPY));
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
    let bench = Bench::new(&made(0, COPY));
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

/// A step whose shell makes pieces in its folder, and one that puts something before each.
fn cut_by(script: &str, out: &str, of: &str, work: &str) -> String {
    format!(
        r#"
name = "cut"
[output]
dir = "out"
[[step]]
id = "slice"
run = ["sh", "-c", 'cd "$1"; {script}', "sh", "{{scratch}}", "{{in}}"]
out = {{ {out} }}
[[step]]
id = "work"
each = "slice.{of}"
run = ["sh", "-c", '{work}', "sh", "{{piece}}", "{{out}}", "{{piece.index}}"]
out = {{ text = "{{piece.index}}.{{piece.stem}}.done" }}
"#
    )
}

const KEEP: &str = r#"cp "$1" "$2""#;

#[test]
fn pieces_in_folders_with_any_names_are_found_again_and_stay() {
    // By its bytes the second folder comes first, by its parts the last.
    let script = "mkdir a a-b; for n in 1 2; do echo a $n > a/$n.part; echo b $n > a-b/$n.part; done";
    let text = |work: &str| cut_by(script, "clips = \"*/*.part\"", "clips", work);
    let bench = Bench::new(&text(r#"[ "$3" != 3 ] && cp "$1" "$2""#));
    bench.inputs(1);
    bench.run().expect(1);
    let failed = bench.journal().finished().into_values().next().unwrap().1.unwrap();
    bench.pipeline(&text(KEEP));
    bench.run().expect(0);
    assert_eq!(bench.journal().warnings(), [""; 0]);
    assert_eq!(texts(&bench).len(), 4 + 4, "{:?}", texts(&bench).keys());
    bench.pipeline(&text(KEEP).replace("echo a ", "echo c "));
    bench.run().expect(0);
    assert_eq!(texts(&bench)["a/2.part"], "c 2\n");
    assert!(failed.message.contains("a-b/1.part"), "{}", failed.message);
}

#[test]
fn a_file_that_is_another_output_now_is_not_removed_as_an_old_piece() {
    let script = "for n in clip1 clip2 full; do echo $n > $n.part; done";
    let bench = Bench::new(&cut_by(script, "clips = \"*.part\"", "clips", KEEP));
    bench.inputs(1);
    bench.run().expect(0);
    bench.pipeline(&cut_by(script, "clips = \"clip*.part\", full = \"full.part\"", "clips", KEEP));
    bench.run().arg("--overwrite").expect(0);
    assert_eq!(texts(&bench).get("full.part").map(String::as_str), Some("full\n"));
    assert!(!texts(&bench).contains_key("3.full.done"));
    bench.run().expect(0);
    assert_eq!(bench.journal().counts().unwrap().up_to_date, 1);
}

#[test]
fn what_a_kill_left_of_pieces_that_are_no_more_is_removed_and_what_somebody_put_there_is_not() {
    let bench = Bench::new(CUT);
    let input = bench.input("one.txt", "a\nb\nc\nd\ne\nf\n");
    bench.run().expect(0);
    let (clips, of) = (["ab", "ac"].map(|name| bench.out.join(format!("one/clip-{name}.part"))), "slice.clips");
    let id = bench.checkpoints()[std::ffi::OsStr::new("one.txt")].item_id.clone();
    // As far as it gets when it is killed before the first file is moved: all of them are other ones.
    let store = Store::open(&bench.state, "cut", Access::Run { sync: false }).unwrap();
    let mut log = store.pieces(&id);
    let mut pieces: Vec<_> = (0..3).map(|place| log.piece(of, place).unwrap()).collect();
    for piece in &mut pieces {
        piece.artifact.replaces = Some(piece.artifact.mtime_ns);
        piece.artifact.hash = "0".repeat(32);
        piece.artifact.mtime_ns += 1;
    }
    log.append_set(of, &pieces, false).unwrap();
    drop(store);
    let somebodys = std::fs::read(&clips[0]).unwrap();
    std::fs::write(&clips[0], &somebodys).unwrap();
    std::fs::write(&input, "a\nb\n").unwrap();
    bench.run().expect(0);
    assert_eq!(std::fs::read(&clips[0]).unwrap(), somebodys);
    assert!(!clips[1].exists());
}

#[test]
fn a_piece_that_was_only_touched_is_worked_on() {
    let bench = Bench::new(CUT);
    bench.input("one.txt", "a\nb\nc\n");
    bench.run().expect(0);
    let clip = std::fs::File::options().append(true).open(bench.out.join("one/clip-aa.part")).unwrap();
    clip.set_modified(std::time::SystemTime::UNIX_EPOCH).unwrap();
    bench.pipeline(&CUT.replace("tr a-z A-Z", "tr a-z 0-9"));
    bench.run().expect(0);
    assert_eq!(begun(&bench.journal(), "loud"), [1, 2]);
}

#[test]
fn edits_of_a_pipeline_never_take_its_own_files_for_somebody_elses() {
    let script = "for n in a c full; do echo $n > $n.part; done";
    let text = cut_by(script, "clips = \"?.part\"", "clips", r#"(cat "$1"; echo) > "$2""#)
        .replace("{piece.index}.{piece.stem}", "{piece.index}");
    let bench = Bench::new(&text);
    bench.inputs(1);
    bench.run().expect(0);
    // Each of them from what the first came to.
    let kept = bench.path("kept");
    let copy = |from: &std::path::Path, to: &std::path::Path| {
        assert!(Command::new("cp").arg("-a").arg(from).arg(to).status().unwrap().success());
    };
    std::fs::create_dir(&kept).unwrap();
    copy(&bench.out, &kept.join("out"));
    copy(&bench.state, &kept.join("state"));
    let edits = [
        ("a step for pieces is called otherwise", text.replace("\"work\"", "\"word\"")),
        ("the pieces are called otherwise", text.replace("clips", "parts")),
        ("one is an output of its own", text.replace("\"?.part\"", "\"c*.part\", first = \"a.part\"")),
        (
            "there is one more before others",
            text.replace("for n in a c", "for n in a b c").replace("echo $n >", "echo 2$n >"),
        ),
        ("there is one more, and nothing else", text.replace("for n in a c", "for n in a b c")),
    ];
    for (what, edited) in edits {
        for (folder, name) in [(&bench.out, "out"), (&bench.state, "state")] {
            std::fs::remove_dir_all(folder).unwrap();
            copy(&kept.join(name), folder);
        }
        bench.pipeline(&edited);
        bench.run().start().end();
        let faults: Vec<String> = bench.journal().faults().iter().map(|fault| fault.to_string()).collect();
        assert_eq!(faults, [""; 0], "{what}");
        bench.run().expect(0);
        assert_eq!(bench.journal().counts().unwrap().up_to_date, 1, "{what}");
    }
}

#[test]
fn two_pieces_that_write_to_one_place_are_told_by_name() {
    let script = "mkdir x y; for n in x y; do echo $n > $n/1.part; done";
    let text =
        cut_by(script, "clips = \"*/*.part\"", "clips", KEEP).replace("{piece.index}.{piece.stem}", "{piece.stem}");
    let bench = Bench::new(&text);
    bench.inputs(1);
    bench.run().jobs(1).expect(1);
    let journal = bench.journal();
    let told = &journal.faults()[0];
    assert!(told.message.contains("the piece x/1.part of slice.clips writes"), "{}", told.message);
    assert_eq!(texts(&bench)["1.done"], "x\n");

    let script = "for n in a1 b1; do echo $n > $n.part; done";
    bench.pipeline(&cut_by(script, "clips = \"*1.part\", best = \"a*.part\"", "clips", KEEP));
    bench.run().expect(1);
    let journal = bench.journal();
    assert!(journal.faults()[0].message.contains("a1.part is both its output 'clips' and its output 'best'"));
}

#[test]
fn what_is_known_of_pieces_is_verified_and_never_used_where_a_newer_mediamill_wrote_it() {
    let bench = Bench::new(CUT);
    bench.input("one.txt", "a\nb\nc\n");
    bench.run().expect(0);
    let id = bench.checkpoints()[std::ffi::OsStr::new("one.txt")].item_id.clone();
    let file = bench.state.join(format!("cut/items/{id}.pieces"));
    let verify = || {
        let mut command = Command::new(mediamill());
        let out = command.args(["checkpoint", "verify", "--state"]).arg(&bench.state).output().unwrap();
        (out.status.code(), String::from_utf8(out.stdout).unwrap())
    };
    let whole = std::fs::read(&file).unwrap();
    for (text, told) in [
        (None, "missing"),
        (Some(&whole[..whole.len() / 9]), "changed"),
        (Some(&b"mediamill pieces 9\n"[..]), "written by a newer mediamill"),
    ] {
        text.map_or_else(|| std::fs::remove_file(&file), |text| std::fs::write(&file, text)).unwrap();
        let (code, found) = verify();
        assert!(code == Some(1) && found.contains(told) && found.contains(".pieces"), "{code:?} {found}");
    }
    bench.run().expect(1);
    let journal = bench.journal();
    let fault = journal.finished().into_values().next().unwrap().1.unwrap();
    assert_eq!((fault.cause.as_str(), journal.begun().len()), ("checkpoint-newer", 0));
    assert_eq!(std::fs::read(&file).unwrap(), b"mediamill pieces 9\n");
}
