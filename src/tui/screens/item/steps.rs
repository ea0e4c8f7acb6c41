//! The steps of the item: where each stands, and the attempts that failed.

use std::time::Duration;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Line;

use super::graph::{GraphRow, graph};
use crate::events::story::{StepStand, StepStory};
use crate::events::{ItemIndex, ItemPhase, PieceCounts};
use crate::resilience::checkpoint::{Checkpoint, StepOutcome};
use crate::resilience::safe_text::safe_line;
use crate::tui::facts::Facts;
use crate::tui::list::List;
use crate::tui::look::Look;
use crate::tui::text::{bytes, clip, pad, pad_start, width};
use crate::tui::theme::Role;
use crate::tui::widgets::{clock, duration, progress, put, row, span};

/// A row of the list: a step, or one of its attempts that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct StepRow {
    pub(super) step: u32,
    /// From 1.
    pub(super) attempt: Option<u32>,
}

/// Failed attempts of one step that have a row, the latest.
const ATTEMPTS_SHOWN: usize = 6;
/// The widest column of ids.
const WIDEST_ID: usize = 24;
/// The narrowest column of words that goes with the columns right of it.
const WORDS: usize = 20;
/// The widest that keeps the numbers near them.
const WIDEST_WORDS: usize = 36;
const OVER_THE_BATCH: &str = "over the whole batch";

/// What is known of the item's step in this run.
pub(super) fn story_of(facts: &Facts, item: ItemIndex, step: u32) -> Option<&StepStory> {
    facts.story.item(item)?.steps.iter().find(|told| told.step == step)
}

/// The rows, in the order of the plan.
pub(super) fn rows(facts: &Facts, item: ItemIndex) -> Vec<StepRow> {
    let mut rows = Vec::new();
    for step in 0..facts.state.steps.len() as u32 {
        rows.push(StepRow { step, attempt: None });
        let Some(told) = story_of(facts, item, step) else { continue };
        // Of pieces the details tell: their attempts are many.
        if told.pieces.is_some() {
            continue;
        }
        // The step's own row tells of an only attempt that failed.
        if told.stand == StepStand::Failed && told.failed.len() == 1 {
            continue;
        }
        let shown = told.failed.len().saturating_sub(ATTEMPTS_SHOWN);
        rows.extend(told.failed[shown..].iter().map(|failed| StepRow { step, attempt: Some(failed.attempt) }));
    }
    rows
}

/// The step that one most likely wants to see: what failed, else what runs, else what waits, else the last that is done.
pub(super) fn likely(facts: &Facts, known: Option<&Checkpoint>, item: ItemIndex) -> u32 {
    let steps = facts.story.item(item).map_or(&[][..], |story| &story.steps);
    let rank = |told: &&StepStory| match told.stand {
        StepStand::Failed => 5,
        StepStand::Running if is_at_work(facts, item, told.step) => 4,
        StepStand::Backoff(_) => 3,
        StepStand::Parked(_) => 2,
        StepStand::Done | StepStand::Running => 1,
        StepStand::Skipped(..) => 0,
    };
    let faulty = facts.state.failures.get(&item).and_then(|(step, _)| *step);
    let last_done = || {
        let id = known?.last_step.as_ref()?;
        facts.state.steps.iter().position(|step| step == id).map(|step| step as u32)
    };
    let told = || steps.iter().max_by_key(|told| (rank(told), told.step)).map(|told| told.step);
    faulty.or_else(told).or_else(last_done).unwrap_or(0)
}

fn is_at_work(facts: &Facts, item: ItemIndex, step: u32) -> bool {
    facts.state.tasks.contains_key(&(item, step))
}

/// Where a step stands, in a sign, a word and numbers.
#[derive(Debug, Clone, Default)]
pub(super) struct Told {
    pub(super) sign: &'static str,
    pub(super) role: Option<Role>,
    pub(super) word: String,
    attempts: Option<(u32, u32)>,
    ms: Option<u64>,
    bytes: Option<u64>,
}

impl Told {
    const fn has_numbers(&self) -> bool {
        self.ms.is_some() || self.bytes.is_some()
    }

    /// The word in so many columns: what it begins with says the most.
    fn word_in(&self, columns: usize, ellipsis: &str) -> String {
        // Of a time, it is how far it is that counts.
        let ends: &[char] =
            if self.word.starts_with(|first: char| first.is_ascii_digit()) { &[' '] } else { &[':', '('] };
        let short = self.word.split(ends).next().unwrap_or_default();
        let short = short.split(" for ").next().unwrap_or_default().trim_end();
        let part = match () {
            () if width(&self.word) <= columns || columns >= WORDS => &self.word,
            () if self.word.starts_with(OVER_THE_BATCH) => "batch",
            () => short,
        };
        crate::tui::text::fit(part, columns, ellipsis)
    }
}

/// Where the step stands.
pub(super) fn told(facts: &Facts, known: Option<&Checkpoint>, item: ItemIndex, step: u32, look: &Look) -> Told {
    let shape = facts.state.shapes.get(step as usize);
    if shape.is_some_and(|shape| shape.batch) {
        return over_the_batch(facts, step, look);
    }
    let most = shape.map_or(0, |shape| shape.attempts);
    let Some(story) = story_of(facts, item, step) else { return before_this_run(facts, known, item, step, look) };
    // Of pieces each has its own.
    let counted = story.attempts > 0 && most > 1 && story.pieces.is_none();
    let attempts = counted.then_some((story.attempts, most));
    let mut told = Told { sign: look.glyphs.stand(&story.stand, look.beat), attempts, ..Told::default() };
    let (role, word) = match &story.stand {
        StepStand::Running | StepStand::Backoff(_) if !is_at_work(facts, item, step) => {
            told.sign = look.glyphs.cancelled;
            (Role::Cancelled, "ended before it was done".to_owned())
        }
        StepStand::Running => {
            told.ms = Some(facts.now.saturating_sub(story.since));
            let failed = story.pieces.filter(|pieces| pieces.failed > 0);
            let failed = failed.map_or_else(String::new, |pieces| format!(", {} failed", grouped(pieces.failed)));
            (Role::Running, progress(facts, item, step).unwrap_or_else(|| "running".to_owned()) + &failed)
        }
        StepStand::Backoff(due) => {
            told.ms = Some(story.ms);
            (Role::Retry, retry_in(*due, facts.now))
        }
        StepStand::Parked(dependency) => (Role::Parked, format!("parked for {}", waits_for(facts, dependency))),
        StepStand::Done => {
            (told.ms, told.bytes) = (Some(story.ms), Some(story.bytes));
            let word = story.pieces.map_or_else(|| "done".to_owned(), |pieces| done_pieces(&pieces));
            (Role::Done, word)
        }
        StepStand::Skipped(_, reason) => (Role::Skipped, format!("left out: {reason}")),
        StepStand::Failed => {
            told.ms = Some(story.ms);
            if let Some(pieces) = &story.pieces {
                let word = format!("failed: {} of {} pieces", grouped(pieces.failed), grouped(pieces.total));
                return Told { role: Some(Role::Failed), word, attempts: None, ..told };
            }
            let cause = story.failed.last().map_or("", |failed| &failed.fault.cause);
            (Role::Failed, format!("failed: {cause}"))
        }
    };
    Told { role: Some(role), word: safe_line(&word).into_owned(), ..told }
}

fn grouped(number: u32) -> String {
    crate::tui::text::count(number.into())
}

/// `done, 10,000 pieces (2 left out)`.
fn done_pieces(pieces: &PieceCounts) -> String {
    let left_out =
        if pieces.left_out > 0 { format!(" ({} left out)", grouped(pieces.left_out)) } else { String::new() };
    format!("done, {} pieces{left_out}", grouped(pieces.total))
}

/// When the next attempt comes.
fn retry_in(due: u64, now: u64) -> String {
    match due.saturating_sub(now) {
        0 => "retry is due".to_owned(),
        ms if ms < 60_000 => format!("retry in {} s", ms.div_ceil(1000)),
        ms => format!("retry in {}", clock(ms)),
    }
}

/// What a parked task waits for: the dependency, how its breaker stands, and when that lets a call through.
pub(super) fn waits_for(facts: &Facts, dependency: &str) -> String {
    let Some(breaker) = facts.state.breakers.get(dependency) else { return dependency.to_owned() };
    match breaker.retry_at.map(|at| at.saturating_sub(facts.now)) {
        Some(ms) if !facts.is_over() && ms > 0 => {
            format!("{dependency} ({}, next probe in {})", breaker.state, clock(ms))
        }
        _ => format!("{dependency} ({})", breaker.state),
    }
}

fn over_the_batch(facts: &Facts, step: u32, look: &Look) -> Told {
    let told = |sign, word: &str, role| Told {
        sign,
        role: Some(role),
        word: format!("{OVER_THE_BATCH}{word}"),
        ..Told::default()
    };
    let Some(view) = facts.state.batch.get(&step) else { return told(look.glyphs.waiting, "", Role::Dim) };
    let ms = Some(view.until.unwrap_or(facts.now).saturating_sub(view.since));
    let told = match (view.until, &view.fault) {
        (_, Some(fault)) => told(look.glyphs.failed, &format!(", failed: {}", safe_line(&fault.cause)), Role::Failed),
        (Some(_), None) => told(look.glyphs.done, ", done", Role::Dim),
        (None, None) => told(look.glyphs.running(look.beat), ", running", Role::Running),
    };
    Told { ms, ..told }
}

/// A step that this run has not begun: as the checkpoint has it, or not at all.
fn before_this_run(facts: &Facts, known: Option<&Checkpoint>, item: ItemIndex, step: u32, look: &Look) -> Told {
    let record = facts.state.steps.get(step as usize).and_then(|id| known?.steps.get(id));
    if let Some(record) = record {
        let reason = record.left_out.as_ref().map_or("", |left_out| &left_out.reason);
        let (sign, role, word) = match record.outcome {
            // What happened to it in this run is forgotten, after many others.
            StepOutcome::Done if facts.state.phase_of(item) == ItemPhase::Done => {
                (look.glyphs.done, Role::Done, "done".to_owned())
            }
            StepOutcome::Done => (look.glyphs.up_to_date, Role::UpToDate, "done before".to_owned()),
            StepOutcome::Skipped => (look.glyphs.skipped, Role::Skipped, format!("left out: {reason}")),
            StepOutcome::Fallback => (look.glyphs.skipped, Role::Skipped, format!("stand-ins: {reason}")),
        };
        let done = record.outcome == StepOutcome::Done;
        let ms = done.then(|| Duration::try_from_secs_f64(record.duration).map_or(0, |span| span.as_millis() as u64));
        let bytes = done.then(|| record.artifacts.values().map(|made| made.size).sum());
        let word = safe_line(&word).into_owned();
        return Told { sign, role: Some(role), word, ms, bytes, attempts: None };
    }
    let phase = facts.state.phase_of(item);
    // It failed or was parked in an earlier run, and was not begun in this one.
    if let Some((Some(at), fault)) = facts.state.failures.get(&item)
        && *at == step
    {
        let cause = safe_line(&fault.cause);
        let (sign, role, word) = match phase {
            ItemPhase::Parked => (look.glyphs.parked, Role::Parked, "parked before".to_owned()),
            _ => (look.glyphs.failed, Role::Failed, format!("failed before: {cause}")),
        };
        return Told { sign, role: Some(role), word, ..Told::default() };
    }
    let (sign, word) = match phase {
        ItemPhase::Waiting => (look.glyphs.waiting, "waiting"),
        ItemPhase::Running if facts.is_over() => (look.glyphs.none, "not reached"),
        ItemPhase::Running => (look.glyphs.waiting, "waiting"),
        ItemPhase::UpToDate => (look.glyphs.up_to_date, "done before"),
        _ => (look.glyphs.none, "not reached"),
    };
    Told { sign, role: Some(Role::Waiting), word: word.to_owned(), ..Told::default() }
}

/// The columns of the list.
struct Columns {
    graph: Option<Vec<GraphRow>>,
    id: usize,
    word: usize,
    attempts: usize,
    bar: usize,
    time: usize,
    bytes: usize,
    longest: u64,
    /// All columns right of the id.
    room: usize,
}

impl Columns {
    fn of(facts: &Facts, all: &[Told], columns: usize) -> Self {
        let widest = |text: fn(&Told) -> Option<String>| {
            all.iter().filter_map(text).map(|text| width(&text)).max().map_or(0, |wide| wide + 2)
        };
        let graph = graph(&facts.state.shapes);
        let lanes = graph.first().map_or(0, |row| width(&row.below(&ratatui::symbols::line::NORMAL)));
        let graph = (columns >= 30 && lanes <= columns / 5).then_some(graph);
        let ids = facts.state.steps.iter().map(|id| width(id)).max().unwrap_or(0);
        let id = ids.min(WIDEST_ID).min((columns / 3).max(8));
        let mut own = Self {
            id,
            word: 0,
            room: 0,
            attempts: widest(|told| told.attempts.map(|(n, most)| format!("{n}/{most}"))),
            bar: 10,
            time: widest(|told| told.ms.map(duration)).max(if all.iter().any(|told| told.ms.is_some()) {
                9
            } else {
                0
            }),
            bytes: widest(|told| told.bytes.map(bytes)),
            longest: all.iter().filter_map(|told| told.ms).max().unwrap_or(0),
            graph,
        };
        let fixed = 2 + if own.graph.is_some() { lanes } else { 1 } + 1 + own.id + 2;
        let room = columns.saturating_sub(fixed);
        let numbered = all.iter().filter(|told| told.has_numbers());
        let wanted = numbered.map(|told| width(&told.word)).max().unwrap_or(0).clamp(8, WORDS);
        for drop in 0..4 {
            if room >= wanted + own.attempts + own.bar + own.time + own.bytes {
                break;
            }
            match drop {
                0 => own.bar = 0,
                1 => own.bytes = 0,
                2 => own.attempts = 0,
                _ => own.time = 0,
            }
        }
        if own.longest == 0 {
            own.bar = 0;
        }
        own.word = room.saturating_sub(own.attempts + own.bar + own.time + own.bytes).min(WIDEST_WORDS);
        own.room = room;
        own
    }
}

/// The list, as it is drawn.
pub(super) struct Steps<'a> {
    pub(super) facts: &'a Facts,
    pub(super) known: Option<&'a Checkpoint>,
    pub(super) item: ItemIndex,
    pub(super) selected: StepRow,
    pub(super) focused: bool,
}

impl Steps<'_> {
    /// Draws the rows about the selected one.
    pub(super) fn draw(&self, list: &mut List, look: &Look, area: Rect, buffer: &mut Buffer) {
        let rows = rows(self.facts, self.item);
        let steps = 0..self.facts.state.steps.len() as u32;
        let all: Vec<Told> = steps.map(|step| told(self.facts, self.known, self.item, step, look)).collect();
        let columns = Columns::of(self.facts, &all, usize::from(area.width));
        list.go(rows.iter().position(|row| *row == self.selected).unwrap_or(0));
        for placed in list.place(rows.len(), area.height, |_| 1) {
            let (own, here) = (rows[placed.row], row(area, placed.line));
            let line = match own.attempt {
                None => all.get(own.step as usize).map(|told| self.step_line(own.step, told, &columns, look)),
                Some(attempt) => self.attempt_line(own.step, attempt, &columns, look, usize::from(area.width)),
            };
            put(buffer, here, &line.unwrap_or_default(), look);
            if own == self.selected && self.focused {
                look.highlight(here, buffer);
            }
        }
    }

    fn cursor(&self, row: StepRow, look: &Look) -> String {
        pad(if row == self.selected { look.glyphs.cursor } else { "" }, 2)
    }

    fn step_line(&self, step: u32, told: &Told, columns: &Columns, look: &Look) -> Line<'static> {
        let ellipsis = look.glyphs.ellipsis;
        let role = told.role.unwrap_or(Role::Text);
        let mut spans = vec![span(self.cursor(StepRow { step, attempt: None }, look), Role::Accent, look)];
        match columns.graph.as_ref().and_then(|rows| rows.get(step as usize)) {
            Some(row) => {
                // The sign alone has the state's colour.
                let lines = row.text("\0", &look.glyphs.lines);
                let (before, after) = lines.split_once('\0').unwrap_or((&lines, ""));
                spans.push(span(before, Role::Border, look));
                spans.push(span(told.sign, role, look));
                spans.push(span(after, Role::Border, look));
            }
            None => spans.push(span(told.sign, role, look)),
        }
        let shape = self.facts.state.shapes.get(step as usize);
        let batch = shape.is_some_and(|shape| shape.batch);
        let id = safe_line(self.facts.state.steps.get(step as usize).map_or("", |id| id)).into_owned();
        let id = crate::tui::text::fit(&id, columns.id, ellipsis);
        spans.push(span(format!(" {id}  "), if batch { Role::Dim } else { Role::Text }, look));
        let attempts = told.attempts.filter(|(n, _)| *n > 1 || told.role == Some(Role::Running));
        let attempts = attempts.map(|(n, most)| format!("{n}/{most}")).unwrap_or_default();
        if !told.has_numbers() {
            // Nothing stands at the right: the word may have that room, too.
            let room = columns.room;
            let attempts = if columns.attempts > 0 { attempts } else { String::new() };
            let wide = room.saturating_sub(width(&attempts) + 2).min(width(&told.word).max(columns.word));
            spans.push(span(told.word_in(if attempts.is_empty() { room } else { wide }, ellipsis), role, look));
            spans.push(span(pad_start(&attempts, width(&attempts) + 2), Role::Dim, look));
            return Line::from(spans);
        }
        spans.push(span(told.word_in(columns.word, ellipsis), role, look));
        let attempts = if columns.attempts > 0 { attempts } else { String::new() };
        spans.push(span(pad_start(&attempts, columns.attempts), Role::Dim, look));
        if columns.bar > 2 {
            let bar = told
                .ms
                .filter(|_| !batch)
                .map(|ms| look.glyphs.bar(ms as f64 / columns.longest.max(1) as f64, columns.bar - 2));
            let (filled, rest) = bar.unwrap_or((" ".repeat(columns.bar - 2), String::new()));
            let role = match told.role {
                Some(Role::Running) => Role::GaugeRunning,
                Some(Role::Failed) => Role::GaugeFailed,
                _ => Role::GaugeDone,
            };
            spans.push(span(format!("  {filled}"), role, look));
            spans.push(span(" ".repeat(width(&rest)), Role::GaugeLeft, look));
        }
        let ms = told.ms.map(duration).unwrap_or_default();
        spans.push(span(if columns.time > 0 { pad_start(&ms, columns.time) } else { String::new() }, Role::Text, look));
        let made = told.bytes.map(bytes).unwrap_or_default();
        spans.push(span(
            if columns.bytes > 0 { pad_start(&made, columns.bytes) } else { String::new() },
            Role::Dim,
            look,
        ));
        Line::from(spans)
    }

    fn attempt_line(
        &self,
        step: u32,
        attempt: u32,
        columns: &Columns,
        look: &Look,
        room: usize,
    ) -> Option<Line<'static>> {
        let story = story_of(self.facts, self.item, step)?;
        let failed = story.failed.iter().find(|failed| failed.attempt == attempt)?;
        let mut spans = vec![span(self.cursor(StepRow { step, attempt: Some(attempt) }, look), Role::Accent, look)];
        if let Some(row) = columns.graph.as_ref().and_then(|rows| rows.get(step as usize)) {
            spans.push(span(row.below(&look.glyphs.lines), Role::Border, look));
        }
        let used: usize = spans.iter().map(|span| width(&span.content)).sum();
        let at = clock(failed.at);
        let cause = safe_line(&failed.fault.cause);
        let text = format!("attempt {attempt}: {cause} after {} (at {at})", duration(failed.ms));
        let text = clip(&text, room.saturating_sub(used + 5), look.glyphs.ellipsis).into_owned();
        spans.push(span("   ", Role::Text, look));
        spans.push(span(look.glyphs.failed, Role::Failed, look));
        spans.push(span(format!(" {text}"), Role::Dim, look));
        Some(Line::from(spans))
    }
}
