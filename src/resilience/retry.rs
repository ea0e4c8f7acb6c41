//! Exponential backoff with jitter. Pure: chance comes in as a key.

use std::time::Duration;

/// How often and how late a failed attempt is tried again.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RetryPolicy {
    /// Attempts after the first; 0 is one attempt in all.
    pub max_retries: u32,
    /// The delay before the first retry.
    pub base_delay: Duration,
    /// No delay is above this, jitter aside.
    pub max_delay: Duration,
    /// What the delay is multiplied by from one retry to the next; at least 1.
    pub exponential_base: f64,
    /// 0 to 1: the share of the delay that chance may add to it.
    pub jitter: f64,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            max_retries: 3,
            base_delay: Duration::from_secs(1),
            max_delay: Duration::from_secs(60),
            exponential_base: 2.0,
            jitter: 0.1,
        }
    }
}

impl RetryPolicy {
    /// How many attempts there are in all.
    #[must_use]
    pub const fn max_attempts(&self) -> u32 {
        self.max_retries.saturating_add(1)
    }

    /// How long to wait before retry `k`, which counts from 0: `min(base * exp^k, max)`, plus the share of it, from 0
    /// to `jitter`, that `chance` picks (0 picks none).
    ///
    /// Whatever the numbers are, the result is at most `max_delay * (1 + jitter)`: what overflows is the greatest
    /// delay, a base below 1 or not a number is 1, and a jitter outside of 0 to 1 is brought inside.
    #[must_use]
    pub fn delay(&self, k: u32, chance: u64) -> Duration {
        let plain = self.plain_delay(k);
        let jitter = if self.jitter.is_nan() { 0.0 } else { self.jitter.clamp(0.0, 1.0) };
        // Whole numbers from here on, so that the sum cannot pass its bound by a rounding. The product stays below
        // 2^64 * 2^30 * 2^32.
        let share = u128::from((jitter * PARTS).floor() as u32) * u128::from(chance >> 32);
        let extra = (u128::from(plain) * share / PARTS as u128) >> 32;
        Duration::from_nanos(plain).saturating_add(Duration::from_nanos(u64::try_from(extra).unwrap_or(u64::MAX)))
    }

    /// `min(base * exp^k, max)` in nanoseconds.
    fn plain_delay(&self, k: u32) -> u64 {
        let nanos = |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        let (base, max) = (nanos(self.base_delay), nanos(self.max_delay));
        if base == 0 {
            return 0; // nothing times infinity is no number
        }
        let exp = if self.exponential_base >= 1.0 { self.exponential_base } else { 1.0 };
        let grown = base as f64 * exp.powf(f64::from(k));
        // From f64 to u64 Rust saturates; `max` is the bound even where f64 rounds it up.
        (grown as u64).min(max)
    }
}

/// The jitter is counted in parts of a thousand million.
const PARTS: f64 = 1e9;

/// Chance without a generator: the same seed, item, step and attempt give the same number, whatever else runs beside it.
#[must_use]
pub fn chance(seed: u64, item: &str, step: &str, attempt: u32) -> u64 {
    let mut hash = blake3::Hasher::new();
    hash.update(b"mediamill retry 1");
    hash.update(&seed.to_le_bytes());
    hash.update(&attempt.to_le_bytes());
    // The lengths keep ("ab", "c") apart from ("a", "bc").
    for text in [item, step] {
        hash.update(&(text.len() as u64).to_le_bytes());
        hash.update(text.as_bytes());
    }
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&hash.finalize().as_bytes()[..8]);
    u64::from_le_bytes(bytes)
}
