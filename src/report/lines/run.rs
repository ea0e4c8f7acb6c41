//! What happens to the run as a whole, in words.

use std::io::Write;

use super::{Level, Lines, Tone, step_id};
use crate::events::{Counts, EventKind, RunState, StopLevel};
use crate::report::names::{counted, duration};
use crate::resilience::breaker::BreakerState;

impl<W: Write> Lines<W> {
    /// The line for an event that is not about one file: from which level on, its word, and the rest (not yet safe).
    pub(super) fn told(&self, kind: &EventKind, state: &RunState) -> Option<(Level, Tone, &'static str, String)> {
        Some(match kind {
            EventKind::RunStarted { pipeline, steps, jobs, .. } => {
                let (steps, jobs) = (steps.join(", "), counted(*jobs as usize, "job"));
                (Level::Info, Tone::Plain, "run", format!("{pipeline}  {jobs}; steps: {steps}"))
            }
            EventKind::DependencyChecked { name, available, required, version, details, .. } => {
                let version = version.as_deref().map_or_else(String::new, |version| format!(" {version}"));
                match (available, required) {
                    (true, _) => (Level::Debug, Tone::Good, "found", format!("{name}{version}  {details}")),
                    (false, true) => (Level::Error, Tone::Bad, "missing", format!("{name}{version}  {details}")),
                    (false, false) => (Level::Warn, Tone::Careful, "missing", format!("{name}{version}  {details}")),
                }
            }
            EventKind::BreakerChanged { dependency, state: breaker, reason, retry_in } => {
                let tone = if *breaker == BreakerState::Closed { Tone::Good } else { Tone::Careful };
                let again = retry_in.map_or_else(String::new, |ms| format!("; tried again in {}", duration(ms)));
                (Level::Warn, tone, "breaker", format!("{dependency}  {breaker}: {reason}{again}"))
            }
            EventKind::CanaryAnswered { dependency, well, details } => {
                let (level, tone, well) = match well {
                    true => (Level::Debug, Tone::Good, "is well"),
                    false => (Level::Warn, Tone::Careful, "is not well"),
                };
                (level, tone, "canary", format!("{dependency}  {well}: {details}"))
            }
            EventKind::RunPaused { reason } => (Level::Warn, Tone::Careful, "paused", reason.clone()),
            EventKind::RunResumed { reason } => (Level::Warn, Tone::Good, "resumed", reason.clone()),
            EventKind::JobsChanged { jobs } => (Level::Info, Tone::Plain, "jobs", counted(*jobs as usize, "job")),
            EventKind::StopRequested { level, by } => {
                let how = match level {
                    StopLevel::Drain => "running tasks end first",
                    StopLevel::Cancel => "running tools are asked to end",
                    StopLevel::Kill => "now",
                };
                (Level::Warn, Tone::Careful, "stopping", format!("{by}: {how}"))
            }
            EventKind::Warning { message, item } => {
                let item = item.map_or_else(String::new, |item| format!("{}  ", self.name(item, state)));
                (Level::Warn, Tone::Careful, "warning", format!("{item}{message}"))
            }
            EventKind::BatchStepFinished { step, fault, artifact } => {
                let id = step_id(state, *step);
                match (fault, artifact) {
                    (Some(fault), _) => {
                        (Level::Error, Tone::Bad, "failed", format!("{id}  {}", self.why(None, fault, state)))
                    }
                    (None, Some(artifact)) => {
                        let path = self.names.short(artifact.as_path());
                        (Level::Info, Tone::Good, "done", format!("{id}  {path}"))
                    }
                    (None, None) => (Level::Info, Tone::Good, "done", id.to_owned()),
                }
            }
            EventKind::RunFinished { counts, reason } => match reason {
                Some(reason) => (Level::Error, Tone::Careful, "ended", format!("{reason}: {}", sum(counts))),
                None => (Level::Info, Tone::Plain, "ended", sum(counts)),
            },
            _ => return None,
        })
    }
}

/// What came of the batch, in one line.
fn sum(counts: &Counts) -> String {
    let parts = [
        (counts.done, "done"),
        (counts.up_to_date, "up to date"),
        (counts.failed, "failed"),
        (counts.parked, "parked"),
        (counts.left_out, "skipped"),
        (counts.cancelled, "cancelled"),
        (counts.waiting(), "not begun"),
    ];
    let told: Vec<_> = parts.iter().filter(|(n, _)| *n > 0).map(|(n, word)| format!("{n} {word}")).collect();
    if told.is_empty() { "no files".to_owned() } else { told.join(", ") }
}
