//! `times = "input"`: what a step makes has the date of what it was made from, and is known by it all the same.

#![expect(clippy::unwrap_used, reason = "a test whose files cannot be made or read has failed")]

mod support;

use std::fs::File;
use std::path::Path;
use std::time::{Duration, SystemTime};

use support::Bench;

const PIPELINE: &str = r#"
name = "dates"
[output]
dir = "out"
[[step]]
id = "first"
run = ["sh", "-c", "SCRIPT", "sh", "{in}", "{out}"]
out = { text = "{item.stem}.text" }
times = "input"
[[step]]
id = "second"
uses = "file.copy"
in = "{first.text}"
out = { copy = "{item.stem}.copy" }
times = "input"
[[step]]
id = "third"
run = ["cp", "{in}", "{out}"]
out = { copy = "{item.stem}.now" }
"#;

fn with(script: &str) -> String {
    PIPELINE.replace("SCRIPT", script)
}

fn modified(path: &Path) -> SystemTime {
    path.metadata().unwrap().modified().unwrap()
}

/// When the photographs were taken: long ago, and not on a full second.
fn date(number: usize) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::new(1_000_000_000 + number as u64, 123_456_789)
}

fn dated(bench: &Bench, count: usize) {
    for (number, path) in bench.inputs(count).iter().enumerate() {
        File::open(path).unwrap().set_modified(date(number)).unwrap();
    }
}

#[test]
fn files_get_the_date_of_their_input_and_a_second_run_has_nothing_to_do() {
    let bench = Bench::new(&with("cp $1 $2"));
    dated(&bench, 3);
    bench.run().expect(0);
    for number in 0..3 {
        for kind in ["text", "copy"] {
            assert_eq!(modified(&bench.out.join(format!("{number:03}.{kind}"))), date(number), "{kind}");
        }
        assert!(modified(&bench.out.join(format!("{number:03}.now"))) > date(1_000_000));
    }
    let again = bench.run().expect(0);
    assert!(bench.journal().begun().is_empty(), "{}", again.stdout);
}

#[test]
fn without_the_key_a_step_is_what_it_was_and_with_it_its_files_are_made_again() {
    let bench = Bench::new(&with("cp $1 $2").replace("times = \"input\"\n", ""));
    dated(&bench, 1);
    bench.run().expect(0);
    assert!(modified(&bench.out.join("000.text")) > date(1_000_000));
    bench.pipeline(&with("cp $1 $2"));
    bench.run().expect(0);
    assert_eq!(modified(&bench.out.join("000.text")), date(0));
}

#[test]
fn a_new_result_of_the_same_length_and_date_is_not_taken_for_the_old_one() {
    let bench = Bench::new(&with("tr a-m A-M < $1 > $2"));
    dated(&bench, 2);
    bench.run().expect(0);
    let before = bench.outputs();
    bench.pipeline(&with("tr a-m N-Z < $1 > $2"));
    bench.run().expect(0);
    let after = bench.outputs();
    for name in ["000.text", "000.copy", "001.text"] {
        let (old, new) = (&before[Path::new(name)], &after[Path::new(name)]);
        assert!(old.len() == new.len() && old != new, "{name}");
        let off = modified(&bench.out.join(name)).duration_since(date(0)).unwrap();
        assert!(off < Duration::from_secs(2), "{name} is {off:?} later");
    }
    // As if the run had been killed between what it recorded and the move: the old file is still there, with its date.
    let path = bench.out.join("000.text");
    std::fs::write(&path, &before[Path::new("000.text")]).unwrap();
    File::open(&path).unwrap().set_modified(date(0)).unwrap();
    bench.run().expect(0);
    assert_eq!(bench.outputs(), after);
}

#[test]
fn what_somebody_changed_and_gave_its_old_date_is_not_replaced() {
    let bench = Bench::new(&with("cp $1 $2"));
    dated(&bench, 1);
    bench.run().expect(0);
    let path = bench.out.join("000.text");
    std::fs::write(&path, "retouched by hand").unwrap();
    File::open(&path).unwrap().set_modified(date(0)).unwrap();
    bench.run().expect(1);
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "retouched by hand");
}

#[test]
fn a_step_over_the_whole_batch_has_no_one_input_and_is_told_so() {
    let table = "\n[[step]]\nid = \"table\"\nuses = \"collect\"\nwith = { columns = { file = \"{item.name}\" } }\n\
        out = { table = \"table.jsonl\" }\ntimes = \"input\"\n";
    let bench = Bench::new(&(with("cp $1 $2") + table));
    dated(&bench, 1);
    let refused = bench.run().end();
    assert_ne!(refused.code(), Some(0));
    assert!(refused.stderr.contains("no one input whose time"), "{}", refused.stderr);
    bench.pipeline(&with("cp $1 $2").replace("\"input\"", "\"inputs\""));
    let refused = bench.run().end();
    assert!(refused.stderr.contains("`times` cannot be `inputs`"), "{}", refused.stderr);
}

#[test]
fn an_item_that_is_generated_has_no_file_whose_time_could_be_kept_and_check_says_so() {
    let pipeline = r#"
name = "made"
[generate]
count = 2
[output]
dir = "out"
[[step]]
id = "write"
run = ["sh", "-c", "echo $1 > $2", "sh", "{item.stem}", "{out}"]
out = { text = "{item.stem}.text" }
times = "input"
"#;
    let bench = Bench::new(pipeline);
    let refused = bench.run().end();
    assert_ne!(refused.code(), Some(0));
    assert!(refused.stderr.contains("a generated item has none"), "{}", refused.stderr);
    bench.pipeline(&pipeline.replace("times = \"input\"\n", ""));
    let without = bench.run().end();
    assert!(!without.stderr.contains("a generated item has none"), "{}", without.stderr);
}
