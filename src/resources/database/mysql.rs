//! MySQL and MariaDB: parameters and rows of prepared statements.

use serde_json::Value;
use sqlx::mysql::{MySqlArguments, MySqlRow, MySqlTypeInfo};
use sqlx::{Arguments, Column as _, MySql, Row as _, TypeInfo as _, ValueRef as _};

use super::decode;
use super::fit::Bound;
use super::moments;

/// The values as arguments.
pub(super) fn arguments(values: Vec<Bound>) -> Result<MySqlArguments, sqlx::Error> {
    let mut arguments = MySqlArguments::default();
    for value in values {
        match value {
            Bound::Null => arguments.add(None::<String>),
            Bound::Bool(truth) => arguments.add(truth),
            Bound::Int(number) => arguments.add(number),
            Bound::UInt(number) => arguments.add(number),
            Bound::Real(number) => arguments.add(number),
            Bound::Text(text) => arguments.add(text),
            Bound::Bytes(bytes) => arguments.add(bytes),
        }
        .map_err(sqlx::Error::Encode)?;
    }
    Ok(arguments)
}

/// The values of a row.
pub(super) fn values(row: &MySqlRow) -> Result<Vec<Value>, sqlx::Error> {
    let mut values = Vec::with_capacity(row.len());
    for (at, column) in row.columns().iter().enumerate() {
        let is_null = row.try_get_raw(at)?.is_null();
        let value = if is_null { Some(Value::Null) } else { value(row, at, column.type_info())? };
        values.push(value.ok_or_else(|| sqlx::Error::ColumnDecode {
            index: column.name().to_owned(),
            source: format!("the server sent something else than a {}", column.type_info().name()).into(),
        })?);
    }
    Ok(values)
}

fn value(row: &MySqlRow, at: usize, info: &MySqlTypeInfo) -> Result<Option<Value>, sqlx::Error> {
    let name = info.name();
    Ok(match name {
        "BOOLEAN" => Some(match row.try_get_unchecked::<i64, _>(at)? {
            0 => false.into(),
            1 => true.into(),
            other => other.into(),
        }),
        "YEAR" | "BIT" => Some(row.try_get_unchecked::<u64, _>(at)?.into()),
        _ if name.ends_with(" UNSIGNED") => Some(row.try_get_unchecked::<u64, _>(at)?.into()),
        _ if name.ends_with("INT") => Some(row.try_get_unchecked::<i64, _>(at)?.into()),
        "FLOAT" => Some(decode::short_float(row.try_get_unchecked(at)?)),
        "DOUBLE" => Some(decode::float(row.try_get_unchecked(at)?)),
        "DECIMAL" => Some(decode::decimal(row.try_get_unchecked(at)?)),
        "JSON" => Some(decode::json(row.try_get_unchecked(at)?)),
        "DATE" => moment(row.try_get_unchecked(at)?, None).map(Value::String),
        "DATETIME" => moment(row.try_get_unchecked(at)?, Some("")).map(Value::String),
        // The session is in UTC.
        "TIMESTAMP" => moment(row.try_get_unchecked(at)?, Some("Z")).map(Value::String),
        "TIME" => time(row.try_get_unchecked(at)?).map(Value::String),
        // What has a collation is text, whatever its name.
        _ if <String as sqlx::Type<MySql>>::compatible(info) => Some(row.try_get_unchecked::<String, _>(at)?.into()),
        _ => Some(decode::bytes(row.try_get_unchecked(at)?)),
    })
}

/// A date or a moment: length, year, month, day, hour, minute, second, microseconds; as much of it as is not zero.
/// <https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_binary_resultset.html>
/// Without a `zone` it is a date.
fn moment(bytes: &[u8], zone: Option<&str>) -> Option<String> {
    let &[length, low, high, month, day, ref rest @ ..] = bytes else { return None };
    let date = format!("{:04}-{month:02}-{day:02}", u16::from_le_bytes([low, high]));
    let Some(zone) = zone else { return Some(date) };
    Some(match (length, rest) {
        (4, _) => format!("{date}T00:00:00{zone}"),
        (_, &[hour, minute, second, ref rest @ ..]) => {
            format!("{date}T{}{zone}", moments::time(clock(0, hour, minute, second) + micros(rest)))
        }
        _ => return None,
    })
}

/// A length of time: length, sign, days, hour, minute, second, microseconds. Up to 838 hours, either way.
fn time(bytes: &[u8]) -> Option<String> {
    Some(match bytes {
        [0] => "00:00:00".to_owned(),
        &[_, negative, a, b, c, d, hour, minute, second, ref rest @ ..] => {
            let days = i64::from(u32::from_le_bytes([a, b, c, d]));
            let sign = if negative == 1 { "-" } else { "" };
            format!("{sign}{}", moments::time(clock(days, hour, minute, second) + micros(rest)))
        }
        _ => return None,
    })
}

fn clock(days: i64, hour: u8, minute: u8, second: u8) -> i64 {
    (((days * 24 + i64::from(hour)) * 60 + i64::from(minute)) * 60 + i64::from(second)) * 1_000_000
}

fn micros(rest: &[u8]) -> i64 {
    rest.try_into().map_or(0, |bytes| i64::from(u32::from_le_bytes(bytes)))
}
