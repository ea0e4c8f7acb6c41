//! `database.export`: the rows of a statement or a table, in a file.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tokio::sync::mpsc;

use crate::resilience::{Fault, FaultClass};
use crate::resources::database::{Database, Rows, Source, Statement, table_name};
use crate::resources::settings::ResourceKind;
use crate::steps::builtin::{Builtin, OutputDoc, ValueDoc, Values, parameters, schema_of};
use crate::steps::common::read;
use crate::steps::resource::{Doing, ResourceJob, ResourceStep, needs_engine};
use crate::steps::table::{Table, TableFormat};

const FILE: &str = "file";
/// How many lots of rows may lie between the database and the disk.
const BETWEEN: usize = 4;

/// The parameters of `database.export`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExportParams {
    /// One statement that changes nothing. Where a value goes it says `:name`; a placeholder in braces cannot stand in it.
    #[serde(default)]
    pub sql: Option<String>,
    /// The values of the names in `sql`.
    #[serde(default)]
    pub params: Map<String, Value>,
    /// A whole table, or `schema.table`, in place of `sql`. The rows come in no particular order.
    #[serde(default)]
    pub table: Option<String>,
    /// How the rows are written. By default as the file's ending says, `.csv` or `.jsonl`.
    #[serde(default)]
    pub format: Option<TableFormat>,
}

/// The step.
pub static EXPORT: Builtin = Builtin {
    name: "database.export",
    version: 1,
    summary: "Writes the rows of a statement or a table of a database to a file",
    outputs: &[OutputDoc::new(FILE, "the rows: a JSON object each line, or comma-separated values").required()],
    values: &[
        ValueDoc { name: "rows", summary: "number of rows" },
        ValueDoc { name: "bytes", summary: "size of the file in bytes" },
    ],
    schema: schema_of::<ExportParams>,
    check,
    run: needs_engine,
};

/// It with its resource.
pub static EXPORT_RESOURCE: ResourceStep =
    ResourceStep { step: &EXPORT, kind: ResourceKind::Database, reads_file: false, run };

impl ExportParams {
    fn source(self) -> Result<Source, String> {
        match (self.sql, self.table) {
            (Some(sql), None) => Ok(Source::Statement(Statement { sql, params: self.params })),
            (None, Some(_)) if !self.params.is_empty() => Err("`params` are for `sql`, and there is none".to_owned()),
            (None, Some(table)) => table_name(&table).map(|_| Source::Table(table)),
            _ => Err("give either `sql` or `table`".to_owned()),
        }
    }
}

fn check(with: Value) -> Result<(), String> {
    read::<ExportParams>(with)?.source().map(drop)
}

fn run(job: ResourceJob) -> Doing {
    Box::pin(export(job))
}

async fn export(job: ResourceJob) -> Result<Values, Fault> {
    let with: ExportParams = parameters(job.with.clone())?;
    let none = || Fault::input("outputs", "this step makes `file`, and its `out` does not name it");
    let path = job.outputs.get(FILE).ok_or_else(none)?.clone();
    let format = with.format.unwrap_or_else(|| ending(&path));
    let source = with.source().map_err(|why| Fault::input("parameters", why))?;
    let database = job.lease::<Database>()?;
    let (rows, taken) = mpsc::channel(BETWEEN);
    let target = path.clone();
    let writing = tokio::task::spawn_blocking(move || write(format, target, taken));
    let sent = database.stream(&source, rows).await;
    // A writer that failed takes no more rows: its fault is the reason, and not that of the stream.
    let bytes = writing.await.map_err(|error| Fault::new(FaultClass::Bug, "panic", error.to_string()))??;
    let count = sent.map_err(|fault| fault.of_resource(&job.resource))?;
    let mut values = Values::new();
    values.insert("rows".into(), json!(count));
    values.insert("bytes".into(), json!(bytes));
    Ok(values)
}

/// What the file's ending says; lines of JSON where it says nothing.
fn ending(path: &Path) -> TableFormat {
    let is_csv = path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("csv"));
    if is_csv { TableFormat::Csv } else { TableFormat::Jsonl }
}

/// Writes rows as they come; the size of the file.
fn write(format: TableFormat, path: PathBuf, mut taken: mpsc::Receiver<Rows>) -> Result<u64, Fault> {
    let mut table = None;
    while let Some(lot) = taken.blocking_recv() {
        let table = match &mut table {
            Some(table) => table,
            none => none.insert(Table::begin(format, lot.columns.iter().cloned(), &path)?),
        };
        let places: HashMap<&str, usize> =
            lot.columns.iter().enumerate().map(|(place, name)| (name.as_str(), place)).collect();
        for row in &lot.rows {
            table.row(|name| row.get(*places.get(name)?))?;
        }
    }
    if let Some(table) = table {
        table.end()?;
    }
    let about = std::fs::metadata(&path);
    // Where the database sent nothing, its fault says why.
    Ok(about.map_or(0, |about| about.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ending_says_how_rows_are_written() {
        assert_eq!(ending(Path::new("a/b.CSV")), TableFormat::Csv);
        assert_eq!(ending(Path::new("a/b.jsonl")), TableFormat::Jsonl);
        assert_eq!(ending(Path::new("a/b")), TableFormat::Jsonl);
    }

    #[test]
    fn it_exports_either_a_statement_or_a_table() {
        let check = |with| check(with).err().unwrap_or_default();
        assert_eq!(check(json!({})), "give either `sql` or `table`");
        assert_eq!(check(json!({ "sql": "select 1", "table": "t" })), "give either `sql` or `table`");
        assert_eq!(check(json!({ "table": "t", "params": { "a": 1 } })), "`params` are for `sql`, and there is none");
        assert_eq!(check(json!({ "table": "s.t" })), "");
    }
}
