//! The pieces of one item: a file beside its JSON that only ever grows while it is worked on, so that a piece costs one
//! short write however many there are.
//!
//! ```text
//! mediamill pieces 1
//! P 1f2e3d4c {"of":"slice.clips","piece":{...}}                  a piece that was made
//! S 5b6c7d8e {"of":"slice.clips","set":{"count":312,...}}        the P lines since the last S are all of them
//! T 91e0cc45 {"step":"text","of":"slice.clips","key":...}        what a step came to for a piece
//! O 91e0cc45 {"step":"text","of":"slice.clips","key":...}        the same, but it tells only whose the files are
//! F 2c3d4e5f {"of":"slice.clips"}                                T lines of this output before this count as O lines
//! ```
//! An F line without an output is of all of them.
//! The second field is a checksum of what follows. A last line without its end was cut by a crash and is dropped.

mod claims;

use std::borrow::Cow;
use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Read, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use super::ledger::checksum;
use crate::resilience::checkpoint::PieceSet;
use crate::resilience::os_text::OsText;
use crate::resilience::piece::{Piece, PieceRecord, set_of};

pub use self::claims::Claim;

const HEADER: &[u8] = b"mediamill pieces 1\n";
/// How such a file of any version begins.
const TITLE: &[u8] = b"mediamill pieces ";
/// The kind, a space, the checksum, a space.
const PREFIX: usize = 2 + 8 + 1;
/// A file with more bytes of outdated lines than this, and than of valid ones, is written anew.
const WORTH_COMPACTING: u64 = 256 << 10;

/// Where a line is.
#[derive(Debug, Clone, Copy)]
struct Line {
    offset: u64,
    length: u32,
    /// Whether it tells of a result, or only whose the files are.
    counts: bool,
}

/// The pieces of one output, as they were made last.
#[derive(Debug)]
struct Set {
    told: PieceSet,
    /// In the order that they were told in, by key.
    pieces: IndexMap<OsString, Line>,
}

/// What is known of an item's pieces. It is read when it is first asked.
#[derive(Debug)]
pub struct PieceLog {
    path: PathBuf,
    writable: bool,
    sync: bool,
    is_read: bool,
    /// It must not be written: why.
    refused: Option<String>,
    file: Option<File>,
    end: u64,
    /// Bytes in lines that still count.
    live: u64,
    /// By output.
    sets: IndexMap<String, Set>,
    /// Pieces of earlier sets that the last ones do not have.
    former: IndexMap<String, HashMap<OsString, Line>>,
    /// By step and output.
    tasks: IndexMap<(String, String), HashMap<OsString, Line>>,
    /// The lines that tell of a path, by its hash; made when it is first asked.
    by_path: Option<HashMap<u64, Vec<Line>>>,
}

#[derive(Serialize, Deserialize)]
struct PieceLine<'a> {
    #[serde(borrow)]
    of: Cow<'a, str>,
    piece: Cow<'a, Piece>,
}

#[derive(Serialize, Deserialize)]
struct SetLine<'a> {
    #[serde(borrow)]
    of: Cow<'a, str>,
    set: PieceSet,
}

#[derive(Serialize, Deserialize)]
struct TaskLine<'a> {
    #[serde(borrow)]
    step: Cow<'a, str>,
    #[serde(borrow)]
    of: Cow<'a, str>,
    key: Cow<'a, OsText>,
    record: Cow<'a, PieceRecord>,
}

#[derive(Serialize, Deserialize)]
struct ForgetLine<'a> {
    #[serde(borrow)]
    of: Cow<'a, str>,
}

/// A line as far as it has to be read to know what it is about.
#[derive(Deserialize)]
struct About<'a> {
    #[serde(borrow, default)]
    step: Cow<'a, str>,
    #[serde(borrow)]
    of: Cow<'a, str>,
    #[serde(default)]
    key: Option<OsText>,
    #[serde(default)]
    piece: Option<KeyOnly>,
    #[serde(default)]
    set: Option<PieceSet>,
}

#[derive(Deserialize)]
struct KeyOnly {
    key: OsText,
}

impl PieceLog {
    pub(super) fn new(path: PathBuf, writable: bool, sync: bool) -> Self {
        Self {
            path,
            writable,
            sync,
            is_read: false,
            refused: None,
            file: None,
            end: 0,
            live: 0,
            sets: IndexMap::new(),
            former: IndexMap::new(),
            tasks: IndexMap::new(),
            by_path: None,
        }
    }

    /// What the pieces of the output `of` are, where they are known.
    pub fn set(&mut self, of: &str) -> Option<PieceSet> {
        self.read();
        self.sets.get(of).map(|set| set.told.clone())
    }

    /// The piece at `place` of the output `of`.
    pub fn piece(&mut self, of: &str, place: usize) -> Option<Piece> {
        self.read();
        let line = *self.sets.get(of)?.pieces.get_index(place)?.1;
        self.piece_at(line)
    }

    /// The piece with this key as it was made last, whether or not it still is one: it is ours.
    pub fn owned_piece(&mut self, of: &str, key: &OsStr) -> Option<Piece> {
        self.read();
        let current = self.sets.get(of).and_then(|set| set.pieces.get(key).copied());
        let line = current.or_else(|| self.former.get(of)?.get(key).copied())?;
        self.piece_at(line)
    }

    /// What `step` came to for the piece with this key, and whether that still counts.
    pub fn record(&mut self, step: &str, of: &str, key: &OsStr) -> Option<(PieceRecord, bool)> {
        self.read();
        // No step is called by two names: looked up without a copy where it is the common case.
        let line = self.tasks.iter().find(|((id, output), _)| id == step && output == of)?.1.get(key).copied()?;
        let json = self.read_line(line)?;
        let told: TaskLine<'_> = serde_json::from_slice(&json).ok()?;
        Some((told.record.into_owned(), line.counts))
    }

    /// The steps that are known for pieces of the output `of`.
    pub fn steps(&mut self, of: &str) -> Vec<String> {
        self.read();
        self.tasks.keys().filter(|(_, output)| output == of).map(|(step, _)| step.clone()).collect()
    }

    /// Notes that the pieces of the output `of` are these, in this order. `anew`: nothing was known of them, so that what steps came to for pieces of the same names counts no more.
    ///
    /// # Errors
    /// That it could not be written; what was known before still is.
    pub fn append_set(&mut self, of: &str, pieces: &[Piece], anew: bool) -> std::io::Result<PieceSet> {
        self.read();
        let told = set_of(pieces);
        let mut text = Vec::with_capacity(pieces.len() * 256);
        if anew && self.tasks.keys().any(|(_, output)| output == of) {
            push_line(&mut text, 'F', &serde_json::to_vec(&ForgetLine { of: of.into() })?);
        }
        let begin = self.begin()?;
        let mut lines = Vec::with_capacity(pieces.len());
        for piece in pieces {
            let json = serde_json::to_vec(&PieceLine { of: of.into(), piece: Cow::Borrowed(piece) })?;
            let line =
                Line { offset: begin + text.len() as u64, length: (PREFIX + json.len() + 1) as u32, counts: true };
            push_line(&mut text, 'P', &json);
            lines.push((piece.key.0.clone(), line));
        }
        push_line(&mut text, 'S', &serde_json::to_vec(&SetLine { of: of.into(), set: told.clone() })?);
        self.write(&text)?;
        if anew {
            self.forget_results(of);
        }
        self.know_paths(pieces.iter().zip(&lines).map(|(piece, (_, line))| (piece.artifact.path.as_path(), *line)));
        self.take_set(of, told.clone(), lines);
        Ok(told)
    }

    /// Notes what `step` came to for the piece with this key.
    ///
    /// # Errors
    /// That it could not be written; what was known before still is.
    pub fn append_record(&mut self, step: &str, of: &str, key: &OsText, record: &PieceRecord) -> std::io::Result<()> {
        self.read();
        let told =
            TaskLine { step: step.into(), of: of.into(), key: Cow::Borrowed(key), record: Cow::Borrowed(record) };
        let json = serde_json::to_vec(&told)?;
        let mut text = Vec::with_capacity(PREFIX + json.len() + 1);
        push_line(&mut text, 'T', &json);
        let line = Line { offset: self.begin()?, length: text.len() as u32, counts: true };
        self.write(&text)?;
        self.know_paths(record.ours().map(|artifact| (artifact.path.as_path(), line)));
        self.take_task(step, of, key.0.clone(), line);
        Ok(())
    }

    /// A handle to sync what was appended, where that is asked for.
    ///
    /// # Errors
    /// That the system gives none.
    pub fn sync_handle(&self) -> std::io::Result<Option<File>> {
        if self.sync { self.file.as_ref().map(File::try_clone).transpose() } else { Ok(None) }
    }

    /// Forgets pieces of the output `of` that are no more, and what steps came to for them, and writes what is left anew.
    ///
    /// # Errors
    /// That it could not be written; nothing is lost then.
    pub fn drop_outdated(&mut self, of: &str) -> std::io::Result<()> {
        self.read();
        self.former.shift_remove(of);
        if let Some(set) = self.sets.get(of) {
            for ((_, output), lines) in &mut self.tasks {
                if output == of {
                    lines.retain(|key, _| set.pieces.contains_key(key));
                }
            }
        }
        self.compact()
    }

    /// Writes the lines that still count to a new file, where most do not.
    ///
    /// # Errors
    /// That it could not be written; nothing is lost then.
    pub fn tidy(&mut self) -> std::io::Result<()> {
        self.read();
        if self.file.is_some() && self.end.saturating_sub(self.live) > self.live.max(WORTH_COMPACTING) {
            self.compact()?;
        }
        Ok(())
    }

    /// Why it must not be written, if it must not: a newer version made it, or it cannot be read.
    /// No more than its first line is read for it.
    #[must_use]
    pub fn refused(&self) -> Option<String> {
        let why = match self.open() {
            _ if self.is_read => self.refused.clone()?,
            Ok(file) => {
                let mut line = Vec::new();
                let read = BufReader::with_capacity(64, file).take(64).read_until(b'\n', &mut line);
                read.err().map(|error| error.to_string()).or_else(|| newer(&line))?
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return None,
            Err(error) => error.to_string(),
        };
        Some(format!("what is known of its pieces cannot be used ({}): {why}", self.path.display()))
    }

    fn open(&self) -> std::io::Result<File> {
        File::options().read(true).write(self.writable).open(&self.path)
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn piece_at(&self, line: Line) -> Option<Piece> {
        let json = self.read_line(line)?;
        serde_json::from_slice::<PieceLine<'_>>(&json).ok().map(|told| told.piece.into_owned())
    }

    fn read_line(&self, line: Line) -> Option<Vec<u8>> {
        let mut text = vec![0; line.length as usize];
        self.file.as_ref()?.read_exact_at(&mut text, line.offset).ok()?;
        text.truncate(text.len().checked_sub(1)?);
        Some(text.split_off(PREFIX.min(text.len())))
    }

    fn read(&mut self) {
        if std::mem::replace(&mut self.is_read, true) {
            return;
        }
        match self.open() {
            Ok(file) => {
                if let Err(error) = self.read_all(&file) {
                    self.refused = Some(error.to_string());
                }
                self.file = Some(file);
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => self.refused = Some(error.to_string()),
        }
    }

    fn read_all(&mut self, file: &File) -> std::io::Result<()> {
        let mut lines = BufReader::with_capacity(1 << 18, file);
        let mut line = Vec::new();
        let mut made: HashMap<String, Vec<(OsString, Line)>> = HashMap::new();
        loop {
            line.clear();
            let length = lines.read_until(b'\n', &mut line)? as u64;
            if line.last() != Some(&b'\n') {
                break;
            }
            if self.end == 0 {
                if !line.starts_with(TITLE) {
                    // Not ours at all: what follows cannot be told, and it is begun anew.
                    return Ok(());
                }
                if let Some(why) = newer(&line) {
                    return Err(std::io::Error::other(why));
                }
            } else if let Some((kind, payload)) = split(&line) {
                let place = Line { offset: self.end, length: length as u32, counts: true };
                self.take_line(kind, payload, place, &mut made);
            }
            self.end += length;
        }
        // The line that ends them was cut off or damaged: their files may be there all the same.
        for (of, pieces) in made {
            self.former.entry(of).or_default().extend(pieces);
        }
        Ok(())
    }

    fn take_line(&mut self, kind: u8, payload: &[u8], line: Line, made: &mut HashMap<String, Vec<(OsString, Line)>>) {
        if kind == b'F' {
            let told = serde_json::from_slice::<ForgetLine<'_>>(payload).ok();
            return self.forget_results(told.as_ref().map_or("", |told| &told.of));
        }
        let Ok(about) = serde_json::from_slice::<About<'_>>(payload) else { return };
        match (kind, about) {
            (b'P', About { of, piece: Some(piece), .. }) => {
                made.entry(of.into_owned()).or_default().push((piece.key.0, line));
            }
            (b'S', About { of, set: Some(told), .. }) => {
                let mut pieces = made.remove(&*of).unwrap_or_default();
                // Those before its own are of a set that a crash cut; where some of its own are damaged, it is none,
                // but the files of the others are ours.
                let own = pieces.len().checked_sub(told.count as usize);
                let own = own.map(|others| pieces.split_off(others));
                self.former.entry(of.clone().into_owned()).or_default().extend(pieces);
                if let Some(own) = own {
                    self.take_set(&of, told, own);
                }
            }
            (b'T' | b'O', About { step, of, key: Some(key), .. }) => {
                self.take_task(&step, &of, key.0, Line { counts: kind == b'T', ..line });
            }
            _ => {}
        }
    }

    /// No result for a piece of the output `of` counts any more; of all where it is empty.
    fn forget_results(&mut self, of: &str) {
        let tasks = self.tasks.iter_mut().filter(|((_, output), _)| of.is_empty() || output == of);
        tasks.flat_map(|(_, lines)| lines.values_mut()).for_each(|line| line.counts = false);
    }

    fn take_set(&mut self, of: &str, told: PieceSet, pieces: Vec<(OsString, Line)>) {
        self.live += pieces.iter().map(|(_, line)| u64::from(line.length)).sum::<u64>();
        let pieces = pieces.into_iter().collect();
        let earlier = self.sets.insert(of.to_owned(), Set { told, pieces });
        let former = self.former.entry(of.to_owned()).or_default();
        let earlier = earlier.map(|set| set.pieces).unwrap_or_default();
        self.live = self.live.saturating_sub(earlier.values().map(|line| u64::from(line.length)).sum());
        former.extend(earlier);
        if let Some(set) = self.sets.get(of) {
            former.retain(|key, _| !set.pieces.contains_key(key));
        }
    }

    fn take_task(&mut self, step: &str, of: &str, key: OsString, line: Line) {
        self.live += u64::from(line.length);
        let known = self.tasks.keys().position(|(id, output)| id == step && output == of);
        let place = known.unwrap_or_else(|| {
            self.tasks.insert((step.to_owned(), of.to_owned()), HashMap::new());
            self.tasks.len() - 1
        });
        if let Some(old) = self.tasks[place].insert(key, line) {
            self.live = self.live.saturating_sub(u64::from(old.length));
        }
    }

    /// Where the next line goes; the file is there.
    fn begin(&mut self) -> std::io::Result<u64> {
        if let Some(why) = &self.refused {
            return Err(std::io::Error::other(format!("{} cannot be used: {why}", self.path.display())));
        }
        if !self.writable {
            return Err(std::io::ErrorKind::ReadOnlyFilesystem.into());
        }
        if self.end == 0 {
            let mut options = File::options();
            let file = options.read(true).write(true).create(true).truncate(true).open(&self.path)?;
            file.write_all_at(HEADER, 0)?;
            self.file = Some(file);
            self.end = HEADER.len() as u64;
            self.sync_folder()?;
        } else if let Some(file) = &self.file
            && file.metadata()?.len() > self.end
        {
            // Half a line that a crash left: cut off by who writes, as to a reader it may be one that is being written.
            file.set_len(self.end)?;
        }
        Ok(self.end)
    }

    /// Lines are there whole or not at all, also on a full disk: what was written of them is cut off again.
    fn write(&mut self, text: &[u8]) -> std::io::Result<()> {
        let file = self.file.as_ref().ok_or(std::io::ErrorKind::NotFound)?;
        if let Err(error) = file.write_all_at(text, self.end) {
            let _ = file.set_len(self.end);
            return Err(error);
        }
        self.end += text.len() as u64;
        Ok(())
    }

    fn compact(&mut self) -> std::io::Result<()> {
        if self.file.is_none() || self.refused.is_some() || !self.writable {
            return Ok(());
        }
        let temporary = self.path.with_extension("pieces-tmp");
        let open = || File::options().read(true).write(true).create(true).truncate(true).open(&temporary);
        let mut out = BufWriter::new(open()?);
        out.write_all(HEADER)?;
        let mut end = HEADER.len() as u64;
        let mut moved = Self::new(self.path.clone(), self.writable, self.sync);
        let mut text = Vec::new();
        let mut put = |kind: char, json: &[u8], counts: bool, end: &mut u64| -> std::io::Result<Line> {
            text.clear();
            push_line(&mut text, kind, json);
            out.write_all(&text)?;
            let line = Line { offset: *end, length: text.len() as u32, counts };
            *end += text.len() as u64;
            Ok(line)
        };
        let lost = || std::io::Error::from(std::io::ErrorKind::UnexpectedEof);
        // What is no piece any more, but whose files may still be there, stands before the set that left it out.
        for (of, former) in &self.former {
            let mut pieces: Vec<(&OsString, &Line)> = former.iter().collect();
            pieces.sort_unstable_by_key(|(key, _)| *key);
            let mut lines = Vec::new();
            for (key, line) in pieces {
                let json = self.read_line(*line).ok_or_else(lost)?;
                lines.push((key.clone(), put('P', &json, true, &mut end)?));
            }
            if !lines.is_empty() {
                let told = PieceSet { count: lines.len() as u32, hash: String::new() };
                put('S', &serde_json::to_vec(&SetLine { of: of.into(), set: told.clone() })?, true, &mut end)?;
                moved.take_set(of, told, lines);
            }
        }
        for (of, set) in &self.sets {
            let mut lines = Vec::with_capacity(set.pieces.len());
            for (key, line) in &set.pieces {
                let json = self.read_line(*line).ok_or_else(lost)?;
                lines.push((key.clone(), put('P', &json, true, &mut end)?));
            }
            put('S', &serde_json::to_vec(&SetLine { of: of.into(), set: set.told.clone() })?, true, &mut end)?;
            moved.take_set(of, set.told.clone(), lines);
        }
        for ((step, of), tasks) in &self.tasks {
            let mut tasks: Vec<(&OsString, &Line)> = tasks.iter().collect();
            tasks.sort_unstable_by_key(|(_, line)| line.offset);
            for (key, line) in tasks {
                let json = self.read_line(*line).ok_or_else(lost)?;
                let kind = if line.counts { 'T' } else { 'O' };
                moved.take_task(step, of, key.clone(), put(kind, &json, line.counts, &mut end)?);
            }
        }
        let file = out.into_inner().map_err(std::io::IntoInnerError::into_error)?;
        if self.sync {
            file.sync_all()?;
        }
        std::fs::rename(&temporary, &self.path)?;
        (moved.file, moved.end, moved.is_read) = (Some(file), end, true);
        *self = moved;
        self.sync_folder()
    }

    /// Its name in the folder holds against a power cut, where that is asked for.
    fn sync_folder(&self) -> std::io::Result<()> {
        match self.path.parent() {
            Some(folder) if self.sync => File::open(folder)?.sync_all(),
            _ => Ok(()),
        }
    }
}

/// That a file with this first line is none of this version.
fn newer(line: &[u8]) -> Option<String> {
    let is_other = line.starts_with(TITLE) && line.ends_with(b"\n") && line != HEADER;
    is_other.then(|| format!("it was written by a newer mediamill ({})", String::from_utf8_lossy(line).trim()))
}

fn push_line(text: &mut Vec<u8>, kind: char, payload: &[u8]) {
    text.extend_from_slice(format!("{kind} {:08x} ", checksum(payload)).as_bytes());
    text.extend_from_slice(payload);
    text.push(b'\n');
}

/// The kind and payload of a line that is as it was written.
fn split(line: &[u8]) -> Option<(u8, &[u8])> {
    let payload = line.get(PREFIX..line.len().checked_sub(1)?)?;
    let told = std::str::from_utf8(line.get(2..10)?).ok().and_then(|hex| u32::from_str_radix(hex, 16).ok())?;
    (told == checksum(payload)).then_some((line[0], payload))
}
