//! Which run a command is about.

use std::path::PathBuf;

use super::failure::{Failure, code};
use super::state::{StateArgs, pipelines};
use crate::report::failures;

/// The word for the run that wrote its journal last.
pub const LATEST: &str = "latest";

/// The folder of the run that is meant by `wanted`: its id, the beginning of it, or `latest`.
///
/// # Errors
/// That there is no such run, or several.
pub fn find(wanted: &str, place: &StateArgs) -> Result<PathBuf, Failure> {
    let state = &place.state;
    let names = match &place.pipeline {
        Some(_) => vec![place.pipeline()?],
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
    if wanted == LATEST {
        let changed =
            |run: &PathBuf| std::fs::metadata(run.join("journal.jsonl")).and_then(|found| found.modified()).ok();
        return runs.into_iter().max_by_key(changed).ok_or_else(none);
    }
    let id = |run: &PathBuf| run.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let begins: Vec<&PathBuf> = runs.iter().filter(|run| id(run).starts_with(wanted)).collect();
    match (runs.iter().find(|run| id(run) == wanted), begins.as_slice()) {
        (Some(run), _) | (None, &[run]) => Ok(run.clone()),
        (None, _) if runs.is_empty() => Err(none()),
        (None, []) => {
            let some: Vec<String> = runs.iter().take(5).map(id).collect();
            Err(Failure::usage(format!("no run '{wanted}' is known in {}", state.display()))
                .hint(format!("there are {}", some.join(", "))))
        }
        (None, several) => {
            let several: Vec<String> = several.iter().map(|run| id(run)).collect();
            Err(Failure::usage(format!("'{wanted}' can be the runs {}", several.join(", "))))
        }
    }
}
