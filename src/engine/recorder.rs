//! Where events begin: numbered, timed, folded, and handed to everyone who wants all of them.

use std::time::{SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

use crate::events::journal::JournalWriter;
use crate::events::{EVENT_VERSION, Event, EventKind, RunState};

/// A front end that gets every event.
pub trait Sink {
    /// Takes one event; `state` is the run's state with it.
    fn event(&mut self, event: &Event, state: &RunState);
    /// Takes the same event as the journal has it: one line of JSON, with its end.
    fn line(&mut self, _line: &[u8]) {}
    /// Nothing more comes for the moment.
    fn idle(&mut self) {}
}

/// Writes the one stream of events.
pub struct Recorder {
    start: Instant,
    next: u64,
    state: RunState,
    /// The event at hand as JSON, made once for all who want it.
    line: Vec<u8>,
    journal: Option<JournalWriter>,
    journal_is_ill: bool,
    sinks: Vec<Box<dyn Sink>>,
}

impl std::fmt::Debug for Recorder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Recorder").field("next", &self.next).finish_non_exhaustive()
    }
}

impl Recorder {
    /// Starts a stream now.
    #[must_use]
    pub fn new(journal: Option<JournalWriter>, sinks: Vec<Box<dyn Sink>>) -> Self {
        let (state, line) = (RunState::default(), Vec::new());
        Self { start: Instant::now(), next: 0, state, line, journal, journal_is_ill: false, sinks }
    }

    /// The run's state.
    #[must_use]
    pub fn state(&self) -> &RunState {
        &self.state
    }

    /// The run's state, when nothing more is to come.
    #[must_use]
    pub fn into_state(self) -> RunState {
        self.state
    }

    /// The time since the run began.
    #[must_use]
    pub fn elapsed(&self) -> std::time::Duration {
        self.start.elapsed()
    }

    /// Something happened.
    pub fn record(&mut self, kind: EventKind) {
        let at = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64);
        let elapsed = self.start.elapsed().as_millis() as u64;
        let event = Event { v: EVENT_VERSION, seq: self.next, at, elapsed, kind };
        self.next += 1;
        self.state.apply(&event);
        self.line.clear();
        let made = serde_json::to_writer(&mut self.line, &event).map_err(std::io::Error::from);
        self.line.push(b'\n');
        let written = self.journal.as_mut().map(|journal| made.and_then(|()| journal.write_line(&self.line)));
        for sink in &mut self.sinks {
            sink.event(&event, &self.state);
            sink.line(&self.line);
        }
        self.watch_journal(written);
    }

    /// Hands on what is held back for speed.
    pub fn flush(&mut self) {
        let flushed = self.journal.as_mut().map(JournalWriter::flush);
        for sink in &mut self.sinks {
            sink.idle();
        }
        self.journal_is_ill &= !matches!(flushed, Some(Ok(())));
        self.watch_journal(flushed);
    }

    /// A journal that cannot be written costs the record of the run, not the run: told once for each time.
    fn watch_journal(&mut self, written: Option<std::io::Result<()>>) {
        let Some(Err(error)) = written else { return };
        let given_up = self.journal.as_ref().is_some_and(JournalWriter::is_far_behind);
        if given_up {
            self.journal = None;
        }
        if given_up || !self.journal_is_ill {
            self.journal_is_ill = true;
            let how = if given_up { "any more" } else { "at the moment" };
            let message = format!("the journal cannot be written {how}: {error}");
            self.record(EventKind::Warning { message, item: None });
        }
    }
}
