//! `image.verify`: is this picture whole?

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::probe::{DESCRIBED, described};
use crate::media::picture;
use crate::resilience::Fault;
use crate::steps::builtin::{Builtin, Job, Values, check_of, parameters, schema_of};
use crate::steps::media_fault::media_fault;

/// `image.verify` takes no parameters.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct VerifyParams {}

/// The step.
pub static VERIFY: Builtin = Builtin {
    name: "image.verify",
    version: 1,
    summary: "Decodes every pixel of every frame, and fails for a picture that is cut or broken",
    outputs: &[],
    values: &DESCRIBED,
    schema: schema_of::<VerifyParams>,
    check: check_of::<VerifyParams>,
    run,
};

fn run(with: Value, job: &Job) -> Result<Values, Fault> {
    parameters::<VerifyParams>(with)?;
    let path = job.input()?;
    let info = picture::verify(path).map_err(|error| media_fault(path, &error))?;
    Ok(described(&info))
}
