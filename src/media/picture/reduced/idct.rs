//! The inverse DCT of blocks to fewer pixels than they were made of: the lowest N x N coefficients of an 8 x 8 block give
//! N x N pixels, which is the block low-pass filtered and sampled anew in one go.

use std::f64::consts::PI;

/// Where the coefficients of a block stand, in the order of their coding (ISO/IEC 10918-1, figure A.6).
pub(super) const ZIGZAG: [u8; 64] = [
    0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7, 14, 21,
    28, 35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54,
    47, 55, 62, 63,
];

/// The inverse DCT to `side` x `side` pixels.
pub(super) struct Idct {
    side: usize,
    /// `basis[frequency][pixel]`, with what the quantiser of DC leaves to be scaled.
    basis: [[f32; 8]; 8],
    /// The steps of the quantiser, by place in the block.
    steps: [f32; 64],
}

impl Idct {
    /// To `side` pixels (1 to 8) a side, from coefficients that were quantised in these `steps` (in the order of coding).
    pub(super) fn new(side: usize, steps: &[u16; 64]) -> Self {
        let mut basis = [[0.0; 8]; 8];
        for (frequency, row) in basis.iter_mut().enumerate().take(side) {
            for (pixel, cell) in row.iter_mut().enumerate().take(side) {
                let even = if frequency == 0 { 0.5_f64.sqrt() } else { 1.0 };
                // An orthonormal DCT of `side` points, times sqrt(side / 8) for the coefficients were made from 8.
                let angle = (2 * pixel + 1) as f64 * frequency as f64 * PI / (2 * side) as f64;
                *cell = (0.5 * even * angle.cos()) as f32;
            }
        }
        let mut placed = [0.0; 64];
        for (step, place) in steps.iter().zip(ZIGZAG) {
            placed[usize::from(place)] = f32::from(*step);
        }
        Self { side, basis, steps: placed }
    }

    /// The pixels of a block with these `coefficients` (by place: the frequency from top to bottom times 8, and that from
    /// left to right), into `to`, whose rows are `stride` apart. `flat` where only the first is not zero.
    #[inline(always)]
    pub(super) fn block(&self, coefficients: &[i16; 64], flat: bool, to: &mut [u8], stride: usize) {
        let side = self.side;
        if flat || side == 1 {
            let level = pixel(f32::from(coefficients[0]) * self.steps[0] / 8.0);
            for row in to.chunks_mut(stride).take(side) {
                row[..side].fill(level);
            }
        } else if side <= 4 {
            self.pixels::<4>(coefficients, to, stride);
        } else {
            self.pixels::<8>(coefficients, to, stride);
        }
    }

    /// By two products of matrices of `WIDE` columns, which is a few vector instructions; beyond `side` they are zero.
    #[inline(always)]
    fn pixels<const WIDE: usize>(&self, coefficients: &[i16; 64], to: &mut [u8], stride: usize) {
        let side = self.side;
        let mut half = [[0.0_f32; WIDE]; WIDE];
        for down in 0..side {
            let mut row = [0.0_f32; WIDE];
            for (column, cell) in row.iter_mut().enumerate() {
                let place = down * 8 + column;
                *cell = f32::from(coefficients[place]) * self.steps[place];
            }
            for (y, line) in half.iter_mut().enumerate() {
                let weight = self.basis[down][y];
                for (sum, part) in line.iter_mut().zip(row) {
                    *sum += weight * part;
                }
            }
        }
        for (line, out) in half.iter().zip(to.chunks_mut(stride)).take(side) {
            let mut sums = [0.0_f32; WIDE];
            for (across, part) in line.iter().enumerate() {
                for (sum, weight) in sums.iter_mut().zip(&self.basis[across]) {
                    *sum += part * weight;
                }
            }
            let mut bytes = [0; WIDE];
            for (byte, sum) in bytes.iter_mut().zip(sums) {
                *byte = pixel(sum);
            }
            out[..side].copy_from_slice(&bytes[..side]);
        }
    }
}

/// A sample around 0 as a byte around 128, rounded.
#[inline(always)]
fn pixel(sample: f32) -> u8 {
    // Added to 1.5 x 2^23, a number this small stands rounded in the low bits: faster than a conversion that minds NaN.
    const ROUNDING: f32 = 12_582_912.0;
    let rounded = (sample.clamp(-200.0, 200.0) + ROUNDING).to_bits() as i32 - ROUNDING.to_bits() as i32;
    (rounded + 128).clamp(0, 255) as u8
}
