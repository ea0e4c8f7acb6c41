//! Pictures of every kind as rows of the same numbers.

use image::{DynamicImage, Primitive};

/// White, and as bright as a sample gets.
pub(super) const WHITE: f32 = 255.0;
/// Black.
pub(super) const BLACK: f32 = 0.0;

/// A picture as rows of red, green and blue from 0 to 255 (with fractions, where it has more than 8 bits), laid on a
/// background.
#[derive(Clone, Copy)]
pub(super) struct Flat<'a> {
    pixels: &'a DynamicImage,
    background: f32,
}

impl<'a> Flat<'a> {
    /// `pixels` laid on a background of this grey.
    pub(super) fn new(pixels: &'a DynamicImage, background: f32) -> Self {
        Self { pixels, background }
    }

    pub(super) fn width(&self) -> usize {
        self.pixels.width() as usize
    }

    pub(super) fn height(&self) -> usize {
        self.pixels.height() as usize
    }

    /// Row `y` into `row`.
    pub(super) fn row(&self, y: usize, row: &mut Vec<[f32; 3]>) {
        match self.pixels {
            DynamicImage::ImageLuma8(p) => self.take(p.as_raw(), 1, y, row, f32::from),
            DynamicImage::ImageLumaA8(p) => self.take(p.as_raw(), 2, y, row, f32::from),
            DynamicImage::ImageRgb8(p) => self.take(p.as_raw(), 3, y, row, f32::from),
            DynamicImage::ImageRgba8(p) => self.take(p.as_raw(), 4, y, row, f32::from),
            DynamicImage::ImageLuma16(p) => self.take(p.as_raw(), 1, y, row, deep),
            DynamicImage::ImageLumaA16(p) => self.take(p.as_raw(), 2, y, row, deep),
            DynamicImage::ImageRgb16(p) => self.take(p.as_raw(), 3, y, row, deep),
            DynamicImage::ImageRgba16(p) => self.take(p.as_raw(), 4, y, row, deep),
            other => {
                let line = other.crop_imm(0, y as u32, other.width(), 1).to_rgba32f();
                self.take(line.as_raw(), 4, 0, row, |sample| sample * WHITE);
            }
        }
    }

    /// Row `y` of `samples`, so many to a pixel, each brought to its level by `level`.
    fn take<T: Primitive>(
        &self,
        samples: &[T],
        count: usize,
        y: usize,
        row: &mut Vec<[f32; 3]>,
        level: impl Fn(T) -> f32,
    ) {
        let length = self.width() * count;
        let line = &samples[y * length..(y + 1) * length];
        let over = |part: f32, alpha: f32| self.background + (part - self.background) * (alpha / WHITE);
        row.clear();
        row.extend(line.chunks_exact(count).map(|pixel| match *pixel {
            [gray] => [level(gray); 3],
            [gray, alpha] => [over(level(gray), level(alpha)); 3],
            [red, green, blue] => [level(red), level(green), level(blue)],
            [red, green, blue, alpha] => [red, green, blue].map(|part| over(level(part), level(alpha))),
            // `count` is 1 to 4.
            _ => [self.background; 3],
        }));
    }
}

/// 16 bits on the scale of 8: 65535 is 255, and what has only 8 bits of content becomes a whole number.
fn deep(sample: u16) -> f32 {
    f32::from(sample) / 257.0
}

/// How bright a colour is: the luma of ITU-R BT.601, on the samples as they are.
pub(super) fn luma([red, green, blue]: [f32; 3]) -> f32 {
    0.299 * red + 0.587 * green + 0.114 * blue
}

#[cfg(test)]
mod tests {
    use image::{Luma, LumaA, Rgb, Rgba, RgbaImage};

    use super::*;

    #[test]
    fn every_kind_of_pixel_is_on_one_scale() {
        let kinds = [
            DynamicImage::ImageLuma8(image::ImageBuffer::from_pixel(2, 2, Luma([51]))),
            DynamicImage::ImageLumaA8(image::ImageBuffer::from_pixel(2, 2, LumaA([51, 255]))),
            DynamicImage::ImageRgb8(image::ImageBuffer::from_pixel(2, 2, Rgb([51; 3]))),
            DynamicImage::ImageRgba8(image::ImageBuffer::from_pixel(2, 2, Rgba([51, 51, 51, 255]))),
            DynamicImage::ImageLuma16(image::ImageBuffer::from_pixel(2, 2, Luma([51 * 257]))),
            DynamicImage::ImageRgba16(image::ImageBuffer::from_pixel(
                2,
                2,
                Rgba([51 * 257, 51 * 257, 51 * 257, 65535]),
            )),
            DynamicImage::ImageRgb32F(image::ImageBuffer::from_pixel(2, 2, Rgb([0.2; 3]))),
        ];
        for kind in kinds {
            let mut row = Vec::new();
            Flat::new(&kind, WHITE).row(1, &mut row);
            assert_eq!(row, [[51.0; 3]; 2], "{:?}", kind.color());
        }
    }

    #[test]
    fn what_is_transparent_is_the_background() {
        let mut row = Vec::new();
        let half = DynamicImage::ImageRgba8(RgbaImage::from_pixel(1, 1, Rgba([100, 100, 100, 51])));
        Flat::new(&half, BLACK).row(0, &mut row);
        assert_eq!(row, [[20.0; 3]]);
        Flat::new(&half, WHITE).row(0, &mut row);
        assert_eq!(row, [[224.0; 3]]);
    }
}
