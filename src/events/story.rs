//! What screens tell beyond the state: how each item came where it is, the latest events, the breakers' ways, the pace.
//!
//! A fold of the same events as [`RunState`](super::RunState), in bounded memory: what is too old is forgotten.

use std::collections::{HashMap, VecDeque};

use indexmap::IndexMap;

use super::pace::Pace;
use super::pieces::{Counted, PieceCounts, task_of};
use super::{Draw, Event, EventKind, ItemIndex, PieceRef};
use crate::resilience::Fault;
use crate::resilience::breaker::BreakerState;
use crate::resilience::checkpoint::Because;

/// Events that are kept.
const EVENTS_KEPT: usize = 20_000;
/// Items that have ended and whose steps are kept.
const ENDED_KEPT: usize = 20_000;
/// Items that only wait for a dependency and whose steps are kept.
const PARKED_KEPT: usize = 20_000;
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
    /// Items of which all that is left waits for a dependency, and since when, the earliest first.
    parked: VecDeque<(ItemIndex, u64)>,
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
    /// Since when all that is left of it waits for a dependency. Such an item may be forgotten like one that has ended; what
    /// comes of it then begins a new story.
    pub parked: Option<u64>,
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
    /// What the last attempt was given from the pools.
    pub draws: Vec<Draw>,
    /// How far its pieces are, where it runs for each.
    pub pieces: Option<PieceCounts>,
    /// How they are counted.
    counted: Counted,
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
    /// The piece, where the step runs for each.
    pub piece: Option<PieceRef>,
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

    /// What is needed to go on from here in little memory: the pace, the breakers, and the items that are at work. What was
    /// settled and the events are forgotten.
    #[must_use]
    pub fn outline(&self) -> Self {
        let at_work = |(_, story): &(&ItemIndex, &ItemStory)| story.ended.is_none() && story.parked.is_none();
        Self {
            items: self.items.iter().filter(at_work).map(|(item, story)| (*item, story.clone())).collect(),
            breakers: self.breakers.clone(),
            pace: self.pace.clone(),
            ..Self::default()
        }
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
        if let Some((item, step)) = task_of(&event.kind) {
            return self.apply_to_piece(item, step, &event.kind, at);
        }
        match &event.kind {
            EventKind::AttemptStarted { item, step, attempt, draws, .. } => {
                let task = self.task(*item, *step, at);
                (task.stand, task.attempts, task.since) = (StepStand::Running, *attempt, at);
                task.draws.clone_from(draws);
            }
            EventKind::AttemptFailed { item, step, ms, .. } => {
                let task = self.task(*item, *step, at);
                (task.stand, task.ms) = (StepStand::Failed, *ms);
                task.keep_failed(&event.kind, at);
            }
            EventKind::RetryScheduled { item, step, delay, .. } => {
                self.task(*item, *step, at).stand = StepStand::Backoff(at.saturating_add(*delay));
            }
            EventKind::TaskDone { item, step, attempts, ms, bytes, .. } => {
                let task = self.task(*item, *step, at);
                (task.stand, task.attempts, task.ms, task.bytes) = (StepStand::Done, *attempts, *ms, *bytes);
                self.set_aside(*item, at);
            }
            EventKind::TaskSkipped { item, step, because, reason, .. } => {
                self.task(*item, *step, at).stand = StepStand::Skipped(*because, reason.clone());
                self.set_aside(*item, at);
            }
            EventKind::TaskParked { item, step, dependency } => {
                let task = self.task(*item, *step, at);
                task.stand = StepStand::Parked(dependency.clone());
                task.counted.apply(&event.kind);
                task.pieces = task.pieces.map(|_| task.counted.counts());
                self.set_aside(*item, at);
            }
            EventKind::ItemFinished { item, .. } => {
                self.end_pieces(*item);
                self.end(*item, at);
            }
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

    /// What comes of a piece is counted with its step, which goes on.
    fn apply_to_piece(&mut self, item: ItemIndex, step: u32, kind: &EventKind, at: u64) {
        let task = self.task(item, step, at);
        let begins = matches!(kind, EventKind::PiecesFound { .. }) || task.attempts == 0;
        if begins {
            (task.attempts, task.since) = (1, at);
        }
        if !matches!(task.stand, StepStand::Parked(_)) || matches!(kind, EventKind::AttemptStarted { .. }) || begins {
            task.stand = StepStand::Running;
        }
        task.counted.apply(kind);
        task.pieces = Some(task.counted.counts());
        task.keep_failed(kind, at);
    }

    /// No piece of the item is at work any more.
    fn end_pieces(&mut self, item: ItemIndex) {
        let steps = self.items.get_mut(&item).map_or(&mut [][..], |story| story.steps.as_mut_slice());
        for task in steps.iter_mut().filter(|task| matches!(task.stand, StepStand::Running)) {
            if let Some(pieces) = &mut task.pieces {
                (pieces.running, pieces.waiting) = (0, 0);
                task.stand = StepStand::Failed;
            }
        }
    }

    fn task(&mut self, item: ItemIndex, step: u32, at: u64) -> &mut StepStory {
        let story = self.items.entry(item).or_insert_with(|| ItemStory { began: at, ..ItemStory::default() });
        // It is taken up again: it will end anew.
        (story.ended, story.parked) = (None, None);
        let place = story.steps.iter().position(|task| task.step == step).unwrap_or_else(|| {
            let stand = StepStand::Running;
            let (attempts, ms, bytes, pieces, counted) = (0, 0, 0, None, Counted::default());
            let (failed, draws) = (Vec::new(), Vec::new());
            story.steps.push(StepStory { step, stand, attempts, since: at, ms, bytes, failed, draws, pieces, counted });
            story.steps.len() - 1
        });
        &mut story.steps[place]
    }

    fn end(&mut self, item: ItemIndex, at: u64) {
        let story = self.items.entry(item).or_insert_with(|| ItemStory { began: at, ..ItemStory::default() });
        (story.ended, story.parked) = (Some(at), None);
        story.steps.shrink_to_fit();
        self.ended.push_back((item, at));
        if self.ended.len() > ENDED_KEPT
            && let Some((oldest, ended)) = self.ended.pop_front()
            && self.items.get(&oldest).is_some_and(|story| story.ended == Some(ended))
        {
            self.items.remove(&oldest);
        }
    }

    /// Notes an item of which all that is left waits for a dependency, if it is one: the run is done with it for now.
    fn set_aside(&mut self, item: ItemIndex, at: u64) {
        let Some(story) = self.items.get_mut(&item) else { return };
        let is_parked = |task: &StepStory| matches!(task.stand, StepStand::Parked(_));
        let is_settled =
            |task: &StepStory| matches!(task.stand, StepStand::Parked(_) | StepStand::Done | StepStand::Skipped(..));
        if !story.steps.iter().any(is_parked) || !story.steps.iter().all(is_settled) {
            return;
        }
        story.parked = Some(at);
        story.steps.shrink_to_fit();
        self.parked.push_back((item, at));
        if self.parked.len() > PARKED_KEPT
            && let Some((oldest, parked)) = self.parked.pop_front()
            && self.items.get(&oldest).is_some_and(|story| story.parked == Some(parked))
        {
            self.items.remove(&oldest);
        }
    }

    fn keep(&mut self, event: &Event) {
        // A million names are not the latest news, and how far something was is none at all.
        if matches!(event.kind, EventKind::ItemsListed { .. } | EventKind::AttemptProgressed { .. }) {
            return;
        }
        if self.events.len() == EVENTS_KEPT {
            self.events.pop_front();
        }
        self.events.push_back(event.clone());
    }
}

impl StepStory {
    fn keep_failed(&mut self, kind: &EventKind, at: u64) {
        let EventKind::AttemptFailed { piece, attempt, fault, log, ms, .. } = kind else { return };
        if self.failed.len() == ATTEMPTS_KEPT {
            self.failed.remove(0);
        }
        let (piece, fault, log) = (piece.clone(), fault.clone(), log.clone());
        self.failed.push(FailedAttempt { piece, attempt: *attempt, at, ms: *ms, fault, log });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::EVENT_VERSION;
    use crate::resilience::checkpoint::ItemState;

    fn tell(story: &mut Story, kinds: impl IntoIterator<Item = EventKind>) {
        for kind in kinds {
            let seq = story.events.back().map_or(0, |event| event.seq + 1);
            story.apply(&Event { v: EVENT_VERSION, seq, at: 0, elapsed: seq, kind });
        }
    }

    fn parked(item: ItemIndex, step: u32) -> EventKind {
        EventKind::TaskParked { item, step, dependency: "tool".into() }
    }

    fn begun(item: ItemIndex, step: u32) -> EventKind {
        EventKind::AttemptStarted { item, step, piece: None, attempt: 1, draws: Vec::new() }
    }

    fn done(item: ItemIndex, step: u32) -> EventKind {
        EventKind::TaskDone { item, step, piece: None, attempts: 1, ms: 1, bytes: 0 }
    }

    fn ended(item: ItemIndex) -> EventKind {
        EventKind::ItemFinished { item, state: ItemState::Done, step: None, fault: None, before: false }
    }

    #[test]
    fn items_that_only_wait_are_forgotten_as_those_that_ended_are() {
        let many = PARKED_KEPT as u32 + 500;
        let mut story = Story::default();
        // One works on in another step meanwhile, and one is taken up again.
        tell(&mut story, [begun(0, 0), parked(0, 1), parked(1, 1), begun(1, 1)]);
        tell(&mut story, (2..many).map(|item| parked(item, 0)));
        assert!(story.items.len() <= PARKED_KEPT + 2, "{}", story.items.len());
        assert!(story.item(0).is_some() && story.item(1).is_some() && story.item(2).is_none());
        assert!(story.item(many - 1).is_some_and(|told| told.parked.is_some()));
        // It ends what it was at, and only waits from now on.
        tell(&mut story, [done(0, 0)]);
        assert_eq!(story.item(0).map(|told| told.parked.is_some()), Some(true));
        // Who comes back begins anew, or goes on.
        tell(&mut story, [begun(2, 0), begun(many - 1, 0)]);
        assert!(story.item(2).is_some_and(|told| told.parked.is_none() && told.steps.len() == 1));
        tell(&mut story, (many..many * 2).flat_map(|item| [parked(item, 0), ended(item)]));
        assert!(story.items.len() <= ENDED_KEPT + PARKED_KEPT + 3, "{}", story.items.len());
        assert!(story.item(2).is_some());
    }

    #[test]
    fn an_outline_goes_on_with_what_is_at_work() {
        let mut story = Story::default();
        tell(&mut story, [begun(0, 0), begun(1, 0), done(1, 0), ended(1), parked(2, 0)]);
        let mut outline = story.outline();
        assert_eq!([0, 1, 2].map(|item| outline.item(item).is_some()), [true, false, false]);
        assert_eq!((outline.events.len(), &outline.pace), (0, &story.pace));
        for told in [&mut story, &mut outline] {
            told.apply(&Event { v: EVENT_VERSION, seq: 5, at: 0, elapsed: 90, kind: done(0, 0) });
        }
        assert_eq!(outline.item(0), story.item(0));
    }
}
