//! Tells what changes of the resources while a run works.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use indexmap::IndexMap;
use tokio::time::{Instant, MissedTickBehavior, interval_at};

use super::health_check;
use crate::engine::tools::told;
use crate::events::EventKind;
use crate::health::Wanted;
use crate::resources::secret::Secrets;
use crate::resources::settings::ResourceKind;
use crate::resources::{Finding, Health, Manager, ResourceStatus};

/// What is told goes there.
pub(super) type Tell = Arc<dyn Fn(Vec<EventKind>) + Send + Sync>;

/// No oftener is told what changed of a resource.
const TOLD_EVERY: Duration = Duration::from_secs(1);
/// How often it is looked whether they are well.
const LOOK_EVERY: Duration = Duration::from_secs(60);
/// The owners that are told of one; the count is in its metrics.
const OWNERS: usize = 50;

/// Every resource as it is now.
pub(super) fn seen(manager: &Manager, kinds: &IndexMap<String, ResourceKind>) -> Vec<EventKind> {
    manager.status_of_all().into_iter().filter_map(|status| seen_as(status, kinds)).collect()
}

fn seen_as(mut resource: ResourceStatus, kinds: &IndexMap<String, ResourceKind>) -> Option<EventKind> {
    resource.owners.truncate(OWNERS);
    let kind = kinds.get(&resource.name)?.word().to_owned();
    Some(EventKind::ResourceSeen { kind, resource })
}

/// Tells of each resource whenever something of it is other than before, time aside.
pub(super) async fn figures(manager: Manager, kinds: IndexMap<String, ResourceKind>, tell: Tell) {
    let mut told: HashMap<String, ResourceStatus> = HashMap::new();
    let mut ticks = interval_at(Instant::now() + TOLD_EVERY, TOLD_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while !manager.is_closed() {
        let mut events = Vec::new();
        for status in manager.status_of_all() {
            let still = status.timeless();
            let before = told.insert(status.name.clone(), still.clone());
            // The first look is what the run began with: that was told.
            if before.is_some_and(|before| before != still) {
                events.extend(seen_as(status, &kinds));
            }
        }
        if !events.is_empty() {
            tell(events);
        }
        ticks.tick().await;
    }
}

/// Looks after all of them: tells of each whose health is other than at the look before, and of leases held for long.
pub(super) fn look_after(
    manager: &Manager,
    wanted: Vec<(Wanted, ResourceKind)>,
    secrets: Secrets,
    tell: Tell,
) -> impl Future<Output = ()> + Send + 'static {
    let mut before: HashMap<String, Health> =
        manager.status_of_all().into_iter().map(|status| (status.name, status.health.health)).collect();
    manager.monitor(LOOK_EVERY, move |finding| match finding {
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
        // Whoever needs it hears why.
        Finding::NotReady(_) => {}
    })
}
