//! The tempo: the period at which the novelty repeats, judged over several metrical levels at once.
//!
//! Every period at which one could tap is a candidate. It is judged by how well each register of the novelty repeats at
//! the period itself, at its parts and at its multiples (see [`super::metre`]): in a ballad the snare repeats at twice the
//! beat and the hi-hat at half of it, and that, more than the rate of the strokes, tells it from a fast piece.

use super::flux::{Novelty, REGISTERS};
use super::metre::{self, LONGEST};
use super::repeats::{Repeats, repeats};

/// Beats a minute that are looked at.
const SLOWEST: f64 = 38.0;
const FASTEST: f64 = 225.0;
/// Periods are tried in steps of this part.
const STEP: f64 = 1.004;
/// As many of the periods that repeat best are judged, with what is related to the best of them.
const CANDIDATES: usize = 12;
const RELATED: [f64; 8] = [0.5, 2.0, 1.0 / 3.0, 3.0, 2.0 / 3.0, 1.5, 0.75, 4.0 / 3.0];
/// Candidates nearer than this part are one.
const SAME: f64 = 0.03;
/// A sound whose novelty repeats less than this has no tempo.
const REGULAR: f64 = 0.1;
/// Strokes are alike that repeat at the next stroke nearly as well as at any later one.
const ALIKE: f64 = 0.9;
/// And it must last this many beats.
const BEATS: f64 = 4.0;

/// A tempo found.
pub(super) struct Found {
    /// Frames from beat to beat.
    pub(super) period: f64,
    pub(super) confidence: f64,
    /// Other periods, best first.
    pub(super) others: Vec<f64>,
}

/// The period of the beat, or `None` where nothing repeats.
pub(super) fn decide(novelty: &Novelty, frames_per_s: f64) -> Option<Found> {
    let longest = longest(frames_per_s);
    let whole = repeats(&novelty.whole(), longest, frames_per_s)?;
    let registers: Vec<Repeats> =
        (0..REGISTERS).map(|at| repeats(&novelty.register(at), longest, frames_per_s).unwrap_or_default()).collect();
    let mut judged: Vec<(f64, f64)> = candidates(&whole, frames_per_s)
        .into_iter()
        .map(|period| (metre::judge(&registers, period, 60.0 * frames_per_s / period), period))
        .collect();
    judged.sort_by(|one, other| other.0.total_cmp(&one.0));
    // Strokes that are all alike carry no metre: each is a beat.
    if let Some(alike) = judged.iter().position(|(_, period)| is_alike(&whole, &registers, *period)) {
        let (_, period) = judged.remove(alike);
        judged.insert(0, (judged.first().map_or(0.0, |one| one.0) + 3.0, period));
    }
    let (best, period) = *judged.first()?;
    let regular = [1.0, 2.0, 4.0].iter().map(|times| whole.most(period * times)).fold(0.0, f64::max);
    if regular < REGULAR || (novelty.len() as f64) < BEATS * period {
        return None;
    }
    let sum: f64 = judged.iter().map(|(value, _)| (value - best).exp()).sum();
    let sure = (regular / 0.4).min(1.0) / sum;
    let others = judged.iter().skip(1).filter(|(value, _)| best - value < 6.0).take(4).map(|one| one.1).collect();
    Some(Found { period, confidence: sure.clamp(0.0, 1.0), others })
}

/// Whether strokes come at every period with nothing between, and every second, third and fourth is like any other.
fn is_alike(whole: &Repeats, registers: &[Repeats], period: f64) -> bool {
    // From beyond the width of a stroke up to shortly before the next.
    let (first, last) = ((0.15 * period).max(5.0) as usize, (0.85 * period) as usize);
    let between = (first..last).map(|lag| whole.at(lag as f64)).fold(0.0, f64::max);
    between < 0.1
        && [whole].into_iter().chain(registers).all(|one| {
            let most = [2.0, 3.0, 4.0].map(|times| one.most(period * times)).into_iter().fold(0.0, f64::max);
            one.most(period) >= ALIKE * most
        })
        && whole.most(period) >= 0.5
}

/// The periods worth judging: the peaks of a comb over four beats, and what is related to the highest of them.
pub(super) fn candidates(whole: &Repeats, frames_per_s: f64) -> Vec<f64> {
    let (shortest, longest) = (60.0 / FASTEST * frames_per_s, 60.0 / SLOWEST * frames_per_s);
    let mut comb: Vec<(f64, f64)> = Vec::new();
    let mut period = shortest;
    while period <= longest {
        let value = whole.at(period) + whole.at(2.0 * period) + 0.5 * whole.at(3.0 * period) + whole.at(4.0 * period);
        comb.push((value, period));
        period *= STEP;
    }
    let mut peaks: Vec<(f64, f64)> = comb
        .windows(3)
        .filter(|near| near[1].0 >= near[0].0 && near[1].0 > near[2].0 && near[1].0 > 0.0)
        .map(|near| near[1])
        .collect();
    peaks.sort_by(|one, other| other.0.total_cmp(&one.0));
    peaks.truncate(CANDIDATES);
    let related = peaks.iter().take(3).flat_map(|(_, period)| RELATED.map(|by| by * period));
    let mut found: Vec<f64> = Vec::new();
    for period in peaks.iter().map(|one| one.1).chain(related) {
        let fits = (shortest..=longest).contains(&period);
        if fits && found.iter().all(|other| (period / other - 1.0).abs() > SAME) {
            found.push(period);
        }
    }
    found
}

/// The longest lag that is looked at, in frames.
pub(super) fn longest(frames_per_s: f64) -> usize {
    (LONGEST * 60.0 / SLOWEST * frames_per_s) as usize + 8
}
