//! How well a resource is.

use serde::{Deserialize, Serialize};

/// How well a resource is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Health {
    /// Nobody has looked yet, or nobody could.
    #[default]
    Unknown,
    /// It does its work.
    Healthy,
    /// It works, and something is wrong: slow, near a limit, one of several servers gone.
    Degraded,
    /// It does not work.
    Unhealthy,
}

impl Health {
    /// As files and screens write it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Healthy => "healthy",
            Self::Degraded => "degraded",
            Self::Unhealthy => "unhealthy",
        }
    }
}

/// What a look at a resource found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HealthReport {
    /// How well it is.
    pub health: Health,
    /// The server's version, where it tells one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// What was found. A fragment, without a secret.
    pub details: String,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

impl HealthReport {
    /// What to do where nothing better is known.
    const HINT: &'static str = "check that the server runs and can be reached from here, and its credentials";

    /// It does its work.
    pub fn healthy(details: impl Into<String>) -> Self {
        Self { health: Health::Healthy, details: details.into(), ..Self::default() }
    }

    /// It does not work: why, and what to do about it.
    pub fn unhealthy(details: impl Into<String>, hint: Option<String>) -> Self {
        let hint = hint.or_else(|| Some(Self::HINT.to_owned()));
        Self { health: Health::Unhealthy, details: details.into(), hint, version: None }
    }

    /// Nobody could look: why.
    pub fn unknown(details: impl Into<String>) -> Self {
        Self { details: details.into(), ..Self::default() }
    }

    /// It works, and something is wrong.
    pub fn degraded(details: impl Into<String>) -> Self {
        Self { health: Health::Degraded, details: details.into(), ..Self::default() }
    }
}
