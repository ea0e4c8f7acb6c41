//! The directories of a TIFF file, which an EXIF block is too (TIFF 6.0, section 2): read as far as they make sense, and
//! changed in place, so that nothing that stays is moved: blocks of camera makers hold offsets that nobody else can mend.

use std::collections::{HashSet, VecDeque};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::ops::Range;

use crate::media::error::MediaError;

/// More fields and directories than these are no picture's.
const MOST_ENTRIES: usize = 1 << 18;
/// More directories are not led to by one field.
const MOST_PLACES: u32 = 1024;
/// More bytes are not read of the values of fields.
const MOST_BYTES: u64 = 64 << 20;

pub(super) const ORIENTATION: u16 = 0x0112;
pub(super) const XMP: u16 = 0x02bc;
pub(super) const IPTC: u16 = 0x83bb;
pub(super) const PHOTOSHOP: u16 = 0x8649;
pub(super) const EXIF: u16 = 0x8769;
pub(super) const ICC: u16 = 0x8773;
pub(super) const GPS: u16 = 0x8825;
pub(super) const INTEROPERABILITY: u16 = 0xa005;
const SUB_DIRECTORIES: u16 = 0x014a;

/// Pairs of fields that hold places and lengths of other data: strips, tiles, a JPEG thumbnail.
const REFERRING: [(u16, u16); 3] = [(0x0111, 0x0117), (0x0144, 0x0145), (0x0201, 0x0202)];

/// What a directory is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// A page, by its number; in an EXIF block, 0 tells of the picture and 1 of its thumbnail.
    Page(usize),
    /// Another size of a page.
    Sub,
    Exif,
    Gps,
    Interoperability,
}

/// A field.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) tag: u16,
    pub(super) kind: u16,
    pub(super) count: u32,
    raw: [u8; 12],
    /// Where its value is, as far as the file goes.
    pub(super) data: Range<u64>,
    /// The value is in the field itself.
    inline: bool,
    /// It is to be erased.
    pub(super) doomed: bool,
}

impl Entry {
    /// How many bytes its value should have; `None`: it is of no type that we know.
    pub(super) fn size(&self) -> Option<u64> {
        Some(size_of_kind(self.kind) * u64::from(self.count)).filter(|size| *size > 0)
    }
}

/// A table of fields.
#[derive(Debug, Clone)]
pub(super) struct Directory {
    at: u64,
    pub(super) role: Role,
    /// The directory and the field that lead to it.
    from: Option<(usize, u16)>,
    pub(super) entries: Vec<Entry>,
    /// Where the next one is said to be.
    next: [u8; 4],
    /// The table with all that refers to it is to be erased.
    pub(super) doomed: bool,
}

impl Directory {
    /// The bytes of the table.
    fn table(&self) -> Range<u64> {
        self.at..self.at + 2 + 12 * self.entries.len() as u64 + 4
    }
}

/// All directories that can be found.
#[derive(Debug)]
pub(super) struct Tables {
    big_endian: bool,
    length: u64,
    /// Each after the one that leads to it.
    pub(super) directories: Vec<Directory>,
    /// A directory is cut, lies outside, or is led to more than once: what it holds is not all known.
    pub(super) broken: bool,
}

/// A change of some bytes.
#[derive(Debug)]
pub(super) enum Edit {
    Put(u64, Vec<u8>),
    Zero(Range<u64>),
}

/// Makes the changes.
pub(super) fn apply(edits: &[Edit], target: &mut (impl Write + Seek)) -> io::Result<()> {
    for edit in edits {
        match edit {
            Edit::Put(at, bytes) => {
                target.seek(SeekFrom::Start(*at))?;
                target.write_all(bytes)?;
            }
            Edit::Zero(range) => {
                target.seek(SeekFrom::Start(range.start))?;
                io::copy(&mut io::repeat(0).take(range.end - range.start), target)?;
            }
        }
    }
    Ok(())
}

/// Bytes of `source`, all of which must be there.
pub(super) fn bytes_at(source: &mut (impl Read + Seek), range: Range<u64>) -> io::Result<Vec<u8>> {
    source.seek(SeekFrom::Start(range.start))?;
    let mut bytes = vec![0; (range.end - range.start) as usize];
    source.read_exact(&mut bytes)?;
    Ok(bytes)
}

impl Tables {
    /// Reads the directories of `source`.
    ///
    /// # Errors
    /// [`MediaError::Damaged`]: it does not begin like one. [`MediaError::Unsupported`]: BigTIFF.
    /// [`MediaError::Unreadable`].
    pub(super) fn read(source: &mut (impl Read + Seek)) -> Result<Self, MediaError> {
        let length = source.seek(SeekFrom::End(0)).map_err(MediaError::reading)?;
        let head = bytes_at(source, 0..8).map_err(MediaError::reading)?;
        let big_endian = match &head[..2] {
            b"II" => false,
            b"MM" => true,
            _ => return Err(MediaError::damaged("what should be EXIF or TIFF does not begin like it")),
        };
        let mut tables = Self { big_endian, length, directories: Vec::new(), broken: false };
        match tables.short(&head[2..]) {
            42 => {}
            43 => return Err(MediaError::Unsupported("BigTIFF".into())),
            _ => return Err(MediaError::damaged("what should be EXIF or TIFF does not begin like it")),
        }
        let first = tables.long(&head[4..]);
        tables.follow(source, first).map_err(MediaError::reading)?;
        Ok(tables)
    }

    fn follow(&mut self, source: &mut (impl Read + Seek), first: u32) -> io::Result<()> {
        let mut queue = VecDeque::from([(first, Role::Page(0), None)]);
        let mut seen = HashSet::new();
        let mut entries = 0;
        while let Some((at, role, from)) = queue.pop_front() {
            let at = u64::from(at);
            if !seen.insert(at) || at < 8 || at + 2 > self.length {
                self.broken = true;
                continue;
            }
            let directory = self.directory(source, at, role, from)?;
            entries += directory.entries.len() + 1;
            if entries > MOST_ENTRIES {
                self.broken = true;
                return Ok(());
            }
            let own = self.directories.len();
            for entry in &directory.entries {
                let role = match entry.tag {
                    EXIF => Role::Exif,
                    GPS => Role::Gps,
                    INTEROPERABILITY if role == Role::Exif => Role::Interoperability,
                    SUB_DIRECTORIES => Role::Sub,
                    _ => continue,
                };
                let few = entry.count <= MOST_PLACES;
                let places = if few { self.numbers(source, entry)? } else { Vec::new() };
                self.broken |= places.is_empty();
                queue.extend(places.into_iter().map(|place| (place, role, Some((own, entry.tag)))));
            }
            if queue.len() > MOST_ENTRIES {
                self.broken = true;
                return Ok(());
            }
            if let (Role::Page(page), next @ 1..) = (role, self.long(&directory.next)) {
                queue.push_back((next, Role::Page(page + 1), None));
            }
            self.directories.push(directory);
        }
        Ok(())
    }

    fn directory(
        &mut self,
        source: &mut (impl Read + Seek),
        at: u64,
        role: Role,
        from: Option<(usize, u16)>,
    ) -> io::Result<Directory> {
        let count = u64::from(self.short(&bytes_at(source, at..at + 2)?));
        let there = count.min((self.length - at - 2) / 12);
        let end = at + 2 + 12 * there;
        let table = bytes_at(source, at + 2..end)?;
        let mut next = [0; 4];
        if count == there && end + 4 <= self.length {
            next.copy_from_slice(&bytes_at(source, end..end + 4)?);
        } else {
            self.broken = true;
        }
        let (entries, _) = table.as_chunks::<12>();
        let entries = entries.iter().enumerate();
        let entries = entries.map(|(n, raw)| self.entry(at + 2 + 12 * n as u64, *raw)).collect();
        Ok(Directory { at, role, from, entries, next, doomed: false })
    }

    fn entry(&self, at: u64, raw: [u8; 12]) -> Entry {
        let (kind, count) = (self.short(&raw[2..]), self.long(&raw[4..]));
        let size = size_of_kind(kind) * u64::from(count);
        let inline = size <= 4;
        let start = if inline { at + 8 } else { u64::from(self.long(&raw[8..])) };
        let data = start.min(self.length)..(start + size).min(self.length);
        Entry { tag: self.short(&raw), kind, count, raw, data, inline, doomed: false }
    }

    /// The value of a field as whole numbers; nothing, where it has none.
    pub(super) fn numbers(&self, source: &mut (impl Read + Seek), entry: &Entry) -> io::Result<Vec<u32>> {
        if entry.data.end - entry.data.start > MOST_BYTES {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "a field is larger than any picture's"));
        }
        let bytes = if entry.inline {
            entry.raw[8..8 + (entry.data.end - entry.data.start) as usize].to_vec()
        } else {
            bytes_at(source, entry.data.clone())?
        };
        Ok(match entry.kind {
            1 => bytes.iter().map(|byte| u32::from(*byte)).collect(),
            3 => bytes.chunks_exact(2).map(|pair| u32::from(self.short(pair))).collect(),
            4 | 13 => bytes.chunks_exact(4).map(|four| self.long(four)).collect(),
            _ => Vec::new(),
        })
    }

    /// The field `tag` of the directories with `role`.
    pub(super) fn find(&self, role: Role, tag: u16) -> Option<&Entry> {
        let mut directories = self.directories.iter().filter(|directory| directory.role == role);
        directories.find_map(|directory| directory.entries.iter().find(|entry| entry.tag == tag))
    }

    /// The place among the directories of the page whose directory begins at `at`; of the first page where none is named.
    pub(super) fn page(&self, at: Option<u32>) -> Option<usize> {
        self.directories.iter().position(|directory| match (at, directory.role) {
            (Some(at), Role::Page(_)) => directory.at == u64::from(at),
            (None, role) => role == Role::Page(0),
            _ => false,
        })
    }

    /// The directory with `role` that a field of the directory `of` leads to.
    pub(super) fn led_to(&self, of: usize, role: Role) -> Option<&Directory> {
        self.directories.iter().find(|other| other.role == role && other.from.is_some_and(|(from, _)| from == of))
    }

    /// Puts a whole number in the place of the value of `entry`, which must be a single one.
    pub(super) fn put(&self, entry: &Entry, number: u32) -> Option<Edit> {
        let bytes = match entry.kind {
            _ if entry.count != 1 => return None,
            1 => vec![u8::try_from(number).ok()?],
            3 => self.short_bytes(u16::try_from(number).ok()?).to_vec(),
            4 => self.long_bytes(number).to_vec(),
            _ => return None,
        };
        Some(Edit::Put(entry.data.start, bytes))
    }

    /// What erases all that is doomed, and all that only doomed things lead to. `None`: something that stays lies in the
    /// same bytes.
    pub(super) fn erasure(&mut self, source: &mut (impl Read + Seek)) -> io::Result<Option<Vec<Edit>>> {
        // By directory: whether it goes, and the fields of it that do.
        let mut gone: Vec<(bool, HashSet<u16>)> = Vec::with_capacity(self.directories.len());
        for directory in &mut self.directories {
            directory.doomed |= directory.from.is_some_and(|(of, tag)| gone[of].0 || gone[of].1.contains(&tag));
            let tags = directory.entries.iter().filter(|entry| entry.doomed).map(|entry| entry.tag);
            gone.push((directory.doomed, tags.collect()));
        }
        let one_page = self.directories.iter().any(|directory| directory.doomed && directory.role == Role::Page(1));
        let (mut live, mut dead, mut edits) = (vec![Range { start: 0, end: 8 }], Vec::new(), Vec::new());
        let mut read = 0;
        for directory in &self.directories {
            let referred = self.referred(source, directory, &mut read)?;
            if directory.doomed {
                dead.push(directory.table());
                dead.extend(directory.entries.iter().filter(|entry| !entry.inline).map(|entry| entry.data.clone()));
                dead.extend(referred);
                continue;
            }
            live.push(directory.table());
            live.extend(referred);
            for entry in directory.entries.iter().filter(|entry| !entry.inline) {
                if entry.doomed { &mut dead } else { &mut live }.push(entry.data.clone());
            }
            let last = one_page && directory.role == Role::Page(0);
            let next = if last { [0; 4] } else { directory.next };
            if next != directory.next || directory.entries.iter().any(|entry| entry.doomed) {
                edits.push(Edit::Put(directory.at, self.table_left(directory, next)));
            }
        }
        for range in live.iter_mut().chain(&mut dead) {
            range.end = range.end.min(self.length);
        }
        live.retain(|range| range.start < range.end);
        dead.retain(|range| range.start < range.end);
        if overlap(&mut live, &dead) {
            return Ok(None);
        }
        edits.extend(dead.into_iter().map(Edit::Zero));
        Ok(Some(edits))
    }

    /// The table without its doomed fields, filled up with zeros to its old length.
    fn table_left(&self, directory: &Directory, next: [u8; 4]) -> Vec<u8> {
        let left: Vec<&Entry> = directory.entries.iter().filter(|entry| !entry.doomed).collect();
        let count = left.len() as u16;
        let mut table = self.short_bytes(count).to_vec();
        table.extend(left.iter().flat_map(|entry| entry.raw));
        table.extend(next);
        let range = directory.table();
        table.resize((range.end.min(self.length) - range.start) as usize, 0);
        table
    }

    /// The data that fields of `directory` give places and lengths of; counts the bytes that it read for that.
    fn referred(
        &self,
        source: &mut (impl Read + Seek),
        directory: &Directory,
        read: &mut u64,
    ) -> io::Result<Vec<Range<u64>>> {
        let find = |tag: u16| directory.entries.iter().find(|entry| entry.tag == tag);
        let mut all = Vec::new();
        for (place, length) in REFERRING {
            let (Some(places), Some(lengths)) = (find(place), find(length)) else { continue };
            *read += places.data.end - places.data.start;
            if *read > MOST_BYTES {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "it refers to more than any picture does"));
            }
            let (places, lengths) = (self.numbers(source, places)?, self.numbers(source, lengths)?);
            all.extend(places.into_iter().zip(lengths).map(|(place, length)| {
                let place = u64::from(place).min(self.length);
                place..(place + u64::from(length)).min(self.length)
            }));
        }
        Ok(all)
    }

    /// The head of a file or block in the same order of bytes, whose first directory is at `first`.
    pub(super) fn head(&self, first: u32) -> Vec<u8> {
        let order = if self.big_endian { b"MM" } else { b"II" };
        [&order[..], &self.short_bytes(42), &self.long_bytes(first)].concat()
    }

    pub(super) fn short_bytes(&self, number: u16) -> [u8; 2] {
        if self.big_endian { number.to_be_bytes() } else { number.to_le_bytes() }
    }

    pub(super) fn long_bytes(&self, number: u32) -> [u8; 4] {
        if self.big_endian { number.to_be_bytes() } else { number.to_le_bytes() }
    }

    fn short(&self, bytes: &[u8]) -> u16 {
        let two = [bytes[0], bytes[1]];
        if self.big_endian { u16::from_be_bytes(two) } else { u16::from_le_bytes(two) }
    }

    fn long(&self, bytes: &[u8]) -> u32 {
        let four = [bytes[0], bytes[1], bytes[2], bytes[3]];
        if self.big_endian { u32::from_be_bytes(four) } else { u32::from_le_bytes(four) }
    }
}

/// Bytes of one value of a type. TIFF 6.0, section 2; Exif 3.0, section 4.6.2.
const fn size_of_kind(kind: u16) -> u64 {
    match kind {
        1 | 2 | 6 | 7 | 129 => 1,
        3 | 8 => 2,
        4 | 9 | 11 | 13 => 4,
        5 | 10 | 12 => 8,
        _ => 0,
    }
}

/// Whether any of `these` shares a byte with any of `those`. None is empty.
fn overlap(these: &mut [Range<u64>], those: &[Range<u64>]) -> bool {
    these.sort_by_key(|range| range.start);
    // Up to each place, the furthest end.
    let mut furthest = Vec::with_capacity(these.len());
    for range in these.iter() {
        furthest.push(range.end.max(furthest.last().copied().unwrap_or(0)));
    }
    those.iter().any(|that| {
        let before = these.partition_point(|range| range.start < that.end);
        before > 0 && furthest[before - 1] > that.start
    })
}
