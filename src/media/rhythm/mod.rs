//! Onsets, tempo and beats of a sound, from the power spectra that other figures share.
//!
//! Memory grows with the length by eight bytes a frame (about 700 bytes a second); the time is linear in the length.

mod beats;
#[cfg(test)]
mod fitting;
mod flux;
mod metre;
mod onsets;
mod phase;
mod repeats;
mod tempo;

use super::spectrum::Frames;
use flux::{Flux, Novelty};

/// What the rhythm of a sound is.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RhythmFigures {
    /// The times at which a note or a stroke begins, in seconds, in order.
    pub onsets_s: Vec<f64>,
    /// The tempo; `None` where the sound has none (silence, noise, a held tone, less than a few beats).
    pub tempo: Option<Tempo>,
}

/// The tempo of a sound and its beats.
#[derive(Debug, Clone, PartialEq)]
pub struct Tempo {
    /// Beats a minute.
    pub bpm: f64,
    /// How sure that is, 0 to 1: how regular the sound is, and how far the tempo is ahead of the next best.
    pub confidence: f64,
    /// Other tempi at which one could tap along (half, double and the like), the best first.
    pub alternatives_bpm: Vec<f64>,
    /// The times of the beats, in seconds, in order.
    pub beats_s: Vec<f64>,
}

/// Gathers the rhythm of a sound from its spectra.
pub struct Rhythm {
    flux: Flux,
    frames_per_s: f64,
}

impl Rhythm {
    /// A gatherer for a sound at `rate` Hz of which it is given every frame: frame `k` is centred at sample `k * hop`.
    /// Frames of about 46 ms, a quarter of that apart (2048 and 512 at 44.1 kHz), serve best.
    #[must_use]
    pub fn new(rate: u32, frames: Frames) -> Self {
        Self { flux: Flux::new(rate, frames), frames_per_s: f64::from(rate.max(1)) / frames.hop.max(1) as f64 }
    }

    /// Takes in the power spectrum of the next frame: `size / 2 + 1` bins, Hann window, 1 for a sine of full scale.
    pub fn add(&mut self, power: &[f32]) {
        self.flux.add(power);
    }

    /// The figures of all that was taken in.
    #[must_use]
    pub fn finish(self) -> RhythmFigures {
        let novelty: Novelty = self.flux.finish();
        let onsets = onsets::pick(&novelty, self.frames_per_s);
        let tempo = tempo::decide(&novelty, self.frames_per_s).and_then(|found| {
            let beats = beats::track(&novelty, found.period);
            let bpm = beats::fitted_bpm(&beats, found.period, self.frames_per_s);
            let scale = bpm / (60.0 * self.frames_per_s / found.period);
            (beats.len() >= 4).then(|| Tempo {
                bpm,
                confidence: found.confidence,
                alternatives_bpm: found.others.iter().map(|period| 60.0 * self.frames_per_s / period * scale).collect(),
                beats_s: beats.iter().map(|at| (at / self.frames_per_s).max(0.0)).collect(),
            })
        });
        RhythmFigures { onsets_s: onsets, tempo }
    }
}
