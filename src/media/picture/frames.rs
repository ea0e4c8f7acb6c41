//! The frames of animations: GIF, PNG and WebP.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use image::codecs::{gif::GifDecoder, png::PngDecoder, webp::WebPDecoder};
use image::{AnimationDecoder, DynamicImage, Frames, ImageDecoder};

use super::decode::{MAX_BYTES, MAX_METADATA, PictureInfo, limits, reading, trouble};
use crate::media::error::MediaError;
use crate::media::sniff::PictureFormat;

/// The most pixels of all frames together that are decoded: a small file may declare thousands of large frames.
pub const MAX_FRAME_PIXELS: u64 = 4_000_000_000;

/// The frame of this number, counted from 1, as it is shown.
///
/// # Errors
/// [`MediaError::Limit`] beyond [`MAX_FRAME_PIXELS`] up to it, [`MediaError::Damaged`] where it is missing.
pub(super) fn frame(path: &Path, info: &PictureInfo, number: u32) -> Result<DynamicImage, MediaError> {
    check_work(info, number)?;
    let mut last = None;
    for frame in frames(path, info.format)?.take(number as usize) {
        last = Some(frame.map_err(trouble)?);
    }
    last.map(|frame| DynamicImage::ImageRgba8(frame.into_buffer())).ok_or_else(|| ends(0, info))
}

/// Decodes every frame.
///
/// # Errors
/// Those of [`frame`].
pub(super) fn verify(path: &Path, info: &PictureInfo, opens_animation: bool) -> Result<(), MediaError> {
    check_work(info, info.frames)?;
    if info.format == PictureFormat::Png {
        return verify_png(path, info, opens_animation);
    }
    let mut count = 0;
    for frame in frames(path, info.format)? {
        frame.map_err(trouble)?;
        count += 1;
    }
    if count < info.frames { Err(ends(count, info)) } else { Ok(()) }
}

/// Frames of PNG one by one, without putting them together: those of 16 bits can be verified so, too.
fn verify_png(path: &Path, info: &PictureInfo, opens_animation: bool) -> Result<(), MediaError> {
    let file = BufReader::new(File::open(path).map_err(MediaError::Unreadable)?);
    let damaged = |error: png::DecodingError| match error {
        png::DecodingError::IoError(error) => reading(error),
        png::DecodingError::LimitsExceeded => MediaError::Limit("it takes more memory than is given".into()),
        other => MediaError::damaged(other.to_string()),
    };
    let decoder = png::Decoder::new_with_limits(file, png::Limits { bytes: MAX_METADATA as usize });
    let mut reader = decoder.read_info().map_err(damaged)?;
    let mut pixels = vec![0; reader.output_buffer_size().unwrap_or_default()];
    let beside = u32::from(!opens_animation);
    for count in 0..info.frames.saturating_add(beside) {
        match reader.next_frame(&mut pixels) {
            Ok(_) => {}
            Err(png::DecodingError::Parameter(_)) => return Err(ends(count.saturating_sub(beside), info)),
            Err(error) => return Err(damaged(error)),
        }
    }
    Ok(())
}

fn check_work(info: &PictureInfo, frames: u32) -> Result<(), MediaError> {
    let pixels = u64::from(info.width) * u64::from(info.height);
    if pixels * u64::from(frames) > MAX_FRAME_PIXELS {
        return Err(MediaError::Limit(format!(
            "{frames} frames of {} x {} pixels (at most {} megapixels are decoded in all)",
            info.width,
            info.height,
            MAX_FRAME_PIXELS / 1_000_000
        )));
    }
    Ok(())
}

fn ends(count: u32, info: &PictureInfo) -> MediaError {
    MediaError::damaged(format!("it ends after {count} of {} frames", info.frames))
}

fn frames(path: &Path, format: PictureFormat) -> Result<Frames<'static>, MediaError> {
    let file = BufReader::new(File::open(path).map_err(MediaError::Unreadable)?);
    match format {
        PictureFormat::Gif => {
            let mut decoder = GifDecoder::new(file).map_err(trouble)?;
            decoder.set_limits(limits(MAX_BYTES)).map_err(trouble)?;
            Ok(decoder.into_frames())
        }
        PictureFormat::Png => {
            let mut decoder = PngDecoder::with_limits(file, limits(MAX_METADATA)).map_err(trouble)?;
            decoder.set_limits(limits(MAX_BYTES)).map_err(trouble)?;
            Ok(decoder.apng().map_err(trouble)?.into_frames())
        }
        PictureFormat::WebP => {
            let mut decoder = WebPDecoder::new(file).map_err(trouble)?;
            decoder.set_limits(limits(MAX_BYTES)).map_err(trouble)?;
            Ok(decoder.into_frames())
        }
        other => Err(MediaError::Unsupported(format!("frames of {}", other.word()))),
    }
}
