//! What people do about pieces that failed or were left out: they edit, choose a cause, leave steps out, skip what is there.

#![expect(clippy::unwrap_used, reason = "a test whose step fails where it must not has failed")]

mod support;

use mediamill::events::EventKind;
use serde_json::Value;
use support::{Bench, Journal};

/// Four pieces of each item, `work` on each, and a table of them.
const TABLE: &str = r#"
name = "pieces"
[output]
dir = "out/{item.stem}"
[[step]]
id = "make"
uses = "noop"
with = { pieces = 4 }
out = { pieces = "pieces/*.txt" }
[[step]]
id = "work"
each = "make.pieces"
run = ["sh", "-c", 'SCRIPT', "sh", "{piece}", "{out}", "{piece.number}"]
out = { text = "{piece.stem}.done" }
retry = { max_retries = 0 }
MORE
[[step]]
id = "table"
uses = "collect"
each = "make.pieces"
out = { table = "all.jsonl" }
with = { columns = { name = "{piece.name}", text = "{work.text|content}", file = "{work.text}" } }
[tools.sh]
faults = [{ exit = 65, class = "input" }]
"#;

const COPY: &str = r#"cp "$1" "$2""#;

fn pipeline(script: &str, more: &str) -> String {
    TABLE.replace("SCRIPT", script).replace("MORE", more)
}

fn rows(bench: &Bench) -> Vec<Value> {
    let table = std::fs::read_to_string(bench.out.join("all.jsonl")).unwrap();
    table.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Attempts at pieces.
fn begun(journal: &Journal) -> usize {
    journal.kinds().filter(|kind| matches!(kind, EventKind::AttemptStarted { piece: Some(_), .. })).count()
}

#[test]
fn editing_the_step_that_makes_the_pieces_cures_an_item_whose_pieces_failed() {
    let broken = pipeline(r#"grep -q "piece 4" "$1" || cp "$1" "$2" && exit 0; exit 65"#, "");
    let bench = Bench::new(&broken);
    bench.inputs(1);
    bench.run().expect(1);
    bench.run().expect(1);
    assert_eq!(begun(&bench.journal()), 0);
    bench.pipeline(&broken.replace("pieces = 4", "pieces = 3"));
    bench.run().expect(0);
    assert_eq!(rows(&bench).len(), 3);
}

#[test]
fn a_table_of_pieces_has_nothing_of_a_step_that_is_left_out_now() {
    let bench = Bench::new(&pipeline(COPY, ""));
    bench.inputs(1);
    bench.run().expect(0);
    assert!(rows(&bench).iter().all(|row| row["text"].is_string()));
    bench.pipeline(&pipeline(COPY, "match = [\"*.other\"]"));
    bench.run().expect(0);
    let rows = rows(&bench);
    assert_eq!(rows.len(), 4);
    assert!(rows.iter().all(|row| row["text"].is_null() && row["file"].is_null()), "{rows:?}");
}

#[test]
fn a_text_loses_the_end_of_its_last_line_and_one_that_is_none_is_told_with_its_file_and_piece() {
    let bench = Bench::new(&pipeline(r#"printf "a\n\n" > "$2""#, ""));
    bench.inputs(1);
    bench.run().expect(0);
    assert_eq!(rows(&bench)[0]["text"], "a\n");
    bench.pipeline(&pipeline(r#"printf "\377\n" > "$2""#, ""));
    let out = bench.run().expect(1);
    let told = format!("{out:?}");
    assert!(told.contains("000.txt, pieces/000001.txt: the column 'text'"), "{told}");
}

#[test]
fn items_whose_outputs_are_there_are_skipped_though_they_have_pieces() {
    let whole = "\n[[step]]\nid = \"copy\"\nuses = \"file.copy\"\nout = { copy = \"copy.txt\" }\n";
    let bench = Bench::new(&pipeline(COPY, whole));
    bench.inputs(2);
    std::fs::create_dir_all(bench.out.join("000")).unwrap();
    std::fs::write(bench.out.join("000/copy.txt"), "there").unwrap();
    bench.run().arg("--skip-existing").expect(0);
    let counts = bench.journal().counts().unwrap();
    assert_eq!((counts.left_out, counts.done), (1, 1));
}

#[test]
fn a_run_that_fails_fast_at_a_piece_has_failed() {
    let bench = Bench::new(&pipeline("exit 65", ""));
    bench.inputs(1);
    bench.run().arg("--fail-fast").expect(1);
    assert_eq!(bench.journal().counts().unwrap().failed, 1);
}
