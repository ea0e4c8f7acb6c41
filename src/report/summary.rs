//! What came of a run: for people, and as the `summary.json` in the run's folder.

use std::fmt::{self, Write as _};
use std::path::PathBuf;

use indexmap::IndexMap;
use serde::Serialize;

use super::names::{Names, counted};
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
    writeln!(told, "Total files:    {}", counts.total)?;
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
    writeln!(told, "Avg per file:   {:.1}s", if worked_on(counts) == 0 { 0.0 } else { average })
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
        writeln!(told, "  {}  {step}  {cause}", counted(count, "file"))?;
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
    kept.map(|(item, (step, fault))| (*item, *step, fault))
}

fn path(state: &RunState, item: ItemIndex, names: &Names) -> String {
    state.path(item).map_or_else(|| format!("file {item}"), |path| names.short(&path))
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
    let breakers = state.breakers.iter().map(|(name, breaker)| {
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
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may")]
    use super::*;
    use crate::events::EventKind;
    use crate::report::testing::{beginning, broken, events, finished, folded, story};
    use crate::resilience::checkpoint::ItemState;

    fn places() -> Places {
        Places {
            output: "out/{item.stem}".to_owned(),
            state: "/music/checkpoints/lesson".into(),
            run_folder: "/music/checkpoints/lesson/runs/r1".into(),
        }
    }

    fn summary(state: &RunState) -> String {
        text_with(state, &places(), &Names::below("/music"))
    }

    #[test]
    fn a_plain_batch_is_summed_up_in_the_shape_that_people_know() {
        let mut kinds = beginning(10);
        kinds.extend((0..9).map(|item| (1000, finished(item, ItemState::Done, None))));
        kinds.push((125_300, finished(9, ItemState::Failed, Some((0, broken())))));
        let text = summary(&folded(&events(kinds)));
        let expected = "\
============================================================
Batch Processing Summary
============================================================
Total files:    10
Successful:     9 (90.0%)
Failed:         1 (10.0%)
Skipped:        0
Total time:     125.3s
Avg per file:   12.5s
";
        assert!(text.starts_with(expected), "{text}");
    }

    #[test]
    fn everything_that_is_not_done_is_told_with_the_reason() {
        let expected = "\
============================================================
Batch Processing Summary
============================================================
Total files:    8
Successful:     3 (37.5%)
Failed:         1 (12.5%)
Skipped:        1
Up to date:     2
Parked:         1
Cancelled:      1
Not begun:      1
Total time:     125.3s
Avg per file:   31.3s

Failed:
  song1.wav  prepare  input/decode
    song1.wav ends after 2 of 40 seconds
    hint: get the file again
  By cause, with logs and the command that tries them again: mediamill failures

Parked:
  1 file  stems  dependency/missing
    demucs is OPEN: demucs was not found on PATH
    hint: pip install demucs
  The same command takes them up first, once what they wait for is well again.

Ended early:    it was asked to stop

Outputs:        out/{item.stem}
Checkpoints:    checkpoints/lesson/items
Run folder:     checkpoints/lesson/runs/r1
";
        assert_eq!(summary(&folded(&story())), expected);
    }

    #[test]
    fn of_many_failures_the_first_are_told_and_a_hint_for_all_of_them_once() {
        let mut kinds = beginning(30);
        kinds.extend((0..30).map(|item| (1000, finished(item, ItemState::Failed, Some((0, broken()))))));
        let text = summary(&folded(&events(kinds)));
        assert_eq!(text.matches("hint:").count(), 1, "{text}");
        assert!(text.contains("  song19.wav  prepare") && !text.contains("song20.wav"), "{text}");
        assert!(text.contains("  ... and 10 more\n"), "{text}");
    }

    #[test]
    fn an_empty_batch_divides_by_nothing() {
        let text = summary(&folded(&events(beginning(0))));
        assert!(text.contains("Successful:     0 (0.0%)") && text.contains("Avg per file:   0.0s"), "{text}");
    }

    #[test]
    fn the_json_holds_every_figure_and_the_status_of_each_item_that_failed_or_waits() {
        let json: serde_json::Value = serde_json::from_str(&json(&folded(&story()), &places())).unwrap();
        assert_eq!(json["version"], 1);
        assert_eq!((&json["counts"]["total"], &json["not_begun"]), (&8.into(), &1.into()));
        assert_eq!(json["elapsed_seconds"], 125.3);
        assert_eq!(json["causes"], serde_json::json!([{ "class": "input", "cause": "decode", "count": 1 }]));
        let told = |field: &str| -> Vec<_> {
            json["failures"].as_array().unwrap().iter().map(|failure| failure[field].as_str().unwrap()).collect()
        };
        assert_eq!(told("status"), ["failed", "parked"]);
        assert_eq!(told("path"), ["/music/song1.wav", "/music/song2.wav"]);
        assert_eq!(told("step"), ["prepare", "stems"]);
        assert_eq!(json["breakers"]["demucs"]["state"], "open");
        assert_eq!(json["dependencies"]["demucs"]["available"], false);
        assert_eq!(json["ended_early"], "it was asked to stop");
    }

    #[test]
    fn the_json_counts_the_items_that_it_has_no_room_for() {
        let mut kinds = beginning(0);
        kinds[1].1 =
            EventKind::ItemsListed { first: 0, paths: (0..10_005).map(|n| OsText::from(format!("/{n}"))).collect() };
        kinds.extend((0..10_005).map(|item| (1000, finished(item, ItemState::Failed, Some((0, broken()))))));
        let json: serde_json::Value = serde_json::from_str(&json(&folded(&events(kinds)), &places())).unwrap();
        assert_eq!(json["failures"].as_array().unwrap().len(), 10_000);
        assert_eq!(json["failures_left_out"], 5);
    }
}
