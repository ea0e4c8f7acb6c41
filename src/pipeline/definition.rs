//! What makes a step's result, in one canonical form.
//!
//! The fingerprint of a step covers this value, so it must be the same for the same step however the file is laid out,
//! and must hold nothing of policy: a longer timeout makes no new result.

use indexmap::IndexMap;
use serde_json::{Map, Value, json};

use super::plan::{Action, DecodeCheck, Step};
use super::pools::Pool;
use super::template::Template;
use crate::resources::settings::ResourceSpec;

/// The version of a built-in step; of no account for a command.
#[derive(Debug, Clone, Copy)]
pub(super) struct BuiltinVersion(pub(super) u32);

/// The definition of `step`, which draws from some of `pools` and works with some of `resources`.
pub(super) fn of(
    step: &Step,
    BuiltinVersion(version): BuiltinVersion,
    pools: &[Pool],
    resources: &[ResourceSpec],
) -> Value {
    let action = match &step.action {
        Action::Run(run) => json!({ "run": sources(run) }),
        Action::Uses { name, with } => json!({ "uses": name, "version": version, "with": with }),
    };
    let out: Map<String, Value> = step
        .out
        .iter()
        .map(|(name, rule)| {
            let to = rule.to.as_ref().map(|to| to.source.as_str());
            let mut place = json!({ "from": rule.from.source, "to": to });
            // What is not there is not named: an older definition is the same as it was.
            if rule.many {
                place["many"] = Value::Bool(true);
            }
            (name.clone(), place)
        })
        .collect();
    let decodes = match step.verify.decode {
        DecodeCheck::Off => "off",
        DecodeCheck::Open => "open",
        DecodeCheck::Full => "full",
    };
    let mut whole = json!({
        "action": action,
        "in": sources(&step.input),
        "out": out,
        "env": named(&step.env),
        "fallback": named(&step.fallback),
        "verify": { "nonempty": step.verify.nonempty, "decodes": decodes, "min_bytes": step.verify.min_bytes },
    });
    if let Some(each) = &step.each {
        whole["each"] = json!(each.output);
    }
    if !step.pools.is_empty() {
        let drawn = step.pools.iter().filter_map(|place| pools.get(*place));
        whole["pools"] = drawn.map(|pool| (pool.name.clone(), pool.definition())).collect::<Map<_, _>>().into();
    }
    if !step.resources.is_empty() {
        // With `${NAME}` as it is written: another password makes no new result, and is nowhere in a checkpoint.
        let held = step.resources.iter().filter_map(|name| resources.iter().find(|resource| resource.name == *name));
        let one = |resource: &ResourceSpec| {
            let mut settings = resource.settings.clone();
            if let Some(settings) = settings.as_object_mut() {
                settings.retain(|name, _| !resource.kind.policy().contains(&name.as_str()));
            }
            json!({ "name": resource.name, "kind": resource.kind.word(), "settings": settings })
        };
        whole["resources"] = held.map(one).collect();
    }
    if step.times_of_input {
        whole["times"] = json!("input");
    }
    sorted(whole)
}

fn sources(templates: &[Template]) -> Vec<&str> {
    templates.iter().map(|template| template.source.as_str()).collect()
}

fn named(templates: &IndexMap<String, Template>) -> IndexMap<&str, &str> {
    templates.iter().map(|(name, template)| (name.as_str(), template.source.as_str())).collect()
}

/// The same value with the keys of every object in order.
fn sorted(value: Value) -> Value {
    match value {
        Value::Object(map) => {
            let mut entries: Vec<(String, Value)> = map.into_iter().map(|(key, value)| (key, sorted(value))).collect();
            entries.sort_by(|(one, _), (other, _)| one.cmp(other));
            Value::Object(entries.into_iter().collect())
        }
        Value::Array(list) => list.into_iter().map(sorted).collect(),
        other => other,
    }
}
