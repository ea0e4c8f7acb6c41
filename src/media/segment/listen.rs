//! What every 10 ms of a sound hold of a voice: power in bands between 150 and 3900 Hz, and how periodic it is.

use std::f32::consts::TAU;
use std::sync::Arc;

use rustfft::num_complex::Complex32;
use rustfft::{Fft, FftPlanner};

/// Moments in a second.
pub(super) const MOMENTS: u64 = 100;

/// Bands, of equal width on the mel scale.
pub(super) const BANDS: usize = 16;

/// The least rate that bands are measured at, in Hz; higher ones are brought to between one and two times it.
const RATE: u32 = 8000;

/// What one moment holds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Moment {
    /// Power in each band, the mean of the channels; a sine of full scale has 1.
    pub(super) bands: [f32; BANDS],
    /// The height of the highest peak of the autocorrelation at the lags of a voice (65 to 400 Hz), 0 to 1.
    pub(super) voicing: f32,
}

/// Turns a stream of interleaved samples into moments, each seen through a window of 40 ms around its middle.
///
/// Channels are transformed apart and their powers summed, so that opposite ones do not cancel. The autocorrelation is
/// divided by that of the window (Boersma, "Accurate short-term analysis of the fundamental frequency", 1993).
pub(super) struct Listener {
    rate: u32,
    channels: usize,
    /// Every so many samples one is kept, after a low-pass filter.
    keep_one_in: usize,
    low_pass: Vec<f32>,
    /// Of each channel, the samples that the filter still needs.
    heard: Vec<Vec<f32>>,
    /// Of each channel, the kept samples that moments still need.
    low: Vec<Vec<f32>>,
    /// Kept samples that were there before those in `low`.
    passed: u64,
    taken: u64,
    given: u64,
    window: Vec<f32>,
    /// One over the autocorrelation of the window, from lag zero.
    unwindow: Vec<f32>,
    /// The bins of each band, and those whose periodicity counts.
    edges: [usize; BANDS + 1],
    voice: (usize, usize),
    /// The lags of a voice, in kept samples.
    lags: (usize, usize),
    fft: Arc<dyn Fft<f32>>,
    work: Vec<Complex32>,
    scratch: Vec<Complex32>,
    power: Vec<f32>,
    scale: f32,
}

impl Listener {
    pub(super) fn new(rate: u32, channels: usize) -> Self {
        let keep_one_in = (rate / RATE).max(1) as usize;
        let low_rate = rate as f32 / keep_one_in as f32;
        let length = ((low_rate * 0.04).round() as usize).max(4);
        let lags = ((low_rate / 400.0) as usize, (low_rate / 65.0).ceil() as usize);
        let size = (length + lags.1 + 1).next_power_of_two();
        let fft = FftPlanner::new().plan_fft_forward(size);
        let window: Vec<f32> =
            (0..length).map(|at| 0.5 - 0.5 * (TAU * (at as f32 + 0.5) / length as f32).cos()).collect();
        let squares: f32 = window.iter().map(|weight| weight * weight).sum();
        let bin = |hertz: f32| ((hertz.min(low_rate * 0.47) * size as f32 / low_rate).round() as usize).max(1);
        let mel = |hertz: f32| (1.0 + hertz / 700.0).ln();
        let (least, most) = (mel(150.0), mel(f32::min(3900.0, low_rate * 0.47)));
        let mut edges = [0; BANDS + 1];
        for (at, edge) in edges.iter_mut().enumerate() {
            *edge = bin(700.0 * ((least + (most - least) * at as f32 / BANDS as f32).exp() - 1.0));
        }
        let scratch = vec![Complex32::default(); fft.get_inplace_scratch_len()];
        let mut listener = Self {
            rate,
            channels,
            keep_one_in,
            low_pass: low_pass(keep_one_in),
            heard: Vec::new(),
            low: Vec::new(),
            passed: 0,
            taken: 0,
            given: 0,
            unwindow: Vec::new(),
            edges,
            voice: (bin(65.0), bin(1500.0)),
            lags,
            fft,
            work: vec![Complex32::default(); size],
            scratch,
            power: vec![0.0; size / 2 + 1],
            scale: 4.0 / (size as f32 * squares * channels as f32),
            window,
        };
        // Before the first sample there is silence, as much as filter and window reach back.
        listener.heard = vec![vec![0.0; listener.low_pass.len() / 2]; channels];
        listener.low = vec![vec![0.0; length / 2]; channels];
        listener.measure_window();
        listener
    }

    /// Takes in whole frames; `each` is given the moments that are complete.
    pub(super) fn add(&mut self, samples: &[f32], mut each: impl FnMut(Moment)) {
        self.taken += (samples.len() / self.channels) as u64;
        for (channel, heard) in self.heard.iter_mut().enumerate() {
            heard.extend(samples.iter().skip(channel).step_by(self.channels));
        }
        self.sift();
        self.moments(u64::MAX, &mut each);
    }

    /// Ends the stream: `each` is given the rest. There are as many moments as 10 ms were begun.
    pub(super) fn finish(mut self, mut each: impl FnMut(Moment)) {
        let count = self.taken.checked_sub(1).map_or(0, |last| last * MOMENTS / u64::from(self.rate) + 1);
        let reach = self.low_pass.len() + self.keep_one_in * (self.window.len() + self.lags.1);
        let reach = reach + self.rate as usize / MOMENTS as usize;
        for heard in &mut self.heard {
            heard.resize(heard.len() + reach, 0.0);
        }
        self.sift();
        self.moments(count, &mut each);
    }

    /// Filters what was heard, and keeps one sample in so many.
    fn sift(&mut self) {
        for (heard, low) in self.heard.iter_mut().zip(&mut self.low) {
            if self.keep_one_in == 1 {
                low.append(heard);
                continue;
            }
            let mut at = 0;
            while at + self.low_pass.len() <= heard.len() {
                low.push(dot(&heard[at..at + self.low_pass.len()], &self.low_pass));
                at += self.keep_one_in;
            }
            heard.drain(..at.min(heard.len()));
        }
    }

    /// Measures all moments below `end` that the kept samples reach.
    fn moments(&mut self, end: u64, each: &mut impl FnMut(Moment)) {
        while self.given < end {
            // The window begins half its length before the middle of the moment, and `low` that much before the sound.
            let middle = ((2 * self.given + 1) * u64::from(self.rate)).div_ceil(2 * MOMENTS * self.keep_one_in as u64);
            let start = (middle - self.passed) as usize;
            if start + self.window.len() > self.low[0].len() {
                break;
            }
            each(self.moment(start));
            self.given += 1;
        }
        let middle = ((2 * self.given + 1) * u64::from(self.rate)).div_ceil(2 * MOMENTS * self.keep_one_in as u64);
        let done = ((middle - self.passed) as usize).min(self.low[0].len());
        self.low.iter_mut().for_each(|low| drop(low.drain(..done)));
        self.passed += done as u64;
    }

    fn moment(&mut self, start: usize) -> Moment {
        let size = self.work.len();
        self.power.fill(0.0);
        // Two real channels go through one complex transform as its two parts.
        for pair in self.low.chunks(2) {
            self.work.fill(Complex32::default());
            for (at, (slot, weight)) in self.work.iter_mut().zip(&self.window).enumerate() {
                let right = pair.get(1).map_or(0.0, |right| right[start + at]);
                *slot = Complex32::new(pair[0][start + at] * weight, right * weight);
            }
            self.fft.process_with_scratch(&mut self.work, &mut self.scratch);
            for (bin, power) in self.power.iter_mut().enumerate() {
                *power += (self.work[bin].norm_sqr() + self.work[(size - bin) % size].norm_sqr()) / 2.0;
            }
        }
        let mut bands = [0.0; BANDS];
        for (band, edges) in bands.iter_mut().zip(self.edges.windows(2)) {
            *band = self.power[edges[0]..edges[1].max(edges[0] + 1)].iter().sum::<f32>() * self.scale;
        }
        Moment { bands, voicing: self.voicing() }
    }

    /// How periodic the power in `self.power` is: its transform is the autocorrelation.
    fn voicing(&mut self) -> f32 {
        let size = self.work.len();
        self.work.fill(Complex32::default());
        for bin in self.voice.0..self.voice.1.min(size / 2) {
            self.work[bin].re = self.power[bin];
            self.work[size - bin].re = self.power[bin];
        }
        self.fft.process_with_scratch(&mut self.work, &mut self.scratch);
        let whole = self.work[0].re;
        if whole <= f32::MIN_POSITIVE {
            return 0.0;
        }
        let height = |lag: usize| self.work[lag].re * self.unwindow[lag];
        let peaks = (self.lags.0.max(1)..self.lags.1)
            .filter(|lag| height(*lag) >= height(lag - 1) && height(*lag) > height(lag + 1));
        (peaks.map(height).fold(0.0, f32::max) / whole).clamp(0.0, 1.0)
    }

    fn measure_window(&mut self) {
        self.work.fill(Complex32::default());
        self.work.iter_mut().zip(&self.window).for_each(|(slot, weight)| slot.re = *weight);
        self.fft.process_with_scratch(&mut self.work, &mut self.scratch);
        self.work.iter_mut().for_each(|bin| *bin = Complex32::new(bin.norm_sqr(), 0.0));
        self.fft.process_with_scratch(&mut self.work, &mut self.scratch);
        self.unwindow =
            self.work[..=self.lags.1].iter().map(|value| self.work[0].re / value.re.max(f32::MIN_POSITIVE)).collect();
    }
}

/// A low-pass filter for keeping one sample in `keep_one_in`: a sinc of eight zero crossings under a Hann window.
fn low_pass(keep_one_in: usize) -> Vec<f32> {
    if keep_one_in == 1 {
        return vec![1.0];
    }
    let half = 4 * keep_one_in as i64;
    let mut taps: Vec<f32> = (-half..=half)
        .map(|at| {
            let place = at as f32 / keep_one_in as f32 * 0.9;
            let sinc = if at == 0 { 1.0 } else { (TAU / 2.0 * place).sin() / (TAU / 2.0 * place) };
            sinc * (0.5 + 0.5 * (TAU / 2.0 * at as f32 / (half + 1) as f32).cos())
        })
        .collect();
    let sum: f32 = taps.iter().sum();
    taps.iter_mut().for_each(|tap| *tap /= sum);
    taps
}

/// The sum of the products, in eight strands that the processor adds side by side.
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut strands = [0.0_f32; 8];
    let (a_eights, b_eights) = (a.chunks_exact(8), b.chunks_exact(8));
    let rest: f32 = a_eights.remainder().iter().zip(b_eights.remainder()).map(|(a, b)| a * b).sum();
    for (a, b) in a_eights.zip(b_eights) {
        for ((strand, a), b) in strands.iter_mut().zip(a).zip(b) {
            *strand += a * b;
        }
    }
    strands.iter().sum::<f32>() + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moments(sound: &[f32], rate: u32, channels: usize, block: usize) -> Vec<Moment> {
        let (mut listener, mut found) = (Listener::new(rate, channels), Vec::new());
        sound.chunks(block * channels).for_each(|block| listener.add(block, |moment| found.push(moment)));
        listener.finish(|moment| found.push(moment));
        found
    }

    fn tone(hertz: f32, rate: u32, seconds: f32) -> Vec<f32> {
        (0..(seconds * rate as f32) as usize).map(|at| (TAU * hertz * at as f32 / rate as f32).sin() * 0.5).collect()
    }

    #[test]
    fn a_tone_has_its_power_in_its_band_at_any_rate() {
        for rate in [8000, 11_025, 16_000, 22_050, 44_100, 48_000, 96_000, 192_000] {
            let found = moments(&tone(200.0, rate, 0.5), rate, 1, 1000);
            assert_eq!(found.len(), 50, "{rate} Hz");
            let middle = found[25];
            assert!(middle.voicing > 0.95, "{rate} Hz: {middle:?}");
            let low: f32 = middle.bands[..2].iter().sum();
            assert!((0.24..0.26).contains(&low), "a quarter of full scale: {rate} Hz: {middle:?}");
            assert!(middle.bands[4..].iter().sum::<f32>() < 1e-3, "{rate} Hz: {middle:?}");
        }
    }

    #[test]
    fn blocks_of_any_size_give_the_same_moments() {
        let sound = tone(300.0, 44_100, 0.3);
        assert_eq!(moments(&sound, 44_100, 1, 7), moments(&sound, 44_100, 1, 100_000));
    }

    #[test]
    fn opposite_channels_do_not_cancel() {
        let mono = tone(200.0, 48_000, 0.3);
        let stereo: Vec<f32> = mono.iter().flat_map(|sample| [*sample, -*sample]).collect();
        let found = moments(&stereo, 48_000, 2, 512)[15];
        assert!(found.voicing > 0.95 && found.bands[..2].iter().sum::<f32>() > 0.2, "{found:?}");
    }
}
