//! Pixels as a format can hold them: without alpha, with fewer bits, gray.

use std::borrow::Cow;

use image::{DynamicImage, GrayImage, ImageBuffer, Luma, LumaA, Rgb, RgbImage};

/// Bits of a sample of decoded pixels.
#[must_use]
pub fn depth(picture: &DynamicImage) -> u16 {
    u16::from(picture.color().bytes_per_pixel()) * 8 / u16::from(picture.color().channel_count()).max(1)
}

/// The picture with 8 bits a sample, rounded to the nearest.
#[must_use]
pub fn eight(picture: &DynamicImage) -> Cow<'_, DynamicImage> {
    if depth(picture) == 8 {
        return Cow::Borrowed(picture);
    }
    Cow::Owned(match (picture.color().has_color(), picture.color().has_alpha()) {
        (false, false) => DynamicImage::ImageLuma8(picture.to_luma8()),
        (false, true) => DynamicImage::ImageLumaA8(picture.to_luma_alpha8()),
        (true, false) => DynamicImage::ImageRgb8(picture.to_rgb8()),
        (true, true) => DynamicImage::ImageRgba8(picture.to_rgba8()),
    })
}

/// The picture with 16 bits a sample: 255 becomes 65535.
#[must_use]
pub fn sixteen(picture: &DynamicImage) -> Cow<'_, DynamicImage> {
    if depth(picture) == 16 {
        return Cow::Borrowed(picture);
    }
    Cow::Owned(match (picture.color().has_color(), picture.color().has_alpha()) {
        (false, false) => DynamicImage::ImageLuma16(picture.to_luma16()),
        (false, true) => DynamicImage::ImageLumaA16(picture.to_luma_alpha16()),
        (true, false) => DynamicImage::ImageRgb16(picture.to_rgb16()),
        (true, true) => DynamicImage::ImageRgba16(picture.to_rgba16()),
    })
}

/// The picture in shades of gray: the luma of ITU-R BT.709 of the samples as they are, rounded; alpha stays.
#[must_use]
pub fn gray(picture: &DynamicImage) -> Cow<'_, DynamicImage> {
    let luma = |[red, green, blue]: [u32; 3]| (2126 * red + 7152 * green + 722 * blue + 5000) / 10_000;
    let size = (picture.width(), picture.height());
    Cow::Owned(match picture {
        DynamicImage::ImageRgb8(from) => DynamicImage::ImageLuma8(ImageBuffer::from_fn(size.0, size.1, |x, y| {
            Luma([luma(from.get_pixel(x, y).0.map(u32::from)) as u8])
        })),
        DynamicImage::ImageRgba8(from) => DynamicImage::ImageLumaA8(ImageBuffer::from_fn(size.0, size.1, |x, y| {
            let [red, green, blue, alpha] = from.get_pixel(x, y).0;
            LumaA([luma([red, green, blue].map(u32::from)) as u8, alpha])
        })),
        DynamicImage::ImageRgb16(from) => DynamicImage::ImageLuma16(ImageBuffer::from_fn(size.0, size.1, |x, y| {
            Luma([luma(from.get_pixel(x, y).0.map(u32::from)) as u16])
        })),
        DynamicImage::ImageRgba16(from) => DynamicImage::ImageLumaA16(ImageBuffer::from_fn(size.0, size.1, |x, y| {
            let [red, green, blue, alpha] = from.get_pixel(x, y).0;
            LumaA([luma([red, green, blue].map(u32::from)) as u16, alpha])
        })),
        gray => return Cow::Borrowed(gray),
    })
}

/// The picture with red, green and blue.
#[must_use]
pub fn rgb(picture: &DynamicImage) -> Cow<'_, DynamicImage> {
    Cow::Owned(match picture {
        DynamicImage::ImageLuma8(_) => DynamicImage::ImageRgb8(picture.to_rgb8()),
        DynamicImage::ImageLumaA8(_) => DynamicImage::ImageRgba8(picture.to_rgba8()),
        DynamicImage::ImageLuma16(_) => DynamicImage::ImageRgb16(picture.to_rgb16()),
        DynamicImage::ImageLumaA16(_) => DynamicImage::ImageRgba16(picture.to_rgba16()),
        coloured => return Cow::Borrowed(coloured),
    })
}

/// The picture without alpha, on a background of this colour (red, green, blue), with 8 bits a sample. A gray picture stays
/// gray on a gray background.
#[must_use]
pub fn opaque(picture: &DynamicImage, background: [u8; 3]) -> Cow<'_, DynamicImage> {
    let eight = eight(picture);
    let (width, height) = (picture.width(), picture.height());
    match eight.as_ref() {
        DynamicImage::ImageLumaA8(from) if background[0] == background[1] && background[1] == background[2] => {
            Cow::Owned(DynamicImage::ImageLuma8(GrayImage::from_fn(width, height, |x, y| {
                let [gray, alpha] = from.get_pixel(x, y).0;
                Luma([over(gray, alpha, background[0])])
            })))
        }
        with_alpha if with_alpha.color().has_alpha() => {
            let from = with_alpha.to_rgba8();
            Cow::Owned(DynamicImage::ImageRgb8(RgbImage::from_fn(width, height, |x, y| {
                let [red, green, blue, alpha] = from.get_pixel(x, y).0;
                let [r, g, b] = background;
                Rgb([over(red, alpha, r), over(green, alpha, g), over(blue, alpha, b)])
            })))
        }
        _ => eight,
    }
}

/// The picture with alpha of all or nothing: what is less than half there is gone, the rest lies on the background.
#[must_use]
pub fn cut_out(picture: &DynamicImage, background: [u8; 3]) -> DynamicImage {
    let mut rgba = eight(picture).to_rgba8();
    for pixel in rgba.pixels_mut() {
        let [red, green, blue, alpha] = pixel.0;
        let [r, g, b] = background;
        pixel.0 = match alpha {
            0..128 => [0; 4],
            _ => [over(red, alpha, r), over(green, alpha, g), over(blue, alpha, b), 255],
        };
    }
    DynamicImage::ImageRgba8(rgba)
}

fn over(part: u8, alpha: u8, background: u8) -> u8 {
    let (part, alpha, background) = (u32::from(part), u32::from(alpha), u32::from(background));
    ((part * alpha + background * (255 - alpha) + 127) / 255) as u8
}

#[cfg(test)]
mod tests {
    use image::{Rgba, RgbaImage};

    use super::*;

    #[test]
    fn what_is_transparent_shows_the_background() {
        let clear = DynamicImage::ImageRgba8(RgbaImage::from_pixel(1, 1, Rgba([10, 20, 30, 0])));
        assert_eq!(opaque(&clear, [255, 255, 255]).to_rgb8().get_pixel(0, 0).0, [255, 255, 255]);
        let half = DynamicImage::ImageRgba8(RgbaImage::from_pixel(1, 1, Rgba([0, 100, 200, 128])));
        assert_eq!(opaque(&half, [255, 0, 0]).to_rgb8().get_pixel(0, 0).0, [127, 50, 100]);
        assert_eq!(cut_out(&clear, [9, 9, 9]).to_rgba8().get_pixel(0, 0).0, [0; 4]);
        assert_eq!(cut_out(&half, [255, 0, 0]).to_rgba8().get_pixel(0, 0).0, [127, 50, 100, 255]);
        let gray = DynamicImage::ImageLumaA8(ImageBuffer::from_pixel(1, 1, LumaA([0, 0])));
        assert_eq!(
            opaque(&gray, [7, 7, 7]).as_ref(),
            &DynamicImage::ImageLuma8(GrayImage::from_pixel(1, 1, Luma([7])))
        );
        assert!(opaque(&gray, [7, 8, 7]).color().has_color());
    }

    #[test]
    fn bits_are_rounded_and_not_cut() {
        let deep = ImageBuffer::from_fn(65_536, 1, |x, _| Luma([x as u16]));
        let shallow = eight(&DynamicImage::ImageLuma16(deep)).to_luma8();
        for (x, _, pixel) in shallow.enumerate_pixels() {
            assert_eq!(f64::from(pixel.0[0]), (f64::from(x) / 257.0).round(), "{x}");
        }
        let back = sixteen(&DynamicImage::ImageLuma8(GrayImage::from_pixel(1, 1, Luma([255])))).to_luma16();
        assert_eq!(back.get_pixel(0, 0).0, [65_535]);
    }

    #[test]
    fn gray_is_luma_rounded() {
        let of =
            |rgb| gray(&DynamicImage::ImageRgb8(RgbImage::from_pixel(1, 1, Rgb(rgb)))).to_luma8().get_pixel(0, 0).0[0];
        assert_eq!([of([255, 255, 255]), of([255, 0, 0]), of([0, 255, 0]), of([0, 0, 255])], [255, 54, 182, 18]);
    }
}
