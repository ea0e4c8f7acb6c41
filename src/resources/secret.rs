//! `${NAME}` in the settings of resources, and keeping what it stands for out of all that is written.

use std::borrow::Cow;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use serde_json::Value;

pub use super::redact::REDACTED;
use super::redact::Redactor;
use crate::resilience::Fault;

/// A shorter value would be found in words that have nothing to do with it.
const SHORTEST: usize = 5;
/// A line of a secret that is shorter is not a secret of its own.
const SHORTEST_LINE: usize = 16;

/// Values that are never shown. Clones know the same ones.
#[derive(Clone, Default)]
pub struct Secrets(Arc<RwLock<Known>>);

#[derive(Default)]
struct Known {
    /// The secrets, and what else they may be written as, the longest first.
    forms: Vec<String>,
    /// What any of those is in the JSON of a text that holds it.
    in_json: Vec<String>,
}

impl Secrets {
    /// `secret` is never shown from now on: as it is, percent-encoded, or escaped as JSON does. One of fewer than 5
    /// characters is not looked for: it would be found in words that have nothing to do with it. Of a secret of several lines
    /// each longer one is a secret, too.
    pub fn add(&self, secret: &str) {
        let lines = secret.lines().map(str::trim).filter(|line| line.len() >= SHORTEST_LINE && *line != secret);
        for secret in lines.chain([secret]).filter(|secret| secret.len() >= SHORTEST) {
            let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
            for form in forms(secret) {
                if known.forms.contains(&form) {
                    continue;
                }
                known.in_json.extend([escaped(&form), form.clone()]);
                known.forms.push(form);
            }
            // The longer ones first: a secret within another is gone with it.
            known.forms.sort_by_key(|form| std::cmp::Reverse(form.len()));
            known.in_json.sort_unstable();
            known.in_json.dedup();
        }
    }

    /// All that is not to be shown: each secret, and what else it may be written as, the longest first.
    #[must_use]
    pub fn all(&self) -> Vec<String> {
        self.known().forms.clone()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.known().forms.is_empty()
    }

    /// Whether a text in this JSON holds a secret.
    #[must_use]
    pub fn are_in_json(&self, json: &str) -> bool {
        self.known().in_json.iter().any(|form| json.contains(form.as_str()))
    }

    /// `text` without any secret.
    #[must_use]
    pub fn redact<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let known = self.known();
        if known.forms.iter().all(|form| !text.contains(form.as_str())) {
            return Cow::Borrowed(text);
        }
        let mut redactor = Redactor::new(known.forms.clone());
        let mut clean = redactor.push(text.as_bytes());
        clean.extend(redactor.finish());
        Cow::Owned(String::from_utf8_lossy(&clean).into_owned())
    }

    /// `value` without any secret in its texts and names.
    #[must_use]
    pub fn redact_json(&self, value: Value) -> Value {
        if self.is_empty() {
            return value;
        }
        match value {
            Value::String(text) => match self.redact(&text) {
                Cow::Borrowed(_) => Value::String(text),
                Cow::Owned(clean) => Value::String(clean),
            },
            Value::Array(list) => list.into_iter().map(|value| self.redact_json(value)).collect(),
            Value::Object(map) => {
                map.into_iter().map(|(key, value)| (self.redact(&key).into_owned(), self.redact_json(value))).collect()
            }
            other => other,
        }
    }

    /// `fault` without any secret.
    #[must_use]
    pub fn redact_fault(&self, fault: Fault) -> Fault {
        let clean = |text: String| match self.redact(&text) {
            Cow::Borrowed(_) => text,
            Cow::Owned(clean) => clean,
        };
        Fault { cause: clean(fault.cause), message: clean(fault.message), hint: fault.hint.map(clean), ..fault }
    }

    fn known(&self) -> RwLockReadGuard<'_, Known> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a secret may be written as, besides itself: in JSON, in a message for programmers, and in the parts of a URL, each of
/// which leaves other characters as they are (URL Standard, percent-encode sets).
fn forms(secret: &str) -> Vec<String> {
    let unreserved = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let percent = |byte: u8| if unreserved(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    let lower = |byte: u8| if unreserved(byte) { char::from(byte).to_string() } else { format!("%{byte:02x}") };
    let mut forms = vec![
        secret.to_owned(),
        escaped(secret),
        escaped(&escaped(secret)),
        secret.escape_debug().to_string(),
        secret.bytes().map(percent).collect(),
        secret.bytes().map(lower).collect(),
        url::form_urlencoded::byte_serialize(secret.as_bytes()).collect(),
    ];
    if let Ok(mut url) = url::Url::parse("http://host/") {
        let _ = url.set_password(Some(secret));
        forms.extend(url.password().map(str::to_owned));
        url.set_query(Some(secret));
        forms.extend(url.query().map(str::to_owned));
        if let Ok(mut path) = url.path_segments_mut() {
            path.push(secret);
        }
        forms.extend(url.path_segments().and_then(|mut path| path.next_back()).map(str::to_owned));
    }
    forms.retain(|form| form.len() >= SHORTEST);
    forms
}

/// `text` as it stands between the quotes of a text in JSON.
fn escaped(text: &str) -> String {
    let json = Value::String(text.to_owned()).to_string();
    json.get(1..json.len() - 1).unwrap_or_default().to_owned()
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

    #[test]
    fn a_secret_is_found_in_whatever_form_it_is_written() {
        let secrets = Secrets::default();
        let secret = "p\"ä s/?&%+\\w=1";
        secrets.add(secret);
        let mut url = url::Url::parse("http://user@host/").unwrap();
        url.set_password(Some(secret)).unwrap();
        url.path_segments_mut().unwrap().push(secret);
        url.query_pairs_mut().append_pair("key", secret);
        let nested = json!({ "in": json!({ "key": secret }).to_string() }).to_string();
        assert!(secrets.are_in_json(&json!({ "key": secret }).to_string()));
        assert!(secrets.are_in_json(&nested));
        assert!(!secrets.are_in_json(&json!({ "key": "another" }).to_string()));
        for text in [secret.to_owned(), url.to_string(), nested, format!("{secret:?}")] {
            let clean = secrets.redact(&text);
            assert!(clean.contains(REDACTED), "{text}");
            assert!(!clean.contains("%2B") && !clean.contains("w=1") && !clean.contains("w%3D1"), "{clean}");
        }
        let value = secrets.redact_json(json!({ "a": [secret, 1], secret: null }));
        assert_eq!(value, json!({ "a": [REDACTED, 1], REDACTED: null }));
    }

    #[test]
    fn of_a_secret_of_several_lines_each_is_one() {
        let secrets = Secrets::default();
        secrets.add("-----BEGIN-----\nMIIEvQIBADANBgkqhkiG9w0\nshort\n");
        assert_eq!(secrets.redact("it holds MIIEvQIBADANBgkqhkiG9w0, short"), "it holds [redacted], short");
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
