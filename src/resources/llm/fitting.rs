//! JSON in the answer of a model, and whether it fits a schema.

use jsonschema::Validator;
use serde_json::Value;

/// The longest that is told of why an answer does not fit.
const TOLD: usize = 500;
/// No more mistakes are told at once.
const MISTAKES: usize = 5;

/// A JSON schema that answers must fit. It may refer to itself, and to nothing outside.
#[derive(Debug)]
pub struct AnswerSchema {
    schema: Value,
    validator: Validator,
}

impl AnswerSchema {
    /// Reads a schema: draft 2020-12, or what its `$schema` says.
    ///
    /// # Errors
    /// What is wrong with it: a fragment.
    pub fn new(schema: Value) -> Result<Self, String> {
        if !schema.is_object() {
            return Err("a JSON schema is a table".to_owned());
        }
        let validator = jsonschema::options().offline().build(&schema);
        let validator = validator.map_err(|error| {
            let place = error.instance_path().to_string();
            let place = if place.is_empty() { String::new() } else { format!(" at {place}") };
            format!("this is no JSON schema{place}: {error}")
        })?;
        Ok(Self { schema, validator })
    }

    /// The schema as it was given.
    #[must_use]
    pub const fn schema(&self) -> &Value {
        &self.schema
    }

    /// Whether `answer` fits.
    ///
    /// # Errors
    /// Where it does not, and why: a fragment, of one line or several.
    pub fn fits(&self, answer: &Value) -> Result<(), String> {
        let mistakes = self.validator.iter_errors(answer).take(MISTAKES).map(|error| {
            let place = error.instance_path().to_string();
            let place = if place.is_empty() { "the whole".to_owned() } else { place };
            format!("{place}: {}", error.masked())
        });
        let mut told = mistakes.collect::<Vec<_>>().join("; ");
        if told.is_empty() {
            return Ok(());
        }
        if let Some((end, _)) = told.char_indices().nth(TOLD) {
            told.truncate(end);
            told.push('…');
        }
        Err(told)
    }
}

/// The JSON in what a model said: all of it, what stands in its last code fence, or from the first bracket to the last. What
/// it thought before, between `<think>` and `</think>`, is no part of it.
pub(super) fn json_in(text: &str) -> Option<Value> {
    let said = text.rsplit_once("</think>").map_or(text, |(_, said)| said).trim();
    let whole = || serde_json::from_str(said).ok();
    let between = || {
        let (start, end) = (said.find(['{', '['])?, said.rfind(['}', ']'])?);
        serde_json::from_str(said.get(start..=end)?).ok()
    };
    whole().or_else(|| fenced(said)).or_else(between)
}

/// What stands in the last code fence (CommonMark 0.31, 4.5) that holds JSON.
fn fenced(said: &str) -> Option<Value> {
    let parts: Vec<&str> = said.split("```").collect();
    // Every other part is within a fence. Its first line may name a language.
    parts.iter().skip(1).step_by(2).rev().find_map(|part| {
        let (language, code) = part.split_once('\n').unwrap_or(("", part));
        let code = if language.trim().chars().all(char::is_alphanumeric) { code } else { part };
        serde_json::from_str(code.trim()).ok()
    })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test that cannot unwrap has failed")]

    use serde_json::json;

    use super::*;

    #[test]
    fn json_is_found_as_models_give_it() {
        let wanted = Some(json!({ "a": [1, "}"] }));
        for text in [
            r#"{"a":[1,"}"]}"#,
            "\n {\"a\": [1, \"}\"]}\n",
            "```json\n{\"a\": [1, \"}\"]}\n```",
            "Here it is:\n```\n{\"a\": [1, \"}\"]}\n```\nHave fun!",
            "```{\"a\": [1, \"}\"]}```",
            "First `x`:\n```sh\nls {}\n```\nand then\n```JSON\n{\"a\": [1, \"}\"]}\n```",
            "Sure! {\"a\": [1, \"}\"]} is what you want.",
            "<think>It is {\"a\": 2}, or is it?</think>\n\n{\"a\": [1, \"}\"]}",
        ] {
            assert_eq!(json_in(text), wanted, "{text}");
        }
        assert_eq!(json_in("[1, 2]"), Some(json!([1, 2])));
        assert_eq!(json_in("3"), Some(json!(3)));
        for text in ["", "no", "{\"a\": ", "```json\n{\"a\": [1,\n```", "}{", "<think>{\"a\": 2}</think>"] {
            assert_eq!(json_in(text), None, "{text}");
        }
        // Deeper than the reader goes: no crash.
        assert_eq!(json_in(&"[".repeat(100_000)), None);
    }

    #[test]
    fn what_does_not_fit_is_told_with_its_place() {
        let schema = json!({
            "type": "object", "required": ["title", "at"],
            "properties": { "title": { "type": "string" }, "at": { "$ref": "#/$defs/second" } },
            "$defs": { "second": { "type": "number", "minimum": 0 } },
        });
        let schema = AnswerSchema::new(schema).unwrap();
        assert_eq!(schema.fits(&json!({ "title": "x", "at": 0.5 })), Ok(()));
        let told = schema.fits(&json!({ "title": 3, "at": -1 })).unwrap_err();
        assert!(told.contains("/title: ") && told.contains("/at: "), "{told}");
        assert!(schema.fits(&json!([])).unwrap_err().starts_with("the whole: "));
        let many = schema.fits(&json!({ "title": vec!["long"; 10_000] })).unwrap_err();
        assert!(many.chars().count() <= TOLD + 1);
    }

    #[test]
    fn a_schema_reaches_for_nothing_outside() {
        for (schema, wanted) in [
            (json!({ "$ref": "http://127.0.0.1:9/schema.json" }), ""),
            (json!({ "$ref": "file:///etc/passwd" }), ""),
            (json!({ "type": "strin" }), "no JSON schema"),
            (json!({ "type": "string", "pattern": "(" }), "no JSON schema"),
            (json!("{}"), "a table"),
        ] {
            let told = AnswerSchema::new(schema.clone()).map(|_| ()).unwrap_err();
            assert!(told.contains(wanted), "{schema}: {told}");
        }
    }
}
