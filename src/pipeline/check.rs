//! From a [`Spec`] to a [`Plan`]: every name is resolved, and every wish can be met.

mod actions;
mod build;
mod each;
mod generate;
mod graph;
mod hooks;
mod outputs;
mod policy;
mod pools;
mod refs;
mod resources;
mod tools;
mod values;

use std::collections::{HashMap, HashSet};

pub(super) use self::build::name_of_file;
use super::builtins::Builtins;
use super::diagnostic::{Diagnostic, Diagnostics};
use super::plan::Plan;
use super::spec::{Span, Spec, StepSpec, is_pipeline_name};

/// Looks at the whole of a pipeline. What is wrong goes to `found`; there is a plan when nothing is an error.
pub(super) fn check(
    spec: &Spec<'_>,
    fallback_name: &str,
    builtins: &dyn Builtins,
    found: &mut Diagnostics,
) -> Option<Plan> {
    let mut ids = HashMap::new();
    for (index, step) in spec.steps.iter().enumerate() {
        if let Some(id) = &step.id {
            ids.entry(id.text.as_str()).or_insert(index);
        }
    }
    let links = vec![Links::default(); spec.steps.len()];
    let mut checker = Checker { spec, ids, builtins, found, links, used: HashSet::new() };
    checker.ids();
    checker.name(fallback_name);
    checker.generate();
    checker.output_dir();
    checker.fan_outs();
    for (index, step) in spec.steps.iter().enumerate() {
        checker.action(step);
        checker.references(index, step);
        checker.outputs(step);
        checker.pieces(index, step);
        checker.reads_no_file(step);
        checker.policy(step);
        checker.step_resources(step);
    }
    checker.same_files();
    checker.resources();
    checker.hooks();
    checker.tools();
    checker.pools();
    checker.skipped_along();
    checker.unused_values();
    let order = checker.order();
    (!checker.found.has_errors()).then(|| checker.plan(fallback_name, &order))
}

/// What a check knows and has found so far.
struct Checker<'s, 'a, 'd> {
    spec: &'s Spec<'a>,
    /// The first step of each id.
    ids: HashMap<&'s str, usize>,
    builtins: &'s dyn Builtins,
    found: &'d mut Diagnostics,
    /// By step, in the order of the file.
    links: Vec<Links>,
    /// The values of generated items that something reads.
    used: HashSet<String>,
}

/// What a step waits for: indexes in the order of the file, each with the place that says so.
#[derive(Debug, Clone, Default)]
struct Links {
    reads: Vec<(usize, Span)>,
    after: Vec<(usize, Span)>,
    /// The output whose pieces it runs for.
    each: Option<(usize, String)>,
}

impl Checker<'_, '_, '_> {
    fn error(&mut self, span: Span, message: impl Into<String>, help: impl Into<Option<String>>) {
        self.found.push(Diagnostic::error(message).at(span).maybe_help(help.into()));
    }

    fn warning(&mut self, span: Span, message: impl Into<String>, help: impl Into<Option<String>>) {
        self.found.push(Diagnostic::warning(message).at(span).maybe_help(help.into()));
    }

    fn ids(&mut self) {
        if self.spec.steps.is_empty() {
            let help = "begin one with a line `[[step]]`; `mediamill init` writes a pipeline from a command";
            // Where the table is there but could not be read, that has been told.
            if !self.found.has_errors() {
                self.found.push(Diagnostic::error("this pipeline has no step").help(help));
            }
        }
        for (index, step) in self.spec.steps.iter().enumerate() {
            let Some(id) = &step.id else { continue };
            if let Some(&first) = self.ids.get(id.text.as_str()).filter(|first| **first != index) {
                let line = self.found.place(self.spec.steps[first].place().start).line;
                let message = format!("two steps have the id `{}`", id.text);
                let wrong = Diagnostic::error(message).at(id.span.clone()).label("the second");
                self.found.push(wrong.note(format!("the first is in line {line}")).help("give this one another id"));
            }
        }
    }

    fn name(&mut self, fallback: &str) {
        if self.spec.name.is_none() && !is_pipeline_name(fallback) && !self.found.has_errors() {
            let message =
                format!("this pipeline needs a `name`, as that of its file will not do: `{}`", fallback.escape_debug());
            self.found.push(Diagnostic::error(message).help("add a first line: name = \"songs\""));
        }
    }

    /// Whether `step` runs once over the whole batch.
    fn is_batch(&self, step: &StepSpec<'_>) -> bool {
        step.run.is_none() && step.uses.as_ref().is_some_and(|uses| self.builtins.is_batch(&uses.text))
    }

    /// Whether `uses` names a built-in step that there is.
    fn is_known(&self, uses: &str) -> bool {
        self.builtins.names().iter().any(|name| name == uses)
    }

    fn step_ids(&self) -> impl Iterator<Item = &str> + Clone {
        self.spec.steps.iter().filter_map(|step| step.id.as_ref()).map(|id| id.text.as_str())
    }
}
