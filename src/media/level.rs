//! Peak and mean level of a sound.

/// The level of an amplitude in dBFS, where 0 is an amplitude of 1. `None` for silence, which has no level.
#[must_use]
pub fn dbfs(amplitude: f64) -> Option<f64> {
    (amplitude > 0.0).then(|| 20.0 * amplitude.log10())
}

/// The amplitude of a level in dBFS.
#[must_use]
pub fn amplitude(dbfs: f64) -> f64 {
    10_f64.powf(dbfs / 20.0)
}

/// Gathers peak and mean level over the samples of all channels.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Level {
    peak: f32,
    squares: f64,
    samples: u64,
}

impl Level {
    /// Takes in some samples, of any channels.
    pub fn add(&mut self, samples: &[f32]) {
        let mut squares = 0.0;
        for sample in samples {
            self.peak = self.peak.max(sample.abs());
            squares += f64::from(*sample) * f64::from(*sample);
        }
        self.squares += squares;
        self.samples += samples.len() as u64;
    }

    /// The largest amplitude of any sample.
    #[must_use]
    pub fn peak(&self) -> f32 {
        self.peak
    }

    /// The largest amplitude of any sample, in dBFS; `None` for silence.
    #[must_use]
    pub fn peak_dbfs(&self) -> Option<f64> {
        dbfs(self.peak.into())
    }

    /// The root of the mean square over all samples of all channels, in dBFS (a full-scale square wave is 0, a sine -3);
    /// `None` for silence.
    #[must_use]
    pub fn rms_dbfs(&self) -> Option<f64> {
        if self.samples == 0 {
            return None;
        }
        dbfs((self.squares / self.samples as f64).sqrt())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn full_scale_is_zero_and_half_is_six_below() {
        let mut level = Level::default();
        level.add(&[0.5, -0.5]);
        assert!(level.peak_dbfs().is_some_and(|dbfs| (dbfs + 6.0206).abs() < 1e-3));
        assert!(level.rms_dbfs().is_some_and(|dbfs| (dbfs + 6.0206).abs() < 1e-3));
        level.add(&[-1.0]);
        assert_eq!(level.peak_dbfs(), Some(0.0));
    }

    #[test]
    fn silence_has_no_level() {
        let mut level = Level::default();
        assert_eq!((level.peak_dbfs(), level.rms_dbfs()), (None, None));
        level.add(&[0.0; 8]);
        assert_eq!((level.peak_dbfs(), level.rms_dbfs()), (None, None));
    }
}
