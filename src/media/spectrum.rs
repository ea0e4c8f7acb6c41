//! The short-time spectrum of a sound, frame by frame, in bounded memory.

use std::f64::consts::TAU;
use std::sync::Arc;

use realfft::num_complex::Complex32;
use realfft::{RealFftPlanner, RealToComplex};

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

impl Frames {
    /// The frames that features are measured over at `rate` Hz: 2048 samples every 512 from 32 to 64 kHz, and as many times
    /// two more or fewer elsewhere that a frame lasts about as long (32 to 64 ms).
    #[must_use]
    pub fn for_rate(rate: u32) -> Self {
        let mut size = Self::default().size;
        let mut most = 64_000;
        while rate > most && size < 1 << 16 {
            size *= 2;
            most *= 2;
        }
        let mut least = 32_000;
        while rate < least && size > 64 {
            size /= 2;
            least /= 2;
        }
        Self { size, hop: size / 4 }
    }

    /// The frames of a sound of `samples` samples.
    #[must_use]
    pub fn count(self, samples: u64) -> u64 {
        if samples == 0 { 0 } else { 1 + samples / self.hop.max(1) as u64 }
    }
}

/// Cuts an interleaved stream into windowed frames and takes the spectrum of each.
///
/// Frame `k` is centred at sample `k * hop`; before the start and after the end there is silence. A sound of `n` samples has
/// `1 + n / hop` frames. That is how librosa counts them (`stft` with `center=True` and `pad_mode="constant"`); its power is
/// `size * size / 16` times ours, for here a sine of full scale has the power 1 in its bin. The window is a periodic Hann.
///
/// The spectrum of a frame is the mean power of the channels in `size / 2 + 1` bins; bin `k` lies at `k * rate / size` Hz.
pub struct Spectrum {
    frames: Frames,
    window: Vec<f32>,
    /// What makes a squared magnitude a power, divided by the channels.
    scale: f32,
    fft: Arc<dyn RealToComplex<f32>>,
    frame: Vec<f32>,
    bins: Vec<Complex32>,
    scratch: Vec<Complex32>,
    power: Vec<f32>,
    /// For each channel, the samples that have not been left behind by the hop yet.
    waiting: Vec<Vec<f32>>,
    /// Samples of one channel that were taken in.
    taken: u64,
}

impl Spectrum {
    /// A spectrum of `channels` interleaved channels.
    #[must_use]
    pub fn new(frames: Frames, channels: usize) -> Self {
        let (size, channels) = (frames.size.max(2).next_power_of_two(), channels.max(1));
        let frames = Frames { size, hop: frames.hop.clamp(1, size) };
        let window: Vec<f32> = (0..size).map(|at| (0.5 - 0.5 * (TAU * at as f64 / size as f64).cos()) as f32).collect();
        let fft = RealFftPlanner::new().plan_fft_forward(size);
        let sum = size as f32 / 2.0;
        Self {
            frames,
            window,
            // A sine of amplitude 1 gives half the sum of the window in its bin.
            scale: 4.0 / (sum * sum * channels as f32),
            frame: fft.make_input_vec(),
            bins: fft.make_output_vec(),
            scratch: fft.make_scratch_vec(),
            fft,
            power: vec![0.0; size / 2 + 1],
            waiting: vec![vec![0.0; size / 2]; channels],
            taken: 0,
        }
    }

    /// The frames that it cuts.
    #[must_use]
    pub fn frames(&self) -> Frames {
        self.frames
    }

    /// The number of bins of a frame.
    #[must_use]
    pub fn bins(&self) -> usize {
        self.power.len()
    }

    /// Takes in whole frames of interleaved samples; `each` sees the power spectrum of every frame that is complete.
    pub fn add(&mut self, samples: &[f32], each: impl FnMut(&[f32])) {
        match self.waiting.as_mut_slice() {
            [only] => only.extend_from_slice(samples),
            [left, right] => {
                let (pairs, _) = samples.as_chunks::<2>();
                left.extend(pairs.iter().map(|pair| pair[0]));
                right.extend(pairs.iter().map(|pair| pair[1]));
            }
            many => {
                let count = many.len();
                for (channel, waiting) in many.iter_mut().enumerate() {
                    waiting.extend(samples.chunks_exact(count).map(|frame| frame[channel]));
                }
            }
        }
        self.taken += (samples.len() / self.waiting.len()) as u64;
        self.cut(each);
    }

    /// Ends the stream: `each` sees the frames that reach over its end. Nothing comes of a sound without samples.
    pub fn finish(&mut self, each: impl FnMut(&[f32])) {
        if self.taken > 0 {
            let half = self.frames.size / 2;
            self.waiting.iter_mut().for_each(|waiting| waiting.resize(waiting.len() + half, 0.0));
            self.cut(each);
        }
        self.waiting.iter_mut().for_each(Vec::clear);
    }

    fn cut(&mut self, mut each: impl FnMut(&[f32])) {
        let Frames { size, hop } = self.frames;
        let mut start = 0;
        while start + size <= self.waiting[0].len() {
            self.take(start);
            each(&self.power);
            start += hop;
        }
        self.waiting.iter_mut().for_each(|waiting| drop(waiting.drain(..start)));
    }

    /// Computes `power` for the frame at `start` of what is waiting.
    fn take(&mut self, start: usize) {
        for (channel, waiting) in self.waiting.iter().enumerate() {
            let samples = &waiting[start..start + self.frames.size];
            for ((slot, sample), weight) in self.frame.iter_mut().zip(samples).zip(&self.window) {
                *slot = sample * weight;
            }
            if self.fft.process_with_scratch(&mut self.frame, &mut self.bins, &mut self.scratch).is_err() {
                unreachable!("the buffers are made by the transform itself");
            }
            if channel == 0 {
                self.power.fill(0.0);
            }
            for (power, bin) in self.power.iter_mut().zip(&self.bins) {
                *power += bin.norm_sqr() * self.scale;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sine(hertz: f64, rate: u32, samples: usize) -> Vec<f32> {
        (0..samples).map(|at| (TAU * hertz * at as f64 / f64::from(rate)).sin() as f32).collect()
    }

    fn powers(frames: Frames, channels: usize, samples: &[f32], chunk: usize) -> Vec<Vec<f32>> {
        let mut spectrum = Spectrum::new(frames, channels);
        let mut all = Vec::new();
        samples.chunks(chunk).for_each(|block| spectrum.add(block, |power| all.push(power.to_vec())));
        spectrum.finish(|power| all.push(power.to_vec()));
        all
    }

    #[test]
    fn a_sine_of_full_scale_has_power_one_in_its_bin() {
        // Bin 64 exactly.
        let all = powers(Frames::default(), 1, &sine(1500.0, 48_000, 8192), 8192);
        let middle = &all[8];
        assert!((middle[64] - 1.0).abs() < 1e-3, "{}", middle[64]);
        assert!(middle.iter().enumerate().all(|(bin, power)| bin.abs_diff(64) < 2 || *power < 1e-6));
    }

    #[test]
    fn opposite_channels_do_not_cancel() {
        let mono = sine(1500.0, 48_000, 4096);
        let stereo: Vec<f32> = mono.iter().flat_map(|sample| [*sample, -*sample]).collect();
        let six: Vec<f32> = mono.iter().flat_map(|sample| [*sample, -*sample, *sample, -*sample, 0.0, 0.0]).collect();
        assert!((powers(Frames::default(), 2, &stereo, 4096)[4][64] - 1.0).abs() < 1e-3);
        assert!((powers(Frames::default(), 6, &six, 600)[4][64] - 4.0 / 6.0).abs() < 1e-3);
    }

    #[test]
    fn frames_are_centred_and_cover_the_end_whatever_the_blocks() {
        let sound = sine(440.0, 8000, 10_000);
        let whole = powers(Frames::default(), 1, &sound, 10_000);
        assert_eq!(whole.len() as u64, Frames::default().count(10_000));
        assert_eq!(whole.len(), 1 + 10_000 / 512);
        assert!(powers(Frames::default(), 1, &sound, 7) == whole);
        // A click is loudest in the frame that is centred at it.
        let mut click = vec![0.0; 4096];
        click[3 * 512] = 1.0;
        let totals: Vec<f32> =
            powers(Frames::default(), 1, &click, 999).iter().map(|power| power.iter().sum()).collect();
        let loudest = (0..totals.len()).max_by(|a, b| totals[*a].total_cmp(&totals[*b]));
        assert_eq!(loudest, Some(3));
    }

    #[test]
    fn one_sample_has_a_frame_and_none_has_none() {
        assert_eq!(powers(Frames::default(), 1, &[0.5], 1).len(), 1);
        assert_eq!(powers(Frames::default(), 1, &[], 1).len(), 0);
    }

    #[test]
    fn a_frame_lasts_about_as_long_at_every_rate() {
        for (rate, size) in [(1000, 64), (8000, 512), (16_000, 1024), (22_050, 1024), (44_100, 2048), (192_000, 8192)] {
            assert_eq!(Frames::for_rate(rate), Frames { size, hop: size / 4 }, "{rate}");
        }
    }
}
