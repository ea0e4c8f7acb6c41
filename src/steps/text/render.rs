//! `text.render`: a picture of a text, and its label.

use serde_json::Value;

use super::{OUTPUTS, VALUES, deliver, text_fault};
use crate::media::text::{TextSpec, render};
use crate::resilience::Fault;
use crate::steps::builtin::{Builtin, Job, Values, parameters, schema_of};
use crate::steps::common::read;

/// The step. It reads no input file: all that it needs is in its parameters.
pub static RENDER: Builtin = Builtin {
    name: "text.render",
    version: 1,
    summary: "Draws a text with a font, on a background, bent, turned and worn as asked, and tells where every letter is",
    outputs: &OUTPUTS,
    values: &VALUES,
    schema: schema_of::<TextSpec>,
    check: |with| read::<TextSpec>(with)?.validate(),
    run,
};

fn run(with: Value, job: &Job) -> Result<Values, Fault> {
    let spec: TextSpec = parameters(with)?;
    deliver(job, &render(&spec).map_err(text_fault)?)
}
