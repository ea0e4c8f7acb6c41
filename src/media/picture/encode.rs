//! Writes pictures.

use std::borrow::Cow;
use std::path::Path;

use image::DynamicImage;

pub use super::coding::{Coding, JpegCoding, PngLevel, Subsampling, TiffCompression, WebPCoding};
use super::file::write_picture;
use super::formats;
use super::pixels::{cut_out, eight, opaque, rgb, sixteen};
use crate::media::error::MediaError;
use crate::media::metadata::Metadata;

/// What of `metadata` goes into a file of this coding beside `picture`.
///
/// A colour profile must be for the kind of pixels that are written: that of a CMYK picture is not for the RGB it was
/// decoded to, and WebP knows no gray. JPEG holds 64 KiB of EXIF and of XMP; TIFF is given no EXIF; GIF and BMP hold nothing.
#[must_use]
pub fn fitting(metadata: &Metadata, picture: &DynamicImage, coding: Coding) -> Metadata {
    // What follows the length of a segment, less the names of the blocks.
    let (exif, xmp, icc) = match coding {
        Coding::Jpeg(_) => (65_533 - 6, 65_533 - formats::XMP_NAME.len(), 254 * 65_519),
        Coding::Png(_) | Coding::WebP(_) => (1 << 30, 1 << 30, 1 << 30),
        Coding::Tiff(_) => (0, 1 << 30, 1 << 30),
        Coding::Gif | Coding::Bmp => (0, 0, 0),
    };
    let gray = !picture.color().has_color() && !matches!(coding, Coding::WebP(_));
    let space: &[u8] = if gray { b"GRAY" } else { b"RGB " };
    let within = |block: &Option<Vec<u8>>, most: usize| {
        block.as_ref().filter(|block| !block.is_empty() && block.len() <= most).cloned()
    };
    // PNG holds text, and takes nothing that is none.
    let is_text = |xmp: &Vec<u8>| !matches!(coding, Coding::Png(_)) || std::str::from_utf8(xmp).is_ok();
    Metadata {
        exif: within(&metadata.exif, exif),
        icc: within(&metadata.icc, icc).filter(|icc| icc.get(16..20) == Some(space)),
        xmp: within(&metadata.xmp, xmp).filter(is_text),
    }
}

/// Writes `picture` to the file `to`, with as much of `metadata` as fits the format (see [`fitting`]); what is there is
/// replaced. What is transparent becomes white where the format has no alpha.
///
/// # Errors
/// [`MediaError::Unwritable`], and [`MediaError::Limit`] where the format cannot hold such a picture.
pub fn write(picture: &DynamicImage, metadata: &Metadata, to: &Path, coding: Coding) -> Result<(), MediaError> {
    write_on(picture, metadata, to, coding, [255; 3]).map(drop)
}

/// Does what [`write()`] does, with a background of this colour (red, green, blue) in place of white; tells the metadata that
/// went in.
///
/// # Errors
/// Those of [`write()`].
pub fn write_on(
    picture: &DynamicImage,
    metadata: &Metadata,
    to: &Path,
    coding: Coding,
    background: [u8; 3],
) -> Result<Metadata, MediaError> {
    let (width, height) = (picture.width(), picture.height());
    if width.max(height) > coding.longest_side() || width.min(height) == 0 {
        return Err(MediaError::Limit(format!(
            "{width} x {height} pixels, and {} holds 1 to {} on a side",
            coding.format().word(),
            coding.longest_side()
        )));
    }
    let pixels = held(picture, coding, background);
    let metadata = fitting(metadata, &pixels, coding);
    write_picture(to, |file| match coding {
        Coding::Jpeg(how) => formats::jpeg(file, &pixels, &metadata, how),
        Coding::Png(level) => formats::png(file, &pixels, &metadata, level),
        Coding::WebP(how) => formats::webp(file, &pixels, &metadata, how),
        Coding::Tiff(compression) => formats::tiff(file, &pixels, &metadata, compression),
        Coding::Gif => formats::gif(file, &pixels),
        Coding::Bmp => formats::bmp(file, &pixels),
    })?;
    Ok(metadata)
}

/// The picture as the format holds it: 8 or 16 bits, with or without alpha.
fn held(picture: &DynamicImage, coding: Coding, background: [u8; 3]) -> Cow<'_, DynamicImage> {
    match (coding, picture) {
        (Coding::Jpeg(_), _) => opaque(picture, background),
        (Coding::Png(_) | Coding::Tiff(_), DynamicImage::ImageRgb32F(_) | DynamicImage::ImageRgba32F(_)) => {
            sixteen(picture)
        }
        (Coding::Png(_) | Coding::Tiff(_), _) => Cow::Borrowed(picture),
        (Coding::WebP(_), _) => both(eight(picture), rgb),
        (Coding::Gif, _) => Cow::Owned(cut_out(picture, background)),
        (Coding::Bmp, _) if picture.color().has_alpha() => both(eight(picture), rgb),
        (Coding::Bmp, _) => eight(picture),
    }
}

/// Changes a picture once more, without a copy where nothing is to be done.
fn both<'a>(
    picture: Cow<'a, DynamicImage>,
    then: impl for<'b> Fn(&'b DynamicImage) -> Cow<'b, DynamicImage>,
) -> Cow<'a, DynamicImage> {
    match picture {
        Cow::Borrowed(picture) => then(picture),
        Cow::Owned(picture) => Cow::Owned(then(&picture).into_owned()),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may")]
    use super::*;

    #[test]
    fn a_profile_goes_along_only_with_pixels_of_its_kind() {
        let with = |space: &[u8; 4]| {
            let mut icc = vec![0; 128];
            icc[16..20].copy_from_slice(space);
            Metadata { icc: Some(icc), ..Metadata::default() }
        };
        let png = Coding::Png(PngLevel::Fast);
        assert!(fitting(&with(b"CMYK"), &DynamicImage::new_rgb8(1, 1), png).icc.is_none());
        assert!(fitting(&with(b"RGB "), &DynamicImage::new_rgba8(1, 1), png).icc.is_some());
        assert!(fitting(&with(b"RGB "), &DynamicImage::new_luma8(1, 1), png).icc.is_none());
        assert!(fitting(&with(b"GRAY"), &DynamicImage::new_luma8(1, 1), png).icc.is_some());
        let webp = Coding::WebP(WebPCoding::Lossless);
        assert!(fitting(&with(b"GRAY"), &DynamicImage::new_luma8(1, 1), webp).icc.is_none());
        let none = Metadata { icc: Some(Vec::new()), ..Metadata::default() };
        assert!(fitting(&none, &DynamicImage::new_rgb8(1, 1), png).icc.is_none());
    }

    #[test]
    fn what_a_format_cannot_hold_is_refused_before_a_file_is_made() {
        let folder = tempfile::tempdir().unwrap();
        let to = folder.path().join("a.webp");
        let wide = DynamicImage::new_luma8(16_384, 1);
        let error = write(&wide, &Metadata::default(), &to, Coding::WebP(WebPCoding::Lossy(80))).unwrap_err();
        assert!(error.to_string().contains("16383"), "{error}");
        assert!(!to.exists());
    }
}
