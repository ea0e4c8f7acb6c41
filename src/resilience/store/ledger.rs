//! The ledger: one line for each change, appended; an index of the last line of each item in memory.
//!
//! ```text
//! mediamill ledger 1
//! S 00af3c5d9e8b7a61 1f2e3d4c {"version":1,...}     the item's checkpoint
//! N 00af3c5d9e8b7a61 5b6c7d8e 91e0cc45f7a36d02      its JSON file was written, and looked like this
//! ```
//! The third field is a checksum of what follows. A last line without its end was cut by a crash and is dropped.

use std::fs::{File, Metadata};
use std::io::{BufRead, BufReader, BufWriter, Seek, SeekFrom, Write};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};

use super::{Index, ItemKey, StoreError};

const HEADER: &[u8] = b"mediamill ledger 1\n";
/// How a ledger of any version begins.
const TITLE: &[u8] = b"mediamill ledger ";
/// `S `, the key, a space, the checksum, a space.
const PREFIX: usize = 2 + 16 + 1 + 8 + 1;
/// A ledger with more bytes of outdated lines than this, and than of valid ones, is written anew.
const WORTH_COMPACTING: u64 = 4 << 20;

/// Where the last record of an item is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry {
    offset: u64,
    length: u32,
    /// Of the record; 0 where it was read from the file, not written by this process.
    revision: u64,
    /// What its JSON looked like when it was written from this record; 0 when it has not been.
    note: u64,
}

#[derive(Debug)]
pub(super) struct Ledger {
    path: PathBuf,
    /// `None` where there is none and nothing is to be written.
    file: Option<File>,
    end: u64,
    index: Index,
}

/// A fingerprint of what a file looks like from outside; never 0.
pub(super) fn note_of(metadata: &Metadata) -> u64 {
    let seen = [metadata.ino(), metadata.len(), metadata.mtime() as u64, metadata.mtime_nsec() as u64];
    let bytes: Vec<u8> = seen.iter().flat_map(|part| part.to_le_bytes()).collect();
    ItemKey::of(Path::new(std::ffi::OsStr::new(&super::to_hex(&bytes)))).0.max(1)
}

/// Makes the name of the file at `path` hold against a power cut.
fn sync_folder(path: &Path) -> std::io::Result<()> {
    File::open(path.parent().unwrap_or(Path::new(".")))?.sync_all()
}

pub(super) fn checksum(payload: &[u8]) -> u32 {
    let hash = blake3::hash(payload);
    let bytes = hash.as_bytes();
    u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])
}

impl Ledger {
    pub(super) fn open(path: &Path, writable: bool) -> Result<Self, StoreError> {
        let io = |doing| move |source| StoreError::Io { doing, path: path.to_path_buf(), source };
        let opened = if writable {
            File::options().read(true).write(true).create(true).truncate(false).open(path).map(Some)
        } else {
            match File::open(path) {
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
                other => other.map(Some),
            }
        };
        let mut ledger =
            Self { path: path.to_path_buf(), file: opened.map_err(io("open"))?, end: 0, index: Index::default() };
        let live = match ledger.read_all()? {
            Some(live) => live,
            // Not a ledger at all: the items' own files hold all that it could tell.
            None if writable => {
                super::files::set_aside(path).map_err(io("put aside"))?;
                return Self::open(path, writable);
            }
            None => return Ok(Self { path: path.to_path_buf(), file: None, end: 0, index: Index::default() }),
        };
        if !writable {
            return Ok(ledger);
        }
        if ledger.end == 0 {
            ledger.write_at_end(HEADER).map_err(io("write"))?;
            sync_folder(path).map_err(io("sync"))?;
        } else if ledger.end - live > live.max(WORTH_COMPACTING) {
            ledger.compact().map_err(io("write"))?;
        }
        if let Some(file) = &ledger.file {
            file.set_len(ledger.end).map_err(io("write"))?;
        }
        Ok(ledger)
    }

    /// Fills the index; gives the number of bytes in lines that still count, or `None` where this is no ledger.
    fn read_all(&mut self) -> Result<Option<u64>, StoreError> {
        let Some(file) = &self.file else { return Ok(Some(0)) };
        let io = |source| StoreError::Io { doing: "read", path: self.path.clone(), source };
        let mut lines = BufReader::with_capacity(1 << 20, file.try_clone().map_err(io)?);
        let mut line = Vec::new();
        let mut live = 0;
        loop {
            line.clear();
            let length = lines.read_until(b'\n', &mut line).map_err(io)? as u64;
            if line.last() != Some(&b'\n') {
                // Where even the first line is cut, it has to be ours.
                return Ok((self.end > 0 || HEADER.starts_with(&line)).then_some(live));
            }
            if self.end == 0 {
                if !line.starts_with(TITLE) {
                    return Ok(None);
                }
                if line != HEADER {
                    let found = String::from_utf8_lossy(&line).trim().chars().take(60).collect();
                    return Err(StoreError::Newer { path: self.path.clone(), found });
                }
            } else if let Some((kind, key, payload)) = split(&line) {
                match kind {
                    b'S' => {
                        let entry = Entry { offset: self.end, length: length as u32, revision: 0, note: 0 };
                        live += length;
                        if let Some(old) = self.index.insert(key, entry) {
                            live -= u64::from(old.length);
                        }
                    }
                    b'N' => {
                        let note = std::str::from_utf8(payload).ok().and_then(|hex| u64::from_str_radix(hex, 16).ok());
                        if let (Some(entry), Some(note)) = (self.index.get_mut(&key), note) {
                            entry.note = note;
                        }
                    }
                    _ => {}
                }
            }
            self.end += length;
        }
    }

    pub(super) fn len(&self) -> usize {
        self.index.len()
    }

    /// The last record of the item, if it is whole.
    pub(super) fn read(&self, key: ItemKey) -> Option<Vec<u8>> {
        let entry = self.index.get(&key)?;
        let mut line = vec![0; entry.length as usize];
        self.file.as_ref()?.read_exact_at(&mut line, entry.offset).ok()?;
        let (kind, found, payload) = split(&line)?;
        let told = std::str::from_utf8(&line[19..27]).ok().and_then(|hex| u32::from_str_radix(hex, 16).ok())?;
        (kind == b'S' && found == key && told == checksum(payload)).then(|| payload.to_vec())
    }

    pub(super) fn noted(&self, key: ItemKey) -> Option<u64> {
        self.index.get(&key).map(|entry| entry.note).filter(|note| *note != 0)
    }

    /// Of the item's last record; 0 where this process wrote none.
    pub(super) fn revision(&self, key: ItemKey) -> u64 {
        self.index.get(&key).map_or(0, |entry| entry.revision)
    }

    pub(super) fn without_note(&self) -> Vec<ItemKey> {
        self.index.iter().filter(|(_, entry)| entry.note == 0).map(|(key, _)| *key).collect()
    }

    pub(super) fn append(&mut self, key: ItemKey, revision: u64, json: &[u8]) -> std::io::Result<()> {
        let line = line_of('S', key, json);
        let entry = Entry { offset: self.end, length: line.len() as u32, revision, note: 0 };
        self.write_at_end(&line)?;
        self.index.insert(key, entry);
        Ok(())
    }

    /// Notes what the JSON of `revision` looks like; nothing where a newer record has come since.
    pub(super) fn note(&mut self, key: ItemKey, revision: u64, note: u64) -> std::io::Result<()> {
        if self.index.get(&key).is_some_and(|entry| entry.revision == revision) {
            self.write_at_end(&line_of('N', key, format!("{note:016x}").as_bytes()))?;
            if let Some(entry) = self.index.get_mut(&key) {
                entry.note = note;
            }
        }
        Ok(())
    }

    /// A second handle, to sync what has been appended so far.
    pub(super) fn sync_handle(&self) -> std::io::Result<File> {
        self.file.as_ref().ok_or(std::io::ErrorKind::ReadOnlyFilesystem)?.try_clone()
    }

    /// A line is there whole or not at all, also on a full disk: what was written of it is cut off again.
    fn write_at_end(&mut self, line: &[u8]) -> std::io::Result<()> {
        let file = self.file.as_ref().ok_or(std::io::ErrorKind::ReadOnlyFilesystem)?;
        if let Err(error) = file.write_all_at(line, self.end) {
            let _ = file.set_len(self.end);
            return Err(error);
        }
        self.end += line.len() as u64;
        Ok(())
    }

    /// Writes the lines that still count to a new file, which takes this one's place.
    fn compact(&mut self) -> std::io::Result<()> {
        let temporary = self.path.with_extension("tmp");
        let mut out =
            BufWriter::new(File::options().read(true).write(true).create(true).truncate(true).open(&temporary)?);
        out.write_all(HEADER)?;
        let mut end = HEADER.len() as u64;
        let mut keys: Vec<(ItemKey, Entry)> = self.index.iter().map(|(key, entry)| (*key, *entry)).collect();
        keys.sort_by_key(|(_, entry)| entry.offset);
        let mut index = Index::with_capacity(keys.len());
        for (key, entry) in keys {
            let Some(json) = self.read(key) else { continue };
            let line = line_of('S', key, &json);
            out.write_all(&line)?;
            index.insert(key, Entry { offset: end, length: line.len() as u32, ..entry });
            end += line.len() as u64;
            if entry.note != 0 {
                let line = line_of('N', key, format!("{:016x}", entry.note).as_bytes());
                out.write_all(&line)?;
                end += line.len() as u64;
            }
        }
        let mut file = out.into_inner().map_err(std::io::IntoInnerError::into_error)?;
        file.sync_all()?;
        file.seek(SeekFrom::Start(0))?;
        std::fs::rename(&temporary, &self.path)?;
        sync_folder(&self.path)?;
        self.file = Some(file);
        self.index = index;
        self.end = end;
        Ok(())
    }
}

fn line_of(kind: char, key: ItemKey, payload: &[u8]) -> Vec<u8> {
    let mut line = Vec::with_capacity(PREFIX + payload.len() + 1);
    line.extend_from_slice(format!("{kind} {:016x} {:08x} ", key.0, checksum(payload)).as_bytes());
    line.extend_from_slice(payload);
    line.push(b'\n');
    line
}

/// The kind, key and payload of a line.
fn split(line: &[u8]) -> Option<(u8, ItemKey, &[u8])> {
    let payload = line.get(PREFIX..line.len().checked_sub(1)?)?;
    let key = std::str::from_utf8(&line[2..18]).ok().and_then(|hex| u64::from_str_radix(hex, 16).ok())?;
    Some((line[0], ItemKey(key), payload))
}
