//! WebP (RFC 9649): RIFF chunks.

use crate::media::error::MediaError;
use crate::media::metadata::kinds::Kind;
use crate::media::metadata::parts::{Part, Reading};

/// What the flags of the extended header announce.
const FLAGS: [(Kind, u8); 3] = [(Kind::Icc, 0x20), (Kind::Exif, 0x08), (Kind::Xmp, 0x04)];
/// The head of the file; with the extended header, which must come first, it goes up to the end of that.
const HEAD: u64 = 12;
const EXTENDED_HEAD: u64 = 30;

pub(super) fn parts(reading: &mut Reading) -> Result<Vec<Part>, MediaError> {
    let [.., a, b, c, d] = reading.bytes::<8>()?;
    let end = u64::from(u32::from_le_bytes([a, b, c, d])) + 8;
    // Writers differ on whether they count the last byte of filling.
    if end > reading.length + 1 {
        return Err(MediaError::damaged("the file ends too soon"));
    }
    let end = end.min(reading.length);
    let extended = reading.peek(HEAD + 8, 12)?.ends_with(b"VP8X\x0a\0\0\0");
    let head = if extended { EXTENDED_HEAD } else { HEAD };
    reading.go_to(head)?;
    let mut parts = vec![Part::new(None, 0..head)];
    while reading.at + 8 <= end {
        let start = reading.at;
        let [kind @ .., a, b, c, d] = reading.bytes::<8>()?;
        let body = reading.at;
        let size = u64::from(u32::from_le_bytes([a, b, c, d]));
        let filled = body + size.next_multiple_of(2);
        let filled = if filled == reading.length + 1 { reading.length } else { filled };
        reading.go_to(filled)?;
        let signature = reading.length.min(body + 6);
        let kind = match &kind {
            b"EXIF" => Some(Kind::Exif),
            b"XMP " => Some(Kind::Xmp),
            b"ICCP" => Some(Kind::Icc),
            b"VP8 " | b"VP8L" | b"VP8X" | b"ALPH" | b"ANIM" | b"ANMF" => None,
            _ => Some(Kind::Other),
        };
        let mut part = Part { body: body..(body + size).min(reading.length), ..Part::new(kind, start..filled) };
        if kind == Some(Kind::Exif) {
            // Some put the name of the JPEG segment in front.
            reading.go_to(body)?;
            if reading.peek(signature, 6)? == b"Exif\0\0" {
                part.body.start += 6;
            }
            reading.go_to(filled)?;
        }
        parts.push(part);
    }
    if reading.at < reading.length {
        parts.push(Part::new(Some(Kind::Other), reading.at..reading.length));
    }
    Ok(parts)
}

pub(super) fn framed(kind: Kind, block: &[u8]) -> Option<Vec<u8>> {
    let name = match kind {
        Kind::Exif => b"EXIF",
        Kind::Xmp => b"XMP ",
        _ => return None,
    };
    let length = u32::try_from(block.len()).ok()?.to_le_bytes();
    Some([name, &length[..], block, &[0][..block.len() % 2]].concat())
}

/// Whether the file has the extended header, which only files with metadata, animation or alpha need.
pub(super) fn is_extended(parts: &[Part]) -> bool {
    parts.first().is_some_and(|head| head.range.end == EXTENDED_HEAD)
}

pub(super) fn mend_head(head: &mut [u8], kinds: &[Kind], length: u64) {
    head[4..8].copy_from_slice(&((length - 8) as u32).to_le_bytes());
    if let Some(flags) = head.get_mut(20) {
        for (kind, flag) in FLAGS {
            *flags = if kinds.contains(&kind) { *flags | flag } else { *flags & !flag };
        }
    }
}
