//! Failed and parked items by cause. Ten thousand of them are not sorted anew for every frame.

use std::collections::HashMap;

use crate::events::{ItemIndex, ItemPhase};
use crate::resilience::FaultClass;
use crate::tui::facts::Facts;
use crate::tui::rows::Filter;

/// Milliseconds of the run between two looks at what failed.
const PATIENCE: u64 = 300;

/// What a group is known by.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Key {
    /// Of parked items: the dependency that they wait for.
    pub(super) parked: Option<String>,
    pub(super) class: FaultClass,
    pub(super) cause: String,
}

/// Items with one cause.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Group {
    pub(super) key: Key,
    /// How many there are; more than `items` where not all are kept, or some are filtered away.
    pub(super) count: usize,
    /// Those that are known and pass the filter, in the order of the batch.
    pub(super) items: Vec<ItemIndex>,
    /// The steps that they failed in, the most frequent first.
    pub(super) steps: Vec<u32>,
}

/// The groups: the failed ones by count, below them the parked ones.
#[derive(Debug, Default)]
pub(super) struct Groups {
    pub(super) all: Vec<Group>,
    /// Failed items that are counted and not kept.
    pub(super) unknown: usize,
    /// The event before which this was so, and the time.
    seen: Option<(u64, u64)>,
}

impl Groups {
    /// Looks again, where something has happened and the last look was not just now.
    pub(super) fn follow(&mut self, facts: &Facts, searched: &str) {
        let next = facts.state.next_seq();
        let fresh = self.seen.is_some_and(|(seq, at)| {
            let soon = facts.now >= at && facts.now - at < PATIENCE;
            seq == next || soon && next > seq && !facts.is_over() && facts.moment.is_none()
        });
        if !fresh {
            self.rebuild(facts, &Filter::of(searched));
        }
    }

    /// Looks at all that failed.
    pub(super) fn rebuild(&mut self, facts: &Facts, filter: &Filter) {
        let state = &facts.state;
        self.seen = Some((state.next_seq(), facts.now));
        let mut places: HashMap<Key, usize> = HashMap::new();
        let mut all: Vec<(Group, HashMap<u32, usize>)> = Vec::new();
        let mut known = 0;
        for (item, (step, fault)) in &state.failures {
            let parked = match state.phase_of(*item) {
                ItemPhase::Failed => None,
                ItemPhase::Parked => {
                    let shape = step.and_then(|step| state.shapes.get(step as usize));
                    Some(shape.and_then(|shape| shape.dependency.clone()).unwrap_or_default())
                }
                _ => continue,
            };
            known += usize::from(parked.is_none());
            let key = Key { parked, class: fault.class, cause: fault.cause.clone() };
            let place = *places.entry(key.clone()).or_insert_with(|| {
                all.push((Group { key, count: 0, items: Vec::new(), steps: Vec::new() }, HashMap::new()));
                all.len() - 1
            });
            let (group, steps) = &mut all[place];
            group.items.push(*item);
            group.count += 1;
            if let Some(step) = step {
                *steps.entry(*step).or_default() += 1;
            }
        }
        let failed: usize = state.causes.values().sum();
        self.unknown = failed.saturating_sub(known);
        for ((class, cause), count) in state.causes.iter().filter(|(_, count)| **count > 0) {
            let key = Key { parked: None, class: *class, cause: cause.clone() };
            match places.get(&key) {
                Some(place) => all[*place].0.count = (*count).max(all[*place].0.items.len()),
                None => {
                    all.push((Group { key, count: *count, items: Vec::new(), steps: Vec::new() }, HashMap::new()));
                }
            }
        }
        let finished = all.into_iter().map(|(mut group, steps)| {
            let mut steps: Vec<(u32, usize)> = steps.into_iter().collect();
            steps.sort_by_key(|(step, count)| (std::cmp::Reverse(*count), *step));
            group.steps = steps.into_iter().map(|(step, _)| step).collect();
            group.items.sort_unstable();
            group
        });
        self.all = finished.filter_map(|group| passed(group, filter, facts)).collect();
        // Of equal count the same order every time: nothing jumps.
        self.all.sort_by(|a, b| {
            let rank = |group: &Group| (group.key.parked.is_some(), std::cmp::Reverse(group.count));
            rank(a).cmp(&rank(b)).then_with(|| a.key.cause.cmp(&b.key.cause))
        });
    }

    /// How many items all groups have together.
    pub(super) fn total(&self, parked: bool) -> usize {
        self.all.iter().filter(|group| group.key.parked.is_some() == parked).map(|group| group.count).sum()
    }

    /// The largest count.
    pub(super) fn largest(&self) -> usize {
        self.all.iter().map(|group| group.count).max().unwrap_or(0)
    }
}

/// The group as far as the filter takes it: all of it by its own words, else the items whose paths it takes.
fn passed(mut group: Group, filter: &Filter, facts: &Facts) -> Option<Group> {
    if filter.is_empty() {
        return Some(group);
    }
    let mut words = format!("{} {} ", group.key.class, group.key.cause);
    words += group.key.parked.as_deref().unwrap_or_default();
    for id in group.steps.iter().filter_map(|step| facts.state.steps.get(*step as usize)) {
        words += " ";
        words += id;
    }
    if filter.takes(&words) {
        return Some(group);
    }
    group.items.retain(|item| facts.state.path(*item).is_some_and(|path| filter.takes(&path.to_string_lossy())));
    group.count = group.items.len();
    (!group.items.is_empty()).then_some(group)
}
