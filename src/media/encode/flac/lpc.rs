//! Coefficients that predict a block from its own past: autocorrelation, and Levinson and Durbin's recursion.

/// The most coefficients. The streamable subset takes 12 at up to 48 kHz.
pub(super) const MOST_ORDER: usize = 12;

/// Lags that are computed at once: a round number is faster.
const LAGS: usize = MOST_ORDER + 2;

/// Bits of a coefficient.
const PRECISION: u32 = 12;

/// Coefficients as the format has them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Predictor {
    pub(super) order: usize,
    /// The first belongs to the sample just before.
    pub(super) coefficients: [i32; MOST_ORDER],
    pub(super) shift: u32,
    pub(super) precision: u32,
}

/// Fits predictors to blocks.
#[derive(Default)]
pub(super) struct Fitter {
    window: Vec<f64>,
    weighted: Vec<f64>,
}

impl Fitter {
    /// The predictor that is likely to take the least bits for `samples` of `bits` bits. `None` for silence and for blocks too
    /// short to tell.
    pub(super) fn fit(&mut self, samples: &[i32], bits: u32) -> Option<Predictor> {
        if samples.len() <= 2 * LAGS {
            return None;
        }
        if self.window.len() != samples.len() {
            self.window = tukey(samples.len());
        }
        self.weighted.clear();
        self.weighted.extend(samples.iter().zip(&self.window).map(|(sample, weight)| f64::from(*sample) * weight));
        self.weighted.resize(samples.len() + LAGS, 0.0);
        let correlation = autocorrelation(&self.weighted, samples.len());
        if correlation[0] <= 0.0 {
            return None;
        }
        let (rows, errors) = levinson(&correlation);
        // With a wide channel the products must still add up within 32 bits.
        let precision = |order: usize| {
            let room = 32_u32.saturating_sub(bits + (order as u32).next_power_of_two().ilog2());
            if bits <= 17 { PRECISION.min(room) } else { PRECISION + 2 }
        };
        let cost = |order: usize| {
            let error = errors[order].max(f64::MIN_POSITIVE);
            // A Laplacian of this power, in bits a sample.
            let each = (0.5 * (error * 0.240_226_506_959_1 / samples.len() as f64).log2()).max(0.0);
            let head = order as f64 * f64::from(bits + precision(order));
            each * (samples.len() - order) as f64 + head
        };
        let order = (1..=MOST_ORDER).min_by(|a, b| cost(*a).total_cmp(&cost(*b)))?;
        quantized(&rows[order - 1][..order], precision(order))
    }
}

/// A window that is flat in its middle half.
fn tukey(length: usize) -> Vec<f64> {
    let edge = length as f64 / 4.0;
    let weight = |at: usize| {
        let near = (at.min(length - 1 - at) as f64 + 0.5) / edge;
        if near < 1.0 { 0.5 - 0.5 * (std::f64::consts::PI * near).cos() } else { 1.0 }
    };
    (0..length).map(weight).collect()
}

/// `samples` has [`LAGS`] zeros behind its `length`.
fn autocorrelation(samples: &[f64], length: usize) -> [f64; LAGS] {
    let mut sums = [0.0; LAGS];
    for (sample, later) in samples[..length].iter().zip(samples.windows(LAGS)) {
        for (sum, other) in sums.iter_mut().zip(later) {
            *sum += sample * other;
        }
    }
    sums
}

/// The coefficients of every order, and the power that each leaves over.
fn levinson(correlation: &[f64; LAGS]) -> ([[f64; MOST_ORDER]; MOST_ORDER], [f64; MOST_ORDER + 1]) {
    let mut rows = [[0.0; MOST_ORDER]; MOST_ORDER];
    let mut errors = [f64::INFINITY; MOST_ORDER + 1];
    let mut now = [0.0; MOST_ORDER];
    let mut error = correlation[0];
    errors[0] = error;
    for order in 0..MOST_ORDER {
        let known: f64 = (0..order).map(|tap| now[tap] * correlation[order - tap]).sum();
        let reflection = (correlation[order + 1] - known) / error;
        let before = now;
        now[order] = reflection;
        for tap in 0..order {
            now[tap] = before[tap] - reflection * before[order - 1 - tap];
        }
        error *= 1.0 - reflection * reflection;
        if !error.is_finite() || error <= 0.0 {
            break;
        }
        rows[order] = now;
        errors[order + 1] = error;
    }
    (rows, errors)
}

/// Coefficients as integers of so many bits; the rounding of each is made good by the next.
fn quantized(coefficients: &[f64], precision: u32) -> Option<Predictor> {
    let largest = coefficients.iter().fold(0.0_f64, |most, coefficient| most.max(coefficient.abs()));
    if !(largest.is_finite() && largest > 0.0) {
        return None;
    }
    let whole = largest.log2().floor() as i32 + 1;
    let shift = (precision as i32 - 1 - whole).min(15);
    if shift < 0 {
        return None;
    }
    let (least, most) = (-(1_i64 << (precision - 1)), (1_i64 << (precision - 1)) - 1);
    let mut predictor = Predictor { order: coefficients.len(), shift: shift as u32, precision, ..Predictor::default() };
    let mut owed = 0.0;
    for (to, coefficient) in predictor.coefficients.iter_mut().zip(coefficients) {
        owed += coefficient * f64::from(1 << shift);
        let whole = (owed.round() as i64).clamp(least, most);
        owed -= whole as f64;
        *to = whole as i32;
    }
    Some(predictor)
}
