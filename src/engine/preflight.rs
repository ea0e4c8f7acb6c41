//! What can be told of a batch before anything runs: outputs that would collide, and names that no file system takes.

use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};

use super::context::Context;
use super::generator::values_of;
use super::item::Item;
use crate::pipeline::generate::FACTS;
use crate::pipeline::plan::Step;
use crate::pipeline::template::{Field, ItemField, Segment, Template};

/// Why items could not all be worked on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Conflict {
    /// Two items would write the same file.
    Collision {
        /// The file.
        target: PathBuf,
        /// One item.
        first: PathBuf,
        /// The other.
        second: PathBuf,
    },
    /// An item's output cannot have the name that the pipeline gives it.
    Name {
        /// The item.
        item: PathBuf,
        /// What is wrong.
        why: String,
    },
}

/// The conflicts of the batch, up to `limit`.
///
/// Names are only looked at closely where two items share a stem, or where a name is long: a million files with names
/// of their own cost a tenth of a second.
#[must_use]
pub fn conflicts(context: &Context, limit: usize) -> Vec<Conflict> {
    // Of pieces nothing is known yet.
    let whole = |step: &&Step| !step.batch && step.each.is_none() && !step.out.is_empty();
    let steps: Vec<&Step> = context.plan.steps.iter().filter(whole).collect();
    if steps.is_empty() {
        return Vec::new();
    }
    let batch = &context.batch;
    let fields = fields_of(context, &steps);
    let unique_by_hash = fields.contains(&ItemField::Hash);
    let by_stem = fields.contains(&ItemField::Stem) || fields.contains(&ItemField::Name);
    let close: Vec<u32> = if batch.generator.is_some() {
        // Names of items are short, and each is there once: what a value brings into a path has to be looked at.
        if by_stem && !names_values(context, &steps) { Vec::new() } else { (0..batch.len() as u32).collect() }
    } else if unique_by_hash || !by_stem {
        (0..batch.len() as u32).filter(|item| !unique_by_hash || is_long(batch.files.name(*item as usize))).collect()
    } else {
        worth_a_look(context)
    };
    let mut found = Vec::new();
    let mut writers: HashMap<PathBuf, u32> = HashMap::new();
    for index in close {
        let item = Item::of(batch, index);
        let for_it = steps.iter().filter(|step| step.matches.takes(item.name()));
        for rule in for_it.flat_map(|step| step.out.values()) {
            match context.known_target(&item, None, rule) {
                Some(Ok(target)) => {
                    let first = *writers.entry(target.clone()).or_insert(index);
                    if first != index {
                        let first = batch.path(first);
                        found.push(Conflict::Collision { target, first, second: item.path.clone() });
                    }
                }
                Some(Err(why)) => found.push(Conflict::Name { item: item.path.clone(), why }),
                None => {}
            }
        }
        if found.len() >= limit {
            break;
        }
    }
    found.truncate(limit);
    found
}

/// The items whose stem another one has too, and those with long names.
fn worth_a_look(context: &Context) -> Vec<u32> {
    let files = &context.batch.files;
    let stem = |place: usize| {
        let mut hasher = DefaultHasher::new();
        Path::new(files.name(place)).file_stem().hash(&mut hasher);
        hasher.finish()
    };
    let mut stems: Vec<u64> = (0..files.len()).map(stem).collect();
    let in_order = stems.clone();
    stems.sort_unstable();
    let twice: HashSet<u64> = stems.windows(2).filter(|pair| pair[0] == pair[1]).map(|pair| pair[0]).collect();
    (0..files.len())
        .filter(|place| twice.contains(&in_order[*place]) || is_long(files.name(*place)))
        .map(|place| place as u32)
        .collect()
}

/// With an ending of ours a name of this length could become too long.
fn is_long(name: &std::ffi::OsStr) -> bool {
    name.len() > 150
}

/// Whether a value of the item is part of where its outputs go.
fn names_values(context: &Context, steps: &[&Step]) -> bool {
    let rules = steps.iter().flat_map(|step| step.out.values()).map(|rule| rule.to.as_ref().unwrap_or(&rule.from));
    let mut templates = rules.chain([&context.plan.output]);
    // What is known of every item holds nothing that could lead elsewhere.
    templates.any(|template| values_of(template).any(|name| !FACTS.contains(&name.as_str())))
}

/// What of an item is in the path of every one of its outputs.
fn fields_of(context: &Context, steps: &[&Step]) -> HashSet<ItemField> {
    let of = |template: &Template| -> HashSet<ItemField> {
        let field = |segment: &Segment| match segment {
            Segment::Field(Field::Item(field), _) => Some(*field),
            _ => None,
        };
        template.segments.iter().filter_map(field).collect()
    };
    let folder = of(&context.plan.output);
    let rules = steps.iter().flat_map(|step| step.out.values());
    let each = rules.map(|rule| of(rule.to.as_ref().unwrap_or(&rule.from)));
    let in_all = each.reduce(|a, b| a.intersection(&b).copied().collect()).unwrap_or_default();
    folder.union(&in_all).copied().collect()
}
