//! How much louder the bands of a spectrum become from frame to frame.
//!
//! Spectral flux of log magnitudes in bands of a quarter tone, each band held against the loudest of its neighbourhood in
//! the frame before, so that vibrato is no onset: S. Boeck, G. Widmer, "Maximum filter vibrato suppression for onset
//! detection", DAFx 2013.

use super::super::spectrum::Frames;

/// The lowest and the highest frequency looked at.
const LOW_HZ: f64 = 27.5;
const HIGH_HZ: f64 = 16_000.0;
/// Bands in an octave.
const BANDS_PER_OCTAVE: f64 = 24.0;
/// A band this much below the loudest band heard lately counts for nothing.
const FLOOR: f32 = 1e-3;
/// The least level that the floor refers to (-70 dBFS), so that the hiss of a silent sound has no rhythm.
const LEAST: f32 = 3e-4;
/// Upper edges of the registers: the bass drum and the bass, the body of most notes, snare and attack noise.
const REGISTERS_HZ: [f64; 2] = [160.0, 2500.0];
/// Registers of the novelty, and their sum after them.
pub(super) const REGISTERS: usize = 3;
/// One step of a stored value.
const STEP: f32 = 1.0 / 256.0;

/// The novelty of each frame, in log units added over the bands: in each register, as stored.
#[derive(Default)]
pub(super) struct Novelty {
    frames: Vec<[u16; REGISTERS + 1]>,
}

impl Novelty {
    /// Frames.
    pub(super) fn len(&self) -> usize {
        self.frames.len()
    }

    /// The novelty of a register over time; register [`REGISTERS`] is all of them together.
    pub(super) fn register(&self, register: usize) -> Vec<f32> {
        self.frames.iter().map(|frame| f32::from(frame[register]) * STEP).collect()
    }

    pub(super) fn whole(&self) -> Vec<f32> {
        self.register(REGISTERS)
    }
}

struct Band {
    first: usize,
    end: usize,
    register: usize,
}

/// Takes spectra and gathers their novelty.
pub(super) struct Flux {
    bands: Vec<Band>,
    /// Magnitudes of the frame before.
    before: Vec<f32>,
    now: Vec<f32>,
    logs: Vec<f32>,
    logs_before: Vec<f32>,
    loudest: f32,
    decay: f32,
    novelty: Novelty,
}

impl Flux {
    pub(super) fn new(rate: u32, frames: Frames) -> Self {
        let (size, rate) = (frames.size.max(2), f64::from(rate.max(1)));
        let bin = |hertz: f64| (hertz * size as f64 / rate).round() as usize;
        let mut bands = Vec::new();
        let mut first = bin(LOW_HZ).max(1);
        let mut step = 1.0;
        loop {
            let hertz = LOW_HZ * (step / BANDS_PER_OCTAVE).exp2();
            if hertz > HIGH_HZ {
                break;
            }
            let end = bin(hertz).min(size / 2 + 1);
            if end > first {
                let middle = (first + end - 1) as f64 / 2.0 * rate / size as f64;
                let register = REGISTERS_HZ.iter().take_while(|edge| middle > **edge).count();
                bands.push(Band { first, end, register });
                first = end;
            }
            step += 1.0;
        }
        let count = bands.len();
        let frames_per_s = rate / frames.hop.max(1) as f64;
        Self {
            bands,
            before: vec![0.0; count],
            now: vec![0.0; count],
            logs: vec![0.0; count],
            logs_before: vec![0.0; count],
            loudest: LEAST,
            // By 20 dB in 10 s.
            decay: 10_f64.powf(-1.0 / (10.0 * frames_per_s)) as f32,
            novelty: Novelty::default(),
        }
    }

    pub(super) fn add(&mut self, power: &[f32]) {
        let mut loudest = 0.0_f32;
        for (band, now) in self.bands.iter().zip(&mut self.now) {
            let power = power.get(band.first..band.end.min(power.len())).unwrap_or_default();
            *now = power.iter().copied().filter(|one| one.is_finite()).sum::<f32>().sqrt();
            loudest = loudest.max(*now);
        }
        self.loudest = (self.loudest * self.decay).max(loudest).max(LEAST);
        let gain = 1.0 / (self.loudest * FLOOR);
        for ((log, log_before), (now, before)) in
            self.logs.iter_mut().zip(&mut self.logs_before).zip(self.now.iter().zip(&self.before))
        {
            *log = log2(1.0 + gain * now);
            *log_before = log2(1.0 + gain * before);
        }
        let mut sums = [0.0_f32; REGISTERS];
        let last = self.bands.len().saturating_sub(1);
        for (at, band) in self.bands.iter().enumerate() {
            let around = &self.logs_before[at.saturating_sub(1)..=(at + 1).min(last)];
            let held = around.iter().copied().fold(0.0, f32::max);
            sums[band.register] += (self.logs[at] - held).max(0.0);
        }
        let whole: f32 = sums.iter().sum();
        let store = |value: f32| (value / STEP).round().clamp(0.0, f32::from(u16::MAX)) as u16;
        self.novelty.frames.push([store(sums[0]), store(sums[1]), store(sums[2]), store(whole)]);
        std::mem::swap(&mut self.before, &mut self.now);
    }

    pub(super) fn finish(self) -> Novelty {
        self.novelty
    }
}

/// The logarithm to base 2 within 1e-4 for numbers from 1 upwards: the exponent, and a polynomial for the mantissa.
fn log2(value: f32) -> f32 {
    let bits = value.to_bits();
    let exponent = (bits >> 23) as i32 - 127;
    let mantissa = f32::from_bits((bits & 0x007f_ffff) | 0x3f80_0000) - 1.0;
    exponent as f32
        + mantissa
            * (1.442_0 + mantissa * (-0.707_2 + mantissa * (0.408_9 + mantissa * (-0.187_9 + mantissa * 0.044_2))))
}
