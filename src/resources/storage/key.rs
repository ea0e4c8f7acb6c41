//! The names of objects.

use std::fmt;

use crate::resilience::Fault;

/// The longest key that Amazon S3 takes, in bytes: Amazon S3 user guide, naming objects. Azure and Google take as many.
const LONGEST: usize = 1024;

/// The name of an object below the prefix of its storage: `anna/generated/1.png`. Its bytes are kept as they are: two
/// texts that look the same and are composed in another way (Unicode NFC and NFD) are two keys.
///
/// No key leads out: none is absolute, and no part of it is empty, `.` or `..`. Backslashes, control characters, and
/// percent-encoded slashes and dots are refused: somebody behind us may read them in another way.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(String);

impl Key {
    /// Reads a key.
    ///
    /// # Errors
    /// An input fault `path`: it is none.
    pub fn parse(text: impl Into<String>) -> Result<Self, Fault> {
        let text = text.into();
        let refused = |why: &str| Err(Fault::input("path", format!("the key '{}' {why}", text.escape_debug())));
        if text.is_empty() {
            return refused("is empty");
        }
        if text.len() > LONGEST {
            return refused("is longer than 1024 bytes");
        }
        if text.starts_with('/') {
            return refused("begins with a slash: keys lie below the prefix");
        }
        if text.contains('\\') || text.chars().any(char::is_control) {
            return refused("holds a backslash or a control character");
        }
        for part in text.split('/') {
            match part {
                "" => return refused("has an empty part"),
                "." | ".." => return refused("leads out of its folder with `.` or `..`"),
                _ => {}
            }
        }
        if has_encoded_trick(text.as_bytes()) {
            return refused("holds a percent-encoded dot, slash, percent or control character");
        }
        Ok(Self(text))
    }

    /// The key of `name` below this one.
    ///
    /// # Errors
    /// An input fault `path`: together they are too long.
    pub fn join(&self, name: &Self) -> Result<Self, Fault> {
        Self::parse(format!("{}/{}", self.0, name.0))
    }

    /// As it is sent.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn has_encoded_trick(text: &[u8]) -> bool {
    text.windows(3).any(|octet| match octet {
        [b'%', high, low] => {
            let digit = |byte: u8| char::from(byte).to_digit(16);
            let (Some(high), Some(low)) = (digit(*high), digit(*low)) else { return false };
            matches!(high * 16 + low, 0..0x20 | 0x7f | 0x25 | 0x2e | 0x2f | 0x5c)
        }
        _ => false,
    })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test that cannot unwrap has failed")]

    use super::*;

    #[test]
    fn no_key_leads_out() {
        for text in [
            "",
            "/",
            "/etc/passwd",
            "..",
            "../a",
            "a/../b",
            "a/..",
            "./a",
            "a/./b",
            "a//b",
            "a/",
            "a\\b",
            "..\\b",
            "a\0b",
            "a\nb",
            "a\u{85}b",
            "%2e%2e/b",
            "a/%2E%2e/b",
            "a%2fb",
            "a%5Cb",
            "a%00b",
            "a%252fb",
        ] {
            let fault = Key::parse(text).unwrap_err();
            assert_eq!((fault.class, fault.cause.as_str()), (crate::resilience::FaultClass::Input, "path"), "{text:?}");
        }
        assert!(Key::parse("x".repeat(1025)).is_err());
    }

    #[test]
    fn names_of_people_are_keys_byte_for_byte() {
        for text in [
            "a",
            "a/b.png",
            "...",
            "a..b/.c",
            "Ä é e\u{301}/日本.wav",
            "100%.mp3",
            "50%20off",
            "a b+c&d=e;f",
            "-rf",
            "x?y#z",
        ] {
            assert_eq!(Key::parse(text).unwrap().as_str(), text);
        }
        assert_ne!(Key::parse("é").unwrap(), Key::parse("e\u{301}").unwrap());
    }
}
