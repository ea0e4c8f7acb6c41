//! A picture file as the parts that it is made of, each with what it is for.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::path::Path;

use super::kinds::Kind;
use crate::media::error::MediaError;

/// The most bytes of metadata that are taken into memory, of one block and of all blocks of a file.
pub(super) const MOST_BYTES: u64 = 64 << 20;

/// A part of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Part {
    /// What it is; `None`: the pixels need it.
    pub(super) kind: Option<Kind>,
    /// All of it.
    pub(super) range: Range<u64>,
    /// What is in it, without the framing of the container.
    pub(super) body: Range<u64>,
    /// How that is coded.
    pub(super) coding: Coding,
}

/// How the body of a part is coded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Coding {
    /// As it is.
    Plain,
    /// A part of something larger, which a JPEG segment cannot hold: the others come after it, and it cannot be changed.
    Piece,
    /// Deflate, with a zlib header.
    Deflate,
    /// Numbers in hexadecimal digits, as ImageMagick puts blocks into texts: compressed or not.
    Hex { deflate: bool },
    /// Sub-blocks of GIF.
    SubBlocks,
}

impl Part {
    pub(super) fn new(kind: Option<Kind>, range: Range<u64>) -> Self {
        Self { kind, body: range.clone(), range, coding: Coding::Plain }
    }
}

/// A file that is walked through.
pub(super) struct Reading {
    file: BufReader<File>,
    /// Where in the file it is.
    pub(super) at: u64,
    /// The bytes of the file.
    pub(super) length: u64,
    /// The bytes of metadata that may still be taken.
    left: u64,
}

impl Reading {
    pub(super) fn open(path: &Path) -> Result<Self, MediaError> {
        let file = File::open(path).map_err(MediaError::Unreadable)?;
        let length = file.metadata().map_err(MediaError::Unreadable)?.len();
        Ok(Self { file: BufReader::with_capacity(1 << 16, file), at: 0, length, left: MOST_BYTES })
    }

    /// The next bytes.
    pub(super) fn bytes<const N: usize>(&mut self) -> Result<[u8; N], MediaError> {
        let mut bytes = [0; N];
        self.file.read_exact(&mut bytes).map_err(MediaError::reading)?;
        self.at += N as u64;
        Ok(bytes)
    }

    /// Goes on to `at`, which may be the end of the file, and no further.
    pub(super) fn go_to(&mut self, at: u64) -> Result<(), MediaError> {
        if at > self.length {
            return Err(MediaError::damaged("the file ends too soon"));
        }
        self.file.seek_relative(at as i64 - self.at as i64).map_err(MediaError::Unreadable)?;
        self.at = at;
        Ok(())
    }

    /// At most `most` bytes from here to `end`, without going on.
    pub(super) fn peek(&mut self, end: u64, most: u64) -> Result<Vec<u8>, MediaError> {
        let at = self.at;
        let mut bytes = vec![0; end.saturating_sub(at).min(most).min(self.length - at) as usize];
        self.file.read_exact(&mut bytes).map_err(MediaError::reading)?;
        self.at += bytes.len() as u64;
        self.go_to(at)?;
        Ok(bytes)
    }

    /// Goes on to the next byte `wanted`, and stands before it.
    pub(super) fn find(&mut self, wanted: u8) -> Result<(), MediaError> {
        loop {
            let buffer = self.file.fill_buf().map_err(MediaError::Unreadable)?;
            if buffer.is_empty() {
                return Err(MediaError::damaged("the file ends too soon"));
            }
            let found = buffer.iter().position(|byte| *byte == wanted);
            let count = found.unwrap_or(buffer.len());
            self.file.consume(count);
            self.at += count as u64;
            if found.is_some() {
                return Ok(());
            }
        }
    }

    /// The bytes at `range`, which count as metadata.
    pub(super) fn take(&mut self, range: Range<u64>) -> Result<Vec<u8>, MediaError> {
        let mut bytes = vec![0; self.count(range.end.saturating_sub(range.start))? as usize];
        self.file.seek(SeekFrom::Start(range.start)).map_err(MediaError::Unreadable)?;
        self.at = range.start;
        self.file.read_exact(&mut bytes).map_err(MediaError::reading)?;
        self.at = range.end;
        Ok(bytes)
    }

    fn count(&mut self, bytes: u64) -> Result<u64, MediaError> {
        let too_much = || MediaError::Limit(format!("more than {} MiB of metadata", MOST_BYTES >> 20));
        self.left = self.left.checked_sub(bytes).ok_or_else(too_much)?;
        Ok(bytes)
    }

    /// What the body of `part` says, decoded.
    pub(super) fn body(&mut self, part: &Part) -> Result<Vec<u8>, MediaError> {
        let bytes = self.take(part.body.clone())?;
        match part.coding {
            Coding::Plain | Coding::Piece => Ok(bytes),
            Coding::Deflate => self.inflated(&bytes),
            Coding::Hex { deflate: false } => from_hex(&bytes),
            Coding::Hex { deflate: true } => from_hex(&self.inflated(&bytes)?),
            Coding::SubBlocks => Ok(joined(&bytes)),
        }
    }

    fn inflated(&mut self, bytes: &[u8]) -> Result<Vec<u8>, MediaError> {
        let mut whole = Vec::new();
        let mut decoder = flate2::read::ZlibDecoder::new(bytes).take(self.left + 1);
        let broken = |error: io::Error| MediaError::damaged(format!("a block of metadata cannot be unpacked: {error}"));
        decoder.read_to_end(&mut whole).map_err(broken)?;
        self.count(whole.len() as u64)?;
        Ok(whole)
    }
}

/// The bytes of a "raw profile": a newline, its name, a newline, the number of bytes, and two digits for each.
fn from_hex(text: &[u8]) -> Result<Vec<u8>, MediaError> {
    let broken = || MediaError::damaged("a block of metadata in digits cannot be read");
    let mut lines = text.trim_ascii_start().splitn(3, |byte| *byte == b'\n');
    let (_, count, digits) = (lines.next(), lines.next().ok_or_else(broken)?, lines.next().ok_or_else(broken)?);
    let count: usize =
        std::str::from_utf8(count).ok().and_then(|count| count.trim().parse().ok()).ok_or_else(broken)?;
    let digits: Option<Vec<u8>> = digits
        .iter()
        .filter(|byte| !byte.is_ascii_whitespace())
        .map(|byte| char::from(*byte).to_digit(16).map(|digit| digit as u8))
        .collect();
    let digits = digits.ok_or_else(broken)?;
    let (pairs, odd) = digits.as_chunks::<2>();
    if pairs.len() != count || !odd.is_empty() {
        return Err(broken());
    }
    Ok(pairs.iter().map(|[high, low]| high << 4 | low).collect())
}

/// What sub-blocks of GIF hold: each has its length before it, and an empty one ends them.
fn joined(mut blocks: &[u8]) -> Vec<u8> {
    let mut whole = Vec::with_capacity(blocks.len());
    while let Some((length @ 1.., rest)) = blocks.split_first() {
        let (block, rest) = rest.split_at(usize::from(*length).min(rest.len()));
        whole.extend_from_slice(block);
        blocks = rest;
    }
    whole
}

/// Copies the bytes at `range`: a file that was cut meanwhile is told from a full disk.
pub(super) fn copy(source: &mut File, range: Range<u64>, target: &mut impl Write) -> Result<(), MediaError> {
    source.seek(SeekFrom::Start(range.start)).map_err(MediaError::Unreadable)?;
    let mut left = range.end - range.start;
    let mut buffer = vec![0; left.min(1 << 17) as usize];
    while left > 0 {
        let count = left.min(buffer.len() as u64) as usize;
        source.read_exact(&mut buffer[..count]).map_err(MediaError::reading)?;
        target.write_all(&buffer[..count]).map_err(MediaError::Unwritable)?;
        left -= count as u64;
    }
    Ok(())
}
