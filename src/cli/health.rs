//! `mediamill health`: what is there, what is not, and how to get it.

use std::path::PathBuf;
use std::process::ExitCode;

use super::failure::{Failure, code};
use super::{output, state};
use crate::health::{self, all_known, check_all, machine, wanted};

/// Look for the tools that pipelines use, all at the same time.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Look only for what this pipeline needs.
    pipeline: Option<PathBuf>,
    /// Write one JSON object.
    #[arg(long)]
    json: bool,
    /// End with exit code 3 when anything is missing, required or not.
    #[arg(long)]
    strict: bool,
}

/// Looks, and tells what was found.
///
/// # Errors
/// That the pipeline cannot be read.
pub fn run(args: &Args) -> Result<ExitCode, Failure> {
    let tools = match &args.pipeline {
        Some(path) => wanted(&state::plan(path)?.plan),
        None => all_known(),
    };
    let mut checks = check_all(&tools);
    checks.extend(machine::disk(&["."]));
    checks.push(machine::memory());
    output::print(&if args.json {
        format!("{}\n", health::report::json(&checks))
    } else {
        health::report::text(&checks)
    });
    let missing =
        |check: &health::HealthCheck| !check.available && (args.strict || (args.pipeline.is_some() && check.required));
    Ok(ExitCode::from(if checks.iter().any(missing) { code::DEPENDENCY } else { code::DONE }))
}
