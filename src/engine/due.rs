//! Which calls of hooks are still to be made for an item: written into its checkpoint together with what makes it done or
//! failed, so that a call that a crash prevents is made by the next run.

use super::context::Context;
use crate::pipeline::hooks::{Hook, HookOn};
use crate::pipeline::plan::Plan;
use crate::resilience::Fault;
use crate::resilience::FaultClass;
use crate::resilience::checkpoint::{Checkpoint, HookDue, ItemState};
use crate::resilience::hash::hash_bytes;

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
    let hooks = plan.hooks.iter().enumerate().filter(|(_, hook)| hook.on == on);
    Some(hooks.map(|(place, _)| HookDue { hook: name(plan, place), refused: None }).collect())
}

/// The places of the hooks that are to be called for an item of which this is known. One that the pipeline has no more is
/// none of them, and one whose call was refused only when it was changed since.
#[must_use]
pub fn places(context: &Context, checkpoint: &Checkpoint) -> Vec<usize> {
    let plan = &context.plan;
    let Some(on) = occasion(checkpoint.state).filter(|on| may_be_called(context, *on)) else { return Vec::new() };
    let is_due = |place: usize| {
        let name = name(plan, place);
        let due = checkpoint.hooks_due.iter().find(|due| due.hook == name);
        due.is_some_and(|due| due.refused.as_ref().is_none_or(|refused| *refused != definition(plan, place)))
    };
    let hooks = plan.hooks.iter().enumerate().filter(|(_, hook)| hook.on == on).map(|(place, _)| place);
    hooks.filter(|place| is_due(*place)).collect()
}

/// Whether there are any.
#[must_use]
pub fn any(context: &Context, checkpoint: &Checkpoint) -> bool {
    !checkpoint.hooks_due.is_empty() && !places(context, checkpoint).is_empty()
}

/// Whether this run calls such hooks: one of some steps only leaves no item done.
#[must_use]
pub fn may_be_called(context: &Context, on: HookOn) -> bool {
    on != HookOn::ItemDone || !context.asks_for_less()
}

/// Notes what came of the call of the hook at `place`. One that was made is due no more; one that was refused is, when the
/// hook is another one; one that may come to something later stays due. `true`: something was noted.
pub fn note(plan: &Plan, place: usize, failed: Option<&Fault>, checkpoint: &mut Checkpoint) -> bool {
    let name = name(plan, place);
    let Some(at) = checkpoint.hooks_due.iter().position(|due| due.hook == name) else { return false };
    match failed {
        None => drop(checkpoint.hooks_due.remove(at)),
        Some(fault) if is_refusal(fault) => checkpoint.hooks_due[at].refused = Some(definition(plan, place)),
        Some(_) => return false,
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

/// What the hook at `place` is called: it keeps its name where others are added or its parameters change. Of several that
/// are alike in all else the order tells.
#[must_use]
pub fn name(plan: &Plan, place: usize) -> String {
    let hook = &plan.hooks[place];
    let alike = |other: &&Hook| (other.on, &other.uses, &other.resource) == (hook.on, &hook.uses, &hook.resource);
    let name = format!("{} {} with {}", when(hook), hook.uses, hook.resource);
    match plan.hooks[..place].iter().filter(alike).count() {
        0 => name,
        before => format!("{name} #{}", before + 1),
    }
}

/// A hash of all that a refusal can hang on: the hook's parameters, and how its resource is reached.
fn definition(plan: &Plan, place: usize) -> String {
    let hook = &plan.hooks[place];
    let settings = plan.resources.iter().find(|resource| resource.name == hook.resource).map(|one| &one.settings);
    hash_bytes(serde_json::json!([hook.with, settings]).to_string().as_bytes())
}
