//! Which items and steps a run takes up: by option, by what is there already, and after a failure.

#[path = "support/chain.rs"]
mod chain;
mod support;

use std::ffi::OsStr;
use std::path::PathBuf;

use chain::{CHAIN, ITEMS, all_of, begins, begun, done, each, is_whole, set};
use mediamill::resilience::checkpoint::ItemState;
use support::Bench;

#[test]
fn the_options_that_choose_do_what_their_help_says() {
    let bench = done();
    let run = |args: &[&str], code: i32| {
        bench.run().args(args).expect(code);
        begun(&bench)
    };
    assert_eq!(run(&["--from", "second"], 0), each(&["second", "third"]), "--from");
    assert_eq!(run(&["--fresh"], 0), each(&["first", "second", "third", "beside"]), "--fresh");
    assert_eq!(run(&["--only", "second"], 0), set(&[]), "--only of what is done");
    assert_eq!(run(&["--from", "nothing"], 2), set(&[]), "no such step");
    assert!(bench.run().args(["--cause", "exit"]).end().code() == Some(2), "--cause without --retry-failed");

    let bench = Bench::new(CHAIN);
    bench.inputs(ITEMS);
    let run = |args: &[&str], code: i32| {
        bench.run().args(args).expect(code);
        begun(&bench)
    };
    assert_eq!(run(&["--only", "second"], 0), each(&["first", "second"]), "--only, with what it reads");
    assert_eq!(run(&["--limit", "2"], 0).len(), 4, "--limit: two items, two steps each");
    assert_eq!(bench.journal().counts().map(|counts| (counts.done, counts.left_out)), Some((2, ITEMS as u32 - 2)));
    assert_eq!(run(&["--limit", "3"], 0).len(), 6, "what is up to date is not counted");
    assert_eq!(run(&[], 0).len(), 2);
    assert_eq!(run(&["--limit", "1"], 0), set(&[]));
}

#[test]
fn files_that_are_there_already_are_left_alone_or_replaced_as_asked() {
    let bench = Bench::new(CHAIN);
    bench.inputs(ITEMS);
    let foreign = |item: &str| {
        let folder = bench.path("out").join(item);
        std::fs::create_dir_all(&folder).unwrap_or_default();
        for file in ["first.txt", "second.txt", "third.txt", "beside.txt"] {
            std::fs::write(folder.join(file), "not ours").unwrap_or_default();
        }
    };
    foreign("000");
    // One of them only: not all of its outputs are there.
    std::fs::create_dir_all(bench.path("out/001")).unwrap_or_default();
    std::fs::write(bench.path("out/001/second.txt"), "not ours").unwrap_or_default();

    bench.run().arg("--skip-existing").expect(1);
    let counts = bench.journal().counts().unwrap_or_default();
    assert_eq!((counts.left_out, counts.failed, counts.done), (1, 1, ITEMS as u32 - 2));
    assert_eq!(std::fs::read(bench.path("out/000/first.txt")).unwrap_or_default(), b"not ours");
    assert_eq!(std::fs::read(bench.path("out/001/second.txt")).unwrap_or_default(), b"not ours");

    bench.run().expect(1);
    let finished = bench.journal().finished();
    for item in ["000.txt", "001.txt"] {
        let fault = finished[OsStr::new(item)].1.as_ref();
        assert!(fault.is_some_and(|fault| fault.cause == "output-exists" && fault.hint.is_some()), "{fault:?}");
    }
    assert_eq!(std::fs::read(bench.path("out/000/first.txt")).unwrap_or_default(), b"not ours");

    // As the hint says: moved away, and it runs without another word.
    assert!(std::fs::rename(bench.path("out/001"), bench.path("away")).is_ok());
    let begun = begins(&bench, 1);
    assert!(begun.is_superset(&all_of("001.txt")), "{begun:?}");
    assert_eq!(bench.journal().finished()[OsStr::new("001.txt")].0, ItemState::Done);

    bench.run().arg("--overwrite").expect(0);
    let outputs = bench.outputs();
    assert_eq!(outputs.len(), 4 * ITEMS);
    assert!(outputs.values().all(|content| content.starts_with(b"copy of ")));
    is_whole(&bench, &outputs);
}

#[test]
fn failed_items_are_told_again_and_tried_again_only_when_asked_or_changed() {
    let text = r#"
name = "failing"
[output]
dir = "out"
[[step]]
id = "work"
tool = "work"
run = ["/bin/sh", "-c", "if grep -q bad \"$1\" && ! [ -e BENCH/healed ]; then echo bad data >&2; exit 65; fi; if grep -q odd \"$1\" && ! [ -e BENCH/healed ]; then exit 66; fi; cp \"$1\" \"$2\"", "sh", "{in}", "{out}"]
out = { text = "{item.name}" }
retry = { max_retries = 0 }
[tools.work]
faults = [{ exit = 65, class = "input" }, { exit = 66, class = "transient" }]
"#;
    let bench = Bench::new(text);
    bench.input("good.txt", "good");
    bench.input("bad.txt", "bad");
    bench.input("odd.txt", "odd");
    bench.run().expect(1);
    assert_eq!(begun(&bench).len(), 3);
    // The input's own fault stands while nothing changes; what may pass is tried.
    assert_eq!(begins(&bench, 1), set(&["odd.txt work"]));
    assert_eq!(bench.journal().counts().map(|counts| (counts.failed, counts.up_to_date)), Some((2, 1)));

    let run = |args: &[&str], code: i32| {
        bench.run().args(args).expect(code);
        begun(&bench)
    };
    assert_eq!(run(&["--retry-failed", "--cause", "no-such-cause"], 0), set(&[]));
    assert_eq!(run(&["--retry-failed"], 1), set(&["bad.txt work", "odd.txt work"]));
    std::fs::write(bench.path("healed"), "").unwrap_or_default();
    assert_eq!(run(&["--retry-failed"], 0), set(&["bad.txt work", "odd.txt work"]));
    assert_eq!(run(&["--retry-failed"], 0), set(&[]), "nothing has failed");

    // Changed: tried again without a word.
    std::fs::remove_file(bench.path("healed")).unwrap_or_default();
    bench.input("bad.txt", "bad again");
    assert_eq!(begins(&bench, 1), set(&["bad.txt work"]));
    assert_eq!(begins(&bench, 1), set(&[]));
    bench.input("bad.txt", "well now");
    assert_eq!(begins(&bench, 0), set(&["bad.txt work"]));
    assert_eq!(bench.outputs()[&PathBuf::from("bad.txt")], b"well now");

    // --fail-fast ends the run at the first.
    for n in 0..30 {
        bench.input(format!("x{n:02}.txt"), if n == 3 { "bad" } else { "fine" });
    }
    bench.run().jobs(1).arg("--fail-fast").expect(1);
    assert!(begun(&bench).len() < 10, "{:?}", begun(&bench));
}
