//! Why a resource could not be had.

use std::fmt;
use std::time::Duration;

use super::owner::Owner;
use crate::resilience::fault::ACQUIRE_TIMEOUT;
use crate::resilience::{Fault, FaultClass};

/// What was being done with the resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// It was made known to the manager.
    Register,
    /// Somebody wanted a lease.
    Acquire,
    /// A handle was made: connected, opened, logged in.
    Create,
    /// It was looked at.
    Check,
}

impl Operation {
    /// As messages write it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Register => "register",
            Self::Acquire => "acquire",
            Self::Create => "create",
            Self::Check => "check",
        }
    }
}

/// Why a resource could not be had. The caller may try again, or go on without.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResourceError {
    /// The resource's name.
    pub resource: String,
    /// What was being done.
    pub operation: Operation,
    /// Why it failed, and whose account that goes to.
    pub fault: Fault,
}

impl ResourceError {
    pub(super) fn new(resource: &str, operation: Operation, fault: Fault) -> Self {
        Self { resource: resource.to_owned(), operation, fault: fault.of_resource(resource) }
    }

    /// There is no resource of this name.
    pub(super) fn unknown(resource: &str) -> Self {
        let message = format!("there is no resource '{resource}'");
        Self::new(resource, Operation::Acquire, Fault::new(FaultClass::Bug, "resource-unknown", message))
    }

    /// The manager is closed, or the resource was taken from it.
    pub(super) fn closed(resource: &str) -> Self {
        let message = format!("'{resource}' is closed");
        Self::new(resource, Operation::Acquire, Fault::new(FaultClass::Cancelled, "resource-closed", message))
    }

    /// The resource hands out something else than was asked for.
    pub(super) fn other_kind(resource: &str, wanted: &str) -> Self {
        let message = format!("'{resource}' is no {wanted}");
        Self::new(resource, Operation::Acquire, Fault::new(FaultClass::Bug, "resource-kind", message))
    }

    /// A name that is taken.
    pub(super) fn taken(resource: &str) -> Self {
        let message = format!("there is a resource '{resource}' already");
        Self::new(resource, Operation::Register, Fault::new(FaultClass::Bug, "resource-taken", message))
    }

    /// All `max` handles were out for as long as somebody was ready to wait.
    pub(super) fn timeout(resource: &str, waited: Duration, max: u32) -> Self {
        let (message, hint) = if waited.is_zero() {
            let message = format!("all {max} of '{resource}' are in use, and nobody was to wait");
            (message, "raise its max_size, or give it an acquire_timeout")
        } else {
            let message = format!("no '{resource}' came free within {} s: all {max} are in use", waited.as_secs_f64());
            (message, "raise its acquire_timeout or its max_size, or hold it for a shorter time")
        };
        let fault = Fault::new(FaultClass::Transient, ACQUIRE_TIMEOUT, message).with_hint(hint);
        Self::new(resource, Operation::Acquire, fault)
    }

    /// Whether all handles were out for as long as somebody was ready to wait.
    #[must_use]
    pub fn is_timeout(&self) -> bool {
        self.fault.cause == ACQUIRE_TIMEOUT
    }

    /// The same, where `owner` holds the resource for longer than all others.
    pub(super) fn held_by(mut self, owner: &Owner, held: Duration) -> Self {
        use fmt::Write;
        let _ = write!(self.fault.message, "; {owner} holds it for {:.1} s", held.as_secs_f64());
        self
    }

    /// A handle was not made within the time that was left.
    pub(super) fn slow(resource: &str, limit: Duration) -> Self {
        let message = format!("'{resource}' did not answer within {} s", limit.as_secs_f64());
        let fault = Fault::new(FaultClass::Dependency, "connect-timeout", message)
            .with_hint("check that the server runs and can be reached from here, or raise acquire_timeout");
        Self::new(resource, Operation::Create, fault)
    }
}

impl fmt::Display for ResourceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.fault.message)
    }
}

impl std::error::Error for ResourceError {}

impl From<ResourceError> for Fault {
    fn from(error: ResourceError) -> Self {
        error.fault
    }
}
