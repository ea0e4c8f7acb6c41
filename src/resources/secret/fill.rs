//! `${NAME}` in settings: filled from the environment, and kept secret where it is no address and no name.

use serde_json::Value;

use super::Secrets;

/// The names of the variables in `text`: `${NAME}`.
pub fn variables(text: &str) -> impl Iterator<Item = &str> {
    parts(text).filter_map(|part| match part {
        Part::Variable(name) => Some(name),
        Part::Text(_) => None,
    })
}

/// What the `${NAME}` of a setting fill in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disclosure {
    /// A secret.
    Secret,
    /// An address or a name, which anybody may see.
    Plain,
    /// Parts of a URL: scheme, host and port are plain, and all else is secret (RFC 3986, 3.2).
    Address,
}

/// `settings` with every `${NAME}` in its texts filled from `variable`. What was filled in is a secret from then on, unless
/// `disclosure` says of the place otherwise, which is told by its keys. What stands in two places, of which one is secret,
/// is a secret.
///
/// # Errors
/// The first variable that is not set.
pub fn fill(
    settings: &Value,
    variable: &dyn Fn(&str) -> Option<String>,
    disclosure: &dyn Fn(&[&str]) -> Disclosure,
    secrets: &Secrets,
) -> Result<Value, UnsetVariable> {
    fill_below(settings, &mut Vec::new(), &Filling { variable, disclosure, secrets })
}

struct Filling<'a> {
    variable: &'a dyn Fn(&str) -> Option<String>,
    disclosure: &'a dyn Fn(&[&str]) -> Disclosure,
    secrets: &'a Secrets,
}

fn fill_below<'k>(value: &'k Value, keys: &mut Vec<&'k str>, filling: &Filling<'_>) -> Result<Value, UnsetVariable> {
    Ok(match value {
        Value::String(text) => {
            let mut filled: Vec<(String, bool)> = Vec::new();
            for part in parts(text) {
                filled.push(match part {
                    Part::Text(text) => (text.to_owned(), false),
                    Part::Variable(name) => {
                        ((filling.variable)(name).ok_or_else(|| UnsetVariable(name.to_owned()))?, true)
                    }
                });
            }
            let is_plain = match (filling.disclosure)(keys) {
                Disclosure::Secret => vec![false; filled.len()],
                Disclosure::Plain => vec![true; filled.len()],
                Disclosure::Address => plain_parts(&filled),
            };
            for ((value, is_variable), is_plain) in filled.iter().zip(is_plain) {
                if *is_variable && !is_plain {
                    filling.secrets.add(value);
                }
            }
            Value::String(filled.into_iter().map(|(value, _)| value).collect())
        }
        Value::Array(list) => {
            list.iter().map(|value| fill_below(value, keys, filling)).collect::<Result<Vec<_>, _>>()?.into()
        }
        Value::Object(map) => {
            let mut filled = serde_json::Map::new();
            for (key, value) in map {
                keys.push(key);
                let value = fill_below(value, keys, filling);
                keys.pop();
                filled.insert(key.clone(), value?);
            }
            Value::Object(filled)
        }
        other => other.clone(),
    })
}

/// Which parts of a URL lie within its scheme, its host or its port, each part with whether a variable has filled it. None
/// where a variable may hold more than that.
fn plain_parts(parts: &[(String, bool)]) -> Vec<bool> {
    // A variable is one letter here, so that what it holds is not taken for a part of the URL.
    const VARIABLE: char = '\u{1}';
    let is_of_host = |value: &str| value.chars().all(|c| c.is_alphanumeric() || ".-_:[]+".contains(c));
    let shape: String = parts
        .iter()
        .map(|(text, is_variable)| if *is_variable { VARIABLE.to_string() } else { text.clone() })
        .collect();
    let within = shape.find("://").map(|scheme| {
        let start = scheme + 3;
        let authority = &shape[start..];
        let authority = &authority[..authority.find(['/', '\\', '?', '#']).unwrap_or(authority.len())];
        let host = start + authority.rfind('@').map_or(0, |at| at + 1);
        (scheme, host..start + authority.len())
    });
    let mut at = 0;
    let mut plain = Vec::with_capacity(parts.len());
    for (text, is_variable) in parts {
        let is_inside = within.as_ref().is_some_and(|(scheme, host)| at < *scheme || host.contains(&at));
        if *is_variable && is_inside && !is_of_host(text) {
            // It ends the host, or names a user before it: where the others stand is not known.
            return vec![false; parts.len()];
        }
        plain.push(*is_variable && is_inside);
        at += if *is_variable { VARIABLE.len_utf8() } else { text.len() };
    }
    plain
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
        let filled = fill(&settings, &variable, &|_| Disclosure::Secret, &secrets).unwrap();
        assert_eq!(filled, json!({ "url": "http://u:gorilla@h", "list": ["gorilla", 3], "text": "$5 ${} ${1} {x} $" }));
        let lost = fill(&json!(["${LOST}"]), &variable, &|_| Disclosure::Secret, &secrets);
        assert_eq!(lost, Err(UnsetVariable("LOST".into())));
        assert_eq!(secrets.redact("http got gorilla-gorilla"), "http got [redacted]-[redacted]");
    }

    #[test]
    fn of_a_url_scheme_host_and_port_are_plain_and_the_rest_is_secret() {
        let secrets_of = |text: &str, values: &[(&str, &str)]| {
            let secrets = Secrets::default();
            let variable =
                |name: &str| values.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
            fill(&json!({ "url": text }), &variable, &|_| Disclosure::Address, &secrets).unwrap();
            let is_secret =
                |(name, value): &(&str, &str)| (secrets.redact(value) != *value).then(|| (*name).to_owned());
            values.iter().filter_map(is_secret).collect::<Vec<_>>().join(" ")
        };
        let host = ("HOST", "localhost");
        for (text, values, secret) in [
            ("http://${HOST}:8080", vec![host], ""),
            ("${SCHEME}://${HOST}:${PORT}/v1", vec![("SCHEME", "https"), host, ("PORT", "18080")], ""),
            ("http://api.${HOST}.org", vec![("HOST", "example")], ""),
            ("http://${USER}:${PASS}@${HOST}/", vec![("USER", "miller"), ("PASS", "gorilla"), host], "USER PASS"),
            ("http://${HOST}/${PATH}?key=${KEY}", vec![host, ("PATH", "hook/s3cret"), ("KEY", "k-e-y")], "PATH KEY"),
            ("${URL}", vec![("URL", "http://me:gorilla@host")], "URL"),
            ("${URL}/v1", vec![("URL", "http://localhost")], "URL"),
            ("http://${HOST}", vec![("HOST", "me:gorilla@localhost")], "HOST"),
            ("http://${HOST}", vec![("HOST", "localhost/hook-of-mine")], "HOST"),
            ("http://${A}:${B}", vec![("A", "miller"), ("B", "gorilla@localhost")], "A B"),
            ("http://${A}:@${HOST}", vec![("A", "s3cret"), host], "A"),
            ("${HOST}:8080", vec![host], "HOST"),
        ] {
            assert_eq!(secrets_of(text, &values), secret, "{text}");
        }
    }

    #[test]
    fn what_is_secret_in_one_place_is_secret() {
        let secrets = Secrets::default();
        let variable = |name: &str| Some(format!("value-of-{name}"));
        let settings = json!({ "user": "${ONE}", "password": "${ONE}", "host": "${TWO}" });
        let disclosure = |keys: &[&str]| if keys == ["password"] { Disclosure::Secret } else { Disclosure::Plain };
        fill(&settings, &variable, &disclosure, &secrets).unwrap();
        assert_eq!(secrets.redact("value-of-ONE at value-of-TWO"), "[redacted] at value-of-TWO");
    }
}
