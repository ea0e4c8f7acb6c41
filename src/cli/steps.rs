//! `mediamill steps`: the built-in steps and the kinds of resources, and all there is to know of one.

mod example;
mod parameters;
mod resources;

use std::fmt::Write as _;
use std::process::ExitCode;

use serde_json::{Value, json};

use self::example::example;
use self::parameters::{Parameter, parameters};
use super::failure::Failure;
use super::output;
use crate::pipeline::suggest;
use crate::steps::builtin::Builtin;
use crate::steps::register::{BUILTINS, find, find_resource};

/// List the built-in steps, or tell all of one.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The step.
    name: Option<String>,
    /// Tell the settings of a kind of resource in place of steps: database, filesystem, http, llm, storage or static.
    #[arg(long, value_name = "KIND", conflicts_with = "name")]
    resource: Option<String>,
    /// Write JSON.
    #[arg(long)]
    json: bool,
}

/// Lists, or tells.
///
/// # Errors
/// There is no such step, or no such kind.
pub fn run(args: &Args) -> Result<ExitCode, Failure> {
    if let Some(kind) = &args.resource {
        output::print(&resources::told(kind, args.json)?);
        return Ok(ExitCode::SUCCESS);
    }
    let text = match &args.name {
        None if args.json => format!("{:#}\n", BUILTINS.iter().map(|step| as_json(step)).collect::<Value>()),
        None => list(),
        Some(name) => {
            let step = find(name).ok_or_else(|| unknown(name))?;
            if args.json { format!("{:#}\n", as_json(step)) } else { reference(step) }
        }
    };
    output::print(&text);
    Ok(ExitCode::SUCCESS)
}

fn unknown(name: &str) -> Failure {
    let failure = Failure::usage(format!("there is no built-in step '{name}'"));
    match suggest::help(name, BUILTINS.iter().map(|step| step.name)) {
        Some(help) => failure.hint(help),
        None => failure,
    }
}

fn list() -> String {
    let width = BUILTINS.iter().map(|step| step.name.len()).max().unwrap_or(0);
    let mut told = String::new();
    for step in BUILTINS {
        let _ = writeln!(told, "{:<width$}  {}", step.name, step.summary);
    }
    told + "\nAll of one: mediamill steps NAME; of a kind of resource: mediamill steps --resource KIND\n"
}

fn reference(step: &Builtin) -> String {
    let mut told = format!("{}: {}\n", step.name, step.summary);
    let list = |told: &mut String, title: &str, rows: Vec<(String, String)>| {
        if !rows.is_empty() {
            let width = rows.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
            let _ = writeln!(told, "\n{title}");
            for (name, text) in rows {
                let _ = writeln!(told, "  {name:<width$}  {text}");
            }
        }
    };
    if let Some(resource) = find_resource(step.name) {
        let _ = writeln!(told, "\nWorks with a resource of kind {} (resources)", resource.kind.word());
    }
    let all = parameters(&(step.schema)());
    described(&mut told, "Parameters (with)", &all);
    let required = |required: bool| if required { " (required)" } else { "" };
    let many = |many: bool| if many { " (any number of files, for steps with `each`)" } else { "" };
    let outputs = step
        .outputs
        .iter()
        .map(|out| (out.name.to_owned(), format!("{}{}{}", out.summary, required(out.required), many(out.many))));
    list(&mut told, "Outputs (out)", outputs.collect());
    let values = step.values.iter().map(|value| (value.name.to_owned(), value.summary.to_owned()));
    list(&mut told, "Values (for later steps: {step.NAME})", values.collect());
    for out in step.outputs.iter().filter(|out| !out.piece_values.is_empty()) {
        let values = out.piece_values.iter().map(|value| (value.name.to_owned(), value.summary.to_owned()));
        let title = format!("Values of each piece of {} (for steps with `each`: {{piece.NAME}})", out.name);
        list(&mut told, &title, values.collect());
    }
    let _ = writeln!(told, "\nExample\n");
    for line in example(step, &all).lines() {
        let _ = writeln!(told, "  {line}");
    }
    told
}

/// Parameters or settings under a title, each with what is to know of it.
fn described(told: &mut String, title: &str, all: &[Parameter]) {
    if !all.is_empty() {
        let _ = writeln!(told, "\n{title}");
    }
    for parameter in all {
        let _ = writeln!(told, "  {}: {}", parameter.name, parameter.shape());
        for line in parameter.doc.lines() {
            let _ = writeln!(told, "      {line}");
        }
    }
}

fn as_json(step: &Builtin) -> Value {
    let outputs: Value = step
        .outputs
        .iter()
        .map(|out| {
            json!({
                "name": out.name, "summary": out.summary, "required": out.required, "any": out.any, "many": out.many,
                "piece_values": out.piece_values.iter()
                    .map(|value| json!({ "name": value.name, "summary": value.summary })).collect::<Value>(),
            })
        })
        .collect();
    let values: Value =
        step.values.iter().map(|value| json!({ "name": value.name, "summary": value.summary })).collect();
    let all = parameters(&(step.schema)());
    json!({
        "name": step.name, "version": step.version, "summary": step.summary,
        "resource": find_resource(step.name).map(|resource| resource.kind.word()),
        "parameters": all.iter().map(Parameter::as_json).collect::<Value>(),
        "outputs": outputs, "values": values, "example": example(step, &all), "schema": (step.schema)().as_value(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::load::parse;
    use crate::steps::catalog::Catalog;

    #[test]
    fn the_example_of_every_step_is_a_good_pipeline() {
        for step in BUILTINS {
            let text = format!(
                "[input]\npaths = [\"x\"]\n[output]\ndir = \"out\"\n{}",
                example(step, &parameters(&(step.schema)()))
            );
            let (plan, found) = parse("example.toml", &text, &Catalog::registered());
            assert!(plan.is_some(), "{text}\n{}", found.to_text(false));
        }
    }

    #[test]
    fn every_parameter_output_and_value_of_a_step_is_told() {
        for step in BUILTINS {
            let told = reference(step);
            let names = step.outputs.iter().map(|out| out.name).chain(step.values.iter().map(|value| value.name));
            for name in names {
                assert!(told.contains(&format!("  {name} ")), "{name}\n{told}");
            }
            assert!(parameters(&(step.schema)()).iter().all(|parameter| !parameter.doc.is_empty()), "{told}");
        }
    }
}
