//! Items: how they begin, go on from step to step, and end.

use std::sync::{Arc, Mutex};

use super::Dispatcher;
use crate::engine::attempt::Active;
use crate::engine::fingerprint::{fingerprint, is_left_out, stale};
use crate::engine::item::Fields;
use crate::engine::slot::Workers;
use crate::engine::survey::Work;
use crate::events::{EventKind, ItemIndex, StopLevel};
use crate::pipeline::template::Field;
use crate::resilience::checkpoint::{Artifact, Because, ItemState, LeftOut, StepFault, StepOutcome, StepRecord};
use crate::resilience::{Fault, FaultClass};
use crate::steps::builtin::Values;
use crate::steps::shim::Canceller;

/// An item that is being worked on.
#[derive(Debug)]
pub(super) struct Working {
    pub(super) active: Arc<Active>,
    pub(super) steps: Vec<Progress>,
    pub(super) attempts: Vec<u32>,
    /// Faults that count against no attempt: of the machine, or of a dependency whose breaker is not open yet.
    pub(super) passing: Vec<u32>,
    /// The first required step that failed for good.
    pub(super) failed: Option<(usize, Fault)>,
    /// Somebody asked for its end: no attempt of it begins any more.
    pub(super) ending: Option<Ending>,
    /// Something was noted that the store does not know.
    pub(super) unsaved: bool,
}

/// How somebody wants an item to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    /// It is as it was.
    Cancelled,
    /// It is left out of the run.
    Skipped,
}

/// Where a step of an item stands.
#[derive(Debug, Clone)]
pub(super) enum Progress {
    /// Steps before it are not through.
    Waiting,
    /// It could start.
    Ready,
    /// An attempt is being made.
    Running(Arc<Canceller>),
    /// Its attempt failed, and the tool's canary is asked whose fault that is.
    Asking,
    /// The next attempt is due later.
    Backoff,
    /// It waits for this dependency to be well.
    Parked(usize),
    /// It is done, was left out, or is not asked for.
    Through,
    /// It failed, or hangs on one that did.
    Failed,
}

impl Working {
    pub(super) fn cancellers(&self) -> impl Iterator<Item = &Arc<Canceller>> {
        self.steps
            .iter()
            .filter_map(|step| if let Progress::Running(canceller) = step { Some(canceller) } else { None })
    }

    /// Something was done for it in this run.
    fn is_begun(&self) -> bool {
        self.unsaved || self.attempts.iter().any(|attempts| *attempts > 0)
    }

    fn is_at_work(&self) -> bool {
        self.steps
            .iter()
            .any(|step| matches!(step, Progress::Ready | Progress::Running(_) | Progress::Asking | Progress::Backoff))
    }

    fn is_through(&self) -> bool {
        self.steps.iter().all(|step| matches!(step, Progress::Through))
    }

    fn parked(&self) -> Option<(usize, usize)> {
        self.steps.iter().enumerate().find_map(|(step, progress)| match progress {
            Progress::Parked(dependency) => Some((step, *dependency)),
            _ => None,
        })
    }
}

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
        let steps: Vec<Progress> = work.stale.iter().map(progress).collect();
        let count = steps.len();
        let active = Active { item: work.item, checkpoint: Mutex::new(work.checkpoint) };
        let working = Working {
            active: Arc::new(active),
            steps,
            attempts: vec![0; count],
            passing: vec![0; count],
            failed: None,
            ending: None,
            unsaved: false,
        };
        self.active.insert(index, working);
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
        if working.ending.is_some() || !matches!(working.steps[step], Progress::Waiting) {
            return false;
        }
        let spec = &plan.steps[step];
        let before = || spec.reads.iter().chain(&spec.after);
        if before().any(|read| !matches!(working.steps[*read], Progress::Through | Progress::Failed)) {
            return false;
        }
        if spec.reads.iter().any(|read| matches!(working.steps[*read], Progress::Failed)) {
            working.steps[step] = Progress::Failed;
            return true;
        }
        let matches = spec.matches.takes(working.active.item.name());
        let upstream = {
            let checkpoint = working.active.checkpoint();
            // The steps before it ran again: what they made now may be what they made before.
            if checkpoint.steps.contains_key(&spec.id)
                && stale(&workshop.context, &working.active.item, step, &checkpoint).is_none()
            {
                drop(checkpoint);
                working.steps[step] = Progress::Through;
                return true;
            }
            spec.reads.iter().map(|read| &plan.steps[*read].id).find(|id| is_left_out(&checkpoint, id)).cloned()
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
        working.steps[step] = Progress::Ready;
        self.make_ready(index, step);
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
            attempts: working.attempts[step],
            duration: 0.0,
            left_out: Some(LeftOut { because, reason: reason.clone() }),
        };
        checkpoint.mark(&spec.id, record, Values::new());
        drop(checkpoint);
        working.unsaved = true;
        working.steps[step] = Progress::Through;
        self.recorder.record(EventKind::TaskSkipped { item: index, step: step as u32, because, reason });
    }

    /// The step failed for good: an optional one is left out, a required one fails the item.
    pub(super) fn fail_step(&mut self, index: ItemIndex, step: usize, fault: Fault) {
        let spec = &self.workshop.context.plan.steps[step];
        let passing = fault.class != FaultClass::Input;
        if spec.optional {
            let because = if passing { Because::Passing } else { Because::Input };
            self.leave_out_step(index, step, because, fault.message);
        } else if let Some(working) = self.active.get_mut(&index) {
            working.steps[step] = Progress::Failed;
            working.failed.get_or_insert((step, fault));
            if self.workshop.context.options.fail_fast {
                self.stop(StopLevel::Drain, "the first failure (--fail-fast)");
            }
        }
        self.advance(index);
    }

    /// The item waits for a dependency: its state is saved, and nothing of it stays in memory.
    fn set_aside(&mut self, index: ItemIndex, step: usize, dependency: usize) {
        let Some(working) = self.active.remove(&index) else { return };
        let fault = self.parked_fault(dependency);
        self.save(&working, ItemState::Parked, Some((step, fault)));
        // The breaker may have closed while another step of the item was still at work.
        let had_its_chances = working.passing[step] > self.workshop.context.plan.steps[step].retry.max_retries;
        if self.is_closed(step) && !had_its_chances {
            self.again.push_back(index);
        } else {
            self.dependencies[dependency].parked.insert(index, step as u32);
        }
    }

    fn end_item(&mut self, index: ItemIndex) {
        let Some(working) = self.active.remove(&index) else { return };
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
            step: context.plan.steps[step].id.clone(),
            attempts: working.attempts[step],
            fingerprint: Some(fingerprint(context, step, &checkpoint)),
            fault,
        });
        // An item that parked before it got anywhere leaves no trace: it is simply not begun.
        let nothing_to_tell = state == ItemState::Parked && checkpoint.steps.is_empty();
        if nothing_to_tell || (!working.unsaved && checkpoint.state == state && checkpoint.fault == fault) {
            return;
        }
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
            for (item, step) in std::mem::take(&mut self.dependencies[dependency].parked) {
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
        let Some(working) = self.active.remove(&index) else { return };
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
