//! How the room is shared out between the groups, the selected one's example, its files and the example's log.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::Line;

use super::{Failures, Focus};
use crate::resilience::Fault;
use crate::resilience::safe_text::{safe_line, safe_text};
use crate::tui::facts::Facts;
use crate::tui::look::Look;
use crate::tui::screens::asks::files;
use crate::tui::text::{clip_middle, count, fit, pad_start, width};
use crate::tui::theme::Role;
use crate::tui::widgets::{WIDE, folded, put, put_lines, row, rule, span};

use super::groups::Group;

/// The widest column of causes.
const WIDEST_CAUSE: usize = 28;
/// Rows of the end of a log that are worth their head.
const LOG_ROWS: u16 = 3;

/// Where things were at the last frame, from the upper left corner of the screen's area.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Areas {
    pub(super) groups: Rect,
    pub(super) items: Rect,
}

impl Failures {
    pub(super) fn draw_all(&mut self, facts: &Facts, look: &Look, area: Rect, buffer: &mut Buffer) {
        self.areas = Areas::default();
        if area.is_empty() {
            return;
        }
        if self.groups.all.is_empty() {
            let sign = span(format!("{} ", look.glyphs.tick), Role::Done, look);
            let lead = if self.searched.is_empty() { sign } else { span("", Role::Dim, look) };
            let lines = folded(lead, &self.nothing(facts), Style::new(), usize::from(area.width));
            put_lines(buffer, area, &lines, 0, look);
            return;
        }
        let heads = if area.height >= 8 && area.width >= 40 { self.head(facts, look, area, buffer) } else { 0 };
        let body = Rect { y: area.y + heads, height: area.height - heads, ..area };
        let wanted = self.groups.all.len() as u16;
        let side = body.width >= WIDE && body.height >= 8;
        let (groups, rest) = if side {
            let left = Rect { width: body.width * 9 / 20, ..body };
            let x = left.right() + 3;
            for y in body.top()..body.bottom() {
                buffer.set_string(x - 2, y, look.glyphs.lines.vertical, look.style(Role::Border));
            }
            (left, Rect { x, width: body.right() - x, ..body })
        } else if body.height < 8 || body.width < 40 {
            // One list: the one that has the keys.
            match self.focus {
                Focus::Groups => (body, Rect::default()),
                Focus::Items => (Rect::default(), body),
            }
        } else {
            let rows = wanted.min((body.height * 2 / 5).max(3));
            (Rect { height: rows, ..body }, Rect { y: body.y + rows, height: body.height - rows, ..body })
        };
        self.draw_groups(facts, look, groups, buffer);
        self.draw_rest(facts, look, rest, buffer);
        self.areas.groups = below(groups, area);
        self.areas.items = below(self.areas.items, area);
    }

    /// How much failed. Gives the rows that were used.
    fn head(&self, facts: &Facts, look: &Look, area: Rect, buffer: &mut Buffer) -> u16 {
        let (failed, parked) = (self.groups.total(false), self.groups.total(true));
        let causes = self.groups.all.iter().filter(|group| group.key.parked.is_none()).count();
        let mut spans = Vec::new();
        let separator = || span(format!(" {} ", look.glyphs.separator), Role::Dim, look);
        if failed > 0 {
            let of = if causes == 1 { "1 cause".to_owned() } else { format!("{} causes", count(causes as u64)) };
            spans.push(span(format!("{} {} failed", look.glyphs.failed, files(failed)), Role::Failed, look));
            spans.push(span(format!(", {of}"), Role::Dim, look));
        }
        if parked > 0 {
            spans.extend((failed > 0).then(separator));
            spans.push(span(format!("{} {} parked", look.glyphs.parked, files(parked)), Role::Parked, look));
        }
        if self.groups.unknown > 0 {
            spans.push(separator());
            let known = count(facts.state.failures.len() as u64);
            spans.push(span(format!("the first {known} are listed"), Role::Warn, look));
        }
        put(buffer, row(area, 0), &Line::from(spans), look);
        1 + u16::from(area.height >= 20)
    }

    fn draw_groups(&mut self, facts: &Facts, look: &Look, area: Rect, buffer: &mut Buffer) {
        let at = self.at().unwrap_or(0);
        let all = &self.groups.all;
        let columns = Columns::of(all, self.groups.largest(), usize::from(area.width), facts);
        self.group_list.go(at);
        for placed in self.group_list.place(all.len(), area.height, |_| 1) {
            let here = row(area, placed.line);
            put(buffer, here, &columns.line(&all[placed.row], placed.row == at, facts, look), look);
            if placed.row == at && self.focus == Focus::Groups {
                look.highlight(here, buffer);
            }
        }
    }

    fn draw_rest(&mut self, facts: &Facts, look: &Look, area: Rect, buffer: &mut Buffer) {
        let Some(group) = self.group() else { return };
        let (columns, said) = (usize::from(area.width), files(group.count));
        if area.height < 8 || columns < 40 {
            // The head and the files are what is left of it.
            rule(buffer, area, (&title_of(group), &said), self.focus == Focus::Items, look);
            let items = Rect { y: area.y + area.height.min(1), height: area.height.saturating_sub(1), ..area };
            return self.draw_items(facts, look, items, buffer);
        }
        let example = self.example().and_then(|item| facts.state.failures.get(&item));
        let mut lines = example.map_or_else(Vec::new, |(_, fault)| told(fault, look, columns));
        if lines.is_empty() {
            lines.push(Line::from(span("none of them is kept; they are counted only", Role::Dim, look)));
        }
        rule(buffer, area, (&title_of(group), group.key.class.word()), false, look);
        // What to do about it matters more than many files.
        let most = (area.height * 3 / 5).max(2);
        let message = (lines.len() as u16).min(most);
        put_lines(buffer, Rect { y: area.y + 1, height: message, ..area }, &lines, 0, look);

        let left = area.height - 1 - message;
        let has_log = !self.tail.view.is_empty();
        let wanted = group.items.len() as u16;
        let log = if has_log && left > 3 + LOG_ROWS {
            // The files get half of what is left, or less where they are few.
            left - wanted.saturating_add(1).min(left / 2)
        } else {
            0
        };
        let head = Rect { y: area.y + 1 + message, height: left - log, ..area };
        rule(buffer, head, (&said, ""), self.focus == Focus::Items, look);
        let items = Rect { y: head.y + 1, height: head.height.saturating_sub(1), ..area };
        self.draw_items(facts, look, items, buffer);
        if log > 0 {
            let place = Rect { y: head.bottom(), height: log, ..area };
            let name = self.example().map(|item| safe_line(&facts.state.name(item)).into_owned()).unwrap_or_default();
            let title =
                clip_middle(&format!("end of the log of {name}"), columns.saturating_sub(4), look.glyphs.ellipsis)
                    .into_owned();
            rule(buffer, place, (&title, ""), false, look);
            let room = Rect { y: place.y + 1, height: place.height - 1, ..place };
            self.tail.view.draw(look, room, buffer);
        }
    }

    fn draw_items(&mut self, facts: &Facts, look: &Look, area: Rect, buffer: &mut Buffer) {
        self.areas.items = area;
        let at = self.item_at();
        let mut list = std::mem::take(&mut self.item_list);
        let Some(group) = self.group() else { return };
        list.go(at);
        let several = group.steps.len() > 1;
        let room = usize::from(area.width).saturating_sub(2);
        for placed in list.place(group.items.len(), area.height, |_| 1) {
            let (here, item) = (row(area, placed.line), &group.items[placed.row]);
            let step = facts.state.failures.get(item).and_then(|(step, _)| *step);
            let id = step.and_then(|step| facts.state.steps.get(step as usize)).filter(|_| several && room >= 40);
            let id = id.map(|id| safe_line(id).into_owned()).unwrap_or_default();
            let path = facts.state.path(*item).unwrap_or_default();
            let path = if room < 40 { path.file_name().unwrap_or_default().into() } else { path };
            let path = path.to_string_lossy();
            let names = room.saturating_sub(if id.is_empty() { 0 } else { width(&id) + 2 });
            let path = clip_middle(&safe_line(&path), names, look.glyphs.ellipsis).into_owned();
            let gap = pad_start(&id, room.saturating_sub(width(&path)));
            let cursor = fit(if placed.row == at { look.glyphs.cursor } else { "" }, 2, "");
            let line = vec![span(cursor, Role::Accent, look), span(path, Role::Text, look), span(gap, Role::Dim, look)];
            put(buffer, here, &Line::from(line), look);
            if placed.row == at && self.focus == Focus::Items {
                look.highlight(here, buffer);
            }
        }
        self.item_list = list;
    }
}

/// `area` from the upper left corner of `whole`, as clicks are.
fn below(area: Rect, whole: Rect) -> Rect {
    Rect { x: area.x.saturating_sub(whole.x), y: area.y.saturating_sub(whole.y), ..area }
}

fn title_of(group: &Group) -> String {
    match &group.key.parked {
        Some(dependency) => format!("waits for {}", safe_line(dependency)),
        None => safe_line(&group.key.cause).into_owned(),
    }
}

fn class_of(group: &Group) -> &'static str {
    if group.key.parked.is_some() { "parked" } else { group.key.class.word() }
}

/// The steps that its items failed in.
fn steps_of(group: &Group, facts: &Facts) -> String {
    let ids = group.steps.iter().filter_map(|step| facts.state.steps.get(*step as usize));
    safe_line(&format!("in {}", ids.map(String::as_str).collect::<Vec<_>>().join(", "))).into_owned()
}

/// What happened, and what to do.
fn told(fault: &Fault, look: &Look, columns: usize) -> Vec<Line<'static>> {
    let mut lines = folded(span("", Role::Text, look), &safe_text(&fault.message), Style::new(), columns);
    if let Some(hint) = &fault.hint {
        let arrow = span(format!("{} ", look.glyphs.right), Role::Accent, look);
        lines.extend(folded(arrow, &safe_text(hint), look.style(Role::Accent), columns));
    }
    lines
}

/// The columns of the groups.
struct Columns {
    cause: usize,
    class: usize,
    count: usize,
    bar: usize,
    steps: usize,
    largest: usize,
}

impl Columns {
    fn of(all: &[Group], largest: usize, columns: usize, facts: &Facts) -> Self {
        let widest = |of: &dyn Fn(&Group) -> usize| all.iter().map(of).max().unwrap_or(0);
        let steps = widest(&|group| width(&steps_of(group, facts))).clamp(8, 24) + 2;
        let mut own = Self {
            cause: widest(&|group| width(&title_of(group))).min(WIDEST_CAUSE),
            class: widest(&|group| class_of(group).len()) + 2,
            count: widest(&|group| count(group.count as u64).len()),
            bar: 14,
            steps: 0,
            largest,
        };
        let fixed = |own: &Self| 4 + own.cause + own.class + 2 + own.count + own.bar;
        for drop in 0..2 {
            if fixed(&own) + steps <= columns {
                break;
            }
            if drop == 0 {
                own.bar = 0
            } else if columns < 48 {
                own.class = 0
            }
        }
        own.cause = own.cause.min(columns.saturating_sub(fixed(&Self { cause: 0, ..own })));
        own.steps = columns.saturating_sub(fixed(&own));
        own
    }

    fn line(&self, group: &Group, selected: bool, facts: &Facts, look: &Look) -> Line<'static> {
        let ellipsis = look.glyphs.ellipsis;
        let (sign, role) = match group.key.parked {
            Some(_) => (look.glyphs.parked, Role::Parked),
            None => (look.glyphs.failed, Role::Failed),
        };
        let mut spans = vec![
            span(fit(if selected { look.glyphs.cursor } else { "" }, 2, ""), Role::Accent, look),
            span(format!("{sign} "), role, look),
            span(fit(&title_of(group), self.cause, ellipsis), Role::Text, look),
        ];
        if self.class > 0 {
            spans.push(span(format!("  {}", fit(class_of(group), self.class - 2, ellipsis)), role, look));
        }
        spans.push(span(format!("  {}", pad_start(&count(group.count as u64), self.count)), Role::Title, look));
        if self.bar > 0 {
            let share = group.count as f64 / self.largest.max(1) as f64;
            let (filled, rest) = look.glyphs.bar(share, self.bar - 2);
            let role = if group.key.parked.is_some() { Role::Parked } else { Role::GaugeFailed };
            spans.push(span(format!("  {filled}"), role, look));
            spans.push(span(" ".repeat(width(&rest)), Role::GaugeLeft, look));
        }
        if self.steps > 9 && !group.steps.is_empty() {
            let steps = fit(&steps_of(group, facts), self.steps - 2, ellipsis);
            spans.push(span(format!("  {steps}"), Role::Dim, look));
        }
        Line::from(spans)
    }
}
