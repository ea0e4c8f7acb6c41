//! Holds two pictures against each other.

use fast_image_resize::{ResizeOptions, Resizer};
use image::DynamicImage;

use super::difference::Difference;
use super::flat::{BLACK, Flat, WHITE};
use super::hash::PictureHash;
use super::ssim::ssim;

/// How two pictures differ.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Comparison {
    /// Whether every pixel is the same.
    pub equal: bool,
    /// The peak signal-to-noise ratio in dB, over red, green and blue together. `None` where nothing differs: it is
    /// infinite then.
    pub psnr_db: Option<f64>,
    /// The mean structural similarity of the luma (Wang et al. 2004): 1 is equal. `None` where a side is shorter than 11
    /// pixels.
    pub ssim: Option<f64>,
    /// The largest difference of a sample, of 255.
    pub largest_difference: f64,
    /// How many of the 64 bits of their hashes differ. `None` where one is so plain that it has no hash.
    pub distance: Option<u32>,
}

/// Why two pictures cannot be held against each other: their sizes in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unlike {
    /// They differ in size.
    #[error("one has {} x {} pixels, the other {} x {}", .0.0, .0.1, .1.0, .1.1)]
    Size((u32, u32), (u32, u32)),
    /// They differ in shape: one would have to be stretched.
    #[error("one has {} x {} pixels, the other {} x {}: that is another shape", .0.0, .0.1, .1.0, .1.1)]
    Shape((u32, u32), (u32, u32)),
}

/// Holds two upright pictures against each other. Those with more than 8 bits are compared with all of them. Where one is
/// transparent, both are laid on black and on white, and the worse counts: what looks the same on both looks the same
/// everywhere.
///
/// With `scale`, the larger one is brought to the size of the smaller first (Lanczos, 3 lobes); its shape must be the same
/// but for the rounding of a pixel.
///
/// # Errors
/// [`Unlike`].
pub fn compare(first: &DynamicImage, second: &DynamicImage, scale: bool) -> Result<Comparison, Unlike> {
    let (ours, theirs) = (size(first), size(second));
    let scaled;
    let (one, other) = if ours == theirs {
        (first, second)
    } else if !scale {
        return Err(Unlike::Size(ours, theirs));
    } else if !is_same_shape(ours, theirs) {
        return Err(Unlike::Shape(ours, theirs));
    } else if pixels(ours) > pixels(theirs) {
        scaled = resized(first, theirs);
        (&scaled, second)
    } else {
        scaled = resized(second, ours);
        (first, &scaled)
    };
    let grounds: &[f32] = if one.color().has_alpha() || other.color().has_alpha() { &[BLACK, WHITE] } else { &[WHITE] };
    let mut worst: Option<Comparison> = None;
    for ground in grounds {
        let (one, other) = (Flat::new(one, *ground), Flat::new(other, *ground));
        let difference = Difference::between(one, other);
        let found = Comparison {
            equal: difference.largest == 0.0 && ours == theirs,
            psnr_db: difference.psnr_db(),
            ssim: ssim(one, other),
            largest_difference: difference.largest,
            distance: None,
        };
        worst = Some(worst.map_or(found, |before| before.worse(found)));
    }
    let distance = PictureHash::of(first).zip(PictureHash::of(second)).map(|(one, other)| one.distance(other));
    let none = Comparison { equal: true, psnr_db: None, ssim: None, largest_difference: 0.0, distance: None };
    Ok(Comparison { distance, ..worst.unwrap_or(none) })
}

impl Comparison {
    /// The worse of both in everything.
    fn worse(self, other: Self) -> Self {
        let least = |one: Option<f64>, other: Option<f64>| match (one, other) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
        Self {
            equal: self.equal && other.equal,
            psnr_db: least(self.psnr_db, other.psnr_db),
            ssim: least(self.ssim, other.ssim),
            largest_difference: self.largest_difference.max(other.largest_difference),
            distance: None,
        }
    }
}

fn size(picture: &DynamicImage) -> (u32, u32) {
    (picture.width(), picture.height())
}

fn pixels((width, height): (u32, u32)) -> u64 {
    u64::from(width) * u64::from(height)
}

/// Whether one is the other made smaller, each side rounded to a pixel.
fn is_same_shape(one: (u32, u32), other: (u32, u32)) -> bool {
    let (large, small) = if pixels(one) > pixels(other) { (one, other) } else { (other, one) };
    let fits = |long: u32, of: u32, short: u32, side: u32| {
        (f64::from(of) * f64::from(short) / f64::from(long) - f64::from(side)).abs() < 1.0
    };
    fits(large.0, large.1, small.0, small.1) || fits(large.1, large.0, small.1, small.0)
}

fn resized(picture: &DynamicImage, (width, height): (u32, u32)) -> DynamicImage {
    let mut small = DynamicImage::new(width, height, picture.color());
    // It refuses only what has other pixels than its source, or none.
    let _ = Resizer::new().resize(picture, &mut small, &ResizeOptions::default());
    small
}
