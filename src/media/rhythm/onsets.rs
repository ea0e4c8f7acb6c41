//! Onsets: the peaks of the novelty that stand out of what is around them.

use super::flux::Novelty;

/// A peak is the largest value within this many seconds to either side.
const ALONE_S: f64 = 0.03;
/// It stands over the mean of this many seconds before and after.
const AROUND_S: f64 = 0.1;
/// This many times over: the flux of noise wavers by that much.
const TIMES: f32 = 1.4;
/// And by this part of a strong peak of the sound.
const ABOVE: f32 = 0.03;
/// By this much in any case (log units added over the bands).
const LEAST: f32 = 3.0;

/// The onsets in seconds.
pub(super) fn pick(novelty: &Novelty, frames_per_s: f64) -> Vec<f64> {
    let whole = novelty.whole();
    let reach = |seconds: f64| (seconds * frames_per_s).round().max(1.0) as usize;
    let (alone, around) = (reach(ALONE_S), reach(AROUND_S));
    let mut sorted = whole.clone();
    sorted.sort_by(f32::total_cmp);
    let strong = sorted.get(sorted.len() * 98 / 100).copied().unwrap_or(0.0);
    let above = (ABOVE * strong).max(LEAST);
    let mut onsets = Vec::new();
    for (at, value) in whole.iter().enumerate() {
        let near = &whole[at.saturating_sub(alone)..(at + alone + 1).min(whole.len())];
        if near.iter().any(|other| other > value) {
            continue;
        }
        let wide = &whole[at.saturating_sub(around)..(at + around + 1).min(whole.len())];
        let mean = wide.iter().sum::<f32>() / wide.len() as f32;
        if *value >= TIMES * mean + above
            && onsets.last().is_none_or(|last: &f64| at as f64 / frames_per_s - last > ALONE_S)
        {
            onsets.push((at as f64 + peak(&whole, at)) / frames_per_s);
        }
    }
    onsets
}

/// Where between its neighbours the top of a peak lies, in frames, by a parabola.
pub(super) fn peak(values: &[f32], at: usize) -> f64 {
    if at == 0 || at + 1 >= values.len() {
        return 0.0;
    }
    let (left, middle, right) = (f64::from(values[at - 1]), f64::from(values[at]), f64::from(values[at + 1]));
    let bend = left - 2.0 * middle + right;
    if bend < 0.0 { ((left - right) / (2.0 * bend)).clamp(-0.5, 0.5) } else { 0.0 }
}
