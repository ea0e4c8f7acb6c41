//! Health scores: who of many like resources is still chosen, and how often. Pure: chance comes in as numbers.
//!
//! A score begins at 100; a success adds 1, to 100 at the most, a failure takes 10, without a floor. From 50 on a resource
//! is available. So a passing trouble is forgiven, who fails now and then is chosen less, and only who fails again and
//! again is chosen no more: quickly out, slowly back.

use serde::{Deserialize, Serialize};

/// How the scores of a pool move.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scoring {
    /// The score of an asset that nothing is known of.
    pub start: i32,
    /// What a success adds, up to `most`.
    pub success: i32,
    /// What a failure takes away; there is no least score.
    pub failure: i32,
    /// The best score.
    pub most: i32,
    /// An asset is available from this score on.
    pub threshold: i32,
}

impl Default for Scoring {
    fn default() -> Self {
        Self { start: 100, success: 1, failure: 10, most: 100, threshold: 50 }
    }
}

/// The scores of resources that are known by their places, 0 and up. One owner changes them; no update is lost.
#[derive(Debug, Clone)]
pub struct HealthPool {
    scoring: Scoring,
    /// By place.
    scores: Vec<i32>,
    /// By place: whether somebody put it on the denylist.
    banned: Vec<bool>,
    /// How many are available.
    available: usize,
    /// The best, where none is available.
    spared: Option<u32>,
}

impl HealthPool {
    /// A pool of as many resources as there are `scores`.
    #[must_use]
    pub fn new(scoring: Scoring, scores: Vec<i32>) -> Self {
        let available = scores.iter().filter(|score| **score >= scoring.threshold).count();
        let mut pool = Self { scoring, banned: vec![false; scores.len()], scores, available, spared: None };
        pool.spare();
        pool
    }

    /// How its scores move.
    #[must_use]
    pub const fn scoring(&self) -> &Scoring {
        &self.scoring
    }

    /// How many there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.scores.len()
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.scores.is_empty()
    }

    /// The score of the one at `place`.
    #[must_use]
    pub fn score(&self, place: u32) -> i32 {
        self.scores[place as usize]
    }

    /// Whether it is healthy enough to be chosen, and nobody banned it.
    #[must_use]
    pub fn is_available(&self, place: u32) -> bool {
        self.scores[place as usize] >= self.scoring.threshold && !self.banned[place as usize]
    }

    /// Whether somebody banned it.
    #[must_use]
    pub fn is_banned(&self, place: u32) -> bool {
        self.banned[place as usize]
    }

    /// The one that is chosen though it is not available, because none is: the best, a banned one last.
    #[must_use]
    pub const fn spared(&self) -> Option<u32> {
        self.spared
    }

    /// Notes that it worked; gives its score.
    pub fn record_success(&mut self, place: u32) -> i32 {
        let score = self.score(place);
        self.set(place, score.saturating_add(self.scoring.success).min(self.scoring.most.max(score)))
    }

    /// Notes that it failed; gives its score.
    pub fn record_failure(&mut self, place: u32) -> i32 {
        self.set(place, self.score(place).saturating_sub(self.scoring.failure))
    }

    /// Gives back what a failure took, because it was not to blame; gives its score.
    pub fn take_back(&mut self, place: u32) -> i32 {
        self.set(place, self.score(place).saturating_add(self.scoring.failure).min(self.scoring.most))
    }

    /// Gives it this score; one that is banned stays below the threshold. Gives what it has now.
    pub fn set(&mut self, place: u32, score: i32) -> i32 {
        let score = if self.is_banned(place) { score.min(self.below()) } else { score };
        self.change(place, |pool, at| pool.scores[at] = score);
        score
    }

    /// Nobody chooses it any more, whatever its score becomes, until it is revived; its score is below the threshold.
    pub fn ban(&mut self, place: u32) {
        let below = self.below();
        self.change(place, |pool, at| {
            pool.banned[at] = true;
            pool.scores[at] = pool.scores[at].min(below);
        });
    }

    /// It is as if nothing had happened to it.
    pub fn revive(&mut self, place: u32) {
        self.change(place, |pool, at| {
            pool.banned[at] = false;
            pool.scores[at] = pool.scoring.start;
        });
    }

    /// Those in `list` that may be chosen, in its order: the available, and the spared where the pool has none.
    pub fn available(&self, list: &[u32]) -> impl Iterator<Item = u32> {
        list.iter().copied().filter(|place| self.is_available(*place) || self.spared == Some(*place))
    }

    /// One of the available in `list` that `fits`, with a chance in proportion to its score; where all these scores are 0 or
    /// less, all are as likely. `chance` is a random number for each of them: see [`Lots`].
    #[must_use]
    pub fn select(&self, list: &[u32], chance: impl Fn(u32) -> u64, fits: impl Fn(u32) -> bool) -> Option<u32> {
        let mut lots = Lots::default();
        for place in self.available(list) {
            lots.offer(place, f64::from(self.score(place)), chance(place), || fits(place));
        }
        lots.chosen().or_else(|| {
            let mut lots = Lots::default();
            for place in self.available(list) {
                lots.offer(place, 1.0, chance(place), || fits(place));
            }
            lots.chosen()
        })
    }

    /// The best score of one that is banned.
    const fn below(&self) -> i32 {
        let below = self.scoring.threshold.saturating_sub(1);
        if below < 0 { below } else { 0 }
    }

    fn change(&mut self, place: u32, change: impl FnOnce(&mut Self, usize)) {
        self.available -= usize::from(self.is_available(place));
        change(self, place as usize);
        self.available += usize::from(self.is_available(place));
        self.spare();
    }

    fn spare(&mut self) {
        let all = 0..self.scores.len() as u32;
        let best = || all.rev().max_by_key(|place| (!self.is_banned(*place), self.score(*place)));
        self.spared = if self.available == 0 { best() } else { None };
    }
}

/// A weighted choice in which everyone draws a lot of their own: the chance of each is in proportion to its weight, and
/// whoever leaves, comes or changes weight changes nothing among the others. (Weighted rendezvous hashing: exponential
/// keys as in Efraimidis and Spirakis, "Weighted random sampling with a reservoir", 2006.)
#[derive(Debug)]
pub struct Lots<T> {
    best: Option<(f64, T)>,
}

impl<T> Default for Lots<T> {
    fn default() -> Self {
        Self { best: None }
    }
}

impl<T> Lots<T> {
    /// Takes `one` into the choice, with its random number, where it `fits`: that is asked only where it matters. A weight
    /// that is not above 0 has no chance.
    pub fn offer(&mut self, one: T, weight: f64, chance: u64, fits: impl FnOnce() -> bool) {
        if weight <= 0.0 {
            return;
        }
        let unit = to_unit(chance);
        if let Some((best, _)) = self.best {
            // 1 - x is never above -ln x: most are turned away without a logarithm.
            if 1.0 - unit >= best * weight || minus_ln(unit) / weight >= best {
                return;
            }
        }
        if fits() {
            self.best = Some((minus_ln(unit) / weight, one));
        }
    }

    /// Who was chosen.
    pub fn chosen(self) -> Option<T> {
        self.best.map(|(_, one)| one)
    }
}

/// A random number for a pair: good bits from two hashes (the finaliser of `SplitMix64`).
#[must_use]
pub const fn mixed(one: u64, other: u64) -> u64 {
    let mut z = one ^ other.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Above 0 and below 1.
fn to_unit(chance: u64) -> f64 {
    ((chance >> 12) as f64 + 0.5) / (1_u64 << 52) as f64
}

/// The logarithm of a number between 0 and 1, sign turned. Made of sums and products alone, so that it is the same bit
/// by bit on every machine, which the system's own is not.
fn minus_ln(x: f64) -> f64 {
    let bits = x.to_bits();
    let mut exponent = ((bits >> 52) & 0x7ff) as i64 - 1022;
    let mut part = f64::from_bits((bits & 0x000f_ffff_ffff_ffff) | (1022 << 52)); // 0.5 to 1
    if part < std::f64::consts::FRAC_1_SQRT_2 {
        part *= 2.0;
        exponent -= 1;
    }
    // ln part = 2 artanh s, and s is below 0.172.
    let s = (part - 1.0) / (part + 1.0);
    let square = s * s;
    let mut sum = 0.0;
    for n in (0..10).rev() {
        sum = sum * square + 1.0 / f64::from(2 * n + 1);
    }
    -(exponent as f64 * std::f64::consts::LN_2 + 2.0 * s * sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pool(scores: &[i32]) -> HealthPool {
        HealthPool::new(Scoring::default(), scores.to_vec())
    }

    #[test]
    fn scores_go_as_they_are_told_to() {
        let mut pool = pool(&[100, 100]);
        let moves = [false, false, true, false, false, true];
        let trace = moves.map(|well| if well { pool.record_success(0) } else { pool.record_failure(0) });
        assert_eq!(trace, [90, 80, 81, 71, 61, 62]);
        assert!(pool.is_available(0));
        assert_eq!(pool.record_success(1), 100, "no more than the most");
    }

    #[test]
    fn five_failures_leave_it_available_and_the_sixth_does_not() {
        let mut pool = pool(&[100; 3]);
        for _ in 0..5 {
            pool.record_failure(0);
        }
        assert_eq!((pool.score(0), pool.is_available(0)), (50, true));
        assert_eq!((pool.record_failure(0), pool.is_available(0)), (40, false));
        for _ in 6..14 {
            pool.record_failure(0);
        }
        assert_eq!(pool.score(0), -40, "there is no floor");
        for (score, available) in [(49, false), (50, true), (51, true)] {
            pool.set(0, score);
            assert_eq!(pool.is_available(0), available, "{score}");
        }
        pool.set(0, 40);
        assert_eq!(pool.available(&[2, 0, 1]).collect::<Vec<_>>(), [2, 1]);
    }

    #[test]
    fn what_is_taken_back_never_makes_it_better_than_the_best() {
        let mut pool = pool(&[90]);
        assert_eq!(pool.take_back(0), 100);
        assert_eq!(pool.take_back(0), 100);
    }

    #[test]
    fn who_is_banned_stays_so_whatever_its_score_becomes() {
        let mut pool = HealthPool::new(Scoring { threshold: 1, ..Scoring::default() }, vec![100; 2]);
        pool.ban(0);
        pool.take_back(0);
        pool.set(0, 100);
        assert_eq!((pool.is_available(0), pool.score(0)), (false, 0));
        pool.revive(0);
        assert!(pool.is_available(0));
    }

    #[test]
    fn where_nobody_is_available_the_best_is_chosen_a_banned_one_last() {
        let mut pool = pool(&[40, 49, 45]);
        let choose = |pool: &HealthPool| pool.select(&[0, 1, 2], u64::from, |_| true);
        assert_eq!((pool.spared(), choose(&pool)), (Some(1), Some(1)));
        pool.ban(1);
        assert_eq!((pool.spared(), choose(&pool)), (Some(2), Some(2)));
        pool.revive(0);
        assert_eq!((pool.spared(), choose(&pool)), (None, Some(0)));
        assert_eq!(pool.select(&[], u64::from, |_| true), None);
        assert_eq!(pool.select(&[0], u64::from, |_| false), None);
    }

    #[test]
    fn the_logarithm_is_one() {
        let mut x = 1.0 / (1_u64 << 53) as f64;
        while x < 1.0 {
            assert!((minus_ln(x) + x.ln()).abs() < 1e-14 * (1.0 - x.ln()), "{x}");
            x *= 1.0137;
        }
        assert!(to_unit(0) > 0.0 && to_unit(u64::MAX) < 1.0);
    }
}
