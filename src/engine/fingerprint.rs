//! Whether a step's earlier result still stands.

use std::path::Path;

use indexmap::IndexMap;
use jiff::Timestamp;
use serde_json::{Map, Value};

use super::context::{Context, is_glob};
use super::item::Item;
use super::piece_view::called;
use crate::pipeline::plan::{Action, OutputRule};
use crate::resilience::checkpoint::{
    Artifact, Because, Checkpoint, Fingerprint, Identity, Source, StepOutcome, StepRecord,
};
use crate::resilience::hash::{hash_bytes, hash_file};
use crate::resilience::os_text::OsText;
use crate::resilience::piece::Piece;
use crate::resilience::store::PieceLog;
use crate::resilience::{Fault, FaultClass};
use crate::steps::storage::ended;

/// Causes that count as the item's fault and are none of its content: a person can be done with them between two runs.
const NOT_THE_CONTENT: [&str; 7] =
    ["input-changed", "piece-changed", "output-exists", "output-changed", "permission", "not-found", "io"];

/// All that the result of `step` depends on, from what `checkpoint` knows of the item and of the steps before.
#[must_use]
pub fn fingerprint(context: &Context, step: usize, checkpoint: &Checkpoint) -> Fingerprint {
    let basis = &context.bases[step];
    let plan = &context.plan;
    let reads = plan.steps[step].reads.iter().map(|read| {
        let id = &plan.steps[*read].id;
        (id.clone(), result_hash(checkpoint, id))
    });
    let pieces = plan.steps[step].each.as_ref().map(|each| {
        let made = checkpoint.steps.get(&plan.steps[each.step].id).and_then(|record| record.pieces.get(&each.output));
        (called(plan, each), made.map_or_else(String::new, |set| set.hash.clone()))
    });
    Fingerprint {
        definition: basis.definition.clone(),
        tool: basis.tool.clone(),
        input: if basis.reads_item { checkpoint.source.hash.clone() } else { String::new() },
        reads: reads.chain(pieces).collect(),
        values: values(context, step, checkpoint),
    }
}

/// The values of a generated item that `step` reads, each as JSON.
pub(super) fn values(context: &Context, step: usize, checkpoint: &Checkpoint) -> IndexMap<String, String> {
    let Some(generator) = context.batch.generator.as_ref() else { return IndexMap::new() };
    let name = checkpoint.source.path.as_path().to_str();
    let Some(made) = name.and_then(|name| generator.place(name)).map(|place| generator.item(place)) else {
        return IndexMap::new();
    };
    let told = |name: &String| made.value(name).map_or_else(|why| why, |value| value.to_string());
    context.bases[step].values.iter().map(|name| (name.clone(), told(name))).collect()
}

/// Whether `step` was left out without anything in its place.
#[must_use]
pub fn is_left_out(checkpoint: &Checkpoint, step: &str) -> bool {
    checkpoint.steps.get(step).is_some_and(|record| record.outcome == StepOutcome::Skipped)
}

/// A hash of what a step made and found out; empty where it has no result.
pub(super) fn result_hash(checkpoint: &Checkpoint, step: &str) -> String {
    let Some(record) = checkpoint.steps.get(step) else { return String::new() };
    let mut text = format!("{:?}", record.outcome == StepOutcome::Skipped);
    for (name, artifact) in &record.artifacts {
        text.push_str(name);
        text.push_str(&artifact.hash);
    }
    for (name, set) in &record.pieces {
        text.push_str(name);
        text.push_str(&set.hash);
    }
    if let Some(values) = checkpoint.result(step) {
        text.push_str(&serde_json::to_string(values).unwrap_or_default());
    }
    hash_bytes(text.as_bytes())
}

/// Why the earlier result of `step` does not stand, for a person; `None` when it does. Its artifacts are looked at, but
/// not those of single pieces.
#[must_use]
pub fn stale_whole(
    context: &Context,
    item: &Item,
    step: usize,
    checkpoint: &Checkpoint,
    log: &mut PieceLog,
) -> Option<String> {
    let basis = &context.bases[step];
    let spec = &context.plan.steps[step];
    let Some(record) = checkpoint.steps.get(&spec.id) else { return Some("it has not run".into()) };
    if basis.forced {
        return Some("it was asked for".into());
    }
    let unmatched = record.left_out.as_ref().is_some_and(|left_out| left_out.because == Because::Unmatched);
    if spec.matches.takes(item.name()) == unmatched {
        return Some(format!("the files it is for were changed ({})", spec.matches));
    }
    if unmatched && record.outcome == StepOutcome::Skipped {
        return None;
    }
    if let Some(change) = fingerprint(context, step, checkpoint).change_since(&record.fingerprint) {
        return Some(change);
    }
    if let Some(left_out) = &record.left_out {
        let upstream_left_out = || spec.reads.iter().any(|read| is_left_out(checkpoint, &context.plan.steps[*read].id));
        let stands = match left_out.because {
            Because::Unmatched => true,
            Because::Unavailable => basis.unavailable.is_some(),
            Because::Upstream => upstream_left_out(),
            Because::Input => !context.options.retry_failed,
            Because::Passing => false,
        };
        return (!stands).then(|| format!("it was left out before: {}", left_out.reason));
    }
    if spec.each.is_some() {
        return None;
    }
    changed_draw(context, &record.draws)
        .or_else(|| stale_artifact(context, item, step, record, log))
        .or_else(|| ended_link(&spec.action, checkpoint.result(&spec.id)?))
}

/// Why what a step reported is of no more use, though nothing has changed.
pub(super) fn ended_link(action: &Action, values: &Map<String, Value>) -> Option<String> {
    let Action::Uses { name, .. } = action else { return None };
    ended(name, values, Timestamp::now())
}

/// Why the pieces of the output `name` do not stand.
fn stale_pieces(
    context: &Context,
    item: &Item,
    step: usize,
    (name, rule): (&String, &OutputRule),
    record: &StepRecord,
    log: &mut PieceLog,
) -> Option<String> {
    let of = format!("{}.{name}", context.plan.steps[step].id);
    let set = record.pieces.get(name);
    if set.is_none() || set != log.set(&of).as_ref() {
        return Some(format!("the pieces of its output '{name}' are not known"));
    }
    for place in 0..set.map_or(0, |set| set.count) {
        let Some(Piece { key, artifact, .. }) = log.piece(&of, place as usize) else {
            return Some(format!("a piece of its output '{name}' is not known"));
        };
        let path = artifact.path.as_path();
        if context.target(item, None, rule, key.as_path()).ok().as_deref() != Some(path) {
            return Some(format!("its output '{name}' goes elsewhere now"));
        }
        if let Some(why) = changed(&artifact) {
            return Some(why);
        }
    }
    None
}

/// Which asset that a result was made with is not as it was then. One that is gone changes nothing: what was made with it
/// is there.
pub(super) fn changed_draw(context: &Context, draws: &IndexMap<String, Artifact>) -> Option<String> {
    let (_, changed) = draws.iter().find(|(pool, drawn)| matches!(whole_draw(context, pool, drawn), Ok(false)))?;
    Some(format!("the asset it was made with was changed: {}", changed.path.display()))
}

/// Why the artifact is not as it was committed.
pub(super) fn changed(artifact: &Artifact) -> Option<String> {
    let path = artifact.path.as_path();
    match whole(artifact) {
        Ok(true) => None,
        Ok(false) => Some(format!("{} was changed since", path.display())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Some(format!("{} is gone", path.display())),
        Err(error) => Some(format!("{} cannot be looked at: {error}", path.display())),
    }
}

fn stale_artifact(
    context: &Context,
    item: &Item,
    step: usize,
    record: &StepRecord,
    log: &mut PieceLog,
) -> Option<String> {
    for (name, rule) in &context.plan.steps[step].out {
        if rule.many {
            if let Some(why) = stale_pieces(context, item, step, (name, rule), record, log) {
                return Some(why);
            }
            continue;
        }
        let Some(artifact) = record.artifacts.get(name) else {
            return Some(format!("its output '{name}' is not known"));
        };
        let path = artifact.path.as_path();
        let elsewhere = match context.known_target(item, None, rule) {
            Some(Ok(target)) => target != path,
            Some(Err(_)) => true,
            None => is_glob(&rule.from) && !context.output_folder(item).is_ok_and(|folder| path.starts_with(folder)),
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

/// Whether the artifact is as it was committed. Its content is read only where its times say otherwise.
///
/// # Errors
/// That it cannot be looked at.
pub fn whole(artifact: &Artifact) -> std::io::Result<bool> {
    is_same(artifact, &std::fs::symlink_metadata(artifact.path.as_path())?)
}

/// The same of an asset of `pool`, which may be reached by a link. Its content is read once for all that was made with it.
fn whole_draw(context: &Context, pool: &str, drawn: &Artifact) -> std::io::Result<bool> {
    let path = drawn.path.as_path();
    let metadata = std::fs::metadata(path)?;
    if let Some(same) = is_same_by_looks(drawn, &metadata) {
        return Ok(same);
    }
    let of_pool = context.pools.iter().find(|one| one.spec.name == pool);
    let known = of_pool.and_then(|pool| pool.place_at(path).map(|place| pool.content(place)));
    let hash = known.map_or_else(|| hash_file(path).map(|(hash, _)| hash), |known| known.map(|file| file.hash))?;
    Ok(hash == drawn.hash)
}

fn is_same(artifact: &Artifact, metadata: &std::fs::Metadata) -> std::io::Result<bool> {
    match is_same_by_looks(artifact, metadata) {
        Some(same) => Ok(same),
        None => Ok(hash_file(artifact.path.as_path())?.0 == artifact.hash),
    }
}

/// Nothing where only the content can tell.
fn is_same_by_looks(artifact: &Artifact, metadata: &std::fs::Metadata) -> Option<bool> {
    let found = Identity::from_metadata(metadata);
    if !metadata.is_file() || found.size != artifact.size {
        return Some(false);
    }
    // A file system with coarse times may give it that of the file whose place it was to take, which may still be there.
    let by_time = found.mtime_ns == artifact.mtime_ns && artifact.replaces != Some(artifact.mtime_ns);
    by_time.then_some(true)
}

/// Whose the file at `path` is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner {
    /// There is none.
    Nobody,
    /// We made it, and it is as we made it; the time is its modification time.
    Us(i64),
    /// We made it, and somebody changed it.
    UsChanged,
    /// Somebody else.
    Other,
}

/// Whose the file at `path` is, from what is known of the item.
#[must_use]
pub fn owner(path: &Path, known: &Checkpoint) -> Owner {
    owner_among(path, known.ours())
}

/// Whose the file at `path` is, where these are all that we may have put there.
#[must_use]
pub fn owner_among<'a>(path: &Path, ours: impl Iterator<Item = &'a Artifact>) -> Owner {
    let Ok(metadata) = std::fs::symlink_metadata(path) else { return Owner::Nobody };
    let mtime = Identity::from_metadata(&metadata).mtime_ns;
    let mut owner = Owner::Other;
    for artifact in ours.filter(|artifact| artifact.path.as_path() == path) {
        if artifact.replaces == Some(mtime) || whole(artifact).unwrap_or(false) {
            return Owner::Us(mtime);
        }
        owner = Owner::UsChanged;
    }
    owner
}

/// Reads the input's content into a source record: what there is to know of it for as long as it looks like `seen`.
///
/// # Errors
/// That it cannot be read.
pub fn read_source(path: &Path, seen: Identity) -> std::io::Result<Source> {
    let (hash, _) = hash_file(path)?;
    let after = Identity::of(path)?;
    // Changed under our eyes, or so lately that the next change may look the same: look again next time.
    let settled = after == seen && !after.is_racy(std::time::SystemTime::now());
    Ok(Source { path: OsText::from(path), hash, identity: settled.then_some(after), generated: false })
}

/// Whether another try could meet another fate though nothing that we know of changed.
pub(super) fn passes(fault: &Fault) -> bool {
    fault.class != FaultClass::Input || NOT_THE_CONTENT.contains(&fault.cause.as_str())
}
