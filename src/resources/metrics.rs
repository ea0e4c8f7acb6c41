//! What is counted of a resource.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tokio::time::Instant;

use super::health::{Health, HealthReport};
use super::ledger::OwnerView;

/// What was counted since the resource was registered.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Metrics {
    /// Leases that were given.
    pub total_acquisitions: u64,
    /// Leases that are out now.
    pub active_connections: u32,
    /// Leases that were asked for and not given, for whatever reason but that the asker went away.
    pub failed_acquisitions: u64,
    /// Those of them that nothing came free for in time.
    pub timeouts: u64,
    /// How long a lease was held, in the mean over those that came back, in seconds.
    pub average_hold_time: f64,
    /// How long a lease was waited for, in the mean over those that were given, in seconds.
    pub average_acquisition_time: f64,
    /// The longest that a lease was held, in seconds.
    pub longest_hold_time: f64,
    /// Looks that found it not well.
    pub failed_health_checks: u64,
    /// Handles that were made.
    pub created: u64,
    /// Handles that were closed, for age, idleness or because they had gone bad.
    pub closed: u64,
    /// Handles in all: those that are out or free, and those that are being made, looked at or closed.
    pub size: u32,
    /// Handles that are free.
    pub available: u32,
    /// Those who wait for one.
    pub waiting: u32,
    /// The most handles there may be.
    pub max_size: u32,
    /// How long ago the last lease was given, in seconds; nothing where none was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since_acquisition: Option<f64>,
    /// How long ago the last lease came back, in seconds; nothing where none did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since_release: Option<f64>,
    /// How long ago somebody looked how well it is, in seconds; nothing where nobody did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since_health_check: Option<f64>,
    /// Figures of the kind itself: tokens, requests, bytes.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub figures: Map<String, Value>,
}

/// What is known of a resource now.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ResourceStatus {
    /// Its name.
    pub name: String,
    /// What was counted.
    pub metrics: Metrics,
    /// Who holds a lease, who has held it longest first.
    pub owners: Vec<OwnerView>,
    /// What the last look found.
    pub health: HealthReport,
}

/// What a resource is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Activity {
    /// Nobody holds it.
    Idle,
    /// Somebody holds it, and more may.
    Active,
    /// Who wants it now waits.
    Busy,
    /// The last look found that it does not work.
    Error,
}

impl Activity {
    /// As files and screens write it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Active => "active",
            Self::Busy => "busy",
            Self::Error => "error",
        }
    }
}

impl ResourceStatus {
    /// The same, without what changes by itself while nothing happens: how long ago things were, and for how long leases
    /// are held.
    #[must_use]
    pub fn timeless(&self) -> Self {
        let mut still = self.clone();
        still.owners.iter_mut().for_each(|owner| owner.held = 0.0);
        still.owners.sort_by(|a, b| a.owner.cmp(&b.owner));
        let Metrics { since_acquisition, since_release, since_health_check, .. } = &mut still.metrics;
        (*since_acquisition, *since_release, *since_health_check) = (None, None, None);
        still
    }

    /// What it is doing.
    #[must_use]
    pub const fn activity(&self) -> Activity {
        let metrics = &self.metrics;
        if matches!(self.health.health, Health::Unhealthy) {
            Activity::Error
        } else if metrics.waiting > 0 || metrics.active_connections >= metrics.max_size && metrics.max_size > 0 {
            Activity::Busy
        } else if metrics.active_connections > 0 {
            Activity::Active
        } else {
            Activity::Idle
        }
    }
}

/// The sums behind [`Metrics`].
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) acquired: u64,
    pub(super) failed: u64,
    pub(super) timeouts: u64,
    pub(super) waited: Duration,
    pub(super) returned: u64,
    pub(super) held: Duration,
    pub(super) longest: Duration,
    pub(super) failed_checks: u64,
    pub(super) created: u64,
    pub(super) closed: u64,
    pub(super) last_acquired: Option<Instant>,
    pub(super) last_returned: Option<Instant>,
    pub(super) last_checked: Option<Instant>,
}

impl Tally {
    pub(super) fn metrics(&self) -> Metrics {
        let mean = |sum: Duration, count: u64| if count == 0 { 0.0 } else { sum.as_secs_f64() / count as f64 };
        let ago = |at: Option<Instant>| at.map(|at| at.elapsed().as_secs_f64());
        Metrics {
            total_acquisitions: self.acquired,
            failed_acquisitions: self.failed,
            timeouts: self.timeouts,
            average_hold_time: mean(self.held, self.returned),
            average_acquisition_time: mean(self.waited, self.acquired),
            longest_hold_time: self.longest.as_secs_f64(),
            failed_health_checks: self.failed_checks,
            created: self.created,
            closed: self.closed,
            since_acquisition: ago(self.last_acquired),
            since_release: ago(self.last_returned),
            since_health_check: ago(self.last_checked),
            ..Metrics::default()
        }
    }
}
