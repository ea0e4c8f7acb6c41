//! `database.insert`: rows into a table, each once.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::resilience::Fault;
use crate::resources::database::{Database, Insert, table_name};
use crate::resources::settings::ResourceKind;
use crate::steps::builtin::{Builtin, ValueDoc, Values, parameters, schema_of};
use crate::steps::common::read;
use crate::steps::resource::{Doing, ResourceJob, ResourceStep, needs_engine};

/// The parameters of `database.insert`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct InsertParams {
    /// The table, or `schema.table`. The names of tables and columns are taken as they are written, capital letters too.
    pub table: String,
    /// The row: for each column its value. A text, a number, true or false is converted to what the column holds; a list or
    /// a table is stored as JSON, or as an array of PostgreSQL. A column of bytes takes base64. A number with more places
    /// than its column, and a moment finer than its column, is rounded by the database.
    #[serde(default)]
    pub row: Option<Map<String, Value>>,
    /// Several rows: a list of such tables. In place of `row`.
    #[serde(default)]
    pub rows: Option<Vec<Map<String, Value>>>,
    /// The columns by which a row is known, over which the table has a unique index: a row that is there already is updated
    /// with the others. Without them, each row is inserted once for this item and step, however often the step is tried:
    /// the table `mediamill_once` of the same database keeps count. An item that is done again with another result inserts
    /// the new row beside the old one. In a table that was dropped and made anew all rows are inserted again: in PostgreSQL
    /// whoever made it, in MySQL and SQLite where this step made one of the two; a table that was restored from a dump, or
    /// rebuilt by a migration, is a new one there, too. Rows that were deleted are not inserted again;
    /// `DELETE FROM mediamill_once WHERE answer = 'the table'` forgets that they were stored.
    #[serde(default)]
    pub key: Vec<String>,
    /// Whether the table is made when it is missing, with columns that hold the values of the first row, and `key` as its
    /// primary key. By default it is not.
    #[serde(default)]
    pub create: bool,
}

/// The step.
pub static INSERT: Builtin = Builtin {
    name: "database.insert",
    version: 1,
    summary: "Inserts rows into a table of a database, each once",
    outputs: &[],
    values: &[
        ValueDoc { name: "rows", summary: "number of rows that were inserted or updated" },
        ValueDoc { name: "skipped", summary: "number of rows that an earlier attempt had stored already" },
    ],
    schema: schema_of::<InsertParams>,
    check,
    run: needs_engine,
};

/// It with its resource.
pub static INSERT_RESOURCE: ResourceStep =
    ResourceStep { step: &INSERT, kind: ResourceKind::Database, reads_file: false, run };

impl InsertParams {
    fn validate(&self) -> Result<(), String> {
        table_name(&self.table)?;
        if self.row.is_some() == self.rows.is_some() {
            return Err("give either `row` or `rows`".to_owned());
        }
        if self.row.as_ref().is_some_and(Map::is_empty) {
            return Err("`row` is empty; name at least one column".to_owned());
        }
        for row in self.row.iter().chain(self.rows.iter().flatten()) {
            if let Some(name) = self.key.iter().find(|name| !row.contains_key(*name)) {
                return Err(format!("`key` names '{name}', which a row does not have"));
            }
        }
        Ok(())
    }
}

fn check(with: Value) -> Result<(), String> {
    read::<InsertParams>(with)?.validate()
}

fn run(job: ResourceJob) -> Doing {
    Box::pin(insert(job))
}

async fn insert(job: ResourceJob) -> Result<Values, Fault> {
    let with: InsertParams = parameters(job.with.clone())?;
    with.validate().map_err(|why| Fault::input("parameters", why))?;
    let database = job.lease::<Database>()?;
    let rows = with.rows.unwrap_or_else(|| with.row.into_iter().collect());
    let insert = Insert { table: with.table, rows, key: with.key, create: with.create, once: job.once.clone() };
    let inserted = database.insert(&insert).await.map_err(|fault| fault.of_resource(&job.resource))?;
    if inserted.rows == 0 && inserted.skipped > 0 {
        job.note.say(nothing_new(&insert.table, inserted.skipped));
    }
    let mut values = Values::new();
    values.insert("rows".into(), json!(inserted.rows));
    values.insert("skipped".into(), json!(inserted.skipped));
    Ok(values)
}

/// That all rows are taken for stored, and what is to be done where they are stored no more.
fn nothing_new(table: &str, rows: u64) -> String {
    let (what, is) = if rows == 1 { ("the row".to_owned(), "is") } else { (format!("all {rows} rows"), "are") };
    let name = table.replace('\'', "''");
    format!(
        "nothing was inserted: the table mediamill_once says that {what} {is} in '{table}' since an earlier attempt. Where \
         that was undone by hand, run DELETE FROM mediamill_once WHERE answer = '{name}' and do the step again"
    )
}
