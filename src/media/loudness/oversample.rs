//! What lies between the samples: an interpolating filter.

use std::f64::consts::PI;

/// Samples that one point in between is made of.
pub const TAPS: usize = 24;
/// How far the filter reaches, in frames, to either side.
pub const REACH: usize = TAPS / 2;
/// Points that are made at a time, on every place between two samples.
const LANES: usize = 16;

/// The shape of the window: some 55 dB of rejection, flat to 0.43 of the sample rate.
const KAISER: f64 = 5.0;

/// Finds the highest points between samples, as BS.1770-4 Annex 2 asks, with a filter of twice its length: a sinc under a
/// Kaiser window. What is on a sample stays as it is.
pub struct Oversampling {
    /// For every place between two samples the taps, in the order of the samples.
    places: Vec<[f32; TAPS]>,
    /// No point in between is higher than the highest sample in its reach times this.
    bound: f32,
}

impl Oversampling {
    /// Four times for rates below 96 kHz, twice below 192 kHz, then not at all.
    #[must_use]
    pub fn new(rate: u32) -> Self {
        let times = match rate {
            ..96_000 => 4,
            96_000..192_000 => 2,
            _ => 1,
        };
        let places: Vec<[f32; TAPS]> = (1..times).map(|place| taps(f64::from(place) / f64::from(times))).collect();
        let most = places.iter().map(|taps| taps.iter().map(|tap| tap.abs()).sum()).fold(1.0, f32::max);
        // A little more, for what the sums are rounded to.
        Self { places, bound: most * 1.0001 }
    }

    /// No point in between is higher than the highest sample in its reach times this; at least 1.
    #[must_use]
    pub fn bound(&self) -> f32 {
        self.bound
    }

    /// For every gap between two samples the highest amplitude within it: of the gap after `line[REACH - 1 + at]` into
    /// `peaks[at]`. `line` holds `2 * REACH - 1` samples more than there are gaps.
    pub fn peaks(&self, line: &[f32], peaks: &mut [f32]) {
        peaks.fill(0.0);
        let mut start = 0;
        while start < peaks.len() {
            // The last group goes over some gaps a second time, if there are enough.
            let start_of_group = start.min(peaks.len().saturating_sub(LANES));
            let count = (peaks.len() - start_of_group).min(LANES);
            let mut window = [0.0; LANES + TAPS - 1];
            window[..count + TAPS - 1].copy_from_slice(&line[start_of_group..start_of_group + count + TAPS - 1]);
            let mut most = [0.0_f32; LANES];
            for taps in &self.places {
                let points = convolved(&window, taps);
                for (most, point) in most.iter_mut().zip(points) {
                    *most = if point.abs() > *most { point.abs() } else { *most };
                }
            }
            peaks[start_of_group..start_of_group + count].copy_from_slice(&most[..count]);
            start = start_of_group + count;
        }
    }
}

#[inline]
fn convolved(window: &[f32; LANES + TAPS - 1], taps: &[f32; TAPS]) -> [f32; LANES] {
    let mut points = [0.0; LANES];
    for (at, tap) in taps.iter().enumerate() {
        for lane in 0..LANES {
            points[lane] += tap * window[at + lane];
        }
    }
    points
}

/// The taps for the point that lies `share` of the way from one sample to the next.
fn taps(share: f64) -> [f32; TAPS] {
    let weights: Vec<f64> = (0..TAPS)
        .map(|tap| {
            let away = tap as f64 - (REACH as f64 - 1.0) - share;
            let sinc = (PI * away).sin() / (PI * away);
            sinc * bessel(KAISER * (1.0 - (away / REACH as f64).powi(2)).max(0.0).sqrt()) / bessel(KAISER)
        })
        .collect();
    let sum: f64 = weights.iter().sum();
    std::array::from_fn(|tap| (weights[tap] / sum) as f32)
}

/// The modified Bessel function of the first kind, order zero, by its series.
fn bessel(x: f64) -> f64 {
    let mut term = 1.0;
    let mut sum = 1.0;
    for n in 1..40 {
        term *= (x / (2.0 * f64::from(n))).powi(2);
        sum += term;
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn between_the_samples_of_a_tone_lies_the_tone() {
        let oversampling = Oversampling::new(48_000);
        for frequency in [0.01, 0.1, 0.25, 0.4, 0.43] {
            let tone = |at: f64| (std::f64::consts::TAU * frequency * at).sin();
            for at in 0..50_usize {
                let line: Vec<f32> = (0..TAPS).map(|tap| tone((at + tap) as f64) as f32).collect();
                let mut peaks = [0.0];
                oversampling.peaks(&line, &mut peaks);
                let wanted = [0.25, 0.5, 0.75].map(|share| tone((at + REACH - 1) as f64 + share).abs()).into_iter();
                let wanted = wanted.fold(0.0, f64::max);
                assert!((f64::from(peaks[0]) - wanted).abs() < 0.01, "{frequency}: {} for {wanted}", peaks[0]);
            }
        }
    }

    #[test]
    fn the_number_of_gaps_makes_no_difference() {
        let oversampling = Oversampling::new(44_100);
        let line: Vec<f32> = (0..80 + TAPS).map(|at| ((at * at) as f32).sin()).collect();
        let one_by_one: Vec<f32> = (0..81)
            .map(|at| {
                let mut peak = [0.0];
                oversampling.peaks(&line[at..at + TAPS], &mut peak);
                peak[0]
            })
            .collect();
        for count in [1, 5, 16, 17, 31, 32, 81] {
            let mut peaks = vec![0.0; count];
            oversampling.peaks(&line[..count + TAPS - 1], &mut peaks);
            assert!(peaks == one_by_one[..count], "{count}");
        }
    }
}
