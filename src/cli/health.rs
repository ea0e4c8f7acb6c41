//! `mediamill health`: what is there, what is not, and how to get it.

use std::path::PathBuf;
use std::process::ExitCode;

use super::failure::{Failure, code};
use super::{output, state};
use crate::engine::resources::{Resources, environment};
use crate::health::{self, Wanted, all_known, check_all, machine, wanted};

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
    let (wanted, resources) = match &args.pipeline {
        Some(path) => {
            let plan = state::plan(path)?.plan;
            let resources = Resources::open(&plan, &|_| true, &environment);
            let resources = resources.map_err(|error| {
                Failure::new(code::FAILED, format!("the resources of the pipeline cannot be looked at: {error}"))
            })?;
            output::hide_in_panics(resources.secrets());
            (wanted(&plan), resources)
        }
        None => (all_known(), Resources::default()),
    };
    let looking = resources.look(&wanted);
    let tools: Vec<Wanted> = wanted.into_iter().filter(|one| !one.resource).collect();
    let mut checks = check_all(&tools);
    checks.extend(looking.checks());
    // Nothing was leased: what was made for the look is closed.
    let _ = resources.close();
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
