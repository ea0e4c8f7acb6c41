//! Events in words: one sentence for each, for lines and for the log on a screen.

mod pools;
mod resources;

use std::path::Path;

use super::{Counts, Event, EventKind, ItemIndex, PieceRef, RunState, StopLevel};
use crate::resilience::Fault;
use crate::resilience::breaker::BreakerState;
use crate::resilience::checkpoint::{Because, ItemState};
use crate::resilience::safe_text::safe_line;

pub use pools::is_known;

/// How much it matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// An item failed, a tool that is required is missing, the run ended early.
    Error,
    /// Failed attempts, retries, parked tasks, breakers, pauses and warnings.
    Warn,
    /// What came of each item, and of the run.
    Info,
    /// Every attempt and every task.
    Debug,
}

impl Level {
    /// All of them, from what matters most.
    pub const ALL: [Self; 4] = [Self::Error, Self::Warn, Self::Info, Self::Debug];

    /// Its name.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warning",
            Self::Info => "info",
            Self::Debug => "debug",
        }
    }
}

/// What an event is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Topic {
    /// Items that joined, ended or were left out.
    Items,
    /// Attempts and tasks.
    Attempts,
    /// Circuit breakers, and who waits for them.
    Breakers,
    /// Dependencies and the machine.
    Health,
    /// Asset pools: the scores of what is in them.
    Pools,
    /// Resources: who holds leases of them.
    Resources,
    /// The run as a whole.
    Run,
}

impl Topic {
    /// All of them.
    pub const ALL: [Self; 7] =
        [Self::Items, Self::Attempts, Self::Breakers, Self::Health, Self::Pools, Self::Resources, Self::Run];

    /// Its name.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Items => "items",
            Self::Attempts => "attempts",
            Self::Breakers => "breakers",
            Self::Health => "health",
            Self::Pools => "pools",
            Self::Resources => "resources",
            Self::Run => "run",
        }
    }
}

/// Whether it is good news.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// It is.
    Good,
    /// It is not.
    Bad,
    /// Something to look at.
    Careful,
    /// Neither.
    Plain,
}

/// An event in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// How much it matters.
    pub level: Level,
    /// What it is about.
    pub kind: Topic,
    /// Whether it is good news.
    pub tone: Tone,
    /// One word for what happened: `retry`, `breaker`.
    pub word: &'static str,
    /// The item that it is about.
    pub subject: Option<ItemIndex>,
    /// What there is to say, on one line, safe for a terminal.
    pub text: String,
}

/// The event in words; files by their name alone.
#[must_use]
pub fn tell(event: &Event, state: &RunState) -> Told {
    let name = |path: &Path| path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
    tell_with(&event.kind, state, &name)
}

/// The event in words; `name` writes the path of a file.
#[must_use]
pub fn tell_with(kind: &EventKind, state: &RunState, name: &dyn Fn(&Path) -> String) -> Told {
    let (level, topic) = class(kind);
    let (tone, word, text) = words(kind, state, name);
    let subject = subject(kind);
    Told { level, kind: topic, tone, word, subject, text: safe_line(&text).into_owned() }
}

/// How much an event matters and what it is about, without a word being written.
#[must_use]
pub fn class(kind: &EventKind) -> (Level, Topic) {
    match kind {
        EventKind::RunStarted { .. } | EventKind::JobsChanged { .. } | EventKind::BatchStepStarted { .. } => {
            (Level::Info, Topic::Run)
        }
        EventKind::DependencyChecked { available, required, .. } => match (available, required) {
            (true, _) => (Level::Debug, Topic::Health),
            (false, true) => (Level::Error, Topic::Health),
            (false, false) => (Level::Warn, Topic::Health),
        },
        EventKind::MachineChecked { found } => match found.iter().all(|part| part.well) {
            true => (Level::Debug, Topic::Health),
            false => (Level::Warn, Topic::Health),
        },
        EventKind::CanaryAnswered { well: true, .. } => (Level::Debug, Topic::Health),
        EventKind::CanaryAnswered { well: false, .. } => (Level::Warn, Topic::Health),
        EventKind::ItemsListed { .. } | EventKind::ItemsUpToDate { .. } | EventKind::ItemLeftOut { .. } => {
            (Level::Info, Topic::Items)
        }
        EventKind::AssetsListed { .. } => (Level::Info, Topic::Pools),
        EventKind::AssetScored { change, standing, .. } => (pools::level(*change, *standing), Topic::Pools),
        EventKind::ItemFinished { state, .. } => match state {
            ItemState::Failed => (Level::Error, Topic::Items),
            ItemState::Parked => (Level::Warn, Topic::Items),
            ItemState::Done | ItemState::Pending => (Level::Info, Topic::Items),
        },
        EventKind::ResourceSeen { .. } => (Level::Debug, Topic::Resources),
        EventKind::ResourceLeaked { .. } => (Level::Warn, Topic::Resources),
        EventKind::AttemptStarted { .. } | EventKind::AttemptProgressed { .. } | EventKind::TaskDone { .. } => {
            (Level::Debug, Topic::Attempts)
        }
        EventKind::AttemptFailed { .. } | EventKind::RetryScheduled { .. } => (Level::Warn, Topic::Attempts),
        EventKind::PiecesFound { .. } => (Level::Info, Topic::Attempts),
        EventKind::PieceFailed { .. } => (Level::Error, Topic::Attempts),
        // A step that is for other files is missed by nobody.
        EventKind::TaskSkipped { because: Because::Unmatched, .. } => (Level::Debug, Topic::Attempts),
        EventKind::TaskSkipped { .. } => (Level::Info, Topic::Attempts),
        EventKind::TaskParked { .. } | EventKind::BreakerChanged { .. } => (Level::Warn, Topic::Breakers),
        EventKind::BreakerCounted { .. } => (Level::Debug, Topic::Breakers),
        EventKind::RunResumed { .. } => (Level::Info, Topic::Run),
        EventKind::RunPaused { .. } | EventKind::StopRequested { .. } | EventKind::Warning { .. } => {
            (Level::Warn, Topic::Run)
        }
        EventKind::BatchStepFinished { fault, .. } => match fault {
            Some(_) => (Level::Error, Topic::Run),
            None => (Level::Info, Topic::Run),
        },
        EventKind::RunFinished { reason, .. } => match reason {
            Some(_) => (Level::Error, Topic::Run),
            None => (Level::Info, Topic::Run),
        },
    }
}

/// The item that an event is about.
#[must_use]
pub const fn subject(kind: &EventKind) -> Option<ItemIndex> {
    match kind {
        EventKind::ItemLeftOut { item, .. }
        | EventKind::AttemptStarted { item, .. }
        | EventKind::AttemptProgressed { item, .. }
        | EventKind::PiecesFound { item, .. }
        | EventKind::PieceFailed { item, .. }
        | EventKind::AttemptFailed { item, .. }
        | EventKind::RetryScheduled { item, .. }
        | EventKind::TaskDone { item, .. }
        | EventKind::TaskSkipped { item, .. }
        | EventKind::TaskParked { item, .. }
        | EventKind::ItemFinished { item, .. } => Some(*item),
        EventKind::Warning { item, .. } | EventKind::AssetScored { item, .. } => *item,
        _ => None,
    }
}

/// Its tone, its word, and the rest (not yet safe).
fn words(kind: &EventKind, state: &RunState, name: &dyn Fn(&Path) -> String) -> (Tone, &'static str, String) {
    let file = |item: ItemIndex| state.path(item).map_or_else(|| format!("file {item}"), |path| name(&path));
    let task = |item: ItemIndex, step: u32| format!("{}  {}", file(item), step_id(state, step));
    let of_piece =
        |piece: &Option<PieceRef>| piece.as_ref().map_or_else(String::new, |piece| format!(" {}", piece.name));
    match kind {
        EventKind::ItemsListed { paths, .. } => (Tone::Plain, "items", counted(paths.len(), state.item_word())),
        EventKind::AssetsListed { .. } | EventKind::AssetScored { .. } => pools::words(kind, state, name),
        EventKind::ResourceSeen { .. } | EventKind::ResourceLeaked { .. } => resources::words(kind),
        EventKind::ItemsUpToDate { ranges } => {
            let count: u64 = ranges.iter().map(|(from, to)| u64::from(to.saturating_sub(*from))).sum();
            (Tone::Good, "done", format!("{count} up to date"))
        }
        EventKind::ItemLeftOut { item, reason } => {
            (Tone::Plain, "skipped", format!("{}  left out: {reason}", file(*item)))
        }
        EventKind::AttemptStarted { item, step, piece, attempt, .. } => {
            (Tone::Plain, "attempt", format!("{}{}: attempt {attempt}", task(*item, *step), of_piece(piece)))
        }
        EventKind::AttemptProgressed { item, step, progress } => {
            let of = progress.of.map_or_else(String::new, |of| format!(" of {}", duration(of)));
            (Tone::Plain, "attempt", format!("{}: {}{of} of sound", task(*item, *step), duration(progress.done)))
        }
        EventKind::AttemptFailed { item, step, piece, fault, log, .. } => {
            let log = log.as_deref().map_or_else(String::new, |log| format!("; log: {log}"));
            let text = match &fault.asset {
                Some(asset) => pools::blamed(&task(*item, *step), &of_piece(piece), name(asset.as_path()), fault),
                None => format!("{}{}  {}", file(*item), of_piece(piece), why(Some(*step), fault, state)),
            };
            (Tone::Bad, "attempt", text + &log)
        }
        EventKind::PiecesFound { item, step, total, done, left_out } => {
            let known = [(*done, "done before"), (*left_out, "left out")];
            let known = known.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!(", {count} {what}"));
            let pieces = counted(*total as usize, "piece");
            (Tone::Plain, "pieces", format!("{}: {pieces}{}", task(*item, *step), known.collect::<String>()))
        }
        EventKind::PieceFailed { item, step, piece, fault, before } => {
            let before = if *before { "as before: " } else { "" };
            let text = format!("{} {}  {before}{}", file(*item), piece.name, why(Some(*step), fault, state));
            (Tone::Bad, "failed", text)
        }
        EventKind::RetryScheduled { item, step, piece, attempt, delay } => {
            let next = next_attempt(*attempt, *step, *delay, state);
            (Tone::Careful, "retry", format!("{}{}: {next}", task(*item, *step), of_piece(piece)))
        }
        EventKind::TaskDone { item, step, piece, ms, .. } => {
            (Tone::Plain, "task", format!("{}{}: done in {}", task(*item, *step), of_piece(piece), duration(*ms)))
        }
        EventKind::TaskSkipped { item, step, piece, reason, .. } => {
            (Tone::Plain, "task", format!("{}{}: left out: {reason}", task(*item, *step), of_piece(piece)))
        }
        EventKind::TaskParked { item, step, dependency } => {
            (Tone::Plain, "task", format!("{}: waits for {dependency}", task(*item, *step)))
        }
        EventKind::ItemFinished { item, state: end, step, fault, before } => {
            let (name, before) = (file(*item), if *before { "as before: " } else { "" });
            let why = fault.as_ref().map_or_else(String::new, |fault| why(*step, fault, state));
            let text = if why.is_empty() { name } else { format!("{name}  {before}{why}") };
            match end {
                ItemState::Done => (Tone::Good, "done", text),
                ItemState::Failed => (Tone::Bad, "failed", text),
                ItemState::Parked => (Tone::Careful, "parked", text),
                ItemState::Pending => (Tone::Careful, "cancelled", text),
            }
        }
        EventKind::Warning { message, item } => {
            let item = item.map_or_else(String::new, |item| format!("{}  ", file(item)));
            (Tone::Careful, "warning", format!("{item}{message}"))
        }
        EventKind::BatchStepStarted { step } => (Tone::Plain, "batch", format!("{}  begun", step_id(state, *step))),
        EventKind::BatchStepFinished { step, fault, artifact } => {
            let id = step_id(state, *step);
            match (fault, artifact) {
                (Some(fault), _) => (Tone::Bad, "failed", format!("{id}  {}", why(None, fault, state))),
                (None, Some(artifact)) => (Tone::Good, "done", format!("{id}  {}", name(artifact.as_path()))),
                (None, None) => (Tone::Good, "done", id.to_owned()),
            }
        }
        kind => run_words(kind),
    }
}

/// As [`words`], for what is about no file and no step.
fn run_words(kind: &EventKind) -> (Tone, &'static str, String) {
    match kind {
        EventKind::RunStarted { pipeline, steps, jobs, .. } => {
            let (steps, jobs) = (steps.join(", "), counted(*jobs as usize, "job"));
            (Tone::Plain, "run", format!("{pipeline}  {jobs}; steps: {steps}"))
        }
        EventKind::DependencyChecked { name, available, required, version, details, .. } => {
            let version = version.as_deref().map_or_else(String::new, |version| format!(" {version}"));
            let text = format!("{name}{version}  {details}");
            match (available, required) {
                (true, _) => (Tone::Good, "found", text),
                (false, true) => (Tone::Bad, "missing", text),
                (false, false) => (Tone::Careful, "missing", text),
            }
        }
        EventKind::MachineChecked { found } => {
            let well = found.iter().all(|part| part.well);
            let told: Vec<_> = found.iter().filter(|part| well || !part.well).collect();
            let parts: Vec<_> = told.iter().map(|part| format!("{}  {}", part.name, part.details)).collect();
            (if well { Tone::Good } else { Tone::Careful }, "machine", parts.join("; "))
        }
        EventKind::BreakerChanged { dependency, state, reason, retry_in } => {
            let tone = if *state == BreakerState::Closed { Tone::Good } else { Tone::Careful };
            let again = retry_in.map_or_else(String::new, |ms| format!("; tried again in {}", duration(ms)));
            (tone, "breaker", format!("{dependency}  {state}: {reason}{again}"))
        }
        EventKind::BreakerCounted { dependency, failures } => {
            let tone = if *failures == 0 { Tone::Good } else { Tone::Careful };
            let failures =
                if *failures == 0 { "no failure".to_owned() } else { counted(*failures as usize, "failure") };
            (tone, "breaker", format!("{dependency}  {failures} in a row"))
        }
        EventKind::CanaryAnswered { dependency, well, details } => {
            let (tone, well) = if *well { (Tone::Good, "is well") } else { (Tone::Careful, "is not well") };
            (tone, "canary", format!("{dependency}  {well}: {details}"))
        }
        EventKind::RunPaused { reason } => (Tone::Careful, "paused", reason.clone()),
        EventKind::RunResumed { reason } => (Tone::Good, "resumed", reason.clone()),
        EventKind::JobsChanged { jobs } => (Tone::Plain, "jobs", counted(*jobs as usize, "job")),
        EventKind::StopRequested { level, by } => {
            let how = match level {
                StopLevel::Drain => "running tasks end first",
                StopLevel::Cancel => "running tools are asked to end",
                StopLevel::Kill => "now",
            };
            (Tone::Careful, "stopping", format!("{by}: {how}"))
        }
        EventKind::RunFinished { counts, reason } => match reason {
            Some(reason) => (Tone::Careful, "ended", format!("{reason}: {}", sum(counts))),
            None => (Tone::Plain, "ended", sum(counts)),
        },
        // Whatever is about a file or a step has its words already.
        _ => (Tone::Plain, "event", String::new()),
    }
}

/// `step: message (class/cause)`.
#[must_use]
pub fn why(step: Option<u32>, fault: &Fault, state: &RunState) -> String {
    let step = step.map_or_else(String::new, |step| format!("{}: ", step_id(state, step)));
    format!("{step}{} ({}/{})", safe_line(&fault.message), fault.class, safe_line(&fault.cause))
}

/// Which attempt comes next, and when, `delay` in milliseconds. One that failed for the dependency's sake counts for none:
/// then it is the first once more.
#[must_use]
pub fn next_attempt(attempt: u32, step: u32, delay: u64, state: &RunState) -> String {
    let most = state.shapes.get(step as usize).map_or(0, |shape| shape.attempts);
    let seconds = delay as f64 / 1000.0;
    match (attempt, most) {
        (1, _) => format!("tried again in {seconds:.1} s"),
        (_, 0) => format!("attempt {attempt} in {seconds:.1} s"),
        (_, most) => format!("attempt {attempt} of {most} in {seconds:.1} s"),
    }
}

/// The step's id; `a step` where it is not known.
#[must_use]
pub fn step_id(state: &RunState, step: u32) -> &str {
    state.steps.get(step as usize).map_or("a step", String::as_str)
}

/// `count` of something, with the right ending: `1 file`, `2 files`.
#[must_use]
pub fn counted(count: usize, one: &str) -> String {
    if count == 1 { format!("1 {one}") } else { format!("{count} {one}s") }
}

/// A time as people read it: `0.2 s`, `12.5 s`, `3 min 20 s`, `2 h 5 min`.
#[must_use]
pub fn duration(ms: u64) -> String {
    let seconds = ms / 1000;
    match seconds {
        0..120 => format!("{}.{} s", seconds, ms % 1000 / 100),
        120..7200 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
    }
}

/// What came of the batch, in one line.
fn sum(counts: &Counts) -> String {
    let parts = [
        (counts.done, "done"),
        (counts.up_to_date, "up to date"),
        (counts.failed, "failed"),
        (counts.parked, "parked"),
        (counts.left_out, "skipped"),
        (counts.cancelled, "cancelled"),
        (counts.waiting(), "not begun"),
    ];
    let told: Vec<_> = parts.iter().filter(|(n, _)| *n > 0).map(|(n, word)| format!("{n} {word}")).collect();
    if told.is_empty() { "no files".to_owned() } else { told.join(", ") }
}

#[cfg(test)]
mod tests;
