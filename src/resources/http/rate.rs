//! No more than so many requests a minute, whoever makes them.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// What the limit counts in.
const WINDOW: Duration = Duration::from_secs(60);

/// In no window of a minute are there more than `limit` requests: a window that slides, as services count. The first ones
/// go at once, and each one after them when the one `limit` before it is a minute old.
#[derive(Debug)]
pub struct Rate {
    limit: usize,
    /// When the last `limit` requests were, or will be allowed to be, in order.
    times: Mutex<VecDeque<Instant>>,
}

impl Rate {
    /// `limit` requests a minute; 1 at least.
    #[must_use]
    pub fn per_minute(limit: u32) -> Self {
        Self { limit: limit.max(1) as usize, times: Mutex::default() }
    }

    /// Waits for its turn. Those who wait go in the order in which they came; who goes away leaves its place to those who
    /// come later.
    pub async fn wait(&self) {
        let place = self.take_place();
        sleep_until(place.at).await;
        place.keep();
    }

    fn take_place(&self) -> Place<'_> {
        let mut times = self.times.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        while times.len() > self.limit && times.front().is_some_and(|first| *first + WINDOW <= now) {
            times.pop_front();
        }
        let earlier = times.len().checked_sub(self.limit).and_then(|index| times.get(index));
        let at = earlier.map_or(now, |earlier| (*earlier + WINDOW).max(now));
        // It is not before those that were given out: a place that came free again is an old one.
        let index = times.partition_point(|other| *other <= at);
        times.insert(index, at);
        Place { rate: self, at, is_kept: false }
    }
}

/// A time at which a request may be made, given back unless it is kept.
struct Place<'a> {
    rate: &'a Rate,
    at: Instant,
    is_kept: bool,
}

impl Place<'_> {
    fn keep(mut self) {
        self.is_kept = true;
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        if !self.is_kept {
            let mut times = self.rate.times.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(index) = times.iter().position(|other| *other == self.at) {
                times.remove(index);
            }
        }
    }
}
