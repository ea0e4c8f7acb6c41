//! One channel of one block.

use super::bits::BitWriter;
use super::lpc::{Fitter, MOST_ORDER, Predictor};
use super::rice;

/// The ways to write a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// All samples are this one.
    Constant,
    /// As they are.
    Verbatim,
    /// By differences of this order.
    Fixed(usize),
    /// By fitted coefficients.
    Linear(Predictor),
}

/// Writes channels, and keeps its rooms between them.
#[derive(Default)]
pub(super) struct SubframeCoder {
    fitter: Fitter,
    shifted: Vec<i32>,
    fixed: Vec<i32>,
    linear: Vec<i32>,
    fixed_plan: rice::Plan,
    linear_plan: rice::Plan,
}

impl SubframeCoder {
    /// Appends the subframe of `samples`, which have `bits` bits.
    pub(super) fn code(&mut self, samples: &[i32], bits: u32, to: &mut BitWriter) {
        // Zeros at the end of every sample are said once: 16 bits in a file of 24.
        let all = samples.iter().fold(0, |all, sample| all | sample);
        let wasted = if all == 0 { 0 } else { all.trailing_zeros() };
        self.shifted.clear();
        self.shifted.extend(samples.iter().map(|sample| sample >> wasted));
        let bits = bits - wasted;
        let way = self.choose(bits);
        let kind = match way {
            Way::Constant => 0,
            Way::Verbatim => 1,
            Way::Fixed(order) => 8 + order as u64,
            Way::Linear(predictor) => 31 + predictor.order as u64,
        };
        to.put(kind, 7);
        to.put(u64::from(wasted > 0), 1);
        if wasted > 0 {
            to.zeros(wasted - 1);
            to.put(1, 1);
        }
        let raw = match way {
            Way::Constant => 1,
            Way::Verbatim => self.shifted.len(),
            Way::Fixed(order) => order,
            Way::Linear(predictor) => predictor.order,
        };
        self.shifted.iter().take(raw).for_each(|sample| to.put_signed((*sample).into(), bits));
        match way {
            Way::Constant | Way::Verbatim => {}
            Way::Fixed(order) => rice::write(&self.fixed, order, &self.fixed_plan, to),
            Way::Linear(predictor) => {
                to.put(u64::from(predictor.precision) - 1, 4);
                to.put_signed(predictor.shift.into(), 5);
                for coefficient in &predictor.coefficients[..predictor.order] {
                    to.put_signed((*coefficient).into(), predictor.precision);
                }
                rice::write(&self.linear, predictor.order, &self.linear_plan, to);
            }
        }
    }

    fn choose(&mut self, bits: u32) -> Way {
        let samples = &self.shifted;
        let Some(first) = samples.first() else { return Way::Verbatim };
        if samples.iter().all(|sample| sample == first) {
            return Way::Constant;
        }
        let mut least = samples.len() as u64 * u64::from(bits);
        let mut way = Way::Verbatim;
        let order = difference(samples, &mut self.fixed);
        if samples.len() > order {
            rice::plan(&self.fixed, order, &mut self.fixed_plan);
            let taken = self.fixed_plan.bits + order as u64 * u64::from(bits);
            if taken < least {
                (least, way) = (taken, Way::Fixed(order));
            }
        }
        if let Some(predictor) = self.fitter.fit(samples, bits)
            && residual(samples, &predictor, bits, &mut self.linear)
        {
            rice::plan(&self.linear, predictor.order, &mut self.linear_plan);
            let head = 9 + predictor.order as u64 * u64::from(bits + predictor.precision);
            if self.linear_plan.bits + head < least {
                way = Way::Linear(predictor);
            }
        }
        way
    }
}

/// The differences of `samples` of the order that leaves the least, into `to`; tells that order.
fn difference(samples: &[i32], to: &mut Vec<i32>) -> usize {
    to.clear();
    if samples.len() < 5 {
        to.extend_from_slice(samples);
        return 0;
    }
    let sums = magnitudes(samples);
    let order = (0..5).min_by_key(|order| sums[*order]).unwrap_or(0);
    match order {
        0 => to.extend_from_slice(samples),
        1 => to.extend(samples.windows(2).map(|s| s[1] - s[0])),
        2 => to.extend(samples.windows(3).map(|s| s[2] - 2 * s[1] + s[0])),
        3 => to.extend(samples.windows(4).map(|s| s[3] - 3 * s[2] + 3 * s[1] - s[0])),
        _ => to.extend(samples.windows(5).map(|s| s[4] - 4 * s[3] + 6 * s[2] - 4 * s[1] + s[0])),
    }
    order
}

/// The sums of the magnitudes of the differences of order 0 to 4. Samples of 25 bits leave room for them in 32.
fn magnitudes(samples: &[i32]) -> [u64; 5] {
    let mut sums = [0_u64; 5];
    // Sums of eight are kept narrow, which is faster: those of 29 bits have room in 32.
    for part in 0..samples.len().saturating_sub(4).div_ceil(8) {
        let from = part * 8;
        let own = &samples[from..(from + 12).min(samples.len())];
        let mut narrow = [0_u32; 5];
        for s in own.windows(5) {
            let (a, b, c, d) = (s[4] - s[3], s[3] - s[2], s[2] - s[1], s[1] - s[0]);
            let (e, f, g) = (a - b, b - c, c - d);
            let (h, i) = (e - f, f - g);
            narrow[0] += s[4].unsigned_abs();
            narrow[1] += a.unsigned_abs();
            narrow[2] += e.unsigned_abs();
            narrow[3] += h.unsigned_abs();
            narrow[4] += (h - i).unsigned_abs();
        }
        for (sum, narrow) in sums.iter_mut().zip(narrow) {
            *sum += u64::from(narrow);
        }
    }
    sums
}

/// What `predictor` leaves over of `samples` of `bits` bits, into `to`. `false`: it does not fit in 32 bits.
fn residual(samples: &[i32], predictor: &Predictor, bits: u32, to: &mut Vec<i32>) -> bool {
    to.clear();
    to.resize(samples.len() - predictor.order, 0);
    let narrow = bits <= 17;
    macro_rules! by_order {
        ($($order:literal)*) => {
            match (predictor.order, narrow) {
                $(($order, true) => { narrow_residual::<$order>(samples, predictor, to); true },
                  ($order, false) => wide_residual::<$order>(samples, predictor, to),)*
                _ => false,
            }
        };
    }
    const { assert!(MOST_ORDER == 12) };
    by_order!(1 2 3 4 5 6 7 8 9 10 11 12)
}

fn taps<const ORDER: usize>(predictor: &Predictor) -> [i32; ORDER] {
    let mut taps = [0; ORDER];
    for (tap, coefficient) in taps.iter_mut().zip(predictor.coefficients[..ORDER].iter().rev()) {
        *tap = *coefficient;
    }
    taps
}

fn narrow_residual<const ORDER: usize>(samples: &[i32], predictor: &Predictor, to: &mut [i32]) {
    let taps = taps::<ORDER>(predictor);
    for ((past, now), left) in samples.array_windows::<ORDER>().zip(&samples[ORDER..]).zip(to) {
        let mut sum = 0_i32;
        for (tap, sample) in taps.iter().zip(past) {
            sum = sum.wrapping_add(tap.wrapping_mul(*sample));
        }
        *left = now - (sum >> predictor.shift);
    }
}

fn wide_residual<const ORDER: usize>(samples: &[i32], predictor: &Predictor, to: &mut [i32]) -> bool {
    let taps = taps::<ORDER>(predictor);
    let mut all = 0_i64;
    for ((past, now), left) in samples.array_windows::<ORDER>().zip(&samples[ORDER..]).zip(to) {
        let mut sum = 0_i64;
        for (tap, sample) in taps.iter().zip(past) {
            sum += i64::from(*tap) * i64::from(*sample);
        }
        let over = i64::from(*now) - (sum >> predictor.shift);
        all |= over ^ (over >> 63);
        *left = over as i32;
    }
    // One bit is spared, as folding doubles it.
    all < 1 << 30
}
