//! The rows of a step over the whole batch: what it is told of every item that is done, or of every piece of them.

use std::collections::HashSet;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use crate::engine::context::Context;
use crate::engine::item::{Fields, Item, fill};
use crate::engine::piece::{known_of_piece, pieces_of};
use crate::engine::piece_view::{PieceView, called};
use crate::pipeline::plan::{Action, Step};
use crate::pipeline::template::{Field, Template};
use crate::resilience::Fault;
use crate::resilience::checkpoint::{Checkpoint, Identity, ItemState};
use crate::resilience::os_text::OsText;
use crate::resilience::piece::PieceOutcome;
use crate::resilience::store::{Loaded, PieceLog};
use crate::steps::batch::{BatchRow, BatchStep, RowFile};

/// Writes the rows of the step at `place` into the file `to`, one JSON object a line, in the order of the batch: each file of
/// the batch once.
///
/// # Errors
/// That a text which is there cannot be had, and the fault of the disk.
pub(super) fn write_rows(context: &Context, place: usize, batch: &BatchStep, to: &Path) -> Result<(), Fault> {
    let failed = |error: std::io::Error| Fault::from_io("cannot write the rows of the batch", &error);
    let mut rows = BufWriter::new(File::create(to).map_err(failed)?);
    for_each_row(context, place, batch, &mut |row| {
        serde_json::to_writer(&mut rows, &row).map_err(|error| failed(error.into()))?;
        rows.write_all(b"\n").map_err(failed)
    })?;
    rows.flush().map_err(failed)
}

fn for_each_row(
    context: &Context,
    place: usize,
    batch: &BatchStep,
    take: &mut dyn FnMut(BatchRow) -> Result<(), Fault>,
) -> Result<(), Fault> {
    let step = &context.plan.steps[place];
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
        let Some(each) = &step.each else {
            take(row(step, batch, (&item, None), &checkpoint, source)?)?;
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
            take(row(step, batch, (&item, Some(&view)), &known, source.clone())?)?;
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

fn row(
    step: &Step,
    batch: &BatchStep,
    (item, piece): (&Item, Option<&PieceView>),
    known: &Checkpoint,
    source: String,
) -> Result<BatchRow, Fault> {
    let fields = Fields { item: Some(item), piece, checkpoint: Some(known), ..Fields::default() };
    let item_name = item.name().to_string_lossy();
    let name = piece.map_or_else(|| item_name.to_string(), PieceView::name);
    let shown = piece.map_or_else(|| item_name.to_string(), |piece| format!("{item_name}, {}", piece.name()));
    let with = match &step.action {
        Action::Uses { with, .. } => with.as_object(),
        Action::Run(_) => None,
    };
    let of_rows = with.into_iter().flatten().filter(|(name, _)| batch.of_rows.contains(&name.as_str()));
    let filled = of_rows.map(|(name, value)| Ok((name.clone(), cell(name, value, &fields, known, &shown)?)));
    let with: Map<String, Value> = filled.collect::<Result<_, Fault>>()?;
    let file = batch.reads_files.then(|| file(step, &fields)).flatten();
    Ok(BatchRow { name, with, source, file })
}

/// What `value` comes to, text by text; null where there is nothing to fill it with. `column` is its name.
fn cell(column: &str, value: &Value, fields: &Fields<'_>, known: &Checkpoint, row: &str) -> Result<Value, Fault> {
    match value {
        Value::Object(map) => {
            map.iter().map(|(name, value)| Ok((name.clone(), cell(name, value, fields, known, row)?))).collect()
        }
        Value::Array(list) => list.iter().map(|value| cell(column, value, fields, known, row)).collect(),
        Value::String(text) => match fill(value, fields) {
            Ok(value) => Ok(value),
            // A text that is there and cannot be had is not the same as none.
            Err(why) if holds_content(text, known) => {
                Err(Fault::input("content", format!("{row}: the column '{column}' cannot be filled: {why}")))
            }
            Err(_) => Ok(Value::Null),
        },
        other => Ok(other.clone()),
    }
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

/// The file that the step reads of a row: nothing where that was not made, or is gone.
fn file(step: &Step, fields: &Fields<'_>) -> Option<RowFile> {
    let path = match step.input.first() {
        Some(template) => PathBuf::from(template.expand(fields).ok()?),
        None => fields.piece.map(|piece| piece.path().to_path_buf()).or(fields.item.map(|item| item.path.clone()))?,
    };
    let seen = Identity::of(&path).ok()?;
    Some(RowFile { path: OsText::from(&path), bytes: seen.size, mtime_ns: seen.mtime_ns })
}
