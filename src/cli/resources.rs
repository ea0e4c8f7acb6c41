//! `mediamill resources`: how well the resources of a pipeline are, who holds them and who waits.

mod check;
mod shown;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use super::failure::{Failure, code};
use super::state::{self, StateArgs};
use super::{output, runs};
use crate::engine::socket::is_running;
use crate::events::{RunState, journal};
use crate::pipeline::plan::Plan;
use crate::report::failures;
use crate::report::resources::{self, Moment};

/// Look at the resources of a pipeline: how well each is, who holds a lease and for how long, who waits.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The pipeline: its file, or its name; not needed where the state folder holds one only.
    pipeline: Option<String>,
    /// Connect to each resource of the pipeline's file now, and look how well it is; the exit code is 3 where one that is
    /// required is not. Of a pipeline that has not run this is done in any case.
    #[arg(long, conflicts_with = "run")]
    check: bool,
    /// Tell what this run knows of them: its id, the beginning of it, or `latest`.
    #[arg(long, value_name = "RUN")]
    run: Option<String>,
    /// Write one JSON object.
    #[arg(long)]
    json: bool,
    /// The state folder.
    #[arg(long, value_name = "DIR", default_value = "checkpoints")]
    state: PathBuf,
}

/// Does what is asked.
///
/// # Errors
/// That the pipeline cannot be read, there is no such run, or its journal cannot be read.
pub fn run(args: &Args) -> Result<ExitCode, Failure> {
    let plan = args.plan()?;
    if args.check {
        let needed = || {
            Failure::usage("which pipeline's resources are to be looked at?")
                .hint("name its file: mediamill resources PIPELINE.toml --check")
        };
        return check::run(&plan.ok_or_else(needed)?, args.json);
    }
    // Where there is no run to tell of, whoever names a file wants to know how its resources are.
    if let Some(plan) = plan.as_ref().filter(|plan| args.run.is_none() && !has_run(&args.state, plan)) {
        return check::run(plan, args.json);
    }
    let pipeline = plan.as_ref().map(|plan| plan.name.clone()).or_else(|| args.pipeline.clone());
    let place = StateArgs { state: args.state.clone(), pipeline };
    let folder = runs::find(args.run.as_deref().unwrap_or(runs::LATEST), &place)?;
    let (state, moment) = known(&folder)?;
    match plan {
        // The run is older than the resources.
        Some(plan) if state.resources.is_empty() && args.run.is_none() => check::run(&plan, args.json),
        _ => {
            output::print(&if args.json { resources::json(&state, moment) } else { resources::text(&state, moment) });
            Ok(ExitCode::SUCCESS)
        }
    }
}

impl Args {
    /// The pipeline, where a file is named, with resources in it.
    fn plan(&self) -> Result<Option<Plan>, Failure> {
        let named = |name: &&String| self.check || name.ends_with(".toml") || Path::new(name).is_file();
        let Some(file) = self.pipeline.as_ref().filter(named) else { return Ok(None) };
        let plan = state::plan(Path::new(file))?.plan;
        if plan.resources.is_empty() {
            return Err(Failure::usage(format!("{} has no resources", plan.name))
                .hint("a resource stands in [resources.NAME], and a step works with it by `resources = [\"NAME\"]`"));
        }
        Ok(Some(plan))
    }
}

fn has_run(state: &Path, plan: &Plan) -> bool {
    failures::runs(&state.join(&plan.name)).is_ok_and(|runs| !runs.is_empty())
}

/// What the run's journal tells, and up to when it is told.
fn known(run_folder: &Path) -> Result<(RunState, Moment), Failure> {
    let works = is_running(run_folder);
    let path = run_folder.join("journal.jsonl");
    let cannot = |error| Failure::new(code::STATE, format!("cannot read the journal {}: {error}", path.display()));
    let mut state = RunState::default();
    for event in journal::read(&path).map_err(cannot)? {
        state.apply(&event.map_err(cannot)?);
    }
    let wall = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64);
    let since = if works { wall.saturating_sub(state.at) } else { 0 };
    let now = state.elapsed.saturating_add(since);
    Ok((state, Moment { works, now }))
}
