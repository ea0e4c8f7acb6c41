//! Silence at the ends of a sound, to the sample.

use super::Span;
use crate::media::error::MediaError;
use crate::media::level::amplitude;

/// Silence to take off both ends.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Trim {
    /// What is below this level in every channel is silence, in dBFS.
    pub below_dbfs: f64,
    /// How much of the silence stays before the first and after the last sound, in seconds.
    pub keep: f64,
}

/// Finds the first and the last frame of a stream that sound.
#[derive(Debug, Clone)]
pub struct Sounding {
    trim: Trim,
    channels: usize,
    threshold: f32,
    frames: u64,
    found: Option<Span>,
}

impl Sounding {
    /// For a stream of `channels` interleaved channels.
    #[must_use]
    pub fn new(trim: Trim, channels: usize) -> Self {
        Self { trim, channels, threshold: amplitude(trim.below_dbfs) as f32, frames: 0, found: None }
    }

    /// Takes in whole frames.
    pub fn add(&mut self, samples: &[f32]) {
        let sounds = |frame: &[f32]| frame.iter().any(|sample| sample.abs() >= self.threshold);
        let count = (samples.len() / self.channels) as u64;
        if let Some(last) = samples.chunks_exact(self.channels).rposition(sounds) {
            let end = self.frames + last as u64 + 1;
            let start = match self.found {
                Some(found) => found.start,
                None => self.frames + samples.chunks_exact(self.channels).position(sounds).unwrap_or(last) as u64,
            };
            self.found = Some(Span { start, end });
        }
        self.frames += count;
    }

    /// What is to stay, of a stream at `rate` Hz.
    ///
    /// # Errors
    /// [`MediaError::Damaged`] where all of it is silence.
    pub fn kept(&self, rate: u32) -> Result<Span, MediaError> {
        let Some(found) = self.found else {
            let below = self.trim.below_dbfs;
            return Err(MediaError::damaged(format!("all of it is below {below} dBFS, trimming would leave nothing")));
        };
        let keep = (self.trim.keep * f64::from(rate)).round() as u64;
        Ok(Span { start: found.start.saturating_sub(keep), end: found.end.saturating_add(keep).min(self.frames) })
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that finds no sound has failed")]
mod tests {
    use super::*;

    const TRIM: Trim = Trim { below_dbfs: -40.0, keep: 0.0 };

    #[test]
    fn the_first_and_the_last_sound_are_found_in_blocks_of_any_size() {
        let mut sound = vec![0.001_f32; 2000];
        sound[2 * 300 + 1] = -0.011;
        sound[2 * 400] = 0.5;
        sound[2 * 700] = 0.009;
        for size in [1, 7, 64, 1000] {
            let mut sounding = Sounding::new(TRIM, 2);
            sound.chunks(2 * size).for_each(|block| sounding.add(block));
            assert_eq!(sounding.kept(1000).unwrap(), Span { start: 300, end: 401 }, "blocks of {size}");
        }
    }

    #[test]
    fn what_is_kept_ends_where_the_sound_does() {
        let mut sounding = Sounding::new(Trim { keep: 0.08, ..TRIM }, 1);
        sounding.add(&[0.0; 100]);
        sounding.add(&[1.0; 10]);
        sounding.add(&[0.0; 50]);
        assert_eq!(sounding.kept(1000).unwrap(), Span { start: 20, end: 160 });
    }

    #[test]
    fn of_silence_nothing_would_be_left() {
        let mut sounding = Sounding::new(TRIM, 1);
        sounding.add(&[0.0099; 500]);
        assert!(sounding.kept(1000).is_err());
    }
}
