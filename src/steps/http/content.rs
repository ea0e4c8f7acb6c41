//! What a request carries, as a pipeline says it.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};
use url::form_urlencoded::Serializer;

use crate::resilience::Fault;
use crate::resources::http::{Body, Content, Part};

/// One part of a form with files. It has `text`, `json` or `file`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PartParams {
    /// Its name in the form.
    pub name: String,
    /// A text.
    #[serde(default)]
    pub text: Option<String>,
    /// Anything, written as JSON.
    #[serde(default)]
    pub json: Option<Value>,
    /// With true: a file that the step reads. The first part that is a file takes the first that `in` names, and so on.
    #[serde(default)]
    pub file: bool,
    /// The name of the file in the form; that of the file itself where nothing is said.
    #[serde(default)]
    pub file_name: Option<String>,
    /// What it is, such as `image/png`. `application/json` for `json` and `application/octet-stream` for a file where
    /// nothing is said.
    #[serde(default)]
    pub content_type: Option<String>,
}

impl PartParams {
    /// What is wrong with it, for any item.
    pub(super) fn validate(&self) -> Result<(), String> {
        let given = [self.text.is_some(), self.json.is_some(), self.file];
        if given.iter().filter(|is_given| **is_given).count() != 1 {
            return Err(format!("the part `{}` needs one of `text`, `json` and `file`", self.name));
        }
        Ok(())
    }

    fn part(self, files: &mut impl Iterator<Item = PathBuf>) -> Result<Part, Fault> {
        let (kind, content) = match (self.text, self.json) {
            (Some(text), _) => (None, Content::Bytes(text.into_bytes())),
            (_, Some(json)) => (Some("application/json"), Content::Bytes(json.to_string().into_bytes())),
            (None, None) => (Some("application/octet-stream"), Content::File(files.next().ok_or_else(no_file)?)),
        };
        let own_name = match &content {
            Content::File(path) => path.file_name().map(|name| name.to_string_lossy().into_owned()),
            Content::Bytes(_) => None,
        };
        Ok(Part {
            name: self.name,
            file_name: self.file_name.or(own_name),
            content_type: self.content_type.or(kind.map(str::to_owned)),
            content,
        })
    }
}

/// A form with parts.
pub(super) fn parts(parts: Vec<PartParams>, files: Vec<PathBuf>) -> Result<Body, Fault> {
    let mut files = files.into_iter();
    let parts = parts.into_iter().map(|part| part.part(&mut files)).collect::<Result<_, _>>()?;
    Ok(Body::Parts(parts))
}

/// The one file that the step reads, as the body.
pub(super) fn file(files: Vec<PathBuf>) -> Result<Body, Fault> {
    match <[PathBuf; 1]>::try_from(files) {
        Ok([path]) => Ok(Body::File(path)),
        Err(files) if files.is_empty() => Err(no_file()),
        Err(files) => Err(Fault::input("inputs", format!("a body is one file, and {} are given", files.len()))),
    }
}

fn no_file() -> Fault {
    Fault::input("inputs", "a file is to be sent, and the step reads none")
        .with_hint("name it: in = [\"{item.path}\"], or the output of a step before")
}

/// A form as a body (WHATWG URL, `application/x-www-form-urlencoded`).
pub(super) fn form(fields: &Map<String, Value>) -> Result<Body, String> {
    let mut form = Serializer::new(String::new());
    for (name, value) in pairs("form", fields)? {
        form.append_pair(&name, &value);
    }
    Ok(Body::Bytes(form.finish().into_bytes()))
}

/// The pairs that a table of `what` stands for: a list is one pair for each entry, and nothing is left out.
pub(super) fn pairs(what: &str, table: &Map<String, Value>) -> Result<Vec<(String, String)>, String> {
    let mut pairs = Vec::new();
    for (name, value) in table {
        let values = match value {
            Value::Array(list) => list.iter().collect(),
            one => vec![one],
        };
        for value in values {
            let text = match value {
                Value::Null => continue,
                Value::String(text) => text.clone(),
                Value::Bool(_) | Value::Number(_) => value.to_string(),
                _ => {
                    return Err(format!(
                        "`{what}`: `{name}` is a table, and only texts, numbers and lists of them fit"
                    ));
                }
            };
            pairs.push((name.clone(), text));
        }
    }
    Ok(pairs)
}

/// Refuses what somebody who writes a path means as a query.
pub(super) fn path(text: &str) -> Result<(), String> {
    let Some(letter) = text.chars().find(|letter| matches!(letter, '?' | '#')) else { return Ok(()) };
    Err(format!("`path` has `{letter}`, which would be encoded as a letter of the path; the query goes into `query`"))
}
