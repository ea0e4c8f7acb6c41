//! Whose the files of pieces are: they are found again whatever their names, nothing that is a result or somebody's is removed
//! or replaced, and what a crash or an edit leaves behind is.

#![expect(clippy::unwrap_used, reason = "a test whose step fails where it must not has failed")]

#[path = "support/pieces.rs"]
mod pieces;
mod support;

use std::process::Command;

use mediamill::resilience::store::{Access, Store};
use pieces::*;
use support::{Bench, mediamill};

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
