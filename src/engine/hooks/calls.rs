//! The calls of a run: how many are made at the same time, and how long those that are left are waited for.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::Receiver;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Semaphore, watch};
use tokio::time::Instant;

/// Calls at the same time.
const AT_ONCE: usize = 8;
/// Calls that wait to be made again, and take no other's turn meanwhile. Each holds its parameters, so there is a limit.
const WAITING: usize = 64;

/// The calls that are under way.
pub(super) struct Calls {
    /// Leave to make a call.
    pub(super) slots: Arc<Semaphore>,
    /// Leave to wait without a slot.
    pub(super) waits: Arc<Semaphore>,
    /// Those that were to be made, and have not ended.
    pub(super) left: AtomicUsize,
    /// Attempts that have ended.
    pub(super) attempts: AtomicUsize,
    /// When the last of those that wait goes on.
    goes_on: Mutex<Option<Instant>>,
    /// Nobody waits for them any more.
    pub(super) given_up: watch::Sender<bool>,
}

impl Calls {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            slots: Arc::new(Semaphore::new(AT_ONCE)),
            waits: Arc::new(Semaphore::new(WAITING)),
            left: AtomicUsize::new(0),
            attempts: AtomicUsize::new(0),
            goes_on: Mutex::default(),
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

    /// Waits for `ended`, as long as there is an attempt within `patience`, or one of them waits for the time of its next.
    /// `true`: it came.
    pub(super) fn end(&self, ended: &Receiver<()>, patience: Duration) -> bool {
        let progress = || (self.left.load(Ordering::SeqCst), self.attempts.load(Ordering::SeqCst));
        let mut before = progress();
        loop {
            if ended.recv_timeout(patience).is_ok() {
                return true;
            }
            let (now, since) = (progress(), Instant::now().checked_sub(patience));
            let waits = since.is_some_and(|since| self.waits_longer_than(since));
            if std::mem::replace(&mut before, now) == now && !waits {
                return false;
            }
        }
    }

    pub(super) fn give_up(&self) {
        self.slots.close();
        self.given_up.send_replace(true);
    }
}
