//! From pitches to the key.

use std::f64::consts::TAU;

use super::pitches::{PER_OCTAVE, Pitches};
use super::{Key, Mode};

const NAMES: [&str; 12] = ["C", "C#", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B"];
/// The pitch class of the first bin of the histogram.
const FIRST: usize = 9;
/// Below this part of the energy in peaks a sound has no pitch.
const TONAL: f64 = 0.1;

/// How strong each degree is in a piece in major and in minor.
const MAJOR: [f64; 12] = [1.0, 0.0, 0.42, 0.0, 0.53, 0.37, 0.0, 0.77, 0.0, 0.38, 0.05, 0.30];
const MINOR: [f64; 12] = [1.0, 0.0, 0.36, 0.50, 0.0, 0.40, 0.0, 0.75, 0.30, 0.05, 0.32, 0.15];

pub(super) fn decide(pitches: &Pitches) -> Option<Key> {
    let histogram = pitches.histogram();
    if pitches.tonality() < TONAL {
        return None;
    }
    let step = PER_OCTAVE / 12;
    let (mut real, mut imaginary) = (0.0, 0.0);
    for (at, weight) in histogram.iter().enumerate() {
        let angle = TAU * (at % step) as f64 / step as f64;
        real += weight * angle.cos();
        imaginary += weight * angle.sin();
    }
    let tuning = imaginary.atan2(real) / TAU;
    let mut chroma = [0.0_f64; 12];
    for (at, weight) in histogram.iter().enumerate() {
        let semitone = at as f64 / step as f64 - tuning;
        let near = semitone.round();
        let off = semitone - near;
        chroma[(near.rem_euclid(12.0) as usize + FIRST) % 12] += weight * (-0.5 * (off / 0.2).powi(2)).exp();
    }
    let mut scored: Vec<(f64, usize, Mode)> = (0..12)
        .flat_map(|tonic| {
            let turned: Vec<f64> = (0..12).map(|degree| chroma[(tonic + degree) % 12]).collect();
            [(alike(&turned, &MAJOR), tonic, Mode::Major), (alike(&turned, &MINOR), tonic, Mode::Minor)]
        })
        .collect();
    scored.sort_by(|one, other| other.0.total_cmp(&one.0));
    let (best, tonic, mode) = *scored.first()?;
    if !best.is_finite() || best <= 0.0 {
        return None;
    }
    let lead = best - scored[1].0;
    Some(Key {
        tonic: NAMES[tonic],
        mode,
        confidence: (best * (0.5 + 2.5 * lead)).clamp(0.0, 1.0),
        tuning_cents: tuning * 100.0,
    })
}

/// The correlation of two rows of numbers; 0 where one does not vary.
fn alike(one: &[f64], other: &[f64]) -> f64 {
    let mean = |row: &[f64]| row.iter().sum::<f64>() / row.len() as f64;
    let (a, b) = (mean(one), mean(other));
    let (mut both, mut left, mut right) = (0.0, 0.0, 0.0);
    for (x, y) in one.iter().zip(other) {
        both += (x - a) * (y - b);
        left += (x - a).powi(2);
        right += (y - b).powi(2);
    }
    if left > 0.0 && right > 0.0 { both / (left * right).sqrt() } else { 0.0 }
}
