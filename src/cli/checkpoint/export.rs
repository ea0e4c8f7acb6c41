//! `mediamill checkpoint export`.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use super::{Place, unusable};
use crate::cli::failure::{Failure, code};
use crate::cli::output;
use crate::resilience::checkpoint::Checkpoint;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Write to this file, which must not exist yet, and not to standard output.
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// One checkpoint a line, or one array of all.
    #[arg(long, default_value = "lines")]
    format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    Lines,
    Array,
}

pub(super) fn run(args: &Args, place: &Place) -> Result<ExitCode, Failure> {
    let (mut whole, mut bad) = (Vec::new(), String::new());
    for (id, read) in place.all()? {
        match read {
            Ok(checkpoint) => whole.push(checkpoint),
            Err(why) => bad.push_str(&format!("warning: the checkpoint {id} is left out: {}\n", unusable(&why))),
        }
    }
    output::note(&bad);
    let text = text(&whole, args.format)
        .map_err(|error| Failure::new(code::FAILED, format!("the checkpoints cannot be written as JSON: {error}")))?;
    match &args.output {
        None => output::print(&text),
        Some(file) => {
            let written = std::fs::File::create_new(file).and_then(|mut new| new.write_all(text.as_bytes()));
            written.map_err(|error| match error.kind() {
                std::io::ErrorKind::AlreadyExists => {
                    Failure::usage(format!("{} exists already, and is left as it is", file.display()))
                        .hint("name another file, or remove that one")
                }
                _ => Failure::usage(format!("cannot write {}: {error}", file.display())),
            })?;
            output::note(&format!("{} checkpoints are written to {}\n", whole.len(), file.display()));
        }
    }
    Ok(ExitCode::from(if bad.is_empty() { code::DONE } else { code::FAILED }))
}

fn text(checkpoints: &[Checkpoint], format: Format) -> serde_json::Result<String> {
    match format {
        Format::Array => serde_json::to_string_pretty(checkpoints).map(|text| text + "\n"),
        Format::Lines => checkpoints.iter().map(|one| serde_json::to_string(one).map(|text| text + "\n")).collect(),
    }
}
