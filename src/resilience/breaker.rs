//! The circuit breaker of one dependency: a machine without a clock of its own.
//!
//! Times are passed in, as the time since some start on a clock that never goes back. It has one owner; nothing here
//! locks. The generation goes up at every transition, so that an outcome of a call that was let through under an
//! earlier state can neither open, close nor prolong anything.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::fault::{ACQUIRE_TIMEOUT, THROTTLED, UNFIT};
use super::{Fault, FaultClass};

/// When a breaker opens, probes and closes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BreakerSettings {
    /// Consecutive failures that open it.
    pub failure_threshold: u32,
    /// How long it stays open before one call may probe.
    pub recovery_timeout: Duration,
    /// Successes that close it again.
    pub success_threshold: u32,
}

impl Default for BreakerSettings {
    fn default() -> Self {
        Self { failure_threshold: 5, recovery_timeout: Duration::from_secs(60), success_threshold: 2 }
    }
}

/// The settings of the dependency `name` where the pipeline says nothing of it.
#[must_use]
pub fn presets(name: &str) -> BreakerSettings {
    match name {
        "demucs" | "basic-pitch" | "basic_pitch" => {
            BreakerSettings { failure_threshold: 3, recovery_timeout: Duration::from_secs(120), success_threshold: 1 }
        }
        _ => BreakerSettings::default(),
    }
}

/// Whether calls go through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BreakerState {
    /// Every call goes through.
    Closed,
    /// None does.
    Open,
    /// One at a time does, to see whether the dependency is well again.
    HalfOpen,
}

impl fmt::Display for BreakerState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Closed => "CLOSED",
            Self::Open => "OPEN",
            Self::HalfOpen => "HALF_OPEN",
        })
    }
}

/// Leave for one call. It goes back with [`Breaker::settle`], whatever became of the call.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "a ticket that is never settled holds up a half-open breaker until its lease ends"]
pub struct Ticket {
    /// The generation that it was given in.
    pub generation: u64,
    /// Whether the call is the one that finds out if the dependency is well again.
    pub probe: bool,
    /// What giving it changed: an open breaker became half open.
    pub transition: Option<Transition>,
}

/// How a call ended, as far as the dependency is concerned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The dependency did what it should.
    Success,
    /// It did not, and why.
    Failure(String),
    /// The call tells nothing of the dependency.
    Neutral,
}

impl Outcome {
    /// The account that `fault` is charged to: see [`FaultClass`].
    #[must_use]
    pub fn of(fault: &Fault) -> Self {
        match fault.class {
            FaultClass::Transient if [ACQUIRE_TIMEOUT, THROTTLED, UNFIT].contains(&fault.cause.as_str()) => {
                Self::Neutral
            }
            FaultClass::Transient | FaultClass::Dependency => Self::Failure(fault.message.clone()),
            FaultClass::Input
            | FaultClass::Environment
            | FaultClass::Asset
            | FaultClass::Cancelled
            | FaultClass::Bug => Self::Neutral,
        }
    }
}

/// Why a call was not let through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection {
    /// When to ask again, from now; zero while a probe is in flight: its outcome decides.
    pub retry_in: Duration,
    /// For the person who reads it: the state, why, and when it is tried again.
    pub reason: String,
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

impl std::error::Error for Rejection {}

/// A change of state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transition {
    /// The state before.
    pub from: BreakerState,
    /// The state after.
    pub to: BreakerState,
    /// Why, for the person who reads it.
    pub reason: String,
    /// The failures in a row that were counted when it happened.
    pub failures: u32,
}

/// What a breaker has seen since it was made, late outcomes included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct BreakerMetrics {
    /// Calls that went well.
    pub successes: u64,
    /// Calls that failed through the dependency.
    pub failures: u64,
    /// Calls that told nothing of it.
    pub neutral: u64,
    /// Those of the above that came too late to count: the state they were let through under had passed.
    pub late: u64,
    /// Calls that were not let through.
    pub rejected: u64,
    /// Times it opened.
    pub opened: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Inner {
    Closed,
    Open { since: Duration },
    HalfOpen { since: Duration, successes: u32, probe_since: Option<Duration> },
}

/// The breaker of one dependency.
#[derive(Debug)]
pub struct Breaker {
    settings: BreakerSettings,
    inner: Inner,
    generation: u64,
    failures: u32,
    why: Option<String>,
    metrics: BreakerMetrics,
}

impl Breaker {
    /// A closed breaker. A threshold of 0 is taken for 1.
    #[must_use]
    pub fn new(settings: BreakerSettings) -> Self {
        let settings = BreakerSettings {
            failure_threshold: settings.failure_threshold.max(1),
            success_threshold: settings.success_threshold.max(1),
            ..settings
        };
        Self {
            settings,
            inner: Inner::Closed,
            generation: 0,
            failures: 0,
            why: None,
            metrics: BreakerMetrics::default(),
        }
    }

    /// Its state. An open breaker stays so until [`Breaker::try_acquire`] finds that its time has come.
    #[must_use]
    pub const fn state(&self) -> BreakerState {
        match self.inner {
            Inner::Closed => BreakerState::Closed,
            Inner::Open { .. } => BreakerState::Open,
            Inner::HalfOpen { .. } => BreakerState::HalfOpen,
        }
    }

    /// The failures in a row so far.
    #[must_use]
    pub const fn failures(&self) -> u32 {
        self.failures
    }

    /// What the last failure that counted said; nothing once it is closed and well.
    #[must_use]
    pub fn why(&self) -> Option<&str> {
        self.why.as_deref()
    }

    /// What it has seen so far.
    #[must_use]
    pub const fn metrics(&self) -> BreakerMetrics {
        self.metrics
    }

    /// What it was made with.
    #[must_use]
    pub const fn settings(&self) -> BreakerSettings {
        self.settings
    }

    /// From when on a probe is let through: in the past where one could go now. `None` while it is closed, and while a
    /// probe is in flight.
    #[must_use]
    pub fn next_probe_at(&self) -> Option<Duration> {
        match self.inner {
            Inner::Open { since } => Some(since.saturating_add(self.settings.recovery_timeout)),
            Inner::HalfOpen { since, probe_since: None, .. } => Some(since),
            Inner::Closed | Inner::HalfOpen { .. } => None,
        }
    }

    /// Asks leave for one call.
    ///
    /// # Errors
    /// The breaker is open, or half open with its probe in flight. That is no attempt.
    pub fn try_acquire(&mut self, now: Duration) -> Result<Ticket, Rejection> {
        let mut transition = None;
        if let Inner::Open { since } = self.inner {
            let due = since.saturating_add(self.settings.recovery_timeout);
            if now < due {
                let retry_in = due.saturating_sub(now);
                return Err(self.reject(retry_in, format!("retry in {}", tenths(retry_in))));
            }
            let half_open = Inner::HalfOpen { since: now, successes: 0, probe_since: None };
            let waited = tenths(self.settings.recovery_timeout);
            transition = Some(self.go(half_open, format!("{waited} have passed: one call may try it")));
        }
        let probe = match &mut self.inner {
            Inner::HalfOpen { probe_since: Some(_), .. } => {
                return Err(self.reject(Duration::ZERO, "one call is trying it right now".to_owned()));
            }
            Inner::HalfOpen { probe_since, .. } => {
                *probe_since = Some(now);
                true
            }
            Inner::Closed | Inner::Open { .. } => false,
        };
        Ok(Ticket { generation: self.generation, probe, transition })
    }

    /// Takes a ticket back and counts how its call ended.
    pub fn settle(&mut self, now: Duration, ticket: Ticket, outcome: Outcome) -> Option<Transition> {
        match outcome {
            Outcome::Success => self.metrics.successes += 1,
            Outcome::Failure(_) => self.metrics.failures += 1,
            Outcome::Neutral => self.metrics.neutral += 1,
        }
        if ticket.generation != self.generation {
            self.metrics.late += 1;
            return None;
        }
        if let Inner::HalfOpen { probe_since, .. } = &mut self.inner {
            *probe_since = None;
        }
        match outcome {
            Outcome::Neutral => None,
            Outcome::Success => self.succeeded(),
            Outcome::Failure(why) => self.failed(now, why),
        }
    }

    /// Ends the lease of a probe that was let through `lease` ago or earlier and has not reported: it is taken for lost,
    /// and the breaker opens anew. `lease` is the longest a call can take: its time limit plus its grace.
    pub fn expire(&mut self, now: Duration, lease: Duration) -> Option<Transition> {
        match self.inner {
            Inner::HalfOpen { probe_since: Some(since), .. } if now >= since.saturating_add(lease) => {
                let reason = format!("the call that tried it did not report within {}", tenths(lease));
                self.failures = self.failures.saturating_add(1);
                self.why = Some(reason.clone());
                Some(self.open(now, reason))
            }
            _ => None,
        }
    }

    /// Closes it by hand. Calls in flight no longer count.
    pub fn reset(&mut self, _now: Duration) -> Option<Transition> {
        let was = self.state();
        self.failures = 0;
        self.why = None;
        let transition = self.go(Inner::Closed, "closed by hand".to_owned());
        (was != BreakerState::Closed).then_some(transition)
    }

    /// Opens it by hand, or starts its recovery anew. It probes after its recovery time as always.
    pub fn trip(&mut self, now: Duration, reason: &str) -> Option<Transition> {
        let was = self.state();
        self.why = Some(reason.to_owned());
        let transition = self.open(now, reason.to_owned());
        (was != BreakerState::Open).then_some(transition)
    }

    fn succeeded(&mut self) -> Option<Transition> {
        self.failures = 0;
        let Inner::HalfOpen { successes, .. } = &mut self.inner else {
            self.why = None;
            return None;
        };
        *successes += 1;
        if *successes < self.settings.success_threshold {
            return None;
        }
        self.why = None;
        let reason = match self.settings.success_threshold {
            1 => "the call that tried it went well".to_owned(),
            count => format!("{count} calls that tried it went well"),
        };
        Some(self.go(Inner::Closed, reason))
    }

    fn failed(&mut self, now: Duration, why: String) -> Option<Transition> {
        self.failures = self.failures.saturating_add(1);
        let reason = match self.inner {
            Inner::HalfOpen { .. } => format!("the call that tried it failed: {why}"),
            Inner::Closed if self.failures >= self.settings.failure_threshold => match self.failures {
                1 => format!("it failed: {why}"),
                count => format!("{count} failures in a row, the last: {why}"),
            },
            // An open breaker has no tickets of its own generation.
            Inner::Closed | Inner::Open { .. } => {
                self.why = Some(why);
                return None;
            }
        };
        self.why = Some(why);
        Some(self.open(now, reason))
    }

    fn open(&mut self, now: Duration, reason: String) -> Transition {
        self.metrics.opened += 1;
        self.go(Inner::Open { since: now }, reason)
    }

    fn go(&mut self, to: Inner, reason: String) -> Transition {
        let from = self.state();
        self.inner = to;
        self.generation += 1;
        Transition { from, to: self.state(), reason, failures: self.failures }
    }

    fn reject(&mut self, retry_in: Duration, when: String) -> Rejection {
        self.metrics.rejected += 1;
        let why = self.why.as_deref().map_or_else(String::new, |why| format!(": {why}"));
        Rejection { retry_in, reason: format!("the circuit breaker is {}, {when}{why}", self.state()) }
    }
}

/// Seconds with one decimal, rounded up: a wait that is not over never reads as none.
fn tenths(time: Duration) -> String {
    let tenths = time.as_nanos().div_ceil(100_000_000);
    format!("{}.{} s", tenths / 10, tenths % 10)
}
