//! The calls of a run: how many are made at the same time, and how long those that are left are waited for.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::Receiver;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Semaphore, watch};
use tokio::time::Instant;

/// Calls at the same time.
const AT_ONCE: usize = 8;
/// The longest that a call may take with all its attempts and the waits between them.
pub(super) const WHOLE: Duration = Duration::from_secs(600);
/// Calls that wait to be made again, and take no other's turn meanwhile. Each holds its parameters, so there is a limit.
const WAITING: usize = 64;

/// The calls that are under way.
pub(super) struct Calls {
    /// Leave to make a call for an item.
    pub(super) slots: Arc<Semaphore>,
    /// Leave to make one for the batch.
    pub(super) last: Arc<Semaphore>,
    /// Leave to wait without a slot.
    pub(super) waits: Arc<Semaphore>,
    /// Those that were to be made, and have not ended.
    pub(super) left: AtomicUsize,
    /// Those that ended well.
    pub(super) well: AtomicUsize,
    /// When the last of those that wait goes on.
    goes_on: Mutex<Option<Instant>>,
    /// The run was stopped: for an item nothing more is begun.
    pub(super) stopped: watch::Sender<bool>,
    /// Nobody waits for them any more.
    pub(super) given_up: watch::Sender<bool>,
}

impl Calls {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            slots: Arc::new(Semaphore::new(AT_ONCE)),
            last: Arc::new(Semaphore::new(AT_ONCE)),
            waits: Arc::new(Semaphore::new(WAITING)),
            left: AtomicUsize::new(0),
            well: AtomicUsize::new(0),
            goes_on: Mutex::default(),
            stopped: watch::channel(false).0,
            given_up: watch::channel(false).0,
        })
    }

    /// Counts `calls` that are to be made in place of `counted`.
    pub(super) fn recount(&self, calls: usize, counted: usize) {
        self.left.fetch_add(calls, Ordering::SeqCst);
        self.left.fetch_sub(counted, Ordering::SeqCst);
    }

    /// One of them waits until then.
    pub(super) fn waits_until(&self, at: Instant) {
        let mut goes_on = self.goes_on.lock().unwrap_or_else(PoisonError::into_inner);
        *goes_on = (*goes_on).max(Some(at));
    }

    /// Whether one of those that wait is to go on later than that.
    pub(super) fn waits_longer_than(&self, at: Instant) -> bool {
        self.goes_on.lock().unwrap_or_else(PoisonError::into_inner).is_some_and(|goes_on| goes_on > at)
    }

    /// Waits for `ended`, as long as a call ends well within `patience`, or one of them waits for the time of its next attempt:
    /// that no longer than a call may take. `true`: it came.
    pub(super) fn end(&self, ended: &Receiver<()>, patience: Duration) -> bool {
        let (mut before, mut since) = (self.well.load(Ordering::SeqCst), Instant::now());
        loop {
            if ended.recv_timeout(patience).is_ok() {
                return true;
            }
            let now = self.well.load(Ordering::SeqCst);
            if std::mem::replace(&mut before, now) != now {
                since = Instant::now();
                continue;
            }
            let waits = Instant::now().checked_sub(patience).is_some_and(|then| self.waits_longer_than(then));
            if !waits || since.elapsed() > WHOLE {
                return false;
            }
        }
    }

    /// No call for an item is begun any more; those that are under way go on.
    pub(super) fn stop(&self) {
        self.slots.close();
        self.stopped.send_replace(true);
    }

    pub(super) fn give_up(&self) {
        self.stop();
        self.last.close();
        self.given_up.send_replace(true);
    }
}
