//! Whether what steps made of the pieces of an item still stands.

use std::collections::HashSet;
use std::path::Path;

use serde_json::Value;

use super::context::Context;
use super::fingerprint::{Owner, changed, changed_draw, ended_link, owner_among, result_hash, values};
use super::item::Item;
use super::piece_view::{PieceView, called};
use crate::pipeline::plan::{Each, Plan, Step};
use crate::resilience::checkpoint::{Artifact, Because, Checkpoint, Fingerprint, PieceSet, StepOutcome, StepRecord};
use crate::resilience::hash::hash_bytes;
use crate::resilience::piece::{PieceOutcome, PieceRecord};
use crate::resilience::store::PieceLog;
use crate::resilience::{Fault, FaultClass};

/// The pieces that a step with `each` runs for, where they are known and are those that the checkpoint tells of.
#[must_use]
pub fn pieces_of(plan: &Plan, each: &Each, checkpoint: &Checkpoint, log: &mut PieceLog) -> Option<PieceSet> {
    let record =
        checkpoint.steps.get(&plan.steps[each.step].id).filter(|record| record.outcome == StepOutcome::Done)?;
    let told = record.pieces.get(&each.output)?;
    log.set(&called(plan, each)).filter(|known| known == told)
}

/// All that the result of `step` for this piece depends on.
#[must_use]
pub fn fingerprint_of(
    context: &Context,
    step: usize,
    checkpoint: &Checkpoint,
    log: &mut PieceLog,
    view: &PieceView,
) -> Fingerprint {
    let (plan, basis) = (&context.plan, &context.bases[step]);
    let spec = &plan.steps[step];
    let reads = spec.reads.iter().map(|read| {
        let other = &plan.steps[*read];
        let hash = match (&other.each, &spec.each) {
            (Some(each), own) if own.as_ref() == Some(each) => {
                let known = log.record(&other.id, &called(plan, each), &view.piece.key.0);
                known.map_or_else(String::new, |(record, _)| record.result_hash())
            }
            _ => result_hash(checkpoint, &other.id),
        };
        (other.id.clone(), hash)
    });
    let reads = reads.collect();
    let index = basis.reads_index.then_some(view.index);
    let item = if basis.reads_item { checkpoint.source.hash.as_str() } else { "" };
    let parts = (&view.piece.key, &view.piece.artifact.hash, &view.piece.values, index, item);
    Fingerprint {
        definition: basis.definition.clone(),
        tool: basis.tool.clone(),
        input: hash_bytes(&serde_json::to_vec(&parts).unwrap_or_default()),
        reads,
        values: values(context, step, checkpoint),
    }
}

/// Where a piece stands before a run does anything for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stand {
    /// The result is there.
    Done,
    /// It was left out, and is again.
    LeftOut,
    /// It failed before, and would only fail again.
    FailedBefore(Box<Fault>),
    /// It is to be done, for this reason.
    ToDo(String),
}

/// Where `step` stands for this piece.
pub fn stand_of(
    context: &Context,
    item: &Item,
    step: usize,
    checkpoint: &Checkpoint,
    log: &mut PieceLog,
    view: &PieceView,
) -> Stand {
    match what_is_told(context, step, checkpoint, log, view) {
        Told::Stand(stand) => stand,
        Told::Made(record) => stand_of_files(context, item, step, &record, view),
    }
}

/// What is told of a piece, before its files are looked at.
#[derive(Debug)]
pub enum Told {
    /// There is no result whose files could be looked at.
    Stand(Stand),
    /// A result that stands where its files do.
    Made(Box<PieceRecord>),
}

/// Whether the files that `step` made of the piece are as they were, and the links that it signed still work.
#[must_use]
pub fn stand_of_files(context: &Context, item: &Item, step: usize, record: &PieceRecord, view: &PieceView) -> Stand {
    let changed = changed_draw(context, &record.draws);
    let spec = &context.plan.steps[step];
    let changed = changed.or_else(|| stale_artifact(context, item, spec, record, view));
    match changed.or_else(|| ended_link(&spec.action, &record.values)) {
        None => Stand::Done,
        Some(why) => Stand::ToDo(why),
    }
}

/// What is told of `step` for this piece. It reads no file but what is known of the pieces.
pub fn what_is_told(
    context: &Context,
    step: usize,
    checkpoint: &Checkpoint,
    log: &mut PieceLog,
    view: &PieceView,
) -> Told {
    let spec = &context.plan.steps[step];
    let to_do = |why: &str| Told::Stand(Stand::ToDo(why.into()));
    let Some(each) = &spec.each else { return to_do("it does not run for pieces") };
    if context.bases[step].forced {
        return to_do("it was asked for");
    }
    let known = log.record(&spec.id, &called(&context.plan, each), &view.piece.key.0);
    let Some((record, true)) = known else { return to_do("it has not run") };
    let now = fingerprint_of(context, step, checkpoint, log, view);
    if let Some(change) = now.change_since(&record.fingerprint) {
        return to_do(&change);
    }
    Told::Stand(match record.outcome {
        PieceOutcome::Done => return Told::Made(Box::new(record)),
        PieceOutcome::Undone => return to_do("it has not run"),
        PieceOutcome::Skipped => {
            let because = record.left_out.as_ref().map(|left_out| left_out.because);
            let stands = match because {
                Some(Because::Input) => !context.options.retry_failed && spec.optional,
                Some(Because::Upstream) => true,
                _ => false,
            };
            let reason = || record.left_out.map_or_else(String::new, |left_out| left_out.reason);
            if stands { Stand::LeftOut } else { Stand::ToDo(format!("it was left out before: {}", reason())) }
        }
        PieceOutcome::Failed => match record.fault {
            Some(fault) if stays_failed(context, spec, &fault) => Stand::FailedBefore(Box::new(fault)),
            _ => return to_do("it failed before"),
        },
    })
}

fn stays_failed(context: &Context, spec: &Step, fault: &Fault) -> bool {
    let options = &context.options;
    if options.retry_failed {
        // Of one cause only, where one is named.
        return options.cause.as_ref().is_some_and(|cause| *cause != fault.cause);
    }
    let its_own = fault.class == FaultClass::Input && !super::fingerprint::passes(fault);
    its_own && !options.overwrite && !spec.optional
}

fn stale_artifact(
    context: &Context,
    item: &Item,
    spec: &Step,
    record: &PieceRecord,
    view: &PieceView,
) -> Option<String> {
    for (name, rule) in &spec.out {
        let Some(artifact) = record.artifacts.get(name) else {
            return Some(format!("its output '{name}' is not known"));
        };
        let path = artifact.path.as_path();
        let elsewhere = match context.known_target(item, Some(view), rule) {
            Some(Ok(target)) => target != path,
            Some(Err(_)) => true,
            None => !context.output_folder(item).is_ok_and(|folder| path.starts_with(folder)),
        };
        if elsewhere {
            return Some(format!("its output '{name}' goes elsewhere now"));
        }
        if let Some(why) = changed(artifact) {
            return Some(why);
        }
    }
    None
}

/// How many pieces a step with `each` has, and how many of them it is to be done for; nothing where the pieces are not
/// known.
#[must_use]
pub fn outlook(
    context: &Context,
    item: &Item,
    step: usize,
    checkpoint: &Checkpoint,
    log: &mut PieceLog,
) -> Option<Outlook> {
    let each = context.plan.steps[step].each.as_ref()?;
    let set = pieces_of(&context.plan, each, checkpoint, log)?;
    let of = called(&context.plan, each);
    let mut outlook = Outlook { total: set.count, ..Outlook::default() };
    for place in 0..set.count {
        let stand = match log.piece(&of, place as usize) {
            Some(piece) => stand_of(context, item, step, checkpoint, log, &PieceView { index: place + 1, piece }),
            None => Stand::ToDo("it is not known any more".into()),
        };
        match stand {
            Stand::Done => {}
            Stand::LeftOut => outlook.left_out += 1,
            Stand::FailedBefore(_) => outlook.failed += 1,
            Stand::ToDo(why) => {
                outlook.to_do += 1;
                outlook.why.get_or_insert(why);
            }
        }
    }
    Some(outlook)
}

/// What a run would do for the pieces of one step of one item.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outlook {
    /// Pieces.
    pub total: u32,
    /// Pieces that it is to be done for.
    pub to_do: u32,
    /// Pieces that stay left out.
    pub left_out: u32,
    /// Pieces that failed before and stay so.
    pub failed: u32,
    /// Why the first of those is to be done.
    pub why: Option<String>,
}

/// What is known of one piece, in the form of the item's own checkpoint: the steps of the same pieces read each other in
/// it, and the files are known to be ours.
#[must_use]
pub fn known_of_piece(
    plan: &Plan,
    step: usize,
    mut known: Checkpoint,
    log: &mut PieceLog,
    view: &PieceView,
) -> Checkpoint {
    let spec = &plan.steps[step];
    let Some(each) = &spec.each else { return known };
    let of = called(plan, each);
    for read in &spec.reads {
        let other = &plan.steps[*read];
        // One that was left out for the whole item has no result, whatever is known from before.
        let left_out = known.steps.get(&other.id).is_some_and(|record| record.left_out.is_some());
        if other.each.as_ref() != Some(each) || left_out {
            continue;
        }
        known.forget(&other.id);
        if let Some((record, true)) = log.record(&other.id, &of, &view.piece.key.0)
            && record.outcome == PieceOutcome::Done
        {
            let (record, values) = as_step(record);
            known.mark(&other.id, record, values);
        }
    }
    if let Some((record, _)) = log.record(&spec.id, &of, &view.piece.key.0) {
        known.formerly.extend(record.ours().cloned());
    }
    known
}

fn as_step(record: PieceRecord) -> (StepRecord, serde_json::Map<String, Value>) {
    let step = StepRecord {
        outcome: StepOutcome::Done,
        fingerprint: record.fingerprint,
        artifacts: record.artifacts,
        pieces: indexmap::IndexMap::new(),
        draws: record.draws,
        each: None,
        attempts: record.attempts,
        duration: record.duration,
        left_out: None,
    };
    (step, record.values)
}

/// Removes the files of pieces of the output `of` that are no more, where they are as we made them and nothing that
/// `checkpoint` or `log` tells of now. Gives how many there were.
///
/// # Errors
/// That what is known of them could not be written.
pub fn remove_outdated(checkpoint: &Checkpoint, log: &mut PieceLog, of: &str) -> std::io::Result<usize> {
    let outdated = log.outdated(of);
    if outdated.is_empty() {
        return Ok(0);
    }
    let current: HashSet<&Path> = checkpoint
        .steps
        .values()
        .flat_map(|record| record.artifacts.values())
        .map(|artifact| artifact.path.as_path())
        .collect();
    let mut removed = 0;
    for artifact in &outdated {
        let path = artifact.path.as_path();
        if !current.contains(path) && is_untouched(artifact) && std::fs::remove_file(path).is_ok() {
            removed += 1;
        }
    }
    log.drop_outdated(of)?;
    Ok(removed)
}

/// Whether the file is the one that was committed, or the one of ours whose place it was to take. One that was changed,
/// or put there again, is somebody's work now.
fn is_untouched(artifact: &Artifact) -> bool {
    match owner_among(artifact.path.as_path(), std::iter::once(artifact)) {
        Owner::Us(mtime) => mtime == artifact.mtime_ns || artifact.replaces == Some(mtime),
        _ => false,
    }
}

/// Why the earlier result of `step` does not stand, for a person; `None` when it does, for every piece where it runs for
/// each.
#[must_use]
pub fn stale(
    context: &Context,
    item: &Item,
    step: usize,
    checkpoint: &Checkpoint,
    log: &mut PieceLog,
) -> Option<String> {
    let whole = super::fingerprint::stale_whole(context, item, step, checkpoint, log);
    let is_done = checkpoint.is_complete(&context.plan.steps[step].id);
    if whole.is_some() || context.plan.steps[step].each.is_none() || !is_done {
        return whole;
    }
    let Some(outlook) = outlook(context, item, step, checkpoint, log) else {
        return Some("its pieces are not known".into());
    };
    let some = outlook.to_do + outlook.failed;
    (some > 0).then(|| match outlook.why {
        Some(why) => format!("{some} of {} pieces: {why}", outlook.total),
        None => format!("{some} of {} pieces failed before", outlook.total),
    })
}
