//! A step over the whole batch: made once, of a row for every item that is done or for every piece of them, in a step host
//! like any other.

use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use indexmap::IndexMap;

use super::Workshop;
use super::builtin::answered;
use super::rows::write_rows;
use crate::engine::context::Context;
use crate::engine::fingerprint::{Owner, changed, owner, whole};
use crate::engine::item::place_below;
use crate::engine::slot::Hosts;
use crate::pipeline::plan::{Action, OutputRule, Step};
use crate::resilience::Fault;
use crate::resilience::checkpoint::{Artifact, Checkpoint, Fingerprint, Identity, ItemState, StepOutcome, StepRecord};
use crate::resilience::hash::hash_file;
use crate::resilience::os_text::OsText;
use crate::resilience::store::{ItemKey, Loaded};
use crate::steps::builtin::Values;
use crate::steps::register::find_batch;
use crate::steps::shim::{Canceller, StepRequest};

/// The name of the checkpoint that batch steps share.
const BATCH: &str = "_batch";

/// Hosts for the steps over the batch of a run.
#[must_use]
pub fn batch_hosts(workshop: &Workshop, program: crate::steps::shim::HostProgram) -> Hosts {
    Hosts::new(program, workshop.scratch.room(BATCH))
}

/// A file that a step made: where it goes, and whose file is there.
struct Target {
    /// The output, and for one of many the file's name.
    name: String,
    made: PathBuf,
    path: PathBuf,
    whose: Owner,
}

/// Makes the outputs of the step, where its rows are others than they were or its outputs are not as they were made, and puts
/// those in place that differ from what is there. Gives where the first is; a step may have made none.
///
/// # Errors
/// Why they could not be made.
pub fn make_batch_step(workshop: &Workshop, place: usize, hosts: &mut Hosts) -> Result<Option<PathBuf>, Fault> {
    let made = make(workshop, place, hosts);
    hosts.room.leave();
    made.map_err(|fault| workshop.resources.secrets().redact_fault(fault))
}

fn make(workshop: &Workshop, place: usize, hosts: &mut Hosts) -> Result<Option<PathBuf>, Fault> {
    let context = &workshop.context;
    let step = &context.plan.steps[place];
    let key = ItemKey::of(Path::new(BATCH));
    let new = || Checkpoint::new(BATCH.into(), OsText::from(BATCH));
    let mut checkpoint = match context.store.load(key, BATCH) {
        Loaded::Known(checkpoint) => *checkpoint,
        Loaded::New { owned: Some(earlier), .. } => new().heir_of(&earlier),
        Loaded::New { owned: None, .. } => new(),
        Loaded::Refused(why) => return Err(Fault::input("checkpoint-newer", why)),
    };
    let scratch = hosts.room.enter(BATCH, &step.id, 1);
    let scratch = scratch.map_err(|error| Fault::from_io("cannot make a scratch folder", &error))?;
    for (name, rule) in step.out.iter().filter(|(_, rule)| !rule.many) {
        target(
            context,
            &checkpoint,
            name.clone(),
            PathBuf::new(),
            rule.to.as_ref().unwrap_or(&rule.from).literal_prefix(),
        )?;
    }

    let (rows, below) = (scratch.join("rows.jsonl"), scratch.join("out"));
    let Some(batch) = builtin(step).and_then(|(name, _)| find_batch(name)) else {
        return Err(Fault::input("batch-step", "only built-in steps run over a whole batch"));
    };
    write_rows(context, place, batch, &rows)?;
    let (input, _) =
        hash_file(&rows).map_err(|error| Fault::from_io("the rows of the batch cannot be read", &error))?;
    let basis = &context.bases[place];
    let fingerprint = Fingerprint { definition: basis.definition.clone(), input, ..Fingerprint::default() };
    let earlier = checkpoint.steps.get(&step.id).filter(|record| record.fingerprint == fingerprint);
    if let Some(record) = earlier.filter(|record| !basis.forced && stands(context, step, record)) {
        return Ok(record.artifacts.values().next().map(|artifact| artifact.path.as_path().to_path_buf()));
    }

    let outputs = outputs(step, &below)?;
    let values = ask(step, rows, &outputs, hosts)?;
    let targets = targets(context, step, &checkpoint, (&below, &outputs))?;
    let first = targets.first().map(|target| target.path.clone());
    commit(context, (step, fingerprint), (key, &mut checkpoint), targets, values)?;
    Ok(first)
}

fn builtin(step: &Step) -> Option<(&String, &serde_json::Value)> {
    match &step.action {
        Action::Uses { name, with } => Some((name, with)),
        Action::Run(_) => None,
    }
}

/// Whether all that the step made is where it goes, as it was made.
fn stands(context: &Context, step: &Step, record: &StepRecord) -> bool {
    let is_there = |(name, rule): (&String, &OutputRule)| {
        rule.many || {
            let to = rule.to.as_ref().unwrap_or(&rule.from).literal_prefix();
            let target = place_below(&context.output_root(), Path::new(to));
            record.artifacts.get(name).is_some_and(|artifact| target.as_deref() == Ok(artifact.path.as_path()))
        }
    };
    // Pieces lie below the same folder.
    let root = context.output_root();
    step.out.iter().all(is_there)
        && record
            .artifacts
            .values()
            .all(|artifact| artifact.path.as_path().starts_with(&root) && changed(artifact).is_none())
}

/// Where the step writes each output: a pattern where it is many files.
fn outputs(step: &Step, below: &Path) -> Result<IndexMap<String, PathBuf>, Fault> {
    let output = |(name, rule): (&String, &OutputRule)| {
        let path = place_below(below, Path::new(rule.from.literal_prefix()));
        let path = path.map_err(|why| Fault::input("output-name", why))?;
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(|error| Fault::from_io("cannot make a folder", &error))?;
        }
        Ok((name.clone(), path))
    };
    step.out.iter().map(output).collect()
}

/// Has a step host do it.
fn ask(step: &Step, rows: PathBuf, outputs: &IndexMap<String, PathBuf>, hosts: &mut Hosts) -> Result<Values, Fault> {
    let Some((name, with)) = builtin(step) else { return Ok(Values::new()) };
    let request = StepRequest::Run {
        uses: name.clone(),
        with: with.clone(),
        inputs: vec![OsText::from(rows)],
        outputs: outputs.iter().map(|(name, path)| (name.clone(), OsText::from(path))).collect(),
        memory: step.memory,
    };
    // The dispatcher is at rest by now: a signal ends the engine, and its end is that of its hosts.
    answered(hosts.step(&request, step.timeout, &Canceller::default(), &|_| {}), step.timeout, false)
}

/// What was made, and where it goes.
fn targets(
    context: &Context,
    step: &Step,
    checkpoint: &Checkpoint,
    (below, outputs): (&Path, &IndexMap<String, PathBuf>),
) -> Result<Vec<Target>, Fault> {
    let mut targets = Vec::new();
    for (name, rule) in &step.out {
        let made = &outputs[name];
        if !rule.many {
            let to = rule.to.as_ref().unwrap_or(&rule.from).literal_prefix();
            targets.push(target(context, checkpoint, name.clone(), made.clone(), to)?);
            continue;
        }
        for made in numbered(made).map_err(|error| Fault::from_io("what was made cannot be looked at", &error))? {
            let relative = made.strip_prefix(below).unwrap_or(&made).to_path_buf();
            let name = format!("{name}/{}", relative.file_name().unwrap_or_default().to_string_lossy());
            targets.push(target(context, checkpoint, name, made, relative)?);
        }
    }
    Ok(targets)
}

/// The files that a pattern with one star in its name stands for, in order.
fn numbered(pattern: &Path) -> std::io::Result<Vec<PathBuf>> {
    let name = pattern.file_name().unwrap_or_default().as_bytes();
    let star = name.iter().position(|byte| *byte == b'*').unwrap_or(name.len());
    let (before, after) = (&name[..star], name.get(star + 1..).unwrap_or_default());
    let mut found = Vec::new();
    for entry in std::fs::read_dir(pattern.parent().unwrap_or(pattern))? {
        let file = entry?.file_name();
        let file = file.as_bytes();
        if file.len() > before.len() + after.len() && file.starts_with(before) && file.ends_with(after) {
            found.push(pattern.with_file_name(std::ffi::OsStr::from_bytes(file)));
        }
    }
    found.sort();
    Ok(found)
}

fn target(
    context: &Context,
    checkpoint: &Checkpoint,
    name: String,
    made: PathBuf,
    to: impl AsRef<Path>,
) -> Result<Target, Fault> {
    let path = place_below(&context.output_root(), to.as_ref()).map_err(|why| Fault::input("output-name", why))?;
    let whose = owner(&path, checkpoint);
    if matches!(whose, Owner::Other | Owner::UsChanged) && !context.options.overwrite {
        let message = format!("{} is already there, and not as mediamill made it", path.display());
        return Err(
            Fault::input("output-exists", message).with_hint("move it away, or let it be replaced with --overwrite")
        );
    }
    Ok(Target { name, made, path, whose })
}

/// Records what was made, and puts in place what differs from what is there.
fn commit(
    context: &Context,
    (step, fingerprint): (&Step, Fingerprint),
    (key, checkpoint): (ItemKey, &mut Checkpoint),
    targets: Vec<Target>,
    values: Values,
) -> Result<(), Fault> {
    let io = |doing: &'static str| move |error: std::io::Error| Fault::from_io(doing, &error);
    let mut artifacts = IndexMap::new();
    let mut moves = Vec::new();
    for Target { name, made, path, whose } in targets {
        let (hash, size) = hash_file(&made).map_err(io("what was made cannot be read"))?;
        let same = whose != Owner::Nobody && hash_file(&path).is_ok_and(|(there, _)| there == hash);
        let seen = Identity::of(if same { &path } else { &made }).map_err(io("what was made cannot be read"))?;
        let replaces = if let Owner::Us(mtime) = whose { Some(mtime).filter(|_| !same) } else { None };
        let artifact = Artifact { path: OsText::from(&path), size, hash, mtime_ns: seen.mtime_ns, replaces };
        artifacts.insert(name, artifact);
        if !same {
            moves.push((made, path));
        }
    }
    let outdated = outdated(step, checkpoint, &artifacts);
    let record = StepRecord {
        outcome: StepOutcome::Done,
        fingerprint,
        artifacts,
        pieces: IndexMap::new(),
        draws: IndexMap::new(),
        each: None,
        attempts: 1,
        duration: 0.0,
        left_out: None,
    };
    checkpoint.mark(&step.id, record, values);
    checkpoint.state = ItemState::Done;
    for folder in moves.iter().filter_map(|(_, path)| path.parent()) {
        std::fs::create_dir_all(folder).map_err(io("cannot make the folder of an output"))?;
    }
    context.store.save(key, checkpoint).map_err(io("the checkpoint cannot be written"))?;
    for (made, path) in moves {
        std::fs::rename(made, path).map_err(io("an output cannot be put in place"))?;
    }
    for artifact in outdated.iter().filter(|artifact| whole(artifact).unwrap_or(false)) {
        // One that cannot be removed stays ours.
        let _ = std::fs::remove_file(artifact.path.as_path());
    }
    Ok(())
}

/// The files of outputs that are many which the step made before and does not make any more.
fn outdated(step: &Step, checkpoint: &Checkpoint, made: &IndexMap<String, Artifact>) -> Vec<Artifact> {
    let earlier = checkpoint.steps.get(&step.id).into_iter().flat_map(|record| &record.artifacts);
    let of_many = earlier.filter(|(name, _)| name.contains('/'));
    let gone = of_many.filter(|(_, old)| made.values().all(|new| new.path != old.path));
    gone.map(|(_, old)| old.clone()).collect()
}
