//! How frequencies lie on the height of a spectrogram.

use crate::media::plot::{frequencies, frequency_text, round};

/// How frequencies lie on the height of a spectrogram.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Scale {
    /// As the ear hears them (mel, O'Shaughnessy 1987): even up to about 700 Hz, then by octaves.
    #[default]
    Mel,
    /// Every hertz takes the same height.
    Linear,
    /// Every octave takes the same height.
    Log,
}

/// A range of frequencies on a scale.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Band {
    scale: Scale,
    from: f64,
    to: f64,
}

/// Where a logarithmic scale begins if nothing is said.
const LOG_FROM_HZ: f64 = 20.0;

impl Band {
    /// From `from` to `to` Hz of a sound at `rate` Hz: from 0 (20 on a logarithmic scale) to half the rate where nothing is
    /// said, or what is said lies outside or the wrong way round.
    pub(super) fn new(scale: Scale, from: Option<f64>, to: Option<f64>, rate: u32) -> Self {
        let top = f64::from(rate.max(2)) / 2.0;
        let to = to.filter(|to| *to > 0.0).map_or(top, |to| to.min(top));
        let least = if scale == Scale::Log { LOG_FROM_HZ.min(to / 2.0) } else { 0.0 };
        let from = from.map_or(least, |from| if scale == Scale::Log { from.max(1.0) } else { from.max(0.0) });
        Self { scale, from: if from < to { from } else { least }, to }
    }

    fn warp(self, hertz: f64) -> f64 {
        match self.scale {
            Scale::Linear => hertz,
            Scale::Mel => (1.0 + hertz / 700.0).ln(),
            Scale::Log => hertz.ln(),
        }
    }

    /// The frequency at a part of the height.
    fn hertz(self, part: f64) -> f64 {
        let warped = self.warp(self.from) + part * (self.warp(self.to) - self.warp(self.from));
        match self.scale {
            Scale::Linear => warped,
            Scale::Mel => 700.0 * warped.exp_m1(),
            Scale::Log => warped.exp(),
        }
    }

    /// The part of the height at which a frequency lies.
    pub(super) fn part(self, hertz: f64) -> f64 {
        (self.warp(hertz) - self.warp(self.from)) / (self.warp(self.to) - self.warp(self.from))
    }

    /// What each of `count` rows shows of spectra with bins up to `last`, which lies at half the rate; the lowest row first.
    pub(super) fn rows(self, count: u32, rate: u32, last: usize) -> Vec<Row> {
        let per_hertz = last as f64 / (f64::from(rate.max(2)) / 2.0);
        let place = |row: u32| (self.hertz(f64::from(row) / f64::from(count)) * per_hertz).clamp(0.0, last as f64);
        (0..count)
            .map(|row| {
                let (from, to) = (place(row), place(row + 1));
                // A row ends before the next begins; nothing comes after the top one, and it takes its last bin too.
                let end = if row + 1 == count { (to + 1e-6).floor() as usize + 1 } else { to.ceil() as usize };
                let first = from.ceil() as usize;
                if first < end {
                    Row::Bins(first, end.min(last + 1))
                } else {
                    let low = (from.floor() as usize).min(last);
                    Row::Between(low, (low + 1).min(last), ((from + to) / 2.0 - low as f64) as f32)
                }
            })
            .collect()
    }

    /// Round frequencies with room for their texts on so many pixels: parts of the height, and texts.
    pub(super) fn marks(self, height: u32, apart: u32) -> Vec<(f64, String)> {
        let pixels = |a: f64, b: f64| (self.part(a) - self.part(b)).abs() * f64::from(height);
        let marks = match self.scale {
            Scale::Linear => round(self.from, self.to, (height / apart.max(1)).clamp(1, 12) as usize),
            Scale::Mel | Scale::Log => {
                let far = |a: f64, b: f64| pixels(a, b) >= f64::from(apart);
                if self.from == 0.0 {
                    // The bottom is marked before all others.
                    let clear = self.hertz((f64::from(apart) / f64::from(height.max(1))).min(1.0));
                    std::iter::once(0.0).chain(frequencies(clear, self.to, far)).collect()
                } else {
                    frequencies(self.from, self.to, far)
                }
            }
        };
        marks.into_iter().map(|hertz| (self.part(hertz), frequency_text(hertz))).collect()
    }
}

/// What a row of the picture shows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Row {
    /// The loudest of these bins, from and up to but not with: a mean would let single tones fade.
    Bins(usize, usize),
    /// What lies between two bins, so far from the first.
    Between(usize, usize, f32),
}

impl Row {
    pub(super) fn of(self, power: &[f32]) -> f32 {
        match self {
            Self::Bins(from, to) => power[from..to].iter().copied().fold(0.0, f32::max),
            Self::Between(low, high, part) => {
                // The bits of a positive number grow about as its logarithm: this is a straight line in decibels.
                let (from, to) = (power[low].to_bits() as f32, power[high].to_bits() as f32);
                f32::from_bits((from + (to - from) * part) as u32)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bin_is_seen_on_every_scale_at_any_height() {
        for scale in [Scale::Mel, Scale::Linear, Scale::Log] {
            for height in [1, 16, 100, 512, 4096] {
                let band = Band::new(scale, None, None, 8000);
                let rows = band.rows(height, 8000, 128);
                assert_eq!(rows.len(), height as usize);
                let first = if scale == Scale::Log { 1 } else { 0 };
                for bin in first..=128 {
                    let mut power = vec![0.0; 129];
                    power[bin] = 1.0;
                    assert!(rows.iter().any(|row| row.of(&power) > 0.5), "{scale:?} {height} {bin}");
                }
            }
        }
    }

    #[test]
    fn marks_lie_where_their_frequencies_are() {
        let band = Band::new(Scale::Log, Some(100.0), Some(10_000.0), 44_100);
        let marks = band.marks(400, 20);
        let thousand = marks.iter().find(|(_, text)| text == "1k");
        assert!(thousand.is_some_and(|(part, _)| (part - 0.5).abs() < 1e-9), "{marks:?}");
        for scale in [Scale::Mel, Scale::Linear, Scale::Log] {
            let marks = Band::new(scale, None, None, 44_100).marks(480, 20);
            assert!((4..24).contains(&marks.len()), "{scale:?} {marks:?}");
            assert!(marks.windows(2).all(|pair| pair[1].0 - pair[0].0 > 13.0 / 480.0), "{marks:?}");
        }
    }

    #[test]
    fn what_makes_no_sense_falls_back() {
        let whole = Band::new(Scale::Mel, None, None, 8000);
        assert_eq!(Band::new(Scale::Mel, Some(9000.0), None, 8000), whole);
        assert_eq!(Band::new(Scale::Mel, Some(-5.0), Some(1e9), 8000), whole);
    }
}
