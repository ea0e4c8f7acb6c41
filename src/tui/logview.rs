//! A log on the screen: it follows its end or stands still, wraps long lines or moves sideways, and is searched.

mod lines;
mod tail;

use std::collections::VecDeque;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};

use lines::{Line, Lines};
pub use tail::Tail;

use super::look::Look;
use super::text::{count, width};
use super::theme::Role;
use super::widgets::found;
use super::wrap::cut;

/// Columns that a step sideways goes.
const SIDEWAYS: usize = 16;

/// A place in the log: the number of a line, and the row in it where it is wrapped.
type Place = (u64, usize);

/// The latest part of a log, and how it is looked at.
#[derive(Debug, Clone)]
pub struct LogView {
    lines: Lines,
    follow: bool,
    wrap: bool,
    top: Place,
    left: usize,
    /// What is searched for, in lower case.
    wanted: String,
    /// The lines that it stands in, and up to which one was looked.
    matches: VecDeque<u64>,
    looked: u64,
    /// The line of the match that one stands at.
    at: Option<u64>,
    /// Columns and rows at the last frame.
    seen: (usize, usize),
}

impl Default for LogView {
    fn default() -> Self {
        Self {
            lines: Lines::default(),
            follow: true,
            wrap: false,
            top: (0, 0),
            left: 0,
            wanted: String::new(),
            matches: VecDeque::new(),
            looked: 0,
            at: None,
            seen: (80, 10),
        }
    }
}

impl LogView {
    /// More of the log.
    pub fn add(&mut self, text: &str) {
        self.lines.add(text);
        self.look_on();
    }

    /// A part of the log is left out here.
    pub fn skip(&mut self, word: &str) {
        self.lines.skip(word);
    }

    /// Begins anew, with another log: how it is looked at stays.
    pub fn clear(&mut self) {
        let (wrap, seen, wanted) = (self.wrap, self.seen, std::mem::take(&mut self.wanted));
        *self = Self { wrap, seen, wanted, ..Self::default() };
    }

    /// Whether there is nothing in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.lines.range().is_empty()
    }

    /// Whether it stays at its end.
    #[must_use]
    pub fn follows(&self) -> bool {
        self.follow
    }

    /// Stays at its end from now on, or stands still.
    pub fn toggle_follow(&mut self) {
        if self.follow {
            self.stand();
        } else {
            self.follow = true;
        }
    }

    /// Wraps long lines, or cuts them.
    pub fn toggle_wrap(&mut self) {
        self.stand_if_still();
        self.wrap = !self.wrap;
        (self.left, self.top.1) = (0, 0);
    }

    /// Whether long lines are wrapped.
    #[must_use]
    pub fn wraps(&self) -> bool {
        self.wrap
    }

    /// Rows up (below 0) or down. Whoever comes to the end follows it.
    pub fn scroll(&mut self, rows: isize) {
        let end = self.last_top();
        if self.follow {
            self.top = end;
        }
        let back = rows < 0;
        for _ in 0..rows.unsigned_abs() {
            self.top = if back { self.before(self.top) } else { self.after(self.top).min(end) };
        }
        self.follow = !back && self.top >= end;
    }

    /// Pages up (below 0) or down.
    pub fn page(&mut self, pages: isize) {
        self.scroll(pages * isize::try_from(self.seen.1.saturating_sub(1).max(1)).unwrap_or(1));
    }

    /// To the first line that is kept.
    pub fn to_top(&mut self) {
        (self.follow, self.top) = (false, (self.lines.range().start, 0));
    }

    /// To the end.
    pub fn to_bottom(&mut self) {
        self.follow = true;
    }

    /// A step to the right. `false`: there is nothing more.
    pub fn to_right(&mut self) -> bool {
        let widest = self.in_sight().filter_map(|number| self.lines.get(number)).map(|line| line.width).max();
        let more = !self.wrap && widest.unwrap_or(0) > self.left + self.seen.0;
        self.left += if more { SIDEWAYS } else { 0 };
        more
    }

    /// A step to the left. `false`: it is at its left end.
    pub fn to_left(&mut self) -> bool {
        let moved = self.left > 0;
        self.left = self.left.saturating_sub(SIDEWAYS);
        moved
    }

    /// What is searched for, in lower case.
    #[must_use]
    pub fn wanted(&self) -> &str {
        &self.wanted
    }

    /// Searches for another text, from what is in sight on.
    pub fn search(&mut self, text: &str) {
        self.wanted = text.to_lowercase();
        (self.looked, self.at) = (0, None);
        self.matches.clear();
        self.look_on();
        let from = if self.follow { self.last_top() } else { self.top };
        let next = self.matches.iter().copied().find(|line| *line >= from.0).or_else(|| self.matches.back().copied());
        if let Some(line) = next {
            self.go_to(line);
        }
    }

    /// To the next match, or the one before; around the ends. `false`: there is none.
    pub fn next_match(&mut self, forward: bool) -> bool {
        let here = self.at.unwrap_or(self.top.0);
        let next = if forward {
            self.matches.iter().copied().find(|line| *line > here).or_else(|| self.matches.front().copied())
        } else {
            self.matches.iter().rev().copied().find(|line| *line < here).or_else(|| self.matches.back().copied())
        };
        next.map(|line| self.go_to(line)).is_some()
    }

    /// Where one is, for the head of the log. `growing`: more may come.
    #[must_use]
    pub fn status(&self, growing: bool) -> Vec<String> {
        let mut said = Vec::new();
        if !self.wanted.is_empty() {
            let place = self.at.and_then(|at| self.matches.iter().position(|line| *line == at));
            said.push(match (place, self.matches.len()) {
                (_, 0) => "no match".to_owned(),
                (Some(place), all) => format!("match {} of {}", count(place as u64 + 1), count(all as u64)),
                (None, 1) => "1 match".to_owned(),
                (None, all) => format!("{} matches", count(all as u64)),
            });
        }
        if self.wrap {
            said.push("wrapped".to_owned());
        } else if self.left > 0 {
            said.push(format!("from column {}", self.left + 1));
        }
        let range = self.lines.range();
        said.push(match (self.follow, range.end) {
            (true, _) if growing => "follows".to_owned(),
            (true, 1) => "1 line".to_owned(),
            (true, all) => format!("{} lines", count(all)),
            (false, all) => format!("line {} of {}", count(self.top.0.max(range.start) + 1), count(all)),
        });
        said
    }

    /// Draws it.
    pub fn draw(&mut self, look: &Look, area: Rect, buffer: &mut Buffer) {
        if area.is_empty() {
            return;
        }
        self.seen = (usize::from(area.width), usize::from(area.height));
        let end = self.last_top();
        if !self.follow {
            let start = (self.lines.range().start, 0);
            let (line, row) = self.top.max(start);
            // In another width the line has another number of rows.
            self.top = (line, row.min(self.rows(line) - 1)).min(end);
        }
        let mut place = if self.follow { end } else { self.top };
        for y in area.top()..area.bottom() {
            let Some(line) = self.lines.get(place.0) else { break };
            let row = Rect { y, height: 1, ..area };
            self.draw_line(line, place, look, row, buffer);
            place = self.after(place);
        }
    }

    fn draw_line(&self, line: &Line, place: Place, look: &Look, row: Rect, buffer: &mut Buffer) {
        let columns = usize::from(row.width);
        let plain = if line.error { look.style(Role::LogError) } else { Style::new() };
        let ellipsis = look.glyphs.ellipsis;
        // The part in sight, and the columns from the left that its beginning stands at.
        let (part, indent) = if self.wrap {
            (cut(&line.text, columns).get(place.1).copied().unwrap_or(&line.text[line.text.len()..]), 0)
        } else {
            part_from(&line.text, self.left)
        };
        let from = part.as_ptr() as usize - line.text.as_ptr() as usize;
        let mut x = row.x + indent as u16;
        let (mut at, end) = (from, from + part.len());
        let here = self.at == Some(place.0);
        let marked = if here { Modifier::UNDERLINED } else { Modifier::empty() };
        let matched = look.style(Role::Match).add_modifier(marked);
        let mut put = |text: &str, style: Style| {
            x = buffer.set_stringn(x, row.y, text, usize::from(row.right().saturating_sub(x)), style).0;
        };
        for range in found(&line.text, &self.wanted) {
            let (start, stop) = (range.start.clamp(at, end), range.end.clamp(at, end));
            if let (Some(before), Some(part)) = (line.text.get(at..start), line.text.get(start..stop)) {
                put(before, plain);
                put(part, matched);
                at = stop;
            }
        }
        put(line.text.get(at..end).unwrap_or_default(), plain);
        if !self.wrap {
            let dim = look.style(Role::Dim);
            if self.left > 0 && !line.text.is_empty() {
                buffer.set_stringn(row.x, row.y, ellipsis, 1, dim);
            }
            if line.width > self.left + columns {
                buffer.set_stringn(row.right() - 1, row.y, ellipsis, 1, dim);
            }
        }
    }

    fn look_on(&mut self) {
        let range = self.lines.range();
        while self.matches.front().is_some_and(|line| *line < range.start) {
            self.matches.pop_front();
        }
        if self.wanted.is_empty() {
            return;
        }
        for number in self.looked.max(range.start)..range.end {
            let matched = self.lines.get(number).is_some_and(|line| !found(&line.text, &self.wanted).is_empty());
            match self.matches.back() == Some(&number) {
                true if !matched => drop(self.matches.pop_back()),
                false if matched => self.matches.push_back(number),
                _ => {}
            }
        }
        // The last line may not have ended.
        self.looked = range.end.saturating_sub(1);
    }

    fn go_to(&mut self, line: u64) {
        (self.follow, self.at) = (false, Some(line));
        self.top = (line.saturating_sub(self.seen.1 as u64 / 3), 0);
        if let Some(range) = self.lines.get(line).and_then(|line| found(&line.text, &self.wanted).into_iter().next())
            && let Some(text) = self.lines.get(line).map(|line| &line.text)
        {
            let (from, to) = (width(&text[..range.start]), width(&text[..range.end]));
            if !self.wrap && !(self.left..self.left + self.seen.0).contains(&to) {
                self.left = if to < self.seen.0 { 0 } else { from.saturating_sub(self.seen.0 / 2) };
            }
        }
    }

    fn stand(&mut self) {
        (self.top, self.follow) = (self.last_top(), false);
    }

    fn stand_if_still(&mut self) {
        self.top = self.top.max((self.lines.range().start, 0));
    }

    fn rows(&self, number: u64) -> usize {
        match self.lines.get(number) {
            Some(line) if self.wrap && line.width > self.seen.0 => cut(&line.text, self.seen.0).len(),
            _ => 1,
        }
    }

    fn after(&self, (line, row): Place) -> Place {
        if row + 1 < self.rows(line) { (line, row + 1) } else { (line + 1, 0) }
    }

    fn before(&self, (line, row): Place) -> Place {
        let start = self.lines.range().start;
        match row {
            _ if line < start => (start, 0),
            0 if line == start => (start, 0),
            0 => (line - 1, self.rows(line - 1) - 1),
            row => (line, row - 1),
        }
    }

    /// The top of the last page.
    fn last_top(&self) -> Place {
        let range = self.lines.range();
        let (mut line, mut left) = (range.end, self.seen.1);
        while line > range.start && left > 0 {
            line -= 1;
            let rows = self.rows(line);
            if rows >= left {
                return (line, rows - left);
            }
            left -= rows;
        }
        (line, 0)
    }

    fn in_sight(&self) -> std::ops::Range<u64> {
        let top = if self.follow { self.last_top() } else { self.top };
        top.0..(top.0 + self.seen.1 as u64).min(self.lines.range().end)
    }
}

/// What stands from column `left` on, and how many columns of blanks before it: half of a wide letter is not drawn.
fn part_from(text: &str, left: usize) -> (&str, usize) {
    use unicode_segmentation::UnicodeSegmentation;
    let mut used = 0;
    for (at, grapheme) in text.grapheme_indices(true) {
        if used >= left {
            return (&text[at..], used - left);
        }
        used += width(grapheme);
    }
    (&text[text.len()..], 0)
}

#[cfg(test)]
mod tests;
