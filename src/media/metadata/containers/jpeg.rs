//! JPEG (ITU-T T.81 annex B): segments before, between and behind the scans.

use crate::media::error::MediaError;
use crate::media::metadata::kinds::Kind;
use crate::media::metadata::parts::{Coding, Part, Reading};

/// Exif 3.0, section 4.7.2. The second byte is there to fill up, and some leave something in it.
const EXIF: &[u8] = b"Exif\0";
/// XMP specification part 3, section 1.1.3.
const XMP: &[u8] = b"http://ns.adobe.com/xap/1.0/\0";
const MORE_XMP: &[u8] = b"http://ns.adobe.com/xmp/extension/\0";
/// ICC.1:2022, annex B.4.
const ICC: &[u8] = b"ICC_PROFILE\0";
const PHOTOSHOP: &[u8] = b"Photoshop 3.0\0";
/// A profile in a segment begins after its signature, its number and their count.
const ICC_HEAD: u64 = 14;
/// The longest body of a segment.
const MOST: usize = 65_533;

pub(super) fn parts(reading: &mut Reading, blocks: bool) -> Result<Vec<Part>, MediaError> {
    if reading.bytes()? != [0xff, 0xd8] {
        return Err(MediaError::damaged("it does not begin like a JPEG"));
    }
    let mut parts = vec![Part::new(None, 0..2)];
    loop {
        let start = reading.at;
        reading.find(0xff)?;
        if reading.at > start {
            // Between segments, decoders pass over what is none.
            parts.push(Part::new(Some(Kind::Other), start..reading.at));
        }
        let start = reading.at;
        let mut marker = 0xff;
        while marker == 0xff {
            [marker] = reading.bytes()?;
        }
        match marker {
            0 => parts.push(Part::new(Some(Kind::Other), start..reading.at)),
            0xd9 => {
                parts.push(Part::new(None, start..reading.at));
                if reading.at < reading.length {
                    parts.push(Part::new(Some(Kind::Other), reading.at..reading.length));
                }
                return Ok(parts);
            }
            0x01 | 0xd0..=0xd8 => parts.push(Part::new(None, start..reading.at)),
            marker => {
                let body = reading.at + 2;
                let length = u64::from(u16::from_be_bytes(reading.bytes()?));
                let end = (body + length).saturating_sub(2).max(body);
                let signature = reading.peek(end, 64)?;
                reading.go_to(end)?;
                if marker == 0xda {
                    if blocks {
                        return Ok(parts);
                    }
                    scan(reading)?;
                    parts.push(Part::new(None, start..reading.at));
                } else {
                    parts.push(segment(marker, &signature, start, body, end));
                }
            }
        }
    }
}

/// Passes over coded data: up to the 0xff of the marker that ends it.
fn scan(reading: &mut Reading) -> Result<(), MediaError> {
    loop {
        reading.find(0xff)?;
        let at = reading.at;
        match reading.bytes()? {
            [_, 0 | 0xd0..=0xd7] => {}
            // More of them fill up.
            [_, 0xff] => reading.go_to(at + 1)?,
            _ => return reading.go_to(at),
        }
    }
}

/// What the segment with this marker is, by how its body begins.
fn segment(marker: u8, signature: &[u8], start: u64, body: u64, end: u64) -> Part {
    let is = |what: &[u8]| signature.starts_with(what);
    let (kind, head, coding) = match marker {
        0xe0 if is(b"JFIF\0") => (None, 0, Coding::Plain),
        // How the colours are coded.
        0xee if is(b"Adobe") => (None, 0, Coding::Plain),
        0xe1 if is(EXIF) && signature.len() > 6 => (Some(Kind::Exif), 6, Coding::Plain),
        0xe1 if is(XMP) => (Some(Kind::Xmp), XMP.len() as u64, Coding::Plain),
        // After the signature: which packet it belongs to, how long that is, and where in it this is.
        0xe1 if is(MORE_XMP) => (Some(Kind::Xmp), (MORE_XMP.len() + 40) as u64, Coding::Piece),
        0xe2 if is(ICC) && end - body > ICC_HEAD => (Some(Kind::Icc), ICC_HEAD, Coding::Piece),
        0xed if is(PHOTOSHOP) => (Some(Kind::Iptc), PHOTOSHOP.len() as u64, Coding::Plain),
        0xfe => (Some(Kind::Comments), 0, Coding::Plain),
        0xe0..=0xef => (Some(Kind::Other), 0, Coding::Plain),
        _ => (None, 0, Coding::Plain),
    };
    Part { kind, range: start..end, body: (body + head).min(end)..end, coding }
}

pub(super) fn framed(kind: Kind, block: &[u8]) -> Option<Vec<u8>> {
    let head = match kind {
        Kind::Exif => b"Exif\0\0",
        Kind::Xmp => XMP,
        _ => return None,
    };
    let length = Some(head.len() + block.len()).filter(|length| *length <= MOST)?;
    let length = u16::try_from(length + 2).ok()?.to_be_bytes();
    Some([&[0xff, 0xe1], &length[..], head, block].concat())
}

/// The place after the marker that begins the file, and after JFIF.
pub(super) fn after_header(parts: &[Part]) -> usize {
    let jfif = parts.get(1).is_some_and(|part| part.kind.is_none() && part.range.end - part.range.start > 2);
    if jfif { 2 } else { 1 }
}
