//! `${NAME}` in the settings of resources, and keeping what it stands for out of all that is written.

use std::borrow::Cow;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use serde_json::Value;

/// What is shown in place of a secret.
pub const REDACTED: &str = "[redacted]";
/// A shorter value would be found in words that have nothing to do with it.
const SHORTEST: usize = 5;

/// Values that are never shown. Clones know the same ones.
#[derive(Clone, Default)]
pub struct Secrets(Arc<RwLock<Vec<String>>>);

impl Secrets {
    /// `secret` is never shown from now on. One of fewer than 5 characters is not looked for: it would be found in words
    /// that have nothing to do with it.
    pub fn add(&self, secret: &str) {
        if secret.len() < SHORTEST {
            return;
        }
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if !known.iter().any(|other| other == secret) {
            known.push(secret.to_owned());
            // The longer ones first: a secret within another is gone with it.
            known.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        }
    }

    /// All of them, the longest first.
    #[must_use]
    pub fn all(&self) -> Vec<String> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.read().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    /// `text` without any secret.
    #[must_use]
    pub fn redact<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let mut redacted = Cow::Borrowed(text);
        for secret in known.iter() {
            if redacted.contains(secret.as_str()) {
                redacted = Cow::Owned(redacted.replace(secret.as_str(), REDACTED));
            }
        }
        redacted
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Secrets").finish_non_exhaustive()
    }
}

/// The names of the variables in `text`: `${NAME}`.
pub fn variables(text: &str) -> impl Iterator<Item = &str> {
    parts(text).filter_map(|part| match part {
        Part::Variable(name) => Some(name),
        Part::Text(_) => None,
    })
}

/// `settings` with every `${NAME}` in its texts filled from `variable`. What was filled in is a secret from then on.
///
/// # Errors
/// The first variable that is not set.
pub fn fill(
    settings: &Value,
    variable: &dyn Fn(&str) -> Option<String>,
    secrets: &Secrets,
) -> Result<Value, UnsetVariable> {
    Ok(match settings {
        Value::String(text) => {
            let mut filled = String::with_capacity(text.len());
            for part in parts(text) {
                match part {
                    Part::Text(text) => filled.push_str(text),
                    Part::Variable(name) => {
                        let value = variable(name).ok_or_else(|| UnsetVariable(name.to_owned()))?;
                        secrets.add(&value);
                        filled.push_str(&value);
                    }
                }
            }
            Value::String(filled)
        }
        Value::Array(list) => {
            list.iter().map(|value| fill(value, variable, secrets)).collect::<Result<Vec<_>, _>>()?.into()
        }
        Value::Object(map) => {
            let filled = map.iter().map(|(key, value)| Ok((key.clone(), fill(value, variable, secrets)?)));
            Value::Object(filled.collect::<Result<_, UnsetVariable>>()?)
        }
        other => other.clone(),
    })
}

/// A variable of the environment that is not set.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the environment variable {0} is not set")]
pub struct UnsetVariable(pub String);

enum Part<'a> {
    Text(&'a str),
    Variable(&'a str),
}

/// The parts of a text in which `${NAME}` stands for a variable. A `$` without a name in braces is text.
fn parts(mut rest: &str) -> impl Iterator<Item = Part<'_>> {
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let (part, length) = match next_variable(rest) {
            Some((0, name)) => (Part::Variable(name), name.len() + 3),
            Some((start, _)) => (Part::Text(&rest[..start]), start),
            None => (Part::Text(rest), rest.len()),
        };
        rest = &rest[length..];
        Some(part)
    })
}

/// The first `${NAME}` of `text`: where it begins, and the name.
fn next_variable(text: &str) -> Option<(usize, &str)> {
    text.match_indices("${").find_map(|(start, _)| {
        let (name, _) = text[start + 2..].split_once('}')?;
        let is_name = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        is_name.then_some((start, name))
    })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test that cannot unwrap has failed")]

    use serde_json::json;

    use super::*;

    #[test]
    fn variables_are_filled_in_wherever_a_text_stands() {
        let settings = json!({ "url": "${SCHEME}://u:${PASS}@h", "list": ["${PASS}", 3], "text": "$5 ${} ${1} {x} $" });
        let names: Vec<_> = variables("${SCHEME}://u:${PASS}@h").collect();
        assert_eq!(names, ["SCHEME", "PASS"]);
        let secrets = Secrets::default();
        let variable = |name: &str| match name {
            "SCHEME" => Some("http".to_owned()),
            "PASS" => Some("gorilla".to_owned()),
            _ => None,
        };
        let filled = fill(&settings, &variable, &secrets).unwrap();
        assert_eq!(filled, json!({ "url": "http://u:gorilla@h", "list": ["gorilla", 3], "text": "$5 ${} ${1} {x} $" }));
        assert_eq!(fill(&json!(["${LOST}"]), &variable, &secrets), Err(UnsetVariable("LOST".into())));
        assert_eq!(secrets.redact("http got gorilla-gorilla"), "http got [redacted]-[redacted]");
    }

    #[test]
    fn a_secret_within_another_leaves_no_rest_of_it() {
        let secrets = Secrets::default();
        secrets.add("password");
        secrets.add("password-and-more");
        assert_eq!(secrets.redact("is password-and-more"), "is [redacted]");
        assert_eq!(secrets.redact("nothing here"), "nothing here");
        assert!(!format!("{secrets:?}").contains("password"));
    }
}
