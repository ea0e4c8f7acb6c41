//! One attempt at one task: from its scratch to its committed outputs.

pub mod batch;
mod builtin;
mod commit;
mod drawn;
mod outputs;
pub mod piece;
pub mod resource;
mod rows;
mod tool;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use indexmap::IndexMap;

use self::drawn::Drawn;
use super::context::Context;
use super::fingerprint::{fingerprint, read_source, stale_whole};
use super::item::{Fields, Item};
use super::piece_view::PieceView;
use super::resources::Resources;
use super::slot::Hosts;
use crate::events::{Draw, Progress};
use crate::pipeline::plan::{Action, Step};
use crate::resilience::breaker::Ticket;
use crate::resilience::checkpoint::{Checkpoint, Identity};
use crate::resilience::scratch::RunScratch;
use crate::resilience::store::PieceLog;
use crate::resilience::{Fault, FaultClass};
use crate::resources::Leases;
use crate::resources::secret::Secrets;
use crate::steps::builtin::Values;
use crate::steps::shim::Canceller;

/// What the attempts of a run share besides the context.
#[derive(Debug)]
pub struct Workshop {
    /// The plan, the batch, the store.
    pub context: Context,
    /// Where attempts work.
    pub scratch: RunScratch,
    /// The run's folder: logs go below it.
    pub run_folder: PathBuf,
    /// What steps hold leases of.
    pub resources: Resources,
    /// The run was asked to stop: items that wait to be looked at need not be.
    pub stopping: AtomicBool,
}

impl Workshop {
    /// The folders that the run writes into.
    #[must_use]
    pub fn folders(&self) -> [PathBuf; 3] {
        [self.scratch.folder().to_path_buf(), self.context.store.dir().to_path_buf(), self.context.output_root()]
    }
}

/// An item that is being worked on.
#[derive(Debug)]
pub struct Active {
    /// The item.
    pub item: Item,
    /// What is known of it. Steps that run at the same time take turns.
    pub checkpoint: Mutex<Checkpoint>,
    /// What is known of its pieces, the same for all that work on the item. Whoever needs both takes the checkpoint first.
    pub pieces: Arc<Mutex<PieceLog>>,
    /// Somebody asked for this very item: pieces of it that failed before are tried again.
    pub insisted: bool,
}

impl Active {
    /// Its checkpoint, locked.
    pub fn checkpoint(&self) -> MutexGuard<'_, Checkpoint> {
        self.checkpoint.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is known of its pieces, locked.
    pub fn pieces(&self) -> MutexGuard<'_, PieceLog> {
        self.pieces.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One attempt that is to be made.
#[derive(Debug)]
pub struct Task {
    /// The item.
    pub active: Arc<Active>,
    /// The step's place in the plan.
    pub step: usize,
    /// The piece's place, from 0, where the step runs for each.
    pub piece: Option<u32>,
    /// From 1.
    pub attempt: u32,
    /// The assets that it is given.
    pub draws: Vec<Draw>,
    /// With it the item is done: no other step of it is left.
    pub last: bool,
    /// Ends it from outside.
    pub canceller: Arc<Canceller>,
    /// Leave to call the step's dependencies, one for each in their order.
    pub tickets: Vec<Ticket>,
}

/// What came of an attempt.
#[derive(Debug)]
pub struct Report {
    /// What.
    pub ending: Ending,
    /// How long it took.
    pub took: Duration,
    /// The tool's log, relative to the run's folder.
    pub log: Option<String>,
    /// Processes that the tool left behind; they were ended.
    pub leftover: u32,
    /// Something that a person should know.
    pub note: Option<String>,
}

/// How an attempt ended.
#[derive(Debug)]
pub enum Ending {
    /// Its outputs are committed: so many bytes.
    Done(u64),
    /// What was to be made is there already: nothing was called.
    Stands,
    /// It failed. `ambiguous`: the tool's canary is to say whose fault it is.
    Failed {
        /// Why, or why for now.
        fault: Fault,
        /// Whether the canary decides.
        ambiguous: bool,
    },
}

/// An attempt under way.
struct Attempt<'a> {
    workshop: &'a Workshop,
    task: &'a Task,
    step: &'a Step,
    hosts: &'a mut Hosts,
    /// Is told how far it is.
    hear: &'a dyn Fn(Progress),
    /// The piece that it is made for.
    piece: Option<PieceView>,
    /// What it was given, by the names of the pools.
    drawn: Drawn,
    log: Option<String>,
    leftover: u32,
    note: Option<String>,
}

/// Where an attempt reads and writes.
struct Place {
    scratch: PathBuf,
    inputs: Vec<OsString>,
    /// The outputs whose names are known, in the scratch.
    outputs: IndexMap<String, PathBuf>,
}

/// A failure, and whether the canary is to say whose.
struct Failure {
    fault: Fault,
    ambiguous: bool,
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        Self { fault, ambiguous: false }
    }
}

/// Makes the attempt, and tells `hear` how far it is. Nothing of it is left behind but its committed outputs and its log.
pub fn make(workshop: &Workshop, task: &Task, hosts: &mut Hosts, hear: &dyn Fn(Progress)) -> Report {
    let started = Instant::now();
    let step = &workshop.context.plan.steps[task.step];
    let mut attempt = Attempt {
        workshop,
        task,
        step,
        hosts,
        hear,
        piece: None,
        drawn: Drawn::default(),
        log: None,
        leftover: 0,
        note: None,
    };
    let made = attempt.make(started);
    attempt.hosts.room.leave();
    let ending = match made {
        Ok(ending) => ending,
        Err(_) if task.canceller.is_cancelled() => {
            let fault = Fault::new(FaultClass::Cancelled, "cancelled", "it was cancelled");
            Ending::Failed { fault, ambiguous: false }
        }
        Err(Failure { fault, ambiguous }) => Ending::Failed { fault, ambiguous },
    };
    let Attempt { log, leftover, note, .. } = attempt;
    Report { ending, took: started.elapsed(), log, leftover, note }
}

impl Report {
    /// The same, without what nothing may show.
    #[must_use]
    pub fn without(self, secrets: &Secrets) -> Self {
        let ending = match self.ending {
            Ending::Failed { fault, ambiguous } => Ending::Failed { fault: secrets.redact_fault(fault), ambiguous },
            other => other,
        };
        let note = self.note.map(|note| secrets.redact(&note).into_owned());
        Self { ending, note, ..self }
    }
}

impl Attempt<'_> {
    fn make(&mut self, started: Instant) -> Result<Ending, Failure> {
        let context = &self.workshop.context;
        let active = &self.task.active;
        self.piece = self.task.piece.map(|place| self.piece_at(place)).transpose()?;
        let seen = self.look_at_input()?;
        let (known, before) = {
            let reads_item = context.bases[self.task.step].reads_item;
            let unread = seen.filter(|seen| reads_item && active.checkpoint().source.identity != Some(*seen));
            // Read without holding the checkpoint: others of the item, and the dispatcher, need it meanwhile.
            let source = unread.map(|seen| read_source(&active.item.path, seen));
            let source = source.transpose().map_err(|error| Fault::from_io("the input cannot be read", &error))?;
            let mut checkpoint = active.checkpoint();
            if let Some(source) = source {
                checkpoint.source = source;
            }
            match &self.piece {
                Some(view) => match self.of_piece(&checkpoint, view) {
                    Some(known) => known,
                    None => return Ok(Ending::Stands),
                },
                None => (checkpoint.clone(), fingerprint(context, self.task.step, &checkpoint)),
            }
        };
        if self.piece.is_none() && self.pieces_stand(&known) {
            return Ok(Ending::Stands);
        }
        self.refuse_foreign_targets(&known)?;
        self.drawn = self.look_at_drawn()?;

        let id = &active.item.id;
        let needs_scratch = matches!(self.step.action, Action::Run(_)) || !self.step.out.is_empty();
        let scratch = if needs_scratch {
            let made = self.hosts.room.enter(id, &self.name_of_task(), self.task.attempt);
            made.map_err(|error| Fault::from_io("cannot make a scratch folder", &error))?
        } else {
            PathBuf::new()
        };
        let place = self.place(scratch, &known)?;
        let leases = self.lease()?;
        let worked = self.work(&place, &known, &leases);
        drop(leases);
        let values = match worked {
            Ok(values) => self.without_secrets(values),
            Err(failure) => return Err(Failure { fault: self.naming(failure.fault), ..failure }),
        };
        self.refuse_changed_input(seen)?;
        let found = self.find_outputs(&place, &known)?;
        let took = started.elapsed();
        let bytes = match &self.piece {
            Some(view) => self.commit_piece(view, found, before, values, took)?,
            None => self.commit(found, before, values, took)?,
        };
        Ok(Ending::Done(bytes))
    }

    /// Whether the pieces that the step made before are as they were: the steps before it, which ran again, may have made
    /// what they made then.
    fn pieces_stand(&self, known: &Checkpoint) -> bool {
        self.step.out.values().any(|rule| rule.many) && known.steps.contains_key(&self.step.id) && {
            let active = &self.task.active;
            let mut log = active.pieces();
            stale_whole(&self.workshop.context, &active.item, self.task.step, known, &mut log).is_none()
        }
    }

    /// What the file looks like that the attempt reads; nothing where its item has none.
    fn look_at_input(&self) -> Result<Option<Identity>, Fault> {
        let item = &self.task.active.item;
        match &self.piece {
            Some(view) if !self.workshop.context.bases[self.task.step].reads_item => Identity::of(view.path())
                .map(Some)
                .map_err(|error| Fault::from_io("the piece cannot be looked at", &error)),
            _ if item.made.is_some() => Ok(None),
            _ => Identity::of(&item.path)
                .map(Some)
                .map_err(|error| Fault::from_io("the input cannot be looked at", &error)),
        }
    }

    /// The step's id, and the piece's number: what its folder and its log are called by.
    fn name_of_task(&self) -> String {
        match &self.piece {
            Some(view) => format!("{}.{}", self.step.id, view.index),
            None => self.step.id.clone(),
        }
    }

    /// A file that changed while it was read gave a result of neither its old nor its new content.
    fn refuse_changed_input(&self, seen: Option<Identity>) -> Result<(), Fault> {
        let reads_item = self.piece.is_some() || self.workshop.context.bases[self.task.step].reads_item;
        let is_as = |seen: Option<Identity>| seen.map(|seen| (seen.size, seen.mtime_ns, seen.inode));
        if !reads_item || is_as(self.look_at_input()?) == is_as(seen) {
            return Ok(());
        }
        Err(Fault::input("input-changed", "the input changed while it was read")
            .with_hint("it is tried again; if it is still being copied, run again when that is done"))
    }

    fn place(&self, scratch: PathBuf, known: &Checkpoint) -> Result<Place, Fault> {
        let item = &self.task.active.item;
        let piece = self.piece.as_ref();
        let fields = Fields { item: Some(item), piece, checkpoint: Some(known), ..Fields::default() };
        let misfit = |what: &str, why: String| Fault::input("placeholder", format!("{what}: {why}"));
        let mut inputs = Vec::new();
        for template in &self.step.input {
            inputs.push(template.expand(&fields).map_err(|why| misfit("what it reads cannot be told", why))?);
        }
        // A generated item has no file that a step could read unless it says so.
        if inputs.is_empty() && (piece.is_some() || item.made.is_none()) && self.reads_a_file() {
            inputs.push(piece.map_or(item.path.as_path(), PieceView::path).into());
        }
        let mut outputs = IndexMap::new();
        for (name, rule) in &self.step.out {
            let relative = rule.from.expand(&fields).map_err(|why| misfit("an output cannot be named", why))?;
            let path = super::item::place_below(&scratch, Path::new(&relative))
                .map_err(|why| Fault::input("output-name", format!("output '{name}' cannot be made: {why}")))?;
            let folder = path.parent().filter(|folder| *folder != scratch);
            // A built-in step puts names in the place of the star of an output that is many.
            let is_known =
                !super::context::is_glob(&rule.from) || (rule.many && matches!(self.step.action, Action::Uses { .. }));
            if let Some(folder) = folder.filter(|_| is_known) {
                std::fs::create_dir_all(folder).map_err(|error| Fault::from_io("cannot make a folder", &error))?;
            }
            outputs.insert(name.clone(), path);
        }
        Ok(Place { scratch, inputs, outputs })
    }

    /// Whether the step reads the item's file, or the piece's, where the pipeline names no other.
    fn reads_a_file(&self) -> bool {
        match &self.step.action {
            Action::Uses { name, .. } => self.workshop.resources.step(name).is_none_or(|step| step.reads_file),
            Action::Run(_) => true,
        }
    }

    fn work(&mut self, place: &Place, known: &Checkpoint, leases: &Leases) -> Result<Values, Failure> {
        match &self.step.action {
            Action::Run(argv) => self.run_tool(argv, place, known).map(|()| Values::new()),
            Action::Uses { name, with } => match self.workshop.resources.step(name) {
                Some(step) => self.run_resource_step(step, with, place, known, leases),
                None => self.run_builtin(name, with, place, known),
            },
        }
    }

    /// What a step reports is kept and read by other steps: that something was taken out of it has to be known.
    fn without_secrets(&mut self, values: Values) -> Values {
        let secrets = self.workshop.resources.secrets();
        if self.workshop.context.plan.resources.is_empty() || secrets.is_empty() {
            return values;
        }
        let clean = match secrets.redact_json(values.clone().into()) {
            serde_json::Value::Object(clean) => clean,
            _ => Values::new(),
        };
        if clean != values {
            let id = &self.step.id;
            self.note =
                Some(format!("the value of a variable of `[resources]` was taken out of what step '{id}' reports"));
        }
        clean
    }

    fn fields<'b>(&'b self, place: &'b Place, known: &'b Checkpoint) -> Fields<'b> {
        Fields {
            item: Some(&self.task.active.item),
            piece: self.piece.as_ref(),
            checkpoint: Some(known),
            inputs: &place.inputs,
            scratch: Some(&place.scratch),
            drawn: Some(&self.drawn.paths),
            outputs: Some(&place.outputs),
            occasion: None,
        }
    }
}
