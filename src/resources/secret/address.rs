//! What is secret in an address that a variable has filled: webhooks have their secret in the path.

use url::Url;

use super::Secrets;

/// A shorter path is one that many have: `v1`, `api/v1`.
const SHORTEST_PATH: usize = 8;
/// A part of a path that is shorter is none of its own.
const SHORTEST_PART: usize = 8;

/// Where the authority of a URL ends, in bytes; 0 where it is none.
pub(super) fn end_of_authority(text: &str) -> usize {
    let Some(scheme) = text.find("://") else { return 0 };
    let start = scheme + 3;
    text[start..].find(['/', '\\', '?', '#']).map_or(text.len(), |length| start + length)
}

/// The path and the query of the address of a web service are secrets from now on, and so are those of their parts that look
/// like a secret. The path of another URL is a name: that of a database.
pub(super) fn note_path(text: &str, secrets: &Secrets) {
    let Some(url) = Url::parse(text.trim()).ok().filter(|url| matches!(url.scheme(), "http" | "https")) else { return };
    let path = url.path().trim_matches('/');
    let is_common = path.len() < SHORTEST_PATH || (!path.contains('/') && !looks_secret(path));
    for part in path.split('/').filter(|part| looks_secret(part)).chain((!is_common).then_some(path)) {
        secrets.add(part);
        secrets.add(&decoded(part));
    }
    if let Some(query) = url.query().filter(|query| query.len() >= SHORTEST_PATH) {
        secrets.add(query);
        url.query_pairs().filter(|(_, value)| looks_secret(value)).for_each(|(_, value)| secrets.add(&value));
    }
}

/// Whether it is no word: long, with a digit or with capital letters among small ones.
fn looks_secret(part: &str) -> bool {
    let has = |is: fn(&char) -> bool| part.chars().any(|c| is(&c));
    part.len() >= SHORTEST_PART
        && (has(char::is_ascii_digit) || (has(char::is_ascii_lowercase) && has(char::is_ascii_uppercase)))
}

/// A part of a URL as it is meant: URLs hold it percent-encoded.
#[must_use]
pub fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        let byte = after.get(..2).and_then(|hex| u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok());
        match byte.filter(|_| *first == b'%') {
            Some(byte) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_read_as_urls_hold_them() {
        assert_eq!(decoded("a%20b%2"), "a b%2");
    }
}
