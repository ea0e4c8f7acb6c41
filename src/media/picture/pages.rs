//! The directories of a TIFF file: its pages, and whether all of their pixels are there. TIFF 6.0, section 2.

use std::fs::File;
use std::io::{BufReader, ErrorKind, Read, Seek, SeekFrom};

/// The most pages that are looked at.
pub(super) const MAX_PAGES: usize = 4096;
/// The most numbers in one value that are looked at.
const MAX_NUMBERS: u32 = 1 << 20;
/// The most numbers in all values of a file that are looked at: directories may point to the same ones.
const MAX_ALL_NUMBERS: u32 = 1 << 24;

/// One page of a TIFF file: what its directory says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Page {
    /// Where its directory begins, in bytes.
    pub at: u32,
    /// Whether numbers are stored with their least byte first.
    pub little: bool,
    /// Width and height in pixels.
    pub size: (u32, u32),
    /// Bits of each sample.
    pub bits: Vec<u32>,
    /// Samples of a pixel.
    pub samples: u32,
    /// How colours are stored: 0 and 1 gray, 2 RGB, 3 palette, 5 CMYK, 6 `YCbCr`.
    pub photometric: u32,
    /// Where that is stored, and in how many bytes.
    pub photometric_at: (u64, usize),
    /// How it is compressed.
    pub compression: u32,
    /// 2: the first pixel is in the lowest bit of a byte.
    pub fill_order: u32,
    /// What samples beyond the colours are: 1 alpha that is multiplied into them, 2 alpha.
    pub extra: Vec<u32>,
    /// 1 unsigned, 2 signed, 3 floating point.
    pub sample_format: u32,
    /// How it must be turned: 1 (not at all) to 8.
    pub orientation: u32,
    /// Bits 0 and 2: it is no page, but a small picture or a mask of another.
    subfile: u32,
}

/// What the directories of a file tell.
pub(super) struct Pages {
    /// The pages, without small pictures and masks of others.
    pub pages: Vec<Page>,
    /// Whether the file holds all that they point to.
    pub whole: bool,
    /// Whether there are more than [`MAX_PAGES`].
    pub more: bool,
}

/// Reads the directories of the TIFF file `file`.
///
/// # Errors
/// Those of reading; a file that ends too soon is not whole, and no error.
pub(super) fn pages(file: File) -> std::io::Result<Pages> {
    let length = file.metadata()?.len();
    let mut reader =
        Reader { file: BufReader::new(file), length, little: true, whole: true, more: false, left: MAX_ALL_NUMBERS };
    let mut pages = Vec::new();
    match reader.all(&mut pages) {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => reader.whole = false,
        Err(error) => return Err(error),
    }
    pages.retain(|page: &Page| page.subfile & 5 == 0);
    Ok(Pages { pages, whole: reader.whole, more: reader.more })
}

struct Reader {
    file: BufReader<File>,
    length: u64,
    little: bool,
    whole: bool,
    more: bool,
    /// How many more numbers are looked at.
    left: u32,
}

impl Reader {
    fn bytes<const N: usize>(&mut self) -> std::io::Result<[u8; N]> {
        let mut bytes = [0; N];
        self.file.read_exact(&mut bytes)?;
        Ok(bytes)
    }

    fn short(&self, bytes: [u8; 2]) -> u32 {
        if self.little { u16::from_le_bytes(bytes) } else { u16::from_be_bytes(bytes) }.into()
    }

    fn long(&self, bytes: [u8; 4]) -> u32 {
        if self.little { u32::from_le_bytes(bytes) } else { u32::from_be_bytes(bytes) }
    }

    fn all(&mut self, pages: &mut Vec<Page>) -> std::io::Result<()> {
        self.little = self.bytes::<4>()?[0] == b'I';
        let first = self.bytes()?;
        let mut at = self.long(first);
        let mut seen = Vec::new();
        while at != 0 && !seen.contains(&at) {
            if pages.len() == MAX_PAGES {
                self.more = true;
                break;
            }
            seen.push(at);
            let (page, next) = self.page(at)?;
            pages.push(page);
            at = next;
        }
        Ok(())
    }

    /// The page whose directory is at `at`, and where the next directory is.
    fn page(&mut self, at: u32) -> std::io::Result<(Page, u32)> {
        let base = Page { at, little: self.little, samples: 1, fill_order: 1, ..Page::default() };
        let mut page = Page { sample_format: 1, orientation: 1, compression: 1, ..base };
        self.file.seek(SeekFrom::Start(at.into()))?;
        let count = self.bytes()?;
        let count = self.short(count) as usize;
        let mut entries = vec![0; count * 12];
        self.file.read_exact(&mut entries)?;
        let next = self.bytes()?;
        let next = self.long(next);
        let (mut offsets, mut counts) = (Vec::new(), Vec::new());
        for (index, entry) in entries.as_chunks::<12>().0.iter().enumerate() {
            let [t0, t1, k0, k1, n @ .., a, b, c, d] = *entry;
            let (tag, kind, n) = (self.short([t0, t1]), self.short([k0, k1]), self.long(n));
            let width = match kind {
                1 | 2 | 6 | 7 => 1,
                3 | 8 => 2,
                4 | 9 | 11 => 4,
                5 | 10 | 12 => 8,
                _ => continue,
            };
            let (bytes, value) = (u64::from(n) * width, self.long([a, b, c, d]));
            let inline = bytes <= 4;
            if !inline && u64::from(value) + bytes > self.length {
                self.whole = false;
                continue;
            }
            let start = if inline { u64::from(at) + 10 + index as u64 * 12 } else { value.into() };
            let most = match tag {
                273 | 279 | 324 | 325 => n.min(MAX_NUMBERS),
                _ => n.min(16),
            };
            let mut numbers = || match tag {
                254 | 256..=259 | 262 | 266 | 273 | 274 | 277 | 279 | 324 | 325 | 338 | 339 => {
                    self.numbers(start, kind, most)
                }
                _ => Ok(Vec::new()),
            };
            let numbers = numbers()?;
            let first = numbers.first().copied().unwrap_or_default();
            match tag {
                254 => page.subfile = first,
                256 => page.size.0 = first,
                257 => page.size.1 = first,
                258 => page.bits = numbers,
                259 => page.compression = first,
                262 => (page.photometric, page.photometric_at) = (first, (start, width as usize)),
                266 => page.fill_order = first,
                274 => page.orientation = first,
                277 => page.samples = first,
                338 => page.extra = numbers,
                339 => page.sample_format = first,
                273 | 324 => offsets = numbers,
                279 | 325 => counts = numbers,
                _ => {}
            }
        }
        let ends = offsets.iter().zip(&counts).map(|(at, count)| u64::from(*at) + u64::from(*count));
        if ends.max().is_some_and(|end| end > self.length) {
            self.whole = false;
        }
        Ok((page, next))
    }

    /// So many whole numbers from `at` on; none where they are of another kind, or more than a file may have.
    fn numbers(&mut self, at: u64, kind: u32, count: u32) -> std::io::Result<Vec<u32>> {
        let width = match kind {
            1 => 1,
            3 => 2,
            4 => 4,
            _ => return Ok(Vec::new()),
        };
        self.left = match self.left.checked_sub(count) {
            Some(left) => left,
            None => return Err(ErrorKind::UnexpectedEof.into()),
        };
        let mut bytes = vec![0; count as usize * width];
        self.file.seek(SeekFrom::Start(at))?;
        self.file.read_exact(&mut bytes)?;
        Ok(match width {
            1 => bytes.into_iter().map(u32::from).collect(),
            2 => bytes.as_chunks().0.iter().map(|pair| self.short(*pair)).collect(),
            _ => bytes.as_chunks().0.iter().map(|four| self.long(*four)).collect(),
        })
    }
}
