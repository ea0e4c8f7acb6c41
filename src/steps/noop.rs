//! `noop`: nothing, for trying out a pipeline and for measuring what the machinery itself costs.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::builtin::{Builtin, Job, OutputDoc, ValueDoc, Values, check_of, parameters, schema_of};
use crate::resilience::Fault;

/// The parameters of `noop`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NoopParams {
    /// How many pieces to make, each a line of text with its number; none by default.
    #[serde(default)]
    #[schemars(range(max = 1_000_000))]
    pub pieces: u32,
}

/// The step.
pub static NOOP: Builtin = Builtin {
    name: "noop",
    version: 1,
    summary: "Does nothing, or makes pieces of nothing; for trying out and measuring",
    outputs: &[OutputDoc::new(PIECES, "as many small files as `pieces` says")
        .many()
        .with_piece_values(&[ValueDoc { name: "number", summary: "the piece's number, from 1" }])],
    values: &[],
    schema: schema_of::<NoopParams>,
    check: check_of::<NoopParams>,
    run,
};

const PIECES: &str = "pieces";

fn run(with: Value, job: &Job) -> Result<Values, Fault> {
    let params: NoopParams = parameters(with)?;
    let mut values = Values::new();
    let Some(pattern) = job.output(PIECES) else { return Ok(values) };
    let (folder, name) = (pattern.parent().unwrap_or(pattern), pattern.file_name().unwrap_or_default());
    let mut told = Values::new();
    for number in 1..=params.pieces {
        let name = name.to_string_lossy().replacen('*', &format!("{number:06}"), 1);
        let path = folder.join(&name);
        std::fs::write(&path, format!("piece {number}\n"))
            .map_err(|error| Fault::from_io(&format!("cannot write {}", path.display()), &error))?;
        told.insert(name, json!({ "number": number }));
    }
    values.insert(PIECES.into(), json!({ PIECES: told }));
    Ok(values)
}
