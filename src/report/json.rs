//! Every event as one line of JSON: what the journal holds, for a program that reads along.

use std::io::Write;

use crate::engine::recorder::Sink;
use crate::events::{Event, RunState};

/// Held back at most before it is written.
const FULL: usize = 64 * 1024;

/// Writes every event as one line of JSON.
#[derive(Debug)]
pub struct JsonLines<W: Write> {
    out: W,
    held: Vec<u8>,
    /// The reader went away, or its disk is full: the run goes on without it.
    lost: bool,
}

impl<W: Write> JsonLines<W> {
    /// Writes to `out`.
    pub fn new(out: W) -> Self {
        Self { out, held: Vec::with_capacity(FULL), lost: false }
    }

    fn write(&mut self) {
        if !self.lost {
            self.lost = self.out.write_all(&self.held).and_then(|()| self.out.flush()).is_err();
        }
        self.held.clear();
    }
}

impl<W: Write> Sink for JsonLines<W> {
    fn event(&mut self, _: &Event, _: &RunState) {}

    fn line(&mut self, line: &[u8]) {
        self.held.extend_from_slice(line);
        if self.held.len() >= FULL {
            self.write();
        }
    }

    fn idle(&mut self) {
        if !self.held.is_empty() {
            self.write();
        }
    }
}

impl<W: Write> Drop for JsonLines<W> {
    fn drop(&mut self) {
        self.idle();
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may")]
    use super::*;
    use crate::report::testing::{Shared, story, told};

    #[test]
    fn each_event_is_one_line_that_reads_back_as_it_was() {
        let shared = Shared::default();
        told(&story(), &mut JsonLines::new(shared.clone()));
        let text = shared.text();
        let back: Vec<Event> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(back, story());
    }

    #[test]
    fn a_reader_that_goes_away_stops_nothing() {
        struct Gone;
        impl Write for Gone {
            fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
                Err(std::io::ErrorKind::BrokenPipe.into())
            }
            fn flush(&mut self) -> std::io::Result<()> {
                Ok(())
            }
        }
        let mut lines = JsonLines::new(Gone);
        told(&story(), &mut lines);
        assert!(lines.lost && lines.held.is_empty());
    }
}
