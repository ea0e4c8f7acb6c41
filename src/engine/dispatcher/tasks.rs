//! Tasks: how attempts start, and what a failed one leads to.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::admission::Next;
use super::assets::Verdict;
use super::working::{Progress, TaskId};
use super::{Dispatcher, Timer};
use crate::engine::attempt::Task;
use crate::engine::slot::{Order, Workers};
use crate::events::EventKind;
use crate::resilience::breaker::{Outcome, Ticket};
use crate::resilience::fault::{ACQUIRE_TIMEOUT, THROTTLED, UNSUITED};
use crate::resilience::retry::chance;
use crate::resilience::{Fault, FaultClass};
use crate::steps::shim::Canceller;

/// Faults of the machine that one task may meet after it was well again: a task that fills the disk each time it runs
/// is not the machine's trouble.
const MACHINE_CHANCES: u32 = 3;

impl<W: Workers> Dispatcher<W> {
    /// Starts as many tasks as there are free slots. `true`: tasks were turned away, and others may have come up.
    pub(super) fn start_tasks(&mut self) -> bool {
        while self.starts_tasks() && self.running < self.jobs {
            match self.next_task() {
                Next::Start(id) => self.start_task(id),
                Next::TurnedAway => return true,
                Next::Nothing => break,
            }
        }
        false
    }

    fn start_task(&mut self, id: TaskId) {
        let TaskId { item, step, piece: place } = id;
        let Some(tickets) = self.admit(step) else {
            return self.make_ready(id);
        };
        let draws = match self.draw(id) {
            Ok(draws) => draws,
            Err(fault) => {
                self.settle(step, tickets, Outcome::Neutral, None);
                return self.fail_task(id, fault);
            }
        };
        let piece = self.piece_ref(id);
        let Some(working) = self.active.get_mut(&item) else {
            return self.settle(step, tickets, Outcome::Neutral, None);
        };
        let canceller = Arc::new(Canceller::default());
        let Some(task) = working.task_mut(id) else {
            return self.settle(step, tickets, Outcome::Neutral, None);
        };
        task.attempts += 1;
        let attempt = task.attempts;
        task.drawn.clone_from(&draws);
        working.set(id, Progress::Running(Arc::clone(&canceller)));
        if let Some(fan) = working.fans[step].as_mut() {
            fan.told_parked = false;
        }
        let others_through = working
            .steps
            .iter()
            .enumerate()
            .all(|(other, task)| other == step || matches!(task.progress, Progress::Through));
        let last = others_through && !self.workshop.context.asks_for_less();
        let active = Arc::clone(&working.active);
        let task = Task { active, step, piece: place, attempt, draws: draws.clone(), last, canceller, tickets };
        self.running += 1;
        self.recorder.record(EventKind::AttemptStarted { item, step: step as u32, piece, attempt, draws });
        self.workers.order(Order::Attempt(Box::new(task)));
    }

    pub(super) fn tell_failed(&mut self, id: TaskId, attempt: u32, fault: &Fault, log: Option<String>, ms: u64) {
        let (item, step, piece, fault) = (id.item, id.step as u32, self.piece_ref(id), fault.clone());
        self.recorder.record(EventKind::AttemptFailed { item, step, piece, attempt, fault, log, ms });
    }

    /// The fault of an attempt is known: each class goes to its account, and the task on its way.
    pub(super) fn conclude(&mut self, id: TaskId, fault: Fault, tickets: Vec<Ticket>) {
        self.settle(id.step, tickets, Outcome::of(&fault), Some(&fault));
        self.hold_off(id.step, &fault);
        let (drawn, meant) = (self.drawn(id).to_vec(), self.meant(id, &fault));
        let blamed = meant.filter(|_| fault.cause != UNSUITED);
        self.settle_draws(id, blamed.map_or(Verdict::Nobodys, Verdict::Blame));
        let Some(working) = self.active.get_mut(&id.item) else { return };
        let ends = fault.class == FaultClass::Cancelled || working.ending.is_some();
        let Some(task) = working.task_mut(id) else { return };
        let attempt = task.attempts;
        let policy = self.workshop.context.plan.steps[id.step].retry;
        let changed = fault.cause == "input-changed";
        match fault.class {
            _ if ends => {
                working.set(id, Progress::Failed);
                if self.stop.is_none() {
                    self.advance(id.item);
                }
            }
            FaultClass::Environment => {
                task.attempts = attempt.saturating_sub(1);
                task.passing += 1;
                if task.passing > MACHINE_CHANCES {
                    return self.fail_task(id, fault);
                }
                working.set(id, Progress::Ready);
                self.make_ready(id);
                self.pause_for_environment(&fault);
            }
            FaultClass::Asset => {
                task.attempts = attempt.saturating_sub(1);
                let Some(draw) = meant else { return self.fail_task(id, fault) };
                if let Some(fault) = self.note_vain(id, &fault, &[draw]) {
                    return self.fail_task(id, fault);
                }
                if let Some(working) = self.active.get_mut(&id.item) {
                    working.set(id, Progress::Ready);
                    self.make_ready(id);
                }
            }
            FaultClass::Dependency => {
                // Parked tasks lose no attempt. Until the breaker opens, the task itself finds out if it was right.
                task.attempts = attempt.saturating_sub(1);
                task.passing += 1;
                let tried = task.passing;
                let Some(place) = self.blamed(id.step, Some(&fault)) else { return self.fail_task(id, fault) };
                if self.is_closed(place) && tried <= policy.max_retries {
                    self.try_later(id, tried - 1);
                } else {
                    self.park_for_dependency(id, place, &fault);
                }
            }
            // Others of this program hold all leases: nobody is to blame, and nothing was tried.
            FaultClass::Transient if fault.cause == ACQUIRE_TIMEOUT => {
                task.attempts = attempt.saturating_sub(1);
                task.passing = (task.passing + 1).min(policy.max_retries.max(1));
                let tried = task.passing;
                self.try_later(id, tried - 1);
            }
            // Nothing was asked of the service: it was not its turn yet.
            FaultClass::Transient if fault.cause == THROTTLED => {
                task.attempts = attempt.saturating_sub(1);
                working.set(id, Progress::Ready);
                self.make_ready(id);
            }
            FaultClass::Transient | FaultClass::Input
                if attempt <= policy.max_retries && (changed || fault.class == FaultClass::Transient) =>
            {
                self.note_vain(id, &fault, &drawn);
                self.try_later(id, attempt - 1);
            }
            _ => self.fail_task(id, fault),
        }
    }

    /// The task failed for good.
    pub(super) fn fail_task(&mut self, id: TaskId, fault: Fault) {
        match id.piece {
            Some(_) => self.fail_piece(id, fault),
            None => self.fail_step(id.item, id.step, fault),
        }
    }

    /// Sets the time of the next attempt: `k` failed ones came before the last.
    fn try_later(&mut self, id: TaskId, k: u32) {
        if self.stop.is_some() {
            return;
        }
        let piece = self.piece_ref(id);
        let Some(working) = self.active.get_mut(&id.item) else { return };
        let spec = &self.workshop.context.plan.steps[id.step];
        let of_piece = id.piece.map_or_else(String::new, |place| format!(".{place}"));
        let chance = chance(self.seed, &working.active.item.id, &format!("{}{of_piece}", spec.id), k);
        let delay = spec.retry.delay(k, chance);
        working.set(id, Progress::Backoff);
        let attempt = working.task(id).map_or(0, |task| task.attempts) + 1;
        let (item, step, ms) = (id.item, id.step as u32, delay.as_millis() as u64);
        self.recorder.record(EventKind::RetryScheduled { item, step, piece, attempt, delay: ms });
        self.set_timer(Instant::now() + delay.max(Duration::from_millis(1)), Timer::Retry(id));
    }

    pub(super) fn retry_is_due(&mut self, id: TaskId) {
        let Some(working) = self.active.get_mut(&id.item) else { return };
        if working.task(id).is_some_and(|task| matches!(task.progress, Progress::Backoff)) {
            working.set(id, Progress::Ready);
            self.make_ready(id);
        }
    }
}
