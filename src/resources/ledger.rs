//! Who holds which lease.

use std::collections::HashMap;
use std::panic::Location;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::lease::Held;
use super::owner::Owner;

/// One who holds a lease.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OwnerView {
    /// Who.
    pub owner: Owner,
    /// For how long, in seconds.
    pub held: f64,
}

/// A lease that is still held when its owner has come to an end.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Leak {
    /// The resource.
    pub resource: String,
    /// Who holds it.
    pub owner: Owner,
    /// For how long, in seconds.
    pub held: f64,
    /// Where in the source it was acquired: file, line, column.
    pub acquired_at: String,
}

/// Who holds leases of one resource.
#[derive(Default)]
pub(super) struct Ledger {
    entries: Mutex<HashMap<Owner, Entry>>,
}

struct Entry {
    held: Weak<Held>,
    /// Held until it is released by name.
    kept: Option<Arc<Held>>,
    since: Instant,
    site: &'static Location<'static>,
    /// That it is held for long was told.
    told: bool,
}

impl Ledger {
    fn entries(&self) -> MutexGuard<'_, HashMap<Owner, Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the owner holds already.
    pub(super) fn of(&self, owner: &Owner) -> Option<Arc<Held>> {
        self.entries().get(owner)?.held.upgrade()
    }

    /// Notes a new lease. Where the owner has got another meanwhile, that is the one.
    pub(super) fn note(&self, owner: &Owner, held: Arc<Held>, site: &'static Location<'static>) -> Arc<Held> {
        let mut entries = self.entries();
        if let Some(other) = entries.get(owner).and_then(|entry| entry.held.upgrade()) {
            drop(entries);
            return other;
        }
        let entry = Entry { held: Arc::downgrade(&held), kept: None, since: Instant::now(), site, told: false };
        entries.insert(owner.clone(), entry);
        held
    }

    /// Keeps the owner's lease until it is released by name.
    pub(super) fn keep(&self, owner: &Owner) {
        if let Some(entry) = self.entries().get_mut(owner) {
            entry.kept = entry.held.upgrade();
        }
    }

    /// Lets go of what was kept for the owner. Still held by somebody: that lease.
    pub(super) fn let_go(&self, owner: &Owner) -> Option<(Duration, &'static Location<'static>)> {
        let kept = self.entries().get_mut(owner)?.kept.take();
        // Outside the lock: giving back takes it.
        drop(kept);
        let entries = self.entries();
        let entry = entries.get(owner).filter(|entry| entry.held.strong_count() > 0)?;
        Some((entry.since.elapsed(), entry.site))
    }

    /// A lease came back.
    pub(super) fn strike(&self, owner: &Owner, held: *const Held) {
        let mut entries = self.entries();
        if entries.get(owner).is_some_and(|entry| std::ptr::eq(entry.held.as_ptr(), held)) {
            entries.remove(owner);
        }
    }

    pub(super) fn len(&self) -> u32 {
        self.entries().len() as u32
    }

    pub(super) fn owners(&self) -> Vec<Owner> {
        self.entries().keys().cloned().collect()
    }

    /// Who holds a lease, who has held it longest first.
    pub(super) fn views(&self) -> Vec<OwnerView> {
        let view = |(owner, entry): (&Owner, &Entry)| OwnerView {
            owner: owner.clone(),
            held: entry.since.elapsed().as_secs_f64(),
        };
        let mut views: Vec<OwnerView> = self.entries().iter().map(view).collect();
        views.sort_by(|a, b| b.held.total_cmp(&a.held).then_with(|| a.owner.cmp(&b.owner)));
        views
    }

    /// Those who hold a lease for longer than `threshold`, each once.
    pub(super) fn newly_long(&self, threshold: Duration) -> Vec<(Owner, Duration, &'static Location<'static>)> {
        let mut entries = self.entries();
        let long = entries.iter_mut().filter(|(_, entry)| !entry.told && entry.since.elapsed() >= threshold);
        long.map(|(owner, entry)| {
            entry.told = true;
            (owner.clone(), entry.since.elapsed(), entry.site)
        })
        .collect()
    }
}
