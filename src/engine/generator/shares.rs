//! Which kind each item is of: interleaved, so that every beginning of the batch has the shares.
//!
//! At most one item apart from its share is every kind after every item: after n items a kind of share s has n·s of them,
//! rounded down or up. Item after item goes to the kind that is not ahead of its share and whose next item is due first.
//! That is the earliest-deadline schedule of periodic tasks on one machine, which meets every deadline where the shares
//! sum up to one (C. L. Liu, J. W. Layland, "Scheduling Algorithms for Multiprogramming in a Hard-Real-Time Environment",
//! JACM 20, 1973), and at the same time the quota method of apportionment (M. L. Balinski, H. P. Young, "The Quota Method
//! of Apportionment", American Mathematical Monthly 82, 1975). An item's kind hangs on the shares and its index only: more
//! items leave the earlier ones as they are.

/// Items of the pattern between two places where all kinds are counted.
const BLOCK: usize = 1024;

/// The kinds of all items: a pattern that repeats itself. It takes a byte for each item of the pattern, and 1/256 for each
/// of its kinds.
#[derive(Debug)]
pub(super) struct Shares {
    /// For each item of the pattern, its kind.
    pattern: Vec<u8>,
    /// For the first item of each block, how many of each kind are before it in the pattern.
    before: Vec<u32>,
    /// For each kind, how many of it are in the whole pattern.
    counts: Vec<u32>,
}

/// How a kind stands after some items, in parts of the sum of all weights.
struct Due {
    weight: u128,
    /// Its items so far, times the sum.
    had: u128,
    /// The number of items by which its next one must have come.
    deadline: u128,
}

impl Shares {
    /// Those of `weights`, each more than 0 and at most 256 of them, as far as the first `count` items go.
    pub(super) fn new(weights: &[u64], count: u32) -> Self {
        let divisor = weights.iter().copied().fold(0, greatest_common_divisor).max(1);
        let weights: Vec<u128> = weights.iter().map(|weight| u128::from(weight / divisor)).collect();
        let sum: u128 = weights.iter().sum();
        // After `sum` items every kind has its share exactly, and all begins anew.
        let length = sum.min(u128::from(count)) as usize;
        let due = |weight: &u128| Due { weight: *weight, had: 0, deadline: sum.div_ceil(*weight) };
        let mut dues: Vec<Due> = weights.iter().map(due).collect();
        let mut counts = vec![0_u32; weights.len()];
        let (mut pattern, mut before) = (Vec::with_capacity(length), Vec::new());
        for item in 1..=length {
            if pattern.len() % BLOCK == 0 {
                before.extend_from_slice(&counts);
            }
            let is_behind = |due: &Due| due.had < item as u128 * due.weight;
            // A tie goes to the first name. Not all can be ahead of their shares.
            let next = dues.iter().enumerate().filter(|(_, due)| is_behind(due)).min_by_key(|(_, due)| due.deadline);
            let chosen = next.map_or(0, |(kind, _)| kind);
            pattern.push(chosen as u8);
            counts[chosen] += 1;
            let due = &mut dues[chosen];
            due.had += sum;
            // (had + 1) / share, rounded up.
            due.deadline = (due.had + sum).div_ceil(due.weight);
        }
        Self { pattern, before, counts }
    }

    /// The kind of the item at `place` (from 0), and how many items of that kind are before it.
    pub(super) fn of(&self, place: u64) -> (usize, u64) {
        let length = self.pattern.len() as u64;
        let at = (place % length) as usize;
        let kind = self.pattern[at];
        let block = at / BLOCK;
        let in_block = self.pattern[block * BLOCK..at].iter().filter(|other| **other == kind).count() as u64;
        let kind = usize::from(kind);
        let before = u64::from(self.before[block * self.counts.len() + kind]) + in_block;
        (kind, place / length * u64::from(self.counts[kind]) + before)
    }
}

const fn greatest_common_divisor(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { greatest_common_divisor(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A small generator of chance.
    fn next(state: &mut u64) -> u64 {
        *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        *state >> 33
    }

    fn kinds(weights: &[u64], count: u32) -> Vec<usize> {
        let shares = Shares::new(weights, count);
        (0..u64::from(count)).map(|place| shares.of(place).0).collect()
    }

    #[test]
    fn every_beginning_has_the_shares_within_one_item() {
        let mut state = 1;
        let mut tried: Vec<Vec<u64>> =
            vec![vec![1], vec![600_000_000, 400_000_000], vec![1, 1, 1], vec![1, 1000], vec![5, 3, 2]];
        for kinds in 2..12 {
            for _ in 0..30 {
                tried.push((0..kinds).map(|_| 1 + next(&mut state) % 1_000_000_000).collect());
                tried.push((0..kinds).map(|_| 1 + next(&mut state) % 7).collect());
            }
        }
        for weights in tried {
            let sum: u64 = weights.iter().sum();
            let mut counts = vec![0_u64; weights.len()];
            for (place, kind) in kinds(&weights, 3000).into_iter().enumerate() {
                counts[kind] += 1;
                for (count, weight) in counts.iter().zip(&weights) {
                    // |count - n * share| < 1, in whole numbers.
                    let (count, share) =
                        (u128::from(*count) * u128::from(sum), (place as u128 + 1) * u128::from(*weight));
                    assert!(count.abs_diff(share) < u128::from(sum), "{weights:?} after {} items", place + 1);
                }
            }
        }
    }

    #[test]
    fn more_items_leave_the_earlier_ones_as_they_were() {
        for weights in [&[6, 4][..], &[5, 3, 2], &[999_999_937, 3, 1_000_003], &[1; 200]] {
            let all = kinds(weights, 5000);
            for count in [1, 2, 9, 10, 11, 777, 4999] {
                assert_eq!(kinds(weights, count), all[..count as usize], "{weights:?} {count}");
            }
        }
    }

    #[test]
    fn items_of_one_kind_are_counted_across_repeats_of_the_pattern() {
        for (weights, length) in [([6, 4], 5), ([6001, 4000], 10_001)] {
            let shares = Shares::new(&weights, 20_000);
            assert_eq!(shares.pattern.len(), length);
            let mut had = [0, 0];
            for place in 0..20_000 {
                let (kind, before) = shares.of(place);
                assert_eq!(before, had[kind]);
                had[kind] += 1;
            }
        }
    }

    #[test]
    fn kinds_take_turns_and_a_tie_goes_to_the_first() {
        assert_eq!(kinds(&[1, 1, 1], 7), [0, 1, 2, 0, 1, 2, 0]);
        assert_eq!(kinds(&[2, 1], 6), [0, 0, 1, 0, 0, 1]);
        assert_eq!(kinds(&[6, 4], 5), [0, 1, 0, 0, 1]);
    }
}
