//! The run's state: the fold of all events. The same for the live screen, the reports and a replay.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::Arc;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use super::paths::PathTable;
use super::pieces::{PieceCounts, PieceFailure, Pieces};
use super::pools::{PoolView, Pools};
use super::seen::ResourceView;
use super::shape::{BreakerShape, MachineView, Progress, StepShape};
use super::waits::Waits;
use super::{Causes, Event, EventKind, ItemIndex, StopLevel};
use crate::resilience::Fault;
use crate::resilience::breaker::BreakerState;
use crate::resilience::checkpoint::ItemState;
use crate::resources::Leak;

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
    /// Items that came to an end, in this run or before it. One that was cancelled did not: the next run takes it up.
    #[must_use]
    pub fn ended(&self) -> u32 {
        let ends = [self.done, self.up_to_date, self.failed, self.parked, self.left_out];
        ends.into_iter().fold(0, u32::saturating_add)
    }

    /// Items that this run did not get to.
    #[must_use]
    pub fn waiting(&self) -> u32 {
        self.total.saturating_sub(self.ended()).saturating_sub(self.cancelled)
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
    /// How far the attempt is, where its step tells.
    pub progress: Option<Progress>,
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
    /// Failures in a row, as it counts them.
    pub failures: u32,
    /// How often it changed its state.
    pub changes: u32,
    /// Its settings, where the journal tells them.
    pub settings: Option<BreakerShape>,
}

impl BreakerView {
    fn closed(settings: Option<BreakerShape>) -> Self {
        let (reason, state) = (String::new(), BreakerState::Closed);
        Self { state, reason, since: 0, retry_at: None, parked: 0, failures: 0, changes: 0, settings }
    }
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
    /// The program.
    pub path: Option<PathBuf>,
    /// What to do where it cannot be used.
    pub hint: Option<String>,
    /// Since when it is as it is, in milliseconds since the run's start.
    pub since: u64,
    /// When it was looked at last.
    pub checked: u64,
}

/// A step over the whole batch as the screen shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchView {
    /// When it began, in milliseconds since the run's start.
    pub since: u64,
    /// When it ended.
    pub until: Option<u64>,
    /// Why it failed, if it did.
    pub fault: Option<Fault>,
    /// The file that it wrote.
    pub artifact: Option<PathBuf>,
}

/// All that is known of a run, from its events alone.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RunState {
    /// The run's id.
    pub run: String,
    /// The pipeline's name.
    pub pipeline: String,
    /// The steps' ids.
    pub steps: Vec<String>,
    /// What else is to be known of the steps.
    pub shapes: Vec<StepShape>,
    /// Tasks done in this run, by step.
    pub step_done: Vec<u32>,
    /// Tasks left out in this run, by step.
    pub step_skipped: Vec<u32>,
    /// The steps over the whole batch that have begun.
    pub batch: IndexMap<u32, BatchView>,
    /// Whether the pipeline makes its items itself: they are no files then.
    pub generated: bool,
    /// The folder that the outputs are below.
    pub output: PathBuf,
    /// The disks and the memory, as they were found last, and when.
    pub machine: (u64, Vec<MachineView>),
    /// How many tasks may run at once.
    pub jobs: u32,
    /// Where the run stands.
    pub phase: RunPhase,
    /// What came of the batch so far.
    pub counts: Counts,
    /// The dependencies.
    pub dependencies: IndexMap<String, DependencyView>,
    /// The resources, by name, in the order of the pipeline.
    pub resources: IndexMap<String, ResourceView>,
    /// Leases that were held for too long, and whether their owner had come to an end.
    pub leaks: Vec<(Leak, bool)>,
    /// The breakers: those that the run began with, and any that changed.
    pub breakers: IndexMap<String, BreakerView>,
    /// The tasks that run or wait for an attempt.
    pub tasks: HashMap<(ItemIndex, u32), TaskView>,
    /// The failed and parked items, the first ten thousand with their fault and step.
    pub failures: IndexMap<ItemIndex, (Option<u32>, Arc<Fault>)>,
    /// Failed items by cause.
    pub causes: Causes,
    /// Milliseconds since the run's start, at the last event.
    pub elapsed: u64,
    /// Wall time of the last event, milliseconds since 1970.
    pub at: u64,
    waits: Waits,
    pieces: Pieces,
    pub(super) pools: Pools,
    /// The place in `causes` of each failed item's cause, of all of them: those whose faults are not kept, too.
    failed: BTreeMap<ItemIndex, u32>,
    phases: Vec<ItemPhase>,
    /// Shared by the copies that a time line keeps.
    paths: Arc<PathTable>,
    next: u64,
}

impl RunState {
    /// The item's path.
    #[must_use]
    pub fn path(&self, item: ItemIndex) -> Option<PathBuf> {
        self.paths.get(item as usize)
    }

    /// What one item is called.
    #[must_use]
    pub const fn item_word(&self) -> &'static str {
        if self.generated { "item" } else { "file" }
    }

    /// Where the item stands.
    #[must_use]
    pub fn phase_of(&self, item: ItemIndex) -> ItemPhase {
        self.phases.get(item as usize).copied().unwrap_or_default()
    }

    /// How many items there are.
    #[must_use]
    pub fn items(&self) -> usize {
        self.phases.len()
    }

    /// The first step of the item that waits for a dependency.
    #[must_use]
    pub fn waits_for(&self, item: ItemIndex) -> Option<u32> {
        self.waits.first(item)
    }

    /// How far the pieces of a step are, of an item that is worked on.
    #[must_use]
    pub fn pieces(&self, item: ItemIndex, step: u32) -> Option<PieceCounts> {
        self.pieces.counts(item, step)
    }

    /// The pieces of the item that failed, the first hundred of them.
    #[must_use]
    pub fn failed_pieces(&self, item: ItemIndex) -> &[PieceFailure] {
        self.pieces.failures(item)
    }

    /// The asset pools.
    #[must_use]
    pub fn pools(&self) -> &[PoolView] {
        &self.pools.views
    }

    /// How many attempts run: of a step, or of all.
    #[must_use]
    pub fn running(&self, step: Option<u32>) -> usize {
        let meant = self.tasks.iter().filter(|((_, of), _)| step.is_none_or(|step| step == *of));
        let running = meant.map(|((item, step), task)| match self.pieces(*item, *step) {
            Some(pieces) => pieces.running as usize,
            None => usize::from(task.retry_at.is_none()),
        });
        running.sum()
    }

    /// How many items wait for a dependency.
    #[must_use]
    pub fn waiting_items(&self) -> usize {
        self.waits.items()
    }

    /// The failed items, in the order of the batch: all of them, or those that failed with this cause.
    #[must_use]
    pub fn failed_with(&self, cause: Option<&str>) -> Vec<ItemIndex> {
        let Some(cause) = cause else {
            let items = 0..self.items() as ItemIndex;
            return items.filter(|item| self.phase_of(*item) == ItemPhase::Failed).collect();
        };
        let meant: Vec<bool> = self.causes.keys().map(|(_, of)| of == cause).collect();
        let is_meant = |place: &u32| meant.get(*place as usize).is_some_and(|meant| *meant);
        self.failed.iter().filter(|(_, place)| is_meant(place)).map(|(item, _)| *item).collect()
    }

    /// The name of the item's file, without its folder, as text for eyes.
    #[must_use]
    pub fn name(&self, item: ItemIndex) -> std::borrow::Cow<'_, str> {
        if self.paths.len() > item as usize { self.paths.name(item as usize).to_string_lossy() } else { "".into() }
    }

    /// The folder that all items are below, or in.
    #[must_use]
    pub fn root(&self) -> PathBuf {
        self.paths.root()
    }

    /// The sequence number that the next event has.
    #[must_use]
    pub fn next_seq(&self) -> u64 {
        self.next
    }

    /// Folds one event in.
    pub fn apply(&mut self, event: &Event) {
        self.next = event.seq.saturating_add(1);
        self.elapsed = event.elapsed;
        self.at = event.at;
        self.pieces.apply(event, self.phases.len());
        self.pools.apply(event);
        match &event.kind {
            EventKind::RunStarted { run, pipeline, steps, jobs, shapes, breakers, output, generated, .. } => {
                self.generated = *generated;
                self.run.clone_from(run);
                self.pipeline.clone_from(pipeline);
                self.steps.clone_from(steps);
                self.shapes.clone_from(shapes);
                self.shapes.resize_with(steps.len(), StepShape::default);
                self.step_done = vec![0; steps.len()];
                self.step_skipped = vec![0; steps.len()];
                self.jobs = *jobs;
                self.output = output.as_path().to_path_buf();
                let view = |shape: &BreakerShape| (shape.dependency.clone(), BreakerView::closed(Some(shape.clone())));
                self.breakers = breakers.iter().map(view).collect();
                self.waits = Waits::default();
                self.phase = RunPhase::Running;
            }
            EventKind::DependencyChecked { name, available, required, version, details, path, hint } => {
                let before = self.dependencies.get(name).filter(|before| before.available == *available);
                let view = DependencyView {
                    available: *available,
                    required: *required,
                    version: version.clone(),
                    details: details.clone(),
                    path: path.as_ref().map(|path| path.as_path().to_path_buf()),
                    hint: hint.clone(),
                    since: before.map_or(event.elapsed, |before| before.since),
                    checked: event.elapsed,
                };
                self.dependencies.insert(name.clone(), view);
            }
            EventKind::MachineChecked { found } => self.machine = (event.elapsed, found.clone()),
            EventKind::ItemsListed { paths, .. } => {
                let table = Arc::make_mut(&mut self.paths);
                for path in paths {
                    table.push(path.as_path());
                }
                self.phases.resize(self.paths.len(), ItemPhase::Waiting);
                self.counts.total = self.phases.len() as u32;
            }
            EventKind::ItemsUpToDate { ranges } => {
                // A journal may claim any range: no item is beyond the batch.
                let items = self.items() as ItemIndex;
                for item in ranges.iter().flat_map(|(from, to)| *from..items.min(*to)) {
                    self.waits_no_more(item, None);
                    self.move_to(item, ItemPhase::UpToDate);
                }
            }
            EventKind::ItemLeftOut { item, .. } => {
                self.tasks.retain(|(of, _), _| of != item);
                self.waits_no_more(*item, None);
                self.move_to(*item, ItemPhase::LeftOut);
            }
            EventKind::PiecesFound { item, step, .. } => {
                self.move_to(*item, ItemPhase::Running);
                self.waits_no_more(*item, Some(*step));
                self.tasks.insert(
                    (*item, *step),
                    TaskView { attempt: 1, since: event.elapsed, retry_at: None, progress: None },
                );
            }
            EventKind::AttemptStarted { item, step, piece: Some(_), .. } => {
                self.move_to(*item, ItemPhase::Running);
                self.waits_no_more(*item, Some(*step));
                let view = TaskView { attempt: 1, since: event.elapsed, retry_at: None, progress: None };
                self.tasks.entry((*item, *step)).or_insert(view);
            }
            // What comes of one piece, the counts tell; the task goes on.
            EventKind::AttemptFailed { piece: Some(_), .. }
            | EventKind::RetryScheduled { piece: Some(_), .. }
            | EventKind::TaskDone { piece: Some(_), .. }
            | EventKind::TaskSkipped { piece: Some(_), .. }
            | EventKind::PieceFailed { .. } => {}
            EventKind::AttemptStarted { item, step, attempt, piece: None, .. } => {
                self.move_to(*item, ItemPhase::Running);
                self.waits_no_more(*item, Some(*step));
                let view = TaskView { attempt: *attempt, since: event.elapsed, retry_at: None, progress: None };
                self.tasks.insert((*item, *step), view);
            }
            EventKind::AttemptProgressed { item, step, progress } => {
                if let Some(task) = self.tasks.get_mut(&(*item, *step)) {
                    task.progress = Some(*progress);
                }
            }
            EventKind::AttemptFailed { item, step, .. } => {
                self.tasks.remove(&(*item, *step));
            }
            EventKind::TaskSkipped { item, step, .. } => {
                self.taken_up_again(*item);
                self.tasks.remove(&(*item, *step));
                self.waits_no_more(*item, Some(*step));
                if let Some(skipped) = self.step_skipped.get_mut(*step as usize) {
                    *skipped += 1;
                }
            }
            EventKind::RetryScheduled { item, step, attempt, delay, piece: None } => {
                let retry_at = Some(event.elapsed.saturating_add(*delay));
                let view = TaskView { attempt: *attempt, since: event.elapsed, retry_at, progress: None };
                self.tasks.insert((*item, *step), view);
            }
            EventKind::TaskDone { item, step, .. } => {
                self.tasks.remove(&(*item, *step));
                if let Some(done) = self.step_done.get_mut(*step as usize) {
                    *done += 1;
                }
            }
            EventKind::TaskParked { item, step, dependency } => {
                self.taken_up_again(*item);
                self.tasks.remove(&(*item, *step));
                self.waits_no_more(*item, Some(*step));
                let breaker = self.breakers.get_full_mut(dependency).map(|(place, _, breaker)| {
                    breaker.parked += 1;
                    place
                });
                self.waits.add(*item, *step, breaker);
            }
            EventKind::ItemFinished { item, state, step, fault, .. } => {
                self.finish(*item, *state, *step, fault.as_ref())
            }
            EventKind::BreakerChanged { dependency, state, reason, retry_in } => {
                let breaker = self.breakers.entry(dependency.clone()).or_insert_with(|| BreakerView::closed(None));
                breaker.state = *state;
                breaker.reason.clone_from(reason);
                breaker.since = event.elapsed;
                breaker.retry_at = retry_in.map(|in_ms| event.elapsed.saturating_add(in_ms));
                breaker.changes += 1;
                if *state == BreakerState::Closed {
                    breaker.failures = 0;
                }
            }
            EventKind::BreakerCounted { dependency, failures } => {
                if let Some(breaker) = self.breakers.get_mut(dependency) {
                    breaker.failures = *failures;
                }
            }
            // Who was asked to stop stays so, whatever else comes and goes.
            EventKind::RunPaused { .. } | EventKind::RunResumed { .. }
                if matches!(self.phase, RunPhase::Stopping(_) | RunPhase::Finished(_)) => {}
            EventKind::RunPaused { reason } => self.phase = RunPhase::Paused(reason.clone()),
            EventKind::RunResumed { .. } => self.phase = RunPhase::Running,
            EventKind::JobsChanged { jobs } => self.jobs = *jobs,
            EventKind::StopRequested { level, .. } => self.phase = RunPhase::Stopping(*level),
            EventKind::CanaryAnswered { .. }
            | EventKind::Warning { .. }
            | EventKind::AssetsListed { .. }
            | EventKind::AssetScored { .. } => {}
            EventKind::ResourceSeen { kind, resource } => {
                let before = self.resources.get(&resource.name);
                let view = ResourceView::seen(before, kind, event.elapsed, resource);
                self.resources.insert(resource.name.clone(), view);
            }
            EventKind::ResourceLeaked { leak, ended } => self.leaks.push((leak.clone(), *ended)),
            EventKind::BatchStepStarted { step } => {
                let view = BatchView { since: event.elapsed, until: None, fault: None, artifact: None };
                self.batch.insert(*step, view);
            }
            EventKind::BatchStepFinished { step, fault, artifact } => {
                let since = self.batch.get(step).map_or(event.elapsed, |view| view.since);
                let artifact = artifact.as_ref().map(|path| path.as_path().to_path_buf());
                let view = BatchView { since, until: Some(event.elapsed), fault: fault.clone(), artifact };
                self.batch.insert(*step, view);
            }
            EventKind::RunFinished { reason, .. } => {
                self.tasks.clear();
                self.phase = RunPhase::Finished(reason.clone());
            }
        }
    }

    fn finish(&mut self, item: ItemIndex, state: ItemState, step: Option<u32>, fault: Option<&Fault>) {
        self.tasks.retain(|(of, _), _| *of != item);
        if state != ItemState::Parked {
            self.waits_no_more(item, None);
        }
        self.move_to(
            item,
            match state {
                ItemState::Done => ItemPhase::Done,
                ItemState::Failed => ItemPhase::Failed,
                ItemState::Parked => ItemPhase::Parked,
                ItemState::Pending => ItemPhase::Cancelled,
            },
        );
        let Some(fault) = fault.filter(|_| (item as usize) < self.items()) else { return };
        if state == ItemState::Failed {
            let cause = self.causes.entry((fault.class, fault.cause.clone()));
            self.failed.insert(item, cause.index() as u32);
            *cause.or_default() += 1;
        }
        if self.failures.len() < FAILURES_KEPT {
            self.failures.insert(item, (step, Arc::new(fault.clone())));
        }
    }

    /// Something came of the item before any attempt: where it had ended, it has not any more.
    fn taken_up_again(&mut self, item: ItemIndex) {
        if matches!(self.phase_of(item), ItemPhase::Failed | ItemPhase::Cancelled | ItemPhase::LeftOut) {
            self.move_to(item, ItemPhase::Waiting);
        }
    }

    /// The item waits for no dependency any more: in this step, or in any.
    fn waits_no_more(&mut self, item: ItemIndex, step: Option<u32>) {
        for breaker in self.waits.remove(item, step) {
            if let Some((_, breaker)) = self.breakers.get_index_mut(breaker) {
                breaker.parked = breaker.parked.saturating_sub(1);
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
        // Whoever failed before and is taken up again, or left out by hand, failed no more, or fails anew.
        self.failures.shift_remove(&item);
        if let Some(cause) = self.failed.remove(&item)
            && let Some((_, count)) = self.causes.get_index_mut(cause as usize)
        {
            *count = count.saturating_sub(1);
        }
    }
}

#[cfg(test)]
mod tests;
