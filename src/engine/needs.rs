//! What a run needs of what its pipeline names: what only steps that it leaves out work with, it does without.

use std::collections::HashSet;

use super::context::{Basis, Options, asks_for_less, select};
use super::due::may_be_called;
use crate::pipeline::plan::{Plan, Step};

/// What a run works with.
#[derive(Debug)]
pub struct Needed(HashSet<String>);

impl Needed {
    /// Tools and resources of the steps that a run with these options makes, and of the hooks that it may call; and what
    /// nothing in the pipeline works with, and is required all the same.
    #[must_use]
    pub fn of(plan: &Plan, options: &Options) -> Self {
        let mut bases = vec![Basis::default(); plan.steps.len()];
        select(plan, options, &mut bases);
        let less = asks_for_less(plan, &bases);
        let (mut needed, mut named) = (HashSet::new(), HashSet::new());
        let steps = plan.steps.iter().zip(&bases);
        let of_steps = steps.flat_map(|(step, basis)| names(step).map(|name| (name, !basis.left_out)));
        let of_hooks = plan.hooks.iter().map(|hook| (&hook.resource, may_be_called(hook.on, less)));
        for (name, is_used) in of_steps.chain(of_hooks) {
            named.insert(name);
            if is_used {
                needed.insert(name.clone());
            }
        }
        let required = plan.tools.iter().filter(|(name, spec)| spec.required == Some(true) && !named.contains(name));
        needed.extend(required.map(|(name, _)| name.clone()));
        Self(needed)
    }

    /// Whether the tool or resource is needed.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.0.contains(name)
    }
}

fn names(step: &Step) -> impl Iterator<Item = &String> {
    step.tool.iter().chain(&step.resources)
}
