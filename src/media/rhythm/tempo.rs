//! The tempo: the period at which the novelty repeats, judged over several metrical levels at once.

use rustfft::FftPlanner;
use rustfft::num_complex::Complex32;

use super::flux::Novelty;

/// Beats a minute that are looked at.
const SLOWEST: f64 = 40.0;
const FASTEST: f64 = 220.0;
/// Frames that are correlated at once.
const PIECE: usize = 4096;
/// Beats over which a tempo must hold.
const SPAN: usize = 8;

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
    let longest = (SPAN as f64 * 60.0 / SLOWEST * frames_per_s).ceil() as usize;
    let whole = correlation(&novelty.whole(), longest, frames_per_s)?;
    let at = |lag: f64| sample(&whole, lag);
    let (first, last) = (60.0 / FASTEST * frames_per_s, 60.0 / SLOWEST * frames_per_s);
    let mut scored: Vec<(f64, f64)> = Vec::new();
    let mut lag = first;
    while lag <= last {
        let comb = (at(lag) + at(2.0 * lag) + at(3.0 * lag) * 0.5 + at(4.0 * lag)) / 3.5;
        let bpm = 60.0 * frames_per_s / lag;
        let prior = (-0.5 * ((bpm / 115.0).log2() / 0.9).powi(2)).exp();
        scored.push((comb * prior, lag));
        lag *= 1.005;
    }
    let mut peaks: Vec<(f64, f64)> = (1..scored.len().saturating_sub(1))
        .filter(|at| scored[*at].0 >= scored[at - 1].0 && scored[*at].0 > scored[at + 1].0 && scored[*at].0 > 0.0)
        .map(|at| scored[at])
        .collect();
    peaks.sort_by(|one, other| other.0.total_cmp(&one.0));
    let (best, period) = *peaks.first()?;
    if best < 0.04 {
        return None;
    }
    Some(Found {
        period,
        confidence: best.clamp(0.0, 1.0),
        others: peaks.iter().skip(1).take(3).map(|one| one.1).collect(),
    })
}

fn sample(values: &[f32], lag: f64) -> f64 {
    let whole = lag.floor() as usize;
    let part = lag - lag.floor();
    let get = |at: usize| f64::from(values.get(at).copied().unwrap_or(0.0));
    get(whole) * (1.0 - part) + get(whole + 1) * part
}

/// The normalised autocorrelation of `values` up to `longest` frames, gathered piece by piece.
fn correlation(values: &[f32], longest: usize, frames_per_s: f64) -> Option<Vec<f32>> {
    let longest = longest.min(PIECE);
    let size = 2 * PIECE;
    let mut planner = FftPlanner::new();
    let (forward, inverse) = (planner.plan_fft_forward(size), planner.plan_fft_inverse(size));
    let mut sum = vec![0.0_f64; longest + 1];
    let around = (0.5 * frames_per_s) as usize;
    for piece in values.chunks(PIECE) {
        let flat = flattened(piece, around);
        let energy: f64 = flat.iter().map(|one| f64::from(*one).powi(2)).sum();
        if energy <= 0.0 {
            continue;
        }
        let mut work: Vec<Complex32> = flat.iter().map(|one| Complex32::new(*one, 0.0)).collect();
        work.resize(size, Complex32::default());
        forward.process(&mut work);
        for one in &mut work {
            *one = Complex32::new(one.norm_sqr(), 0.0);
        }
        inverse.process(&mut work);
        for (lag, slot) in sum.iter_mut().enumerate() {
            // A lag that leaves little overlap says little; it is scaled up to a half at most.
            let overlap = (piece.len().saturating_sub(lag) as f64 / piece.len() as f64).max(0.5);
            *slot += f64::from(work[lag].re) / size as f64 / overlap;
        }
    }
    (sum[0] > 0.0).then(|| sum.iter().map(|one| (one / sum[0]) as f32).collect())
}

/// `values` without their slow course: less the mean of what is around.
fn flattened(values: &[f32], around: usize) -> Vec<f32> {
    let mut sums = Vec::with_capacity(values.len() + 1);
    let mut sum = 0.0_f64;
    sums.push(0.0);
    for value in values {
        sum += f64::from(*value);
        sums.push(sum);
    }
    (0..values.len())
        .map(|at| {
            let (from, to) = (at.saturating_sub(around), (at + around + 1).min(values.len()));
            values[at] - ((sums[to] - sums[from]) / (to - from) as f64) as f32
        })
        .collect()
}
