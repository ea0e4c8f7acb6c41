//! Parameters in which placeholders stand, tried before any of them is filled.
//!
//! What a placeholder will hold is not known. A mistake beside it is there whatever that is: where it stands alone without the
//! placeholders, and where something fit stands in their place.

use std::ffi::OsString;

use schemars::Schema;
use serde_json::{Map, Value};

use super::{Check, Words, any_of, has_placeholder, types, words};
use crate::pipeline::template::{Field, Lookup, Template};

/// What stands for a text: a word, a length of time, and a number.
const TEXTS: [&str; 3] = ["x", "2h", "7"];

/// What `check` finds wrong with `with`, whatever its placeholders are filled with. A mistake may be missed; none is told that
/// is not there.
pub(in crate::steps) fn mistake(
    schema: &Schema,
    with: &Value,
    check: impl Fn(Value) -> Result<(), String>,
) -> Option<String> {
    let root = schema.as_value();
    let required = root.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
    let required: Vec<&str> = required.collect();
    let message = check(without(root, with, &required)).err()?;
    let told = TEXTS.map(|text| check(filled(root, root, with, text)).err());
    (told.iter().all(Option::is_some) && told.iter().flatten().any(|other| *other == message)).then_some(message)
}

/// `with` without the placeholders that stand alone, whose type is not known. Those at the top that are required are filled,
/// and so are those in a text.
fn without(root: &Value, with: &Value, required: &[&str]) -> Value {
    let is_open = |value: &Value| {
        let template = value.as_str().and_then(|text| Template::parse(text).ok());
        template.is_some_and(|template| template.whole_field().is_some())
    };
    match with {
        Value::String(_) => filled(root, &Value::Null, with, TEXTS[0]),
        Value::Object(map) => {
            let mut kept = Map::new();
            for (key, value) in map {
                if required.contains(&key.as_str()) && has_placeholder(value) {
                    let schema = root.pointer(&format!("/properties/{key}")).unwrap_or(&Value::Null);
                    kept.insert(key.clone(), filled(root, schema, value, TEXTS[0]));
                } else if !is_open(value) {
                    kept.insert(key.clone(), without(root, value, &[]));
                }
            }
            Value::Object(kept)
        }
        Value::Array(list) => {
            list.iter().filter(|value| !is_open(value)).map(|value| without(root, value, &[])).collect()
        }
        other => other.clone(),
    }
}

/// `value`, which is to fit `schema`, with something fit in the place of every placeholder: `text` where that may be a text.
fn filled(root: &Value, schema: &Value, value: &Value, text: &str) -> Value {
    let schema = resolved(root, schema);
    match value {
        Value::String(written) if has_placeholder(value) => match Template::parse(written) {
            Ok(template) if template.whole_field().is_some() => fit(root, schema, text),
            Ok(template) => {
                template.expand(&Anything(text)).map_or_else(|_| value.clone(), |text| text.to_string_lossy().into())
            }
            Err(_) => value.clone(),
        },
        Value::Array(list) => {
            let items = schema.get("items").unwrap_or(&Value::Null);
            list.iter().map(|value| filled(root, items, value, text)).collect()
        }
        Value::Object(map) => {
            let of = |key: &str| {
                let known = schema.get("properties").and_then(|known| known.get(key));
                known.or_else(|| schema.get("additionalProperties")).unwrap_or(&Value::Null)
            };
            map.iter()
                .map(|(key, value)| (key.clone(), filled(root, of(key), value, text)))
                .collect::<Map<_, _>>()
                .into()
        }
        other => other.clone(),
    }
}

struct Anything<'a>(&'a str);

impl Lookup for Anything<'_> {
    fn lookup(&self, _: &Field) -> Result<OsString, String> {
        Ok(self.0.into())
    }
}

/// Something that fits `schema`.
fn fit(root: &Value, schema: &Value, text: &str) -> Value {
    let schema = resolved(root, schema);
    if let Some(first) = words(schema).and_then(|words| words.first().map(|word| Value::from(*word))) {
        return first;
    }
    if let Some(choices) = any_of(schema) {
        let is_something = |choice: &&&Value| types(choice) != ["null"];
        return choices.iter().find(is_something).map_or(Value::Null, |choice| fit(root, choice, text));
    }
    let types = types(schema);
    if types.is_empty() || types.contains(&"string") {
        return text.into();
    }
    match types[0] {
        "boolean" => true.into(),
        "array" => Value::Array(Vec::new()),
        "object" => Value::Object(Map::new()),
        _ => schema.get("minimum").cloned().unwrap_or_else(|| 1.into()),
    }
}

fn resolved<'s>(root: &'s Value, schema: &'s Value) -> &'s Value {
    let words = &Words { whole: "", part: "", is_open: has_placeholder, keeps_type: true };
    Check { root, words, path: Vec::new(), problems: Vec::new() }.resolved(schema)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::steps::register::RESOURCE_STEPS;

    fn told(name: &str, with: Value) -> String {
        let step = RESOURCE_STEPS.iter().find(|step| step.step.name == name).map(|step| step.step);
        step.and_then(|step| mistake(&(step.schema)(), &with, step.check)).unwrap_or_default()
    }

    #[test]
    fn a_mistake_beside_a_placeholder_is_told() {
        for (name, with, wanted) in [
            ("http.request", json!({ "path": "{item.stem}", "json": {}, "body": "a" }), "either `json` or `body`"),
            ("http.request", json!({ "path": "{item.stem}", "headers": { "a b": "c" } }), "no name of a header"),
            (
                "http.request",
                json!({ "path": "{item.stem}", "headers": { "a b": "c", "d": "{in}" } }),
                "no name of a header",
            ),
            ("http.request", json!({ "path": "a?b={item.stem}" }), "`path` has `?`"),
            ("http.request", json!({ "json": "{a.json}", "expect": [42, "{a.b}"] }), "42 is no status"),
            ("http.request", json!({ "url": "{a.url}", "path": "x" }), ""),
            ("webhook", json!({ "json": { "a": "{item.stem}" }, "headers": { "Host": "x" } }), "cannot be set"),
            ("webhook", json!({ "json": "{a.json}", "path": "a?b" }), "`path` has `?`"),
            ("database.query", json!({ "sql": " ", "params": { "a": "{item.stem}" } }), "`sql` is empty"),
            ("llm.complete", json!({ "prompt": "{item.stem}" }), ""),
            ("storage.put", json!({ "to": "{item.stem}", "sign": "30m" }), "3600"),
            ("storage.put", json!({ "to": "../{item.stem}" }), "leads out"),
            ("storage.put", json!({ "to": "{item.stem}", "metadata": { "Ä": "x" } }), "is no name"),
            ("storage.sign", json!({ "key": "{item.stem}", "expires": "8d" }), "604800"),
        ] {
            let found = told(name, with.clone());
            assert!(
                if wanted.is_empty() { found.is_empty() } else { found.contains(wanted) },
                "{name} {with}: {found:?}"
            );
        }
    }

    #[test]
    fn what_a_placeholder_may_yet_set_right_is_not_told() {
        for (name, with) in [
            ("http.request", json!({ "content_type": "text/csv", "body": "{a.text}" })),
            ("http.request", json!({ "content_type": "text/csv", "file": "{a.yes}" })),
            ("http.request", json!({ "method": "{a.method}", "body": "x" })),
            ("http.request", json!({ "parts": [{ "name": "{a.b}", "text": "{a.c}" }, { "name": "d", "file": true }] })),
            ("http.request", json!({ "query": { "a": "{a.b}" }, "expect": ["{a.c}"], "idempotency_key": "{a.d}" })),
            ("http.request", json!({ "form": { "a": ["{a.b}", 1] }, "headers": { "x": "{a.c}" } })),
            ("webhook", json!({ "json": "{a.json}", "path": "{item.stem}" })),
            ("database.insert", json!({ "table": "{a.table}", "row": "{a.row}", "key": ["{a.b}"] })),
            ("database.insert", json!({ "table": "t", "rows": "{a.rows}", "create": "{a.yes}" })),
            (
                "database.query",
                json!({ "sql": "select :a", "params": { "a": "{a.b}" }, "limit": "{a.c}", "expect": "{a.d}" }),
            ),
            ("database.export", json!({ "table": "{a.table}" })),
            (
                "llm.complete",
                json!({ "prompt": "{a.b}", "schema": "{a.c}", "temperature": "{a.d}", "stop": ["{a.e}"] }),
            ),
            ("llm.complete", json!({ "prompt": "a", "attach": "{a.b}", "repairs": "{a.c}", "max_tokens": "{a.d}" })),
            (
                "storage.put",
                json!({ "to": "{a.b}", "sign": "{a.c}", "if_exists": "{a.d}", "metadata": { "a": "{a.e}" } }),
            ),
            ("storage.put", json!({ "to": "{a.b}/{a.c}/", "content_type": "{a.d}", "sign": "{a.e}h" })),
            ("storage.sign", json!({ "key": "{a.b}", "expires": "{a.c}", "method": "{a.d}" })),
            ("storage.get", json!({ "from": "{a.b}" })),
        ] {
            assert_eq!(told(name, with.clone()), "", "{name} {with}");
        }
    }
}
