//! The three protocols: how a call is written, and how its answer is read.

mod anthropic;
mod ollama;
mod openai;

use serde_json::Value;

use super::prompt::Prompt;
use crate::resilience::{Fault, FaultClass};

/// How a service is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Protocol {
    /// OpenAI Chat Completions, as OpenAI itself has it.
    OpenAi,
    /// The same, as others have it: they know the older name of `max_completion_tokens` only.
    LikeOpenAi,
    /// Anthropic Messages.
    Anthropic,
    /// Ollama `/api/chat`.
    Ollama,
}

/// How JSON that fits a schema is asked for. Servers that speak as OpenAI does do not all know all of it, and what they do
/// not know they refuse.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Form {
    /// The protocol carries the schema.
    #[default]
    Schema,
    /// The protocol asks for any JSON, and the model is told the schema in words.
    Json,
    /// In words alone.
    Words,
}

/// What is asked of which model, with all that the settings say.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked<'a> {
    pub(super) model: &'a str,
    pub(super) prompt: &'a Prompt,
    pub(super) temperature: f64,
    pub(super) max_tokens: u32,
    pub(super) context_tokens: Option<u32>,
    pub(super) form: Form,
}

impl Asked<'_> {
    /// What the model is told before the talk; with `schema`, that its answer is to fit it.
    fn system(&self, schema: Option<&Value>) -> Option<String> {
        let system = self.prompt.system.clone();
        let Some(schema) = schema else { return system };
        let told = format!("Answer with nothing but JSON that fits this JSON schema:\n{schema}");
        Some(system.map_or_else(|| told.clone(), |system| format!("{system}\n\n{told}")))
    }
}

/// What a service answered.
#[derive(Debug, PartialEq)]
pub(super) struct Reply {
    /// Tokens of prompt and answer, where it tells both.
    pub(super) usage: Option<Usage>,
    pub(super) said: Result<Said, Fault>,
}

/// Tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Usage {
    pub(super) prompt: u64,
    pub(super) completion: u64,
}

/// What the model said.
#[derive(Debug, PartialEq)]
pub(super) struct Said {
    pub(super) text: String,
    /// Where the protocol itself gives JSON.
    pub(super) json: Option<Value>,
    pub(super) finish_reason: String,
    /// As the server names it.
    pub(super) model: Option<String>,
}

/// What a service tells of its models.
pub(super) enum Listing {
    /// Its list: the names in the answer.
    All(fn(&Value) -> Option<Vec<String>>),
    /// Whether it has this one: it refuses the request where it has not.
    One,
}

impl Protocol {
    /// Where calls go, below the base URL.
    pub(super) const fn call_path(self) -> &'static str {
        match self {
            Self::OpenAi | Self::LikeOpenAi => "chat/completions",
            Self::Anthropic => "messages",
            Self::Ollama => "api/chat",
        }
    }

    /// Where the service tells of its models, below the base URL, and how.
    pub(super) fn listing(self, model: &str) -> (String, Listing) {
        match self {
            Self::OpenAi | Self::LikeOpenAi => ("models".to_owned(), Listing::All(openai::models)),
            Self::Anthropic => (format!("models/{model}"), Listing::One),
            Self::Ollama => ("api/tags".to_owned(), Listing::All(ollama::models)),
        }
    }

    /// The end of the base URL that its users write or leave out.
    pub(super) const fn version_path(self) -> Option<&'static str> {
        match self {
            Self::Anthropic => Some("/v1"),
            _ => None,
        }
    }

    /// The headers of every request: names in lower case, with their values.
    pub(super) fn headers(self, key: Option<&str>) -> Vec<(&'static str, String)> {
        match self {
            Self::Anthropic => anthropic::headers(key),
            _ => key.map(|key| ("authorization", format!("Bearer {key}"))).into_iter().collect(),
        }
    }

    /// The body of a call.
    pub(super) fn body(self, asked: Asked<'_>) -> Value {
        match self {
            Self::OpenAi => openai::body(asked, "max_completion_tokens"),
            Self::LikeOpenAi => openai::body(asked, "max_tokens"),
            Self::Anthropic => anthropic::body(asked),
            Self::Ollama => ollama::body(asked),
        }
    }

    /// How to ask a service that refused `form`.
    pub(super) const fn less(self, form: Form) -> Option<Form> {
        match (self, form) {
            (Self::OpenAi | Self::LikeOpenAi, Form::Schema) => Some(Form::Json),
            (Self::OpenAi | Self::LikeOpenAi, Form::Json) => Some(Form::Words),
            _ => None,
        }
    }

    /// The answer of a service that took the call.
    pub(super) fn read(self, answer: &Value) -> Reply {
        match self {
            Self::OpenAi | Self::LikeOpenAi => openai::read(answer),
            Self::Anthropic => anthropic::read(answer),
            Self::Ollama => ollama::read(answer),
        }
    }

    /// Whether `listed` is another name of `model`.
    pub(super) fn is_same_model(self, listed: &str, model: &str) -> bool {
        match self {
            // A model without a tag is the one tagged `latest`.
            Self::Ollama => listed == model || listed.strip_suffix(":latest") == Some(model),
            // The router of Hugging Face takes a policy after a colon.
            _ => listed == model || model.split_once(':').is_some_and(|(name, _)| listed == name),
        }
    }
}

/// The tokens of `usage`, by their names there.
fn usage(usage: &Value, prompt: &[&str], completion: &str) -> Option<Usage> {
    let prompts = prompt.iter().filter_map(|name| usage[*name].as_u64());
    // The first name is the one that every server tells.
    usage[*prompt.first()?].as_u64()?;
    Some(Usage { prompt: prompts.fold(0, u64::saturating_add), completion: usage[completion].as_u64()? })
}

/// An answer that is not what the protocol says.
fn odd(what: &str) -> Fault {
    Fault::new(
        FaultClass::Transient,
        "llm-answer",
        format!("the answer of the service is not as its protocol says: {what}"),
    )
    .with_hint("check that base_url and provider are those of the service")
}

/// The model said nothing.
fn empty() -> Fault {
    Fault::new(FaultClass::Transient, "llm-empty", "the model answered nothing")
        .with_hint("raise max_tokens: models that think first may think all of it away")
}

/// The answer was cut off.
fn too_long() -> Fault {
    Fault::input("llm-length", "the answer was cut off where max_tokens ends it").with_hint("raise max_tokens")
}

/// The prompt has no room in the model.
fn no_room() -> Fault {
    Fault::input("llm-context", "prompt and answer are longer than the model has room for")
        .with_hint("shorten the text, lower max_tokens, or choose a model with more room")
}

/// The model, or a filter of the service, will not answer.
fn refused(why: &str) -> Fault {
    Fault::input("llm-refused", format!("the model will not answer: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_is_known_by_its_other_names() {
        assert!(Protocol::Ollama.is_same_model("llama3.2:latest", "llama3.2"));
        assert!(!Protocol::Ollama.is_same_model("llama3.2:1b", "llama3.2"));
        assert!(Protocol::LikeOpenAi.is_same_model("org/m", "org/m:fastest"));
        assert!(!Protocol::OpenAi.is_same_model("gpt-4.1-mini", "gpt-4.1"));
    }
}
