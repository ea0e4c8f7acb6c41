//! How events come to the screen: from whoever reads them, on a thread of its own, into an inbox.
//!
//! The one who reads the inbox is told when it is no longer empty, and looks into it when it draws: a thousand events
//! between two frames wake nobody a thousand times.

use std::sync::{Arc, Condvar, Mutex, PoisonError};

use crate::events::Event;

/// Events that wait at most: whoever brings more is held up until some are taken.
const MOST: usize = 1 << 16;

/// Where events wait until the screen looks at them.
#[derive(Clone)]
pub struct Inbox {
    events: Arc<(Mutex<Waiting>, Condvar)>,
    notify: Arc<dyn Fn() + Send + Sync>,
}

#[derive(Default)]
struct Waiting {
    events: Vec<Event>,
    ended: Option<Ended>,
    /// Nobody takes them any more.
    closed: bool,
}

/// Why no more events come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    /// The run told its end.
    Finished,
    /// The run went away without a word: it was killed. What is known of it.
    Lost(String),
}

impl std::fmt::Debug for Inbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inbox").finish_non_exhaustive()
    }
}

impl Inbox {
    /// An empty one; `notify` is called when something came into it while it was empty.
    pub fn new(notify: impl Fn() + Send + Sync + 'static) -> Self {
        Self { events: Arc::default(), notify: Arc::new(notify) }
    }

    /// Puts events in. Waits while there are too many: it is for a thread that does nothing else. `false`: nobody takes
    /// them any more.
    pub fn put(&self, events: impl IntoIterator<Item = Event>) -> bool {
        let (waiting, taken) = &*self.events;
        let mut held = waiting.lock().unwrap_or_else(PoisonError::into_inner);
        while held.events.len() >= MOST && !held.closed {
            held = taken.wait(held).unwrap_or_else(PoisonError::into_inner);
        }
        let goes_on = !held.closed;
        drop(held);
        self.with(|waiting| waiting.events.extend(events));
        goes_on
    }

    /// No more come.
    pub fn end(&self, ended: Ended) {
        self.with(|waiting| waiting.ended = Some(ended));
    }

    fn with(&self, change: impl FnOnce(&mut Waiting)) {
        let mut waiting = self.events.0.lock().unwrap_or_else(PoisonError::into_inner);
        let was_empty = waiting.events.is_empty() && waiting.ended.is_none();
        change(&mut waiting);
        let has_news = !waiting.events.is_empty() || waiting.ended.is_some();
        drop(waiting);
        if was_empty && has_news {
            (self.notify)();
        }
    }

    /// Takes out what is there.
    #[must_use]
    pub fn take(&self) -> (Vec<Event>, Option<Ended>) {
        let (waiting, taken) = &*self.events;
        let mut waiting = waiting.lock().unwrap_or_else(PoisonError::into_inner);
        taken.notify_all();
        (std::mem::take(&mut waiting.events), waiting.ended.take())
    }

    /// Nothing is taken any more: nobody waits for room.
    pub fn close(&self) {
        let (waiting, taken) = &*self.events;
        waiting.lock().unwrap_or_else(PoisonError::into_inner).closed = true;
        taken.notify_all();
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may")]

    use std::sync::mpsc::channel;

    use super::*;
    use crate::tui::testing::scene;

    #[test]
    fn a_thousand_events_between_two_looks_tell_once() {
        let (told, tellings) = channel();
        let inbox = Inbox::new(move || told.send(()).unwrap());
        for _ in 0..1000 {
            inbox.put(scene().into_iter().take(1));
        }
        inbox.end(Ended::Finished);
        assert_eq!(tellings.try_iter().count(), 1);
        let (events, ended) = inbox.take();
        assert_eq!((events.len(), ended), (1000, Some(Ended::Finished)));
        inbox.put(scene());
        assert_eq!(tellings.try_iter().count(), 1);
    }

    #[test]
    fn who_brings_too_much_is_held_up_until_some_is_taken_or_nobody_takes_any_more() {
        let (told, tellings) = channel();
        let inbox = Inbox::new(move || {
            let _ = told.send(());
        });
        let event = scene().remove(0);
        inbox.put(std::iter::repeat_n(event, MOST));
        let (own, done) = (inbox.clone(), channel());
        let bringer = std::thread::spawn(move || {
            assert!(own.put(scene()));
            done.0.send(()).unwrap();
            own.put(std::iter::repeat_n(scene().remove(0), MOST));
            own.put(scene())
        });
        tellings.recv().unwrap();
        assert_eq!(inbox.take().0.len(), MOST);
        done.1.recv().unwrap();
        inbox.close();
        assert!(!bringer.join().unwrap());
    }
}
