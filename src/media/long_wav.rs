//! WAV files over 4 GiB: RF64 and BW64 (EBU Tech 3306, ITU-R BS.2088) and Sony's Wave64, as an ordinary WAV stream.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use symphonia::core::io::MediaSource;

use super::error::MediaError;

/// The most chunks that are looked at before the samples.
const MOST_CHUNKS: usize = 4096;

/// The longest `fmt ` chunk that is taken; the longest known has 40 bytes.
const MOST_FORMAT: u64 = 1024;

/// The samples of a file, behind a head of our own.
pub(super) struct Spliced {
    head: Vec<u8>,
    file: File,
    /// Where the samples begin in the file.
    from: u64,
    /// Bytes of samples that are there.
    length: u64,
    /// Zeros behind them, so that the last packet is a whole one.
    padding: u64,
    at: u64,
    /// Frames that the file declares; `None`: it ends where it ends.
    pub(super) frames: Option<u64>,
    /// Frames that are there.
    pub(super) there: u64,
}

/// Sizes of 32 bits from here on tell that the size is elsewhere, or not known.
const UNKNOWN: u64 = 0xffff_ff00;

/// Frames of one packet of the library's reader, which loses the last one where it is not whole and no length is told.
const PACKET: u64 = 1152;

impl Spliced {
    /// The sound of the RF64, BW64 or Wave64 file at `path`, or of a WAV file.
    pub(super) fn open(path: &Path) -> Result<Self, MediaError> {
        let mut file = File::open(path).map_err(MediaError::Unreadable)?;
        let whole = file.metadata().map_err(MediaError::Unreadable)?.len();
        let wide = read(&mut file, 0, 4)? == b"riff";
        // Wave64 has 16 bytes for a name and 8 for a size that counts them in; chunks begin at multiples of 8.
        let (head, step) = if wide { (24, 8) } else { (8, 2) };
        let mut at = if wide { 40 } else { 12 };
        let (mut told, mut format) = (None, None);
        for _ in 0..MOST_CHUNKS {
            let name = read(&mut file, at, head)?;
            if name.len() < head {
                break;
            }
            let size = if wide { number(&name[16..]).saturating_sub(24) } else { number(&name[4..8]) };
            let body = at + head as u64;
            match &name[..4] {
                b"ds64" => told = Some(number(&read(&mut file, body + 8, 8)?)),
                b"fmt " => format = Some(read(&mut file, body, size.min(MOST_FORMAT) as usize)?),
                b"data" => {
                    // A recorder that was not stopped has left a size of 0, and the samples behind it.
                    let unfinished =
                        !wide && size == 0 && body < whole && { number(&read(&mut file, 4, 4)?) + 8 != whole };
                    let unknown = !wide && size >= UNKNOWN;
                    let declared = if unknown || unfinished { told.unwrap_or(u64::MAX) } else { size };
                    let format = format.ok_or_else(|| MediaError::damaged("its samples come before their format"))?;
                    let align = format.get(12..14).map_or(0, number);
                    if align == 0 {
                        return Err(MediaError::damaged("its format says that a frame has no bytes"));
                    }
                    let there = declared.min(whole.saturating_sub(body)) / align;
                    // A length that is too large to be true was written into a pipe.
                    let frames = (declared < u64::MAX >> 16).then_some(declared / align);
                    let length = there * align;
                    let padding = (there.next_multiple_of(PACKET) - there) * align;
                    return Ok(Self {
                        head: wav_head(&format),
                        file,
                        from: body,
                        length,
                        padding,
                        at: 0,
                        frames,
                        there,
                    });
                }
                _ => {}
            }
            at = body.saturating_add(size).checked_next_multiple_of(step).unwrap_or(u64::MAX);
            if at >= whole {
                break;
            }
        }
        Err(MediaError::damaged("there are no samples in it"))
    }
}

impl Spliced {
    /// Whether the file does not say how long it is, since it was written into a pipe or never finished, or is shorter than it
    /// says; and is of a codec whose frames can be counted by their bytes.
    pub(super) fn is_odd(&self) -> bool {
        // After the names and sizes of the chunks: integers, floats, and what tells the same further on.
        let codec = self.head.get(20..22).map_or(0, number);
        matches!(codec, 1 | 3 | 0xfffe) && self.frames.is_none_or(|frames| frames > self.there)
    }

    fn whole(&self) -> u64 {
        self.head.len() as u64 + self.length + self.padding
    }
}

/// The head of a WAV stream whose length is not told.
fn wav_head(format: &[u8]) -> Vec<u8> {
    let mut head = b"RIFF\xff\xff\xff\xffWAVEfmt ".to_vec();
    head.extend_from_slice(&(format.len() as u32).to_le_bytes());
    head.extend_from_slice(format);
    head.extend_from_slice(b"data\xff\xff\xff\xff");
    head
}

/// Up to 8 bytes, the lowest first.
fn number(bytes: &[u8]) -> u64 {
    bytes.iter().take(8).rev().fold(0, |number, byte| (number << 8) | u64::from(*byte))
}

/// Up to `count` bytes at a place.
fn read(file: &mut File, at: u64, count: usize) -> Result<Vec<u8>, MediaError> {
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(at)).map_err(MediaError::Unreadable)?;
    file.take(count as u64).read_to_end(&mut bytes).map_err(MediaError::Unreadable)?;
    Ok(bytes)
}

impl Read for Spliced {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let head = self.head.len() as u64;
        let count = if self.at < head {
            (&self.head[self.at as usize..]).read(to)?
        } else if self.at - head >= self.length {
            let left = (head + self.length + self.padding).saturating_sub(self.at);
            let count = to.len().min(left as usize);
            to[..count].fill(0);
            count
        } else {
            let left = self.length - (self.at - head);
            let most = to.len().min(usize::try_from(left).unwrap_or(usize::MAX));
            self.file.seek(SeekFrom::Start(self.from + (self.at - head)))?;
            self.file.read(&mut to[..most])?
        };
        self.at += count as u64;
        Ok(count)
    }
}

impl Seek for Spliced {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let end = self.whole();
        let at = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(by) => end.checked_add_signed(by),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
        };
        self.at = at.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.at)
    }
}

impl MediaSource for Spliced {
    fn is_seekable(&self) -> bool {
        true
    }

    fn byte_len(&self) -> Option<u64> {
        Some(self.whole())
    }
}
