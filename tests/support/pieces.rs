//! Pipelines whose steps make pieces, and what a run of them began and left.

#![allow(dead_code, reason = "each test file uses some of it")]
#![allow(clippy::unwrap_used, reason = "a test whose step fails where it must not has failed")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::process::Command;

use mediamill::events::EventKind;

use crate::support::{Bench, Journal, mediamill};

/// Cuts a text into pieces of two lines, and does two things with each.
pub const CUT: &str = r#"
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

/// Keeps each piece of [`NOOP`].
pub const KEEP_EACH: &str = r#"
[[step]]
id = "keep"
each = "make.pieces"
uses = "file.copy"
out = { copy = "kept/{piece.name}" }
"#;

/// [`NOOP`] with so many pieces, and these steps for each.
pub fn made(count: u32, each: &str) -> String {
    NOOP.replace("COUNT", &count.to_string()).replace("EACH", each)
}

/// A shell step over the pieces of [`NOOP`]; `$1` is the piece, `$2` the output, `$3` its number.
pub fn shell(script: &str, more: &str) -> String {
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
pub fn begun(journal: &Journal, step: &str) -> Vec<u32> {
    let place = journal.steps().iter().position(|id| id == step).unwrap() as u32;
    let number = |kind: &EventKind| match kind {
        EventKind::AttemptStarted { step, piece: Some(piece), .. } if *step == place => Some(piece.index),
        _ => None,
    };
    let mut found: Vec<u32> = journal.kinds().filter_map(number).collect();
    found.sort_unstable();
    found
}

/// The tasks of pieces that are done: the step, and the piece's number.
pub fn done(journal: &Journal) -> BTreeSet<(u32, u32)> {
    let task = |kind: &EventKind| match kind {
        EventKind::TaskDone { step, piece: Some(piece), .. } => Some((*step, piece.index)),
        _ => None,
    };
    journal.kinds().filter_map(task).collect()
}

/// The outputs, all of them texts.
pub fn texts(bench: &Bench) -> BTreeMap<String, String> {
    let text =
        |(path, content): (PathBuf, Vec<u8>)| (path.to_str().unwrap().to_owned(), String::from_utf8(content).unwrap());
    bench.outputs().into_iter().map(text).collect()
}

/// What the program answers to these words.
pub fn ask(bench: &Bench, words: &[&str]) -> String {
    let mut command = Command::new(mediamill());
    let out = command.args(words).arg("--state").arg(&bench.state).current_dir(bench.path("")).output().unwrap();
    assert!(out.status.success(), "{words:?}: {}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8(out.stdout).unwrap()
}
