//! Structural similarity: Z. Wang, A. C. Bovik, H. R. Sheikh and E. P. Simoncelli, "Image quality assessment: from error
//! visibility to structural similarity", IEEE Transactions on Image Processing 13 (2004).
//!
//! As in the paper: Gaussian windows of 11 x 11 with a standard deviation of 1.5, only where they lie wholly within the
//! picture, and the mean over all of them. On the luma, at full size.

use super::flat::{Flat, WHITE, luma};

/// Pixels of a window from side to side.
const WINDOW: usize = 11;
const SIGMA: f64 = 1.5;
const K1: f64 = 0.01;
const K2: f64 = 0.03;
/// What is taken from every sample, so that the squares stay small: a variance does not depend on it.
const CENTRE: f32 = 128.0;
/// Sums of a window: of both pictures, of their squares together, and of their product.
const SUMS: usize = 4;

/// The mean structural similarity of two pictures of one size: 1 where they are equal, down to -1. `None` where a side is
/// shorter than a window.
pub(super) fn ssim(first: Flat<'_>, second: Flat<'_>) -> Option<f64> {
    let (width, height) = (first.width(), first.height());
    if width < WINDOW || height < WINDOW {
        return None;
    }
    let taps = taps();
    let across = width - WINDOW + 1;
    // The rows of a window, each weighted from side to side already: the row of a picture stands at its number modulo 11.
    let mut rows = vec![vec![0.0_f32; across * SUMS]; WINDOW];
    let mut pixels = Vec::new();
    let mut samples = vec![0.0_f32; width * SUMS];
    let mut window = vec![0.0_f32; across * SUMS];
    let mut sum = 0.0;
    for y in 0..height {
        first.row(y, &mut pixels);
        for (sums, pixel) in samples.chunks_exact_mut(SUMS).zip(&pixels) {
            sums[0] = luma(*pixel) - CENTRE;
        }
        second.row(y, &mut pixels);
        for (sums, pixel) in samples.chunks_exact_mut(SUMS).zip(&pixels) {
            let (one, other) = (sums[0], luma(*pixel) - CENTRE);
            sums.copy_from_slice(&[one, other, one * one + other * other, one * other]);
        }
        let row = &mut rows[y % WINDOW];
        row.fill(0.0);
        for (place, tap) in taps.iter().enumerate() {
            add(row, &samples[place * SUMS..], *tap);
        }
        if y + 1 < WINDOW {
            continue;
        }
        window.fill(0.0);
        for (place, tap) in taps.iter().enumerate() {
            add(&mut window, &rows[(y + 1 + place) % WINDOW], *tap);
        }
        sum += window.chunks_exact(SUMS).map(similarity).sum::<f64>();
    }
    Some(sum / (across * (height - WINDOW + 1)) as f64)
}

fn add(to: &mut [f32], from: &[f32], weight: f32) {
    for (to, from) in to.iter_mut().zip(from) {
        *to += weight * from;
    }
}

/// That of one window, from its sums.
fn similarity(sums: &[f32]) -> f64 {
    let [one, other, squares, product] = [0, 1, 2, 3].map(|at| f64::from(sums[at]));
    let variances = squares - one * one - other * other;
    let covariance = product - one * other;
    let (one, other) = (one + f64::from(CENTRE), other + f64::from(CENTRE));
    let [c1, c2] = [K1, K2].map(|k| (k * f64::from(WHITE)).powi(2));
    (2.0 * one * other + c1) * (2.0 * covariance + c2) / ((one * one + other * other + c1) * (variances + c2))
}

/// The weights of a window from side to side; their sum is 1.
fn taps() -> [f32; WINDOW] {
    let middle = (WINDOW / 2) as f64;
    let bell: [f64; WINDOW] = std::array::from_fn(|at| (-((at as f64 - middle) / SIGMA).powi(2) / 2.0).exp());
    let sum: f64 = bell.iter().sum();
    bell.map(|weight| (weight / sum) as f32)
}
