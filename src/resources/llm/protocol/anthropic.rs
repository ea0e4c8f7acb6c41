//! The Messages API, as Anthropic's reference has it ("Messages", version 2023-06-01; "Tool use").
//!
//! An answer that must fit a schema is asked for as the input of a tool that must be used: every model of the service can
//! do that. A tool takes an object; where the schema describes something else, the model is told the schema in words.

use serde_json::{Value, json};

use super::{Asked, Reply, Said, empty, no_room, odd, refused, too_long, usage};
use crate::resilience::Fault;

/// The version of the protocol.
const VERSION: &str = "2023-06-01";
/// The tool whose input is the answer.
const TOOL: &str = "answer";

pub(super) fn headers(key: Option<&str>) -> Vec<(&'static str, String)> {
    let key = key.map(|key| ("x-api-key", key.to_owned()));
    key.into_iter().chain([("anthropic-version", VERSION.to_owned())]).collect()
}

pub(super) fn body(asked: Asked<'_>) -> Value {
    let Asked { model, prompt, temperature, max_tokens, .. } = asked;
    let talk = prompt.messages.iter().map(|message| json!({ "role": message.role.word(), "content": message.text }));
    let mut body = json!({
        "model": model,
        "max_tokens": max_tokens,
        "temperature": temperature,
        "messages": talk.collect::<Vec<_>>(),
        "stream": false,
    });
    let mut in_words = prompt.schema.as_ref();
    if let Some(schema) = in_words.take_if(|schema| schema["type"] == "object") {
        let description = "Gives the answer to the user.";
        body["tools"] = json!([{ "name": TOOL, "description": description, "input_schema": schema }]);
        body["tool_choice"] = json!({ "type": "tool", "name": TOOL });
    }
    if let Some(system) = asked.system(in_words) {
        body["system"] = system.into();
    }
    if !prompt.stop.is_empty() {
        body["stop_sequences"] = json!(prompt.stop);
    }
    body
}

pub(super) fn read(answer: &Value) -> Reply {
    let prompt = ["input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens"];
    Reply { usage: usage(&answer["usage"], &prompt, "output_tokens"), said: said(answer) }
}

fn said(answer: &Value) -> Result<Said, Fault> {
    let parts = answer["content"].as_array().ok_or_else(|| odd("it has no `content`"))?;
    let finish_reason = answer["stop_reason"].as_str().ok_or_else(|| odd("it has no `stop_reason`"))?.to_owned();
    match finish_reason.as_str() {
        "max_tokens" => return Err(too_long()),
        "model_context_window_exceeded" => return Err(no_room()),
        "refusal" => return Err(refused("its safety rules forbid it")),
        _ => {}
    }
    let mut text: String = parts.iter().filter_map(|part| part["text"].as_str()).collect();
    let used = parts.iter().find(|part| part["type"] == "tool_use" && part["name"] == TOOL);
    let json = used.map(|part| part["input"].clone());
    if let Some(json) = &json {
        // What it says beside using the tool is not the answer.
        text = json.to_string();
    }
    if text.trim().is_empty() {
        return Err(empty());
    }
    Ok(Said { text, json, finish_reason, model: answer["model"].as_str().map(str::to_owned) })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test that cannot unwrap has failed")]

    use super::super::{Form, Usage};
    use super::*;
    use crate::resilience::FaultClass;
    use crate::resources::llm::Prompt;

    fn asked(prompt: &Prompt) -> Asked<'_> {
        let form = Form::Schema;
        Asked { model: "claude", prompt, temperature: 0.5, max_tokens: 9, context_tokens: None, form }
    }

    #[test]
    fn a_call_is_written_as_the_reference_says() {
        let mut prompt = Prompt::new("Name it.").with_system("Be brief.");
        (prompt.stop, prompt.seed) = (vec!["END".into()], Some(3));
        let asked = asked(&prompt);
        assert_eq!(
            body(asked),
            json!({
                "model": "claude", "max_tokens": 9, "temperature": 0.5, "system": "Be brief.", "stream": false,
                "messages": [{ "role": "user", "content": "Name it." }], "stop_sequences": ["END"],
            })
        );
        assert_eq!(headers(Some("k")), [("x-api-key", "k".to_owned()), ("anthropic-version", "2023-06-01".to_owned())]);
    }

    #[test]
    fn an_object_is_asked_for_as_the_input_of_a_tool_and_anything_else_in_words() {
        let schema = json!({ "type": "object", "properties": { "title": { "type": "string" } } });
        let prompt = Prompt::new("Name it.").with_schema(schema.clone());
        let asked = asked(&prompt);
        let written = body(asked);
        assert_eq!(written["tools"][0]["input_schema"], schema);
        assert_eq!(written["tool_choice"], json!({ "type": "tool", "name": "answer" }));
        let list = Prompt::new("Name them.").with_system("Be brief.").with_schema(json!({ "type": "array" }));
        let written = body(Asked { prompt: &list, ..asked });
        assert!(written.get("tools").is_none());
        let system = written["system"].as_str().unwrap();
        assert!(
            system.starts_with("Be brief.\n\nAnswer with nothing but JSON") && system.ends_with(r#"{"type":"array"}"#)
        );
    }

    #[test]
    fn an_answer_is_read_as_the_reference_says() {
        let answer = json!({
            "id": "msg_1", "type": "message", "role": "assistant", "model": "claude-sonnet-4-5-20250929",
            "content": [{ "type": "text", "text": "Two." }], "stop_reason": "end_turn", "stop_sequence": null,
            "usage": { "input_tokens": 10, "cache_creation_input_tokens": 4, "cache_read_input_tokens": 0,
                       "output_tokens": 3 },
        });
        let reply = read(&answer);
        assert_eq!(reply.usage, Some(Usage { prompt: 14, completion: 3 }));
        assert_eq!(reply.said.unwrap().text, "Two.");

        let with = |path: &str, value: Value| {
            let mut answer = answer.clone();
            *answer.pointer_mut(path).unwrap() = value;
            read(&answer).said
        };
        let tool = json!([{ "type": "text", "text": "Here:" },
                          { "type": "tool_use", "id": "toolu_1", "name": "answer", "input": { "title": "Two" } }]);
        let said = with("/content", tool).unwrap();
        assert_eq!((said.json, said.text.as_str()), (Some(json!({ "title": "Two" })), r#"{"title":"Two"}"#));
        for (path, value, class, cause) in [
            ("/content", json!("x"), FaultClass::Transient, "llm-answer"),
            ("/content", json!([]), FaultClass::Transient, "llm-empty"),
            ("/stop_reason", json!(null), FaultClass::Transient, "llm-answer"),
            ("/stop_reason", json!("max_tokens"), FaultClass::Input, "llm-length"),
            ("/stop_reason", json!("model_context_window_exceeded"), FaultClass::Input, "llm-context"),
            ("/stop_reason", json!("refusal"), FaultClass::Input, "llm-refused"),
        ] {
            let told = with(path, value.clone()).unwrap_err();
            assert_eq!((told.class, told.cause.as_str()), (class, cause), "{path} {value}");
        }
    }
}
