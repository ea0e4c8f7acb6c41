//! The pieces of items, as counts: however many there are, what is kept of them is small.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use indexmap::IndexMap;

use super::{Event, EventKind, ItemIndex, PieceRef};
use crate::resilience::Fault;
use crate::resilience::checkpoint::ItemState;

/// Failed pieces of one item that are kept with their fault; beyond this they are counted only.
const KEPT_OF_ITEM: usize = 100;
/// The same of all items.
const KEPT: usize = 10_000;

/// How far the pieces of one step of one item are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PieceCounts {
    /// How many there are.
    pub total: u32,
    /// Done, in this run or before it.
    pub done: u32,
    /// Left out.
    pub left_out: u32,
    /// Failed for good.
    pub failed: u32,
    /// Attempts that run.
    pub running: u32,
    /// Pieces that wait for their next attempt.
    pub waiting: u32,
}

impl PieceCounts {
    /// Pieces of which nothing more comes.
    #[must_use]
    pub const fn settled(&self) -> u32 {
        self.done.saturating_add(self.left_out).saturating_add(self.failed)
    }

    /// Folds one event in that is about these pieces. `true`: it was.
    fn apply(&mut self, kind: &EventKind) -> bool {
        let down = |count: &mut u32| *count = count.saturating_sub(1);
        match kind {
            EventKind::PiecesFound { total, done, left_out, .. } => {
                *self = Self { total: *total, done: *done, left_out: *left_out, ..Self::default() };
            }
            EventKind::AttemptStarted { piece: Some(_), .. } => self.running += 1,
            EventKind::AttemptFailed { piece: Some(_), .. } => down(&mut self.running),
            // Who waits is told apart by name: see [`Counted`].
            EventKind::RetryScheduled { piece: Some(_), .. } => {}
            EventKind::TaskDone { piece: Some(_), .. } => {
                down(&mut self.running);
                self.done += 1;
            }
            EventKind::TaskSkipped { piece: Some(_), .. } => self.left_out += 1,
            EventKind::PieceFailed { .. } => self.failed += 1,
            _ => return false,
        }
        true
    }
}

/// The counts of one step of one item, and the pieces that wait for their next attempt: whether an attempt ends a wait
/// cannot be told by its number.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Counted {
    counts: PieceCounts,
    waiting: BTreeSet<u32>,
}

impl Counted {
    /// The counts as they are now.
    pub(super) fn counts(&self) -> PieceCounts {
        PieceCounts { waiting: self.waiting.len() as u32, ..self.counts }
    }

    /// Folds one event in that is about these pieces, or about their step. `true`: the counts may be others.
    pub(super) fn apply(&mut self, kind: &EventKind) -> bool {
        match kind {
            EventKind::RetryScheduled { piece: Some(piece), .. } => drop(self.waiting.insert(piece.index)),
            EventKind::AttemptStarted { piece: Some(piece), .. }
            | EventKind::TaskSkipped { piece: Some(piece), .. }
            | EventKind::PieceFailed { piece, .. } => drop(self.waiting.remove(&piece.index)),
            // Those whose time comes while the tool is away wait for it with the others.
            EventKind::TaskParked { .. } | EventKind::PiecesFound { .. } => self.waiting.clear(),
            _ => {}
        }
        self.counts.apply(kind)
    }
}

/// A piece that failed for good.
#[derive(Debug, Clone, PartialEq)]
pub struct PieceFailure {
    /// The step.
    pub step: u32,
    /// The piece.
    pub piece: PieceRef,
    /// Why.
    pub fault: Arc<Fault>,
}

/// The pieces of the items that are worked on, and the failed ones.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Pieces {
    counts: HashMap<ItemIndex, BTreeMap<u32, Counted>>,
    failures: IndexMap<ItemIndex, Vec<PieceFailure>>,
    kept: usize,
}

/// The item and the step of an event that is about pieces.
pub(super) const fn task_of(kind: &EventKind) -> Option<(ItemIndex, u32)> {
    match kind {
        EventKind::PiecesFound { item, step, .. }
        | EventKind::PieceFailed { item, step, .. }
        | EventKind::AttemptStarted { item, step, piece: Some(_), .. }
        | EventKind::AttemptFailed { item, step, piece: Some(_), .. }
        | EventKind::RetryScheduled { item, step, piece: Some(_), .. }
        | EventKind::TaskDone { item, step, piece: Some(_), .. }
        | EventKind::TaskSkipped { item, step, piece: Some(_), .. } => Some((*item, *step)),
        _ => None,
    }
}

impl Pieces {
    pub(super) fn counts(&self, item: ItemIndex, step: u32) -> Option<PieceCounts> {
        Some(self.counts.get(&item)?.get(&step)?.counts())
    }

    pub(super) fn failures(&self, item: ItemIndex) -> &[PieceFailure] {
        self.failures.get(&item).map_or(&[], Vec::as_slice)
    }

    /// Folds one event in; items beyond `items` are none.
    pub(super) fn apply(&mut self, event: &Event, items: usize) {
        let Some((item, step)) = task_of(&event.kind).filter(|(item, _)| (*item as usize) < items) else {
            match &event.kind {
                EventKind::ItemFinished { item, state, .. } => self.end(*item, *state),
                EventKind::TaskParked { item, step, .. } => {
                    if let Some(counted) = self.counts.get_mut(item).and_then(|steps| steps.get_mut(step)) {
                        counted.apply(&event.kind);
                    }
                }
                EventKind::ItemLeftOut { item, .. } => self.end(*item, ItemState::Pending),
                _ => {}
            }
            return;
        };
        if matches!(event.kind, EventKind::PiecesFound { .. }) {
            // It is taken up again: what failed before fails anew, or does not.
            self.forget(item, Some(step));
        }
        self.counts.entry(item).or_default().entry(step).or_default().apply(&event.kind);
        if let EventKind::PieceFailed { piece, fault, .. } = &event.kind
            && self.kept < KEPT
        {
            let failures = self.failures.entry(item).or_default();
            if failures.len() < KEPT_OF_ITEM {
                failures.push(PieceFailure { step, piece: piece.clone(), fault: Arc::new(fault.clone()) });
                self.kept += 1;
            }
        }
    }

    fn forget(&mut self, item: ItemIndex, step: Option<u32>) {
        let Some(failures) = self.failures.get_mut(&item) else { return };
        let before = failures.len();
        failures.retain(|failure| step.is_some_and(|step| failure.step != step));
        self.kept -= before - failures.len();
        if failures.is_empty() {
            self.failures.shift_remove(&item);
        }
    }

    fn end(&mut self, item: ItemIndex, state: ItemState) {
        self.counts.remove(&item);
        if state != ItemState::Failed {
            self.forget(item, None);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resilience::FaultClass;

    fn piece(index: u32) -> Option<PieceRef> {
        Some(PieceRef { index, name: index.to_string() })
    }

    #[test]
    fn a_piece_waits_no_more_when_its_attempt_begins_whatever_its_number_and_when_it_is_parked() {
        let (item, step, attempt) = (0, 1, 1);
        let mut counted = Counted::default();
        counted.apply(&EventKind::PiecesFound { item, step, total: 3, done: 0, left_out: 0 });
        let fails = |counted: &mut Counted, index| {
            counted.apply(&EventKind::AttemptStarted { item, step, piece: piece(index), attempt, draws: Vec::new() });
            let fault = Fault::new(FaultClass::Dependency, "gone", "it is gone");
            let (log, ms) = (None, 1);
            counted.apply(&EventKind::AttemptFailed { item, step, piece: piece(index), attempt, fault, log, ms });
            counted.apply(&EventKind::RetryScheduled { item, step, piece: piece(index), attempt, delay: 5 });
        };
        fails(&mut counted, 1);
        fails(&mut counted, 2);
        assert_eq!(counted.counts().waiting, 2);
        // A fault of the tool costs no attempt: the next has the same number.
        counted.apply(&EventKind::AttemptStarted { item, step, piece: piece(1), attempt, draws: Vec::new() });
        assert_eq!((counted.counts().waiting, counted.counts().running), (1, 1));
        counted.apply(&EventKind::TaskParked { item, step, dependency: "tool".into() });
        assert_eq!((counted.counts().waiting, counted.counts().running), (0, 1));
    }
}
