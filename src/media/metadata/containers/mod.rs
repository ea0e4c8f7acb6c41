//! Where each kind of file keeps its metadata, and how it frames a block of it.

mod gif;
mod jpeg;
mod png;
mod webp;

use super::kinds::Kind;
use super::parts::{Part, Reading};
use crate::media::error::MediaError;
use crate::media::sniff::PictureFormat;

/// The parts of a file of `format`, in their order. `blocks` is enough where only metadata is asked for: a JPEG is then
/// not read beyond its first scan.
pub(super) fn parts(reading: &mut Reading, format: PictureFormat, blocks: bool) -> Result<Vec<Part>, MediaError> {
    match format {
        PictureFormat::Jpeg => jpeg::parts(reading, blocks),
        PictureFormat::Png => png::parts(reading),
        PictureFormat::Gif => gif::parts(reading),
        PictureFormat::WebP => webp::parts(reading),
        PictureFormat::Tiff | PictureFormat::Bmp => Ok(vec![Part::new(None, 0..reading.length)]),
    }
}

/// A block of EXIF or XMP with the framing of `format`. `None`: this format holds none, or none so large.
pub(super) fn framed(format: PictureFormat, kind: Kind, block: &[u8]) -> Option<Vec<u8>> {
    match format {
        PictureFormat::Jpeg => jpeg::framed(kind, block),
        PictureFormat::Png => png::framed(kind, block),
        PictureFormat::Gif => gif::framed(kind, block),
        PictureFormat::WebP => webp::framed(kind, block),
        PictureFormat::Tiff | PictureFormat::Bmp => None,
    }
}

/// Before which of the parts a block of EXIF may stand in a file that has none.
pub(super) fn place_for_exif(format: PictureFormat, parts: &[Part]) -> Option<usize> {
    match format {
        // After the first bytes, and JFIF, which must come first.
        PictureFormat::Jpeg => Some(jpeg::after_header(parts)),
        // After IHDR.
        PictureFormat::Png => Some(2),
        PictureFormat::WebP if webp::is_extended(parts) => Some(parts.len()),
        _ => None,
    }
}

/// Puts right what the head of the file says of its parts: `head` is the new file's first part, `kinds` all of its kinds,
/// `length` its bytes.
pub(super) fn mend_head(format: PictureFormat, head: &mut [u8], kinds: &[Kind], length: u64) {
    if format == PictureFormat::WebP {
        webp::mend_head(head, kinds, length);
    }
}
