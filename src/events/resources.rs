//! How well resources are, their own figures, and what helps where something is wrong with one.

mod figures;
mod hints;
#[cfg(test)]
mod tests;

use super::RunState;
use crate::resources::{Health, Leak};

pub use figures::{Amount, Figure, chief, figures};
pub use hints::{Hint, REACHABLE, Trouble, hints};

/// How well a resource is, as far as anybody has looked.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Found<'a> {
    /// How well.
    pub health: Health,
    /// What was found.
    pub details: &'a str,
    /// The server's version.
    pub version: Option<&'a str>,
    /// What to do about it.
    pub hint: Option<&'a str>,
    /// When that was found, in milliseconds since the run's start.
    pub at: u64,
}

impl RunState {
    /// How well the resource is: what was told last.
    #[must_use]
    pub fn health_of(&self, resource: &str) -> Option<Found<'_>> {
        let view = self.resources.get(resource);
        let seen = view.map(|view| {
            let report = &view.status.health;
            Found {
                health: report.health,
                details: &report.details,
                version: report.version.as_deref(),
                hint: report.hint.as_deref(),
                // Told with what it does, which may be much later.
                at: view
                    .status
                    .metrics
                    .since_health_check
                    .map_or(view.at, |since| view.at.saturating_sub((since * 1000.0) as u64)),
            }
        });
        let checked = self.dependencies.get(resource).map(|view| Found {
            health: if view.available { Health::Healthy } else { Health::Unhealthy },
            details: &view.details,
            version: view.version.as_deref(),
            hint: view.hint.as_deref(),
            at: view.checked,
        });
        match (seen, checked) {
            // Whoever saw it later knows more; that it works, but not well, only a look at the resource itself tells.
            (Some(seen), Some(checked)) if seen.health != Health::Unknown => {
                Some(match (seen.health, checked.health) {
                    (seen_as, checked_as) if seen_as == checked_as => {
                        Found { at: checked.at.max(seen.at), hint: seen.hint.or(checked.hint), ..seen }
                    }
                    (Health::Degraded, Health::Healthy) => seen,
                    _ if seen.at >= checked.at => seen,
                    _ => checked,
                })
            }
            (seen, checked) => checked.or(seen),
        }
    }

    /// The leases of the resource that were held for too long, and whether their owner had come to an end.
    pub fn leaks_of<'a>(&'a self, resource: &'a str) -> impl Iterator<Item = &'a (Leak, bool)> {
        self.leaks.iter().filter(move |(leak, _)| leak.resource == resource)
    }
}
