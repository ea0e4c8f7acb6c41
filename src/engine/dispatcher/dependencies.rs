//! Dependencies: their breakers, who waits for them, and when a run gives up waiting.

use std::time::Duration;

use tokio::time::Instant;

use super::parked::Parked;
use super::working::{Progress, TaskId};
use super::{Dispatcher, Timer};
use crate::engine::slot::{Order, Workers};
use crate::events::{EventKind, ItemIndex};
use crate::health::canary::CanaryResult;
use crate::pipeline::plan::{OnOpen, Plan, Step};
use crate::resilience::breaker::{Breaker, BreakerState, Ticket, Transition, presets};
use crate::resilience::checkpoint::Because;
use crate::resilience::{Fault, FaultClass};

/// Tasks that are turned away before answers and commands are heard again.
const TURNED_AWAY: usize = 256;
/// A canary's answer holds this long: a batch of broken files does not become a batch of canaries.
const CANARY_HOLDS: Duration = Duration::from_secs(30);

/// Something that steps depend on, shared by all items.
#[derive(Debug)]
pub(super) struct Dependency {
    pub(super) name: String,
    pub(super) breaker: Breaker,
    pub(super) threshold: u32,
    /// The failures in a row that were told last.
    told: u32,
    pub(super) in_flight: u32,
    /// Calls that may be out at once: the leases of a resource, so that nobody waits for one while he holds a worker.
    pub(super) most: Option<u32>,
    /// It asked not to be called before, in time since the run's start.
    pub(super) held_off_until: Duration,
    /// It has done its work at least once in this run.
    pub(super) proven: bool,
    /// Items that wait for it, and in which step. They are not in memory otherwise.
    pub(super) parked: Parked,
    /// Items that were parked and are being looked at, to probe.
    reviving: u32,
    /// What helps, as the failure that was charged to it last says.
    pub(super) hint: Option<String>,
    /// Probes that failed in a row.
    pub(super) lost_recoveries: u32,
    canary: Option<(Instant, Option<CanaryResult>)>,
    canary_asked: bool,
    /// Attempts whose fault the canary decides.
    asking: Vec<(TaskId, Fault, Vec<Ticket>)>,
}

impl Dependency {
    /// Those of the plan, each once, in the order of their first step.
    pub(super) fn all(plan: &Plan) -> Vec<Self> {
        let mut found: Vec<Self> = Vec::new();
        let resource = |name: &str| plan.resources.iter().find(|resource| resource.name == name);
        for name in plan.steps.iter().flat_map(Step::needs) {
            if found.iter().all(|dependency| dependency.name != *name) {
                let settings = plan.breakers.get(name).copied().unwrap_or_else(|| presets(name));
                found.push(Self {
                    name: name.clone(),
                    breaker: Breaker::new(settings),
                    threshold: settings.failure_threshold,
                    told: 0,
                    in_flight: 0,
                    most: resource(name).map(|resource| resource.pool.max_size),
                    held_off_until: Duration::ZERO,
                    proven: false,
                    parked: Parked::default(),
                    reviving: 0,
                    lost_recoveries: 0,
                    canary: None,
                    canary_asked: false,
                    hint: None,
                    asking: Vec::new(),
                });
            }
        }
        found
    }

    pub(super) fn probe_is_due(&self, now: Duration) -> bool {
        self.breaker.next_probe_at().is_some_and(|at| now >= at)
    }
}

impl<W: Workers> Dispatcher<W> {
    /// The breaker is open: each task that is ready does what its step says for that case.
    pub(super) fn turn_away(&mut self, queue: usize, place: usize) {
        for _ in 0..TURNED_AWAY {
            let Some(id) = self.ready[queue].pop_first() else { return };
            let reason = self.parked_fault(place).message;
            match self.workshop.context.plan.steps[id.step].on_open {
                OnOpen::Park => self.park(id, place),
                OnOpen::Fallback | OnOpen::Skip => {
                    match id.piece {
                        Some(_) => self.leave_out_piece(id, Because::Passing, reason),
                        None => self.leave_out_step(id.item, id.step, Because::Passing, reason),
                    }
                    self.advance(id.item);
                }
                OnOpen::Fail => {
                    let fault = Fault::new(FaultClass::Dependency, "breaker-open", reason);
                    self.fail_task(id, fault);
                }
            }
        }
    }

    pub(super) fn park(&mut self, id: TaskId, place: usize) {
        let mut was_told = false;
        if let Some(working) = self.active.get_mut(&id.item) {
            working.set(id, Progress::Parked(place));
            // The pieces of a step wait together, and that is told once.
            if let Some(fan) = working.fans[id.step].as_mut().filter(|_| id.piece.is_some()) {
                was_told = std::mem::replace(&mut fan.told_parked, true);
            }
        }
        if !was_told {
            let dependency = self.dependencies[place].name.clone();
            self.recorder.record(EventKind::TaskParked { item: id.item, step: id.step as u32, dependency });
        }
        self.advance(id.item);
    }

    /// Why tasks of this dependency wait.
    pub(super) fn parked_fault(&self, place: usize) -> Fault {
        let dependency = &self.dependencies[place];
        let why = dependency.breaker.why().unwrap_or("it failed");
        let state = dependency.breaker.state().to_string().to_uppercase();
        let message = format!("{} is {state}: {why}", dependency.name);
        let next = "it is taken up first in the next run, or when the tool is well again";
        let hint = dependency.hint.as_ref().map_or_else(|| next.to_owned(), |hint| format!("{hint}; then {next}"));
        Fault::new(FaultClass::Dependency, "parked", message).with_hint(hint)
    }

    /// Tells how many failures in a row the breaker counts, where that is not what was told last.
    pub(super) fn tell_count(&mut self, place: usize) {
        let dependency = &mut self.dependencies[place];
        let failures = dependency.breaker.failures();
        if dependency.told != failures {
            dependency.told = failures;
            let dependency = dependency.name.clone();
            self.recorder.record(EventKind::BreakerCounted { dependency, failures });
        }
    }

    pub(super) fn tell_transition(&mut self, place: usize, transition: &Transition) {
        let now = self.elapsed();
        let dependency = &mut self.dependencies[place];
        match (transition.from, transition.to) {
            (BreakerState::HalfOpen, BreakerState::Open) => dependency.lost_recoveries += 1,
            (_, BreakerState::Closed) => {
                dependency.told = 0;
                dependency.lost_recoveries = 0;
            }
            _ => {}
        }
        let probe_in = dependency.breaker.next_probe_at().map(|at| at.saturating_sub(now));
        let closed = transition.to == BreakerState::Closed;
        let parked = if closed { std::mem::take(&mut dependency.parked) } else { Parked::default() };
        self.recorder.record(EventKind::BreakerChanged {
            dependency: self.dependencies[place].name.clone(),
            state: transition.to,
            reason: transition.reason.clone(),
            retry_in: probe_in.map(|in_time| in_time.as_millis() as u64),
        });
        self.set_probe_timer(place);
        self.again.extend(parked.into_sorted().into_keys());
        if closed {
            let all = vec![true; self.workshop.context.plan.steps.len()];
            self.unpark_at_work(place, usize::MAX, &all);
        }
    }

    /// An open breaker whose time has come gets one of those that wait for it, to probe with.
    pub(super) fn supply_probes(&mut self) {
        let now = self.elapsed();
        for place in 0..self.dependencies.len() {
            let dependency = &mut self.dependencies[place];
            let wants_one = match dependency.breaker.state() {
                BreakerState::Open => {
                    dependency.probe_is_due(now)
                        && dependency.lost_recoveries < self.workshop.context.plan.give_up_after
                }
                BreakerState::HalfOpen => dependency.in_flight == 0,
                BreakerState::Closed => false,
            };
            if wants_one && dependency.reviving == 0 && !self.is_awaited(place) {
                self.supply_probe(place, now);
            }
        }
    }

    /// The earliest task that waits for this dependency and would find the breakers of its others let it through.
    fn supply_probe(&mut self, place: usize, now: Duration) {
        let could_go: Vec<bool> =
            (0..self.workshop.context.plan.steps.len()).map(|step| self.others_are_open_to(step, place, now)).collect();
        if self.unpark_at_work(place, 1, &could_go) {
            return;
        }
        let dependency = &mut self.dependencies[place];
        if let Some(item) = dependency.parked.first(&could_go) {
            dependency.parked.remove(item);
            dependency.reviving = 1;
            self.again.push_front(item);
        }
    }

    /// Makes tasks of those steps ready that wait for this dependency while others of their item are at work: no more than
    /// `most`, those of the earliest item first. `true`: there were some.
    fn unpark_at_work(&mut self, place: usize, most: usize, steps: &[bool]) -> bool {
        let mut waiting: Vec<ItemIndex> = Vec::new();
        for (item, working) in &self.active {
            if working.ending.is_none() && working.parked().is_some() {
                waiting.push(*item);
            }
        }
        waiting.sort_unstable();
        let mut unparked = Vec::new();
        for item in waiting {
            let Some(working) = self.active.get_mut(&item) else { continue };
            let parked = working.parked_for(item, place, most - unparked.len(), steps);
            parked.iter().for_each(|id| working.set(*id, Progress::Ready));
            unparked.extend(parked);
            if unparked.len() == most {
                break;
            }
        }
        unparked.iter().for_each(|id| self.make_ready(*id));
        !unparked.is_empty()
    }

    /// The item was looked at: whoever waited for it as a probe goes on.
    pub(super) fn revived(&mut self) {
        self.dependencies.iter_mut().for_each(|dependency| dependency.reviving = 0);
    }

    /// Only parked tasks are left: whether each dependency had its chances to recover.
    pub(super) fn gives_up_parked(&self) -> bool {
        let limit = self.workshop.context.plan.give_up_after;
        self.dependencies.iter().all(|dependency| {
            dependency.parked.is_empty()
                || dependency.lost_recoveries >= limit
                || dependency.breaker.state() == BreakerState::Closed
        })
    }

    pub(super) fn force_breaker(&mut self, name: &str, trip: bool) {
        let now = self.elapsed();
        let Some(place) = self.dependencies.iter().position(|dependency| dependency.name == name) else { return };
        let dependency = &mut self.dependencies[place];
        let (from, breaker) = (dependency.breaker.state(), &mut dependency.breaker);
        let transition = if trip {
            let reason = "by hand".to_owned();
            // One that is open already begins its recovery anew: that is told, too.
            let anew = |to, failures| Transition { from, to, reason, failures };
            Some(breaker.trip(now, "by hand").unwrap_or_else(|| anew(breaker.state(), breaker.failures())))
        } else {
            breaker.reset(now)
        };
        if let Some(transition) = transition {
            self.tell_transition(place, &transition);
        }
        self.tell_count(place);
    }

    /// Never a moment before the probe is due, whatever the grain of the clock.
    fn set_probe_timer(&mut self, place: usize) {
        let now = self.elapsed();
        self.timers.retain(|_, timer| !matches!(timer, Timer::Breaker(of) if *of == place));
        if let Some(at) = self.dependencies[place].breaker.next_probe_at() {
            let probe_in = at.saturating_sub(now) + Duration::from_millis(1);
            self.set_timer(Instant::now() + probe_in, Timer::Breaker(place));
        }
    }

    /// Asks the canary of the step's tool whose fault it was; a fresh answer is used again.
    pub(super) fn ask_canary(&mut self, id: TaskId, fault: Fault, tickets: Vec<Ticket>) {
        let Some(place) = self.needs.tool(id.step) else { return self.conclude(id, fault, tickets) };
        let dependency = &mut self.dependencies[place];
        dependency.asking.push((id, fault, tickets));
        let fresh = dependency.canary.as_ref().is_some_and(|(at, _)| at.elapsed() < CANARY_HOLDS);
        if fresh {
            self.decide(place);
        } else if !dependency.canary_asked {
            dependency.canary_asked = true;
            let name = dependency.name.clone();
            self.workers.order(Order::Canary(name));
        }
    }

    pub(super) fn canary_answered(&mut self, name: &str, result: Option<CanaryResult>) {
        let Some(place) = self.dependencies.iter().position(|dependency| dependency.name == name) else { return };
        if let Some(result) = &result {
            let (well, details) = (result.well, result.details.clone());
            self.recorder.record(EventKind::CanaryAnswered { dependency: name.to_owned(), well, details });
        }
        let dependency = &mut self.dependencies[place];
        dependency.canary_asked = false;
        dependency.canary = Some((Instant::now(), result));
        self.decide(place);
    }

    fn decide(&mut self, place: usize) {
        let dependency = &mut self.dependencies[place];
        let asking = std::mem::take(&mut dependency.asking);
        let answer = dependency.canary.as_ref().and_then(|(_, result)| result.clone());
        let proven = dependency.proven;
        for (id, fault, tickets) in asking {
            let fault = match &answer {
                Some(result) if result.well => Fault { class: FaultClass::Input, ..fault },
                Some(result) => {
                    let message = format!("{}; it fails with a good input too ({})", fault.message, result.details);
                    Fault { class: FaultClass::Dependency, message, ..fault }
                }
                // Nothing else is known of the tool than that it works for other items.
                None if proven => Fault { class: FaultClass::Input, ..fault },
                None => fault,
            };
            let (log, ms) = self.asked_with.remove(&id).unwrap_or_default();
            let attempt =
                self.active.get(&id.item).and_then(|working| working.task(id)).map_or(0, |task| task.attempts);
            self.tell_failed(id, attempt, &fault, log, ms);
            self.conclude(id, fault, tickets);
        }
    }

    /// Whether the breaker of the dependency at `place` lets calls through as they come.
    pub(super) fn is_closed(&self, place: usize) -> bool {
        self.dependencies[place].breaker.state() == BreakerState::Closed
    }

    /// Sets the task aside for the dependency at `place`, which is to blame, for this run. A tool that is not there will not
    /// come by itself; a resource may. Where no other task of it would find that out, its breaker opens all the same, and the
    /// task is tried again when its time has come.
    pub(super) fn park_for_dependency(&mut self, id: TaskId, place: usize, fault: &Fault) {
        let is_alone = self.dependencies[place].in_flight == 0 && !self.is_awaited(place);
        if fault.resource.is_some() && is_alone && self.is_closed(place) {
            let now = self.elapsed();
            if let Some(transition) = self.dependencies[place].breaker.trip(now, &fault.message) {
                self.tell_transition(place, &transition);
            }
        }
        self.park(id, place);
    }
}
