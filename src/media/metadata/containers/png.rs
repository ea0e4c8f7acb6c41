//! PNG (W3C, third edition): chunks.

use flate2::Crc;

use crate::media::error::MediaError;
use crate::media::metadata::kinds::Kind;
use crate::media::metadata::parts::{Coding, Part, Reading};

const XMP: &[u8] = b"XML:com.adobe.xmp";
const RAW: &[u8] = b"Raw profile type ";
/// Chunks that the pixels need, their colours, size or order, besides the critical ones: the standard's own, and those of
/// its extensions (registry of public chunks).
const OF_THE_PICTURE: [&[u8; 4]; 21] = [
    b"tRNS", b"cHRM", b"gAMA", b"sBIT", b"sRGB", b"cICP", b"mDCV", b"mDCv", b"cLLI", b"cLLi", b"bKGD", b"hIST",
    b"pHYs", b"sPLT", b"acTL", b"fcTL", b"fdAT", b"oFFs", b"sCAL", b"pCAL", b"sTER",
];
/// The longest keyword, with its end and what may follow it in a text.
const KEYWORD: u64 = 79 + 1 + 2;

pub(super) fn parts(reading: &mut Reading) -> Result<Vec<Part>, MediaError> {
    reading.go_to(8)?;
    let mut parts = vec![Part::new(None, 0..8)];
    loop {
        let start = reading.at;
        let [a, b, c, d, kind @ ..] = reading.bytes::<8>()?;
        if !kind.iter().all(u8::is_ascii_alphabetic) {
            return Err(MediaError::damaged("a chunk of it has no name"));
        }
        let body = reading.at;
        let end = body + u64::from(u32::from_be_bytes([a, b, c, d]));
        let mut part = Part { range: start..end + 4, body: body..end, ..Part::new(None, 0..0) };
        match &kind {
            b"eXIf" => part.kind = Some(Kind::Exif),
            b"iCCP" | b"tEXt" | b"zTXt" | b"iTXt" => named(reading, &kind, &mut part)?,
            // A small letter in front: not needed to show it.
            kind if kind[0].is_ascii_lowercase() && !OF_THE_PICTURE.contains(&kind) => part.kind = Some(Kind::Other),
            _ => {}
        }
        reading.go_to(end + 4)?;
        parts.push(part);
        if &kind == b"IEND" {
            if reading.at < reading.length {
                parts.push(Part::new(Some(Kind::Other), reading.at..reading.length));
            }
            return Ok(parts);
        }
    }
}

/// What a chunk is that begins with a name of its own.
fn named(reading: &mut Reading, chunk: &[u8; 4], part: &mut Part) -> Result<(), MediaError> {
    let head = reading.peek(part.body.end, KEYWORD)?;
    let end = head.iter().position(|byte| *byte == 0).unwrap_or(head.len());
    let (name, after) = head.split_at(end);
    // The zero, and the method.
    let text = part.body.start + end as u64 + 2;
    let (start, deflate) = match chunk {
        b"tEXt" => (text - 1, false),
        b"zTXt" | b"iCCP" => (text, true),
        // A flag, the method, and two more texts that end with a zero.
        _ => {
            let whole = reading.peek(part.body.end, end as u64 + 3 + 512)?;
            let zeros = whole.iter().enumerate().skip(end + 3).filter(|(_, byte)| **byte == 0).map(|(at, _)| at);
            let start = zeros.take(2).last().unwrap_or(end) as u64 + 1;
            (part.body.start + start, after.get(1) == Some(&1))
        }
    };
    part.body.start = start.min(part.body.end);
    part.coding = if deflate { Coding::Deflate } else { Coding::Plain };
    part.kind = Some(match name.strip_prefix(RAW) {
        _ if chunk == b"iCCP" => Kind::Icc,
        None if name == XMP => Kind::Xmp,
        None => Kind::Comments,
        Some(profile) => {
            part.coding = Coding::Hex { deflate };
            match profile.to_ascii_lowercase().as_slice() {
                b"exif" | b"app1" => Kind::Exif,
                b"xmp" => Kind::Xmp,
                b"icc" | b"icm" => Kind::Icc,
                b"iptc" | b"8bim" => Kind::Iptc,
                _ => Kind::Other,
            }
        }
    });
    Ok(())
}

pub(super) fn framed(kind: Kind, block: &[u8]) -> Option<Vec<u8>> {
    match kind {
        Kind::Exif => chunk(b"eXIf", &[block]),
        Kind::Xmp => chunk(b"iTXt", &[XMP, &[0; 5], block]),
        _ => None,
    }
}

fn chunk(name: &[u8; 4], body: &[&[u8]]) -> Option<Vec<u8>> {
    let length = u32::try_from(body.iter().map(|part| part.len()).sum::<usize>()).ok()?;
    let mut chunk = [&length.to_be_bytes(), &name[..]].concat();
    body.iter().for_each(|part| chunk.extend_from_slice(part));
    let mut crc = Crc::new();
    crc.update(&chunk[4..]);
    chunk.extend(crc.sum().to_be_bytes());
    Some(chunk)
}
