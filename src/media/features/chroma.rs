//! How the energy of a spectrum is spread over the twelve pitch classes.

/// The pitch classes, from C on.
pub const PITCH_CLASSES: [&str; 12] = ["C", "C#", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B"];

const CLASSES: usize = PITCH_CLASSES.len();

/// The chroma of spectra, as `librosa.feature.chroma_stft` with `tuning=0.0` defines it: every bin gives its power to the
/// pitch classes around it by a Gaussian (Ellis, "Chroma feature analysis and synthesis", 2007), octaves far from 880 Hz
/// count less, and the strongest class of a frame is 1.
#[derive(Debug, Clone)]
pub(super) struct Chroma {
    /// The weights of each bin.
    weights: Vec<[f32; CLASSES]>,
}

impl Chroma {
    /// For spectra of `bins` bins of a sound at `rate` Hz.
    pub(super) fn new(bins: usize, rate: u32) -> Self {
        let step = f64::from(rate) / (2.0 * (bins.max(2) - 1) as f64);
        // Semitones above the A of 27.5 Hz; 0 Hz is put one and a half octaves below bin 1.
        let pitch = |bin: usize| 12.0 * (bin as f64 * step / 27.5).log2();
        let place = |bin: usize| if bin == 0 { pitch(1) - 18.0 } else { pitch(bin) };
        let weights = (0..bins)
            .map(|bin| {
                let width = (place(bin + 1) - place(bin)).max(1.0);
                // The nearest of the same class, up to six semitones away. A is 9 above C.
                let away = |class: usize| (place(bin) + 9.0 - class as f64 + 6.0).rem_euclid(12.0) - 6.0;
                let bump: [f64; CLASSES] = std::array::from_fn(|class| (-2.0 * (away(class) / width).powi(2)).exp());
                let length = bump.iter().map(|part| part * part).sum::<f64>().sqrt();
                let octave = (-0.5 * ((place(bin) / 12.0 - 5.0) / 2.0).powi(2)).exp();
                bump.map(|part| (part / length * octave) as f32)
            })
            .collect();
        Self { weights }
    }

    /// The chroma of a frame; `None` where it holds nothing.
    pub(super) fn of(&self, power: &[f32]) -> Option<[f64; CLASSES]> {
        // Two sums at a time: one would wait for itself.
        let mut sums = [[0.0_f32; CLASSES]; 2];
        let (weights, last) = self.weights.as_chunks::<2>();
        let (pairs, rest) = power.as_chunks::<2>();
        for (weights, pair) in weights.iter().zip(pairs) {
            for half in 0..2 {
                for class in 0..CLASSES {
                    sums[half][class] += weights[half][class] * pair[half];
                }
            }
        }
        for (weights, power) in last.iter().zip(rest) {
            for class in 0..CLASSES {
                sums[0][class] += weights[class] * power;
            }
        }
        let total: [f32; CLASSES] = std::array::from_fn(|class| sums[0][class] + sums[1][class]);
        let most = total.iter().copied().fold(0.0, f32::max);
        (most > 0.0).then(|| total.map(|class| f64::from(class / most)))
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a spectrum that is not empty has a chroma")]

    use super::*;

    #[test]
    fn a_tone_belongs_to_its_class() {
        let chroma = Chroma::new(1025, 44_100);
        for (hertz, class) in [(440.0, "A"), (523.25, "C"), (1244.5, "Eb"), (1975.5, "B"), (830.6, "Ab")] {
            let mut power = vec![0.0; 1025];
            power[(hertz * 2048.0_f64 / 44_100.0).round() as usize] = 0.1;
            let found = chroma.of(&power).unwrap();
            let strongest = found.iter().position(|part| *part == 1.0).unwrap();
            assert_eq!(PITCH_CLASSES[strongest], class, "{found:?}");
        }
        assert_eq!(chroma.of(&vec![0.0; 1025]), None);
    }
}
