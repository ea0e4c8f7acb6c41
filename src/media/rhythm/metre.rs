//! How much a period is like a beat: what repeats in which register at which part or multiple of it.

use super::flux::REGISTERS;
use super::repeats::Repeats;

/// The levels looked at, as parts and multiples of the beat: subdivisions, the beat, the bar, and what lies askew to them.
const RATIOS: [f64; 13] = [0.25, 1.0 / 3.0, 0.5, 2.0 / 3.0, 0.75, 1.0, 4.0 / 3.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0];
/// The longest of them.
pub(super) const LONGEST: f64 = 8.0;

/// What a repetition at each ratio says for the period, in the bass, in the body and in the top of the sound.
///
/// Fitted by multinomial logistic regression (right period against the other candidates of a clip) with a penalty on large
/// weights, on clips of `benches/music/make_clips.py` (seed 1) and on free music whose tempo is known (half of the pieces of
/// openmsx, freedoom and the songs of Frets on Fire). `benches/music/fit_rhythm.py` does it for any clips.
const WEIGHTS: [[f64; RATIOS.len()]; REGISTERS] = [
    [-1.66, -1.68, -1.40, 2.27, -1.32, 0.08, -2.62, 0.03, 0.77, -1.51, 4.53, -0.03, -0.09],
    [0.69, 0.60, -1.48, 0.72, 1.13, 3.75, -0.79, 0.79, -1.51, 3.66, 2.03, -1.59, 1.85],
    [-1.19, -3.16, 3.11, -1.26, 0.46, 2.01, -0.21, 0.49, 1.49, 1.46, 2.00, 0.26, 0.35],
];
/// The tempo about which people tap (octaves are counted from here), what an octave more says, and what its square says:
/// a log-normal preference, as in D. Moelants, "Preferred tempo reconsidered", ICMPC 2002.
const USUAL_BPM: f64 = 110.0;
const FAST: f64 = 1.148;
const EXTREME: f64 = -2.418;

/// The logarithm of the odds for a period, up to a constant that is the same for all periods of a sound.
pub(super) fn judge(registers: &[Repeats], period: f64, bpm: f64) -> f64 {
    let octaves = (bpm / USUAL_BPM).log2();
    let levels: f64 = levels(registers, period)
        .iter()
        .zip(&WEIGHTS)
        .map(|(found, weights)| found.iter().zip(weights).map(|(one, weight)| one * weight).sum::<f64>())
        .sum();
    levels + FAST * octaves + EXTREME * octaves * octaves
}

/// How well each register repeats at each ratio of a period.
pub(super) fn levels(registers: &[Repeats], period: f64) -> Vec<[f64; RATIOS.len()]> {
    registers.iter().map(|register| RATIOS.map(|ratio| register.most(period * ratio))).collect()
}
