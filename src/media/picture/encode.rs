//! Writes pictures.

use std::borrow::Cow;
use std::path::Path;

use image::codecs::{jpeg::JpegEncoder, png::PngEncoder, webp::WebPEncoder};
use image::{DynamicImage, ImageEncoder, ImageError, Rgb, RgbImage};

use super::file::write_picture;
use crate::media::error::MediaError;
use crate::media::metadata::Metadata;

/// What a picture is written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coding {
    /// JPEG of this quality, 1 to 100. What is transparent becomes white.
    Jpeg(u8),
    /// PNG.
    Png,
    /// WebP, without loss.
    WebP,
}

impl Coding {
    /// What the extension of `path` asks for; `quality` is for JPEG.
    #[must_use]
    pub fn of_name(path: &Path, quality: u8) -> Option<Self> {
        match path.extension()?.to_str()?.to_ascii_lowercase().as_str() {
            "jpg" | "jpeg" => Some(Self::Jpeg(quality)),
            "png" => Some(Self::Png),
            "webp" => Some(Self::WebP),
            _ => None,
        }
    }
}

/// Writes `picture` to the file `to`, with as much of `metadata` as fits the format; what is there is replaced.
///
/// # Errors
/// [`MediaError::Unwritable`], and [`MediaError::Limit`] where the format cannot hold such a picture.
pub fn write(picture: &DynamicImage, metadata: &Metadata, to: &Path, coding: Coding) -> Result<(), MediaError> {
    let (gray, alpha) = (!picture.color().has_color(), picture.color().has_alpha());
    let pixels = match (coding, gray, alpha) {
        (Coding::Png, ..) => png_pixels(picture),
        (Coding::Jpeg(_), true, false) => Cow::Owned(DynamicImage::ImageLuma8(picture.to_luma8())),
        (Coding::Jpeg(_), _, true) => Cow::Owned(DynamicImage::ImageRgb8(on_white(picture))),
        (Coding::WebP, _, true) => Cow::Owned(DynamicImage::ImageRgba8(picture.to_rgba8())),
        (Coding::Jpeg(_) | Coding::WebP, _, false) => Cow::Owned(DynamicImage::ImageRgb8(picture.to_rgb8())),
    };
    let icc = metadata.icc.clone().filter(|icc| is_for(icc, &pixels));
    write_picture(to, |file| match coding {
        Coding::Jpeg(quality) => encode(JpegEncoder::new_with_quality(file, quality), &pixels, icc),
        Coding::Png => encode(PngEncoder::new(file), &pixels, icc),
        Coding::WebP => encode(WebPEncoder::new_lossless(file), &pixels, icc),
    })
}

/// PNG holds everything but floating point.
fn png_pixels(picture: &DynamicImage) -> Cow<'_, DynamicImage> {
    match picture {
        DynamicImage::ImageRgb32F(_) => Cow::Owned(DynamicImage::ImageRgb16(picture.to_rgb16())),
        DynamicImage::ImageRgba32F(_) => Cow::Owned(DynamicImage::ImageRgba16(picture.to_rgba16())),
        _ => Cow::Borrowed(picture),
    }
}

/// Whether a colour profile is for pixels like these. That of a CMYK picture is not for the RGB it was decoded to.
fn is_for(icc: &[u8], picture: &DynamicImage) -> bool {
    let space: &[u8] = if picture.color().has_color() { b"RGB " } else { b"GRAY" };
    icc.get(16..20) == Some(space)
}

fn encode(mut encoder: impl ImageEncoder, picture: &DynamicImage, icc: Option<Vec<u8>>) -> Result<(), ImageError> {
    if let Some(icc) = icc {
        // A format without room for it does without.
        let _ = encoder.set_icc_profile(icc);
    }
    picture.write_with_encoder(encoder)
}

fn on_white(picture: &DynamicImage) -> RgbImage {
    let rgba = picture.to_rgba8();
    RgbImage::from_fn(rgba.width(), rgba.height(), |x, y| {
        let [red, green, blue, alpha] = rgba.get_pixel(x, y).0;
        let over = |part: u8| {
            ((u32::from(part) * u32::from(alpha) + 255 * (255 - u32::from(alpha)) + 127) / 255).min(255) as u8
        };
        Rgb([over(red), over(green), over(blue)])
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_transparent_becomes_white_in_a_jpeg() {
        let clear = image::RgbaImage::from_pixel(1, 1, image::Rgba([0, 0, 0, 0]));
        assert_eq!(on_white(&DynamicImage::ImageRgba8(clear)).get_pixel(0, 0).0, [255, 255, 255]);
    }

    #[test]
    fn a_profile_goes_along_only_with_pixels_of_its_kind() {
        let mut icc = vec![0; 128];
        icc[16..20].copy_from_slice(b"CMYK");
        assert!(!is_for(&icc, &DynamicImage::new_rgb8(1, 1)));
        icc[16..20].copy_from_slice(b"RGB ");
        assert!(is_for(&icc, &DynamicImage::new_rgba8(1, 1)));
        assert!(!is_for(&icc, &DynamicImage::new_luma8(1, 1)));
        assert!(!is_for(b"", &DynamicImage::new_rgb8(1, 1)));
    }

    #[test]
    fn the_extension_picks_the_format() {
        assert_eq!(Coding::of_name(Path::new("a.JPG"), 80), Some(Coding::Jpeg(80)));
        assert_eq!(Coding::of_name(Path::new("a.webp"), 80), Some(Coding::WebP));
        assert_eq!(Coding::of_name(Path::new("a.bmp"), 80), None);
    }
}
