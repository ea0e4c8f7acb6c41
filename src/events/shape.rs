//! What an event tells of a step, a breaker or the machine that does not change with what happens.

use serde::{Deserialize, Serialize};

/// What is to be known of a step besides its id.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepShape {
    /// What it depends on: the name of its breaker.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dependency: Option<String>,
    /// The places of the steps that it reads or comes after.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub before: Vec<u32>,
    /// Attempts that a task may take: its retries and one.
    pub attempts: u32,
    /// An item is done without it, too.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub optional: bool,
    /// It runs once, over the whole batch.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub batch: bool,
}

/// The settings of a breaker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BreakerShape {
    /// What it guards.
    pub dependency: String,
    /// Failures in a row that open it.
    pub failure_threshold: u32,
    /// Milliseconds that it stays open before one call may probe.
    pub recovery: u64,
    /// Successes that close it again.
    pub success_threshold: u32,
}

/// A disk, or the memory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MachineView {
    /// `disk` or `memory`.
    pub name: String,
    /// Whether there is room.
    pub well: bool,
    /// What was found.
    pub details: String,
    /// What to do where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

/// How far an attempt is, in milliseconds of sound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// Done.
    pub done: u64,
    /// All there is, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of: Option<u64>,
}
