//! Keeping what is secret out of all that is written, and `${NAME}` in the settings of resources.

mod address;
mod fill;

use std::borrow::Cow;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use serde_json::Value;

pub use self::address::decoded;
pub use self::fill::{Disclosure, Filled, UnsetVariable, fill, variable_in, variables};
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

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test that cannot unwrap has failed")]

    use serde_json::json;

    use super::*;

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
