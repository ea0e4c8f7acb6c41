//! How the room is shared out between the head, the steps, what is to be known of one, and its log.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Line;

use super::detail::Detail;
use super::steps::Steps;
use super::{Focus, ItemScreen, rows};
use crate::events::{ItemPhase, RunState};
use crate::resilience::safe_text::safe_line;
use crate::tui::facts::Facts;
use crate::tui::look::Look;
use crate::tui::rows::Section;
use crate::tui::text::{clip, clip_middle, count, width};
use crate::tui::theme::Role;
use crate::tui::widgets::{WIDE, duration, put, put_lines, row, rule, span, was_killed};

/// Rows of a log that are worth their head.
const LOG_ROWS: u16 = 3;

/// Where things were at the last frame.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Areas {
    pub(super) head: Rect,
    pub(super) steps: Rect,
    pub(super) detail: Rect,
    pub(super) log: Rect,
    /// Lines of the detail that were out of sight below.
    pub(super) hides: usize,
}

/// Where an item stands, in a word.
pub(super) const fn word(phase: ItemPhase) -> &'static str {
    match phase {
        ItemPhase::Waiting => "waiting",
        ItemPhase::UpToDate => "up to date",
        ItemPhase::LeftOut => "left out",
        ItemPhase::Running => "running",
        ItemPhase::Done => "done",
        ItemPhase::Failed => "failed",
        ItemPhase::Parked => "parked",
        ItemPhase::Cancelled => "cancelled",
    }
}

/// The sign, role and word of where the item stands; who waits for a dependency or an attempt is not told to run.
fn standing(facts: &Facts, item: u32, look: &Look) -> (&'static str, Role, &'static str) {
    let state: &RunState = &facts.state;
    let phase = state.phase_of(item);
    let waits_only = || {
        let mut tasks = (0..state.steps.len() as u32).filter_map(|step| state.tasks.get(&(item, step))).peekable();
        tasks.peek().is_some() && tasks.all(|task| task.retry_at.is_some())
    };
    match phase {
        ItemPhase::Running if Section::of(state, item) == Section::Parked => {
            (look.glyphs.parked, Role::Parked, "parked")
        }
        ItemPhase::Running if waits_only() => (look.glyphs.retry, Role::Retry, "waits for its next attempt"),
        phase => {
            let role = match phase {
                ItemPhase::Waiting => Role::Waiting,
                ItemPhase::UpToDate => Role::UpToDate,
                ItemPhase::LeftOut => Role::Skipped,
                ItemPhase::Running => Role::Running,
                ItemPhase::Done => Role::Done,
                ItemPhase::Failed => Role::Failed,
                ItemPhase::Parked => Role::Parked,
                ItemPhase::Cancelled => Role::Cancelled,
            };
            (look.glyphs.phase(phase, look.beat), role, word(phase))
        }
    }
}

impl ItemScreen {
    pub(super) fn draw_all(&mut self, facts: &Facts, look: &Look, area: Rect, buffer: &mut Buffer) {
        self.areas = Areas::default();
        if area.is_empty() {
            return;
        }
        let heads = self.head(facts, look, area, buffer);
        let body = Rect { y: area.y + heads, height: area.height - heads, ..area };
        self.areas.head = Rect { height: heads, ..area };
        if self.full {
            self.areas.log = body;
            self.draw_log(facts, look, buffer);
        } else {
            let (title, lines) = self.share_out(facts, look, body);
            self.draw_steps(facts, look, buffer);
            self.draw_detail(&title, &lines, look, buffer);
            if self.areas.log.x > body.x + 2 {
                let x = self.areas.log.x - 2;
                for y in self.areas.log.top()..self.areas.log.bottom() {
                    buffer.set_string(x, y, look.glyphs.lines.vertical, look.style(Role::Border));
                }
            }
            self.draw_log(facts, look, buffer);
        }
        // From the upper left corner of the area, as clicks are.
        for part in [&mut self.areas.steps, &mut self.areas.detail, &mut self.areas.log] {
            (part.x, part.y) = (part.x.saturating_sub(area.x), part.y.saturating_sub(area.y));
        }
    }

    /// The file, and where it stands. Gives the rows that were used.
    fn head(&self, facts: &Facts, look: &Look, area: Rect, buffer: &mut Buffer) -> u16 {
        let columns = usize::from(area.width);
        let Some(path) = facts.state.path(self.item) else {
            put(buffer, row(area, 0), &Line::from(span("no such item", Role::Dim, look)), look);
            return 1;
        };
        let (mut sign, mut role, word) = standing(facts, self.item, look);
        let small = area.height < 8 || area.width < 40;
        let path = path.to_string_lossy();
        let path = safe_line(&path);
        if small {
            let name = safe_line(path.rsplit('/').next().unwrap_or(&path)).into_owned();
            let name = clip_middle(&name, columns.saturating_sub(2), look.glyphs.ellipsis).into_owned();
            let line = Line::from(vec![span(format!("{sign} "), role, look), span(name, Role::Title, look)]);
            put(buffer, row(area, 0), &line, look);
            return 1;
        }
        let path = clip_middle(&path, columns, look.glyphs.ellipsis).into_owned();
        put(buffer, row(area, 0), &Line::from(span(path, Role::Title, look)), look);
        let separator = format!(" {} ", look.glyphs.separator);
        let mut parts = Vec::new();
        let mut word = word.to_owned();
        if let Some(story) = facts.story.item(self.item).filter(|story| !story.steps.is_empty()) {
            let so_far = duration(facts.now.saturating_sub(story.began));
            match story.ended {
                Some(ended) => parts.push(format!("took {}", duration(ended.saturating_sub(story.began)))),
                None if role == Role::Running && was_killed(facts) => {
                    word = "was running when the run was killed".to_owned();
                    (sign, role) = (look.glyphs.cancelled, Role::Cancelled);
                }
                None if role == Role::Running => word = format!("{word} for {so_far}"),
                None => parts.push(format!("begun {so_far} ago")),
            }
        }
        parts.push(format!("item {} of {}", count(u64::from(self.item) + 1), count(facts.state.items() as u64)));
        if let Some(reason) = &self.left_out.1 {
            parts.push(safe_line(reason).into_owned());
        }
        let rest = format!("{separator}{}", parts.join(&separator));
        let room = columns.saturating_sub(width(sign) + 1 + width(&word));
        let line = Line::from(vec![
            span(format!("{sign} {word}"), role, look),
            span(clip(&rest, room, look.glyphs.ellipsis).into_owned(), Role::Dim, look),
        ]);
        put(buffer, row(area, 1), &line, look);
        let airy = area.height >= 20;
        2 + u16::from(airy)
    }

    /// Gives each part its room, by what matters most when there is little.
    fn share_out(&mut self, facts: &Facts, look: &Look, body: Rect) -> ((String, String), Vec<Line<'static>>) {
        let wanted = rows(facts, self.item).len() as u16;
        let side = body.width >= WIDE && body.height >= 6;
        let left = if side { Rect { width: (body.width - 3) * 11 / 20, ..body } } else { body };
        let detail = Detail {
            facts,
            known: self.known(),
            values: &self.values,
            unread: match &self.checkpoint {
                Some(Err(why)) if why != "no such file" => Some(why),
                _ => None,
            },
            item: self.item,
            row: self.selected(facts),
            columns: usize::from(left.width),
        };
        let (title, lines) = (detail.title(), detail.lines(look));
        let detail_wanted = lines.len() as u16 + 1;
        if side {
            let x = left.right() + 3;
            self.areas.log = Rect { x, width: body.right() - x, ..body };
            let steps = wanted.min(body.height.saturating_sub(detail_wanted + 1).max(body.height / 2));
            self.areas.steps = Rect { height: steps, ..left };
            let used = (steps + 1).min(body.height);
            self.areas.detail = Rect { y: left.y + used, height: body.height - used, ..left };
            return (title, lines);
        }
        if body.height < 8 || body.width < 40 {
            // One part at a time: the one that has the keys.
            match self.focus {
                Focus::Log => self.areas.log = body,
                Focus::Detail => self.areas.detail = body,
                Focus::Steps => self.areas.steps = body,
            }
            if self.focus != Focus::Steps {
                return (title, lines);
            }
            let below = body.height.saturating_sub(wanted);
            if below >= 3 && body.width >= 20 {
                self.areas.steps.height = wanted;
                self.areas.detail = Rect { y: body.y + wanted, height: below, ..body };
            }
            return (title, lines);
        }
        let steps = wanted.min((body.height / 2).max(3));
        let rest = body.height - steps;
        // What has no log needs two rows to say so.
        let picture = self.preview.open;
        let log_wanted = if self.tail.path().is_some() || picture { rest } else { 2 };
        let least = log_wanted.min(LOG_ROWS + 1);
        let detail = match () {
            // The eye that asks for a picture wants to see it.
            () if picture => 0,
            () if rest >= detail_wanted + least => detail_wanted.max(rest.saturating_sub(log_wanted)),
            () if rest >= 3 + least => rest - least,
            () if rest >= 3 => rest,
            () => 0,
        };
        self.areas.steps = Rect { height: steps, ..body };
        self.areas.detail = Rect { y: body.y + steps, height: detail, ..body };
        self.areas.log = Rect { y: body.y + steps + detail, height: rest - detail, ..body };
        (title, lines)
    }

    fn draw_steps(&mut self, facts: &Facts, look: &Look, buffer: &mut Buffer) {
        let focused = self.focus == Focus::Steps;
        let selected = self.selected(facts);
        let mut list = std::mem::take(&mut self.list);
        let steps = Steps { facts, known: self.known(), item: self.item, selected, focused };
        steps.draw(&mut list, look, self.areas.steps, buffer);
        self.list = list;
    }

    fn draw_detail(&mut self, title: &(String, String), lines: &[Line<'static>], look: &Look, buffer: &mut Buffer) {
        let area = self.areas.detail;
        if area.height < 2 {
            self.areas.hides = 0;
            return;
        }
        rule(buffer, area, (&title.0, &title.1), self.focus == Focus::Detail, look);
        let room = Rect { y: area.y + 1, height: area.height - 1, ..area };
        self.areas.hides = lines.len().saturating_sub(usize::from(room.height));
        self.scrolled = self.scrolled.min(self.areas.hides);
        put_lines(buffer, room, lines, self.scrolled, look);
    }

    fn draw_log(&mut self, facts: &Facts, look: &Look, buffer: &mut Buffer) {
        let area = self.areas.log;
        if area.is_empty() {
            return;
        }
        let focused = self.focus == Focus::Log;
        if self.preview.open {
            self.preview.draw(look, self.depth, focused, area, buffer);
            return;
        }
        self.tail.turn_to(self.log(facts));
        let selected = self.selected(facts);
        let id = safe_line(facts.state.steps.get(selected.step as usize).map_or("", |id| id)).into_owned();
        let attempts = super::story_of(facts, self.item, selected.step).map_or(0, |story| story.attempts);
        let attempt = selected.attempt.unwrap_or(attempts);
        let title = if attempt > 1 || attempts > 1 {
            format!("log of {id}, attempt {attempt}")
        } else {
            format!("log of {id}")
        };
        let has_log = self.tail.path().is_some();
        let mut said =
            if has_log && !self.tail.view.is_empty() { self.tail.view.status(self.grows(facts)) } else { Vec::new() };
        let separator = format!(" {} ", look.glyphs.separator);
        // How lines are cut is seen; what is found and where one is, is not.
        while said.len() > 1 && width(&title) + width(&said.join(&separator)) + 7 > usize::from(area.width) {
            said.remove(if said.len() > 2 { 1 } else { said.len() - 1 });
        }
        let said = said.join(&separator);
        rule(buffer, area, (&title, &said), focused, look);
        let room = Rect { y: area.y + 1, height: area.height - 1, ..area };
        if has_log && !self.tail.view.is_empty() {
            self.tail.view.draw(look, room, buffer);
            return;
        }
        let said = match () {
            () if !has_log => self.without_log(facts),
            () if self.grows(facts) => "no output yet",
            () if self.tail.missing().is_some() || self.tail.is_settled() => "it said nothing",
            () => "reading the log",
        };
        put(buffer, row(room, 0), &Line::from(span(said, Role::Dim, look)), look);
    }
}
