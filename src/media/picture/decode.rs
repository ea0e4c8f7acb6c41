//! What a picture file holds, and whether all of it is there.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use image::codecs::{gif::GifDecoder, png::PngDecoder, webp::WebPDecoder};
use image::metadata::Orientation;
use image::{AnimationDecoder, ColorType, DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageReader, Limits};

use super::walk::{Walk, walk};
use crate::media::error::MediaError;
use crate::media::metadata::Metadata;
use crate::media::sniff::{Kind, PictureFormat, sniff_file};

/// The most pixels a picture may declare: 100 megapixels, looked at before anything is decoded.
pub const MAX_PIXELS: u64 = 100_000_000;

/// The most memory that decoding a picture may take, in bytes.
pub const MAX_BYTES: u64 = 1 << 30;

/// What a picture file says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PictureInfo {
    /// The format.
    pub format: PictureFormat,
    /// Pixels from left to right, as stored; see [`PictureInfo::upright`].
    pub width: u32,
    /// Pixels from top to bottom, as stored.
    pub height: u32,
    /// Bits of one sample.
    pub bits: u16,
    /// What it decodes to: `gray`, `gray-alpha`, `rgb` or `rgba`. Palettes and CMYK become one of these.
    pub colour: &'static str,
    /// Frames; more than one in animations.
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
    /// Its pixels as stored (the first frame of an animation), not turned yet.
    pub pixels: DynamicImage,
    /// How it must be turned.
    pub orientation: Orientation,
    /// What it carries besides its pixels.
    pub metadata: Metadata,
}

/// Reads the headers of the picture file at `path`.
///
/// # Errors
/// [`MediaError::NotPicture`] for what is no picture we know, [`MediaError::Damaged`] where headers make no sense,
/// [`MediaError::Limit`] above [`MAX_PIXELS`] or [`MAX_BYTES`].
pub fn probe(path: &Path) -> Result<PictureInfo, MediaError> {
    let format = picture_format(path)?;
    let mut decoder = decoder(path, format)?;
    inspect(&mut decoder, format, walk(path, format)?)
}

/// Decodes the picture file at `path`.
///
/// # Errors
/// Those of [`probe`]; [`MediaError::Damaged`] where pixels are broken or missing.
pub fn load(path: &Path) -> Result<Picture, MediaError> {
    let format = picture_format(path)?;
    let structure = walk(path, format)?;
    let mut decoder = decoder(path, format)?;
    let info = inspect(&mut decoder, format, structure)?;
    if !structure.whole {
        return Err(MediaError::damaged("the file ends too soon, the rest of the picture is missing"));
    }
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    // A block that cannot be read is none.
    let metadata = Metadata {
        exif: decoder.exif_metadata().ok().flatten(),
        icc: decoder.icc_profile().ok().flatten(),
        xmp: decoder.xmp_metadata().ok().flatten(),
    };
    let pixels = DynamicImage::from_decoder(decoder).map_err(trouble)?;
    Ok(Picture { info, pixels, orientation, metadata })
}

/// Decodes the whole file: every frame of it.
///
/// # Errors
/// Those of [`load`].
pub fn verify(path: &Path) -> Result<PictureInfo, MediaError> {
    let info = load(path)?.info;
    if info.frames <= 1 {
        return Ok(info);
    }
    let file = || File::open(path).map(BufReader::new).map_err(MediaError::Unreadable);
    let frames = match info.format {
        PictureFormat::Gif => limited(GifDecoder::new(file()?))?.into_frames(),
        PictureFormat::Png => limited(PngDecoder::new(file()?))?.apng().map_err(trouble)?.into_frames(),
        PictureFormat::WebP => limited(WebPDecoder::new(file()?))?.into_frames(),
        PictureFormat::Jpeg | PictureFormat::Tiff | PictureFormat::Bmp => return Ok(info),
    };
    let mut count = 0;
    for frame in frames {
        frame.map_err(trouble)?;
        count += 1;
    }
    if count < info.frames {
        return Err(MediaError::damaged(format!("it ends after {count} of {} frames", info.frames)));
    }
    Ok(info)
}

fn limited<D: ImageDecoder>(decoder: Result<D, ImageError>) -> Result<D, MediaError> {
    let mut decoder = decoder.map_err(trouble)?;
    decoder.set_limits(limits()).map_err(trouble)?;
    Ok(decoder)
}

fn picture_format(path: &Path) -> Result<PictureFormat, MediaError> {
    match sniff_file(path)? {
        Kind::Picture(format) => Ok(format),
        Kind::Sound(format) => Err(MediaError::NotPicture(format!("it is a {} sound", format.word()))),
        Kind::Foreign(name) => Err(MediaError::Unsupported(name.to_string())),
        Kind::Other(name) => Err(MediaError::NotPicture(format!("it is {name}"))),
        Kind::Unknown if std::fs::metadata(path).is_ok_and(|file| file.len() == 0) => {
            Err(MediaError::NotPicture("it is empty".into()))
        }
        Kind::Unknown => Err(MediaError::NotPicture("its first bytes are those of no known format".into())),
    }
}

fn limits() -> Limits {
    let mut limits = Limits::default();
    limits.max_alloc = Some(MAX_BYTES);
    limits
}

fn decoder(path: &Path, format: PictureFormat) -> Result<impl ImageDecoder, MediaError> {
    let file = BufReader::new(File::open(path).map_err(MediaError::Unreadable)?);
    let format = match format {
        PictureFormat::Jpeg => ImageFormat::Jpeg,
        PictureFormat::Png => ImageFormat::Png,
        PictureFormat::Gif => ImageFormat::Gif,
        PictureFormat::WebP => ImageFormat::WebP,
        PictureFormat::Tiff => ImageFormat::Tiff,
        PictureFormat::Bmp => ImageFormat::Bmp,
    };
    let mut reader = ImageReader::with_format(file, format);
    reader.limits(limits());
    reader.into_decoder().map_err(trouble)
}

fn inspect(decoder: &mut impl ImageDecoder, format: PictureFormat, walk: Walk) -> Result<PictureInfo, MediaError> {
    let (width, height) = decoder.dimensions();
    let pixels = u64::from(width) * u64::from(height);
    if pixels == 0 {
        return Err(MediaError::damaged("it declares no pixels"));
    }
    if pixels > MAX_PIXELS {
        return Err(MediaError::Limit(format!(
            "{width} x {height} pixels (at most {} megapixels are taken)",
            MAX_PIXELS / 1_000_000
        )));
    }
    if decoder.total_bytes() > MAX_BYTES {
        return Err(MediaError::Limit(format!(
            "{} MiB of pixels (at most 1024 are taken)",
            decoder.total_bytes() >> 20
        )));
    }
    let stored = decoder.original_color_type();
    let samples = u16::from(stored.channel_count()).max(1);
    Ok(PictureInfo {
        format,
        width,
        height,
        bits: stored.bits_per_pixel() / samples,
        colour: colour(decoder.color_type()),
        frames: walk.frames,
        // An EXIF block that cannot be read turns nothing.
        orientation: decoder.orientation().map_or(1, Orientation::to_exif),
    })
}

fn colour(decoded: ColorType) -> &'static str {
    match (decoded.has_color(), decoded.has_alpha()) {
        (false, false) => "gray",
        (false, true) => "gray-alpha",
        (true, false) => "rgb",
        (true, true) => "rgba",
    }
}

/// Tells an error of the decoder as ours.
pub(super) fn trouble(error: ImageError) -> MediaError {
    match error {
        ImageError::IoError(error) => MediaError::reading(error),
        ImageError::Limits(limit) => MediaError::Limit(limit.to_string()),
        ImageError::Unsupported(what) => MediaError::Unsupported(what.to_string()),
        other => MediaError::damaged(other.to_string()),
    }
}
