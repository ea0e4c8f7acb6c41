//! Values of JSON as the column that they go into wants them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Number, Value};

use super::columns::Kind;
use super::settings::Backend;

/// A value on its way to a database.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Bound {
    Null,
    Bool(bool),
    Int(i64),
    UInt(u64),
    Real(f64),
    Text(String),
    Bytes(Vec<u8>),
}

impl Bound {
    /// About how many bytes it is.
    pub(super) fn size(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Bytes(bytes) => bytes.len(),
            _ => 8,
        }
    }
}

/// `value` for a column that holds `kind`.
///
/// A whole number is a whole number however it is written (`3`, `3.0`, `"3"`), a text that is a number is one in a column
/// of numbers; nothing is rounded and nothing is cut.
///
/// # Errors
/// Why it does not fit: a fragment.
pub(super) fn fit(value: &Value, kind: &Kind, backend: Backend) -> Result<Bound, String> {
    let misfit = |what: &str| Err(format!("{} is no {what}", shown(value)));
    let bound = match (kind, value) {
        (_, Value::Null) => Bound::Null,
        (Kind::Integer, Value::Number(number)) => match whole(number) {
            Some(bound) => bound,
            None => return misfit("whole number"),
        },
        (Kind::Integer, Value::String(text)) => match text.trim().parse().ok().as_ref().and_then(whole) {
            Some(bound) => bound,
            None => return misfit("whole number"),
        },
        (Kind::Integer, Value::Bool(truth)) if backend != Backend::Postgresql => Bound::Int(i64::from(*truth)),
        (Kind::Integer, _) => return misfit("whole number"),
        (Kind::Real, Value::Number(number)) => number.as_f64().map_or(Bound::Null, Bound::Real),
        (Kind::Real, Value::String(text)) => match text.trim().parse::<f64>() {
            Ok(number) if number.is_finite() => Bound::Real(number),
            Ok(_) if backend == Backend::Postgresql => Bound::Text(text.trim().to_owned()),
            _ => return misfit("number"),
        },
        (Kind::Decimal, Value::Number(number)) => Bound::Text(number.to_string()),
        (Kind::Decimal, Value::String(text)) if text.trim().parse::<f64>().is_ok() => {
            Bound::Text(text.trim().to_owned())
        }
        (Kind::Real | Kind::Decimal, _) => return misfit("number"),
        (Kind::Boolean, value) => match truth(value) {
            Some(truth) => Bound::Bool(truth),
            None => return misfit("truth value (true or false)"),
        },
        (Kind::Json, Value::String(text)) if is_list_or_table(text) => Bound::Text(text.clone()),
        (Kind::Json, value) => Bound::Text(value.to_string()),
        (Kind::Bytes, Value::String(text)) => match STANDARD.decode(text.trim()) {
            Ok(bytes) => Bound::Bytes(bytes),
            Err(_) => return misfit("base64, which a column of bytes is written in"),
        },
        (Kind::Bytes, _) => return misfit("text of base64, which a column of bytes is written in"),
        (Kind::Moment, Value::String(text)) => Bound::Text(in_utc(text)),
        (Kind::Array(of), Value::Array(values)) => Bound::Text(array(values, of, backend)?),
        (Kind::Array(_), Value::String(text)) => Bound::Text(text.clone()),
        (Kind::Array(_), _) => return misfit("list"),
        (Kind::Any, Value::Bool(truth)) => Bound::Bool(*truth),
        (Kind::Any, Value::Number(number)) => whole_as_written(number),
        (_, Value::String(text)) => Bound::Text(text.clone()),
        (_, value) => Bound::Text(value.to_string()),
    };
    match (&bound, backend) {
        // <https://www.postgresql.org/docs/current/datatype-character.html>
        (Bound::Text(text), Backend::Postgresql) if text.contains('\0') => {
            Err("a text holds a NUL, which PostgreSQL cannot keep".to_owned())
        }
        (Bound::UInt(number), Backend::Sqlite | Backend::Memory) => {
            Err(format!("{number} is too large: the largest whole number of SQLite is {}", i64::MAX))
        }
        _ => Ok(bound),
    }
}

/// A value for a message: short, and what a person would know it by.
fn shown(value: &Value) -> String {
    const MOST: usize = 40;
    let text = value.to_string().replace("\\u0000", "\u{fffd}");
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text,
    }
}

/// The number as a whole one, if it is one.
fn whole(number: &Number) -> Option<Bound> {
    if let Some(number) = number.as_i64() {
        return Some(Bound::Int(number));
    }
    if let Some(number) = number.as_u64() {
        return Some(Bound::UInt(number));
    }
    let number = number.as_f64()?;
    // 2^63 is a float, 2^63 - 1 is none.
    #[expect(clippy::cast_possible_truncation, reason = "it is whole and lies within")]
    (number.fract() == 0.0 && (-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(&number))
        .then_some(Bound::Int(number as i64))
}

fn whole_as_written(number: &Number) -> Bound {
    match (number.as_i64(), number.as_u64()) {
        (Some(number), _) => Bound::Int(number),
        (None, Some(number)) => Bound::UInt(number),
        (None, None) => number.as_f64().map_or(Bound::Null, Bound::Real),
    }
}

fn truth(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(truth) => Some(*truth),
        Value::Number(number) => match number.as_f64()? {
            0.0 => Some(false),
            1.0 => Some(true),
            _ => None,
        },
        Value::String(text) => match text.trim().to_ascii_lowercase().as_str() {
            "true" | "t" | "yes" | "y" | "on" | "1" => Some(true),
            "false" | "f" | "no" | "n" | "off" | "0" => Some(false),
            _ => None,
        },
        _ => None,
    }
}

/// A text that is a list or a table of JSON already is not made a text of JSON once more.
fn is_list_or_table(text: &str) -> bool {
    text.trim_start().starts_with(['[', '{']) && serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok()
}

/// A moment with a zone in UTC, without the zone; another text as it is.
fn in_utc(text: &str) -> String {
    text.trim()
        .parse::<jiff::Timestamp>()
        .map_or_else(|_| text.to_owned(), |moment| moment.to_zoned(jiff::tz::TimeZone::UTC).datetime().to_string())
}

/// A list as PostgreSQL writes one: `{1,NULL,"a \"b\""}`.
/// <https://www.postgresql.org/docs/current/arrays.html#ARRAYS-IO>
fn array(values: &[Value], of: &Kind, backend: Backend) -> Result<String, String> {
    let mut text = String::from("{");
    for (at, value) in values.iter().enumerate() {
        if at > 0 {
            text.push(',');
        }
        match value {
            Value::Array(inner) if *of != Kind::Json => text.push_str(&array(inner, of, backend)?),
            value => match as_text(fit(value, of, backend)?) {
                None => text.push_str("NULL"),
                Some(element) => {
                    text.push('"');
                    text.push_str(&element.replace('\\', "\\\\").replace('"', "\\\""));
                    text.push('"');
                }
            },
        }
    }
    text.push('}');
    Ok(text)
}

/// The value as PostgreSQL reads it from text; nothing for null.
pub(super) fn as_text(bound: Bound) -> Option<String> {
    Some(match bound {
        Bound::Null => return None,
        Bound::Bool(truth) => truth.to_string(),
        Bound::Int(number) => number.to_string(),
        Bound::UInt(number) => number.to_string(),
        Bound::Real(number) => number.to_string(),
        Bound::Text(text) => text,
        Bound::Bytes(bytes) => {
            use std::fmt::Write as _;
            let mut text = String::with_capacity(2 + 2 * bytes.len());
            text.push_str("\\x");
            for byte in bytes {
                // A text takes all that is written to it.
                let _ = write!(text, "{byte:02x}");
            }
            text
        }
    })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test that cannot unwrap has failed")]

    use serde_json::json;

    use super::*;

    #[test]
    fn a_whole_number_is_one_however_it_is_written_and_a_fraction_never() {
        let fit = |value: Value| fit(&value, &Kind::Integer, Backend::Postgresql);
        for value in [json!(3), json!(3.0), json!("3"), json!(" 3.0 ")] {
            assert_eq!(fit(value), Ok(Bound::Int(3)));
        }
        assert_eq!(fit(json!(u64::MAX)), Ok(Bound::UInt(u64::MAX)));
        assert_eq!(fit(json!(i64::MIN)), Ok(Bound::Int(i64::MIN)));
        assert_eq!(fit(json!(3.5)), Err("3.5 is no whole number".into()));
        assert_eq!(fit(json!("three")), Err("\"three\" is no whole number".into()));
        assert_eq!(fit(json!(1e19)), Err("1e+19 is no whole number".into()));
        assert_eq!(fit(json!(true)), Err("true is no whole number".into()));
    }

    #[test]
    fn a_list_is_written_as_postgresql_reads_one() {
        let fit = |value: Value, of: Kind| fit(&value, &Kind::Array(Box::new(of)), Backend::Postgresql).unwrap();
        assert_eq!(fit(json!([1, null, 2.0]), Kind::Integer), Bound::Text("{\"1\",NULL,\"2\"}".into()));
        assert_eq!(fit(json!([["a\"b"], ["c\\"]]), Kind::Text), Bound::Text(r#"{{"a\"b"},{"c\\"}}"#.into()));
        assert_eq!(fit(json!([[1]]), Kind::Json), Bound::Text("{\"[1]\"}".into()));
    }

    #[test]
    fn what_does_not_fit_is_told() {
        let wrong = |value: Value, kind: Kind, backend| fit(&value, &kind, backend).unwrap_err();
        assert!(wrong(json!("a\0b"), Kind::Text, Backend::Postgresql).contains("NUL"));
        assert!(wrong(json!(u64::MAX), Kind::Any, Backend::Sqlite).contains("too large"));
        assert!(wrong(json!("?"), Kind::Bytes, Backend::Mysql).contains("base64"));
        assert!(wrong(json!("x".repeat(99)), Kind::Real, Backend::Mysql).len() < 80);
        assert!(wrong(json!(2), Kind::Boolean, Backend::Mysql).contains("truth"));
    }

    #[test]
    fn a_moment_with_a_zone_is_kept_in_utc_where_the_server_keeps_no_zone() {
        let fit = |text: &str| fit(&json!(text), &Kind::Moment, Backend::Mysql);
        assert_eq!(fit("2024-02-29T03:04:05.25+02:00"), Ok(Bound::Text("2024-02-29T01:04:05.25".into())));
        assert_eq!(fit("2024-02-29 03:04:05"), Ok(Bound::Text("2024-02-29 03:04:05".into())));
    }
}
