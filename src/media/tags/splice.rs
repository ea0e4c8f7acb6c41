//! Opens up a file of any length, in little memory.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

/// How many bytes are moved at once.
const PART: u64 = 1 << 18;

/// Puts `bytes` where `removed` bytes at the place `at` were; what is behind them moves.
pub(super) fn splice(file: &File, at: u64, removed: u64, bytes: &[u8]) -> io::Result<()> {
    let length = file.metadata()?.len();
    let (from, to) = (at + removed, at + bytes.len() as u64);
    let mut part = vec![0; PART.min(length) as usize];
    if to > from {
        // The last first: nothing is written over that has still to move.
        let mut end = length;
        while end > from {
            let start = end.saturating_sub(PART).max(from);
            let part = &mut part[..(end - start) as usize];
            file.read_exact_at(part, start)?;
            file.write_all_at(part, start + (to - from))?;
            end = start;
        }
    } else if to < from {
        let mut start = from;
        while start < length {
            let part = &mut part[..PART.min(length - start) as usize];
            file.read_exact_at(part, start)?;
            file.write_all_at(part, start - (from - to))?;
            start += part.len() as u64;
        }
        file.set_len(length - (from - to))?;
    }
    file.write_all_at(bytes, at)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot write its file has failed")]
mod tests {
    use super::*;

    #[test]
    fn what_is_behind_moves_both_ways() {
        let whole: Vec<u8> = (0..3 * PART as usize + 77).map(|at| (at % 251) as u8).collect();
        for (at, removed, put) in [(0, 0, 1000), (42, 0, 300_000), (42, 1000, 10), (1000, 5, 5), (42, 600_000, 0)] {
            let file = tempfile::tempfile().unwrap();
            file.write_all_at(&whole, 0).unwrap();
            let bytes = vec![255; put];
            splice(&file, at, removed, &bytes).unwrap();
            let (head, rest) = whole.split_at(at as usize);
            let wanted = [head, &bytes, &rest[removed as usize..]].concat();
            let mut found = vec![0; file.metadata().unwrap().len() as usize];
            file.read_exact_at(&mut found, 0).unwrap();
            assert!(found == wanted, "{at}, {removed}, {put}");
        }
    }
}
