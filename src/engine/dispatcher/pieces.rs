//! Steps that run for each piece of an item: how they begin, go on piece by piece, and end.

use std::sync::Arc;

use indexmap::IndexMap;

use super::Dispatcher;
use super::working::{Fan, Progress, TaskId, TaskState, Working};
use crate::engine::attempt::Active;
use crate::engine::attempt::piece::Stands;
use crate::engine::fingerprint::fingerprint;
use crate::engine::piece::{Stand, fingerprint_of};
use crate::engine::piece_view::{PieceView, called};
use crate::engine::slot::{Order, Workers};
use crate::events::{EventKind, ItemIndex, PieceRef, StopLevel};
use crate::resilience::checkpoint::EachDone;
use crate::resilience::checkpoint::{Because, Fingerprint, LeftOut, StepOutcome, StepRecord};
use crate::resilience::piece::{PieceOutcome, PieceRecord};
use crate::resilience::{Fault, FaultClass};
use crate::steps::builtin::Values;

impl<W: Workers> Dispatcher<W> {
    /// The steps before it are as far as they have to be: its pieces are to be looked at, when there is room for them.
    pub(super) fn fan_out(&mut self, item: ItemIndex, step: usize) {
        let Some(working) = self.active.get_mut(&item) else { return };
        working.steps[step].progress = Progress::Fanned;
        working.fans[step] = Some(Fan::new());
        self.to_fan_out.insert((item, step));
    }

    /// Has pieces looked at, those of the earliest item first. While many are held, only items that hold some go on: what
    /// they hold is free when they are through.
    pub(super) fn look_at_pieces(&mut self) {
        while self.stop.is_none() {
            let has_room = self.pieces_held < self.most_pieces;
            let goes_on = |item: &ItemIndex| self.active.get(item).is_none_or(|working| working.held() > 0);
            let next = self.to_fan_out.iter().copied().find(|(item, _)| has_room || goes_on(item));
            let Some((item, step)) = next else { return };
            self.to_fan_out.remove(&(item, step));
            if let Some(working) = self.active.get(&item) {
                self.workers.order(Order::Pieces(Arc::clone(&working.active), step));
            }
        }
    }

    /// The pieces were looked at: they go on their ways.
    pub(super) fn take_pieces(&mut self, active: &Arc<Active>, step: usize, found: Stands) {
        let item = active.item.index;
        if let Some(message) = found.note {
            self.recorder.record(EventKind::Warning { message, item: Some(item) });
        }
        // It may have ended meanwhile, and begun anew.
        let is_it = |working: &&mut Working| Arc::ptr_eq(&working.active, active);
        let Some(working) = self.active.get_mut(&item).filter(is_it) else { return };
        let before: Vec<usize> = same_fan(&self.workshop.context.plan, step);
        let Some(stands) = found.stands else {
            working.fans[step] = None;
            working.steps[step].progress = Progress::Waiting;
            let fault = Fault::input("pieces-unknown", "its pieces were lost while they were worked on")
                .with_hint("run again: they are made anew");
            return self.fail_step(item, step, fault);
        };
        let stood_before = |working: &Working, place: u32| {
            before.iter().all(|read| {
                // Where that one has no pieces in this run, it was through with all of them before.
                let Some(fan) = &working.fans[*read] else { return true };
                let task = fan.tasks.as_ref().and_then(|tasks| tasks.get(place as usize));
                task.is_some_and(|task| task.attempts == 0 && task.progress.is_settled())
            })
        };
        let mut tasks = Vec::with_capacity(stands.len());
        let mut failures = Vec::new();
        for (place, stand) in (0..).zip(stands) {
            let stands = stood_before(working, place);
            tasks.push(TaskState::new(match stand {
                Stand::Done if stands => Progress::Through,
                Stand::LeftOut if stands => Progress::LeftOut,
                Stand::FailedBefore(fault) if stands => {
                    failures.push((place, *fault));
                    Progress::Failed
                }
                // Where a step before it is done again for this piece, the attempt finds out what still stands.
                _ => Progress::Waiting,
            }));
        }
        let Some(fan) = &mut working.fans[step] else { return };
        fan.fill(tasks);
        fan.names = found.names;
        let (total, left) = (fan.len(), fan.left);
        let (left_out, failed) = (fan.left_out, fan.failed);
        self.pieces_held += total as usize;
        let done = total - left - left_out - failed;
        self.recorder.record(EventKind::PiecesFound { item, step: step as u32, total, done, left_out });
        for (place, fault) in failures {
            let piece = self.piece_ref(TaskId::of_piece(item, step, place)).unwrap_or_default();
            self.tell_piece_failed(item, step, piece, fault, true);
        }
        for place in 0..total {
            self.advance_piece(item, step, place);
        }
        self.finish_fan(item, step);
        self.advance(item);
    }

    /// Makes the piece ready, where the steps before it are through with it, or settles it with them.
    fn advance_piece(&mut self, item: ItemIndex, step: usize, place: u32) {
        let id = TaskId::of_piece(item, step, place);
        let workshop = Arc::clone(&self.workshop);
        let plan = &workshop.context.plan;
        let Some(working) = self.active.get_mut(&item) else { return };
        if working.ending.is_some() || !working.task(id).is_some_and(|task| matches!(task.progress, Progress::Waiting))
        {
            return;
        }
        let mut left_out = None;
        for other in same_fan(plan, step) {
            let is_read = plan.steps[step].reads.contains(&other);
            let Some(task) = working.task(TaskId::of_piece(item, other, place)) else {
                // Its pieces are not looked at yet, or it is through with all of them.
                if matches!(working.steps[other].progress, Progress::Through) {
                    continue;
                }
                return;
            };
            match task.progress {
                Progress::Through => {}
                Progress::Failed if is_read => {
                    working.set(id, Progress::Failed);
                    let (piece, because) = (self.piece_ref(id), Because::Upstream);
                    let reason = format!("step '{}' failed", plan.steps[other].id);
                    let step = step as u32;
                    self.recorder.record(EventKind::TaskSkipped { item, step, piece, because, reason });
                    return self.settle_piece(id);
                }
                Progress::LeftOut if is_read => left_out = Some(other),
                Progress::LeftOut | Progress::Failed => {}
                _ => return,
            }
        }
        if let Some(other) = left_out {
            let reason = format!("step '{}' was left out", plan.steps[other].id);
            return self.leave_out_piece(id, Because::Upstream, reason);
        }
        working.set(id, Progress::Ready);
        self.make_ready(id);
    }

    /// Nothing more comes of the piece in this step: those that hang on it go on, and the step ends with its last piece.
    pub(super) fn settle_piece(&mut self, id: TaskId) {
        let Some(place) = id.piece else { return };
        let workshop = Arc::clone(&self.workshop);
        let steps = &workshop.context.plan.steps;
        let each = &steps[id.step].each;
        for (later, spec) in steps.iter().enumerate().skip(id.step + 1) {
            if spec.each == *each && !spec.batch && same_fan(&workshop.context.plan, later).contains(&id.step) {
                self.advance_piece(id.item, later, place);
            }
        }
        self.finish_fan(id.item, id.step);
    }

    /// The last piece of a step is settled: the step is.
    fn finish_fan(&mut self, item: ItemIndex, step: usize) {
        let workshop = Arc::clone(&self.workshop);
        let spec = &workshop.context.plan.steps[step];
        let Some(working) = self.active.get_mut(&item) else { return };
        if !matches!(working.steps[step].progress, Progress::Fanned) {
            return;
        }
        let Some(fan) = working.fans[step].as_ref().filter(|fan| fan.tasks.is_some() && fan.left == 0) else { return };
        let (total, failed, left_out, bytes) = (fan.len(), fan.failed, fan.left_out, fan.bytes);
        let fault = fan.whole_fault();
        let ms = fan.since.elapsed().as_millis() as u64;
        if failed > 0 {
            working.steps[step].progress = Progress::Failed;
            if let Some(fault) = fault {
                working.failed.get_or_insert((step, fault));
            }
        } else {
            let mut checkpoint = working.active.checkpoint();
            let record = StepRecord {
                outcome: StepOutcome::Done,
                fingerprint: fingerprint(&workshop.context, step, &checkpoint),
                artifacts: IndexMap::new(),
                pieces: IndexMap::new(),
                draws: IndexMap::new(),
                each: Some(EachDone { done: total - left_out, left_out }),
                attempts: 1,
                duration: fan.since.elapsed().as_secs_f64(),
                left_out: None,
            };
            checkpoint.mark(&spec.id, record, Values::new());
            drop(checkpoint);
            working.unsaved = true;
            working.steps[step].progress = Progress::Through;
            let step = step as u32;
            self.recorder.record(EventKind::TaskDone { item, step, piece: None, attempts: 1, ms, bytes });
        }
    }

    /// The step failed for good for this piece: where the step is optional the piece is left out, else the item fails
    /// when its other pieces are through.
    pub(super) fn fail_piece(&mut self, id: TaskId, fault: Fault) {
        let optional = self.workshop.context.plan.steps[id.step].optional;
        if optional {
            let because = if fault.class == FaultClass::Input { Because::Input } else { Because::Passing };
            self.leave_out_piece(id, because, fault.message);
            return self.advance(id.item);
        }
        self.note_piece(id, |fingerprint, attempts| PieceRecord {
            fault: Some(fault.clone()),
            ..PieceRecord::without_result(PieceOutcome::Failed, fingerprint, attempts)
        });
        let piece = self.piece_ref(id).unwrap_or_default();
        if let Some(working) = self.active.get_mut(&id.item) {
            working.set(id, Progress::Failed);
        }
        self.tell_piece_failed(id.item, id.step, piece, fault, false);
        if self.workshop.context.options.fail_fast {
            // Its other pieces are not waited for.
            if let Some(working) = self.active.get_mut(&id.item)
                && let Some(fault) = working.fans[id.step].as_ref().and_then(Fan::whole_fault)
            {
                working.failed.get_or_insert((id.step, fault));
            }
            self.stop(StopLevel::Drain, "the first failure (--fail-fast)");
        }
        self.settle_piece(id);
        self.advance(id.item);
    }

    fn tell_piece_failed(&mut self, item: ItemIndex, step: usize, piece: PieceRef, fault: Fault, before: bool) {
        if let Some(fan) = self.active.get_mut(&item).and_then(|working| working.fans[step].as_mut()) {
            fan.causes.insert(fault.cause.clone());
            let passes = crate::engine::fingerprint::passes(&fault);
            // What may pass decides: the next run is to try it again.
            let better = match &fan.fault {
                None => true,
                Some((_, known)) => passes && !crate::engine::fingerprint::passes(known),
            };
            if better {
                fan.fault = Some((piece.name.clone(), fault.clone()));
            }
        }
        self.recorder.record(EventKind::PieceFailed { item, step: step as u32, piece, fault, before });
    }

    /// Leaves the step out for this piece, and those that read it with it.
    pub(super) fn leave_out_piece(&mut self, id: TaskId, because: Because, reason: String) {
        let left_out = LeftOut { because, reason: reason.clone() };
        self.note_piece(id, |fingerprint, attempts| PieceRecord {
            left_out: Some(left_out),
            ..PieceRecord::without_result(PieceOutcome::Skipped, fingerprint, attempts)
        });
        let piece = self.piece_ref(id);
        let Some(working) = self.active.get_mut(&id.item) else { return };
        working.set(id, Progress::LeftOut);
        let (item, step) = (id.item, id.step as u32);
        self.recorder.record(EventKind::TaskSkipped { item, step, piece, because, reason });
        self.settle_piece(id);
    }

    /// Notes what became of a piece without a result.
    fn note_piece(&mut self, id: TaskId, record: impl FnOnce(Fingerprint, u32) -> PieceRecord) {
        let workshop = Arc::clone(&self.workshop);
        let context = &workshop.context;
        let spec = &context.plan.steps[id.step];
        let Some((working, (each, place))) = self.active.get(&id.item).zip(spec.each.as_ref().zip(id.piece)) else {
            return;
        };
        let attempts = working.task(id).map_or(0, |task| task.attempts);
        let of = called(&context.plan, each);
        let checkpoint = working.active.checkpoint();
        let mut log = working.active.pieces();
        let Some(piece) = log.piece(&of, place as usize) else { return };
        let view = PieceView { index: place + 1, piece };
        let fingerprint = fingerprint_of(context, id.step, &checkpoint, &mut log, &view);
        let earlier = log.record(&spec.id, &of, &view.piece.key.0).map(|(record, _)| record);
        let record = record(fingerprint, attempts).heir_of(earlier);
        let written = log.append_record(&spec.id, &of, &view.piece.key, &record);
        drop(log);
        drop(checkpoint);
        if let Err(error) = written {
            let message = format!("what became of a piece cannot be written ({error}): the next run may do it again");
            self.recorder.record(EventKind::Warning { message, item: Some(id.item) });
        }
    }

    /// What events call the piece of a task.
    pub(super) fn piece_ref(&self, id: TaskId) -> Option<PieceRef> {
        let place = id.piece?;
        let fan = self.active.get(&id.item)?.fans[id.step].as_ref()?;
        let name = fan.names.get(place as usize).cloned().unwrap_or_default();
        Some(PieceRef { index: place + 1, name })
    }
}

/// The steps of the same pieces that `step` reads or comes after.
pub(super) fn same_fan(plan: &crate::pipeline::plan::Plan, step: usize) -> Vec<usize> {
    let spec = &plan.steps[step];
    let before = spec.reads.iter().chain(&spec.after).copied();
    before.filter(|other| spec.each.is_some() && plan.steps[*other].each == spec.each).collect()
}
