//! Items: how they begin, go on from step to step, and end.

use std::sync::{Arc, Mutex};

use indexmap::IndexMap;

use super::Dispatcher;
use super::pieces::same_fan;
use super::working::{Ending, Progress, TaskId, TaskState, Working};
use crate::engine::attempt::Active;
use crate::engine::due;
use crate::engine::fingerprint::{fingerprint, is_left_out, stale_whole};
use crate::engine::item::Fields;
use crate::engine::slot::Workers;
use crate::engine::survey::Work;
use crate::events::{EventKind, ItemIndex, StopLevel};
use crate::pipeline::template::Field;
use crate::resilience::checkpoint::{
    Artifact, Because, Checkpoint, ItemState, LeftOut, StepFault, StepOutcome, StepRecord,
};
use crate::resilience::{Fault, FaultClass};
use crate::steps::builtin::Values;

impl<W: Workers> Dispatcher<W> {
    /// Begins the work on an item. `insisted`: somebody asked for this very one.
    pub(super) fn begin(&mut self, work: Work, insisted: bool) {
        let index = work.item.index;
        if self.workshop.context.options.limit.is_some() && !self.begun.contains(&index) {
            if self.limit_reached() && !insisted {
                return self.leave_out_item(index, "the limit of this run is reached".into());
            }
            self.begun.insert(index);
        }
        if let Some(message) = work.note {
            self.recorder.record(EventKind::Warning { message, item: Some(index) });
        }
        let progress = |reason: &Option<String>| if reason.is_some() { Progress::Waiting } else { Progress::Through };
        let steps: Vec<TaskState> = work.stale.iter().map(progress).map(TaskState::new).collect();
        let pieces = self.workshop.context.store.shared_pieces(&work.item.id);
        let active = Active { item: work.item, checkpoint: Mutex::new(work.checkpoint), pieces, insisted };
        self.active.insert(index, Working::new(Arc::new(active), steps));
        self.advance(index);
    }

    /// Takes the item as far as it goes without an attempt: makes ready what could start, leaves out what is to be, and
    /// ends the item when nothing is left.
    pub(super) fn advance(&mut self, index: ItemIndex) {
        let mut moved = true;
        while moved {
            moved = false;
            for step in 0..self.workshop.context.plan.steps.len() {
                moved |= self.advance_step(index, step);
            }
        }
        let Some(working) = self.active.get(&index) else { return };
        if !working.is_at_work() {
            match working.parked() {
                _ if working.ending.is_some() && !working.is_through() => self.end_cancelled(index),
                // A step that failed for good decides, whatever another one waits for.
                Some((step, dependency)) if working.failed.is_none() => self.set_aside(index, step, dependency),
                _ => self.end_item(index),
            }
        }
    }

    /// `true`: the step is through now, or failed, and others may hang on it.
    fn advance_step(&mut self, index: ItemIndex, step: usize) -> bool {
        let workshop = Arc::clone(&self.workshop);
        let (plan, bases) = (&workshop.context.plan, &workshop.context.bases);
        let Some(working) = self.active.get_mut(&index) else { return false };
        if working.ending.is_some() || !matches!(working.steps[step].progress, Progress::Waiting) {
            return false;
        }
        let spec = &plan.steps[step];
        // Of the steps of the same pieces each piece waits for itself, once they are known.
        let same = same_fan(plan, step);
        let mut before = spec.depends_on().chain(spec.after.iter().copied());
        let is_ready = |read: &usize| match &working.steps[*read].progress {
            Progress::Through | Progress::Failed => true,
            Progress::Fanned if same.contains(read) => {
                working.fans[*read].as_ref().is_some_and(|fan| fan.tasks.is_some())
            }
            _ => false,
        };
        if before.any(|before| !is_ready(&before)) {
            return false;
        }
        let has_failed = |read: &usize| {
            matches!(working.steps[*read].progress, Progress::Failed)
                && !(same.contains(read) && working.fans[*read].is_some())
        };
        if spec.depends_on().any(|before| has_failed(&before)) {
            working.steps[step].progress = Progress::Failed;
            return true;
        }
        let matches = spec.matches.takes(working.active.item.name());
        let upstream = {
            let checkpoint = working.active.checkpoint();
            // The steps before it ran again: what they made now may be what they made before.
            let stands = |checkpoint: &Checkpoint| {
                let mut log = working.active.pieces();
                stale_whole(&workshop.context, &working.active.item, step, checkpoint, &mut log).is_none()
            };
            // Whether many files are as they were, the attempt finds out: that takes a while.
            let is_quick = spec.each.is_none() && spec.out.values().all(|rule| !rule.many);
            if is_quick && checkpoint.steps.contains_key(&spec.id) && stands(&checkpoint) {
                drop(checkpoint);
                working.steps[step].progress = Progress::Through;
                return true;
            }
            let mut before = spec.depends_on().map(|before| &plan.steps[before].id);
            before.find(|id| is_left_out(&checkpoint, id)).cloned()
        };
        if !matches {
            self.leave_out_step(index, step, Because::Unmatched, format!("it is for {}", spec.matches));
            return true;
        }
        if let Some(upstream) = upstream {
            self.leave_out_step(index, step, Because::Upstream, format!("step '{upstream}' was left out"));
            return true;
        }
        if let Some(reason) = &bases[step].unavailable {
            self.leave_out_step(index, step, Because::Unavailable, reason.clone());
            return true;
        }
        if spec.each.is_some() {
            self.fan_out(index, step);
            return false;
        }
        working.steps[step].progress = Progress::Ready;
        self.make_ready(TaskId::whole(index, step));
        false
    }

    /// Leaves the step out, or has stand-ins take the place of its outputs where the pipeline names some.
    pub(super) fn leave_out_step(&mut self, index: ItemIndex, step: usize, because: Because, reason: String) {
        let workshop = Arc::clone(&self.workshop);
        let spec = &workshop.context.plan.steps[step];
        let Some(working) = self.active.get_mut(&index) else { return };
        let mut checkpoint = working.active.checkpoint();
        let stand_ins: Option<Vec<(String, Artifact)>> = spec
            .fallback
            .iter()
            .map(|(name, template)| {
                let Some(Field::Step { step, name: of }) = template.whole_field() else {
                    let fields = Fields { item: Some(&working.active.item), ..Fields::default() };
                    let path = std::path::PathBuf::from(template.expand(&fields).ok()?);
                    return stand_in(&path, &checkpoint.source.hash).map(|artifact| (name.clone(), artifact));
                };
                let artifact = checkpoint.steps.get(step)?.artifacts.get(of)?.clone();
                Some((name.clone(), artifact))
            })
            .collect();
        let stand_ins = stand_ins.filter(|found| !found.is_empty());
        let outcome = if stand_ins.is_some() { StepOutcome::Fallback } else { StepOutcome::Skipped };
        let record = StepRecord {
            outcome,
            fingerprint: fingerprint(&workshop.context, step, &checkpoint),
            artifacts: stand_ins.into_iter().flatten().collect(),
            pieces: IndexMap::new(),
            draws: IndexMap::new(),
            each: None,
            attempts: working.steps[step].attempts,
            duration: 0.0,
            left_out: Some(LeftOut { because, reason: reason.clone() }),
        };
        checkpoint.mark(&spec.id, record, Values::new());
        drop(checkpoint);
        working.unsaved = true;
        working.steps[step].progress = Progress::Through;
        let step = step as u32;
        self.recorder.record(EventKind::TaskSkipped { item: index, step, piece: None, because, reason });
    }

    /// The step failed for good: an optional one is left out, a required one fails the item.
    pub(super) fn fail_step(&mut self, index: ItemIndex, step: usize, fault: Fault) {
        let spec = &self.workshop.context.plan.steps[step];
        let passing = fault.class != FaultClass::Input;
        if spec.optional {
            let because = if passing { Because::Passing } else { Because::Input };
            self.leave_out_step(index, step, because, fault.message);
        } else if let Some(working) = self.active.get_mut(&index) {
            working.steps[step].progress = Progress::Failed;
            working.failed.get_or_insert((step, fault));
            if self.workshop.context.options.fail_fast {
                self.stop(StopLevel::Drain, "the first failure (--fail-fast)");
            }
        }
        self.advance(index);
    }

    /// The item waits for a dependency: its state is saved, and nothing of it stays in memory.
    fn set_aside(&mut self, index: ItemIndex, step: usize, dependency: usize) {
        let Some(working) = self.let_go(index) else { return };
        let fault = self.parked_fault(dependency);
        self.save(&working, ItemState::Parked, Some((step, fault)));
        // The breaker may have closed while another step of the item was still at work.
        let had_its_chances = working.passing(step) > self.workshop.context.plan.steps[step].retry.max_retries;
        if self.is_closed(dependency) && !had_its_chances {
            self.again.push_back(index);
        } else {
            self.dependencies[dependency].parked.insert(index, step as u32);
        }
    }

    /// The item is worked on no more.
    fn let_go(&mut self, index: ItemIndex) -> Option<Working> {
        let working = self.active.remove(&index)?;
        self.pieces_held = self.pieces_held.saturating_sub(working.held());
        self.to_fan_out.retain(|(item, _)| *item != index);
        Some(working)
    }

    fn end_item(&mut self, index: ItemIndex) {
        let Some(working) = self.let_go(index) else { return };
        let asked_for_less = self.workshop.context.asks_for_less();
        let (state, fault) = match &working.failed {
            Some((step, fault)) => (ItemState::Failed, Some((*step, fault.clone()))),
            None => (ItemState::Done, None),
        };
        let saved = if asked_for_less && state == ItemState::Done { ItemState::Pending } else { state };
        self.save(&working, saved, fault.clone());
        let (step, fault) = fault.map(|(step, fault)| (step as u32, fault)).unzip();
        self.recorder.record(EventKind::ItemFinished { item: index, state, step, fault, before: false });
    }

    /// Writes what the store does not know of the item yet.
    fn save(&mut self, working: &Working, state: ItemState, fault: Option<(usize, Fault)>) {
        let context = &self.workshop.context;
        let mut checkpoint = working.active.checkpoint();
        let fault = fault.map(|(step, fault)| StepFault {
            fingerprint: Some(fingerprint(context, step, &checkpoint)),
            other_causes: working.other_causes(&fault),
            ..StepFault::of(context.plan.steps[step].id.clone(), working.steps[step].attempts, fault)
        });
        // An item that parked before it got anywhere leaves no trace: it is simply not begun.
        let nothing_to_tell = state == ItemState::Parked && checkpoint.steps.is_empty();
        let due = due::at_end(&context.plan, state, &checkpoint);
        let is_known = checkpoint.state == state && checkpoint.fault == fault && checkpoint.hooks_due == due;
        if nothing_to_tell || (!working.unsaved && is_known) {
            return;
        }
        checkpoint.hooks_due = due;
        checkpoint.state = state;
        checkpoint.fault = fault;
        let saved = context.store.save(working.active.item.key, &mut checkpoint);
        drop(checkpoint);
        if let Err(error) = saved {
            let message =
                format!("its checkpoint cannot be written ({error}): the next run may do its last steps again");
            self.recorder.record(EventKind::Warning { message, item: Some(working.active.item.index) });
        }
    }

    /// The run ends: whoever waits for a dependency is told so.
    pub(super) fn end_parked_items(&mut self) {
        for dependency in 0..self.dependencies.len() {
            let fault = self.parked_fault(dependency);
            for (item, step) in std::mem::take(&mut self.dependencies[dependency].parked).into_sorted() {
                let (step, fault) = (Some(step), Some(fault.clone()));
                let state = ItemState::Parked;
                self.recorder.record(EventKind::ItemFinished { item, state, step, fault, before: false });
            }
        }
    }

    /// The run was stopped: what was begun is as it was, and its finished steps are saved.
    pub(super) fn end_active_items(&mut self) {
        let mut left: Vec<ItemIndex> = self.active.keys().copied().collect();
        left.sort_unstable();
        for item in left {
            let Some(working) = self.active.get(&item) else { continue };
            if working.failed.is_some() {
                self.end_item(item);
            } else if working.is_begun() {
                self.end_cancelled(item);
            }
        }
    }

    /// A cancelled item whose last attempt has ended.
    fn end_cancelled(&mut self, index: ItemIndex) {
        let Some(working) = self.let_go(index) else { return };
        // Whoever was told to end now waits for no disk: what is done is in the ledger, and the next run goes on from it.
        if self.stop != Some(StopLevel::Kill) {
            self.save(&working, ItemState::Pending, None);
        }
        self.tell_ended_by_hand(index, working.ending.unwrap_or(Ending::Cancelled));
        if self.insisted.contains(&index) {
            // Somebody thought better of it before it had ended.
            self.skipped.remove(&index);
            self.again.push_back(index);
        }
    }
}

/// The item's own file in the place of an output.
fn stand_in(path: &std::path::Path, hash: &str) -> Option<Artifact> {
    let seen = crate::resilience::checkpoint::Identity::of(path).ok()?;
    Some(Artifact {
        path: path.into(),
        size: seen.size,
        hash: hash.to_owned(),
        mtime_ns: seen.mtime_ns,
        replaces: None,
    })
}
