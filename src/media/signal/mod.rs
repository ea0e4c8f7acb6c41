//! What the waveform of a sound shows without a spectrum: peak, level, offset, dynamic range, clipping, silence.

mod clipping;
mod dynamics;
mod silence;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use clipping::Clippings;
use dynamics::Dynamics;
use silence::Silences;

use super::level::dbfs;

/// What the waveform of a sound shows. A figure is null where it is not defined, as the level of digital silence.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SignalFigures {
    /// The largest sample, in dBFS.
    pub peak_dbfs: Option<f64>,
    /// The root mean square over all channels, in dBFS (a full-scale square wave is 0, a sine -3).
    pub rms_dbfs: Option<f64>,
    /// The crest factor: peak over root mean square, in dB.
    pub crest_db: Option<f64>,
    /// The dynamic range, in dB, after the rule of the TT DR meter ("DR14"): for each channel the second highest peak of
    /// all blocks of 3 s, over the root mean square (of which a sine has 0 dB) of the loudest fifth of the blocks; the mean
    /// of the channels, not rounded. Null for sounds shorter than two blocks.
    pub dynamic_range_db: Option<f64>,
    /// The mean of the samples of each channel, where 1 is full scale.
    pub dc_offset: Vec<f64>,
    /// Samples that were cut off at full scale.
    pub clipping: Clipping,
    /// Stretches of silence.
    pub silence: Silence,
}

/// Samples that were cut off at full scale: runs of three or more in a channel that are at full scale or beyond.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Clipping {
    /// The number of runs.
    pub count: u64,
    /// What they last together, in seconds of one channel.
    pub seconds: f64,
}

/// Stretches of half a second and more in which every sample of every channel is below -60 dBFS.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Silence {
    /// What they last together, in seconds.
    pub seconds: f64,
    /// The number of stretches.
    pub count: u64,
    /// From and to, in seconds: the first thousand.
    pub segments_s: Vec<[f64; 2]>,
}

/// Gathers what the waveform of a sound shows.
#[derive(Debug, Clone)]
pub struct Signal {
    rate: u32,
    /// Sums of the samples of each channel.
    sums: Vec<f64>,
    /// Sums of their squares in the part that was taken in last.
    squares: Vec<f64>,
    /// The sum of all squares.
    energy: f64,
    peak: f32,
    /// Samples of one channel.
    count: u64,
    clippings: Clippings,
    dynamics: Dynamics,
    silences: Silences,
}

impl Signal {
    /// For `channels` interleaved channels at `rate` Hz, of samples that were coded in so many bits, where that is known.
    #[must_use]
    pub fn new(rate: u32, channels: usize, bits: Option<u32>) -> Self {
        let (rate, channels) = (rate.max(1), channels.max(1));
        Self {
            rate,
            sums: vec![0.0; channels],
            squares: vec![0.0; channels],
            energy: 0.0,
            peak: 0.0,
            count: 0,
            clippings: Clippings::new(channels, bits),
            dynamics: Dynamics::new(rate, channels),
            silences: Silences::new(rate),
        }
    }

    /// Takes in whole frames of interleaved samples.
    pub fn add(&mut self, samples: &[f32]) {
        let channels = self.sums.len();
        // Short enough for sums of 32 bits, and for one look at whether anything of note is in it.
        for part in samples.chunks(channels * 256) {
            self.squares.fill(0.0);
            let peak = sum(part, &mut self.sums, &mut self.squares);
            self.peak = self.peak.max(peak);
            self.clippings.add(part, peak);
            self.silences.add(part, channels, peak);
            self.dynamics.add(part, &self.squares, peak);
            self.energy += self.squares.iter().sum::<f64>();
            self.count += (part.len() / channels) as u64;
        }
    }

    /// The figures of all that was taken in.
    #[must_use]
    pub fn finish(self) -> SignalFigures {
        let (count, channels, rate) = (self.count.max(1) as f64, self.sums.len() as f64, f64::from(self.rate));
        let rms = (self.energy / (count * channels)).sqrt();
        let (peak_dbfs, rms_dbfs) = (dbfs(self.peak.into()), dbfs(rms));
        SignalFigures {
            peak_dbfs,
            rms_dbfs,
            crest_db: peak_dbfs.zip(rms_dbfs).map(|(peak, rms)| peak - rms),
            dynamic_range_db: self.dynamics.finish(),
            dc_offset: self.sums.iter().map(|sum| sum / count).collect(),
            clipping: self.clippings.finish(rate),
            silence: self.silences.finish(),
        }
    }
}

/// Adds a few interleaved samples and their squares to the sums of their channels, and tells the largest magnitude of all.
fn sum(samples: &[f32], sums: &mut [f64], squares: &mut [f64]) -> f32 {
    const LANES: usize = 8;
    let channels = sums.len();
    let (mut most, mut rest) = (0.0_f32, samples);
    if LANES.is_multiple_of(channels) {
        let (chunks, left) = samples.as_chunks::<LANES>();
        rest = left;
        let (mut peak, mut sum, mut square) = ([0.0_f32; LANES], [0.0_f32; LANES], [0.0_f32; LANES]);
        for chunk in chunks {
            for lane in 0..LANES {
                let magnitude = chunk[lane].abs();
                peak[lane] = if magnitude > peak[lane] { magnitude } else { peak[lane] };
                sum[lane] += chunk[lane];
                square[lane] += chunk[lane] * chunk[lane];
            }
        }
        for lane in 0..LANES {
            most = most.max(peak[lane]);
            sums[lane % channels] += f64::from(sum[lane]);
            squares[lane % channels] += f64::from(square[lane]);
        }
    }
    for frame in rest.chunks_exact(channels) {
        for (channel, sample) in frame.iter().enumerate() {
            most = most.max(sample.abs());
            sums[channel] += f64::from(*sample);
            squares[channel] += f64::from(*sample) * f64::from(*sample);
        }
    }
    most
}

#[cfg(test)]
mod tests {
    use std::f64::consts::TAU;

    use super::*;

    fn measured(rate: u32, channels: usize, samples: &[f32], chunk: usize) -> SignalFigures {
        let mut signal = Signal::new(rate, channels, Some(16));
        samples.chunks(chunk * channels).for_each(|block| signal.add(block));
        signal.finish()
    }

    #[test]
    fn a_sine_has_its_level_crest_and_offset() {
        let sine: Vec<f32> = (0..96_000)
            .flat_map(|at| {
                let sample = 0.5 * (TAU * f64::from(at) / 480.0).sin();
                [sample as f32, (sample * 0.5 + 0.1) as f32, 0.0]
            })
            .collect();
        let found = measured(8000, 3, &sine, 999);
        assert!(found.peak_dbfs.is_some_and(|peak| (peak + 6.0206).abs() < 1e-3), "{found:?}");
        let power = (0.125 + 0.03125 + 0.01) / 3.0;
        assert!(found.rms_dbfs.is_some_and(|rms| (rms - 10.0 * f64::log10(power)).abs() < 1e-3));
        for (offset, wanted) in found.dc_offset.iter().zip([0.0, 0.1, 0.0]) {
            assert!((offset - wanted).abs() < 1e-5, "{found:?}");
        }
        let mono: Vec<f32> = sine.iter().step_by(3).copied().collect();
        let found = measured(8000, 1, &mono, 4096);
        assert!(found.crest_db.is_some_and(|crest| (crest - 3.0103).abs() < 1e-3));
        assert!(found.dynamic_range_db.is_some_and(f64::is_finite), "{found:?}");
        // A steady sine has none: the meter takes a sine's root mean square for its peak.
        assert!(found.dynamic_range_db.is_some_and(|range| range.abs() < 0.01), "{found:?}");
    }

    #[test]
    fn silence_and_nothing_have_no_level() {
        for samples in [&[][..], &[0.0; 100]] {
            let found = measured(8000, 1, samples, 100);
            assert_eq!(
                (found.peak_dbfs, found.rms_dbfs, found.crest_db, found.dynamic_range_db),
                (None, None, None, None)
            );
            assert_eq!(found.dc_offset, [0.0]);
        }
    }

    #[test]
    fn clipping_is_three_at_full_scale_in_a_channel() {
        let full = 32_767.0 / 32_768.0;
        // Left: a run of three, then of two. Right: a run of four that ends the sound, the last beyond full scale.
        let left = [0.0, full, full, full, 0.0, -1.0, -1.0, 0.0, 0.0, 0.0];
        let right = [0.0, full, 0.0, full, 0.0, 0.0, -1.0, -1.0, -1.0, -2.5];
        let both: Vec<f32> = left.iter().zip(&right).flat_map(|(left, right)| [*left, *right]).collect();
        for chunk in [1, 3, 10] {
            let found = measured(1000, 2, &both, chunk).clipping;
            assert_eq!(found, Clipping { count: 2, seconds: 0.007 }, "{chunk}");
        }
    }

    #[test]
    fn silence_is_half_a_second_below_60_db() {
        let mut sound = vec![0.5; 1000];
        sound.extend([0.0009; 700]);
        sound.extend([0.5; 100]);
        sound.extend([0.0; 499]);
        sound.extend([0.5; 301]);
        sound.extend([0.0; 500]);
        for chunk in [1, 77, 5000] {
            let found = measured(1000, 1, &sound, chunk).silence;
            assert_eq!(found.segments_s, [[1.0, 1.7], [2.6, 3.1]], "{chunk}");
            assert_eq!((found.count, (found.seconds * 1e9).round()), (2, 1.2e9));
        }
        let stereo = [0.0, 0.5].repeat(1000);
        assert_eq!(measured(1000, 2, &stereo, 100).silence, Silence::default(), "one channel sounds");
    }

    #[test]
    fn the_list_of_silences_is_bounded() {
        let sound: Vec<f32> = std::iter::repeat_n([vec![0.0; 50], vec![0.5]].concat(), 1200).flatten().collect();
        let found = measured(100, 1, &sound, 4096).silence;
        assert_eq!((found.count, found.segments_s.len()), (1200, 1000));
    }
}
