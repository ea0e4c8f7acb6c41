//! How well a row of values repeats after every lag: its autocorrelation, gathered piece by piece, so that the time is
//! linear in the length and a tempo that wanders over an hour does not smear it.

use rustfft::FftPlanner;
use rustfft::num_complex::Complex32;

/// Frames that are correlated at once.
const PIECE: usize = 4096;
/// The slow course of the values, over this many seconds to either side, is taken away.
const AROUND_S: f64 = 0.5;
/// How far from a lag its peak may lie, as a part of the lag.
const LOOSE: f64 = 0.012;

/// The correlation at each lag in frames, 1 at lag 0, made smooth over three lags.
#[derive(Default)]
pub(super) struct Repeats {
    values: Vec<f64>,
}

impl Repeats {
    /// The correlation at a lag between two frames.
    pub(super) fn at(&self, lag: f64) -> f64 {
        let (whole, part) = (lag.floor() as usize, lag - lag.floor());
        let get = |at: usize| self.values.get(at).copied().unwrap_or(0.0);
        get(whole) * (1.0 - part) + get(whole + 1) * part
    }

    /// The largest correlation near a lag; 0 beyond the last.
    pub(super) fn most(&self, lag: f64) -> f64 {
        let (middle, reach) = (lag.round() as usize, ((lag * LOOSE).round() as usize).max(1));
        let near = self.values.get(middle.saturating_sub(reach)..=middle + reach).unwrap_or_default();
        near.iter().copied().reduce(f64::max).unwrap_or(0.0)
    }
}

/// The correlation of `values` up to `longest` frames; `None` where they do not vary.
///
/// The square root is taken first: one loud stroke is not to outweigh a regular row of soft ones.
pub(super) fn repeats(values: &[f32], longest: usize, frames_per_s: f64) -> Option<Repeats> {
    let longest = longest.min(PIECE);
    let size = 2 * PIECE;
    let mut planner = FftPlanner::new();
    let (forward, inverse) = (planner.plan_fft_forward(size), planner.plan_fft_inverse(size));
    let mut sums = vec![0.0_f64; longest + 1];
    let around = (AROUND_S * frames_per_s) as usize;
    for piece in values.chunks(PIECE) {
        let mut work = flattened(piece, around);
        work.resize(size, Complex32::default());
        forward.process(&mut work);
        for one in &mut work {
            *one = Complex32::new(one.norm_sqr(), 0.0);
        }
        inverse.process(&mut work);
        for (lag, sum) in sums.iter_mut().enumerate() {
            // Where the piece is short the few products at long lags are scaled up, by two at most.
            let overlap = (piece.len().saturating_sub(lag) as f64 / piece.len() as f64).max(0.5);
            *sum += f64::from(work[lag].re) / size as f64 / overlap;
        }
    }
    let scale = sums[0];
    if scale.is_nan() || scale <= 1e-9 {
        return None;
    }
    let get = |at: usize| sums.get(at).copied().unwrap_or(0.0) / scale;
    let smooth = (0..sums.len()).map(|at| (if at > 0 { get(at - 1) } else { 0.0 } + 2.0 * get(at) + get(at + 1)) / 4.0);
    Some(Repeats { values: smooth.collect() })
}

/// The square roots of `values` less the mean of what is around.
fn flattened(values: &[f32], around: usize) -> Vec<Complex32> {
    let roots: Vec<f64> = values.iter().map(|one| f64::from(one.sqrt())).collect();
    let mut sums = vec![0.0_f64];
    let mut sum = 0.0;
    for root in &roots {
        sum += root;
        sums.push(sum);
    }
    (0..values.len())
        .map(|at| {
            let (from, to) = (at.saturating_sub(around), (at + around + 1).min(values.len()));
            Complex32::new((roots[at] - (sums[to] - sums[from]) / (to - from) as f64) as f32, 0.0)
        })
        .collect()
}
