//! Secrets in the text of a pipeline file: those that stand there, and `${NAME}` that was meant and is none.

use std::ops::Range;

use crate::resources::secret;

/// What names of keys end with whose texts are secrets, in small letters, without `-` and `_`.
const SECRET_KEYS: [&str; 11] = [
    "password",
    "passwd",
    "passphrase",
    "secret",
    "token",
    "apikey",
    "secretkey",
    "secretaccesskey",
    "accountkey",
    "privatekey",
    "sas",
];

/// A `${` that stands for nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Slip {
    /// Where, in bytes of the text.
    pub(super) part: Range<usize>,
    pub(super) message: String,
    pub(super) help: String,
}

/// The part of `text`, the value of `key`, that is a secret and stands there as it is: neither `${NAME}` nor a
/// placeholder.
pub(super) fn literal(key: &str, text: &str) -> Option<Range<usize>> {
    let stands = |part: &Range<usize>| {
        let part = &text[part.clone()];
        !part.trim().is_empty() && !part.contains('{')
    };
    let whole = is_secret_key(key).then_some(0..text.len());
    whole.into_iter().chain(password_of_url(text)).chain(secret_of_query(text)).find(stands)
}

/// A name for the variable that is to hold the secret `key` of the resource `of`.
pub(super) fn variable_for(of: &str, key: &str) -> String {
    let name = format!("{of}_{key}").to_ascii_uppercase();
    let name: String = name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    if name.starts_with(|c: char| c.is_ascii_digit()) { format!("_{name}") } else { name }
}

/// Every `${` in `text` that names no variable.
pub(super) fn slips(text: &str) -> Vec<Slip> {
    let slip = |(start, _): (usize, &str)| {
        let rest = &text[start..];
        let end = rest.find('}');
        let part = start..start + end.map_or(rest.len(), |end| end + 1);
        let name = end.map(|end| &rest[2..end]);
        let (message, help) = match name {
            Some(_) if secret::variables(&text[part.clone()]).next().is_some() => return None,
            Some("") => {
                ("`${}` names no variable".to_owned(), "write its name between the braces: `${NAME}`".to_owned())
            }
            Some(name) => {
                let message = format!("`{}` cannot be the name of a variable", name.escape_debug());
                (message, "it holds letters, digits and `_`, and does not begin with a digit: `${NAME}`".to_owned())
            }
            None => {
                ("this `${` is not closed".to_owned(), "a variable of the environment is written `${NAME}`".to_owned())
            }
        };
        Some(Slip { part, message, help })
    };
    text.match_indices("${").filter_map(slip).collect()
}

/// Whether what stands at `key` is a secret by the key's name.
fn is_secret_key(key: &str) -> bool {
    let plain: String = key.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase();
    plain == "pwd"
        || plain == "authorization"
        || plain == "proxyauthorization"
        || SECRET_KEYS.iter().any(|end| plain.ends_with(end))
}

/// The password in `scheme://user:password@host` (RFC 3986, 3.2.1).
fn password_of_url(text: &str) -> Option<Range<usize>> {
    let start = text.find("://")? + 3;
    let authority = &text[start..];
    let authority = &authority[..authority.find(['/', '?', '#']).unwrap_or(authority.len())];
    let user_info = &authority[..authority.rfind('@')?];
    let colon = user_info.find(':')?;
    Some(start + colon + 1..start + user_info.len())
}

/// The value of the first parameter of a URL's query that is a secret: `?password=...`, or the signature of a signed link.
fn secret_of_query(text: &str) -> Option<Range<usize>> {
    let _ = text.find("://")?;
    let mut start = text.find('?')? + 1;
    for parameter in text[start..].split(['&', '#']) {
        if let Some((name, value)) = parameter.split_once('=')
            && (is_secret_key(name) || name == "sig" || name == "X-Amz-Signature")
        {
            let from = start + name.len() + 1;
            return Some(from..from + value.len());
        }
        start += parameter.len() + 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_found_by_its_key_and_in_urls() {
        let found = |key, text: &'static str| literal(key, text).map(|part| &text[part]);
        assert_eq!(found("url", "postgres://me:tea4two@db:5432/x"), Some("tea4two"));
        assert_eq!(found("url", "https://h/x?a=b&api_key=k1&c=d"), Some("k1"));
        assert_eq!(found("account_url", "https://h/c?sv=1&sig=abc%3D"), Some("abc%3D"));
        for key in ["password", "api_key", "API-Key", "X-Api-Key", "secret_access_key", "token", "Authorization"] {
            assert_eq!(found(key, "abc"), Some("abc"), "{key}");
        }
        for (key, text) in [
            ("url", "postgres://me:${PASSWORD}@db/x"),
            ("url", "postgres://me@db/x"),
            ("url", "postgres://db/x"),
            ("url", "${URL}"),
            ("Authorization", "Bearer ${TOKEN}"),
            ("token", "{login.json.token}"),
            ("password", ""),
            ("max_tokens", "many"),
            ("access_key_id", "AKIA"),
            ("prompt", "what is a token? password=x"),
        ] {
            assert_eq!(found(key, text), None, "{key} = {text}");
        }
        assert_eq!(variable_for("my-notes", "X-Api-Key"), "MY_NOTES_X_API_KEY");
    }

    #[test]
    fn a_variable_that_is_none_is_told_with_its_place() {
        let told = |text: &'static str| -> Vec<(&str, String)> {
            slips(text).into_iter().map(|slip| (&text[slip.part], slip.message)).collect()
        };
        assert_eq!(told("a ${GOOD} $5 {x} $"), []);
        assert_eq!(told("a ${}"), [("${}", "`${}` names no variable".to_owned())]);
        assert_eq!(told("${1X}b"), [("${1X}", "`1X` cannot be the name of a variable".to_owned())]);
        assert_eq!(told("a${NAME"), [("${NAME", "this `${` is not closed".to_owned())]);
    }
}
