//! Why files failed: a run's failures grouped by cause, each group with an example, the end of its log, and the command
//! that tries just these again.

mod again;
mod tell;

use std::collections::HashMap;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use indexmap::IndexMap;
use serde::Serialize;

use crate::events::{Event, EventKind, ItemIndex, RunPhase, RunState, journal};
use crate::resilience::checkpoint::ItemState;
use crate::resilience::os_text::OsText;
use crate::resilience::{Fault, FaultClass};

use super::pools::PoolReport;
use again::Again;
pub use tell::{json, text};

/// Items of a group that are remembered, so that one is left for the example when others go well later.
const REMEMBERED: usize = 8;
/// Lines of a log that are shown.
const LOG_LINES: usize = 20;
/// Of a log's end, as much is read.
const LOG_BYTES: u64 = 16 * 1024;
/// Failed pieces of a file that are named.
const NAMES: usize = 20;

/// Why files of one run failed.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// The version of this shape.
    pub version: u32,
    /// The run's id.
    pub run: String,
    /// The pipeline's name.
    pub pipeline: String,
    /// Whether the run came to its end by itself; else it was killed, or still runs.
    pub finished: bool,
    /// Files in the batch.
    pub total: u32,
    /// The groups, the failed ones first, the largest of each first.
    pub groups: Vec<Group>,
    /// What came of the asset pools, of a run that has some.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub pools: Vec<PoolReport>,
}

/// Files that failed, or wait, for one reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Group {
    /// `failed` or `parked`.
    pub status: &'static str,
    /// Whose fault it is.
    pub class: FaultClass,
    /// The key of the reason.
    pub cause: String,
    /// The step.
    pub step: Option<String>,
    /// How many files.
    pub count: usize,
    /// How many of their pieces, where the step runs for each.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pieces: Option<usize>,
    /// Some of these pieces, by the names of their files.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub piece_names: Vec<String>,
    /// One of them; none for a step over the whole batch.
    pub example: Option<OsText>,
    /// What happened to that one.
    pub message: String,
    /// What to do about it, when that is known.
    pub hint: Option<String>,
    /// The log of its last attempt.
    pub log: Option<OsText>,
    /// The last lines of that log.
    pub log_end: Vec<String>,
    /// The command that tries these again.
    pub command: String,
}

/// Reads the journal in the folder of a run.
///
/// # Errors
/// That it cannot be read. One that a crash cut short is read as far as it goes.
pub fn read(run_folder: &Path) -> std::io::Result<Report> {
    let mut found = Found::default();
    for event in journal::read(&run_folder.join("journal.jsonl"))? {
        found.take(event?);
    }
    Ok(found.report(run_folder))
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key {
    state: Bad,
    class: FaultClass,
    cause: String,
    step: Option<u32>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Bad {
    Failed,
    Parked,
}

#[derive(Default)]
struct Members {
    count: usize,
    examples: Vec<(Option<ItemIndex>, Fault)>,
    /// Failed pieces of its items, and the names of the first.
    pieces: HashMap<ItemIndex, (usize, Vec<String>)>,
}

/// What is found while the journal is read: a run can try failed files again, so what holds is the last of each.
#[derive(Default)]
struct Found {
    state: RunState,
    groups: IndexMap<Key, Members>,
    /// The groups of each file that stands in one.
    places: HashMap<ItemIndex, Vec<usize>>,
    /// The failed pieces of items that have not ended: by step, cause and class.
    pieces: HashMap<ItemIndex, Vec<FailedPieces>>,
    /// The log of the last failed attempt of a file, by step.
    logs: HashMap<(ItemIndex, u32), String>,
}

/// Pieces of one item that failed in one step for one reason.
struct FailedPieces {
    step: u32,
    fault: Fault,
    count: usize,
    names: Vec<String>,
}

impl Found {
    fn take(&mut self, event: Event) {
        self.state.apply(&event);
        match event.kind {
            EventKind::AttemptStarted { item, .. } | EventKind::ItemLeftOut { item, .. } => self.forget(item),
            EventKind::AttemptFailed { item, step, log: Some(log), .. } => {
                self.logs.insert((item, step), log);
            }
            EventKind::ItemFinished { item, state, step, fault, .. } => {
                self.forget(item);
                let state = match state {
                    ItemState::Failed => Bad::Failed,
                    ItemState::Parked => Bad::Parked,
                    ItemState::Done | ItemState::Pending => {
                        self.pieces.remove(&item);
                        return;
                    }
                };
                let pieces = self.pieces.remove(&item).unwrap_or_default();
                // What its pieces met tells more than the item's own line, which sums it up.
                if state == Bad::Failed && pieces.iter().any(|failed| Some(failed.step) == step) {
                    return pieces.into_iter().for_each(|failed| self.add_pieces(item, failed));
                }
                if let Some(fault) = fault {
                    self.add(state, Some(item), step, fault);
                }
            }
            EventKind::PiecesFound { item, step, .. } => {
                if let Some(failed) = self.pieces.get_mut(&item) {
                    failed.retain(|failed| failed.step != step);
                }
            }
            EventKind::PieceFailed { item, step, piece, fault, .. } => {
                let failed = self.pieces.entry(item).or_default();
                let same = |one: &FailedPieces| {
                    one.step == step && (one.fault.class, &one.fault.cause) == (fault.class, &fault.cause)
                };
                let place = failed.iter().position(same).unwrap_or_else(|| {
                    failed.push(FailedPieces { step, fault, count: 0, names: Vec::new() });
                    failed.len() - 1
                });
                failed[place].count += 1;
                if failed[place].names.len() < NAMES {
                    failed[place].names.push(piece.name);
                }
            }
            EventKind::BatchStepFinished { step, fault: Some(fault), .. } => {
                self.add(Bad::Failed, None, Some(step), fault);
            }
            _ => {}
        }
    }

    fn add(&mut self, state: Bad, item: Option<ItemIndex>, step: Option<u32>, fault: Fault) {
        let key = Key { state, class: fault.class, cause: fault.cause.clone(), step };
        let group = self.groups.entry(key);
        let place = group.index();
        let members = group.or_default();
        members.count += 1;
        if members.examples.len() < REMEMBERED {
            members.examples.push((item, fault));
        }
        if let Some(item) = item {
            self.places.entry(item).or_default().push(place);
        }
    }

    fn add_pieces(&mut self, item: ItemIndex, failed: FailedPieces) {
        let FailedPieces { step, fault, count, names } = failed;
        self.add(Bad::Failed, Some(item), Some(step), fault);
        let place = self.places.get(&item).and_then(|places| places.last()).copied();
        if let Some((_, members)) = place.and_then(|place| self.groups.get_index_mut(place)) {
            members.pieces.insert(item, (count, names));
        }
    }

    fn forget(&mut self, item: ItemIndex) {
        for place in self.places.remove(&item).unwrap_or_default() {
            if let Some((_, members)) = self.groups.get_index_mut(place) {
                members.count -= 1;
                members.examples.retain(|(of, _)| *of != Some(item));
                members.pieces.remove(&item);
            }
        }
    }

    fn report(self, run_folder: &Path) -> Report {
        let again = Again::read(run_folder);
        let mut groups: Vec<_> = self.groups.iter().filter(|(_, members)| members.count > 0).collect();
        groups.sort_by_key(|(key, members)| (key.state, std::cmp::Reverse(members.count)));
        let groups = groups.into_iter().map(|(key, members)| self.group(key, members, &again, run_folder)).collect();
        Report {
            version: 1,
            finished: matches!(self.state.phase, RunPhase::Finished(_)),
            total: self.state.counts.total,
            groups,
            pools: super::pools::of(&self.state),
            run: self.state.run,
            pipeline: self.state.pipeline,
        }
    }

    fn group(&self, key: &Key, members: &Members, again: &Again, run_folder: &Path) -> Group {
        let example = members.examples.first();
        let item = example.and_then(|(item, _)| *item);
        let log = item
            .zip(key.step)
            .and_then(|task| self.logs.get(&task))
            .filter(|log| is_below(Path::new(log)))
            .map(|log| run_folder.join(log));
        Group {
            status: match key.state {
                Bad::Failed => "failed",
                Bad::Parked => "parked",
            },
            class: key.class,
            cause: key.cause.clone(),
            step: key.step.and_then(|step| self.state.steps.get(step as usize)).cloned(),
            count: members.count,
            pieces: (!members.pieces.is_empty()).then(|| members.pieces.values().map(|(count, _)| count).sum()),
            piece_names: item
                .and_then(|item| members.pieces.get(&item))
                .map_or_else(Vec::new, |(_, names)| names.clone()),
            example: item.and_then(|item| self.state.path(item)).map(OsText::from),
            message: example.map_or_else(String::new, |(_, fault)| fault.message.clone()),
            hint: example.and_then(|(_, fault)| fault.hint.clone()),
            log_end: log.as_deref().map_or_else(Vec::new, log_end),
            log: log.map(OsText::from),
            command: match (key.state, item) {
                // Parked files, and steps over the whole batch, are taken up without a word.
                (Bad::Parked, _) | (_, None) => again.command(None),
                (Bad::Failed, Some(_)) => again.command(Some(&key.cause)),
            },
        }
    }
}

/// Whether a path from the journal stays in the run's folder.
fn is_below(path: &Path) -> bool {
    path.components().all(|part| matches!(part, std::path::Component::Normal(_)))
}

/// The last lines of a log; none where it cannot be read.
fn log_end(path: &Path) -> Vec<String> {
    let read = || -> std::io::Result<Vec<u8>> {
        let mut file = std::fs::File::open(path)?;
        let start = file.metadata()?.len().saturating_sub(LOG_BYTES);
        file.seek(SeekFrom::Start(start))?;
        let mut bytes = Vec::new();
        file.take(LOG_BYTES).read_to_end(&mut bytes)?;
        if start > 0 {
            let line = bytes.iter().position(|byte| *byte == b'\n').map_or(0, |end| end + 1);
            bytes.drain(..line);
        }
        Ok(bytes)
    };
    let Ok(bytes) = read() else { return Vec::new() };
    let text = String::from_utf8_lossy(&bytes);
    // Tools redraw a line by going back to its start: what they left there counts.
    let shown = |line: &str| line.trim_end().rsplit('\r').next().unwrap_or_default().to_owned();
    let lines: Vec<String> = text.lines().map(shown).filter(|line| !line.trim().is_empty()).collect();
    lines[lines.len().saturating_sub(LOG_LINES)..].to_vec()
}

/// The command that runs the same batch again, as it can be typed.
#[must_use]
pub fn again(run_folder: &Path) -> String {
    again::Again::read(run_folder).command(None)
}

/// The folder of each run of the pipeline whose folder in the state folder is `pipeline`, the newest first.
///
/// # Errors
/// That the folder cannot be read. One that does not exist holds none.
pub fn runs(pipeline: &Path) -> std::io::Result<Vec<PathBuf>> {
    let folder = match std::fs::read_dir(pipeline.join("runs")) {
        Ok(folder) => folder,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut found = Vec::new();
    for entry in folder {
        let path = entry?.path();
        // A run that ended before it had a journal has nothing to tell.
        if let Ok(changed) = std::fs::metadata(path.join("journal.jsonl")).and_then(|metadata| metadata.modified()) {
            found.push((changed, path));
        }
    }
    found.sort_by(|a, b| b.cmp(a));
    Ok(found.into_iter().map(|(_, path)| path).collect())
}

#[cfg(test)]
mod tests;
