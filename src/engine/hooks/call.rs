//! One call of a hook: its attempts, and what is noted when it has ended.

use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::OwnedSemaphorePermit;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::Tell;
use super::calls::Calls;
use crate::engine::attempt::Workshop;
use crate::engine::due;
use crate::engine::resources::panicked;
use crate::events::{EventKind, ItemIndex};
use crate::resilience::checkpoint::HookDue;
use crate::resilience::fault::THROTTLED;
use crate::resilience::retry::{RetryPolicy, chance};
use crate::resilience::store::ItemKey;
use crate::resilience::{Fault, FaultClass};
use crate::resources::{Manager, Owner, Requirement};
use crate::steps::resource::{ResourceJob, ResourceStep};

/// The longest that one attempt may take.
const LIMIT: Duration = Duration::from_secs(60);
/// No service may ask for a longer wait.
const LONGEST_WAIT: Duration = Duration::from_secs(300);
/// The longest that a call may take with all its attempts and the waits between them.
const WHOLE: Duration = Duration::from_secs(600);

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
}

impl Call {
    /// Makes the call, and again as the pipeline's policy has it; while it waits, another one has its slot. Nothing where it
    /// was given up.
    pub(super) async fn perform(
        &self,
        calls: &Calls,
        mut slot: OwnedSemaphorePermit,
        leaks: &mut Vec<EventKind>,
    ) -> Option<Result<(), Fault>> {
        let (began, mut failures) = (Instant::now(), 0);
        loop {
            let owner = Owner::new(format!("{}/{}", self.owner, failures + 1));
            let done = self.attempt(&owner).await?;
            calls.attempts.fetch_add(1, Ordering::SeqCst);
            let still_held = self.manager.release_all(&owner).into_iter();
            leaks.extend(still_held.map(|leak| EventKind::ResourceLeaked { leak, ended: true }));
            let Err(fault) = done else { return Some(Ok(())) };
            let wait = self.wait(&fault, failures);
            failures += u32::from(fault.cause != THROTTLED);
            let Some(wait) = wait.filter(|wait| began.elapsed() + *wait < WHOLE) else { return Some(Err(fault)) };
            calls.waits_until(Instant::now() + wait);
            match calls.waits.try_acquire() {
                Ok(_place) => {
                    drop(slot);
                    tokio::time::sleep(wait).await;
                    slot = std::sync::Arc::clone(&calls.slots).acquire_owned().await.ok()?;
                }
                Err(_) => tokio::time::sleep(wait).await,
            }
        }
    }

    /// One attempt, in a task of its own: one that panics is a failure like others. It goes with this. Nothing where the desk
    /// has ended.
    async fn attempt(&self, owner: &Owner) -> Option<Result<(), Fault>> {
        let mut attempt = JoinSet::new();
        attempt.spawn(tokio::time::timeout(LIMIT, self.work(owner.clone())));
        match attempt.join_next().await? {
            Ok(Ok(done)) => Some(done),
            Ok(Err(_)) => {
                let message = format!("it took longer than {} s", LIMIT.as_secs());
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
