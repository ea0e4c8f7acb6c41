//! From the energy of the weighted sound to loudness: windows, gates and percentiles.

use super::LoudnessFigures;

/// Steps of 10 ms in the window of the momentary loudness.
const MOMENTARY: usize = 40;
/// Steps of 10 ms in the window of the short-term loudness.
const SHORT_TERM: usize = 300;
/// Steps in a piece of 100 ms: the gates look at windows that begin so far from each other.
const PIECE: usize = 10;

/// Nothing below this counts, in LUFS.
const ABSOLUTE_GATE: f64 = -70.0;
/// What is so much below the mean of what counts does not count, in LU: for the loudness and for its range.
const RELATIVE_GATE: f64 = -10.0;
const RANGE_GATE: f64 = -20.0;

/// The loudness of a mean square, in LUFS. `None` for silence.
fn lufs(energy: f64) -> Option<f64> {
    (energy > 0.0).then(|| -0.691 + 10.0 * energy.log10())
}

fn energy(lufs: f64) -> f64 {
    10_f64.powf((lufs + 0.691) / 10.0)
}

/// Gathers the energy of a sound in steps of 10 ms, and keeps it in pieces of 100 ms: 4 bytes each, and no rounding to
/// steps of a histogram.
pub(super) struct Windows {
    rate: u64,
    /// Frames taken in, and where the step ends that is being filled.
    frames: u64,
    steps: u64,
    end: u64,
    filling: f64,
    /// Mean squares of the last steps, as a ring.
    ring: Box<[f64; SHORT_TERM]>,
    momentary: Sliding<MOMENTARY>,
    short_term: Sliding<SHORT_TERM>,
    piece: f64,
    pieces: Vec<f32>,
}

/// The sum of the last `N` steps, and the highest that it was since there were so many.
#[derive(Default)]
struct Sliding<const N: usize> {
    sum: f64,
    most: f64,
}

impl<const N: usize> Sliding<N> {
    /// Takes in step number `at`; `ring` holds the steps before it.
    fn add(&mut self, energy: f64, at: u64, ring: &[f64; SHORT_TERM]) {
        self.sum += energy;
        if at >= N as u64 {
            self.sum -= ring[((at - N as u64) % SHORT_TERM as u64) as usize];
        }
        if at + 1 >= N as u64 {
            self.most = self.most.max(self.sum);
        }
    }

    fn lufs(&self) -> Option<f64> {
        lufs(self.most / N as f64)
    }
}

impl Windows {
    pub(super) fn new(rate: u32) -> Self {
        let mut windows = Self {
            rate: rate.into(),
            frames: 0,
            steps: 0,
            end: 0,
            filling: 0.0,
            ring: Box::new([0.0; SHORT_TERM]),
            momentary: Sliding::default(),
            short_term: Sliding::default(),
            piece: 0.0,
            pieces: Vec::new(),
        };
        windows.end = windows.end_of(0);
        windows
    }

    /// Where the step ends, in frames; at no rate does a second drift from its hundred steps.
    fn end_of(&self, step: u64) -> u64 {
        ((step + 1) * self.rate / 100).max(self.frames + 1)
    }

    /// Frames that are still wanted for the step; at least one.
    pub(super) fn wanted(&self) -> usize {
        (self.end - self.frames) as usize
    }

    /// Takes in the sum of the squares of at most [`Windows::wanted`] frames.
    pub(super) fn add(&mut self, squares: f64, frames: usize) {
        self.filling += squares;
        self.frames += frames as u64;
        if self.frames < self.end {
            return;
        }
        let energy = std::mem::take(&mut self.filling) * 100.0 / self.rate as f64;
        self.momentary.add(energy, self.steps, &self.ring);
        self.short_term.add(energy, self.steps, &self.ring);
        self.ring[(self.steps % SHORT_TERM as u64) as usize] = energy;
        self.piece += energy;
        self.steps += 1;
        self.end = self.end_of(self.steps);
        if self.steps.is_multiple_of(PIECE as u64) {
            self.pieces.push((std::mem::take(&mut self.piece) / PIECE as f64) as f32);
        }
    }

    /// The figures that come of the energy; the peaks are missing.
    pub(super) fn finish(&self) -> LoudnessFigures {
        LoudnessFigures {
            integrated_lufs: integrated(&self.pieces),
            range_lu: range(&self.pieces),
            momentary_max_lufs: self.momentary.lufs(),
            short_term_max_lufs: self.short_term.lufs(),
            ..LoudnessFigures::default()
        }
    }
}

/// The mean squares of all windows of so many pieces.
fn over(pieces: &[f32], count: usize) -> impl Iterator<Item = f64> {
    pieces.windows(count).map(move |window| window.iter().map(|piece| f64::from(*piece)).sum::<f64>() / count as f64)
}

fn mean(energies: impl Iterator<Item = f64>) -> Option<f64> {
    let (sum, count) = energies.fold((0.0, 0_u64), |(sum, count), energy| (sum + energy, count + 1));
    (count > 0).then(|| sum / count as f64)
}

/// The gated loudness: BS.1770-4, equations 3 to 7.
fn integrated(pieces: &[f32]) -> Option<f64> {
    let blocks = || over(pieces, MOMENTARY / PIECE);
    let absolute = energy(ABSOLUTE_GATE);
    let first = mean(blocks().filter(|energy| *energy > absolute))?;
    let gate = (first * 10_f64.powf(RELATIVE_GATE / 10.0)).max(absolute);
    lufs(mean(blocks().filter(|energy| *energy > gate))?)
}

/// The loudness range: EBU Tech 3342, section 3.
fn range(pieces: &[f32]) -> Option<f64> {
    let absolute = energy(ABSOLUTE_GATE);
    let mut windows: Vec<f32> =
        over(pieces, SHORT_TERM / PIECE).filter(|energy| *energy >= absolute).map(|energy| energy as f32).collect();
    let mean = mean(windows.iter().map(|energy| f64::from(*energy)))?;
    let gate = (mean * 10_f64.powf(RANGE_GATE / 10.0)) as f32;
    windows.retain(|energy| *energy >= gate);
    windows.sort_unstable_by(f32::total_cmp);
    let percentile = |share: f64| {
        let at = (share * windows.len().checked_sub(1)? as f64).round() as usize;
        lufs(windows[at].into())
    };
    Some(percentile(0.95)? - percentile(0.10)?)
}
