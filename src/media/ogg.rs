//! Whether an Ogg file ends where a page ends: the one trace that a cut leaves in it.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use super::error::MediaError;

/// The largest page there can be: 27 bytes of header, 255 lacing values, 255 segments of 255 bytes.
const LARGEST_PAGE: u64 = 27 + 255 + 255 * 255;

/// Whether the last page of the Ogg file at `path` is all there. Bytes after it that are no page (tags) do not matter.
///
/// # Errors
/// [`MediaError::Unreadable`] when it cannot be read.
pub fn ends_with_a_whole_page(path: &Path) -> Result<bool, MediaError> {
    let mut file = File::open(path).map_err(MediaError::Unreadable)?;
    let length = file.metadata().map_err(MediaError::Unreadable)?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(2 * LARGEST_PAGE))).map_err(MediaError::Unreadable)?;
    let mut tail = Vec::new();
    file.take(2 * LARGEST_PAGE).read_to_end(&mut tail).map_err(MediaError::Unreadable)?;
    // The capture pattern can stand in the data by chance, but then an earlier page reaches past it: walk from the first.
    let Some(mut at) = find_page(&tail, 0) else { return Ok(false) };
    loop {
        match page_length(&tail[at..]) {
            Some(page) if at + page <= tail.len() => match find_page(&tail, at + page) {
                Some(next) => at = next,
                None => return Ok(true),
            },
            _ => return Ok(false),
        }
    }
}

fn find_page(bytes: &[u8], from: usize) -> Option<usize> {
    bytes.get(from..)?.windows(5).position(|window| window == b"OggS\0").map(|found| from + found)
}

fn page_length(page: &[u8]) -> Option<usize> {
    let segments = usize::from(*page.get(26)?);
    let lacing = page.get(27..27 + segments)?;
    Some(27 + segments + lacing.iter().map(|length| usize::from(*length)).sum::<usize>())
}
