//! Who holds which lease.

use std::collections::HashMap;
use std::fmt;
use std::panic::Location;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::Notify;
use tokio::sync::futures::OwnedNotified;
use tokio::time::Instant;

use super::owner::Owner;

/// One who holds a lease.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OwnerView {
    /// Who.
    pub owner: Owner,
    /// For how long, in seconds.
    pub held: f64,
}

/// A lease that is still held when its owner has come to an end, or for longer than it ought to be.
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

impl Leak {
    /// What to do about it.
    pub const HINT: &'static str =
        "hold it for a shorter time, and let go of it when the work is done: drop the lease, or release it by name";
}

impl fmt::Display for Leak {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { resource, owner, held, acquired_at } = self;
        write!(f, "{owner} holds '{resource}' for {held:.1} s, acquired at {acquired_at}")
    }
}

/// Who holds leases of one resource. An `H` is a hold: it strikes itself when it is dropped.
pub(super) struct Ledger<H> {
    entries: Mutex<HashMap<Owner, Entry<H>>>,
}

enum Entry<H> {
    /// Somebody is acquiring one in the owner's name; others who want it in his name wait for that.
    Acquiring(Option<Arc<Notify>>),
    Held(Holding<H>),
}

struct Holding<H> {
    held: Weak<H>,
    /// Held until it is released by name, and how often it was asked for.
    kept: Option<(Arc<H>, u32)>,
    since: Instant,
    site: &'static Location<'static>,
    /// That it is held for long was told.
    told: bool,
}

/// What an owner who wants a lease has.
pub(super) enum Wish<H> {
    /// One already.
    Held(Arc<H>),
    /// None: he is to acquire one.
    New(Claim<H>),
    /// Somebody is acquiring it in his name. Wait, then ask again.
    Under(OwnedNotified),
}

/// Who has it acquires a lease in the owner's name, alone. Dropping it gives up.
pub(super) struct Claim<H> {
    ledger: Arc<Ledger<H>>,
    owner: Owner,
}

impl<H> Holding<H> {
    fn is_out(&self) -> bool {
        self.held.strong_count() > 0
    }
}

impl<H> Entry<H> {
    fn holding(&self) -> Option<&Holding<H>> {
        match self {
            Self::Held(holding) if holding.is_out() => Some(holding),
            _ => None,
        }
    }

    fn holding_mut(&mut self) -> Option<&mut Holding<H>> {
        match self {
            Self::Held(holding) if holding.is_out() => Some(holding),
            _ => None,
        }
    }
}

impl<H> Default for Ledger<H> {
    fn default() -> Self {
        Self { entries: Mutex::default() }
    }
}

impl<H> Ledger<H> {
    /// No hold may be dropped while these are locked: dropping it locks them.
    fn entries(&self) -> MutexGuard<'_, HashMap<Owner, Entry<H>>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the owner holds already.
    pub(super) fn of(&self, owner: &Owner) -> Option<Arc<H>> {
        self.entries().get(owner)?.holding()?.held.upgrade()
    }

    /// The owner wants a lease.
    pub(super) fn wish(self: &Arc<Self>, owner: &Owner) -> Wish<H> {
        let mut entries = self.entries();
        match entries.get_mut(owner) {
            Some(Entry::Acquiring(waiting)) => {
                return Wish::Under(Arc::clone(waiting.get_or_insert_default()).notified_owned());
            }
            Some(Entry::Held(holding)) => {
                if let Some(held) = holding.held.upgrade() {
                    return Wish::Held(held);
                }
                // It is on its way back.
                entries.insert(owner.clone(), Entry::Acquiring(None));
            }
            None => {
                entries.insert(owner.clone(), Entry::Acquiring(None));
            }
        }
        Wish::New(Claim { ledger: Arc::clone(self), owner: owner.clone() })
    }

    /// Keeps the owner's lease until it is released by name as often as it was kept.
    pub(super) fn keep(&self, owner: &Owner) {
        let mut entries = self.entries();
        let Some(holding) = entries.get_mut(owner).and_then(Entry::holding_mut) else { return };
        match &mut holding.kept {
            Some((_, times)) => *times += 1,
            None => holding.kept = holding.held.upgrade().map(|held| (held, 1)),
        }
    }

    /// Lets go once of what was kept for the owner.
    pub(super) fn release(&self, owner: &Owner) {
        let mut entries = self.entries();
        let Some(holding) = entries.get_mut(owner).and_then(Entry::holding_mut) else { return };
        let last = match &mut holding.kept {
            Some((_, times)) if *times > 1 => {
                *times -= 1;
                None
            }
            kept => kept.take(),
        };
        drop(entries);
        drop(last);
    }

    /// Lets go of all that was kept for the owner. Still held by somebody: since when, and where it was acquired.
    pub(super) fn let_go(&self, owner: &Owner) -> Option<(Duration, &'static Location<'static>)> {
        let kept = self.entries().get_mut(owner)?.holding_mut()?.kept.take();
        drop(kept);
        let entries = self.entries();
        let holding = entries.get(owner)?.holding()?;
        Some((holding.since.elapsed(), holding.site))
    }

    /// Lets go of all that was kept by name and not released: whose it was, for how long, and where it was acquired.
    pub(super) fn reclaim(&self) -> Vec<(Owner, Duration, &'static Location<'static>)> {
        let mut kept = Vec::new();
        let mut reclaimed = Vec::new();
        for (owner, entry) in self.entries().iter_mut() {
            let Some(holding) = entry.holding_mut() else { continue };
            if let Some((held, _)) = holding.kept.take() {
                kept.push(held);
                reclaimed.push((owner.clone(), holding.since.elapsed(), holding.site));
            }
        }
        drop(kept);
        reclaimed.sort_by(|a, b| a.0.cmp(&b.0));
        reclaimed
    }

    /// A lease came back.
    pub(super) fn strike(&self, owner: &Owner, held: *const H) {
        let mut entries = self.entries();
        let is_it =
            |entry: &Entry<H>| matches!(entry, Entry::Held(holding) if std::ptr::eq(holding.held.as_ptr(), held));
        if entries.get(owner).is_some_and(is_it) {
            entries.remove(owner);
        }
    }

    /// How many leases are out.
    pub(super) fn len(&self) -> u32 {
        self.entries().values().filter(|entry| entry.holding().is_some()).count() as u32
    }

    /// Who holds a lease, who has held it longest first: for how long, and where it was acquired.
    pub(super) fn holders(&self) -> Vec<(Owner, Duration, &'static Location<'static>)> {
        let entries = self.entries();
        let holder = |(owner, entry): (&Owner, &Entry<H>)| {
            let holding = entry.holding()?;
            Some((owner.clone(), holding.since.elapsed(), holding.site))
        };
        let mut holders: Vec<_> = entries.iter().filter_map(holder).collect();
        drop(entries);
        holders.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        holders
    }

    /// Those who hold a lease for longer than `threshold`, each once.
    pub(super) fn newly_long(&self, threshold: Duration) -> Vec<(Owner, Duration, &'static Location<'static>)> {
        let mut entries = self.entries();
        let long = entries.iter_mut().filter_map(|(owner, entry)| {
            let holding = entry.holding_mut()?;
            let held = holding.since.elapsed();
            if holding.told || held < threshold {
                return None;
            }
            holding.told = true;
            Some((owner.clone(), held, holding.site))
        });
        let mut long: Vec<_> = long.collect();
        drop(entries);
        long.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        long
    }
}

impl<H> Claim<H> {
    /// The owner has it.
    pub(super) fn settle(self, held: &Arc<H>, site: &'static Location<'static>) {
        let holding = Holding { held: Arc::downgrade(held), kept: None, since: Instant::now(), site, told: false };
        self.end(Some(Entry::Held(holding)));
    }

    fn end(&self, entry: Option<Entry<H>>) {
        let mut entries = self.ledger.entries();
        let waiting = match entries.get_mut(&self.owner) {
            Some(Entry::Acquiring(waiting)) => waiting.take(),
            // It was settled.
            _ => return,
        };
        match entry {
            Some(entry) => drop(entries.insert(self.owner.clone(), entry)),
            None => drop(entries.remove(&self.owner)),
        }
        drop(entries);
        if let Some(waiting) = waiting {
            waiting.notify_waiters();
        }
    }
}

impl<H> Drop for Claim<H> {
    fn drop(&mut self) {
        self.end(None);
    }
}
