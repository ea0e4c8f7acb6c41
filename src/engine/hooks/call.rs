//! One call of a hook: its attempts, and what is noted when it has ended.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use serde::Deserialize;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::Tell;
use super::calls::{Calls, WHOLE};
use super::gates::{Gates, Mark};
use crate::engine::attempt::Workshop;
use crate::engine::due;
use crate::engine::occasion::Occasion;
use crate::engine::resources::panicked;
use crate::events::{EventKind, ItemIndex};
use crate::pipeline::plan::Plan;
use crate::resilience::checkpoint::HookDue;
use crate::resilience::fault::THROTTLED;
use crate::resilience::quantity::Period;
use crate::resilience::retry::{RetryPolicy, chance};
use crate::resilience::store::ItemKey;
use crate::resilience::{Fault, FaultClass};
use crate::resources::{Manager, Owner, Requirement};
use crate::steps::resource::{ResourceJob, ResourceStep};

/// The longest that one attempt may take of which the resource says nothing.
const LIMIT: Duration = Duration::from_secs(60);
/// No service may ask for a longer wait.
const LONGEST_WAIT: Duration = Duration::from_secs(300);
/// What the resource's own limit is given to be told before this one.
const GRACE: Duration = Duration::from_secs(5);
/// Answers to a hook that tell of the service's address, which may be put right, and not of what it was told.
const NOT_THERE: [&str; 3] = ["http-404", "http-405", "http-410"];

/// The longest that one attempt of a hook with this resource may take: its own `timeout`, where that is longer.
pub(super) fn limit(plan: &Plan, resource: &str) -> Duration {
    let settings = plan.resources.iter().find(|one| one.name == resource).map(|one| &one.settings);
    let own = settings.and_then(|settings| settings.get("timeout")).and_then(|own| Period::deserialize(own).ok());
    LIMIT.max(own.map_or(Duration::ZERO, |own| own.0.saturating_add(GRACE)))
}

/// Which call it is.
#[derive(Clone)]
pub(super) struct About {
    /// The hook's place in the plan.
    pub(super) place: usize,
    /// The item; the batch's hooks have none.
    pub(super) item: Option<(ItemIndex, ItemKey)>,
    /// As what the item's checkpoint knows it; nothing where that does not.
    pub(super) due: Option<HookDue>,
}

impl About {
    /// What of the item it is.
    pub(super) fn mark(&self) -> Option<Mark> {
        let ((item, _), due) = self.item.zip(self.due.as_ref())?;
        Some(Mark { item, id: due.id.clone(), since: due.since })
    }

    /// The call has ended for good in this run: notes that in the item's checkpoint, and tells what went wrong.
    pub(super) fn settle(self, workshop: &Workshop, tell: &Tell, came: Result<(), Fault>, mut events: Vec<EventKind>) {
        let plan = &workshop.context.plan;
        let index = self.item.map(|(index, _)| index);
        if let (Some((_, key)), Some(due)) = (self.item, &self.due) {
            let failed = came.as_ref().err();
            let noted = workshop.context.store.change(key, |known| due::note(plan, self.place, due, failed, known));
            if let Err(error) = noted {
                let message =
                    format!("that a hook was called cannot be written ({error}): the next run calls it again");
                events.push(EventKind::Warning { message, item: index });
            }
        }
        if let Err(fault) = came {
            let hook = &plan.hooks[self.place];
            let why = workshop.resources.secrets().redact(&fault.message).into_owned();
            let later = match self.item {
                None => "",
                Some(_) if due::is_refusal(&fault) => "; it is made again when the hook or its resource is changed",
                Some(_) => "; the next run calls it again",
            };
            let (when, uses, resource) = (due::when(hook), &hook.uses, &hook.resource);
            let message = format!("hook {when} ({uses} with {resource}) failed: {why}{later}");
            events.push(EventKind::Warning { message, item: index });
        }
        if !events.is_empty() {
            tell(events);
        }
    }
}

/// One call, with what it needs.
pub(super) struct Call {
    pub(super) about: About,
    pub(super) manager: Manager,
    pub(super) step: &'static ResourceStep,
    pub(super) with: serde_json::Value,
    pub(super) resource: String,
    /// Who holds its leases, but for the attempt's number.
    pub(super) owner: String,
    /// The same whenever the same call is made.
    pub(super) once: String,
    pub(super) retry: RetryPolicy,
    pub(super) seed: u64,
    /// Whose chance decides how long it waits.
    pub(super) name: String,
    /// What it is made for.
    pub(super) occasion: Arc<Occasion>,
    /// The longest that an attempt may take.
    pub(super) limit: Duration,
}

/// What became of a call.
#[derive(Debug)]
pub(super) enum Came {
    /// It has ended for good in this run.
    Ended(Result<(), Fault>),
    /// Its resource is not well: it is held.
    Held,
    /// The run was stopped before it could be made again.
    Left,
}

impl Call {
    /// Makes the call, and again as the pipeline's policy has it; while it waits, another one has its slot. Nothing where it
    /// was given up.
    pub(super) async fn perform(
        &self,
        gates: &Arc<Gates>,
        calls: &Calls,
        mut slot: OwnedSemaphorePermit,
        leaks: &mut Vec<EventKind>,
    ) -> Option<Came> {
        let (began, mut failures, mark) = (Instant::now(), 0, self.about.mark());
        let mut stopped = calls.stopped.subscribe();
        loop {
            // The batch's are due in no later run: they are tried at least once.
            let ticket = match &mark {
                Some(mark) => match gates.ask(&self.resource, mark, &self.occasion) {
                    Some(ticket) => Some(ticket),
                    None => return Some(Came::Held),
                },
                None => None,
            };
            let owner = Owner::new(format!("{}/{}", self.owner, failures + 1));
            let done = self.attempt(&owner).await?;
            let still_held = self.manager.release_all(&owner).into_iter();
            leaks.extend(still_held.map(|leak| EventKind::ResourceLeaked { leak, ended: true }));
            if let Some(ticket) = ticket {
                gates.settle(&self.resource, ticket, done.as_ref().err());
            }
            let Err(fault) = done else {
                calls.well.fetch_add(1, Ordering::SeqCst);
                return Some(Came::Ended(Ok(())));
            };
            let wait = self.wait(&fault, failures);
            failures += u32::from(fault.cause != THROTTLED);
            let Some(wait) = wait.filter(|wait| began.elapsed() + *wait < WHOLE) else {
                return Some(Came::Ended(Err(fault)));
            };
            if gates.is_shut(&self.resource, mark.as_ref().map(|mark| (mark, &self.occasion))) {
                return Some(if mark.is_some() { Came::Held } else { Came::Ended(Err(fault)) });
            }
            calls.waits_until(Instant::now() + wait);
            // Where too many wait already, it keeps its slot.
            let place = calls.waits.try_acquire();
            let kept = if place.is_ok() {
                drop(slot);
                None
            } else {
                Some(slot)
            };
            let is_stopped = stopped.wait_for(|stopped| *stopped && mark.is_some());
            if tokio::time::timeout(wait, is_stopped).await.is_ok() {
                return Some(Came::Left);
            }
            slot = match kept {
                Some(slot) => slot,
                None => match Arc::clone(self.slots(calls)).acquire_owned().await {
                    Ok(slot) => slot,
                    Err(_) => return Some(Came::Left),
                },
            };
        }
    }

    /// Whose slots it takes.
    pub(super) const fn slots<'a>(&self, calls: &'a Calls) -> &'a Arc<Semaphore> {
        if self.about.item.is_some() { &calls.slots } else { &calls.last }
    }

    /// One attempt, in a task of its own: one that panics is a failure like others. It goes with this. Nothing where the desk
    /// has ended.
    async fn attempt(&self, owner: &Owner) -> Option<Result<(), Fault>> {
        let mut attempt = JoinSet::new();
        attempt.spawn(tokio::time::timeout(self.limit, self.work(owner.clone())));
        match attempt.join_next().await? {
            Ok(Ok(done)) => Some(done.map_err(|fault| self.of_address(fault))),
            Ok(Err(_)) => {
                let limit = self.limit.as_secs();
                let message =
                    format!("it took longer than {limit} s; a longer `timeout` of the resource gives it more");
                Some(Err(Fault::new(FaultClass::Transient, "timeout", message)))
            }
            Err(lost) => lost.try_into_panic().ok().map(|panic| Err(panicked(&*panic))),
        }
    }

    fn work(&self, owner: Owner) -> impl Future<Output = Result<(), Fault>> + Send + 'static {
        let (manager, run, resource) = (self.manager.clone(), self.step.run, self.resource.clone());
        let (with, once) = (self.with.clone(), self.once.clone());
        async move {
            let leases = manager.acquire_all(&[Requirement::new(&resource)], &owner).await?;
            let lease = leases.get(&resource).cloned();
            let lease = lease.ok_or_else(|| Fault::new(FaultClass::Bug, "lease", "it was given no lease"))?;
            drop(leases);
            // What a hook has to say but that it failed is no warning of the run: done again, it writes nothing anew.
            let (inputs, outputs, note) = Default::default();
            let job = ResourceJob { with, inputs, outputs, resource, lease, once, note };
            run(job).await.map(drop)
        }
    }

    /// A webhook has one address: where that is not there, the service is not, and no call is refused for what it tells.
    fn of_address(&self, fault: Fault) -> Fault {
        let is_so = self.step.step.name == "webhook" && NOT_THERE.contains(&fault.cause.as_str());
        let class = if is_so { FaultClass::Dependency } else { fault.class };
        Fault { class, ..fault }
    }

    /// How long it is until the next attempt, when so many failed before this one; nothing where there is none.
    fn wait(&self, fault: &Fault, failures: u32) -> Option<Duration> {
        let may_pass = matches!(fault.class, FaultClass::Transient | FaultClass::Dependency);
        if !may_pass || failures >= self.retry.max_retries {
            return None;
        }
        let delay = self.retry.delay(failures, chance(self.seed, &self.name, &self.owner, failures));
        let asked = fault.retry_after.map_or(Duration::ZERO, Duration::from_millis);
        Some(delay.max(asked.min(LONGEST_WAIT)))
    }
}
