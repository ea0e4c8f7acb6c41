//! Puts planes together to the picture that was coded, at its full size.

use image::{DynamicImage, GrayImage, RgbImage};

use super::plane::Plane;

/// The picture of `width` x `height` pixels that these planes are: one is gray, three are Y', Cb and Cr (ITU-T T.871,
/// section 7). Where a plane has fewer samples, those between are on a straight line: samples stand in the middle of the
/// pixels that they are for. `None` for any other number of planes.
#[must_use]
pub fn whole(planes: &[Plane], (width, height): (u32, u32)) -> Option<DynamicImage> {
    let mut lines: Vec<Line<'_>> = planes.iter().map(|plane| Line::new(plane, width, height)).collect();
    match lines.as_mut_slice() {
        [gray] => {
            let mut samples = Vec::with_capacity(width as usize * height as usize);
            for y in 0..height {
                samples.extend(gray.row(y).iter().map(|level| ((u32::from(*level) + 128) >> 8).min(255) as u8));
            }
            GrayImage::from_raw(width, height, samples).map(DynamicImage::ImageLuma8)
        }
        [light, blue, red] => {
            let mut samples = vec![0; width as usize * height as usize * 3];
            for (y, row) in (0..height).zip(samples.chunks_exact_mut(width as usize * 3)) {
                colours(row, light.row(y), blue.row(y), red.row(y));
            }
            RgbImage::from_raw(width, height, samples).map(DynamicImage::ImageRgb8)
        }
        _ => None,
    }
}

/// Red, green and blue of a row, of which each sample is so many 256ths of a level.
fn colours(row: &mut [u8], light: &[u16], blue: &[u16], red: &[u16]) {
    // In 2^22nd parts of a level: the largest sum is just below 2^31.
    const MIDDLE: i32 = 128 << 8;
    let byte = |parts: i32| ((parts + (1 << 21)) >> 22).clamp(0, 255) as u8;
    for (((pixel, light), blue), red) in row.as_chunks_mut::<3>().0.iter_mut().zip(light).zip(blue).zip(red) {
        let (light, blue, red) = (i32::from(*light) << 14, i32::from(*blue) - MIDDLE, i32::from(*red) - MIDDLE);
        *pixel = [byte(light + 22_970 * red), byte(light - 5_638 * blue - 11_700 * red), byte(light + 29_032 * blue)];
    }
}

/// The rows of a plane, as wide as the picture.
struct Line<'a> {
    plane: &'a Plane,
    across: Across,
    /// Rows of the plane for one of the picture.
    down: f64,
    /// A row in 16ths of a level, with its last sample once more.
    mixed: Vec<u16>,
    /// The same as wide as the picture, in 256ths.
    wide: Vec<u16>,
}

/// How a row gets as wide as the picture.
enum Across {
    Same,
    Double,
    /// For each pixel, the sample to its left and the weight of the next one, in 16ths.
    Any(Vec<(u32, u16)>),
}

impl<'a> Line<'a> {
    fn new(plane: &'a Plane, width: u32, height: u32) -> Self {
        let share = plane.width / f64::from(width);
        let across = match share {
            1.0 => Across::Same,
            0.5 => Across::Double,
            _ => Across::Any((0..width).map(|x| between(x, share, plane.columns)).collect()),
        };
        let (mixed, wide) = (vec![0; plane.columns as usize + 1], vec![0; width as usize]);
        Self { plane, across, down: plane.height / f64::from(height), mixed, wide }
    }

    /// The row `y` of the picture, in 256ths of a level.
    fn row(&mut self, y: u32) -> &[u16] {
        let (above, weight) = between(y, self.down, self.plane.rows);
        let columns = self.plane.columns as usize;
        let row = |y: u32| &self.plane.samples[y as usize * columns..][..columns];
        let below = row((above + 1).min(self.plane.rows - 1));
        for ((mixed, above), below) in self.mixed.iter_mut().zip(row(above)).zip(below) {
            *mixed = u16::from(*above) * (16 - weight) + u16::from(*below) * weight;
        }
        self.mixed[columns] = self.mixed[columns - 1];
        match &self.across {
            Across::Same => self.wide.iter_mut().zip(&self.mixed).for_each(|(wide, mixed)| *wide = mixed << 4),
            Across::Double => {
                self.wide[0] = self.mixed[0] << 4;
                for (wide, near) in self.wide[1..].chunks_mut(2).zip(self.mixed.windows(2)) {
                    wide[0] = near[0] * 12 + near[1] * 4;
                    if let Some(wide) = wide.get_mut(1) {
                        *wide = near[0] * 4 + near[1] * 12;
                    }
                }
            }
            Across::Any(places) => {
                for (wide, (left, weight)) in self.wide.iter_mut().zip(places) {
                    let left = *left as usize;
                    *wide = self.mixed[left] * (16 - weight) + self.mixed[left + 1] * weight;
                }
            }
        }
        &self.wide
    }
}

/// Of `count` samples, of which `share` stand for one pixel, the one before the middle of the pixel `at`, and the weight of
/// the next one, in 16ths.
fn between(at: u32, share: f64, count: u32) -> (u32, u16) {
    let place = ((f64::from(at) + 0.5) * share - 0.5).clamp(0.0, f64::from(count - 1));
    (place as u32, (place.fract() * 16.0).round() as u16)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may")]
    use super::*;

    fn plane(columns: u32, rows: u32, (width, height): (f64, f64), sample: impl Fn(u32, u32) -> u8) -> Plane {
        let samples = (0..rows).flat_map(|y| (0..columns).map(move |x| (x, y))).map(|(x, y)| sample(x, y)).collect();
        Plane { columns, rows, width, height, samples }
    }

    #[test]
    fn the_colours_at_the_corners_are_those_of_the_standard() {
        for (coded, rgb) in [
            ([255, 128, 128], [255, 255, 255]),
            ([0, 128, 128], [0, 0, 0]),
            ([76, 85, 255], [254, 0, 0]),
            ([150, 44, 21], [0, 255, 1]),
            ([29, 255, 107], [0, 0, 254]),
            ([255, 255, 255], [255, 121, 255]),
        ] {
            let planes = coded.map(|level| plane(1, 1, (1.0, 1.0), |_, _| level));
            let DynamicImage::ImageRgb8(made) = whole(&planes, (1, 1)).unwrap() else {
                panic!("it is of another type")
            };
            assert_eq!(made.get_pixel(0, 0).0, rgb, "{coded:?}");
        }
    }

    #[test]
    fn a_slope_of_fewer_samples_stays_a_slope() {
        for (width, share) in [(16_u32, 1.0), (15, 0.5), (16, 0.25), (9, 1.0 / 3.0), (1, 0.5)] {
            let (held, columns) = (f64::from(width) * share, (f64::from(width) * share).ceil() as u32);
            let slope =
                plane(columns, 3, (held, 3.0), |x, _| (10.0 + 160.0 / f64::from(width) * f64::from(x) / share) as u8);
            let made = whole(&[slope], (width, 3)).unwrap().to_luma8();
            for (x, _, level) in made.enumerate_pixels() {
                let place = ((f64::from(x) + 0.5) * share - 0.5).clamp(0.0, f64::from(columns - 1));
                let wanted = 10.0 + 160.0 / f64::from(width) * place / share;
                assert!((f64::from(level.0[0]) - wanted).abs() <= 1.6, "{width}, {share}: {x}");
            }
        }
    }
}
