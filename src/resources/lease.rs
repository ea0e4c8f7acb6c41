//! One owner's hold of a resource.

use std::any::type_name;
use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::time::Instant;

use super::manager::Registered;
use super::owner::Owner;
use super::pool::Out;

/// A handle with its owner. The last lease of it that is dropped gives it back.
pub(super) struct Held {
    /// Nothing only while it goes back.
    out: Option<Out>,
    broken: AtomicBool,
    owner: Owner,
    resource: Arc<Registered>,
    since: Instant,
}

impl Held {
    pub(super) fn new(out: Out, owner: Owner, resource: Arc<Registered>) -> Self {
        Self { out: Some(out), broken: AtomicBool::new(false), owner, resource, since: Instant::now() }
    }

    fn is_a<T: 'static>(&self) -> bool {
        self.get::<T>().is_some()
    }

    fn get<T: 'static>(&self) -> Option<&T> {
        self.out.as_ref()?.handle()?.downcast_ref()
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.resource.ledger.strike(&self.owner, self);
        let held = self.since.elapsed();
        self.resource.pool.count(|tally| {
            tally.returned += 1;
            tally.held += held;
            tally.longest = tally.longest.max(held);
        });
        if let Some(mut out) = self.out.take() {
            if *self.broken.get_mut() {
                out.mark_broken();
            }
            drop(out);
        }
    }
}

/// A lease of a resource whose handles are `T`s. It comes back when it is dropped, and all its clones are.
pub struct Lease<T> {
    held: Arc<Held>,
    handle: PhantomData<fn() -> T>,
}

impl<T: 'static> Lease<T> {
    /// The handle goes bad: it is closed when it comes back, and not used again.
    pub fn mark_broken(&self) {
        self.held.broken.store(true, Ordering::Relaxed);
    }

    /// Who holds it.
    #[must_use]
    pub fn owner(&self) -> &Owner {
        &self.held.owner
    }
}

impl<T> Clone for Lease<T> {
    fn clone(&self) -> Self {
        Self { held: Arc::clone(&self.held), handle: PhantomData }
    }
}

impl<T: 'static> Deref for Lease<T> {
    type Target = T;

    fn deref(&self) -> &T {
        // A lease is only made of a handle that was seen to be one.
        self.held.get().unwrap_or_else(|| unreachable!("a lease of another type than {}", type_name::<T>()))
    }
}

impl<T> fmt::Debug for Lease<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lease").field("owner", &self.held.owner).finish_non_exhaustive()
    }
}

/// A lease of a resource of any kind.
#[derive(Clone)]
pub struct AnyLease(pub(super) Arc<Held>);

impl AnyLease {
    /// The lease as one of `T`s; nothing where its handles are something else.
    #[must_use]
    pub fn downcast<T: 'static>(&self) -> Option<Lease<T>> {
        self.0.is_a::<T>().then(|| Lease { held: Arc::clone(&self.0), handle: PhantomData })
    }

    /// Who holds it.
    #[must_use]
    pub fn owner(&self) -> &Owner {
        &self.0.owner
    }
}

impl fmt::Debug for AnyLease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AnyLease").field("owner", &self.0.owner).finish_non_exhaustive()
    }
}
