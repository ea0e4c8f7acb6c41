//! `mediamill check`: everything that is wrong with pipeline files, at once.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde_json::Value;

use super::failure::{Failure, code};
use super::output;
use crate::engine::assets::AssetPool;
use crate::pipeline::diagnostic::Severity;
use crate::pipeline::load::{LoadError, load};
use crate::pipeline::pools::Pool;
use crate::report::Names;
use crate::resilience::safe_text::safe_line;
use crate::resources::secret;
use crate::resources::settings::ResourceSpec;
use crate::steps::catalog::Catalog;

/// Check pipeline files, and tell everything that is wrong with them.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The pipeline files.
    #[arg(required = true)]
    pipelines: Vec<PathBuf>,
    /// Write one JSON array with every finding.
    #[arg(long)]
    json: bool,
}

/// Checks, and tells what was found.
///
/// # Errors
/// None: a file that cannot be read is told like one that is wrong.
pub fn run(args: &Args) -> Result<ExitCode, Failure> {
    let colour = output::colour();
    let (mut text, mut json) = (String::new(), Vec::new());
    let (mut good, mut errors, mut warnings) = (0_usize, 0, 0);
    for path in &args.pipelines {
        let found = match load(path, &Catalog::registered()) {
            Ok(loaded) => {
                good += 1;
                let unset = unset_variables(&loaded.plan.resources);
                for message in pool_findings(&loaded.plan.pools).into_iter().chain(unset) {
                    warnings += 1;
                    text.push_str(&format!("warning: {}\n\n", safe_line(&message)));
                    json.push(without_place(path, "warning", &message));
                }
                loaded.warnings
            }
            Err(LoadError::Invalid(found)) => found,
            Err(error @ LoadError::Read { .. }) => {
                errors += 1;
                text.push_str(&format!("error: {}\n\n", safe_line(&error.to_string())));
                json.push(without_place(path, "error", &error.to_string()));
                continue;
            }
        };
        errors += found.count(Severity::Error);
        warnings += found.count(Severity::Warning);
        text.push_str(&found.to_text(colour));
        json.extend(found.to_json().as_array().into_iter().flatten().cloned());
    }
    text.push_str(&match (args.pipelines.as_slice(), good) {
        ([one], 1) => format!("{} is good", Names::here().short(one)),
        (all, good) if good == all.len() => format!("{good} pipelines are good"),
        (all, good) => format!("{} of {} pipelines are good, {}", good, all.len(), counted(errors, "error")),
    });
    if warnings > 0 {
        text.push_str(&format!(", {}", counted(warnings, "warning")));
    }
    text.push('\n');
    output::print(&if args.json { format!("{:#}\n", serde_json::Value::from(json)) } else { text });
    Ok(ExitCode::from(if errors > 0 { code::USAGE } else { code::DONE }))
}

/// What is to be told of the pools' files on this machine: the pipeline itself is good without them.
fn pool_findings(pools: &[Pool]) -> Vec<String> {
    let found = AssetPool::find_all(pools).unwrap_or_default();
    found.iter().flat_map(AssetPool::findings).collect()
}

/// The variables of the environment that resources wait for, and that are not set here.
fn unset_variables(resources: &[ResourceSpec]) -> Vec<String> {
    let unset = |resource: &ResourceSpec| {
        let mut names: Vec<&str> = Vec::new();
        variables_of(&resource.settings, &mut names);
        names.retain(|name| std::env::var_os(name).is_none());
        let of = |name: &str| {
            format!("the resource {} needs the environment variable {name}, which is not set", resource.name)
        };
        names.into_iter().map(of).collect::<Vec<_>>()
    };
    resources.iter().flat_map(unset).collect()
}

/// The names in every `${NAME}`, each once.
fn variables_of<'a>(settings: &'a Value, names: &mut Vec<&'a str>) {
    match settings {
        Value::String(text) => {
            for name in secret::variables(text) {
                if !names.contains(&name) {
                    names.push(name);
                }
            }
        }
        Value::Array(list) => list.iter().for_each(|value| variables_of(value, names)),
        Value::Object(map) => map.values().for_each(|value| variables_of(value, names)),
        _ => {}
    }
}

fn without_place(path: &Path, severity: &str, message: &str) -> serde_json::Value {
    serde_json::json!({
        "file": path.to_string_lossy(), "line": null, "column": null, "end_line": null, "end_column": null,
        "severity": severity, "message": message, "help": [], "notes": [],
    })
}

fn counted(count: usize, one: &str) -> String {
    if count == 1 { format!("1 {one}") } else { format!("{count} {one}s") }
}
