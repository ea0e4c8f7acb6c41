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

/// The figures that tell most, in the place of all: tokens, requests, statements, and the bytes that were moved. Of a kind
/// that has none of these, its first two.
#[must_use]
pub fn chief(found: &Map<String, Value>) -> Vec<Figure> {
    let sum = |names: &[&str]| {
        names.iter().filter_map(|name| found.get(*name).and_then(Value::as_u64)).reduce(u64::saturating_add)
    };
    let figure = |label: &str, amount| Figure { label: label.to_owned(), amount };
    let known = [
        sum(&["tokens", "prompt_tokens", "completion_tokens"]).map(|count| figure("tokens", Amount::Count(count))),
        sum(&["requests"]).map(|count| figure("requests", Amount::Count(count))),
        sum(&["statements"]).map(|count| figure("statements", Amount::Count(count))),
        sum(&["bytes_sent", "bytes_received", "bytes_fetched", "bytes_read", "bytes_written"])
            .map(|size| figure("moved", Amount::Bytes(size))),
    ];
    let known: Vec<Figure> = known.into_iter().flatten().collect();
    if known.is_empty() { figures(found).into_iter().take(2).collect() } else { known }
}
