//! `mediamill checkpoint verify`: is everything still what it was?

use std::path::Path;
use std::process::ExitCode;

use serde::Serialize;

use super::{Entry, Place, find, unusable};
use crate::cli::failure::{Failure, code};
use crate::cli::output;
use crate::report::Names;
use crate::resilience::checkpoint::{Artifact, Checkpoint, PieceSet};
use crate::resilience::hash::hash_file;
use crate::resilience::os_text::OsText;
use crate::resilience::safe_text::safe_line;
use crate::resilience::store::{self, PieceLog};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Only this item: its id, its file, or its file's name.
    item: Option<String>,
    /// Write one JSON object.
    #[arg(long)]
    json: bool,
}

/// What was found of one file.
#[derive(Debug, Serialize)]
struct Finding {
    item_id: String,
    /// The step that made it; none for the input and for the checkpoint itself.
    step: Option<String>,
    path: Option<OsText>,
    status: Status,
    /// What is wrong.
    details: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Status {
    Missing,
    Changed,
    Unreadable,
    /// The input is not there to compare: nothing is wrong with what was made of it.
    Gone,
}

#[derive(Default, Serialize)]
struct Verified {
    version: u32,
    checkpoints: usize,
    /// Outputs and inputs that are as they were.
    fine: usize,
    findings: Vec<Finding>,
}

pub(super) fn run(args: &Args, place: &Place) -> Result<ExitCode, Failure> {
    let mut all = place.all()?;
    if let Some(item) = &args.item {
        all = vec![all.swap_remove(find::find(&all, item)?)];
    }
    let mut verified = Verified { version: 1, checkpoints: all.len(), ..Verified::default() };
    all.iter().for_each(|entry| verified.entry(entry, place));
    let bad = verified.findings.iter().any(|finding| finding.status != Status::Gone);
    output::print(&if args.json {
        serde_json::to_string_pretty(&verified).map_or_else(|_| String::new(), |text| text + "\n")
    } else {
        verified.text(&Names::here())
    });
    Ok(ExitCode::from(if bad { code::FAILED } else { code::DONE }))
}

impl Verified {
    fn entry(&mut self, (id, read): &Entry, place: &Place) {
        match read {
            Err(why) => self.findings.push(Finding {
                item_id: id.clone(),
                step: None,
                path: None,
                status: Status::Unreadable,
                details: unusable(why),
            }),
            Ok(found) => self.checkpoint(id, found, &mut store::pieces_of(&place.folder(), id)),
        }
    }

    fn checkpoint(&mut self, id: &str, found: &Checkpoint, pieces: &mut PieceLog) {
        let mut take = |step: Option<&str>, path: &OsText, compared: Result<(), (Status, String)>| match compared {
            Ok(()) => self.fine += 1,
            Err((status, details)) => self.findings.push(Finding {
                item_id: id.to_owned(),
                step: step.map(str::to_owned),
                path: Some(path.clone()),
                status,
                details,
            }),
        };
        if !found.source.hash.is_empty() {
            take(None, &found.source.path, source(found));
        }
        for (step, record) in &found.steps {
            for artifact in record.artifacts.values() {
                take(Some(step), &artifact.path, output_file(artifact));
            }
        }
        for (step, record) in &found.steps {
            let is_known =
                |(output, set): (&String, &PieceSet)| pieces.set(&format!("{step}.{output}")).as_ref() == Some(set);
            if !record.pieces.iter().all(is_known) {
                let (path, unknown) = (OsText::from(pieces.path()), unknown_pieces(pieces));
                take(Some(step), &path, Err(unknown));
            }
        }
        for (step, artifact) in super::pieces::artifacts(found, pieces) {
            take(Some(&step), &artifact.path, output_file(&artifact));
        }
    }

    fn text(&self, names: &Names) -> String {
        let mut told = String::new();
        for finding in &self.findings {
            let status = match finding.status {
                Status::Missing => "missing",
                Status::Changed => "changed",
                Status::Unreadable => "unreadable",
                Status::Gone => "no input",
            };
            let what = match &finding.path {
                Some(path) => names.short(path.as_path()),
                None => format!("the checkpoint {}", safe_line(&finding.item_id)),
            };
            let by = finding.step.as_deref().map_or_else(String::new, |step| format!(" (made by {})", safe_line(step)));
            told.push_str(&format!("{status:<10} {what}{by}: {}\n", safe_line(&finding.details)));
        }
        let gone = self.findings.iter().filter(|finding| finding.status == Status::Gone).count();
        let bad = self.findings.len() - gone;
        told.push_str(&format!("{} checkpoints: {} files are fine, {bad} are not", self.checkpoints, self.fine));
        if gone > 0 {
            told.push_str(&format!(", {gone} inputs are not there to compare"));
        }
        told + "\n"
    }
}

/// Why what the checkpoint tells of pieces is not in the file beside it.
fn unknown_pieces(pieces: &mut PieceLog) -> (Status, String) {
    match pieces.refused() {
        Some(why) => (Status::Unreadable, why),
        None if pieces.path().exists() => {
            (Status::Changed, "what is known of the pieces is damaged; the next run makes them again".to_owned())
        }
        None => (Status::Missing, "nothing is known of the pieces; the next run makes them again".to_owned()),
    }
}

fn output_file(artifact: &Artifact) -> Result<(), (Status, String)> {
    let path = artifact.path.as_path();
    match std::fs::symlink_metadata(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            Err((Status::Missing, "it is gone; the next run makes it again".to_owned()))
        }
        Ok(metadata) if !metadata.is_file() => Err((Status::Changed, "it is no file any more".to_owned())),
        // A file that cannot be looked at cannot be read either, and then it is told why.
        _ => compare(path, &artifact.hash, Some(artifact.size), "made"),
    }
}

fn source(found: &Checkpoint) -> Result<(), (Status, String)> {
    let path = found.source.path.as_path();
    match std::fs::metadata(path) {
        Err(error) => Err((Status::Gone, error.to_string())),
        Ok(_) => compare(path, &found.source.hash, found.source.identity.map(|seen| seen.size), "read"),
    }
}

fn compare(path: &Path, hash: &str, size: Option<u64>, done: &str) -> Result<(), (Status, String)> {
    let (found, bytes) = hash_file(path).map_err(|error| (Status::Unreadable, error.to_string()))?;
    if found == hash {
        return Ok(());
    }
    Err((
        Status::Changed,
        match size {
            Some(size) if size != bytes => format!("{bytes} bytes, {size} when it was {done}"),
            _ => format!("its content is not what it was when it was {done}"),
        },
    ))
}
