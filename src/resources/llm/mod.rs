//! Language models behind HTTP services: one call, three protocols, and the limits of the account.
//!
//! | provider | protocol | base_url, where none is given |
//! |---|---|---|
//! | `openai` | OpenAI Chat Completions | `https://api.openai.com/v1` |
//! | `anthropic` | Anthropic Messages, version 2023-06-01 | `https://api.anthropic.com` |
//! | `ollama` | Ollama `/api/chat` | `http://127.0.0.1:11434` |
//! | `huggingface` | OpenAI Chat Completions | `https://router.huggingface.co/v1` |
//! | `custom` | OpenAI Chat Completions | none: it must be given |
//!
//! Every call passes two sliding windows of 60 seconds, one of requests and one of tokens. The tokens of a call are
//! estimated before it, together with the most that it may answer, and corrected by what the server reports. A short
//! wait is waited out; a long one is a fault with the cause `throttled` that says how long, so that nobody is held up.

mod client;
mod fitting;
mod meter;
mod prompt;
mod protocol;
mod provider;
mod refusal;
mod settings;
mod window;

pub use client::Llm;
pub use fitting::AnswerSchema;
pub use prompt::{Completion, Message, Prompt, Role};
pub use provider::LlmProvider;
pub use settings::{Key, LlmVendor, Settings};

pub(super) use provider::open;
pub(super) use settings::{check, note_secrets};
