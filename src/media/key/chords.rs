//! The chords of a sound: the likeliest row of triads, which stays on one triad unless the pitches say otherwise.

use super::pitches::Chroma;

/// What the root in the bass adds to a triad.
const ROOT: f64 = 0.35;
/// How much a triad's fit counts in a moment, and what it costs to change.
const FIT: f64 = 15.0;
const CHANGE: f64 = 2.5;

/// The triads of every moment: the pitch class of the root, 12 more for minor.
pub(super) fn chords(all: &[Chroma], bass: &[Chroma]) -> Vec<usize> {
    let fits: Vec<[f64; 24]> = all.iter().map(fit).collect();
    let mut best = [0.0; 24];
    let mut came: Vec<[u8; 24]> = Vec::with_capacity(fits.len());
    for (at, bass) in bass.iter().enumerate() {
        let (before, after) = (&fits[at.saturating_sub(1)], &fits[(at + 1).min(fits.len() - 1)]);
        let low = bass.iter().sum::<f64>() + 1e-9;
        // The best way to each triad: from the same, or over from whichever was best.
        let from = likeliest(&best);
        let over = best[from] - CHANGE;
        let mut steps = [0; 24];
        for (chord, value) in best.iter_mut().enumerate() {
            steps[chord] = if *value >= over { chord as u8 } else { from as u8 };
            let smooth = (before[chord] + 2.0 * fits[at][chord] + after[chord]) / 4.0;
            *value = value.max(over) + FIT * (smooth + ROOT * bass[chord % 12] / low);
        }
        came.push(steps);
    }
    let mut chord = likeliest(&best);
    let mut row: Vec<usize> = came
        .iter()
        .rev()
        .map(|steps| {
            let here = chord;
            chord = usize::from(steps[chord]);
            here
        })
        .collect();
    row.reverse();
    row
}

/// The part of the time that each major and each minor triad takes, 0 for an even share and -1 for never.
pub(super) fn shares(row: &[usize]) -> [Chroma; 2] {
    let mut sums = [[0.0; 12]; 2];
    for chord in row {
        sums[chord / 12][chord % 12] += 1.0;
    }
    sums.map(|mode| mode.map(|sum: f64| sum / row.len().max(1) as f64 * 24.0 - 1.0))
}

/// How often the row falls by a fifth from a major triad (an authentic cadence) to a major and to a minor triad, and how
/// often it rises by a fifth (a plagal cadence) to either; by where it comes to, for eight changes.
pub(super) fn cadences(row: &[usize]) -> [Chroma; 4] {
    let mut counts = [[0.0; 12]; 4];
    let mut changes = 0;
    for pair in row.windows(2).filter(|pair| pair[0] != pair[1]) {
        changes += 1;
        let (from, to, minor) = (pair[0] % 12, pair[1] % 12, pair[1] / 12);
        match (from + 12 - to) % 12 {
            7 if pair[0] < 12 => counts[minor][to] += 1.0,
            5 => counts[2 + minor][to] += 1.0,
            _ => {}
        }
    }
    counts.map(|row| row.map(|count: f64| count / f64::from(changes.max(4)) * 8.0))
}

/// How well each triad fits the pitch classes of a moment: the cosine of the angle between them.
fn fit(moment: &Chroma) -> [f64; 24] {
    let norm = moment.iter().map(|one| one * one).sum::<f64>().sqrt() + 1e-9;
    std::array::from_fn(|chord| {
        let (root, third) = (chord % 12, if chord < 12 { 4 } else { 3 });
        (moment[root] + moment[(root + third) % 12] + moment[(root + 7) % 12]) / norm / 3.0_f64.sqrt()
    })
}

fn likeliest(values: &[f64; 24]) -> usize {
    (0..24).max_by(|one, other| values[*one].total_cmp(&values[*other])).unwrap_or(0)
}
