//! The pieces of items, as counts: however many there are, what is kept of them is small.

use std::collections::HashMap;
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
    pub(super) fn apply(&mut self, kind: &EventKind) -> bool {
        let down = |count: &mut u32| *count = count.saturating_sub(1);
        match kind {
            EventKind::PiecesFound { total, done, left_out, .. } => {
                *self = Self { total: *total, done: *done, left_out: *left_out, ..Self::default() };
            }
            EventKind::AttemptStarted { piece: Some(_), attempt, .. } => {
                self.running += 1;
                if *attempt > 1 {
                    down(&mut self.waiting);
                }
            }
            EventKind::AttemptFailed { piece: Some(_), .. } => down(&mut self.running),
            EventKind::RetryScheduled { piece: Some(_), .. } => self.waiting += 1,
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
    counts: HashMap<(ItemIndex, u32), PieceCounts>,
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
        self.counts.get(&(item, step)).copied()
    }

    pub(super) fn failures(&self, item: ItemIndex) -> &[PieceFailure] {
        self.failures.get(&item).map_or(&[], Vec::as_slice)
    }

    /// Folds one event in; items beyond `items` are none.
    pub(super) fn apply(&mut self, event: &Event, items: usize) {
        let Some((item, step)) = task_of(&event.kind).filter(|(item, _)| (*item as usize) < items) else {
            match &event.kind {
                EventKind::ItemFinished { item, state, .. } => self.end(*item, *state),
                EventKind::ItemLeftOut { item, .. } => self.end(*item, ItemState::Pending),
                _ => {}
            }
            return;
        };
        if matches!(event.kind, EventKind::PiecesFound { .. }) {
            // It is taken up again: what failed before fails anew, or does not.
            self.forget(item, Some(step));
        }
        self.counts.entry((item, step)).or_default().apply(&event.kind);
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
        if !self.counts.is_empty() {
            self.counts.retain(|(of, _), _| *of != item);
        }
        if state != ItemState::Failed {
            self.forget(item, None);
        }
    }
}
