//! The manager: resources by name, and every lease of them.

use std::any::{TypeId, type_name};
use std::collections::BTreeMap;
use std::future::Future;
use std::panic::Location;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use indexmap::IndexMap;
use tokio::time::Instant;

use super::error::ResourceError;
use super::health::{Health, HealthReport};
use super::lease::{AnyLease, Held, Lease};
use super::ledger::{Leak, Ledger};
use super::metrics::{Metrics, ResourceStatus};
use super::owner::Owner;
use super::pool::{Pool, PoolSettings};
use super::provider::Provider;

/// The longest that a look at a resource may take.
const CHECK_PATIENCE: Duration = Duration::from_secs(10);
/// How long leases that are out when the manager closes are waited for.
const CLOSING_PATIENCE: Duration = Duration::from_secs(5);

/// Knows resources by name, and who holds them. Clones are the same manager.
#[derive(Clone, Default)]
pub struct Manager(Arc<Inner>);

#[derive(Default)]
struct Inner {
    resources: RwLock<IndexMap<String, Arc<Registered>>>,
    closed: AtomicBool,
}

/// A resource that is known.
pub(super) struct Registered {
    pub(super) pool: Arc<Pool>,
    pub(super) ledger: Ledger,
    health: Mutex<HealthReport>,
}

/// One resource of several that somebody needs together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Requirement {
    /// Its name.
    pub name: String,
    /// Whether all the others are worth nothing without it.
    pub required: bool,
    /// The longest that it is waited for; the pool's own time where that is nothing.
    pub timeout: Option<Duration>,
}

impl Requirement {
    /// The resource `name`, without which nothing goes on.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), required: true, timeout: None }
    }

    /// The same, which one can do without.
    #[must_use]
    pub fn optional(self) -> Self {
        Self { required: false, ..self }
    }
}

/// Leases of several resources.
#[derive(Debug, Default)]
pub struct Leases {
    leases: BTreeMap<String, AnyLease>,
    /// Why those are missing that one can do without.
    pub missing: Vec<ResourceError>,
}

impl Leases {
    /// The lease of the resource `name`.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&AnyLease> {
        self.leases.get(name)
    }
}

impl Registered {
    fn set_health(&self, report: &HealthReport) {
        self.health.lock().unwrap_or_else(PoisonError::into_inner).clone_from(report);
    }

    fn health(&self) -> HealthReport {
        self.health.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn leak(&self, name: &str, owner: &Owner, held: Duration, site: &Location<'_>) -> Leak {
        Leak {
            resource: name.to_owned(),
            owner: owner.clone(),
            held: held.as_secs_f64(),
            acquired_at: site.to_string(),
        }
    }

    async fn lease(
        self: &Arc<Self>,
        owner: &Owner,
        patience: Option<Duration>,
        site: &'static Location<'static>,
    ) -> Result<Arc<Held>, ResourceError> {
        if let Some(held) = self.ledger.of(owner) {
            return Ok(held);
        }
        let out = self.pool.acquire(patience).await?;
        let held = Arc::new(Held::new(out, owner.clone(), Arc::clone(self)));
        Ok(self.ledger.note(owner, held, site))
    }

    fn status(&self, name: &str) -> ResourceStatus {
        ResourceStatus {
            name: name.to_owned(),
            metrics: Metrics { active_connections: self.ledger.len(), ..self.pool.metrics() },
            owners: self.ledger.views(),
            health: self.health(),
        }
    }
}

impl Manager {
    /// A manager that knows nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes `provider` known as `name`.
    ///
    /// # Errors
    /// That the name is taken, or the manager closed.
    pub fn register(&self, name: &str, provider: impl Provider, pool: PoolSettings) -> Result<(), ResourceError> {
        if self.is_closed() {
            return Err(ResourceError::closed(name));
        }
        let mut resources = self.0.resources.write().unwrap_or_else(PoisonError::into_inner);
        if resources.contains_key(name) {
            return Err(ResourceError::taken(name));
        }
        let pool = Pool::new(name, Box::new(provider), pool);
        let registered = Registered { pool, ledger: Ledger::default(), health: Mutex::default() };
        resources.insert(name.to_owned(), Arc::new(registered));
        Ok(())
    }

    /// Forgets the resource, and closes its handles; those that are out are closed when they come back. `false`: there
    /// was none of this name.
    pub async fn unregister(&self, name: &str) -> bool {
        let registered = self.0.resources.write().unwrap_or_else(PoisonError::into_inner).shift_remove(name);
        let Some(registered) = registered else { return false };
        for owner in registered.ledger.owners() {
            registered.ledger.let_go(&owner);
        }
        registered.pool.close().await;
        true
    }

    /// The names, in the order in which they were made known.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        self.0.resources.read().unwrap_or_else(PoisonError::into_inner).keys().cloned().collect()
    }

    fn find(&self, name: &str) -> Option<Arc<Registered>> {
        self.0.resources.read().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    fn known(&self, name: &str) -> Result<Arc<Registered>, ResourceError> {
        if self.is_closed() {
            return Err(ResourceError::closed(name));
        }
        self.find(name).ok_or_else(|| ResourceError::unknown(name))
    }

    /// A lease of `name` for `owner`; the same handle where he has one already. Dropping the future leaves the queue.
    ///
    /// # Errors
    /// That there is none of this name and type, that none came free in time, or why none could be made.
    #[track_caller]
    pub fn acquire<T: Send + Sync + 'static>(
        &self,
        name: &str,
        owner: &Owner,
    ) -> impl Future<Output = Result<Lease<T>, ResourceError>> + Send {
        self.acquire_at(name, owner, None, Location::caller())
    }

    /// The same, for one who waits no longer than `patience`; zero is not at all.
    ///
    /// # Errors
    /// Those of [`Manager::acquire`].
    #[track_caller]
    pub fn acquire_within<T: Send + Sync + 'static>(
        &self,
        name: &str,
        owner: &Owner,
        patience: Duration,
    ) -> impl Future<Output = Result<Lease<T>, ResourceError>> + Send {
        self.acquire_at(name, owner, Some(patience), Location::caller())
    }

    async fn acquire_at<T: Send + Sync + 'static>(
        &self,
        name: &str,
        owner: &Owner,
        patience: Option<Duration>,
        site: &'static Location<'static>,
    ) -> Result<Lease<T>, ResourceError> {
        let registered = self.known(name)?;
        if registered.pool.provider().handle_type() != TypeId::of::<T>() {
            return Err(ResourceError::other_kind(name, type_name::<T>()));
        }
        let held = registered.lease(owner, patience, site).await?;
        AnyLease(held).downcast().ok_or_else(|| ResourceError::other_kind(name, type_name::<T>()))
    }

    /// Leases of all that `requirements` name, or none of them. They are acquired in the order of their names, so that no
    /// two who need the same ones wait for each other.
    ///
    /// # Errors
    /// Why one that is required could not be had; what was acquired before it has gone back.
    #[track_caller]
    pub fn acquire_all<'a>(
        &'a self,
        requirements: &'a [Requirement],
        owner: &'a Owner,
    ) -> impl Future<Output = Result<Leases, ResourceError>> + Send + 'a {
        let site = Location::caller();
        async move {
            let mut sorted: Vec<&Requirement> = requirements.iter().collect();
            sorted.sort_by(|a, b| a.name.cmp(&b.name));
            let mut leases = Leases::default();
            for requirement in sorted {
                let had = match self.known(&requirement.name) {
                    Ok(registered) => registered.lease(owner, requirement.timeout, site).await,
                    Err(error) => Err(error),
                };
                match had {
                    Ok(held) => {
                        leases.leases.insert(requirement.name.clone(), AnyLease(held));
                    }
                    Err(error) if requirement.required => return Err(error),
                    Err(error) => leases.missing.push(error),
                }
            }
            Ok(leases)
        }
    }

    /// Acquires `name` for `owner` and keeps it until [`Manager::release`] or [`Manager::release_all`]: for hosts that
    /// cannot hold a lease.
    ///
    /// # Errors
    /// Those of [`Manager::acquire`].
    #[track_caller]
    pub fn hold<'a>(
        &'a self,
        name: &'a str,
        owner: &'a Owner,
    ) -> impl Future<Output = Result<(), ResourceError>> + Send + 'a {
        let site = Location::caller();
        async move {
            let registered = self.known(name)?;
            let held = registered.lease(owner, None, site).await?;
            registered.ledger.keep(owner);
            drop(held);
            Ok(())
        }
    }

    /// Lets go of what was kept of `name` for `owner`. Where nothing was, nothing happens.
    pub fn release(&self, name: &str, owner: &Owner) {
        if let Some(registered) = self.find(name) {
            registered.ledger.let_go(owner);
        }
    }

    /// The owner has come to an end: lets go of all that was kept for him. What somebody still holds in his name is
    /// returned; it comes back when it is dropped.
    pub fn release_all(&self, owner: &Owner) -> Vec<Leak> {
        let resources = self.all();
        let still_held = resources.iter().filter_map(|(name, registered)| {
            let (held, site) = registered.ledger.let_go(owner)?;
            Some(registered.leak(name, owner, held, site))
        });
        still_held.collect()
    }

    /// Whether `owner` holds `name`.
    #[must_use]
    pub fn has_resource(&self, name: &str, owner: &Owner) -> bool {
        self.find(name).is_some_and(|registered| registered.ledger.of(owner).is_some())
    }

    /// The lease of `name` that `owner` holds.
    #[must_use]
    pub fn get_resource<T: 'static>(&self, name: &str, owner: &Owner) -> Option<Lease<T>> {
        AnyLease(self.find(name)?.ledger.of(owner)?).downcast()
    }

    /// Who holds `name`.
    #[must_use]
    pub fn owners(&self, name: &str) -> Vec<Owner> {
        self.find(name).map(|registered| registered.ledger.owners()).unwrap_or_default()
    }

    /// What is known of `name`.
    #[must_use]
    pub fn status(&self, name: &str) -> Option<ResourceStatus> {
        self.find(name).map(|registered| registered.status(name))
    }

    /// What is known of all, in the order in which they were made known.
    #[must_use]
    pub fn status_of_all(&self) -> Vec<ResourceStatus> {
        self.all().iter().map(|(name, registered)| registered.status(name)).collect()
    }

    /// Those who have held a lease for longer than their resource's `leak_threshold`, each told once.
    #[must_use]
    pub fn newly_long_held(&self) -> Vec<Leak> {
        let mut long = Vec::new();
        for (name, registered) in self.all() {
            let Some(threshold) = registered.pool.settings().leak_threshold else { continue };
            let held = registered.ledger.newly_long(threshold);
            long.extend(held.iter().map(|(owner, held, site)| registered.leak(&name, owner, *held, site)));
        }
        long
    }

    /// Looks at `name`: unknown where there is none, and where the look itself came to grief.
    pub async fn check(&self, name: &str) -> HealthReport {
        let Some(registered) = self.find(name) else {
            let details = format!("there is no resource '{name}'");
            return HealthReport { details, ..HealthReport::default() };
        };
        let looked = Arc::clone(&registered);
        // In a task of its own: a provider that panics takes nobody along.
        let look =
            tokio::spawn(async move { tokio::time::timeout(CHECK_PATIENCE, looked.pool.provider().check()).await });
        let unhealthy = |details: String, hint: Option<String>| HealthReport {
            health: Health::Unhealthy,
            details,
            hint,
            version: None,
        };
        let report = match look.await {
            Ok(Ok(Ok(report))) => report,
            Ok(Ok(Err(fault))) => unhealthy(fault.message, fault.hint),
            Ok(Err(_)) => unhealthy(
                format!("no answer within {} s", CHECK_PATIENCE.as_secs()),
                Some("check that the server runs and can be reached from here".to_owned()),
            ),
            Err(_) => HealthReport { details: "the look at it came to grief".to_owned(), ..HealthReport::default() },
        };
        if matches!(report.health, Health::Unhealthy) {
            registered.pool.count(|tally| tally.failed_checks += 1);
        }
        registered.set_health(&report);
        report
    }

    /// Looks at all of them at the same time.
    pub async fn check_all(&self) -> Vec<(String, HealthReport)> {
        let looks: Vec<_> = self
            .names()
            .into_iter()
            .map(|name| {
                let manager = self.clone();
                tokio::spawn(async move {
                    let report = manager.check(&name).await;
                    (name, report)
                })
            })
            .collect();
        let mut found = Vec::with_capacity(looks.len());
        for look in looks {
            found.extend(look.await);
        }
        found
    }

    /// Closes handles that lay idle for too long, and makes those that are to be ready.
    pub async fn tend(&self) -> Vec<ResourceError> {
        let mut failed = Vec::new();
        for (_, registered) in self.all() {
            failed.extend(registered.pool.tend().await.err());
        }
        failed
    }

    /// Whether it was closed.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.0.closed.load(Ordering::Relaxed)
    }

    /// Gives nothing any more, lets go of all that it keeps, waits a little for what is out, and closes every handle.
    /// What is out even then is returned.
    pub async fn close(&self) -> Vec<Leak> {
        self.0.closed.store(true, Ordering::Relaxed);
        let resources = self.all();
        for (_, registered) in &resources {
            for owner in registered.ledger.owners() {
                registered.ledger.let_go(&owner);
            }
            registered.pool.close().await;
        }
        let deadline = Instant::now() + CLOSING_PATIENCE;
        let mut leaks = Vec::new();
        for (name, registered) in &resources {
            registered.pool.wait_until_empty(deadline).await;
            for owner in registered.ledger.owners() {
                if let Some((held, site)) = registered.ledger.let_go(&owner) {
                    leaks.push(registered.leak(name, &owner, held, site));
                }
            }
        }
        leaks
    }

    fn all(&self) -> Vec<(String, Arc<Registered>)> {
        let resources = self.0.resources.read().unwrap_or_else(PoisonError::into_inner);
        resources.iter().map(|(name, registered)| (name.clone(), Arc::clone(registered))).collect()
    }
}

/// Runs `work` with a manager of its own, and closes that whatever comes of it.
pub async fn scoped<T, F: Future<Output = T>>(work: impl FnOnce(Manager) -> F) -> (T, Vec<Leak>) {
    let manager = Manager::new();
    let made = work(manager.clone()).await;
    let leaks = manager.close().await;
    (made, leaks)
}
