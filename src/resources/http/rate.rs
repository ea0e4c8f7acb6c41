//! No more than so many requests a minute, whoever makes them.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::{Instant, sleep_until};

/// What the limit counts in.
const WINDOW: Duration = Duration::from_secs(60);

/// In no window of a minute are there more than `limit` requests: a window that slides, as services count. The first ones
/// go at once, and each one after them when the one `limit` before it is a minute old.
#[derive(Debug)]
pub struct Rate {
    limit: usize,
    /// When the last `limit` requests were. Whoever holds it is the next; the lock is a queue.
    times: Mutex<VecDeque<Instant>>,
}

impl Rate {
    /// `limit` requests a minute; 1 at least.
    #[must_use]
    pub fn per_minute(limit: u32) -> Self {
        Self { limit: limit.max(1) as usize, times: Mutex::default() }
    }

    /// Waits for its turn, where that comes within `patience` of being the first in the queue. Those who wait go in the order
    /// in which they came; who goes away takes no turn.
    ///
    /// # Errors
    /// How long it would have to wait.
    pub async fn turn(&self, patience: Duration) -> Result<(), Duration> {
        let mut times = self.times.lock().await;
        if times.len() >= self.limit {
            if let Some(first) = times.front() {
                let due = *first + WINDOW;
                let wait = due.saturating_duration_since(Instant::now());
                if wait > patience {
                    return Err(wait);
                }
                sleep_until(due).await;
            }
            times.pop_front();
        }
        times.push_back(Instant::now());
        Ok(())
    }
}
