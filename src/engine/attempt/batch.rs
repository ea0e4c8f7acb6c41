//! A step over the whole batch: tables of chosen values of every item that is done, or of its pieces.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use indexmap::IndexMap;
use serde_json::Value;

use super::Workshop;
use crate::engine::context::Context;
use crate::engine::fingerprint::{Owner, owner};
use crate::engine::item::{Fields, Item, fill, place_below};
use crate::engine::piece::{known_of_piece, pieces_of};
use crate::engine::piece_view::{PieceView, called};
use crate::pipeline::plan::{Action, OutputRule, Step};
use crate::pipeline::template::{Field, Template};
use crate::resilience::Fault;
use crate::resilience::checkpoint::{Artifact, Checkpoint, Fingerprint, Identity, ItemState, StepOutcome, StepRecord};
use crate::resilience::hash::hash_file;
use crate::resilience::os_text::OsText;
use crate::resilience::piece::PieceOutcome;
use crate::resilience::store::{ItemKey, Loaded, PieceLog};
use crate::steps::builtin::parameters;
use crate::steps::collect::{CollectParams, Row, Tables};

/// The name of the checkpoint that batch steps share.
const BATCH: &str = "_batch";

/// A table that a step makes: where it goes, and whose file is there.
struct Target {
    output: String,
    made: PathBuf,
    path: PathBuf,
    whose: Owner,
}

/// Makes the step's tables, and puts those in place that differ from what is there. Gives where the first is.
///
/// # Errors
/// Why they could not be made.
pub fn make_batch_step(workshop: &Workshop, place: usize) -> Result<PathBuf, Fault> {
    let context = &workshop.context;
    let step = &context.plan.steps[place];
    let Action::Uses { with, .. } = &step.action else {
        return Err(Fault::input("batch-step", "only built-in steps run over a whole batch"));
    };
    let params: CollectParams = parameters(with.clone())?;
    let key = ItemKey::of(Path::new(BATCH));
    let new = || Checkpoint::new(BATCH.into(), OsText::from(BATCH));
    let mut checkpoint = match context.store.load(key, BATCH) {
        Loaded::Known(checkpoint) => *checkpoint,
        Loaded::New { owned: Some(earlier), .. } => new().heir_of(&earlier),
        Loaded::New { owned: None, .. } => new(),
        Loaded::Refused(why) => return Err(Fault::input("checkpoint-newer", why)),
    };
    let mut room = workshop.scratch.room(BATCH);
    let scratch =
        room.enter(BATCH, &step.id, 1).map_err(|error| Fault::from_io("cannot make a scratch folder", &error))?;
    let targets = targets(context, step, &checkpoint, &scratch)?;
    let Some(first) = targets.first().map(|target| target.path.clone()) else {
        return Err(Fault::input("batch-step", "the step names no output"));
    };

    let outs = targets.iter().map(|target| (target.output.clone(), target.made.clone())).collect();
    let mut tables = Tables::begin(&params, &outs)?;
    for_each_row(context, place, &params, &mut |row| tables.row(&row))?;
    let values = tables.end()?;

    let io = |doing: &'static str| move |error: std::io::Error| Fault::from_io(doing, &error);
    let mut artifacts = IndexMap::new();
    let mut moves = Vec::new();
    for Target { output, made, path, whose } in targets {
        let (hash, size) = hash_file(&made).map_err(io("the table cannot be read"))?;
        let same = whose != Owner::Nobody && hash_file(&path).is_ok_and(|(there, _)| there == hash);
        let seen = Identity::of(if same { &path } else { &made }).map_err(io("the table cannot be read"))?;
        let replaces = if let Owner::Us(mtime) = whose { Some(mtime).filter(|_| !same) } else { None };
        let artifact = Artifact { path: OsText::from(&path), size, hash, mtime_ns: seen.mtime_ns, replaces };
        artifacts.insert(output, artifact);
        if !same {
            moves.push((made, path));
        }
    }
    if moves.is_empty() {
        return Ok(first);
    }
    let record = StepRecord {
        outcome: StepOutcome::Done,
        fingerprint: Fingerprint::default(),
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
        std::fs::create_dir_all(folder).map_err(io("cannot make the folder of the table"))?;
    }
    context.store.save(key, &mut checkpoint).map_err(io("the checkpoint cannot be written"))?;
    for (made, path) in moves {
        std::fs::rename(made, path).map_err(io("the table cannot be put in place"))?;
    }
    Ok(first)
}

/// Where the tables of the step go.
fn targets(context: &Context, step: &Step, checkpoint: &Checkpoint, scratch: &Path) -> Result<Vec<Target>, Fault> {
    let target = |(output, rule): (&String, &OutputRule)| {
        let relative = rule.to.as_ref().unwrap_or(&rule.from).literal_prefix();
        let path =
            place_below(&context.output_root(), Path::new(relative)).map_err(|why| Fault::input("output-name", why))?;
        let whose = owner(&path, checkpoint);
        if matches!(whose, Owner::Other | Owner::UsChanged) && !context.options.overwrite {
            let message = format!("{} is already there, and not as mediamill made it", path.display());
            return Err(Fault::input("output-exists", message)
                .with_hint("move it away, or let it be replaced with --overwrite"));
        }
        Ok(Target { output: output.clone(), made: scratch.join(output), path, whose })
    };
    step.out.iter().map(target).collect()
}

/// Hands on a row for every item that is done, or for every piece of it: each file of the batch once.
fn for_each_row(
    context: &Context,
    place: usize,
    params: &CollectParams,
    take: &mut dyn FnMut(Row) -> Result<(), Fault>,
) -> Result<(), Fault> {
    let mut seen = HashSet::new();
    for index in 0..context.batch.len() as u32 {
        let item = Item::of(&context.batch, index);
        let Loaded::Known(checkpoint) = context.store.load(item.key, &item.id) else { continue };
        if checkpoint.state != ItemState::Done || !seen.insert(item.key) {
            continue;
        }
        // Copies of one recording go to one side; what no step has read is known by its path.
        let source = match checkpoint.source.hash.as_str() {
            "" => item.path.to_string_lossy().into_owned(),
            hash => hash.to_owned(),
        };
        let Some(each) = &context.plan.steps[place].each else {
            take(Row { cells: cells(params, &item, None, &checkpoint)?, source })?;
            continue;
        };
        let mut log = context.store.pieces(&item.id);
        let Some(set) = pieces_of(&context.plan, each, &checkpoint, &mut log) else { continue };
        let of = called(&context.plan, each);
        for at in 0..set.count {
            let Some(piece) = log.piece(&of, at as usize) else { continue };
            let view = PieceView { index: at + 1, piece };
            if is_left_out(context, place, &checkpoint, &of, &mut log, &view) {
                continue;
            }
            let known = known_of_piece(&context.plan, place, (*checkpoint).clone(), &mut log, &view);
            take(Row { cells: cells(params, &item, Some(&view), &known)?, source: source.clone() })?;
        }
    }
    Ok(())
}

/// Whether a step that the row reads was left out for this piece, and not for the whole item: what no piece has is null in
/// every row, as it is in a table of items.
fn is_left_out(
    context: &Context,
    place: usize,
    checkpoint: &Checkpoint,
    of: &str,
    log: &mut PieceLog,
    view: &PieceView,
) -> bool {
    let steps = &context.plan.steps;
    let for_all = |id: &str| checkpoint.steps.get(id).is_some_and(|record| record.left_out.is_some());
    let same = steps[place].reads.iter().filter(|read| steps[**read].each == steps[place].each);
    let same = same.filter(|read| !for_all(&steps[**read].id));
    same.into_iter().any(|read| {
        let record = log.record(&steps[*read].id, of, &view.piece.key.0);
        record.is_none_or(|(record, counts)| !counts || record.outcome != PieceOutcome::Done)
    })
}

fn cells(
    params: &CollectParams,
    item: &Item,
    piece: Option<&PieceView>,
    known: &Checkpoint,
) -> Result<IndexMap<String, Value>, Fault> {
    let fields = Fields { item: Some(item), piece, checkpoint: Some(known), ..Fields::default() };
    let cell = |(column, text): (&String, &String)| match fill(&Value::String(text.clone()), &fields) {
        Ok(value) => Ok((column.clone(), value)),
        // A text that is there and cannot be had is not the same as none.
        Err(why) if holds_content(text, known) => {
            let of_piece = piece.map_or_else(String::new, |piece| format!(", {}", piece.name()));
            let row = format!("{}{of_piece}", item.name().to_string_lossy());
            Err(Fault::input("content", format!("{row}: the column '{column}' cannot be filled: {why}")))
        }
        Err(_) => Ok((column.clone(), Value::Null)),
    };
    params.columns.iter().map(cell).collect()
}

/// Whether the text reads the content of a file that there should be.
fn holds_content(text: &str, known: &Checkpoint) -> bool {
    let is_made = |field: &Field| match field {
        Field::Content { step, name } => {
            known.steps.get(step).is_some_and(|record| record.artifacts.contains_key(name))
        }
        _ => false,
    };
    Template::parse(text).is_ok_and(|template| template.fields().any(|(field, _)| is_made(field)))
}
