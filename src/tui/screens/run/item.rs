//! One item as a row.

use std::time::Duration;

use ratatui::text::{Line, Span};

use crate::events::story::{ItemStory, StepStand};
use crate::events::{ItemIndex, ItemPhase};
use crate::resilience::checkpoint::Because;
use crate::resilience::safe_text::safe_line;
use crate::tui::facts::Facts;
use crate::tui::look::Look;
use crate::tui::rows::Section;
use crate::tui::text;
use crate::tui::theme::Role;
use crate::tui::widgets::{clock, duration, progress};

/// Steps beyond this many have no cell of their own.
const CELLS: usize = 16;

/// How wide each column is; zero where there is no room for it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Columns {
    name: usize,
    steps: usize,
    what: usize,
    attempt: usize,
    time: usize,
}

impl Columns {
    /// The columns that go into `width`: what matters less goes first.
    pub(super) fn of(width: usize, facts: &Facts) -> Self {
        // The cursor, the sign and a space are always there.
        let room = width.saturating_sub(4);
        let time = if width >= 34 { text::DURATION_WIDTH } else { 0 };
        let attempt = if width >= 72 { 5 } else { 0 };
        let cells = facts.state.steps.len().min(CELLS);
        let steps = if width >= 56 { cells + 1 } else { 0 };
        let fixed = [time, attempt, steps].iter().map(|wide| wide + usize::from(*wide > 0)).sum::<usize>();
        let left = room.saturating_sub(fixed);
        let name = if width < 48 { left } else { (left * 45 / 100).clamp(left.min(18), 64) };
        Self { name, steps, what: left.saturating_sub(name + 1), attempt, time }
    }
}

/// The item's sign, and the role it is drawn in.
pub(super) fn sign(look: &Look, facts: &Facts, item: ItemIndex) -> (&'static str, Role) {
    let glyphs = &look.glyphs;
    match facts.rows.section_of(item) {
        Section::Running => {
            let waits_for_retry = facts.story.item(item).is_some_and(|story| {
                story.steps.iter().any(|task| matches!(task.stand, StepStand::Backoff(_)))
                    && !story.steps.iter().any(|task| task.stand == StepStand::Running)
            });
            if waits_for_retry { (glyphs.retry, Role::Retry) } else { (glyphs.running(look.beat), Role::Running) }
        }
        Section::Parked => (glyphs.parked, Role::Parked),
        Section::Failed => (glyphs.failed, Role::Failed),
        Section::Cancelled => (glyphs.cancelled, Role::Cancelled),
        Section::Done => (glyphs.done, Role::Done),
        Section::UpToDate => (glyphs.up_to_date, Role::UpToDate),
        Section::LeftOut => (glyphs.left_out, Role::Skipped),
        Section::Waiting => (glyphs.waiting, Role::Waiting),
    }
}

/// The row.
pub(super) fn line(facts: &Facts, look: &Look, columns: &Columns, item: ItemIndex) -> Line<'static> {
    let dots = look.glyphs.ellipsis;
    let (sign, role) = sign(look, facts, item);
    let style = look.style(role);
    let name = facts.name(item);
    let name = text::clip_middle(&name, columns.name, dots);
    let mut spans = vec![
        Span::styled(format!("{sign} "), style),
        Span::styled(text::pad(&name, columns.name), look.style(Role::Text)),
    ];
    let story = facts.story.item(item);
    if columns.steps > 0 {
        spans.push(Span::raw(" "));
        spans.extend(cells(facts, look, item, story, columns.steps));
    }
    if columns.what > 0 {
        let (told, role) = what(facts, item, story);
        spans.push(Span::styled(format!(" {}", text::fit(&told, columns.what, dots)), look.style(role)));
    }
    if columns.attempt > 0 {
        let told = attempt(facts, item, story).unwrap_or_default();
        spans.push(Span::styled(format!(" {}", text::pad_start(&told, columns.attempt)), look.style(Role::Dim)));
    }
    if columns.time > 0 {
        let told =
            time(facts, item, story).map(|ms| text::duration_fixed(Duration::from_millis(ms))).unwrap_or_default();
        spans.push(Span::styled(format!(" {}", text::pad_start(&told, columns.time)), look.style(Role::Dim)));
    }
    Line::from(spans)
}

/// A cell for each step.
fn cells(facts: &Facts, look: &Look, item: ItemIndex, story: Option<&ItemStory>, width: usize) -> Vec<Span<'static>> {
    let over = story.is_some_and(|story| story.ended.is_some());
    let all = matches!(facts.state.phase_of(item), ItemPhase::UpToDate);
    let count = facts.state.steps.len().min(CELLS);
    let mut spans: Vec<Span<'static>> = (0..count as u32)
        .map(|step| {
            let told = story.and_then(|story| story.steps.iter().find(|task| task.step == step));
            let batch = facts.state.shapes.get(step as usize).is_some_and(|shape| shape.batch);
            let glyphs = &look.glyphs;
            let (sign, role) = match told.map(|task| &task.stand) {
                _ if batch => (" ", Role::Dim),
                None if all => (glyphs.up_to_date, Role::UpToDate),
                None => (glyphs.waiting, Role::Waiting),
                Some(StepStand::Running | StepStand::Backoff(_)) if over => (glyphs.cancelled, Role::Cancelled),
                Some(stand) => (glyphs.stand(stand, look.beat), role(stand)),
            };
            Span::styled(sign, look.style(role))
        })
        .collect();
    spans.push(Span::raw(" ".repeat(width - count)));
    spans
}

/// The role that a task is drawn in.
fn role(stand: &StepStand) -> Role {
    match stand {
        StepStand::Running => Role::Running,
        StepStand::Backoff(_) => Role::Retry,
        StepStand::Parked(_) => Role::Parked,
        StepStand::Done => Role::Done,
        StepStand::Skipped(..) => Role::Skipped,
        StepStand::Failed => Role::Failed,
    }
}

/// What there is to say of the item.
fn what(facts: &Facts, item: ItemIndex, story: Option<&ItemStory>) -> (String, Role) {
    let id = |step: u32| facts.state.steps.get(step as usize).map_or("a step", String::as_str);
    let tasks = || story.into_iter().flat_map(|story| &story.steps);
    match facts.rows.section_of(item) {
        Section::Running => {
            let told: Vec<String> = tasks()
                .filter_map(|task| match task.stand {
                    StepStand::Running => Some(match progress(facts, item, task.step) {
                        Some(told) => format!("{} {told}", id(task.step)),
                        None => id(task.step).to_owned(),
                    }),
                    StepStand::Backoff(at) => {
                        Some(format!("{} again in {}", id(task.step), duration(at.saturating_sub(facts.now))))
                    }
                    _ => None,
                })
                .collect();
            (told.join(", "), Role::Text)
        }
        Section::Failed => match facts.state.failures.get(&item) {
            Some((step, fault)) => {
                let step = step.map_or_else(String::new, |step| format!("{}: ", id(step)));
                // The row has the file's name already.
                let path = facts.state.path(item).unwrap_or_default();
                let prefix = format!("{}: ", path.display());
                let message = fault.message.strip_prefix(&prefix).unwrap_or(&fault.message);
                (format!("{step}{}", safe_line(message)), Role::Text)
            }
            None => ("failed".to_owned(), Role::Failed),
        },
        Section::Parked => {
            let step = facts.state.waits_for(item);
            let dependency = step.and_then(|step| facts.state.shapes.get(step as usize)?.dependency.as_deref());
            let name = dependency.unwrap_or("a dependency");
            let probe = facts.state.breakers.get(name).and_then(|breaker| breaker.retry_at);
            let probe = probe
                .filter(|_| !facts.is_over())
                .map_or_else(String::new, |at| format!(", next probe {}", clock(at.saturating_sub(facts.now))));
            (format!("waits for {name}{probe}"), Role::Parked)
        }
        Section::Done => {
            let without: Vec<&str> = tasks()
                .filter(|task| matches!(&task.stand, StepStand::Skipped(why, _) if *why != Because::Unmatched))
                .map(|task| id(task.step))
                .collect();
            if without.is_empty() {
                let bytes: u64 = tasks().map(|task| task.bytes).sum();
                (if bytes > 0 { text::bytes(bytes) } else { String::new() }, Role::Dim)
            } else {
                (format!("without {}", without.join(", ")), Role::Warn)
            }
        }
        Section::Cancelled | Section::UpToDate | Section::LeftOut | Section::Waiting => (String::new(), Role::Dim),
    }
}

/// `2/4`: the attempt of the task that is at work, where it is not the first, of how many there may be.
fn attempt(facts: &Facts, item: ItemIndex, story: Option<&ItemStory>) -> Option<String> {
    let at_work = |task: &&crate::events::story::StepStory| {
        matches!(task.stand, StepStand::Running | StepStand::Backoff(_) | StepStand::Failed)
    };
    let task = story?.steps.iter().rev().find(at_work)?;
    let next = u32::from(matches!(task.stand, StepStand::Backoff(_)));
    let most = facts.state.shapes.get(task.step as usize).map_or(0, |shape| shape.attempts);
    let shown = task.attempts + next > 1 || facts.rows.section_of(item) == Section::Failed;
    shown.then(|| format!("{}/{}", task.attempts + next, most.max(task.attempts + next)))
}

/// Since when the attempt at work has run.
pub(super) fn at_work_since(story: &ItemStory) -> u64 {
    let running = story.steps.iter().filter(|task| task.stand == StepStand::Running);
    running.map(|task| task.since).min().unwrap_or(story.began)
}

/// How long the attempt at work has run, or the item took.
fn time(facts: &Facts, item: ItemIndex, story: Option<&ItemStory>) -> Option<u64> {
    let story = story?;
    match facts.rows.section_of(item) {
        Section::Running => Some(facts.now.saturating_sub(at_work_since(story))),
        Section::Done | Section::Failed | Section::Cancelled => {
            story.ended.map(|ended| ended.saturating_sub(story.began))
        }
        _ => None,
    }
}
