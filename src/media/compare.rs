//! Holds two sounds against each other: how far they are shifted, how much louder one is, and what is left when both are
//! brought together and subtracted. Several passes, bounded memory.

use std::ops::RangeInclusive;
use std::sync::Arc;

use rustfft::num_complex::Complex32;
use rustfft::{Fft, FftPlanner};

use super::level::dbfs;
use super::lockstep::{AtSource, Lane, open_all};
use super::source::Source;

/// The least frames that are looked at together.
const BLOCK: usize = 1 << 16;
/// How many offsets are tried in one pass at most: this bounds the memory of it.
const WIDEST: usize = 1 << 17;
/// What is left so far below is the rounding of the sums, in dB.
const DEEPEST: f64 = 200.0;

/// How two sounds differ.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Comparison {
    /// Whether they have the same length and the same samples.
    pub equal: bool,
    /// Frames that the second is late; below zero where it is early.
    pub offset: i64,
    /// The rate of the first, in Hz, at which both were looked at.
    pub sample_rate: u32,
    /// How much louder the second is, in dB, by least squares. `None` where either is silent or nothing in them agrees.
    pub gain_db: Option<f64>,
    /// Whether the second is upside down.
    pub inverted: bool,
    /// How far below the second that lies which is left when the first, shifted and brought to its level, is taken from it,
    /// in dB, where both overlap. `None` where nothing is left (200 dB and more); 0 where only the second is silent.
    pub null_depth_db: Option<f64>,
    /// For how long both sound when they lie over each other, in seconds.
    pub overlap: f64,
    /// For how long one then goes on after the other has ended, in seconds.
    pub tail: f64,
}

/// Holds `second` against `first`, of which it may be late or early by `most_offset` seconds. A second sound of another rate
/// is brought to that of the first.
///
/// # Errors
/// Those of [`super::SoundReader`] and [`super::resample::RateChange`], with the number of the sound, and
/// [`super::MediaError::Limit`] where the channels do not fit together.
pub fn compare(first: &Source, second: &Source, most_offset: f64) -> Result<Comparison, AtSource> {
    let sources = [first.clone(), second.clone()];
    let (mut lanes, rate, channels) = open_all(&sources)?;
    let mut search = Search::new(channels, (most_offset * f64::from(rate)).round() as usize);
    for offsets in search.passes() {
        search.run(&mut lanes, offsets)?;
        (lanes, ..) = open_all(&sources)?;
        if search.equal {
            break;
        }
    }
    let (offset, gain) = if search.equal { (0, 1.0) } else { search.best() };
    let rest = Rest::over(&mut lanes, channels, offset, gain)?;
    let least = rest.second * 10_f64.powf(-DEEPEST / 10.0);
    let left = rest.left();
    let gain = rest.gain();
    let null_depth_db = if rest.second == 0.0 && rest.first > 0.0 {
        Some(0.0)
    } else {
        (left > least).then(|| 10.0 * (rest.second / left).log10())
    };
    Ok(Comparison {
        equal: search.equal,
        offset,
        sample_rate: rate,
        gain_db: dbfs(gain.abs()),
        inverted: gain < 0.0,
        null_depth_db,
        overlap: rest.overlap as f64 / f64::from(rate),
        tail: rest.tail as f64 / f64::from(rate),
    })
}

/// Finds the offset by cross-correlation over the whole of both sounds, in blocks; their spectra are summed, and only the sum
/// is transformed back. Two channels go into one transform, as its real and imaginary parts: the real part of the result
/// is the sum of both correlations.
struct Search {
    channels: usize,
    /// The furthest offset.
    reach: i64,
    /// Offsets of a pass, and one.
    span: usize,
    block: usize,
    forward: Arc<dyn Fft<f32>>,
    backward: Arc<dyn Fft<f32>>,
    sum: Vec<Complex32>,
    /// The sum of the squares of the first sound.
    energy: f64,
    equal: bool,
    /// The offset at which both agree most, and the correlation there.
    best: (i64, f32),
}

impl Search {
    fn new(channels: usize, reach: usize) -> Self {
        let span = (2 * reach).min(WIDEST);
        let size = (span + BLOCK.max(span)).next_power_of_two();
        let mut planner = FftPlanner::new();
        Self {
            channels,
            reach: reach as i64,
            span,
            block: size - span,
            forward: planner.plan_fft_forward(size),
            backward: planner.plan_fft_inverse(size),
            sum: vec![Complex32::default(); size],
            energy: 0.0,
            equal: false,
            best: (0, 0.0),
        }
    }

    /// The offsets of every pass: first those around none, then ever further ones.
    fn passes(&self) -> Vec<RangeInclusive<i64>> {
        let span = self.span as i64;
        let mut edge = span / 2;
        let mut passes = vec![edge - span..=edge];
        while edge < self.reach {
            passes.extend([edge..=edge + span, -edge - span..=-edge]);
            edge += span;
        }
        passes
    }

    fn run(&mut self, lanes: &mut [Lane], offsets: RangeInclusive<i64>) -> Result<(), AtSource> {
        let [first, second] = lanes else { return Ok(()) };
        // What lies before the other sound at every one of these offsets is passed over.
        let (early, late) = (-(*offsets.end()).min(0), (*offsets.start()).max(0));
        first.skip(early as usize).map_err(|error| (0, error))?;
        second.skip(late as usize).map_err(|error| (1, error))?;
        // How far the second must be read back from the place of the first, and ahead of it.
        let back = (late - early - offsets.start()) as usize;
        let ahead = self.span - back;
        let central = offsets.contains(&0);
        self.equal = central;
        self.sum.fill(Complex32::default());
        let size = self.sum.len();
        let (mut a, mut b) = (vec![Complex32::default(); size], vec![Complex32::default(); size]);
        let mut scratch = vec![Complex32::default(); self.forward.get_inplace_scratch_len()];
        let mut around = vec![0.0; back * self.channels];
        around.extend_from_slice(second.next(ahead).map_err(|error| (1, error))?);
        loop {
            let block = first.next(self.block).map_err(|error| (0, error))?;
            let more = second.next(self.block).map_err(|error| (1, error))?;
            around.extend_from_slice(more);
            if central {
                let same = &around[(back * self.channels).min(around.len())..];
                let length = block.len().min(same.len());
                let ends = block.len() < self.block * self.channels;
                self.equal &=
                    length == block.len() && block[..length] == same[..length] && (!ends || same.len() == length);
                self.energy += block.iter().map(|sample| f64::from(*sample) * f64::from(*sample)).sum::<f64>();
            }
            if block.is_empty() {
                break;
            }
            for pair in (0..self.channels).step_by(2) {
                pack(block, self.channels, pair, &mut a);
                pack(&around, self.channels, pair, &mut b);
                self.forward.process_with_scratch(&mut a, &mut scratch);
                self.forward.process_with_scratch(&mut b, &mut scratch);
                self.sum.iter_mut().zip(a.iter().zip(&b)).for_each(|(sum, (a, b))| *sum += a.conj() * b);
            }
            around.drain(..(self.block * self.channels).min(around.len()));
        }
        self.backward.process_with_scratch(&mut self.sum, &mut scratch);
        self.look(*offsets.start());
        Ok(())
    }

    /// Looks for a better offset among those of a pass, the least of which is `start`.
    fn look(&mut self, start: i64) {
        let end = start + self.span as i64;
        let nearest = start.max(-end).max(0);
        // From no offset outwards: among equals (a steady tone) the nearest.
        for away in nearest..=self.reach.min(end.max(-start)) {
            for offset in [away, -away] {
                if offset < start || offset > end {
                    continue;
                }
                let here = self.sum[(offset - start) as usize].re;
                if here.abs() > self.best.1.abs() * (1.0 + 1e-5) {
                    self.best = (offset, here);
                }
            }
        }
    }

    /// The offset at which both agree most, and the gain from the first to the second there.
    fn best(&self) -> (i64, f64) {
        let gain = f64::from(self.best.1) / self.sum.len() as f64 / self.energy;
        (self.best.0, if gain.is_finite() { gain } else { 0.0 })
    }
}

/// Two channels as complex numbers; what is beyond the samples is zero.
fn pack(samples: &[f32], channels: usize, first: usize, out: &mut [Complex32]) {
    let mut frames = samples.chunks_exact(channels);
    for to in out.iter_mut() {
        *to = frames.next().map_or(Complex32::default(), |frame| {
            Complex32::new(frame[first], frame.get(first + 1).copied().unwrap_or(0.0))
        });
    }
}

/// What is left of the second sound without the first at about its level, by sums that lose nothing where little is left.
struct Rest {
    gain: f64,
    first: f64,
    second: f64,
    /// Of the difference, and of the difference and the first.
    difference: f64,
    both: f64,
    /// Frames in which both sound, and those in which one still does.
    overlap: u64,
    tail: u64,
}

impl Rest {
    fn over(lanes: &mut [Lane], channels: usize, offset: i64, gain: f64) -> Result<Self, AtSource> {
        let mut rest = Self { gain, first: 0.0, second: 0.0, difference: 0.0, both: 0.0, overlap: 0, tail: 0 };
        let [first, second] = lanes else { return Ok(rest) };
        let late = usize::try_from(offset.unsigned_abs()).unwrap_or(usize::MAX);
        let (number, lane) = if offset < 0 { (0, &mut *first) } else { (1, &mut *second) };
        lane.skip(late).map_err(|error| (number, error))?;
        loop {
            let a = first.next(BLOCK).map_err(|error| (0, error))?;
            let b = second.next(BLOCK).map_err(|error| (1, error))?;
            for (a, b) in a.iter().zip(b) {
                let (a, b) = (f64::from(*a), f64::from(*b));
                let difference = b - gain * a;
                rest.first += a * a;
                rest.second += b * b;
                rest.difference += difference * difference;
                rest.both += difference * a;
            }
            rest.overlap += (a.len().min(b.len()) / channels) as u64;
            rest.tail += (a.len().abs_diff(b.len()) / channels) as u64;
            // Both are read to their ends, so that damage there is found.
            if a.is_empty() && b.is_empty() {
                return Ok(rest);
            }
        }
    }

    /// What is to be added to the gain so that the least is left.
    fn more(&self) -> f64 {
        if self.first > 0.0 { self.both / self.first } else { 0.0 }
    }

    fn gain(&self) -> f64 {
        if self.first > 0.0 { self.gain + self.more() } else { 0.0 }
    }

    fn left(&self) -> f64 {
        (self.difference - self.more() * self.both).max(0.0)
    }
}
