//! Several resources that somebody needs together.

use std::collections::BTreeMap;
use std::time::Duration;

use super::error::ResourceError;
use super::lease::AnyLease;

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

    /// The same, waited for no longer than `timeout`.
    #[must_use]
    pub fn within(self, timeout: Duration) -> Self {
        Self { timeout: Some(timeout), ..self }
    }
}

/// Leases of several resources.
#[derive(Debug, Default)]
pub struct Leases {
    pub(super) leases: BTreeMap<String, AnyLease>,
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
