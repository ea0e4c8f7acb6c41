//! How fast a run goes, and how long it will take: from its events alone.

use std::collections::VecDeque;

use super::{Event, EventKind, RunPhase, RunState};

/// Seconds that the course of the throughput reaches back.
const SECONDS_KEPT: usize = 300;
/// The latest ends that tell how fast it goes now.
const ENDS_KEPT: usize = 64;
/// Before this many items have ended, and this many milliseconds of work have passed, nothing is foretold.
const LEAST: (u32, u64) = (4, 5_000);

/// How fast items come to their end.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Pace {
    /// Items that this run worked on and that ended.
    ended: u32,
    /// When the last of them ended, each in milliseconds of work: the time since the first attempt, pauses taken out.
    ends: VecDeque<u64>,
    /// Ends in each second since the run's start, the latest last.
    seconds: VecDeque<u32>,
    /// The second of the last entry of `seconds`.
    last_second: u64,
    /// When the first attempt began.
    began: Option<u64>,
    paused_since: Option<u64>,
    paused: u64,
}

/// How long a run will still take, in milliseconds: between these two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeLeft {
    /// At least.
    pub least: u64,
    /// At most.
    pub most: u64,
}

impl Pace {
    /// Folds one event in.
    pub fn apply(&mut self, event: &Event) {
        let at = event.elapsed;
        match &event.kind {
            EventKind::AttemptStarted { .. } => {
                self.began.get_or_insert(at);
            }
            EventKind::RunPaused { .. } => {
                self.paused_since.get_or_insert(at);
            }
            EventKind::RunResumed { .. } => {
                let pause = self.paused_since.take().map_or(0, |since| at.saturating_sub(since));
                self.paused = self.paused.saturating_add(pause);
            }
            EventKind::ItemFinished { before: false, .. } => self.end(at),
            _ => {}
        }
    }

    fn end(&mut self, at: u64) {
        self.ended = self.ended.saturating_add(1);
        if self.ends.len() == ENDS_KEPT {
            self.ends.pop_front();
        }
        self.ends.push_back(self.worked(at));
        self.reach(at / 1000);
        if let Some(last) = self.seconds.back_mut() {
            *last += 1;
        }
    }

    /// Fills up to the second `to` with seconds in which nothing ended.
    fn reach(&mut self, to: u64) {
        let missing = if self.seconds.is_empty() { 1 } else { to.saturating_sub(self.last_second) };
        for _ in 0..missing.min(SECONDS_KEPT as u64) {
            if self.seconds.len() == SECONDS_KEPT {
                self.seconds.pop_front();
            }
            self.seconds.push_back(0);
        }
        self.last_second = self.last_second.max(to);
    }

    /// Milliseconds of work at `at`.
    fn worked(&self, at: u64) -> u64 {
        let pause = self.paused_since.map_or(0, |since| at.saturating_sub(since));
        at.saturating_sub(self.began.unwrap_or(at)).saturating_sub(self.paused.saturating_add(pause))
    }

    /// Items a second, over the latest that ended; `now` in milliseconds since the run's start. Nothing before one has
    /// ended.
    #[must_use]
    pub fn rate(&self, now: u64) -> Option<f64> {
        let (first, count) = self.recent()?;
        let span = self.worked(now).saturating_sub(first);
        (span > 0).then(|| f64::from(count) * 1000.0 / span as f64)
    }

    /// The time that the latest ends are counted from, and how many they are.
    fn recent(&self) -> Option<(u64, u32)> {
        if (self.ended as usize) <= ENDS_KEPT {
            return (self.ended > 0).then_some((0, self.ended));
        }
        self.ends.front().map(|first| (*first, ENDS_KEPT as u32 - 1))
    }

    /// Items that ended in each of the latest `count` seconds before `now` (milliseconds since the run's start), the
    /// latest last.
    #[must_use]
    pub fn course(&self, now: u64, count: usize) -> Vec<u32> {
        let now = now / 1000;
        let idle = usize::try_from(now.saturating_sub(self.last_second)).unwrap_or(count).min(count);
        let mut course: Vec<u32> = self.seconds.iter().rev().take(count - idle).copied().collect();
        course.reverse();
        course.extend(std::iter::repeat_n(0, idle));
        let missing = count - course.len();
        course.splice(0..0, std::iter::repeat_n(0, missing));
        course
    }

    /// How long what is left will take, where that can be told honestly: it goes on, and enough has ended to go by. The
    /// range covers the pace of the whole run, the pace of late, and the chance in so many ends (one in the square
    /// root of their number).
    #[must_use]
    pub fn time_left(&self, state: &RunState, now: u64) -> Option<TimeLeft> {
        let goes_on = matches!(state.phase, RunPhase::Running) && !state.tasks.is_empty();
        let worked = self.worked(now);
        if !goes_on || self.ended < LEAST.0 || worked < LEAST.1 {
            return None;
        }
        // Those that wait for a dependency come back when it is well, and nobody knows when.
        let left = f64::from(state.counts.waiting().saturating_sub(state.waiting_items() as u32));
        let whole = f64::from(self.ended) / worked as f64;
        let (first, count) = self.recent()?;
        let late = f64::from(count) / worked.saturating_sub(first).max(1) as f64;
        let chance = 1.0 / f64::from(self.ended).sqrt().max(1.0 / 0.9);
        let fast = whole.max(late) * (1.0 + chance);
        let slow = whole.min(late) * (1.0 - chance).max(0.1);
        Some(TimeLeft { least: (left / fast) as u64, most: (left / slow) as u64 })
    }
}
