//! Paths and arguments in JSON, whatever bytes they hold.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use serde::de::{Error, MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A path, name or argument. In JSON it is a text; one that is not UTF-8 is `{"hex": "636166e9"}`, so that it comes
/// back byte for byte.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct OsText(pub OsString);

impl OsText {
    /// As a path.
    #[must_use]
    pub fn as_path(&self) -> &Path {
        Path::new(&self.0)
    }

    /// For a person: bytes that are not UTF-8 are replaced.
    #[must_use]
    pub fn display(&self) -> std::borrow::Cow<'_, str> {
        self.0.to_string_lossy()
    }
}

impl<T: AsRef<OsStr>> From<T> for OsText {
    fn from(text: T) -> Self {
        Self(text.as_ref().to_os_string())
    }
}

impl From<OsText> for PathBuf {
    fn from(text: OsText) -> Self {
        Self::from(text.0)
    }
}

impl Serialize for OsText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if let Some(text) = self.0.to_str() {
            return serializer.serialize_str(text);
        }
        let mut map = serializer.serialize_map(Some(1))?;
        map.serialize_entry("hex", &to_hex(self.0.as_bytes()))?;
        map.end()
    }
}

impl<'de> Deserialize<'de> for OsText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextOrHex;
        impl<'de> Visitor<'de> for TextOrHex {
            type Value = OsText;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a text, or {\"hex\": ...}")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<OsText, E> {
                Ok(OsText(text.into()))
            }

            fn visit_string<E: Error>(self, text: String) -> Result<OsText, E> {
                Ok(OsText(text.into()))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<OsText, A::Error> {
                let Some((key, hex)) = map.next_entry::<String, String>()? else {
                    return Err(A::Error::missing_field("hex"));
                };
                match from_hex(&hex) {
                    Some(bytes) if key == "hex" => Ok(OsText(OsString::from_vec(bytes))),
                    _ => Err(A::Error::custom("expected {\"hex\": pairs of hexadecimal digits}")),
                }
            }
        }
        deserializer.deserialize_any(TextOrHex)
    }
}

/// Two lower-case digits a byte.
#[must_use]
pub fn to_hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes
        .iter()
        .flat_map(|byte| [DIGITS[usize::from(byte >> 4)] as char, DIGITS[usize::from(byte & 15)] as char])
        .collect()
}

/// The bytes behind `hex`, or `None` where it is not pairs of digits.
#[must_use]
pub fn from_hex(hex: &str) -> Option<Vec<u8>> {
    let digits: Vec<u8> = hex.chars().map(|c| c.to_digit(16).map(|d| d as u8)).collect::<Option<_>>()?;
    digits.len().is_multiple_of(2).then(|| digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may")]
    use super::*;

    #[test]
    fn any_bytes_come_back_as_they_were() {
        for bytes in [&b"plain.wav"[..], b"caf\xe9.wav", b"\xff\xfe", "żółw 🐢\n".as_bytes(), b""] {
            let text = OsText(OsString::from_vec(bytes.to_vec()));
            let json = serde_json::to_string(&text).unwrap();
            assert_eq!(serde_json::from_str::<OsText>(&json).unwrap(), text, "{json}");
        }
    }

    #[test]
    fn a_map_that_is_no_hex_is_refused() {
        for json in ["{}", r#"{"hex":"6"}"#, r#"{"hex":"zz"}"#, r#"{"other":"66"}"#, "7"] {
            assert!(serde_json::from_str::<OsText>(json).is_err(), "{json}");
        }
    }
}
