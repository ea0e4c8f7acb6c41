//! Resources that are language models.

use schemars::JsonSchema;
use serde::Deserialize;

use super::fixed::Fixed;
use crate::resilience::Fault;

/// The settings.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Settings {}

/// What is wrong with the settings, before any `${NAME}` is filled.
pub(super) fn check(_settings: &Settings) -> Result<(), String> {
    Ok(())
}

/// The provider.
pub(super) fn open(_settings: Settings, _secrets: &super::secret::Secrets) -> Result<Fixed, Fault> {
    Ok(Fixed::new(serde_json::Value::Null))
}
