//! The run's state: the fold of all events. The same for the live screen, the reports and a replay.

use std::collections::HashMap;
use std::path::PathBuf;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use super::paths::PathTable;
use super::{Causes, Event, EventKind, ItemIndex, StopLevel};
use crate::resilience::Fault;
use crate::resilience::breaker::BreakerState;
use crate::resilience::checkpoint::ItemState;

/// Failed items that are kept with their fault; beyond this they are counted only.
const FAILURES_KEPT: usize = 10_000;

/// Where an item stands in this run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ItemPhase {
    /// Not begun.
    #[default]
    Waiting,
    /// Looked at: nothing to do.
    UpToDate,
    /// Left out of this run.
    LeftOut,
    /// Some task of it has begun.
    Running,
    /// Finished: everything is done.
    Done,
    /// Finished: failed.
    Failed,
    /// Finished: waits for a dependency, in a later run.
    Parked,
    /// Ended before it was done, by a stop or a cancel.
    Cancelled,
}

/// What came of the batch, in items.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// In the batch.
    pub total: u32,
    /// Done in this run.
    pub done: u32,
    /// Done before, and nothing changed.
    pub up_to_date: u32,
    /// Failed.
    pub failed: u32,
    /// Waiting for a dependency.
    pub parked: u32,
    /// Left out of this run.
    pub left_out: u32,
    /// Begun and not ended, by a stop or a cancel.
    pub cancelled: u32,
}

impl Counts {
    /// Items that this run did not get to.
    #[must_use]
    pub fn waiting(&self) -> u32 {
        self.total
            .saturating_sub(self.done + self.up_to_date + self.failed + self.parked + self.left_out + self.cancelled)
    }
}

/// Where the run stands.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum RunPhase {
    /// Nothing is known of it yet.
    #[default]
    Starting,
    /// It works.
    Running,
    /// It starts nothing new, for this reason.
    Paused(String),
    /// It was asked to stop.
    Stopping(StopLevel),
    /// It ended; the reason is given where not everything was done.
    Finished(Option<String>),
}

/// A task that runs or waits for its next attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskView {
    /// The attempt that runs or comes, from 1.
    pub attempt: u32,
    /// When this began, in milliseconds since the run's start.
    pub since: u64,
    /// When the next attempt is due, where it waits for one.
    pub retry_at: Option<u64>,
}

/// A breaker as the screen shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BreakerView {
    /// Its state.
    pub state: BreakerState,
    /// Why it is in it.
    pub reason: String,
    /// Since when, in milliseconds since the run's start.
    pub since: u64,
    /// When it lets a call through, where it is OPEN.
    pub retry_at: Option<u64>,
    /// Tasks that wait for it.
    pub parked: u32,
}

/// A dependency as the screen shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DependencyView {
    /// Whether it can be used.
    pub available: bool,
    /// Whether the run makes no sense without it.
    pub required: bool,
    /// Its version.
    pub version: Option<String>,
    /// What was found, or what is wrong.
    pub details: String,
}

/// All that is known of a run, from its events alone.
#[derive(Debug, Clone, Default)]
pub struct RunState {
    /// The run's id.
    pub run: String,
    /// The pipeline's name.
    pub pipeline: String,
    /// The steps' ids.
    pub steps: Vec<String>,
    /// Tasks done in this run, by step.
    pub step_done: Vec<u32>,
    /// How many tasks may run at once.
    pub jobs: u32,
    /// Where the run stands.
    pub phase: RunPhase,
    /// What came of the batch so far.
    pub counts: Counts,
    /// The dependencies.
    pub dependencies: IndexMap<String, DependencyView>,
    /// The breakers that ever changed.
    pub breakers: IndexMap<String, BreakerView>,
    /// The tasks that run or wait for an attempt.
    pub tasks: HashMap<(ItemIndex, u32), TaskView>,
    /// The failed and parked items, the first ten thousand with their fault and step.
    pub failures: IndexMap<ItemIndex, (Option<u32>, Fault)>,
    /// Failed items by cause.
    pub causes: Causes,
    /// Milliseconds since the run's start, at the last event.
    pub elapsed: u64,
    phases: Vec<ItemPhase>,
    paths: PathTable,
    next: u64,
}

impl RunState {
    /// The item's path.
    #[must_use]
    pub fn path(&self, item: ItemIndex) -> Option<PathBuf> {
        self.paths.get(item as usize)
    }

    /// Where the item stands.
    #[must_use]
    pub fn phase_of(&self, item: ItemIndex) -> ItemPhase {
        self.phases.get(item as usize).copied().unwrap_or_default()
    }

    /// The sequence number that the next event has.
    #[must_use]
    pub fn next_seq(&self) -> u64 {
        self.next
    }

    /// Folds one event in.
    pub fn apply(&mut self, event: &Event) {
        self.next = event.seq + 1;
        self.elapsed = event.elapsed;
        match &event.kind {
            EventKind::RunStarted { run, pipeline, steps, jobs, .. } => {
                self.run.clone_from(run);
                self.pipeline.clone_from(pipeline);
                self.steps.clone_from(steps);
                self.step_done = vec![0; steps.len()];
                self.jobs = *jobs;
                self.phase = RunPhase::Running;
            }
            EventKind::DependencyChecked { name, available, required, version, details } => {
                let view = DependencyView {
                    available: *available,
                    required: *required,
                    version: version.clone(),
                    details: details.clone(),
                };
                self.dependencies.insert(name.clone(), view);
            }
            EventKind::ItemsListed { paths, .. } => {
                for path in paths {
                    self.paths.push(path.as_path());
                }
                self.phases.resize(self.paths.len(), ItemPhase::Waiting);
                self.counts.total = self.phases.len() as u32;
            }
            EventKind::ItemsUpToDate { ranges } => {
                for item in ranges.iter().flat_map(|(from, to)| *from..*to) {
                    self.move_to(item, ItemPhase::UpToDate);
                }
            }
            EventKind::ItemLeftOut { item, .. } => self.move_to(*item, ItemPhase::LeftOut),
            EventKind::AttemptStarted { item, step, attempt } => {
                self.move_to(*item, ItemPhase::Running);
                self.tasks.insert((*item, *step), TaskView { attempt: *attempt, since: event.elapsed, retry_at: None });
            }
            EventKind::AttemptFailed { item, step, .. } | EventKind::TaskSkipped { item, step, .. } => {
                self.tasks.remove(&(*item, *step));
            }
            EventKind::RetryScheduled { item, step, attempt, delay } => {
                let retry_at = Some(event.elapsed + delay);
                self.tasks.insert((*item, *step), TaskView { attempt: *attempt, since: event.elapsed, retry_at });
            }
            EventKind::TaskDone { item, step, .. } => {
                self.tasks.remove(&(*item, *step));
                if let Some(done) = self.step_done.get_mut(*step as usize) {
                    *done += 1;
                }
            }
            EventKind::TaskParked { item, step, dependency } => {
                self.tasks.remove(&(*item, *step));
                if let Some(breaker) = self.breakers.get_mut(dependency) {
                    breaker.parked += 1;
                }
            }
            EventKind::ItemFinished { item, state, step, fault, .. } => {
                self.finish(*item, *state, *step, fault.as_ref())
            }
            EventKind::BreakerChanged { dependency, state, reason, retry_in } => {
                let view = BreakerView {
                    state: *state,
                    reason: reason.clone(),
                    since: event.elapsed,
                    retry_at: retry_in.map(|in_ms| event.elapsed + in_ms),
                    parked: if *state == BreakerState::Closed {
                        0
                    } else {
                        self.breakers.get(dependency).map_or(0, |breaker| breaker.parked)
                    },
                };
                self.breakers.insert(dependency.clone(), view);
            }
            EventKind::RunPaused { reason } => self.phase = RunPhase::Paused(reason.clone()),
            EventKind::RunResumed { .. } => self.phase = RunPhase::Running,
            EventKind::JobsChanged { jobs } => self.jobs = *jobs,
            EventKind::StopRequested { level, .. } => self.phase = RunPhase::Stopping(*level),
            EventKind::CanaryAnswered { .. } | EventKind::Warning { .. } | EventKind::BatchStepFinished { .. } => {}
            EventKind::RunFinished { reason, .. } => {
                self.tasks.clear();
                self.phase = RunPhase::Finished(reason.clone());
            }
        }
    }

    fn finish(&mut self, item: ItemIndex, state: ItemState, step: Option<u32>, fault: Option<&Fault>) {
        self.tasks.retain(|(of, _), _| *of != item);
        self.move_to(
            item,
            match state {
                ItemState::Done => ItemPhase::Done,
                ItemState::Failed => ItemPhase::Failed,
                ItemState::Parked => ItemPhase::Parked,
                ItemState::Pending => ItemPhase::Cancelled,
            },
        );
        if let Some(fault) = fault {
            if state == ItemState::Failed {
                *self.causes.entry((fault.class, fault.cause.clone())).or_default() += 1;
            }
            if self.failures.len() < FAILURES_KEPT {
                self.failures.insert(item, (step, fault.clone()));
            }
        }
    }

    fn move_to(&mut self, item: ItemIndex, phase: ItemPhase) {
        let Some(old) = self.phases.get_mut(item as usize) else { return };
        let counts = &mut self.counts;
        for (phase, by) in [(*old, u32::MAX), (phase, 1)] {
            let count = match phase {
                ItemPhase::Waiting | ItemPhase::Running => continue,
                ItemPhase::UpToDate => &mut counts.up_to_date,
                ItemPhase::LeftOut => &mut counts.left_out,
                ItemPhase::Done => &mut counts.done,
                ItemPhase::Failed => &mut counts.failed,
                ItemPhase::Parked => &mut counts.parked,
                ItemPhase::Cancelled => &mut counts.cancelled,
            };
            *count = count.wrapping_add(by);
        }
        *old = phase;
        if phase == ItemPhase::Running
            && let Some((_, fault)) = self.failures.shift_remove(&item)
            && let Some(count) = self.causes.get_mut(&(fault.class, fault.cause))
        {
            *count = count.saturating_sub(1);
        }
    }
}
