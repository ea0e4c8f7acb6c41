//! What the workers answer.

use super::Dispatcher;
use super::assets::Verdict;
use super::working::{Progress, TaskId};
use crate::engine::attempt::{Ending, Report, Task};
use crate::engine::slot::{Answer, Workers};
use crate::engine::survey::Look;
use crate::events::{EventKind, ItemIndex};
use crate::resilience::breaker::Outcome;
use crate::resilience::checkpoint::ItemState;

impl<W: Workers> Dispatcher<W> {
    pub(super) fn take_answer(&mut self, answer: Answer) {
        match answer {
            Answer::Looks(first, looks) => self.take_looks(first, looks),
            Answer::Progress(item, step, progress) => {
                self.recorder.record(EventKind::AttemptProgressed { item, step: step as u32, progress });
            }
            Answer::Attempt(task, report) => self.take_report(*task, *report),
            Answer::Pieces(active, step, found) => self.take_pieces(&active, step, found),
            Answer::Canary(tool, result) => self.canary_answered(&tool, result),
            Answer::Checked(asked, checks) => self.take_checks(&asked, &checks),
            Answer::Machine(found) => self.take_machine(found),
            Answer::Told(events) => events.into_iter().for_each(|event| self.recorder.record(event)),
        }
    }

    fn take_looks(&mut self, first: ItemIndex, looks: Vec<Look>) {
        if let Some(end) = self.looks.remove(&first) {
            self.looking -= end - first;
        }
        self.revived();
        let mut ranges: Vec<(ItemIndex, ItemIndex)> = Vec::new();
        for (item, look) in (first..).zip(looks) {
            if !self.dropped.is_empty() && self.dropped.remove(&item) {
                continue;
            }
            let insisted = self.insisted.remove(&item);
            match look {
                Look::UpToDate { due } => {
                    match ranges.last_mut() {
                        Some((_, end)) if *end == item => *end += 1,
                        _ => ranges.push((item, item + 1)),
                    }
                    if due > 0 {
                        self.recorder.hooks_are_due(item);
                    }
                }
                Look::FailedBefore { .. } if insisted => {
                    self.insisted.insert(item);
                    self.again.push_back(item);
                }
                Look::FailedBefore { fault, due } => {
                    if due > 0 {
                        self.recorder.hooks_are_due(item);
                    }
                    let plan = &self.workshop.context.plan;
                    let step = plan.steps.iter().position(|step| step.id == fault.step).map(|step| step as u32);
                    let fault = Some(fault.fault);
                    let state = ItemState::Failed;
                    self.recorder.record(EventKind::ItemFinished { item, state, step, fault, before: true });
                }
                Look::LeftOut(reason) => self.leave_out_item(item, reason),
                Look::Refused(fault) => {
                    let (state, fault) = (ItemState::Failed, Some(fault));
                    self.recorder.record(EventKind::ItemFinished { item, state, step: None, fault, before: false });
                    if self.workshop.context.options.fail_fast {
                        self.stop(crate::events::StopLevel::Drain, "the first failure (--fail-fast)");
                    }
                }
                // A stop that came meanwhile leaves it not begun.
                Look::Work(_) if self.stop.is_some() => {}
                Look::Work(work) => self.begin(*work, insisted),
            }
        }
        if !ranges.is_empty() {
            self.recorder.record(EventKind::ItemsUpToDate { ranges });
        }
    }

    fn take_report(&mut self, mut task: Task, report: Report) {
        self.running -= 1;
        let (item, step, attempt) = (task.active.item.index, task.step, task.attempt);
        let id = TaskId { item, step, piece: task.piece };
        if let Some(message) = report.note {
            self.recorder.record(EventKind::Warning { message, item: Some(item) });
        }
        let ms = report.took.as_millis() as u64;
        if report.leftover > 0 {
            let id = &self.workshop.context.plan.steps[step].id;
            let message = format!("step '{id}' left {} processes behind; they were ended", report.leftover);
            self.recorder.record(EventKind::Warning { message, item: Some(item) });
        }
        let tickets = std::mem::take(&mut task.tickets);
        match report.ending {
            Ending::Done(_) | Ending::Stands => {
                let (bytes, outcome) = match report.ending {
                    Ending::Done(bytes) => (bytes, Outcome::Success),
                    _ => (0, Outcome::Neutral),
                };
                let verdict = if matches!(outcome, Outcome::Success) { Verdict::Success } else { Verdict::Nobodys };
                self.settle(step, tickets, outcome, None);
                let piece = self.piece_ref(id);
                if let Some(working) = self.active.get_mut(&item) {
                    working.set(id, Progress::Through);
                    match &mut working.fans[step] {
                        Some(fan) => fan.bytes += bytes,
                        // The commit saved all that was noted before.
                        None if matches!(report.ending, Ending::Done(_)) => working.unsaved = false,
                        None => {}
                    }
                }
                let step = step as u32;
                self.recorder.record(EventKind::TaskDone { item, step, piece, attempts: attempt, ms, bytes });
                self.settle_draws(id, verdict);
                self.machine_troubles = 0;
                if id.piece.is_some() {
                    self.settle_piece(id);
                }
                self.advance(item);
            }
            Ending::Failed { fault, ambiguous } => {
                let (log, fault) = (report.log, self.blame(id, fault));
                if ambiguous && self.stop.is_none() && !tickets.is_empty() {
                    if let Some(working) = self.active.get_mut(&item) {
                        working.set(id, Progress::Asking);
                    }
                    self.asked_with.insert(id, (log, ms));
                    self.ask_canary(id, fault, tickets);
                } else {
                    self.tell_failed(id, attempt, &fault, log, ms);
                    self.conclude(id, fault, tickets);
                }
            }
        }
    }
}
