//! What is between two pictures, sample by sample.

use super::flat::{Flat, WHITE};

/// What is between two pictures of one size.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Difference {
    /// The mean of the squares, over red, green and blue of all pixels.
    pub(super) mean_square: f64,
    /// The largest of a single sample, of 255.
    pub(super) largest: f64,
}

impl Difference {
    pub(super) fn between(first: Flat<'_>, second: Flat<'_>) -> Self {
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        let (mut sum, mut largest) = (0.0_f64, 0.0_f32);
        for y in 0..first.height() {
            first.row(y, &mut ours);
            second.row(y, &mut theirs);
            let samples = ours.as_flattened().iter().zip(theirs.as_flattened());
            sum += samples
                .map(|(one, other)| {
                    let apart = (one - other).abs();
                    largest = largest.max(apart);
                    f64::from(apart * apart)
                })
                .sum::<f64>();
        }
        let samples = (first.width() * first.height() * 3) as f64;
        Self { mean_square: sum / samples, largest: largest.into() }
    }

    /// The ratio of the highest possible signal to this noise, in dB; `None` where nothing differs.
    pub(super) fn psnr_db(&self) -> Option<f64> {
        (self.mean_square > 0.0).then(|| 10.0 * (f64::from(WHITE).powi(2) / self.mean_square).log10())
    }
}
