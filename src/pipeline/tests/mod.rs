//! Promises about whole pipeline files.
#![expect(clippy::unwrap_used, reason = "a test may")]

mod bad_files;
mod constants;
mod generate;
mod golden;
mod good_files;
mod mutated;
mod resources;

use serde_json::Value;

use super::builtins::{Asked, Builtins, ParamProblem};
use super::diagnostic::Diagnostics;
use super::load::parse;
use super::plan::Plan;
use crate::resources::settings::ResourceKind;

/// The file of the design, word for word.
pub(super) const LESSON: &str = include_str!("lesson.toml");

/// A few built-in steps, so that these tests do not depend on those there are.
pub(super) struct Few;

impl Builtins for Few {
    fn names(&self) -> Vec<String> {
        ["audio.convert", "audio.analyze", "audio.slice", "collect", "noop", "note", "note.get", "note.ask"]
            .map(str::to_owned)
            .to_vec()
    }

    fn check(&self, name: &str, with: &Value) -> Vec<ParamProblem> {
        let problem = |key: &String| ParamProblem {
            path: vec![key.clone()],
            key: true,
            message: format!("unknown parameter `{key}`"),
            suggestion: None,
        };
        let known = ["sample_rate", "channels", "normalize", "columns", "rate", "text"];
        let unknown = with.as_object().unwrap().keys().filter(|key| !known.contains(&key.as_str()));
        if name == "audio.analyze" && with.get("rate").is_some() {
            let message = "`rate` must be a number".to_owned();
            return vec![ParamProblem { path: vec!["rate".to_owned()], key: false, message, suggestion: None }];
        }
        unknown.map(problem).collect()
    }

    fn outputs(&self, name: &str) -> Option<Vec<(String, bool)>> {
        let outputs: &[(&str, bool)] = match name {
            "audio.convert" => &[("wav", true), ("peaks", false)],
            "audio.analyze" => &[("json", false), ("picture", false)],
            "audio.slice" => &[("clips", false)],
            "note" | "note.ask" => &[],
            "note.get" => &[("file", true)],
            _ => return None,
        };
        Some(outputs.iter().map(|(name, required)| ((*name).to_owned(), *required)).collect())
    }

    fn one_of(&self, _name: &str) -> Vec<String> {
        Vec::new()
    }

    fn tool(&self, _name: &str, output: &str) -> Option<String> {
        (output == "peaks").then(|| "peakmeter".to_owned())
    }

    fn values(&self, name: &str) -> Option<Vec<String>> {
        let values: &[&str] = match name {
            "audio.analyze" => &["duration", "tempo"],
            "audio.slice" => &["count"],
            "note.ask" => &["json"],
            _ => &[],
        };
        Some(values.iter().map(|name| (*name).to_owned()).collect())
    }

    fn is_many(&self, name: &str, output: &str) -> bool {
        (name, output) == ("audio.slice", "clips")
    }

    fn piece_values(&self, name: &str, output: &str) -> Option<Vec<String>> {
        self.is_many(name, output).then(|| vec!["start_s".to_owned(), "end_s".to_owned()])
    }

    fn misfit(&self, _name: &str, _with: &Value, _asked: &Asked<'_>) -> Option<ParamProblem> {
        None
    }

    fn version(&self, _name: &str) -> u32 {
        7
    }

    fn reads_file(&self, name: &str) -> bool {
        !matches!(name, "noop" | "collect" | "note" | "note.ask")
    }

    fn is_batch(&self, name: &str) -> bool {
        name == "collect"
    }

    fn resource_kind(&self, name: &str) -> Option<ResourceKind> {
        match name {
            "note" | "note.get" => Some(ResourceKind::Database),
            "note.ask" => Some(ResourceKind::Llm),
            _ => None,
        }
    }

    fn check_resource(&self, kind: ResourceKind, settings: &Value) -> Vec<ParamProblem> {
        let known = ["url", "password", "headers", "list", "size", "data"];
        let settings = settings.as_object().unwrap();
        let unknown = settings.keys().filter(|key| !known.contains(&key.as_str())).map(|key| ParamProblem {
            path: vec![key.clone()],
            key: true,
            message: format!("unknown setting `{key}`"),
            suggestion: None,
        });
        let wrong = settings.get("size").filter(|size| !size.is_number()).map(|_| ParamProblem {
            path: vec!["size".to_owned()],
            key: false,
            message: "`size` must be a number".to_owned(),
            suggestion: None,
        });
        let lost = (kind == ResourceKind::Http && !settings.contains_key("url")).then(|| ParamProblem {
            path: Vec::new(),
            key: true,
            message: "nothing says where it is".to_owned(),
            suggestion: None,
        });
        unknown.chain(wrong).chain(lost).collect()
    }
}

fn check(text: &str) -> (Option<Plan>, Diagnostics) {
    parse("songs.toml", text, &Few)
}

/// The plan of a file that must be good, and its warnings.
fn good(text: &str) -> (Plan, Diagnostics) {
    let (plan, found) = check(text);
    assert!(!found.has_errors(), "{}", found.to_text(false));
    (plan.unwrap(), found)
}

/// The message of each finding, with the text it points at.
fn findings(text: &str) -> Vec<(String, String)> {
    let (plan, found) = check(text);
    assert_eq!(plan.is_none(), found.has_errors());
    let place = |span: &Option<std::ops::Range<usize>>| span.clone().map_or("", |span| &text[span]).to_owned();
    found.iter().map(|diagnostic| (diagnostic.message.clone(), place(&diagnostic.span))).collect()
}
