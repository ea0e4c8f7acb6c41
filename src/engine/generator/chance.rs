//! Chance that is the same on every machine and in every order: a hash of what it is for.

/// A source of numbers, of a seed, an item and a name: each as likely as any other, and none hangs on another.
#[derive(Debug)]
pub(super) struct Chance {
    /// The hash function's output, which has no end.
    numbers: blake3::OutputReader,
}

impl Chance {
    /// That of the value `name` of the item at `index` (from 1). Each name has its own: one more value changes no other.
    pub(super) fn of(seed: u64, index: u64, name: &str) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(b"mediamill generate 1\0").update(&seed.to_le_bytes()).update(&index.to_le_bytes());
        Self { numbers: hasher.update(name.as_bytes()).finalize_xof() }
    }

    /// The next number: all 64 bits.
    pub(super) fn bits(&mut self) -> u64 {
        let mut bytes = [0; 8];
        self.numbers.fill(&mut bytes);
        u64::from_le_bytes(bytes)
    }

    /// A whole number below `end`, which is more than 0. No number is likelier than another by more than `end` in 2^64.
    pub(super) fn below(&mut self, end: u64) -> u64 {
        ((u128::from(self.bits()) * u128::from(end)) >> 64) as u64
    }

    /// A number from 0 up to, and without, 1: 53 bits, as many as a float holds.
    pub(super) fn fraction(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// A number between `from` and `to`, on a decimal grid of a million places or more: short to write, and read back
    /// from text as it was.
    pub(super) fn between(&mut self, from: f64, to: f64) -> f64 {
        let exact = from + self.fraction() * (to - from);
        let mut grid = 1.0;
        while (to - from) * grid < 1e6 && grid < 1e9 {
            grid *= 10.0;
        }
        ((exact * grid).round() / grid).clamp(from, to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_of_one_seed_item_and_name_never_change() {
        // A change here makes every batch anew for everybody.
        assert_eq!(Chance::of(7, 1, "size").bits(), FIRST);
        let (mut one, mut same) = (Chance::of(7, 42, "size"), Chance::of(7, 42, "size"));
        assert_eq!((one.bits(), one.bits()), (same.bits(), same.bits()));
        let others = [Chance::of(8, 42, "size"), Chance::of(7, 43, "size"), Chance::of(7, 42, "siz")];
        let first = Chance::of(7, 42, "size").bits();
        assert!(others.into_iter().all(|mut other| other.bits() != first));
    }

    #[test]
    fn whole_numbers_are_spread_evenly() {
        let mut counts = [0_u32; 10];
        for index in 0..100_000 {
            counts[Chance::of(1, index, "x").below(10) as usize] += 1;
        }
        // Five standard deviations of a binomial count.
        assert!(counts.iter().all(|count| count.abs_diff(10_000) < 475), "{counts:?}");
        assert_eq!(Chance::of(1, 1, "x").below(1), 0);
    }

    #[test]
    fn numbers_are_spread_evenly_and_stay_in_their_range() {
        let numbers: Vec<f64> = (0..100_000).map(|index| Chance::of(1, index, "x").between(2.0, 8.0)).collect();
        assert!(numbers.iter().all(|number| (2.0..=8.0).contains(number)));
        let mean = numbers.iter().sum::<f64>() / 1e5;
        let variance = numbers.iter().map(|number| (number - mean).powi(2)).sum::<f64>() / 1e5;
        assert!((mean - 5.0).abs() < 0.02 && (variance - 3.0).abs() < 0.03, "{mean} {variance}");
        let low = numbers.iter().filter(|number| **number < 3.0).count();
        assert!(low.abs_diff(16_667) < 350, "{low}");
        let narrow = Chance::of(1, 1, "x").between(0.1, 0.1);
        assert_eq!(narrow.to_bits(), 0.1_f64.to_bits());
    }

    #[test]
    fn numbers_are_short_and_read_back_as_they_were() {
        for index in 0..10_000 {
            for (from, to) in [(2.0, 8.0), (-0.001, 0.001), (0.0, 1.0), (1e6, 2e6), (-90.0, 90.0)] {
                let number = Chance::of(3, index, "x").between(from, to);
                let text = number.to_string();
                assert!(text.len() <= 13, "{text}");
                assert_eq!(serde_json::from_str::<f64>(&text).ok(), Some(number));
            }
        }
    }

    const FIRST: u64 = 5_179_276_564_019_267_173;
}
