//! Whether an Ogg file ends where a page ends, which is the one trace that a cut leaves in it; and what that page tells.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use super::error::MediaError;

/// The largest page there can be: 27 bytes of header, 255 lacing values, 255 segments of 255 bytes.
const LARGEST_PAGE: u64 = 27 + 255 + 255 * 255;

/// What the last page of an Ogg file tells.
#[derive(Debug, Clone, Copy)]
pub struct LastPage {
    /// Which stream it belongs to.
    pub serial: u32,
    /// Where the stream ends, in frames for sound; -1 where no packet ends on the page.
    pub granule: i64,
}

impl LastPage {
    /// How many frames there are from `start` to the end.
    #[must_use]
    pub fn frames(self, start: i64) -> Option<u64> {
        u64::try_from(self.granule.saturating_sub(start.max(0))).ok().filter(|frames| *frames > 0)
    }
}

/// The last page of the Ogg file at `path`, if it is all there. Bytes after it that are no page (tags) do not matter.
///
/// # Errors
/// [`MediaError::Unreadable`] when it cannot be read.
pub fn last_page(path: &Path) -> Result<Option<LastPage>, MediaError> {
    let mut file = File::open(path).map_err(MediaError::Unreadable)?;
    let length = file.metadata().map_err(MediaError::Unreadable)?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(2 * LARGEST_PAGE))).map_err(MediaError::Unreadable)?;
    let mut tail = Vec::new();
    file.take(2 * LARGEST_PAGE).read_to_end(&mut tail).map_err(MediaError::Unreadable)?;
    // The capture pattern can stand in the data by chance, but then an earlier page reaches past it: walk from the first.
    let Some(mut at) = find_page(&tail, 0) else { return Ok(None) };
    loop {
        match page_length(&tail[at..]) {
            Some(page) if at + page <= tail.len() => match find_page(&tail, at + page) {
                Some(next) => at = next,
                None => return Ok(told(&tail[at..])),
            },
            _ => return Ok(None),
        }
    }
}

fn told(page: &[u8]) -> Option<LastPage> {
    let granule = i64::from_le_bytes(*page.get(6..14)?.first_chunk()?);
    let serial = u32::from_le_bytes(*page.get(14..18)?.first_chunk()?);
    Some(LastPage { serial, granule })
}

fn find_page(bytes: &[u8], from: usize) -> Option<usize> {
    bytes.get(from..)?.windows(5).position(|window| window == b"OggS\0").map(|found| from + found)
}

fn page_length(page: &[u8]) -> Option<usize> {
    let segments = usize::from(*page.get(26)?);
    let lacing = page.get(27..27 + segments)?;
    Some(27 + segments + lacing.iter().map(|length| usize::from(*length)).sum::<usize>())
}
