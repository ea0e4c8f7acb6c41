//! Figures of single power spectra: where their weight lies, how flat they are, how much they change.

/// The part of the magnitude that lies below the roll-off.
const ROLLOFF: f32 = 0.85;

/// Where the product of mantissas is turned into a sum of exponents: 2^64 is far from the largest number.
const PRODUCT: usize = 64;

/// The figures of one frame.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Shape {
    /// Mean of the bins, weighted by magnitude.
    pub(super) centroid: f64,
    /// Deviation from the centroid in bins, weighted by magnitude.
    pub(super) bandwidth: f64,
    /// The bin up to which [`ROLLOFF`] of the magnitude lies.
    pub(super) rolloff: usize,
    /// Geometric over arithmetic mean of the power.
    pub(super) flatness: f64,
    /// Distance from the spectrum before, both of length 1; `None` for the first.
    pub(super) flux: Option<f64>,
}

/// Measures spectra, one after the other.
#[derive(Debug, Clone, Default)]
pub(super) struct Shapes {
    magnitudes: Vec<f32>,
    /// The magnitudes of the frame before, over their length.
    before: Vec<f32>,
    /// The least power that counts for the flatness: librosa's `amin` on our scale.
    floor: f32,
}

impl Shapes {
    /// Measures power spectra of `bins` bins.
    pub(super) fn new(bins: usize) -> Self {
        let size = 2.0 * (bins.max(2) - 1) as f32;
        Self { magnitudes: vec![0.0; bins], before: Vec::new(), floor: 1e-10 * 16.0 / (size * size) }
    }

    /// The figures of a frame; `None` where it holds nothing at all.
    pub(super) fn take(&mut self, power: &[f32]) -> Option<Shape> {
        for (magnitude, power) in self.magnitudes.iter_mut().zip(power) {
            *magnitude = power.sqrt();
        }
        let weight = sum(&self.magnitudes, |magnitude, _| magnitude);
        let energy = sum(power, |power, _| power);
        if weight <= 0.0 || energy <= 0.0 {
            self.before.clear();
            return None;
        }
        let centroid = sum(&self.magnitudes, |magnitude, bin| magnitude * bin) / weight;
        let spread = sum(&self.magnitudes, |magnitude, bin| magnitude * (bin - centroid) * (bin - centroid)) / weight;
        let flux = self.flux(energy);
        Some(Shape {
            centroid: f64::from(centroid),
            bandwidth: f64::from(spread).sqrt(),
            rolloff: rolloff(&self.magnitudes, ROLLOFF * weight),
            flatness: flatness(power, self.floor),
            flux,
        })
    }

    fn flux(&mut self, energy: f32) -> Option<f64> {
        let scale = energy.sqrt().recip();
        let first = self.before.is_empty();
        self.before.resize(self.magnitudes.len(), 0.0);
        let mut lanes = [0.0_f32; 8];
        let (before, before_rest) = self.before.as_chunks_mut::<8>();
        let (now, now_rest) = self.magnitudes.as_chunks::<8>();
        for (before, now) in before.iter_mut().zip(now) {
            for lane in 0..8 {
                let value = now[lane] * scale;
                let change = value - before[lane];
                lanes[lane] += change * change;
                before[lane] = value;
            }
        }
        for (before, now) in before_rest.iter_mut().zip(now_rest) {
            let value = now * scale;
            lanes[0] += (value - *before) * (value - *before);
            *before = value;
        }
        (!first).then(|| f64::from(lanes.iter().sum::<f32>()).sqrt())
    }
}

/// The sum of `term(value, place)` over all values, in lanes that the compiler can keep in registers.
fn sum(values: &[f32], term: impl Fn(f32, f32) -> f32) -> f32 {
    let mut lanes = [0.0_f32; 8];
    let mut places: [f32; 8] = std::array::from_fn(|lane| lane as f32);
    let (chunks, rest) = values.as_chunks::<8>();
    for chunk in chunks {
        for lane in 0..8 {
            lanes[lane] += term(chunk[lane], places[lane]);
            places[lane] += 8.0;
        }
    }
    for (at, value) in rest.iter().enumerate() {
        lanes[at] += term(*value, (chunks.len() * 8 + at) as f32);
    }
    lanes.iter().sum()
}

/// The first bin with which the magnitudes so far come to `wanted`.
fn rolloff(magnitudes: &[f32], wanted: f32) -> usize {
    let mut total = 0.0;
    for (at, block) in magnitudes.chunks(32).enumerate() {
        let after = total + sum(block, |magnitude, _| magnitude);
        if after >= wanted {
            for (bin, magnitude) in block.iter().enumerate() {
                total += magnitude;
                if total >= wanted {
                    return at * 32 + bin;
                }
            }
        }
        total = after;
    }
    magnitudes.len() - 1
}

/// Geometric over arithmetic mean, each value at least `floor`. The logarithm of a product is the sum of the exponents and
/// the logarithm of the product of the mantissas: one logarithm does for many values.
fn flatness(power: &[f32], floor: f32) -> f64 {
    const MANTISSA: u32 = (1 << 23) - 1;
    const ONE: u32 = 127 << 23;
    let mut logarithm = 0.0_f64;
    let mut exponents = 0_i64;
    for block in power.chunks(8 * PRODUCT) {
        let (chunks, rest) = block.as_chunks::<8>();
        let (mut products, mut sums) = ([1.0_f32; 8], [0_u32; 8]);
        for chunk in chunks {
            for lane in 0..8 {
                let bits = chunk[lane].max(floor).to_bits();
                products[lane] *= f32::from_bits(bits & MANTISSA | ONE);
                sums[lane] += bits >> 23;
            }
        }
        exponents += sums.iter().map(|sum| i64::from(*sum)).sum::<i64>() - 127 * 8 * chunks.len() as i64;
        logarithm += products.iter().map(|product| f64::from(*product).ln()).sum::<f64>();
        logarithm += rest.iter().map(|value| f64::from(value.max(floor)).ln()).sum::<f64>();
    }
    let count = power.len() as f64;
    let mean = f64::from(sum(power, |value, _| value.max(floor))) / count;
    ((logarithm + exponents as f64 * std::f64::consts::LN_2) / count).exp() / mean
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a spectrum that is not empty has figures")]

    use super::*;

    #[test]
    fn a_single_tone_has_its_place_and_no_width() {
        let mut power = vec![0.0; 1025];
        power[300] = 0.25;
        let found = Shapes::new(1025).take(&power).unwrap();
        assert_eq!((found.centroid, found.bandwidth, found.rolloff, found.flux), (300.0, 0.0, 300, None));
        assert!(found.flatness < 1e-9);
    }

    #[test]
    fn an_even_spectrum_is_flat_and_centred() {
        for level in [1e-12, 1e-3, 1.0] {
            let found = Shapes::new(1025).take(&vec![level; 1025]).unwrap();
            assert!((found.flatness - 1.0).abs() < 1e-5, "{found:?}");
            assert!((found.centroid - 512.0).abs() < 1e-2);
            // The deviation of an even distribution of 1025 places.
            assert!((found.bandwidth - ((1025.0_f64.powi(2) - 1.0) / 12.0).sqrt()).abs() < 1e-2);
            assert_eq!(found.rolloff, 871);
        }
    }

    #[test]
    fn flux_does_not_know_the_level_and_knows_what_is_new() {
        let mut shapes = Shapes::new(9);
        let (mut low, mut high) = ([0.0; 9], [0.0; 9]);
        (low[1], high[7]) = (1.0, 0.01);
        assert_eq!(shapes.take(&low).unwrap().flux, None);
        assert_eq!(shapes.take(&low.map(|power| power / 100.0)).unwrap().flux, Some(0.0));
        let flux = shapes.take(&high).unwrap().flux.unwrap();
        assert!((flux - 2.0_f64.sqrt()).abs() < 1e-6, "{flux}");
        assert!(shapes.take(&[0.0; 9]).is_none());
        assert_eq!(shapes.take(&low).unwrap().flux, None, "after silence nothing is before");
    }
}
