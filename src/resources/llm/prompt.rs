//! What is asked of a model, and what it answers.

use std::time::Duration;

use serde_json::Value;

/// Who says something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The one who asks.
    User,
    /// The model.
    Assistant,
}

impl Role {
    /// As all three protocols write it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Assistant => "assistant",
        }
    }
}

/// One turn of a talk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Who says it.
    pub role: Role,
    /// What is said.
    pub text: String,
}

/// What is asked of a model. What is not said is as in the settings of the resource.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Prompt {
    /// What the model is, and how it is to answer.
    pub system: Option<String>,
    /// The talk so far; the last turn is the user's.
    pub messages: Vec<Message>,
    /// The answer is to be JSON that fits this JSON schema.
    pub schema: Option<Value>,
    /// How free the answer is: 0 is the least.
    pub temperature: Option<f64>,
    /// The most tokens of the answer.
    pub max_tokens: Option<u32>,
    /// The same seed gives the same answer, as far as the server keeps to it. Anthropic knows none: it is left out there.
    pub seed: Option<u32>,
    /// Texts at which the answer ends; they are no part of it.
    pub stop: Vec<String>,
}

/// What every message costs beyond its text: role and marks between messages. OpenAI's cookbook counts 3 to 4.
const TOKENS_OF_A_MESSAGE: u64 = 8;
/// What a server adds of its own where an answer must fit a schema: Anthropic's reference names up to 350 for a tool.
const TOKENS_OF_A_SCHEMA: u64 = 400;

impl Prompt {
    /// A question of one turn.
    pub fn new(text: impl Into<String>) -> Self {
        Self { messages: vec![Message { role: Role::User, text: text.into() }], ..Self::default() }
    }

    /// The same, with what the model is.
    #[must_use]
    pub fn with_system(self, system: impl Into<String>) -> Self {
        Self { system: Some(system.into()), ..self }
    }

    /// The same, answered by JSON that fits `schema`.
    #[must_use]
    pub fn with_schema(self, schema: Value) -> Self {
        Self { schema: Some(schema), ..self }
    }

    /// About how many tokens this is, without those of the answer. Meant to be rather too many: English has about four
    /// characters in a token, programs and JSON about three, and other scripts about one.
    #[must_use]
    pub fn estimated_tokens(&self) -> u64 {
        let texts = self.system.iter().chain(self.messages.iter().map(|message| &message.text));
        let of_texts: u64 = texts.map(|text| estimated(text) + TOKENS_OF_A_MESSAGE).sum();
        of_texts + self.schema.as_ref().map_or(0, |schema| estimated(&schema.to_string()) + TOKENS_OF_A_SCHEMA)
    }
}

/// About how many tokens a text is.
pub(super) fn estimated(text: &str) -> u64 {
    let (ascii, others) = text.chars().fold((0_u64, 0_u64), |(ascii, others), c| match c.is_ascii() {
        true => (ascii + 1, others),
        false => (ascii, others + 1),
    });
    ascii.div_ceil(3) + others
}

/// What a model answered.
#[derive(Debug, Clone, PartialEq)]
pub struct Completion {
    /// The answer.
    pub text: String,
    /// The answer as JSON, where a schema was given and it is JSON. Whether it fits is for [`AnswerSchema::fits`] to say.
    ///
    /// [`AnswerSchema::fits`]: super::AnswerSchema::fits
    pub json: Option<Value>,
    /// Why it ended, in the server's word: `stop`, `end_turn`, `stop_sequence`, `tool_use`, ...
    pub finish_reason: String,
    /// Tokens of what was asked, as the server counts; estimated where it does not say.
    pub prompt_tokens: u64,
    /// Tokens of the answer, as the server counts; estimated where it does not say.
    pub completion_tokens: u64,
    /// The model that answered, as the server names it.
    pub model: String,
    /// How long the server took, without waits for a place in the windows.
    pub took: Duration,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn tokens_are_estimated_rather_too_high() {
        assert_eq!(Prompt::new("").estimated_tokens(), 8);
        // 43 characters; the tokenizers of GPT-4 and Llama 3 make 9 or 10 of them.
        assert_eq!(Prompt::new("The quick brown fox jumps over the lazy dog").estimated_tokens(), 15 + 8);
        // Scripts in which a token is about a character.
        assert_eq!(Prompt::new("吾輩は猫である").estimated_tokens(), 7 + 8);
        let whole = Prompt::new("abc").with_system("abcdef").with_schema(json!({}));
        assert_eq!(whole.estimated_tokens(), 1 + 8 + 2 + 8 + 1 + 400);
    }
}
