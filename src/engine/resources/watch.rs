//! Tells what changes of the resources while a run works.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use indexmap::IndexMap;
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep};

use super::health_check;
use crate::engine::tools::told;
use crate::events::EventKind;
use crate::health::Wanted;
use crate::resources::secret::Secrets;
use crate::resources::settings::ResourceKind;
use crate::resources::{Finding, Health, Manager, ResourceStatus};

/// What is told goes there.
pub(super) type Tell = Arc<dyn Fn(Vec<EventKind>) + Send + Sync>;

/// How often it is looked whether something of a resource has changed.
const LOOK_AT_FIGURES: Duration = Duration::from_secs(1);
/// Of a resource that changes all the time it is told every so many looks,
const TOLD_EVERY: u32 = 5;
/// but so often at once after it was quiet.
const AT_ONCE: u32 = 20;
/// How often it is looked whether they are well.
const LOOK_EVERY: Duration = Duration::from_secs(60);
/// The owners that are told of one; the count is in its metrics.
const OWNERS: usize = 8;

/// A resource as it is told.
pub(super) fn seen(mut resource: ResourceStatus, kinds: &IndexMap<String, ResourceKind>) -> Option<EventKind> {
    resource.owners.truncate(OWNERS);
    let kind = kinds.get(&resource.name)?.word().to_owned();
    Some(EventKind::ResourceSeen { kind, resource })
}

/// What was told of a resource, and how often it may be.
#[derive(Debug)]
pub(super) struct Telling {
    /// Without what changes by itself.
    told: ResourceStatus,
    /// When it was looked how well it is, as far as that was told.
    checked: Option<Instant>,
    /// Looks that count for the tellings to come.
    credit: u32,
}

impl Telling {
    pub(super) fn new(told: &ResourceStatus, now: Instant) -> Self {
        Self { told: told.timeless(), checked: checked(told, now), credit: TOLD_EVERY * AT_ONCE }
    }

    /// Whether this, a look later, is to be told: something of it is other than what was told, or somebody has looked how
    /// well it is, so that how long ago that was is known.
    pub(super) fn is_due(&mut self, status: &ResourceStatus, now: Instant) -> bool {
        self.credit = (self.credit + 1).min(TOLD_EVERY * AT_ONCE);
        if self.credit < TOLD_EVERY {
            return false;
        }
        let (still, checked) = (status.timeless(), checked(status, now));
        // The time is found out anew at each look: a little more or less is the same.
        let looked_again = checked > self.checked.map(|before| before + LOOK_AT_FIGURES);
        if still == self.told && !looked_again {
            return false;
        }
        self.credit -= TOLD_EVERY;
        (self.told, self.checked) = (still, checked);
        true
    }
}

fn checked(status: &ResourceStatus, now: Instant) -> Option<Instant> {
    now.checked_sub(Duration::from_secs_f64(status.metrics.since_health_check?))
}

/// Tells of each resource when something of it is other than before, time aside.
pub(super) async fn figures(manager: Manager, kinds: IndexMap<String, ResourceKind>, tell: Tell) {
    let mut telling: HashMap<String, Telling> = HashMap::new();
    let mut ticks = interval_at(Instant::now() + LOOK_AT_FIGURES, LOOK_AT_FIGURES);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while !manager.is_closed() {
        let (mut events, now) = (Vec::new(), Instant::now());
        for status in manager.status_of_all() {
            // The first look is what the run began with: that was told.
            let of_it = telling.entry(status.name.clone()).or_insert_with(|| Telling::new(&status, now));
            if of_it.is_due(&status, now) {
                events.extend(seen(status, &kinds));
            }
        }
        if !events.is_empty() {
            tell(events);
        }
        ticks.tick().await;
    }
}

/// Looks after all of them: tells of each whose health is other than at the look before, and of leases held for long. The run
/// has just looked how well they are, so the first look comes later.
pub(super) async fn look_after(manager: Manager, wanted: Vec<(Wanted, ResourceKind)>, secrets: Secrets, tell: Tell) {
    let mut before: HashMap<String, Health> =
        manager.status_of_all().into_iter().map(|status| (status.name, status.health.health)).collect();
    // Whoever needs one that cannot be made ready hears why.
    drop(manager.tend().await);
    sleep(LOOK_EVERY).await;
    let monitoring = manager.monitor(LOOK_EVERY, move |finding| match finding {
        Finding::Checked { resource, report } => {
            let health = report.health;
            let Some((wanted, kind)) = wanted.iter().find(|(wanted, _)| wanted.name == resource) else { return };
            if before.insert(resource, health) == Some(health) {
                return;
            }
            let check = health_check(wanted, *kind, report, Duration::ZERO, &secrets);
            let mut events = vec![told(&check)];
            if health != Health::Healthy {
                let message = format!("{} is {}: {}", check.name, health.word(), check.details);
                events.push(EventKind::Warning { message, item: None });
            }
            tell(events);
        }
        Finding::LongHeld(leak) => tell(vec![EventKind::ResourceLeaked { leak, ended: false }]),
        Finding::NotReady(_) => {}
    });
    // It keeps no manager alive.
    drop(manager);
    monitoring.await;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(acquired: u64, since_check: f64) -> ResourceStatus {
        let mut status = ResourceStatus { name: "notes".into(), ..ResourceStatus::default() };
        (status.metrics.total_acquisitions, status.metrics.since_health_check) = (acquired, Some(since_check));
        status
    }

    /// The seconds of an hour at which something was told, where this is what is seen.
    fn told(seen: impl Fn(u64) -> ResourceStatus) -> Vec<u64> {
        let start = Instant::now();
        let mut telling = Telling::new(&seen(0), start);
        (1..=3600).filter(|second| telling.is_due(&seen(*second), start + Duration::from_secs(*second))).collect()
    }

    #[test]
    fn a_busy_resource_is_told_of_at_once_and_then_every_few_seconds() {
        let busy = told(|second| status(second, second as f64));
        assert_eq!(busy[..10], [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
        assert!(busy.len() <= 3600 / 5 + 20, "{}", busy.len());
        let longest = busy.windows(2).map(|pair| pair[1] - pair[0]).max();
        assert_eq!(longest, Some(5));
        // What changes once is told, whenever that is.
        assert_eq!(told(|second| status(u64::from(second >= 1800), second as f64)), [1800]);
    }

    #[test]
    fn of_one_at_rest_only_that_somebody_looked_is_told() {
        assert_eq!(told(|second| status(7, second as f64 + 0.1)), Vec::<u64>::new());
        let looked_at = told(|second| status(7, (second % 60) as f64));
        assert_eq!((looked_at.len(), looked_at[0]), (60, 60));
    }
}
