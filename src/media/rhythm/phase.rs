//! Which of the places in a beat is the beat itself: a row of even steps fits the off-beats as well.

use super::flux::{Novelty, REGISTERS};

/// Places in a beat that are looked at: they hold halves, thirds and quarters.
const PLACES: usize = 12;

/// What the novelty at each place of a beat says for the place 0 being the beat, in bass, body and top.
///
/// Fitted as the weights of [`super::metre`] were, on the clips alone.
const WEIGHTS: [[f64; PLACES]; REGISTERS] = [
    [0.89, -0.06, 0.17, -0.19, -0.45, 0.11, 0.20, 0.16, -0.13, -0.28, -0.03, -0.40],
    [0.34, 0.74, 0.37, -0.30, -0.11, -0.53, 0.27, 0.27, -0.32, -0.04, -0.01, -0.69],
    [0.89, -0.16, -0.32, -0.97, -0.31, 0.21, -0.28, -0.26, 0.33, 0.51, 0.13, 0.23],
];

/// How far behind `beats` (in frames) the true beats lie, as a part of the beat from 0 up to 1.
pub(super) fn offset(novelty: &Novelty, beats: &[f64]) -> f64 {
    let profiles = profiles(novelty, beats);
    if profiles.is_empty() {
        return 0.0;
    }
    let judged = (0..PLACES).map(|shift| {
        let turned = |place: usize| (place + shift) % PLACES;
        let value: f64 = profiles
            .iter()
            .zip(&WEIGHTS)
            .map(|(profile, weights)| (0..PLACES).map(|place| weights[place] * profile[turned(place)]).sum::<f64>())
            .sum();
        (value, shift)
    });
    let best = judged.max_by(|one, other| one.0.total_cmp(&other.0)).map_or(0, |one| one.1);
    best as f64 / PLACES as f64
}

/// The registers at each place of the beats, 0 for the mean of a register and 1 for how far they stray from it in all.
pub(super) fn profiles(novelty: &Novelty, beats: &[f64]) -> Vec<[f64; PLACES]> {
    let profiles: Vec<[f64; PLACES]> =
        (0..REGISTERS).map(|register| profile(&novelty.register(register), beats)).collect();
    let count = (REGISTERS * PLACES) as f64;
    let spread = (profiles.iter().flatten().map(|one| one * one).sum::<f64>() / count).sqrt();
    if spread > 0.0 { profiles.iter().map(|row| row.map(|one| one / spread)).collect() } else { Vec::new() }
}

/// The mean of a register at each place of the beats, less the mean of all places.
fn profile(values: &[f32], beats: &[f64]) -> [f64; PLACES] {
    let get =
        |at: isize| usize::try_from(at).ok().and_then(|at| values.get(at)).map_or(0.0, |one| f64::from(one.sqrt()));
    let smooth = |at: isize| (get(at - 1) + 2.0 * get(at) + get(at + 1)) / 4.0;
    let mut sums = [0.0; PLACES];
    for pair in beats.windows(2) {
        for (place, sum) in sums.iter_mut().enumerate() {
            let at = pair[0] + (pair[1] - pair[0]) * place as f64 / PLACES as f64;
            let part = at - at.floor();
            *sum += smooth(at.floor() as isize) * (1.0 - part) + smooth(at.floor() as isize + 1) * part;
        }
    }
    let count = beats.len().saturating_sub(1).max(1) as f64;
    let mean = sums.iter().sum::<f64>() / PLACES as f64;
    sums.map(|sum| (sum - mean) / count)
}
