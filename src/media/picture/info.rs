//! What is known of a picture, and a picture that is decoded.

use image::DynamicImage;
use image::metadata::Orientation;

use crate::media::metadata::Metadata;
use crate::media::sniff::PictureFormat;

/// What a picture file says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PictureInfo {
    /// The format.
    pub format: PictureFormat,
    /// Pixels from left to right, as stored; see [`PictureInfo::upright`].
    pub width: u32,
    /// Pixels from top to bottom, as stored.
    pub height: u32,
    /// Bits of one sample as stored; of one index, where there is a palette.
    pub bits: u16,
    /// What it decodes to: `gray`, `gray-alpha`, `rgb` or `rgba`. Palettes and CMYK become one of these.
    pub colour: &'static str,
    /// The colours as stored: `gray`, `gray-alpha`, `rgb`, `rgba`, `palette`, `ycbcr`, `cmyk` or `ycck`.
    pub stored: &'static str,
    /// Frames of an animation, or pages of a TIFF file.
    pub frames: u32,
    /// How EXIF says that it must be turned: 1 (not at all) to 8.
    pub orientation: u8,
}

impl PictureInfo {
    /// Width and height in pixels once the picture is turned as EXIF says.
    #[must_use]
    pub fn upright(&self) -> (u32, u32) {
        if self.orientation >= 5 { (self.height, self.width) } else { (self.width, self.height) }
    }
}

/// A decoded picture.
pub struct Picture {
    /// What the file says of it.
    pub info: PictureInfo,
    /// Its pixels as stored, not turned yet.
    pub pixels: DynamicImage,
    /// How it must be turned.
    pub orientation: Orientation,
    /// What it carries besides its pixels.
    pub metadata: Metadata,
}
