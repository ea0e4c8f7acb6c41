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
/// weights, on clips of `benches/music/make_clips.py` of other seeds than those that are reported.
const WEIGHTS: [[f64; RATIOS.len()]; REGISTERS] = [
    [-2.77, -3.11, -0.17, 2.67, -2.21, -0.08, -2.50, -1.40, 1.07, -0.96, 6.69, -0.64, 0.15],
    [1.64, -1.55, 0.97, -0.11, 2.17, 4.40, -1.52, -0.70, -0.68, 4.02, 4.06, -2.70, 2.00],
    [-1.83, -2.68, 2.88, -0.72, 0.13, 2.02, -0.76, 0.18, 1.19, 1.74, 1.13, -0.48, 0.63],
];
/// The tempo about which people tap (octaves are counted from here), what an octave more says, and what its square says:
/// a log-normal preference, as in D. Moelants, "Preferred tempo reconsidered", ICMPC 2002.
const USUAL_BPM: f64 = 110.0;
const FAST: f64 = 1.145;
const EXTREME: f64 = -2.216;

/// The logarithm of the odds for a period, up to a constant that is the same for all periods of a sound.
pub(super) fn judge(registers: &[Repeats], period: f64, bpm: f64) -> f64 {
    let octaves = (bpm / USUAL_BPM).log2();
    let levels: f64 = registers
        .iter()
        .zip(&WEIGHTS)
        .flat_map(|(register, weights)| {
            RATIOS.iter().zip(weights).map(|(ratio, weight)| weight * register.most(period * ratio))
        })
        .sum();
    levels + FAST * octaves + EXTREME * octaves * octaves
}
