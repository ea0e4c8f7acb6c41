//! The usual troubles with resources, and what helps. One place for screens, lines and reports.

use crate::events::telling::{counted, duration};
use crate::events::{ResourceView, RunState, milliseconds};
use crate::resources::Health;

/// What to do about a resource that is not well and does not say what helps.
pub const REACHABLE: &str =
    "check that it runs and can be reached from here, and that its address and its credentials are right";

/// All in use and somebody waiting for so long, in milliseconds, is no mere moment.
const FULL_FOR: u64 = 10_000;
/// Nor is it where it is so much of the run: one part of so many.
const FULL_SHARE: u64 = 4;
/// A lease that is held for less is not told, in milliseconds.
const LONG: u64 = 60_000;
/// A lease that is held for so many times the mean is told.
const TIMES_THE_MEAN: u64 = 10;

/// What is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Trouble {
    /// It does not work, or not well.
    NotWell,
    /// Leases did not come free in time.
    Timeouts,
    /// All were in use for long, and somebody waited.
    Exhausted,
    /// Leases outlived their owners: what they hold on to, memory and connections, grows.
    Leaked,
    /// A lease is held for far longer than others.
    LongHeld,
}

/// Something that is wrong with a resource, and what helps.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Hint {
    /// What is wrong.
    pub trouble: Trouble,
    /// The same in words: `3 leases did not come free in time`.
    pub found: String,
    /// What to do.
    pub advice: String,
}

/// What is wrong with the resource at `now` (milliseconds since the run's start), the worst first.
#[must_use]
pub fn hints(state: &RunState, resource: &str, now: u64) -> Vec<Hint> {
    let Some(view) = state.resources.get(resource) else { return Vec::new() };
    let found = [
        not_well(state, resource),
        leaked(state, resource),
        timeouts(view),
        exhausted(view, now),
        long_held(state, resource, view, now),
    ];
    found.into_iter().flatten().collect()
}

fn hint(trouble: Trouble, found: String, advice: impl Into<String>) -> Option<Hint> {
    Some(Hint { trouble, found, advice: advice.into() })
}

fn not_well(state: &RunState, resource: &str) -> Option<Hint> {
    let found = state.health_of(resource)?;
    if !matches!(found.health, Health::Unhealthy | Health::Degraded) {
        return None;
    }
    hint(Trouble::NotWell, format!("it is {}", found.health.word()), found.hint.unwrap_or(REACHABLE))
}

fn timeouts(view: &ResourceView) -> Option<Hint> {
    let count = view.status.metrics.timeouts;
    let leases = counted(usize::try_from(count).unwrap_or(usize::MAX), "lease");
    let advice = "raise its acquire_timeout, or give leases back sooner";
    if count == 0 { None } else { hint(Trouble::Timeouts, format!("{leases} did not come free in time"), advice) }
}

fn exhausted(view: &ResourceView, now: u64) -> Option<Hint> {
    let (all, lately) = (view.full(now), view.full_since.map_or(0, |since| now.saturating_sub(since)));
    let is_long = all >= FULL_FOR && (lately >= FULL_FOR || all.saturating_mul(FULL_SHARE) >= now);
    let most = view.status.metrics.max_size;
    let found = format!("all {most} were in use while others waited, for {}", duration(all));
    let advice = "raise its max_size, or hold leases for a shorter time";
    if is_long { hint(Trouble::Exhausted, found, advice) } else { None }
}

fn leaked(state: &RunState, resource: &str) -> Option<Hint> {
    let count = state.leaks_of(resource).filter(|(_, ended)| *ended).count();
    let (leases, owners) = if count == 1 { ("lease", "its owner") } else { ("leases", "their owners") };
    let found = format!("{count} {leases} outlived {owners}");
    let advice = "release it on every way out; until then its connection and its memory stay taken";
    if count == 0 { None } else { hint(Trouble::Leaked, found, advice) }
}

fn long_held(state: &RunState, resource: &str, view: &ResourceView, now: u64) -> Option<Hint> {
    let advice = "name it only in the step that works with it, or give that step a timeout";
    let told = state.leaks_of(resource).filter(|(_, ended)| !ended).map(|(leak, _)| milliseconds(leak.held)).max();
    if let Some(longest) = told {
        let longest = duration(longest);
        return hint(Trouble::LongHeld, format!("a lease was held for {longest}, beyond its leak_threshold"), advice);
    }
    let longest = view.status.owners.iter().map(|owner| view.held(owner, now)).max()?;
    let mean = milliseconds(view.status.metrics.average_hold_time);
    let is_long = longest >= LONG && mean > 0 && longest >= mean.saturating_mul(TIMES_THE_MEAN);
    let found = format!("a lease has been held for {}; the mean is {}", duration(longest), duration(mean));
    if is_long { hint(Trouble::LongHeld, found, advice) } else { None }
}
