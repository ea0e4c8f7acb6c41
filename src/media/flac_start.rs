//! Where a FLAC file begins that was cut out of another without coding it anew: its frames keep their numbers.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use super::error::MediaError;

/// The most blocks of metadata that are passed over.
const MOST_BLOCKS: usize = 4096;

/// The place of the first frame of the FLAC file at `path`, in frames of sound, by its header (RFC 9639, section 9.1).
/// `None` where no header follows the metadata: it is broken, and the decoder has the last word.
///
/// # Errors
/// [`MediaError::Unreadable`] when it cannot be read.
pub fn first_frame(path: &Path) -> Result<Option<u64>, MediaError> {
    let mut file = File::open(path).map_err(MediaError::Unreadable)?;
    let mut at = 4;
    let mut block_size = 0;
    for block in 0..MOST_BLOCKS {
        let head = read(&mut file, at, 8)?;
        let [kind, a, b, c, d, e, ..] = *head else { return Ok(None) };
        if block == 0 {
            if kind & 0x7f != 0 {
                return Ok(None);
            }
            block_size = u64::from(u16::from_be_bytes([d, e]));
        }
        at += 4 + u64::from(u32::from_be_bytes([0, a, b, c]));
        if kind & 0x80 != 0 {
            return Ok(number(&read(&mut file, at, 16)?, block_size));
        }
    }
    Ok(None)
}

/// What the header of a frame tells of its place.
fn number(head: &[u8], block_size: u64) -> Option<u64> {
    let [0xff, sync @ (0xf8 | 0xf9), _, _, first, ..] = *head else { return None };
    // As long as UTF-8 would be, and up to 7 bytes.
    let more = match first.leading_ones() {
        0 => 0,
        ones @ 2..=7 => ones as usize - 1,
        _ => return None,
    };
    let checked = head.get(..5 + more + usize::from(head[2] >> 4 == 6) + 2 * usize::from(head[2] >> 4 == 7))?;
    let rate = match head[2] & 15 {
        12 => 1,
        13 | 14 => 2,
        _ => 0,
    };
    let length = checked.len() + rate;
    if checksum(head.get(..length)?) != *head.get(length)? {
        return None;
    }
    let start = u64::from(first) & (0x7f >> first.leading_ones().min(7));
    let number = head[5..5 + more].iter().fold(start, |number, byte| (number << 6) | u64::from(byte & 0x3f));
    Some(if sync == 0xf9 { number } else { number.saturating_mul(block_size) })
}

/// The CRC-8 of a frame's header: x^8 + x^2 + x + 1.
fn checksum(bytes: &[u8]) -> u8 {
    bytes.iter().fold(0, |sum, byte| {
        (0..8).fold(sum ^ byte, |sum: u8, _| if sum & 0x80 == 0 { sum << 1 } else { (sum << 1) ^ 7 })
    })
}

/// Up to `count` bytes at a place.
fn read(file: &mut File, at: u64, count: u64) -> Result<Vec<u8>, MediaError> {
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(at)).map_err(MediaError::Unreadable)?;
    file.take(count).read_to_end(&mut bytes).map_err(MediaError::Unreadable)?;
    Ok(bytes)
}
