//! The resources of a run: its manager, the desk on which they are worked with, and what is kept secret of them.

mod desk;
#[cfg(test)]
pub(super) mod tests;
mod watch;

use std::collections::HashMap;
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use indexmap::IndexMap;

pub use self::desk::{Desk, panicked};
use super::context::Basis;
use crate::events::EventKind;
use crate::health::{HealthCheck, Wanted};
use crate::pipeline::plan::Plan;
use crate::resilience::safe_text::safe_line;
use crate::resilience::{Fault, FaultClass};
use crate::resources::secret::Secrets;
use crate::resources::settings::{ResourceKind, register};
use crate::resources::{Health, HealthReport, Leases, Manager, Owner, Requirement, ResourceStatus};
use crate::steps::register::find_resource;
use crate::steps::resource::ResourceStep;
use crate::steps::shim::Canceller;

/// Where the variables of `${NAME}` come from: the process's own environment.
#[must_use]
pub fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// A step's notes are told so often: what holds for every item is known by then.
const NOTES: u32 = 5;

/// The resources of a run.
#[derive(Debug, Default)]
pub struct Resources {
    manager: ManagerOf,
    secrets: Secrets,
    kinds: IndexMap<String, ResourceKind>,
    /// Why some could not be made known.
    refused: IndexMap<String, Fault>,
    /// None where there is nothing to work with.
    desk: Option<Desk>,
    /// Somebody has wanted a lease.
    wanted: tokio::sync::watch::Sender<bool>,
    /// How many notes there were of each step.
    notes: Mutex<HashMap<String, u32>>,
}

/// The manager, which shows nothing of itself.
#[derive(Default)]
struct ManagerOf(Manager);

impl std::fmt::Debug for ManagerOf {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.0.names()).finish()
    }
}

/// A look that is under way.
#[derive(Debug)]
pub struct Looking(Receiver<Vec<HealthCheck>>);

impl Looking {
    /// What was found, as soon as it is.
    #[must_use]
    pub fn checks(self) -> Vec<HealthCheck> {
        self.0.recv().unwrap_or_default()
    }
}

impl Resources {
    /// Makes those of the plan known that are needed. `${NAME}` in their settings is filled from `variable`. Nothing is
    /// connected yet, and what cannot be made known is told by the first look.
    ///
    /// # Errors
    /// That the system gives no thread to work with them.
    pub fn open(
        plan: &Plan,
        is_needed: &dyn Fn(&str) -> bool,
        variable: &dyn Fn(&str) -> Option<String>,
    ) -> std::io::Result<Self> {
        let mut resources = Self::default();
        let (manager, secrets) = (resources.manager.0.clone(), resources.secrets.clone());
        let (needed, others): (Vec<_>, Vec<_>) = plan.resources.iter().partition(|spec| is_needed(&spec.name));
        // What is not needed has secrets all the same, as far as they are set.
        others.into_iter().for_each(|spec| drop(spec.filled(variable, &secrets)));
        if needed.is_empty() {
            return Ok(resources);
        }
        resources.desk = Some(Desk::start()?);
        // All secrets are known before anything is said of any resource.
        for spec in needed {
            resources.kinds.insert(spec.name.clone(), spec.kind);
            let registered = match &resources.desk {
                Some(desk) => desk.within(|| register(&manager, spec, variable, &secrets)),
                None => Ok(()),
            };
            if let Err(error) = registered {
                resources.refused.insert(spec.name.clone(), error.fault);
            }
        }
        Ok(resources)
    }

    /// What is told of a note of the step: nothing where it was told of others often enough.
    pub fn note(&self, step: &str, said: &str) -> Option<String> {
        let mut notes = self.notes.lock().unwrap_or_else(PoisonError::into_inner);
        let count = notes.entry(step.to_owned()).or_default();
        *count = count.saturating_add(1);
        let last = if *count == NOTES { "; so much of this step, more is not told" } else { "" };
        (*count <= NOTES).then(|| format!("step '{step}': {said}{last}"))
    }

    /// What nothing that is written or shown may hold.
    #[must_use]
    pub const fn secrets(&self) -> &Secrets {
        &self.secrets
    }

    /// What the resource is.
    #[must_use]
    pub fn kind(&self, name: &str) -> Option<ResourceKind> {
        self.kinds.get(name).copied()
    }

    /// Why the resource could not be made known, if that is so: it may be another time.
    #[must_use]
    pub fn refusal(&self, name: &str) -> Option<Fault> {
        self.refused.get(name).map(|fault| Fault { class: FaultClass::Dependency, ..fault.clone() })
    }

    /// The step called `name`, where it works with a resource.
    #[must_use]
    pub fn step(&self, name: &str) -> Option<&'static ResourceStep> {
        #[cfg(test)]
        if let Some(step) = tests::step(name) {
            return Some(step);
        }
        find_resource(name)
    }

    /// Somebody wants a lease: from now on what is to be kept ready is.
    pub fn want(&self) {
        self.wanted.send_if_modified(|wanted| !std::mem::replace(wanted, true));
    }

    /// The desk, where there is one.
    #[must_use]
    pub const fn desk(&self) -> Option<&Desk> {
        self.desk.as_ref()
    }

    /// The manager.
    #[must_use]
    pub const fn manager(&self) -> &Manager {
        &self.manager.0
    }

    /// Looks at those of `wanted` that are resources, all at the same time.
    #[must_use]
    pub fn look(&self, wanted: &[Wanted]) -> Looking {
        let (tell, told) = channel();
        let Some(desk) = &self.desk else { return Looking(told) };
        let looks: Vec<_> = wanted
            .iter()
            .filter(|one| one.resource)
            .filter_map(|one| Some((one, self.kind(&one.name)?)))
            .map(|(one, kind)| {
                let (manager, secrets) = (self.manager.0.clone(), self.secrets.clone());
                let (wanted, refused) = (one.clone(), self.refused.get(&one.name).cloned());
                desk.task(async move {
                    let began = Instant::now();
                    let report = match refused {
                        Some(fault) => HealthReport {
                            health: Health::Unhealthy,
                            details: fault.message,
                            hint: fault.hint,
                            version: None,
                        },
                        None => manager.check(&wanted.name).await,
                    };
                    health_check(&wanted, kind, report, began.elapsed(), &secrets)
                })
            })
            .collect();
        desk.begin(async move {
            let mut checks = Vec::with_capacity(looks.len());
            for look in looks {
                checks.extend(look.await);
            }
            let _ = tell.send(checks);
        });
        Looking(told)
    }

    /// Leases of all of `names` for `owner`, or none.
    ///
    /// # Errors
    /// Why one could not be had, `Cancelled`, or that it took longer than `limit`.
    pub fn acquire(&self, names: &[String], owner: &Owner, canceller: &Canceller) -> Result<Leases, Fault> {
        let Some(desk) = self.desk.as_ref().filter(|_| !names.is_empty()) else { return Ok(Leases::default()) };
        self.want();
        let (manager, owner) = (self.manager.0.clone(), owner.clone());
        let requirements: Vec<Requirement> = names.iter().map(Requirement::new).collect();
        let first = names.first().cloned().unwrap_or_default();
        let acquire = async move { Ok(manager.acquire_all(&requirements, &owner).await?) };
        // A pool has its own limit for those who wait.
        let had = desk.wait(acquire, canceller, None);
        had.map_err(|fault| if fault.resource.is_none() { fault.of_resource(first) } else { fault })
    }

    /// The owner has come to an end: what is still held in its name is told.
    #[must_use]
    pub fn let_go(&self, owner: &Owner) -> Vec<EventKind> {
        let leaks = self.manager.0.release_all(owner);
        leaks.into_iter().map(|leak| EventKind::ResourceLeaked { leak, ended: true }).collect()
    }

    /// Every resource as it is now: also those that could not be made known.
    #[must_use]
    pub fn seen(&self) -> Vec<EventKind> {
        let known = self.manager.0.status_of_all().into_iter();
        let refused = self.refused.iter().map(|(name, fault)| {
            let health = HealthReport::unhealthy(self.secrets.redact(&fault.message), fault.hint.clone());
            ResourceStatus { name: name.clone(), health, ..ResourceStatus::default() }
        });
        known.chain(refused).filter_map(|status| watch::seen(status, &self.kinds)).collect()
    }

    /// From now on, tells what changes: figures every few seconds, health once a minute. They are looked after from the time
    /// on at which somebody wants a lease: a run in which all is up to date connects to nothing but for the look before it.
    pub fn watch(&self, wanted: Vec<Wanted>, tell: impl Fn(Vec<EventKind>) + Send + Sync + 'static) {
        let Some(desk) = &self.desk else { return };
        let tell: watch::Tell = std::sync::Arc::new(tell);
        let (manager, secrets) = (self.manager.0.clone(), self.secrets.clone());
        desk.begin(watch::figures(manager.clone(), self.kinds.clone(), std::sync::Arc::clone(&tell)));
        let wanted = wanted.into_iter().filter_map(|one| self.kind(&one.name).map(|kind| (one, kind))).collect();
        let looking_after = watch::look_after(manager, wanted, secrets, tell);
        let mut begins = self.wanted.subscribe();
        desk.begin(async move {
            if begins.wait_for(|wanted| *wanted).await.is_ok() {
                looking_after.await;
            }
        });
    }

    /// Gives no lease any more, and closes all. Tells what somebody still holds, and what every resource was in the end.
    #[must_use]
    pub fn close(&self) -> Vec<EventKind> {
        let Some(desk) = &self.desk else { return Vec::new() };
        let manager = self.manager.0.clone();
        let leaks = desk.wait_for(async move { manager.close().await }).unwrap_or_default();
        let leaks = leaks.into_iter().map(|leak| EventKind::ResourceLeaked { leak, ended: true });
        leaks.chain(self.seen()).collect()
    }
}

/// Leaves out the steps whose resources are not there.
pub fn leave_out(plan: &Plan, checks: &[HealthCheck], bases: &mut [Basis]) {
    for (step, basis) in plan.steps.iter().zip(bases) {
        let missing = |name: &String| checks.iter().find(|check| check.name == *name && !check.available);
        if let Some(check) = step.resources.iter().find_map(missing)
            && basis.unavailable.is_none()
        {
            basis.unavailable = Some(format!("{} is not available: {}", check.name, check.details));
        }
    }
}

/// What a look found, as a check of a dependency.
fn health_check(
    wanted: &Wanted,
    kind: ResourceKind,
    report: HealthReport,
    took: Duration,
    secrets: &Secrets,
) -> HealthCheck {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let clean = |text: &str| safe_line(&secrets.redact(text)).into_owned();
    HealthCheck {
        name: wanted.name.clone(),
        kind: Some(kind.word().to_owned()),
        available: matches!(report.health, Health::Healthy | Health::Degraded),
        version: report.version.as_deref().map(clean),
        path: None,
        details: clean(&report.details),
        hint: wanted.spec.hint.clone().or_else(|| report.hint.as_deref().map(clean)),
        required: wanted.required,
        check_time: now.saturating_sub(took).as_secs_f64(),
        took_ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
    }
}
