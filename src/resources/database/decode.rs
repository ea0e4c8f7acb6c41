//! Values of a database as JSON.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Number, Value};

/// The most digits of a decimal that a 64-bit float keeps, all of them (IEEE 754, 15.95 of them).
const DIGITS_OF_A_FLOAT: usize = 15;

/// Bytes as base64.
pub(super) fn bytes(bytes: &[u8]) -> Value {
    Value::String(STANDARD.encode(bytes))
}

/// A float; what JSON has no number for is a text: `NaN`, `Infinity`, `-Infinity`.
pub(super) fn float(number: f64) -> Value {
    Number::from_f64(number).map_or_else(
        || {
            let word = if number.is_nan() {
                "NaN"
            } else if number > 0.0 {
                "Infinity"
            } else {
                "-Infinity"
            };
            Value::String(word.to_owned())
        },
        Value::Number,
    )
}

/// A float of 32 bits as its shortest digits say it: 0.1, and not 0.10000000149011612.
pub(super) fn short_float(number: f32) -> Value {
    number.to_string().parse().map_or_else(|_| float(f64::from(number)), float)
}

/// An exact number: a number where JSON's says the same, a text of its digits otherwise.
pub(super) fn decimal(text: &str) -> Value {
    if let Ok(number) = text.parse::<i64>() {
        return number.into();
    }
    if let Ok(number) = text.parse::<u64>() {
        return number.into();
    }
    let digits = text.trim_start_matches(['-', '0', '.']).bytes().filter(u8::is_ascii_digit).count();
    let is_exact = digits <= DIGITS_OF_A_FLOAT && text.contains('.');
    let number = is_exact.then(|| text.parse().ok()).flatten().and_then(Number::from_f64);
    number.map_or_else(|| Value::String(text.to_owned()), Value::Number)
}

/// JSON as it is; what does not parse is a text.
pub(super) fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned()))
}

/// About how many bytes the value is as JSON.
pub(super) fn size(value: &Value) -> usize {
    match value {
        Value::String(text) => text.len() + 2,
        Value::Array(values) => values.iter().map(|value| size(value) + 1).sum::<usize>() + 2,
        Value::Object(fields) => fields.iter().map(|(name, value)| name.len() + size(value) + 4).sum::<usize>() + 2,
        _ => 8,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_exact_number_loses_nothing() {
        let table = [
            ("12.50", json!(12.5)),
            ("-3", json!(-3)),
            ("18446744073709551615", json!(u64::MAX)),
            ("123456789012345678901234567890", json!("123456789012345678901234567890")),
            ("0.1234567890123456789", json!("0.1234567890123456789")),
            ("0.000000000000001", json!(0.000_000_000_000_001)),
            ("NaN", json!("NaN")),
        ];
        for (text, value) in table {
            assert_eq!(decimal(text), value);
        }
        assert_eq!(short_float(0.1), json!(0.1));
        assert_eq!(float(f64::NEG_INFINITY), json!("-Infinity"));
    }
}
