//! `mediamill steps`: the built-in steps, and all there is to know of one.

mod parameters;

use std::fmt::Write as _;
use std::process::ExitCode;

use serde_json::{Value, json};

use self::parameters::{Parameter, parameters};
use super::failure::Failure;
use super::output;
use crate::pipeline::suggest;
use crate::steps::builtin::{Builtin, OutputDoc};
use crate::steps::register::{BUILTINS, find};

/// List the built-in steps, or tell all of one.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The step.
    name: Option<String>,
    /// Write JSON.
    #[arg(long)]
    json: bool,
}

/// Lists, or tells.
///
/// # Errors
/// There is no such step.
pub fn run(args: &Args) -> Result<ExitCode, Failure> {
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
    told + "\nAll of one: mediamill steps NAME\n"
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
    let all = parameters(&(step.schema)());
    if !all.is_empty() {
        told.push_str("\nParameters (with)\n");
        for parameter in &all {
            let _ = writeln!(told, "  {}: {}", parameter.name, parameter.shape());
            for line in parameter.doc.lines() {
                let _ = writeln!(told, "      {line}");
            }
        }
    }
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

/// A step that the check of a pipeline finds good.
fn example(step: &Builtin, parameters: &[Parameter]) -> String {
    let id = step.name.rsplit('.').next().unwrap_or(step.name);
    let mut text = format!("[[step]]\nid = \"{id}\"\nuses = \"{}\"\n", step.name);
    match step.name {
        "audio.compare" => text.push_str("in = [\"{item.path}\", \"reference.wav\"]\n"),
        "image.compare" => text.push_str("in = [\"{item.path}\", \"reference.png\"]\n"),
        _ => {}
    }
    let mut with: Vec<String> = parameters
        .iter()
        .filter(|parameter| parameter.required)
        .map(|parameter| format!("{} = {}", parameter.name, parameter.example()))
        .collect();
    if step.name == "image.crop" {
        // None is required, and one of several is.
        with.push("aspect = \"1:1\"".to_owned());
    }
    if !with.is_empty() {
        let _ = writeln!(text, "with = {{ {} }}", with.join(", "));
    }
    // The outputs of a split come with one, and those that parameters name with them.
    let in_example = |out: &&OutputDoc| !out.any && (step.name != "collect" || out.name == "table");
    let out: Vec<String> = step
        .outputs
        .iter()
        .filter(in_example)
        .map(|out| format!("{} = \"{}\"", out.name, file(step, out.name)))
        .collect();
    if !out.is_empty() {
        let _ = writeln!(text, "out = {{ {} }}", out.join(", "));
    }
    text
}

/// A file name that shows what the output is.
fn file(step: &Builtin, output: &str) -> String {
    if step.outputs.iter().any(|out| out.name == output && out.many) {
        let extension = match step.name {
            name if name.starts_with("audio.") => "wav",
            name if name.starts_with("image.") => "jpg",
            _ => "txt",
        };
        return format!("{output}/*.{extension}");
    }
    match output {
        "wav" | "json" | "jpg" | "png" => format!("{{item.stem}}.{output}"),
        "picture" if step.name == "image.strip" => "{item.name}".to_owned(),
        "picture" if step.name.starts_with("image.") => "{item.stem}.jpg".to_owned(),
        "picture" => "{item.stem}.png".to_owned(),
        "table" => "table.jsonl".to_owned(),
        _ if step.name == "file.copy" => "{item.name}".to_owned(),
        _ => format!("{{item.stem}}.{output}"),
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
