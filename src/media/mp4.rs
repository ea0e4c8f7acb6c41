//! The edit list of an MP4 track: how much of its start is the encoder's own.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use super::error::MediaError;

/// The most atoms that are looked at on one level: crafted files have millions of empty ones.
const MAX_ATOMS: usize = 4096;

/// How many units of its own time scale (frames, for sound) the track `id` of the file at `path` starts late, by its
/// edit list. `None` where it has none, or one that does more than that.
///
/// # Errors
/// [`MediaError::Unreadable`] when it cannot be read. A broken structure is no error here: the decoder has the last word.
pub fn priming(path: &Path, id: u32) -> Result<Option<u64>, MediaError> {
    let mut file = File::open(path).map_err(MediaError::Unreadable)?;
    let length = file.metadata().map_err(MediaError::Unreadable)?.len();
    let Some((from, to)) = child(&mut file, (0, length), *b"moov")?.first().copied() else { return Ok(None) };
    for track in child(&mut file, (from, to), *b"trak")? {
        let Some(header) = child(&mut file, track, *b"tkhd")?.first().copied() else { continue };
        // Version 0 has two times of 32 bits before the id, version 1 of 64.
        let head = read::<24>(&mut file, header.0)?;
        let at = if head[0] == 0 { 12 } else { 20 };
        let found = u32::from_be_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
        if found == id {
            return match child(&mut file, track, *b"edts")?.first().copied() {
                Some(edits) => match child(&mut file, edits, *b"elst")?.first().copied() {
                    Some(list) => first_media_time(&mut file, list),
                    None => Ok(None),
                },
                None => Ok(None),
            };
        }
    }
    Ok(None)
}

/// The start of the only edit with media in it.
fn first_media_time(file: &mut File, (from, to): (u64, u64)) -> Result<Option<u64>, MediaError> {
    let head = read::<8>(file, from)?;
    let count = u32::from_be_bytes([head[4], head[5], head[6], head[7]]);
    let size: u64 = if head[0] == 0 { 12 } else { 20 };
    if count != 1 || from + 8 + size > to {
        return Ok(None);
    }
    let entry = read::<20>(file, from + 8)?;
    let time = if head[0] == 0 {
        i64::from(i32::from_be_bytes([entry[4], entry[5], entry[6], entry[7]]))
    } else {
        i64::from_be_bytes([entry[8], entry[9], entry[10], entry[11], entry[12], entry[13], entry[14], entry[15]])
    };
    Ok(u64::try_from(time).ok())
}

/// Where the bodies of the atoms called `name` are, on the level that lies between these places of the file.
fn child(file: &mut File, (mut at, to): (u64, u64), name: [u8; 4]) -> Result<Vec<(u64, u64)>, MediaError> {
    let mut found = Vec::new();
    for _ in 0..MAX_ATOMS {
        if at.saturating_add(8) > to {
            break;
        }
        let head = read::<16>(file, at)?;
        let short = u32::from_be_bytes([head[0], head[1], head[2], head[3]]);
        let (header, size) = match short {
            0 => (8, to - at),
            1 => {
                (16, u64::from_be_bytes([head[8], head[9], head[10], head[11], head[12], head[13], head[14], head[15]]))
            }
            size => (8, u64::from(size)),
        };
        if size < header || size > to - at {
            break;
        }
        if head[4..8] == name {
            found.push((at + header, at + size));
        }
        at += size;
    }
    Ok(found)
}

/// The `N` bytes at a place, zeros where the file has ended.
fn read<const N: usize>(file: &mut File, at: u64) -> Result<[u8; N], MediaError> {
    file.seek(SeekFrom::Start(at)).map_err(MediaError::Unreadable)?;
    let mut bytes = Vec::with_capacity(N);
    file.take(N as u64).read_to_end(&mut bytes).map_err(MediaError::Unreadable)?;
    let mut whole = [0; N];
    whole[..bytes.len()].copy_from_slice(&bytes);
    Ok(whole)
}
