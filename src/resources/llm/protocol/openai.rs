//! Chat Completions, as the reference of OpenAI's API has them (API reference, "Chat"; guide "Structured model outputs").

use serde_json::{Map, Value, json};

use super::{Asked, Form, Reply, Said, empty, no_room, odd, refused, too_long, usage};

/// What a schema may hold that OpenAI can keep to strictly (guide "Structured model outputs", "Supported schemas").
const STRICT: [&str; 9] =
    ["type", "properties", "required", "additionalProperties", "items", "enum", "const", "description", "title"];

pub(super) fn body(asked: Asked<'_>, most: &str) -> Value {
    let Asked { model, prompt, temperature, max_tokens, form, .. } = asked;
    let in_words = prompt.schema.as_ref().filter(|_| form != Form::Schema);
    let system = asked.system(in_words).map(|text| json!({ "role": "system", "content": text }));
    let talk = prompt.messages.iter().map(|message| json!({ "role": message.role.word(), "content": message.text }));
    let mut body = json!({
        "model": model,
        "messages": system.into_iter().chain(talk).collect::<Vec<_>>(),
        "temperature": temperature,
        "stream": false,
    });
    body[most] = max_tokens.into();
    if let Some(seed) = prompt.seed {
        body["seed"] = seed.into();
    }
    if !prompt.stop.is_empty() {
        body["stop"] = json!(prompt.stop);
    }
    match (&prompt.schema, form) {
        (Some(schema), Form::Schema) => {
            // Where a schema is not one that can be kept to strictly, saying so is refused.
            let strict = is_strict(schema) && schema["type"] == "object";
            body["response_format"] = json!({
                "type": "json_schema",
                "json_schema": { "name": "answer", "schema": schema, "strict": strict },
            });
        }
        // It is for objects only. llama-cpp-python keeps to a schema that stands here.
        (Some(schema), Form::Json) if schema["type"] == "object" => {
            body["response_format"] = json!({ "type": "json_object", "schema": schema });
        }
        _ => {}
    }
    body
}

/// Whether all objects of the schema are closed, all their properties required, and nothing else is said.
fn is_strict(schema: &Value) -> bool {
    let Some(schema) = schema.as_object() else { return false };
    let none = Map::new();
    let properties = schema.get("properties").and_then(Value::as_object).unwrap_or(&none);
    let required: Vec<&str> =
        schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
    let is_object = schema.get("type").is_some_and(|name| name == "object");
    schema.keys().all(|key| STRICT.contains(&key.as_str()))
        && (!is_object || schema.get("additionalProperties") == Some(&Value::Bool(false)))
        && properties.keys().all(|name| required.contains(&name.as_str()))
        && properties.values().chain(schema.get("items")).all(is_strict)
}

pub(super) fn read(answer: &Value) -> Reply {
    Reply { usage: usage(&answer["usage"], &["prompt_tokens"], "completion_tokens"), said: said(answer) }
}

fn said(answer: &Value) -> Result<Said, crate::resilience::Fault> {
    let choices = answer["choices"].as_array().ok_or_else(|| odd("it has no `choices`"))?;
    let choice = choices.first().ok_or_else(|| odd("its `choices` are empty"))?;
    let message = &choice["message"];
    if let Some(why) = message["refusal"].as_str().filter(|why| !why.is_empty()) {
        return Err(refused(why));
    }
    // Servers that leave the reason out have ended in an orderly way.
    let finish_reason = choice["finish_reason"].as_str().unwrap_or("stop").to_owned();
    match finish_reason.as_str() {
        "length" => return Err(too_long()),
        "content_filter" => return Err(refused("the filter of the service took the answer away")),
        "model_context_window_exceeded" => return Err(no_room()),
        _ => {}
    }
    let text = text(&message["content"]).ok_or_else(|| odd("its first choice holds no text"))?;
    if text.trim().is_empty() {
        return Err(empty());
    }
    Ok(Said { text, json: None, finish_reason, model: answer["model"].as_str().map(str::to_owned) })
}

/// A text, or the texts of its parts.
fn text(content: &Value) -> Option<String> {
    match content {
        Value::String(text) => Some(text.clone()),
        Value::Array(parts) => Some(parts.iter().filter_map(|part| part["text"].as_str()).collect()),
        // What a model that only thinks says.
        Value::Null => Some(String::new()),
        _ => None,
    }
}

/// The names in an answer of `GET /models`.
pub(super) fn models(answer: &Value) -> Option<Vec<String>> {
    let list = answer["data"].as_array()?;
    Some(list.iter().filter_map(|model| model["id"].as_str().map(str::to_owned)).collect())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test that cannot unwrap has failed")]

    use super::super::Usage;
    use super::*;
    use crate::resilience::FaultClass;
    use crate::resources::llm::{Message, Prompt, Role};

    #[test]
    fn a_call_is_written_as_the_reference_says() {
        let mut prompt = Prompt::new("Name it.").with_system("Be brief.");
        let asked = |prompt: &Prompt, most| {
            let form = Form::Schema;
            body(Asked { model: "gpt", prompt, temperature: 0.5, max_tokens: 9, context_tokens: None, form }, most)
        };
        assert_eq!(
            asked(&prompt, "max_completion_tokens"),
            json!({
                "model": "gpt", "temperature": 0.5, "max_completion_tokens": 9, "stream": false,
                "messages": [{ "role": "system", "content": "Be brief." }, { "role": "user", "content": "Name it." }],
            })
        );
        prompt.messages.push(Message { role: Role::Assistant, text: "No".into() });
        (prompt.seed, prompt.stop) = (Some(7), vec!["END".into()]);
        prompt.schema = Some(json!({ "type": "object" }));
        let written = asked(&prompt, "max_tokens");
        assert_eq!(written["max_tokens"], 9);
        assert_eq!(written["messages"][2], json!({ "role": "assistant", "content": "No" }));
        assert_eq!((&written["seed"], &written["stop"]), (&json!(7), &json!(["END"])));
        let format = json!({ "name": "answer", "schema": { "type": "object" }, "strict": false });
        assert_eq!(written["response_format"], json!({ "type": "json_schema", "json_schema": format }));
    }

    #[test]
    fn a_schema_is_strict_where_every_object_is_closed_and_nothing_is_left_to_chance() {
        let closed = json!({ "type": "object", "properties": { "a": { "type": "array", "items": { "type": "string" } } },
                             "required": ["a"], "additionalProperties": false });
        assert!(is_strict(&closed));
        for (path, value) in [
            ("/required", json!([])),
            ("/additionalProperties", json!(true)),
            ("/properties/a/items", json!({ "type": "string", "minLength": 2 })),
            ("/properties/a/items", json!({ "type": "object", "properties": {} })),
        ] {
            let mut open = closed.clone();
            *open.pointer_mut(path).unwrap() = value;
            assert!(!is_strict(&open), "{open}");
        }
    }

    #[test]
    fn an_answer_is_read_as_the_reference_says() {
        let answer = json!({
            "id": "chatcmpl-1", "object": "chat.completion", "model": "gpt-4.1-2025-04-14",
            "choices": [{ "index": 0, "message": { "role": "assistant", "content": "Two.", "refusal": null },
                          "finish_reason": "stop" }],
            "usage": { "prompt_tokens": 19, "completion_tokens": 3, "total_tokens": 22 },
        });
        let reply = read(&answer);
        assert_eq!(reply.usage, Some(Usage { prompt: 19, completion: 3 }));
        let said = reply.said.unwrap();
        assert_eq!((said.text.as_str(), said.finish_reason.as_str()), ("Two.", "stop"));
        assert_eq!(said.model.as_deref(), Some("gpt-4.1-2025-04-14"));

        let with = |path: &str, value: Value| {
            let mut answer = answer.clone();
            *answer.pointer_mut(path).unwrap() = value;
            read(&answer).said
        };
        assert_eq!(
            with("/choices/0/message/content", json!([{ "type": "text", "text": "a" }, { "text": "b" }])).unwrap().text,
            "ab"
        );
        for (path, value, class, cause) in [
            ("/choices", json!([]), FaultClass::Transient, "llm-answer"),
            ("/choices", json!("x"), FaultClass::Transient, "llm-answer"),
            ("/choices/0/message/content", json!(7), FaultClass::Transient, "llm-answer"),
            ("/choices/0/message/content", json!(null), FaultClass::Transient, "llm-empty"),
            ("/choices/0/message/content", json!(" \n"), FaultClass::Transient, "llm-empty"),
            ("/choices/0/message/refusal", json!("I will not"), FaultClass::Input, "llm-refused"),
            ("/choices/0/finish_reason", json!("content_filter"), FaultClass::Input, "llm-refused"),
            ("/choices/0/finish_reason", json!("length"), FaultClass::Input, "llm-length"),
        ] {
            let told = with(path, value.clone()).unwrap_err();
            assert_eq!((told.class, told.cause.as_str()), (class, cause), "{path} {value}");
        }
    }
}
