//! The journal of a run: its events, one JSON object a line.

use std::fs::File;
use std::io::{BufRead, BufReader};
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

    /// Adds an event. It reaches the file at the next [`flush`](Self::flush) at the latest.
    ///
    /// # Errors
    /// That the file cannot be written at the moment.
    pub fn write(&mut self, event: &Event) -> std::io::Result<()> {
        let mut line = serde_json::to_vec(event)?;
        line.push(b'\n');
        self.write_line(&line)
    }

    /// Adds an event that is a line of JSON already, with its end.
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
pub fn read(path: &Path) -> std::io::Result<impl Iterator<Item = std::io::Result<Event>>> {
    let mut lines = BufReader::new(File::open(path)?);
    let mut line = Vec::new();
    Ok(std::iter::from_fn(move || {
        line.clear();
        match lines.read_until(b'\n', &mut line) {
            Err(error) => Some(Err(error)),
            Ok(_) if line.last() != Some(&b'\n') => None,
            Ok(_) => Some(match serde_json::from_slice::<Event>(&line) {
                Ok(event) if event.v <= EVENT_VERSION => Ok(event),
                Ok(event) => {
                    Err(std::io::Error::other(format!("an event of version {}: use a newer mediamill", event.v)))
                }
                Err(error) => Err(error.into()),
            }),
        }
    }))
}
