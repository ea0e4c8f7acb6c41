//! The circuit breaker of one dependency: a machine without a clock of its own.

use std::time::Duration;

/// When a breaker opens, probes and closes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BreakerSettings {
    /// Consecutive failures that open it.
    pub failure_threshold: u32,
    /// How long it stays open before one call may probe.
    pub recovery_timeout: Duration,
    /// Successes that close it again.
    pub success_threshold: u32,
}

impl Default for BreakerSettings {
    fn default() -> Self {
        Self { failure_threshold: 5, recovery_timeout: Duration::from_secs(60), success_threshold: 2 }
    }
}
