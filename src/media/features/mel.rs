//! Mel bands and the cepstrum of their levels.

use std::f64::consts::PI;

/// The number of mel bands.
const BANDS: usize = 128;

/// The coefficients that are kept.
pub(super) const COEFFICIENTS: usize = 13;

/// Frames whose bands are kept. Levels are cut off 80 dB below the loudest of all, which is known at the end only.
const KEPT: usize = 8192;

/// Bands this far below the loudest of the whole sound, in dB, are lifted to it.
const RANGE_DB: f32 = 80.0;

/// The least power of a band.
const LEAST: f32 = 1e-10;

/// The mel-frequency cepstral coefficients of a sound, as `librosa.feature.mfcc` defines them: 128 bands from 0 to half the
/// rate on the scale of Slaney's Auditory Toolbox (1998), triangles of the area 1, levels of power in dB (at least 1e-10,
/// and 80 dB below the loudest of the sound), orthonormal DCT-II.
///
/// Up to 8192 frames all count; of longer sounds every second, fourth, ... counts, so that 4096 to 8192 do.
#[derive(Debug, Clone)]
pub(super) struct Cepstrum {
    /// The first bin of each band, and the end of its weights; they begin where those of the band before end.
    bands: Vec<(usize, usize)>,
    weights: Vec<f32>,
    /// Levels in dB, frame after frame.
    kept: Vec<f32>,
    /// Every how many frames one is kept.
    stride: u64,
    count: u64,
}

impl Cepstrum {
    /// For spectra of `bins` bins of a sound at `rate` Hz.
    pub(super) fn new(bins: usize, rate: u32) -> Self {
        let top = f64::from(rate) / 2.0;
        // On librosa's scale the power is size * size / 16 times ours.
        let size = 2.0 * (bins.max(2) - 1) as f64;
        let scale = size * size / 16.0;
        let edges: Vec<f64> = (0..BANDS + 2).map(|at| hertz_of(mel_of(top) * at as f64 / (BANDS + 1) as f64)).collect();
        let (mut bands, mut weights) = (Vec::new(), Vec::new());
        for band in 0..BANDS {
            let (low, middle, high) = (edges[band], edges[band + 1], edges[band + 2]);
            let weight = |bin: usize| {
                let hertz = bin as f64 * top / (bins - 1) as f64;
                ((hertz - low) / (middle - low)).min((high - hertz) / (high - middle)).max(0.0)
            };
            let first = (0..bins).find(|bin| weight(*bin) > 0.0).unwrap_or(0);
            weights.extend(
                (first..bins)
                    .map(weight)
                    .take_while(|weight| *weight > 0.0)
                    .map(|w| (w * scale * 2.0 / (high - low)) as f32),
            );
            bands.push((first, weights.len()));
        }
        Self { bands, weights, kept: Vec::new(), stride: 1, count: 0 }
    }

    /// Takes in the power spectrum of a frame.
    pub(super) fn add(&mut self, power: &[f32]) {
        self.count += 1;
        if !(self.count - 1).is_multiple_of(self.stride) {
            return;
        }
        if self.kept.len() == KEPT * BANDS {
            self.thin();
            if !(self.count - 1).is_multiple_of(self.stride) {
                return;
            }
        }
        let mut from = 0;
        for (first, to) in &self.bands {
            let weights = &self.weights[from..*to];
            let band: f32 = weights.iter().zip(&power[*first..]).map(|(weight, power)| weight * power).sum();
            self.kept.push(10.0 * band.max(LEAST).log10());
            from = *to;
        }
    }

    fn thin(&mut self) {
        for frame in 0..KEPT / 2 {
            self.kept.copy_within(2 * frame * BANDS..(2 * frame + 1) * BANDS, frame * BANDS);
        }
        self.kept.truncate(KEPT / 2 * BANDS);
        self.stride *= 2;
    }

    /// Gives `each` the coefficients of every frame that counts.
    pub(super) fn finish(self, mut each: impl FnMut(&[f64; COEFFICIENTS])) {
        let loudest = self.kept.iter().copied().fold(f32::MIN, f32::max);
        let cosines: Vec<[f64; COEFFICIENTS]> = (0..BANDS)
            .map(|band| {
                std::array::from_fn(|k| {
                    let norm = if k == 0 { 1.0 } else { 2.0 } / BANDS as f64;
                    norm.sqrt() * (PI * k as f64 * (2 * band + 1) as f64 / (2 * BANDS) as f64).cos()
                })
            })
            .collect();
        for levels in self.kept.chunks_exact(BANDS) {
            let mut coefficients = [0.0; COEFFICIENTS];
            for (level, cosines) in levels.iter().zip(&cosines) {
                let level = f64::from(level.max(loudest - RANGE_DB));
                for (sum, cosine) in coefficients.iter_mut().zip(cosines) {
                    *sum += level * cosine;
                }
            }
            each(&coefficients);
        }
    }
}

/// Slaney's mel scale: 3 mels in 200 Hz up to 1 kHz, from there 27 mels for a factor of 6.4.
fn mel_of(hertz: f64) -> f64 {
    if hertz < 1000.0 { hertz * 3.0 / 200.0 } else { 15.0 + (hertz / 1000.0).ln() * 27.0 / 6.4_f64.ln() }
}

fn hertz_of(mel: f64) -> f64 {
    if mel < 15.0 { mel * 200.0 / 3.0 } else { 1000.0 * ((mel - 15.0) * 6.4_f64.ln() / 27.0).exp() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scale_and_its_inverse_agree() {
        // librosa.hz_to_mel(440) and (4000).
        assert!((mel_of(440.0) - 6.6).abs() < 1e-12 && (mel_of(4000.0) - 35.163_763).abs() < 1e-5);
        for hertz in [0.0, 60.0, 999.0, 1000.0, 20_000.0] {
            assert!((hertz_of(mel_of(hertz)) - hertz).abs() < 1e-9, "{hertz}");
        }
    }

    #[test]
    fn what_is_kept_is_bounded_and_even() {
        let mut cepstrum = Cepstrum::new(33, 8000);
        let frames = 3 * KEPT + 5;
        for frame in 0..frames {
            cepstrum.add(&[(frame + 1) as f32; 33]);
        }
        assert!(cepstrum.kept.len() <= KEPT * BANDS);
        let mut first = Vec::new();
        cepstrum.finish(|coefficients| first.push(coefficients[0]));
        assert_eq!(first.len(), frames.div_ceil(4));
        assert!(first.is_sorted(), "the frames are in their order");
    }
}
