//! What is known of a resource: the fold of what was told of it.

use std::time::Duration;

use crate::resources::{OwnerView, ResourceStatus};

/// What is known of a resource.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ResourceView {
    /// What it is: the word of its kind.
    pub kind: String,
    /// When that was, in milliseconds since the run's start.
    pub at: u64,
    /// What was known then.
    pub status: ResourceStatus,
    /// Since when all are in use and somebody waits, where that is so.
    pub full_since: Option<u64>,
    /// For how long that was so before, in milliseconds.
    pub full_for: u64,
}

impl ResourceView {
    /// What is known once it was seen like this, after what was known `before`.
    pub(super) fn seen(before: Option<&Self>, kind: &str, at: u64, status: &ResourceStatus) -> Self {
        let metrics = &status.metrics;
        let is_full = metrics.waiting > 0 && metrics.active_connections >= metrics.max_size;
        let since = before.and_then(|before| before.full_since);
        let until_now = before.map_or(0, |before| before.full_for);
        Self {
            kind: kind.to_owned(),
            at,
            status: status.clone(),
            full_since: is_full.then(|| since.unwrap_or(at)),
            full_for: match since {
                Some(since) if !is_full => until_now.saturating_add(at.saturating_sub(since)),
                _ => until_now,
            },
        }
    }

    /// How long a lease has been held at `now`, both in milliseconds.
    #[must_use]
    pub fn held(&self, owner: &OwnerView, now: u64) -> u64 {
        milliseconds(owner.held).saturating_add(now.saturating_sub(self.at))
    }

    /// For how long somebody has waited while all were in use, over the whole run up to `now`.
    #[must_use]
    pub fn full(&self, now: u64) -> u64 {
        self.full_for.saturating_add(self.full_since.map_or(0, |since| now.saturating_sub(since)))
    }
}

/// Seconds as milliseconds. What is no length of time is none: a journal may say anything.
#[must_use]
pub fn milliseconds(seconds: f64) -> u64 {
    let span = Duration::try_from_secs_f64(seconds).unwrap_or_default();
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}
