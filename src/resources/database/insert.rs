//! Rows into a table, once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::columns::{Column, Table};
use super::connection::{Connection, Trouble};
use super::describe;
use super::fault;
use super::fit::{Bound, fit};
use super::incarnation;
use super::names::{self, quoted, quoted_list, quoted_table, table_name};
use super::once;
use super::settings::Backend;
use crate::resilience::hash::hash_bytes;
use crate::resilience::{Fault, FaultClass};

/// The most parameters of one statement: SQLite's limit is 32,766, the others' 65,535.
const MOST_PARAMETERS: usize = 30_000;
/// The most rows of one statement.
const MOST_ROWS: usize = 500;
/// The most bytes of one statement that has several rows: far below what a server takes by itself.
const MOST_BYTES: usize = 1 << 20;

/// Why a column may be too narrow.
const FIRST_ROW: &str =
    "a table that `create` made holds what its first row held: ALTER TABLE, or make it yourself with wider columns";

/// Rows to insert.
#[derive(Debug, Clone, PartialEq)]
pub struct Insert {
    /// The table, or `schema.table`.
    pub table: String,
    /// The rows: a value for each column that is not left to its default.
    pub rows: Vec<Map<String, Value>>,
    /// The columns by which a row is known. A row that is there already is updated.
    pub key: Vec<String>,
    /// Whether the table is made where it is missing.
    pub create: bool,
    /// The same for every attempt at this task: rows without a `key` are inserted once for it.
    pub once: String,
}

/// What became of the rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Inserted {
    /// So many were inserted or updated.
    pub rows: u64,
    /// So many had been stored by an earlier attempt.
    pub skipped: u64,
}

pub(super) async fn run(connection: &mut Connection, insert: &Insert) -> Result<Inserted, Trouble> {
    let parts = table_name(&insert.table).map_err(|why| Fault::input("table", why))?;
    let backend = connection.backend();
    parts.iter().try_for_each(|part| names::check(part, backend)).map_err(|why| Fault::input("table", why))?;
    if insert.rows.iter().any(Map::is_empty) {
        return Err(Fault::input("row", "a row has no columns").into());
    }
    if insert.rows.is_empty() {
        return Ok(Inserted { rows: 0, skipped: 0 });
    }
    for left in (0..once::TRIES).rev() {
        let known = connection.tables.get(&insert.table).cloned();
        let is_known = known.is_some();
        let table = match known {
            Some(table) => table,
            None => find(connection, insert, &parts).await?,
        };
        match store(connection, insert, &parts, &table).await {
            Ok(Some(inserted)) => return Ok(inserted),
            Ok(None) => {}
            // The table may have been changed since it was looked at.
            Err(trouble)
                if left > 0 && (is_known || is_gone(&trouble)) && !is_contended(&trouble) && !is_lost(&trouble) => {}
            // It is made where it is missing, and dropped again and again.
            Err(trouble) if insert.create && is_gone(&trouble) => return Err(once::contended()),
            Err(trouble) => return Err(trouble),
        }
        connection.tables.remove(&insert.table);
        connection.roll_back().await?;
    }
    Err(once::contended())
}

/// Whether the table is there no more.
fn is_gone(trouble: &Trouble) -> bool {
    matches!(trouble, Trouble::Driver(error) if fault::is_missing_table(error))
}

/// Whether others are at the same rows: they are let go first, and the next attempt is made after a wait.
fn is_contended(trouble: &Trouble) -> bool {
    matches!(trouble, Trouble::Driver(error) if fault::is_contended(error))
}

fn is_lost(trouble: &Trouble) -> bool {
    match trouble {
        Trouble::Late => true,
        Trouble::Driver(error) => fault::is_lost(error),
        Trouble::Fault(_) => false,
    }
}

/// Stores the rows. Nothing: the table was remade meanwhile, and nothing is to be committed.
async fn store(
    connection: &mut Connection,
    insert: &Insert,
    parts: &[String],
    table: &Table,
) -> Result<Option<Inserted>, Trouble> {
    if insert.key.is_empty() {
        return insert_once(connection, insert, parts, table).await;
    }
    let rows = known_by_key(insert)?;
    if connection.backend() == Backend::Mysql {
        describe::check_key(connection, parts, &insert.table, &insert.key, &insert.rows).await?;
    }
    let rows: Vec<_> = rows.iter().collect();
    let fitted = fitted(&rows, insert, table, connection.backend())?;
    connection.begin(false).await?;
    put(connection, insert, parts, table, fitted).await?;
    connection.commit().await?;
    Ok(Some(Inserted { rows: rows.len() as u64, skipped: 0 }))
}

/// The table, which is known from then on.
async fn find(connection: &mut Connection, insert: &Insert, parts: &[String]) -> Result<Arc<Table>, Trouble> {
    let mut table = describe::table(connection, parts).await?;
    if table.is_none() && insert.create {
        let (mut columns, backend) = (insert.rows.iter().flat_map(Map::keys), connection.backend());
        columns.try_for_each(|name| names::check(name, backend)).map_err(|why| Fault::input("column", why))?;
        describe::create(connection, parts, &insert.rows, &insert.key).await?;
        table = describe::table(connection, parts).await?;
        if table.is_none() {
            let message = format!("table '{}' was made, and dropped at once by another", insert.table);
            return Err(Fault::new(FaultClass::Transient, "serialization", message).into());
        }
    }
    let Some(table) = table.map(Arc::new) else {
        let fault = Fault::input("table-missing", format!("there is no table '{}'", insert.table));
        return Err(fault.with_hint("make it, check its name (capital letters count), or set `create = true`").into());
    };
    connection.tables.insert(insert.table.clone(), Arc::clone(&table));
    Ok(table)
}

/// The rows, of those with the same key the last one. In the order of their keys: who stores the same rows at the same time
/// comes to them in the same order, and nobody waits for each other.
fn known_by_key(insert: &Insert) -> Result<Vec<Map<String, Value>>, Trouble> {
    let mut rows: BTreeMap<String, &Map<String, Value>> = BTreeMap::new();
    for row in &insert.rows {
        let mut key = Vec::new();
        for name in &insert.key {
            let value = row.get(name).filter(|value| !value.is_null());
            let missing = || Fault::input("key", format!("a row has no '{name}', which is of its key"));
            key.push(value.ok_or_else(missing)?);
        }
        rows.insert(json!(key).to_string(), row);
    }
    Ok(rows.into_values().cloned().collect())
}

async fn insert_once(
    connection: &mut Connection,
    insert: &Insert,
    parts: &[String],
    table: &Table,
) -> Result<Option<Inserted>, Trouble> {
    if let Some(engine) = table.engine.as_deref().filter(|engine| !has_transactions(engine)) {
        let message =
            format!("table '{}' is kept by {engine}, which cannot undo: rows could be stored twice", insert.table);
        let hint = format!("ALTER TABLE {} ENGINE = InnoDB, or give a `key`", quoted_table(parts, Backend::Mysql));
        return Err(Fault::input("engine", message).with_hint(hint).into());
    }
    let hashes = hashes(insert, &table.incarnation);
    for _ in 0..once::TRIES {
        let known: BTreeSet<String> =
            once::begin(connection, &insert.once).await?.into_iter().map(|(hash, _)| hash).collect();
        let missing: Vec<usize> = (0..hashes.len()).filter(|row| !known.contains(&hashes[*row])).collect();
        let rows: Vec<&Map<String, Value>> = missing.iter().map(|row| &insert.rows[*row]).collect();
        let fitted = fitted(&rows, insert, table, connection.backend())?;
        let new: Vec<String> = missing.iter().map(|row| hashes[*row].clone()).collect();
        if !once::note(connection, &insert.once, &new, Some(&insert.table)).await? {
            continue;
        }
        put(connection, insert, parts, table, fitted).await?;
        // The table that the rows went into is not dropped before this transaction has ended: it is asked for now.
        if incarnation::of(connection, parts).await? != table.incarnation {
            return Ok(None);
        }
        connection.commit().await?;
        let skipped = hashes.len() - rows.len();
        return Ok(Some(Inserted { rows: rows.len() as u64, skipped: skipped as u64 }));
    }
    Err(once::contended())
}

/// Engines of MySQL and MariaDB that keep a transaction.
fn has_transactions(engine: &str) -> bool {
    ["innodb", "rocksdb", "tokudb", "ndbcluster", "xpand", ""].contains(&engine.to_ascii_lowercase().as_str())
}

/// A hash of each row: the table as it was not dropped since, the columns in the order of their names, and which one it is
/// among its likes.
fn hashes(insert: &Insert, incarnation: &str) -> Vec<String> {
    let mut likes: BTreeMap<String, u64> = BTreeMap::new();
    let row_hash = |row: &Map<String, Value>| {
        let sorted: BTreeMap<&String, &Value> = row.iter().collect();
        let text = json!([insert.table, incarnation, sorted]).to_string();
        let place = likes.entry(text.clone()).and_modify(|place| *place += 1).or_default();
        hash_bytes(format!("{text}{place}").as_bytes())
    };
    insert.rows.iter().map(row_hash).collect()
}

/// Rows that have the same columns, one after another.
struct Group {
    /// The places of the columns in the table.
    columns: Vec<usize>,
    rows: Vec<Vec<Bound>>,
    bytes: usize,
}

/// The values as their columns want them, in groups that fit into one statement.
fn fitted(
    rows: &[&Map<String, Value>],
    insert: &Insert,
    table: &Table,
    backend: Backend,
) -> Result<Vec<Group>, Trouble> {
    let mut groups: Vec<Group> = Vec::new();
    for row in rows {
        let (mut columns, mut values, mut bytes) = (Vec::new(), Vec::new(), 0);
        for (name, value) in *row {
            let place = place(name, &table.columns, backend);
            let place = place.ok_or_else(|| describe::no_column(&insert.table, name, &table.columns))?;
            let column = &table.columns[place];
            let bound = fit(value, &column.kind, backend).map_err(|why| {
                let fault = Fault::input("value", format!("column '{}' of '{}': {why}", column.name, insert.table));
                if insert.create { fault.with_hint(FIRST_ROW) } else { fault }
            })?;
            if columns.contains(&place) {
                return Err(Fault::input("row", format!("a row has column '{name}' twice")).into());
            }
            bytes += bound.size();
            columns.push(place);
            values.push(bound);
        }
        match groups.last_mut() {
            Some(group)
                if group.columns == columns
                    && group.rows.len() < MOST_ROWS.min(MOST_PARAMETERS / columns.len())
                    && group.bytes + bytes <= MOST_BYTES =>
            {
                group.bytes += bytes;
                group.rows.push(values);
            }
            _ => groups.push(Group { columns, rows: vec![values], bytes }),
        }
    }
    Ok(groups)
}

/// The column called `name`. PostgreSQL tells capital letters apart, the others do not.
fn place(name: &str, columns: &[Column], backend: Backend) -> Option<usize> {
    let exact = columns.iter().position(|column| column.name == name);
    // Where two are called alike but for the case, what is written is what is meant.
    exact.or_else(|| {
        let lower = (backend != Backend::Postgresql).then(|| name.to_lowercase())?;
        columns.iter().position(|column| column.name.to_lowercase() == lower)
    })
}

async fn put(
    connection: &mut Connection,
    insert: &Insert,
    parts: &[String],
    table: &Table,
    groups: Vec<Group>,
) -> Result<(), Trouble> {
    for group in groups {
        let columns: Vec<&Column> = group.columns.iter().map(|place| &table.columns[*place]).collect();
        let sql = statement(connection, insert, parts, &columns, group.rows.len());
        connection.execute(&sql, group.rows.into_iter().flatten().collect()).await?;
    }
    Ok(())
}

fn statement(connection: &Connection, insert: &Insert, parts: &[String], columns: &[&Column], rows: usize) -> String {
    let backend = connection.backend();
    let value = |at: usize, column: &Column| match backend {
        // A text, which the server reads as what the column holds.
        Backend::Postgresql => format!("CAST({} AS {})", connection.placeholder(at), column.type_name),
        _ => connection.placeholder(at),
    };
    let row = |row: usize| {
        let values = columns.iter().enumerate().map(|(at, column)| value(row * columns.len() + at, column));
        format!("({})", values.collect::<Vec<_>>().join(", "))
    };
    let names = quoted_list(columns.iter().map(|column| column.name.as_str()), backend);
    let rows: Vec<String> = (0..rows).map(row).collect();
    let mut sql = format!("INSERT INTO {} ({names}) VALUES {}", quoted_table(parts, backend), rows.join(", "));
    if !insert.key.is_empty() {
        let is_key = |column: &&&Column| place(&column.name, &key_columns(&insert.key), backend).is_some();
        let others: Vec<&str> =
            columns.iter().filter(|column| !is_key(column)).map(|column| column.name.as_str()).collect();
        sql.push_str(&on_conflict(&insert.key, &others, backend));
    }
    sql
}

fn key_columns(key: &[String]) -> Vec<Column> {
    let column =
        |name: &String| Column { name: name.clone(), kind: super::columns::Kind::Any, type_name: String::new() };
    key.iter().map(column).collect()
}

/// What happens to a row that is there already.
fn on_conflict(key: &[String], others: &[&str], backend: Backend) -> String {
    let names = quoted_list(key.iter().map(String::as_str), backend);
    match backend {
        Backend::Mysql => {
            // Where there is nothing to update, the key itself: INSERT IGNORE would swallow other errors too.
            let all: Vec<&str> = if others.is_empty() { vec![key[0].as_str()] } else { others.to_vec() };
            let updates = all.iter().map(|name| quoted(name, backend)).map(|name| format!("{name} = VALUES({name})"));
            format!(" ON DUPLICATE KEY UPDATE {}", updates.collect::<Vec<_>>().join(", "))
        }
        _ if others.is_empty() => format!(" ON CONFLICT ({names}) DO NOTHING"),
        _ => {
            let updates =
                others.iter().map(|name| quoted(name, backend)).map(|name| format!("{name} = excluded.{name}"));
            format!(" ON CONFLICT ({names}) DO UPDATE SET {}", updates.collect::<Vec<_>>().join(", "))
        }
    }
}
