//! The figures that a kind of resource has of its own: tokens, requests, bytes.

use serde_json::{Map, Value};

/// How much of something.
#[derive(Debug, Clone, PartialEq)]
pub enum Amount {
    /// A number of things.
    Count(u64),
    /// A size.
    Bytes(u64),
    /// A length of time.
    Seconds(f64),
    /// Anything else, as it is written.
    Text(String),
}

/// One figure.
#[derive(Debug, Clone, PartialEq)]
pub struct Figure {
    /// What it is: `prompt tokens`.
    pub label: String,
    /// How much.
    pub amount: Amount,
}

/// The figures, each with its unit as its name tells it: `bytes_sent`, `waited_seconds`.
#[must_use]
pub fn figures(found: &Map<String, Value>) -> Vec<Figure> {
    let figure = |(name, value): (&String, &Value)| {
        let has = |word: &str| name.split('_').any(|part| part == word);
        let label = |without: &str| {
            let words: Vec<&str> = name.split('_').filter(|part| *part != without).collect();
            if words.is_empty() { name.clone() } else { words.join(" ") }
        };
        let (label, amount) = match (value.as_u64(), value.as_f64()) {
            (Some(bytes), _) if has("bytes") => (label("bytes"), Amount::Bytes(bytes)),
            (_, Some(seconds)) if has("seconds") => (label("seconds"), Amount::Seconds(seconds)),
            (Some(count), _) => (label(""), Amount::Count(count)),
            (None, Some(number)) => (label(""), Amount::Text(format!("{number:.2}"))),
            (None, None) => {
                let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                (label(""), Amount::Text(text))
            }
        };
        Figure { label, amount }
    };
    found.iter().map(figure).collect()
}

/// The tokens that a language model has read and written; nothing where it is no language model.
#[must_use]
pub fn tokens(found: &Map<String, Value>) -> Option<u64> {
    let count = |name: &str| found.get(name).and_then(Value::as_u64);
    match (count("prompt_tokens"), count("completion_tokens")) {
        (None, None) => count("tokens"),
        (read, written) => Some(read.unwrap_or(0).saturating_add(written.unwrap_or(0))),
    }
}
