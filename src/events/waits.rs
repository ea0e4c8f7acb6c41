//! The tasks that wait for a dependency.

use std::collections::BTreeMap;

use super::ItemIndex;

/// The tasks that wait for a dependency, each with the place of the breaker that counts it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Waits {
    tasks: BTreeMap<(ItemIndex, u32), Option<usize>>,
    /// Items that have such a task.
    items: usize,
}

impl Waits {
    /// The first step of the item that waits.
    pub(super) fn first(&self, item: ItemIndex) -> Option<u32> {
        self.tasks.range((item, 0)..=(item, u32::MAX)).next().map(|((_, step), _)| *step)
    }

    /// How many items wait.
    pub(super) const fn items(&self) -> usize {
        self.items
    }

    /// The task waits, and this breaker counts it. It must not wait already.
    pub(super) fn add(&mut self, item: ItemIndex, step: u32, breaker: Option<usize>) {
        self.items += usize::from(self.first(item).is_none());
        self.tasks.insert((item, step), breaker);
    }

    /// The item waits no more, in this step or in any: the breakers that counted its tasks.
    pub(super) fn remove(&mut self, item: ItemIndex, step: Option<u32>) -> Vec<usize> {
        let (from, to) = step.map_or((0, u32::MAX), |step| (step, step));
        let ended: Vec<u32> = self.tasks.range((item, from)..=(item, to)).map(|((_, step), _)| *step).collect();
        if ended.is_empty() {
            return Vec::new();
        }
        let breakers = ended.into_iter().filter_map(|step| self.tasks.remove(&(item, step)).flatten()).collect();
        self.items -= usize::from(self.first(item).is_none());
        breakers
    }
}
