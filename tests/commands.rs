//! The commands beside `run`, as a person calls them.
#![expect(clippy::unwrap_used, reason = "a test may")]

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use mediamill::resilience::Fault;
use mediamill::resilience::checkpoint::{
    Artifact, Checkpoint, Fingerprint, Identity, ItemState, Source, StepFault, StepOutcome, StepRecord,
};
use mediamill::resilience::hash::hash_file;
use mediamill::resilience::os_text::OsText;
use mediamill::resilience::store::{Access, ItemKey, Store};
use serde_json::Value;

/// A folder to work in.
struct Desk(tempfile::TempDir);

impl Desk {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self) -> PathBuf {
        // As the program sees its own folder: macOS and some machines keep temporary folders behind a link.
        self.0.path().canonicalize().unwrap()
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        self.run_with(arguments, &[])
    }

    fn run_with(&self, arguments: &[&str], variables: &[(&str, &Path)]) -> Ran {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mediamill"));
        Ran(command.args(arguments).envs(variables.iter().copied()).current_dir(self.path()).output().unwrap())
    }

    /// Leaves the checkpoint of `name` with one step done, as a run would.
    fn checkpoint(&self, pipeline: &str, name: &str, state: ItemState) -> String {
        let source = self.write(name, &format!("content of {name}"));
        let made = self.write(&format!("out/{name}.copy"), &format!("copy of {name}"));
        let store = Store::open(&self.path().join("checkpoints"), pipeline, Access::Run { sync: false }).unwrap();
        let key = ItemKey::of(&source);
        let mut checkpoint = Checkpoint::new(key.item_id(&source), OsText::from(&source));
        let (hash, _) = hash_file(&source).unwrap();
        let identity = Some(Identity::of(&source).unwrap());
        checkpoint.source = Source { path: OsText::from(&source), hash, identity, generated: false };
        checkpoint.state = state;
        checkpoint.mark("copy", record(&made), serde_json::json!({ "size": 7 }).as_object().unwrap().clone());
        if state == ItemState::Failed {
            let fault = Fault::input("decode", "it is no sound").with_hint("get it again");
            checkpoint.fault = Some(StepFault::of("analyze".to_owned(), 1, fault));
        }
        store.save(key, &mut checkpoint).unwrap();
        store.close().unwrap();
        checkpoint.item_id
    }
}

fn record(made: &Path) -> StepRecord {
    let (hash, size) = hash_file(made).unwrap();
    let mtime_ns = Identity::of(made).unwrap().mtime_ns;
    let artifact = Artifact { path: OsText::from(made), size, hash, mtime_ns, replaces: None };
    StepRecord {
        outcome: StepOutcome::Done,
        fingerprint: Fingerprint::default(),
        artifacts: [("file".to_owned(), artifact)].into_iter().collect(),
        pieces: indexmap::IndexMap::new(),
        draws: indexmap::IndexMap::new(),
        each: None,
        attempts: 1,
        duration: 0.25,
        left_out: None,
    }
}

struct Ran(Output);

impl Ran {
    fn code(&self) -> i32 {
        self.0.status.code().unwrap()
    }

    fn out(&self) -> String {
        String::from_utf8(self.0.stdout.clone()).unwrap()
    }

    fn err(&self) -> String {
        String::from_utf8(self.0.stderr.clone()).unwrap()
    }

    fn json(&self) -> Value {
        serde_json::from_slice(&self.0.stdout).unwrap()
    }

    /// The text on standard output of a command that ended with `code`.
    fn ended(&self, code: i32) -> String {
        assert_eq!(self.code(), code, "{}{}", self.out(), self.err());
        self.out()
    }
}

const GOOD: &str = "[[step]]\nid = \"copy\"\nuses = \"file.copy\"\nout = { copy = \"{item.name}\" }\n";

/// A pipeline that needs the tool `zebra`.
fn needs_zebra(optional: bool) -> String {
    format!(
        "[[step]]\nid = \"zebra\"\nrun = [\"zebra\", \"{{in}}\", \"{{out}}\"]\nout = {{ file = \"a\" }}\noptional = {optional}\n"
    )
}

#[test]
fn health_tells_of_every_known_tool_and_of_the_machine_and_ends_well() {
    let desk = Desk::new();
    let text = desk.run(&["health"]).ended(0);
    for name in ["FFMPEG", "DEMUCS", "BASIC-PITCH", "ESSENTIA", "DISK", "MEMORY"] {
        assert!(text.contains(name), "{name}\n{text}");
    }
    let json = desk.run(&["health", "--json"]).json();
    assert_eq!(json["total"], json["checks"].as_array().unwrap().len());
}

#[test]
fn health_of_a_pipeline_ends_with_3_when_a_tool_that_it_must_have_is_missing() {
    let desk = Desk::new();
    desk.write("must.toml", &needs_zebra(false));
    desk.write("may.toml", &needs_zebra(true));
    let text = desk.run(&["health", "must.toml"]).ended(3);
    assert!(text.contains("✗ ZEBRA") && !text.contains("DEMUCS"), "{text}");
    desk.run(&["health", "may.toml"]).ended(0);
    desk.run(&["health", "may.toml", "--strict"]).ended(3);
    let tools = desk.path().join("tools");
    let zebra = desk.write("tools/zebra", "#!/bin/sh\n");
    std::fs::set_permissions(zebra, std::fs::Permissions::from_mode(0o755)).unwrap();
    desk.run_with(&["health", "must.toml"], &[("PATH", &tools)]).ended(0);
}

#[test]
fn check_tells_every_mistake_of_every_file_and_ends_with_2() {
    let desk = Desk::new();
    desk.write("good.toml", GOOD);
    desk.write("bad.toml", "nmae = \"x\"\n[[step]]\nid = \"a\"\nuses = \"file.cpoy\"\n");
    assert_eq!(desk.run(&["check", "good.toml"]).ended(0), "good.toml is good\n");
    assert_eq!(desk.run(&["check", "good.toml", "good.toml"]).ended(0), "2 pipelines are good\n");
    let text = desk.run(&["check", "good.toml", "bad.toml", "none.toml"]).ended(2);
    for told in ["bad.toml:1:1", "did you mean `name`?", "`file.copy`", "cannot read the pipeline none.toml"] {
        assert!(text.contains(told), "{told}\n{text}");
    }
    assert!(text.contains("1 of 3 pipelines are good, 3 errors"), "{text}");
    assert!(!text.contains('\x1b'), "no colour where the output is no terminal");
    let found = desk.run(&["check", "--json", "bad.toml", "none.toml"]);
    assert_eq!((found.code(), found.json().as_array().unwrap().len()), (2, 3));
}

#[test]
fn steps_lists_all_and_tells_all_of_one() {
    let desk = Desk::new();
    let list = desk.run(&["steps"]).ended(0);
    assert!(list.contains("audio.analyze") && list.contains("collect"), "{list}");
    let text = desk.run(&["steps", "audio.convert"]).ended(0);
    for told in ["sample_rate: a whole number, 1000 to 384000", "Outputs (out)", "uses = \"audio.convert\""] {
        assert!(text.contains(told), "{told}\n{text}");
    }
    assert_eq!(desk.run(&["steps", "audio.convert", "--json"]).json()["name"], "audio.convert");
    let slip = desk.run(&["steps", "audio.covnert"]);
    slip.ended(2);
    assert!(slip.err().contains("did you mean `audio.convert`?"), "{}", slip.err());
}

#[test]
fn completions_are_written_for_every_shell() {
    let desk = Desk::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = desk.run(&["completions", shell]).ended(0);
        assert!(script.contains("mediamill") && script.contains("checkpoint"), "{shell}");
    }
    desk.run(&["completions", "zebra"]).ended(2);
}

#[test]
fn init_writes_a_pipeline_that_is_good_and_overwrites_none() {
    let desk = Desk::new();
    desk.run(&["init"]).ended(0);
    desk.run(&["check", "pipeline.toml"]).ended(0);
    let again = desk.run(&["init", "--from", "sox {in} {out.flac}"]);
    again.ended(2);
    assert!(again.err().contains("exists already"), "{}", again.err());
    desk.run(&["init", "flac.toml", "--from", "sox {in} {out.flac}"]).ended(0);
    desk.run(&["check", "flac.toml"]).ended(0);
    let printed = desk.run(&["init", "-", "--from", "sox {in} {out.flac}"]).ended(0);
    assert_eq!(printed, std::fs::read_to_string(desk.path().join("flac.toml")).unwrap());
    let shell = desk.run(&["init", "-", "--from", "sox {in} - | lame - {out.mp3}"]);
    shell.ended(2);
    assert!(shell.err().contains("no shell is run"), "{}", shell.err());
}

#[test]
fn checkpoint_list_and_show_tell_where_each_item_stands() {
    let desk = Desk::new();
    let id = desk.checkpoint("lesson", "a.wav", ItemState::Done);
    desk.checkpoint("lesson", "b.wav", ItemState::Failed);
    let list = desk.run(&["checkpoint", "list"]).ended(0);
    let lines: Vec<&str> = list.lines().collect();
    assert_eq!(lines.len(), 3, "{list}");
    assert!(lines[1].starts_with(&id) && lines[1].contains("done") && lines[1].ends_with("a.wav"), "{list}");
    assert!(lines[2].contains("failed"), "{list}");
    let json = desk.run(&["checkpoint", "list", "--json"]).json();
    assert_eq!((&json[0]["item_id"], &json[1]["state"]), (&id.as_str().into(), &"failed".into()));
    for wanted in [id.as_str(), "a.wav", "a", &desk.path().join("a.wav").to_string_lossy()] {
        let text = desk.run(&["checkpoint", "show", wanted]).ended(0);
        assert!(text.contains("Source:  a.wav\n") && text.contains("copy: done, 1 attempt"), "{text}");
    }
    let failed = desk.run(&["checkpoint", "show", "b"]).ended(0);
    assert!(failed.contains("analyze: failed (input/decode)\n  it is no sound\n  hint: get it again"), "{failed}");
    assert_eq!(desk.run(&["checkpoint", "show", "a", "--json"]).json()["completed_steps"][0], "copy");
    let slip = desk.run(&["checkpoint", "show", "zebra"]);
    slip.ended(2);
}

#[test]
fn where_two_items_have_one_name_both_are_told() {
    let desk = Desk::new();
    desk.checkpoint("lesson", "x/song.wav", ItemState::Done);
    desk.checkpoint("lesson", "y/song.wav", ItemState::Done);
    let ambiguous = desk.run(&["checkpoint", "show", "song"]);
    ambiguous.ended(2);
    assert!(ambiguous.err().contains("x/song.wav") && ambiguous.err().contains("y/song.wav"), "{}", ambiguous.err());
    desk.run(&["checkpoint", "show", "x/song.wav"]).ended(0);
}

#[test]
fn the_pipeline_is_named_or_given_as_a_file_or_is_the_only_one() {
    let desk = Desk::new();
    let none = desk.run(&["checkpoint", "list"]);
    none.ended(2);
    assert!(none.err().contains("there are no checkpoints"), "{}", none.err());
    desk.checkpoint("lesson", "a.wav", ItemState::Done);
    desk.checkpoint("other", "b.wav", ItemState::Done);
    let which = desk.run(&["checkpoint", "list"]);
    which.ended(2);
    assert!(which.err().contains("lesson, other"), "{}", which.err());
    desk.write("my.toml", &format!("name = \"other\"\n{GOOD}"));
    for wanted in ["other", "my.toml"] {
        let list = desk.run(&["checkpoint", "list", "--pipeline", wanted]).ended(0);
        assert!(list.contains("b.wav") && !list.contains("a.wav"), "{list}");
    }
    let slip = desk.run(&["checkpoint", "list", "--pipeline", "leson"]);
    slip.ended(2);
    assert!(slip.err().contains("did you mean `lesson`?"), "{}", slip.err());
}

#[test]
fn checkpoint_verify_finds_what_is_missing_or_changed_even_with_the_same_size() {
    let desk = Desk::new();
    desk.checkpoint("lesson", "a.wav", ItemState::Done);
    desk.checkpoint("lesson", "b.wav", ItemState::Done);
    assert_eq!(desk.run(&["checkpoint", "verify"]).ended(0), "2 checkpoints: 4 files are fine, 0 are not\n");
    let copy = desk.path().join("out/a.wav.copy");
    let text = std::fs::read_to_string(&copy).unwrap();
    std::fs::write(&copy, text.replace("copy", "COPY")).unwrap();
    std::fs::remove_file(desk.path().join("out/b.wav.copy")).unwrap();
    std::fs::remove_file(desk.path().join("b.wav")).unwrap();
    let told = desk.run(&["checkpoint", "verify"]).ended(1);
    assert!(told.contains("changed    out/a.wav.copy (made by copy)"), "{told}");
    assert!(told.contains("missing    out/b.wav.copy (made by copy)"), "{told}");
    assert!(told.contains("no input   b.wav") && told.contains("1 files are fine, 2 are not"), "{told}");
    let json = desk.run(&["checkpoint", "verify", "a", "--json"]);
    assert_eq!(json.json()["findings"][0]["status"], "changed");
    std::fs::write(&copy, text).unwrap();
    desk.run(&["checkpoint", "verify", "a"]).ended(0);
}

#[test]
fn a_checkpoint_that_cannot_be_read_is_told_and_hides_no_other() {
    let desk = Desk::new();
    desk.checkpoint("lesson", "a.wav", ItemState::Done);
    desk.write("checkpoints/lesson/items/broken-0123.json", "{\"version\":");
    desk.write("checkpoints/lesson/items/newer-0123.json", "{\"version\": 99}");
    let list = desk.run(&["checkpoint", "list"]).ended(0);
    assert!(list.contains("a.wav") && list.contains("unusable") && list.contains("newer mediamill"), "{list}");
    desk.run(&["checkpoint", "verify"]).ended(1);
    desk.run(&["checkpoint", "show", "broken-0123"]).ended(1);
    assert!(desk.path().join("checkpoints/lesson/items/broken-0123.json").exists(), "a look changes nothing");
}

#[test]
fn checkpoint_remove_tells_what_it_removed_and_leaves_the_rest() {
    let desk = Desk::new();
    let ids = ["a.wav", "b.wav", "c.wav"].map(|name| desk.checkpoint("lesson", name, ItemState::Done));
    let failed = desk.checkpoint("lesson", "d.wav", ItemState::Failed);
    let left = || desk.run(&["checkpoint", "list", "--json"]).json().as_array().unwrap().len();
    desk.run(&["checkpoint", "remove"]).ended(2);
    let told = desk.run(&["checkpoint", "remove", "a.wav"]).ended(0);
    assert!(told.starts_with(&format!("removed {}\n", ids[0])), "{told}");
    assert_eq!(left(), 3);
    let told = desk.run(&["checkpoint", "remove", "--failed"]).ended(0);
    assert!(told.contains(&failed) && !told.contains(&ids[1]), "{told}");
    assert_eq!(left(), 2);
    desk.run(&["checkpoint", "remove", "--all"]).ended(0);
    assert_eq!(left(), 0);
    assert!(desk.path().join("out/a.wav.copy").exists(), "outputs are left");
}

#[test]
fn while_a_run_holds_the_state_folder_nothing_is_removed() {
    let desk = Desk::new();
    desk.checkpoint("lesson", "a.wav", ItemState::Done);
    let held = Store::open(&desk.path().join("checkpoints"), "lesson", Access::Run { sync: false }).unwrap();
    let refused = desk.run(&["checkpoint", "remove", "--all"]);
    refused.ended(4);
    assert!(refused.err().contains("in use by another run"), "{}", refused.err());
    desk.run(&["checkpoint", "show", "a"]).ended(0);
    drop(held);
    desk.run(&["checkpoint", "remove", "--all"]).ended(0);
}

#[test]
fn an_export_holds_every_checkpoint_as_lines_or_as_one_array() {
    let desk = Desk::new();
    desk.checkpoint("lesson", "a.wav", ItemState::Done);
    desk.checkpoint("lesson", "b.wav", ItemState::Failed);
    let lines = desk.run(&["checkpoint", "export"]).ended(0);
    let whole: Vec<Checkpoint> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(whole.len(), 2);
    desk.run(&["checkpoint", "export", "--format", "array", "-o", "all.json"]).ended(0);
    let array: Vec<Checkpoint> = serde_json::from_slice(&std::fs::read(desk.path().join("all.json")).unwrap()).unwrap();
    assert_eq!(array, whole);
    desk.run(&["checkpoint", "export", "-o", "all.json"]).ended(2);
}

#[test]
fn failures_tells_of_the_newest_run_or_of_the_one_that_is_named() {
    let desk = Desk::new();
    desk.run(&["failures"]).ended(2);
    for (run, cause, seconds) in [("20260101-a", "decode", 100), ("20260102-b", "format", 200)] {
        let journal = format!(
            r#"{{"v":1,"seq":0,"at":0,"elapsed":0,"event":"run_started","run":"{run}","pipeline":"lesson","steps":["one"],"jobs":1,"seed":0}}
{{"v":1,"seq":1,"at":0,"elapsed":0,"event":"items_listed","first":0,"paths":["/music/a.wav"]}}
{{"v":1,"seq":2,"at":0,"elapsed":9,"event":"item_finished","item":0,"state":"failed","step":0,"fault":{{"class":"input","cause":"{cause}","message":"it is no sound"}}}}
"#
        );
        let path = desk.write(&format!("checkpoints/lesson/runs/{run}/journal.jsonl"), &journal);
        let time = std::time::UNIX_EPOCH + std::time::Duration::from_secs(seconds);
        std::fs::File::options().append(true).open(path).unwrap().set_modified(time).unwrap();
    }
    let newest = desk.run(&["failures"]).ended(0);
    assert!(newest.contains("Run 20260102-b of lesson") && newest.contains("input/format in one"), "{newest}");
    assert!(newest.contains("again: mediamill run PIPELINE --retry-failed --cause format"), "{newest}");
    let named = desk.run(&["failures", "20260101"]).ended(0);
    assert!(named.contains("input/decode in one"), "{named}");
    assert_eq!(desk.run(&["failures", "--json"]).json()["groups"][0]["cause"], "format");
    desk.run(&["failures", "zebra"]).ended(2);
    desk.run(&["failures", "2026"]).ended(2);
}

#[test]
fn resources_tells_what_a_run_knows_of_them() {
    let desk = Desk::new();
    desk.run(&["resources"]).ended(2);
    let journal = r#"{"v":1,"seq":0,"at":0,"elapsed":0,"event":"run_started","run":"20260101-a","pipeline":"lesson","steps":["save"],"jobs":1,"seed":0}
{"v":1,"seq":1,"at":0,"elapsed":1,"event":"dependency_checked","name":"notes","available":true,"required":true,"details":"answers in 2 ms","version":"PostgreSQL 15.8"}
{"v":1,"seq":2,"at":0,"elapsed":2000,"event":"resource_seen","kind":"database","resource":{"name":"notes","metrics":{"total_acquisitions":7,"active_connections":1,"failed_acquisitions":2,"timeouts":2,"average_hold_time":0.5,"average_acquisition_time":0.001,"longest_hold_time":2.0,"failed_health_checks":0,"created":1,"closed":0,"size":1,"available":0,"waiting":0,"max_size":4,"figures":{"statements":9}},"owners":[{"owner":"20260101-a/a-0123456789ab/save/1","held":1.5}],"health":{"health":"healthy","version":"PostgreSQL 15.8","details":"answers in 2 ms"}}}
{"v":1,"seq":3,"at":0,"elapsed":3000,"event":"resource_leaked","leak":{"resource":"notes","owner":"20260101-a/b-0123456789ab/save/2","held":4.0,"acquired_at":"src/x.rs:1:2"},"ended":true}
"#;
    desk.write("checkpoints/lesson/runs/20260101-a/journal.jsonl", journal);
    for arguments in [&["resources"][..], &["resources", "lesson"], &["resources", "--run", "20260101"]] {
        let told = desk.run(arguments).ended(0);
        assert!(told.starts_with("lesson: run 20260101-a was killed, 3.0 s\n"), "{told}");
        assert!(told.contains("notes (database, PostgreSQL 15.8)\n") && told.contains("  in use    1 of 4"), "{told}");
        assert!(told.contains("  owners    2.5 s  a, step save, attempt 1\n"), "{told}");
        assert!(told.contains("  hint      raise its acquire_timeout"), "{told}");
        assert!(told.contains("notes: b, step save, attempt 2, for 4.0 s, after its owner had ended\n"), "{told}");
    }
    let json = desk.run(&["resources", "--json"]).json();
    assert_eq!((&json["version"], &json["run"], &json["works"]), (&1.into(), &"20260101-a".into(), &false.into()));
    assert_eq!(json["resources"][0]["metrics"]["total_acquisitions"], 7);
    assert_eq!(json["resources"][0]["owners"][0]["held_seconds"], 2.5);
    assert_eq!(json["resources"][0]["hints"][0]["trouble"], "leaked");
    assert_eq!(json["leaks"][0]["acquired_at"], "src/x.rs:1:2");
    desk.run(&["resources", "zebra"]).ended(2);
    desk.run(&["resources", "--run", "zebra"]).ended(2);
    let unnamed = desk.run(&["resources", "--check"]);
    assert!(unnamed.code() == 2 && unnamed.err().contains("name its file"), "{}", unnamed.err());
}

#[test]
fn resources_of_a_pipeline_that_has_none_are_told_to_be_none() {
    let desk = Desk::new();
    let pipeline = "name = \"lesson\"\n[[step]]\nid = \"one\"\nuses = \"file.hash\"\n";
    desk.write("lesson.toml", pipeline);
    for arguments in [&["resources", "lesson.toml"][..], &["resources", "lesson.toml", "--check"]] {
        let told = desk.run(arguments);
        assert_eq!(told.code(), 2);
        assert!(
            told.err().contains("lesson has no resources") && told.err().contains("[resources.NAME]"),
            "{}",
            told.err()
        );
    }
}
