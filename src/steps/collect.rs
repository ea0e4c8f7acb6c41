//! `collect`: one row for each item of the batch, or for each piece of every item, in one table or split into several.

use std::path::PathBuf;

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::batch::{BatchRow, BatchStep, for_each_row};
use super::builtin::{Builtin, Job, OutputDoc, ValueDoc, Values, parameters, schema_of};
use super::common::read;
use super::table::{Table, TableFormat};
use crate::pipeline::builtins::ParamProblem;
use crate::resilience::Fault;
use crate::resilience::hash::hash_bytes;

const TABLE: &str = "table";
const TRAIN: &str = "train";
const TEST: &str = "test";
const VALIDATION: &str = "validation";
/// The outputs of a split.
const SIDES: [&str; 3] = [TRAIN, TEST, VALIDATION];

/// The parameters of `collect`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CollectParams {
    /// How the table is written.
    #[serde(default)]
    pub format: TableFormat,
    /// The columns, in order: a name, and the text that fills it, such as `"{probe.duration}"` or `"{item.path}"`, or a
    /// value of a generated item. With `each` also `"{piece.path}"` and what steps of the same pieces found out; the
    /// text in a file that a step made is `"{transcribe.text|content}"`.
    pub columns: IndexMap<String, String>,
    /// Shares of the rows that go into tables of their own, for training and testing; the rest goes to `train`.
    #[serde(default)]
    pub split: Option<Split>,
}

/// How rows are split. All rows of one source go to the same side, which is chosen by a hash of the source's content: it
/// stays where it is when others are added, and its copies go along with it.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Split {
    /// The share of the sources that goes to `test`, such as 0.1.
    #[schemars(range(min = 0, max = 1))]
    pub test: f64,
    /// The share that goes to `validation`; none by default.
    #[serde(default)]
    #[schemars(range(min = 0, max = 1))]
    pub validation: f64,
    /// Another seed makes another choice.
    #[serde(default)]
    pub seed: u64,
}

impl Split {
    /// The output that the rows of `source` go to.
    #[must_use]
    pub fn side(&self, source: &str) -> &'static str {
        let hash = hash_bytes(format!("{}:{source}", self.seed).as_bytes());
        // 52 bits, which is what fits into the fraction of a float.
        let chance = u64::from_str_radix(&hash[..13], 16).map_or(0.0, |bits| bits as f64 / (1_u64 << 52) as f64);
        match chance {
            chance if chance < self.test => TEST,
            chance if chance < self.test + self.validation => VALIDATION,
            _ => TRAIN,
        }
    }
}

impl CollectParams {
    fn validate(&self) -> Result<(), String> {
        if self.columns.is_empty() {
            return Err("`columns` is empty; name at least one, such as path = \"{item.path}\"".into());
        }
        Ok(())
    }
}

/// What is wrong with asking for these outputs, given the parameters.
fn misfit(with: &Value, outputs: &[&str]) -> Option<ParamProblem> {
    let problem = |path: &[&str], message: String, help: &str| {
        let path = path.iter().map(|part| (*part).to_owned()).collect();
        Some(ParamProblem { path, key: false, message, suggestion: Some(help.to_owned()) })
    };
    let split = with.get("split").map(|split| serde_json::from_value::<Split>(split.clone()));
    let split = match split {
        // What is wrong with its shape is told by the schema.
        Some(Err(_)) => return None,
        Some(Ok(split)) => Some(split),
        None => None,
    };
    let Some(split) = split else {
        if let Some(side) = outputs.iter().find(|output| SIDES.contains(output)) {
            let message = format!("`{side}` is one side of a split, and nothing is split");
            return problem(&[], message, "say how much goes to each side: with.split = { test = 0.1 }");
        }
        let none = || problem(&[], "`collect` writes no table".into(), "add it: out = { table = \"table.jsonl\" }");
        return if outputs.contains(&TABLE) { None } else { none() };
    };
    let (test, validation) = (split.test, split.validation);
    if !(test > 0.0 && validation >= 0.0 && test + validation < 1.0) {
        let message = format!("these shares leave no room: test = {test}, validation = {validation}");
        let help = "each is more than 0, and something must be left for `train`: { test = 0.1, validation = 0.1 }";
        return problem(&["split"], message, help);
    }
    let wanted = SIDES.iter().filter(|side| **side != VALIDATION || validation > 0.0);
    if let Some(side) = wanted.clone().find(|side| !outputs.contains(side)) {
        let message = format!("the rows are split, and `out` names no file for `{side}`");
        return problem(&["split"], message, &format!("add it: out = {{ {side} = \"{side}.jsonl\" }}"));
    }
    if validation == 0.0 && outputs.contains(&VALIDATION) {
        let message = "nothing goes to `validation`".to_owned();
        return problem(&["split"], message, "give it a share: split = { test = 0.1, validation = 0.1 }");
    }
    None
}

/// The step as one over the whole batch.
pub static COLLECT_BATCH: BatchStep = BatchStep {
    step: &COLLECT,
    of_rows: &["columns"],
    reads_files: false,
    misfit: |with, asked| {
        let outputs: Vec<&str> = asked.outputs.iter().map(|(output, _)| *output).collect();
        misfit(with, &outputs)
    },
};

/// The step.
pub static COLLECT: Builtin = Builtin {
    name: "collect",
    version: 1,
    summary: "Writes one row for each item, or for each of its pieces, into a table, when the batch is done",
    outputs: &[
        OutputDoc::new(TABLE, "the table, with every row"),
        OutputDoc::new(TRAIN, "the rows that a `split` leaves over"),
        OutputDoc::new(TEST, "the share of `split.test`"),
        OutputDoc::new(VALIDATION, "the share of `split.validation`"),
    ],
    values: &[ValueDoc { name: "rows", summary: "number of rows" }],
    schema: schema_of::<CollectParams>,
    check: |with| read::<CollectParams>(with)?.validate(),
    run,
};

fn run(with: Value, job: &Job) -> Result<Values, Fault> {
    let params: CollectParams = parameters(with)?;
    let mut tables = Tables::begin(&params, &job.outputs)?;
    for_each_row(job, |BatchRow { mut with, source, .. }| {
        let cells = match with.remove("columns") {
            Some(Value::Object(cells)) => cells.into_iter().collect(),
            _ => IndexMap::new(),
        };
        tables.row(&Row { cells, source })
    })?;
    tables.end()
}

/// One row, and what decides on which side of a split it goes.
#[derive(Debug, Clone, Default)]
pub struct Row {
    /// What the texts of the columns came to, by name; a column that it lacks is null.
    pub cells: IndexMap<String, Value>,
    /// The same for all rows of one source: they go to the same side.
    pub source: String,
}

/// The tables of a step while they are written.
#[derive(Debug)]
pub struct Tables<'a> {
    params: &'a CollectParams,
    /// By output.
    tables: Vec<(String, Table)>,
    rows: u64,
}

impl<'a> Tables<'a> {
    /// Begins the tables that go to `outs`, by output.
    ///
    /// # Errors
    /// The fault of the disk.
    pub fn begin(params: &'a CollectParams, outs: &IndexMap<String, PathBuf>) -> Result<Self, Fault> {
        let mut tables = Vec::new();
        for (output, path) in outs {
            tables.push((output.clone(), Table::begin(params.format, params.columns.keys(), path)?));
        }
        Ok(Self { params, tables, rows: 0 })
    }

    /// Adds a row to the table of all, and to that of its side.
    ///
    /// # Errors
    /// The fault of the disk.
    pub fn row(&mut self, row: &Row) -> Result<(), Fault> {
        let side = self.params.split.as_ref().map(|split| split.side(&row.source));
        for (output, table) in &mut self.tables {
            if output == TABLE || side == Some(output.as_str()) {
                table.row(|column| row.cells.get(column))?;
            }
        }
        self.rows += 1;
        Ok(())
    }

    /// Ends them; tells how many rows there were as the value `rows`.
    ///
    /// # Errors
    /// The fault of the disk.
    pub fn end(self) -> Result<Values, Fault> {
        for (_, table) in self.tables {
            table.end()?;
        }
        let mut values = Values::new();
        values.insert("rows".into(), json!(self.rows));
        Ok(values)
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot write its table has failed")]
mod tests {
    use super::*;

    fn table(format: &str, rows: &[Value]) -> (String, Values) {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("table");
        let params: CollectParams =
            read(json!({"format": format, "columns": {"path": "{item.path}", "seconds": "{probe.duration}"}})).unwrap();
        let outs = IndexMap::from([(TABLE.to_owned(), out.clone())]);
        let mut tables = Tables::begin(&params, &outs).unwrap();
        for row in rows {
            let cells = serde_json::from_value(row.clone()).unwrap();
            tables.row(&Row { cells, source: String::new() }).unwrap();
        }
        let values = tables.end().unwrap();
        (std::fs::read_to_string(out).unwrap(), values)
    }

    #[test]
    fn a_source_stays_on_its_side_whatever_else_there_is_and_the_shares_are_kept() {
        let split = Split { test: 0.1, validation: 0.2, seed: 7 };
        let sides: Vec<&str> = (0..10_000).map(|source| split.side(&source.to_string())).collect();
        let share = |side: &str| sides.iter().filter(|of| **of == side).count();
        assert!(share(TEST).abs_diff(1000) < 100 && share(VALIDATION).abs_diff(2000) < 140, "{}", share(TEST));
        assert_eq!(sides[17], split.side("17"));
        let other = Split { seed: 8, ..split };
        assert!((0..100).any(|source: usize| other.side(&source.to_string()) != sides[source]));
    }

    #[test]
    fn shares_and_outputs_that_do_not_fit_together_are_told() {
        let told = |with: Value, outputs: &[&str]| misfit(&with, outputs).map(|problem| problem.message);
        assert_eq!(told(json!({}), &["table"]), None);
        assert_eq!(told(json!({"split": {"test": 0.1}}), &["train", "test"]), None);
        assert_eq!(told(json!({"split": {"test": 0.1, "validation": 0.1}}), &SIDES), None);
        let wrong = [
            (json!({}), &[][..], "no table"),
            (json!({}), &["table", "test"], "nothing is split"),
            (json!({"split": {"test": 0.0}}), &["train", "test"], "leave no room"),
            (json!({"split": {"test": 0.5, "validation": 0.5}}), &SIDES, "leave no room"),
            (json!({"split": {"test": 0.1}}), &["table", "test"], "no file for `train`"),
            (json!({"split": {"test": 0.1, "validation": 0.1}}), &["train", "test"], "no file for `validation`"),
            (json!({"split": {"test": 0.1}}), &SIDES, "nothing goes to `validation`"),
        ];
        for (with, outputs, message) in wrong {
            let found = told(with.clone(), outputs).unwrap_or_default();
            assert!(found.contains(message), "{with}: {found}");
        }
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
        let job = Job { inputs: vec![], outputs: IndexMap::new(), watch: None };
        let fault = (COLLECT.run)(json!({"columns": {"a": "b"}}), &job).unwrap_err();
        assert!(fault.message.contains("whole batch"), "{fault}");
        assert!((COLLECT.check)(json!({"columns": {}})).is_err());
    }
}
