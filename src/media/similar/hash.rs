//! A hash of what a picture shows: 64 bits that stay nearly the same when it is made smaller, compressed again, blurred or
//! made brighter.
//!
//! After C. Zauner, "Implementation and Benchmarking of Perceptual Image Hash Functions" (2010), section 3.2: the luma is
//! brought to 32 x 32 (by the mean over each area), transformed by the DCT-II, and each bit tells whether one of the lowest
//! frequencies is above their median. Other than there, the 64 frequencies are those of the longest waves in any direction,
//! the level ones among them, and not a square: of pictures that were cropped by a fiftieth, half as many are missed so, at
//! no more false matches.

use std::f64::consts::PI;
use std::fmt;
use std::str::FromStr;

use image::DynamicImage;

use super::flat::{Flat, WHITE, luma};

/// Pixels of the small picture from side to side.
const SIDE: usize = 32;
/// Bits of a hash, and frequencies that count.
const BITS: usize = 64;
/// What is below this in both directions holds all of them.
const LOW: usize = 10;
/// A small picture whose luma strays less than this from its mean (standard deviation, of 255) shows nothing that a hash
/// could tell from noise.
const PLAIN: f64 = 1.0;

/// The hash of a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PictureHash(pub u64);

impl PictureHash {
    /// That of an upright picture; what is transparent is white. `None` where all of it has about one brightness.
    #[must_use]
    pub fn of(pixels: &DynamicImage) -> Option<Self> {
        let small = reduced(Flat::new(pixels, WHITE));
        let mean = small.iter().sum::<f64>() / small.len() as f64;
        let variance = small.iter().map(|luma| (luma - mean).powi(2)).sum::<f64>() / small.len() as f64;
        (variance.sqrt() >= PLAIN).then(|| Self::of_frequencies(&frequencies(&small)))
    }

    /// How many bits differ: 0 to 64. Pictures that have nothing to do with each other differ in about 32.
    #[must_use]
    pub const fn distance(self, other: Self) -> u32 {
        (self.0 ^ other.0).count_ones()
    }

    fn of_frequencies(frequencies: &[f64; BITS]) -> Self {
        let mut sorted = *frequencies;
        sorted.sort_unstable_by(f64::total_cmp);
        let median = f64::midpoint(sorted[BITS / 2 - 1], sorted[BITS / 2]);
        Self(frequencies.iter().fold(0, |bits, frequency| bits << 1 | u64::from(*frequency > median)))
    }
}

impl fmt::Display for PictureHash {
    /// 16 hexadecimal digits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl FromStr for PictureHash {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let is_hash = text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let bits = u64::from_str_radix(text, 16).ok().filter(|_| is_hash);
        bits.map(Self).ok_or_else(|| format!("`{text}` is no hash of a picture: it has 16 hexadecimal digits"))
    }
}

/// The mean luma of each of 32 x 32 areas that tile the picture.
fn reduced(picture: Flat<'_>) -> [f64; SIDE * SIDE] {
    let (width, height) = (picture.width(), picture.height());
    let columns: Vec<Area> = (0..SIDE).map(|at| Area::of(at, width)).collect();
    let rows: Vec<Area> = (0..SIDE).map(|at| Area::of(at, height)).collect();
    let mut small = [0.0; SIDE * SIDE];
    let (mut pixels, mut line, mut brightness) = (Vec::new(), [0.0; SIDE], Vec::new());
    for y in 0..height {
        picture.row(y, &mut pixels);
        brightness.clear();
        brightness.extend(pixels.iter().map(|pixel| luma(*pixel)));
        for (mean, column) in line.iter_mut().zip(&columns) {
            *mean = column.mean(&brightness);
        }
        for (row, means) in rows.iter().zip(small.chunks_exact_mut(SIDE)) {
            let share = row.share(y);
            if share > 0.0 {
                means.iter_mut().zip(line).for_each(|(sum, mean)| *sum += share * mean);
            }
        }
    }
    small
}

/// A part of a side, in pixels and their fractions.
struct Area {
    start: f64,
    end: f64,
}

impl Area {
    /// The part number `at` of a side of so many pixels.
    fn of(at: usize, side: usize) -> Self {
        let edge = |at: usize| (at * side) as f64 / SIDE as f64;
        Self { start: edge(at), end: edge(at + 1) }
    }

    /// Which share of the area lies in the pixel `at`.
    fn share(&self, at: usize) -> f64 {
        let inside = self.end.min((at + 1) as f64) - self.start.max(at as f64);
        inside.max(0.0) / (self.end - self.start)
    }

    fn mean(&self, line: &[f32]) -> f64 {
        let (first, last) = (self.start as usize, (self.end.ceil() as usize).min(line.len()) - 1);
        let whole = |from: usize, to: usize| line.get(from..to).map_or(0.0, |part| f64::from(part.iter().sum::<f32>()));
        if first == last {
            return f64::from(line[first]);
        }
        let ends = f64::from(line[first]) * self.share(first) + f64::from(line[last]) * self.share(last);
        ends + whole(first + 1, last) / (self.end - self.start)
    }
}

/// The 64 lowest frequencies of the small picture by the DCT-II, the longest waves first, without its mean.
fn frequencies(small: &[f64; SIDE * SIDE]) -> [f64; BITS] {
    let wave: [[f64; SIDE]; LOW] = std::array::from_fn(|of| {
        // All of one energy: a level wave has twice that of the others.
        let scale = if of == 0 { 0.5_f64.sqrt() } else { 1.0 };
        std::array::from_fn(|at| scale * (PI / SIDE as f64 * (at as f64 + 0.5) * of as f64).cos())
    });
    // From side to side first: 32 rows.
    let across: [[f64; LOW]; SIDE] = std::array::from_fn(|y| {
        std::array::from_fn(|of| small[y * SIDE..].iter().zip(&wave[of]).map(|(luma, wave)| luma * wave).sum())
    });
    let mut lowest: Vec<(usize, usize)> = (1..LOW * LOW).map(|at| (at / LOW, at % LOW)).collect();
    lowest.sort_by_key(|(down, across)| (down * down + across * across, *down));
    std::array::from_fn(|at| {
        let (down, of) = lowest[at];
        (0..SIDE).map(|y| wave[down][y] * across[y][of]).sum()
    })
}

#[cfg(test)]
mod tests {
    use image::{GrayImage, Luma};

    use super::*;

    #[test]
    fn the_small_picture_is_the_mean_of_each_area_whatever_the_size() {
        for (width, height) in [(1, 1), (7, 5), (32, 32), (64, 96), (100, 33), (31, 250)] {
            let slope =
                DynamicImage::ImageLuma8(GrayImage::from_fn(width, height, |x, y| Luma([((x + y) % 251) as u8])));
            let small = reduced(Flat::new(&slope, WHITE));
            let sum: f64 = slope.to_luma8().iter().map(|luma| f64::from(*luma)).sum();
            let mean = sum / f64::from(width * height);
            assert!((small.iter().sum::<f64>() / 1024.0 - mean).abs() < 1e-3, "{width} x {height}");
        }
        let thirds =
            DynamicImage::ImageLuma8(GrayImage::from_fn(48, 1, |x, _| Luma([if x % 3 == 0 { 90 } else { 0 }])));
        let small = reduced(Flat::new(&thirds, WHITE));
        assert!((small[0] - 60.0).abs() < 1e-9 && small[1].abs() < 1e-9, "{:?}", &small[..3]);
    }

    #[test]
    fn a_wave_is_found_at_its_frequency() {
        let mut small = [0.0; SIDE * SIDE];
        for (at, luma) in small.iter_mut().enumerate() {
            *luma = 128.0 + 50.0 * (PI / 32.0 * ((at % SIDE) as f64 + 0.5) * 3.0).cos();
        }
        let found = frequencies(&small);
        let strong: Vec<usize> = (0..BITS).filter(|at| found[*at].abs() > 1e-6).collect();
        // After 0,1 1,0 1,1 0,2 2,0 1,2 2,1 2,2 comes 0,3: down 0, across 3.
        assert_eq!(strong, [8]);
        let level = 16.0 * 50.0 * 32.0 * 0.5_f64.sqrt();
        assert!((found[8] - level).abs() < 1e-6, "{}", found[8]);
    }

    #[test]
    fn a_hash_is_read_as_it_is_written_and_a_plain_picture_has_none() {
        let hash = PictureHash(0x00ab_cdef_0123_4567);
        assert_eq!((hash.to_string().as_str(), hash.to_string().parse()), ("00abcdef01234567", Ok(hash)));
        for wrong in ["", "+0abcdef01234567", "00abcdef0123456", "00abcdef0123456g"] {
            assert!(wrong.parse::<PictureHash>().is_err(), "{wrong}");
        }
        assert_eq!(PictureHash::of(&DynamicImage::new_rgb8(40, 30)), None);
        assert_eq!(PictureHash::of(&DynamicImage::new_rgba8(40, 30)), None);
    }
}
