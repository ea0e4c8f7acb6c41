//! Steps over the whole batch: built-in steps that run once, when the items are done, and read a row of each.
//!
//! The engine writes the rows into a file, one JSON object a line, and gives the step that file as its one input: a step
//! over the batch runs in a step host like any other.

use std::borrow::Cow;
use std::fs::File;
use std::io::{BufRead, BufReader};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::builtin::{Builtin, Job};
use crate::pipeline::builtins::{Asked, ParamProblem};
use crate::pipeline::template::Template;
use crate::resilience::Fault;
use crate::resilience::os_text::OsText;

/// A built-in step that runs once over the whole batch.
pub struct BatchStep {
    /// The step.
    pub step: &'static Builtin,
    /// Those of its parameters whose placeholders are filled for every row; the others are the same for all.
    pub of_rows: &'static [&'static str],
    /// Whether it reads the file of each row: `in`, or else the piece or the item.
    pub reads_files: bool,
    /// What is wrong with asking this of it, given the parameters.
    pub misfit: fn(&Value, &Asked<'_>) -> Option<ParamProblem>,
}

/// What such a step is told of an item that is done, or of a piece of one.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct BatchRow {
    /// What a person calls it: the name of the item's file, or of the piece's.
    pub name: String,
    /// Its parameters, as far as they are filled for every row; what could not be filled is null.
    pub with: Map<String, Value>,
    /// The same for all rows of one source: the hash of the item's content, or its path where that is not known.
    pub source: String,
    /// The file, where the step reads it and it is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<RowFile>,
}

/// The file of a row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowFile {
    /// Absolute.
    pub path: OsText,
    /// Its size.
    pub bytes: u64,
    /// Modification time, nanoseconds since 1970: a file that changed makes another row.
    pub mtime_ns: i64,
}

impl BatchRow {
    /// The text that the parameter `name` was filled with; nothing where it was not.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        self.with.get(name)?.as_str()
    }

    /// What the parameter `name` was filled with, as a person reads it; nothing where it was not, or with a list or a table.
    #[must_use]
    pub fn shown(&self, name: &str) -> Option<Cow<'_, str>> {
        match self.with.get(name)? {
            Value::String(text) => Some(text.into()),
            scalar @ (Value::Number(_) | Value::Bool(_)) => Some(scalar.to_string().into()),
            _ => None,
        }
    }

    /// The whole number that the parameter `name` was filled with; nothing where it was not.
    #[must_use]
    pub fn number(&self, name: &str) -> Option<u64> {
        self.with.get(name)?.as_u64()
    }
}

/// Hands the rows that `job` is given to `take`, in the order of the batch.
///
/// # Errors
/// Those of `take`; that the step was run for one item; and that of the disk.
pub fn for_each_row(job: &Job, mut take: impl FnMut(BatchRow) -> Result<(), Fault>) -> Result<(), Fault> {
    let [rows] = job.inputs.as_slice() else {
        return Err(Fault::input("batch-step", "this step works on the whole batch, and not on one item"));
    };
    let failed = |error: std::io::Error| Fault::from_io("cannot read the rows of the batch", &error);
    let mut lines = BufReader::new(File::open(rows).map_err(failed)?);
    let mut line = Vec::new();
    while lines.read_until(b'\n', &mut line).map_err(failed)? > 0 {
        take(serde_json::from_slice(&line).map_err(|error| failed(error.into()))?)?;
        line.clear();
    }
    Ok(())
}

impl BatchStep {
    /// What is wrong with asking this of the step, for any batch.
    pub(super) fn misfit(&self, with: &Value, asked: &Asked<'_>) -> Option<ParamProblem> {
        let fixed = with.as_object().into_iter().flatten().filter(|(name, _)| !self.of_rows.contains(&name.as_str()));
        for (name, value) in fixed {
            if let Some(text) = placeholder(value) {
                let message = format!("`{name}` is one for the whole batch, and `{text}` is another for every item");
                return Some(ParamProblem { path: vec![name.clone()], key: false, message, suggestion: None });
            }
        }
        if self.reads_files && asked.inputs > 1 {
            let message = format!("`{}` reads one file of each item, and {} are given", self.step.name, asked.inputs);
            let suggestion = Some("name the one file in `in`".to_owned());
            return Some(ParamProblem { path: Vec::new(), key: false, message, suggestion });
        }
        (self.misfit)(with, asked)
    }
}

/// The first text in `value` that holds a placeholder.
fn placeholder(value: &Value) -> Option<&str> {
    match value {
        Value::String(text) => Template::parse(text).is_ok_and(|template| !template.is_literal()).then_some(text),
        Value::Array(list) => list.iter().find_map(placeholder),
        Value::Object(map) => map.values().find_map(placeholder),
        _ => None,
    }
}
