//! The circuit breakers: state, failures against the threshold, the next probe, who waits, and their ways.

mod details;
mod strip;
#[cfg(test)]
mod tests;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::{Screen, asks};
use crate::events::{BreakerView, Command};
use crate::resilience::breaker::BreakerState;
use crate::resilience::safe_text::safe_line;
use crate::tui::action::Action;
use crate::tui::effect::Effect;
use crate::tui::facts::Facts;
use crate::tui::list::List;
use crate::tui::look::Look;
use crate::tui::text;
use crate::tui::theme::Role;
use crate::tui::widgets::{
    BREAKER_WIDTH, breaker_role, breaker_word, clock, now, padded, panel, plain, put, put_lines, row, scrollbar, split,
};

/// Columns of the bar that fills until the next probe.
const BAR: usize = 10;
/// Pips that are drawn one by one.
const PIPS: u32 = 10;

/// The circuit breakers: state, failures against the threshold, the next probe, who waits, and their ways.
#[derive(Debug, Default)]
pub struct Breakers {
    list: List,
}

/// What comes next: failures until it opens, the time until it is tried, or that it is tried.
fn next(view: &BreakerView, facts: &Facts, look: &Look) -> Vec<Span<'static>> {
    let (dim, plain) = (look.style(Role::Dim), plain(look));
    let settings = view.settings.as_ref();
    match view.state {
        BreakerState::Closed => {
            let failures = view.failures;
            let Some(threshold) = settings.map(|settings| settings.failure_threshold) else {
                return vec![Span::styled(format!("{failures} failures in a row"), dim)];
            };
            let (full, empty) = if look.glyphs.is_ascii { ("#", ".") } else { ("■", "□") };
            let filled = failures.min(threshold);
            let (full, empty) = match threshold <= PIPS {
                true => (full.repeat(filled as usize), empty.repeat((threshold - filled) as usize)),
                false => look.glyphs.bar(f64::from(filled) / f64::from(threshold), PIPS as usize),
            };
            let told =
                Span::styled(format!("  {failures} of {threshold} failures"), if failures > 0 { plain } else { dim });
            let full = Span::styled(full, look.style(if failures > 0 { Role::Warn } else { Role::Dim }));
            vec![full, Span::styled(empty, dim), told]
        }
        BreakerState::Open if facts.reachable().is_err() => vec![Span::styled("when the run ended", dim)],
        BreakerState::Open => {
            let now = now(facts);
            let Some(at) = view.retry_at else { return vec![Span::styled("until it is reset", dim)] };
            let left = at.saturating_sub(now);
            let mut spans = Vec::new();
            if let Some(recovery) = settings.map(|settings| settings.recovery).filter(|recovery| *recovery > 0) {
                let (full, empty) = look.glyphs.bar(1.0 - left as f64 / recovery as f64, BAR);
                spans.push(Span::styled(full, look.style(Role::GaugeRunning)));
                spans.push(Span::styled(empty, look.style(Role::GaugeLeft)));
                spans.push(Span::styled("  ", plain));
            }
            let told =
                if left > 0 { format!("probe in {}", clock(left + 999)) } else { "the next task probes".to_owned() };
            spans.push(Span::styled(told, plain));
            spans
        }
        BreakerState::HalfOpen => vec![Span::styled("one call tries it", look.style(Role::BreakerHalfOpen))],
    }
}

/// The tasks that wait.
fn parked(view: &BreakerView) -> String {
    match view.parked {
        0 => String::new(),
        parked => format!("{} parked", text::count_within(u64::from(parked), 6)),
    }
}

/// Why it is as it is.
fn reason(view: &BreakerView) -> String {
    match view.reason.as_str() {
        "" => "no change so far".to_owned(),
        reason => safe_line(reason).into_owned(),
    }
}

impl Breakers {
    /// What the cursor is on.
    fn selected<'a>(&self, facts: &'a Facts) -> Option<(&'a String, &'a BreakerView)> {
        facts.state.breakers.get_index(self.list.cursor(facts.state.breakers.len())?)
    }

    fn draw_list(&mut self, facts: &Facts, look: &Look, area: Rect, buffer: &mut Buffer) {
        let breakers = &facts.state.breakers;
        let (len, height) = (breakers.len(), usize::from(area.height));
        // Each with its reason and its strip where there is room, then without its reason, then in one line.
        let lines = match height {
            0..4 => 1,
            _ if len * 4 < height => 4,
            _ if len * 3 < height || height >= 12 => 3,
            _ if len * 2 < height || height >= 6 => 2,
            _ => 1,
        };
        // The axis is below all of the strips.
        let axis = u16::from(lines > 1 && area.width >= 40);
        let window = Rect { height: area.height - axis, ..area };
        let placed = self.list.place(len, window.height, |_| lines);
        let is_long = placed.len() < len;
        let window = Rect { width: window.width.saturating_sub(2 * u16::from(is_long)), ..window };
        let now = now(facts);
        let widest = breakers.keys().map(|name| text::width(name)).max().unwrap_or(0).clamp(6, 20);
        for place in &placed {
            let Some((name, view)) = breakers.get_index(place.row) else { continue };
            let is_selected = self.list.cursor(len) == Some(place.row);
            let here = row(window, place.line);
            put(buffer, here, &self.head((name, view), facts, widest, is_selected, window.width, look), look);
            if is_selected {
                look.highlight(here, buffer);
            }
            let below = Rect { x: window.x + 2, width: window.width.saturating_sub(2), ..window };
            let line = |at: u16| if at < place.lines { row(below, place.line + at) } else { Rect::default() };
            if lines > 2 {
                put(buffer, line(1), &Line::styled(reason(view), look.style(Role::Dim)), look);
            }
            if lines > 1 {
                let strip = line(if lines > 2 { 2 } else { 1 });
                strip::draw(buffer, strip, facts.story.breaker(name), view.changes, now, look);
            }
        }
        if axis > 0 && len > 0 {
            let used = placed.iter().map(|place| place.lines).sum::<u16>().min(window.height);
            let used = if lines == 4 { used - 1 } else { used };
            let below = Rect { x: window.x + 2, width: window.width.saturating_sub(2), ..area };
            strip::draw_axis(buffer, row(below, used), now, look);
        }
        scrollbar(buffer, Rect { height: area.height - axis, ..area }, self.list.top(), placed.len(), len, look);
    }

    /// The first line of a breaker.
    fn head(
        &self,
        (name, view): (&str, &BreakerView),
        facts: &Facts,
        widest: usize,
        is_selected: bool,
        width: u16,
        look: &Look,
    ) -> Line<'static> {
        let (plain, dim) = (plain(look), look.style(Role::Dim));
        let cursor = if is_selected { look.glyphs.cursor } else { " " };
        let name = Span::styled(text::fit(&safe_line(name), widest, look.glyphs.ellipsis), plain);
        let mut spans = vec![Span::styled(format!("{cursor} "), plain)];
        if usize::from(width) < 2 + BREAKER_WIDTH + 2 + widest {
            // A name tells more than a word whose sign is there.
            let sign = Span::styled(look.glyphs.breaker(view.state), look.style(breaker_role(view.state)));
            spans.extend([sign, Span::styled(" ", plain), name]);
            return Line::from(spans);
        }
        spans.extend(breaker_word(view.state, look));
        spans.extend([Span::styled("  ", plain), name, Span::styled("  ", plain)]);
        let begun = 2 + BREAKER_WIDTH + 2 + widest + 2;
        let next = next(view, facts, look);
        let taken: usize = next.iter().map(|span| text::width(&span.content)).sum();
        spans.extend(next);
        // The last columns are in line with those of the other breakers.
        let rest = begun + 28;
        if usize::from(width) >= rest + 13 {
            spans.push(Span::styled(" ".repeat(28_usize.saturating_sub(taken)), plain));
            spans.push(Span::raw("  "));
            spans.extend(padded(parked(view), 11, look.style(Role::Parked)));
            if usize::from(width) >= rest + 13 + 13 {
                let since = now(facts).saturating_sub(view.since);
                spans.push(Span::styled(format!("  for {}", clock(since)), dim));
            }
        } else if view.parked > 0 {
            spans.extend([Span::raw("  "), Span::styled(parked(view), look.style(Role::Parked))]);
        }
        Line::from(spans)
    }
}

impl Screen for Breakers {
    fn draw(&mut self, facts: &Facts, look: &Look, area: Rect, buffer: &mut Buffer) {
        let area = area.intersection(buffer.area);
        if facts.state.breakers.is_empty() {
            let line =
                Line::styled("no step of this pipeline needs a tool: there are no breakers", look.style(Role::Dim));
            put(buffer, area, &line, look);
            return;
        }
        let wanted = (facts.state.breakers.len() * 4 + 1).try_into().unwrap_or(u16::MAX);
        let (list, side) = split(area, wanted);
        self.draw_list(facts, look, list, buffer);
        let Some((name, view)) = self.selected(facts).filter(|_| !side.is_empty()) else { return };
        let inner = panel(buffer, side, &safe_line(name), look);
        let lines = details::lines(name, view, facts, look, (usize::from(inner.width), usize::from(inner.height)));
        put_lines(buffer, inner, &lines, 0, look);
    }

    fn act(&mut self, action: Action, facts: &mut Facts) -> Vec<Effect> {
        if self.list.act(action, facts.state.breakers.len()) {
            return Vec::new();
        }
        let Some((name, view)) = self.selected(facts) else { return Vec::new() };
        match action {
            Action::ResetBreaker => vec![Effect::Send(Command::ResetBreaker { dependency: name.clone() })],
            Action::TripBreaker => vec![Effect::Confirm(asks::trip(name, view, facts))],
            Action::Copy => vec![Effect::Copy(safe_line(&view.reason).into_owned(), "the reason")],
            _ => Vec::new(),
        }
    }

    fn can(&self, action: Action, facts: &Facts) -> Result<(), String> {
        let Some((_, view)) = self.selected(facts) else { return Err("there is no breaker".into()) };
        match action {
            Action::ResetBreaker | Action::TripBreaker => asks::can_change(action, view),
            Action::Copy if view.reason.is_empty() => Err("it has not changed so far".into()),
            Action::Open => Err("all that is known of it is here".into()),
            _ => Ok(()),
        }
    }

    fn click(&mut self, _column: u16, line: u16, _again: bool, _facts: &mut Facts) -> Vec<Effect> {
        if let Some(at) = self.list.at(line) {
            self.list.go(at);
        }
        Vec::new()
    }
}
