//! `mediamill failures`: why files of a run failed, by cause.

use std::path::PathBuf;
use std::process::ExitCode;

use super::failure::{Failure, code};
use super::output;
use super::state::{StateArgs, pipelines};
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
    let folder = find(args)?;
    let report = failures::read(&folder).map_err(|error| {
        let journal = folder.join("journal.jsonl");
        Failure::new(code::STATE, format!("cannot read the journal {}: {error}", journal.display()))
    })?;
    output::print(&if args.json { failures::json(&report) } else { failures::text(&report, &Names::here()) });
    Ok(ExitCode::SUCCESS)
}

/// The folder of the run that is meant.
fn find(args: &Args) -> Result<PathBuf, Failure> {
    let state = &args.state.state;
    let names = match &args.state.pipeline {
        Some(_) => vec![args.state.pipeline()?],
        None => pipelines(state)?,
    };
    let mut runs = Vec::new();
    for name in names {
        let folder = state.join(name);
        let found = failures::runs(&folder).map_err(|error| {
            Failure::new(code::STATE, format!("cannot read {}: {error}", folder.join("runs").display()))
        })?;
        runs.extend(found);
    }
    let none = || {
        Failure::usage(format!("no run is known in {}", state.display())).hint("name another state folder with --state")
    };
    if args.run == "latest" {
        let changed =
            |run: &PathBuf| std::fs::metadata(run.join("journal.jsonl")).and_then(|found| found.modified()).ok();
        return runs.into_iter().max_by_key(changed).ok_or_else(none);
    }
    let id = |run: &PathBuf| run.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let begins: Vec<&PathBuf> = runs.iter().filter(|run| id(run).starts_with(&args.run)).collect();
    match (runs.iter().find(|run| id(run) == args.run), begins.as_slice()) {
        (Some(run), _) | (None, &[run]) => Ok(run.clone()),
        (None, _) if runs.is_empty() => Err(none()),
        (None, []) => {
            let some: Vec<String> = runs.iter().take(5).map(id).collect();
            Err(Failure::usage(format!("no run '{}' is known in {}", args.run, state.display()))
                .hint(format!("there are {}", some.join(", "))))
        }
        (None, several) => {
            let several: Vec<String> = several.iter().map(|run| id(run)).collect();
            Err(Failure::usage(format!("'{}' can be the runs {}", args.run, several.join(", "))))
        }
    }
}
