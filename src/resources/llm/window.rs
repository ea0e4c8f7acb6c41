//! Two sliding windows of 60 seconds: of requests, and of tokens.
//!
//! Each request has a moment, now or soon. Moments are given in the order in which they are asked for, and so that in no
//! 60 seconds (`t <= moment < t + 60 s`) there are more requests or tokens than the limits say. What a server then
//! reports corrects the tokens; where it is more than was estimated, later requests wait the longer for it.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

/// The length of both windows.
pub(super) const WINDOW: Duration = Duration::from_secs(60);

/// The most there may be in a window; nothing is no limit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Limits {
    /// Requests.
    pub requests: Option<u32>,
    /// Tokens, of prompts and answers together.
    pub tokens: Option<u64>,
}

/// A request that has its moment.
#[derive(Debug)]
struct Entry {
    id: u64,
    at: Instant,
    tokens: u64,
}

/// What is in a window.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Load {
    pub(super) requests: u32,
    pub(super) tokens: u64,
}

/// Both windows.
#[derive(Debug)]
pub(super) struct Windows {
    limits: Limits,
    /// In the order of their moments.
    entries: VecDeque<Entry>,
    next: u64,
    /// The most that one window held.
    peak: Load,
}

impl Windows {
    pub(super) const fn new(limits: Limits) -> Self {
        Self { limits, entries: VecDeque::new(), next: 0, peak: Load { requests: 0, tokens: 0 } }
    }

    pub(super) const fn limits(&self) -> Limits {
        self.limits
    }

    /// The first moment for a request of so many tokens, after all that have theirs.
    pub(super) fn earliest(&self, now: Instant, tokens: u64) -> Instant {
        let mut earliest = self.entries.back().map_or(now, |last| last.at.max(now));
        let gone = |entry: &Entry| entry.at + WINDOW;
        if let Some(most) = self.limits.requests {
            let place = self.entries.len().checked_sub(most as usize);
            if let Some(entry) = place.and_then(|place| self.entries.get(place)) {
                earliest = earliest.max(gone(entry));
            }
        }
        if let Some(most) = self.limits.tokens {
            let mut sum = tokens;
            for entry in self.entries.iter().rev() {
                sum = sum.saturating_add(entry.tokens);
                if sum > most {
                    earliest = earliest.max(gone(entry));
                    break;
                }
            }
        }
        earliest
    }

    /// Gives the moment `at` to a request, which is known by the number that is returned. No earlier moment than
    /// [`Windows::earliest`] keeps the limits.
    pub(super) fn give(&mut self, now: Instant, at: Instant, tokens: u64) -> u64 {
        self.forget(now);
        self.next += 1;
        self.entries.push_back(Entry { id: self.next, at, tokens });
        self.next
    }

    /// Whether the request may go when its moment has come: what was reported since may have filled the window.
    pub(super) fn may_go(&self, id: u64) -> bool {
        let Some(place) = self.place(id) else { return false };
        let Some(most) = self.limits.tokens else { return true };
        let at = self.entries[place].at;
        let before = self.entries.range(..=place).rev().take_while(|entry| entry.at + WINDOW > at);
        before.map(|entry| entry.tokens).sum::<u64>() <= most
    }

    /// The request has gone: it counts for the peak.
    pub(super) fn went(&mut self, id: u64) {
        if let Some(place) = self.place(id) {
            let load = self.load(self.entries[place].at);
            self.peak.requests = self.peak.requests.max(load.requests);
            self.peak.tokens = self.peak.tokens.max(load.tokens);
        }
    }

    /// So many tokens it was.
    pub(super) fn correct(&mut self, id: u64, tokens: u64) {
        if let Some(place) = self.place(id) {
            self.entries[place].tokens = tokens;
        }
    }

    /// The request was not made.
    pub(super) fn cancel(&mut self, id: u64) {
        if let Some(place) = self.place(id) {
            self.entries.remove(place);
        }
    }

    /// What is in the window that ends with `now`.
    pub(super) fn load(&self, now: Instant) -> Load {
        let within = self.entries.iter().filter(|entry| entry.at <= now && entry.at + WINDOW > now);
        within.fold(Load::default(), |load, entry| Load {
            requests: load.requests + 1,
            tokens: load.tokens.saturating_add(entry.tokens),
        })
    }

    /// The most that any window held when a request went.
    pub(super) const fn peak(&self) -> Load {
        self.peak
    }

    fn place(&self, id: u64) -> Option<usize> {
        self.entries.binary_search_by_key(&id, |entry| entry.id).ok()
    }

    fn forget(&mut self, now: Instant) {
        while self.entries.front().is_some_and(|first| first.at + WINDOW <= now) {
            self.entries.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn windows(requests: impl Into<Option<u32>>, tokens: impl Into<Option<u64>>) -> Windows {
        Windows::new(Limits { requests: requests.into(), tokens: tokens.into() })
    }

    fn ask(windows: &mut Windows, now: Instant, tokens: u64) -> Instant {
        let at = windows.earliest(now, tokens);
        windows.give(now, at, tokens);
        at
    }

    #[test]
    fn the_request_after_the_last_allowed_one_waits_until_the_first_is_a_minute_old() {
        let (mut windows, start) = (windows(2, None), Instant::now());
        assert_eq!(ask(&mut windows, start, 9), start);
        assert_eq!(ask(&mut windows, start + 10 * SECOND, 9), start + 10 * SECOND);
        assert_eq!(ask(&mut windows, start + 11 * SECOND, 9), start + WINDOW);
        assert_eq!(ask(&mut windows, start + 12 * SECOND, 9), start + WINDOW + 10 * SECOND);
        // Nobody is overtaken, though there were room.
        assert_eq!(windows.earliest(start + 20 * SECOND, 0), start + 2 * WINDOW);
    }

    #[test]
    fn tokens_wait_for_as_many_to_leave_as_they_need() {
        let (mut windows, start) = (windows(None, 100), Instant::now());
        for second in 0..4 {
            assert_eq!(ask(&mut windows, start + second * SECOND, 25), start + second * SECOND);
        }
        let now = start + 5 * SECOND;
        assert_eq!(windows.earliest(now, 25), start + WINDOW);
        assert_eq!(windows.earliest(now, 26), start + WINDOW + SECOND);
        assert_eq!(windows.earliest(now, 100), start + WINDOW + 3 * SECOND);
    }

    #[test]
    fn what_a_server_reports_makes_room_or_takes_it() {
        let (mut windows, start) = (windows(None, 100), Instant::now());
        let first = windows.give(start, start, 90);
        assert_eq!(windows.earliest(start, 50), start + WINDOW);
        windows.correct(first, 40);
        assert_eq!(windows.earliest(start, 50), start);
        let second = windows.give(start, start + SECOND, 50);
        assert!(windows.may_go(second));
        windows.correct(first, 60);
        assert!(!windows.may_go(second));
        windows.cancel(second);
        assert_eq!(windows.earliest(start, 50), start + WINDOW);
        assert_eq!(windows.load(start + SECOND), Load { requests: 1, tokens: 60 });
        assert_eq!(windows.load(start + WINDOW), Load::default());
    }

    /// What happens to the windows, in milliseconds since what happened before.
    #[derive(Debug, Clone)]
    enum Event {
        Ask {
            after: u64,
            tokens: u64,
        },
        /// What a server says a call needed, in percent of the estimate.
        Correct {
            which: usize,
            percent: u64,
        },
        Cancel {
            which: usize,
        },
    }

    fn event() -> impl Strategy<Value = Event> {
        prop_oneof![
            6 => (0_u64..20_000, 1_u64..=100).prop_map(|(after, tokens)| Event::Ask { after, tokens }),
            2 => (any::<usize>(), 0_u64..=100).prop_map(|(which, percent)| Event::Correct { which, percent }),
            1 => any::<usize>().prop_map(|which| Event::Cancel { which }),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 512, rng_seed: proptest::test_runner::RngSeed::Fixed(6), ..ProptestConfig::default() })]

        #[test]
        fn in_no_60_seconds_are_there_more_than_the_limits_say(
            requests in proptest::option::of(1_u32..8),
            tokens in proptest::option::of(100_u64..400),
            events in proptest::collection::vec(event(), 1..80),
        ) {
            let (mut windows, start) = (windows(requests, tokens), Instant::now());
            // Everything that ever went, in the order in which it was asked for: number, moment, tokens.
            let mut gone: Vec<(u64, Instant, u64)> = Vec::new();
            let mut now = start;
            for event in events {
                match event {
                    Event::Ask { after, tokens } => {
                        now += Duration::from_millis(after);
                        let at = windows.earliest(now, tokens);
                        prop_assert!(at >= now && gone.last().is_none_or(|last| at >= last.1), "somebody is overtaken");
                        gone.push((windows.give(now, at, tokens), at, tokens));
                    }
                    Event::Correct { which, percent } if !gone.is_empty() => {
                        let place = which % gone.len();
                        let (id, _, tokens) = &mut gone[place];
                        *tokens = *tokens * percent / 100;
                        windows.correct(*id, *tokens);
                    }
                    Event::Cancel { which } if !gone.is_empty() => {
                        let place = which % gone.len();
                        // Only what has not gone can be taken back.
                        if gone[place].1 > now {
                            windows.cancel(gone.remove(place).0);
                        }
                    }
                    _ => {}
                }
            }
            for (_, first, _) in &gone {
                let within = || gone.iter().filter(|(_, at, _)| at >= first && *at < *first + WINDOW);
                if let Some(most) = requests {
                    prop_assert!(within().count() <= most as usize);
                }
                if let Some(most) = tokens {
                    prop_assert!(within().map(|(_, _, tokens)| tokens).sum::<u64>() <= most);
                }
            }
        }
    }
}
