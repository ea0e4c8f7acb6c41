//! What the dispatcher knows of an item that is being worked on.

use std::collections::BTreeSet;
use std::sync::Arc;

use tokio::time::Instant;

use crate::engine::attempt::Active;
use crate::events::{Draw, ItemIndex};
use crate::resilience::Fault;
use crate::steps::shim::Canceller;

/// One step of one item, or of one of its pieces.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct TaskId {
    pub(super) item: ItemIndex,
    pub(super) step: usize,
    /// The piece's place, from 0.
    pub(super) piece: Option<u32>,
}

impl TaskId {
    /// A step of the whole item.
    pub(super) const fn whole(item: ItemIndex, step: usize) -> Self {
        Self { item, step, piece: None }
    }

    pub(super) const fn of_piece(item: ItemIndex, step: usize, piece: u32) -> Self {
        Self { item, step, piece: Some(piece) }
    }
}

/// An item that is being worked on.
#[derive(Debug)]
pub(super) struct Working {
    pub(super) active: Arc<Active>,
    pub(super) steps: Vec<TaskState>,
    /// The pieces, by step: of steps that run for each.
    pub(super) fans: Vec<Option<Fan>>,
    /// The first required step that failed for good.
    pub(super) failed: Option<(usize, Fault)>,
    /// Somebody asked for its end: no attempt of it begins any more.
    pub(super) ending: Option<Ending>,
    /// Something was noted that the store does not know.
    pub(super) unsaved: bool,
}

/// How somebody wants an item to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    /// It is as it was.
    Cancelled,
    /// It is left out of the run.
    Skipped,
}

/// One step of one item, or of one piece.
#[derive(Debug, Clone)]
pub(super) struct TaskState {
    pub(super) progress: Progress,
    pub(super) attempts: u32,
    /// Faults that count against no attempt: of the machine, or of a dependency whose breaker is not open yet.
    pub(super) passing: u32,
    /// What its attempt was given of the pools, until that has ended.
    pub(super) drawn: Vec<Draw>,
    /// What earlier attempts were given in vain.
    pub(super) tried: Vec<Tried>,
}

/// An asset that is not drawn for a task again.
#[derive(Debug, Clone)]
pub(super) struct Tried {
    pub(super) draw: Draw,
    pub(super) how: Vain,
    /// What the attempt failed with.
    pub(super) why: String,
}

/// How an asset was drawn in vain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Vain {
    /// It failed, and was charged.
    Blamed,
    /// It is well, and does not fit the item.
    Unsuited,
    /// The attempt with it took its host along or ran out of time; it is drawn again where nothing else is left.
    Lost,
}

impl TaskState {
    pub(super) const fn new(progress: Progress) -> Self {
        Self { progress, attempts: 0, passing: 0, drawn: Vec::new(), tried: Vec::new() }
    }
}

/// Where a step of an item or of a piece stands.
#[derive(Debug, Clone)]
pub(super) enum Progress {
    /// Steps before it are not through.
    Waiting,
    /// It could start.
    Ready,
    /// An attempt is being made.
    Running(Arc<Canceller>),
    /// Its attempt failed, and the tool's canary is asked whose fault that is.
    Asking,
    /// The next attempt is due later.
    Backoff,
    /// It waits for this dependency to be well.
    Parked(usize),
    /// It runs for each piece, and these are on their ways.
    Fanned,
    /// It is done, was left out, or is not asked for.
    Through,
    /// It was left out for this piece.
    LeftOut,
    /// It failed, or hangs on one that did.
    Failed,
}

impl Progress {
    pub(super) const fn is_at_work(&self) -> bool {
        matches!(self, Self::Ready | Self::Running(_) | Self::Asking | Self::Backoff)
    }

    /// Nothing more comes of it in this run.
    pub(super) const fn is_settled(&self) -> bool {
        matches!(self, Self::Through | Self::LeftOut | Self::Failed)
    }
}

/// The pieces of one step of one item.
#[derive(Debug)]
pub(super) struct Fan {
    /// By the piece's place; `None` until they were looked at.
    pub(super) tasks: Option<Vec<TaskState>>,
    pub(super) since: Instant,
    /// Pieces that no result stands for yet.
    pub(super) left: u32,
    pub(super) at_work: u32,
    pub(super) left_out: u32,
    pub(super) failed: u32,
    pub(super) parked: u32,
    /// The dependency that the last parked piece waits for.
    pub(super) parked_for: usize,
    /// That it waits was told.
    pub(super) told_parked: bool,
    /// The first fault of a piece that failed for good, with its name; one that may pass goes before.
    pub(super) fault: Option<(String, Fault)>,
    /// The causes of all that failed for good.
    pub(super) causes: BTreeSet<String>,
    /// What a person calls the pieces, by place.
    pub(super) names: Vec<String>,
    /// Bytes that its pieces made in this run.
    pub(super) bytes: u64,
}

impl Fan {
    pub(super) fn new() -> Self {
        Self {
            tasks: None,
            since: Instant::now(),
            left: 0,
            at_work: 0,
            left_out: 0,
            failed: 0,
            parked: 0,
            parked_for: 0,
            told_parked: false,
            fault: None,
            causes: BTreeSet::new(),
            names: Vec::new(),
            bytes: 0,
        }
    }

    pub(super) fn len(&self) -> u32 {
        self.tasks.as_ref().map_or(0, |tasks| tasks.len() as u32)
    }

    /// Takes the pieces as they were found.
    pub(super) fn fill(&mut self, tasks: Vec<TaskState>) {
        for task in &tasks {
            self.count(&task.progress, 1);
        }
        self.tasks = Some(tasks);
    }

    /// The fault of the step whose pieces these are; nothing where none failed for good.
    pub(super) fn whole_fault(&self) -> Option<Fault> {
        let (name, fault) = self.fault.as_ref()?;
        let message = format!("{} of {} pieces failed: {name}: {}", self.failed, self.len(), fault.message);
        Some(Fault { message, ..fault.clone() })
    }

    fn count(&mut self, progress: &Progress, by: u32) {
        let add = |count: &mut u32| *count = count.wrapping_add(by);
        if !progress.is_settled() {
            add(&mut self.left);
        }
        match progress {
            Progress::LeftOut => add(&mut self.left_out),
            Progress::Failed => add(&mut self.failed),
            Progress::Parked(_) => add(&mut self.parked),
            progress if progress.is_at_work() => add(&mut self.at_work),
            _ => {}
        }
    }

    pub(super) fn set(&mut self, piece: u32, progress: Progress) {
        let Some(task) = self.tasks.as_mut().and_then(|tasks| tasks.get_mut(piece as usize)) else { return };
        let before = std::mem::replace(&mut task.progress, progress.clone());
        self.count(&before, u32::MAX);
        self.count(&progress, 1);
        if let Progress::Parked(dependency) = progress {
            self.parked_for = dependency;
        }
    }
}

impl Working {
    pub(super) fn new(active: Arc<Active>, steps: Vec<TaskState>) -> Self {
        let fans = steps.iter().map(|_| None).collect();
        Self { active, steps, fans, failed: None, ending: None, unsaved: false }
    }

    pub(super) fn task(&self, id: TaskId) -> Option<&TaskState> {
        match id.piece {
            None => self.steps.get(id.step),
            Some(piece) => self.fans.get(id.step)?.as_ref()?.tasks.as_ref()?.get(piece as usize),
        }
    }

    pub(super) fn task_mut(&mut self, id: TaskId) -> Option<&mut TaskState> {
        match id.piece {
            None => self.steps.get_mut(id.step),
            Some(piece) => self.fans.get_mut(id.step)?.as_mut()?.tasks.as_mut()?.get_mut(piece as usize),
        }
    }

    /// Notes where the task stands now.
    pub(super) fn set(&mut self, id: TaskId, progress: Progress) {
        match id.piece {
            None => self.steps[id.step].progress = progress,
            Some(piece) => {
                if let Some(fan) = &mut self.fans[id.step] {
                    fan.set(piece, progress);
                }
            }
        }
    }

    fn pieces(&self) -> impl Iterator<Item = &TaskState> {
        self.fans.iter().flatten().filter_map(|fan| fan.tasks.as_ref()).flatten()
    }

    /// How many pieces it holds in memory, over all steps.
    pub(super) fn held(&self) -> usize {
        self.fans.iter().flatten().map(|fan| fan.len() as usize).sum()
    }

    /// Causes that pieces of it failed with, but for that of `fault`.
    pub(super) fn other_causes(&self, fault: &Fault) -> Vec<String> {
        let causes: BTreeSet<&String> = self.fans.iter().flatten().flat_map(|fan| &fan.causes).collect();
        causes.into_iter().filter(|cause| **cause != fault.cause).cloned().collect()
    }

    pub(super) fn cancellers(&self) -> impl Iterator<Item = &Arc<Canceller>> {
        self.steps.iter().chain(self.pieces()).filter_map(|task| match &task.progress {
            Progress::Running(canceller) => Some(canceller),
            _ => None,
        })
    }

    /// Something was done for it in this run.
    pub(super) fn is_begun(&self) -> bool {
        self.unsaved || self.steps.iter().chain(self.pieces()).any(|task| task.attempts > 0)
    }

    pub(super) fn is_at_work(&self) -> bool {
        // Pieces that are looked at do not keep an item that is to end.
        let looked_at = |fan: &Fan| fan.tasks.is_none() && self.ending.is_none();
        self.steps.iter().any(|task| task.progress.is_at_work())
            || self.fans.iter().flatten().any(|fan| fan.at_work > 0 || looked_at(fan))
    }

    pub(super) fn is_through(&self) -> bool {
        self.steps.iter().all(|task| matches!(task.progress, Progress::Through))
    }

    /// A step that waits for a dependency, and which.
    pub(super) fn parked(&self) -> Option<(usize, usize)> {
        self.steps.iter().enumerate().find_map(|(step, task)| match (&task.progress, &self.fans[step]) {
            (Progress::Parked(dependency), _) => Some((step, *dependency)),
            (Progress::Fanned, Some(fan)) if fan.parked > 0 => Some((step, fan.parked_for)),
            _ => None,
        })
    }

    /// The tasks of `item`, which this is, that wait for this dependency: of these steps, and no more than `most`.
    pub(super) fn parked_for(&self, item: ItemIndex, dependency: usize, most: usize, steps: &[bool]) -> Vec<TaskId> {
        let waits = |task: &TaskState| matches!(task.progress, Progress::Parked(of) if of == dependency);
        let whole = self.steps.iter().enumerate().filter(|(_, task)| waits(task));
        let whole = whole.map(|(step, _)| TaskId::whole(item, step));
        let fans = self.fans.iter().enumerate().filter_map(|(step, fan)| Some((step, fan.as_ref()?)));
        let pieces = fans.filter(|(_, fan)| fan.parked > 0).flat_map(|(step, fan)| {
            let tasks = (0..).zip(fan.tasks.iter().flatten()).filter(|(_, task)| waits(task));
            tasks.map(move |(piece, _)| TaskId::of_piece(item, step, piece))
        });
        whole.chain(pieces).filter(|id| steps[id.step]).take(most).collect()
    }

    /// Faults of the step, or of any of its pieces, that counted against no attempt: the most of one task.
    pub(super) fn passing(&self, step: usize) -> u32 {
        let pieces = self.fans[step].iter().filter_map(|fan| fan.tasks.as_ref()).flatten();
        pieces.chain([&self.steps[step]]).map(|task| task.passing).max().unwrap_or_default()
    }
}
