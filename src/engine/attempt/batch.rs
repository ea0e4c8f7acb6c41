//! A step over the whole batch: a table of chosen values of every item that is done.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use indexmap::IndexMap;
use serde_json::Value;

use super::Workshop;
use crate::engine::fingerprint::{Owner, owner};
use crate::engine::item::{Fields, Item, fill, place_below};
use crate::pipeline::plan::{Action, Step};
use crate::resilience::Fault;
use crate::resilience::checkpoint::{Artifact, Checkpoint, Fingerprint, Identity, ItemState, StepOutcome, StepRecord};
use crate::resilience::hash::hash_file;
use crate::resilience::os_text::OsText;
use crate::resilience::store::{ItemKey, Loaded};
use crate::steps::builtin::parameters;
use crate::steps::collect::{CollectParams, write_table};

/// The name of the checkpoint that batch steps share.
const BATCH: &str = "_batch";

/// Makes the step's table, and puts it in place where it differs from the one that is there. Gives where it is.
///
/// # Errors
/// Why it could not be made.
pub fn make_batch_step(workshop: &Workshop, step: &Step) -> Result<PathBuf, Fault> {
    let context = &workshop.context;
    let Action::Uses { with, .. } = &step.action else {
        return Err(Fault::input("batch-step", "only built-in steps run over a whole batch"));
    };
    let params: CollectParams = parameters(with.clone())?;
    let Some((name, rule)) = step.out.first() else {
        return Err(Fault::input("batch-step", "the step names no output"));
    };
    let relative = rule.to.as_ref().unwrap_or(&rule.from).literal_prefix();
    let target =
        place_below(&context.output_root(), Path::new(relative)).map_err(|why| Fault::input("output-name", why))?;

    let key = ItemKey::of(Path::new(BATCH));
    let new = || Checkpoint::new(BATCH.into(), OsText::from(BATCH));
    let mut checkpoint = match context.store.load(key, BATCH) {
        Loaded::Known(checkpoint) => *checkpoint,
        Loaded::New { owned: Some(earlier), .. } => new().heir_of(&earlier),
        Loaded::New { owned: None, .. } => new(),
        Loaded::Refused(why) => return Err(Fault::input("checkpoint-newer", why)),
    };
    let whose = owner(&target, &checkpoint);
    if matches!(whose, Owner::Other | Owner::UsChanged) && !context.options.overwrite {
        return Err(Fault::input(
            "output-exists",
            format!("{} is already there, and not as mediamill made it", target.display()),
        )
        .with_hint("move it away, or let it be replaced with --overwrite"));
    }

    let mut room = workshop.scratch.room(BATCH);
    let scratch =
        room.enter(BATCH, &step.id, 1).map_err(|error| Fault::from_io("cannot make a scratch folder", &error))?;
    let made = scratch.join(name);
    let values = write_table(&params, rows(workshop, &params), &made)?;
    let io = |doing: &'static str| move |error: std::io::Error| Fault::from_io(doing, &error);
    let (hash, size) = hash_file(&made).map_err(io("the table cannot be read"))?;
    let same = whose != Owner::Nobody && hash_file(&target).is_ok_and(|(there, _)| there == hash);
    if same {
        return Ok(target);
    }
    let seen = Identity::of(&made).map_err(io("the table cannot be read"))?;
    let replaces = if let Owner::Us(mtime) = whose { Some(mtime) } else { None };
    let artifact = Artifact { path: OsText::from(&target), size, hash, mtime_ns: seen.mtime_ns, replaces };
    let record = StepRecord {
        outcome: StepOutcome::Done,
        fingerprint: Fingerprint::default(),
        artifacts: IndexMap::from([(name.clone(), artifact)]),
        pieces: IndexMap::new(),
        each: None,
        attempts: 1,
        duration: 0.0,
        left_out: None,
    };
    checkpoint.mark(&step.id, record, values);
    checkpoint.state = ItemState::Done;
    if let Some(folder) = target.parent() {
        std::fs::create_dir_all(folder).map_err(io("cannot make the folder of the table"))?;
    }
    context.store.save(key, &mut checkpoint).map_err(io("the checkpoint cannot be written"))?;
    std::fs::rename(&made, &target).map_err(io("the table cannot be put in place"))?;
    Ok(target)
}

/// A row for every item that is done: each file of the batch once.
fn rows<'a>(workshop: &'a Workshop, params: &'a CollectParams) -> impl Iterator<Item = IndexMap<String, Value>> + 'a {
    let context = &workshop.context;
    let mut seen = HashSet::new();
    (0..context.batch.len() as u32).filter_map(move |index| {
        let item = Item::of(&context.batch, index);
        let Loaded::Known(checkpoint) = context.store.load(item.key, &item.id) else { return None };
        if checkpoint.state != ItemState::Done || !seen.insert(item.key) {
            return None;
        }
        let fields = Fields { item: Some(&item), checkpoint: Some(&checkpoint), ..Fields::default() };
        let cell = |template: &String| fill(&Value::String(template.clone()), &fields).unwrap_or(Value::Null);
        Some(params.columns.iter().map(|(column, template)| (column.clone(), cell(template))).collect())
    })
}
