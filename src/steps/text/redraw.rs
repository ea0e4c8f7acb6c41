//! `text.redraw`: the picture of a label, once more.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::{OUTPUTS, VALUES, deliver, text_fault};
use crate::media::text::{Label, redraw};
use crate::resilience::Fault;
use crate::steps::builtin::{Builtin, Job, Values, check_of, parameters, schema_of};

/// The parameters of `text.redraw`: all of them are in the label.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RedrawParams {}

/// The step.
pub static REDRAW: Builtin = Builtin {
    name: "text.redraw",
    version: 1,
    summary: "Draws the picture of a label that text.render wrote again, byte for byte",
    outputs: &OUTPUTS,
    values: &VALUES,
    schema: schema_of::<RedrawParams>,
    check: check_of::<RedrawParams>,
    run,
};

/// The largest label that is read, in bytes.
const MAX_LABEL_BYTES: u64 = 64 << 20;

fn run(with: Value, job: &Job) -> Result<Values, Fault> {
    let RedrawParams {} = parameters(with)?;
    let from = job.input()?;
    let name = from.display();
    let unreadable = |error| Fault::from_io(&format!("cannot read {name}"), &error);
    if std::fs::metadata(from).map_err(unreadable)?.len() > MAX_LABEL_BYTES {
        return Err(Fault::input("limit", format!("{name} is too large for a label")));
    }
    let text = std::fs::read(from).map_err(unreadable)?;
    let label: Label = serde_json::from_slice(&text)
        .map_err(|error| Fault::input("label", format!("{name} is no label of text.render: {error}")))?;
    deliver(job, &redraw(&label).map_err(text_fault)?)
}
