//! PostgreSQL: parameters as text, rows out of their binary form.
//!
//! A parameter is sent as text and cast by the server to the type that it is wanted as, so that the server's own rules
//! hold for every type that it has. <https://www.postgresql.org/docs/current/protocol-overview.html#PROTOCOL-FORMAT-CODES>

use serde_json::Value;
use sqlx::postgres::{PgArguments, PgRow, PgTypeInfo, PgTypeKind};
use sqlx::{Arguments, Column as _, Row as _, ValueRef as _};

use super::decode;
use super::fit::{Bound, as_text};
use super::moments;

/// Days from 1970-01-01 to 2000-01-01, which PostgreSQL counts from.
const EPOCH_DAYS: i64 = 10_957;
const EPOCH_MICROS: i64 = EPOCH_DAYS * 86_400_000_000;

/// How a column is written in the binary form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Shape {
    Bool,
    Integer,
    Oid,
    Float,
    Text,
    Numeric,
    Uuid,
    Json,
    Jsonb,
    Bytes,
    Date,
    Time,
    Timestamp,
    Timestamptz,
    Array(Box<Self>),
}

impl Shape {
    /// The shape of the type; nothing where the server must make a text of it.
    /// <https://github.com/postgres/postgres/blob/master/src/include/catalog/pg_type.dat>
    pub(super) fn of(info: &PgTypeInfo) -> Option<Self> {
        match info.kind() {
            PgTypeKind::Array(of) => return Self::of(of).map(|of| Self::Array(Box::new(of))),
            PgTypeKind::Domain(of) => return Self::of(of),
            PgTypeKind::Enum(_) => return Some(Self::Text),
            PgTypeKind::Simple | PgTypeKind::Pseudo => {}
            _ => return None,
        }
        Some(match info.oid()?.0 {
            16 => Self::Bool,
            17 => Self::Bytes,
            20 | 21 | 23 => Self::Integer,
            26 => Self::Oid,
            // "char" and unknown are texts like text, name, character and character varying; void is an empty one.
            18 | 19 | 25 | 705 | 1042 | 1043 | 2278 => Self::Text,
            114 => Self::Json,
            700 | 701 => Self::Float,
            1082 => Self::Date,
            1083 => Self::Time,
            1114 => Self::Timestamp,
            1184 => Self::Timestamptz,
            1700 => Self::Numeric,
            2950 => Self::Uuid,
            3802 => Self::Jsonb,
            _ => return None,
        })
    }
}

/// The values as arguments: texts, all of them.
pub(super) fn arguments(values: Vec<Bound>) -> Result<PgArguments, sqlx::Error> {
    let mut arguments = PgArguments::default();
    for value in values {
        arguments.add(as_text(value)).map_err(sqlx::Error::Encode)?;
    }
    Ok(arguments)
}

/// The values of a row.
pub(super) fn values(row: &PgRow, shapes: Option<&[Shape]>) -> Result<Vec<Value>, sqlx::Error> {
    let mut values = Vec::with_capacity(row.len());
    for (at, column) in row.columns().iter().enumerate() {
        let raw = row.try_get_raw(at)?;
        if raw.is_null() {
            values.push(Value::Null);
            continue;
        }
        let bytes = raw.as_bytes().map_err(sqlx::Error::Decode)?;
        let own;
        let shape = match shapes.and_then(|shapes| shapes.get(at)) {
            Some(shape) => shape,
            None => {
                own = Shape::of(column.type_info()).unwrap_or(Shape::Text);
                &own
            }
        };
        let value = value(bytes, shape).ok_or_else(|| sqlx::Error::ColumnDecode {
            index: column.name().to_owned(),
            source: format!("the server sent something else than a {shape:?}").into(),
        })?;
        values.push(value);
    }
    Ok(values)
}

fn value(bytes: &[u8], shape: &Shape) -> Option<Value> {
    let text = |bytes: &[u8]| std::str::from_utf8(bytes).ok().map(str::to_owned);
    Some(match shape {
        Shape::Bool => (bytes.first()? != &0).into(),
        Shape::Integer => integer(bytes)?.into(),
        Shape::Oid => u32::from_be_bytes(bytes.try_into().ok()?).into(),
        Shape::Float => match bytes.len() {
            4 => decode::short_float(f32::from_be_bytes(bytes.try_into().ok()?)),
            _ => decode::float(f64::from_be_bytes(bytes.try_into().ok()?)),
        },
        Shape::Text => text(bytes)?.into(),
        Shape::Numeric => decode::decimal(&numeric(bytes)?),
        Shape::Uuid => uuid(bytes)?.into(),
        Shape::Json => decode::json(&text(bytes)?),
        // The first byte is the version of the form.
        Shape::Jsonb => decode::json(&text(bytes.get(1..)?)?),
        Shape::Bytes => decode::bytes(bytes),
        Shape::Date => match i32::from_be_bytes(bytes.try_into().ok()?) {
            i32::MAX => "infinity".into(),
            i32::MIN => "-infinity".into(),
            days => moments::date(i64::from(days) + EPOCH_DAYS).into(),
        },
        Shape::Time => moments::time(integer(bytes)?).into(),
        Shape::Timestamp => moment(bytes, "")?.into(),
        Shape::Timestamptz => moment(bytes, "Z")?.into(),
        Shape::Array(of) => array(bytes, of)?,
    })
}

fn integer(bytes: &[u8]) -> Option<i64> {
    Some(match bytes.len() {
        2 => i64::from(i16::from_be_bytes(bytes.try_into().ok()?)),
        4 => i64::from(i32::from_be_bytes(bytes.try_into().ok()?)),
        _ => i64::from_be_bytes(bytes.try_into().ok()?),
    })
}

fn moment(bytes: &[u8], zone: &str) -> Option<String> {
    Some(match i64::from_be_bytes(bytes.try_into().ok()?) {
        i64::MAX => "infinity".to_owned(),
        i64::MIN => "-infinity".to_owned(),
        micros => format!("{}{zone}", moments::moment(micros.checked_add(EPOCH_MICROS)?)),
    })
}

fn uuid(bytes: &[u8]) -> Option<String> {
    let number = u128::from_be_bytes(bytes.try_into().ok()?);
    let digits = format!("{number:032x}");
    Some([&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..]].join("-"))
}

/// Reads big-endian numbers of 16 and 32 bits, one after another.
struct Reading<'a>(&'a [u8]);

impl<'a> Reading<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn short(&mut self) -> Option<i16> {
        self.take(2)?.try_into().ok().map(i16::from_be_bytes)
    }

    fn long(&mut self) -> Option<i32> {
        self.take(4)?.try_into().ok().map(i32::from_be_bytes)
    }
}

/// A numeric: digits of base 10,000, the weight of the first, the sign, and how many decimals are shown.
/// <https://github.com/postgres/postgres/blob/master/src/backend/utils/adt/numeric.c> (`numeric_send`)
fn numeric(bytes: &[u8]) -> Option<String> {
    let mut reading = Reading(bytes);
    let (count, weight) = (reading.short()?, reading.short()?);
    let (sign, scale) = (reading.short()?.cast_unsigned(), usize::try_from(reading.short()?).ok()?);
    let digits = (0..count).map(|_| reading.short()).collect::<Option<Vec<_>>>()?;
    let mut text = match sign {
        0xC000 => return Some("NaN".to_owned()),
        0xD000 => return Some("Infinity".to_owned()),
        0xF000 => return Some("-Infinity".to_owned()),
        0x4000 => String::from("-"),
        _ => String::new(),
    };
    let digit = |place: i32| usize::try_from(place).ok().and_then(|place| digits.get(place)).copied().unwrap_or(0);
    if weight < 0 {
        text.push('0');
    }
    for place in 0..=i32::from(weight) {
        let group = digit(place);
        text.push_str(&if place == 0 { group.to_string() } else { format!("{group:04}") });
    }
    if scale > 0 {
        let mut decimals = String::with_capacity(scale + 4);
        let mut place = i32::from(weight) + 1;
        if weight < 0 {
            place = 0;
            decimals.extend(std::iter::repeat_n("0000", usize::try_from(-1 - i32::from(weight)).ok()?));
        }
        while decimals.len() < scale {
            decimals.push_str(&format!("{:04}", digit(place)));
            place += 1;
        }
        text.push('.');
        text.push_str(&decimals[..scale]);
    }
    Some(text)
}

/// An array: dimensions, a flag, the type of the elements; for each dimension its length and first index; the elements.
/// <https://github.com/postgres/postgres/blob/master/src/backend/utils/adt/arrayfuncs.c> (`array_send`)
fn array(bytes: &[u8], of: &Shape) -> Option<Value> {
    let mut reading = Reading(bytes);
    let dimensions = reading.long()?;
    reading.take(8)?;
    let mut lengths = Vec::new();
    for _ in 0..dimensions {
        lengths.push(reading.long()?);
        reading.take(4)?;
    }
    if lengths.is_empty() {
        return Some(Value::Array(Vec::new()));
    }
    elements(&mut reading, &lengths, of)
}

fn elements(reading: &mut Reading<'_>, lengths: &[i32], of: &Shape) -> Option<Value> {
    let Some((length, inner)) = lengths.split_first() else {
        let length = reading.long()?;
        // -1 is null.
        return match usize::try_from(length) {
            Ok(length) => value(reading.take(length)?, of),
            Err(_) => Some(Value::Null),
        };
    };
    (0..*length).map(|_| elements(reading, inner, of)).collect::<Option<Vec<_>>>().map(Value::Array)
}
