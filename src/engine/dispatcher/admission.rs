//! Admission: which task starts next, given what each depends on.

use std::time::Duration;

use tokio::time::Instant;

use super::dependencies::Dependency;
use super::working::TaskId;
use super::{Dispatcher, Timer};
use crate::engine::slot::Workers;
use crate::pipeline::plan::Plan;
use crate::resilience::Fault;
use crate::resilience::breaker::{BreakerState, Outcome, Ticket};

/// No service may ask for more.
const LONGEST_HOLD_OFF: Duration = Duration::from_secs(300);

/// What the steps need: the places of their dependencies.
#[derive(Debug)]
pub(super) struct Needs {
    /// Each set of dependencies that some step needs, its tool first; one queue of tasks belongs to each.
    pub(super) sets: Vec<Vec<usize>>,
    /// By step: its set.
    of_step: Vec<usize>,
    /// By step: the place of its tool.
    tools: Vec<Option<usize>>,
}

impl Needs {
    pub(super) fn of(plan: &Plan, dependencies: &[Dependency]) -> Self {
        let place = |name: &String| dependencies.iter().position(|dependency| dependency.name == *name);
        let mut needs = Self { sets: Vec::new(), of_step: Vec::new(), tools: Vec::new() };
        for step in &plan.steps {
            let set: Vec<usize> = step.needs().filter_map(place).collect();
            let known = needs.sets.iter().position(|known| *known == set);
            needs.of_step.push(known.unwrap_or(needs.sets.len()));
            if known.is_none() {
                needs.sets.push(set);
            }
            needs.tools.push(step.tool.as_ref().and_then(place));
        }
        needs
    }

    /// The places of the step's dependencies.
    pub(super) fn places(&self, step: usize) -> &[usize] {
        &self.sets[self.of_step[step]]
    }

    /// The place of the step's tool.
    pub(super) fn tool(&self, step: usize) -> Option<usize> {
        self.tools[step]
    }
}

/// What is next.
pub(super) enum Next {
    /// This task starts.
    Start(TaskId),
    /// No task can start.
    Nothing,
    /// Tasks were turned away, because their breaker is open.
    TurnedAway,
}

/// Whether a task may call its dependencies.
#[derive(Clone, Copy)]
enum Admission {
    Now,
    /// Not at the moment: others that are in flight decide, or the time.
    Hold,
    /// The breaker of this dependency is open.
    Open(usize),
}

impl Dependency {
    fn admission(&self, place: usize, now: Duration) -> Admission {
        if now < self.held_off_until || self.most.is_some_and(|most| self.in_flight >= most) {
            // One that is open all the same is told as such.
            let is_shut = self.breaker.state() == BreakerState::Open && !self.probe_is_due(now);
            return if is_shut { Admission::Open(place) } else { Admission::Hold };
        }
        match self.breaker.state() {
            // While it is in doubt, no more calls are out than failures would open it: a dead tool costs that many.
            BreakerState::Closed
                if (!self.proven || self.breaker.failures() > 0)
                    && self.in_flight >= self.threshold.saturating_sub(self.breaker.failures()).max(1) =>
            {
                Admission::Hold
            }
            BreakerState::Closed => Admission::Now,
            BreakerState::Open if self.probe_is_due(now) => Admission::Now,
            BreakerState::Open => Admission::Open(place),
            BreakerState::HalfOpen if self.in_flight == 0 => Admission::Now,
            BreakerState::HalfOpen => Admission::Hold,
        }
    }
}

impl<W: Workers> Dispatcher<W> {
    pub(super) fn make_ready(&mut self, id: TaskId) {
        self.ready[self.needs.of_step[id.step]].insert(id);
    }

    /// Whether a task that could start needs the dependency at `place`.
    pub(super) fn is_awaited(&self, place: usize) -> bool {
        self.needs.sets.iter().zip(&self.ready).any(|(set, ready)| set.contains(&place) && !ready.is_empty())
    }

    /// Whether a task of `step`, which waits for the dependency at `place`, would find the breakers of all others let it
    /// through: it would only wait for another one otherwise.
    pub(super) fn others_are_open_to(&self, step: usize, place: usize, now: Duration) -> bool {
        let others = self.needs.places(step).iter().filter(|other| **other != place);
        others.copied().all(|other| !matches!(self.dependencies[other].admission(other, now), Admission::Open(_)))
    }

    /// Whether tasks of this set may start: all its dependencies take a call.
    fn admission(&self, set: &[usize], now: Duration) -> Admission {
        let mut all = Admission::Now;
        for place in set {
            match self.dependencies[*place].admission(*place, now) {
                Admission::Now => {}
                Admission::Hold => all = Admission::Hold,
                open @ Admission::Open(_) => return open,
            }
        }
        all
    }

    /// The next task to start: of the earliest item, among those whose dependencies take calls.
    pub(super) fn next_task(&mut self) -> Next {
        let now = self.elapsed();
        let mut open = Vec::new();
        let mut best: Option<TaskId> = None;
        for (queue, set) in self.needs.sets.iter().enumerate() {
            let Some(first) = self.ready[queue].first().copied() else { continue };
            match self.admission(set, now) {
                Admission::Now => best = Some(best.map_or(first, |best| best.min(first))),
                Admission::Hold => {}
                Admission::Open(place) => open.push((queue, place)),
            }
        }
        if !open.is_empty() {
            // Those that are turned away make way for other steps and items: the look begins anew.
            for (queue, place) in open {
                self.turn_away(queue, place);
            }
            return Next::TurnedAway;
        }
        let Some(id) = best else { return Next::Nothing };
        self.ready[self.needs.of_step[id.step]].remove(&id);
        Next::Start(id)
    }

    /// Leave to call all dependencies of `step`; nothing where one of them takes no call.
    pub(super) fn admit(&mut self, step: usize) -> Option<Vec<Ticket>> {
        let now = self.elapsed();
        let places = self.needs.places(step).to_vec();
        let mut tickets = Vec::with_capacity(places.len());
        for place in places {
            let dependency = &mut self.dependencies[place];
            let Ok(mut ticket) = dependency.breaker.try_acquire(now) else {
                self.settle(step, tickets, Outcome::Neutral, None);
                return None;
            };
            dependency.in_flight += 1;
            if let Some(transition) = ticket.transition.take() {
                self.tell_transition(place, &transition);
            }
            tickets.push(ticket);
        }
        Some(tickets)
    }

    /// The calls are over: with a success of all, or with a fault that is charged to the one that is to blame.
    pub(super) fn settle(&mut self, step: usize, tickets: Vec<Ticket>, outcome: Outcome, fault: Option<&Fault>) {
        let now = self.elapsed();
        let blamed = self.blamed(step, fault);
        let places = self.needs.places(step).to_vec();
        for (place, ticket) in places.into_iter().zip(tickets) {
            let outcome = match outcome {
                Outcome::Failure(_) if blamed != Some(place) => Outcome::Neutral,
                ref outcome => outcome.clone(),
            };
            let dependency = &mut self.dependencies[place];
            dependency.in_flight -= 1;
            match outcome {
                Outcome::Success => {
                    dependency.proven = true;
                    dependency.lost_recoveries = 0;
                    dependency.hint = None;
                }
                Outcome::Failure(_) => dependency.hint = fault.and_then(|fault| fault.hint.clone()),
                _ => {}
            }
            if let Some(transition) = dependency.breaker.settle(now, ticket, outcome) {
                self.tell_transition(place, &transition);
            }
            self.tell_count(place);
        }
    }

    /// The dependency of `step` that the fault is charged to: the resource that it names, or else the step's tool.
    pub(super) fn blamed(&self, step: usize, fault: Option<&Fault>) -> Option<usize> {
        match fault?.resource.as_ref() {
            Some(name) => self.needs.places(step).iter().copied().find(|place| self.dependencies[*place].name == *name),
            None => self.needs.tool(step),
        }
    }

    /// The service asked not to be called for a time: that holds for all who depend on it.
    pub(super) fn hold_off(&mut self, step: usize, fault: &Fault) {
        let Some((wait, place)) = fault.retry_after.zip(self.blamed(step, Some(fault))) else { return };
        let wait = Duration::from_millis(wait).min(LONGEST_HOLD_OFF);
        let until = self.elapsed() + wait;
        let dependency = &mut self.dependencies[place];
        if until > dependency.held_off_until {
            dependency.held_off_until = until;
            self.set_timer(Instant::now() + wait + Duration::from_millis(1), Timer::HeldOff);
        }
    }
}
