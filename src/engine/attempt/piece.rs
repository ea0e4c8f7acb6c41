//! An attempt at one step of one piece, and the pieces that an attempt made.

use std::time::Duration;

use indexmap::IndexMap;
use serde_json::{Map, Value};

use super::Attempt;
use super::commit::move_into_place;
use super::outputs::Found;
use crate::engine::fingerprint::whole;
use crate::engine::piece::{
    Stand, Told, fingerprint_of, known_of_piece, pieces_of, remove_outdated, stand_of, stand_of_files, what_is_told,
};
use crate::engine::piece_view::{PieceView, called};
use crate::pipeline::plan::Durability;
use crate::resilience::Fault;
use crate::resilience::checkpoint::{Checkpoint, Fingerprint, PieceSet};
use crate::resilience::os_text::OsText;
use crate::resilience::piece::{Piece, PieceOutcome, PieceRecord};
use crate::steps::builtin::Values;

/// The value under which a step reports what it knows of each piece.
const PIECES: &str = "pieces";

impl Attempt<'_> {
    /// The piece at `place`, as it was made.
    pub(super) fn piece_at(&self, place: u32) -> Result<PieceView, Fault> {
        let active = &self.task.active;
        let plan = &self.workshop.context.plan;
        let unknown = || Fault::input("piece-unknown", "nothing is known of this piece any more");
        let each = self.step.each.as_ref().ok_or_else(unknown)?;
        let piece = active.pieces().piece(&called(plan, each), place as usize).ok_or_else(unknown)?;
        let is_whole =
            whole(&piece.artifact).map_err(|error| Fault::from_io("the piece cannot be looked at", &error))?;
        if !is_whole {
            return Err(Fault::input("piece-changed", "the piece was changed after it was made")
                .with_hint("the next run makes the pieces again"));
        }
        Ok(PieceView { index: place + 1, piece })
    }

    /// What is known of the piece, and what its result depends on; nothing where that is there already.
    pub(super) fn of_piece(&self, checkpoint: &Checkpoint, view: &PieceView) -> Option<(Checkpoint, Fingerprint)> {
        let (context, step, active) = (&self.workshop.context, self.task.step, &self.task.active);
        let mut log = active.pieces();
        // The steps before it ran again: what they made now may be what they made before.
        if stand_of(context, &active.item, step, checkpoint, &mut log, view) == Stand::Done {
            return None;
        }
        let fingerprint = fingerprint_of(context, step, checkpoint, &mut log, view);
        Some((known_of_piece(&context.plan, step, checkpoint.clone(), &mut log, view), fingerprint))
    }

    /// Commits what the step made of the piece: recorded first, then moved. Gives the bytes in its artifacts.
    pub(super) fn commit_piece(
        &self,
        view: &PieceView,
        found: Vec<Found>,
        fingerprint: Fingerprint,
        values: Values,
        took: Duration,
    ) -> Result<u64, Fault> {
        let context = &self.workshop.context;
        let Some(each) = &self.step.each else { return Ok(0) };
        let (of, key) = (called(&context.plan, each), &view.piece.key);
        self.make_way(&found)?;
        let sync = context.plan.durability == Durability::Power;
        let earlier = self.task.active.pieces().record(&self.step.id, &of, &key.0).map(|(record, _)| record);
        let record = PieceRecord {
            outcome: PieceOutcome::Done,
            fingerprint,
            artifacts: found.iter().map(|one| (one.name.clone(), one.artifact.clone())).collect(),
            values,
            draws: self.drawn.files.clone(),
            attempts: self.task.attempt,
            duration: took.as_secs_f64(),
            left_out: None,
            fault: None,
            formerly: Vec::new(),
        };
        let record = record.heir_of(earlier);
        let moved = self
            .append(&of, key, &record)
            .and_then(|()| found.iter().try_for_each(|one| move_into_place(one, context.options.overwrite, sync)));
        if let Err(fault) = moved {
            // It must not be taken for done, and what was moved already is ours all the same.
            let undone = PieceRecord::without_result(PieceOutcome::Undone, record.fingerprint.clone(), record.attempts);
            let _ = self.append(&of, key, &undone.heir_of(Some(record)));
            return Err(fault);
        }
        Ok(found.iter().map(|one| one.artifact.size).sum())
    }

    fn append(&self, of: &str, key: &OsText, record: &PieceRecord) -> Result<(), Fault> {
        let written = {
            let mut log = self.task.active.pieces();
            log.append_record(&self.step.id, of, key, record).and_then(|()| log.sync_handle())
        };
        written
            .and_then(|file| file.map_or(Ok(()), |file| file.sync_data()))
            .map_err(|error| Fault::from_io("what is known of the piece cannot be written", &error))
    }

    /// Notes the pieces among what was found, with what the step reported of each.
    pub(super) fn record_pieces(
        &self,
        found: &[Found],
        values: &mut Values,
    ) -> Result<IndexMap<String, PieceSet>, Fault> {
        let mut sets = IndexMap::new();
        if self.step.out.values().all(|rule| !rule.many) {
            return Ok(sets);
        }
        let mut told = match values.remove(PIECES) {
            Some(Value::Object(told)) => told,
            _ => Map::new(),
        };
        let active = &self.task.active;
        let known = active.checkpoint().steps.contains_key(&self.step.id);
        for name in self.step.out.iter().filter(|(_, rule)| rule.many).map(|(name, _)| name) {
            let mut told = match told.remove(name) {
                Some(Value::Object(told)) => told,
                _ => Map::new(),
            };
            let pieces: Vec<Piece> = found
                .iter()
                .filter(|one| one.name == *name)
                .filter_map(|one| {
                    let key = one.key.clone()?;
                    let file = one.from.file_name().unwrap_or_default().to_string_lossy();
                    let values = match told.remove(&*file) {
                        Some(Value::Object(values)) => values,
                        _ => Map::new(),
                    };
                    Some(Piece { key, artifact: one.artifact.clone(), values })
                })
                .collect();
            let of = format!("{}.{name}", self.step.id);
            let mut log = active.pieces();
            let set = log
                .append_set(&of, &pieces, !known)
                .and_then(|set| log.sync_handle().map(|file| (set, file)))
                .and_then(|(set, file)| file.map_or(Ok(()), |file| file.sync_data()).map(|()| set))
                .map_err(|error| Fault::from_io("what is known of the pieces cannot be written", &error))?;
            sets.insert(name.clone(), set);
        }
        Ok(sets)
    }

    /// Files of pieces that are no more would be taken for results.
    pub(super) fn remove_outdated(&mut self, outputs: &[String]) {
        let checkpoint = self.task.active.checkpoint().clone();
        let mut log = self.task.active.pieces();
        for name in outputs {
            let removed = remove_outdated(&checkpoint, &mut log, &format!("{}.{name}", self.step.id));
            self.note = match removed {
                Ok(0) => continue,
                Ok(1) => Some(format!("a file of a piece that step '{}' no longer makes was removed", self.step.id)),
                Ok(count) => {
                    Some(format!("{count} files of pieces that step '{}' no longer makes were removed", self.step.id))
                }
                Err(error) => Some(format!("old files of pieces could not be forgotten: {error}")),
            };
        }
    }
}

/// Where each piece of an item stands in one step.
#[derive(Debug)]
pub struct Stands {
    /// By the piece's place; nothing where the pieces are not known.
    pub stands: Option<Vec<Stand>>,
    /// What a person calls them, by place.
    pub names: Vec<String>,
    /// Something that a person should know.
    pub note: Option<String>,
}

/// Looks where the pieces of an item stand in `step`.
#[must_use]
pub fn look_at_pieces(workshop: &super::Workshop, active: &super::Active, step: usize) -> Stands {
    let context = &workshop.context;
    let mut found = Stands { stands: None, names: Vec::new(), note: None };
    let Some(each) = &context.plan.steps[step].each else { return found };
    let checkpoint = active.checkpoint().clone();
    let of = called(&context.plan, each);
    let mut log = active.pieces();
    let Some(set) = pieces_of(&context.plan, each, &checkpoint, &mut log) else { return found };
    // What a crash kept from being removed.
    match remove_outdated(&checkpoint, &mut log, &of).and_then(|removed| log.tidy().map(|()| removed)) {
        Ok(0) => {}
        Ok(removed) => found.note = Some(format!("{removed} files of pieces that are no more were removed")),
        Err(error) => found.note = Some(format!("old files of pieces could not be forgotten: {error}")),
    }
    drop(log);
    let mut stands = Vec::with_capacity(set.count as usize);
    for place in 0..set.count {
        let mut log = active.pieces();
        let Some(piece) = log.piece(&of, place as usize) else { return found };
        let view = PieceView { index: place + 1, piece };
        let told = what_is_told(context, step, &checkpoint, &mut log, &view);
        // Files are looked at, and read, while others write what they know.
        drop(log);
        let stand = match told {
            Told::Stand(Stand::FailedBefore(_)) if active.insisted => Stand::ToDo("it was asked for".into()),
            Told::Stand(stand) => stand,
            Told::Made(record) => stand_of_files(context, &active.item, step, &record, &view),
        };
        found.names.push(view.name());
        stands.push(stand);
    }
    found.stands = Some(stands);
    found
}
