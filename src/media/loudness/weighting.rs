//! The K-weighting of BS.1770 and the weights of its channels.

use std::f64::consts::PI;

/// Below this a filter has nothing to tell any more; left alone, its states shrink to numbers that processors are slow with.
const NOTHING: f64 = 1e-30;

/// One second-order filter, transposed direct form II.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Biquad {
    b: [f64; 3],
    /// The denominator, without its leading one.
    a: [f64; 2],
}

/// The shelf that stands for the head: +4 dB above 1.7 kHz. BS.1770 gives coefficients for 48 kHz alone; these are of the
/// analogue filter behind them (B. De Man, "Evaluation of Implementations of the EBU R128 Loudness Measurement", 2014),
/// and meet the ones in the standard.
fn shelf(rate: f64) -> Biquad {
    let (gain, q) = (3.999_843_853_973_347_f64, 0.707_175_236_955_419_6);
    let k = warped(1_681.974_450_955_533, rate);
    let high = 10_f64.powf(gain / 20.0);
    let band = high.powf(0.499_666_774_154_541_6);
    let scale = 1.0 + k / q + k * k;
    Biquad {
        b: [(high + band * k / q + k * k) / scale, 2.0 * (k * k - high) / scale, (high - band * k / q + k * k) / scale],
        a: [2.0 * (k * k - 1.0) / scale, (1.0 - k / q + k * k) / scale],
    }
}

/// The high-pass at 38 Hz (the "RLB" curve). Its numerator is not scaled, as in the standard.
fn high_pass(rate: f64) -> Biquad {
    let q = 0.500_327_037_323_877_3;
    let k = warped(38.135_470_876_024_44, rate);
    let scale = 1.0 + k / q + k * k;
    Biquad { b: [1.0, -2.0, 1.0], a: [2.0 * (k * k - 1.0) / scale, (1.0 - k / q + k * k) / scale] }
}

/// The frequency of an analogue filter as the bilinear transform wants it; kept below half the rate, where filters are stable.
fn warped(frequency: f64, rate: f64) -> f64 {
    (PI * frequency.min(0.49 * rate) / rate).tan()
}

/// The weight of every channel; see [`super::Loudness::new`].
fn weights(channels: usize) -> Vec<f64> {
    const SIDE: f64 = 1.41;
    let known: &[f64] = match channels {
        4 => &[1.0, 1.0, SIDE, SIDE],
        5 => &[1.0, 1.0, 1.0, SIDE, SIDE],
        6 => &[1.0, 1.0, 1.0, 0.0, SIDE, SIDE],
        7 => &[1.0, 1.0, 1.0, 0.0, 1.0, SIDE, SIDE],
        8 => &[1.0, 1.0, 1.0, 0.0, 1.0, 1.0, SIDE, SIDE],
        _ => return vec![1.0; channels],
    };
    known.to_vec()
}

/// Weighs a stream of interleaved samples.
pub(super) struct Weighting {
    shelf: Biquad,
    high_pass: Biquad,
    channels: usize,
    /// Channels that count, two by two, as two can be filtered in the time of one.
    pairs: Vec<Channels<2>>,
    last: Option<Channels<1>>,
}

/// Some channels and the states of their filters.
struct Channels<const N: usize> {
    at: [usize; N],
    weights: [f64; N],
    states: [[f64; N]; 4],
}

impl Weighting {
    pub(super) fn new(rate: u32, channels: usize) -> Self {
        let weights = weights(channels);
        let counting: Vec<usize> = (0..channels).filter(|channel| weights[*channel] > 0.0).collect();
        let (pairs, last) = counting.as_chunks::<2>();
        Self {
            shelf: shelf(rate.into()),
            high_pass: high_pass(rate.into()),
            channels,
            pairs: pairs.iter().map(|at| Channels::new(*at, &weights)).collect(),
            last: last.first().map(|at| Channels::new([*at], &weights)),
        }
    }

    /// The weighted sum of the squares of these frames, which follow on those before.
    pub(super) fn energy(&mut self, samples: &[f32]) -> f64 {
        let mut energy = 0.0;
        for pair in &mut self.pairs {
            // With the number of channels known, the most usual kind of sound is half as dear.
            energy += if self.channels == 2 {
                pair.energy(samples.as_chunks::<2>().0.iter().copied(), &self.shelf, &self.high_pass)
            } else {
                let at = pair.at;
                let frames = samples.chunks_exact(self.channels).map(|frame| at.map(|channel| frame[channel]));
                pair.energy(frames, &self.shelf, &self.high_pass)
            };
        }
        if let Some(last) = &mut self.last {
            let frames = samples.iter().skip(last.at[0]).step_by(self.channels).map(|sample| [*sample]);
            energy += last.energy(frames, &self.shelf, &self.high_pass);
        }
        energy
    }
}

impl<const N: usize> Channels<N> {
    fn new(at: [usize; N], weights: &[f64]) -> Self {
        Self { at, weights: at.map(|channel| weights[channel]), states: [[0.0; N]; 4] }
    }

    fn energy(&mut self, frames: impl Iterator<Item = [f32; N]>, shelf: &Biquad, high_pass: &Biquad) -> f64 {
        let [mut s1, mut s2, mut t1, mut t2] = self.states;
        let mut squares = [0.0; N];
        for frame in frames {
            for lane in 0..N {
                let x = f64::from(frame[lane]);
                let y = shelf.b[0] * x + s1[lane];
                s1[lane] = shelf.b[1] * x - shelf.a[0] * y + s2[lane];
                s2[lane] = shelf.b[2] * x - shelf.a[1] * y;
                // The high-pass has the numerator 1, -2, 1.
                let z = y + t1[lane];
                t1[lane] = t2[lane] - 2.0 * y - high_pass.a[0] * z;
                t2[lane] = y - high_pass.a[1] * z;
                squares[lane] += z * z;
            }
        }
        let settled = |state: f64| if state.abs() < NOTHING { 0.0 } else { state };
        self.states = [s1, s2, t1, t2].map(|state| state.map(settled));
        squares.iter().zip(&self.weights).map(|(square, weight)| square * weight).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_filters_at_48_khz_are_those_of_the_standard() {
        // BS.1770-4, tables 1 and 2.
        let wanted = [
            (
                [1.535_124_859_586_97, -2.691_696_189_406_38, 1.198_392_810_852_85],
                [-1.690_659_293_182_41, 0.732_480_774_215_85],
            ),
            ([1.0, -2.0, 1.0], [-1.990_047_454_833_98, 0.990_072_250_366_21]),
        ];
        for (filter, (b, a)) in [shelf(48_000.0), high_pass(48_000.0)].iter().zip(wanted) {
            let near = |got: &[f64], wanted: &[f64]| got.iter().zip(wanted).all(|(a, b)| (a - b).abs() < 1e-10);
            assert!(near(&filter.b, &b) && near(&filter.a, &a), "{filter:?}");
        }
    }

    #[test]
    fn no_rate_makes_the_filters_ring_for_ever() {
        for rate in [1, 60, 1000, 3000, 8000, 1_536_000] {
            let mut weighting = Weighting::new(rate, 1);
            weighting.energy(&[1.0]);
            let quiet = vec![0.0; 20 * rate as usize + 1000];
            weighting.energy(&quiet);
            assert!(weighting.energy(&quiet) < 1e-12, "{rate} Hz");
        }
    }

    #[test]
    fn the_lfe_does_not_count_and_surrounds_count_more() {
        let energy = |channel: usize| {
            let mut sound = vec![0.0; 6 * 4800];
            sound
                .iter_mut()
                .skip(channel)
                .step_by(6)
                .enumerate()
                .for_each(|(at, sample)| *sample = (at as f32 * 0.13).sin());
            Weighting::new(48_000, 6).energy(&sound)
        };
        assert!(energy(0) > 0.0 && energy(1) == energy(0) && energy(2) == energy(0));
        assert_eq!(energy(3), 0.0);
        assert!((energy(4) / energy(0) - 1.41).abs() < 1e-12 && energy(5) == energy(4));
    }
}
