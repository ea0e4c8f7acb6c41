//! Which pipeline's folder in the state folder a command is about.

use std::path::{Path, PathBuf};

use super::failure::{Failure, code};
use crate::pipeline::load::{LoadError, Loaded, load};
use crate::pipeline::suggest;
use crate::resilience::store::StoreError;
use crate::steps::catalog::Catalog;

/// The state folder, and the pipeline in it.
#[derive(Debug, clap::Args)]
pub struct StateArgs {
    /// The state folder.
    #[arg(long, value_name = "DIR", default_value = "checkpoints", global = true)]
    pub state: PathBuf,
    /// The pipeline: its name or its file; not needed where the state folder holds one only.
    #[arg(short, long, value_name = "PIPELINE", global = true)]
    pub pipeline: Option<String>,
}

impl StateArgs {
    /// The name of the pipeline that is meant; its folder exists.
    ///
    /// # Errors
    /// That it is not known, or not clear which one is meant.
    pub fn pipeline(&self) -> Result<String, Failure> {
        let known = pipelines(&self.state)?;
        let state = self.state.display();
        if known.is_empty() {
            return Err(Failure::usage(format!("there are no checkpoints in {state}"))
                .hint("name another state folder with --state"));
        }
        let Some(wanted) = &self.pipeline else {
            return match known.as_slice() {
                [one] => Ok(one.clone()),
                several => {
                    let told = format!("{state} holds {} pipelines: {}", several.len(), several.join(", "));
                    Err(Failure::usage(told).hint("say which with --pipeline NAME"))
                }
            };
        };
        if known.contains(wanted) {
            return Ok(wanted.clone());
        }
        let name = if is_file(wanted) { plan(Path::new(wanted))?.plan.name } else { wanted.clone() };
        if known.contains(&name) {
            return Ok(name);
        }
        let failure = Failure::usage(format!("{state} holds nothing of a pipeline '{name}'"));
        Err(match suggest::help(&name, known.iter().map(String::as_str)) {
            Some(help) => failure.hint(help),
            None => failure,
        })
    }
}

fn is_file(wanted: &str) -> bool {
    wanted.ends_with(".toml") || wanted.contains('/')
}

/// The pipelines that the state folder holds something of, by name.
///
/// # Errors
/// That it cannot be read. One that does not exist holds none.
pub fn pipelines(state: &Path) -> Result<Vec<String>, Failure> {
    let cannot =
        |error| Failure::new(code::STATE, format!("cannot read the state folder {}: {error}", state.display()));
    let folder = match std::fs::read_dir(state) {
        Ok(folder) => folder,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(cannot(error)),
    };
    let mut names = Vec::new();
    for entry in folder {
        let path = entry.map_err(cannot)?.path();
        let is_pipeline = ["items", "runs"].iter().any(|inner| path.join(inner).is_dir());
        if let Some(name) = path.file_name().and_then(|name| name.to_str()).filter(|_| is_pipeline) {
            names.push(name.to_owned());
        }
    }
    names.sort();
    Ok(names)
}

/// Reads a pipeline file; what is wrong with it is told on standard error.
///
/// # Errors
/// That it cannot run.
pub fn plan(path: &Path) -> Result<Loaded, Failure> {
    load(path, &Catalog::registered()).map_err(|error| match &error {
        LoadError::Read { .. } => Failure::usage(error.to_string()),
        LoadError::Invalid(found) => {
            super::output::note(&found.to_text(false));
            Failure::usage(error.to_string())
        }
    })
}

/// The state folder cannot be used.
#[must_use]
pub fn refused(error: &StoreError) -> Failure {
    Failure::new(code::STATE, error.to_string())
}
