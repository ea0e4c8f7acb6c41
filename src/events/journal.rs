//! The journal of a run: its events, one JSON object a line.

use std::fs::File;
use std::io::{BufRead, BufReader, Seek, SeekFrom};
use std::os::unix::fs::FileExt;
use std::path::Path;

use super::{EVENT_VERSION, Event};

/// Events are handed to the file when there are so many bytes of them.
const BLOCK: usize = 64 * 1024;
/// A file that takes nothing any more is given up when it is so many bytes behind.
const FAR_BEHIND: usize = 64 << 20;

/// Writes events to a journal. What a full disk does not take is kept, and handed over when there is room.
#[derive(Debug)]
pub struct JournalWriter {
    file: File,
    end: u64,
    behind: Vec<u8>,
    /// Bytes behind at which it is handed over, or tried again.
    next_try: usize,
}

impl JournalWriter {
    /// Begins a journal at `path`.
    ///
    /// # Errors
    /// That the file cannot be made.
    pub fn create(path: &Path) -> std::io::Result<Self> {
        Ok(Self { file: File::create_new(path)?, end: 0, behind: Vec::with_capacity(BLOCK + 1024), next_try: BLOCK })
    }

    /// Adds an event: a line of JSON, with its end. It reaches the file at the next [`flush`](Self::flush) at the latest.
    ///
    /// # Errors
    /// That the file cannot be written at the moment.
    pub fn write_line(&mut self, line: &[u8]) -> std::io::Result<()> {
        self.behind.extend_from_slice(line);
        if self.behind.len() >= self.next_try { self.flush() } else { Ok(()) }
    }

    /// Hands all that was written to the system: a SIGKILL does not lose it any more.
    ///
    /// # Errors
    /// That the file cannot be written at the moment. What was to be written waits for the next call.
    pub fn flush(&mut self) -> std::io::Result<()> {
        if self.behind.is_empty() {
            return Ok(());
        }
        if let Err(error) = self.file.write_all_at(&self.behind, self.end) {
            // Whole lines or nothing, as far as it goes: a reader stops at a torn one.
            let _ = self.file.set_len(self.end);
            self.next_try = self.behind.len() + BLOCK;
            return Err(error);
        }
        self.end += self.behind.len() as u64;
        self.behind.clear();
        self.next_try = BLOCK;
        Ok(())
    }

    /// Whether so much waits for the file that it had better be given up.
    #[must_use]
    pub fn is_far_behind(&self) -> bool {
        self.behind.len() > FAR_BEHIND
    }
}

impl Drop for JournalWriter {
    fn drop(&mut self) {
        let _ = self.flush();
    }
}

/// Reads a journal from its beginning. A last line that a crash cut off ends it; a line of a newer version is an error.
///
/// # Errors
/// That the file cannot be opened; each item, that a line cannot be read.
pub fn read(path: &Path) -> std::io::Result<Reader> {
    Reader::open(path, 0)
}

/// The events of a journal from a place in it on. A line that cannot be read is told, and read past.
#[derive(Debug)]
pub struct Reader {
    lines: BufReader<File>,
    offset: u64,
    line: Vec<u8>,
}

impl Reader {
    /// Begins at the byte `offset`: 0, or what [`offset`](Self::offset) was.
    ///
    /// # Errors
    /// That the file cannot be opened.
    pub fn open(path: &Path, offset: u64) -> std::io::Result<Self> {
        let mut file = File::open(path)?;
        file.seek(SeekFrom::Start(offset))?;
        Ok(Self { lines: BufReader::with_capacity(BLOCK, file), offset, line: Vec::new() })
    }

    /// Where the next event stands in the file.
    #[must_use]
    pub const fn offset(&self) -> u64 {
        self.offset
    }
}

impl Iterator for Reader {
    type Item = std::io::Result<Event>;

    fn next(&mut self) -> Option<Self::Item> {
        self.line.clear();
        match self.lines.read_until(b'\n', &mut self.line) {
            Err(error) => Some(Err(error)),
            Ok(_) if self.line.last() != Some(&b'\n') => None,
            Ok(length) => {
                self.offset += length as u64;
                Some(event_of(&self.line))
            }
        }
    }
}

fn event_of(line: &[u8]) -> std::io::Result<Event> {
    let event: Event = serde_json::from_slice(line)?;
    if event.v > EVENT_VERSION {
        return Err(std::io::Error::other(format!("an event of version {}: use a newer mediamill", event.v)));
    }
    Ok(event)
}

/// Reads along with a journal that is being written.
///
/// The writer may take back the end of a write that failed, and writes the same bytes again later: what was read of it
/// stays right, and the place for what comes next too.
#[derive(Debug)]
pub struct Follow {
    file: File,
    /// How far it was read.
    end: u64,
    /// What was read and not given out: lines, and the beginning of one.
    held: Vec<u8>,
    /// How much of `held` was given out.
    given: usize,
    /// How much of `held` holds no line's end, beyond what was given out.
    searched: usize,
}

impl Follow {
    /// Begins at the journal's beginning.
    ///
    /// # Errors
    /// That the file cannot be opened.
    pub fn open(path: &Path) -> std::io::Result<Self> {
        Ok(Self { file: File::open(path)?, end: 0, held: Vec::new(), given: 0, searched: 0 })
    }

    /// The next events, at most `max` of them; none where nothing more is there yet. A line that is not whole waits for
    /// its end.
    ///
    /// # Errors
    /// That the file cannot be read, or a line is no event of a version that is known. The call after that goes on
    /// behind that line.
    pub fn next_events(&mut self, max: usize) -> std::io::Result<Vec<Event>> {
        let mut events = Vec::new();
        while events.len() < max {
            let unread = &self.held[self.given + self.searched..];
            let Some(at) = unread.iter().position(|byte| *byte == b'\n') else {
                self.searched += unread.len();
                if self.read_on()? == 0 {
                    break;
                }
                continue;
            };
            let line_end = self.given + self.searched + at + 1;
            match event_of(&self.held[self.given..line_end]) {
                Ok(event) => events.push(event),
                // First what came before it.
                Err(_) if !events.is_empty() => break,
                Err(error) => {
                    (self.given, self.searched) = (line_end, 0);
                    return Err(error);
                }
            }
            (self.given, self.searched) = (line_end, 0);
        }
        Ok(events)
    }

    /// Reads a block more, and gives its length.
    fn read_on(&mut self) -> std::io::Result<usize> {
        self.held.drain(..self.given);
        self.given = 0;
        let before = self.held.len();
        self.held.resize(before + BLOCK, 0);
        let read = loop {
            match self.file.read_at(&mut self.held[before..], self.end) {
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                other => break other,
            }
        };
        let length = read.as_ref().map_or(0, |length| *length);
        self.held.truncate(before + length);
        self.end += length as u64;
        read
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may")]

    use super::*;
    use crate::events::EventKind;

    fn event(seq: u64) -> Event {
        let message = "x".repeat(seq as usize * 37 % 5000);
        Event { v: 1, seq, at: 0, elapsed: 0, kind: EventKind::Warning { message, item: None } }
    }

    #[test]
    fn what_is_written_in_pieces_is_read_in_whole_events() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal.jsonl");
        let bytes: Vec<u8> =
            (0..300).flat_map(|seq| serde_json::to_vec(&event(seq)).unwrap().into_iter().chain([b'\n'])).collect();
        let file = File::create_new(&path).unwrap();
        let mut follow = Follow::open(&path).unwrap();
        let mut seen = Vec::new();
        let mut end = 0;
        for (turn, length) in [1, 7, 4000, 100, 90_000].into_iter().cycle().enumerate() {
            let piece = &bytes[end..bytes.len().min(end + length)];
            file.write_all_at(piece, end as u64).unwrap();
            // Now and then the writer takes its last write back, after it was read, and writes it again.
            if turn % 3 == 0 {
                seen.extend(follow.next_events(10).unwrap());
                file.set_len(end as u64).unwrap();
                seen.extend(follow.next_events(2).unwrap());
                file.write_all_at(piece, end as u64).unwrap();
            }
            seen.extend(follow.next_events(5).unwrap());
            end += piece.len();
            if end == bytes.len() {
                break;
            }
        }
        seen.extend(follow.next_events(usize::MAX).unwrap());
        assert!(seen == (0..300).map(event).collect::<Vec<_>>());
        assert!(follow.next_events(usize::MAX).unwrap().is_empty());
    }

    #[test]
    fn a_line_that_is_no_event_is_told_and_read_past() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal.jsonl");
        let line = |seq| serde_json::to_string(&event(seq)).unwrap();
        let newer = line(1).replace("\"v\":1", "\"v\":99");
        std::fs::write(&path, format!("{}\n{newer}\n{}\n{{", line(0), line(2))).unwrap();
        let mut follow = Follow::open(&path).unwrap();
        assert_eq!(follow.next_events(10).unwrap(), [event(0)]);
        assert!(follow.next_events(10).unwrap_err().to_string().contains("version 99"));
        assert_eq!(follow.next_events(10).unwrap(), [event(2)]);
        assert!(follow.next_events(10).unwrap().is_empty());
    }
}
