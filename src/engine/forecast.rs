//! What a run would do, looked at without doing it.

use std::collections::BTreeMap;

use super::context::Context;
use super::piece::{Outlook, outlook};
use super::piece_view::called;
use super::survey::{Look, look};
use crate::events::ItemIndex;
use crate::pipeline::plan::Each;

/// What a run would do with one item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// Nothing: all is done.
    UpToDate,
    /// It failed before, and would only fail again.
    FailedBefore(String),
    /// It is left out.
    LeftOut(String),
    /// It cannot be worked on.
    Refused(String),
    /// For each step that would be done or left out, by its place: why.
    Work(Vec<(usize, StepFate)>),
}

/// What a run would do with one step of an item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StepFate {
    /// Run it, for this reason.
    Run(String),
    /// Run it for pieces.
    Pieces(PieceFate),
    /// Leave it out, for this reason.
    LeaveOut(String),
}

/// What a run would do with the pieces of one step of an item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PieceFate {
    /// What they are called: `slice.clips`.
    pub of: String,
    /// How many there are and how many it is to be done for; nothing where they are not known yet.
    pub known: Option<Outlook>,
    /// Why.
    pub reason: String,
}

/// Pieces of many items, summed up.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PieceSums {
    /// Items whose pieces are not known yet.
    pub unknown: usize,
    /// Items whose pieces are known.
    pub known: usize,
    /// Their pieces.
    pub total: u64,
    /// Pieces of them to work on.
    pub to_do: u64,
}

/// The batch in numbers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Forecast {
    /// Items in the batch.
    pub total: usize,
    /// Items with nothing to do.
    pub up_to_date: usize,
    /// Items with something to do.
    pub work: usize,
    /// Items that failed before and stay so.
    pub failed_before: usize,
    /// Items that are left out.
    pub left_out: usize,
    /// Items that cannot be worked on.
    pub refused: usize,
    /// Calls of hooks that are still to be made, for items that need no work.
    pub hooks_due: usize,
    /// Bytes of the inputs with something to do.
    pub bytes: u64,
    /// For each step and reason, how many items.
    pub reasons: BTreeMap<(usize, String), usize>,
    /// For each step that runs for pieces, what is known of them.
    pub pieces: BTreeMap<usize, PieceSums>,
}

/// What a run would do with the item at `index`.
#[must_use]
pub fn fate(context: &Context, index: ItemIndex) -> Fate {
    fate_of(context, look(context, index, false))
}

fn fate_of(context: &Context, seen: Look) -> Fate {
    match seen {
        Look::UpToDate { .. } => Fate::UpToDate,
        Look::FailedBefore { fault, .. } => {
            Fate::FailedBefore(format!("step '{}': {}", fault.step, fault.fault.message))
        }
        Look::LeftOut(reason) => Fate::LeftOut(reason),
        Look::Refused(fault) => Fate::Refused(fault.message),
        Look::Work(work) => {
            let mut log = context.store.pieces(&work.item.id);
            let makers_stand = |each: &Each| work.stale[each.step].is_none();
            let mut fate = |step: usize, reason: &Option<String>| {
                if let Some(why) = &context.bases[step].unavailable {
                    return Some(StepFate::LeaveOut(why.clone()));
                }
                let reason = reason.clone()?;
                let Some(each) = &context.plan.steps[step].each else { return Some(StepFate::Run(reason)) };
                let of = called(&context.plan, each);
                let known = makers_stand(each).then(|| outlook(context, &work.item, step, &work.checkpoint, &mut log));
                Some(StepFate::Pieces(PieceFate { of, known: known.flatten(), reason }))
            };
            let steps = work.stale.iter().enumerate().filter_map(|(step, reason)| Some((step, fate(step, reason)?)));
            Fate::Work(steps.collect())
        }
    }
}

/// The fates of the whole batch, each handed to `each`, and their sum.
pub fn forecast(context: &Context, mut each: impl FnMut(ItemIndex, &Fate)) -> Forecast {
    let mut sum = Forecast { total: context.batch.len(), ..Forecast::default() };
    for index in 0..context.batch.len() as ItemIndex {
        let seen = look(context, index, false);
        sum.hooks_due += seen.hooks_due();
        let fate = match fate_of(context, seen) {
            Fate::Work(_) if context.options.limit.is_some_and(|limit| sum.work >= limit as usize) => {
                Fate::LeftOut("the limit of this run is reached".into())
            }
            fate => fate,
        };
        each(index, &fate);
        match fate {
            Fate::UpToDate => sum.up_to_date += 1,
            Fate::FailedBefore(_) => sum.failed_before += 1,
            Fate::LeftOut(_) => sum.left_out += 1,
            Fate::Refused(_) => sum.refused += 1,
            Fate::Work(steps) => {
                sum.work += 1;
                if context.batch.generator.is_none() {
                    sum.bytes += std::fs::metadata(context.batch.path(index)).map_or(0, |metadata| metadata.len());
                }
                for (step, fate) in steps {
                    match fate {
                        StepFate::Run(reason) | StepFate::LeaveOut(reason) => {
                            *sum.reasons.entry((step, reason)).or_default() += 1;
                        }
                        StepFate::Pieces(PieceFate { known, .. }) => {
                            let pieces = sum.pieces.entry(step).or_default();
                            match known {
                                Some(known) => {
                                    pieces.known += 1;
                                    pieces.total += u64::from(known.total);
                                    pieces.to_do += u64::from(known.to_do);
                                }
                                None => pieces.unknown += 1,
                            }
                        }
                    }
                }
            }
        }
    }
    sum
}
