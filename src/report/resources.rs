//! What is known of the resources of a run: for people and for programs.

use std::fmt::{self, Write as _};

use serde::Serialize;

use super::names::{counted, duration};
use crate::events::holder::{Holder, told};
use crate::events::resources::{Amount, Hint, chief, figures, hints};
use crate::events::{BreakerView, ResourceView, RunPhase, RunState, milliseconds};
use crate::resilience::breaker::BreakerState;
use crate::resilience::safe_text::safe_line;
use crate::resources::{HealthReport, Metrics, Owner};

/// Leaks, and owners of a resource, that are told in a text; the others are counted.
const TOLD: usize = 20;
/// Leaks that are told to a program.
const KEPT: usize = 10_000;

/// What is known of one resource.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ResourceReport {
    /// Its name.
    pub name: String,
    /// What it is.
    pub kind: String,
    /// How well it is: what was told last.
    pub health: HealthReport,
    /// What was counted. Times are in seconds.
    pub metrics: Metrics,
    /// For how long somebody waited while all were in use, in seconds.
    pub exhausted_seconds: f64,
    /// Who holds a lease, who has held it longest first.
    pub owners: Vec<OwnerReport>,
    /// Its breaker, where it has one.
    pub breaker: Option<BreakerReport>,
    /// What is wrong, and what helps.
    pub hints: Vec<Hint>,
}

/// One who holds a lease.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct OwnerReport {
    /// Who.
    pub owner: Owner,
    /// The name of the item that it is held for.
    pub item: Option<String>,
    /// The step.
    pub step: Option<String>,
    /// For how long, in seconds.
    pub held_seconds: f64,
}

/// The breaker of a resource.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BreakerReport {
    /// Its state.
    pub state: BreakerState,
    /// Why it is in it.
    pub reason: String,
    /// Tasks that wait for it.
    pub parked: u32,
}

/// A lease that was held for too long.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LeakReport {
    /// The resource.
    pub resource: String,
    /// Who held it.
    pub owner: Owner,
    /// For how long, in seconds, when it was seen.
    pub held_seconds: f64,
    /// Where in the source it was acquired.
    pub acquired_at: String,
    /// Whether its owner had come to an end.
    pub owner_ended: bool,
}

/// The resources of a run, as they are at `now` (milliseconds since its start).
#[must_use]
pub fn of(state: &RunState, now: u64) -> Vec<ResourceReport> {
    state.resources.iter().map(|(name, view)| ResourceReport::of(name, view, state, now)).collect()
}

/// The leases that were held for too long: the first ten thousand.
#[must_use]
pub fn leaks(state: &RunState) -> Vec<LeakReport> {
    let leak = |(leak, ended): &(crate::resources::Leak, bool)| LeakReport {
        resource: leak.resource.clone(),
        owner: leak.owner.clone(),
        held_seconds: leak.held,
        acquired_at: leak.acquired_at.clone(),
        owner_ended: *ended,
    };
    state.leaks.iter().take(KEPT).map(leak).collect()
}

impl ResourceReport {
    fn of(name: &str, view: &ResourceView, state: &RunState, now: u64) -> Self {
        let report = state.health_of(name).map_or_else(HealthReport::default, |found| HealthReport {
            health: found.health,
            version: found.version.map(str::to_owned),
            details: found.details.to_owned(),
            hint: found.hint.map(str::to_owned),
        });
        let owner = |owner: &crate::resources::OwnerView| {
            let holder = Holder::read(&owner.owner);
            OwnerReport {
                owner: owner.owner.clone(),
                item: holder.map(|holder| holder.name().to_owned()),
                step: holder.map(|holder| holder.step.to_owned()),
                held_seconds: view.held(owner, now) as f64 / 1000.0,
            }
        };
        let breaker = |breaker: &BreakerView| BreakerReport {
            state: breaker.state,
            reason: breaker.reason.clone(),
            parked: breaker.parked,
        };
        Self {
            name: name.to_owned(),
            kind: view.kind.clone(),
            health: report,
            metrics: view.status.metrics.clone(),
            exhausted_seconds: view.full(now) as f64 / 1000.0,
            owners: view.status.owners.iter().map(owner).collect(),
            breaker: state.breakers.get(name).map(breaker),
            hints: hints(state, name, now),
        }
    }
}

/// What came of the resources, for the end of a run; nothing where there are none.
///
/// # Errors
/// None: writing to a text cannot fail.
pub fn tell(out: &mut String, state: &RunState) -> fmt::Result {
    let resources = of(state, state.elapsed);
    if !resources.is_empty() {
        let rows: Vec<[String; 7]> = resources.iter().map(row).collect();
        let head = ["RESOURCE", "KIND", "LEASES", "WAITED", "HELD", "FAILED", "FIGURES"].map(str::to_owned);
        let width = |column: usize| {
            let cells = rows.iter().chain([&head]).map(|row| row[column].chars().count());
            cells.max().unwrap_or(0)
        };
        let widths: [usize; 6] = std::array::from_fn(width);
        writeln!(out, "\nResources (mean times):")?;
        for (row, resource) in std::iter::once((&head, None)).chain(rows.iter().zip(resources.iter().map(Some))) {
            let [name, kind, leases, waited, held, failed, figures] = row;
            let [a, b, c, d, e, f] = widths;
            let line =
                format!("  {name:<a$}  {kind:<b$}  {leases:>c$}  {waited:>d$}  {held:>e$}  {failed:>f$}  {figures}");
            writeln!(out, "{}", line.trim_end())?;
            for hint in resource.map_or(&[][..], |resource| &resource.hints) {
                writeln!(out, "    {}", safe_line(&hint.found))?;
                writeln!(out, "    hint: {}", safe_line(&hint.advice))?;
            }
        }
    }
    tell_leaks(out, state)
}

fn row(resource: &ResourceReport) -> [String; 7] {
    let metrics = &resource.metrics;
    let time = |seconds| match metrics.total_acquisitions {
        0 => "-".to_owned(),
        _ => span(seconds),
    };
    [
        safe_line(&resource.name).into_owned(),
        safe_line(&resource.kind).into_owned(),
        metrics.total_acquisitions.to_string(),
        time(metrics.average_acquisition_time),
        time(metrics.average_hold_time),
        metrics.failed_acquisitions.to_string(),
        chief_told(metrics).join(", "),
    ]
}

/// The figures that tell most: `312 requests`, `700.0 MiB moved`.
fn chief_told(metrics: &Metrics) -> Vec<String> {
    let told = chief(&metrics.figures).into_iter().map(|figure| match figure.amount {
        Amount::Count(count) => format!("{count} {}", figure.label),
        Amount::Bytes(size) => format!("{} {}", bytes(size), figure.label),
        Amount::Seconds(seconds) => format!("{} {}", span(seconds), figure.label),
        Amount::Text(text) => format!("{} {text}", figure.label),
    });
    told.map(|text| safe_line(&text).into_owned()).collect()
}

/// The resource's own figures, but for those that are nothing.
fn figures_told(metrics: &Metrics) -> Vec<String> {
    let told = figures(&metrics.figures).into_iter().filter_map(|figure| {
        let amount = match figure.amount {
            Amount::Count(0) | Amount::Bytes(0) => return None,
            Amount::Count(count) => count.to_string(),
            Amount::Bytes(size) => bytes(size),
            Amount::Seconds(seconds) => span(seconds),
            Amount::Text(text) => text,
        };
        Some(safe_line(&format!("{} {amount}", figure.label)).into_owned())
    });
    told.collect()
}

/// `0.4 ms`, `12 ms`, `1.2 s`: leases are quick.
fn span(seconds: f64) -> String {
    match milliseconds(seconds) {
        0 => format!("{:.1} ms", if seconds.is_finite() { seconds.max(0.0) * 1000.0 } else { 0.0 }),
        ms @ 1..1000 => format!("{ms} ms"),
        ms => duration(ms),
    }
}

fn bytes(size: u64) -> String {
    let mut value = size as f64;
    for unit in ["B", "KiB", "MiB", "GiB"] {
        if value < 1024.0 {
            return if unit == "B" { format!("{size} B") } else { format!("{value:.1} {unit}") };
        }
        value /= 1024.0;
    }
    format!("{value:.1} TiB")
}

fn tell_leaks(out: &mut String, state: &RunState) -> fmt::Result {
    if state.leaks.is_empty() {
        return Ok(());
    }
    writeln!(out, "\nLeases held for too long:")?;
    for (leak, ended) in state.leaks.iter().take(TOLD) {
        let why = if *ended { "after its owner had ended" } else { "longer than is expected" };
        let (resource, owner) = (safe_line(&leak.resource), safe_line(&told(&leak.owner)).into_owned());
        writeln!(out, "  {resource}: {owner}, for {}, {why}", duration(milliseconds(leak.held)))?;
        writeln!(out, "    acquired at {}", safe_line(&leak.acquired_at))?;
    }
    match state.leaks.len().saturating_sub(TOLD) {
        0 => Ok(()),
        more => writeln!(out, "  ... and {more} more"),
    }
}

/// Whether the run works while it is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// It does.
    pub works: bool,
    /// When that is, in milliseconds since its start.
    pub now: u64,
}

/// All that is known of the resources of a run, for people.
#[must_use]
pub fn text(state: &RunState, moment: Moment) -> String {
    let mut out = String::new();
    // Writing to a String cannot fail.
    let _ = tell_all(&mut out, state, moment);
    out
}

fn tell_all(out: &mut String, state: &RunState, Moment { works, now }: Moment) -> fmt::Result {
    let how = match (&state.phase, works) {
        (RunPhase::Finished(_), _) => "over",
        (_, true) => "works",
        (_, false) => "was killed",
    };
    let (pipeline, run) = (safe_line(&state.pipeline), safe_line(&state.run));
    writeln!(out, "{pipeline}: run {run} {how}, {}", duration(now))?;
    let resources = of(state, now);
    if resources.is_empty() {
        writeln!(out, "\nIt has no resources: they stand in [resources.NAME] of a pipeline.")?;
    }
    for resource in &resources {
        writeln!(out)?;
        tell_one(out, resource)?;
    }
    tell_leaks(out, state)
}

fn tell_one(out: &mut String, resource: &ResourceReport) -> fmt::Result {
    let metrics = &resource.metrics;
    let report = &resource.health;
    let version = report.version.as_deref().map_or_else(String::new, |version| format!(", {}", safe_line(version)));
    writeln!(out, "{} ({}{version})", safe_line(&resource.name), safe_line(&resource.kind))?;
    let mut line = |label: &str, value: &str| writeln!(out, "  {label:<9} {}", safe_line(value));
    let details = if report.details.is_empty() { String::new() } else { format!(": {}", report.details) };
    line("health", &format!("{}{details}", report.health.word()))?;
    if let Some(breaker) = resource.breaker.as_ref().filter(|breaker| breaker.state != BreakerState::Closed) {
        let parked = match breaker.parked {
            0 => String::new(),
            1 => "; 1 task waits for it".to_owned(),
            parked => format!("; {parked} tasks wait for it"),
        };
        line("breaker", &format!("{}: {}{parked}", breaker.state, breaker.reason))?;
    }
    let (used, most, free) = (metrics.active_connections, metrics.max_size, metrics.available);
    line("in use", &format!("{used} of {most}, {free} idle, {} waiting", metrics.waiting))?;
    let missed = match (metrics.failed_acquisitions, metrics.timeouts) {
        (0, _) => String::new(),
        (failed, 0) => format!(", {failed} not given"),
        (failed, late) => format!(", {failed} not given ({late} timed out)"),
    };
    line("leases", &format!("{}{missed}", metrics.total_acquisitions))?;
    if metrics.total_acquisitions > 0 {
        line("waited", &format!("{} in the mean", span(metrics.average_acquisition_time)))?;
        let longest = span(metrics.longest_hold_time);
        line("held", &format!("{} in the mean, {longest} at most", span(metrics.average_hold_time)))?;
    }
    for figure in figures_told(metrics) {
        line("", &figure)?;
    }
    for (at, owner) in resource.owners.iter().take(TOLD).enumerate() {
        let held = duration(milliseconds(owner.held_seconds));
        line(if at == 0 { "owners" } else { "" }, &format!("{held}  {}", told(&owner.owner)))?;
    }
    let more = (used as usize).max(resource.owners.len()) - resource.owners.len().min(TOLD);
    if more > 0 {
        line("", &format!("... and {}", counted(more, "other")))?;
    }
    for hint in &resource.hints {
        line("trouble", &hint.found)?;
        line("hint", &hint.advice)?;
    }
    Ok(())
}

/// The version of the shape of [`json`].
pub const JSON_VERSION: u32 = 1;

#[derive(Serialize)]
struct Json<'a> {
    version: u32,
    run: &'a str,
    pipeline: &'a str,
    works: bool,
    elapsed_seconds: f64,
    resources: Vec<ResourceReport>,
    leaks: Vec<LeakReport>,
}

/// All that is known of the resources of a run, for programs: one object, with its version.
#[must_use]
pub fn json(state: &RunState, Moment { works, now }: Moment) -> String {
    let told = Json {
        version: JSON_VERSION,
        run: &state.run,
        pipeline: &state.pipeline,
        works,
        elapsed_seconds: now as f64 / 1000.0,
        resources: of(state, now),
        leaks: leaks(state),
    };
    // Nothing in it can fail to be written: all keys are text.
    serde_json::to_string_pretty(&told).unwrap_or_default() + "\n"
}

#[cfg(test)]
mod tests;
