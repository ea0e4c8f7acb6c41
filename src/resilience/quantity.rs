//! Lengths of time and sizes, as people write them.

use std::fmt;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Error, Unexpected, Visitor};
use serde::{Deserialize, Deserializer};

/// No wait in a pipeline is longer: 10 years, so that sums of durations cannot overflow.
const LONGEST: f64 = 10.0 * 365.0 * 86_400.0;

/// A length of time in parameters: a text with units (`"30s"`, `"1h30m"`), or a number of seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Period(pub Duration);

impl Period {
    /// The `format` of it in a schema.
    pub const FORMAT: &str = "period";
}

impl<'de> Deserialize<'de> for Period {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reading;
        impl Visitor<'_> for Reading {
            type Value = Period;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a length of time, such as \"30s\" or \"1h30m\", or a number of seconds")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Period, E> {
                duration(text).map(Period).map_err(E::custom)
            }

            fn visit_f64<E: Error>(self, seconds: f64) -> Result<Period, E> {
                from_seconds(seconds).map(Period).map_err(E::custom)
            }

            fn visit_u64<E: Error>(self, seconds: u64) -> Result<Period, E> {
                // Beyond 2^53 it is longer than is allowed anyway.
                self.visit_f64(seconds as f64)
            }

            fn visit_i64<E: Error>(self, seconds: i64) -> Result<Period, E> {
                let refused = || E::invalid_value(Unexpected::Signed(seconds), &self);
                u64::try_from(seconds).map_err(|_| refused()).and_then(|seconds| self.visit_u64(seconds))
            }
        }
        deserializer.deserialize_any(Reading)
    }
}

impl JsonSchema for Period {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Period".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": ["string", "number"],
            "format": Self::FORMAT,
            "description": "A text with units (\"30s\", \"1h30m\"), or a number of seconds.",
        })
    }

    fn inline_schema() -> bool {
        true
    }
}

/// Reads `1s`, `250ms`, `1h30m`, `0.5s`.
///
/// # Errors
/// What is wrong with it: a fragment.
pub fn duration(text: &str) -> Result<Duration, String> {
    let mut rest = text.trim();
    if rest.is_empty() {
        return Err("an empty text is no length of time".to_owned());
    }
    let mut seconds = 0.0;
    while !rest.is_empty() {
        let (number, after) = leading_number(rest).ok_or_else(|| format!("`{text}` is no length of time"))?;
        let after = after.trim_start();
        let letters = after.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(after.len());
        let (unit, after) = after.split_at(letters);
        seconds += number
            * match unit {
                "ms" => 0.001,
                "s" => 1.0,
                "m" | "min" => 60.0,
                "h" => 3600.0,
                "d" => 86_400.0,
                "" => return Err(format!("`{text}` has a number without a unit")),
                other => return Err(format!("`{other}` is no unit of time")),
            };
        rest = after.trim_start();
    }
    from_seconds(seconds)
}

/// The length of time of so many seconds.
///
/// # Errors
/// When there is no such length of time.
pub fn from_seconds(seconds: f64) -> Result<Duration, String> {
    if seconds.is_nan() {
        return Err("NaN is no length of time".to_owned());
    }
    if seconds < 0.0 {
        return Err("a length of time cannot be negative".to_owned());
    }
    if seconds > LONGEST {
        return Err("this is longer than 10 years".to_owned());
    }
    Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())
}

/// Reads `512MiB`, `2 GB`, `64kB`, `100 B`.
///
/// # Errors
/// What is wrong with it: a fragment.
pub fn size(text: &str) -> Result<u64, String> {
    let (number, unit) = leading_number(text.trim()).ok_or_else(|| format!("`{text}` is no size"))?;
    let factor: f64 = match unit.trim_start().to_ascii_lowercase().as_str() {
        "" => return Err(format!("`{text}` has no unit")),
        "b" => 1.0,
        "kb" => 1e3,
        "mb" => 1e6,
        "gb" => 1e9,
        "tb" => 1e12,
        "kib" => 1024.0,
        "mib" => 1_048_576.0,
        "gib" => 1_073_741_824.0,
        "tib" => 1_099_511_627_776.0,
        _ => return Err(format!("`{}` is no unit of size", unit.trim_start())),
    };
    let bytes = (number * factor).round();
    // 2^53: beyond it a float no longer counts single bytes, and no machine has so many.
    if bytes > 9_007_199_254_740_992.0 {
        return Err("no machine has so much".to_owned());
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it lies between 0 and 2^53")]
    Ok(bytes as u64)
}

/// The number that `text` begins with, and what comes after it. Digits and one dot: no sign, no exponent.
fn leading_number(text: &str) -> Option<(f64, &str)> {
    let end = text.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(text.len());
    let (number, rest) = text.split_at(end);
    number.starts_with(|c: char| c.is_ascii_digit()).then(|| number.parse().ok()).flatten().map(|n| (n, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_time_are_read_as_people_write_them() {
        let table = [("1s", 1000), ("250ms", 250), ("1h30m", 5_400_000), ("0.5s", 500), ("1 h 5 min", 3_900_000)];
        for (text, millis) in table {
            assert_eq!(duration(text), Ok(Duration::from_millis(millis)), "{text}");
        }
    }

    #[test]
    fn what_is_no_length_of_time_is_told_apart() {
        let table = [
            ("", "an empty text is no length of time"),
            ("soon", "`soon` is no length of time"),
            ("-1s", "`-1s` is no length of time"),
            ("10", "`10` has a number without a unit"),
            ("1h30", "`1h30` has a number without a unit"),
            ("3 weeks", "`weeks` is no unit of time"),
            ("1.2.3s", "`1.2.3s` is no length of time"),
            ("99999d", "this is longer than 10 years"),
        ];
        for (text, message) in table {
            assert_eq!(duration(text), Err(message.to_owned()));
        }
        assert_eq!(from_seconds(f64::NAN), Err("NaN is no length of time".to_owned()));
        assert_eq!(from_seconds(-1.0), Err("a length of time cannot be negative".to_owned()));
    }

    #[test]
    fn sizes_are_read_as_people_write_them() {
        let table = [("512MiB", 512 << 20), ("2 GB", 2_000_000_000), ("1.5KiB", 1536), ("0 B", 0), ("3kb", 3000)];
        for (text, bytes) in table {
            assert_eq!(size(text), Ok(bytes), "{text}");
        }
        assert_eq!(size("512"), Err("`512` has no unit".to_owned()));
        assert_eq!(size("512M"), Err("`M` is no unit of size".to_owned()));
        assert_eq!(size("lots"), Err("`lots` is no size".to_owned()));
        assert_eq!(size("99999999TB"), Err("no machine has so much".to_owned()));
    }
}
