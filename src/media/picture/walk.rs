//! Walks through the structure of a picture file without decoding it: how many frames there are, and whether its end is.
//!
//! Decoders are polite: a JPEG that was cut in half comes back whole, with a grey lower half, and no error.

use std::fs::File;
use std::io::{BufRead, BufReader, ErrorKind, Read};
use std::path::Path;

use super::colours::PngColours;
use super::jpeg::JpegHead;
use super::pages::{MAX_PAGES, Page, pages};
use super::tiff;
use crate::media::error::MediaError;
use crate::media::sniff::PictureFormat;

/// What the structure of a picture file tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Walk {
    /// Pictures in it: frames of an animation, pages of a TIFF file.
    pub frames: u32,
    /// Whether the file goes on to its proper end.
    pub whole: bool,
    /// Width and height in pixels, where the structure tells them.
    pub size: Option<(u32, u32)>,
    /// Bits of a sample as stored (of an index, where there is a palette), where the structure tells them.
    pub bits: Option<u16>,
    /// The colours as stored, where the structure tells them: `gray`, `palette`, `cmyk` and so on.
    pub stored: Option<&'static str>,
    /// Whether the first picture is the first frame, and not one beside the animation (PNG).
    pub opens_animation: bool,
    /// What a PNG says of its colours.
    pub(super) colours: PngColours,
    /// The head of a JPEG.
    pub(super) jpeg: JpegHead,
    /// The pages of a TIFF file.
    pub(super) pages: Vec<Page>,
}

/// Walks through the picture file at `path`, which is of `format`.
///
/// # Errors
/// [`MediaError::Unreadable`], [`MediaError::Limit`] for a TIFF file of too many pages. A structure that makes no sense is not whole, and no error.
pub fn walk(path: &Path, format: PictureFormat) -> Result<Walk, MediaError> {
    let file = File::open(path).map_err(MediaError::Unreadable)?;
    let found = Walk {
        frames: 0,
        whole: false,
        size: None,
        bits: None,
        stored: None,
        opens_animation: true,
        colours: PngColours::default(),
        jpeg: JpegHead::default(),
        pages: Vec::new(),
    };
    if format == PictureFormat::Tiff {
        return of_pages(file, found);
    }
    let mut walker = Walker { file: BufReader::with_capacity(1 << 16, file), found };
    let end = match format {
        PictureFormat::Jpeg => walker.jpeg(),
        PictureFormat::Png => walker.png(),
        PictureFormat::Gif => walker.gif(),
        PictureFormat::WebP => walker.webp(),
        PictureFormat::Bmp => walker.bmp(),
        PictureFormat::Tiff => Ok(false),
    };
    let whole = match end {
        Ok(whole) => whole,
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => false,
        Err(error) => return Err(MediaError::Unreadable(error)),
    };
    Ok(Walk { frames: walker.found.frames.max(1), whole, ..walker.found })
}

fn of_pages(file: File, found: Walk) -> Result<Walk, MediaError> {
    let all = pages(file).map_err(MediaError::Unreadable)?;
    if all.more {
        return Err(MediaError::Limit(format!("more than {MAX_PAGES} pages")));
    }
    let first = all.pages.first();
    Ok(Walk {
        frames: (all.pages.len() as u32).max(1),
        whole: all.whole,
        size: first.map(|page| page.size),
        bits: first.and_then(|page| Some(*page.bits.first()? as u16)),
        stored: first.map(tiff::model),
        pages: all.pages,
        ..found
    })
}

struct Walker {
    file: BufReader<File>,
    found: Walk,
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
        let end = self.markers();
        let head = self.found.jpeg;
        self.found.size = Some(head.size);
        self.found.bits = Some(head.precision.into());
        self.found.stored = Some(head.model());
        end
    }

    fn markers(&mut self) -> End {
        if self.bytes()? != [0xff, 0xd8] {
            return Ok(false);
        }
        loop {
            match self.marker()? {
                0xd9 => return Ok(true),
                0x01 | 0xd0..=0xd8 => {}
                kind => {
                    let length = usize::from(u16::from_be_bytes(self.bytes()?)).saturating_sub(2);
                    let mut body = [0; 32];
                    let body = &mut body[..length.min(32)];
                    self.file.read_exact(body)?;
                    self.found.jpeg.note(kind, body);
                    self.skip((length - body.len()) as u64)?;
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
        self.skip(8 + 8)?;
        let [w @ .., h0, h1, h2, h3, bits, colour] = self.bytes::<10>()?;
        self.found.size = Some((u32::from_be_bytes(w), u32::from_be_bytes([h0, h1, h2, h3])));
        self.found.bits = Some(bits.into());
        self.found.stored = match colour {
            0 => Some("gray"),
            2 => Some("rgb"),
            3 => Some("palette"),
            4 => Some("gray-alpha"),
            6 => Some("rgba"),
            _ => None,
        };
        self.skip(3 + 4)?;
        let (mut controls, mut pixels) = (0_u32, false);
        loop {
            let [a, b, c, d, kind @ ..] = self.bytes::<8>()?;
            let length = u64::from(u32::from_be_bytes([a, b, c, d]));
            match &kind {
                b"fcTL" => controls = controls.saturating_add(1),
                b"IDAT" if !pixels => {
                    pixels = true;
                    self.found.opens_animation = controls > 0;
                }
                _ => {}
            }
            match &kind {
                b"acTL" if length >= 8 => {
                    self.found.frames = u32::from_be_bytes(self.bytes()?);
                    // Less the four bytes just read, and the four of the checksum on top.
                    self.skip(length)?;
                }
                b"IEND" => return self.skip(4).map(|()| true),
                kind @ (b"cICP" | b"iCCP" | b"sRGB" | b"gAMA" | b"cHRM") if !pixels => {
                    let mut body = [0; 32];
                    let body = &mut body[..length.min(32) as usize];
                    self.file.read_exact(body)?;
                    self.found.colours.note(kind, body);
                    self.skip(length - body.len() as u64 + 4)?;
                }
                _ => self.skip(length + 4)?,
            }
        }
    }

    fn gif(&mut self) -> End {
        self.skip(6)?;
        let [w0, w1, h0, h1, flags, ..] = self.bytes::<7>()?;
        self.found.size = Some((u16::from_le_bytes([w0, w1]).into(), u16::from_le_bytes([h0, h1]).into()));
        self.found.bits = Some(8);
        self.found.stored = Some("palette");
        self.skip(colours(flags))?;
        loop {
            match self.bytes()? {
                [0x3b] => return Ok(true),
                [0x21] => {
                    self.skip(1)?;
                    self.sub_blocks()?;
                }
                [0x2c] => {
                    self.found.frames = self.found.frames.saturating_add(1);
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
            self.found.frames = self.found.frames.saturating_add(u32::from(&kind == b"ANMF"));
            // Within its buffer, unlike a seek: a file of a million empty chunks is not read a million times over.
            self.file.seek_relative(size as i64)?;
            at += 8 + size;
        }
        // Writers differ on whether they count the last byte of filling.
        Ok(length + 1 >= declared + 8 && at <= length + 1)
    }

    /// What Windows GDI calls BITMAPFILEHEADER, and the header of the bitmap after it.
    fn bmp(&mut self) -> End {
        let length = self.file.get_ref().metadata()?.len();
        self.skip(10)?;
        let pixels = u64::from(u32::from_le_bytes(self.bytes()?));
        let header = u32::from_le_bytes(self.bytes()?);
        let (width, height, bits, compression) = if header == 12 {
            let [w0, w1, h0, h1, _, _, b0, b1] = self.bytes::<8>()?;
            let side = |bytes| u32::from(u16::from_le_bytes(bytes));
            (side([w0, w1]), side([h0, h1]), u16::from_le_bytes([b0, b1]), 0)
        } else {
            let width = i32::from_le_bytes(self.bytes()?).unsigned_abs();
            let height = i32::from_le_bytes(self.bytes()?).unsigned_abs();
            let [_, _, b0, b1] = self.bytes::<4>()?;
            (width, height, u16::from_le_bytes([b0, b1]), u32::from_le_bytes(self.bytes()?))
        };
        self.found.size = Some((width, height));
        self.found.bits = Some(if bits > 8 { 8 } else { bits });
        self.found.stored = Some(if bits <= 8 { "palette" } else { "rgb" });
        // Runs (1, 2) have their own end, which the decoder misses if it is not there.
        let row = (u64::from(width) * u64::from(bits)).div_ceil(32) * 4;
        Ok(matches!(compression, 1 | 2) || pixels.saturating_add(row.saturating_mul(height.into())) <= length)
    }
}

/// The bytes of the colour table that these flags announce.
fn colours(flags: u8) -> u64 {
    if flags & 0x80 == 0 { 0 } else { 3 << ((flags & 7) + 1) }
}
