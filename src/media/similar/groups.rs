//! Groups of near duplicates among many hashes.
//!
//! Hashes are looked up by their parts, as M. Norouzi, A. Punjani and D. J. Fleet do it in "Fast search in Hamming space with
//! multi-index hashing" (CVPR 2012): of two hashes of four parts that differ in at most d bits, one part differs in at most
//! d / 4. So only those that are near in some part are compared, and no picture is held against all others.

use std::collections::HashMap;

use super::hash::PictureHash;

/// Parts of a hash, of 16 bits each.
const PARTS: u32 = 4;
const PART_BITS: u32 = 16;

/// The most bits in which duplicates may differ: beyond it every picture is somewhat like any other.
pub const MOST_DISTANCE: u32 = 16;

/// A picture to keep, and what is like it. Numbers are places in the list that was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// The one to keep: the first of the list.
    pub keep: usize,
    /// The others in the order of the list, each with the number of bits in which it differs from the one to keep.
    pub duplicates: Vec<(usize, u32)>,
}

/// The groups of near duplicates among `hashes`, which are in the order in which pictures are to be kept: the first that is in
/// no group yet is kept, and all later ones that differ from it in at most `most` bits (and at most [`MOST_DISTANCE`]) are its
/// duplicates. So each duplicate is like the one that is kept, and not only like another one that is like it.
#[must_use]
pub fn groups(hashes: &[PictureHash], most: u32) -> Vec<Group> {
    let most = most.min(MOST_DISTANCE);
    // Equal pictures are looked up once, however many there are.
    let mut places: HashMap<PictureHash, Vec<usize>> = HashMap::new();
    let mut distinct = Vec::new();
    for (place, hash) in hashes.iter().enumerate() {
        let same = places.entry(*hash).or_default();
        if same.is_empty() {
            distinct.push(*hash);
        }
        same.push(place);
    }
    let index = Index::of(&distinct);
    let flips = flips(most / PARTS);
    let mut taken = vec![false; distinct.len()];
    let mut found = Vec::new();
    for (at, hash) in distinct.iter().enumerate() {
        if taken[at] {
            continue;
        }
        let mut duplicates = Vec::new();
        for part in 0..PARTS {
            for flip in &flips {
                for near in index.with(part, part_of(*hash, part) ^ flip) {
                    let distance = hash.distance(distinct[*near as usize]);
                    if distance <= most && !std::mem::replace(&mut taken[*near as usize], true) {
                        let same = places.get(&distinct[*near as usize]).map_or(&[][..], Vec::as_slice);
                        duplicates.extend(same.iter().map(|place| (*place, distance)));
                    }
                }
            }
        }
        duplicates.sort_unstable();
        // The first is the one itself.
        if duplicates.len() > 1 {
            found.push(Group { keep: duplicates.remove(0).0, duplicates });
        }
    }
    found
}

/// Which hashes have a part of this content.
struct Index {
    /// By part and content: where its numbers begin.
    starts: Vec<u32>,
    numbers: Vec<u32>,
}

impl Index {
    fn of(hashes: &[PictureHash]) -> Self {
        let slots = (PARTS as usize) << PART_BITS;
        let mut starts = vec![0_u32; slots + 1];
        let all = || (0..PARTS).flat_map(|part| hashes.iter().map(move |hash| slot(part, part_of(*hash, part))));
        for slot in all() {
            starts[slot + 1] += 1;
        }
        for slot in 0..slots {
            starts[slot + 1] += starts[slot];
        }
        let mut next = starts.clone();
        let mut numbers = vec![0; hashes.len() * PARTS as usize];
        for (place, slot) in all().enumerate() {
            numbers[next[slot] as usize] = (place % hashes.len()) as u32;
            next[slot] += 1;
        }
        Self { starts, numbers }
    }

    fn with(&self, part: u32, content: u16) -> &[u32] {
        let slot = slot(part, content);
        &self.numbers[self.starts[slot] as usize..self.starts[slot + 1] as usize]
    }
}

fn slot(part: u32, content: u16) -> usize {
    ((part as usize) << PART_BITS) + usize::from(content)
}

fn part_of(hash: PictureHash, part: u32) -> u16 {
    (hash.0 >> (part * PART_BITS)) as u16
}

/// Every change of at most so many bits of a part.
fn flips(bits: u32) -> Vec<u16> {
    (0..=u16::MAX).filter(|flip| flip.count_ones() <= bits).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers that look drawn (SplitMix64).
    fn drawn(number: u64) -> u64 {
        let mut z = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Every picture against every other.
    fn slowly(hashes: &[PictureHash], most: u32) -> Vec<Group> {
        let mut taken = vec![false; hashes.len()];
        let mut found = Vec::new();
        for keep in 0..hashes.len() {
            if std::mem::replace(&mut taken[keep], true) {
                continue;
            }
            let mut duplicates = Vec::new();
            for other in keep + 1..hashes.len() {
                let distance = hashes[keep].distance(hashes[other]);
                if !taken[other] && distance <= most {
                    taken[other] = true;
                    duplicates.push((other, distance));
                }
            }
            if !duplicates.is_empty() {
                found.push(Group { keep, duplicates });
            }
        }
        found
    }

    #[test]
    fn the_groups_are_those_that_comparing_all_with_all_finds() {
        // Some families of hashes with a few bits changed, and chains between them.
        let hashes: Vec<PictureHash> = (0..800_u64)
            .map(|at| {
                let family = drawn(at % 60);
                let noise = (0..drawn(at) % 12).fold(0, |noise, bit| noise | 1 << (drawn(at * 100 + bit) % 64));
                PictureHash(family ^ noise)
            })
            .collect();
        for most in [0, 1, 3, 4, 7, 8, 10, 12, 15, 16] {
            let fast = groups(&hashes, most);
            assert_eq!(fast, slowly(&hashes, most), "{most}");
            assert!(most < 8 || !fast.is_empty());
        }
        assert_eq!(groups(&[], 10), []);
    }

    #[test]
    fn a_duplicate_is_like_the_one_that_is_kept_and_not_only_like_another_duplicate() {
        let chain = [0_u64, 0b1111, 0b1111_1111].map(PictureHash);
        assert_eq!(groups(&chain, 4), [Group { keep: 0, duplicates: vec![(1, 4)] }]);
        assert_eq!(groups(&chain, 8), [Group { keep: 0, duplicates: vec![(1, 4), (2, 8)] }]);
        assert_eq!(groups(&[chain[0]; 3], 0), [Group { keep: 0, duplicates: vec![(1, 0), (2, 0)] }]);
    }
}
