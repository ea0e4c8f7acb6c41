//! The dispatcher: the one owner of the run's state, and the one writer of events.
//!
//! It decides what starts, when, and what becomes of every answer. It never waits for a disk or a tool: those who do
//! are its [`Workers`]. All its time comes from tokio's clock, so that tests run hours in no time.

mod admission;
mod answers;
mod assets;
mod by_hand;
mod dependencies;
mod environment;
mod health;
mod items;
mod parked;
mod pieces;
mod tasks;
mod working;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::Instant;

use self::admission::Needs;
use self::assets::PoolState;
use self::dependencies::Dependency;
use self::working::{TaskId, Working};
use super::attempt::Workshop;
use super::control::Inbox;
use super::recorder::Recorder;
use super::slot::{Answer, Order, Workers};
use crate::events::{Counts, EventKind, ItemIndex, StopLevel};

/// Items that are looked at ahead of the work on them.
const LOOK_AHEAD: u32 = 2048;
/// Items that are worked on at once; more would only wait for a slot.
const ACTIVE: usize = 256;
/// Items of one look: few at first, so that the first task starts soon.
const LOOK_CHUNK: (u32, u32) = (8, 256);
/// Pieces of all items that are held in memory before those of another item are looked at.
const MOST_PIECES: usize = 50_000;
/// How long a run that was told to end now waits for its workers.
const KILL_PATIENCE: Duration = Duration::from_secs(1);

/// Runs one batch to its end.
#[derive(Debug)]
pub struct Dispatcher<W> {
    workshop: Arc<Workshop>,
    workers: W,
    recorder: Recorder,
    seed: u64,
    jobs: u32,
    running: u32,
    /// The first item that was not looked at.
    next_look: ItemIndex,
    /// How many items are being looked at.
    looking: u32,
    /// The items that are being looked at: ranges of places, by their start, the end not in them.
    looks: BTreeMap<ItemIndex, ItemIndex>,
    /// Items that are to be looked at again.
    again: VecDeque<ItemIndex>,
    /// Items that were ended by hand before the look at them was: it counts for nothing.
    dropped: HashSet<ItemIndex>,
    /// Items that were left out by hand.
    skipped: HashSet<ItemIndex>,
    /// Items that somebody wants to be tried again, until they are.
    insisted: HashSet<ItemIndex>,
    /// Items that were begun, where the run has a limit of them. One that was parked and comes back counts once.
    begun: HashSet<ItemIndex>,
    active: HashMap<ItemIndex, Working>,
    /// Which dependencies each step has.
    needs: Needs,
    /// Tasks that could start, by what they need.
    ready: Vec<BTreeSet<TaskId>>,
    /// Steps whose pieces are to be looked at.
    to_fan_out: BTreeSet<(ItemIndex, usize)>,
    /// Pieces of the items that are worked on, over all steps.
    pieces_held: usize,
    /// So many are held before those of another item are looked at.
    most_pieces: usize,
    dependencies: Vec<Dependency>,
    /// One for each pool of the plan.
    assets: Vec<PoolState>,
    /// Scores that are to be kept have moved, and when they are written is set.
    keeps_scores: bool,
    timers: BTreeMap<(Instant, u64), Timer>,
    timers_set: u64,
    paused: bool,
    /// The disk is full, or the like: nothing starts until it is not.
    machine_is_ill: Option<String>,
    /// How often it was ill since a task was last done.
    machine_troubles: u32,
    /// Dependencies that are being looked at.
    checking: HashSet<String>,
    /// The machine is being looked at.
    checks_machine: bool,
    /// The logs and times of attempts that wait for a canary's word.
    asked_with: HashMap<TaskId, (Option<String>, u64)>,
    stop: Option<StopLevel>,
    stop_reason: Option<String>,
    kill_at: Option<Instant>,
}

/// What is due at a time.
#[derive(Debug, Clone, Copy)]
enum Timer {
    /// The next attempt of a task.
    Retry(TaskId),
    /// A breaker that may be probed: of the dependency at this place.
    Breaker(usize),
    /// A dependency that asked not to be called may be called again.
    HeldOff,
    /// A look whether the machine is well again.
    Environment,
    /// Scores of assets are written.
    Scores,
    /// A look at disks and memory, whether or not anything is wrong.
    Machine,
}

/// What a run came to.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// The items.
    pub counts: Counts,
    /// Why the run ended before everything was done, where it did.
    pub reason: Option<String>,
    /// How it was asked to stop, if it was.
    pub stopped: Option<StopLevel>,
}

impl<W: Workers> Dispatcher<W> {
    /// A dispatcher for the batch of `workshop`, with `jobs` tasks at once.
    pub fn new(workshop: Arc<Workshop>, workers: W, recorder: Recorder, seed: u64, jobs: u32) -> Self {
        let dependencies = Dependency::all(&workshop.context.plan);
        let needs = Needs::of(&workshop.context.plan, &dependencies);
        let assets = workshop.context.pools.iter().map(PoolState::new).collect();
        let mut dispatcher = Self {
            ready: vec![BTreeSet::new(); needs.sets.len()],
            needs,
            to_fan_out: BTreeSet::new(),
            pieces_held: 0,
            most_pieces: MOST_PIECES,
            workshop,
            workers,
            recorder,
            seed,
            jobs,
            running: 0,
            next_look: 0,
            looking: 0,
            looks: BTreeMap::new(),
            again: VecDeque::new(),
            dropped: HashSet::new(),
            skipped: HashSet::new(),
            insisted: HashSet::new(),
            begun: HashSet::new(),
            active: HashMap::new(),
            dependencies,
            assets,
            keeps_scores: false,
            timers: BTreeMap::new(),
            timers_set: 0,
            paused: false,
            machine_is_ill: None,
            machine_troubles: 0,
            checking: HashSet::new(),
            checks_machine: false,
            asked_with: HashMap::new(),
            stop: None,
            stop_reason: None,
            kill_at: None,
        };
        dispatcher.tell_standings();
        dispatcher.find_slots(jobs);
        dispatcher
    }

    /// Runs to the end of the batch, or to a stop. The workers come back, to be ended.
    pub async fn run(mut self, mut answers: UnboundedReceiver<Answer>, mut commands: Inbox) -> (Outcome, W, Recorder) {
        let mut commands_open = true;
        self.watch_machine();
        loop {
            if self.starts_tasks() {
                // Before items are looked at: who is to probe is among them.
                self.supply_probes();
            }
            self.look_ahead();
            self.look_at_pieces();
            // Tasks were turned away: there is room for others, and no answer will come to tell.
            let goes_on = self.start_tasks();
            if !goes_on && self.is_finished() {
                break;
            }
            if !goes_on && answers.is_empty() {
                self.recorder.flush();
            }
            let due = self.next_due();
            tokio::select! {
                biased;
                command = commands.next(), if commands_open => match command {
                    Some(command) => {
                        self.obey(command);
                        // However many there are, work goes on between them.
                        if let Ok(answer) = answers.try_recv() {
                            self.take_answer(answer);
                        }
                        self.fire_timers();
                    }
                    None => commands_open = false,
                },
                answer = answers.recv() => match answer {
                    Some(answer) => self.take_answer(answer),
                    None => break,
                },
                () = std::future::ready(()), if goes_on => {}
                () = tokio::time::sleep_until(due.unwrap_or_else(far)), if due.is_some() => self.fire_timers(),
            }
        }
        // What comes too late to be taken goes back to who tells it.
        answers.close();
        while let Ok(answer) = answers.try_recv() {
            if let Answer::Told(events) = answer {
                events.into_iter().for_each(|event| self.recorder.record(event));
            }
        }
        self.finish()
    }

    fn elapsed(&self) -> Duration {
        self.recorder.elapsed()
    }

    fn set_timer(&mut self, at: Instant, timer: Timer) {
        self.timers_set += 1;
        self.timers.insert((at, self.timers_set), timer);
    }

    fn next_due(&self) -> Option<Instant> {
        let timer = self.timers.first_key_value().map(|((at, _), _)| *at);
        [timer, self.kill_at].into_iter().flatten().min()
    }

    fn fire_timers(&mut self) {
        let now = Instant::now();
        while let Some(entry) = self.timers.first_entry().filter(|entry| entry.key().0 <= now) {
            match entry.remove() {
                Timer::Retry(id) => self.retry_is_due(id),
                Timer::Breaker(_) | Timer::HeldOff => {}
                Timer::Environment => self.look_at_environment(),
                Timer::Machine => self.machine_is_due(),
                Timer::Scores => self.keep_scores(),
            }
        }
    }

    /// Starts nothing new; how hard running tasks are ended is up to `level`. A stop only ever becomes harder.
    fn stop(&mut self, level: StopLevel, by: &str) {
        if self.stop.is_some_and(|now| now >= level) {
            return;
        }
        self.stop = Some(level);
        self.stop_reason.get_or_insert_with(|| by.to_owned());
        self.recorder.record(EventKind::StopRequested { level, by: by.to_owned() });
        self.timers.retain(|_, timer| matches!(timer, Timer::Machine));
        self.workshop.stopping.store(true, std::sync::atomic::Ordering::Relaxed);
        if level >= StopLevel::Cancel {
            for canceller in self.active.values().flat_map(Working::cancellers) {
                canceller.cancel(level == StopLevel::Kill);
            }
        }
        if level == StopLevel::Kill {
            self.kill_at = Some(Instant::now() + KILL_PATIENCE);
        }
    }

    /// Whether anything new may start now.
    fn starts_tasks(&self) -> bool {
        self.stop.is_none() && !self.paused && self.machine_is_ill.is_none()
    }

    /// Has items looked at, as many as keep the slots busy.
    fn look_ahead(&mut self) {
        if self.stop.is_some() {
            return;
        }
        let total = self.workshop.context.batch.len() as u32;
        while self.looking < LOOK_AHEAD && self.active.len() < ACTIVE {
            if let Some(item) = self.again.pop_front() {
                self.order_look(item..item + 1, true);
                continue;
            }
            if self.next_look == total {
                return;
            }
            if self.limit_reached() {
                self.leave_out_rest(total);
                continue;
            }
            let chunk = self.next_look.clamp(LOOK_CHUNK.0, LOOK_CHUNK.1);
            let end = total.min(self.next_look + chunk);
            self.order_look(self.next_look..end, false);
            self.next_look = end;
        }
    }

    fn order_look(&mut self, range: std::ops::Range<ItemIndex>, again: bool) {
        self.looking += range.end - range.start;
        self.looks.insert(range.start, range.end);
        self.workers.order(Order::Look { range, again });
    }

    fn limit_reached(&self) -> bool {
        self.workshop.context.options.limit.is_some_and(|limit| self.begun.len() >= limit as usize)
    }

    fn leave_out_rest(&mut self, total: ItemIndex) {
        for item in self.next_look..total {
            if self.insisted.contains(&item) {
                self.again.push_back(item);
            } else if !self.dropped.remove(&item) {
                self.leave_out_item(item, "the limit of this run is reached".into());
            }
        }
        self.next_look = total;
    }

    fn leave_out_item(&mut self, item: ItemIndex, reason: String) {
        self.recorder.record(EventKind::ItemLeftOut { item, reason });
    }

    fn is_finished(&mut self) -> bool {
        if self.stop.is_some() {
            let patience_is_over = self.kill_at.is_some_and(|at| Instant::now() >= at);
            return patience_is_over || self.running == 0;
        }
        let idle = self.running == 0 && self.looking == 0 && self.active.is_empty() && self.again.is_empty();
        idle && self.next_look as usize == self.workshop.context.batch.len() && self.gives_up_parked()
    }

    fn finish(mut self) -> (Outcome, W, Recorder) {
        self.end_parked_items();
        self.end_active_items();
        self.keep_scores();
        self.recorder.flush();
        let outcome = Outcome { counts: self.recorder.state().counts, reason: self.stop_reason, stopped: self.stop };
        (outcome, self.workers, self.recorder)
    }
}

/// A time that never comes.
fn far() -> Instant {
    Instant::now() + Duration::from_secs(3600)
}

#[cfg(test)]
mod tests;
