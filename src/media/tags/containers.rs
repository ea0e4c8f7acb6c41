//! Where each format has its tags, and how they get there: the file is opened up at that place.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use super::splice::splice;

/// Where the first metadata block of a FLAC file begins: it is STREAMINFO, and tells of itself whether it is the last.
const STREAMINFO_AT: u64 = 4;

/// Where STREAMINFO ends.
const STREAMINFO_END: u64 = 42;

/// The types of metadata blocks (RFC 9639, section 8.1).
pub(super) const VORBIS_COMMENT: u8 = 4;
pub(super) const PICTURE: u8 = 6;

/// Puts metadata blocks, each of a type and below 16 MiB, into a FLAC file, behind STREAMINFO.
pub(super) fn into_flac(file: &File, blocks: &[(u8, Vec<u8>)]) -> io::Result<()> {
    let mut kind = [0];
    file.read_exact_at(&mut kind, STREAMINFO_AT)?;
    file.write_all_at(&[kind[0] & 0x7f], STREAMINFO_AT)?;
    let mut bytes = Vec::new();
    for (place, (block, body)) in blocks.iter().enumerate() {
        let [_, a, b, c] = (body.len() as u32).to_be_bytes();
        let last = if place + 1 == blocks.len() { kind[0] & 0x80 } else { 0 };
        bytes.extend_from_slice(&[block | last, a, b, c]);
        bytes.extend_from_slice(body);
    }
    splice(file, STREAMINFO_END, 0, &bytes)
}

/// Puts an `ilst` atom into an MP4 file, instead of the user data that are there (ISO 14496-12, and Apple's QuickTime
/// File Format). What the tables of chunks tell of places behind it is put right.
pub(super) fn into_mp4(file: &File, ilst: &[u8]) -> io::Result<()> {
    let mut at = 0;
    let size = loop {
        let mut head = [0; 16];
        file.read_exact_at(&mut head, at)?;
        let [a, b, c, d, name @ ..] = *head.first_chunk::<8>().unwrap_or(&[0; 8]);
        let size = match u64::from(u32::from_be_bytes([a, b, c, d])) {
            1 => head.last_chunk().map_or(0, |wide| u64::from_be_bytes(*wide)),
            size => size,
        };
        if size < 8 {
            return Err(io::Error::other("its atoms cannot be followed"));
        }
        if &name == b"moov" {
            break size;
        }
        at += size;
    };
    let mut old = vec![0; usize::try_from(size).map_err(io::Error::other)?];
    file.read_exact_at(&mut old, at)?;
    let mut body = Vec::with_capacity(old.len() + ilst.len() + 64);
    each_atom(&mut old[8..], &mut |whole| {
        if &whole[4..8] != b"udta" {
            body.extend_from_slice(whole);
        }
        Ok(())
    })?;
    let handler = atom(*b"hdlr", b"\0\0\0\0\0\0\0\0mdirappl\0\0\0\0\0\0\0\0\0");
    let meta = atom(*b"meta", &[&[0; 4], handler.as_slice(), ilst].concat());
    body.extend_from_slice(&atom(*b"udta", &meta));
    let mut moov = atom(*b"moov", &body);
    let by = moov.len() as i64 - size as i64;
    shift_chunks(&mut moov, at + size, by)?;
    splice(file, at, size, &moov)
}

fn atom(name: [u8; 4], body: &[u8]) -> Vec<u8> {
    [&(body.len() as u32 + 8).to_be_bytes(), name.as_slice(), body].concat()
}

/// Gives the atoms in `bytes` one after the other, each whole.
fn each_atom(bytes: &mut [u8], to: &mut dyn FnMut(&mut [u8]) -> io::Result<()>) -> io::Result<()> {
    let mut rest = bytes;
    while let Some(head) = rest.first_chunk() {
        let size = u32::from_be_bytes(*head) as usize;
        let Some((whole, behind)) = rest.split_at_mut_checked(size).filter(|_| size >= 8) else { break };
        to(whole)?;
        rest = behind;
    }
    Ok(())
}

/// Adds `by` to every place from `from` on that a table of chunks in this atom tells.
fn shift_chunks(whole: &mut [u8], from: u64, by: i64) -> io::Result<()> {
    let moved = |place: u64| if place >= from { place.checked_add_signed(by) } else { Some(place) };
    let too_long = || io::Error::other("the file has no room for places so far behind");
    let (head, body) = whole.split_at_mut(8);
    match &head[4..8] {
        b"moov" | b"trak" | b"mdia" | b"minf" | b"stbl" => {
            each_atom(body, &mut |whole| shift_chunks(whole, from, by))?;
        }
        // A version and a count are before the places.
        b"stco" if body.len() >= 8 => {
            for place in body[8..].as_chunks_mut().0 {
                let new = moved(u32::from_be_bytes(*place).into()).and_then(|new| u32::try_from(new).ok());
                *place = new.ok_or_else(too_long)?.to_be_bytes();
            }
        }
        b"co64" if body.len() >= 8 => {
            for place in body[8..].as_chunks_mut().0 {
                *place = moved(u64::from_be_bytes(*place)).ok_or_else(too_long)?.to_be_bytes();
            }
        }
        _ => {}
    }
    Ok(())
}
