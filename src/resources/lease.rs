//! One owner's hold of a resource.

use std::any::type_name;
use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::time::Instant;

use super::ledger::Ledger;
use super::owner::Owner;
use super::pool::Out;

/// A handle with its owner. The last lease of it that is dropped gives it back.
pub(super) struct Held {
    /// Nothing only while it goes back.
    out: Option<Out>,
    broken: AtomicBool,
    owner: Owner,
    ledger: Arc<Ledger<Self>>,
    since: Instant,
}

impl Held {
    pub(super) fn new(out: Out, owner: Owner, ledger: Arc<Ledger<Self>>) -> Self {
        Self { out: Some(out), broken: AtomicBool::new(false), owner, ledger, since: Instant::now() }
    }

    fn get<T: 'static>(&self) -> Option<&T> {
        self.out.as_ref()?.handle()?.downcast_ref()
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.ledger.strike(&self.owner, self);
        let Some(mut out) = self.out.take() else { return };
        if let Some(pool) = out.pool() {
            let now = Instant::now();
            let held = now - self.since;
            pool.count(|tally| {
                tally.returned += 1;
                tally.held += held;
                tally.longest = tally.longest.max(held);
                tally.last_returned = Some(now);
            });
        }
        if *self.broken.get_mut() {
            out.mark_broken();
        }
    }
}

/// A lease of a resource of any kind. It comes back when it is dropped, and all its clones are.
pub struct AnyLease(Arc<Held>);

impl AnyLease {
    pub(super) fn new(held: Arc<Held>) -> Self {
        Self(held)
    }

    /// The lease as one of `T`s; nothing where its handles are something else.
    #[must_use]
    pub fn downcast<T: 'static>(&self) -> Option<Lease<T>> {
        self.0.get::<T>().is_some().then(|| Lease { lease: self.clone(), handle: PhantomData })
    }

    /// Who holds it.
    #[must_use]
    pub fn owner(&self) -> &Owner {
        &self.0.owner
    }

    /// The handle goes bad: it is closed when it comes back, and not used again.
    pub fn mark_broken(&self) {
        self.0.broken.store(true, Ordering::Relaxed);
    }
}

impl Clone for AnyLease {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl Drop for AnyLease {
    fn drop(&mut self) {
        // A panic may have left the handle half-way through a call.
        if std::thread::panicking() {
            self.mark_broken();
        }
    }
}

impl fmt::Debug for AnyLease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AnyLease").field("owner", self.owner()).finish_non_exhaustive()
    }
}

/// A lease of a resource whose handles are `T`s. It comes back when it is dropped, and all its clones are.
///
/// A handle that was held through a panic is closed, not used again.
pub struct Lease<T> {
    lease: AnyLease,
    handle: PhantomData<fn() -> T>,
}

impl<T> Lease<T> {
    /// The handle goes bad: it is closed when it comes back, and not used again.
    pub fn mark_broken(&self) {
        self.lease.mark_broken();
    }

    /// Who holds it.
    #[must_use]
    pub fn owner(&self) -> &Owner {
        self.lease.owner()
    }
}

impl<T> Clone for Lease<T> {
    fn clone(&self) -> Self {
        Self { lease: self.lease.clone(), handle: PhantomData }
    }
}

impl<T: 'static> Deref for Lease<T> {
    type Target = T;

    fn deref(&self) -> &T {
        // A lease is only made of a handle that was seen to be one.
        self.lease.0.get().unwrap_or_else(|| unreachable!("a lease of another type than {}", type_name::<T>()))
    }
}

impl<T> fmt::Debug for Lease<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lease").field("owner", self.owner()).finish_non_exhaustive()
    }
}
