//! `${NAME}` in settings: filled from the environment, and kept secret where it is no address and no name.

use serde_json::Value;

use super::{Secrets, address};

/// The names of the variables in `text`: `${NAME}`.
pub fn variables(text: &str) -> impl Iterator<Item = &str> {
    parts(text).filter_map(|part| match part {
        Part::Variable(name) => Some(name),
        Part::Text(_) => None,
    })
}

/// The first `${NAME}` in any text of `value`: the name.
#[must_use]
pub fn variable_in(value: &Value) -> Option<&str> {
    match value {
        Value::String(text) => variables(text).next(),
        Value::Array(list) => list.iter().find_map(variable_in),
        Value::Object(map) => map.values().find_map(variable_in),
        _ => None,
    }
}

/// What the `${NAME}` of a setting fill in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disclosure {
    /// A secret.
    Secret,
    /// An address or a name, which anybody may see.
    Plain,
    /// Parts of a URL: scheme, host and port are plain, and all else is secret (RFC 3986, 3.2). Where a path is of a web
    /// service, and a variable has a part in it, all of the path is.
    Address,
}

/// Settings, as far as they could be filled.
#[derive(Debug, Clone, PartialEq)]
pub struct Filled {
    /// The settings. A text with a variable that is not set is null.
    pub settings: Value,
    /// The first variable that is not set.
    pub unset: Option<UnsetVariable>,
}

/// `settings` with every `${NAME}` in its texts filled from `variable`. What was filled in is a secret from then on, unless
/// `disclosure` says of the place otherwise, which is told by its keys. What stands in two places, of which one is secret,
/// is a secret. A variable that is not set keeps none of the others from being known.
pub fn fill(
    settings: &Value,
    variable: &dyn Fn(&str) -> Option<String>,
    disclosure: &dyn Fn(&[&str]) -> Disclosure,
    secrets: &Secrets,
) -> Filled {
    let mut filling = Filling { variable, disclosure, secrets, unset: None };
    let settings = filling.below(settings, &mut Vec::new());
    Filled { settings, unset: filling.unset }
}

struct Filling<'a> {
    variable: &'a dyn Fn(&str) -> Option<String>,
    disclosure: &'a dyn Fn(&[&str]) -> Disclosure,
    secrets: &'a Secrets,
    unset: Option<UnsetVariable>,
}

impl Filling<'_> {
    fn below<'k>(&mut self, value: &'k Value, keys: &mut Vec<&'k str>) -> Value {
        match value {
            Value::String(text) => self.text(text, keys).map_or(Value::Null, Value::String),
            Value::Array(list) => list.iter().map(|value| self.below(value, keys)).collect(),
            Value::Object(map) => {
                let mut filled = serde_json::Map::new();
                for (key, value) in map {
                    keys.push(key);
                    filled.insert(key.clone(), self.below(value, keys));
                    keys.pop();
                }
                Value::Object(filled)
            }
            other => other.clone(),
        }
    }

    /// The text that is filled in; nothing where a variable is not set.
    fn text(&mut self, text: &str, keys: &[&str]) -> Option<String> {
        let mut is_whole = true;
        let mut filled: Vec<(String, bool)> = Vec::new();
        for part in parts(text) {
            filled.push(match part {
                Part::Text(text) => (text.to_owned(), false),
                Part::Variable(name) => {
                    let value = (self.variable)(name);
                    if value.is_none() {
                        is_whole = false;
                        self.unset.get_or_insert_with(|| UnsetVariable(name.to_owned()));
                    }
                    (value.unwrap_or_default(), true)
                }
            });
        }
        let disclosure = (self.disclosure)(keys);
        let is_plain = match disclosure {
            Disclosure::Secret => vec![false; filled.len()],
            Disclosure::Plain => vec![true; filled.len()],
            Disclosure::Address => plain_parts(&filled),
        };
        // Where the last secret ends in the whole.
        let (mut at, mut secret_to) = (0, 0);
        for ((value, is_variable), is_plain) in filled.iter().zip(is_plain) {
            at += value.len();
            if *is_variable && !is_plain {
                self.secrets.add(value);
                secret_to = at;
            }
        }
        let whole: String = filled.into_iter().map(|(value, _)| value).collect();
        if disclosure == Disclosure::Address && secret_to > address::end_of_authority(&whole) {
            address::note_path(&whole, self.secrets);
        }
        is_whole.then_some(whole)
    }
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
        let filled = fill(&settings, &variable, &|_| Disclosure::Secret, &secrets);
        assert_eq!(filled.unset, None);
        assert_eq!(
            filled.settings,
            json!({ "url": "http://u:gorilla@h", "list": ["gorilla", 3], "text": "$5 ${} ${1} {x} $" })
        );
        assert_eq!(secrets.redact("http got gorilla-gorilla"), "http got [redacted]-[redacted]");
    }

    #[test]
    fn a_variable_that_is_not_set_leaves_the_other_secrets_known() {
        let settings = json!({ "a": "${LOST}-${KEY}", "b": ["${OTHER}", "${GONE}"], "c": "plain" });
        let secrets = Secrets::default();
        let variable = |name: &str| ["KEY", "OTHER"].contains(&name).then(|| format!("value-{name}"));
        let filled = fill(&settings, &variable, &|_| Disclosure::Secret, &secrets);
        assert_eq!(filled.unset, Some(UnsetVariable("LOST".into())));
        assert_eq!(filled.settings, json!({ "a": null, "b": ["value-OTHER", null], "c": "plain" }));
        assert_eq!(secrets.redact("value-KEY value-OTHER"), "[redacted] [redacted]");
    }

    #[test]
    fn the_path_of_an_address_is_secret_where_a_variable_has_a_part_in_it() {
        let shown = |text: &str, values: &[(&str, &str)], told: &str| {
            let secrets = Secrets::default();
            let variable =
                |name: &str| values.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
            fill(&json!({ "url": text }), &variable, &|_| Disclosure::Address, &secrets);
            secrets.redact(told).into_owned()
        };
        let hook = "https://hooks.example.org/services/T0AB/B0CD/x1Y2z3%20W4/";
        for told in ["Cannot POST /services/T0AB/B0CD/x1Y2z3%20W4/sub", "Cannot POST /services/T0AB/B0CD/x1Y2z3 W4/sub"]
        {
            assert_eq!(shown("${URL}", &[("URL", hook)], told), "Cannot POST /[redacted]/sub");
        }
        assert_eq!(shown("${URL}", &[("URL", hook)], "no such hook: x1Y2z3 W4"), "no such hook: [redacted]");
        assert_eq!(shown("${URL}", &[("URL", "http://h/a?sig=0123456789")], "sig 0123456789"), "sig [redacted]");
        assert_eq!(shown("http://h/hook/${PIN}", &[("PIN", "1234")], "POST /hook/1234 1234"), "POST /[redacted] 1234");
        // What all the world uses, and what no variable has a part in.
        for (text, value, told) in [
            ("${A}", "https://api.example.org/v1", "POST /v1"),
            ("${A}", "https://api.example.org/api/v1", "POST /api/v1/x, and api"),
            ("${A}", "https://api.example.org/completions", "the completions of it"),
            ("${A}/services/T0AB/B0CD", "http://localhost", "POST /services/T0AB/B0CD"),
            ("http://u:${A}@h/services/T0AB/B0CD", "gorilla", "POST /services/T0AB/B0CD"),
            ("${A}", "postgres://u:gorilla@h/songs-of-2026", "songs-of-2026"),
        ] {
            assert_eq!(shown(text, &[("A", value)], told), told, "{text} {value}");
        }
    }

    #[test]
    fn of_a_url_scheme_host_and_port_are_plain_and_the_rest_is_secret() {
        let secrets_of = |text: &str, values: &[(&str, &str)]| {
            let secrets = Secrets::default();
            let variable =
                |name: &str| values.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
            fill(&json!({ "url": text }), &variable, &|_| Disclosure::Address, &secrets);
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
        fill(&settings, &variable, &disclosure, &secrets);
        assert_eq!(secrets.redact("value-of-ONE at value-of-TWO"), "[redacted] at value-of-TWO");
    }
}
