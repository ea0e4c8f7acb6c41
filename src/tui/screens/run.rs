//! The batch: totals, pace and time left, the steps, the dependencies, and every item.

mod header;
mod item;
mod laid;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::Screen;
use super::asks::{self, path_word};
use crate::events::ItemIndex;
use crate::tui::action::Action;
use crate::tui::effect::Effect;
use crate::tui::facts::Facts;
use crate::tui::list::List;
use crate::tui::look::Look;
use crate::tui::rows::{Filter, Row, Section};
use crate::tui::text;
use crate::tui::theme::Role;
use crate::tui::widgets::scrollbar;
use laid::Laid;

/// The batch.
#[derive(Debug, Default)]
pub struct RunScreen {
    /// The row that the cursor is on, at the last frame.
    cursor: Option<Row>,
    /// Somebody put it there. Before that it is on the first file, whichever that is.
    chosen: bool,
    /// The row that was chosen last and is not there at the moment: an item that the filter hides.
    place: usize,
    /// The rows in sight.
    list: List,
    /// Lines above the rows at the last frame.
    above: u16,
    filter: String,
}

impl RunScreen {
    /// The item that the cursor is on.
    fn item(&self) -> Option<ItemIndex> {
        match self.cursor {
            Some(Row::Item(item)) => Some(item),
            _ => None,
        }
    }

    /// Puts the cursor onto the row at `place`, or the last one.
    fn put(&mut self, place: usize, facts: &Facts) {
        self.chosen = true;
        let layout = Laid::of(facts, self.cursor);
        self.place = place.min(layout.len().saturating_sub(1));
        self.cursor = layout.row(self.place);
    }

    fn step(&mut self, facts: &Facts, by: isize) {
        let layout = Laid::of(facts, self.cursor);
        let now = self.cursor.and_then(|row| layout.place(row)).unwrap_or(self.place);
        let to = now.saturating_add_signed(by);
        self.put(to, facts);
    }

    /// Where the cursor is; a row that went away leaves it where it was.
    fn settle(&mut self, facts: &Facts) -> usize {
        if !self.chosen {
            let layout = Laid::of(facts, None);
            let first = (0..layout.len()).find(|place| matches!(layout.row(*place), Some(Row::Item(_))));
            self.place = first.unwrap_or(0);
            self.cursor = layout.row(self.place);
            return self.place;
        }
        let layout = Laid::of(facts, self.cursor);
        match self.cursor.and_then(|row| layout.place(row)) {
            Some(place) => self.place = place,
            None => {
                self.place = self.place.min(layout.len().saturating_sub(1));
                self.cursor = layout.row(self.place).or(self.cursor);
            }
        }
        self.place
    }

    fn draw_rows(&mut self, facts: &Facts, look: &Look, area: Rect, buffer: &mut Buffer) {
        let place = self.settle(facts);
        let layout = Laid::of(facts, self.cursor);
        let len = layout.len();
        self.list.go(place);
        let mut placed = self.list.place(len, area.height, |_| 1);
        if self.list.top() == 1 && place < usize::from(area.height) {
            // The heading of the first group comes into sight with its first file.
            self.list.go(0);
            self.list.place(len, area.height, |_| 1);
            self.list.go(place);
            placed = self.list.place(len, area.height, |_| 1);
        }
        let has_bar = placed.len() < len && area.width > 30;
        let width = area.width - u16::from(has_bar);
        if layout.is_empty() {
            let told = if facts.state.items() == 0 {
                "no files yet"
            } else if self.filter.is_empty() {
                "nothing to show"
            } else {
                "no file matches the filter; Esc takes it away"
            };
            buffer.set_stringn(area.x + 1, area.y, told, width.saturating_sub(1) as usize, look.style(Role::Dim));
        }
        let columns = item::Columns::of(width as usize, facts);
        for placed in &placed {
            let Some(row) = layout.row(placed.row) else { break };
            let spot = Rect { x: area.x, y: area.y + placed.line, width, height: 1 };
            let drawn = match row {
                Row::Head(section) => heading(facts, look, section, width as usize),
                Row::Item(item) => item::line(facts, look, &columns, item),
            };
            buffer.set_line(spot.x + 1, spot.y, &drawn, width.saturating_sub(1));
            if self.cursor == Some(row) {
                look.select(spot, buffer);
            }
        }
        if has_bar {
            scrollbar(buffer, area, self.list.top(), placed.len(), len, look);
        }
    }
}

/// The heading of a group: whether it is folded, its name, its count, a line.
fn heading(facts: &Facts, look: &Look, section: Section, width: usize) -> Line<'static> {
    let folded = facts.rows.is_folded(section);
    let sign = if folded { look.glyphs.folded } else { look.glyphs.unfolded };
    let count = text::count(facts.rows.count(section) as u64);
    let head = format!("{sign} {} {count} ", section.title());
    let line = look.glyphs.lines.horizontal.repeat(width.saturating_sub(text::width(&head) + 2));
    Line::from(vec![Span::styled(head, look.style(Role::Title)), Span::styled(line, look.style(Role::Border))])
}

impl Screen for RunScreen {
    fn draw(&mut self, facts: &Facts, look: &Look, area: Rect, buffer: &mut Buffer) {
        let lines = header::lines(facts, look, area);
        self.above = (lines.len() as u16).min(area.height.saturating_sub(1));
        for (line, row) in lines.iter().zip(area.y..area.y + self.above) {
            buffer.set_line(area.x, row, line, area.width);
        }
        let rows = Rect { y: area.y + self.above, height: area.height - self.above, ..area };
        self.draw_rows(facts, look, rows, buffer);
    }

    fn act(&mut self, action: Action, facts: &mut Facts) -> Vec<Effect> {
        // Whatever is done is done to what was under the cursor when it was asked for.
        self.chosen |= !matches!(action, Action::Sort);
        let page = self.list.page() as isize;
        match action {
            Action::Up => self.step(facts, -1),
            Action::Down => self.step(facts, 1),
            Action::PageUp => self.step(facts, -page),
            Action::PageDown => self.step(facts, page),
            Action::Top => self.put(0, facts),
            Action::Bottom => self.put(usize::MAX, facts),
            Action::Sort => {
                let order = facts.rows.order().next();
                facts.rows.set_order(order, &facts.state);
                return vec![Effect::Say(format!("sorted by {}", order.title()))];
            }
            Action::Left | Action::Right | Action::Fold => {
                let section = match self.cursor {
                    Some(Row::Head(section)) => section,
                    Some(Row::Item(item)) => facts.rows.section_of(item),
                    None => return Vec::new(),
                };
                let wanted = match action {
                    Action::Left => true,
                    Action::Right => false,
                    _ => !facts.rows.is_folded(section),
                };
                if wanted != facts.rows.is_folded(section) {
                    facts.rows.toggle(section);
                    if wanted {
                        self.cursor = Some(Row::Head(section));
                    }
                }
            }
            Action::Open => match self.cursor {
                Some(Row::Item(item)) => return vec![Effect::Show(item)],
                Some(Row::Head(section)) => facts.rows.toggle(section),
                None => {}
            },
            Action::CancelItem => return self.item().map_or_else(Vec::new, |item| asks::cancel(item, facts)),
            Action::SkipItem => return self.item().map_or_else(Vec::new, |item| asks::leave_out(item, facts)),
            Action::RetryItem => return self.item().map_or_else(Vec::new, |item| asks::retry(item, facts)),
            Action::Copy => {
                let path = self.item().and_then(|item| facts.state.path(item));
                return path.map(|path| Effect::Copy(path_word(&path), "the path")).into_iter().collect();
            }
            _ => {}
        }
        Vec::new()
    }

    fn can(&self, action: Action, facts: &Facts) -> Result<(), String> {
        let section = self.item().map(|item| facts.rows.section_of(item));
        let no_item = || Err("the cursor is on no file".to_owned());
        match (action, section) {
            (Action::Open | Action::Fold | Action::Sort, _) => Ok(()),
            (_, None) => no_item(),
            (Action::CancelItem, Some(Section::Running | Section::Parked | Section::Waiting)) => Ok(()),
            (Action::CancelItem, Some(section)) => Err(format!("it is {}", section.title())),
            (Action::RetryItem, Some(Section::Failed | Section::Cancelled | Section::LeftOut)) => {
                asks::begins_anew(facts)
            }
            (Action::RetryItem, Some(section)) => Err(format!("it is {}, not failed", section.title())),
            (Action::SkipItem, Some(section @ (Section::Done | Section::UpToDate | Section::LeftOut))) => {
                Err(format!("it is {}", section.title()))
            }
            _ => Ok(()),
        }
    }

    fn searched(&self) -> &str {
        &self.filter
    }

    fn search(&mut self, text: &str, facts: &mut Facts) {
        text.clone_into(&mut self.filter);
        facts.rows.set_filter(Filter::of(text), &facts.state);
    }

    fn click(&mut self, _column: u16, row: u16, again: bool, facts: &mut Facts) -> Vec<Effect> {
        let Some(place) = row.checked_sub(self.above).and_then(|line| self.list.at(line)) else { return Vec::new() };
        self.put(place, facts);
        if again { self.act(Action::Open, facts) } else { Vec::new() }
    }
}

#[cfg(test)]
mod tests;
