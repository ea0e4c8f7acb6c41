//! Brings a sound down to a rate at which the pitches that matter are cheap to look at.

use std::f64::consts::PI;

/// The rate is brought down to this or a little more.
const WISH: u32 = 11_025;
/// What is kept whole, in Hz.
const KEPT: f64 = 2200.0;

/// Keeps one sample of every few, after a low-pass that keeps the others from folding into the band that is used.
pub(super) struct Decimator {
    factor: usize,
    rate: f64,
    taps: Vec<f32>,
    waiting: Vec<f32>,
}

impl Decimator {
    pub(super) fn new(rate: u32) -> Self {
        let factor = (rate / WISH).max(1) as usize;
        let low = f64::from(rate.max(1)) / factor as f64;
        let taps = if factor == 1 { vec![1.0] } else { low_pass(f64::from(rate), low / 2.0, low - 2.0 * KEPT) };
        Self { factor, rate: low, taps, waiting: Vec::new() }
    }

    /// The rate of what comes out.
    pub(super) fn rate(&self) -> f64 {
        self.rate
    }

    /// Takes in samples and gives out those that are left.
    pub(super) fn add(&mut self, samples: &[f32], mut each: impl FnMut(f32)) {
        self.waiting.extend(samples.iter().map(|one| if one.is_finite() { *one } else { 0.0 }));
        let mut start = 0;
        while start + self.taps.len().max(self.factor) <= self.waiting.len() {
            let part = &self.waiting[start..start + self.taps.len()];
            // Eight sums side by side, which the compiler turns into vector instructions.
            let mut sums = [0.0_f32; 8];
            let (chunks, weights) = (part.chunks_exact(8), self.taps.chunks_exact(8));
            let rest: f32 = chunks.remainder().iter().zip(weights.remainder()).map(|(one, tap)| one * tap).sum();
            for (chunk, weight) in chunks.zip(weights) {
                for ((sum, one), tap) in sums.iter_mut().zip(chunk).zip(weight) {
                    *sum += one * tap;
                }
            }
            each(sums.iter().sum::<f32>() + rest);
            start += self.factor;
        }
        self.waiting.drain(..start);
    }
}

/// A low-pass around `edge` Hz that takes `width` Hz to close: a sinc under a Blackman window.
fn low_pass(rate: f64, edge: f64, width: f64) -> Vec<f32> {
    let half = (2.75 * rate / width).ceil() as isize;
    let span = half as f64 + 1.0;
    let taps: Vec<f64> = (-half..=half)
        .map(|at| {
            let at = at as f64;
            let sinc = if at == 0.0 { 2.0 * edge / rate } else { (2.0 * PI * edge / rate * at).sin() / (PI * at) };
            sinc * (0.42 + 0.5 * (PI * at / span).cos() + 0.08 * (2.0 * PI * at / span).cos())
        })
        .collect();
    let sum: f64 = taps.iter().sum();
    taps.iter().map(|tap| (tap / sum) as f32).collect()
}
