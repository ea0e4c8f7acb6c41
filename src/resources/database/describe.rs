//! What a table looks like, and making one.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::columns::{Column, Kind, Table};
use super::connection::{Connection, Trouble};
use super::fault;
use super::fit::Bound;
use super::incarnation;
use super::names::{quoted, quoted_list, quoted_table};
use super::settings::Backend;
use crate::resilience::Fault;

/// What a table of PostgreSQL has for columns: the name, the type for a cast, the type below a domain, of an array's elements.
/// A type without its modifier: a cast to `varchar(3)` would cut.
const POSTGRES_COLUMNS: &str = "SELECT a.attname::text, format_type(a.atttypid, -1), \
    coalesce(e.typname, b.typname)::text, e.oid IS NOT NULL \
    FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid \
    JOIN pg_type b ON b.oid = CASE t.typtype WHEN 'd' THEN t.typbasetype ELSE t.oid END \
    LEFT JOIN pg_type e ON e.oid = b.typelem AND b.typcategory = 'A' \
    WHERE a.attrelid = to_regclass(CAST($1 AS text)) AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum";
/// The same of types by their numbers.
const POSTGRES_TYPES: &str = "SELECT format_type(b.oid, -1), coalesce(e.typname, b.typname)::text, e.oid IS NOT NULL \
    FROM unnest(CAST(CAST($1 AS text) AS oid[])) WITH ORDINALITY AS asked(oid, place) \
    JOIN pg_type t ON t.oid = asked.oid \
    JOIN pg_type b ON b.oid = CASE t.typtype WHEN 'd' THEN t.typbasetype ELSE t.oid END \
    LEFT JOIN pg_type e ON e.oid = b.typelem AND b.typcategory = 'A' ORDER BY asked.place";
/// Each part with its own schema and name: otherwise the server opens every table there is.
/// <https://mariadb.com/kb/en/information-schema-tables/>
const MYSQL_COLUMNS: &str = "SELECT CAST(column_name AS CHAR), CAST(data_type AS CHAR) FROM information_schema.columns \
    WHERE table_schema = COALESCE(?, DATABASE()) AND table_name = ? ORDER BY ordinal_position";
const MYSQL_ENGINE: &str = "SELECT CAST(engine AS CHAR) FROM information_schema.tables \
     WHERE table_schema = COALESCE(?, DATABASE()) AND table_name = ?";
/// The columns of every unique index. Of one over the beginning of a text, that beginning is no column.
const MYSQL_KEYS: &str = "SELECT CAST(index_name AS CHAR), \
    CONCAT(CAST(COALESCE(column_name, '') AS CHAR), COALESCE(CONCAT('(', sub_part, ')'), '')) \
    FROM information_schema.statistics \
    WHERE table_schema = COALESCE(?, DATABASE()) AND table_name = ? AND non_unique = 0";
const SQLITE_COLUMNS: &str = "SELECT name, type FROM pragma_table_xinfo(?1, ?2)";

/// The columns of the table; none: there is no such table.
pub(super) async fn table(connection: &mut Connection, parts: &[String]) -> Result<Option<Table>, Trouble> {
    let [.., name] = parts else { return Ok(None) };
    let schema = schema_of(parts);
    let name = Bound::Text(name.clone());
    let backend = connection.backend();
    let mut engine = None;
    let rows = match backend {
        Backend::Postgresql => {
            connection.fetch(POSTGRES_COLUMNS, vec![Bound::Text(quoted_table(parts, backend))]).await?
        }
        Backend::Mysql => {
            let place = vec![schema, name];
            let engines = connection.fetch(MYSQL_ENGINE, place.clone()).await?;
            engine = engines.first().map(|row| text(row, 0));
            connection.fetch(MYSQL_COLUMNS, place).await?
        }
        Backend::Sqlite | Backend::Memory => connection.fetch(SQLITE_COLUMNS, vec![name, schema]).await?,
    };
    let columns: Vec<Column> = rows
        .iter()
        .map(|row| {
            let (name, second) = (text(row, 0), text(row, 1));
            let kind = match backend {
                Backend::Postgresql => Kind::of_postgres(&text(row, 2), row.get(3) == Some(&Value::Bool(true))),
                Backend::Mysql => Kind::of_mysql(&second),
                Backend::Sqlite | Backend::Memory => Kind::of_sqlite(&second),
            };
            Column { name, kind, type_name: second }
        })
        .collect();
    if columns.is_empty() {
        return Ok(None);
    }
    Ok(Some(Table { columns, engine, incarnation: incarnation::of(connection, parts).await? }))
}

fn text(row: &[Value], at: usize) -> String {
    row.get(at).and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// The schema that is named; nothing: it is the connection's own.
fn schema_of(parts: &[String]) -> Bound {
    if parts.len() > 1 { Bound::Text(parts[0].clone()) } else { Bound::Null }
}

/// What the parameters of a statement of PostgreSQL hold, and their types for a cast.
pub(super) async fn types(connection: &mut Connection, oids: &[u32]) -> Result<Vec<(Kind, String)>, Trouble> {
    if oids.is_empty() {
        return Ok(Vec::new());
    }
    let list = oids.iter().map(u32::to_string).collect::<Vec<_>>().join(",");
    let rows = connection.fetch(POSTGRES_TYPES, vec![Bound::Text(format!("{{{list}}}"))]).await?;
    Ok(rows
        .iter()
        .map(|row| (Kind::of_postgres(&text(row, 1), row.get(2) == Some(&Value::Bool(true))), text(row, 0)))
        .collect())
}

/// That MySQL knows a row of the table by its key, and by nothing else.
///
/// It takes any unique index for the one that is meant. So there must be one over just these columns, else the row is inserted
/// once more; and none over other columns of the row, else a row with another key is updated that is the same in those.
/// <https://dev.mysql.com/doc/refman/8.4/en/insert-on-duplicate.html>
pub(super) async fn check_key(
    connection: &mut Connection,
    parts: &[String],
    table: &str,
    key: &[String],
    rows: &[Map<String, Value>],
) -> Result<(), Trouble> {
    let [.., name] = parts else { return Ok(()) };
    let indices = connection.fetch(MYSQL_KEYS, vec![schema_of(parts), Bound::Text(name.clone())]).await?;
    let mut unique: std::collections::BTreeMap<String, BTreeSet<String>> = std::collections::BTreeMap::new();
    for row in &indices {
        unique.entry(text(row, 0)).or_default().insert(text(row, 1).to_lowercase());
    }
    let lower = |name: &String| name.to_lowercase();
    let key: BTreeSet<String> = key.iter().map(lower).collect();
    let given: BTreeSet<String> = rows.iter().flat_map(Map::keys).map(lower).collect();
    let list = |names: &BTreeSet<String>| names.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
    if !unique.values().any(|columns| *columns == key) {
        let fault = Fault::input("key", format!("table '{table}' has no unique index over just {}", list(&key)));
        return Err(fault.with_hint("make a unique index over the columns of `key`").into());
    }
    let is_given = |column: &String| given.contains(column.split_once('(').map_or(column.as_str(), |(name, _)| name));
    if let Some(other) = unique.values().find(|columns| !columns.is_superset(&key) && columns.iter().all(is_given)) {
        let message = format!(
            "table '{table}' has a unique index over {} too, by which MySQL would update a row with another key",
            list(other)
        );
        let hint = "leave one of its columns out of the row, or name its columns in `key`";
        return Err(Fault::input("key", message).with_hint(hint).into());
    }
    Ok(())
}

/// Makes the table, with the columns of the rows and types of their values.
pub(super) async fn create(
    connection: &mut Connection,
    parts: &[String],
    rows: &[Map<String, Value>],
    key: &[String],
) -> Result<(), Trouble> {
    let sql = create_statement(parts, rows, key, &incarnation::mark(), connection.backend());
    match connection.plain(&sql).await {
        Err(error) if !fault::is_made_by_another(&error) => Err(error.into()),
        _ => Ok(()),
    }
}

fn create_statement(
    parts: &[String],
    rows: &[Map<String, Value>],
    key: &[String],
    mark: &str,
    backend: Backend,
) -> String {
    let mut columns: indexmap::IndexMap<&str, Option<Made>> = indexmap::IndexMap::new();
    for (name, value) in rows.iter().flatten() {
        let made = columns.entry(name).or_default();
        *made = match (*made, Made::of(value)) {
            (known, None) => known,
            (None, new) => new,
            (Some(known), Some(new)) => Some(known.and(new)),
        };
    }
    let mut parts_of_it: Vec<String> = columns
        .iter()
        .map(|(name, made)| {
            let is_key = key.iter().any(|key| key == name);
            format!("{} {}", quoted(name, backend), made.unwrap_or(Made::Text).word(backend, is_key))
        })
        .collect();
    if !key.is_empty() {
        parts_of_it.push(format!("PRIMARY KEY ({})", quoted_list(key.iter().map(String::as_str), backend)));
    }
    let (comment, end) = match backend {
        Backend::Postgresql => (String::new(), String::new()),
        Backend::Mysql => (String::new(), format!(" ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COMMENT = '{mark}'")),
        // SQLite keeps the statement as it was written, whatever is added to the table later.
        Backend::Sqlite | Backend::Memory => (format!(" /* {mark} */"), String::new()),
    };
    format!("CREATE TABLE IF NOT EXISTS {} ({}{comment}){end}", quoted_table(parts, backend), parts_of_it.join(", "))
}

/// The type of a column that is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Made {
    Boolean,
    Integer,
    Real,
    Text,
    Json,
}

impl Made {
    fn of(value: &Value) -> Option<Self> {
        Some(match value {
            Value::Null => return None,
            Value::Bool(_) => Self::Boolean,
            Value::Number(number) if number.is_f64() => Self::Real,
            Value::Number(_) => Self::Integer,
            Value::String(_) => Self::Text,
            Value::Array(_) | Value::Object(_) => Self::Json,
        })
    }

    /// What holds both.
    fn and(self, other: Self) -> Self {
        match (self, other) {
            (one, other) if one == other => one,
            (Self::Integer, Self::Real) | (Self::Real, Self::Integer) => Self::Real,
            _ => Self::Text,
        }
    }

    const fn word(self, backend: Backend, is_key: bool) -> &'static str {
        match (self, backend) {
            (Self::Boolean, _) => "BOOLEAN",
            (Self::Integer, Backend::Sqlite | Backend::Memory) => "INTEGER",
            (Self::Integer, _) => "BIGINT",
            (Self::Real, Backend::Sqlite | Backend::Memory) => "REAL",
            (Self::Real, Backend::Mysql) => "DOUBLE",
            (Self::Real, _) => "DOUBLE PRECISION",
            // A key of MySQL has a length; case and accents tell keys apart, as they do elsewhere.
            (Self::Text, Backend::Mysql) if is_key => "VARCHAR(255) COLLATE utf8mb4_bin",
            (Self::Text, Backend::Mysql) => "LONGTEXT",
            (Self::Text, _) => "TEXT",
            (Self::Json, Backend::Postgresql) => "JSONB",
            (Self::Json, Backend::Mysql) => "JSON",
            (Self::Json, _) => "TEXT",
        }
    }
}

/// That the table lacks the column `name`, with those that it has.
pub(super) fn no_column(table: &str, name: &str, columns: &[Column]) -> Fault {
    let known = columns.iter().map(|column| column.name.as_str()).collect::<Vec<_>>().join(", ");
    Fault::input("column-missing", format!("table '{table}' has no column '{}'", name.escape_debug()))
        .with_hint(format!("its columns are: {known}"))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test that cannot unwrap has failed")]

    use serde_json::json;

    use super::*;

    #[test]
    fn a_table_is_made_with_types_that_hold_all_values() {
        let rows =
            json!([{ "id": "a", "n": 1, "x": 1, "j": [1], "b": true, "z": null }, { "id": "b", "x": 1.5, "b": "no" }]);
        let rows: Vec<Map<String, Value>> = serde_json::from_value(rows).unwrap();
        let sql = |backend| create_statement(&["s".into(), "t\"`".into()], &rows, &["id".into()], "mark", backend);
        assert_eq!(
            sql(Backend::Postgresql),
            "CREATE TABLE IF NOT EXISTS \"s\".\"t\"\"`\" (\"id\" TEXT, \"n\" BIGINT, \"x\" DOUBLE PRECISION, \
             \"j\" JSONB, \"b\" TEXT, \"z\" TEXT, PRIMARY KEY (\"id\"))"
        );
        assert!(sql(Backend::Mysql).contains("`s`.`t\"``` (`id` VARCHAR(255) COLLATE utf8mb4_bin, `n` BIGINT"));
        assert!(sql(Backend::Sqlite).contains("\"x\" REAL, \"j\" TEXT"));
    }
}
