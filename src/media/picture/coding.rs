//! What a picture can be written as, and how.

use std::path::Path;

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
    pub(super) const fn longest_side(self) -> u32 {
        match self {
            Self::Jpeg(_) | Self::Gif => 65_535,
            Self::WebP(_) => 16_383,
            Self::Png(_) | Self::Tiff(_) | Self::Bmp => i32::MAX as u32,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_extension_picks_the_format() {
        assert_eq!(Coding::of_name(Path::new("a.JPG"), 80), Some(Coding::jpeg(80)));
        assert_eq!(Coding::of_name(Path::new("a.webp"), 80), Some(Coding::WebP(WebPCoding::Lossless)));
        assert_eq!(Coding::of_name(Path::new("a.tif"), 80), Some(Coding::Tiff(TiffCompression::Deflate)));
        assert_eq!(Coding::of_name(Path::new("a.avif"), 80), None);
        assert_eq!(Coding::of_name(Path::new("a.wav"), 80), None);
    }
}
