//! What the steps on HTTP cannot do for any item: known from parameters and inputs alone.

use serde::Deserialize;
use serde_json::Value;

use super::request::REQUEST;
use super::webhook::WEBHOOK;
use crate::pipeline::builtins::{Asked, ParamProblem};
use crate::pipeline::template::Template;
use crate::resources::http;

/// What is wrong with asking the step `name` for this.
pub(in crate::steps) fn misfit(name: &str, with: &Value, asked: &Asked<'_>) -> Option<ParamProblem> {
    if ![REQUEST.name, WEBHOOK.name].contains(&name) {
        return None;
    }
    let problem = |key: &str, message: String, help: &str| Some(problem(key, message, help.to_owned()));
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

/// What the resource with these settings cannot do for the step `name`.
pub(in crate::steps) fn clash(name: &str, with: &Value, settings: &Value) -> Option<ParamProblem> {
    if ![REQUEST.name, WEBHOOK.name].contains(&name) {
        return None;
    }
    let url = with.get("url").and_then(Value::as_str);
    let Some(url) = url else {
        if with.get("url").is_some() || settings.get("base_url").is_some() {
            return None;
        }
        let help =
            if name == REQUEST.name { "give the resource a `base_url`, or the step a `url`" } else { "give it one" };
        let message = "the resource has no `base_url`, and a path alone leads nowhere".to_owned();
        let key = if with.get("path").is_some() { "path" } else { "" };
        return Some(problem(key, message, help.to_owned()));
    };
    let settings = http::Settings::deserialize(settings).ok()?;
    let fault = http::refusal(&settings, known(url)?.as_str())?;
    Some(problem("url", fault.message, fault.hint.unwrap_or_else(|| "a step names no other host".to_owned())))
}

/// As much of a URL as is the same for every item, where that is its host at least.
fn known(url: &str) -> Option<String> {
    let template = Template::parse(url).ok()?;
    let prefix = template.literal_prefix();
    let (_, rest) = prefix.split_once("://")?;
    (template.is_literal() || rest.contains(['/', '?', '#'])).then(|| prefix.to_owned())
}

fn problem(key: &str, message: String, help: String) -> ParamProblem {
    let path = if key.is_empty() { Vec::new() } else { vec![key.to_owned()] };
    ParamProblem { path, key: false, message, suggestion: Some(help) }
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
    }

    #[test]
    fn what_the_resource_does_not_reach_is_told_before_the_run() {
        let told = |name: &str, with: Value, settings: Value| {
            clash(name, &with, &settings)
                .map_or_else(String::new, |problem| format!("{:?} {}", problem.path, problem.message))
        };
        let api = || json!({ "base_url": "https://api.example.org/v1", "allow_hosts": ["*.cdn.example.org", "files.org:8443"] });
        for (with, settings, wanted) in [
            (json!({ "path": "a" }), json!({}), "[\"path\"] the resource has no `base_url`"),
            (json!({}), json!({}), "[] the resource has no `base_url`"),
            (json!({ "path": "a" }), json!({ "base_url": "${URL}" }), ""),
            (json!({ "path": "a" }), api(), ""),
            (json!({ "url": "{look.url}" }), api(), ""),
            (json!({ "url": "https://{look.host}/x" }), api(), ""),
            (json!({ "url": "https://api.example.org/x" }), api(), ""),
            (json!({ "url": "https://eu.cdn.example.org/{item.stem}" }), api(), ""),
            (json!({ "url": "https://files.org:8443/" }), api(), ""),
            (json!({ "url": "https://files.org/{item.stem}" }), api(), "[\"url\"] https://files.org is not where"),
            (json!({ "url": "https://example.org" }), api(), "is not where this resource may go"),
            (json!({ "url": "http://api.example.org/x" }), api(), "is not encrypted"),
            (json!({ "url": "ftp://api.example.org/x" }), api(), "no scheme of HTTP"),
            (json!({ "url": "https://me:word@api.example.org/" }), api(), "holds a user or a password"),
            (json!({ "url": "https://example.org" }), json!({ "base_url": "${URL}" }), ""),
            (
                json!({ "url": "https://example.org" }),
                json!({ "base_url": "https://a.org", "allow_hosts": ["${H}"] }),
                "",
            ),
            (json!({ "url": "https://example.org" }), json!({}), ""),
        ] {
            let found = told("http.request", with.clone(), settings.clone());
            let is_it = if wanted.is_empty() { found.is_empty() } else { found.contains(wanted) };
            assert!(is_it, "{with} {settings}: {found:?}");
        }
        assert!(told("webhook", json!({ "json": {} }), json!({})).contains("no `base_url`"));
        assert_eq!(told("webhook", json!({ "json": {} }), api()), "");
    }
}
