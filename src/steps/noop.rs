//! `noop`: nothing, for trying out a pipeline and for measuring what the machinery itself costs.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::builtin::{Builtin, Job, Values, check_of, parameters, schema_of};
use crate::resilience::Fault;

/// `noop` takes no parameters.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NoopParams {}

/// The step.
pub static NOOP: Builtin = Builtin {
    name: "noop",
    version: 1,
    summary: "Does nothing; for trying out and measuring",
    outputs: &[],
    values: &[],
    schema: schema_of::<NoopParams>,
    check: check_of::<NoopParams>,
    run,
};

fn run(with: Value, _job: &Job) -> Result<Values, Fault> {
    parameters::<NoopParams>(with).map(|_| Values::new())
}
