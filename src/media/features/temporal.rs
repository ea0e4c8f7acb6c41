//! Figures of frames in time: root mean square and zero crossings.

use std::collections::VecDeque;

use crate::media::spectrum::Frames;

/// Amplitudes up to this are zero to zero crossings, and zero is positive.
const ZERO: f32 = 1e-10;

/// Measures the samples of one channel over the frames that [`crate::media::spectrum::Spectrum`] cuts, with silence before
/// and after. Half a frame must be a whole number of hops: what frames have in common is then summed once.
#[derive(Debug, Clone)]
pub(super) struct Temporal {
    frames: Frames,
    /// The hops of the frame that is complete next; the last is being filled.
    hops: VecDeque<Hop>,
    /// Samples in the last hop.
    filled: usize,
    /// Whether the sample before was below zero; `None` at the start.
    below: Option<bool>,
}

/// Sums over the samples of one hop.
#[derive(Debug, Clone, Copy, Default)]
struct Hop {
    squares: f64,
    /// Samples of another sign than the one before.
    crossings: u32,
    /// Whether the first sample is one of them: it does not count for a frame that begins with it.
    crosses_first: bool,
}

/// The figures of one frame.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Moment {
    /// The root of the mean square.
    pub(super) rms: f64,
    /// Changes of sign over samples in the frame.
    pub(super) crossings: f64,
}

impl Temporal {
    pub(super) fn new(frames: Frames) -> Self {
        let before = frames.size / 2 / frames.hop;
        Self { frames, hops: vec![Hop::default(); before + 1].into(), filled: 0, below: None }
    }

    /// Takes in samples; `each` sees the figures of every frame that is complete.
    pub(super) fn add(&mut self, mut samples: &[f32], mut each: impl FnMut(Moment)) {
        while !samples.is_empty() {
            let (part, rest) = samples.split_at(samples.len().min(self.frames.hop - self.filled));
            samples = rest;
            let first = below_zero(part[0]);
            let Some(hop) = self.hops.back_mut() else { return };
            let crossed = self.below.is_some_and(|below| below != first);
            hop.crosses_first |= crossed && self.filled == 0;
            hop.crossings += u32::from(crossed) + crossings(part);
            hop.squares += squares(part);
            self.below = part.last().map(|last| below_zero(*last));
            self.filled += part.len();
            if self.filled == self.frames.hop {
                self.close(&mut each);
            }
        }
    }

    /// Ends the stream: `each` sees the frames that reach over its end.
    pub(super) fn finish(&mut self, mut each: impl FnMut(Moment)) {
        if self.below.is_some() {
            for _ in 0..self.frames.size / 2 / self.frames.hop {
                self.close(&mut each);
            }
        }
    }

    /// Closes the last hop, and with it perhaps a frame.
    fn close(&mut self, each: &mut impl FnMut(Moment)) {
        let Frames { size, hop } = self.frames;
        if self.hops.len() == size / hop {
            let squares: f64 = self.hops.iter().map(|hop| hop.squares).sum();
            let crossings: u32 = self.hops.iter().map(|hop| hop.crossings).sum();
            let outside = u32::from(self.hops[0].crosses_first);
            let size = size as f64;
            each(Moment { rms: (squares / size).sqrt(), crossings: f64::from(crossings - outside) / size });
            self.hops.pop_front();
        }
        self.hops.push_back(Hop::default());
        self.filled = 0;
    }
}

fn below_zero(sample: f32) -> bool {
    sample < -ZERO
}

fn crossings(samples: &[f32]) -> u32 {
    samples.iter().zip(&samples[1..]).map(|(a, b)| u32::from(below_zero(*a) != below_zero(*b))).sum()
}

fn squares(samples: &[f32]) -> f64 {
    // Sums of 256 squares in lanes lose nothing that counts.
    samples
        .chunks(256)
        .map(|part| {
            let mut lanes = [0.0_f32; 8];
            let (chunks, rest) = part.as_chunks::<8>();
            for chunk in chunks {
                for lane in 0..8 {
                    lanes[lane] += chunk[lane] * chunk[lane];
                }
            }
            f64::from(lanes.iter().sum::<f32>() + rest.iter().map(|sample| sample * sample).sum::<f32>())
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moments(samples: &[f32], chunk: usize) -> Vec<Moment> {
        let mut temporal = Temporal::new(Frames { size: 64, hop: 16 });
        let mut all = Vec::new();
        samples.chunks(chunk).for_each(|block| temporal.add(block, |moment| all.push(moment)));
        temporal.finish(|moment| all.push(moment));
        all
    }

    #[test]
    fn a_square_wave_crosses_zero_twice_in_a_period_and_has_its_level() {
        let wave: Vec<f32> = (0..640).map(|at| if at / 8 % 2 == 0 { 0.5 } else { -0.5 }).collect();
        let all = moments(&wave, 7);
        assert_eq!(all.len(), 1 + 640 / 16);
        assert!(all == moments(&wave, 640));
        let middle = all[20];
        assert!((middle.rms - 0.5).abs() < 1e-6);
        // 64 samples from the start of a half period: 7 changes lie within.
        assert_eq!(middle.crossings, 7.0 / 64.0);
    }

    #[test]
    fn the_edges_are_silence_that_crosses_nothing() {
        for level in [0.5, -0.5] {
            let all = moments(&[level; 160], 160);
            assert!(all.iter().all(|moment| moment.crossings == 0.0), "{all:?}");
            assert!((all[0].rms - 0.5 * 0.5_f64.sqrt()).abs() < 1e-6);
        }
        assert!(moments(&[1e-11, -1e-11, 1e-11, -1e-11], 4).iter().all(|moment| moment.crossings == 0.0));
        assert_eq!(moments(&[], 1), []);
    }
}
