//! A bounded set of handles: who waits gets one in the order of arrival, and no handle is lost, whatever is cancelled.
//!
//! A slot is a permit of a fair semaphore with `max_size` of them. Whoever has one takes the idle handle that was used
//! last, or makes a new one. The permit stays with the handle until that lies idle again or is closed to the end, so that
//! there are never more than `max_size`, not for an instant. Handles are made, looked at and closed outside all locks.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::runtime;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, TryAcquireError};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout, timeout_at};

use super::error::{Operation, ResourceError};
use super::metrics::{Metrics, Tally};
use super::provider::{AnyProvider, Handle};

/// The longest that an idle handle is looked at before it is used again.
const VALIDATION_PATIENCE: Duration = Duration::from_secs(5);
/// The longest that a handle may take to be made for somebody who did not want to wait for a slot.
const CREATION_PATIENCE: Duration = Duration::from_secs(30);
/// The longest that closing a handle is waited for. Its slot is free after that at the latest.
const CLOSING_PATIENCE: Duration = Duration::from_secs(5);
/// What a wait without an end comes to.
const FOR_EVER: Duration = Duration::from_secs(30 * 365 * 24 * 3600);

/// How many handles a resource has, and how long they live.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PoolSettings {
    /// Handles that are kept ready; no more than `max_size`.
    pub min_size: u32,
    /// The most there are at once; at least 1.
    pub max_size: u32,
    /// A handle that lay idle for longer is closed, while there are more than `min_size`.
    pub max_idle_time: Duration,
    /// The longest that somebody waits for a lease. Zero: not at all, though a handle is made for him where one may be.
    pub acquire_timeout: Duration,
    /// A handle that was not looked at for so long is, before it is used again.
    pub validation_interval: Duration,
    /// A handle that is older is closed when it comes back.
    pub max_lifetime: Duration,
    /// A lease that is held for longer is told of, once.
    pub leak_threshold: Option<Duration>,
}

impl Default for PoolSettings {
    fn default() -> Self {
        Self {
            min_size: 2,
            max_size: 10,
            max_idle_time: Duration::from_secs(300),
            acquire_timeout: Duration::from_secs(30),
            validation_interval: Duration::from_secs(60),
            max_lifetime: Duration::from_secs(3600),
            leak_threshold: None,
        }
    }
}

impl PoolSettings {
    /// For much work at once: 5 to 20 handles, and a wait of 10 s at most.
    #[must_use]
    pub fn high() -> Self {
        Self { min_size: 5, max_size: 20, acquire_timeout: Duration::from_secs(10), ..Self::default() }
    }

    /// For little work: 1 to 5 handles, kept for 10 minutes.
    #[must_use]
    pub fn low() -> Self {
        Self { min_size: 1, max_size: 5, max_idle_time: Duration::from_secs(600), ..Self::default() }
    }
}

/// How long somebody waits for a lease, and since when.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wait {
    pub(super) began: Instant,
    pub(super) patience: Duration,
}

impl Wait {
    /// When he has waited long enough for a slot.
    pub(super) fn end(&self) -> Instant {
        self.after(self.patience)
    }

    /// When he has waited long enough for a handle. One who does not wait for a slot waits for the handle all the same.
    fn deadline(&self) -> Instant {
        self.after(if self.patience.is_zero() { CREATION_PATIENCE } else { self.patience })
    }

    fn after(&self, time: Duration) -> Instant {
        self.began.checked_add(time).unwrap_or_else(|| self.began + FOR_EVER)
    }
}

/// The handles of one resource.
pub(super) struct Pool {
    name: Arc<str>,
    provider: Box<dyn AnyProvider>,
    settings: PoolSettings,
    slots: Arc<Semaphore>,
    state: Mutex<State>,
    /// Told when the last handle is gone.
    emptied: Notify,
    /// Where handles are closed that come back outside of it.
    runtime: OnceLock<runtime::Handle>,
}

#[derive(Default)]
struct State {
    /// The one that was used last at the end.
    idle: VecDeque<Idle>,
    /// Handles that are there or on their way: being made, idle, out, being looked at, being closed.
    size: u32,
    /// Those of them that are being closed.
    closing: u32,
    waiting: u32,
    closed: bool,
    /// A handle was found bad then. Those that were last looked at before are looked at again.
    suspect: Option<Instant>,
    tally: Tally,
}

impl State {
    /// Handles that are there to stay.
    const fn lasting(&self) -> u32 {
        self.size - self.closing
    }
}

struct Idle {
    handle: Handle,
    created: Instant,
    validated: Instant,
    since: Instant,
}

/// The right to have one handle. Dropping it gives it to who waits longest.
pub(super) struct Slot {
    pool: Arc<Pool>,
    /// Whether a handle is in it: counted as gone when the slot is dropped.
    taken: bool,
    /// Whether that is being closed.
    closing: bool,
    /// Nothing when the pool is closed: there are no rights any more.
    _permit: Option<OwnedSemaphorePermit>,
}

/// A handle that is out. Dropping it gives it back.
pub(super) struct Out {
    /// Nothing only while it is on its way back.
    held: Option<(Idle, Slot)>,
    broken: bool,
}

/// Somebody who waits for a slot.
struct Waiting<'a>(&'a Pool);

impl<'a> Waiting<'a> {
    fn new(pool: &'a Pool) -> Self {
        pool.state().waiting += 1;
        Self(pool)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.state().waiting -= 1;
    }
}

impl Pool {
    pub(super) fn new(name: &str, provider: Box<dyn AnyProvider>, settings: PoolSettings) -> Arc<Self> {
        // A semaphore has an end, which nobody reaches.
        let max_size = settings.max_size.clamp(1, u32::try_from(Semaphore::MAX_PERMITS).unwrap_or(u32::MAX));
        let settings = PoolSettings { max_size, min_size: settings.min_size.min(max_size), ..settings };
        Arc::new(Self {
            name: name.into(),
            provider,
            settings,
            slots: Arc::new(Semaphore::new(max_size as usize)),
            state: Mutex::default(),
            emptied: Notify::new(),
            runtime: OnceLock::new(),
        })
    }

    pub(super) fn provider(&self) -> &dyn AnyProvider {
        &*self.provider
    }

    pub(super) const fn settings(&self) -> &PoolSettings {
        &self.settings
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn closed(&self) -> ResourceError {
        ResourceError::closed(&self.name)
    }

    /// That somebody waited as long as he wanted to.
    pub(super) fn late(&self, wait: Wait) -> ResourceError {
        ResourceError::timeout(&self.name, wait.patience, self.settings.max_size)
    }

    /// Counts what came of a wish for a lease.
    pub(super) fn count_wish(&self, wait: Wait, refused: Option<&ResourceError>) {
        let now = Instant::now();
        let tally = &mut self.state().tally;
        match refused {
            None => {
                tally.acquired += 1;
                tally.waited += now - wait.began;
                tally.last_acquired = Some(now);
            }
            Some(error) => {
                tally.failed += 1;
                tally.timeouts += u64::from(error.is_timeout());
            }
        }
    }

    /// A handle, for one who waits no longer than he said.
    pub(super) async fn acquire(self: &Arc<Self>, wait: Wait) -> Result<Out, ResourceError> {
        self.runtime.get_or_init(runtime::Handle::current);
        let mut slot = self.slot(wait).await?;
        let Some(idle) = slot.take_idle() else { return self.make(slot, wait).await };
        let mut out = Out { held: Some((idle, slot)), broken: false };
        if out.is_fresh(wait.deadline()).await {
            return Ok(out);
        }
        // It went bad while it lay there: it is replaced, once.
        let closing = out.discard().ok_or_else(|| self.closed())?;
        let slot = match timeout_at(wait.deadline(), closing).await {
            Ok(slot) => slot.map_err(|_| self.closed())?,
            Err(_) => return Err(self.late(wait)),
        };
        self.make(slot, wait).await
    }

    /// A slot, in the order of arrival.
    async fn slot(self: &Arc<Self>, wait: Wait) -> Result<Slot, ResourceError> {
        let slot = |permit| Slot { pool: Arc::clone(self), taken: false, closing: false, _permit: Some(permit) };
        match Arc::clone(&self.slots).try_acquire_owned() {
            Ok(permit) => return Ok(slot(permit)),
            Err(TryAcquireError::Closed) => return Err(self.closed()),
            Err(TryAcquireError::NoPermits) => {}
        }
        if wait.patience.is_zero() {
            return Err(self.late(wait));
        }
        let _waiting = Waiting::new(self);
        let permit = timeout_at(wait.end(), Arc::clone(&self.slots).acquire_owned()).await;
        permit.map_err(|_| self.late(wait))?.map(slot).map_err(|_| self.closed())
    }

    async fn make(self: &Arc<Self>, mut slot: Slot, wait: Wait) -> Result<Out, ResourceError> {
        slot.taken = true;
        self.state().size += 1;
        let (start, deadline) = (Instant::now(), wait.deadline());
        let made = timeout_at(deadline, self.provider.create()).await;
        let made = made.map_err(|_| {
            let left = deadline.saturating_duration_since(start);
            // Who took the greater part of the time is to blame: those who hold the others, or the one who was to answer.
            if start - wait.began > left { self.late(wait) } else { ResourceError::slow(&self.name, left) }
        })?;
        let handle = made.map_err(|fault| ResourceError::new(&self.name, Operation::Create, fault))?;
        let now = Instant::now();
        let idle = Idle { handle, created: now, validated: now, since: now };
        let out = Out { held: Some((idle, slot)), broken: false };
        let mut state = self.state();
        state.tally.created += 1;
        let closed = state.closed;
        drop(state);
        if closed { Err(self.closed()) } else { Ok(out) }
    }

    fn is_old(&self, idle: &Idle, now: Instant) -> bool {
        now - idle.created >= self.settings.max_lifetime
    }

    /// Ends a handle; never for longer than a little while, and whatever it does.
    async fn end(&self, handle: Handle) {
        let mut closing = self.provider.close(handle);
        // One that does not let itself be closed is dropped.
        let _ = timeout(CLOSING_PATIENCE, &mut closing).await;
        let _ = catch_unwind(AssertUnwindSafe(|| drop(closing)));
    }

    /// Closes what lies idle for too long or is too old, and makes what is missing of `min_size`.
    ///
    /// # Errors
    /// Why a handle could not be made.
    pub(super) async fn tend(self: &Arc<Self>) -> Result<(), ResourceError> {
        self.runtime.get_or_init(runtime::Handle::current);
        while let Some((idle, slot)) = self.unwanted() {
            drop(slot.dispose(idle.handle));
        }
        for _ in 0..self.settings.min_size {
            if self.state().lasting() >= self.settings.min_size {
                break;
            }
            // Somebody who waits for a slot goes before, and makes it himself.
            let Ok(permit) = Arc::clone(&self.slots).try_acquire_owned() else { break };
            let slot = Slot { pool: Arc::clone(self), taken: false, closing: false, _permit: Some(permit) };
            drop(self.make(slot, Wait { began: Instant::now(), patience: Duration::ZERO }).await?);
        }
        Ok(())
    }

    /// An idle handle that is to be closed, with a slot to close it in: it is there until it is closed.
    fn unwanted(self: &Arc<Self>) -> Option<(Idle, Slot)> {
        let mut state = self.state();
        let (now, surplus) = (Instant::now(), state.lasting() > self.settings.min_size);
        let is_unwanted =
            |idle: &Idle| self.is_old(idle, now) || (surplus && now - idle.since >= self.settings.max_idle_time);
        let place = state.idle.iter().position(is_unwanted)?;
        // Where all slots are taken somebody is about to take it, and looks for himself.
        let permit = Arc::clone(&self.slots).try_acquire_owned().ok()?;
        let idle = state.idle.remove(place)?;
        Some((idle, Slot { pool: Arc::clone(self), taken: true, closing: false, _permit: Some(permit) }))
    }

    /// Nobody gets a handle any more, those who wait hear of it, and what is idle is closed by the tasks that are returned.
    /// What is out is closed when it comes back.
    pub(super) fn shut(self: &Arc<Self>) -> Vec<JoinHandle<Slot>> {
        let idle = {
            let mut state = self.state();
            state.closed = true;
            std::mem::take(&mut state.idle)
        };
        self.slots.close();
        let slot = || Slot { pool: Arc::clone(self), taken: true, closing: false, _permit: None };
        idle.into_iter().filter_map(|idle| slot().dispose(idle.handle)).collect()
    }

    /// Waits until no handle is left, but not beyond `deadline`.
    pub(super) async fn wait_until_empty(&self, deadline: Instant) {
        loop {
            let mut emptied = std::pin::pin!(self.emptied.notified());
            emptied.as_mut().enable();
            if self.state().size == 0 || timeout_at(deadline, emptied).await.is_err() {
                return;
            }
        }
    }

    /// Where handles are closed: here, or where the first one was made.
    fn runtime(&self) -> Option<runtime::Handle> {
        runtime::Handle::try_current().ok().or_else(|| self.runtime.get().cloned())
    }

    pub(super) fn count(&self, counted: impl FnOnce(&mut Tally)) {
        counted(&mut self.state().tally);
    }

    /// The counts, but for leases that are out.
    pub(super) fn metrics(&self) -> Metrics {
        let figures = self.provider.figures();
        let state = self.state();
        Metrics {
            size: state.size,
            available: state.idle.len() as u32,
            waiting: state.waiting,
            max_size: self.settings.max_size,
            figures,
            ..state.tally.metrics()
        }
    }
}

impl Slot {
    /// The idle handle that was used last.
    fn take_idle(&mut self) -> Option<Idle> {
        let idle = self.pool.state().idle.pop_back()?;
        self.taken = true;
        Some(idle)
    }

    /// A handle comes back, and the slot is free. The handle first: it is there for who gets the slot.
    fn give_back(mut self, mut idle: Idle, broken: bool) {
        let now = Instant::now();
        let is_bad = broken || !self.pool.provider.is_reusable(&idle.handle);
        let mut state = self.pool.state();
        if !is_bad && !self.pool.is_old(&idle, now) && !state.closed {
            idle.since = now;
            state.idle.push_back(idle);
            drop(state);
            self.taken = false;
            return;
        }
        if is_bad {
            state.suspect = Some(now);
        }
        drop(state);
        drop(self.dispose(idle.handle));
    }

    /// Has the handle closed by the runtime; the slot is free when that is done, or goes to who waits for the task. Where
    /// no runtime is left the handle is dropped.
    fn dispose(mut self, handle: Handle) -> Option<JoinHandle<Self>> {
        self.closing = true;
        {
            let mut state = self.pool.state();
            state.closing += 1;
            state.tally.closed += 1;
        }
        let Some(runtime) = self.pool.runtime() else {
            let _ = catch_unwind(AssertUnwindSafe(|| drop(handle)));
            return None;
        };
        let closing = async move {
            self.pool.end(handle).await;
            self.emptied()
        };
        Some(runtime.spawn(closing))
    }

    /// The slot without its handle.
    fn emptied(mut self) -> Self {
        self.empty();
        self
    }

    fn empty(&mut self) {
        if std::mem::take(&mut self.taken) {
            let mut state = self.pool.state();
            state.size -= 1;
            state.closing -= u32::from(std::mem::take(&mut self.closing));
            if state.size == 0 {
                self.pool.emptied.notify_waiters();
            }
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.empty();
    }
}

impl Out {
    /// The handle; nothing only while it is on its way back.
    pub(super) fn handle(&self) -> Option<&Handle> {
        self.held.as_ref().map(|(idle, _)| &idle.handle)
    }

    /// The pool that it comes from; nothing only while it is on its way back.
    pub(super) fn pool(&self) -> Option<&Pool> {
        self.held.as_ref().map(|(_, slot)| &*slot.pool)
    }

    /// It is closed instead of used again.
    pub(super) fn mark_broken(&mut self) {
        self.broken = true;
    }

    /// Whether it may be used, after it lay idle.
    async fn is_fresh(&mut self, deadline: Instant) -> bool {
        let Some((idle, slot)) = &mut self.held else { return false };
        let (pool, now) = (&slot.pool, Instant::now());
        let settings = &pool.settings;
        if pool.is_old(idle, now) {
            return false;
        }
        let (size, suspect) = {
            let state = pool.state();
            (state.lasting(), state.suspect)
        };
        let lay_long = now - idle.since >= settings.max_idle_time;
        if lay_long && size > settings.min_size {
            return false;
        }
        let is_suspect = suspect.is_some_and(|suspect| idle.validated < suspect);
        if !lay_long && !is_suspect && now - idle.validated < settings.validation_interval {
            return true;
        }
        // Given up half-way, nobody knows what state it is in.
        self.broken = true;
        let limit = deadline.min(now + VALIDATION_PATIENCE);
        let is_valid = timeout_at(limit, pool.provider.validate(&idle.handle)).await.unwrap_or(false);
        self.broken = !is_valid;
        idle.validated = Instant::now();
        is_valid
    }

    /// Closes the handle; the slot is had from the task that does it.
    fn discard(mut self) -> Option<JoinHandle<Slot>> {
        let (idle, slot) = self.held.take()?;
        if self.broken {
            slot.pool.state().suspect = Some(Instant::now());
        }
        slot.dispose(idle.handle)
    }
}

impl Drop for Out {
    fn drop(&mut self) {
        if let Some((idle, slot)) = self.held.take() {
            slot.give_back(idle, self.broken);
        }
    }
}
