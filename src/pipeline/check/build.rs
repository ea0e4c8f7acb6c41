//! The plan of a spec that has no errors.

use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;

use indexmap::IndexMap;

use super::Checker;
use crate::pipeline::definition::{self, BuiltinVersion};
use crate::pipeline::names::NamePatterns;
use crate::pipeline::plan::{Action, Each, Input, OutputRule, Plan, Step, Verify, default_breaker};
use crate::pipeline::pools::Pool;
use crate::pipeline::spec::{RetrySection, Spec, StepSpec, Text, Written};
use crate::pipeline::template::{Field, ItemField, Segment, Template};
use crate::resilience::breaker::BreakerSettings;
use crate::resilience::retry::RetryPolicy;
use crate::resources::settings::ResourceSpec;

// What holds where the file is silent.
const GIVE_UP_AFTER: u32 = 3;
const GRACE: Duration = Duration::from_secs(5);
const MAX_OUTPUT: u64 = 1 << 30;

impl Checker<'_, '_, '_> {
    /// The plan, its steps in `order`.
    pub(super) fn plan(&self, fallback_name: &str, order: &[usize]) -> Plan {
        let spec = self.spec;
        let place: HashMap<usize, usize> = order.iter().enumerate().map(|(new, old)| (*old, new)).collect();
        let pools = self.planned_pools();
        let resources = self.planned_resources();
        let steps: Vec<Step> = order.iter().map(|index| self.step(*index, &place, &pools, &resources)).collect();
        Plan {
            name: spec.name.as_ref().map_or_else(|| fallback_name.to_owned(), |name| name.text.clone()),
            description: spec.description.as_ref().map(|text| text.text.clone()).unwrap_or_default(),
            input: Input {
                paths: texts(&spec.paths),
                matches: texts(&spec.matches),
                recursive: spec.recursive.unwrap_or(true),
            },
            generate: self.generated(),
            output: spec.output.as_ref().map_or_else(default_output, |dir| dir.template.clone()),
            tools: spec.tools.iter().map(|(name, section)| (name.clone(), section.tool.clone())).collect(),
            breakers: breakers(spec, &steps),
            retry: retry(spec.retry, RetrySection::default()),
            give_up_after: spec.give_up_after.unwrap_or(GIVE_UP_AFTER),
            durability: spec.durability.unwrap_or_default(),
            pools,
            resources,
            hooks: self.planned_hooks(),
            steps,
        }
    }

    fn step(&self, index: usize, place: &HashMap<usize, usize>, pools: &[Pool], resources: &[ResourceSpec]) -> Step {
        let spec = &self.spec.steps[index];
        let links = &self.links[index];
        let placed = |links: &[(usize, super::Span)]| {
            let mut places: Vec<usize> = links.iter().filter_map(|(step, _)| place.get(step).copied()).collect();
            places.sort_unstable();
            places.dedup();
            places
        };
        let reads = placed(&links.reads);
        let mut after = placed(&links.after);
        after.retain(|step| !reads.contains(step));
        let mut step = Step {
            id: spec.id.as_ref().map(|id| id.text.clone()).unwrap_or_default(),
            action: action(spec),
            each: links
                .each
                .as_ref()
                .and_then(|(step, output)| Some(Each { step: *place.get(step)?, output: output.clone() })),
            input: templates(&spec.input),
            matches: matches(spec),
            out: self.rules(index, spec),
            pools: self.pools_of(spec),
            tool: self.tool_of(spec),
            resources: spec.resources.as_ref().map(|(_, names)| texts(names)).unwrap_or_default(),
            reads,
            after,
            timeout: spec.timeout,
            idle_timeout: spec.idle_timeout,
            grace: spec.grace.unwrap_or(GRACE),
            retry: retry(self.spec.retry, spec.retry),
            optional: spec.optional,
            on_open: spec.on_open.as_ref().map(|(_, on_open)| *on_open).unwrap_or_default(),
            fallback: spec.fallback.iter().map(|(name, (_, file))| (name.clone(), file.template.clone())).collect(),
            verify: verify(spec),
            env: spec.env.iter().map(|(name, value)| (name.clone(), value.template.clone())).collect(),
            memory: spec.memory,
            max_output: spec.max_output.unwrap_or(MAX_OUTPUT),
            sandbox: spec.sandbox.unwrap_or(true),
            times_of_input: spec.times.is_some(),
            batch: self.is_batch(spec),
            definition: serde_json::Value::Null,
        };
        let version = spec.uses.as_ref().map_or(0, |uses| self.builtins.version(&uses.text));
        step.definition = definition::of(&step, BuiltinVersion(version), pools, resources);
        step
    }

    fn rules(&self, index: usize, spec: &StepSpec<'_>) -> IndexMap<String, OutputRule> {
        let rule = |name: &String, out: &crate::pipeline::spec::OutSpec| OutputRule {
            from: out.from.template.clone(),
            to: out.to.as_ref().map(|to| to.template.clone()),
            many: self.is_many(index, name),
        };
        spec.out.iter().map(|(name, out)| (name.clone(), rule(name, out))).collect()
    }
}

fn action(spec: &StepSpec<'_>) -> Action {
    match (&spec.run, &spec.uses) {
        (Some((_, run)), _) => Action::Run(templates(run)),
        (None, uses) => Action::Uses {
            name: uses.as_ref().map(|uses| uses.text.clone()).unwrap_or_default(),
            with: spec.with.as_ref().map_or_else(|| serde_json::json!({}), |with| with.value.clone()),
        },
    }
}

/// Every pattern was looked at when it was read, and a plan is made only where none was wrong.
fn matches(spec: &StepSpec<'_>) -> NamePatterns {
    let patterns = spec.matches.as_ref().map(|(_, patterns)| texts(patterns)).unwrap_or_default();
    NamePatterns::new(patterns).unwrap_or_default()
}

fn verify(spec: &StepSpec<'_>) -> Verify {
    let default = Verify::default();
    Verify {
        nonempty: spec.verify_nonempty.unwrap_or(default.nonempty),
        decode: spec.verify_decode.unwrap_or(default.decode),
        min_bytes: spec.verify_min_bytes.unwrap_or(default.min_bytes),
    }
}

/// What the step says, else what the pipeline says, else the default: key by key.
fn retry(pipeline: RetrySection, step: RetrySection) -> RetryPolicy {
    let default = RetryPolicy::default();
    RetryPolicy {
        max_retries: step.max_retries.or(pipeline.max_retries).unwrap_or(default.max_retries),
        base_delay: step.base_delay.or(pipeline.base_delay).unwrap_or(default.base_delay),
        max_delay: step.max_delay.or(pipeline.max_delay).unwrap_or(default.max_delay),
        exponential_base: step.exponential_base.or(pipeline.exponential_base).unwrap_or(default.exponential_base),
        jitter: step.jitter.or(pipeline.jitter).unwrap_or(default.jitter),
    }
}

/// Every breaker that differs from the common defaults: those of the file, and those of tools known to be slow to heal.
fn breakers(spec: &Spec<'_>, steps: &[Step]) -> IndexMap<String, BreakerSettings> {
    let mut breakers = IndexMap::new();
    for (name, section) in &spec.breakers {
        let default = default_breaker(name);
        let settings = BreakerSettings {
            failure_threshold: section.failure_threshold.unwrap_or(default.failure_threshold),
            recovery_timeout: section.recovery_timeout.unwrap_or(default.recovery_timeout),
            success_threshold: section.success_threshold.unwrap_or(default.success_threshold),
        };
        breakers.insert(name.clone(), settings);
    }
    for tool in steps.iter().filter_map(|step| step.tool.as_ref()) {
        let default = default_breaker(tool);
        if default != BreakerSettings::default() {
            breakers.entry(tool.clone()).or_insert(default);
        }
    }
    breakers
}

/// `out/{item.stem}`.
fn default_output() -> Template {
    let source = "out/{item.stem}".to_owned();
    let field = Segment::Field(Field::Item(ItemField::Stem), 4..source.len());
    Template { source, segments: vec![Segment::Literal("out/".to_owned()), field] }
}

fn texts(texts: &[Text]) -> Vec<String> {
    texts.iter().map(|text| text.text.clone()).collect()
}

fn templates(written: &[Written]) -> Vec<Template> {
    written.iter().map(|written| written.template.clone()).collect()
}

/// The name of the pipeline in the file at `path`, where it does not say one.
pub(in crate::pipeline) fn name_of_file(path: &str) -> String {
    Path::new(path).file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default()
}
