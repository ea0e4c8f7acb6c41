//! Loudness by EBU R 128 and ITU-R BS.1770-4: how loud a listener finds a sound, and how high its waveform goes.
//!
//! Channels are taken in the order of WAV files: L R C LFE Ls Rs; see [`Loudness::new`] for their weights.

mod gate;
mod oversample;
mod true_peak;
mod weighting;

pub(super) use oversample::{Oversampling, REACH};

use gate::Windows;
use true_peak::TruePeak;
use weighting::Weighting;

use super::level::dbfs;

/// What a sound measures. A figure is `None` where it is not defined: for digital silence, for sounds that the gates
/// leave nothing of, and for sounds shorter than its window.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct LoudnessFigures {
    /// Loudness of the whole, gated at -70 LUFS and at 10 LU below the mean, in LUFS. Needs 0.4 s.
    pub integrated_lufs: Option<f64>,
    /// Loudness range, in LU (EBU Tech 3342): from the 10th to the 95th percentile of the short-term loudness. Needs 3 s.
    pub range_lu: Option<f64>,
    /// The highest loudness of any 0.4 s, in LUFS, in steps of 10 ms.
    pub momentary_max_lufs: Option<f64>,
    /// The highest loudness of any 3 s, in LUFS, in steps of 10 ms.
    pub short_term_max_lufs: Option<f64>,
    /// The highest point of the waveform, between samples too, in dBTP: BS.1770 Annex 2, oversampled four times below
    /// 96 kHz, twice below 192 kHz, and not at all from there on.
    pub true_peak_dbtp: Option<f64>,
    /// The largest sample, in dBFS.
    pub sample_peak_dbfs: Option<f64>,
}

/// Measures the loudness of a stream of interleaved samples. Takes 0.15 MB for an hour of sound.
pub struct Loudness {
    weighting: Weighting,
    windows: Windows,
    true_peak: TruePeak,
    channels: usize,
}

impl Loudness {
    /// For `channels` interleaved channels at `rate` Hz.
    ///
    /// Every channel counts alike, but for surrounds to the sides (+1.5 dB) and the LFE (not at all), which are
    /// taken to be there in sounds of 4 (L R Ls Rs), 5 (L R C Ls Rs), 6 (L R C LFE Ls Rs), 7 (... back, sides) and 8
    /// channels (... backs, sides). A sound of one channel is that of one loudspeaker: as stereo, with both the same, it
    /// measures 3.01 LU more.
    #[must_use]
    pub fn new(rate: u32, channels: usize) -> Self {
        Self {
            weighting: Weighting::new(rate, channels),
            windows: Windows::new(rate),
            true_peak: TruePeak::new(rate, channels),
            channels,
        }
    }

    /// Takes in whole frames of interleaved samples, full scale at -1 to 1.
    pub fn add(&mut self, samples: &[f32]) {
        self.true_peak.add(samples);
        let mut rest = samples;
        while !rest.is_empty() {
            let frames = self.windows.wanted().min(rest.len() / self.channels);
            let (now, later) = rest.split_at(frames * self.channels);
            self.windows.add(self.weighting.energy(now), frames);
            rest = later;
        }
    }

    /// What the sound measures.
    #[must_use]
    pub fn finish(mut self) -> LoudnessFigures {
        let (true_peak, sample_peak) = self.true_peak.finish();
        LoudnessFigures {
            true_peak_dbtp: dbfs(true_peak.into()),
            sample_peak_dbfs: dbfs(sample_peak.into()),
            ..self.windows.finish()
        }
    }
}
