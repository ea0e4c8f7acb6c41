//! The parameters of a step, from the JSON schema that was made of their struct.

use schemars::Schema;
use serde_json::{Value, json};

/// One parameter.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Parameter {
    pub(super) name: String,
    /// In the words of the pipeline file: `a whole number`, `one of "a", "b"`.
    pub(super) kind: String,
    pub(super) required: bool,
    pub(super) default: Option<Value>,
    /// `1 to 8`, `0 or more`.
    pub(super) range: Option<String>,
    pub(super) doc: String,
    /// The words that it can be, where it is one of some.
    words: Vec<Value>,
    types: Vec<String>,
}

/// The parameters that `schema` has, in the order of the struct.
pub(super) fn parameters(schema: &Schema) -> Vec<Parameter> {
    let root = schema.as_value();
    let required: Vec<&str> =
        root.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
    let properties = root.get("properties").and_then(Value::as_object);
    let one = |(name, property): (&String, &Value)| {
        let shape = alternatives(root, property);
        let types: Vec<String> = shape.iter().flat_map(|schema| types(schema)).filter(|name| name != "null").collect();
        let words: Vec<Value> = shape.iter().flat_map(|schema| words(schema)).collect();
        let doc = property.get("description").or_else(|| shape.iter().find_map(|schema| schema.get("description")));
        Parameter {
            name: name.clone(),
            kind: if words.is_empty() { in_words(root, &types, &shape) } else { format!("one of {}", listed(&words)) },
            required: required.contains(&name.as_str()),
            default: property.get("default").filter(|value| !value.is_null()).cloned(),
            range: if words.is_empty() { shape.iter().find_map(|schema| range(schema)) } else { None },
            doc: doc.and_then(Value::as_str).unwrap_or_default().to_owned(),
            words,
            types,
        }
    };
    properties.into_iter().flatten().map(one).collect()
}

impl Parameter {
    /// Type, range and default in one line.
    pub(super) fn shape(&self) -> String {
        let mut text = self.kind.clone();
        if let Some(range) = &self.range {
            text.push_str(&format!(", {range}"));
        }
        match &self.default {
            Some(default) => text.push_str(&format!(" (default {})", toml(default))),
            None if self.required => text.push_str(" (required)"),
            None => {}
        }
        text
    }

    /// A value for the example, as TOML.
    pub(super) fn example(&self) -> String {
        if let Some(value) = self.default.as_ref().or(self.words.first()) {
            return toml(value);
        }
        let number = || self.range.as_deref().and_then(|range| range.split(' ').next()).unwrap_or("1").to_owned();
        match self.types.first().map(String::as_str) {
            Some("integer" | "number") => number(),
            Some("boolean") => "true".to_owned(),
            Some("array") => "[]".to_owned(),
            Some("object") => "{ path = \"{item.path}\" }".to_owned(),
            _ => "\"{item.stem}\"".to_owned(),
        }
    }

    pub(super) fn as_json(&self) -> Value {
        json!({
            "name": self.name, "type": self.kind, "required": self.required, "default": self.default,
            "range": self.range, "doc": self.doc,
        })
    }
}

/// The schema, its reference followed; the alternatives where there are some (`null` is one of an optional parameter).
fn alternatives<'s>(root: &'s Value, schema: &'s Value) -> Vec<&'s Value> {
    let target = schema.get("$ref").and_then(Value::as_str).and_then(|target| root.pointer(target.strip_prefix('#')?));
    let schema = target.unwrap_or(schema);
    let tables = |choices: &&Vec<Value>| choices.iter().all(|choice| choice.get("properties").is_some());
    let choices = schema.get("anyOf").or_else(|| schema.get("allOf")).and_then(Value::as_array);
    match choices.or_else(|| schema.get("oneOf").and_then(Value::as_array).filter(tables)) {
        // A struct cannot hold itself without a box, and none of these does.
        Some(choices) => choices.iter().flat_map(|choice| alternatives(root, choice)).collect(),
        None => vec![schema],
    }
}

fn types(schema: &Value) -> Vec<String> {
    match schema.get("type") {
        Some(Value::String(name)) => vec![name.clone()],
        Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        _ => Vec::new(),
    }
}

/// The words of an enum, with or without doc comments.
fn words(schema: &Value) -> Vec<Value> {
    if let Some(word) = schema.get("const") {
        return vec![word.clone()];
    }
    let list =
        schema.get("enum").and_then(Value::as_array).into_iter().flatten().filter(|word| !word.is_null()).cloned();
    let choices = schema.get("oneOf").and_then(Value::as_array).into_iter().flatten().flat_map(words);
    list.chain(choices).collect()
}

fn range(schema: &Value) -> Option<String> {
    let bound = |name: &str| schema.get(name).and_then(Value::as_f64);
    match (bound("minimum"), bound("maximum")) {
        (Some(least), Some(most)) => Some(format!("{least} to {most}")),
        // A number without a sign says so in its schema, and that is no range that anybody must be told of.
        (Some(0.0), None) => None,
        (Some(least), None) => Some(format!("{least} or more")),
        (None, Some(most)) => Some(format!("{most} or less")),
        (None, None) => bound("exclusiveMinimum").map(|least| format!("more than {least}")),
    }
}

fn in_words(root: &Value, names: &[String], shape: &[&Value]) -> String {
    let mut told: Vec<String> = Vec::new();
    for name in names {
        let word = match name.as_str() {
            "boolean" => "true or false".to_owned(),
            "number" => "a number".to_owned(),
            "integer" => "a whole number".to_owned(),
            "string" => "a text".to_owned(),
            "array" => format!("a list{}", of_what(root, shape, "items")),
            "object" => {
                format!("a table{}", keys(shape).unwrap_or_else(|| of_what(root, shape, "additionalProperties")))
            }
            other => other.to_owned(),
        };
        if !told.contains(&word) {
            told.push(word);
        }
    }
    if told.is_empty() { "anything".to_owned() } else { told.join(" or ") }
}

/// The keys of a table, or of each of the tables that it can be: ` { user, password }`.
fn keys(shape: &[&Value]) -> Option<String> {
    let table = |schema: &&Value| {
        let all = schema.get("properties")?.as_object()?;
        let key = |(name, property): (&String, &Value)| match property.get("const") {
            Some(word) => format!("{name} = {}", toml(word)),
            None => name.clone(),
        };
        Some(format!(" {{ {} }}", all.iter().map(key).collect::<Vec<_>>().join(", ")))
    };
    let tables: Vec<String> = shape.iter().filter_map(table).collect();
    (!tables.is_empty()).then(|| tables.join(" or"))
}

/// What a list or a table holds: ` of texts`.
fn of_what(root: &Value, shape: &[&Value], key: &str) -> String {
    let inner = shape.iter().find_map(|schema| schema.get(key)).filter(|inner| inner.is_object());
    let inner: Vec<&Value> = inner.into_iter().flat_map(|inner| alternatives(root, inner)).collect();
    let words: Vec<Value> = inner.iter().flat_map(|schema| words(schema)).collect();
    if !words.is_empty() {
        return format!(" of {}", listed(&words));
    }
    let mut told: Vec<&str> = Vec::new();
    for name in inner.iter().flat_map(|schema| types(schema)) {
        told.push(match name.as_str() {
            "string" => "texts",
            "integer" => "whole numbers",
            "number" => "numbers",
            "boolean" => "true or false",
            "object" => "tables",
            "array" => "lists",
            _ => continue,
        });
    }
    if told.is_empty() { String::new() } else { format!(" of {}", told.join(" or ")) }
}

fn listed(words: &[Value]) -> String {
    words.iter().map(toml).collect::<Vec<_>>().join(", ")
}

/// A value as the pipeline file writes it.
fn toml(value: &Value) -> String {
    match value {
        Value::String(text) => toml::Value::from(text.as_str()).to_string(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::steps::register::find;

    fn told(step: &str) -> Vec<(String, String)> {
        let schema = find(step).map(|step| (step.schema)()).unwrap_or_default();
        parameters(&schema).iter().map(|parameter| (parameter.name.clone(), parameter.shape())).collect()
    }

    #[test]
    fn type_range_and_default_of_each_parameter_are_told_in_the_words_of_the_pipeline_file() {
        let all = told("audio.convert");
        let shape = |name: &str| all.iter().find(|(found, _)| found == name).map(|(_, shape)| shape.as_str());
        assert_eq!(shape("sample_rate"), Some("a whole number, 1000 to 384000"));
        assert_eq!(shape("normalize"), Some("true or false (default false)"));
        assert_eq!(shape("trim_dbfs"), Some("a number, -120 to -1"));
        assert_eq!(shape("bits"), Some("one of 16, 24, 32 (default 16)"));
        assert!(told("collect")[0].1.starts_with("one of \"jsonl\", \"csv\""));
        let resize = told("image.resize");
        let shape = |name: &str| resize.iter().find(|(found, _)| found == name).map(|(_, shape)| shape.as_str());
        assert_eq!(shape("keep"), Some("a list of \"icc\", \"exif\", \"xmp\", \"gps\""));
        assert_eq!(shape("sizes"), Some("a table of whole numbers or tables"));
        assert_eq!(told("collect")[1], ("columns".to_owned(), "a table of texts (required)".to_owned()));
    }
}
