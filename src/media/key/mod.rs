//! The key of a sound: its tonic and mode, with how sure that is, and the tuning.
//!
//! The sound is brought down to about 11 kHz, its spectral peaks are taken from frames of three quarters of a second, and
//! their pitches are gathered: in a histogram of a tenth of a semitone, from which the tuning is read, and moment by moment.
//! Pitch classes, triads and cadences are then held against what each key has of them.

mod chords;
mod decide;
mod decimate;
#[cfg(test)]
pub(super) mod fitting;
mod pitches;
mod weights;

use decimate::Decimator;
use pitches::Pitches;

/// The key of a sound.
#[derive(Debug, Clone, PartialEq)]
pub struct Key {
    /// The tonic: one of C, C#, D, Eb, E, F, F#, G, Ab, A, Bb, B.
    pub tonic: &'static str,
    /// Major or minor.
    pub mode: Mode,
    /// How sure that is, 0 to 1: its share in the odds of all 24 keys.
    pub confidence: f64,
    /// How far the sound is tuned above A = 440 Hz, in hundredths of a semitone, -50 to 50.
    pub tuning_cents: f64,
}

/// The mode of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// With the major third.
    Major,
    /// With the minor third.
    Minor,
}

impl Mode {
    /// `major` or `minor`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Major => "major",
            Self::Minor => "minor",
        }
    }
}

/// Gathers the pitches of a sound and finds its key. Memory grows by some 200 bytes a second.
pub struct KeyFinder {
    decimator: Decimator,
    pitches: Pitches,
}

impl KeyFinder {
    /// A finder for a sound at `rate` Hz.
    #[must_use]
    pub fn new(rate: u32) -> Self {
        let decimator = Decimator::new(rate);
        let pitches = Pitches::new(decimator.rate());
        Self { decimator, pitches }
    }

    /// Takes in the next samples of one channel (the mean of all channels).
    pub fn add(&mut self, mono: &[f32]) {
        let pitches = &mut self.pitches;
        self.decimator.add(mono, |sample| pitches.add(sample));
    }

    /// The key of all that was taken in; `None` where there is no pitch (silence, noise).
    #[must_use]
    pub fn finish(mut self) -> Option<Key> {
        self.pitches.end();
        decide::decide(&self.pitches)
    }
}
