//! Runs of samples at full scale.

use super::Clipping;

/// So many samples at full scale are a run.
const RUN: u64 = 3;

/// Finds runs of samples at full scale.
#[derive(Debug, Clone)]
pub(super) struct Clippings {
    /// The least magnitude that is full scale.
    full: f32,
    /// Samples at full scale at the end of each channel.
    runs: Vec<u64>,
    count: u64,
    samples: u64,
}

impl Clippings {
    /// Full scale is the largest number of the bits that the sound was coded in, of 16 at most (and where it is not known).
    pub(super) fn new(channels: usize, bits: Option<u32>) -> Self {
        let steps = 1_u32 << (bits.unwrap_or(16).clamp(2, 16) - 1);
        // Half a step less: what is read may be a rounding error off.
        let full = (steps as f32 - 1.5) / steps as f32;
        Self { full, runs: vec![0; channels], count: 0, samples: 0 }
    }

    /// Takes in whole frames whose largest magnitude is `peak`.
    pub(super) fn add(&mut self, samples: &[f32], peak: f32) {
        if peak < self.full {
            self.close_all();
            return;
        }
        for frame in samples.chunks_exact(self.runs.len()) {
            for (channel, sample) in frame.iter().enumerate() {
                if sample.abs() >= self.full {
                    self.runs[channel] += 1;
                } else if self.runs[channel] > 0 {
                    self.close(channel);
                }
            }
        }
    }

    fn close(&mut self, channel: usize) {
        let run = std::mem::take(&mut self.runs[channel]);
        if run >= RUN {
            self.count += 1;
            self.samples += run;
        }
    }

    fn close_all(&mut self) {
        for channel in 0..self.runs.len() {
            self.close(channel);
        }
    }

    pub(super) fn finish(mut self, rate: f64) -> Clipping {
        self.close_all();
        Clipping { count: self.count, seconds: self.samples as f64 / rate }
    }
}
