//! One frame: the tabs, the screen in sight, the hints at its foot, and what lies over it.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::text::{Line, Span};

use super::action::{ACTIONS, About, Action, Group, Place};
use super::facts::{Facts, Link};
use super::look::Look;
use super::model::{Model, Overlay};
use super::overlays::confirm;
use super::text;
use super::theme::Role;
use super::widgets::clock;
use crate::events::{RunPhase, Standing};
use crate::resilience::breaker::BreakerState;
use crate::resilience::safe_text::safe_line;
use crate::resources::Health::Unhealthy;

impl Model {
    /// Draws a frame into `area`; gives the place of the terminal's cursor where something is typed.
    pub fn draw(&mut self, area: Rect, buffer: &mut Buffer) -> Option<Position> {
        // The buffer holds the frame before the last.
        buffer.reset();
        buffer.set_style(area, self.look.style(Role::Text));
        let head = u16::from(area.height >= 7);
        let foot = u16::from(area.height >= 4);
        let time = u16::from(self.facts.moment.is_some() && area.height >= 6);
        self.body = Rect { y: area.y + head, height: area.height - head - foot - time, ..area };
        self.tabs.clear();
        if head > 0 {
            self.tabs = tabs(&self.facts, &self.look, self.place(), Rect { height: 1, ..area }, buffer);
        }
        let place = self.place();
        self.screens.at(place).draw(&self.facts, &self.look, self.body, buffer);
        if time > 0 {
            let line = Rect { y: self.body.bottom(), height: 1, ..area };
            time_line(&self.facts, &self.look, line, buffer);
        }
        let foot = Rect { y: area.bottom() - foot, height: foot, ..area };
        let mut cursor = None;
        if let (Some(Overlay::Prompt(prompt)), true) = (&self.overlay, foot.height > 0) {
            cursor = prompt.draw(&self.look, foot, buffer);
        } else if foot.height > 0 {
            self.draw_foot(foot, buffer);
        }
        match &mut self.overlay {
            Some(Overlay::Help(help)) => help.draw(&self.look, area, buffer),
            Some(Overlay::Palette(palette)) => palette.draw(&self.look, area, buffer),
            Some(Overlay::Confirm(question)) => confirm::draw(question, &self.look, area, buffer),
            Some(Overlay::Prompt(_)) | None => {}
        }
        cursor
    }

    /// What was said last, or what can be done here.
    fn draw_foot(&self, area: Rect, buffer: &mut Buffer) {
        let width = area.width as usize;
        if let Some((said, _)) = &self.said {
            let said = text::clip(&safe_line(said), width.saturating_sub(2), self.look.glyphs.ellipsis).into_owned();
            buffer.set_stringn(area.x + 1, area.y, said, width.saturating_sub(1), self.look.style(Role::Accent));
            return;
        }
        let place = self.place();
        let always = [Action::Help, Action::Quit];
        let hint = |action: Action| {
            let about = action.about(place)?;
            let key = self.look.keymap.keys(about).first()?.to_string();
            Some((key, self.worded(action, about.hint?)))
        };
        let mut hints: Vec<(String, &str)> = Vec::new();
        let searched = self.screens.look_at(place).searched();
        let filtered = if searched.is_empty() { String::new() } else { format!("/{}", safe_line(searched)) };
        let mut here: Vec<&About> =
            ACTIONS.iter().filter(|about| about.belongs_to(place) && !always.contains(&about.action)).collect();
        here.sort_by_key(|about| weight(about));
        for about in here {
            let is_way_back = about.action == Action::Back && self.path.len() < 2 && searched.is_empty();
            if about.hint.is_some() && !is_way_back && self.can(about.action).is_ok() {
                hints.extend(hint(about.action));
            }
        }
        hints.dedup_by(|a, b| a.1 == b.1);
        let last: Vec<(String, &str)> = always.into_iter().filter_map(hint).collect();
        let wide = |(key, word): &(String, &str)| text::width(key) + 1 + text::width(word) + 2;
        let reserved: usize = last.iter().map(wide).sum();
        let mut spans = vec![Span::raw(" ")];
        let mut used = 1;
        if !filtered.is_empty() {
            let filtered = text::clip(&filtered, width / 3, self.look.glyphs.ellipsis).into_owned();
            used += text::width(&filtered) + 2;
            spans.push(Span::styled(filtered, self.look.style(Role::Accent)));
            spans.push(Span::raw("  "));
        }
        let fits = hints.iter().take_while(|hint| {
            used += wide(hint);
            used + reserved <= width + 2
        });
        let fits: Vec<_> = fits.cloned().collect();
        for (key, word) in fits.into_iter().chain(last) {
            spans.push(Span::styled(key, self.look.style(Role::Key)));
            spans.push(Span::styled(format!(" {word}  "), self.look.style(Role::Dim)));
        }
        buffer.set_line(area.x, area.y, &Line::from(spans), area.width);
    }

    /// The word of a hint, where it depends on what is.
    fn worded(&self, action: Action, word: &'static str) -> &'static str {
        match action {
            Action::Pause if matches!(self.facts.state.phase, RunPhase::Paused(_)) => "go on",
            Action::Quit if self.facts.is_over() || self.facts.link != Link::Owner => "leave",
            _ => word,
        }
    }
}

/// What has a hint first where there is not room for all.
const fn weight(about: &About) -> u8 {
    match (about.action, about.group) {
        (_, Group::Screens) => 0,
        (Action::Search, _) | (_, Group::Time) => 1,
        (Action::Copy | Action::MoreJobs, _) => 4,
        (_, Group::Work) => 2,
        _ => 3,
    }
}

/// The tabs, each with what one ought to know before one opens it; gives their cells.
fn tabs(facts: &Facts, look: &Look, now: Place, area: Rect, buffer: &mut Buffer) -> Vec<(Rect, Place)> {
    let mut cells = Vec::new();
    let mut x = area.x + 1;
    if area.width >= 100 {
        let style = look.style(Role::Title);
        (x, _) = buffer.set_stringn(x, area.y, "mediamill", 10, style);
        x += 2;
    }
    let shown = if now == Place::Item { Place::Run } else { now };
    let mut places = facts.tabs();
    if !places.contains(&shown) {
        // Whoever asks for it sees where he is.
        places.push(shown);
    }
    let told = |place: &Place| place.title().len() + text::width(&news(facts, look, *place).0) + 6;
    let narrow = area.width < 70 || places.iter().map(told).sum::<usize>() > usize::from(area.right() - x);
    for place in places {
        let go = match place {
            Place::Run | Place::Item => Action::GoRun,
            Place::Failures => Action::GoFailures,
            Place::Health => Action::GoHealth,
            Place::Breakers => Action::GoBreakers,
            Place::Log => Action::GoLog,
            Place::Pools => Action::GoPools,
            Place::Resources => Action::GoResources,
        };
        let key = look.keymap.key(go, now).unwrap_or_default();
        let (news, role) = news(facts, look, place);
        let title = if narrow && place != shown { "" } else { place.title() };
        let gap = if title.is_empty() || news.is_empty() { "" } else { " " };
        let style = look.style(Role::Dim);
        let from = x;
        let room = |x: u16| area.right().saturating_sub(x) as usize;
        let (end, _) = buffer.set_stringn(x, area.y, format!(" {key} "), room(x), style.patch(look.style(Role::Key)));
        let (end, _) = buffer.set_stringn(end, area.y, format!("{title}{gap}"), room(end), style);
        let (end, _) = buffer.set_stringn(end, area.y, &news, room(end), style.patch(look.style(role)));
        let (end, _) = buffer.set_stringn(end, area.y, " ", room(end), style);
        if place == shown {
            look.highlight(Rect::new(from, area.y, end - from, 1), buffer);
        }
        cells.push((Rect::new(from, area.y, end - from, 1), place));
        x = end + 1;
        if x >= area.right() {
            break;
        }
    }
    let joined = match facts.link {
        Link::Owner => "",
        Link::Watcher => "watching ",
        Link::Record => "record of ",
    };
    let state = &facts.state;
    let id =
        format!("{joined}{} {} {} ", safe_line(&state.pipeline), look.glyphs.separator.trim(), safe_line(&state.run));
    let room = area.right().saturating_sub(x + 1) as usize;
    let told = if text::width(&id) <= room { id } else { format!("{joined}{} ", safe_line(&state.pipeline)) };
    if text::width(&told) <= room {
        let from = area.right() - text::width(&told) as u16;
        buffer.set_stringn(from, area.y, &told, room, look.style(Role::Dim));
    }
    cells
}

/// What there is to see on a screen.
fn news(facts: &Facts, look: &Look, place: Place) -> (String, Role) {
    let state = &facts.state;
    let (count, sign, role) = match place {
        Place::Failures => (state.counts.failed as usize, look.glyphs.cross, Role::Failed),
        Place::Health => {
            let missing = state.dependencies.values().filter(|found| !found.available).count();
            let ill = state.machine.1.iter().filter(|found| !found.well).count();
            (missing + ill, look.glyphs.warning, Role::Warn)
        }
        Place::Breakers => {
            let open = state.breakers.values().filter(|breaker| breaker.state != BreakerState::Closed).count();
            (open, look.glyphs.breaker_open, Role::BreakerOpen)
        }
        Place::Pools => {
            let out = state.pools().iter().map(|pool| pool.standing(Standing::Denylisted)).sum();
            (out, look.glyphs.cross, Role::Missing)
        }
        Place::Resources => {
            let ill = |name: &&String| state.health_of(name).is_some_and(|found| found.health == Unhealthy);
            (state.resources.keys().filter(ill).count(), look.glyphs.cross, Role::Missing)
        }
        Place::Run | Place::Item | Place::Log => (0, "", Role::Dim),
    };
    if count == 0 { (String::new(), role) } else { (format!("{sign}{}", text::count(count as u64)), role) }
}

/// Where the time line stands.
fn time_line(facts: &Facts, look: &Look, area: Rect, buffer: &mut Buffer) {
    let Some((at, end)) = facts.moment else { return };
    let elapsed = clock(facts.now);
    let told = format!(" {elapsed}  event {} of {} ", text::count(at), text::count(end));
    let width = area.width as usize;
    let room = width.saturating_sub(text::width(&told) + 2);
    let mut spans = vec![Span::raw(" ")];
    if room >= 10 {
        let place = (at.saturating_sub(1) as usize * (room - 1)) / (end.max(2) as usize - 1);
        let line = look.glyphs.lines.horizontal;
        spans.push(Span::styled(line.repeat(place.min(room - 1)), look.style(Role::Accent)));
        spans.push(Span::styled(look.glyphs.marked, look.style(Role::Accent)));
        spans.push(Span::styled(line.repeat(room - 1 - place.min(room - 1)), look.style(Role::Border)));
    }
    spans.push(Span::styled(told, look.style(Role::Text)));
    buffer.set_line(area.x, area.y, &Line::from(spans), area.width);
}
