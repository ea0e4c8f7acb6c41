//! Language models that are not there: answers as OpenAI, Anthropic and Ollama give them, on the shared server.
//!
//! The including test has the module `server` beside this one.
#![allow(dead_code, reason = "each test file uses some of it")]

use serde_json::{Value, json};

use super::server::{Answer, Received, Server};

/// Who is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Speaks {
    OpenAi,
    Custom,
    Anthropic,
    Ollama,
}

impl Speaks {
    pub const ALL: [Self; 4] = [Self::OpenAi, Self::Custom, Self::Anthropic, Self::Ollama];

    /// The provider in the settings.
    pub fn provider(self) -> &'static str {
        match self {
            Self::OpenAi => "openai",
            Self::Custom => "custom",
            Self::Anthropic => "anthropic",
            Self::Ollama => "ollama",
        }
    }

    /// Where calls come in.
    pub fn path(self) -> &'static str {
        match self {
            Self::OpenAi | Self::Custom => "/v1/chat/completions",
            Self::Anthropic => "/v1/messages",
            Self::Ollama => "/api/chat",
        }
    }

    /// The settings of a resource that asks `server` with the key `key`, and what is to be different.
    pub fn settings(self, server: &Server, key: &str, others: Value) -> Value {
        let base = if self == Self::Ollama { "" } else { "/v1" };
        let mut settings = json!({ "provider": self.provider(), "model": "tiny", "base_url": server.url(base) });
        if !key.is_empty() {
            settings["api_key"] = key.into();
        }
        for (name, value) in others.as_object().unwrap() {
            settings[name] = value.clone();
        }
        settings
    }

    /// The answer `text`, which took so many tokens.
    pub fn says(self, text: &str, prompt_tokens: u64, completion_tokens: u64) -> Answer {
        self.ends(text, self.word("stop"), prompt_tokens, completion_tokens)
    }

    /// An answer that was cut off.
    pub fn is_cut(self, text: &str) -> Answer {
        self.ends(text, self.word("length"), 10, 5)
    }

    fn word(self, word: &'static str) -> &'static str {
        match (self, word) {
            (Self::Anthropic, "stop") => "end_turn",
            (Self::Anthropic, "length") => "max_tokens",
            _ => word,
        }
    }

    fn ends(self, text: &str, reason: &str, prompt_tokens: u64, completion_tokens: u64) -> Answer {
        Answer::json(&match self {
            Self::OpenAi | Self::Custom => json!({
                "id": "chatcmpl-1", "object": "chat.completion", "created": 1_700_000_000, "model": "tiny-2026",
                "choices": [{ "index": 0, "finish_reason": reason, "logprobs": null,
                              "message": { "role": "assistant", "content": text, "refusal": null } }],
                "usage": { "prompt_tokens": prompt_tokens, "completion_tokens": completion_tokens,
                           "total_tokens": prompt_tokens + completion_tokens },
            }),
            Self::Anthropic => json!({
                "id": "msg_1", "type": "message", "role": "assistant", "model": "tiny-2026",
                "content": [{ "type": "text", "text": text }], "stop_reason": reason, "stop_sequence": null,
                "usage": { "input_tokens": prompt_tokens, "output_tokens": completion_tokens },
            }),
            Self::Ollama => json!({
                "model": "tiny-2026", "created_at": "2026-01-01T00:00:00Z", "done": true, "done_reason": reason,
                "message": { "role": "assistant", "content": text },
                "total_duration": 1, "prompt_eval_count": prompt_tokens, "eval_count": completion_tokens,
            }),
        })
    }

    /// A refusal.
    pub fn refuses(self, status: u16, kind: &str, message: &str) -> Answer {
        let body = match self {
            Self::OpenAi | Self::Custom => {
                json!({ "error": { "message": message, "type": kind, "param": null, "code": kind } })
            }
            Self::Anthropic => json!({ "type": "error", "error": { "type": kind, "message": message } }),
            Self::Ollama => json!({ "error": message }),
        };
        Answer::json(&body).with_status(status)
    }

    /// What the service tells of its models.
    pub fn lists(self, server: &Server, models: &[&str]) {
        match self {
            Self::OpenAi | Self::Custom => {
                let list: Vec<Value> = models.iter().map(|id| json!({ "id": id, "object": "model" })).collect();
                server.on("/v1/models", [Answer::json(&json!({ "object": "list", "data": list }))]);
            }
            Self::Anthropic => {
                for id in models {
                    server.on(&format!("/v1/models/{id}"), [Answer::json(&json!({ "type": "model", "id": id }))]);
                }
                server.on("*", [self.refuses(404, "not_found_error", "model: tiny")]);
            }
            Self::Ollama => {
                let list: Vec<Value> = models.iter().map(|name| json!({ "name": name, "size": 1 })).collect();
                server.on("/api/tags", [Answer::json(&json!({ "models": list }))]);
            }
        }
    }

    /// What was asked last of the model, in a request.
    pub fn question(self, request: &Received) -> String {
        let body = request.json();
        body["messages"].as_array().unwrap().last().unwrap()["content"].as_str().unwrap().to_owned()
    }
}
