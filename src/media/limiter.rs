//! A limiter with look-ahead that holds the true peak of a sound below a ceiling.

use std::collections::VecDeque;

use super::level::dbfs;
use super::loudness::{Oversampling, REACH};

/// How long the gain takes to come down, and how far the limiter looks ahead, in seconds.
const ATTACK: f64 = 0.005;
/// The time in which a reduction falls to 1/e when it is no longer needed, in seconds.
const RELEASE: f64 = 0.1;
/// A reduction that is less than this is none: 0.0001 dB.
const NONE: f64 = 1e-5;

/// Frames that are looked at together.
const CHUNK: usize = 32;
const LINE: usize = CHUNK + 2 * REACH - 1;

/// Takes down what would peak above a ceiling, by a gain that all channels share and that is never more than 1.
///
/// Peaks are those of [`super::loudness`], between samples too. The gain comes down within 5 ms before a peak, smoothly,
/// and returns with a time constant of 100 ms. Frames come out in their places: a sound that stays below the ceiling comes
/// out as it went in, to the bit.
pub struct Limiter {
    oversampling: Oversampling,
    ceiling: f32,
    channels: usize,
    /// Frames that have not been given out, and those before them that the filter reaches.
    held: Vec<f32>,
    /// Where in `held` the next line to look at begins, in frames.
    line: usize,
    /// Where in `held` the next frame to give out is.
    next: usize,
    /// The highest point of the last frame that was looked at and of the gap before it.
    pending: f32,
    envelope: Envelope,
    gains: Vec<f32>,
    /// Frames of padding at the start that are not to be given out.
    skip: usize,
    taken: u64,
    given: u64,
    limited: u64,
    least: f32,
}

impl Limiter {
    /// For `channels` interleaved channels at `rate` Hz, with the ceiling as an amplitude.
    #[must_use]
    pub fn new(rate: u32, channels: usize, ceiling: f64) -> Self {
        let envelope = Envelope::new(rate);
        // So much silence is put before the sound that the gain can have come down when it begins.
        let skip = envelope.ahead;
        Self {
            oversampling: Oversampling::new(rate),
            ceiling: ceiling as f32,
            channels,
            held: vec![0.0; (REACH - 1 + skip) * channels],
            line: 0,
            next: REACH - 1,
            pending: 0.0,
            envelope,
            gains: Vec::new(),
            skip,
            taken: 0,
            given: 0,
            limited: 0,
            least: 1.0,
        }
    }

    /// Takes in whole frames, and appends to `out` those that are done.
    pub fn add(&mut self, samples: &[f32], out: &mut Vec<f32>) {
        self.taken += (samples.len() / self.channels) as u64;
        self.feed(samples, out);
    }

    /// Appends the rest to `out`.
    pub fn finish(&mut self, out: &mut Vec<f32>) {
        let padding = vec![0.0; CHUNK * self.channels];
        while self.given < self.taken {
            self.feed(&padding, out);
        }
    }

    /// The most that a frame was taken down by, in dB; 0 where nothing was.
    #[must_use]
    pub fn most_reduction_db(&self) -> f64 {
        -dbfs(self.least.into()).unwrap_or_default().min(0.0)
    }

    /// Frames that were taken down.
    #[must_use]
    pub fn limited(&self) -> u64 {
        self.limited
    }

    fn feed(&mut self, samples: &[f32], out: &mut Vec<f32>) {
        self.held.extend_from_slice(samples);
        let frames = self.held.len() / self.channels;
        self.gains.clear();
        while self.line + LINE <= frames {
            self.look();
            self.line += CHUNK;
        }
        let skip = self.skip.min(self.gains.len());
        self.skip -= skip;
        let left = usize::try_from(self.taken - self.given).unwrap_or(usize::MAX);
        let first = self.next + skip;
        self.next += self.gains.len();
        for (frame, gain) in
            self.held[first * self.channels..].chunks_exact(self.channels).zip(&self.gains[skip..]).take(left)
        {
            out.extend(frame.iter().map(|sample| sample * gain));
            self.given += 1;
            self.limited += u64::from(*gain < 1.0);
            self.least = self.least.min(*gain);
        }
        let done = self.line.min(self.next);
        self.held.drain(..done * self.channels);
        self.line -= done;
        self.next -= done;
    }

    /// Finds what the frames of one line need.
    fn look(&mut self) {
        let frames = &self.held[self.line * self.channels..(self.line + LINE) * self.channels];
        let mut before = [0.0_f32; CHUNK];
        let highest = frames.iter().fold(0.0_f32, |most, sample| if sample.abs() > most { sample.abs() } else { most });
        if highest * self.oversampling.bound() > self.ceiling {
            let (mut line, mut peaks) = ([0.0; LINE], [0.0; CHUNK]);
            for channel in 0..self.channels {
                for (to, from) in line.iter_mut().zip(frames.iter().skip(channel).step_by(self.channels)) {
                    *to = *from;
                }
                self.oversampling.peaks(&line, &mut peaks);
                before.iter_mut().zip(peaks).for_each(|(before, peak)| *before = before.max(peak));
            }
        } else if self.pending <= self.ceiling && self.envelope.rests() {
            self.pending = highest;
            self.gains.resize(self.gains.len() + self.envelope.rest(CHUNK), 1.0);
            return;
        }
        for (before, frame) in before.iter().zip(frames.chunks_exact(self.channels).skip(REACH)) {
            let peak = self.pending.max(*before);
            self.pending = frame.iter().fold(*before, |most, sample| most.max(sample.abs()));
            let need = if peak > self.ceiling { 1.0 - f64::from(self.ceiling) / f64::from(peak) } else { 0.0 };
            self.gains.extend(self.envelope.add(need).map(|reduction| (1.0 - reduction) as f32));
        }
    }
}

/// From the reduction that every frame needs, a smooth one that is nowhere less.
struct Envelope {
    /// Frames that the reduction of one depends on.
    ahead: usize,
    /// The reductions of the frames ahead that no later one outdoes, with their places.
    highest: VecDeque<(u64, f64)>,
    taken: u64,
    held: f64,
    decay: f64,
    /// One after the other they are as long as the look-ahead, so that their mean is of frames that all know the peak.
    smooth: [Mean; 2],
}

impl Envelope {
    fn new(rate: u32) -> Self {
        let half = ((ATTACK * f64::from(rate) / 2.0) as usize).max(1);
        Self {
            ahead: 2 * half - 1,
            highest: VecDeque::new(),
            taken: 0,
            held: 0.0,
            decay: (-1.0 / (RELEASE * f64::from(rate))).exp(),
            smooth: [Mean::new(half), Mean::new(half)],
        }
    }

    /// Takes in what the next frame needs; tells the reduction of the frame `ahead - 1` before it, once there is one.
    fn add(&mut self, need: f64) -> Option<f64> {
        while self.highest.back().is_some_and(|(_, other)| *other <= need) {
            self.highest.pop_back();
        }
        if need > 0.0 {
            self.highest.push_back((self.taken, need));
        }
        self.taken += 1;
        let frame = self.taken.checked_sub(self.ahead as u64)?;
        while self.highest.front().is_some_and(|(place, _)| *place < frame) {
            self.highest.pop_front();
        }
        let need = self.highest.front().map_or(0.0, |(_, need)| *need);
        self.held = need.max(if self.held > NONE { self.held * self.decay } else { 0.0 });
        let [first, second] = &mut self.smooth;
        Some(second.add(first.add(self.held)))
    }

    /// Whether nothing is taken down, and nothing is known that will have to be.
    fn rests(&self) -> bool {
        self.highest.is_empty() && self.held == 0.0 && self.smooth.iter().all(|mean| mean.busy == 0)
    }

    /// Takes in so many frames that need nothing, at rest; tells how many frames are ready with no reduction.
    fn rest(&mut self, frames: usize) -> usize {
        let before = self.taken.min(self.ahead as u64 - 1);
        self.taken += frames as u64;
        frames - (self.taken.min(self.ahead as u64 - 1) - before) as usize
    }
}

/// The mean of the last values.
struct Mean {
    ring: Box<[f64]>,
    at: usize,
    sum: f64,
    /// Values that are not zero: when there are none, neither is the sum, whatever rounding has left in it.
    busy: usize,
}

impl Mean {
    fn new(length: usize) -> Self {
        Self { ring: vec![0.0; length].into(), at: 0, sum: 0.0, busy: 0 }
    }

    fn add(&mut self, value: f64) -> f64 {
        let old = std::mem::replace(&mut self.ring[self.at], value);
        self.at = (self.at + 1) % self.ring.len();
        self.busy = self.busy + usize::from(value != 0.0) - usize::from(old != 0.0);
        self.sum = if self.busy == 0 { 0.0 } else { self.sum + value - old };
        self.sum / self.ring.len() as f64
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test whose sound has no peak has failed")]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::media::level::amplitude;
    use crate::media::loudness::Loudness;

    fn limited(sound: &[f32], rate: u32, channels: usize, ceiling: f64, block: usize) -> Vec<f32> {
        let mut limiter = Limiter::new(rate, channels, ceiling);
        let mut out = Vec::new();
        sound.chunks(block * channels).for_each(|block| limiter.add(block, &mut out));
        limiter.finish(&mut out);
        assert_eq!(out.len(), sound.len());
        out
    }

    fn true_peak(sound: &[f32], rate: u32, channels: usize) -> f64 {
        let mut meter = Loudness::new(rate, channels);
        meter.add(sound);
        meter.finish().true_peak_dbtp.unwrap()
    }

    #[derive(Debug, Clone, Copy)]
    enum Wave {
        Noise,
        Square,
        Clicks,
        /// A tone whose peaks lie between its samples.
        Between,
        /// Full-scale samples that alternate, with a break that makes the highest peak between samples.
        Alternating,
        Bursts,
    }

    fn wave(wave: Wave, gain: f32, seed: u32, frames: usize) -> Vec<f32> {
        let mut state = seed;
        let mut random = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / 8_388_608.0 - 1.0
        };
        let period = 2 + seed as usize % 90;
        (0..frames)
            .map(|at| {
                let noise = random();
                gain * match wave {
                    Wave::Noise => noise,
                    Wave::Square => {
                        if (at / period).is_multiple_of(2) {
                            1.0
                        } else {
                            -1.0
                        }
                    }
                    Wave::Clicks => {
                        if noise > 0.995 {
                            1.0
                        } else {
                            0.01 * noise
                        }
                    }
                    Wave::Between => (at as f32 * std::f32::consts::FRAC_PI_2 + 0.785).sin(),
                    Wave::Alternating => {
                        if (at + at / (3 * period)).is_multiple_of(2) {
                            1.0
                        } else {
                            -1.0
                        }
                    }
                    Wave::Bursts => {
                        if (at / (50 * period)).is_multiple_of(2) {
                            noise
                        } else {
                            0.02 * noise
                        }
                    }
                }
            })
            .collect()
    }

    fn waves() -> impl Strategy<Value = Wave> {
        prop_oneof![
            Just(Wave::Noise),
            Just(Wave::Square),
            Just(Wave::Clicks),
            Just(Wave::Between),
            Just(Wave::Alternating),
            Just(Wave::Bursts)
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn no_sound_peaks_above_the_ceiling_and_no_gain_is_above_one(
            kind in waves(), gain in 0.5_f32..8.0, seed in any::<u32>(), rate in prop_oneof![Just(8_000), Just(44_100), Just(96_000)],
            channels in 1_usize..3, block in 1_usize..3000,
        ) {
            let sound = wave(kind, gain, seed, 6000);
            let ceiling_dbtp = -1.0;
            let out = limited(&sound, rate, channels, amplitude(ceiling_dbtp), block);
            let peak = true_peak(&out, rate, channels);
            prop_assert!(peak <= ceiling_dbtp + 0.1, "{peak} dBTP");
            prop_assert!(out.iter().zip(&sound).all(|(out, sample)| out.abs() <= sample.abs() && out * sample >= 0.0));
        }
    }

    #[test]
    fn a_sound_below_the_ceiling_comes_out_to_the_bit() {
        for block in [1, 31, 1000, 5000] {
            let sound = wave(Wave::Noise, 0.3, 5, 5000);
            assert!(limited(&sound, 48_000, 2, 0.9, block) == sound, "in blocks of {block}");
        }
    }

    #[test]
    fn a_peak_is_taken_down_around_itself_and_nowhere_else() {
        let mut sound = wave(Wave::Noise, 0.1, 5, 100_000);
        sound[50_000] = 2.0;
        let out = limited(&sound, 48_000, 1, 0.5, 777);
        let changed: Vec<usize> = (0..sound.len()).filter(|at| out[*at] != sound[*at]).collect();
        let (first, last) = (*changed.first().unwrap(), *changed.last().unwrap());
        assert!((50_000 - first) as f64 <= 0.006 * 48_000.0, "{first}");
        assert!(last > 50_000 && (last - 50_000) as f64 <= 12.0 * RELEASE * 48_000.0, "{last}");
        assert!((f64::from(out[50_000]) - 0.5).abs() < 0.01, "{}", out[50_000]);
    }

    #[test]
    fn all_channels_are_taken_down_alike() {
        let sound: Vec<f32> = wave(Wave::Between, 2.0, 1, 4000).into_iter().flat_map(|left| [left, 0.1]).collect();
        let out = limited(&sound, 48_000, 2, 0.5, 100);
        assert!((2000..6000).step_by(2).all(|at| (out[at] / sound[at] - out[at + 1] / sound[at + 1]).abs() < 1e-6));
    }
}
