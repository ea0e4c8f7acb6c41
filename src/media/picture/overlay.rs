//! A file of which some bytes read otherwise.

use std::io::{Read, Result, Seek, SeekFrom};

/// A file that is read with a few of its bytes replaced: how a decoder is led to another page of a TIFF file.
pub(super) struct Overlay<R> {
    inner: R,
    at: u64,
    patches: Vec<(u64, Vec<u8>)>,
}

impl<R: Read + Seek> Overlay<R> {
    /// `inner`, read from its start, in which each patch stands at its place.
    pub(super) fn new(inner: R, patches: Vec<(u64, Vec<u8>)>) -> Self {
        Self { inner, at: 0, patches }
    }
}

impl<R: Read> Read for Overlay<R> {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        let count = self.inner.read(buffer)?;
        for (place, patch) in &self.patches {
            for (place, byte) in (*place..).zip(patch) {
                let seen = place.checked_sub(self.at).and_then(|offset| buffer[..count].get_mut(offset as usize));
                if let Some(seen) = seen {
                    *seen = *byte;
                }
            }
        }
        self.at += count as u64;
        Ok(count)
    }
}

impl<R: Seek> Seek for Overlay<R> {
    fn seek(&mut self, to: SeekFrom) -> Result<u64> {
        self.at = self.inner.seek(to)?;
        Ok(self.at)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may")]
    use std::io::Cursor;

    use super::*;

    #[test]
    fn patches_are_seen_wherever_reading_begins_and_ends() {
        let mut file = Overlay::new(Cursor::new(*b"abcdefgh"), vec![(2, b"XY".to_vec()), (7, b"Z!".to_vec())]);
        let mut all = Vec::new();
        file.read_to_end(&mut all).unwrap();
        assert_eq!(all, b"abXYefgZ");
        file.seek(SeekFrom::Start(3)).unwrap();
        let mut two = [0; 2];
        file.read_exact(&mut two).unwrap();
        assert_eq!(&two, b"Ye");
    }
}
