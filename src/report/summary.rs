//! What came of a run: for people, and as the `summary.json` in the run's folder.

use std::fmt::{self, Write as _};
use std::path::PathBuf;

use indexmap::IndexMap;
use serde::Serialize;

use super::names::{Names, counted};
use super::pools::{self, PoolReport};
use super::resources::{self, LeakReport, ResourceReport};
use crate::events::{Counts, ItemIndex, ItemPhase, RunPhase, RunState};
use crate::resilience::breaker::BreakerState;
use crate::resilience::os_text::OsText;
use crate::resilience::safe_text::safe_line;
use crate::resilience::{Fault, FaultClass};

/// Failed files that are told in the text; the others are counted.
const FAILURES_TOLD: usize = 20;

/// Where the run left things.
#[derive(Debug, Clone, Default)]
pub struct Places {
    /// Where the outputs go, as the pipeline or the command line says it: `out/{item.stem}`.
    pub output: String,
    /// The pipeline's folder in the state folder.
    pub state: PathBuf,
    /// The run's folder: journal, summary, logs.
    pub run_folder: PathBuf,
}

/// The summary for people.
#[must_use]
pub fn text(state: &RunState, places: &Places) -> String {
    text_with(state, places, &Names::here())
}

/// As [`text`], with paths as `names` writes them.
#[must_use]
pub fn text_with(state: &RunState, places: &Places, names: &Names) -> String {
    let mut told = String::new();
    // Writing to a String cannot fail.
    let _ = figures(&mut told, state);
    let _ = failed(&mut told, state, names);
    let _ = parked(&mut told, state);
    let _ = pools::tell(&mut told, &pools::of(state), names);
    let _ = resources::tell(&mut told, state);
    let _ = ended(&mut told, state);
    let _ = left(&mut told, places, names);
    told
}

fn figures(told: &mut String, state: &RunState) -> fmt::Result {
    let counts = &state.counts;
    let rule = "=".repeat(60);
    let good = counts.done + counts.up_to_date;
    let percent = |count: u32| if counts.total == 0 { 0.0 } else { f64::from(count) * 100.0 / f64::from(counts.total) };
    writeln!(told, "{rule}\nBatch Processing Summary\n{rule}")?;
    let one = state.item_word();
    writeln!(told, "{:<15} {}", format!("Total {one}s:"), counts.total)?;
    writeln!(told, "Successful:     {good} ({:.1}%)", percent(good))?;
    writeln!(told, "Failed:         {} ({:.1}%)", counts.failed, percent(counts.failed))?;
    writeln!(told, "Skipped:        {}", counts.left_out)?;
    for (label, count) in [
        ("Up to date:", counts.up_to_date),
        ("Parked:", counts.parked),
        ("Cancelled:", counts.cancelled),
        ("Not begun:", counts.waiting()),
    ] {
        if count > 0 {
            writeln!(told, "{label:<15} {count}")?;
        }
    }
    let seconds = state.elapsed as f64 / 1000.0;
    let average = seconds / f64::from(worked_on(counts).max(1));
    writeln!(told, "Total time:     {seconds:.1}s")?;
    writeln!(told, "{:<15} {:.1}s", format!("Avg per {one}:"), if worked_on(counts) == 0 { 0.0 } else { average })
}

/// Files that this run did something for.
const fn worked_on(counts: &Counts) -> u32 {
    counts.done + counts.failed + counts.parked + counts.cancelled
}

fn failed(told: &mut String, state: &RunState, names: &Names) -> fmt::Result {
    let total = state.counts.failed as usize;
    if total == 0 {
        return Ok(());
    }
    let some: Vec<_> = of_phase(state, ItemPhase::Failed).take(FAILURES_TOLD).collect();
    let rows: Vec<[String; 3]> = some
        .iter()
        .map(|(item, step, fault)| [path(state, *item, names), step_id(state, *step), cause(fault)])
        .collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let (first, second) = (width(0), width(1));
    writeln!(told, "\nFailed:")?;
    let mut hints: Vec<&str> = Vec::new();
    for ([path, step, cause], (_, _, fault)) in rows.iter().zip(&some) {
        writeln!(told, "  {path:<first$}  {step:<second$}  {cause}")?;
        writeln!(told, "    {}", safe_line(&fault.message))?;
        // A hint that holds for many files is told once.
        if let Some(hint) = fault.hint.as_deref().filter(|hint| !hints.contains(hint)) {
            writeln!(told, "    hint: {}", safe_line(hint))?;
            hints.push(hint);
        }
    }
    let more = total.saturating_sub(some.len());
    if more > 0 {
        writeln!(told, "  ... and {more} more")?;
    }
    writeln!(told, "  By cause, with logs and the command that tries them again: mediamill failures")
}

fn parked(told: &mut String, state: &RunState) -> fmt::Result {
    if state.counts.parked == 0 {
        return Ok(());
    }
    let mut groups: IndexMap<(String, String), (usize, &Fault)> = IndexMap::new();
    for (_, step, fault) in of_phase(state, ItemPhase::Parked) {
        groups.entry((step_id(state, step), cause(fault))).or_insert((0, fault)).0 += 1;
    }
    writeln!(told, "\nParked:")?;
    for ((step, cause), (count, fault)) in groups {
        writeln!(told, "  {}  {step}  {cause}", counted(count, state.item_word()))?;
        writeln!(told, "    {}", safe_line(&fault.message))?;
        if let Some(hint) = &fault.hint {
            writeln!(told, "    hint: {}", safe_line(hint))?;
        }
    }
    writeln!(told, "  The same command takes them up first, once what they wait for is well again.")
}

fn ended(told: &mut String, state: &RunState) -> fmt::Result {
    match &state.phase {
        RunPhase::Finished(Some(reason)) => writeln!(told, "\nEnded early:    {}", safe_line(reason)),
        _ => Ok(()),
    }
}

fn left(told: &mut String, places: &Places, names: &Names) -> fmt::Result {
    writeln!(told, "\nOutputs:        {}", safe_line(&places.output))?;
    writeln!(told, "Checkpoints:    {}", names.short(&places.state.join("items")))?;
    writeln!(told, "Run folder:     {}", names.short(&places.run_folder))
}

/// The kept failures of items that stand at `phase`: the item, its step and its fault.
fn of_phase(state: &RunState, phase: ItemPhase) -> impl Iterator<Item = (ItemIndex, Option<u32>, &Fault)> {
    let kept = state.failures.iter().filter(move |(item, _)| state.phase_of(**item) == phase);
    kept.map(|(item, (step, fault))| (*item, *step, &**fault))
}

fn path(state: &RunState, item: ItemIndex, names: &Names) -> String {
    state.path(item).map_or_else(|| format!("{} {item}", state.item_word()), |path| names.short(&path))
}

fn step_id(state: &RunState, step: Option<u32>) -> String {
    step.and_then(|step| state.steps.get(step as usize)).cloned().unwrap_or_default()
}

fn cause(fault: &Fault) -> String {
    format!("{}/{}", fault.class, safe_line(&fault.cause))
}

/// The version of the shape of [`json`].
pub const JSON_VERSION: u32 = 1;

#[derive(Serialize)]
struct Json<'a> {
    version: u32,
    run: &'a str,
    pipeline: &'a str,
    /// Whether the run came to its end by itself.
    finished: bool,
    ended_early: Option<&'a str>,
    elapsed_seconds: f64,
    counts: &'a Counts,
    not_begun: u32,
    steps: Vec<StepJson<'a>>,
    causes: Vec<CauseJson<'a>>,
    failures: Vec<FailureJson<'a>>,
    /// Failed and parked items that `failures` has no room for.
    failures_left_out: usize,
    breakers: IndexMap<&'a str, BreakerJson<'a>>,
    dependencies: IndexMap<&'a str, DependencyJson<'a>>,
    /// The asset pools, of a run that has some.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pools: Vec<PoolReport>,
    /// The resources, of a run that has some.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    resources: Vec<ResourceReport>,
    /// Leases that were held for too long.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    leaks: Vec<LeakReport>,
    output: &'a str,
    checkpoints: OsText,
    run_folder: OsText,
}

#[derive(Serialize)]
struct StepJson<'a> {
    id: &'a str,
    done: u32,
}

#[derive(Serialize)]
struct CauseJson<'a> {
    class: FaultClass,
    cause: &'a str,
    count: usize,
}

#[derive(Serialize)]
struct FailureJson<'a> {
    item: ItemIndex,
    path: Option<OsText>,
    status: &'static str,
    step: Option<&'a str>,
    class: FaultClass,
    cause: &'a str,
    message: &'a str,
    hint: Option<&'a str>,
}

#[derive(Serialize)]
struct BreakerJson<'a> {
    state: BreakerState,
    reason: &'a str,
    parked: u32,
}

#[derive(Serialize)]
struct DependencyJson<'a> {
    available: bool,
    required: bool,
    version: Option<&'a str>,
    details: &'a str,
}

/// The summary for programs: one object, with its version. The first ten thousand failed and parked items are in it,
/// each with its status.
#[must_use]
pub fn json(state: &RunState, places: &Places) -> String {
    let failures: Vec<_> = [("failed", ItemPhase::Failed), ("parked", ItemPhase::Parked)]
        .into_iter()
        .flat_map(|(status, phase)| of_phase(state, phase).map(move |found| (status, found)))
        .map(|(status, (item, step, fault))| FailureJson {
            item,
            path: state.path(item).map(OsText::from),
            status,
            step: step.and_then(|step| state.steps.get(step as usize)).map(String::as_str),
            class: fault.class,
            cause: &fault.cause,
            message: &fault.message,
            hint: fault.hint.as_deref(),
        })
        .collect();
    let changed = state.breakers.iter().filter(|(_, breaker)| breaker.changes > 0);
    let breakers = changed.map(|(name, breaker)| {
        let told = BreakerJson { state: breaker.state, reason: &breaker.reason, parked: breaker.parked };
        (name.as_str(), told)
    });
    let dependencies = state.dependencies.iter().map(|(name, found)| {
        let version = found.version.as_deref();
        let (available, required, details) = (found.available, found.required, found.details.as_str());
        (name.as_str(), DependencyJson { available, required, version, details })
    });
    let count = (state.counts.failed + state.counts.parked) as usize;
    let summary = Json {
        version: JSON_VERSION,
        run: &state.run,
        pipeline: &state.pipeline,
        finished: matches!(state.phase, RunPhase::Finished(_)),
        ended_early: match &state.phase {
            RunPhase::Finished(reason) => reason.as_deref(),
            _ => None,
        },
        elapsed_seconds: state.elapsed as f64 / 1000.0,
        counts: &state.counts,
        not_begun: state.counts.waiting(),
        steps: state.steps.iter().zip(&state.step_done).map(|(id, done)| StepJson { id, done: *done }).collect(),
        causes: state
            .causes
            .iter()
            .map(|((class, cause), count)| CauseJson { class: *class, cause, count: *count })
            .collect(),
        failures_left_out: count.saturating_sub(failures.len()),
        failures,
        breakers: breakers.collect(),
        dependencies: dependencies.collect(),
        pools: pools::of(state),
        resources: resources::of(state, state.elapsed),
        leaks: resources::leaks(state),
        output: &places.output,
        checkpoints: OsText::from(places.state.join("items")),
        run_folder: OsText::from(&places.run_folder),
    };
    // Nothing in it can fail to be written: all keys are text, and paths say what bytes they hold.
    let mut text = serde_json::to_string_pretty(&summary).unwrap_or_default();
    text.push('\n');
    text
}

#[cfg(test)]
mod tests;
