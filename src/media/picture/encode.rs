//! Writes pictures.

use std::borrow::Cow;
use std::path::Path;

use image::DynamicImage;

use super::file::write_picture;
use super::formats;
use super::pixels::{cut_out, eight, opaque, rgb, sixteen};
use crate::media::error::MediaError;
use crate::media::metadata::Metadata;
use crate::media::sniff::{Kind, PictureFormat, kind_of_name};

/// What a picture is written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coding {
    /// JPEG, 8 bits without alpha.
    Jpeg(JpegCoding),
    /// PNG, 8 or 16 bits.
    Png(PngLevel),
    /// WebP, 8 bits.
    WebP(WebPCoding),
    /// TIFF, 8 or 16 bits.
    Tiff(TiffCompression),
    /// GIF of one frame: 256 colours, alpha of all or nothing.
    Gif,
    /// Windows bitmap, 8 bits.
    Bmp,
}

/// How a JPEG is coded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JpegCoding {
    /// From 1 to 100, on the scale of libjpeg.
    pub quality: u8,
    /// Whether it comes in several scans, coarse ones first.
    pub progressive: bool,
    /// How fine colours are.
    pub subsampling: Subsampling,
}

/// How fine the colours of a JPEG are beside its lightness.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Subsampling {
    /// 4:4:4 from quality 90 on, else 4:2:0.
    #[default]
    Auto,
    /// 4:2:0: one colour for four pixels.
    Quarter,
    /// 4:4:4: every pixel has its own.
    Full,
}

/// How hard PNG tries to be small.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PngLevel {
    /// Many times faster than the others, and somewhat larger.
    #[default]
    Fast,
    /// What other programs do.
    Balanced,
    /// As small as it gets.
    Best,
}

/// How WebP is coded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WebPCoding {
    /// Every pixel as it is, also under what is transparent.
    Lossless,
    /// With loss: quality from 1 to 100, on the scale of libwebp.
    Lossy(u8),
}

/// How TIFF is compressed; both without loss.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TiffCompression {
    /// Deflate, as in ZIP: smaller.
    #[default]
    Deflate,
    /// LZW: what the oldest programs read.
    Lzw,
}

impl Coding {
    /// The usual JPEG of this quality, 1 to 100.
    #[must_use]
    pub const fn jpeg(quality: u8) -> Self {
        Self::Jpeg(JpegCoding { quality, progressive: false, subsampling: Subsampling::Auto })
    }

    /// The usual coding of a format; `quality`, 1 to 100, is for JPEG. WebP is without loss.
    #[must_use]
    pub const fn of_format(format: PictureFormat, quality: u8) -> Self {
        match format {
            PictureFormat::Jpeg => Self::jpeg(quality),
            PictureFormat::Png => Self::Png(PngLevel::Fast),
            PictureFormat::WebP => Self::WebP(WebPCoding::Lossless),
            PictureFormat::Tiff => Self::Tiff(TiffCompression::Deflate),
            PictureFormat::Gif => Self::Gif,
            PictureFormat::Bmp => Self::Bmp,
        }
    }

    /// What the extension of `path` asks for, as [`Coding::of_format`] codes it.
    #[must_use]
    pub fn of_name(path: &Path, quality: u8) -> Option<Self> {
        match kind_of_name(path) {
            Kind::Picture(format) => Some(Self::of_format(format, quality)),
            _ => None,
        }
    }

    /// The format that comes out.
    #[must_use]
    pub const fn format(self) -> PictureFormat {
        match self {
            Self::Jpeg(_) => PictureFormat::Jpeg,
            Self::Png(_) => PictureFormat::Png,
            Self::WebP(_) => PictureFormat::WebP,
            Self::Tiff(_) => PictureFormat::Tiff,
            Self::Gif => PictureFormat::Gif,
            Self::Bmp => PictureFormat::Bmp,
        }
    }

    /// The longest side in pixels.
    const fn longest_side(self) -> u32 {
        match self {
            Self::Jpeg(_) | Self::Gif => 65_535,
            Self::WebP(_) => 16_383,
            Self::Png(_) | Self::Tiff(_) | Self::Bmp => i32::MAX as u32,
        }
    }
}

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

/// Does what [`write`] does, with a background of this colour (red, green, blue) in place of white; tells the metadata that
/// went in.
///
/// # Errors
/// Those of [`write`].
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
    fn the_extension_picks_the_format() {
        assert_eq!(Coding::of_name(Path::new("a.JPG"), 80), Some(Coding::jpeg(80)));
        assert_eq!(Coding::of_name(Path::new("a.webp"), 80), Some(Coding::WebP(WebPCoding::Lossless)));
        assert_eq!(Coding::of_name(Path::new("a.tif"), 80), Some(Coding::Tiff(TiffCompression::Deflate)));
        assert_eq!(Coding::of_name(Path::new("a.avif"), 80), None);
        assert_eq!(Coding::of_name(Path::new("a.wav"), 80), None);
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
