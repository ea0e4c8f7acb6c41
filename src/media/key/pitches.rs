//! The pitches of a sound: the peaks of its long spectra, gathered in a histogram.

use std::f64::consts::TAU;
use std::sync::Arc;

use realfft::num_complex::Complex32;
use realfft::{RealFftPlanner, RealToComplex};

/// Seconds that a frame should last: a semitone at 80 Hz is 5 Hz wide.
const FRAME_S: f64 = 0.6;
/// The pitches that are gathered: from A0 a little under 28 Hz, in steps of ten cents.
const LOW_HZ: f64 = 55.0;
const HIGH_HZ: f64 = 2100.0;
/// Bins of the histogram in an octave.
pub(super) const PER_OCTAVE: usize = 120;
const OCTAVES: usize = 6;
/// Peaks below this part of the loudest of the frame are not counted.
const WEAK: f32 = 0.01;
/// Frames below this magnitude (-75 dBFS) are silence.
const SILENCE: f32 = 2e-4;
/// How flat the spectrum of a tonal moment is at most, from bin to bin: the geometric over the arithmetic mean of the power,
/// within narrow bands that count by their energy. It is near 0 for tones and near 0.55 for noise.
const FLAT: f64 = 0.4;
/// Bins over which the flatness is taken, so few that the colour of a noise does not count.
const BLOCK: usize = 32;

/// Bins of a frame's chroma in an octave: three a semitone, so that the tuning can be allowed for when it is known.
pub(super) const THIRDS: usize = 36;
/// A peak also counts for the pitches of which it may be the second, third and fourth harmonic, each time by this part of
/// the weight before (E. Gomez, "Tonal Description of Music Audio Signals", 2006, section 3.4).
const HARMONIC: f32 = 0.6;
/// How far above the pitch the first four harmonics lie, in bins within the octave.
const HARMONIC_THIRDS: [usize; 4] = [0, 0, 21, 0];
/// Below this a pitch is also counted for the bass.
const BASS_HZ: f64 = 220.0;

/// Weight by pitch class, C first.
pub(super) type Chroma = [f64; 12];

/// The pitch classes of one frame, from A upwards, 255 for the strongest: of the bass, and of all.
#[derive(Clone, Copy)]
pub(super) struct Moment {
    /// The magnitude of its strongest partial.
    pub(super) level: f32,
    pub(super) bass: [u8; THIRDS],
    pub(super) all: [u8; THIRDS],
}

/// Gathers the peaks of the spectra of a sound.
pub(super) struct Pitches {
    rate: f64,
    size: usize,
    window: Vec<f32>,
    waiting: Vec<f32>,
    fft: Arc<dyn RealToComplex<f32>>,
    work: Vec<f32>,
    spectrum: Vec<Complex32>,
    magnitudes: Vec<f32>,
    peaks: Vec<(f64, f32)>,
    histogram: Vec<f64>,
    moments: Vec<Moment>,
    tonal: u64,
    frames: u64,
}

impl Pitches {
    pub(super) fn new(rate: f64) -> Self {
        let size = ((rate * FRAME_S) as usize).next_power_of_two().max(64);
        let window = (0..size).map(|at| (0.5 - 0.5 * (TAU * at as f64 / size as f64).cos()) as f32).collect();
        let fft = RealFftPlanner::<f32>::new().plan_fft_forward(size);
        Self {
            rate,
            size,
            window,
            waiting: Vec::with_capacity(size),
            work: vec![0.0; size],
            spectrum: fft.make_output_vec(),
            magnitudes: vec![0.0; size / 2 + 1],
            fft,
            peaks: Vec::new(),
            histogram: vec![0.0; PER_OCTAVE * OCTAVES],
            moments: Vec::new(),
            tonal: 0,
            frames: 0,
        }
    }

    pub(super) fn add(&mut self, sample: f32) {
        self.waiting.push(sample);
        if self.waiting.len() == self.size {
            self.take();
            self.waiting.drain(..self.size / 2);
        }
    }

    /// Ends the stream: what waits is filled up with silence.
    pub(super) fn end(&mut self) {
        if self.frames == 0 && !self.waiting.is_empty() {
            self.waiting.resize(self.size, 0.0);
            self.take();
        }
    }

    /// Weight by pitch: from 55 Hz upwards, [`PER_OCTAVE`] bins an octave, the first at an A.
    pub(super) fn histogram(&self) -> &[f64] {
        &self.histogram
    }

    /// The pitch classes of every frame that is not silent, in order.
    pub(super) fn moments(&self) -> &[Moment] {
        &self.moments
    }

    /// The part of the moments that are tonal.
    pub(super) fn tonality(&self) -> f64 {
        self.tonal as f64 / self.moments.len().max(1) as f64
    }

    fn take(&mut self) {
        for ((slot, sample), weight) in self.work.iter_mut().zip(&self.waiting).zip(&self.window) {
            *slot = sample * weight;
        }
        if self.fft.process(&mut self.work, &mut self.spectrum).is_err() {
            return;
        }
        // A sine of amplitude 1 under a Hann window gives a quarter of the size.
        let scale = 4.0 / self.size as f32;
        for (slot, value) in self.magnitudes.iter_mut().zip(&self.spectrum) {
            *slot = value.norm() * scale;
        }
        self.frames += 1;
        let hertz_a_bin = self.rate / self.size as f64;
        let first = (LOW_HZ / hertz_a_bin) as usize;
        let last = ((HIGH_HZ / hertz_a_bin) as usize).min(self.magnitudes.len().saturating_sub(3));
        let first = first.min(last);
        let loudest = self.magnitudes[first..last].iter().copied().fold(0.0_f32, f32::max);
        if loudest < SILENCE {
            return;
        }
        let (mut energy, mut flat) = (0.0, 0.0);
        for block in self.magnitudes[first..last].chunks_exact(BLOCK) {
            let mean = block.iter().map(|one| one * one).sum::<f32>() / BLOCK as f32 + 1e-20;
            let logs = block.iter().map(|one| (one * one + 1e-20).ln()).sum::<f32>() / BLOCK as f32;
            energy += f64::from(mean);
            flat += f64::from(logs.exp());
        }
        self.peaks.clear();
        for at in first.max(2)..last {
            let [left, middle, right] = [self.magnitudes[at - 1], self.magnitudes[at], self.magnitudes[at + 1]];
            if middle < WEAK * loudest || middle <= left || middle < right {
                continue;
            }
            let (a, b, c) = (f64::from(left.max(1e-12)).ln(), f64::from(middle).ln(), f64::from(right.max(1e-12)).ln());
            let bend = a - 2.0 * b + c;
            let part = if bend < 0.0 { (a - c) / (2.0 * bend) } else { 0.0 };
            self.peaks.push(((at as f64 + part) * hertz_a_bin, middle));
        }
        let sum: f32 = self.peaks.iter().map(|(_, magnitude)| magnitude.sqrt()).sum();
        if sum <= 0.0 {
            return;
        }
        let (mut bass, mut all) = ([0.0_f32; THIRDS], [0.0_f32; THIRDS]);
        for (hertz, magnitude) in &self.peaks {
            let octaves = (hertz / LOW_HZ).log2();
            let weight = magnitude.sqrt() / sum;
            if let Some(slot) = self.histogram.get_mut((octaves * PER_OCTAVE as f64).round().max(0.0) as usize) {
                *slot += f64::from(weight);
            }
            let third = (octaves * THIRDS as f64).round().rem_euclid(THIRDS as f64) as usize;
            // The peak may be a harmonic of a pitch below it: a fifth or a third would count that is not played.
            let mut part = weight;
            for harmonic in HARMONIC_THIRDS {
                all[(third + THIRDS - harmonic) % THIRDS] += part;
                part *= HARMONIC;
            }
            if *hertz < BASS_HZ {
                bass[third] += weight;
            }
        }
        self.tonal += u64::from(flat < FLAT * energy);
        self.moments.push(Moment { level: loudest, bass: scaled(&bass), all: scaled(&all) });
    }
}

/// A row of weights with its largest as 255.
fn scaled(weights: &[f32; THIRDS]) -> [u8; THIRDS] {
    let most = weights.iter().copied().fold(0.0_f32, f32::max);
    if most > 0.0 { weights.map(|one| (one / most * 255.0).round() as u8) } else { [0; THIRDS] }
}
