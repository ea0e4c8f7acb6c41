//! SQLite: parameters and rows. A value has a type of its own there, whatever its column is declared as
//! (<https://www.sqlite.org/datatype3.html>).

use serde_json::Value;
use sqlx::sqlite::{SqliteArguments, SqliteRow};
use sqlx::{Arguments, Column as _, Row as _, TypeInfo as _, ValueRef as _};

use super::decode;
use super::fit::Bound;

/// The values as arguments.
pub(super) fn arguments(values: Vec<Bound>) -> Result<SqliteArguments, sqlx::Error> {
    let mut arguments = SqliteArguments::default();
    for value in values {
        match value {
            Bound::Null => Arguments::add(&mut arguments, None::<i64>),
            Bound::Bool(truth) => Arguments::add(&mut arguments, truth),
            Bound::Int(number) => Arguments::add(&mut arguments, number),
            Bound::UInt(number) => match i64::try_from(number) {
                Ok(number) => Arguments::add(&mut arguments, number),
                Err(error) => Err(error.into()),
            },
            Bound::Real(number) => Arguments::add(&mut arguments, number),
            Bound::Text(text) => Arguments::add(&mut arguments, text),
            Bound::Bytes(bytes) => Arguments::add(&mut arguments, bytes),
        }
        .map_err(sqlx::Error::Encode)?;
    }
    Ok(arguments)
}

/// The values of a row.
pub(super) fn values(row: &SqliteRow) -> Result<Vec<Value>, sqlx::Error> {
    let mut values = Vec::with_capacity(row.len());
    for (at, column) in row.columns().iter().enumerate() {
        let raw = row.try_get_raw(at)?;
        let (is_null, info) = (raw.is_null(), raw.type_info().into_owned());
        drop(raw);
        if is_null {
            values.push(Value::Null);
            continue;
        }
        values.push(match info.name() {
            "REAL" => decode::float(row.try_get_unchecked(at)?),
            "TEXT" => text(row, at)?,
            "BLOB" => decode::bytes(row.try_get_unchecked(at)?),
            _ => match (row.try_get_unchecked::<i64, _>(at)?, column.type_info().name()) {
                (0, "BOOLEAN") => false.into(),
                (1, "BOOLEAN") => true.into(),
                (number, _) => number.into(),
            },
        });
    }
    Ok(values)
}

/// A text: SQLite does not see to it that it is UTF-8.
fn text(row: &SqliteRow, at: usize) -> Result<Value, sqlx::Error> {
    let bytes: &[u8] = row.try_get_unchecked(at)?;
    Ok(String::from_utf8_lossy(bytes).into_owned().into())
}
