//! The one stream of events, the commands, and the run's state, which is the fold of all events.
//!
//! The dispatcher alone writes events. They are delivered in two ways: lossless (the journal, lines, JSON, reports) and
//! as the latest state (screens). What a screen shows can be rebuilt from the journal of a finished run.

mod assets;
pub mod holder;
pub mod journal;
pub mod pace;
pub mod paths;
mod pieces;
mod pools;
pub mod resources;
mod seen;
mod shape;
mod state;
pub mod story;
pub mod telling;
mod waits;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use crate::resilience::breaker::BreakerState;
use crate::resilience::checkpoint::{Because, ItemState};
use crate::resilience::os_text::OsText;
use crate::resilience::{Fault, FaultClass};
use crate::resources::{Leak, ResourceStatus};

pub use assets::{AssetView, Assets, ListedAsset, Standing};
pub use pieces::{PieceCounts, PieceFailure};
pub use pools::{Draw, PoolKind, PoolShape, PoolView, ScoreChange, Scoring};
pub use seen::{ResourceView, milliseconds};
pub use shape::{BreakerShape, MachineView, Progress, StepShape};
pub use state::{BatchView, BreakerView, Counts, DependencyView, ItemPhase, RunPhase, RunState, TaskView};
pub use story::Story;

/// The version of the event format that this build writes.
pub const EVENT_VERSION: u32 = 1;

/// An item's place in the batch, from 0.
pub type ItemIndex = u32;

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// The format's version.
    pub v: u32,
    /// Counts from 0 without a gap.
    pub seq: u64,
    /// Wall time, milliseconds since 1970.
    pub at: u64,
    /// Milliseconds since the run began; never runs backwards.
    pub elapsed: u64,
    /// What happened.
    #[serde(flatten)]
    pub kind: EventKind,
}

/// What happened. Steps and items are named by their place: the step's in the plan, the item's in the batch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum EventKind {
    /// A run began.
    RunStarted {
        /// Its id.
        run: String,
        /// The pipeline's name.
        pipeline: String,
        /// The ids of the steps, in order.
        steps: Vec<String>,
        /// How many tasks may run at once.
        jobs: u32,
        /// The seed of all chance in the run.
        seed: u64,
        /// What is to be known of each step, in the order of `steps`.
        #[serde(default)]
        shapes: Vec<StepShape>,
        /// The breakers that the run has.
        #[serde(default)]
        breakers: Vec<BreakerShape>,
        /// The asset pools that its steps draw from.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        pools: Vec<PoolShape>,
        /// The folder that the outputs are below.
        #[serde(default)]
        output: OsText,
        /// Whether the pipeline makes its items itself: they are no files then.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        generated: bool,
    },
    /// A dependency was looked at.
    DependencyChecked {
        /// Its name.
        name: String,
        /// Whether it can be used.
        available: bool,
        /// Whether the run makes no sense without it.
        required: bool,
        /// Its version.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        version: Option<String>,
        /// What was found, or what is wrong.
        details: String,
        /// The program.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        path: Option<OsText>,
        /// What to do where it cannot be used.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        hint: Option<String>,
    },
    /// Disks and memory were looked at: all of them, in the place of what was known before.
    MachineChecked {
        /// What was found.
        found: Vec<MachineView>,
    },
    /// Items joined the batch.
    ItemsListed {
        /// The place of the first of them.
        first: ItemIndex,
        /// Their absolute paths.
        paths: Vec<OsText>,
    },
    /// Assets joined a pool.
    AssetsListed {
        /// The pool's place in the run.
        pool: u32,
        /// The place in the pool of the first of them.
        first: u32,
        /// The assets.
        assets: Vec<ListedAsset>,
    },
    /// The score of an asset moved, or its standing did.
    AssetScored {
        /// The pool's place in the run.
        pool: u32,
        /// The asset's place in the pool.
        asset: u32,
        /// Its score now.
        score: i32,
        /// Why it moved.
        change: ScoreChange,
        /// Whether it is drawn now.
        standing: Standing,
        /// The item that it was drawn for.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        item: Option<ItemIndex>,
    },
    /// A resource, as it is now: told at the run's start, no oftener than once a second while something of it changes, and
    /// at the end.
    ResourceSeen {
        /// What it is: the word of its kind.
        kind: String,
        /// What is known of it. Times of leases that are out are up to this event.
        resource: ResourceStatus,
    },
    /// A lease was still held when its owner had come to an end, or for longer than is expected of one.
    ResourceLeaked {
        /// Which.
        leak: Leak,
        /// Its owner has come to an end.
        ended: bool,
    },
    /// Items that were looked at need nothing: ranges of places, the end not in it.
    ItemsUpToDate {
        /// The ranges.
        ranges: Vec<(ItemIndex, ItemIndex)>,
    },
    /// An item is left out of this run.
    ItemLeftOut {
        /// The item.
        item: ItemIndex,
        /// Why.
        reason: String,
    },
    /// An attempt began.
    AttemptStarted {
        /// The item.
        item: ItemIndex,
        /// The step.
        step: u32,
        /// The piece, where the step runs for each.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        piece: Option<PieceRef>,
        /// Counts from 1.
        attempt: u32,
        /// The assets that it was given.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        draws: Vec<Draw>,
    },
    /// An attempt with a built-in step has done so much of its sound; told now and then.
    AttemptProgressed {
        /// The item.
        item: ItemIndex,
        /// The step.
        step: u32,
        /// How much.
        progress: Progress,
    },
    /// An attempt failed.
    AttemptFailed {
        /// The item.
        item: ItemIndex,
        /// The step.
        step: u32,
        /// The piece, where the step runs for each.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        piece: Option<PieceRef>,
        /// Counts from 1.
        attempt: u32,
        /// Why.
        fault: Fault,
        /// The tool's log, relative to the run's folder.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        log: Option<String>,
        /// How long the attempt took, in milliseconds.
        ms: u64,
    },
    /// The attempt will be made again.
    RetryScheduled {
        /// The item.
        item: ItemIndex,
        /// The step.
        step: u32,
        /// The piece, where the step runs for each.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        piece: Option<PieceRef>,
        /// The coming attempt, from 1.
        attempt: u32,
        /// In how many milliseconds.
        delay: u64,
    },
    /// The pieces are known that a step of an item runs for.
    PiecesFound {
        /// The item.
        item: ItemIndex,
        /// The step.
        step: u32,
        /// How many there are.
        total: u32,
        /// How many of them it is done for already.
        done: u32,
        /// How many stay left out.
        #[serde(default, skip_serializing_if = "is_zero")]
        left_out: u32,
    },
    /// A step failed for good for a piece; the others go on.
    PieceFailed {
        /// The item.
        item: ItemIndex,
        /// The step.
        step: u32,
        /// The piece.
        piece: PieceRef,
        /// Why.
        fault: Fault,
        /// It failed in an earlier run, and nothing changed since: it was not tried again.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        before: bool,
    },
    /// A task is done: its outputs are committed. Of a step that runs for each piece: with a piece it is done for that
    /// one, without for all.
    TaskDone {
        /// The item.
        item: ItemIndex,
        /// The step.
        step: u32,
        /// The piece.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        piece: Option<PieceRef>,
        /// Attempts that were made.
        attempts: u32,
        /// How long the last took, in milliseconds.
        ms: u64,
        /// Bytes in its artifacts.
        bytes: u64,
    },
    /// A task was left out, or stand-ins took its place.
    TaskSkipped {
        /// The item.
        item: ItemIndex,
        /// The step.
        step: u32,
        /// The piece, where it is left out for one only.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        piece: Option<PieceRef>,
        /// The kind of reason.
        because: Because,
        /// Why, for a person.
        reason: String,
    },
    /// A task waits aside until its dependency is well.
    TaskParked {
        /// The item.
        item: ItemIndex,
        /// The step.
        step: u32,
        /// What it waits for.
        dependency: String,
    },
    /// An item came to its end in this run.
    ItemFinished {
        /// The item.
        item: ItemIndex,
        /// Where it stands.
        state: ItemState,
        /// The step that failed or waits.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        step: Option<u32>,
        /// Why it failed or was parked.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        fault: Option<Fault>,
        /// It failed in an earlier run, and nothing changed since: it was not tried again.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        before: bool,
    },
    /// A breaker changed its state.
    BreakerChanged {
        /// The dependency.
        dependency: String,
        /// Its new state.
        state: BreakerState,
        /// Why.
        reason: String,
        /// When OPEN: in how many milliseconds it lets a call through.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        retry_in: Option<u64>,
    },
    /// The failures in a row that a breaker counts are others than before, and its state is the same.
    BreakerCounted {
        /// The dependency.
        dependency: String,
        /// Failures in a row.
        failures: u32,
    },
    /// The tool's canary told whose fault it was.
    CanaryAnswered {
        /// The tool.
        dependency: String,
        /// Whether it did its work.
        well: bool,
        /// What it said.
        details: String,
    },
    /// Nothing new is started until the cause is gone, or somebody says so.
    RunPaused {
        /// Why.
        reason: String,
    },
    /// Work goes on.
    RunResumed {
        /// Why.
        reason: String,
    },
    /// The number of tasks at once was changed.
    JobsChanged {
        /// The new number.
        jobs: u32,
    },
    /// The run is asked to stop.
    StopRequested {
        /// How hard.
        level: StopLevel,
        /// By what: a signal's name, a key.
        by: String,
    },
    /// Something that a person should know, and that stops nothing.
    Warning {
        /// What.
        message: String,
        /// The item it is about.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        item: Option<ItemIndex>,
    },
    /// A step over the whole batch began.
    BatchStepStarted {
        /// The step.
        step: u32,
    },
    /// A step over the whole batch ended.
    BatchStepFinished {
        /// The step.
        step: u32,
        /// Why it failed, if it did.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        fault: Option<Fault>,
        /// The file that it wrote.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        artifact: Option<OsText>,
    },
    /// The run ended.
    RunFinished {
        /// What came of the batch.
        counts: Counts,
        /// Why it ended before everything was done, where it did.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
}

/// A piece of an item, as events name it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct PieceRef {
    /// Its number among the pieces of the item, from 1.
    pub index: u32,
    /// The name of its file.
    pub name: String,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it")]
const fn is_zero(count: &u32) -> bool {
    *count == 0
}

/// How hard a stop is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StopLevel {
    /// Start nothing new; let running tasks end.
    Drain,
    /// Start nothing new; ask running tools to end, and kill them after their grace period.
    Cancel,
    /// End now.
    Kill,
}

/// The one way in: what the screen, signals, a socket and a server ask of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "snake_case")]
pub enum Command {
    /// Start nothing new until told otherwise.
    Pause,
    /// Go on. Where it is the machine that holds the run up, look at once whether it is well again.
    Resume,
    /// End the run.
    Stop {
        /// How hard.
        level: StopLevel,
        /// By what.
        by: String,
    },
    /// End the work on one item; it is as it was.
    CancelItem {
        /// The item.
        item: ItemIndex,
    },
    /// Leave one item out of this run: whatever runs of it is ended, and it counts as left out, failed or not.
    SkipItem {
        /// The item.
        item: ItemIndex,
    },
    /// Run one item again that failed, was cancelled or was left out, whatever for.
    RetryItem {
        /// The item.
        item: ItemIndex,
    },
    /// Leave failed items out of this run: all of them, or those that failed with this cause.
    SkipFailed {
        /// The key that faults are grouped by.
        cause: Option<String>,
    },
    /// Look at dependencies again, and at the machine.
    CheckHealth {
        /// One dependency; nothing for all, and the machine.
        dependency: Option<String>,
    },
    /// Run failed items again: all of them, or those that failed with this cause.
    RetryFailed {
        /// The key that faults are grouped by.
        cause: Option<String>,
    },
    /// Change the number of tasks at once.
    SetJobs {
        /// At least 1.
        jobs: u32,
    },
    /// Close a breaker.
    ResetBreaker {
        /// The dependency.
        dependency: String,
    },
    /// Give an asset of a pool the score of the start.
    ReviveAsset {
        /// The pool's name.
        pool: String,
        /// The asset's absolute path; nothing for all that are on the denylist.
        asset: Option<OsText>,
    },
    /// Put an asset of a pool on its denylist.
    BanAsset {
        /// The pool's name.
        pool: String,
        /// The asset's absolute path.
        asset: OsText,
    },
    /// Open a breaker. The recovery of one that is open begins anew.
    TripBreaker {
        /// The dependency.
        dependency: String,
    },
}

/// Failures by cause: the key that they are grouped by, and how many.
pub type Causes = IndexMap<(FaultClass, String), usize>;

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
pub(crate) mod tests;
