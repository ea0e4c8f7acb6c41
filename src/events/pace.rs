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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::EVENT_VERSION;
    use crate::resilience::checkpoint::ItemState;
    use crate::resilience::os_text::OsText;

    /// A hundred files, and one that ends in each of the first `ended` seconds.
    fn after(ended: u32) -> (RunState, Pace, u64) {
        let (mut state, mut pace) = (RunState::default(), Pace::default());
        let mut at = 0;
        let mut tell = |elapsed: u64, kind: EventKind| {
            let event = Event { v: EVENT_VERSION, seq: at, at: elapsed, elapsed, kind };
            at += 1;
            state.apply(&event);
            pace.apply(&event);
        };
        let steps = vec!["work".to_owned()];
        let (run, pipeline, output) = (String::new(), String::new(), OsText::default());
        let (shapes, breakers) = (Vec::new(), Vec::new());
        tell(
            0,
            EventKind::RunStarted {
                run,
                pipeline,
                steps,
                jobs: 1,
                seed: 0,
                shapes,
                breakers,
                output,
                generated: false,
                pools: Vec::new(),
            },
        );
        let paths = (0..100).map(|n| OsText::from(std::path::PathBuf::from(format!("/{n}")))).collect();
        tell(0, EventKind::ItemsListed { first: 0, paths });
        tell(0, EventKind::AttemptStarted { item: 0, step: 0, piece: None, attempt: 1, draws: Vec::new() });
        for item in 0..ended {
            let now = u64::from(item + 1) * 1000;
            let state = ItemState::Done;
            tell(now, EventKind::ItemFinished { item, state, step: None, fault: None, before: false });
            tell(
                now,
                EventKind::AttemptStarted { item: item + 1, step: 0, piece: None, attempt: 1, draws: Vec::new() },
            );
        }
        (state, pace, u64::from(ended) * 1000)
    }

    #[test]
    fn the_time_left_holds_the_true_one_and_narrows() {
        let told = |ended| {
            let (state, pace, now) = after(ended);
            let left = pace.time_left(&state, now);
            left.filter(|left| (left.least..=left.most).contains(&(u64::from(100 - ended) * 1000)))
        };
        let widths = [told(8), told(90)].map(|left| left.map(|left| left.most as f64 / left.least as f64));
        assert!(matches!(widths, [Some(early), Some(late)] if late < early), "{widths:?}");
    }

    #[test]
    fn nothing_is_foretold_from_too_little_or_while_nothing_goes_on() {
        let (state, pace, now) = after(3);
        assert_eq!(pace.time_left(&state, now + 5_000), None);
        let (mut state, mut pace, now) = after(50);
        let kind = EventKind::RunPaused { reason: "asked to".into() };
        let event = Event { v: EVENT_VERSION, seq: 1000, at: now, elapsed: now, kind };
        state.apply(&event);
        pace.apply(&event);
        assert_eq!(pace.time_left(&state, now + 1_000), None);
    }

    #[test]
    fn a_pause_slows_nothing_down() {
        let (_, mut pace, now) = after(50);
        let before = pace.rate(now);
        let pause = [EventKind::RunPaused { reason: String::new() }, EventKind::RunResumed { reason: String::new() }];
        for (elapsed, kind) in [now, now + 3_600_000].into_iter().zip(pause) {
            pace.apply(&Event { v: EVENT_VERSION, seq: elapsed, at: elapsed, elapsed, kind });
        }
        assert_eq!(pace.rate(now + 3_600_000), before);
        assert!(before.is_some_and(|rate| (rate - 1.0).abs() < 0.05));
    }
}
