//! Stretches of silence.

use super::Silence;

/// Below this magnitude a sample is silent: -60 dBFS.
const LEVEL: f32 = 1e-3;

/// Stretches that are listed.
const LISTED: usize = 1000;

/// Finds stretches of silence.
#[derive(Debug, Clone)]
pub(super) struct Silences {
    rate: u32,
    /// Samples of one channel that a stretch has at least.
    least: u64,
    /// Samples of one channel taken in.
    count: u64,
    /// Where the silence that is not over began.
    since: Option<u64>,
    found: Silence,
}

impl Silences {
    pub(super) fn new(rate: u32) -> Self {
        Self { rate, least: u64::from(rate).div_ceil(2), count: 0, since: None, found: Silence::default() }
    }

    /// Takes in whole frames whose largest magnitude is `peak`.
    pub(super) fn add(&mut self, samples: &[f32], channels: usize, peak: f32) {
        if peak < LEVEL {
            self.since.get_or_insert(self.count);
            self.count += (samples.len() / channels) as u64;
            return;
        }
        for frame in samples.chunks_exact(channels) {
            if frame.iter().all(|sample| sample.abs() < LEVEL) {
                self.since.get_or_insert(self.count);
            } else if let Some(since) = self.since.take() {
                self.close(since);
            }
            self.count += 1;
        }
    }

    fn close(&mut self, since: u64) {
        if self.count - since < self.least {
            return;
        }
        let rate = f64::from(self.rate);
        let (from, to) = (since as f64 / rate, self.count as f64 / rate);
        self.found.count += 1;
        self.found.seconds += to - from;
        if self.found.segments_s.len() < LISTED {
            self.found.segments_s.push([from, to]);
        }
    }

    pub(super) fn finish(mut self) -> Silence {
        if let Some(since) = self.since {
            self.close(since);
        }
        self.found
    }
}
