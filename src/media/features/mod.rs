//! What a sound is like, in figures over its frames.
//!
//! All are measured on the one channel of [`super::channels::mix`], in the frames of [`Frames::for_rate`]. Where a definition is librosa's
//! (0.11), the figures are equal to librosa's within a thousandth for the same frames (`n_fft` and `hop_length`).
//!
//! | name | is | definition |
//! |---|---|---|
//! | `spectral_centroid` | Hz: mean frequency, weighted by magnitude | `librosa.feature.spectral_centroid` |
//! | `spectral_bandwidth` | Hz: deviation from the centroid, weighted by magnitude | `librosa.feature.spectral_bandwidth` |
//! | `spectral_rolloff` | Hz: 85 % of the magnitude lie below | `librosa.feature.spectral_rolloff` |
//! | `spectral_flatness` | 0 (tone) to 1 (noise): geometric over arithmetic mean of the power | `librosa.feature.spectral_flatness` |
//! | `spectral_flux` | 0 to 1.41: distance between the magnitudes of neighbouring frames, both scaled to the length 1 | Tzanetakis and Cook (2002), with the root taken |
//! | `zero_crossing_rate` | changes of sign in a sample | `librosa.feature.zero_crossing_rate` |
//! | `rms` | root mean square; 1 is full scale | `librosa.feature.rms` |
//! | `mfcc_0` to `mfcc_12` | mel-frequency cepstral coefficients | `librosa.feature.mfcc` with `n_mfcc=13`; over 8192 frames an even sample of them |
//! | `chroma_C` to `chroma_B` | 0 to 1: strength of the pitch class | `librosa.feature.chroma_stft` with `tuning=0.0` |
//!
//! Frames that are digital silence count for `rms` and `zero_crossing_rate` only: they have no spectrum.

mod chroma;
mod mel;
mod spectral;
pub mod statistics;
mod temporal;
mod tuning;

use indexmap::IndexMap;

use self::chroma::Chroma;
pub use self::chroma::PITCH_CLASSES;
use self::mel::{COEFFICIENTS, Cepstrum};
use self::spectral::{Shape, Shapes};
use self::statistics::{Distribution, Statistics};
use self::temporal::Temporal;
use self::tuning::Tuning;
use super::spectrum::Frames;

/// Gathers the features of a sound of one channel.
#[derive(Debug, Clone)]
pub struct Features {
    /// Hz from one bin to the next.
    step: f64,
    shapes: Shapes,
    cepstrum: Cepstrum,
    chroma: Chroma,
    tuning: Tuning,
    temporal: Temporal,
    centroid: Distribution,
    bandwidth: Distribution,
    rolloff: Distribution,
    flatness: Distribution,
    flux: Distribution,
    crossings: Distribution,
    rms: Distribution,
    classes: [Distribution; 12],
}

/// The features of a sound.
#[derive(Debug, Clone, PartialEq)]
pub struct FeatureFigures {
    /// Each by its name; `None` where nothing has one, as the spectrum of digital silence.
    pub statistics: IndexMap<String, Option<Statistics>>,
    /// How many cents the tones lie above (or below) a scale on A = 440 Hz, from -50 to 49; as `librosa.estimate_tuning`,
    /// but in cents. `None` without tones.
    pub tuning_cents: Option<f64>,
}

impl Features {
    /// For a sound at `rate` Hz whose spectra are cut by `frames`; half a frame must be a whole number of hops.
    #[must_use]
    pub fn new(rate: u32, frames: Frames) -> Self {
        let bins = frames.size / 2 + 1;
        Self {
            step: f64::from(rate) / frames.size as f64,
            shapes: Shapes::new(bins),
            cepstrum: Cepstrum::new(bins, rate),
            chroma: Chroma::new(bins, rate),
            tuning: Tuning::new(bins, rate),
            temporal: Temporal::new(frames),
            centroid: Distribution::default(),
            bandwidth: Distribution::default(),
            rolloff: Distribution::default(),
            flatness: Distribution::default(),
            flux: Distribution::default(),
            crossings: Distribution::default(),
            rms: Distribution::default(),
            classes: Default::default(),
        }
    }

    /// Takes in samples of the one channel.
    pub fn add_samples(&mut self, samples: &[f32]) {
        let (rms, crossings) = (&mut self.rms, &mut self.crossings);
        self.temporal.add(samples, |moment| {
            rms.add(moment.rms);
            crossings.add(moment.crossings);
        });
    }

    /// Takes in the power spectrum of the next frame; see [`super::spectrum::Spectrum`].
    pub fn add_power(&mut self, power: &[f32]) {
        let Some(Shape { centroid, bandwidth, rolloff, flatness, flux }) = self.shapes.take(power) else { return };
        self.centroid.add(centroid * self.step);
        self.bandwidth.add(bandwidth * self.step);
        self.rolloff.add(rolloff as f64 * self.step);
        self.flatness.add(flatness);
        if let Some(flux) = flux {
            self.flux.add(flux);
        }
        self.cepstrum.add(power);
        if let Some(chroma) = self.chroma.of(power) {
            self.classes.iter_mut().zip(chroma).for_each(|(class, strength)| class.add(strength));
        }
        self.tuning.add(power);
    }

    /// The figures, when all samples and frames have been taken in.
    #[must_use]
    pub fn finish(mut self) -> FeatureFigures {
        let (rms, crossings) = (&mut self.rms, &mut self.crossings);
        self.temporal.finish(|moment| {
            rms.add(moment.rms);
            crossings.add(moment.crossings);
        });
        let mut cepstrum: [Distribution; COEFFICIENTS] = Default::default();
        self.cepstrum.finish(|coefficients| {
            cepstrum.iter_mut().zip(coefficients).for_each(|(all, coefficient)| all.add(*coefficient));
        });
        let named = [
            ("spectral_centroid", self.centroid),
            ("spectral_bandwidth", self.bandwidth),
            ("spectral_rolloff", self.rolloff),
            ("spectral_flatness", self.flatness),
            ("spectral_flux", self.flux),
            ("zero_crossing_rate", self.crossings),
            ("rms", self.rms),
        ];
        let named = named.into_iter().map(|(name, all)| (name.to_owned(), all));
        let cepstrum = cepstrum.into_iter().enumerate().map(|(at, all)| (format!("mfcc_{at}"), all));
        let classes = PITCH_CLASSES.iter().zip(self.classes).map(|(class, all)| (format!("chroma_{class}"), all));
        let statistics = named.chain(cepstrum).chain(classes).map(|(name, all)| (name, all.finish())).collect();
        FeatureFigures { statistics, tuning_cents: self.tuning.finish() }
    }
}
