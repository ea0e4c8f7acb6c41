//! What the steps on HTTP cannot do for any item: known from parameters and inputs alone.

use serde_json::Value;

use super::content::path;
use super::request::REQUEST;
use super::webhook::WEBHOOK;
use crate::pipeline::builtins::{Asked, ParamProblem};
use crate::pipeline::template::{Segment, Template};

/// What is wrong with asking the step `name` for this.
pub(in crate::steps) fn misfit(name: &str, with: &Value, asked: &Asked<'_>) -> Option<ParamProblem> {
    if ![REQUEST.name, WEBHOOK.name].contains(&name) {
        return None;
    }
    let problem = |key: &str, message: String, suggestion: &str| {
        let suggestion = Some(suggestion.to_owned());
        Some(ParamProblem { path: vec![key.to_owned()], key: false, message, suggestion })
    };
    let template = with.get("path").and_then(Value::as_str).and_then(|path| Template::parse(path).ok());
    for segment in template.iter().flat_map(|template| &template.segments) {
        if let Segment::Literal(text) = segment
            && let Err(message) = path(text)
        {
            return problem("path", message, "put the query into `query`");
        }
    }
    let is_file = |value: &Value| value.get("file").is_some_and(|file| file == true);
    let parts = with.get("parts").and_then(Value::as_array).into_iter().flatten();
    let (key, files) = if is_file(with) { ("file", 1) } else { ("parts", parts.filter(|part| is_file(part)).count()) };
    let inputs = asked.inputs;
    match files {
        0 => None,
        _ if inputs == 0 => {
            problem(key, "a file is to be sent, and the step reads none".to_owned(), "name it: in = [\"{item.path}\"]")
        }
        _ if inputs != files => {
            let message = format!("the number of files to be sent is {files}, and `in` names {inputs}");
            problem(key, message, "name one file in `in` for each")
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn files_that_nobody_names_are_told_before_the_run() {
        let told = |with: Value, inputs| {
            let problem = misfit("http.request", &with, &Asked { inputs, outputs: Vec::new() });
            problem.map(|problem| problem.path.join("."))
        };
        let parts = json!({ "parts": [{ "name": "a", "file": true }, { "name": "b", "file": true }] });
        assert_eq!(told(json!({ "file": true }), 0).as_deref(), Some("file"));
        assert_eq!(told(json!({ "file": true }), 1), None);
        assert_eq!(told(parts.clone(), 1).as_deref(), Some("parts"));
        assert_eq!(told(parts, 2), None);
        assert_eq!(told(json!({ "json": {} }), 0), None);
        assert_eq!(told(json!({ "path": "notes?id={item.stem}" }), 0).as_deref(), Some("path"));
        assert_eq!(told(json!({ "path": "notes/{item.stem}" }), 0), None);
    }
}
