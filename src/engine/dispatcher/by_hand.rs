//! What a person, a script or a signal asks of the run.

use std::collections::{HashSet, VecDeque};

use super::working::{Ending, Progress, TaskId};
use super::{Dispatcher, Timer};
use crate::engine::slot::Workers;
use crate::events::{Command, EventKind, ItemIndex, ItemPhase};
use crate::resilience::checkpoint::ItemState;

/// The most tasks at once that anyone may ask for.
const MOST_JOBS: u32 = 1024;
/// Why the run is paused when a command said so.
const ASKED_TO: &str = "asked to";

impl<W: Workers> Dispatcher<W> {
    pub(super) fn obey(&mut self, command: Command) {
        match command {
            Command::Pause => self.pause(),
            Command::Resume => self.resume(),
            Command::Stop { level, by } => self.stop(level, &by),
            Command::CancelItem { item } => self.end_by_hand(&[item], Ending::Cancelled),
            Command::SkipItem { item } => self.end_by_hand(&[item], Ending::Skipped),
            Command::SkipFailed { cause } => {
                // The latest first, as the state forgets these at less cost.
                let mut failed = self.recorder.state().failed_with(cause.as_deref());
                failed.reverse();
                self.end_by_hand(&failed, Ending::Skipped);
            }
            Command::RetryItem { item } => self.retry_item(item),
            Command::RetryFailed { cause } => {
                for item in self.recorder.state().failed_with(cause.as_deref()) {
                    self.retry_item(item);
                }
            }
            Command::CheckHealth { dependency } => self.check_health(dependency.as_deref()),
            Command::SetJobs { jobs } => self.set_jobs(jobs),
            Command::ResetBreaker { dependency } => self.force_breaker(&dependency, false),
            Command::TripBreaker { dependency } => self.force_breaker(&dependency, true),
            Command::ReviveAsset { pool, asset } => self.revive_asset(&pool, asset.as_ref()),
            Command::BanAsset { pool, asset } => self.ban_asset(&pool, &asset),
        }
    }

    fn pause(&mut self) {
        if !self.paused && self.stop.is_none() {
            self.paused = true;
            self.recorder.record(EventKind::RunPaused { reason: ASKED_TO.into() });
        }
    }

    fn resume(&mut self) {
        if self.stop.is_some() {
            return;
        }
        if self.paused {
            self.paused = false;
            self.tell_resumed(ASKED_TO);
        } else {
            self.look_at_environment_now();
        }
    }

    /// One reason to be paused is gone: the run goes on, or the other reason is told.
    pub(super) fn tell_resumed(&mut self, reason: &str) {
        let other = self.machine_is_ill.clone().or_else(|| self.paused.then(|| ASKED_TO.to_owned()));
        self.recorder.record(match other {
            Some(reason) => EventKind::RunPaused { reason },
            None => EventKind::RunResumed { reason: reason.to_owned() },
        });
    }

    fn set_jobs(&mut self, jobs: u32) {
        let jobs = jobs.clamp(1, MOST_JOBS);
        if jobs != self.jobs {
            self.jobs = jobs;
            if self.find_slots(jobs) {
                self.recorder.record(EventKind::JobsChanged { jobs });
            }
        }
    }

    /// Has a slot for each of so many tasks at once. `false`: there are fewer, and that was told.
    pub(super) fn find_slots(&mut self, jobs: u32) -> bool {
        let Err(few) = self.workers.grow(jobs) else { return true };
        self.jobs = few.jobs.max(1);
        self.recorder.record(EventKind::Warning { message: few.to_string(), item: None });
        self.recorder.record(EventKind::JobsChanged { jobs: self.jobs });
        false
    }

    /// Ends the work on items, wherever they stand.
    fn end_by_hand(&mut self, items: &[ItemIndex], ending: Ending) {
        let meant: HashSet<ItemIndex> = items.iter().copied().collect();
        let (to_come, others): (VecDeque<ItemIndex>, _) =
            std::mem::take(&mut self.again).into_iter().partition(|item| meant.contains(item));
        self.again = others;
        let to_come: HashSet<ItemIndex> = to_come.into_iter().collect();
        if !to_come.is_empty() {
            // The one that was to probe may be among them: another takes its place.
            self.revived();
        }
        for item in items {
            self.end_one_by_hand(*item, ending, to_come.contains(item));
        }
    }

    /// `was_to_come`: it was about to be looked at again, and is not any more.
    fn end_one_by_hand(&mut self, item: ItemIndex, ending: Ending, was_to_come: bool) {
        if item as usize >= self.workshop.context.batch.len() {
            return;
        }
        let was_insisted = self.insisted.remove(&item);
        if self.active.contains_key(&item) {
            return self.end_working(item, ending);
        }
        let was_parked = self.unpark(item);
        let is_to_be_looked_at = item >= self.next_look || self.is_looked_at(item);
        if is_to_be_looked_at {
            // Whatever the look finds, it comes too late.
            self.dropped.insert(item);
        }
        let has_ended = match self.recorder.state().phase_of(item) {
            ItemPhase::Failed | ItemPhase::Cancelled => true,
            ItemPhase::Waiting | ItemPhase::Running => false,
            ItemPhase::LeftOut if was_insisted => {
                self.skipped.insert(item);
                return;
            }
            ItemPhase::UpToDate | ItemPhase::LeftOut | ItemPhase::Done | ItemPhase::Parked => return,
        };
        match ending {
            Ending::Skipped => self.tell_ended_by_hand(item, ending),
            // What ended before is as it was.
            Ending::Cancelled if has_ended => {}
            Ending::Cancelled if was_parked || was_to_come || is_to_be_looked_at => {
                self.tell_ended_by_hand(item, ending);
            }
            Ending::Cancelled => {}
        }
    }

    /// Ends the work on an item that has begun: its attempts are cancelled, and no other begins.
    fn end_working(&mut self, index: ItemIndex, ending: Ending) {
        let Some(working) = self.active.get_mut(&index) else { return };
        working.ending = Some(ending);
        for canceller in working.cancellers() {
            canceller.cancel(false);
        }
        for step in 0..working.steps.len() {
            let pieces = working.fans[step].as_ref().map_or(0, super::working::Fan::len);
            let ids = (0..pieces).map(|piece| TaskId::of_piece(index, step, piece));
            for id in ids.chain([TaskId::whole(index, step)]) {
                if working.task(id).is_some_and(|task| matches!(task.progress, Progress::Ready | Progress::Backoff)) {
                    for set in &mut self.ready {
                        set.remove(&id);
                    }
                    working.set(id, Progress::Failed);
                }
            }
        }
        self.to_fan_out.retain(|(item, _)| *item != index);
        self.timers.retain(|_, timer| !matches!(timer, Timer::Retry(id) if id.item == index));
        self.advance(index);
    }

    /// The item was ended by hand, and nothing of it is at work any more.
    pub(super) fn tell_ended_by_hand(&mut self, item: ItemIndex, ending: Ending) {
        match ending {
            Ending::Skipped => {
                self.skipped.insert(item);
                self.leave_out_item(item, "skipped by hand".into());
            }
            Ending::Cancelled => {
                let state = ItemState::Pending;
                self.recorder.record(EventKind::ItemFinished { item, state, step: None, fault: None, before: false });
            }
        }
    }

    /// Has an item looked at again that failed, was left out or was cancelled, whatever for: what it failed with before
    /// and what the run was asked for count for nothing.
    fn retry_item(&mut self, item: ItemIndex) {
        if self.stop.is_some() || self.insisted.contains(&item) {
            return;
        }
        let ends_by_hand = self.active.get(&item).map(|working| working.ending.is_some());
        let phase = self.recorder.state().phase_of(item);
        let may_be = matches!(phase, ItemPhase::Failed | ItemPhase::Cancelled | ItemPhase::LeftOut)
            || self.skipped.contains(&item);
        if !ends_by_hand.unwrap_or(may_be) {
            return;
        }
        self.skipped.remove(&item);
        self.insisted.insert(item);
        // Who is being looked at, or still at work on its end, is taken up when that is over.
        if !self.dropped.remove(&item) && ends_by_hand.is_none() {
            self.again.push_back(item);
        }
    }

    /// The item waits for no dependency any more. `true`: it did.
    fn unpark(&mut self, item: ItemIndex) -> bool {
        self.dependencies.iter_mut().any(|dependency| dependency.parked.remove(item))
    }

    /// Whether a worker is looking at the item.
    fn is_looked_at(&self, item: ItemIndex) -> bool {
        self.looks.range(..=item).next_back().is_some_and(|(_, end)| item < *end)
    }
}
