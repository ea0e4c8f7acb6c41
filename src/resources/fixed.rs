//! A resource of data that never changes: settings, and stand-ins for tests.

use serde_json::Value;

use super::health::HealthReport;
use super::provider::Provider;
use crate::resilience::Fault;

/// A provider whose handles are all the same data.
#[derive(Debug, Clone)]
pub struct Fixed {
    data: Value,
}

impl Fixed {
    /// Hands out `data`.
    #[must_use]
    pub const fn new(data: Value) -> Self {
        Self { data }
    }
}

impl Provider for Fixed {
    type Handle = Value;

    async fn create(&self) -> Result<Value, Fault> {
        Ok(self.data.clone())
    }

    async fn check(&self) -> Result<HealthReport, Fault> {
        Ok(HealthReport::healthy("data of the pipeline"))
    }
}
