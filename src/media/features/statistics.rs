//! The distribution of a figure over the frames of a sound, in bounded memory.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Up to so many values percentiles are exact.
const EXACT: usize = 8192;

/// Bits of a number that the histogram drops: what is left of the mantissa parts every octave in 512, so that a percentile
/// is at most 0.1 % off.
const DROPPED: u32 = 23 - 9;

/// Magnitudes below are zero to the histogram, and those above are this much: 2^-40 and 2^24.
const LEAST: f32 = 9.094_947e-13;
const MOST: f32 = 16_777_215.0;

/// The distribution of a figure over the frames of a sound.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Statistics {
    /// The arithmetic mean.
    pub mean: f64,
    /// The standard deviation, over all frames (not a sample's).
    pub std: f64,
    /// The smallest value.
    pub min: f64,
    /// The largest value.
    pub max: f64,
    /// A tenth of the values lie below. Percentiles lie between two values where they must, as numpy's do.
    pub p10: f64,
    /// The median.
    pub p50: f64,
    /// A tenth of the values lie above.
    pub p90: f64,
}

/// Gathers a figure, value by value.
///
/// Mean, deviation and extremes are exact. Percentiles are exact up to 8192 values; beyond, values are counted in bins of
/// 0.2 % of their magnitude, and a percentile is within 0.1 % of a value of its rank (or within 1e-12 of zero).
#[derive(Debug, Clone, Default)]
pub struct Distribution {
    count: u64,
    /// The first value: sums are taken from here, so that their squares do not drown in a large mean.
    base: f64,
    sum: f64,
    squares: f64,
    min: f64,
    max: f64,
    values: Vec<f32>,
    /// Counts of positive values, by magnitude.
    above: Vec<u32>,
    /// Counts of negative values, by magnitude.
    below: Vec<u32>,
    zeros: u64,
}

impl Distribution {
    /// Takes in a value. One that is no number counts for nothing.
    pub fn add(&mut self, value: f64) {
        if !value.is_finite() {
            return;
        }
        if self.count == 0 {
            (self.base, self.min, self.max) = (value, value, value);
        }
        self.count += 1;
        let from_base = value - self.base;
        self.sum += from_base;
        self.squares += from_base * from_base;
        self.min = self.min.min(value);
        self.max = self.max.max(value);
        if self.count as usize <= EXACT {
            self.values.push(value as f32);
        } else {
            for value in std::mem::take(&mut self.values) {
                self.bin(value);
            }
            self.bin(value as f32);
        }
    }

    fn bin(&mut self, value: f32) {
        let magnitude = value.abs();
        if magnitude < LEAST {
            self.zeros += 1;
            return;
        }
        let place = place(magnitude.min(MOST));
        let counts = if value > 0.0 { &mut self.above } else { &mut self.below };
        if counts.is_empty() {
            counts.resize(place_of_most() + 1, 0);
        }
        counts[place] = counts[place].saturating_add(1);
    }

    /// What was gathered; `None` where there was nothing.
    #[must_use]
    pub fn finish(mut self) -> Option<Statistics> {
        if self.count == 0 {
            return None;
        }
        let count = self.count as f64;
        let mean = self.sum / count;
        let variance = (self.squares / count - mean * mean).max(0.0);
        self.values.sort_unstable_by(f32::total_cmp);
        let part = |part: f64| {
            let rank = part * (count - 1.0);
            let (low, rest) = (rank.floor(), rank.fract());
            let (from, to) = (self.ranked(low as u64), self.ranked((low as u64 + 1).min(self.count - 1)));
            // Both a bin's middle and a value as f32 can lie a little outside.
            (from + (to - from) * rest).clamp(self.min, self.max)
        };
        let [p10, p50, p90] = [0.1, 0.5, 0.9].map(part);
        Some(Statistics { mean: self.base + mean, std: variance.sqrt(), min: self.min, max: self.max, p10, p50, p90 })
    }

    /// The value of a rank, counted from 0.
    fn ranked(&self, rank: u64) -> f64 {
        if let Some(value) = usize::try_from(rank).ok().and_then(|rank| self.values.get(rank)) {
            return f64::from(*value);
        }
        let mut passed = 0;
        let mut reached = |count: u64| {
            passed += count;
            passed > rank
        };
        for (place, count) in self.below.iter().enumerate().rev() {
            if reached(u64::from(*count)) {
                return -middle(place);
            }
        }
        if reached(self.zeros) {
            return 0.0;
        }
        for (place, count) in self.above.iter().enumerate() {
            if reached(u64::from(*count)) {
                return middle(place);
            }
        }
        self.max
    }
}

/// The bin of a magnitude from [`LEAST`] to [`MOST`]: the leading bits of a positive number grow with it.
fn place(magnitude: f32) -> usize {
    ((magnitude.to_bits() - LEAST.to_bits()) >> DROPPED) as usize
}

fn place_of_most() -> usize {
    place(MOST)
}

/// The middle of a bin.
fn middle(place: usize) -> f64 {
    let bits = LEAST.to_bits() + ((place as u32) << DROPPED) + (1 << (DROPPED - 1));
    f64::from(f32::from_bits(bits))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a distribution of values that were added is there")]

    use super::*;

    fn of(values: impl IntoIterator<Item = f64>) -> Statistics {
        let mut all = Distribution::default();
        values.into_iter().for_each(|value| all.add(value));
        all.finish().unwrap()
    }

    #[test]
    fn figures_of_a_few_values_are_exact() {
        // numpy: mean, std, percentile([10, 50, 90]) of [1, 2, 3, 4, 10].
        let found = of([10.0, 3.0, 1.0, 4.0, 2.0]);
        assert_eq!((found.mean, found.min, found.max), (4.0, 1.0, 10.0));
        assert!((found.std - 10_f64.sqrt()).abs() < 1e-12);
        assert!((found.p10 - 1.4).abs() < 1e-6 && found.p50 == 3.0 && (found.p90 - 7.6).abs() < 1e-6, "{found:?}");
    }

    #[test]
    fn percentiles_of_many_values_are_within_a_thousandth() {
        let count = 100_000;
        // 7 has no divisor in common with the count: every place is taken once.
        let found = of((0..count).map(|at| f64::from(at * 7 % count) / 100.0 - 300.0));
        for (value, wanted) in [(found.p10, -200.0), (found.p50, 200.0), (found.p90, 600.0)] {
            assert!((value - wanted).abs() <= wanted.abs() * 1e-3, "{value} {wanted}");
        }
        assert!((found.mean - 199.995).abs() < 1e-9 && (found.std - 288.675).abs() < 1e-3, "{found:?}");
    }

    #[test]
    fn what_is_the_same_everywhere_has_no_deviation_however_large_it_is() {
        let found = of(std::iter::repeat_n(1e6 + 0.1, 20_000));
        assert_eq!((found.mean, found.std, found.p50), (1e6 + 0.1, 0.0, 1e6 + 0.1));
    }

    #[test]
    fn zero_and_absurd_values_have_their_places() {
        let found = of((0..30_000).map(|at| [0.0, -1e30, 1e30][at % 3]));
        assert_eq!((found.p50, found.min, found.max), (0.0, -1e30, 1e30));
        assert!(found.p90 > 1e7);
        let mut none = Distribution::default();
        none.add(f64::NAN);
        assert_eq!(none.finish(), None);
    }
}
