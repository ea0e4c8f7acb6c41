//! The beats: the path through the novelty that meets strong onsets at nearly even steps.
//!
//! Dynamic programming after D. Ellis, "Beat tracking by dynamic programming", Journal of New Music Research 36(1), 2007.

use super::flux::Novelty;
use super::onsets::peak;
use super::phase;

/// How dear it is to leave the even step, against the strength of onsets.
const TIGHT: f32 = 120.0;

/// How wide, as a part of the period, the beats are looked for about where the phase puts them.
const SNAP: f64 = 0.07;

/// The beats in frames, for a `period` in frames.
pub(super) fn track(novelty: &Novelty, period: f64) -> Vec<f64> {
    let mut strength = strengths(novelty, period);
    if strength.is_empty() || period < 2.0 {
        return Vec::new();
    }
    let mut path = best_path(&strength, period);
    let even = placed(&path, &strength);
    let offset = phase::offset(novelty, &even);
    if offset > 0.0 {
        // Once more, with what lies away from the true phase held down.
        let mut near = vec![0.0_f32; strength.len()];
        let before = even.first().map(|first| first - period).into_iter();
        let all: Vec<f64> = before.chain(even.iter().copied()).collect();
        for (at, beat) in all.iter().enumerate() {
            let step = all.get(at + 1).map_or(period, |next| next - beat);
            let middle = beat + offset * step;
            let width = SNAP * period;
            let (from, to) = ((middle - 3.0 * width).max(0.0) as usize, (middle + 3.0 * width).max(0.0) as usize);
            for (frame, slot) in near.iter_mut().enumerate().take(to + 1).skip(from) {
                *slot = slot.max((-0.5 * ((frame as f64 - middle) / width).powi(2)).exp() as f32);
            }
        }
        for (value, near) in strength.iter_mut().zip(&near) {
            *value = near * (*value + 0.3);
        }
        path = best_path(&strength, period);
    }
    trimmed(placed(&path, &strength), &path, &strength)
}

/// The frames of the path that meets most strength at nearly even steps.
pub(super) fn best_path(strength: &[f32], period: f64) -> Vec<usize> {
    let count = strength.len();
    let (nearest, farthest) = ((period * 0.6).round().max(1.0) as usize, (period * 1.6).round() as usize);
    let cost: Vec<f32> =
        (nearest..=farthest).map(|step| TIGHT * ((step as f64 / period).ln() as f32).powi(2)).collect();
    let mut score = vec![0.0_f32; count];
    let mut link = vec![0_u16; count];
    for at in 0..count {
        let mut best = (0.0, 0);
        for (step, cost) in (nearest..=farthest.min(at)).zip(&cost) {
            let value = score[at - step] - cost;
            if value > best.0 {
                best = (value, step as u16);
            }
        }
        score[at] = strength[at] + best.0;
        link[at] = best.1;
    }
    let tail = count.saturating_sub(farthest);
    let mut at = (tail..count).max_by(|one, other| score[*one].total_cmp(&score[*other])).unwrap_or(0);
    let mut path = vec![at];
    while link[at] > 0 {
        at -= usize::from(link[at]);
        path.push(at);
    }
    path.reverse();
    path
}

/// The frames of a path, to a part of a frame where they lie on a peak.
pub(super) fn placed(path: &[usize], strength: &[f32]) -> Vec<f64> {
    path.iter().map(|at| *at as f64 + peak(strength, *at)).collect()
}

/// The novelty made smooth over a small part of the period and scaled to a deviation of one.
pub(super) fn strengths(novelty: &Novelty, period: f64) -> Vec<f32> {
    let whole = novelty.whole();
    let width = (period / 32.0).max(0.5);
    let reach = (3.0 * width).ceil() as isize;
    let kernel: Vec<f32> = (-reach..=reach).map(|at| (-0.5 * (at as f64 / width).powi(2)).exp() as f32).collect();
    let mut smooth: Vec<f32> = (0..whole.len() as isize)
        .map(|at| {
            (-reach..=reach)
                .zip(&kernel)
                .map(|(by, weight)| weight * whole.get((at + by) as usize).copied().unwrap_or(0.0))
                .sum()
        })
        .collect();
    let mean = smooth.iter().sum::<f32>() / smooth.len().max(1) as f32;
    let spread = (smooth.iter().map(|one| (one - mean).powi(2)).sum::<f32>() / smooth.len().max(1) as f32).sqrt();
    if spread > 0.0 {
        for one in &mut smooth {
            *one /= spread;
        }
    }
    smooth
}

/// Drops the weak beats at both ends: silence before and after the music has none.
fn trimmed(beats: Vec<f64>, path: &[usize], strength: &[f32]) -> Vec<f64> {
    let power = (path.iter().map(|at| strength[*at].powi(2)).sum::<f32>() / path.len().max(1) as f32).sqrt();
    let strong = |at: &usize| strength[*at] > 0.25 * power;
    let first = path.iter().position(strong).unwrap_or(0);
    let last = path.iter().rposition(strong).unwrap_or(0);
    beats[first..(last + 1).min(beats.len())].to_vec()
}

/// Beats a minute: the slope of a straight line through all the beats, where it agrees with the period.
pub(super) fn fitted_bpm(beats: &[f64], period: f64, frames_per_s: f64) -> f64 {
    let mut index = 0.0;
    let mut points = Vec::with_capacity(beats.len());
    for (at, beat) in beats.iter().enumerate() {
        if at > 0 {
            index += ((beat - beats[at - 1]) / period).round().max(1.0);
        }
        points.push((index, *beat));
    }
    let count = points.len().max(1) as f64;
    let (mean_index, mean_time) =
        (points.iter().map(|one| one.0).sum::<f64>() / count, points.iter().map(|one| one.1).sum::<f64>() / count);
    let across: f64 = points.iter().map(|one| (one.0 - mean_index) * (one.1 - mean_time)).sum();
    let along: f64 = points.iter().map(|one| (one.0 - mean_index).powi(2)).sum();
    let slope = if along > 0.0 { across / along } else { period };
    let slope = if (slope / period).ln().abs() < 0.04 { slope } else { period };
    60.0 * frames_per_s / slope
}
