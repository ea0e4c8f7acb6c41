//! The manager: resources by name, and every lease of them.

use std::any::{TypeId, type_name};
use std::future::Future;
use std::panic::{Location, resume_unwind};
use std::sync::{Arc, PoisonError, RwLock, Weak};
use std::time::Duration;

use indexmap::IndexMap;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::error::ResourceError;
use super::health::{Health, HealthReport};
use super::lease::Lease;
use super::ledger::Leak;
use super::metrics::ResourceStatus;
use super::owner::Owner;
use super::pool::PoolSettings;
use super::provider::{Provider, caught};
use super::registered::Registered;
use super::requirement::{Leases, Requirement};

/// How long leases that are out when the manager closes are waited for.
const CLOSING_PATIENCE: Duration = Duration::from_secs(5);

/// Knows resources by name, and who holds them. Clones are the same manager.
///
/// End it with [`Manager::close`]. When the last clone is dropped without that, the handles are closed all the same, but
/// nobody hears of leaks.
#[derive(Clone, Default)]
pub struct Manager(Arc<Inner>);

#[derive(Default)]
pub(super) struct Inner {
    resources: RwLock<IndexMap<String, Arc<Registered>>>,
    closed: watch::Sender<bool>,
}

impl Inner {
    fn all(&self) -> Vec<Arc<Registered>> {
        self.resources.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    /// Nobody gets a lease any more, what was kept by name is let go, and what is idle is being closed.
    fn shut(&self) -> Vec<(Arc<Registered>, Vec<Leak>)> {
        {
            // Locked, so that nobody makes a resource known after it.
            let _resources = self.resources.write().unwrap_or_else(PoisonError::into_inner);
            self.closed.send_replace(true);
        }
        let shut = |registered: Arc<Registered>| {
            drop(registered.pool().shut());
            let kept = registered.reclaim();
            (registered, kept)
        };
        self.all().into_iter().map(shut).collect()
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.shut();
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
        let mut resources = self.0.resources.write().unwrap_or_else(PoisonError::into_inner);
        if self.is_closed() {
            return Err(ResourceError::closed(name));
        }
        if resources.contains_key(name) {
            return Err(ResourceError::taken(name));
        }
        resources.insert(name.to_owned(), Arc::new(Registered::new(name, Box::new(provider), pool)));
        Ok(())
    }

    /// Forgets the resource, and closes its handles; those that are out are closed when they come back. `false`: there
    /// was none of this name.
    pub async fn unregister(&self, name: &str) -> bool {
        let registered = self.0.resources.write().unwrap_or_else(PoisonError::into_inner).shift_remove(name);
        let Some(registered) = registered else { return false };
        let closing = registered.pool().shut();
        registered.reclaim();
        for one in closing {
            let _ = one.await;
        }
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
        let other_kind = || ResourceError::other_kind(name, type_name::<T>());
        if registered.handle_type() != TypeId::of::<T>() {
            return Err(other_kind());
        }
        let lease = registered.lease(owner, Instant::now(), patience, site).await?;
        lease.downcast().ok_or_else(other_kind)
    }

    /// Leases of all that `requirements` name, or none of them. They are acquired in the order of their names, so that no
    /// two who need the same ones wait for each other. Those that are required are all waited for since the beginning: one
    /// that is late leaves less time for the others. What is spent on one that can be missing is not counted.
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
            let mut began = Instant::now();
            for requirement in sorted {
                let start = Instant::now();
                let since = if requirement.required { began } else { start };
                let had = match self.known(&requirement.name) {
                    Ok(registered) => registered.lease(owner, since, requirement.timeout, site).await,
                    Err(error) => Err(error),
                };
                match had {
                    Ok(lease) => {
                        leases.leases.insert(requirement.name.clone(), lease);
                    }
                    Err(error) if requirement.required => return Err(error),
                    Err(error) => leases.missing.push(error),
                }
                if !requirement.required {
                    began += start.elapsed();
                }
            }
            Ok(leases)
        }
    }

    /// Acquires `name` for `owner` and keeps it until [`Manager::release`] was called as often, or
    /// [`Manager::release_all`]: for hosts that cannot hold a lease.
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
            let _lease = registered.lease(owner, Instant::now(), None, site).await?;
            registered.ledger().keep(owner);
            Ok(())
        }
    }

    /// Lets go once of what was kept of `name` for `owner`. Where nothing was, nothing happens.
    pub fn release(&self, name: &str, owner: &Owner) {
        if let Some(registered) = self.find(name) {
            registered.ledger().release(owner);
        }
    }

    /// The owner has come to an end: lets go of all that was kept for him. What somebody still holds in his name is
    /// returned; it comes back when it is dropped.
    pub fn release_all(&self, owner: &Owner) -> Vec<Leak> {
        self.0.all().iter().filter_map(|registered| registered.let_go(owner)).collect()
    }

    /// Whether `owner` holds `name`.
    #[must_use]
    pub fn has_resource(&self, name: &str, owner: &Owner) -> bool {
        self.find(name).is_some_and(|registered| registered.held_by(owner).is_some())
    }

    /// The lease of `name` that `owner` holds.
    #[must_use]
    pub fn get_resource<T: 'static>(&self, name: &str, owner: &Owner) -> Option<Lease<T>> {
        self.find(name)?.held_by(owner)?.downcast()
    }

    /// Who holds `name`, who has held it longest first.
    #[must_use]
    pub fn owners(&self, name: &str) -> Vec<Owner> {
        let owners =
            |registered: Arc<Registered>| registered.status().owners.into_iter().map(|view| view.owner).collect();
        self.find(name).map(owners).unwrap_or_default()
    }

    /// What is known of `name`.
    #[must_use]
    pub fn status(&self, name: &str) -> Option<ResourceStatus> {
        self.find(name).map(|registered| registered.status())
    }

    /// What is known of all, in the order in which they were made known.
    #[must_use]
    pub fn status_of_all(&self) -> Vec<ResourceStatus> {
        self.0.all().iter().map(|registered| registered.status()).collect()
    }

    /// Those who have held a lease for longer than their resource's `leak_threshold`, each told once.
    #[must_use]
    pub fn newly_long_held(&self) -> Vec<Leak> {
        self.0.all().iter().flat_map(|registered| registered.newly_long_held()).collect()
    }

    /// Looks at `name`: unknown where there is none, and where the look itself came to grief.
    pub async fn check(&self, name: &str) -> HealthReport {
        match self.find(name) {
            Some(registered) => registered.check().await,
            None => HealthReport::unknown(format!("there is no resource '{name}'")),
        }
    }

    /// Looks at `name`: whether it can be worked with now.
    pub async fn validate(&self, name: &str) -> bool {
        matches!(self.check(name).await.health, Health::Healthy | Health::Degraded)
    }

    /// Looks at all of them at the same time. In the order in which they were made known.
    pub async fn check_all(&self) -> Vec<(String, HealthReport)> {
        let looks = self.of_all(|registered| async move {
            let report = registered.check().await;
            (registered.name().to_owned(), report)
        });
        looks.await
    }

    /// Closes handles that lay idle for too long, and makes those that are to be ready.
    pub async fn tend(&self) -> Vec<ResourceError> {
        let tended = self.of_all(|registered| async move { registered.pool().tend().await });
        tended.await.into_iter().filter_map(Result::err).collect()
    }

    /// What comes of `work` for each resource, all at the same time. Dropping it ends them.
    async fn of_all<T: Send + 'static, F: Future<Output = T> + Send + 'static>(
        &self,
        work: impl Fn(Arc<Registered>) -> F,
    ) -> Vec<T> {
        let mut working = JoinSet::new();
        for (place, registered) in self.0.all().into_iter().enumerate() {
            let work = work(registered);
            working.spawn(async move { (place, work.await) });
        }
        let mut done = Vec::with_capacity(working.len());
        while let Some(one) = working.join_next().await {
            done.extend(one);
        }
        done.sort_by_key(|(place, _)| *place);
        done.into_iter().map(|(_, made)| made).collect()
    }

    /// Whether it was closed.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        *self.0.closed.borrow()
    }

    /// Tells when it is closed, or gone.
    pub(super) fn closed(&self) -> watch::Receiver<bool> {
        self.0.closed.subscribe()
    }

    pub(super) fn downgrade(&self) -> Weak<Inner> {
        Arc::downgrade(&self.0)
    }

    pub(super) const fn from_inner(inner: Arc<Inner>) -> Self {
        Self(inner)
    }

    /// Gives nothing any more, lets go of all that it keeps, waits a little for what is out, and closes every handle.
    /// What was kept and not released is returned, and what is out even then.
    pub async fn close(&self) -> Vec<Leak> {
        let resources = self.0.shut();
        let deadline = Instant::now() + CLOSING_PATIENCE;
        let mut leaks = Vec::new();
        for (registered, kept) in resources {
            registered.pool().wait_until_empty(deadline).await;
            let still_held = registered.still_held();
            let is_told = |leak: &Leak| still_held.iter().any(|other| other.owner == leak.owner);
            leaks.extend(kept.into_iter().filter(|leak| !is_told(leak)));
            leaks.extend(still_held);
        }
        leaks
    }
}

/// Runs `work` with a manager of its own, and closes that whatever comes of it: success, failure, panic, and that the
/// future is dropped.
pub async fn scoped<T, F: Future<Output = T>>(work: impl FnOnce(Manager) -> F) -> (T, Vec<Leak>) {
    /// Closes it where nobody waits for that.
    struct Scope(Manager);
    impl Drop for Scope {
        fn drop(&mut self) {
            self.0.0.shut();
        }
    }
    let scope = Scope(Manager::new());
    let made = caught(async { work(scope.0.clone()).await }).await;
    let leaks = scope.0.close().await;
    (made.unwrap_or_else(|panic| resume_unwind(panic)), leaks)
}
