//! The short-time spectrum of a sound, frame by frame, in bounded memory.

use std::f64::consts::TAU;
use std::sync::Arc;

use rustfft::num_complex::Complex32;
use rustfft::{Fft, FftPlanner};

/// Frames whose power is below this part of full scale (-90 dB) are silence to the centroid.
const SILENCE: f32 = 1e-9;

/// How a sound is cut into frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frames {
    /// Samples in a frame; the Hann window covers it all. A power of two.
    pub size: usize,
    /// Samples from the start of one frame to the start of the next.
    pub hop: usize,
}

impl Default for Frames {
    fn default() -> Self {
        Self { size: 2048, hop: 512 }
    }
}

/// Cuts an interleaved stream into windowed frames and takes the spectrum of each.
///
/// The spectrum of a frame is the mean power of the channels in `size / 2 + 1` bins; bin `k` lies at `k * rate / size` Hz.
/// A sine of full scale has the power 1 in its bin.
pub struct Spectrum {
    frames: Frames,
    channels: usize,
    rate: u32,
    window: Vec<f32>,
    scale: f32,
    fft: Arc<dyn Fft<f32>>,
    work: Vec<Complex32>,
    scratch: Vec<Complex32>,
    power: Vec<f32>,
    /// Interleaved samples that have not been left behind by the hop yet.
    waiting: Vec<f32>,
    /// Frames taken.
    count: u64,
    centroids: f64,
    sounding: u64,
}

impl Spectrum {
    /// A spectrum of `channels` interleaved channels at `rate` Hz.
    #[must_use]
    pub fn new(frames: Frames, channels: usize, rate: u32) -> Self {
        let size = frames.size.max(2);
        let frames = Frames { size, hop: frames.hop.clamp(1, size) };
        let window: Vec<f32> = (0..size).map(|at| (0.5 - 0.5 * (TAU * at as f64 / size as f64).cos()) as f32).collect();
        let sum: f32 = window.iter().sum();
        let fft = FftPlanner::new().plan_fft_forward(size);
        let scratch = vec![Complex32::default(); fft.get_inplace_scratch_len()];
        Self {
            frames,
            channels: channels.max(1),
            rate,
            window,
            // A sine of amplitude 1 gives sum/2 in its bin.
            scale: 4.0 / (sum * sum),
            fft,
            work: vec![Complex32::default(); size],
            scratch,
            power: vec![0.0; size / 2 + 1],
            waiting: Vec::new(),
            count: 0,
            centroids: 0.0,
            sounding: 0,
        }
    }

    /// The number of bins of a frame.
    #[must_use]
    pub fn bins(&self) -> usize {
        self.power.len()
    }

    /// Takes in whole frames of interleaved samples; `each` sees the power spectrum of every frame that is complete.
    pub fn add(&mut self, samples: &[f32], mut each: impl FnMut(&[f32])) {
        self.waiting.extend_from_slice(samples);
        let (frame, hop) = (self.frames.size * self.channels, self.frames.hop * self.channels);
        let mut start = 0;
        while start + frame <= self.waiting.len() {
            self.take(start);
            each(&self.power);
            start += hop;
        }
        self.waiting.drain(..start);
    }

    /// Ends the stream. A sound shorter than one frame is filled up with silence, so that it has a spectrum too.
    pub fn finish(&mut self, mut each: impl FnMut(&[f32])) {
        if self.count == 0 && !self.waiting.is_empty() {
            self.waiting.resize(self.frames.size * self.channels, 0.0);
            self.take(0);
            each(&self.power);
        }
        self.waiting.clear();
    }

    /// The spectral centroid in Hz: the mean frequency of a frame weighted by magnitude, averaged over the frames that are
    /// not silent (power of -90 dBFS and more). `None` when all are.
    #[must_use]
    pub fn centroid_hz(&self) -> Option<f64> {
        (self.sounding > 0).then(|| self.centroids / self.sounding as f64)
    }

    /// Computes `power` for the frame at `start` of what is waiting.
    fn take(&mut self, start: usize) {
        let size = self.frames.size;
        self.power.fill(0.0);
        // Two real channels go through one complex transform as its two parts: the powers of Z[k] and Z[-k] add up to
        // twice those of the two channels together, which is all that is asked for.
        for pair in (0..self.channels).step_by(2) {
            let second = pair + 1 < self.channels;
            for (at, (slot, weight)) in self.work.iter_mut().zip(&self.window).enumerate() {
                let sample = start + at * self.channels + pair;
                let left = self.waiting[sample];
                let right = if second { self.waiting[sample + 1] } else { 0.0 };
                *slot = Complex32::new(left * weight, right * weight);
            }
            self.fft.process_with_scratch(&mut self.work, &mut self.scratch);
            for (bin, power) in self.power.iter_mut().enumerate() {
                *power += (self.work[bin].norm_sqr() + self.work[(size - bin) % size].norm_sqr()) / 2.0;
            }
        }
        let scale = self.scale / self.channels as f32;
        let (mut total, mut weights, mut moment) = (0.0_f32, 0.0_f64, 0.0_f64);
        for (bin, power) in self.power.iter_mut().enumerate() {
            *power *= scale;
            total += *power;
            let magnitude = f64::from(power.sqrt());
            weights += magnitude;
            moment += magnitude * bin as f64;
        }
        if total >= SILENCE && weights > 0.0 {
            self.centroids += moment / weights * f64::from(self.rate) / size as f64;
            self.sounding += 1;
        }
        self.count += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sine(hertz: f64, rate: u32, samples: usize) -> Vec<f32> {
        (0..samples).map(|at| (TAU * hertz * at as f64 / f64::from(rate)).sin() as f32).collect()
    }

    #[test]
    fn a_sine_of_full_scale_has_power_one_in_its_bin() {
        let mut spectrum = Spectrum::new(Frames::default(), 1, 48_000);
        let mut loudest = (0, 0.0);
        // Bin 64 exactly.
        spectrum.add(&sine(1500.0, 48_000, 4096), |power| {
            for (bin, value) in power.iter().enumerate() {
                if *value > loudest.1 {
                    loudest = (bin, *value);
                }
            }
        });
        assert_eq!(loudest.0, 64);
        assert!((loudest.1 - 1.0).abs() < 1e-3, "{loudest:?}");
        assert!(spectrum.centroid_hz().is_some_and(|hertz| (hertz - 1500.0).abs() < 5.0));
    }

    #[test]
    fn opposite_channels_do_not_cancel() {
        let mono = sine(1500.0, 48_000, 4096);
        let stereo: Vec<f32> = mono.iter().flat_map(|sample| [*sample, -*sample]).collect();
        let mut spectrum = Spectrum::new(Frames::default(), 2, 48_000);
        let mut peak = 0.0_f32;
        spectrum.add(&stereo, |power| peak = power.iter().copied().fold(peak, f32::max));
        assert!((peak - 1.0).abs() < 1e-3, "{peak}");
    }

    #[test]
    fn blocks_of_any_size_give_the_same_frames() {
        let sound = sine(440.0, 8000, 10_000);
        let count = |chunk: usize| {
            let mut spectrum = Spectrum::new(Frames::default(), 1, 8000);
            let mut frames = 0;
            for block in sound.chunks(chunk) {
                spectrum.add(block, |_| frames += 1);
            }
            (frames, spectrum.centroid_hz().map(|hertz| (hertz * 1000.0).round()))
        };
        assert_eq!(count(7), count(10_000));
    }

    #[test]
    fn a_sound_shorter_than_a_frame_has_a_spectrum_and_silence_has_no_centroid() {
        let mut short = Spectrum::new(Frames::default(), 1, 8000);
        let mut frames = 0;
        short.add(&sine(440.0, 8000, 100), |_| frames += 1);
        short.finish(|_| frames += 1);
        assert_eq!(frames, 1);
        assert!(short.centroid_hz().is_some());
        let mut silent = Spectrum::new(Frames::default(), 1, 8000);
        silent.add(&[0.0; 8000], |_| {});
        assert_eq!(silent.centroid_hz(), None);
    }
}
