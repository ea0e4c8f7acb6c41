//! Items that wait for a dependency.

use std::collections::{BTreeMap, BTreeSet};

use crate::events::ItemIndex;

/// Items, and in which step each waits: by step, so that the first one of some steps is found among any number of others.
#[derive(Debug, Default)]
pub(super) struct Parked(BTreeMap<u32, BTreeSet<ItemIndex>>);

impl Parked {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn insert(&mut self, item: ItemIndex, step: u32) {
        self.0.entry(step).or_default().insert(item);
    }

    /// `true`: it was there.
    pub(super) fn remove(&mut self, item: ItemIndex) -> bool {
        let was_there = self.0.values_mut().any(|items| items.remove(&item));
        self.0.retain(|_, items| !items.is_empty());
        was_there
    }

    /// The first item that waits in one of these steps.
    pub(super) fn first(&self, steps: &[bool]) -> Option<ItemIndex> {
        let wanted = self.0.iter().filter(|(step, _)| steps[**step as usize]);
        wanted.filter_map(|(_, items)| items.first()).min().copied()
    }

    /// All, in order.
    pub(super) fn into_sorted(self) -> BTreeMap<ItemIndex, u32> {
        let all = self.0.into_iter().flat_map(|(step, items)| items.into_iter().map(move |item| (item, step)));
        all.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_some_steps_is_found_behind_any_number_of_others() {
        let mut parked = Parked::default();
        (0..5000).for_each(|item| parked.insert(item, 0));
        [7000, 6000].into_iter().for_each(|item| parked.insert(item, 2));
        assert_eq!(parked.first(&[true, true, true]), Some(0));
        assert_eq!(parked.first(&[false, true, true]), Some(6000));
        assert_eq!(parked.first(&[false, true, false]), None);
        assert!(parked.remove(6000) && !parked.remove(6000));
        assert_eq!(parked.first(&[false, false, true]), Some(7000));
        let all = parked.into_sorted();
        assert_eq!((all.len(), all.last_key_value()), (5001, Some((&7000, &2))));
    }
}
