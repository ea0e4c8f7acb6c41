//! Which of the latest events are shown, and which of these hold what is searched for.
//!
//! It follows the events as they come and go: nothing is walked anew but after a change of what is asked for.

use std::collections::VecDeque;

use crate::events::telling::{Level, Topic, class, tell};
use crate::events::{Event, RunState, Story};
use crate::tui::widgets::found;

/// The events that are shown, by their `seq`.
#[derive(Debug, Clone)]
pub(super) struct Index {
    level: Level,
    topic: Option<Topic>,
    needle: String,
    shown: VecDeque<u64>,
    matches: VecDeque<u64>,
    /// How far the events were looked at.
    seen: Option<u64>,
}

impl Default for Index {
    fn default() -> Self {
        let (shown, matches) = (VecDeque::new(), VecDeque::new());
        Self { level: Level::Info, topic: None, needle: String::new(), shown, matches, seen: None }
    }
}

/// The event of this `seq`, as long as it is kept.
pub(super) fn event(story: &Story, seq: u64) -> Option<&Event> {
    let events = story.events();
    events.binary_search_by_key(&seq, |event| event.seq).ok().and_then(|at| events.get(at))
}

impl Index {
    /// The level from which on events are shown.
    pub(super) const fn level(&self) -> Level {
        self.level
    }

    /// What the events that are shown are about; nothing for all of them.
    pub(super) const fn topic(&self) -> Option<Topic> {
        self.topic
    }

    /// What is searched for.
    pub(super) fn needle(&self) -> &str {
        &self.needle
    }

    /// How many events are shown.
    pub(super) fn len(&self) -> usize {
        self.shown.len()
    }

    /// How many of them hold what is searched for.
    pub(super) fn matches(&self) -> usize {
        self.matches.len()
    }

    /// The event in this row.
    pub(super) fn seq(&self, row: usize) -> Option<u64> {
        self.shown.get(row).copied()
    }

    /// The row of the event, or of the first after it; the last row where none is.
    pub(super) fn row(&self, seq: u64) -> usize {
        self.shown.partition_point(|shown| *shown < seq).min(self.shown.len().saturating_sub(1))
    }

    /// Whether the event holds what is searched for, and as which of those that do, from 1.
    pub(super) fn rank(&self, seq: u64) -> Option<usize> {
        self.matches.binary_search(&seq).ok().map(|at| at + 1)
    }

    /// The next event after `seq` that holds what is searched for; after the last the first.
    pub(super) fn after(&self, seq: u64) -> Option<u64> {
        let at = self.matches.partition_point(|found| *found <= seq);
        self.matches.get(at).or(self.matches.front()).copied()
    }

    /// The last event before `seq` that holds what is searched for; before the first the last.
    pub(super) fn before(&self, seq: u64) -> Option<u64> {
        let at = self.matches.partition_point(|found| *found < seq);
        at.checked_sub(1).and_then(|at| self.matches.get(at)).or(self.matches.back()).copied()
    }

    /// Shows events of another level or kind.
    pub(super) fn ask(&mut self, level: Level, topic: Option<Topic>) {
        (self.level, self.topic) = (level, topic);
        self.clear();
    }

    /// Searches for another text.
    pub(super) fn search(&mut self, needle: &str, story: &Story, state: &RunState) {
        // What holds the longer text held the shorter one.
        let is_longer = !self.needle.is_empty() && needle.starts_with(&self.needle);
        let among = if is_longer { &self.matches } else { &self.shown };
        let holds = |seq: &u64| event(story, *seq).is_some_and(|event| holds(event, needle, state));
        self.matches = if needle.is_empty() { VecDeque::new() } else { among.iter().copied().filter(holds).collect() };
        needle.clone_into(&mut self.needle);
    }

    /// Takes in the events that came, and forgets those that are no longer kept. How many rows are gone at the front.
    pub(super) fn follow(&mut self, story: &Story, state: &RunState) -> usize {
        let events = story.events();
        let last = events.back().map(|event| event.seq);
        if self.seen > last {
            // The time line was moved back.
            self.clear();
        }
        let first = events.front().map_or(u64::MAX, |event| event.seq);
        let gone = self.shown.partition_point(|seq| *seq < first);
        self.shown.drain(..gone);
        self.matches.drain(..self.matches.partition_point(|seq| *seq < first));
        let from = self.seen.map_or(0, |seen| events.partition_point(|event| event.seq <= seen));
        for event in events.range(from..) {
            let (level, topic) = class(&event.kind);
            if level > self.level || self.topic.is_some_and(|asked| asked != topic) {
                continue;
            }
            self.shown.push_back(event.seq);
            if !self.needle.is_empty() && holds(event, &self.needle, state) {
                self.matches.push_back(event.seq);
            }
        }
        self.seen = last;
        gone
    }

    fn clear(&mut self) {
        self.shown.clear();
        self.matches.clear();
        self.seen = None;
    }
}

fn holds(event: &Event, needle: &str, state: &RunState) -> bool {
    let told = tell(event, state);
    !found(&told.text, needle).is_empty() || !found(told.word, needle).is_empty()
}
