//! A set of places that finds its k-th member, and the rank of a member, in logarithmic time: what a window into a list
//! of a million rows needs.

/// Places in one block of the tree.
const BLOCK: usize = 64;

/// A set of numbers below its size: a bit each, and a Fenwick tree over the counts of the 64-bit words (Fenwick 1994,
/// "A new data structure for cumulative frequency tables").
#[derive(Debug, Clone, Default)]
pub struct Ranks {
    words: Vec<u64>,
    /// One-based: `tree[i]` counts the words of the `i & -i` places up to `i`.
    tree: Vec<u32>,
    len: usize,
}

impl Ranks {
    /// No members, of numbers below `size`.
    #[must_use]
    pub fn new(size: usize) -> Self {
        let words = size.div_ceil(BLOCK);
        Self { words: vec![0; words], tree: vec![0; words + 1], len: 0 }
    }

    /// How many members there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Makes room for numbers below `size`; the members stay.
    pub fn grow(&mut self, size: usize) {
        let words = size.div_ceil(BLOCK);
        if words <= self.words.len() {
            return;
        }
        // Rounded up, so that a batch that grows by thousands is not summed anew each time.
        self.words.resize(words.next_power_of_two(), 0);
        self.tree = vec![0; self.words.len() + 1];
        for (place, word) in self.words.iter().enumerate() {
            self.tree[place + 1] += word.count_ones();
            let parent = (place + 1) + ((place + 1) & (place + 1).wrapping_neg());
            if parent < self.tree.len() {
                self.tree[parent] += self.tree[place + 1];
            }
        }
    }

    /// Whether `number` is a member.
    #[must_use]
    pub fn contains(&self, number: usize) -> bool {
        self.words.get(number / BLOCK).is_some_and(|word| word >> (number % BLOCK) & 1 == 1)
    }

    /// Adds `number`, which must be below the size.
    pub fn insert(&mut self, number: usize) {
        let bit = 1 << (number % BLOCK);
        if let Some(word) = self.words.get_mut(number / BLOCK).filter(|word| **word & bit == 0) {
            *word |= bit;
            self.len += 1;
            self.count(number / BLOCK, 1);
        }
    }

    /// Takes `number` out.
    pub fn remove(&mut self, number: usize) {
        let bit = 1 << (number % BLOCK);
        if let Some(word) = self.words.get_mut(number / BLOCK).filter(|word| **word & bit != 0) {
            *word &= !bit;
            self.len -= 1;
            self.count(number / BLOCK, u32::MAX);
        }
    }

    fn count(&mut self, word: usize, by: u32) {
        let mut at = word + 1;
        while at < self.tree.len() {
            self.tree[at] = self.tree[at].wrapping_add(by);
            at += at & at.wrapping_neg();
        }
    }

    /// How many members are below `number`.
    #[must_use]
    pub fn rank(&self, number: usize) -> usize {
        let block = (number / BLOCK).min(self.words.len());
        let mut at = block;
        let mut count = 0;
        while at > 0 {
            count += self.tree[at] as usize;
            at &= at - 1;
        }
        let below = self.words.get(block).map_or(0, |word| word & !(u64::MAX << (number % BLOCK)));
        count + below.count_ones() as usize
    }

    /// The member that `rank` members are below of.
    #[must_use]
    pub fn select(&self, rank: usize) -> Option<usize> {
        if rank >= self.len {
            return None;
        }
        let mut left = u32::try_from(rank).ok()?;
        let mut at = 0;
        let mut step = self.words.len().next_power_of_two();
        while step > 0 {
            if at + step < self.tree.len() && self.tree[at + step] <= left {
                at += step;
                left -= self.tree[at];
            }
            step /= 2;
        }
        let mut word = *self.words.get(at)?;
        for _ in 0..left {
            word &= word - 1;
        }
        Some(at * BLOCK + word.trailing_zeros() as usize)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_is_a_sorted_set_with_ranks(steps in prop::collection::vec((0_usize..3000, any::<bool>()), 0..300)) {
            let mut ranks = Ranks::new(0);
            let mut model = BTreeSet::new();
            for (number, add) in steps {
                if add {
                    ranks.grow(number + 1);
                    ranks.insert(number);
                    model.insert(number);
                } else {
                    ranks.remove(number);
                    model.remove(&number);
                }
            }
            prop_assert_eq!(ranks.len(), model.len());
            for (rank, number) in model.iter().enumerate() {
                prop_assert_eq!(ranks.select(rank), Some(*number));
                prop_assert_eq!(ranks.rank(*number), rank);
                prop_assert!(ranks.contains(*number));
            }
            prop_assert_eq!(ranks.select(model.len()), None);
            prop_assert_eq!(ranks.rank(3000), model.len());
        }
    }
}
