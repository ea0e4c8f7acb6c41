//! The journal of a run: its events, one JSON object a line.

use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::Path;

use super::{EVENT_VERSION, Event};

/// Writes events to a journal.
#[derive(Debug)]
pub struct JournalWriter {
    out: BufWriter<File>,
}

impl JournalWriter {
    /// Begins a journal at `path`.
    ///
    /// # Errors
    /// That the file cannot be made.
    pub fn create(path: &Path) -> std::io::Result<Self> {
        Ok(Self { out: BufWriter::with_capacity(64 * 1024, File::create_new(path)?) })
    }

    /// Adds an event. It reaches the file at the next [`flush`](Self::flush) at the latest.
    ///
    /// # Errors
    /// That the file cannot be written.
    pub fn write(&mut self, event: &Event) -> std::io::Result<()> {
        serde_json::to_writer(&mut self.out, event)?;
        self.out.write_all(b"\n")
    }

    /// Hands all that was written to the system: a SIGKILL does not lose it any more.
    ///
    /// # Errors
    /// That the file cannot be written.
    pub fn flush(&mut self) -> std::io::Result<()> {
        self.out.flush()
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
