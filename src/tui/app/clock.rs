//! The run's time between its events.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use crate::events::Event;

/// A clock that goes on from the latest event.
#[derive(Debug, Default)]
pub(super) struct Clock(Option<(u64, Instant)>);

impl Clock {
    /// The latest event that is known. Where `catches_up`, or where it is the first, it may be of long ago: as long as the
    /// wall clock says.
    pub(super) fn follow(&mut self, last: &Event, catches_up: bool) {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64);
        let age = if self.0.is_none() || catches_up { wall.saturating_sub(last.at) } else { 0 };
        self.0 = Some((last.elapsed.saturating_add(age), Instant::now()));
    }

    /// Milliseconds since the run's start, once an event is known.
    pub(super) fn now(&self) -> Option<u64> {
        self.0.map(|(elapsed, at)| elapsed.saturating_add(at.elapsed().as_millis() as u64))
    }
}
