//! Looking after resources while they are used.

use std::sync::Weak;
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};

use super::error::ResourceError;
use super::health::HealthReport;
use super::ledger::Leak;
use super::manager::Manager;

/// What was found while resources were looked after.
#[derive(Debug, Clone, PartialEq)]
pub enum Finding {
    /// How well a resource is. Told at every look, whatever it found.
    Checked {
        /// Its name.
        resource: String,
        /// What was found.
        report: HealthReport,
    },
    /// A lease is held for longer than the resource's `leak_threshold`. Told once.
    LongHeld(Leak),
    /// A handle that is to be kept ready could not be made.
    NotReady(ResourceError),
}

impl Manager {
    /// Looks after all resources, at once and then every `every`: how well each one is, handles that lay idle for too long
    /// or are to be ready, leases that are held for too long. Ends when the manager is closed or gone.
    pub fn monitor(
        &self,
        every: Duration,
        mut tell: impl FnMut(Finding) + Send + 'static,
    ) -> impl Future<Output = ()> + Send + 'static {
        let (manager, mut closed) = (self.downgrade(), self.closed());
        async move {
            let mut ticks = interval(every.max(Duration::from_millis(1)));
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            let looking = async {
                loop {
                    ticks.tick().await;
                    // Only while it looks: it keeps no manager alive that nobody else has.
                    let Some(inner) = Weak::upgrade(&manager) else { return };
                    for finding in Self::from_inner(inner).look_after().await {
                        tell(finding);
                    }
                }
            };
            tokio::select! {
                _ = closed.wait_for(|closed| *closed) => {}
                () = looking => {}
            }
        }
    }

    async fn look_after(self) -> Vec<Finding> {
        let (checked, failed) = tokio::join!(self.check_all(), self.tend());
        let checked = checked.into_iter().map(|(resource, report)| Finding::Checked { resource, report });
        let long = self.newly_long_held().into_iter().map(Finding::LongHeld);
        checked.chain(failed.into_iter().map(Finding::NotReady)).chain(long).collect()
    }
}
