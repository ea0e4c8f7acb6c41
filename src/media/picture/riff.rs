//! Puts WebP files together: what an encoder made, and the metadata beside it. RFC 9649, section 2.

use std::io::{Result, Write};

use crate::media::metadata::Metadata;

const ICC: u8 = 0x20;
const ALPHA: u8 = 0x10;
const EXIF: u8 = 0x08;
const XMP: u8 = 0x04;

/// Writes the WebP file `coded`, a still picture without metadata, with these blocks put in.
pub(super) fn write_webp(
    coded: &[u8],
    size: (u32, u32),
    alpha: bool,
    metadata: &Metadata,
    to: &mut impl Write,
) -> Result<()> {
    if *metadata == Metadata::default() {
        return to.write_all(coded);
    }
    let present = |block: &Option<Vec<u8>>, flag| if block.is_some() { flag } else { 0 };
    let flags = present(&metadata.icc, ICC) | present(&metadata.exif, EXIF) | present(&metadata.xmp, XMP);
    let flags = flags | if alpha { ALPHA } else { 0 };
    let mut head = vec![flags, 0, 0, 0];
    head.extend(&(size.0 - 1).to_le_bytes()[..3]);
    head.extend(&(size.1 - 1).to_le_bytes()[..3]);
    let mut parts: Vec<([u8; 4], &[u8])> = vec![(*b"VP8X", &head)];
    parts.extend(metadata.icc.as_deref().map(|icc| (*b"ICCP", icc)));
    parts.extend(chunks(coded.get(12..).unwrap_or_default()).filter(|(kind, _)| kind != b"VP8X"));
    parts.extend(metadata.exif.as_deref().map(|exif| (*b"EXIF", exif)));
    parts.extend(metadata.xmp.as_deref().map(|xmp| (*b"XMP ", xmp)));
    let length: usize = parts.iter().map(|(_, body)| 8 + body.len().next_multiple_of(2)).sum();
    to.write_all(b"RIFF")?;
    to.write_all(&(length as u32 + 4).to_le_bytes())?;
    to.write_all(b"WEBP")?;
    for (kind, body) in parts {
        to.write_all(&kind)?;
        to.write_all(&(body.len() as u32).to_le_bytes())?;
        to.write_all(body)?;
        to.write_all(&[0][..body.len() % 2])?;
    }
    Ok(())
}

/// The chunks of a RIFF file.
fn chunks(mut rest: &[u8]) -> impl Iterator<Item = ([u8; 4], &[u8])> {
    std::iter::from_fn(move || {
        let (head, after) = rest.split_first_chunk::<8>()?;
        let [a, b, c, d, length @ ..] = *head;
        let length = u32::from_le_bytes(length) as usize;
        let body = after.get(..length)?;
        rest = after.get(length.next_multiple_of(2)..).unwrap_or_default();
        Some(([a, b, c, d], body))
    })
}
