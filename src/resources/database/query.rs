//! Statements of the user: reading, changing, and rows by the million.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::columns::Kind;
use super::connection::{Connection, Taker, Trouble};
use super::decode;
use super::describe;
use super::fit::{Bound, fit};
use super::names::{self, quoted_table, table_name};
use super::once;
use super::parameters::Named;
use super::postgres::Shape;
use super::settings::Backend;
use crate::resilience::hash::hash_bytes;
use crate::resilience::{Fault, FaultClass};

/// How many rows are sent at once,
const ROWS_AT_ONCE: usize = 128;
/// and how many bytes, where not one row alone is more.
const BYTES_AT_ONCE: usize = 1 << 20;
/// The most bytes of all rows of an answer, as JSON: they are held in memory, and kept in the checkpoint.
const MOST_BYTES: usize = 16 << 20;
/// The most of an answer that is kept in the database: a server of MySQL takes 16 MiB at once where nobody raised that.
const MOST_KEPT: usize = 8 << 20;

/// A statement, and the values of its parameters.
#[derive(Debug, Clone, PartialEq)]
pub struct Statement {
    /// One statement, with `:name` where a value goes.
    pub sql: String,
    /// The values, by name.
    pub params: Map<String, Value>,
}

/// Where rows come from.
#[derive(Debug, Clone, PartialEq)]
pub enum Source {
    /// A statement.
    Statement(Statement),
    /// A whole table, or `schema.table`.
    Table(String),
}

/// How many rows a statement is to answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Expect {
    /// As many as there are.
    #[default]
    Any,
    /// Just one.
    One,
    /// One or more.
    Rows,
    /// None.
    None,
}

/// What a statement answered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    /// The rows.
    pub rows: Vec<Map<String, Value>>,
    /// Whether there were more.
    pub more: bool,
    /// How many rows it changed.
    pub changed: u64,
    /// Whether it was done by an earlier attempt, and this is its answer.
    #[serde(skip)]
    pub repeated: bool,
}

/// Some rows of a stream.
#[derive(Debug, Clone, PartialEq)]
pub struct Rows {
    /// The columns' names.
    pub columns: Arc<[String]>,
    /// The values of each row, in the order of the columns.
    pub rows: Vec<Vec<Value>>,
}

/// A statement as the driver takes it.
struct Ready {
    /// The first word, in lower case.
    verb: String,
    sql: String,
    values: Vec<Bound>,
    columns: Arc<[String]>,
    shapes: Option<Vec<Shape>>,
}

pub(super) async fn read(
    connection: &mut Connection,
    statement: &Statement,
    limit: usize,
    expect: Expect,
) -> Result<Answer, Trouble> {
    connection.begin(true).await?;
    let ready = ready(connection, statement, true).await?;
    let answer = answer(connection, ready, limit, true).await?;
    check(&answer, expect)?;
    // Where rows are left, the connection goes: they would have to be taken first.
    if !answer.more || connection.backend() == Backend::Sqlite {
        connection.commit().await?;
    }
    Ok(answer)
}

pub(super) async fn write(
    connection: &mut Connection,
    statement: &Statement,
    limit: usize,
    expect: Expect,
    once: &str,
) -> Result<Answer, Trouble> {
    let params: std::collections::BTreeMap<_, _> = statement.params.iter().collect();
    let hash = hash_bytes(json!([statement.sql, params]).to_string().as_bytes());
    for _ in 0..once::TRIES {
        let known = once::begin(connection, once).await?.into_iter().find(|(known, _)| *known == hash);
        // Noted, and without an answer: a statement that ended the transaction, as those of MySQL do that make a table, and
        // then failed. It is not known to have been done.
        let is_noted = known.is_some();
        if let Some((_, Some(answer))) = known {
            connection.commit().await?;
            let nothing = Answer { rows: Vec::new(), more: false, changed: 0, repeated: true };
            return Ok(Answer { repeated: true, ..serde_json::from_str::<Answer>(&answer).unwrap_or(nothing) });
        }
        let ready = ready(connection, statement, false).await?;
        if !is_noted && !once::note(connection, once, std::slice::from_ref(&hash), None).await? {
            continue;
        }
        let answer = answer(connection, ready, limit, false).await?;
        check(&answer, expect)?;
        let text = serde_json::to_string(&answer).map_err(|error| Fault::input("answer", error.to_string()))?;
        if text.len() > MOST_KEPT {
            return Err(too_large(MOST_KEPT).into());
        }
        once::keep_answer(connection, once, &hash, text).await?;
        connection.commit().await?;
        return Ok(answer);
    }
    Err(once::contended())
}

pub(super) async fn stream(
    connection: &mut Connection,
    source: &Source,
    rows: mpsc::Sender<Rows>,
) -> Result<u64, Trouble> {
    let statement = match source {
        Source::Statement(statement) => statement.clone(),
        Source::Table(name) => {
            let parts = table_name(name).map_err(|why| Fault::input("table", why))?;
            let mut names = parts.iter();
            names
                .try_for_each(|part| names::check(part, connection.backend()))
                .map_err(|why| Fault::input("table", why))?;
            let sql = format!("SELECT * FROM {}", quoted_table(&parts, connection.backend()));
            Statement { sql, params: Map::new() }
        }
    };
    let limit = connection.limit;
    let begun = async {
        connection.begin(true).await?;
        connection.take_time().await?;
        ready(connection, &statement, true).await
    };
    let ready = timeout(limit, begun).await.unwrap_or(Err(Trouble::Late))?;
    let mut sending = Sending { columns: Arc::clone(&ready.columns), to: rows, rows: Vec::new(), bytes: 0, count: 0 };
    // The columns are told even where there is no row.
    sending.send().await?;
    connection.rows(&ready.sql, ready.values, ready.shapes.as_deref(), &mut sending).await?;
    if !sending.rows.is_empty() {
        sending.send().await?;
    }
    connection.commit().await?;
    Ok(sending.count)
}

struct Sending {
    columns: Arc<[String]>,
    to: mpsc::Sender<Rows>,
    rows: Vec<Vec<Value>>,
    bytes: usize,
    count: u64,
}

impl Sending {
    async fn send(&mut self) -> Result<(), Trouble> {
        let rows = Rows { columns: Arc::clone(&self.columns), rows: std::mem::take(&mut self.rows) };
        self.bytes = 0;
        let gone = |_| Fault::new(FaultClass::Cancelled, "reader", "nobody takes the rows any more");
        Ok(self.to.send(rows).await.map_err(gone)?)
    }
}

impl Taker for Sending {
    async fn take(&mut self, row: Vec<Value>) -> Result<ControlFlow<()>, Trouble> {
        self.count += 1;
        self.bytes += row.iter().map(decode::size).sum::<usize>();
        self.rows.push(row);
        if self.rows.len() >= ROWS_AT_ONCE || self.bytes >= BYTES_AT_ONCE {
            self.send().await?;
        }
        Ok(ControlFlow::Continue(()))
    }
}

/// Keeps so many rows, and knows whether there were more.
struct Keeping {
    columns: Arc<[String]>,
    rows: Vec<Map<String, Value>>,
    limit: usize,
    bytes: usize,
    /// All rows, kept or not.
    count: u64,
    more: bool,
    breaks_off: bool,
}

impl Taker for Keeping {
    /// MariaDB does not say before what a RETURNING returns.
    fn wants_columns(&self) -> bool {
        self.columns.is_empty()
    }

    fn columns(&mut self, names: Vec<String>) -> Result<(), Trouble> {
        self.columns = distinct(names)?;
        Ok(())
    }

    async fn take(&mut self, row: Vec<Value>) -> Result<ControlFlow<()>, Trouble> {
        self.count += 1;
        if self.rows.len() < self.limit {
            let cell = |(name, value): (&String, &Value)| name.len() + decode::size(value) + 4;
            self.bytes += self.columns.iter().zip(&row).map(cell).sum::<usize>();
            if self.bytes > MOST_BYTES {
                return Err(too_large(MOST_BYTES).into());
            }
            self.rows.push(self.columns.iter().cloned().zip(row).collect());
            return Ok(ControlFlow::Continue(()));
        }
        self.more = true;
        Ok(if self.breaks_off { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    }
}

async fn answer(connection: &mut Connection, ready: Ready, limit: usize, breaks_off: bool) -> Result<Answer, Trouble> {
    let columns = Arc::clone(&ready.columns);
    let mut keeping = Keeping { columns, rows: Vec::new(), limit, bytes: 0, count: 0, more: false, breaks_off };
    let changed = connection.rows(&ready.sql, ready.values, ready.shapes.as_deref(), &mut keeping).await?;
    let changed = match ready.verb.as_str() {
        _ if breaks_off => 0,
        // PostgreSQL counts the rows of these as well.
        "select" | "values" | "table" | "show" => 0,
        // MariaDB does not count what it returns.
        "insert" | "replace" | "delete" if connection.backend() == Backend::Mysql && keeping.count > 0 => keeping.count,
        _ => changed,
    };
    Ok(Answer { rows: keeping.rows, more: keeping.more, changed, repeated: false })
}

fn too_large(most: usize) -> Fault {
    Fault::input("too-large", format!("the rows are more than {} MiB", most >> 20))
        .with_hint("ask for less: fewer rows or columns; database.export writes any number of rows to a file")
}

fn check(answer: &Answer, expect: Expect) -> Result<(), Fault> {
    let (count, more) = (answer.rows.len(), if answer.more { "more than " } else { "" });
    let wanted = match expect {
        Expect::One if count != 1 || answer.more => "one row",
        Expect::Rows if count == 0 => "rows",
        Expect::None if count > 0 => "no row",
        _ => return Ok(()),
    };
    let cause = if count == 0 { "no-row" } else { "rows" };
    Err(Fault::input(cause, format!("{wanted} was expected, the statement answered {more}{count}")))
}

/// The statement with its parameters as the driver takes them, and what the server says of its columns.
async fn ready(connection: &mut Connection, statement: &Statement, reads_only: bool) -> Result<Ready, Trouble> {
    let backend = connection.backend();
    let named = Named::read(&statement.sql, backend).map_err(|why| Fault::input("statement", why))?;
    let verb = named.verb.clone();
    let values = values(&named, statement)?;
    let (sql, order) = named.render(|index| connection.placeholder(index));
    let prepared = connection.prepare(&sql).await?;
    connection.is_changed |= named.changes_session;
    let columns = distinct(prepared.columns)?;
    let misfit = |name: &str, why: String| Fault::input("value", format!("parameter '{name}': {why}"));
    if backend != Backend::Postgresql {
        let mut fitted = Vec::new();
        // MySQL's parameters have no names and no numbers: each place has its own.
        let places = if backend == Backend::Mysql { order } else { (0..values.len()).collect() };
        for index in places {
            let name = named.names[index].as_str();
            fitted.push(fit(values[index], &Kind::Any, backend).map_err(|why| misfit(name, why))?);
        }
        return Ok(Ready { verb, sql, values: fitted, columns, shapes: None });
    }
    let types = describe::types(connection, &prepared.parameters).await?;
    let mut fitted = Vec::new();
    for ((name, value), (kind, _)) in named.names.iter().zip(&values).zip(&types) {
        fitted.push(fit(value, kind, backend).map_err(|why| misfit(name, why))?);
    }
    let (mut sql, _) = named.render(|index| match types.get(index) {
        Some((_, type_name)) => format!("CAST(${} AS {type_name})", index + 1),
        None => format!("${}", index + 1),
    });
    if let Some(place) = prepared.shapes.iter().position(Option::is_none) {
        // What changes something cannot stand within another statement.
        if !reads_only {
            let of_type = prepared.types.get(place).map(|name| format!(" ({name})")).unwrap_or_default();
            let message = format!("column '{}' is of a type that cannot be read{of_type}", columns[place]);
            let hint = "let the statement return it as text: CAST(... AS text) AS name";
            return Err(Fault::input("column-type", message).with_hint(hint).into());
        }
        sql = with_texts(&sql, &prepared.shapes);
    }
    let shapes = prepared.shapes.into_iter().map(|shape| shape.unwrap_or(Shape::Text)).collect();
    Ok(Ready { verb, sql, values: fitted, columns, shapes: Some(shapes) })
}

/// The values in the order of the names.
fn values<'a>(named: &Named, statement: &'a Statement) -> Result<Vec<&'a Value>, Fault> {
    if let Some(name) = statement.params.keys().find(|name| !named.names.contains(name)) {
        let fault = Fault::input("parameter", format!("the statement has no parameter ':{name}'"));
        return Err(fault.with_hint("within quotes and comments a `:name` is no parameter"));
    }
    let value = |name: &String| {
        let missing = || Fault::input("parameter", format!("`params` has no value for ':{name}'"));
        statement.params.get(name).ok_or_else(missing)
    };
    named.names.iter().map(value).collect()
}

/// The columns, each with a name of its own.
fn distinct(columns: Vec<String>) -> Result<Arc<[String]>, Fault> {
    let mut known = BTreeSet::new();
    if let Some(twice) = columns.iter().find(|name| !known.insert(name.as_str())) {
        let fault = Fault::input("columns", format!("two columns of the statement are called '{twice}'"));
        return Err(fault.with_hint("give each a name of its own: SELECT a.id AS a_id"));
    }
    Ok(columns.into())
}

/// The statement with those columns as text that are of a type with a form of its own: ranges, addresses, shapes.
fn with_texts(sql: &str, shapes: &[Option<Shape>]) -> String {
    let names: Vec<String> = (0..shapes.len()).map(|at| format!("c{at}")).collect();
    let columns: Vec<String> = names
        .iter()
        .zip(shapes)
        .map(|(name, shape)| if shape.is_some() { name.clone() } else { format!("CAST({name} AS text)") })
        .collect();
    // The last line may be a comment.
    format!("SELECT {} FROM (\n{sql}\n) AS answer ({})", columns.join(", "), names.join(", "))
}
