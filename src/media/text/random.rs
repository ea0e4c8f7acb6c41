//! Chance that is the same on every machine.

use std::sync::OnceLock;

/// What numbers are drawn for: each use of a seed has its own row of them, so that one more use changes no other.
#[derive(Debug, Clone, Copy)]
pub(super) enum Use {
    /// The piece of the background.
    Crop = 1,
    /// The place of the text in the picture.
    Place = 2,
    /// The corners of the perspective.
    Corners = 3,
    /// Noise.
    Noise = 4,
}

/// SplitMix64: Steele, Lea and Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014.
pub(super) struct Random(u64);

impl Random {
    /// The row of numbers of `seed` for one use.
    pub(super) fn new(seed: u64, used: Use) -> Self {
        let mut mixed = Self(seed);
        let start = mixed.next();
        Self(start ^ (used as u64).wrapping_mul(0xd1b5_4a32_d192_ed03))
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// From 0 to below 1.
    pub(super) fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// From 0 to `most`, both included, all equally likely to 1 in 2^64.
    pub(super) fn up_to(&mut self, most: u32) -> u32 {
        ((u128::from(self.next()) * (u128::from(most) + 1)) >> 64) as u32
    }
}

/// Values of the table of the normal distribution.
pub(super) const NORMAL: usize = 4096;

/// The normal distribution as a table: the value in the middle of each of its 4096 equally likely parts. Its standard
/// deviation is 0.9997, its largest value 3.67.
pub(super) fn normal() -> &'static [f64; NORMAL] {
    static TABLE: OnceLock<Box<[f64; NORMAL]>> = OnceLock::new();
    TABLE.get_or_init(|| {
        let mut table = Box::new([0.0; NORMAL]);
        for at in 0..NORMAL / 2 {
            let value = quantile((at as f64 + 0.5) / NORMAL as f64);
            table[at] = value;
            table[NORMAL - 1 - at] = -value;
        }
        table
    })
}

/// The normal quantile of `p`, at most one half: the root of the distribution function, by Newton's method. Only operations
/// that IEEE 754 defines to the last bit are used, so that it is the same everywhere.
fn quantile(p: f64) -> f64 {
    let mut x = 0.0;
    for _ in 0..60 {
        let (below, density) = normal_below(x);
        let step = (below - p) / density;
        // The function bends upwards left of the middle: a step from the right never goes too far but for rounding.
        x -= step;
        if step.abs() < 1e-13 {
            break;
        }
    }
    x
}

/// The normal distribution function at `x`, not above 0, and its density: Phi(x) = 1/2 + phi(x) (x + x^3/3 + x^5/15 + ...),
/// Abramowitz and Stegun 26.2.11.
fn normal_below(x: f64) -> (f64, f64) {
    const ROOT_OF_TWO_PI: f64 = 2.506_628_274_631_000_5;
    let density = 1.0 / (exp(x * x / 2.0) * ROOT_OF_TWO_PI);
    let (mut term, mut sum, mut odd) = (x, x, 1.0);
    while term.abs() > 1e-17 {
        odd += 2.0;
        term *= x * x / odd;
        sum += term;
    }
    (0.5 + density * sum, density)
}

/// e to the `x`, from 0 to some tens, by its series: no library's own idea of the last bit.
pub(super) fn exp(x: f64) -> f64 {
    let (mut term, mut sum, mut n) = (1.0, 1.0, 0.0);
    while term > sum * 1e-17 {
        n += 1.0;
        term *= x / n;
        sum += term;
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_generator_is_splitmix64() {
        // The first numbers of the reference implementation for the seed 1234567.
        let mut random = Random(1_234_567);
        let first: Vec<u64> = (0..3).map(|_| random.next()).collect();
        assert_eq!(first, [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]);
    }

    #[test]
    fn the_table_is_the_normal_distribution() {
        let table = normal();
        assert!(table.is_sorted());
        let variance = table.iter().map(|z| z * z).sum::<f64>() / NORMAL as f64;
        assert!((variance.sqrt() - 0.9997).abs() < 0.0003, "{}", variance.sqrt());
        // Quantiles of Python: NormalDist().inv_cdf of 0.5 / 4096 and 1024.5 / 4096.
        assert!((table[0] + 3.668_329).abs() < 1e-5, "{}", table[0]);
        assert!((table[1024] + 0.674_105).abs() < 1e-5, "{}", table[1024]);
    }

    #[test]
    fn numbers_stay_within_what_is_asked_and_reach_both_ends() {
        let mut random = Random::new(7, Use::Crop);
        let drawn: Vec<u32> = (0..1000).map(|_| random.up_to(3)).collect();
        for value in 0..=3 {
            let count = drawn.iter().filter(|drawn| **drawn == value).count();
            assert!((200..300).contains(&count), "{value}: {count}");
        }
        assert!((0..1000).all(|_| (0.0..1.0).contains(&random.unit())));
        assert_eq!(random.up_to(0), 0);
    }
}
