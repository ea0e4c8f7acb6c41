//! What the steps on language models cannot do for any item: known from parameters, inputs and outputs alone.

use serde::Deserialize;
use serde_json::Value;

use super::complete::COMPLETE;
use super::params::{NO_SCHEMA, SchemaParam};
use crate::pipeline::builtins::{Asked, ParamProblem};
use crate::resources::llm::Settings;

/// What is wrong with asking the step `name` for this. What placeholders will fill is not judged.
pub(in crate::steps) fn misfit(name: &str, with: &Value, asked: &Asked<'_>) -> Option<ParamProblem> {
    if name != COMPLETE.name {
        return None;
    }
    let problem = |key: &str, message: String, suggestion: &str| {
        let path = if key.is_empty() { Vec::new() } else { vec![key.to_owned()] };
        let suggestion = (!suggestion.is_empty()).then(|| suggestion.to_owned());
        Some(ParamProblem { path, key: false, message, suggestion })
    };
    let attaches = with.get("attach").is_some_and(|attach| attach == true);
    if attaches && asked.inputs != 1 {
        let message = format!("`attach` takes one file, and {} are given", asked.inputs);
        return problem("attach", message, "name it: in = [\"{item.path}\"]");
    }
    if !attaches && asked.inputs > 0 && with.get("attach").is_none_or(Value::is_boolean) {
        let message = "`in` names a file that is not asked about".to_owned();
        return problem("", message, "set `attach = true`, which puts its text after the prompt");
    }
    let Some(schema) = with.get("schema") else {
        let wants_json = asked.outputs.iter().any(|(output, _)| *output == "json");
        return wants_json
            .then(|| problem("", NO_SCHEMA.to_owned(), "an empty one, `schema = {}`, takes any JSON"))
            .flatten();
    };
    // With braces it may hold a placeholder, and is not yet what it will be.
    if has_braces(schema) {
        return None;
    }
    let opened = serde_json::from_value::<SchemaParam>(schema.clone()).ok()?.open();
    opened.err().and_then(|fault| problem("schema", fault.message, ""))
}

/// What the model with these settings cannot do for the step `name`.
pub(in crate::steps) fn clash(name: &str, with: &Value, settings: &Value) -> Option<ParamProblem> {
    if name != COMPLETE.name {
        return None;
    }
    let settings = Settings::deserialize(settings).ok()?;
    let problem = |key: &str, message: String, suggestion: Option<String>| {
        Some(ParamProblem { path: vec![key.to_owned()], key: false, message, suggestion })
    };
    if let Some(Err(message)) = with.get("temperature").and_then(Value::as_f64).map(|heat| settings.takes(heat)) {
        return problem("temperature", message, None);
    }
    let has_seed = with.get("seed").is_some_and(Value::is_number);
    if has_seed && !settings.provider.takes_seed() {
        let message = format!("`{}` knows no seed: its answers differ from call to call", settings.provider.word());
        return problem("seed", message, Some("leave `seed` out".to_owned()));
    }
    None
}

/// Whether any text in `value` has a brace.
fn has_braces(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('{'),
        Value::Array(list) => list.iter().any(has_braces),
        Value::Object(map) => map.values().any(has_braces),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may")]
    use serde_json::json;

    use super::*;

    #[test]
    fn what_no_item_could_be_asked_is_told_before_the_run() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("schema.json");
        std::fs::write(&file, r#"{ "type": "object" "#).unwrap();
        let told = |with: Value, inputs, output: &str| {
            let outputs = if output.is_empty() { Vec::new() } else { vec![(output, "a.json")] };
            misfit("llm.complete", &with, &Asked { inputs, outputs }).map(|told| told.message).unwrap_or_default()
        };
        assert_eq!(told(json!({ "prompt": "{item.stem}" }), 0, "text"), "");
        assert_eq!(told(json!({ "attach": true }), 1, ""), "");
        assert!(told(json!({ "attach": true }), 0, "").contains("takes one file, and 0 are given"));
        assert!(told(json!({ "attach": true }), 2, "").contains("takes one file"));
        assert!(told(json!({}), 1, "").contains("not asked about"));
        assert!(told(json!({}), 0, "json").contains("needs the parameter `schema`"));
        assert_eq!(told(json!({ "schema": { "type": "object" } }), 0, "json"), "");
        assert!(told(json!({ "schema": { "type": "objet" } }), 0, "").contains("no JSON schema"));
        assert!(told(json!({ "schema": { "$ref": "https://example.org/s.json" } }), 0, "").contains("no JSON schema"));
        assert_eq!(told(json!({ "schema": { "pattern": "^a{{2}}$" } }), 0, ""), "");
        assert_eq!(told(json!({ "schema": "{item.stem}.json" }), 0, ""), "");
        assert!(told(json!({ "schema": file }), 0, "").contains("this is no JSON"));
        assert!(told(json!({ "schema": "no/such.json" }), 0, "").contains("cannot read no/such.json"));
        assert_eq!(misfit("noop", &json!({ "attach": true }), &Asked { inputs: 0, outputs: Vec::new() }), None);
    }

    #[test]
    fn what_the_vendor_does_not_take_is_told_before_the_run() {
        let told = |with: Value, provider: &str| {
            let settings = json!({ "provider": provider, "model": "m", "api_key": "${KEY}" });
            clash("llm.complete", &with, &settings).map(|told| told.path.join(".")).unwrap_or_default()
        };
        assert_eq!(told(json!({ "prompt": "a", "seed": 7 }), "anthropic"), "seed");
        assert_eq!(told(json!({ "prompt": "a", "seed": "{item.seed}" }), "anthropic"), "");
        assert_eq!(told(json!({ "prompt": "a", "seed": 7 }), "openai"), "");
        assert_eq!(told(json!({ "prompt": "a", "temperature": 1.5 }), "anthropic"), "temperature");
        assert_eq!(told(json!({ "prompt": "a", "temperature": 1.5 }), "ollama"), "");
        assert_eq!(told(json!({ "prompt": "a", "temperature": "{a.b}" }), "anthropic"), "");
        assert_eq!(told(json!({ "prompt": "a", "temperature": 1.5 }), "${PROVIDER}"), "");
    }
}
