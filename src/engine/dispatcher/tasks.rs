//! Tasks: how attempts start, and what a failed one leads to.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::dependencies::Next;
use super::items::Progress;
use super::{Dispatcher, Timer};
use crate::engine::attempt::Task;
use crate::engine::slot::{Order, Workers};
use crate::events::{EventKind, ItemIndex};
use crate::resilience::breaker::{Outcome, Ticket};
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
                Next::Start(item, step) => self.start_task(item, step),
                Next::TurnedAway => return true,
                Next::Nothing => break,
            }
        }
        false
    }

    fn start_task(&mut self, item: ItemIndex, step: usize) {
        let Ok(ticket) = self.admit(step) else {
            return self.make_ready(item, step);
        };
        let Some(working) = self.active.get_mut(&item) else {
            return self.settle(step, ticket, Outcome::Neutral);
        };
        let canceller = Arc::new(Canceller::default());
        working.attempts[step] += 1;
        working.steps[step] = Progress::Running(Arc::clone(&canceller));
        let attempt = working.attempts[step];
        let others_through = working
            .steps
            .iter()
            .enumerate()
            .all(|(other, progress)| other == step || matches!(progress, Progress::Through));
        let last = others_through && !self.workshop.context.asks_for_less();
        let task = Task { active: Arc::clone(&working.active), step, attempt, last, canceller, ticket };
        self.running += 1;
        self.recorder.record(EventKind::AttemptStarted { item, step: step as u32, attempt });
        self.workers.order(Order::Attempt(Box::new(task)));
    }

    pub(super) fn tell_failed(
        &mut self,
        item: ItemIndex,
        step: usize,
        attempt: u32,
        fault: &Fault,
        log: Option<String>,
        ms: u64,
    ) {
        let (step, fault) = (step as u32, fault.clone());
        self.recorder.record(EventKind::AttemptFailed { item, step, attempt, fault, log, ms });
    }

    /// The fault of an attempt is known: each class goes to its account, and the task on its way.
    pub(super) fn conclude(&mut self, item: ItemIndex, step: usize, fault: Fault, ticket: Option<Ticket>) {
        self.settle(step, ticket, Outcome::of(&fault));
        let Some(working) = self.active.get_mut(&item) else { return };
        let attempt = working.attempts[step];
        let policy = self.workshop.context.plan.steps[step].retry;
        let changed = fault.cause == "input-changed";
        match fault.class {
            _ if fault.class == FaultClass::Cancelled || working.ending.is_some() => {
                working.steps[step] = Progress::Failed;
                if self.stop.is_none() {
                    self.advance(item);
                }
            }
            FaultClass::Environment => {
                working.attempts[step] = attempt.saturating_sub(1);
                working.passing[step] += 1;
                if working.passing[step] > MACHINE_CHANCES {
                    return self.fail_step(item, step, fault);
                }
                working.steps[step] = Progress::Ready;
                self.make_ready(item, step);
                self.pause_for_environment(&fault);
            }
            FaultClass::Dependency => {
                // Parked tasks lose no attempt. Until the breaker opens, the task itself finds out if it was right.
                working.attempts[step] = attempt.saturating_sub(1);
                working.passing[step] += 1;
                let tried = working.passing[step];
                if self.is_closed(step) && tried <= policy.max_retries {
                    self.try_later(item, step, tried - 1);
                } else {
                    self.park_for_dependency(item, step);
                }
            }
            FaultClass::Transient | FaultClass::Input
                if attempt <= policy.max_retries && (changed || fault.class == FaultClass::Transient) =>
            {
                self.try_later(item, step, attempt - 1);
            }
            _ => self.fail_step(item, step, fault),
        }
    }

    /// Sets the time of the next attempt: `k` failed ones came before the last.
    fn try_later(&mut self, item: ItemIndex, step: usize, k: u32) {
        if self.stop.is_some() {
            return;
        }
        let Some(working) = self.active.get_mut(&item) else { return };
        let spec = &self.workshop.context.plan.steps[step];
        let chance = chance(self.seed, &working.active.item.id, &spec.id, k);
        let delay = spec.retry.delay(k, chance);
        working.steps[step] = Progress::Backoff;
        let attempt = working.attempts[step] + 1;
        let ms = delay.as_millis() as u64;
        self.recorder.record(EventKind::RetryScheduled { item, step: step as u32, attempt, delay: ms });
        self.set_timer(Instant::now() + delay.max(Duration::from_millis(1)), Timer::Retry(item, step));
    }

    pub(super) fn retry_is_due(&mut self, item: ItemIndex, step: usize) {
        let Some(working) = self.active.get_mut(&item) else { return };
        if matches!(working.steps[step], Progress::Backoff) {
            working.steps[step] = Progress::Ready;
            self.make_ready(item, step);
        }
    }
}
