//! A resource that a manager knows: its pool, those who hold it, and how well it is.

use std::any::TypeId;
use std::panic::Location;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, timeout, timeout_at};

use super::error::ResourceError;
use super::health::{Health, HealthReport};
use super::lease::{AnyLease, Held};
use super::ledger::{Leak, Ledger, OwnerView, Wish};
use super::metrics::{Metrics, ResourceStatus};
use super::owner::Owner;
use super::pool::{Pool, PoolSettings, Wait};
use super::provider::AnyProvider;

/// The longest that a look at a resource may take.
const CHECK_PATIENCE: Duration = Duration::from_secs(10);

/// A resource that is known.
pub(super) struct Registered {
    name: Arc<str>,
    pool: Arc<Pool>,
    ledger: Arc<Ledger<Held>>,
    health: Mutex<HealthReport>,
}

impl Registered {
    pub(super) fn new(name: &str, provider: Box<dyn AnyProvider>, pool: PoolSettings) -> Self {
        Self {
            name: name.into(),
            pool: Pool::new(name, provider, pool),
            ledger: Arc::default(),
            health: Mutex::default(),
        }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn pool(&self) -> &Arc<Pool> {
        &self.pool
    }

    pub(super) fn ledger(&self) -> &Ledger<Held> {
        &self.ledger
    }

    pub(super) fn handle_type(&self) -> TypeId {
        self.pool.provider().handle_type()
    }

    /// A lease for `owner`, who waits since `began`, for `patience` or as long as the pool says; the one that he has.
    pub(super) async fn lease(
        &self,
        owner: &Owner,
        began: Instant,
        patience: Option<Duration>,
        site: &'static Location<'static>,
    ) -> Result<AnyLease, ResourceError> {
        let wait = Wait { began, patience: patience.unwrap_or(self.pool.settings().acquire_timeout) };
        let claim = loop {
            match self.ledger.wish(owner) {
                Wish::Held(held) => return Ok(AnyLease::new(held)),
                Wish::New(claim) => break claim,
                Wish::Under(done) => {
                    if timeout_at(wait.end(), done).await.is_err() {
                        return Err(self.refused(wait, self.pool.late(wait)));
                    }
                }
            }
        };
        let out = self.pool.acquire(wait).await.map_err(|error| self.refused(wait, error))?;
        self.pool.count_wish(wait, None);
        let held = Arc::new(Held::new(out, owner.clone(), Arc::clone(&self.ledger)));
        claim.settle(&held, site);
        Ok(AnyLease::new(held))
    }

    /// The lease that `owner` has.
    pub(super) fn held_by(&self, owner: &Owner) -> Option<AnyLease> {
        self.ledger.of(owner).map(AnyLease::new)
    }

    /// Counts a wish that came to nothing, and names who holds what was wanted.
    fn refused(&self, wait: Wait, error: ResourceError) -> ResourceError {
        self.pool.count_wish(wait, Some(&error));
        match self.ledger.holders().first() {
            Some((owner, held, _)) if error.is_timeout() => error.held_by(owner, *held),
            _ => error,
        }
    }

    /// Lets go of all that was kept for `owner`. Still held by somebody in his name: that.
    pub(super) fn let_go(&self, owner: &Owner) -> Option<Leak> {
        let (held, site) = self.ledger.let_go(owner)?;
        Some(self.leak(owner, held, site))
    }

    /// Lets go of all that was kept and not released.
    pub(super) fn reclaim(&self) -> Vec<Leak> {
        self.leaks(&self.ledger.reclaim())
    }

    /// All that is out.
    pub(super) fn still_held(&self) -> Vec<Leak> {
        self.leaks(&self.ledger.holders())
    }

    /// Those who have held a lease for longer than the pool's `leak_threshold`, each told once.
    pub(super) fn newly_long_held(&self) -> Vec<Leak> {
        let threshold = self.pool.settings().leak_threshold;
        threshold.map(|threshold| self.leaks(&self.ledger.newly_long(threshold))).unwrap_or_default()
    }

    fn leaks(&self, holders: &[(Owner, Duration, &'static Location<'static>)]) -> Vec<Leak> {
        holders.iter().map(|(owner, held, site)| self.leak(owner, *held, site)).collect()
    }

    fn leak(&self, owner: &Owner, held: Duration, site: &Location<'_>) -> Leak {
        let (resource, acquired_at) = (self.name.to_string(), site.to_string());
        Leak { resource, owner: owner.clone(), held: held.as_secs_f64(), acquired_at }
    }

    pub(super) fn status(&self) -> ResourceStatus {
        let view = |(owner, held, _): (Owner, Duration, _)| OwnerView { owner, held: held.as_secs_f64() };
        ResourceStatus {
            name: self.name.to_string(),
            metrics: Metrics { active_connections: self.ledger.len(), ..self.pool.metrics() },
            owners: self.ledger.holders().into_iter().map(view).collect(),
            health: self.health.lock().unwrap_or_else(PoisonError::into_inner).clone(),
        }
    }

    /// Looks how well it is.
    pub(super) async fn check(&self) -> HealthReport {
        let report = match timeout(CHECK_PATIENCE, self.pool.provider().check()).await {
            Ok(Ok(report)) => report,
            Ok(Err(fault)) => HealthReport::unhealthy(fault.message, fault.hint),
            Err(_) => HealthReport::unhealthy(format!("no answer within {} s", CHECK_PATIENCE.as_secs()), None),
        };
        let is_bad = matches!(report.health, Health::Unhealthy);
        self.pool.count(|tally| {
            tally.failed_checks += u64::from(is_bad);
            tally.last_checked = Some(Instant::now());
        });
        self.health.lock().unwrap_or_else(PoisonError::into_inner).clone_from(&report);
        report
    }
}
