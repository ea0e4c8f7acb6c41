//! How far the tones of a sound lie from a scale on A = 440 Hz.

/// Tones are looked for between these, in Hz.
const LEAST_HZ: f64 = 150.0;
const MOST_HZ: f64 = 4000.0;

/// A peak counts from this part of the largest magnitude of its frame on.
const THRESHOLD: f32 = 0.1;

/// Classes of deviation: one cent each.
const CENTS: usize = 100;

/// Classes of magnitude, eight for a factor of two, from 2^-40 (which is silence) to 4.
const CLASSES: usize = 42 * 8;
const LEAST_CLASS: usize = (127 - 40) * 8;

/// Finds the tuning of a sound as `librosa.estimate_tuning` does: the commonest deviation, in steps of a cent, of spectral
/// peaks (parabolic interpolation) that are at least as strong as their median. The median is taken to 0.8 dB.
#[derive(Debug, Clone)]
pub(super) struct Tuning {
    step: f64,
    first: usize,
    end: usize,
    magnitudes: Vec<f32>,
    /// Peaks by class of magnitude, then of deviation.
    peaks: Vec<[u32; CENTS]>,
}

impl Tuning {
    /// For spectra of `bins` bins of a sound at `rate` Hz.
    pub(super) fn new(bins: usize, rate: u32) -> Self {
        let step = f64::from(rate) / (2.0 * (bins.max(2) - 1) as f64);
        let first = ((LEAST_HZ / step).ceil() as usize).max(1);
        let end = ((MOST_HZ / step).ceil() as usize).min(bins.saturating_sub(1));
        Self { step, first, end, magnitudes: Vec::new(), peaks: vec![[0; CENTS]; CLASSES] }
    }

    /// Takes in the power spectrum of a frame.
    pub(super) fn add(&mut self, power: &[f32]) {
        if self.first >= self.end {
            return;
        }
        // The first of equal powers is the first of equal magnitudes: one root is enough for the threshold.
        let loudest = power.iter().copied().fold(0.0_f32, |a, b| if b > a { b } else { a });
        let least = THRESHOLD * THRESHOLD * loudest;
        if loudest <= 0.0 {
            return;
        }
        self.magnitudes.clear();
        self.magnitudes.extend(power[self.first - 1..=self.end].iter().map(|power| power.sqrt()));
        for (at, around) in self.magnitudes.windows(3).enumerate() {
            let (low, peak, high) = (around[0], around[1], around[2]);
            if peak * peak <= least || peak <= low || peak < high {
                continue;
            }
            // The top of the parabola through the three.
            let (slope, bend) = ((high - low) / 2.0, high + low - 2.0 * peak);
            let shift = if slope.abs() < bend.abs() { -slope / bend } else { 0.0 };
            let height = peak + 0.5 * slope * shift;
            let hertz = ((at + self.first) as f64 + f64::from(shift)) * self.step;
            // From -50 cents on.
            let cent = ((12.0 * (hertz / 440.0).log2() + 0.5).rem_euclid(1.0) * CENTS as f64) as usize;
            let class = ((height.max(0.0).to_bits() >> 20) as usize).saturating_sub(LEAST_CLASS);
            self.peaks[class.min(CLASSES - 1)][cent.min(CENTS - 1)] += 1;
        }
    }

    /// The deviation in cents, from -50 to 49; `None` where there was no tone.
    pub(super) fn finish(&self) -> Option<f64> {
        let total: u64 = self.peaks.iter().flatten().map(|count| u64::from(*count)).sum();
        let mut deviations = [0_u64; CENTS];
        let mut passed = 0;
        for class in self.peaks.iter().rev() {
            if passed * 2 >= total {
                break;
            }
            for (sum, count) in deviations.iter_mut().zip(class) {
                *sum += u64::from(*count);
                passed += u64::from(*count);
            }
        }
        let most = deviations.iter().copied().max().filter(|most| *most > 0)?;
        deviations.iter().position(|count| *count == most).map(|cent| cent as f64 - CENTS as f64 / 2.0)
    }
}

#[cfg(test)]
mod tests {
    use std::f64::consts::TAU;

    use super::*;
    use crate::media::spectrum::{Frames, Spectrum};

    fn tuning(hertz: f64) -> Option<f64> {
        let sound: Vec<f32> =
            (0..44_100).map(|at| (TAU * hertz * f64::from(at) / 44_100.0).sin() as f32 / 2.0).collect();
        let mut spectrum = Spectrum::new(Frames::default(), 1);
        let mut tuning = Tuning::new(spectrum.bins(), 44_100);
        spectrum.add(&sound, |power| tuning.add(power));
        tuning.finish()
    }

    #[test]
    fn a_tone_is_so_many_cents_off() {
        for cents in [-40.0, -13.0, 0.0, 20.0] {
            let found = tuning(880.0 * 2.0_f64.powf(cents / 1200.0));
            assert!(found.is_some_and(|found| (found - cents).abs() <= 3.0), "{cents} {found:?}");
        }
        assert_eq!(tuning(0.0), None, "silence has no tuning");
    }
}
