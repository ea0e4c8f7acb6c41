//! Small things that several screens draw.

use std::time::Duration;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Clear, Padding, Widget};

use super::facts::{Facts, Link};
use super::look::Look;
use super::text;
use super::theme::Role;
use super::wrap::fold;
use crate::events::telling::step_id;
use crate::events::{ItemIndex, RunPhase, StopLevel};
use crate::resilience::breaker::BreakerState;
use crate::resilience::safe_text::safe_line;

/// From this width on two parts of a screen stand beside each other.
pub const WIDE: u16 = 100;

/// The time that a screen counts from: of a run that is over, its end.
#[must_use]
pub fn now(facts: &Facts) -> u64 {
    if facts.reachable().is_ok() { facts.now } else { facts.state.elapsed }
}

/// Whether the run ended without an end, and its last moment is in sight: at an earlier one it is at work.
#[must_use]
pub fn was_killed(facts: &Facts) -> bool {
    let is_last = facts.moment.is_none_or(|(at, end)| at == end);
    facts.link == Link::Record && is_last && !facts.is_over()
}

/// Where the run stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// The sign for it.
    pub sign: &'static str,
    /// The word for it.
    pub word: &'static str,
    /// What else there is to say, to be put right behind the word.
    pub more: String,
    /// How it looks.
    pub role: Role,
}

/// Where the run stands, in the words that all screens have for it.
#[must_use]
pub fn standing_of(facts: &Facts, look: &Look) -> Standing {
    let glyphs = &look.glyphs;
    let why = |why: &str| format!(": {}", safe_line(why));
    let (sign, word, more, role) = match &facts.state.phase {
        _ if was_killed(facts) => (glyphs.cross, "was killed", String::new(), Role::Failed),
        RunPhase::Starting => (glyphs.waiting, "starting", String::new(), Role::Dim),
        RunPhase::Running => (glyphs.running(look.beat), "running", String::new(), Role::Running),
        RunPhase::Paused(reason) => (glyphs.parked, "PAUSED", why(reason), Role::Warn),
        RunPhase::Stopping(StopLevel::Drain) => (glyphs.parked, "draining", String::new(), Role::Warn),
        RunPhase::Stopping(StopLevel::Cancel) => (glyphs.cancelled, "stopping", String::new(), Role::Warn),
        RunPhase::Stopping(StopLevel::Kill) => (glyphs.cancelled, "ending now", String::new(), Role::Warn),
        RunPhase::Finished(None) if facts.state.counts.failed > 0 => {
            (glyphs.cross, "finished", ", with failures".to_owned(), Role::Failed)
        }
        RunPhase::Finished(None) => (glyphs.tick, "finished", String::new(), Role::Done),
        RunPhase::Finished(Some(reason)) => (glyphs.cancelled, "ended", why(reason), Role::Cancelled),
    };
    Standing { sign, word, more, role }
}

/// The ids of the steps that depend on it.
#[must_use]
pub fn steps(dependency: &str, facts: &Facts) -> String {
    let state = &facts.state;
    let needs = state.shapes.iter().map(|shape| shape.dependency.as_deref() == Some(dependency));
    let ids = needs.enumerate().filter(|(_, needs)| *needs).map(|(step, _)| step_id(state, step as u32));
    ids.collect::<Vec<_>>().join(", ")
}

/// A time span of milliseconds, as a clock shows it.
#[must_use]
pub fn clock(ms: u64) -> String {
    text::clock(Duration::from_millis(ms))
}

/// How far the task that runs is: how many of its pieces are settled, `312/10,000`, or how much of the sound is done,
/// where its step tells: `12:30 of 59:00`.
#[must_use]
pub fn progress(facts: &Facts, item: ItemIndex, step: u32) -> Option<String> {
    if let Some(pieces) = facts.state.pieces(item, step) {
        return Some(format!("{}/{}", text::count(pieces.settled().into()), text::count(pieces.total.into())));
    }
    let progress = facts.state.tasks.get(&(item, step))?.progress?;
    let of = progress.of.map_or_else(String::new, |of| format!(" of {}", clock(of)));
    Some(format!("{}{of}", clock(progress.done)))
}

/// A time span of milliseconds, in the units that matter.
#[must_use]
pub fn duration(ms: u64) -> String {
    text::duration(Duration::from_millis(ms))
}

/// Prints `line` into the first row of `area`; what does not fit is cut off, with a sign for it.
pub fn put(buffer: &mut Buffer, area: Rect, line: &Line<'_>, look: &Look) {
    let area = area.intersection(buffer.area);
    if area.is_empty() {
        return;
    }
    // Of blanks at the end nobody misses anything.
    let is_blank = |span: &&Span<'_>| span.content.trim_end().is_empty();
    let mut said = line.spans.iter().rev().skip_while(is_blank);
    let last = said.next().map_or(0, |span| text::width(span.content.trim_end()));
    let whole = last + said.map(|span| text::width(&span.content)).sum::<usize>();
    let all = usize::from(area.width);
    let ellipsis = look.glyphs.ellipsis;
    let mut x = area.x;
    for (at, span) in line.spans.iter().enumerate() {
        let room = usize::from(area.right() - x);
        let style = line.style.patch(span.style);
        let is_last = at + 1 == line.spans.len();
        let width = text::width(&span.content);
        if whole <= all || width < room || (width == room && is_last) {
            (x, _) = buffer.set_stringn(x, area.y, &span.content, room, style);
        } else {
            // The sign must be there where this part fits and the next does not.
            let part = text::clip(&span.content, room.saturating_sub(text::width(ellipsis)), "");
            (x, _) = buffer.set_stringn(x, area.y, part, room, style);
            buffer.set_stringn(x, area.y, ellipsis, usize::from(area.right() - x), style);
            return;
        }
    }
}

/// The row `y` of `area`, from its first; nothing below its last.
#[must_use]
pub fn row(area: Rect, y: u16) -> Rect {
    if y >= area.height {
        return Rect { height: 0, ..area };
    }
    Rect { y: area.y + y, height: 1, ..area }
}

/// Prints lines from `from` on one below the other, as far as there is room, and at the foot how many more there are.
pub fn put_lines(buffer: &mut Buffer, area: Rect, lines: &[Line<'_>], from: usize, look: &Look) {
    let room = usize::from(area.height);
    let below = lines.len().saturating_sub(from + room);
    // Nobody is to take the last line for the end.
    let shown = if below > 0 && room > 1 { room - 1 } else { room };
    for (y, line) in lines.iter().skip(from).take(shown).enumerate() {
        put(buffer, row(area, y as u16), line, look);
    }
    if shown < room {
        let more = format!("{} {} more lines", look.glyphs.ellipsis, below + 1);
        put(buffer, row(area, area.height - 1), &Line::styled(more, look.style(Role::Dim)), look);
    }
}

/// A span of a role.
#[must_use]
pub fn span(text: impl Into<String>, role: Role, look: &Look) -> Span<'static> {
    Span::styled(text.into(), look.style(role))
}

/// A line over a part of a screen: its title at the left, a word on how it is shown at the right.
pub fn rule(buffer: &mut Buffer, area: Rect, (title, said): (&str, &str), focused: bool, look: &Look) {
    let (set, role) =
        if focused { (&look.glyphs.border_focused, Role::BorderFocused) } else { (&look.glyphs.border, Role::Border) };
    let columns = usize::from(area.width);
    let title = text::clip(title, columns.saturating_sub(4), look.glyphs.ellipsis);
    let (title, used) =
        if title.is_empty() { (String::new(), 0) } else { (format!(" {title} "), text::width(&title) + 2) };
    // The word gives way to the title.
    let (said, wide) = match text::width(said) {
        wide if wide > 0 && used + wide + 5 <= columns => (format!(" {said} "), wide + 2),
        _ => (String::new(), 0),
    };
    let dash = |count: usize| span(set.horizontal_top.repeat(count), role, look);
    let ends = usize::from(wide > 0);
    let line = Line::from(vec![
        dash(1),
        span(title, if focused { Role::Accent } else { Role::Title }, look),
        dash(columns.saturating_sub(1 + used + wide + ends)),
        span(said, Role::Dim, look),
        dash(ends),
    ]);
    put(buffer, row(area, 0), &line, look);
}

/// Sentences in lines of `columns`: the first behind `lead`, the others below where that ends.
#[must_use]
pub fn folded(lead: Span<'static>, text: &str, style: Style, columns: usize) -> Vec<Line<'static>> {
    let indent = text::width(&lead.content).min(columns / 2);
    let mut lead = Some(lead);
    let lines = fold(text, columns.saturating_sub(indent));
    let line = |part: String| {
        let first = lead.take().unwrap_or_else(|| Span::raw(" ".repeat(indent)));
        Line::from(vec![first, Span::styled(part, style)])
    };
    lines.into_iter().map(line).collect()
}

/// The least that a border is drawn around, in columns and rows.
const FRAMED: (u16, u16) = (24, 4);
/// The least screen that something is laid over with a border, in rows.
const LAID_OVER: u16 = 8;

/// A box with a title over `area`, and the room within. Where there is none for a border, all of the area.
pub fn panel(buffer: &mut Buffer, area: Rect, title: &str, look: &Look) -> Rect {
    let area = area.intersection(buffer.area);
    if area.width < FRAMED.0 || area.height < FRAMED.1 {
        return area;
    }
    framed(buffer, area, title, (look.glyphs.border, Role::Border), look)
}

/// A box in the middle of `area` over whatever was there, of at most `width` and `height` within, and the room within.
/// On a screen that is too small for that it is all of the screen, without a border.
pub fn overlay(buffer: &mut Buffer, area: Rect, (width, height): (u16, u16), title: &str, look: &Look) -> Rect {
    let area = area.intersection(buffer.area);
    let is_small = area.width < FRAMED.0 || area.height < LAID_OVER;
    // Two columns of border and two of room beside it; two rows of border.
    let (width, height) = (width.saturating_add(4).min(area.width), height.saturating_add(2).min(area.height));
    let (x, y) = (area.x + (area.width - width) / 2, area.y + (area.height - height) / 2);
    let area = if is_small { area } else { Rect { x, y, width, height } };
    Clear.render(area, buffer);
    buffer.set_style(area, look.style(Role::Text));
    if is_small {
        return area;
    }
    framed(buffer, area, title, (look.glyphs.border_focused, Role::BorderFocused), look)
}

fn framed(
    buffer: &mut Buffer,
    area: Rect,
    title: &str,
    (set, role): (ratatui::symbols::border::Set<'static>, Role),
    look: &Look,
) -> Rect {
    let title = text::clip(title, usize::from(area.width).saturating_sub(4), look.glyphs.ellipsis).into_owned();
    let block = Block::bordered()
        .border_set(set)
        .border_style(look.style(role))
        // The title is no part of the border, however faint that is.
        .title(Span::styled(format!(" {title} "), look.style(Role::Title).remove_modifier(Modifier::DIM)))
        .padding(Padding::horizontal(1));
    let inner = block.inner(area);
    block.render(area, buffer);
    inner
}

/// A sign at the right edge of `area` for where the window of a long list is.
pub fn scrollbar(buffer: &mut Buffer, area: Rect, top: usize, shown: usize, len: usize, look: &Look) {
    let area = area.intersection(buffer.area);
    if len <= shown || area.width < 2 || area.height < 2 {
        return;
    }
    let height = usize::from(area.height);
    let thumb = (height * shown / len).clamp(1, height);
    // At the end it is at the end, and not before.
    let left = (height - thumb) * top / (len - shown);
    for y in 0..height {
        let is_thumb = (left..left + thumb).contains(&y);
        let sign = if is_thumb { look.glyphs.scrollbar.thumb } else { look.glyphs.scrollbar.track };
        buffer.set_string(area.right() - 1, area.y + y as u16, sign, look.style(Role::Border));
    }
}

/// The list, which would have so many lines, and the details: beside it where there is room, else below, or nowhere.
#[must_use]
pub fn split(area: Rect, wanted: u16) -> (Rect, Rect) {
    if area.width >= WIDE {
        let left = area.width - (area.width * 2 / 5).min(60) - 1;
        let side = Rect { x: area.x + left + 1, width: area.width - left - 1, ..area };
        return (Rect { width: left, ..area }, side);
    }
    // A panel of three lines and its border is the least that helps.
    if area.height < 10 {
        return (area, Rect::default());
    }
    let top = wanted.min(area.height / 2);
    let below = Rect { y: area.y + top, height: area.height - top, ..area };
    (Rect { height: top, ..area }, below)
}

/// `label` and a text beside it, wrapped, its lines below each other.
#[must_use]
pub fn pair(label: &str, value: &str, label_width: usize, width: usize, look: &Look) -> Vec<Line<'static>> {
    let room = width.saturating_sub(label_width + 2);
    let lines = fold(value, room.max(8));
    let label = |at: usize| text::pad(if at == 0 { label } else { "" }, label_width + 2);
    let line = |(at, value): (usize, String)| {
        Line::from(vec![Span::styled(label(at), look.style(Role::Dim)), Span::styled(value, plain(look))])
    };
    lines.into_iter().enumerate().map(line).collect()
}

/// A text in its style, and behind it blanks up to `columns`, which are no part of it: they are not underlined with it.
#[must_use]
pub fn padded(text: impl Into<String>, columns: usize, style: Style) -> [Span<'static>; 2] {
    let text = text.into();
    let blanks = " ".repeat(columns.saturating_sub(text::width(&text)));
    [Span::styled(text, style), Span::raw(blanks)]
}

/// How the state of a breaker looks.
#[must_use]
pub const fn breaker_role(state: BreakerState) -> Role {
    match state {
        BreakerState::Closed => Role::BreakerClosed,
        BreakerState::Open => Role::BreakerOpen,
        BreakerState::HalfOpen => Role::BreakerHalfOpen,
    }
}

/// The columns of [`breaker_word`].
pub const BREAKER_WIDTH: usize = 11;

/// The sign and the word for the state of a breaker, and blanks behind them.
#[must_use]
pub fn breaker_word(state: BreakerState, look: &Look) -> [Span<'static>; 2] {
    let text = format!("{} {state}", look.glyphs.breaker(state));
    padded(text, BREAKER_WIDTH, look.style(breaker_role(state)))
}

/// The style of plain text as part of a line: it leaves the background as it is.
#[must_use]
pub fn plain(look: &Look) -> Style {
    Style { bg: None, ..look.style(Role::Text) }
}

/// Where `needle` is found in `text`, great and small letters alike: ranges of bytes, the ends not in them.
#[must_use]
pub fn found(text: &str, needle: &str) -> Vec<std::ops::Range<usize>> {
    let needle: Vec<char> = needle.chars().flat_map(char::to_lowercase).collect();
    let mut ranges = Vec::new();
    let mut from = 0;
    for (at, _) in text.char_indices() {
        if at >= from
            && let Some(length) = begins(&text[at..], &needle)
        {
            from = at + length;
            ranges.push(at..from);
        }
    }
    ranges
}

/// The bytes that `needle` takes where `text` begins with it.
fn begins(text: &str, needle: &[char]) -> Option<usize> {
    let mut left = needle.iter();
    for (offset, c) in text.char_indices() {
        for lower in c.to_lowercase() {
            // A letter whose small form is two may be found by its first.
            if left.next().is_some_and(|wanted| *wanted != lower) {
                return None;
            }
        }
        if left.len() == 0 {
            return (!needle.is_empty()).then_some(offset + c.len_utf8());
        }
    }
    None
}

/// How a mark of what was found looks, in the row of the cursor or in another.
#[must_use]
pub fn mark(is_selected: bool, look: &Look) -> Style {
    if is_selected {
        // The row of the cursor has one colour; attributes are left to tell.
        return Style::new().add_modifier(Modifier::BOLD | Modifier::UNDERLINED);
    }
    look.style(Role::Match)
}

/// `text` with what was found in it marked.
#[must_use]
pub fn marked(text: &str, needle: &str, style: Style, mark: Style) -> Vec<Span<'static>> {
    let mut spans = Vec::new();
    let mut from = 0;
    for range in found(text, needle) {
        spans.push(Span::styled(text[from..range.start].to_owned(), style));
        spans.push(Span::styled(text[range.clone()].to_owned(), mark));
        from = range.end;
    }
    spans.push(Span::styled(text[from..].to_owned(), style));
    spans.retain(|span| !span.content.is_empty());
    spans
}

#[cfg(test)]
mod tests;
