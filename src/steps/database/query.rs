//! `database.query`: a statement, its rows as values.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::resilience::Fault;
use crate::resources::database::{Database, Expect, Statement};
use crate::resources::settings::ResourceKind;
use crate::steps::builtin::{Builtin, ValueDoc, Values, parameters, schema_of};
use crate::steps::common::{read, within};
use crate::steps::resource::{Doing, ResourceJob, ResourceStep, needs_engine};

const LIMIT: usize = 1000;
/// Rows are values, and values are kept in the checkpoint: what is more than this is for `database.export`.
const MOST: usize = 100_000;

/// The parameters of `database.query`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct QueryParams {
    /// One statement. Where a value goes it says `:name`; a placeholder in braces cannot stand in it.
    pub sql: String,
    /// The values of the names: text, number, true or false, nothing, a list or a table. They are given to the database
    /// beside the statement and never pasted into it.
    #[serde(default)]
    pub params: Map<String, Value>,
    /// What must come: `any` number of rows (the default), just `one`, `rows` (one or more) or `none`. Anything else is a
    /// fault of the item, and nothing is changed.
    #[serde(default)]
    pub expect: Expect,
    /// The most rows that are reported, 1 to 100,000; default 1000. Together they may be 16 MiB as JSON, 8 MiB with
    /// `write`: more is a fault of the item, and for `database.export`.
    #[serde(default = "limit")]
    #[schemars(range(min = 1, max = 100_000))]
    pub limit: usize,
    /// Whether the statement may change something; by default it may not. It then runs once for this item and step, however
    /// often the step is tried, and answers each time what it answered then: the table `mediamill_once` of the same database
    /// keeps count. `DELETE FROM mediamill_once WHERE once = '...'`, with the key that a warning tells, lets it run again.
    /// What it returns of PostgreSQL's rarer types (addresses, ranges, shapes) it must return as text:
    /// `RETURNING CAST(a AS text) AS a`. Statements that make or change tables, and tables of MyISAM and Aria, cannot be
    /// undone in MySQL, and such a statement may run twice there. What stays in the session (a temporary table, a lock, what
    /// a procedure sets) stays for this statement alone.
    #[serde(default)]
    pub write: bool,
}

fn limit() -> usize {
    LIMIT
}

/// The step.
pub static QUERY: Builtin = Builtin {
    name: "database.query",
    version: 1,
    summary: "Runs a statement on a database and reports its rows",
    outputs: &[],
    values: &[
        ValueDoc {
            name: "rows",
            summary: "the rows, each a table of its columns: exact numbers that JSON cannot say are texts, moments are \
                      ISO 8601, bytes base64",
        },
        ValueDoc { name: "row", summary: "the first row; nothing where there is none" },
        ValueDoc { name: "count", summary: "number of rows that are reported" },
        ValueDoc { name: "more", summary: "whether there were more rows than `limit`" },
        ValueDoc { name: "changed", summary: "number of rows that a statement with `write` changed" },
    ],
    schema: schema_of::<QueryParams>,
    check,
    run: needs_engine,
};

/// It with its resource.
pub static QUERY_RESOURCE: ResourceStep =
    ResourceStep { step: &QUERY, kind: ResourceKind::Database, reads_file: false, run };

impl QueryParams {
    fn validate(&self) -> Result<(), String> {
        if self.sql.trim().is_empty() {
            return Err("`sql` is empty".to_owned());
        }
        within("limit", self.limit, 1, MOST, "rows")
    }
}

fn check(with: Value) -> Result<(), String> {
    read::<QueryParams>(with)?.validate()
}

fn run(job: ResourceJob) -> Doing {
    Box::pin(query(job))
}

async fn query(job: ResourceJob) -> Result<Values, Fault> {
    let with: QueryParams = parameters(job.with.clone())?;
    with.validate().map_err(|why| Fault::input("parameters", why))?;
    let database = job.lease::<Database>()?;
    let statement = Statement { sql: with.sql, params: with.params };
    let answer = if with.write {
        database.write(&statement, with.limit, with.expect, &job.once).await
    } else {
        database.query(&statement, with.limit, with.expect).await
    };
    let answer = answer.map_err(|fault| fault.of_resource(&job.resource))?;
    if answer.repeated {
        job.note.say(format!(
            "the statement was not run: the table mediamill_once says that an earlier attempt ran it, and has its answer of \
             then. Where that was undone by hand, run DELETE FROM mediamill_once WHERE once = '{}' and do the step again",
            job.once
        ));
    }
    let mut values = Values::new();
    values.insert("count".into(), json!(answer.rows.len()));
    values.insert("more".into(), json!(answer.more));
    values.insert("changed".into(), json!(answer.changed));
    values.insert("row".into(), answer.rows.first().cloned().map_or(Value::Null, Value::Object));
    values.insert("rows".into(), answer.rows.into_iter().map(Value::Object).collect());
    Ok(values)
}
