//! The breaker of each resource that hooks call, and the calls that wait for it to be well.

use std::collections::{BTreeMap, HashSet};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::calls::Calls;
use super::{Happened, What};
use crate::engine::occasion::Occasion;
use crate::events::ItemIndex;
use crate::resilience::Fault;
use crate::resilience::breaker::{Breaker, BreakerSettings, BreakerState, Outcome, Ticket};

/// A call for an item: what is due, and since when.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Mark {
    pub(super) item: ItemIndex,
    pub(super) id: String,
    pub(super) since: u64,
}

/// One gate for each resource.
pub(super) struct Gates {
    calls: Arc<Calls>,
    start: Instant,
    known: Mutex<Known>,
}

struct Known {
    /// By resource.
    gates: BTreeMap<String, Gate>,
    /// Calls that are under way: none is made twice at the same time.
    begun: HashSet<Mark>,
    /// Where those go that have waited; nothing when the run is at its end.
    again: Option<Sender<Happened>>,
}

struct Gate {
    breaker: Breaker,
    /// Calls that were not let through, and what they are made for.
    held: BTreeMap<Mark, Arc<Occasion>>,
}

impl Gates {
    /// By resource: when its breaker opens. What has waited goes to `again`.
    pub(super) fn new(
        resources: impl IntoIterator<Item = (String, BreakerSettings)>,
        calls: &Arc<Calls>,
        again: Sender<Happened>,
    ) -> Arc<Self> {
        let gate = |settings| Gate { breaker: Breaker::new(settings), held: BTreeMap::new() };
        let gates = resources.into_iter().map(|(name, settings)| (name, gate(settings))).collect();
        let known = Known { gates, begun: HashSet::new(), again: Some(again) };
        Arc::new(Self { calls: Arc::clone(calls), start: Instant::now(), known: Mutex::new(known) })
    }

    /// The call begins. `false`: it is under way.
    pub(super) fn enter(&self, mark: &Mark) -> bool {
        let mut known = self.known();
        known.gates.values_mut().for_each(|gate| drop(gate.held.remove(mark)));
        known.begun.insert(mark.clone())
    }

    /// It has ended.
    pub(super) fn leave(&self, mark: &Mark) {
        self.known().begun.remove(mark);
    }

    /// Leave for an attempt of it. Nothing: it is held until the resource is well.
    pub(super) fn ask(&self, resource: &str, mark: &Mark, occasion: &Arc<Occasion>) -> Option<Ticket> {
        let mut known = self.known();
        let ticket = known.gates.get_mut(resource)?.breaker.try_acquire(self.start.elapsed());
        if ticket.is_err() {
            self.hold(&mut known, resource, mark, occasion);
        }
        ticket.ok()
    }

    /// The attempt has ended. Whoever waits goes on as the breaker has it.
    pub(super) fn settle(self: &Arc<Self>, resource: &str, ticket: Ticket, failed: Option<&Fault>) {
        let outcome = match failed {
            None => Outcome::Success,
            // It is there, and says when to come back.
            Some(fault) if fault.retry_after.is_some() => Outcome::Neutral,
            Some(fault) => Outcome::of(fault),
        };
        let mut known = self.known();
        let Some(gate) = known.gates.get_mut(resource) else { return };
        let is_open = |gate: &Gate| gate.breaker.state() == BreakerState::Open;
        let was_open = is_open(gate);
        // That it changed is told once, at the end, with how many calls are held.
        drop(gate.breaker.settle(self.start.elapsed(), ticket, outcome));
        match gate.breaker.state() {
            BreakerState::Closed => self.go_on(&mut known, resource, usize::MAX),
            BreakerState::HalfOpen => self.go_on(&mut known, resource, 1),
            BreakerState::Open if !was_open => {
                let (gates, resource) = (Arc::clone(self), resource.to_owned());
                let wait = gate.breaker.settings().recovery_timeout;
                tokio::spawn(async move {
                    // Never a moment before it is due, whatever the grain of the clock.
                    tokio::time::sleep(wait + Duration::from_millis(1)).await;
                    gates.go_on(&mut gates.known(), &resource, 1);
                });
            }
            BreakerState::Open => {}
        }
    }

    /// Whether the resource is not well; a call for an item is held then.
    pub(super) fn is_shut(&self, resource: &str, call: Option<(&Mark, &Arc<Occasion>)>) -> bool {
        let mut known = self.known();
        let is_shut = known.gates.get(resource).is_some_and(|gate| gate.breaker.state() != BreakerState::Closed);
        if let Some((mark, occasion)) = call.filter(|_| is_shut) {
            self.hold(&mut known, resource, mark, occasion);
        }
        is_shut
    }

    /// The run is at its end: who is held stays so.
    pub(super) fn end(&self) {
        self.known().again = None;
    }

    /// The calls that are held: of which resource, how many, and why.
    pub(super) fn held(&self) -> Vec<(String, usize, String)> {
        let known = self.known();
        let held = known.gates.iter().filter(|(_, gate)| !gate.held.is_empty());
        let why = |gate: &Gate| gate.breaker.why().unwrap_or("it failed").to_owned();
        held.map(|(name, gate)| (name.clone(), gate.held.len(), why(gate))).collect()
    }

    fn hold(&self, known: &mut Known, resource: &str, mark: &Mark, occasion: &Arc<Occasion>) {
        known.begun.remove(mark);
        if let Some(gate) = known.gates.get_mut(resource) {
            gate.held.insert(mark.clone(), Arc::clone(occasion));
        }
        self.calls.recount(0, 1);
    }

    /// The items of so many of the calls that are held are taken up again.
    fn go_on(&self, known: &mut Known, resource: &str, most: usize) {
        let (Some(gate), Some(again)) = (known.gates.get_mut(resource), &known.again) else { return };
        for _ in 0..most {
            let Some((mark, occasion)) = gate.held.pop_first() else { return };
            self.calls.recount(1, 0);
            let what = What::Due(Some(mark.item));
            let _ = again.send(Happened { what, counted: 1, occasion: Occasion::clone(&occasion) });
        }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
