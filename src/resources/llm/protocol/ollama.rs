//! `/api/chat`, as Ollama's reference has it (docs/api.md, "Generate a chat completion").

use serde_json::{Value, json};

use super::{Asked, Reply, Said, empty, odd, too_long, usage};
use crate::resilience::Fault;

pub(super) fn body(Asked { model, prompt, temperature, max_tokens, context_tokens, .. }: Asked<'_>) -> Value {
    let system = prompt.system.iter().map(|text| json!({ "role": "system", "content": text }));
    let talk = prompt.messages.iter().map(|message| json!({ "role": message.role.word(), "content": message.text }));
    let mut options = json!({ "temperature": temperature, "num_predict": max_tokens });
    if let Some(seed) = prompt.seed {
        options["seed"] = seed.into();
    }
    if !prompt.stop.is_empty() {
        options["stop"] = json!(prompt.stop);
    }
    if let Some(room) = context_tokens {
        options["num_ctx"] = room.into();
    }
    let mut body = json!({
        "model": model,
        "messages": system.chain(talk).collect::<Vec<_>>(),
        "stream": false,
        // A prompt that has no room is refused; otherwise its beginning would be dropped without a word. Servers from
        // before 2025-10 do not know it, and drop.
        "truncate": false,
        "options": options,
    });
    if let Some(schema) = &prompt.schema {
        body["format"] = schema.clone();
    }
    body
}

pub(super) fn read(answer: &Value) -> Reply {
    Reply { usage: usage(answer, &["prompt_eval_count"], "eval_count"), said: said(answer) }
}

fn said(answer: &Value) -> Result<Said, Fault> {
    let text = answer["message"]["content"].as_str().ok_or_else(|| odd("it has no `message`"))?.to_owned();
    if answer["done"] != true {
        return Err(odd("it is not `done`"));
    }
    // Servers from before 2024-06 do not tell a reason.
    let finish_reason = answer["done_reason"].as_str().unwrap_or("stop").to_owned();
    if finish_reason == "length" {
        return Err(too_long());
    }
    if text.trim().is_empty() {
        return Err(empty());
    }
    Ok(Said { text, json: None, finish_reason, model: answer["model"].as_str().map(str::to_owned) })
}

/// The names in an answer of `GET /api/tags`.
pub(super) fn models(answer: &Value) -> Option<Vec<String>> {
    let list = answer["models"].as_array()?;
    Some(list.iter().filter_map(|model| model["name"].as_str().map(str::to_owned)).collect())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test that cannot unwrap has failed")]

    use super::super::{Form, Usage};
    use super::*;
    use crate::resilience::FaultClass;
    use crate::resources::llm::Prompt;

    #[test]
    fn a_call_is_written_as_the_reference_says() {
        let mut prompt = Prompt::new("Name it.").with_system("Be brief.").with_schema(json!({ "type": "object" }));
        (prompt.seed, prompt.stop) = (Some(7), vec!["END".into()]);
        let room = Some(8192);
        let asked = Asked {
            model: "llama3.2",
            prompt: &prompt,
            temperature: 0.5,
            max_tokens: 9,
            context_tokens: room,
            form: Form::Schema,
        };
        assert_eq!(
            body(asked),
            json!({
                "model": "llama3.2", "stream": false, "truncate": false, "format": { "type": "object" },
                "messages": [{ "role": "system", "content": "Be brief." }, { "role": "user", "content": "Name it." }],
                "options": { "temperature": 0.5, "num_predict": 9, "seed": 7, "stop": ["END"], "num_ctx": 8192 },
            })
        );
    }

    #[test]
    fn an_answer_is_read_as_the_reference_says() {
        let answer = json!({
            "model": "llama3.2", "created_at": "2023-12-12T14:13:43.416799Z", "done": true, "done_reason": "stop",
            "message": { "role": "assistant", "content": "Two." }, "prompt_eval_count": 26, "eval_count": 8,
        });
        let reply = read(&answer);
        assert_eq!(reply.usage, Some(Usage { prompt: 26, completion: 8 }));
        assert_eq!(reply.said.unwrap().text, "Two.");
        let with = |path: &str, value: Value| {
            let mut answer = answer.clone();
            *answer.pointer_mut(path).unwrap() = value;
            read(&answer).said
        };
        assert_eq!(with("/done_reason", json!(null)).unwrap().finish_reason, "stop");
        for (path, value, class, cause) in [
            ("/message", json!(null), FaultClass::Transient, "llm-answer"),
            ("/done", json!(false), FaultClass::Transient, "llm-answer"),
            ("/done_reason", json!("length"), FaultClass::Input, "llm-length"),
            ("/message/content", json!(""), FaultClass::Transient, "llm-empty"),
        ] {
            let told = with(path, value.clone()).unwrap_err();
            assert_eq!((told.class, told.cause.as_str()), (class, cause), "{path} {value}");
        }
    }
}
