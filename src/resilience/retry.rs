//! Exponential backoff with jitter. Pure: chance comes in as a key.

use std::time::Duration;

/// How often and how late a failed attempt is tried again.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RetryPolicy {
    /// Attempts after the first; 0 is one attempt in all.
    pub max_retries: u32,
    /// The delay before the first retry.
    pub base_delay: Duration,
    /// No delay is above this, jitter aside.
    pub max_delay: Duration,
    /// What the delay is multiplied by from one retry to the next; at least 1.
    pub exponential_base: f64,
    /// 0 to 1: the share of the delay that chance may add to it.
    pub jitter: f64,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            max_retries: 3,
            base_delay: Duration::from_secs(1),
            max_delay: Duration::from_secs(60),
            exponential_base: 2.0,
            jitter: 0.1,
        }
    }
}
