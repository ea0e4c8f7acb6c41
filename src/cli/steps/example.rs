//! An example of each step, which the check of a pipeline finds good.

use std::fmt::Write as _;

use super::parameters::Parameter;
use super::resources;
use crate::steps::builtin::{Builtin, OutputDoc};
use crate::steps::register::find_resource;

/// A step that the check of a pipeline finds good.
pub(super) fn example(step: &Builtin, parameters: &[Parameter]) -> String {
    let id = step.name.rsplit('.').next().unwrap_or(step.name);
    let mut text = format!("[[step]]\nid = \"{id}\"\nuses = \"{}\"\n", step.name);
    let resource = find_resource(step.name).map(|resource| resource.kind);
    if let Some(kind) = resource {
        text = format!("{}\n{text}resources = [\"{}\"]\n", resources::example(kind), resources::name(kind));
    }
    match step.name {
        "audio.compare" => text.push_str("in = [\"{item.path}\", \"reference.wav\"]\n"),
        "image.compare" => text.push_str("in = [\"{item.path}\", \"reference.png\"]\n"),
        _ => {}
    }
    let mut with: Vec<String> = parameters
        .iter()
        .filter(|parameter| parameter.required)
        .map(|parameter| format!("{} = {}", parameter.name, value(step.name, parameter)))
        .collect();
    // None is required, and one of several is.
    let one_of = match step.name {
        "image.crop" => Some("aspect = \"1:1\""),
        "database.insert" => Some("row = { name = \"{item.name}\" }"),
        "database.export" => Some("table = \"songs\""),
        "llm.complete" => Some("schema = { type = \"object\" }"),
        _ => None,
    };
    with.extend(one_of.map(str::to_owned));
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

/// A value that suits the parameter.
fn value(step: &str, parameter: &Parameter) -> String {
    match (step, parameter.name.as_str()) {
        ("database.insert", "table") => "\"songs\"".to_owned(),
        ("database.query", "sql") => "\"select count(*) as songs from songs\"".to_owned(),
        ("llm.complete", "prompt") => "\"A title for a song called {item.stem}\"".to_owned(),
        _ => parameter.example(),
    }
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
