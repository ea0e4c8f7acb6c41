//! A bounded set of handles: who waits gets one in the order of arrival, and no handle is lost, whatever is cancelled.
//!
//! A slot is a permit of a fair semaphore with `max_size` of them. Whoever has one takes the idle handle that was used
//! last, or makes a new one; the permit goes back with the handle, so that there are never more than `max_size`. Handles
//! are made, looked at and closed outside all locks.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::runtime;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, TryAcquireError};
use tokio::time::{Instant, timeout_at};

use super::error::{Operation, ResourceError};
use super::metrics::{Metrics, Tally};
use super::provider::{AnyProvider, Handle};

/// The longest that an idle handle is looked at before it is used again.
const VALIDATION_PATIENCE: Duration = Duration::from_secs(5);
/// The longest that a handle may take to be made for somebody who did not want to wait for a slot.
const CREATION_PATIENCE: Duration = Duration::from_secs(30);
/// The longest that closing a handle is waited for.
const CLOSING_PATIENCE: Duration = Duration::from_secs(5);

/// How many handles a resource has, and how long they live.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PoolSettings {
    /// Handles that are kept ready.
    pub min_size: u32,
    /// The most there are at once; at least 1.
    pub max_size: u32,
    /// A handle that lay idle for longer is closed, while there are more than `min_size`.
    pub max_idle_time: Duration,
    /// The longest that somebody waits for a lease. Zero: not at all.
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
    /// Idle, out, and being looked at.
    size: u32,
    waiting: u32,
    tally: Tally,
}

struct Idle {
    handle: Handle,
    created: Instant,
    validated: Instant,
    since: Instant,
}

/// A handle that is out. Dropping it gives it back.
pub(super) struct Out {
    pool: Arc<Pool>,
    /// Nothing only while it is on its way back.
    idle: Option<Idle>,
    broken: bool,
    /// Goes back after the handle, which is then where the next one finds it.
    permit: Option<OwnedSemaphorePermit>,
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
        let settings = PoolSettings { max_size: settings.max_size.max(1), ..settings };
        Arc::new(Self {
            name: name.into(),
            provider,
            settings,
            slots: Arc::new(Semaphore::new(settings.max_size as usize)),
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

    /// A handle, for one that waits no longer than `patience`; the pool's own where that is nothing.
    pub(super) async fn acquire(self: &Arc<Self>, patience: Option<Duration>) -> Result<Out, ResourceError> {
        self.runtime.get_or_init(runtime::Handle::current);
        let patience = patience.unwrap_or(self.settings.acquire_timeout);
        let began = Instant::now();
        let had = self.take(began, patience).await;
        let mut state = self.state();
        match &had {
            Ok(_) => {
                state.tally.acquired += 1;
                state.tally.waited += began.elapsed();
            }
            Err(error) => {
                state.tally.failed += 1;
                state.tally.timeouts += u64::from(error.fault.cause == "acquire-timeout");
            }
        }
        had
    }

    async fn take(self: &Arc<Self>, began: Instant, patience: Duration) -> Result<Out, ResourceError> {
        let permit = self.slot(began, patience).await?;
        let limit = if patience.is_zero() { CREATION_PATIENCE } else { patience };
        let idle = self.state().idle.pop_back();
        let Some(idle) = idle else { return self.make(permit, began, limit).await };
        let mut out = Out::of(Arc::clone(self), idle, permit);
        if out.is_fresh().await {
            return Ok(out);
        }
        // It went bad while it lay there: it is replaced, once.
        match out.discard() {
            Some(permit) => self.make(permit, began, limit).await,
            None => Err(ResourceError::closed(&self.name)),
        }
    }

    /// A slot, in the order of arrival.
    async fn slot(&self, began: Instant, patience: Duration) -> Result<OwnedSemaphorePermit, ResourceError> {
        let closed = || ResourceError::closed(&self.name);
        match Arc::clone(&self.slots).try_acquire_owned() {
            Ok(permit) => return Ok(permit),
            Err(TryAcquireError::Closed) => return Err(closed()),
            Err(TryAcquireError::NoPermits) => {}
        }
        let late = || ResourceError::timeout(&self.name, patience, self.settings.max_size);
        if patience.is_zero() {
            return Err(late());
        }
        let _waiting = Waiting::new(self);
        let permit = timeout_at(began + patience, Arc::clone(&self.slots).acquire_owned()).await;
        permit.map_err(|_| late())?.map_err(|_| closed())
    }

    async fn make(
        self: &Arc<Self>,
        permit: OwnedSemaphorePermit,
        began: Instant,
        limit: Duration,
    ) -> Result<Out, ResourceError> {
        let made = timeout_at(began + limit, self.provider.create()).await;
        let handle = made
            .map_err(|_| ResourceError::slow(&self.name, limit))?
            .map_err(|fault| ResourceError::new(&self.name, Operation::Create, fault))?;
        let now = Instant::now();
        {
            let mut state = self.state();
            state.size += 1;
            state.tally.created += 1;
        }
        Ok(Out::of(Arc::clone(self), Idle { handle, created: now, validated: now, since: now }, permit))
    }

    fn is_old(&self, created: Instant) -> bool {
        created.elapsed() >= self.settings.max_lifetime
    }

    /// A handle comes back.
    fn give_back(self: &Arc<Self>, idle: Idle, broken: bool) {
        let keeps =
            !broken && !self.slots.is_closed() && !self.is_old(idle.created) && self.provider.is_reusable(&idle.handle);
        if keeps {
            self.state().idle.push_back(Idle { since: Instant::now(), ..idle });
        } else {
            self.close_some_time(idle.handle);
        }
    }

    /// Counts a handle as gone, and has it closed by the runtime; where that runs no more, it is dropped.
    fn close_some_time(self: &Arc<Self>, handle: Handle) {
        self.count_closed();
        if let Some(runtime) = self.runtime.get() {
            let pool = Arc::clone(self);
            runtime.spawn(async move { pool.end(handle).await });
        }
    }

    async fn end(&self, handle: Handle) {
        // One that does not let itself be closed is dropped.
        let _ = tokio::time::timeout(CLOSING_PATIENCE, self.provider.close(handle)).await;
    }

    /// Closes what lies idle for too long or is too old, and makes what is missing of `min_size`.
    ///
    /// # Errors
    /// Why a handle could not be made.
    pub(super) async fn tend(self: &Arc<Self>) -> Result<(), ResourceError> {
        self.runtime.get_or_init(runtime::Handle::current);
        let old = {
            let mut state = self.state();
            let mut may_go = state.size.saturating_sub(self.settings.min_size);
            let mut old = Vec::new();
            let mut kept = VecDeque::with_capacity(state.idle.len());
            for idle in std::mem::take(&mut state.idle) {
                let is_unused = may_go > 0 && idle.since.elapsed() >= self.settings.max_idle_time;
                if is_unused || self.is_old(idle.created) {
                    may_go = may_go.saturating_sub(1);
                    old.push(idle.handle);
                } else {
                    kept.push_back(idle);
                }
            }
            state.idle = kept;
            old
        };
        old.into_iter().for_each(|handle| self.close_some_time(handle));
        while self.state().size < self.settings.min_size {
            // Somebody who waits for a slot goes before, and makes it himself.
            let Ok(permit) = Arc::clone(&self.slots).try_acquire_owned() else { return Ok(()) };
            drop(self.make(permit, Instant::now(), CREATION_PATIENCE).await?);
        }
        Ok(())
    }

    /// Nobody gets a handle any more, those who wait hear of it, and what is idle is closed. What is out is closed when it
    /// comes back.
    pub(super) async fn close(self: &Arc<Self>) {
        self.slots.close();
        loop {
            let Some(idle) = self.state().idle.pop_back() else { return };
            self.count_closed();
            self.end(idle.handle).await;
        }
    }

    fn count_closed(&self) {
        let mut state = self.state();
        state.size -= 1;
        state.tally.closed += 1;
        if state.size == 0 {
            self.emptied.notify_waiters();
        }
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

impl Out {
    fn of(pool: Arc<Pool>, idle: Idle, permit: OwnedSemaphorePermit) -> Self {
        Self { pool, idle: Some(idle), broken: false, permit: Some(permit) }
    }

    /// The handle; nothing only while it is on its way back.
    pub(super) fn handle(&self) -> Option<&Handle> {
        self.idle.as_ref().map(|idle| &idle.handle)
    }

    /// It is closed instead of used again.
    pub(super) fn mark_broken(&mut self) {
        self.broken = true;
    }

    /// Whether it may be used, after it lay idle.
    async fn is_fresh(&mut self) -> bool {
        let Some(idle) = &mut self.idle else { return false };
        let settings = &self.pool.settings;
        if idle.since.elapsed() >= settings.max_idle_time || self.pool.is_old(idle.created) {
            return false;
        }
        if idle.validated.elapsed() < settings.validation_interval {
            return true;
        }
        // Given up half-way, nobody knows what state it is in.
        self.broken = true;
        let valid = tokio::time::timeout(VALIDATION_PATIENCE, self.pool.provider.validate(&idle.handle)).await;
        let valid = valid.unwrap_or(false);
        self.broken = !valid;
        idle.validated = Instant::now();
        valid
    }

    /// Closes the handle, and leaves the slot.
    fn discard(mut self) -> Option<OwnedSemaphorePermit> {
        self.broken = true;
        let permit = self.permit.take();
        drop(self);
        permit
    }
}

impl Drop for Out {
    fn drop(&mut self) {
        if let Some(idle) = self.idle.take() {
            // A panic may have left it half-way through a call.
            self.pool.give_back(idle, self.broken || std::thread::panicking());
        }
    }
}
