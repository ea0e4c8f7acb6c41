//! Walks through the structure of a picture file without decoding it: how many frames there are, and whether its end is.
//!
//! Decoders are polite: a JPEG that was cut in half comes back whole, with a grey lower half, and no error.

use std::fs::File;
use std::io::{BufRead, BufReader, ErrorKind, Read};
use std::path::Path;

use crate::media::error::MediaError;
use crate::media::sniff::PictureFormat;

/// What the structure of a picture file tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Walk {
    /// Pictures in it; more than one only where the format has animation.
    pub frames: u32,
    /// Whether the file goes on to its proper end.
    pub whole: bool,
}

/// Walks through the picture file at `path`, which is of `format`.
///
/// TIFF and BMP have no end to look for; they are told as one whole frame.
///
/// # Errors
/// [`MediaError::Unreadable`]. A structure that makes no sense is not whole, and no error.
pub fn walk(path: &Path, format: PictureFormat) -> Result<Walk, MediaError> {
    let file = File::open(path).map_err(MediaError::Unreadable)?;
    let mut walker = Walker { file: BufReader::with_capacity(1 << 16, file), frames: 0 };
    let end = match format {
        PictureFormat::Jpeg => walker.jpeg(),
        PictureFormat::Png => walker.png(),
        PictureFormat::Gif => walker.gif(),
        PictureFormat::WebP => walker.webp(),
        PictureFormat::Tiff | PictureFormat::Bmp => Ok(true),
    };
    let whole = match end {
        Ok(whole) => whole,
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => false,
        Err(error) => return Err(MediaError::Unreadable(error)),
    };
    Ok(Walk { frames: walker.frames.max(1), whole })
}

struct Walker {
    file: BufReader<File>,
    frames: u32,
}

type End = std::io::Result<bool>;

impl Walker {
    fn bytes<const N: usize>(&mut self) -> std::io::Result<[u8; N]> {
        let mut bytes = [0; N];
        self.file.read_exact(&mut bytes)?;
        Ok(bytes)
    }

    /// Goes on by `count` bytes, all of which must be there.
    fn skip(&mut self, count: u64) -> std::io::Result<()> {
        if count > 0 {
            self.file.seek_relative(i64::try_from(count - 1).map_err(|_| ErrorKind::UnexpectedEof)?)?;
            self.bytes::<1>()?;
        }
        Ok(())
    }

    fn jpeg(&mut self) -> End {
        self.frames = 1;
        if self.bytes()? != [0xff, 0xd8] {
            return Ok(false);
        }
        loop {
            match self.marker()? {
                0xd9 => return Ok(true),
                0x01 | 0xd0..=0xd8 => {}
                kind => {
                    let length = u16::from_be_bytes(self.bytes()?);
                    self.skip(u64::from(length).saturating_sub(2))?;
                    if kind == 0xda {
                        self.entropy()?;
                    }
                }
            }
        }
    }

    /// The next marker of a JPEG. Stray bytes before it are passed over, as decoders do.
    fn marker(&mut self) -> std::io::Result<u8> {
        loop {
            if self.bytes()? == [0xff] {
                loop {
                    match self.bytes::<1>()? {
                        [0xff] => {}
                        [0] => break,
                        [kind] => return Ok(kind),
                    }
                }
            }
        }
    }

    /// Passes over coded data, up to the 0xff of the marker that ends it.
    fn entropy(&mut self) -> std::io::Result<()> {
        let mut after = false;
        loop {
            let buffer = self.file.fill_buf()?;
            if buffer.is_empty() {
                return Err(ErrorKind::UnexpectedEof.into());
            }
            let mut end = None;
            for (at, byte) in buffer.iter().enumerate() {
                // 0xff 0x00 is a coded 0xff, d0 to d7 are restarts within the data, more 0xff are filling.
                if after && !matches!(byte, 0 | 0xd0..=0xd7 | 0xff) {
                    end = Some(at);
                    break;
                }
                after = *byte == 0xff;
            }
            match end {
                Some(at) => {
                    // The caller looks for a marker from its 0xff on: it may lie in an earlier buffer, so step back.
                    self.file.consume(at);
                    return self.file.seek_relative(-1);
                }
                None => {
                    let length = buffer.len();
                    self.file.consume(length);
                }
            }
        }
    }

    fn png(&mut self) -> End {
        self.skip(8)?;
        loop {
            let [a, b, c, d, kind @ ..] = self.bytes::<8>()?;
            let length = u64::from(u32::from_be_bytes([a, b, c, d]));
            match &kind {
                b"acTL" if length >= 8 => {
                    self.frames = u32::from_be_bytes(self.bytes()?);
                    // Less the four bytes just read, and the four of the checksum on top.
                    self.skip(length)?;
                }
                b"IEND" => return self.skip(4).map(|()| true),
                _ => self.skip(length + 4)?,
            }
        }
    }

    fn gif(&mut self) -> End {
        self.skip(6 + 4)?;
        let [flags, ..] = self.bytes::<3>()?;
        self.skip(colours(flags))?;
        loop {
            match self.bytes()? {
                [0x3b] => return Ok(true),
                [0x21] => {
                    self.skip(1)?;
                    self.sub_blocks()?;
                }
                [0x2c] => {
                    self.frames = self.frames.saturating_add(1);
                    self.skip(8)?;
                    let [flags] = self.bytes()?;
                    self.skip(colours(flags) + 1)?;
                    self.sub_blocks()?;
                }
                _ => return Ok(false),
            }
        }
    }

    fn sub_blocks(&mut self) -> std::io::Result<()> {
        loop {
            match self.bytes()? {
                [0] => return Ok(()),
                [length] => self.skip(length.into())?,
            }
        }
    }

    fn webp(&mut self) -> End {
        let [.., a, b, c, d] = self.bytes::<8>()?;
        let declared = u64::from(u32::from_le_bytes([a, b, c, d]));
        let length = self.file.get_ref().metadata()?.len();
        self.skip(4)?;
        let mut at = 12;
        while at + 8 <= (declared + 8).min(length) {
            let [kind @ .., a, b, c, d] = self.bytes::<8>()?;
            let size = u64::from(u32::from_le_bytes([a, b, c, d])).next_multiple_of(2);
            self.frames = self.frames.saturating_add(u32::from(&kind == b"ANMF"));
            // Within its buffer, unlike a seek: a file of a million empty chunks is not read a million times over.
            self.file.seek_relative(size as i64)?;
            at += 8 + size;
        }
        // Writers differ on whether they count the last byte of filling.
        Ok(length + 1 >= declared + 8 && at <= length + 1)
    }
}

/// The bytes of the colour table that these flags announce.
fn colours(flags: u8) -> u64 {
    if flags & 0x80 == 0 { 0 } else { 3 << ((flags & 7) + 1) }
}
