//! Changes the sample rate of a stream, in bounded memory.

use rubato::audioadapter_buffers::direct::InterleavedSlice;
use rubato::{Fft, FixedSync, Indexing, Resampler, WindowFunction};

use super::error::MediaError;

/// The least frames of one transform, on either side: the library's own choice of 256 dulls the treble.
const CHUNK: usize = 1024;

/// The most frames of one transform: rates without a common divisor would ask for absurd ones.
const MOST: usize = 1 << 19;

/// Changes a stream of interleaved samples from one rate to another. Keeps time: nothing is shifted, and the length is the
/// old one times the ratio of the rates, rounded up.
pub struct RateChange {
    inner: Fft<f32>,
    channels: usize,
    rates: (u64, u64),
    waiting: Vec<f32>,
    out: Vec<f32>,
    /// Frames of delay still to be cut off at the start.
    skip: usize,
    taken: u64,
    given: u64,
}

impl RateChange {
    /// A change from `from` Hz to `to` Hz for `channels` interleaved channels.
    ///
    /// # Errors
    /// [`MediaError::Limit`] for rates that have too little in common.
    pub fn new(from: u32, to: u32, channels: usize) -> Result<Self, MediaError> {
        let refuse = || {
            MediaError::Limit(format!("{from} Hz cannot be changed to {to} Hz: the rates have too little in common"))
        };
        let step = gcd(from, to).max(1);
        let (least_in, least_out) = ((from / step) as usize, (to / step) as usize);
        // An even number of the least blocks, so that the delay of the filter is a whole number of frames on both sides.
        let blocks = CHUNK.div_ceil(least_in.min(least_out).max(1)).next_multiple_of(2);
        if least_in.max(least_out) * blocks > MOST {
            return Err(refuse());
        }
        let chunk = least_in * blocks;
        let window = WindowFunction::BlackmanHarris2;
        let inner = Fft::new_custom(from as usize, to as usize, chunk, 1, channels, window, FixedSync::Both)
            .map_err(|_| refuse())?;
        let out = vec![0.0; inner.output_frames_max() * channels];
        let skip = inner.output_delay();
        let rates = (from.into(), to.into());
        Ok(Self { inner, channels, rates, waiting: Vec::new(), out, skip, taken: 0, given: 0 })
    }

    /// Takes in whole frames; `each` is given what has become of them so far.
    ///
    /// # Errors
    /// What `each` returns, and [`MediaError::Damaged`] should the resampler refuse a block.
    pub fn add(
        &mut self,
        samples: &[f32],
        mut each: impl FnMut(&[f32]) -> Result<(), MediaError>,
    ) -> Result<(), MediaError> {
        self.taken += (samples.len() / self.channels) as u64;
        self.waiting.extend_from_slice(samples);
        let need = self.inner.input_frames_next() * self.channels;
        let mut start = 0;
        while self.waiting.len() - start >= need {
            self.change(start, need / self.channels, None, &mut each)?;
            start += need;
        }
        self.waiting.drain(..start);
        Ok(())
    }

    /// Ends the stream: `each` is given the rest.
    ///
    /// # Errors
    /// Those of [`RateChange::add`].
    pub fn finish(&mut self, mut each: impl FnMut(&[f32]) -> Result<(), MediaError>) -> Result<(), MediaError> {
        let whole = self.whole();
        let need = self.inner.input_frames_next();
        while self.given < whole {
            let left = self.waiting.len() / self.channels;
            self.waiting.resize(need * self.channels, 0.0);
            self.change(0, need, Some(left), &mut |samples| each(samples))?;
            self.waiting.clear();
        }
        Ok(())
    }

    /// Frames that everything taken in so far comes to.
    fn whole(&self) -> u64 {
        let (from, to) = self.rates;
        u64::try_from((u128::from(self.taken) * u128::from(to)).div_ceil(from.into())).unwrap_or(u64::MAX)
    }

    fn change(
        &mut self,
        start: usize,
        frames: usize,
        partial: Option<usize>,
        each: &mut impl FnMut(&[f32]) -> Result<(), MediaError>,
    ) -> Result<(), MediaError> {
        let trouble = |what: String| MediaError::damaged(format!("its rate cannot be changed: {what}"));
        let room = self.out.len() / self.channels;
        let written = {
            let input = &self.waiting[start..start + frames * self.channels];
            let input = InterleavedSlice::new(input, self.channels, frames).map_err(|e| trouble(e.to_string()))?;
            let mut output =
                InterleavedSlice::new_mut(&mut self.out, self.channels, room).map_err(|e| trouble(e.to_string()))?;
            let indexing = Indexing { partial_len: partial, ..Indexing::default() };
            let (_, written) = self
                .inner
                .process_into_buffer(&input, &mut output, Some(&indexing))
                .map_err(|e| trouble(e.to_string()))?;
            written
        };
        let skip = self.skip.min(written);
        self.skip -= skip;
        let mut count = written - skip;
        if partial.is_some() {
            let whole = self.whole();
            count = count.min(usize::try_from(whole - self.given).unwrap_or(usize::MAX));
        }
        self.given += count as u64;
        if count > 0 { each(&self.out[skip * self.channels..(skip + count) * self.channels]) } else { Ok(()) }
    }
}

fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot resample has failed")]
mod tests {
    use super::*;

    fn resampled(sound: &[f32], from: u32, to: u32, channels: usize) -> Vec<f32> {
        let mut change = RateChange::new(from, to, channels).unwrap();
        let mut out = Vec::new();
        let mut keep = |samples: &[f32]| {
            out.extend_from_slice(samples);
            Ok(())
        };
        for block in sound.chunks(700 * channels) {
            change.add(block, &mut keep).unwrap();
        }
        change.finish(&mut keep).unwrap();
        out
    }

    #[test]
    fn a_tone_keeps_its_place_its_pitch_and_its_length() {
        let tone = |rate: f64, frames: usize| -> Vec<f32> {
            (0..frames).map(|at| (std::f64::consts::TAU * 1000.0 * at as f64 / rate).sin() as f32 * 0.5).collect()
        };
        for (from, to) in [(44_100, 48_000), (48_000, 44_100), (16_000, 44_100), (48_000, 8_000), (44_100, 22_050)] {
            let out = resampled(&tone(f64::from(from), from as usize), from, to, 1);
            assert_eq!(out.len(), to as usize, "{from} to {to}");
            let wanted = tone(f64::from(to), to as usize);
            let worst = out
                .iter()
                .zip(&wanted)
                .skip(2000)
                .take(to as usize - 4000)
                .map(|(a, b)| (a - b).abs())
                .fold(0.0, f32::max);
            assert!(worst < 1e-3, "{from} to {to}: {worst}");
        }
    }

    #[test]
    fn what_the_new_rate_cannot_hold_is_taken_out() {
        let high: Vec<f32> =
            (0..96_000).map(|at| (std::f64::consts::TAU * 30_000.0 * at as f64 / 96_000.0).sin() as f32).collect();
        let out = resampled(&high, 96_000, 44_100, 1);
        let worst = out[4000..40_000].iter().fold(0.0_f32, |most, sample| most.max(sample.abs()));
        assert!(worst < 1e-5, "{worst}");
    }

    #[test]
    fn channels_stay_apart_and_short_sounds_keep_their_length() {
        let sound: Vec<f32> = (0..50).flat_map(|_| [0.25, 0.0]).collect();
        let out = resampled(&sound, 8_000, 16_000, 2);
        assert_eq!(out.len(), 200);
        assert!(out.iter().skip(1).step_by(2).all(|right| right.abs() < 1e-6));
    }

    #[test]
    fn rates_without_a_common_measure_are_refused() {
        assert!(RateChange::new(1_000_003, 999_983, 1).is_err());
    }
}
