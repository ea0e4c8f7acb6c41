//! Plain lines for people who read along without a screen: one line for each file that ends, and for what matters.

mod run;

use std::collections::HashMap;
use std::fmt::{self, Write as _};
use std::io::Write;

use indexmap::IndexMap;

use super::names::{Names, counted, duration};
use crate::engine::recorder::Sink;
use crate::events::telling::{Tone, next_attempt, step_id, why};
use crate::events::{Event, EventKind, ItemIndex, PieceRef, RunState};
use crate::resilience::checkpoint::{Because, ItemState};
use crate::resilience::fault::UNSUITED;
use crate::resilience::safe_text::safe_line;
use crate::resilience::{Fault, FaultClass};

/// Held back at most before it is written.
const FULL: usize = 64 * 1024;
/// Counts of files that nothing is done for are told at most once in this time (milliseconds).
const COUNTS_EVERY: u64 = 1000;
/// Failed pieces of one file that are told one by one; the file's own line tells how many there were.
const PIECES_TOLD: u32 = 10;

/// How much is told: each level tells what the ones before it tell, too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, clap::ValueEnum)]
pub enum Level {
    /// Files that failed, and why the run ended early.
    Error,
    /// Retries, parked files, breakers, pauses and warnings.
    Warn,
    /// One line for each file.
    #[default]
    Info,
    /// Every attempt and every task.
    Debug,
}

/// Writes plain lines: the time since the run began, a word, the file, and what there is to say.
#[derive(Debug)]
pub struct Lines<W: Write> {
    out: W,
    level: Level,
    colour: bool,
    names: Names,
    held: String,
    lost: bool,
    /// When the first task of an item that is not finished began.
    begun: HashMap<ItemIndex, u64>,
    /// Steps of items that are not finished which were left out.
    skipped: HashMap<ItemIndex, Vec<u32>>,
    /// Why the last attempt of a task failed, until it is known what becomes of it.
    faults: HashMap<(ItemIndex, u32, Option<PieceRef>), Fault>,
    /// Failed pieces of items that are not finished: beyond some they are counted only.
    pieces: HashMap<ItemIndex, u32>,
    counts: Untold,
}

/// What is told as a number, once in a while.
#[derive(Debug, Default)]
struct Untold {
    listed: bool,
    up_to_date: u64,
    left_out: IndexMap<String, u64>,
    told_at: Option<u64>,
}

impl<W: Write> Lines<W> {
    /// Writes what `level` asks for to `out`; `colour` is for terminals.
    pub fn new(out: W, level: Level, colour: bool) -> Self {
        Self {
            out,
            level,
            colour,
            names: Names::here(),
            held: String::with_capacity(FULL),
            lost: false,
            begun: HashMap::new(),
            skipped: HashMap::new(),
            faults: HashMap::new(),
            pieces: HashMap::new(),
            counts: Untold::default(),
        }
    }

    /// Writes paths as `names` does.
    #[must_use]
    pub fn with_names(mut self, names: Names) -> Self {
        self.names = names;
        self
    }

    fn line(&mut self, elapsed: u64, tone: Tone, word: &str, rest: fmt::Arguments<'_>) {
        let seconds = elapsed / 1000;
        let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
        // Writing to a String cannot fail.
        let _ = match hours {
            0 => write!(self.held, "{minutes:02}:{seconds:02} "),
            _ => write!(self.held, "{hours}:{minutes:02}:{seconds:02} "),
        };
        let code = match tone {
            Tone::Good => "\x1b[32m",
            Tone::Bad => "\x1b[31m",
            Tone::Careful => "\x1b[33m",
            Tone::Plain => "",
        };
        let _ = if self.colour && !code.is_empty() {
            write!(self.held, "{code}{word:<9}\x1b[0m ")
        } else {
            write!(self.held, "{word:<9} ")
        };
        let _ = self.held.write_fmt(rest);
        self.held.truncate(self.held.trim_end().len());
        self.held.push('\n');
        if self.held.len() >= FULL {
            self.write();
        }
    }

    fn write(&mut self) {
        if !self.lost {
            // A reader that went away stops nothing: the run goes on without it.
            self.lost = self.out.write_all(self.held.as_bytes()).and_then(|()| self.out.flush()).is_err();
        }
        self.held.clear();
    }

    fn name(&self, item: ItemIndex, state: &RunState) -> String {
        state.path(item).map_or_else(|| format!("{} {item}", state.item_word()), |path| self.names.short(&path))
    }

    /// Tells how many files there are, and for how many nothing is done.
    fn tell_counts(&mut self, elapsed: u64, state: &RunState) {
        let untold = std::mem::take(&mut self.counts);
        if self.level >= Level::Info {
            if untold.listed {
                let files = counted(state.counts.total as usize, state.item_word());
                self.line(elapsed, Tone::Plain, "items", format_args!("{files}"));
            }
            if untold.up_to_date > 0 {
                self.line(elapsed, Tone::Good, "done", format_args!("{} up to date", untold.up_to_date));
            }
            for (reason, count) in untold.left_out {
                self.line(elapsed, Tone::Plain, "skipped", format_args!("{count} left out: {}", safe_line(&reason)));
            }
        }
        self.counts.told_at = Some(elapsed);
    }

    fn finished(&mut self, elapsed: u64, item: ItemIndex, end: &EventKind, state: &RunState) {
        let began = self.begun.remove(&item);
        let skipped = self.skipped.remove(&item).unwrap_or_default();
        self.pieces.remove(&item);
        if !self.faults.is_empty() {
            self.faults.retain(|(of, ..), _| *of != item);
        }
        let EventKind::ItemFinished { state: end, step, fault, before, .. } = end else { return };
        let level = match end {
            ItemState::Failed => Level::Error,
            ItemState::Parked => Level::Warn,
            ItemState::Done | ItemState::Pending => Level::Info,
        };
        if self.level < level {
            return;
        }
        let name = self.name(item, state);
        let why = fault.as_ref().map_or_else(String::new, |fault| why(*step, fault, state));
        match end {
            ItemState::Done => {
                let took = began.map_or_else(String::new, |began| duration(elapsed.saturating_sub(began)));
                let without = skipped.iter().map(|step| step_id(state, *step)).collect::<Vec<_>>().join(", ");
                let without = if without.is_empty() { without } else { format!(", without {without}") };
                self.line(elapsed, Tone::Good, "done", format_args!("{name}  {took}{without}"));
            }
            ItemState::Failed if *before => {
                self.line(elapsed, Tone::Bad, "failed", format_args!("{name}  as before: {why}"));
            }
            ItemState::Failed => self.line(elapsed, Tone::Bad, "failed", format_args!("{name}  {why}")),
            ItemState::Parked => self.line(elapsed, Tone::Careful, "parked", format_args!("{name}  {why}")),
            ItemState::Pending => self.line(elapsed, Tone::Careful, "cancelled", format_args!("{name}  {why}")),
        }
    }

    fn retry(&mut self, elapsed: u64, task: (ItemIndex, u32, Option<PieceRef>), to_come: (u32, u64), state: &RunState) {
        let fault = self.faults.remove(&task);
        // That an asset failed was told, and another is tried at once.
        let is_told = fault.as_ref().is_some_and(|fault| fault.class == FaultClass::Asset);
        if self.level < if is_told { Level::Debug } else { Level::Warn } {
            return;
        }
        let ((item, step, piece), (attempt, delay)) = (task, to_come);
        let piece = piece.map_or_else(String::new, |piece| format!(" {}", safe_line(&piece.name)));
        let name = format!("{}{piece}", self.name(item, state));
        let why = fault.map_or_else(|| step_id(state, step).to_owned(), |fault| why(Some(step), &fault, state));
        let next = next_attempt(attempt, step, delay, state);
        self.line(elapsed, Tone::Careful, "retry", format_args!("{name}  {why}; {next}"));
    }
}

impl<W: Write> Sink for Lines<W> {
    fn event(&mut self, event: &Event, state: &RunState) {
        let at = event.elapsed;
        // What is only counted must not be held back by what is told, nor told for each file.
        let due = self.counts.told_at.is_none_or(|told| at.saturating_sub(told) >= COUNTS_EVERY);
        let ends = matches!(event.kind, EventKind::RunFinished { .. } | EventKind::BatchStepFinished { .. });
        match &event.kind {
            EventKind::ItemsListed { .. } => self.counts.listed = true,
            EventKind::ItemsUpToDate { ranges } => {
                self.counts.up_to_date +=
                    ranges.iter().map(|(from, to)| u64::from(to.saturating_sub(*from))).sum::<u64>();
            }
            EventKind::ItemLeftOut { reason, .. } => match self.counts.left_out.get_mut(reason) {
                Some(count) => *count += 1,
                None => drop(self.counts.left_out.insert(reason.clone(), 1)),
            },
            _ => {}
        }
        let listing = matches!(event.kind, EventKind::ItemsListed { .. });
        if (due && !listing || ends) && self.counts.any() {
            self.tell_counts(at, state);
        }
        match &event.kind {
            EventKind::AttemptStarted { item, .. } => {
                self.begun.entry(*item).or_insert(at);
                self.tell(event, state, Level::Debug);
            }
            EventKind::AttemptFailed { item, step, piece, fault, .. } => {
                self.faults.insert((*item, *step, piece.clone()), fault.clone());
                // Of an asset that is to blame nothing else tells.
                let is_blamed = fault.class == FaultClass::Asset && fault.cause != UNSUITED;
                let level = if is_blamed { Level::Warn } else { Level::Debug };
                self.tell(event, state, level);
            }
            EventKind::RetryScheduled { item, step, piece, attempt, delay } => {
                self.retry(at, (*item, *step, piece.clone()), (*attempt, *delay), state);
            }
            EventKind::TaskDone { item, step, piece, .. } => {
                self.faults.remove(&(*item, *step, piece.clone()));
                self.tell(event, state, Level::Debug);
            }
            EventKind::TaskParked { item, step, .. } => {
                self.faults.remove(&(*item, *step, None));
                self.tell(event, state, Level::Debug);
            }
            EventKind::PieceFailed { item, step, piece, .. } => {
                self.faults.remove(&(*item, *step, Some(piece.clone())));
                let told = self.pieces.entry(*item).or_default();
                *told += 1;
                if *told <= PIECES_TOLD {
                    self.tell(event, state, Level::Error);
                }
            }
            EventKind::TaskSkipped { item, step, piece: Some(piece), .. } => {
                self.faults.remove(&(*item, *step, Some(piece.clone())));
                self.tell(event, state, Level::Debug);
            }
            EventKind::PiecesFound { .. } => self.tell(event, state, Level::Debug),
            EventKind::TaskSkipped { item, step, because, .. } => {
                self.faults.remove(&(*item, *step, None));
                // A step that is for other files is missed by nobody.
                if *because != Because::Unmatched {
                    self.skipped.entry(*item).or_default().push(*step);
                }
                self.tell(event, state, Level::Debug);
            }
            EventKind::ItemFinished { item, .. } => self.finished(at, *item, &event.kind, state),
            // How far something is, is for screens.
            EventKind::ItemsListed { .. }
            | EventKind::ItemsUpToDate { .. }
            | EventKind::ItemLeftOut { .. }
            | EventKind::AttemptProgressed { .. } => {}
            _ => self.run_event(event, state),
        }
    }

    fn idle(&mut self) {
        if !self.held.is_empty() {
            self.write();
        }
    }
}

impl Untold {
    fn any(&self) -> bool {
        self.listed || self.up_to_date > 0 || !self.left_out.is_empty()
    }
}

impl<W: Write> Drop for Lines<W> {
    fn drop(&mut self) {
        self.idle();
    }
}

#[cfg(test)]
mod tests;
