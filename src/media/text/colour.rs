//! Colours as they are written: `#rrggbb`, or by name.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A colour of sRGB: red, green, blue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Colour(pub [u8; 3]);

/// The basic colours: HTML 4.01, section 6.5.
const NAMES: [(&str, [u8; 3]); 16] = [
    ("aqua", [0, 255, 255]),
    ("black", [0, 0, 0]),
    ("blue", [0, 0, 255]),
    ("fuchsia", [255, 0, 255]),
    ("gray", [128, 128, 128]),
    ("green", [0, 128, 0]),
    ("lime", [0, 255, 0]),
    ("maroon", [128, 0, 0]),
    ("navy", [0, 0, 128]),
    ("olive", [128, 128, 0]),
    ("purple", [128, 0, 128]),
    ("red", [255, 0, 0]),
    ("silver", [192, 192, 192]),
    ("teal", [0, 128, 128]),
    ("white", [255, 255, 255]),
    ("yellow", [255, 255, 0]),
];

impl Colour {
    /// Reads `#rrggbb`, `#rgb`, or one of the 16 names of HTML 4 in lower case.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let Some(digits) = text.strip_prefix('#') else {
            return NAMES.iter().find(|(name, _)| *name == text).map(|(_, colour)| Self(*colour));
        };
        let digits = digits.as_bytes();
        let nibble = |at: usize| char::from(*digits.get(at)?).to_digit(16).map(|digit| digit as u8);
        match digits.len() {
            3 => Some(Self([nibble(0)? * 17, nibble(1)? * 17, nibble(2)? * 17])),
            6 => {
                let byte = |at: usize| Some(nibble(at)? * 16 + nibble(at + 1)?);
                Some(Self([byte(0)?, byte(2)?, byte(4)?]))
            }
            _ => None,
        }
    }
}

impl Serialize for Colour {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let [red, green, blue] = self.0;
        serializer.collect_str(&format_args!("#{red:02x}{green:02x}{blue:02x}"))
    }
}

impl<'de> Deserialize<'de> for Colour {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| {
            D::Error::custom(format!("{text:?} is no colour; write it as #rrggbb, #rgb or like \"navy\""))
        })
    }
}

impl JsonSchema for Colour {
    fn schema_name() -> Cow<'static, str> {
        "Colour".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let names = NAMES.map(|(name, _)| name).join("|");
        json_schema!({ "type": "string", "pattern": format!("^(#([0-9a-fA-F]{{3}}|[0-9a-fA-F]{{6}})|{names})$") })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_colour_is_three_or_six_digits_after_a_hash_or_a_basic_name() {
        assert_eq!(Colour::parse("#1a2B3c"), Some(Colour([0x1a, 0x2b, 0x3c])));
        assert_eq!(Colour::parse("#f80"), Some(Colour([0xff, 0x88, 0])));
        assert_eq!(Colour::parse("navy"), Some(Colour([0, 0, 128])));
        for wrong in ["", "#", "1a2b3c", "#12345", "#12g", "#äöü", "Red", "blurple", "#1234567"] {
            assert_eq!(Colour::parse(wrong), None, "{wrong}");
        }
    }
}
