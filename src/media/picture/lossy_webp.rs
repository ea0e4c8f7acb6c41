//! Decodes lossy WebP pictures by libwebp, which takes a third of the time of the decoder for all others.

use std::io::Cursor;

use image::ImageDecoder;
use image::codecs::webp::WebPDecoder;
use webp::{BitstreamFeatures, BitstreamFormat, Decoder, WebPImage};

use super::bounds::MAX_PIXELS;
use crate::media::metadata::Metadata;

/// Decodes the WebP file that holds `data`: its pixels, three bytes each, and what it carries besides. `None` for what is
/// not lossy, is animated or transparent, or cannot be decoded: that is left to the decoder for all others, and with it the
/// say of what is wrong.
pub(super) fn decode(data: &[u8]) -> Option<(WebPImage, Metadata)> {
    let features = BitstreamFeatures::new(data)?;
    let pixels = u64::from(features.width()) * u64::from(features.height());
    let lossy = matches!(features.format(), Some(BitstreamFormat::Lossy));
    if !lossy || features.has_animation() || features.has_alpha() || pixels > MAX_PIXELS {
        return None;
    }
    let mut carried = WebPDecoder::new(Cursor::new(data)).ok()?;
    let metadata = Metadata {
        exif: carried.exif_metadata().ok().flatten(),
        icc: carried.icc_profile().ok().flatten(),
        xmp: carried.xmp_metadata().ok().flatten(),
    };
    Some((Decoder::new(data).decode()?, metadata))
}
