//! The checkpoint of one item: what is done, with what, and what came out.

use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::fault::Fault;
use super::os_text::OsText;

/// The version of the checkpoint format that this build writes. Older ones are read, newer ones refused.
pub const CHECKPOINT_VERSION: u32 = 1;

/// The JSON file of one item. The first fields are those of the format's origin: `item_id`, `completed_steps` in
/// order, `last_step`, `intermediate_results` and `checkpoint_time`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// The format's version.
    pub version: u32,
    /// The item: its stem and a short hash of its full path. Also the file's name.
    pub item_id: String,
    /// The steps that are done, in the order in which they were.
    pub completed_steps: Vec<String>,
    /// The last of them.
    pub last_step: Option<String>,
    /// What each step found out, by step.
    pub intermediate_results: IndexMap<String, Map<String, Value>>,
    /// When this was written: seconds since 1970.
    pub checkpoint_time: f64,
    /// Raised at every change, so that of two copies the newer is known whatever the clock says.
    pub revision: u64,
    /// Where the item stands.
    pub state: ItemState,
    /// The input file.
    pub source: Source,
    /// The record of each step that is done or was left out.
    pub steps: IndexMap<String, StepRecord>,
    /// Why the item failed or was parked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<StepFault>,
    /// Files of ours that no step's record tells of any more: they may be replaced, others may not.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub formerly: Vec<Artifact>,
    /// Calls that are to be made because the item is done, or failed: written with that, and taken out when they are made.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hooks_due: Vec<HookDue>,
}

/// A call of a hook that is still to be made for an item, or was made while others that came due with it are still to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HookDue {
    /// Which, for a person: when, the step and its resource.
    pub hook: String,
    /// The state of the item that it is for.
    #[serde(default = "done")]
    pub on: ItemState,
    /// A hash of the hook as it was when this came due.
    #[serde(default)]
    pub id: String,
    /// When it came due, in milliseconds since 1970: tells this end of the item from others.
    #[serde(default)]
    pub since: u64,
    /// The call was made and refused; it would be again for as long as the hook is this one: a hash.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
    /// The call was made: known for as long as others are to be, so that a hook is never taken for another one.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub called: bool,
}

const fn done() -> ItemState {
    ItemState::Done
}

/// Where an item stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ItemState {
    /// Some step is still to do.
    Pending,
    /// Every step is done or was rightly left out.
    Done,
    /// A step failed for good.
    Failed,
    /// A step waits for a dependency to be well again.
    Parked,
}

/// What is known of a file without reading it: while this is equal, the content is taken to be.
///
/// The change time is the kernel's and cannot be set back, so an edit that restores the modification time is seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// Bytes.
    pub size: u64,
    /// Modification time, nanoseconds since 1970.
    pub mtime_ns: i64,
    /// Change time, nanoseconds since 1970.
    pub ctime_ns: i64,
    /// Inode number.
    pub inode: u64,
}

impl Identity {
    /// Reads it from the file that `path` names, following links.
    ///
    /// # Errors
    /// That the file cannot be looked at.
    pub fn of(path: &Path) -> std::io::Result<Self> {
        std::fs::metadata(path).map(|metadata| Self::from_metadata(&metadata))
    }

    /// The identity in `metadata`.
    #[must_use]
    pub fn from_metadata(metadata: &std::fs::Metadata) -> Self {
        let nanoseconds = |seconds: i64, part: i64| seconds.saturating_mul(1_000_000_000).saturating_add(part);
        Self {
            size: metadata.len(),
            mtime_ns: nanoseconds(metadata.mtime(), metadata.mtime_nsec()),
            ctime_ns: nanoseconds(metadata.ctime(), metadata.ctime_nsec()),
            inode: metadata.ino(),
        }
    }

    /// Whether the file was changed so short before `now` that a later change could carry the same times: clocks of
    /// file systems tick in steps of some milliseconds.
    #[must_use]
    pub fn is_racy(&self, now: SystemTime) -> bool {
        const TICK_NS: i64 = 20_000_000;
        let now = now.duration_since(UNIX_EPOCH).map_or(0, |since| i64::try_from(since.as_nanos()).unwrap_or(i64::MAX));
        self.ctime_ns > now.saturating_sub(TICK_NS)
    }
}

/// The input file as it was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// Absolute; of a generated item its name.
    pub path: OsText,
    /// BLAKE3 of the content, hexadecimal, the first 128 bits; empty when it was never read.
    pub hash: String,
    /// What the file looked like then. `None`: it had only just been changed, so the next look reads it again.
    pub identity: Option<Identity>,
    /// Whether there is no file: the pipeline made the item itself, and `path` is its name.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub generated: bool,
}

/// One step of one item.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepRecord {
    /// What it came to.
    pub outcome: StepOutcome,
    /// All that the result depends on.
    pub fingerprint: Fingerprint,
    /// The committed files, by name.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub artifacts: IndexMap<String, Artifact>,
    /// The pieces of each output that is many, by name: their own records stand in a file beside this one.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub pieces: IndexMap<String, PieceSet>,
    /// The assets that it was made with, by the names of their pools: as they were then.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub draws: IndexMap<String, Artifact>,
    /// What it came to, where it runs for each piece.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub each: Option<EachDone>,
    /// Attempts that were made.
    pub attempts: u32,
    /// Of the last attempt, in seconds.
    pub duration: f64,
    /// Why it was left out, or what stands in for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left_out: Option<LeftOut>,
}

/// The pieces of one output, as far as the item's checkpoint tells of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PieceSet {
    /// How many there are.
    pub count: u32,
    /// A hash of their names, contents and values, in order.
    pub hash: String,
}

/// What a step that runs for each piece came to, as far as the item's checkpoint tells of it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EachDone {
    /// Pieces that it is done for.
    pub done: u32,
    /// Pieces that were left out.
    #[serde(default, skip_serializing_if = "is_none")]
    pub left_out: u32,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it")]
const fn is_none(count: &u32) -> bool {
    *count == 0
}

/// Why a step was left out: tells when it is to be looked at again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftOut {
    /// The kind of reason.
    pub because: Because,
    /// For a person.
    pub reason: String,
}

/// The kinds of reason for leaving out a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Because {
    /// It is for files of other names: holds while it is.
    Unmatched,
    /// Its tool is not there: holds while it is not.
    Unavailable,
    /// A step that it reads was left out: holds while that is.
    Upstream,
    /// It is optional, and the input made it fail: holds while nothing changes.
    Input,
    /// It is optional, and something that passes made it fail, or its breaker was open: the next run tries again.
    Passing,
}

/// What a step came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StepOutcome {
    /// Its outputs are committed.
    Done,
    /// It was left out; it runs when that is no longer so.
    Skipped,
    /// Stand-ins took the place of its outputs; it runs when its dependency is well.
    Fallback,
}

/// All that a step's result depends on, part by part, so that a change can be named.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fingerprint {
    /// The step as the pipeline file defines it (and a built-in step's version): a hash.
    pub definition: String,
    /// The tool: its version where that is known, else a hash of the program.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool: Option<String>,
    /// The input's content: a hash.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub input: String,
    /// What came from each step that it reads: a hash.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub reads: IndexMap<String, String>,
    /// The values of a generated item that it reads, each as JSON.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub values: IndexMap<String, String>,
}

impl Fingerprint {
    /// What differs from `earlier`, for a person; `None` when nothing does.
    #[must_use]
    pub fn change_since(&self, earlier: &Self) -> Option<String> {
        if self.definition != earlier.definition {
            return Some("the step was edited".into());
        }
        if self.tool != earlier.tool {
            let name = |tool: &Option<String>| tool.clone().unwrap_or_else(|| "unknown".into());
            return Some(format!("the tool changed: {} to {}", name(&earlier.tool), name(&self.tool)));
        }
        if self.input != earlier.input {
            return Some("the input's content changed".into());
        }
        let changed = |name: &&String| self.values.get(*name) != earlier.values.get(*name);
        let gone = earlier.values.keys().filter(|name| !self.values.contains_key(*name));
        let changed: Vec<&str> = self.values.keys().chain(gone).filter(changed).map(String::as_str).collect();
        if !changed.is_empty() {
            return Some(format!("its values changed: {}", changed.join(", ")));
        }
        let differs = |step: &&String| self.reads.get(*step) != earlier.reads.get(*step);
        let step = self.reads.keys().chain(earlier.reads.keys()).find(differs)?;
        Some(format!("what step '{step}' made changed"))
    }
}

/// A committed file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Artifact {
    /// Absolute.
    pub path: OsText,
    /// Bytes.
    pub size: u64,
    /// BLAKE3, hexadecimal, the first 128 bits.
    pub hash: String,
    /// Modification time, nanoseconds since 1970.
    pub mtime_ns: i64,
    /// The modification time of the file of ours whose place it took: until the move is made, that one is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaces: Option<i64>,
}

/// A fault, and the step that met it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepFault {
    /// The step's id.
    pub step: String,
    /// Attempts that were made.
    pub attempts: u32,
    /// The fingerprint of the task that failed: an input fault holds until this changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<Fingerprint>,
    /// What happened.
    pub fault: Fault,
    /// Other causes that pieces of the item failed with.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub other_causes: Vec<String>,
}

impl StepFault {
    /// A fault of this step, after so many attempts.
    #[must_use]
    pub const fn of(step: String, attempts: u32, fault: Fault) -> Self {
        Self { step, attempts, fingerprint: None, fault, other_causes: Vec::new() }
    }

    /// All causes that the item failed with.
    pub fn causes(&self) -> impl Iterator<Item = &String> {
        std::iter::once(&self.fault.cause).chain(&self.other_causes)
    }
}

impl Checkpoint {
    /// That of an item of which nothing is done.
    #[must_use]
    pub fn new(item_id: String, path: OsText) -> Self {
        Self {
            version: CHECKPOINT_VERSION,
            item_id,
            completed_steps: Vec::new(),
            last_step: None,
            intermediate_results: IndexMap::new(),
            checkpoint_time: 0.0,
            revision: 0,
            state: ItemState::Pending,
            source: Source { path, hash: String::new(), identity: None, generated: false },
            steps: IndexMap::new(),
            fault: None,
            formerly: Vec::new(),
            hooks_due: Vec::new(),
        }
    }

    /// Takes over what `earlier`, a checkpoint that counts no more, knew to be ours.
    #[must_use]
    pub fn heir_of(mut self, earlier: &Self) -> Self {
        self.formerly = earlier.ours().cloned().collect();
        self
    }

    /// The files that we made of this item and that may still be there. Stand-ins are somebody else's.
    pub fn ours(&self) -> impl Iterator<Item = &Artifact> {
        let made = self.steps.values().filter(|record| record.outcome == StepOutcome::Done);
        made.flat_map(|record| record.artifacts.values()).chain(&self.formerly)
    }

    /// Notes that `step` came to `record`, with the values it found out.
    pub fn mark(&mut self, step: &str, record: StepRecord, values: Map<String, Value>) {
        self.forget(step);
        if record.outcome == StepOutcome::Done {
            self.completed_steps.push(step.to_owned());
        }
        self.last_step = self.completed_steps.last().cloned();
        self.intermediate_results.insert(step.to_owned(), values);
        if record.outcome == StepOutcome::Done {
            self.formerly.retain(|old| record.artifacts.values().all(|new| new.path != old.path));
        }
        self.steps.insert(step.to_owned(), record);
    }

    /// Takes `step` out: it is to be done again.
    pub fn forget(&mut self, step: &str) {
        self.completed_steps.retain(|done| done != step);
        self.last_step = self.completed_steps.last().cloned();
        self.intermediate_results.shift_remove(step);
        let record = self.steps.shift_remove(step).filter(|record| record.outcome == StepOutcome::Done);
        self.formerly.extend(record.into_iter().flat_map(|record| record.artifacts.into_values()));
    }

    /// Whether `step` is done.
    #[must_use]
    pub fn is_complete(&self, step: &str) -> bool {
        self.steps.get(step).is_some_and(|record| record.outcome == StepOutcome::Done)
    }

    /// The values of a generated item, as far as steps have read them.
    #[must_use]
    pub fn item_values(&self) -> IndexMap<&str, Value> {
        let failed = self.fault.as_ref().and_then(|fault| fault.fingerprint.as_ref());
        let read = self.steps.values().map(|record| &record.fingerprint).chain(failed);
        let told = read.flat_map(|fingerprint| &fingerprint.values);
        let value = |json: &String| serde_json::from_str(json).unwrap_or_else(|_| Value::from(json.as_str()));
        told.map(|(name, json)| (name.as_str(), value(json))).collect()
    }

    /// The calls of hooks that are still to be made for the state that the item is in.
    pub fn calls_due(&self) -> impl Iterator<Item = &HookDue> {
        self.hooks_due.iter().filter(|due| due.on == self.state && !due.called)
    }

    /// Whether it failed before any step: its input was away, or cannot be worked on.
    #[must_use]
    pub fn is_refused(&self) -> bool {
        self.state == ItemState::Failed && self.fault.as_ref().is_some_and(|fault| fault.step.is_empty())
    }

    /// Whether it is of an item that the pipeline made itself, which has a name in place of a file.
    #[must_use]
    pub const fn is_generated(&self) -> bool {
        self.source.generated
    }

    /// What `step` found out.
    #[must_use]
    pub fn result(&self, step: &str) -> Option<&Map<String, Value>> {
        self.intermediate_results.get(step)
    }
}

/// Why a checkpoint could not be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unusable {
    /// It is no checkpoint: truncated, or something else altogether.
    Unreadable(String),
    /// A newer mediamill wrote it.
    Newer(u32),
}

/// Reads a checkpoint's JSON.
///
/// # Errors
/// Why it cannot be used.
pub fn parse(json: &[u8]) -> Result<Checkpoint, Unusable> {
    #[derive(Deserialize)]
    struct VersionOnly {
        version: u32,
    }
    match serde_json::from_slice::<Checkpoint>(json) {
        Ok(checkpoint) if checkpoint.version <= CHECKPOINT_VERSION => Ok(checkpoint),
        Ok(checkpoint) => Err(Unusable::Newer(checkpoint.version)),
        Err(error) => match serde_json::from_slice::<VersionOnly>(json) {
            Ok(VersionOnly { version }) if version > CHECKPOINT_VERSION => Err(Unusable::Newer(version)),
            _ => Err(Unusable::Unreadable(error.to_string())),
        },
    }
}
