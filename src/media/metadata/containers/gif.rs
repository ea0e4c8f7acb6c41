//! GIF (GIF89a specification): extensions between the pictures.

use crate::media::error::MediaError;
use crate::media::metadata::kinds::Kind;
use crate::media::metadata::parts::{Coding, Part, Reading};

/// XMP stands as it is among the sub-blocks: what follows it, one 0x01 and all numbers down from 0xff, leads any reader of
/// sub-blocks to their end (XMP specification part 3, section 1.1.2).
const XMP: &[u8; 11] = b"XMP DataXMP";
const TRAILER: u64 = 258;

pub(super) fn parts(reading: &mut Reading) -> Result<Vec<Part>, MediaError> {
    reading.go_to(10)?;
    let [flags, ..] = reading.bytes::<3>()?;
    reading.go_to(reading.at + colours(flags))?;
    let mut parts = vec![Part::new(None, 0..reading.at)];
    loop {
        let start = reading.at;
        match reading.bytes()? {
            [0x3b] => {
                parts.push(Part::new(None, start..reading.at));
                if reading.at < reading.length {
                    parts.push(Part::new(Some(Kind::Other), reading.at..reading.length));
                }
                return Ok(parts);
            }
            [0x21] => {
                let [label] = reading.bytes()?;
                let part = extension(reading, label, start)?;
                parts.push(part);
            }
            [0x2c] => {
                reading.go_to(reading.at + 8)?;
                let [flags] = reading.bytes()?;
                reading.go_to(reading.at + colours(flags) + 1)?;
                sub_blocks(reading)?;
                parts.push(Part::new(None, start..reading.at));
            }
            _ => return Err(MediaError::damaged("it goes on with what is no block")),
        }
    }
}

/// The extension whose label was just read, up to its end.
fn extension(reading: &mut Reading, label: u8, start: u64) -> Result<Part, MediaError> {
    let body = reading.at;
    let application = reading.peek(body + 12, 12)?;
    sub_blocks(reading)?;
    let end = reading.at;
    let whole = Part { range: start..end, body: body..end, kind: Some(Kind::Other), coding: Coding::SubBlocks };
    // Its name is the first sub-block.
    let data = Part { body: (body + 12).min(end)..end, ..whole.clone() };
    Ok(match (label, application.split_first()) {
        // How the next picture is shown, and text that is drawn.
        (0xf9 | 0x01, _) => Part { kind: None, ..whole },
        (0xfe, _) => Part { kind: Some(Kind::Comments), ..whole },
        (0xff, Some((11, b"NETSCAPE2.0" | b"ANIMEXTS1.0"))) => Part { kind: None, ..whole },
        (0xff, Some((11, b"ICCRGBG1012"))) => Part { kind: Some(Kind::Icc), ..data },
        (0xff, Some((11, b"MGKIPTC0000" | b"MGK8BIM0000"))) => Part { kind: Some(Kind::Iptc), ..data },
        (0xff, Some((11, name))) if name == XMP => {
            let text = data.body.start..end.saturating_sub(TRAILER).max(data.body.start);
            reading.go_to(text.end)?;
            let plain = reading.peek(end, 3)? == [1, 0xff, 0xfe];
            reading.go_to(end)?;
            let data = Part { kind: Some(Kind::Xmp), ..data };
            // Some write it as sub-blocks like any other.
            if plain { Part { body: text, coding: Coding::Plain, ..data } } else { data }
        }
        _ => whole,
    })
}

fn sub_blocks(reading: &mut Reading) -> Result<(), MediaError> {
    loop {
        match reading.bytes()? {
            [0] => return Ok(()),
            [length] => reading.go_to(reading.at + u64::from(length))?,
        }
    }
}

/// The bytes of the colour table that these flags announce.
fn colours(flags: u8) -> u64 {
    if flags & 0x80 == 0 { 0 } else { 3 << ((flags & 7) + 1) }
}

pub(super) fn framed(kind: Kind, block: &[u8]) -> Option<Vec<u8>> {
    // A zero would end the sub-blocks that a reader sees in the text.
    if kind != Kind::Xmp || block.contains(&0) {
        return None;
    }
    let trailer = std::iter::once(1).chain((0..=0xff).rev()).chain([0]);
    Some([&[0x21, 0xff, 11], &XMP[..], block].concat().into_iter().chain(trailer).collect())
}
