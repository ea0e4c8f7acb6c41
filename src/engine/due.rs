//! Which calls of hooks are still to be made for an item: written into its checkpoint together with what makes it done or
//! failed, so that a call that a crash prevents is made by the next run.

use std::time::{SystemTime, UNIX_EPOCH};

use super::context::Context;
use crate::pipeline::hooks::{Hook, HookOn};
use crate::pipeline::plan::Plan;
use crate::resilience::checkpoint::{Checkpoint, HookDue, ItemState};
use crate::resilience::hash::hash_bytes;
use crate::resilience::{Fault, FaultClass};

/// What an item's hooks wait for that has come to this state; nothing where it is not at its end.
#[must_use]
pub const fn occasion(state: ItemState) -> Option<HookOn> {
    match state {
        ItemState::Done => Some(HookOn::ItemDone),
        ItemState::Failed => Some(HookOn::ItemFailed),
        ItemState::Pending | ItemState::Parked => None,
    }
}

/// The calls that are due for an item that comes to this state now; nothing where what was due before stays.
#[must_use]
pub fn with_state(plan: &Plan, state: ItemState) -> Option<Vec<HookDue>> {
    let on = occasion(state)?;
    let since = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64);
    let due = |place: usize| {
        let (hook, id) = (name(&plan.hooks[place]), id(plan, place));
        HookDue { hook, on: state, id, since, refused: None, called: false }
    };
    Some(places(plan, on).map(due).collect())
}

/// What is due when the item has come to this state, where its last step may have noted that already.
#[must_use]
pub fn at_end(plan: &Plan, state: ItemState, checkpoint: &Checkpoint) -> Vec<HookDue> {
    let is_noted = checkpoint.state == state && !checkpoint.hooks_due.is_empty();
    let now = if is_noted { None } else { with_state(plan, state) };
    now.unwrap_or_else(|| checkpoint.hooks_due.clone())
}

/// The item is refused: it has failed, and what is still due because it was done is kept until it is there again.
pub fn when_refused(plan: &Plan, checkpoint: &mut Checkpoint) {
    let was_done = checkpoint.state == ItemState::Done || checkpoint.is_refused();
    if was_done {
        checkpoint.hooks_due.retain(|due| due.on == ItemState::Done);
    } else {
        checkpoint.hooks_due = with_state(plan, ItemState::Done).unwrap_or_default();
    }
    checkpoint.hooks_due.extend(with_state(plan, ItemState::Failed).unwrap_or_default());
}

/// All of the item is done, and no step had to run. One that was refused meanwhile has been done before.
pub fn when_found_done(plan: &Plan, checkpoint: &mut Checkpoint) {
    if checkpoint.is_refused() {
        checkpoint.hooks_due.retain(|due| due.on == ItemState::Done);
    } else {
        checkpoint.hooks_due = with_state(plan, ItemState::Done).unwrap_or_default();
    }
}

/// The places of the hooks that are to be called for an item of which this is known, and what of it says so. One that the
/// pipeline has no more is none of them, and one whose call was refused only when it was changed since.
///
/// A hook is known by its content. One that came due and is there no more was edited, if another one of that step and
/// resource is there that did not: in the order of the pipeline.
#[must_use]
pub fn calls<'a>(context: &Context, checkpoint: &'a Checkpoint) -> Vec<(usize, &'a HookDue)> {
    let plan = &context.plan;
    let Some(on) = occasion(checkpoint.state).filter(|on| may_be_called(*on, context.asks_for_less())) else {
        return Vec::new();
    };
    let mut due: Vec<&HookDue> = checkpoint.hooks_due.iter().filter(|due| due.on == checkpoint.state).collect();
    let mut take = |is_it: &dyn Fn(&HookDue) -> bool| due.iter().position(|due| is_it(due)).map(|at| due.remove(at));
    let (mut found, mut others) = (Vec::new(), Vec::new());
    for place in places(plan, on) {
        let id = id(plan, place);
        match take(&|due| due.id == id) {
            Some(due) => found.push((place, due)),
            None => others.push(place),
        }
    }
    for place in others {
        let name = name(&plan.hooks[place]);
        found.extend(take(&|due| due.hook == name).map(|due| (place, due)));
    }
    let would_be_refused =
        |place: usize, due: &HookDue| due.refused.as_ref().is_some_and(|refused| *refused == definition(plan, place));
    found.retain(|(place, due)| !due.called && !would_be_refused(*place, due));
    found.sort_by_key(|(place, _)| *place);
    found
}

/// How many there are.
#[must_use]
pub fn count(context: &Context, checkpoint: &Checkpoint) -> usize {
    if checkpoint.hooks_due.is_empty() { 0 } else { calls(context, checkpoint).len() }
}

/// Whether a run calls such hooks: one that `asks_for_less`, some steps only, leaves no item done.
#[must_use]
pub fn may_be_called(on: HookOn, asks_for_less: bool) -> bool {
    on != HookOn::ItemDone || !asks_for_less
}

/// Notes what came of the call of the hook at `place` that was due as `called`. One that was made is due no more; one that
/// was refused is, when the hook is another one; one that may come to something later stays due, and so does one that came
/// due anew meanwhile. `true`: something was noted.
pub fn note(plan: &Plan, place: usize, called: &HookDue, failed: Option<&Fault>, checkpoint: &mut Checkpoint) -> bool {
    let is_it = |due: &&mut HookDue| due.id == called.id && due.since == called.since && !due.called;
    let Some(due) = checkpoint.hooks_due.iter_mut().find(is_it) else { return false };
    match failed {
        None => due.called = true,
        Some(fault) if is_refusal(fault) => due.refused = Some(definition(plan, place)),
        Some(_) => return false,
    }
    let is_left = |due: &HookDue| due.on == called.on && !due.called;
    if !checkpoint.hooks_due.iter().any(is_left) {
        checkpoint.hooks_due.retain(|due| due.on != called.on);
    }
    true
}

/// Whether the same call would be refused again.
#[must_use]
pub fn is_refusal(fault: &Fault) -> bool {
    fault.class == FaultClass::Input
}

/// When the hook is called, as the pipeline file has it.
#[must_use]
pub const fn when(hook: &Hook) -> &'static str {
    match hook.on {
        HookOn::ItemDone | HookOn::BatchDone => "on_done",
        HookOn::ItemFailed | HookOn::BatchFailed => "on_fail",
    }
}

/// What a hook is called: several may have one name.
fn name(hook: &Hook) -> String {
    format!("{} {} with {}", when(hook), hook.uses, hook.resource)
}

/// A hash of the hook at `place`; of several that are the same in all each has its own.
#[must_use]
pub fn id(plan: &Plan, place: usize) -> String {
    let hook = &plan.hooks[place];
    let is_same = |other: &&Hook| {
        let what = (other.on, &other.uses, &other.resource, &other.with);
        what == (hook.on, &hook.uses, &hook.resource, &hook.with)
    };
    let same = plan.hooks[..place].iter().filter(is_same).count();
    let text = serde_json::json!([format!("{:?}", hook.on), hook.uses, hook.resource, hook.with, same]).to_string();
    hash_bytes(text.as_bytes())
}

fn places(plan: &Plan, on: HookOn) -> impl Iterator<Item = usize> {
    plan.hooks.iter().enumerate().filter(move |(_, hook)| hook.on == on).map(|(place, _)| place)
}

/// A hash of all that a refusal can hang on: the hook's parameters, and how its resource is reached.
fn definition(plan: &Plan, place: usize) -> String {
    let hook = &plan.hooks[place];
    let settings = plan.resources.iter().find(|resource| resource.name == hook.resource).map(|one| &one.settings);
    hash_bytes(serde_json::json!([hook.with, settings]).to_string().as_bytes())
}
