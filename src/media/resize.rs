//! Makes pictures smaller, upright and ready to show.

use std::borrow::Cow;
use std::path::Path;

use fast_image_resize::{ResizeOptions, Resizer};
use image::codecs::{jpeg::JpegEncoder, png::PngEncoder, webp::WebPEncoder};
use image::{DynamicImage, ImageEncoder, ImageError, Rgb, RgbImage};

use super::error::MediaError;
use super::picture::{Picture, load};
use super::picture_file::write_picture;

/// The box that a picture must fit in. Its shape is kept, and it is never made larger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Fit {
    /// The most pixels from left to right; `None` does not bind.
    pub width: Option<u32>,
    /// The most pixels from top to bottom; `None` does not bind.
    pub height: Option<u32>,
}

impl Fit {
    /// The size in pixels that a picture of `width` x `height` pixels gets; neither side ever becomes less than one.
    #[must_use]
    pub fn size(self, width: u32, height: u32) -> (u32, u32) {
        let ratio =
            |limit: Option<u32>, side: u32| limit.map_or(1.0, |limit| f64::from(limit) / f64::from(side.max(1)));
        let scale = ratio(self.width, width).min(ratio(self.height, height)).min(1.0);
        let side = |side: u32, limit: Option<u32>| {
            ((f64::from(side) * scale).round() as u32).clamp(1, limit.unwrap_or(u32::MAX).max(1))
        };
        (side(width, self.width), side(height, self.height))
    }
}

/// What a picture is written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// JPEG of this quality, 1 to 100. What is transparent becomes white.
    Jpeg(u8),
    /// PNG.
    Png,
    /// WebP, without loss.
    WebP,
}

impl Target {
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

/// Turns the picture file `from` upright, fits it into `fit` and writes it to `to`; tells its size in pixels.
///
/// The filter is Lanczos of 3 lobes; transparent pixels do not bleed into others. The colour profile is kept.
///
/// # Errors
/// Those of [`load`], and [`MediaError::Unwritable`].
pub fn resize(from: &Path, to: &Path, fit: Fit, target: Target) -> Result<(u32, u32), MediaError> {
    let Picture { pixels, orientation, icc, info } = load(from)?;
    // Turning comes last, when there is less to turn.
    let turned = info.orientation >= 5;
    let fit = if turned { Fit { width: fit.height, height: fit.width } } else { fit };
    let (width, height) = fit.size(pixels.width(), pixels.height());
    let mut small = if (width, height) == (pixels.width(), pixels.height()) {
        pixels
    } else {
        let mut small = DynamicImage::new(width, height, pixels.color());
        Resizer::new()
            .resize(&pixels, &mut small, &ResizeOptions::default())
            .map_err(|error| MediaError::damaged(format!("it cannot be resized: {error}")))?;
        small
    };
    small.apply_orientation(orientation);
    write(&small, icc, to, target)?;
    Ok((small.width(), small.height()))
}

fn write(picture: &DynamicImage, icc: Option<Vec<u8>>, to: &Path, target: Target) -> Result<(), MediaError> {
    let (gray, alpha) = (!picture.color().has_color(), picture.color().has_alpha());
    let pixels = match (target, gray, alpha) {
        (Target::Png, ..) => png_pixels(picture),
        (Target::Jpeg(_), true, false) => Cow::Owned(DynamicImage::ImageLuma8(picture.to_luma8())),
        (Target::Jpeg(_), _, true) => Cow::Owned(DynamicImage::ImageRgb8(on_white(picture))),
        (Target::WebP, _, true) => Cow::Owned(DynamicImage::ImageRgba8(picture.to_rgba8())),
        (Target::Jpeg(_) | Target::WebP, _, false) => Cow::Owned(DynamicImage::ImageRgb8(picture.to_rgb8())),
    };
    let icc = icc.filter(|icc| is_for(icc, &pixels));
    write_picture(to, |file| match target {
        Target::Jpeg(quality) => encode(JpegEncoder::new_with_quality(file, quality), &pixels, icc),
        Target::Png => encode(PngEncoder::new(file), &pixels, icc),
        Target::WebP => encode(WebPEncoder::new_lossless(file), &pixels, icc),
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
    fn a_picture_fits_and_never_grows() {
        let fit = Fit { width: Some(100), height: Some(100) };
        assert_eq!(fit.size(400, 200), (100, 50));
        assert_eq!(fit.size(50, 20), (50, 20));
        assert_eq!(fit.size(10_000, 1), (100, 1));
        assert_eq!(Fit { width: None, height: Some(30) }.size(90, 60), (45, 30));
        assert_eq!(Fit::default().size(90, 60), (90, 60));
    }

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
        assert_eq!(Target::of_name(Path::new("a.JPG"), 80), Some(Target::Jpeg(80)));
        assert_eq!(Target::of_name(Path::new("a.webp"), 80), Some(Target::WebP));
        assert_eq!(Target::of_name(Path::new("a.bmp"), 80), None);
    }
}
