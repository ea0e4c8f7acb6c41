//! Health scores: who of many like resources is still chosen, and how often. Pure: chance comes in as numbers.
//!
//! A score begins at 100; a success adds 1, to 100 at the most, a failure takes 10, without a floor. From 50 on a resource
//! is available. So a passing trouble is forgiven, who fails now and then is chosen less, and only who fails again and
//! again is chosen no more: quickly out, slowly back.

use std::collections::HashMap;
use std::hash::Hash;

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

/// Nothing was there to choose from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("there is nothing to choose from")]
pub struct NothingToChoose;

/// The scores of resources that are known by `Id`. One owner changes them; no update is lost.
#[derive(Debug, Clone)]
pub struct HealthPool<Id> {
    scoring: Scoring,
    /// Of those that something happened to.
    scores: HashMap<Id, i32>,
}

impl<Id: Eq + Hash + Clone> HealthPool<Id> {
    /// A pool in which nothing has happened.
    #[must_use]
    pub fn new(scoring: Scoring) -> Self {
        Self { scoring, scores: HashMap::new() }
    }

    /// How its scores move.
    #[must_use]
    pub const fn scoring(&self) -> &Scoring {
        &self.scoring
    }

    /// The score of `id`.
    #[must_use]
    pub fn score(&self, id: &Id) -> i32 {
        self.scores.get(id).copied().unwrap_or(self.scoring.start)
    }

    /// Whether `id` is healthy enough to be chosen.
    #[must_use]
    pub fn is_available(&self, id: &Id) -> bool {
        self.score(id) >= self.scoring.threshold
    }

    /// Notes that `id` worked; gives its score.
    pub fn record_success(&mut self, id: &Id) -> i32 {
        let score = self.score(id);
        self.set(id, score.saturating_add(self.scoring.success).min(self.scoring.most.max(score)))
    }

    /// Notes that `id` failed; gives its score.
    pub fn record_failure(&mut self, id: &Id) -> i32 {
        self.set(id, self.score(id).saturating_sub(self.scoring.failure))
    }

    /// Gives back what a failure took, because it was not the fault of `id`; gives its score.
    pub fn take_back(&mut self, id: &Id) -> i32 {
        self.set(id, self.score(id).saturating_add(self.scoring.failure).min(self.scoring.most))
    }

    /// Gives `id` this score.
    pub fn set(&mut self, id: &Id, score: i32) -> i32 {
        self.scores.insert(id.clone(), score);
        score
    }

    /// Those of `all` that are healthy, in their order.
    #[must_use]
    pub fn available<'a>(&self, all: &'a [Id]) -> Vec<&'a Id> {
        all.iter().filter(|id| self.is_available(id)).collect()
    }

    /// One of the healthy in `list`, with a chance in proportion to its score; where none is healthy, the one with the best
    /// score, for a poor one is better than none. `chance` is a random number for each of them: see [`Lots`].
    ///
    /// # Errors
    /// That the list is empty.
    pub fn select<'a>(&self, list: &'a [Id], chance: impl Fn(&Id) -> u64) -> Result<&'a Id, NothingToChoose> {
        let healthy = self.available(list);
        let all_zero = healthy.iter().all(|id| self.score(id) <= 0);
        let mut lots = Lots::default();
        for id in healthy {
            let weight = if all_zero { 1.0 } else { f64::from(self.score(id)) };
            lots.offer(id, weight, chance(id), || true);
        }
        let best = || list.iter().rev().max_by_key(|id| self.score(id));
        lots.chosen().or_else(best).ok_or(NothingToChoose)
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

    fn pool() -> HealthPool<&'static str> {
        HealthPool::new(Scoring::default())
    }

    #[test]
    fn scores_go_as_they_are_told_to() {
        let mut pool = pool();
        assert_eq!(pool.score(&"a"), 100, "nothing is known of it");
        let moves = [false, false, true, false, false, true];
        let trace = moves.map(|well| if well { pool.record_success(&"a") } else { pool.record_failure(&"a") });
        assert_eq!(trace, [90, 80, 81, 71, 61, 62]);
        assert!(pool.is_available(&"a"));
        assert_eq!(pool.record_success(&"b"), 100, "no more than the most");
    }

    #[test]
    fn five_failures_leave_it_available_and_the_sixth_does_not() {
        let mut pool = pool();
        for _ in 0..5 {
            pool.record_failure(&"a");
        }
        assert_eq!((pool.score(&"a"), pool.is_available(&"a")), (50, true));
        assert_eq!((pool.record_failure(&"a"), pool.is_available(&"a")), (40, false));
        for _ in 6..14 {
            pool.record_failure(&"a");
        }
        assert_eq!(pool.score(&"a"), -40, "there is no floor");
        for (score, available) in [(49, false), (50, true), (51, true)] {
            pool.set(&"a", score);
            assert_eq!(pool.is_available(&"a"), available, "{score}");
        }
        assert_eq!(pool.available(&["b", "a", "c"]), [&"b", &"a", &"c"]);
    }

    #[test]
    fn what_is_taken_back_never_makes_it_better_than_the_best() {
        let mut pool = pool();
        pool.record_failure(&"a");
        assert_eq!(pool.take_back(&"a"), 100);
        assert_eq!(pool.take_back(&"a"), 100);
    }

    /// How often each of `list` is chosen in 100,000 draws.
    fn draws(pool: &HealthPool<&'static str>, list: &[&'static str]) -> HashMap<&'static str, f64> {
        let mut counts = HashMap::new();
        for draw in 0..100_000 {
            let chance = |id: &&str| mixed(draw, u64::from(id.as_bytes()[0]));
            *counts.entry(*pool.select(list, chance).unwrap_or(&"none")).or_default() += 1.0;
        }
        counts
    }

    #[test]
    fn chances_are_in_proportion_to_scores() {
        let mut pool = pool();
        pool.set(&"b", 50);
        let counts = draws(&pool, &["a", "b"]);
        let ratio = counts["a"] / counts["b"];
        assert!((ratio / 2.0 - 1.0).abs() < 0.02, "{ratio}");
        pool.set(&"c", 75);
        let counts = draws(&pool, &["a", "b", "c"]);
        for (id, share) in [("a", 100.0), ("b", 50.0), ("c", 75.0)] {
            assert!((counts[id] / 100_000.0 * 225.0 / share - 1.0).abs() < 0.02, "{counts:?}");
        }
    }

    #[test]
    fn only_the_healthy_are_chosen_and_the_best_of_the_poor_where_there_are_none() {
        let mut pool = pool();
        pool.set(&"b", 49);
        assert_eq!(draws(&pool, &["a", "b"]).len(), 1);
        pool.set(&"a", 40);
        assert_eq!(draws(&pool, &["a", "b"]).keys().collect::<Vec<_>>(), [&"b"]);
        assert_eq!(pool.select(&[], |_| 0), Err(NothingToChoose));
        let mut low = HealthPool::new(Scoring { threshold: -100, ..Scoring::default() });
        low.set(&"a", 0);
        low.set(&"b", 0);
        let counts = draws(&low, &["a", "b"]);
        assert!((counts["a"] / counts["b"] - 1.0).abs() < 0.03, "all zero is as likely: {counts:?}");
    }

    #[test]
    fn a_score_that_falls_moves_nothing_between_the_others() {
        let mut pool = pool();
        let list = ["a", "b", "c", "d"];
        let choose = |pool: &HealthPool<&'static str>, draw: u64| {
            pool.select(&list, |id| mixed(draw, u64::from(id.as_bytes()[0]))).copied()
        };
        let before: Vec<_> = (0..5000).map(|draw| choose(&pool, draw)).collect();
        pool.set(&"b", 60);
        for (draw, before) in (0..).zip(before) {
            let now = choose(&pool, draw);
            assert!(now == before || before == Ok("b"), "{draw}: {before:?} to {now:?}");
        }
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
