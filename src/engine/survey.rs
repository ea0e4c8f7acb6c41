//! Looks at an item before anything runs: what is done, what is to do, and why.

use super::context::Context;
use super::due;
use super::fingerprint::{fingerprint, passes, read_source};
use super::item::Item;
use super::piece::{outlook, stale};
use crate::events::ItemIndex;
use crate::resilience::Fault;
use crate::resilience::checkpoint::{Checkpoint, Identity, ItemState, StepFault};
use crate::resilience::os_text::OsText;
use crate::resilience::store::{Loaded, PieceLog};

/// What became of a look.
#[derive(Debug)]
pub enum Look {
    /// Nothing to do.
    UpToDate {
        /// Calls of hooks that are still to be made for it.
        due: usize,
    },
    /// It failed before, the fault was the input's, and nothing changed since.
    FailedBefore {
        /// What it failed with.
        fault: Box<StepFault>,
        /// Calls of hooks that are still to be made for it.
        due: usize,
    },
    /// It is not asked for in this run, for this reason.
    LeftOut(String),
    /// It cannot be worked on.
    Refused(Fault),
    /// There is something to do.
    Work(Box<Work>),
}

impl Look {
    /// Calls of hooks that are still to be made for an item that needs no work.
    #[must_use]
    pub const fn hooks_due(&self) -> usize {
        match self {
            Self::UpToDate { due } | Self::FailedBefore { due, .. } => *due,
            Self::LeftOut(_) | Self::Refused(_) | Self::Work(_) => 0,
        }
    }
}

/// An item with something to do.
#[derive(Debug)]
pub struct Work {
    /// The item.
    pub item: Item,
    /// What is known of it.
    pub checkpoint: Checkpoint,
    /// For each step: why its result does not stand, `None` where it does.
    pub stale: Vec<Option<String>>,
    /// A word for the person about an earlier checkpoint.
    pub note: Option<String>,
}

/// Looks at the item at `index`. `again`: somebody wants it, whatever the run was asked for, and also where it failed
/// before and nothing changed.
#[must_use]
pub fn look(context: &Context, index: ItemIndex, again: bool) -> Look {
    let item = Item::of(&context.batch, index);
    let new = || {
        let mut checkpoint = Checkpoint::new(item.id.clone(), OsText::from(&item.path));
        checkpoint.source.generated = context.batch.generator.is_some();
        checkpoint
    };
    let (mut checkpoint, note) = match context.store.load(item.key, &item.id) {
        Loaded::Known(checkpoint) => (*checkpoint, None),
        Loaded::New { owned, set_aside } => {
            let earlier = owned.as_deref();
            (earlier.map_or_else(new, |earlier| new().heir_of(earlier)), set_aside)
        }
        Loaded::Refused(why) => {
            return Look::Refused(
                Fault::input("checkpoint-newer", why).with_hint("use the newer mediamill, or another --state"),
            );
        }
    };
    let refused = |mut checkpoint: Checkpoint, fault: Fault| {
        if context.store.is_writable() && checkpoint.fault.as_ref().is_none_or(|before| before.fault != fault) {
            due::when_refused(&context.plan, &mut checkpoint);
            checkpoint.state = ItemState::Failed;
            checkpoint.fault = Some(StepFault::of(String::new(), 0, fault.clone()));
            // For the next run's information: that it cannot be written is told when real work cannot be.
            let _ = context.store.save(item.key, &mut checkpoint);
        }
        Look::Refused(fault)
    };
    if let Some(why) = context.store.pieces(&item.id).refused() {
        let fault = Fault::input("checkpoint-newer", why);
        return Look::Refused(fault.with_hint("use the newer mediamill, or another --state"));
    }
    let is_new = checkpoint.steps.is_empty() && checkpoint.fault.is_none();
    if item.made.is_none()
        && let Err(fault) = look_at_file(context, &item, &mut checkpoint, is_new)
    {
        return refused(checkpoint, fault);
    }
    if !again && let Some(reason) = unwanted(context, &item, &checkpoint, is_new) {
        return Look::LeftOut(reason);
    }
    let mut log = context.store.pieces(&item.id);
    let stale = all_stale(context, &item, &checkpoint, &mut log);
    if !again && let Some(fault) = stands_failed(context, &item, &checkpoint, &stale, &mut log) {
        return Look::FailedBefore { fault: Box::new(fault.clone()), due: due::count(context, &checkpoint) };
    }
    if stale.iter().all(Option::is_none) {
        // All is done, whatever kept an earlier run from saying so: an input that was away for a while, a crash.
        if checkpoint.state != ItemState::Done && !context.asks_for_less() && context.store.is_writable() {
            due::when_found_done(&context.plan, &mut checkpoint);
            checkpoint.state = ItemState::Done;
            checkpoint.fault = None;
            // What cannot be written now is found again by the next look.
            let _ = context.store.save(item.key, &mut checkpoint);
        }
        return Look::UpToDate { due: due::count(context, &checkpoint) };
    }
    // What was due for an earlier end of it gives way to the one that it comes to now.
    checkpoint.hooks_due.clear();
    Look::Work(Box::new(Work { item, checkpoint, stale, note }))
}

/// Looks at the item's file, and reads it where what is known of it may be of another content.
fn look_at_file(context: &Context, item: &Item, checkpoint: &mut Checkpoint, is_new: bool) -> Result<(), Fault> {
    let metadata = std::fs::metadata(&item.path).map_err(|error| Fault::from_io("it cannot be looked at", &error))?;
    if !metadata.is_file() {
        return Err(Fault::input("not-a-file", "it is not a regular file"));
    }
    let seen = Identity::from_metadata(&metadata);
    // What has never run is read when it does; an earlier result makes it worth reading a changed input now, and so does
    // a step that may be left out before any has read it: what is recorded of it holds the input's content.
    if (!is_new || may_leave_out_unread(context)) && checkpoint.source.identity != Some(seen) {
        checkpoint.source =
            read_source(&item.path, seen).map_err(|error| Fault::from_io("it cannot be read", &error))?;
    }
    Ok(())
}

fn may_leave_out_unread(context: &Context) -> bool {
    let steps = context.plan.steps.iter().zip(&context.bases).filter(|(step, _)| !step.batch);
    steps.into_iter().any(|(step, basis)| basis.unavailable.is_some() && basis.reads_item || !step.fallback.is_empty())
}

/// For each step: why its result does not stand. A step whose result hangs on one that runs again is to be looked at
/// again when that has run: it may still stand.
fn all_stale(context: &Context, item: &Item, checkpoint: &Checkpoint, log: &mut PieceLog) -> Vec<Option<String>> {
    let mut found: Vec<Option<String>> = Vec::with_capacity(context.plan.steps.len());
    for (place, step) in context.plan.steps.iter().enumerate() {
        let reason = if step.batch || context.bases[place].left_out {
            None
        } else {
            let upstream = step.depends_on().find(|before| found[*before].is_some());
            if step.each.is_some() && upstream.is_some() {
                // Pieces that are to be made anew are none yet.
                found.push(upstream.map(|before| format!("step '{}' runs again", context.plan.steps[before].id)));
                continue;
            }
            stale(context, item, place, checkpoint, log)
                .or_else(|| upstream.map(|before| format!("step '{}' runs again", context.plan.steps[before].id)))
        };
        found.push(reason);
    }
    found
}

/// Why the item is left out of this run, if it is.
fn unwanted(context: &Context, item: &Item, checkpoint: &Checkpoint, is_new: bool) -> Option<String> {
    let options = &context.options;
    if options.retry_failed {
        let failed = checkpoint.state == ItemState::Failed;
        let same_cause = options
            .cause
            .as_ref()
            .is_none_or(|cause| checkpoint.fault.as_ref().is_some_and(|fault| fault.causes().any(|one| one == cause)));
        return (!(failed && same_cause)).then(|| "only failed items were asked for".into());
    }
    if options.skip_existing && is_new {
        let mut targets = Vec::new();
        let steps = context.plan.steps.iter().filter(|step| !step.batch && step.matches.takes(item.name()));
        // What a step makes of pieces, and how many there are, is known when it has.
        let whole = steps.filter(|step| step.each.is_none()).flat_map(|step| step.out.values());
        for rule in whole.filter(|rule| !rule.many) {
            targets.push(context.known_target(item, None, rule)?.ok()?);
        }
        let all_there = !targets.is_empty() && targets.iter().all(|target| std::fs::symlink_metadata(target).is_ok());
        return all_there.then(|| "its outputs are already there".into());
    }
    None
}

/// The fault that the item failed with, where it would only fail with it again.
fn stands_failed<'a>(
    context: &Context,
    item: &Item,
    checkpoint: &'a Checkpoint,
    stale: &[Option<String>],
    log: &mut PieceLog,
) -> Option<&'a StepFault> {
    let fault = checkpoint.fault.as_ref().filter(|_| checkpoint.state == ItemState::Failed)?;
    if context.options.retry_failed || passes(&fault.fault) {
        return None;
    }
    let place = context.plan.steps.iter().position(|step| step.id == fault.step)?;
    if context.bases[place].forced || context.bases[place].left_out || context.options.overwrite {
        return None;
    }
    let before = fault.fingerprint.as_ref()?;
    let upstream_stands = context.plan.steps[place].depends_on().all(|before| stale[before].is_none());
    let same = upstream_stands && fingerprint(context, place, checkpoint) == *before;
    // A run that ended with its first failure may have left pieces that were never tried.
    let no_piece_is_left = context.plan.steps[place].each.is_none()
        || outlook(context, item, place, checkpoint, log).is_some_and(|outlook| outlook.to_do == 0);
    (same && no_piece_is_left).then_some(fault)
}
