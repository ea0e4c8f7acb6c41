//! `mediamill failures`: why files of a run failed, by cause.

use std::process::ExitCode;

use super::failure::{Failure, code};
use super::state::StateArgs;
use super::{output, runs};
use crate::report::{Names, failures};

/// Tell why files of a run failed: by cause, with an example, its log, and the command that tries them again.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The run: its id, or `latest`.
    #[arg(default_value = "latest")]
    run: String,
    /// Write one JSON object.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    state: StateArgs,
}

/// Reads the run's journal, and tells what it holds of failures.
///
/// # Errors
/// That there is no such run, or its journal cannot be read.
pub fn run(args: &Args) -> Result<ExitCode, Failure> {
    let folder = runs::find(&args.run, &args.state)?;
    let report = failures::read(&folder).map_err(|error| {
        let journal = folder.join("journal.jsonl");
        Failure::new(code::STATE, format!("cannot read the journal {}: {error}", journal.display()))
    })?;
    output::print(&if args.json { failures::json(&report) } else { failures::text(&report, &Names::here()) });
    Ok(ExitCode::SUCCESS)
}
