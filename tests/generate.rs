//! `[generate]`: a pipeline that makes its items itself gives the same batch wherever, whenever and however often it runs.
#![expect(clippy::unwrap_used, reason = "a test may")]

mod support;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::process::{Command, Output};
use std::time::Duration;

use support::{Bench, Run, mediamill, until};

/// Items with a value of every kind, a tool that writes what it is given, and a table of all.
const BATCH: &str = r#"
name = "made"
[generate]
count = 40
seed = 7
[generate.values]
size = { from = 24, to = 48 }
colour = { one_of = ["black", "navy"] }
text = { lines = "texts.txt" }
turn = { lines = "texts.txt", order = "cycle" }
row = { words = "texts.txt", from = 1, to = 3 }
title = { template = "No. {item.index}: {item.text}" }
fixed = "as it is"
[[generate.specs]]
name = "clean"
share = 0.6
values = { noise = 0 }
[[generate.specs]]
name = "noisy"
share = 0.4
values = { noise = { from = 2.0, to = 8.0 } }

[output]
dir = "out/{item.spec}"

[[step]]
id = "sized"
run = ["TOOL", "write", "{out}", "{item.size}", "{item.noise}", "{item.fixed}"]
out = { file = "{item.stem}.sized" }

[[step]]
id = "titled"
run = ["TOOL", "write", "{out}", "text: {item.title}", "{item.colour}", "{item.seed}"]
out = { file = "{item.stem}.titled" }

[[step]]
id = "joined"
run = ["TOOL", "join", "{sized.file}", "{titled.file}", "{out}"]
out = { file = "{item.stem}.joined" }

[[step]]
id = "table"
uses = "collect"
out = { table = "table.jsonl" }
with.columns = { n = "{item.index}", name = "{item.name}", spec = "{item.spec}", size = "{item.size}", noise = "{item.noise}", turn = "{item.turn}", row = "{item.row}", title = "{item.title}" }
"#;

fn bench() -> Bench {
    let bench = Bench::new(BATCH);
    std::fs::write(bench.path("texts.txt"), "alpha beta\ngamma\ndelta epsilon zeta\n").unwrap();
    bench
}

/// A run without files.
fn run(bench: &Bench) -> Run<'_> {
    bench.run().over([] as [&str; 0])
}

/// Another command of the program, in the bench's folder.
fn command(bench: &Bench, args: &[&str]) -> Output {
    let mut command = Command::new(mediamill());
    command.args(args).arg("--state").arg(&bench.state).current_dir(bench.path(""));
    command.output().unwrap()
}

fn told(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn plan(bench: &Bench, args: &[&str]) -> String {
    let out = bench.out.to_str().unwrap();
    told(&command(bench, &[&["plan", "pipeline.toml", "-o", out], args].concat()))
}

/// How often each step ran in the last run.
fn ran(bench: &Bench) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for (_, step) in bench.journal().begun() {
        *counts.entry(step).or_default() += 1;
    }
    counts
}

fn edit(bench: &Bench, from: &str, to: &str) {
    let text = std::fs::read_to_string(bench.path("pipeline.toml")).unwrap();
    assert!(text.contains(from), "{from}");
    bench.pipeline(&text.replace(from, to));
}

#[test]
fn the_same_seed_makes_the_same_bytes_with_one_worker_and_with_eight_and_after_a_kill() {
    let one = bench();
    run(&one).jobs(1).expect(0);
    let expected = one.outputs();
    assert_eq!(expected.len(), 121);
    let journal = one.journal();
    assert_eq!(journal.names()[..2], ["000001", "000002"].map(OsString::from));

    let eight = bench();
    run(&eight).jobs(8).expect(0);
    assert_eq!(eight.outputs(), expected);

    let killed = bench();
    let live = run(&killed).jobs(2).start();
    until("a few items are done", Duration::from_secs(30), || killed.checkpoints().len() > 5);
    live.kill();
    assert_ne!(killed.outputs(), expected, "it was killed too late to show anything");
    run(&killed).jobs(3).expect(0);
    assert_eq!(killed.outputs(), expected);
    killed.assert_clean();

    let other = bench();
    run(&other).args(["--seed", "8"]).expect(0);
    assert_ne!(other.outputs(), expected);
}

#[test]
fn the_table_has_each_item_once_with_values_of_their_own_types() {
    let bench = bench();
    run(&bench).expect(0);
    let table = std::fs::read_to_string(bench.path("out/table.jsonl")).unwrap();
    let rows: Vec<serde_json::Value> = table.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(rows.len(), 40);
    for (place, row) in rows.iter().enumerate() {
        assert_eq!((&row["n"], &row["name"]), (&(place + 1).into(), &format!("{:06}", place + 1).into()));
        assert!(row["size"].as_i64().is_some_and(|size| (24..=48).contains(&size)), "{row}");
        let is_clean = row["spec"] == "clean";
        assert!(if is_clean { row["noise"] == 0 } else { row["noise"].as_f64().is_some_and(|n| n >= 2.0) }, "{row}");
        assert_eq!(row["turn"], ["alpha beta", "gamma", "delta epsilon zeta"][place % 3]);
        assert!(row["title"].as_str().unwrap().starts_with(&format!("No. {}: ", place + 1)), "{row}");
    }
    assert_eq!(rows.iter().filter(|row| row["spec"] == "clean").count(), 24);
}

#[test]
fn more_items_are_only_added_and_fewer_leave_the_rest_alone() {
    let bench = bench();
    run(&bench).expect(0);
    let before = bench.outputs();
    edit(&bench, "count = 40", "count = 50");
    assert!(plan(&bench, &[]).starts_with("made: 50 items, 10 to work on, 40 up to date"), "{}", plan(&bench, &[]));
    run(&bench).expect(0);
    assert_eq!(ran(&bench), ["joined", "sized", "titled"].map(|step| (step.to_owned(), 10)).into());
    let after = bench.outputs();
    let is_table = |name: &std::path::Path| name.ends_with("table.jsonl");
    assert!(before.iter().all(|(name, content)| is_table(name) || after[name] == *content));
    edit(&bench, "count = 50", "count = 5");
    run(&bench).expect(0);
    assert_eq!(ran(&bench), BTreeMap::new());
}

#[test]
fn an_edit_runs_the_steps_again_that_read_what_changed_and_no_others() {
    let bench = bench();
    run(&bench).expect(0);
    edit(&bench, "colour = { one_of = [\"black\", \"navy\"] }", "colour = { one_of = [\"red\", \"green\"] }");
    let why = plan(&bench, &["--why", "7"]);
    assert!(why.contains("titled           runs: its values changed: colour"), "{why}");
    assert!(why.contains("sized            stands"), "{why}");
    run(&bench).expect(0);
    assert_eq!(ran(&bench), ["joined", "titled"].map(|step| (step.to_owned(), 40)).into());

    // A value that no step reads makes nothing anew, and neither does one more.
    edit(&bench, "from = 1, to = 3", "from = 2, to = 3");
    edit(&bench, "fixed = ", "more = 1\nfixed = ");
    assert!(plan(&bench, &[]).starts_with("made: 40 items, 0 to work on, 40 up to date"), "{}", plan(&bench, &[]));

    // The text of a line counts, not the file's.
    std::fs::write(bench.path("texts.txt"), "alpha beta\nGAMMA\ndelta epsilon zeta\n").unwrap();
    let sum = plan(&bench, &[]);
    run(&bench).expect(0);
    let again = ran(&bench)["titled"];
    assert!((1..40).contains(&again), "{again}");
    assert!(sum.contains(&format!("{again}  its values changed: title\n")), "{sum}");

    // The seed changes what has chance in it.
    edit(&bench, "seed = 7", "seed = 8");
    let sum = plan(&bench, &[]);
    assert!(sum.contains("40 to work on") && sum.contains("its values changed: "), "{sum}");
    assert!(bench.journal().warnings().is_empty(), "{:?}", bench.journal().warnings());
    run(&bench).expect(0);
    let told = "the seed is 8, and was 7 in the last run: items whose values that changes are made again";
    assert_eq!(bench.journal().warnings(), [told]);
    edit(&bench, "share = 0.4", "share = 0.6");
    run(&bench).expect(0);
    assert!(bench.journal().warnings()[0].starts_with("the specs or their shares are others than in the last run"));
    run(&bench).expect(0);
    assert!(bench.journal().warnings().is_empty());
}

#[test]
fn failed_items_are_known_by_their_numbers_everywhere() {
    let bench = Bench::new(
        "name = \"made\"\n[generate]\ncount = 9\nvalues.file = { lines = \"texts.txt\", order = \"cycle\" }\n\
         [[step]]\nid = \"take\"\nrun = [\"TOOL\", \"copy\", \"BENCH/in/{item.file}\", \"{out}\"]\n\
         out = { file = \"{item.stem}.txt\" }\nretry.max_retries = 0\n",
    );
    std::fs::write(bench.path("texts.txt"), "a\nb\nc\n").unwrap();
    bench.input("a", "1");
    bench.input("c", "3");
    // One after the other: a tool that has never worked may itself be to blame for its first failure.
    let ended = run(&bench).jobs(1).expect(1);
    assert!(ended.stdout.contains("000002"), "{}", ended.stdout);
    for (args, wanted) in [
        (&["failures"][..], "example: 000002\n"),
        (&["checkpoint", "list"], " 000008\n"),
        (&["checkpoint", "show", "2"], "Values:  file = \"b\""),
        (&["plan", "pipeline.toml"], "\n  000002  failed before: step 'take': "),
        (&["plan", "pipeline.toml", "--why", "2"], "000002\n  failed before: step 'take': "),
    ] {
        let told = told(&command(&bench, args));
        assert!(told.contains(wanted), "{args:?}\n{told}");
    }
    bench.input("b", "2");
    run(&bench).args(["--retry-failed", "--limit", "2"]).expect(0);
    assert_eq!(ran(&bench), [("take".to_owned(), 2)].into());
    run(&bench).arg("--retry-failed").expect(0);
    assert_eq!(ran(&bench), [("take".to_owned(), 1)].into());
    let well = told(&command(&bench, &["checkpoint", "verify"]));
    assert!(well.contains("9") && !well.contains("gone"), "{well}");
}

#[test]
fn pieces_of_generated_items_are_made_again_where_a_value_of_theirs_changed() {
    let bench = Bench::new(
        "name = \"made\"\n[generate]\ncount = 3\nvalues = { many = { from = 2, to = 4 }, word = \"one\" }\n\
         [[step]]\nid = \"cut\"\nuses = \"noop\"\nwith = { pieces = \"{item.many}\" }\nout = { pieces = \"pieces/*.txt\" }\n\
         [[step]]\nid = \"say\"\neach = \"cut.pieces\"\nrun = [\"TOOL\", \"write\", \"{out}\", \"{item.word}\"]\n\
         out = { file = \"said/{piece.stem}.txt\" }\n",
    );
    run(&bench).expect(0);
    let pieces = bench.outputs().len() / 2;
    assert!((6..=12).contains(&pieces));
    edit(&bench, "word = \"one\"", "word = \"two\"");
    run(&bench).expect(0);
    assert_eq!(bench.outputs().values().filter(|content| content.as_slice() == b"two\n").count(), pieces);
    run(&bench).expect(0);
    assert_eq!(ran(&bench), BTreeMap::new());
}

#[test]
fn what_cannot_be_made_is_told_before_anything_runs() {
    let bench = bench();
    for (args, why) in [
        (&["in"][..], "this pipeline makes its items itself, and takes no files"),
        (&["--files-from", "texts.txt"], "this pipeline makes its items itself, and takes no files"),
    ] {
        let ended = bench.run().over([] as [&str; 0]).args(args.iter().filter(|arg| **arg != "in"));
        let ended = if args == ["in"] { bench.run() } else { ended }.expect(2);
        assert!(ended.stderr.contains(why), "{}", ended.stderr);
    }
    for (text, why) in
        [(&b""[..], "texts.txt has no line with a text"), (b"a\nb\n\xff\n", "texts.txt:3: this line is not UTF-8 text")]
    {
        std::fs::write(bench.path("texts.txt"), text).unwrap();
        let ended = run(&bench).expect(2);
        assert!(ended.stderr.contains(why), "{}", ended.stderr);
    }
    std::fs::remove_file(bench.path("texts.txt")).unwrap();
    let ended = run(&bench).expect(2);
    assert!(ended.stderr.contains("texts.txt cannot be read: No such file"), "{}", ended.stderr);
    assert!(!bench.state.exists() && bench.outputs().is_empty());

    let same = Bench::new(
        "name = \"made\"\n[generate]\ncount = 9\nvalues.n = { from = 1, to = 2 }\n[output]\ndir = \"out\"\n\
         [[step]]\nid = \"a\"\nrun = [\"TOOL\", \"write\", \"{out}\", \"x\"]\nout = { file = \"{item.n}.txt\" }\n",
    );
    let ended = run(&same).expect(2);
    assert!(ended.stderr.contains("would both write") && ended.stderr.contains("{item.stem}"), "{}", ended.stderr);
}

/// Pictures with fonts of a pool, one of which is none.
const DRAWN: &str = r#"
name = "drawn"
[generate]
count = 12
seed = 1
values.text = { one_of = ["one", "two"] }
[pools.fonts]
kind = "fonts"
dirs = ["BENCH/fonts"]
[[step]]
id = "draw"
uses = "text.render"
with = { text = "{item.text}", font = "{pools.fonts}", size = 12 }
out = { picture = "{item.stem}.png" }
"#;

#[test]
fn a_font_that_cannot_be_drawn_with_is_told_once_by_its_path_and_items_are_not_called_files() {
    let bench = Bench::new(DRAWN);
    std::fs::create_dir(bench.path("fonts")).unwrap();
    std::fs::write(bench.path("fonts/broken.ttf"), "no font").unwrap();
    let good = concat!(env!("CARGO_MANIFEST_DIR"), "/pipelines/ocr/fonts/NotoSans-Regular.ttf");
    std::fs::copy(good, bench.path("fonts/good.ttf")).unwrap();
    let told = run(&bench).jobs(1).expect(0).stdout;
    let blamed = told.lines().find(|line| line.contains("broken.ttf")).unwrap();
    assert_eq!(blamed.matches("broken.ttf").count(), 1, "{told}");
    assert!(blamed.contains("broken.ttf': it is no font (TTF, OTF or TTC) (asset/font)"), "{told}");
    assert!(told.contains(" 12 items\n") && told.contains("Total items:    12\n"), "{told}");
    assert!(told.contains("Avg per item:   ") && !told.contains("files"), "{told}");
    assert_eq!(bench.outputs().len(), 12);

    // A font of no pool is told by its path, too.
    edit(&bench, "{pools.fonts}", "BENCH/fonts/broken.ttf");
    let fault = run(&bench).jobs(1).args(["--limit", "1"]).expect(1).stdout;
    assert!(fault.contains("fonts/broken.ttf: it is no font (TTF, OTF or TTC)"), "{fault}");
}
