//! What to look for.

use std::time::Duration;

use indexmap::IndexMap;

use super::known;
use crate::pipeline::plan::{Plan, ToolSpec};

/// A dependency to look for.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Wanted {
    /// Its name: as a step names its tool, or the table of known tools does.
    pub name: String,
    /// Whether a run refuses to start without it.
    pub required: bool,
    /// What the pipeline says of it.
    pub spec: ToolSpec,
    /// The longest its probe may take, if not the time that is known for the tool.
    pub limit: Option<Duration>,
}

/// What a pipeline needs: the tool of each step, and what `[health]` and `[tools]` name beyond that.
///
/// A tool is required where the pipeline says so; where it says nothing, unless every step that uses it is optional. A
/// tool that no step uses is required only on the pipeline's word.
#[must_use]
pub fn wanted(plan: &Plan) -> Vec<Wanted> {
    let mut needed: IndexMap<&str, bool> = IndexMap::new();
    for step in &plan.steps {
        if let Some(tool) = &step.tool {
            *needed.entry(tool).or_default() |= !step.optional;
        }
    }
    for name in plan.tools.keys() {
        needed.entry(name).or_default();
    }
    let one = |(name, needed): (&str, bool)| {
        let spec = plan.tools.get(name).cloned().unwrap_or_default();
        Wanted { name: name.to_owned(), required: spec.required.unwrap_or(needed), spec, limit: None }
    };
    needed.into_iter().map(one).collect()
}

/// All tools that mediamill knows. None is required: no pipeline has asked for it.
#[must_use]
pub fn all_known() -> Vec<Wanted> {
    known::all().map(|tool| Wanted { name: tool.name.to_owned(), ..Wanted::default() }).collect()
}
