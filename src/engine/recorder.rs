//! Where events begin: numbered, timed, folded, and handed to everyone who wants all of them.

use std::borrow::Cow;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::Value;
use tokio::time::Instant;

use crate::events::journal::JournalWriter;
use crate::events::{EVENT_VERSION, Event, EventKind, ItemIndex, RunState};
use crate::resources::secret::Secrets;

/// A front end that gets every event.
pub trait Sink {
    /// Takes one event; `state` is the run's state with it.
    fn event(&mut self, event: &Event, state: &RunState);
    /// Takes the same event as the journal has it: one line of JSON, with its end.
    fn line(&mut self, _line: &[u8]) {}
    /// Hooks of this item, which needs no work, are still to be called.
    fn hooks_are_due(&mut self, _item: ItemIndex, _elapsed: Duration, _state: &RunState) {}
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
    /// What no event shows; nothing in a run without resources.
    secrets: Option<Secrets>,
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
        let (state, line, secrets) = (RunState::default(), Vec::new(), None);
        Self { start: Instant::now(), next: 0, state, line, journal, journal_is_ill: false, sinks, secrets }
    }

    /// The same; no event shows any of `secrets`, nor does the state.
    #[must_use]
    pub fn without(self, secrets: Secrets) -> Self {
        Self { secrets: Some(secrets), ..self }
    }

    /// From now on `sink` gets every event, too.
    pub fn add(&mut self, sink: Box<dyn Sink>) {
        self.sinks.push(sink);
    }

    /// The last that was added gets no more.
    pub fn remove_last(&mut self) {
        self.sinks.pop();
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
    pub fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }

    /// Something happened.
    pub fn record(&mut self, kind: EventKind) {
        let at = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64);
        let elapsed = self.start.elapsed().as_millis() as u64;
        let mut event = Event { v: EVENT_VERSION, seq: self.next, at, elapsed, kind };
        self.next += 1;
        let mut made = self.write(&event);
        if self.shows_secret() {
            event.kind = self.redacted(event.kind);
            made = self.write(&event);
        }
        self.state.apply(&event);
        self.line.push(b'\n');
        let written = self.journal.as_mut().map(|journal| made.and_then(|()| journal.write_line(&self.line)));
        for sink in &mut self.sinks {
            sink.event(&event, &self.state);
            sink.line(&self.line);
        }
        self.watch_journal(written);
    }

    fn write(&mut self, event: &Event) -> std::io::Result<()> {
        self.line.clear();
        Ok(serde_json::to_writer(&mut self.line, event)?)
    }

    /// Whether the event at hand holds a secret, or nobody can tell.
    fn shows_secret(&self) -> bool {
        self.secrets.as_ref().is_some_and(|secrets| {
            !secrets.is_empty() && std::str::from_utf8(&self.line).map_or(true, |line| secrets.are_in_json(line))
        })
    }

    /// The same event without a secret. Where one is a word of our own, such as the name of a class, that word stays: it is
    /// there whatever the secrets are.
    fn redacted(&self, kind: EventKind) -> EventKind {
        let Some(secrets) = &self.secrets else { return kind };
        let Ok(told) = serde_json::to_value(&kind) else { return kind };
        let mut clean = told.clone();
        each_text(&mut clean, &mut |text| {
            if let Cow::Owned(clean) = secrets.redact(text) {
                *text = clean;
            }
        });
        serde_json::from_value(clean).unwrap_or_else(|_| redacted_one_by_one(secrets, told, kind))
    }

    /// Hooks of this item, which needs no work, are still to be called.
    pub fn hooks_are_due(&mut self, item: ItemIndex) {
        let elapsed = self.start.elapsed();
        for sink in &mut self.sinks {
            sink.hooks_are_due(item, elapsed, &self.state);
        }
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

fn redacted_one_by_one(secrets: &Secrets, mut told: Value, mut kind: EventKind) -> EventKind {
    let mut texts = 0;
    each_text(&mut told, &mut |_| texts += 1);
    for place in 0..texts {
        let (mut clean, mut at, mut is_other) = (told.clone(), 0, false);
        each_text(&mut clean, &mut |text| {
            if at == place
                && let Cow::Owned(clean) = secrets.redact(text)
            {
                (*text, is_other) = (clean, true);
            }
            at += 1;
        });
        if is_other && let Ok(known) = serde_json::from_value(clean.clone()) {
            (told, kind) = (clean, known);
        }
    }
    kind
}

/// Every text in `value` that is not a name.
fn each_text(value: &mut Value, take: &mut dyn FnMut(&mut String)) {
    match value {
        Value::String(text) => take(text),
        Value::Array(list) => list.iter_mut().for_each(|value| each_text(value, take)),
        Value::Object(map) => map.values_mut().for_each(|value| each_text(value, take)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may")]

    use std::cell::RefCell;
    use std::rc::Rc;

    use super::*;
    use crate::resilience::checkpoint::ItemState;
    use crate::resilience::{Fault, FaultClass};

    #[derive(Default, Clone)]
    struct Kept(Rc<RefCell<(String, Vec<Event>)>>);

    impl Sink for Kept {
        fn event(&mut self, event: &Event, _state: &RunState) {
            self.0.borrow_mut().1.push(event.clone());
        }

        fn line(&mut self, line: &[u8]) {
            self.0.borrow_mut().0.push_str(std::str::from_utf8(line).unwrap());
        }
    }

    #[test]
    fn no_event_shows_a_secret_and_none_is_lost_for_one() {
        let secrets = Secrets::default();
        secrets.add("s3cret\"word");
        // A word of our own: the event goes on, and so does its count.
        secrets.add("input");
        let kept = Kept::default();
        let mut recorder = Recorder::new(None, vec![Box::new(kept.clone())]).without(secrets);
        let fault = Fault::new(FaultClass::Input, "exit", "input: wrong s3cret\"word, or s3cret%22word");
        let (state, step, fault) = (ItemState::Failed, Some(0), Some(fault));
        recorder.record(EventKind::ItemsListed { first: 0, paths: vec!["/input/a".into()] });
        recorder.record(EventKind::ItemFinished { item: 0, state, step, fault, before: false });
        recorder.record(EventKind::Warning { message: "s3cret\"word".into(), item: None });
        assert_eq!(recorder.state().counts.failed, 1);
        let (lines, events) = kept.0.take();
        assert!(!lines.contains("s3cret"), "{lines}");
        assert_eq!(lines.lines().count(), 3);
        assert!(lines.contains("[redacted]: wrong [redacted], or [redacted]"), "{lines}");
        assert!(matches!(&events[1].kind, EventKind::ItemFinished { fault: Some(fault), .. }
            if fault.class == FaultClass::Input && fault.message.starts_with("[redacted]: wrong")));
        assert!(matches!(&events[2].kind, EventKind::Warning { message, .. } if message == "[redacted]"));
    }
}
