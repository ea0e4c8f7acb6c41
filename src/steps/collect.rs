//! `collect`: one row for each item of the batch, in one table.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::builtin::{Builtin, OutputDoc, ValueDoc, Values, schema_of};
use super::common::read;
use crate::resilience::Fault;

/// How a table is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum TableFormat {
    /// One JSON object a line, keys in the order of the columns.
    #[default]
    Jsonl,
    /// Comma-separated values: a line of names first, what is missing is an empty field.
    Csv,
}

/// The parameters of `collect`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CollectParams {
    /// How the table is written.
    #[serde(default)]
    pub format: TableFormat,
    /// The columns, in order: a name, and the text that fills it, such as `"{probe.duration}"` or `"{item.path}"`.
    pub columns: IndexMap<String, String>,
}

impl CollectParams {
    fn validate(&self) -> Result<(), String> {
        if self.columns.is_empty() {
            return Err("`columns` is empty; name at least one, such as path = \"{item.path}\"".into());
        }
        Ok(())
    }
}

/// What is wrong with asking for these outputs, given the parameters: a fragment, and what would be right.
pub(super) fn misfit(_with: &Value, outputs: &[&str]) -> Option<(String, String)> {
    let none = outputs.is_empty();
    none.then(|| ("`collect` writes no table".into(), "name it: out = { table = \"table.jsonl\" }".into()))
}

/// The step. The engine calls [`write_table`] with the rows of the whole batch; it has nothing to do for one item.
pub static COLLECT: Builtin = Builtin {
    name: "collect",
    version: 1,
    summary: "Writes one row for each item into a table, when the batch is done",
    outputs: &[OutputDoc::new("table", "the table").required()],
    values: &[ValueDoc { name: "rows", summary: "number of rows" }],
    schema: schema_of::<CollectParams>,
    check: |with| read::<CollectParams>(with)?.validate(),
    run: |_, _| {
        Err(Fault::input("batch-step", "collect works on the whole batch, and not on one item")
            .with_hint("set batch = true in this step"))
    },
};

/// Writes the rows into `out`; tells how many there were as the value `rows`.
///
/// Every row maps the names of [`CollectParams::columns`] to what their texts came to; a column that a row lacks is null.
///
/// # Errors
/// The fault of the disk.
pub fn write_table(
    params: &CollectParams,
    rows: impl Iterator<Item = IndexMap<String, Value>>,
    out: &Path,
) -> Result<Values, Fault> {
    let count = File::create(out)
        .and_then(|file| match params.format {
            TableFormat::Jsonl => jsonl(params, rows, BufWriter::new(file)),
            TableFormat::Csv => csv(params, rows, BufWriter::new(file)),
        })
        .map_err(|error| Fault::from_io(&format!("cannot write {}", out.display()), &error))?;
    let mut values = Values::new();
    values.insert("rows".into(), json!(count));
    Ok(values)
}

fn jsonl(
    params: &CollectParams,
    rows: impl Iterator<Item = IndexMap<String, Value>>,
    mut out: impl Write,
) -> io::Result<u64> {
    let mut count = 0;
    for mut row in rows {
        let line: serde_json::Map<String, Value> =
            params.columns.keys().map(|name| (name.clone(), row.swap_remove(name).unwrap_or(Value::Null))).collect();
        serde_json::to_writer(&mut out, &line)?;
        out.write_all(b"\n")?;
        count += 1;
    }
    out.flush()?;
    Ok(count)
}

fn csv(
    params: &CollectParams,
    rows: impl Iterator<Item = IndexMap<String, Value>>,
    out: impl Write,
) -> io::Result<u64> {
    let mut table = ::csv::Writer::from_writer(out);
    table.write_record(params.columns.keys()).map_err(unwrapped)?;
    let mut count = 0;
    for row in rows {
        table
            .write_record(params.columns.keys().map(|name| field(row.get(name).unwrap_or(&Value::Null))))
            .map_err(unwrapped)?;
        count += 1;
    }
    table.flush()?;
    Ok(count)
}

/// The error of the disk out of one of the library: a full disk must stay one.
fn unwrapped(error: ::csv::Error) -> io::Error {
    match error.into_kind() {
        ::csv::ErrorKind::Io(error) => error,
        other => io::Error::other(format!("{other:?}")),
    }
}

/// A value as a field: texts as they are, nothing as nothing, lists and objects as JSON.
fn field(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot write its table has failed")]
mod tests {
    use super::*;
    use crate::steps::builtin::Job;

    fn table(format: &str, rows: &[Value]) -> (String, Values) {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("table");
        let params: CollectParams =
            read(json!({"format": format, "columns": {"path": "{item.path}", "seconds": "{probe.duration}"}})).unwrap();
        let rows = rows.iter().map(|row| serde_json::from_value(row.clone()).unwrap());
        let values = write_table(&params, rows, &out).unwrap();
        (std::fs::read_to_string(out).unwrap(), values)
    }

    #[test]
    fn csv_has_a_header_quotes_what_needs_it_and_leaves_out_what_is_missing() {
        let rows = [json!({"seconds": 1.5, "path": "a, \"b\"\n.wav"}), json!({"path": "=c.wav", "seconds": null})];
        let (text, values) = table("csv", &rows);
        assert_eq!(text, "path,seconds\n\"a, \"\"b\"\"\n.wav\",1.5\n=c.wav,\n");
        assert_eq!(values["rows"], 2);
        assert_eq!(table("csv", &[]).0, "path,seconds\n");
    }

    #[test]
    fn jsonl_keeps_the_order_of_the_columns() {
        let (text, _) = table("jsonl", &[json!({"seconds": 1.5, "path": "a"}), json!({"path": "b"})]);
        assert_eq!(text, "{\"path\":\"a\",\"seconds\":1.5}\n{\"path\":\"b\",\"seconds\":null}\n");
    }

    #[test]
    fn for_one_item_it_says_that_it_is_a_batch_step() {
        let fault =
            (COLLECT.run)(json!({}), &Job { inputs: vec![], outputs: IndexMap::new(), watch: None }).unwrap_err();
        assert!(fault.message.contains("whole batch"), "{fault}");
        assert!((COLLECT.check)(json!({"columns": {}})).is_err());
    }
}
