//! What a run would do, looked at without doing it.

use std::collections::BTreeMap;

use super::context::Context;
use super::survey::{Look, look};
use crate::events::ItemIndex;

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
    /// Leave it out, for this reason.
    LeaveOut(String),
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
    /// Bytes of the inputs with something to do.
    pub bytes: u64,
    /// For each step and reason, how many items.
    pub reasons: BTreeMap<(usize, String), usize>,
}

/// What a run would do with the item at `index`.
#[must_use]
pub fn fate(context: &Context, index: ItemIndex) -> Fate {
    match look(context, index, false) {
        Look::UpToDate => Fate::UpToDate,
        Look::FailedBefore(fault) => Fate::FailedBefore(format!("step '{}': {}", fault.step, fault.fault.message)),
        Look::LeftOut(reason) => Fate::LeftOut(reason),
        Look::Refused(fault) => Fate::Refused(fault.message),
        Look::Work(work) => {
            let steps = work.stale.into_iter().enumerate().filter_map(|(step, reason)| {
                let fate = match &context.bases[step].unavailable {
                    Some(why) => StepFate::LeaveOut(why.clone()),
                    None => StepFate::Run(reason?),
                };
                Some((step, fate))
            });
            Fate::Work(steps.collect())
        }
    }
}

/// The fates of the whole batch, each handed to `each`, and their sum.
pub fn forecast(context: &Context, mut each: impl FnMut(ItemIndex, &Fate)) -> Forecast {
    let mut sum = Forecast { total: context.batch.len(), ..Forecast::default() };
    for index in 0..context.batch.len() as ItemIndex {
        let fate = match fate(context, index) {
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
                let path = context.batch.files.get(index as usize).unwrap_or_default();
                sum.bytes += std::fs::metadata(path).map_or(0, |metadata| metadata.len());
                for (step, fate) in steps {
                    let (StepFate::Run(reason) | StepFate::LeaveOut(reason)) = fate;
                    *sum.reasons.entry((step, reason)).or_default() += 1;
                }
            }
        }
    }
    sum
}
