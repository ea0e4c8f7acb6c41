//! Parameters in which placeholders stand, tried before any of them is filled.
//!
//! What a placeholder will hold is not known. A mistake beside it is there whatever that is: where it stands alone without the
//! placeholders, and where something fit stands in their place.

use std::ffi::OsString;

use schemars::Schema;
use serde_json::{Map, Value};

use super::{Check, Words, any_of, has_placeholder, types, words};
use crate::pipeline::template::{Field, Lookup, Template};

/// What stands for a text: a word, a length of time, numbers, a path and an address.
const TEXTS: [&str; 6] = [WORD, "2h", "7", "3600", "a/b", "https://example.org/x"];

const WORD: &str = "x";

/// What `check` finds wrong with `with`, whatever its placeholders are filled with. A mistake may be missed; none is told that
/// is not there.
pub(in crate::steps) fn mistake(
    schema: &Schema,
    with: &Value,
    check: impl Fn(Value) -> Result<(), String>,
) -> Option<String> {
    let root = schema.as_value();
    let trial = Trial { root, check: &check };
    // Without any of the texts in which placeholders stand, or the same whatever they are filled with.
    let message = trial.told(with, WORD, |written| trial.without(written, None)).or_else(|| {
        let mut told = TEXTS.iter().map(|text| trial.told(with, text, |written| trial.without(written, Some(text))));
        let first = told.next()??;
        told.all(|other| other.as_ref() == Some(&first)).then_some(first)
    })?;
    let told = TEXTS.map(|text| trial.told(with, text, |written| trial.filled(root, written, text)));
    (told.iter().all(Option::is_some) && told.iter().flatten().any(|other| *other == message)).then_some(message)
}

struct Trial<'a> {
    root: &'a Value,
    check: &'a dyn Fn(Value) -> Result<(), String>,
}

impl Trial<'_> {
    /// What is wrong with what `make` makes of `with`, in the words of the file: a text as it is written there.
    fn told(&self, with: &Value, text: &str, make: impl Fn(&Value) -> Value) -> Option<String> {
        let mut message = (self.check)(make(with)).err()?;
        for written in mixed(with) {
            for text in [text, WORD] {
                message = message.replace(&expanded(written, text), written);
            }
        }
        Some(message)
    }

    /// `with` without the placeholders that stand alone, and without those whose place takes some texts alone. Those beside
    /// which a text stands are filled with `text`, or left out, too. What is required at the top holds a word.
    fn without(&self, with: &Value, text: Option<&str>) -> Value {
        let required = self.root.get("required").and_then(Value::as_array).into_iter().flatten();
        let required: Vec<&str> = required.filter_map(Value::as_str).collect();
        let kept = |(key, value): (&String, &Value)| {
            let schema = self.below(self.root, key);
            let is_required = required.contains(&key.as_str()) && has_placeholder(value);
            let kept =
                if is_required { Some(self.filled(schema, value, WORD)) } else { self.kept(schema, value, text) };
            Some((key.clone(), kept?))
        };
        Value::Object(with.as_object().into_iter().flatten().filter_map(kept).collect())
    }

    fn kept(&self, schema: &Value, value: &Value, text: Option<&str>) -> Option<Value> {
        let schema = resolved(self.root, schema);
        Some(match value {
            Value::String(written) if has_placeholder(value) => {
                expanded(written, text.filter(|_| !self.is_open(schema, value))?).into()
            }
            Value::Array(list) => {
                let items = schema.get("items").unwrap_or(&Value::Null);
                list.iter().filter_map(|value| self.kept(items, value, text)).collect()
            }
            Value::Object(map) => {
                let kept = |(key, value): (&String, &Value)| {
                    Some((key.clone(), self.kept(self.below(schema, key), value, text)?))
                };
                Value::Object(map.iter().filter_map(kept).collect())
            }
            other => other.clone(),
        })
    }

    /// `value`, which is to fit `schema`, with something fit in the place of every placeholder: `text` where that may be a text.
    fn filled(&self, schema: &Value, value: &Value, text: &str) -> Value {
        let schema = resolved(self.root, schema);
        match value {
            Value::String(_) if has_placeholder(value) && self.is_open(schema, value) => fit(self.root, schema, text),
            Value::String(written) if has_placeholder(value) => expanded(written, text).into(),
            Value::Array(list) => {
                let items = schema.get("items").unwrap_or(&Value::Null);
                list.iter().map(|value| self.filled(items, value, text)).collect()
            }
            Value::Object(map) => {
                let filled =
                    |(key, value): (&String, &Value)| (key.clone(), self.filled(self.below(schema, key), value, text));
                Value::Object(map.iter().map(filled).collect())
            }
            other => other.clone(),
        }
    }

    /// Whether what will stand in the place of `value` is not known: it is one placeholder and nothing else, or its place takes
    /// some texts alone, such as lengths of time.
    fn is_open(&self, schema: &Value, value: &Value) -> bool {
        let template = value.as_str().and_then(|text| Template::parse(text).ok());
        template.is_some_and(|template| template.whole_field().is_some()) || !takes_any_text(self.root, schema)
    }

    /// The schema of what stands at `key`.
    fn below<'s>(&'s self, schema: &'s Value, key: &str) -> &'s Value {
        let known = schema.get("properties").and_then(|known| known.get(key));
        known.or_else(|| schema.get("additionalProperties")).unwrap_or(&Value::Null)
    }
}

/// Whether any text fits `schema`, as far as it tells.
fn takes_any_text(root: &Value, schema: &Value) -> bool {
    let schema = resolved(root, schema);
    if words(schema).is_some() {
        return false;
    }
    match any_of(schema) {
        Some(choices) => choices.iter().all(|choice| types(choice) == ["null"] || takes_any_text(root, choice)),
        None => types(schema).iter().all(|name| ["string", "null"].contains(name)),
    }
}

/// The texts of `value` in which placeholders stand beside something else.
fn mixed(value: &Value) -> Vec<&str> {
    match value {
        Value::String(text) => {
            let template = Template::parse(text).ok();
            let is_mixed = |template: &Template| !template.is_literal() && template.whole_field().is_none();
            template.filter(is_mixed).map(|_| text.as_str()).into_iter().collect()
        }
        Value::Array(list) => list.iter().flat_map(mixed).collect(),
        Value::Object(map) => map.values().flat_map(mixed).collect(),
        _ => Vec::new(),
    }
}

/// The template `written` with `text` in the place of every placeholder.
fn expanded(written: &str, text: &str) -> String {
    let template = Template::parse(written).ok();
    let expanded = template.and_then(|template| template.expand(&Anything(text)).ok());
    expanded.map_or_else(|| written.to_owned(), |text| text.to_string_lossy().into_owned())
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
            ("storage.put", json!({ "to": "up/{item.stem}.png", "sign": "30m" }), "3600"),
            ("storage.put", json!({ "to": "../{item.stem}/{item.name}" }), "'../{item.stem}/{item.name}' leads out"),
            ("http.request", json!({ "path": "a/{item.stem}", "headers": { "a b": "c {in}" } }), "no name of a header"),
            ("http.request", json!({ "path": "a/{item.stem}", "headers": { "a b": "c" } }), "no name of a header"),
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
            ("storage.get", json!({ "from": "{a.size}/{a.b}x{a.c}.png" })),
            ("storage.put", json!({ "to": "{a.size}%", "metadata": { "a": "{a.size} MiB", "b": "{a.b}x{a.c}" } })),
            ("storage.put", json!({ "to": "a", "content_type": "{a.type}; charset=utf-8", "if_exists": "over{a.b}" })),
            ("http.request", json!({ "url": "http://{item.stem}.example.org/x", "expect": ["{a.b}xx"] })),
            ("http.request", json!({ "url": "{a.scheme}://example.org/x", "headers": { "x": "{a.size} MiB" } })),
            ("http.request", json!({ "url": "{a.base}/v1", "method": "P{a.b}" })),
            ("http.request", json!({ "body": "x", "content_type": "{a.type}; charset=utf-8" })),
            ("http.request", json!({ "body": "x", "content_type": "audio/{a.type}" })),
            ("database.insert", json!({ "table": "t_{item.stem}", "row": { "a": "{a.size}%" } })),
            (
                "database.insert",
                json!({ "table": "{a.schema}.t_{item.stem}", "row": { "a": "{a.d}" }, "key": ["{a.b}x{a.c}"] }),
            ),
            ("database.query", json!({ "sql": "select 1 -- {a.b}", "limit": "1{a.c}" })),
            ("database.export", json!({ "table": "t_{a.size}" })),
        ] {
            assert_eq!(told(name, with.clone()), "", "{name} {with}");
        }
        for unit in ["ms", "s", "m", "min", "h", "d", " min", "h30m"] {
            for (name, key, parameter) in [("storage.sign", "key", "expires"), ("storage.put", "to", "sign")] {
                let with = json!({ key: "{item.stem}", parameter: format!("{{p.size}}{unit}") });
                assert_eq!(told(name, with.clone()), "", "{name} {with}");
            }
        }
    }
}
