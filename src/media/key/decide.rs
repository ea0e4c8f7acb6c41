//! From pitches to the key.
//!
//! Each of the 24 keys is judged by what the sound holds on each degree of its scale: pitch classes of all and of the bass,
//! triads, the pitch classes where the sound begins and where it ends, since music tends to start and to come home to the
//! tonic, and cadences, which show the tonic in an excerpt as well. That major and minor keys have such profiles is from C. Krumhansl, "Cognitive Foundations of Musical
//! Pitch", 1990, that profiles learned from the music at hand serve better, from A. Faraldo et al., "Key estimation in
//! electronic dance music", ECIR 2016, and D. Temperley, "Music and Probability", 2007.

use std::f64::consts::TAU;

use super::pitches::{Chroma, Moment, PER_OCTAVE, Pitches, THIRDS};
use super::weights::{MINOR, WEIGHTS};
use super::{Key, Mode, chords};
use crate::media::features::PITCH_CLASSES;

/// The pitch class of the first bin of a histogram.
const FIRST: usize = 9;
/// A sound of which fewer moments than this part are tonal has no pitch.
const TONAL: f64 = 0.1;
/// Moments this much below the loudest (40 dB) are no part of the music.
const QUIET: f32 = 0.01;
/// Moments at the beginning and at the end, some three seconds, that are looked at on their own.
const ENDS: usize = 8;

/// What a sound holds: all pitches, bass, major and minor triads, begin, end, and cadences: authentic to major and minor
/// triads, plagal to major and minor triads.
pub(super) type Holdings = [Chroma; 10];

/// The key of the pitches; `None` where there are none.
pub(super) fn decide(pitches: &Pitches) -> Option<Key> {
    let tuning = tuning(pitches.histogram());
    let holdings = holdings(pitches, tuning)?;
    let mut judged: Vec<(f64, usize, Mode)> = (0..12)
        .flat_map(|tonic| {
            [(judge(&holdings, 0, tonic), tonic, Mode::Major), (judge(&holdings, 1, tonic) + MINOR, tonic, Mode::Minor)]
        })
        .collect();
    judged.sort_by(|one, other| other.0.total_cmp(&one.0));
    let (best, tonic, mode) = *judged.first()?;
    let confidence = 1.0 / judged.iter().map(|one| (one.0 - best).exp()).sum::<f64>();
    Some(Key { tonic: PITCH_CLASSES[tonic], mode, confidence, tuning_cents: tuning * 100.0 })
}

/// How far the pitches lie above those of A = 440 Hz, in semitones: the mean direction on the circle of a semitone.
pub(super) fn tuning(histogram: &[f64]) -> f64 {
    let step = PER_OCTAVE / 12;
    let (mut real, mut imaginary) = (0.0, 0.0);
    for (at, weight) in histogram.iter().enumerate() {
        let angle = TAU * (at % step) as f64 / step as f64;
        real += weight * angle.cos();
        imaginary += weight * angle.sin();
    }
    imaginary.atan2(real) / TAU
}

/// The logarithm of the odds for a key, up to a constant.
fn judge(holdings: &Holdings, mode: usize, tonic: usize) -> f64 {
    let one = |(held, weights): (&Chroma, &Chroma)| {
        (0..12).map(|degree| weights[degree] * held[(tonic + degree) % 12]).sum::<f64>()
    };
    holdings.iter().zip(&WEIGHTS[mode]).map(one).sum()
}

/// What the sound holds; `None` where it has no pitch.
pub(super) fn holdings(pitches: &Pitches, tuning: f64) -> Option<Holdings> {
    let loudest = pitches.moments().iter().map(|one| one.level).fold(0.0, f32::max);
    let moments: Vec<Moment> = pitches.moments().iter().filter(|one| one.level >= QUIET * loudest).copied().collect();
    if moments.is_empty() || pitches.tonality() < TONAL {
        return None;
    }
    let all: Vec<Chroma> = moments.iter().map(|one| folded(&one.all, tuning)).collect();
    let bass: Vec<Chroma> = moments.iter().map(|one| folded(&one.bass, tuning)).collect();
    let ends = ENDS.min(all.len());
    let even: Vec<Chroma> = all
        .iter()
        .map(|one| {
            let sum = one.iter().sum::<f64>() + 1e-9;
            one.map(|weight| weight / sum)
        })
        .collect();
    let row = chords::chords(&all, &bass);
    let [major, minor] = chords::shares(&row);
    let [to_major, to_minor, plagal_to_major, plagal_to_minor] = chords::cadences(&row);
    let (begin, end) = (shares(&all[..ends]), shares(&all[all.len() - ends..]));
    Some([shares(&even), shares(&bass), major, minor, begin, end, to_major, to_minor, plagal_to_major, plagal_to_minor])
}

/// The pitch classes of a moment, the tuning allowed for.
fn folded(thirds: &[u8; THIRDS], tuning: f64) -> Chroma {
    let mut chroma = [0.0; 12];
    for (at, weight) in thirds.iter().enumerate() {
        let semitone = at as f64 * 12.0 / THIRDS as f64 - tuning;
        let near = semitone.round();
        let off: f64 = (semitone - near) / 0.25;
        chroma[(near.rem_euclid(12.0) as usize + FIRST) % 12] += f64::from(*weight) / 255.0 * (-0.5 * off * off).exp();
    }
    chroma
}

/// The share of each pitch class in a sum, 0 for an even share and -1 for none.
fn shares(moments: &[Chroma]) -> Chroma {
    let mut sums = [0.0; 12];
    for moment in moments {
        for (sum, weight) in sums.iter_mut().zip(moment) {
            *sum += weight;
        }
    }
    let whole: f64 = sums.iter().sum();
    if whole > 0.0 { sums.map(|sum| sum / (whole + 1e-9) * 12.0 - 1.0) } else { [0.0; 12] }
}
