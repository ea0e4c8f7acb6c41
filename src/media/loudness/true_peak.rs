//! The highest point of a waveform, at little more than the cost of its highest sample.

use super::oversample::{Oversampling, REACH};

/// Gaps between samples that are looked at together.
const CHUNK: usize = 32;
/// Frames that a chunk is made of.
const LINE: usize = CHUNK + 2 * REACH - 1;

/// Finds the true peak of a stream of interleaved samples. A point between samples can be higher than the samples around
/// it by no more than a known factor; where that cannot reach the peak found so far, nothing is interpolated.
pub(super) struct TruePeak {
    oversampling: Oversampling,
    channels: usize,
    /// Frames that were not looked at yet, and those before them that their filter reaches.
    held: Vec<f32>,
    sample_peak: f32,
    peak: f32,
}

impl TruePeak {
    pub(super) fn new(rate: u32, channels: usize) -> Self {
        // Before the sound is silence.
        let held = vec![0.0; REACH * channels];
        Self { oversampling: Oversampling::new(rate), channels, held, sample_peak: 0.0, peak: 0.0 }
    }

    pub(super) fn add(&mut self, samples: &[f32]) {
        self.held.extend_from_slice(samples);
        let (line, step) = (LINE * self.channels, CHUNK * self.channels);
        let mut start = 0;
        while self.held.len() - start >= line {
            self.look(start, start + line);
            start += step;
        }
        self.held.drain(..start);
    }

    /// The highest point and the highest sample, as amplitudes.
    pub(super) fn finish(&mut self) -> (f32, f32) {
        self.add(&vec![0.0; (REACH + CHUNK) * self.channels]);
        (self.peak, self.sample_peak)
    }

    fn look(&mut self, start: usize, end: usize) {
        let frames = &self.held[start..end];
        let highest = highest(frames);
        self.sample_peak = self.sample_peak.max(highest);
        self.peak = self.peak.max(highest);
        let bound = self.oversampling.bound();
        if highest * bound <= self.peak {
            return;
        }
        let (mut line, mut peaks) = ([0.0; LINE], [0.0; CHUNK]);
        for channel in 0..self.channels {
            for (to, from) in line.iter_mut().zip(frames.iter().skip(channel).step_by(self.channels)) {
                *to = *from;
            }
            if self::highest(&line) * bound > self.peak {
                self.oversampling.peaks(&line, &mut peaks);
                self.peak = self.peak.max(self::highest(&peaks));
            }
        }
    }
}

/// The largest amplitude.
fn highest(samples: &[f32]) -> f32 {
    let (groups, rest) = samples.as_chunks::<8>();
    let mut most = [0.0_f32; 8];
    for group in groups {
        for (most, sample) in most.iter_mut().zip(group) {
            // Unlike `f32::max` this is one instruction.
            *most = if sample.abs() > *most { sample.abs() } else { *most };
        }
    }
    rest.iter().chain(&most).fold(0.0, |most, sample| most.max(sample.abs()))
}
