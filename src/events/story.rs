//! What screens tell beyond the state: how each item came where it is, the latest events, the breakers' ways, the pace.
//!
//! A fold of the same events as [`RunState`], in bounded memory: what is too old is forgotten.

use std::collections::{HashMap, VecDeque};

use indexmap::IndexMap;

use super::pace::Pace;
use super::{Event, EventKind, ItemIndex};
use crate::resilience::Fault;
use crate::resilience::breaker::BreakerState;
use crate::resilience::checkpoint::Because;

/// Events that are kept.
const EVENTS_KEPT: usize = 20_000;
/// Items that have ended and whose steps are kept.
const ENDED_KEPT: usize = 20_000;
/// Failed attempts of one task that are kept.
const ATTEMPTS_KEPT: usize = 16;
/// Changes of one breaker that are kept.
const CHANGES_KEPT: usize = 256;

/// The latest of what happened.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Story {
    items: HashMap<ItemIndex, ItemStory>,
    /// Items that ended and when, the earliest first.
    ended: VecDeque<(ItemIndex, u64)>,
    events: VecDeque<Event>,
    breakers: IndexMap<String, VecDeque<BreakerMark>>,
    pace: Pace,
}

/// How an item came where it is.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ItemStory {
    /// When its first attempt began, in milliseconds since the run's start.
    pub began: u64,
    /// When it ended.
    pub ended: Option<u64>,
    /// Its steps that were begun, parked or left out, in the order in which that happened first.
    pub steps: Vec<StepStory>,
}

/// How a task came where it is.
#[derive(Debug, Clone, PartialEq)]
pub struct StepStory {
    /// The step's place in the plan.
    pub step: u32,
    /// Where it stands.
    pub stand: StepStand,
    /// Attempts that were begun.
    pub attempts: u32,
    /// When the last attempt began, in milliseconds since the run's start.
    pub since: u64,
    /// How long the last attempt took in milliseconds, where it has ended.
    pub ms: u64,
    /// Bytes in its artifacts, once it is done.
    pub bytes: u64,
    /// The attempts that failed, the latest last.
    pub failed: Vec<FailedAttempt>,
}

/// Where a task stands.
#[derive(Debug, Clone, PartialEq)]
pub enum StepStand {
    /// An attempt runs.
    Running,
    /// The next attempt begins at this time (milliseconds since the run's start).
    Backoff(u64),
    /// It waits for this dependency.
    Parked(String),
    /// Its outputs are committed.
    Done,
    /// It was left out, for this reason.
    Skipped(Because, String),
    /// Its last attempt failed.
    Failed,
}

/// An attempt that failed.
#[derive(Debug, Clone, PartialEq)]
pub struct FailedAttempt {
    /// Counts from 1.
    pub attempt: u32,
    /// When it ended, in milliseconds since the run's start.
    pub at: u64,
    /// How long it took, in milliseconds.
    pub ms: u64,
    /// Why.
    pub fault: Fault,
    /// The tool's log, relative to the run's folder.
    pub log: Option<String>,
}

/// A change of a breaker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BreakerMark {
    /// When, in milliseconds since the run's start.
    pub at: u64,
    /// To which state.
    pub state: BreakerState,
    /// Why.
    pub reason: String,
}

impl Story {
    /// How the item came where it is, unless that was long ago.
    #[must_use]
    pub fn item(&self, item: ItemIndex) -> Option<&ItemStory> {
        self.items.get(&item)
    }

    /// The items that ended, the latest first, as far back as is known. One that was run again is there once.
    pub fn ended(&self) -> impl DoubleEndedIterator<Item = ItemIndex> {
        let latest =
            |(item, at): &&(ItemIndex, u64)| self.items.get(item).is_some_and(|story| story.ended == Some(*at));
        self.ended.iter().rev().filter(latest).map(|(item, _)| *item)
    }

    /// The latest events, the earliest first. Their `seq` says where they stand.
    #[must_use]
    pub fn events(&self) -> &VecDeque<Event> {
        &self.events
    }

    /// The changes of the breaker, the earliest first.
    pub fn breaker(&self, dependency: &str) -> impl DoubleEndedIterator<Item = &BreakerMark> {
        self.breakers.get(dependency).into_iter().flatten()
    }

    /// How fast the run goes.
    #[must_use]
    pub fn pace(&self) -> &Pace {
        &self.pace
    }

    /// Folds one event in.
    pub fn apply(&mut self, event: &Event) {
        self.pace.apply(event);
        self.keep(event);
        let at = event.elapsed;
        match &event.kind {
            EventKind::AttemptStarted { item, step, attempt } => {
                let task = self.task(*item, *step, at);
                (task.stand, task.attempts, task.since) = (StepStand::Running, *attempt, at);
            }
            EventKind::AttemptFailed { item, step, attempt, fault, log, ms } => {
                let task = self.task(*item, *step, at);
                (task.stand, task.ms) = (StepStand::Failed, *ms);
                if task.failed.len() == ATTEMPTS_KEPT {
                    task.failed.remove(0);
                }
                let (attempt, ms, fault, log) = (*attempt, *ms, fault.clone(), log.clone());
                task.failed.push(FailedAttempt { attempt, at, ms, fault, log });
            }
            EventKind::RetryScheduled { item, step, delay, .. } => {
                self.task(*item, *step, at).stand = StepStand::Backoff(at + delay);
            }
            EventKind::TaskDone { item, step, attempts, ms, bytes } => {
                let task = self.task(*item, *step, at);
                (task.stand, task.attempts, task.ms, task.bytes) = (StepStand::Done, *attempts, *ms, *bytes);
            }
            EventKind::TaskSkipped { item, step, because, reason } => {
                self.task(*item, *step, at).stand = StepStand::Skipped(*because, reason.clone());
            }
            EventKind::TaskParked { item, step, dependency } => {
                self.task(*item, *step, at).stand = StepStand::Parked(dependency.clone());
            }
            EventKind::ItemFinished { item, .. } => self.end(*item, at),
            EventKind::ItemLeftOut { item, .. } if self.items.contains_key(item) => self.end(*item, at),
            EventKind::BreakerChanged { dependency, state, reason, .. } => {
                let marks = self.breakers.entry(dependency.clone()).or_default();
                if marks.len() == CHANGES_KEPT {
                    marks.pop_front();
                }
                marks.push_back(BreakerMark { at, state: *state, reason: reason.clone() });
            }
            _ => {}
        }
    }

    fn task(&mut self, item: ItemIndex, step: u32, at: u64) -> &mut StepStory {
        let story = self.items.entry(item).or_insert_with(|| ItemStory { began: at, ..ItemStory::default() });
        // It is taken up again: it will end anew.
        story.ended = None;
        let place = story.steps.iter().position(|task| task.step == step).unwrap_or_else(|| {
            let stand = StepStand::Running;
            story.steps.push(StepStory { step, stand, attempts: 0, since: at, ms: 0, bytes: 0, failed: Vec::new() });
            story.steps.len() - 1
        });
        &mut story.steps[place]
    }

    fn end(&mut self, item: ItemIndex, at: u64) {
        let story = self.items.entry(item).or_insert_with(|| ItemStory { began: at, ..ItemStory::default() });
        story.ended = Some(at);
        story.steps.shrink_to_fit();
        self.ended.push_back((item, at));
        if self.ended.len() > ENDED_KEPT
            && let Some((oldest, ended)) = self.ended.pop_front()
            && self.items.get(&oldest).is_some_and(|story| story.ended == Some(ended))
        {
            self.items.remove(&oldest);
        }
    }

    fn keep(&mut self, event: &Event) {
        // A million names are not the latest news.
        if matches!(event.kind, EventKind::ItemsListed { .. }) {
            return;
        }
        if self.events.len() == EVENTS_KEPT {
            self.events.pop_front();
        }
        self.events.push_back(event.clone());
    }
}
