//! What is remembered of a sound to plan its cuts: four bytes for every 10 ms.

use super::floor::Floor;
use super::listen::{Listener, MOMENTS};
use crate::media::error::MediaError;
use crate::media::source::Source;

/// A decibel is so many steps of a remembered level.
const LEVEL_STEPS: f32 = 2.0;

/// The level that is remembered as zero, in dBFS.
const LEAST_DBFS: f32 = -120.0;

/// A decibel is so many steps of a remembered score.
const SCORE_STEPS: f32 = 8.0;

/// Gathers a [`Track`] from a stream of interleaved samples.
pub struct Tracker {
    rate: u32,
    channels: usize,
    frames: u64,
    /// The largest sample of the moment that is not complete.
    peak: f32,
    voice: Option<(Listener, Floor)>,
    track: Track,
}

/// The levels of a sound, and how much it sounds like a voice, every 10 ms.
#[derive(Debug, Clone, Default)]
pub struct Track {
    rate: u32,
    frames: u64,
    /// The largest sample of any channel.
    peaks: Vec<u8>,
    /// The power in the bands of a voice.
    powers: Vec<u8>,
    /// By how much it stands out of the noise.
    scores: Vec<u8>,
    /// How periodic it is.
    voicings: Vec<u8>,
}

impl Tracker {
    /// For a stream of `channels` interleaved channels at `rate` Hz; with `voice`, the measures of a voice are taken too.
    #[must_use]
    pub fn new(rate: u32, channels: usize, voice: bool) -> Self {
        let voice = voice.then(|| (Listener::new(rate, channels), Floor::default()));
        Self { rate, channels, frames: 0, peak: 0.0, voice, track: Track { rate, ..Track::default() } }
    }

    /// Takes in whole frames.
    pub fn add(&mut self, samples: &[f32]) {
        let mut rest = samples;
        while !rest.is_empty() {
            let next = ((self.track.peaks.len() as u64 + 1) * u64::from(self.rate)).div_ceil(MOMENTS);
            let frames = (next - self.frames).min((rest.len() / self.channels) as u64);
            let (these, others) = rest.split_at(frames as usize * self.channels);
            self.peak = these.iter().fold(self.peak, |most, sample| most.max(sample.abs()));
            self.frames += frames;
            if self.frames == next {
                self.track.peaks.push(level(20.0 * self.peak.log10()));
                self.peak = 0.0;
            }
            rest = others;
        }
        if let Some((listener, floor)) = &mut self.voice {
            let track = &mut self.track;
            listener.add(samples, |moment| {
                track.powers.push(level(10.0 * moment.bands.iter().sum::<f32>().log10()));
                track.voicings.push((moment.voicing * 255.0) as u8);
                floor.add(&moment.bands, |score| track.scores.push((score * SCORE_STEPS) as u8));
            });
        }
    }

    /// Ends the stream.
    #[must_use]
    pub fn finish(self) -> Track {
        let Self { rate, frames, peak, voice, mut track, .. } = self;
        if frames > (track.peaks.len() as u64 * u64::from(rate)).div_ceil(MOMENTS) {
            track.peaks.push(level(20.0 * peak.log10()));
        }
        track.frames = frames;
        if let Some((listener, mut floor)) = voice {
            listener.finish(|moment| {
                track.powers.push(level(10.0 * moment.bands.iter().sum::<f32>().log10()));
                track.voicings.push((moment.voicing * 255.0) as u8);
                floor.add(&moment.bands, |score| track.scores.push((score * SCORE_STEPS) as u8));
            });
            floor.finish(|score| track.scores.push((score * SCORE_STEPS) as u8));
        }
        track
    }
}

impl Track {
    /// Reads the whole of `from`; with `voice`, the measures of a voice are taken too.
    ///
    /// # Errors
    /// Those of [`Source::open`] and [`crate::media::SoundReader::next_block`].
    pub fn of(from: &Source, voice: bool) -> Result<Self, MediaError> {
        let mut sound = from.open()?;
        let mut tracker = Tracker::new(sound.info().sample_rate, sound.info().channels, voice);
        while let Some(block) = sound.next_block()? {
            tracker.add(block);
        }
        Ok(tracker.finish())
    }

    /// Frames of the sound.
    #[must_use]
    pub fn frames(&self) -> u64 {
        self.frames
    }

    /// Moments of 10 ms, the last one perhaps in part.
    #[must_use]
    pub fn moments(&self) -> usize {
        self.peaks.len()
    }

    /// The frame that the moment `at` begins with; that after the last is the length of the sound.
    #[must_use]
    pub fn frame(&self, at: usize) -> u64 {
        (at as u64 * u64::from(self.rate)).div_ceil(MOMENTS).min(self.frames)
    }

    /// The largest sample of any channel in the moment `at`, in dBFS, in steps of half a decibel.
    pub(super) fn peak_dbfs(&self, at: usize) -> f32 {
        f32::from(self.peaks[at]) / LEVEL_STEPS + LEAST_DBFS
    }

    /// The power in the bands of a voice in the moment `at`, in dBFS; the peak, where no voice was listened for.
    pub(super) fn power_dbfs(&self, at: usize) -> f32 {
        self.powers.get(at).map_or_else(|| self.peak_dbfs(at), |power| f32::from(*power) / LEVEL_STEPS + LEAST_DBFS)
    }

    /// By how many decibels the moment `at` stands out of the noise, as a mean over the bands of a voice.
    pub(super) fn score(&self, at: usize) -> f32 {
        self.scores.get(at).map_or(0.0, |score| f32::from(*score) / SCORE_STEPS)
    }

    /// How periodic the moment `at` is, 0 to 1.
    pub(super) fn voicing(&self, at: usize) -> f32 {
        self.voicings.get(at).map_or(0.0, |voicing| f32::from(*voicing) / 255.0)
    }
}

fn level(dbfs: f32) -> u8 {
    // Casting saturates, and takes what is no number for zero.
    ((dbfs - LEAST_DBFS) * LEVEL_STEPS).round() as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_a_moment_for_every_10_ms_begun_at_any_rate() {
        for (rate, frames, moments) in
            [(44_100, 44_100, 100), (22_050, 22_051, 101), (8000, 1, 1), (11_025, 1103, 10), (11_025, 1104, 11)]
        {
            let mut tracker = Tracker::new(rate, 2, true);
            vec![0.1; frames * 2].chunks(300).for_each(|block| tracker.add(block));
            let track = tracker.finish();
            assert_eq!(track.moments(), moments, "{frames} frames at {rate} Hz");
            assert_eq!([track.powers.len(), track.scores.len(), track.voicings.len()], [moments; 3], "{rate} Hz");
            assert_eq!((track.frame(moments), track.frames()), (frames as u64, frames as u64));
            assert!((track.peak_dbfs(moments - 1) + 20.0).abs() <= 0.25, "{rate} Hz");
        }
    }
}
