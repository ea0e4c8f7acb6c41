//! Plain lines for people who read along without a screen: one line for each file that ends, and for what matters.

mod run;

use std::collections::HashMap;
use std::fmt::{self, Write as _};
use std::io::Write;

use indexmap::IndexMap;

use super::names::{Names, counted, duration};
use crate::engine::recorder::Sink;
use crate::events::{Event, EventKind, ItemIndex, RunState};
use crate::resilience::Fault;
use crate::resilience::checkpoint::ItemState;
use crate::resilience::safe_text::safe_line;

/// Held back at most before it is written.
const FULL: usize = 64 * 1024;
/// Counts of files that nothing is done for are told at most once in this time (milliseconds).
const COUNTS_EVERY: u64 = 1000;

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
    /// How many attempts each step may make, where that was told.
    attempts: Vec<u32>,
    /// When the first task of an item that is not finished began.
    begun: HashMap<ItemIndex, u64>,
    /// Steps of items that are not finished which were left out.
    skipped: HashMap<ItemIndex, Vec<u32>>,
    /// Why the last attempt of a task failed, until it is known what becomes of it.
    faults: HashMap<(ItemIndex, u32), Fault>,
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

/// The colour of a word.
#[derive(Clone, Copy)]
enum Tone {
    Good,
    Bad,
    Careful,
    Plain,
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
            attempts: Vec::new(),
            begun: HashMap::new(),
            skipped: HashMap::new(),
            faults: HashMap::new(),
            counts: Untold::default(),
        }
    }

    /// Tells with each retry how many attempts there are: the most that each step makes (its retries and one), in the
    /// plan's order.
    #[must_use]
    pub fn with_attempts(mut self, attempts: Vec<u32>) -> Self {
        self.attempts = attempts;
        self
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
        state.path(item).map_or_else(|| format!("file {item}"), |path| self.names.short(&path))
    }

    /// Tells how many files there are, and for how many nothing is done.
    fn tell_counts(&mut self, elapsed: u64, state: &RunState) {
        let untold = std::mem::take(&mut self.counts);
        if self.level >= Level::Info {
            if untold.listed {
                let files = counted(state.counts.total as usize, "file");
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
        if !self.faults.is_empty() {
            self.faults.retain(|(of, _), _| *of != item);
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
        let why = fault.as_ref().map_or_else(String::new, |fault| self.why(*step, fault, state));
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

    /// `step: message (class/cause)`.
    fn why(&self, step: Option<u32>, fault: &Fault, state: &RunState) -> String {
        let step = step.map_or_else(String::new, |step| format!("{}: ", step_id(state, step)));
        format!("{step}{} ({}/{})", safe_line(&fault.message), fault.class, safe_line(&fault.cause))
    }

    fn retry(&mut self, elapsed: u64, (item, step): (ItemIndex, u32), attempt: u32, delay: u64, state: &RunState) {
        let fault = self.faults.remove(&(item, step));
        if self.level < Level::Warn {
            return;
        }
        let name = self.name(item, state);
        let why = fault.map_or_else(|| step_id(state, step).to_owned(), |fault| self.why(Some(step), &fault, state));
        let of = self.attempts.get(step as usize).map_or_else(String::new, |most| format!(" of {most}"));
        let seconds = delay as f64 / 1000.0;
        self.line(
            elapsed,
            Tone::Careful,
            "retry",
            format_args!("{name}  {why}; attempt {attempt}{of} in {seconds:.1} s"),
        );
    }
}

impl<W: Write> Sink for Lines<W> {
    fn event(&mut self, event: &Event, state: &RunState) {
        let at = event.elapsed;
        // What is only counted must not be held back by what is told, nor told for each file.
        let due = self.counts.told_at.is_none_or(|told| at.saturating_sub(told) >= COUNTS_EVERY);
        let ends = matches!(event.kind, EventKind::RunFinished { .. });
        match &event.kind {
            EventKind::ItemsListed { .. } => self.counts.listed = true,
            EventKind::ItemsUpToDate { ranges } => {
                self.counts.up_to_date += ranges.iter().map(|(from, to)| u64::from(to - from)).sum::<u64>();
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
            EventKind::AttemptStarted { item, step, attempt } => {
                self.begun.entry(*item).or_insert(at);
                if self.level >= Level::Debug {
                    let (name, step) = (self.name(*item, state), step_id(state, *step));
                    self.line(at, Tone::Plain, "attempt", format_args!("{name}  {step}: attempt {attempt}"));
                }
            }
            EventKind::AttemptFailed { item, step, fault, log, .. } => {
                self.faults.insert((*item, *step), fault.clone());
                if self.level >= Level::Debug {
                    let (name, why) = (self.name(*item, state), self.why(Some(*step), fault, state));
                    let log = log.as_deref().map_or_else(String::new, |log| format!("; log: {}", safe_line(log)));
                    self.line(at, Tone::Bad, "attempt", format_args!("{name}  {why}{log}"));
                }
            }
            EventKind::RetryScheduled { item, step, attempt, delay } => {
                self.retry(at, (*item, *step), *attempt, *delay, state);
            }
            EventKind::TaskDone { item, step, ms, .. } => {
                self.faults.remove(&(*item, *step));
                if self.level >= Level::Debug {
                    let (name, step, took) = (self.name(*item, state), step_id(state, *step), duration(*ms));
                    self.line(at, Tone::Plain, "task", format_args!("{name}  {step}: done in {took}"));
                }
            }
            EventKind::TaskSkipped { item, step, reason } => {
                self.faults.remove(&(*item, *step));
                self.skipped.entry(*item).or_default().push(*step);
                if self.level >= Level::Debug {
                    let (name, step) = (self.name(*item, state), step_id(state, *step));
                    self.line(at, Tone::Plain, "task", format_args!("{name}  {step}: left out: {}", safe_line(reason)));
                }
            }
            EventKind::TaskParked { item, step, dependency } => {
                self.faults.remove(&(*item, *step));
                if self.level >= Level::Debug {
                    let (name, step, tool) = (self.name(*item, state), step_id(state, *step), safe_line(dependency));
                    self.line(at, Tone::Plain, "task", format_args!("{name}  {step}: waits for {tool}"));
                }
            }
            EventKind::ItemFinished { item, .. } => self.finished(at, *item, &event.kind, state),
            EventKind::ItemsListed { .. } | EventKind::ItemsUpToDate { .. } | EventKind::ItemLeftOut { .. } => {}
            _ => self.run_event(event, state),
        }
    }

    fn idle(&mut self) {
        if !self.held.is_empty() {
            self.write();
        }
    }
}

impl<W: Write> Lines<W> {
    /// What happened to the run as a whole.
    fn run_event(&mut self, event: &Event, state: &RunState) {
        let at = event.elapsed;
        let Some((level, tone, word, text)) = self.told(&event.kind, state) else { return };
        if self.level >= level {
            self.line(at, tone, word, format_args!("{}", safe_line(&text)));
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

fn step_id(state: &RunState, step: u32) -> &str {
    state.steps.get(step as usize).map_or("a step", String::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::testing::{Shared, beginning, events, finished, story, told};

    fn lines(level: Level) -> String {
        let shared = Shared::default();
        let lines = Lines::new(shared.clone(), level, false).with_names(Names::below("/music"));
        told(&story(), &mut lines.with_attempts(vec![4, 4, 1]));
        shared.text()
    }

    #[test]
    fn a_run_is_told_in_one_line_for_each_file_and_for_what_matters() {
        let expected = "\
00:00 run       lesson  2 jobs; steps: prepare, stems, analyze
00:00 items     8 files
00:00 missing   demucs  demucs was not found on PATH
00:01 done      2 up to date
00:01 skipped   1 left out: its outputs exist
00:01 failed    song1.wav  prepare: song1.wav ends after 2 of 40 seconds (input/decode)
00:02 retry     song0.wav  stems: demucs ran past its limit of 1 h (transient/timeout); attempt 2 of 4 in 1.0 s
00:03 breaker   demucs  OPEN: 3 failures in a row; tried again in 2 min 0 s
00:04 done      song0.wav  4.0 s, without analyze
00:05 parked    song2.wav  stems: demucs is OPEN: demucs was not found on PATH (dependency/missing)
00:05 warning   song3.wav  \\u{1b}[2Ja \"strange\" log
00:06 paused    the disk of out is full
00:08 resumed   there is room again
00:09 stopping  SIGINT: running tools are asked to end
00:09 cancelled song3.wav
02:05 ended     it was asked to stop: 1 done, 2 up to date, 1 failed, 1 parked, 1 skipped, 1 cancelled, 1 not begun
";
        assert_eq!(lines(Level::Info), expected);
    }

    #[test]
    fn a_level_tells_what_the_ones_before_it_tell_and_more() {
        let words = |level| -> Vec<String> {
            let text = lines(level);
            text.lines().map(|line| line.split_whitespace().nth(1).unwrap_or_default().to_owned()).collect()
        };
        assert_eq!(words(Level::Error), ["failed", "ended"]);
        let warn = words(Level::Warn);
        assert!(!warn.contains(&"done".to_owned()) && warn.contains(&"parked".to_owned()), "{warn:?}");
        let all = lines(Level::Debug);
        assert!(lines(Level::Info).lines().all(|line| all.contains(line)));
        assert!(all.contains("00:01 task      song0.wav  prepare: done in 1.2 s\n"), "{all}");
        assert!(all.contains("(input/decode); log: logs/song1/prepare.1.log\n"), "{all}");
    }

    #[test]
    fn files_that_are_up_to_date_cost_one_line_a_second_however_many_they_are() {
        let mut kinds = beginning(3000);
        kinds.extend((0..3000).map(|n| (10 + u64::from(n), EventKind::ItemsUpToDate { ranges: vec![(n, n + 1)] })));
        let kinds = events(kinds);
        let shared = Shared::default();
        told(&kinds, &mut Lines::new(shared.clone(), Level::Info, false));
        let lines = shared.text();
        assert_eq!(lines.lines().count(), 5, "{lines}");
    }

    #[test]
    fn only_the_word_has_a_colour() {
        let shared = Shared::default();
        let mut kinds = beginning(1);
        kinds.push((3_661_000, finished(0, ItemState::Done, None)));
        told(&events(kinds), &mut Lines::new(shared.clone(), Level::Info, true).with_names(Names::below("/music")));
        assert!(shared.text().ends_with("1:01:01 \x1b[32mdone     \x1b[0m song0.wav\n"), "{:?}", shared.text());
    }
}
