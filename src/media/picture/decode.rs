//! What a picture file holds, and its pixels.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use image::codecs::png::PngDecoder;
use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader};

pub use super::bounds::{MAX_BYTES, MAX_PIXELS};
use super::bounds::{MAX_METADATA, limits, trouble};
use super::frames;
pub use super::info::{Picture, PictureInfo};
use super::jpeg;
use super::tiff;
use super::walk::{Walk, walk};
use crate::media::error::MediaError;
use crate::media::metadata::Metadata;
use crate::media::opening::{DECODER_FAILED, guarded};
use crate::media::sniff::{Kind, PictureFormat, sniff_file};

/// Reads the headers of the picture file at `path`.
///
/// # Errors
/// [`MediaError::NotPicture`] for what is no picture we know, [`MediaError::Unsupported`] for what would not come out
/// right, [`MediaError::Damaged`] where headers make no sense, [`MediaError::Limit`] above [`MAX_PIXELS`] or [`MAX_BYTES`].
pub fn probe(path: &Path) -> Result<PictureInfo, MediaError> {
    whole_or_fault(|| head(path).map(|(head, _)| head.info))
}

/// Reads the headers of the picture file at `path`, and what it carries besides its pixels.
///
/// # Errors
/// Those of [`probe`].
pub fn probe_metadata(path: &Path) -> Result<(PictureInfo, Metadata), MediaError> {
    whole_or_fault(|| head(path).map(|(head, _)| (head.info, head.metadata)))
}

/// Walks through the picture file at `path` without decoding it: its headers make sense, and its end is there.
///
/// # Errors
/// Those of [`probe`]; [`MediaError::Damaged`] where its end is missing.
pub fn check_structure(path: &Path) -> Result<(), MediaError> {
    whole_or_fault(|| check_whole(&head(path)?.1))
}

/// Decodes the picture file at `path`; of an animation the first frame, of pages the first page.
///
/// CMYK becomes RGB by plain subtraction of inks, whatever its profile says; the profile is left in the metadata and
/// [`write`](super::write) drops it.
///
/// # Errors
/// Those of [`probe`]; [`MediaError::Damaged`] where pixels are broken or missing.
pub fn load(path: &Path) -> Result<Picture, MediaError> {
    whole_or_fault(|| {
        let (head, structure) = head(path)?;
        first(path, head, &structure)
    })
}

/// Decodes one frame of an animation, or one page of a TIFF file: `frame` counts from 1. Frames are as they are shown, put
/// together from those before.
///
/// # Errors
/// Those of [`load`]; [`MediaError::Limit`] where there is no such frame.
pub fn load_frame(path: &Path, frame: u32) -> Result<Picture, MediaError> {
    whole_or_fault(|| {
        let (head, structure) = head(path)?;
        if frame == 0 || frame > head.info.frames {
            return Err(MediaError::Limit(format!("there is no frame {frame}, it has {}", head.info.frames)));
        }
        if head.info.frames == 1 || (frame == 1 && structure.opens_animation) {
            return first(path, head, &structure);
        }
        check_whole(&structure)?;
        if let Some(page) = structure.pages.get(frame as usize - 1) {
            let (info, metadata) = (page_info(page, head.info.frames)?, Metadata::beside_pixels(path, Some(page.at))?);
            let pixels = tiff::decode(path, page)?;
            return Ok(Picture { orientation: orientation_of(info.orientation), info, pixels, metadata });
        }
        let pixels = frames::frame(path, &head.info, frame)?;
        Ok(Picture { pixels: structure.colours.to_srgb(pixels), ..head })
    })
}

/// Decodes the one picture that is meant: that of a still file, or the frame that was asked for, counted from 1.
///
/// Every step that makes one picture of one picture takes it from here.
///
/// # Errors
/// Those of [`load_frame`]; [`MediaError::Frames`] where there are several and none was asked for.
pub fn still(path: &Path, frame: Option<u32>) -> Result<Picture, MediaError> {
    match frame {
        Some(frame) => load_frame(path, frame),
        None => {
            let frames = probe(path)?.frames;
            if frames > 1 {
                return Err(MediaError::Frames(frames));
            }
            load(path)
        }
    }
}

/// Decodes the whole file: every frame of it.
///
/// # Errors
/// Those of [`load`]; [`MediaError::Limit`] for an animation of too many pixels altogether.
pub fn verify(path: &Path) -> Result<PictureInfo, MediaError> {
    whole_or_fault(|| {
        let (head, structure) = head(path)?;
        let info = first(path, head, &structure)?.info;
        for page in structure.pages.iter().skip(1) {
            page_info(page, info.frames)?;
            tiff::decode(path, page)?;
        }
        if info.frames > 1 && structure.pages.is_empty() {
            frames::verify(path, &info, structure.opens_animation)?;
        }
        Ok(info)
    })
}

/// What `work` comes to. Decoders panic over some broken files; such a file is damaged, and no more.
fn whole_or_fault<T>(work: impl FnOnce() -> Result<T, MediaError>) -> Result<T, MediaError> {
    guarded(work).unwrap_or_else(|| Err(MediaError::damaged(DECODER_FAILED)))
}

/// A picture whose pixels are not decoded yet, and the structure of its file.
fn head(path: &Path) -> Result<(Picture, Walk), MediaError> {
    let format = picture_format(path)?;
    let length = std::fs::metadata(path).map_err(MediaError::Unreadable)?.len();
    if length > MAX_BYTES {
        return Err(MediaError::Limit(format!("{} MiB (at most 1024 are read)", length >> 20)));
    }
    let structure = walk(path, format)?;
    if let Some(size) = structure.size.filter(|(width, height)| (*width, *height) != (0, 0)) {
        check_size(size)?;
    }
    if format == PictureFormat::Jpeg && structure.jpeg.size != (0, 0) {
        structure.jpeg.decodable()?;
    }
    let (info, metadata) = match structure.pages.first() {
        Some(page) => (page_info(page, structure.frames)?, Metadata::beside_pixels(path, Some(page.at))?),
        None if format == PictureFormat::Tiff => return Err(MediaError::damaged("it has no directory of a page")),
        None => {
            // In a file that was cut, a block may claim any length.
            let metadata = match structure.whole || format == PictureFormat::Jpeg {
                true => Metadata::beside_pixels(path, None)?,
                false => Metadata::default(),
            };
            structure.colours.decodable(structure.stored)?;
            (inspect(&mut *decoder(path, format)?, format, &structure, metadata.orientation())?, metadata)
        }
    };
    let head = Picture {
        info,
        orientation: orientation_of(info.orientation),
        pixels: DynamicImage::new_luma8(0, 0),
        metadata,
    };
    Ok((head, structure))
}

/// The first picture in the file.
fn first(path: &Path, head: Picture, structure: &Walk) -> Result<Picture, MediaError> {
    check_whole(structure)?;
    let pixels = match structure.pages.first() {
        Some(page) => tiff::decode(path, page)?,
        None if head.info.format == PictureFormat::Jpeg => jpeg::decode(path, &structure.jpeg)?,
        None => DynamicImage::from_decoder(decoder(path, head.info.format)?).map_err(trouble)?,
    };
    Ok(Picture { pixels: structure.colours.to_srgb(pixels), ..head })
}

fn check_whole(structure: &Walk) -> Result<(), MediaError> {
    if structure.whole {
        return Ok(());
    }
    Err(MediaError::damaged("the file ends too soon, the rest of the picture is missing"))
}

fn check_size((width, height): (u32, u32)) -> Result<(), MediaError> {
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
    Ok(())
}

fn orientation_of(exif: u8) -> Orientation {
    Orientation::from_exif(exif).unwrap_or(Orientation::NoTransforms)
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

fn decoder(path: &Path, format: PictureFormat) -> Result<Box<dyn ImageDecoder>, MediaError> {
    let file = BufReader::new(File::open(path).map_err(MediaError::Unreadable)?);
    let format = match format {
        PictureFormat::Jpeg => ImageFormat::Jpeg,
        // Its limit binds chunks, which unpack to a thousand times their size; the pixels have their own.
        PictureFormat::Png => {
            let decoder = PngDecoder::with_limits(file, limits(MAX_METADATA)).map_err(trouble)?;
            return Ok(Box::new(decoder));
        }
        PictureFormat::Gif => ImageFormat::Gif,
        PictureFormat::WebP => ImageFormat::WebP,
        PictureFormat::Tiff => ImageFormat::Tiff,
        PictureFormat::Bmp => ImageFormat::Bmp,
    };
    let mut reader = ImageReader::with_format(file, format);
    reader.limits(limits(MAX_BYTES));
    Ok(Box::new(reader.into_decoder().map_err(trouble)?))
}

fn inspect(
    decoder: &mut dyn ImageDecoder,
    format: PictureFormat,
    structure: &Walk,
    orientation: u8,
) -> Result<PictureInfo, MediaError> {
    let (width, height) = decoder.dimensions();
    check_size((width, height))?;
    if decoder.total_bytes() > MAX_BYTES {
        return Err(MediaError::Limit(format!(
            "{} MiB of pixels (at most 1024 are taken)",
            decoder.total_bytes() >> 20
        )));
    }
    let decoded = decoder.color_type();
    let colour = match (decoded.has_color(), decoded.has_alpha()) {
        (false, false) => "gray",
        (false, true) => "gray-alpha",
        (true, false) => "rgb",
        (true, true) => "rgba",
    };
    let samples = u16::from(decoded.channel_count()).max(1);
    Ok(PictureInfo {
        format,
        width,
        height,
        bits: structure.bits.unwrap_or(u16::from(decoded.bytes_per_pixel()) * 8 / samples),
        colour,
        stored: structure.stored.unwrap_or(colour),
        frames: structure.frames,
        orientation,
    })
}

fn page_info(page: &super::pages::Page, frames: u32) -> Result<PictureInfo, MediaError> {
    check_size(page.size)?;
    Ok(PictureInfo {
        format: PictureFormat::Tiff,
        width: page.size.0,
        height: page.size.1,
        bits: page.bits.first().map_or(1, |bits| *bits as u16),
        colour: tiff::decoded(page)?,
        stored: tiff::model(page),
        frames,
        orientation: u8::try_from(page.orientation)
            .ok()
            .filter(|orientation| (1..=8).contains(orientation))
            .unwrap_or(1),
    })
}
