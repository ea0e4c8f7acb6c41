//! The time line of a run that is over: any moment of it, from its journal.
//!
//! States are kept at some moments, spread over the whole; another moment is reached by folding on from one before it. What
//! is kept costs a byte for each item of the batch, some forty for each that failed or waited, and what is at work: for a
//! million items a megabyte or a few, times `KEPT`. The events and the stories of items are not kept, which would be tens
//! of megabytes each time, but read again: a moment is reached from so far before it that it has at least the last
//! `WINDOW` events, and the stories of the items in them.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, channel};

use crate::events::journal::Reader;
use crate::events::{Event, RunState, Story};

/// Moments that are kept at most.
const KEPT: usize = 24;
/// Events between two of them at first.
const FIRST_STEP: u64 = 256;
/// Events before a moment that are told with it, if there are as many.
const WINDOW: u64 = 100_000;

/// What is known at one moment.
#[derive(Debug, Clone, Default)]
pub struct Moment {
    /// The state.
    pub state: RunState,
    /// The latest of what happened.
    pub story: Story,
    /// Events that led here.
    pub events: u64,
    /// Events of the whole journal, as far as it can be read.
    pub total: u64,
    /// At the end of a journal that cannot be read to its end: why not.
    pub broken: Option<String>,
    /// Where the next event stands in the file.
    offset: u64,
}

/// Reads a journal, and goes to its moments, on a thread of its own.
#[derive(Debug)]
pub struct Timeline {
    wanted: Sender<u64>,
}

impl Timeline {
    /// Reads the journal; `arrived` is called with its end, and with each moment that is asked for, or with why there is
    /// none. A line that is no event, or one of a newer version, ends the journal.
    ///
    /// # Errors
    /// That there is no thread.
    pub fn open(
        journal: PathBuf,
        arrived: impl Fn(Result<Box<Moment>, String>) + Send + 'static,
    ) -> std::io::Result<Self> {
        Self::with_window(journal, WINDOW, arrived)
    }

    fn with_window(
        journal: PathBuf,
        window: u64,
        arrived: impl Fn(Result<Box<Moment>, String>) + Send + 'static,
    ) -> std::io::Result<Self> {
        let (wanted, seeks): (Sender<u64>, Receiver<u64>) = channel();
        std::thread::Builder::new().name("time line".into()).spawn(move || {
            let cannot = |error: std::io::Error| Err(format!("cannot read {}: {error}", journal.display()));
            let (end, kept) = match read(&journal) {
                Ok(read) => read,
                Err(error) => return arrived(cannot(error)),
            };
            let (total, broken) = (end.total, end.broken.clone());
            arrived(Ok(Box::new(end)));
            while let Ok(mut to) = seeks.recv() {
                // Whoever holds the key down wants the last of them.
                while let Ok(later) = seeks.try_recv() {
                    to = later;
                }
                let to = to.min(total);
                let is_before = |moment: &&Moment| moment.events <= to.saturating_sub(window);
                let from = kept.iter().rev().find(is_before).cloned().unwrap_or_default();
                let found = go_on(&journal, from, to).map(|found| {
                    let broken = broken.clone().filter(|_| found.events == total);
                    Box::new(Moment { total, broken, ..found })
                });
                arrived(found.or_else(cannot));
            }
        })?;
        Ok(Self { wanted })
    }

    /// Asks for the moment after `events` events.
    pub fn seek(&self, events: u64) {
        let _ = self.wanted.send(events);
    }
}

/// The last moment of the journal, and some on the way to it.
fn read(journal: &Path) -> std::io::Result<(Moment, Vec<Moment>)> {
    let mut kept: Vec<Moment> = Vec::new();
    let mut step = FIRST_STEP;
    let mut at = Moment::default();
    let mut lines = Reader::open(journal, 0)?;
    while let Some(event) = lines.next() {
        let event = match event {
            Ok(event) => event,
            Err(error) => {
                at.broken = Some(format!("the journal cannot be read beyond its event {}: {error}", at.events));
                break;
            }
        };
        at.fold(&event, &lines);
        if at.events.is_multiple_of(step) {
            if kept.len() == KEPT {
                step *= 2;
                kept.retain(|moment| moment.events.is_multiple_of(step));
            }
            if at.events.is_multiple_of(step) {
                kept.push(Moment { state: at.state.clone(), story: at.story.outline(), broken: None, ..at });
            }
        }
    }
    at.total = at.events;
    Ok((at, kept))
}

fn go_on(journal: &Path, from: Moment, to: u64) -> std::io::Result<Moment> {
    let mut lines = Reader::open(journal, from.offset)?;
    let mut at = from;
    while at.events < to {
        let Some(event) = lines.next().transpose()? else { break };
        at.fold(&event, &lines);
    }
    Ok(at)
}

impl Moment {
    fn fold(&mut self, event: &Event, lines: &Reader) {
        self.state.apply(event);
        self.story.apply(event);
        self.events += 1;
        self.offset = lines.offset();
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may")]

    use std::fs::File;
    use std::io::Write;
    use std::sync::mpsc::channel;

    use super::*;
    use crate::tui::testing::{events, scene_over};

    #[test]
    fn every_moment_is_the_fold_of_the_events_before_it() {
        let mut kinds = Vec::new();
        for event in scene_over() {
            kinds.push((event.elapsed, event.kind));
        }
        // Long enough that moments are kept, thinned out, and gone on from.
        let warning = |n: u64| crate::events::EventKind::Warning { message: format!("the {n}th"), item: None };
        kinds.extend((0..40_000).map(|n| (200_000 + n, warning(n))));
        let all = events(kinds);
        let folder = tempfile::tempdir().unwrap();
        let journal = folder.path().join("journal.jsonl");
        let mut file = File::create(&journal).unwrap();
        let lines: String = all.iter().map(|event| serde_json::to_string(event).unwrap() + "\n").collect();
        file.write_all(lines.as_bytes()).unwrap();
        file.write_all(b"{\"torn").unwrap();

        let (arrived, moments) = channel();
        let timeline = Timeline::open(journal.clone(), move |moment| arrived.send(moment).unwrap()).unwrap();
        let end = moments.recv().unwrap().unwrap();
        assert_eq!((end.events, end.total), (all.len() as u64, all.len() as u64));
        for to in [1, 17, 256, 257, 5_000, 39_999, all.len() as u64] {
            timeline.seek(to);
            let moment = moments.recv().unwrap().unwrap();
            let (mut state, mut story) = (RunState::default(), Story::default());
            for event in &all[..to as usize] {
                state.apply(event);
                story.apply(event);
            }
            assert_eq!(moment.events, to);
            assert_eq!(moment.story, story);
            assert_eq!(moment.state, state);
        }

        // What is reached from a moment that was kept has the same state, and the latest of the story.
        let (arrived, moments) = channel();
        let timeline = Timeline::with_window(journal, 1000, move |moment| arrived.send(moment).unwrap()).unwrap();
        moments.recv().unwrap().unwrap();
        for to in [12_500, 39_999, all.len() as u64, u64::MAX] {
            timeline.seek(to);
            let moment = moments.recv().unwrap().unwrap();
            let to = to.min(all.len() as u64) as usize;
            let (mut state, mut story) = (RunState::default(), Story::default());
            for event in &all[..to] {
                state.apply(event);
                story.apply(event);
            }
            assert_eq!(moment.events, to as u64);
            assert_eq!(moment.state, state);
            let kept = moment.story.events();
            assert!((1000..10_000).contains(&kept.len()), "{}", kept.len());
            assert!(kept.iter().eq(&all[to - kept.len()..to]));
            assert_eq!(moment.story.pace(), story.pace());
        }
    }

    #[test]
    fn a_journal_is_shown_up_to_the_line_that_cannot_be_read() {
        let all = scene_over();
        let line = |event: &Event| serde_json::to_string(event).unwrap() + "\n";
        let newer = line(&all[20]).replacen("\"v\":1", "\"v\":99", 1);
        for (bad, why) in [("what is this\n".to_owned(), "event 20: "), (newer, "event 20: an event of version 99")] {
            let folder = tempfile::tempdir().unwrap();
            let journal = folder.path().join("journal.jsonl");
            let (first, rest): (String, String) =
                (all[..20].iter().map(line).collect(), all[20..].iter().map(line).collect());
            std::fs::write(&journal, format!("{first}{bad}{rest}")).unwrap();
            let (arrived, moments) = channel();
            let timeline = Timeline::open(journal, move |moment| arrived.send(moment).unwrap()).unwrap();
            let end = moments.recv().unwrap().unwrap();
            assert_eq!((end.events, end.total), (20, 20));
            assert!(end.broken.is_some_and(|told| told.contains(why)));
            for (to, is_end) in [(7, false), (500, true)] {
                timeline.seek(to);
                let moment = moments.recv().unwrap().unwrap();
                assert_eq!((moment.events, moment.total, moment.broken.is_some()), (to.min(20), 20, is_end));
            }
        }
    }
}
