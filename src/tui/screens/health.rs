//! The dependencies and the machine: what is there, since when, what is wrong, how to install it.

mod details;
#[cfg(test)]
mod tests;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::Screen;
use super::asks::path_word;
use crate::events::{BreakerView, Command, DependencyView};
use crate::resilience::safe_text::safe_line;
use crate::tui::action::{Action, Place};
use crate::tui::effect::Effect;
use crate::tui::facts::Facts;
use crate::tui::list::List;
use crate::tui::look::Look;
use crate::tui::text;
use crate::tui::theme::Role;
use crate::tui::widgets::{
    BREAKER_WIDTH, Standing, breaker_word, clock, now, padded, panel, plain, put, put_lines, row, scrollbar, split,
    standing_of,
};

/// How long an answer to a check is waited for, in milliseconds.
const PATIENCE: u64 = 30_000;

/// The dependencies and the machine: what is there, since when, what is wrong, how to install it.
#[derive(Debug, Default)]
pub struct Health {
    list: List,
    /// What the cursor is on: rows may come before it.
    selected: Option<Key>,
    /// What was asked for, and when that was looked at last as it was asked.
    asked: Vec<(Key, u64)>,
    /// When something was asked for last.
    asked_at: u64,
    /// Lines above the first row.
    head: u16,
}

/// What a row is about.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Key {
    Dependency(String),
    /// By its place: each file system is a part of the same name.
    Machine(usize),
    Engine,
}

impl Key {
    /// The heading of the rows of this kind.
    const fn heading(&self) -> &'static str {
        match self {
            Self::Dependency(_) => "DEPENDENCIES",
            Self::Machine(_) => "MACHINE",
            Self::Engine => "ENGINE",
        }
    }

    /// What it is called.
    fn name<'a>(&'a self, facts: &'a Facts) -> &'a str {
        match self {
            Self::Dependency(name) => name,
            Self::Machine(at) => facts.state.machine.1.get(*at).map_or("machine", |part| &part.name),
            Self::Engine => "engine",
        }
    }
}

/// How a dependency stands: its sign's role and its words.
fn stand(view: &DependencyView, look: &Look) -> (&'static str, Role, &'static str) {
    // What is there and cannot be used is another trouble than what is not there.
    match (view.available, view.required, view.path.is_some()) {
        (true, ..) => (look.glyphs.tick, Role::Available, "available"),
        (false, true, false) => (look.glyphs.cross, Role::Missing, "missing, required"),
        (false, true, true) => (look.glyphs.cross, Role::Missing, "not well, required"),
        (false, false, false) => (look.glyphs.warning, Role::Warn, "missing"),
        (false, false, true) => (look.glyphs.warning, Role::Warn, "not well"),
    }
}

/// The sign and the word of a breaker, where there is one.
fn breaker_spans(breaker: Option<&BreakerView>, look: &Look) -> [Span<'static>; 2] {
    let none = || padded(look.glyphs.none, BREAKER_WIDTH, look.style(Role::Dim));
    breaker.map_or_else(none, |breaker| breaker_word(breaker.state, look))
}

/// The rows.
fn keys(facts: &Facts) -> Vec<Key> {
    let state = &facts.state;
    let dependencies = state.dependencies.keys().map(|name| Key::Dependency(name.clone()));
    let machine = (0..state.machine.1.len()).map(Key::Machine);
    dependencies.chain(machine).chain([Key::Engine]).collect()
}

/// When that was looked at last.
fn checked(key: &Key, facts: &Facts) -> u64 {
    match key {
        Key::Dependency(name) => facts.state.dependencies.get(name).map_or(0, |view| view.checked),
        Key::Machine(_) => facts.state.machine.0,
        Key::Engine => 0,
    }
}

impl Health {
    /// The row that the cursor is on.
    fn key(&self, facts: &Facts) -> Option<Key> {
        let keys = keys(facts);
        let known = self.selected.as_ref().filter(|key| keys.contains(key)).cloned();
        known.or_else(|| self.list.cursor(keys.len()).and_then(|at| keys.get(at).cloned()))
    }

    /// Puts the cursor of the list on what is selected, wherever that is now.
    fn find(&mut self, keys: &[Key]) {
        if let Some(at) = self.selected.as_ref().and_then(|key| keys.iter().position(|other| other == key)) {
            self.list.go(at);
        }
    }

    fn is_checking(&self, key: &Key, facts: &Facts) -> bool {
        facts.now < self.asked_at + PATIENCE
            && self.asked.iter().any(|(asked, before)| asked == key && checked(key, facts) == *before)
    }

    fn ask(&mut self, dependency: Option<String>, facts: &Facts) -> Vec<Effect> {
        self.asked.retain(|(key, before)| checked(key, facts) == *before);
        let all = dependency.is_none();
        let said = format!("checking {}", dependency.as_deref().map_or("all".into(), safe_line));
        let asked = |key: &Key| all || matches!(key, Key::Dependency(name) if Some(name) == dependency.as_ref());
        let keys = keys(facts).into_iter().filter(|key| *key != Key::Engine && asked(key));
        self.asked.extend(keys.map(|key| (key.clone(), checked(&key, facts))));
        self.asked_at = facts.now;
        vec![Effect::Send(Command::CheckHealth { dependency }), Effect::Say(said)]
    }

    /// What is worth to be copied: the command that installs it, or where it is.
    fn copied(&self, facts: &Facts) -> Option<(String, &'static str)> {
        let hint = |hint: &Option<String>| Some((safe_line(hint.as_deref()?).into_owned(), "the hint"));
        match self.key(facts)? {
            Key::Dependency(name) => {
                let view = facts.state.dependencies.get(&name)?;
                let path = || Some((path_word(view.path.as_deref()?), "the path"));
                hint(&view.hint).or_else(path)
            }
            Key::Machine(at) => {
                let part = facts.state.machine.1.get(at)?;
                hint(&part.hint).or_else(|| Some((safe_line(&part.details).into_owned(), "the line")))
            }
            Key::Engine => Some((path_word(&facts.places.run), "the path")),
        }
    }

    fn draw_list(&mut self, keys: &[Key], facts: &Facts, look: &Look, area: Rect, buffer: &mut Buffer) {
        let headed = |at: usize| at == 0 || keys[at - 1].heading() != keys[at].heading();
        // Headings and the room between them, where there is room.
        let heads = (0..keys.len()).filter(|at| headed(*at)).count();
        let room = usize::from(area.height);
        let (heading, gap) = (room >= keys.len() + heads, room >= keys.len() + 2 * heads);
        let above = |at: usize| match headed(at) {
            true => usize::from(heading) + usize::from(gap && at > 0),
            false => 0,
        };
        let is_long = room < keys.len();
        // The scrollbar covers nothing.
        let text = Rect { width: area.width.saturating_sub(2 * u16::from(is_long)), ..area };
        let columns = Columns::new(facts, text.width, look);
        let placed = self.list.place(keys.len(), area.height, |at| 1 + above(at));
        for place in &placed {
            let at = place.row;
            let skipped = above(at) as u16;
            if heading && headed(at) {
                let line = Line::styled(columns.heading(&keys[at]), look.style(Role::Dim));
                put(buffer, row(text, place.line + skipped - 1), &line, look);
            }
            let here = row(text, place.line + skipped);
            let is_selected = self.list.cursor(keys.len()) == Some(at);
            let mut line = columns.line(&keys[at], self.is_checking(&keys[at], facts), facts, look);
            let cursor = if is_selected { look.glyphs.cursor } else { " " };
            line.spans.insert(0, Span::styled(format!("{cursor} "), plain(look)));
            put(buffer, here, &line, look);
            if is_selected {
                look.highlight(here.intersection(buffer.area), buffer);
            }
        }
        scrollbar(buffer, area, self.list.top(), placed.len(), keys.len(), look);
    }
}

/// The columns of the list: how wide each is; those that there is no room for are left out.
struct Columns {
    stand: usize,
    name: usize,
    version: usize,
    breaker: bool,
    since: bool,
    path: bool,
    /// Whether something can be told behind the name that takes the rest of the line.
    rest: bool,
}

impl Columns {
    fn new(facts: &Facts, width: u16, look: &Look) -> Self {
        let views = || facts.state.dependencies.iter();
        let widest = |texts: &mut dyn Iterator<Item = usize>, least: usize, most: usize| {
            texts.max().unwrap_or(0).clamp(least, most)
        };
        let machine = facts.state.machine.1.iter().map(|part| part.name.len());
        let run = standing_of(facts, look).word.len();
        let stand = widest(&mut views().map(|(_, view)| stand(view, look).2.len()).chain([run]), 9, 18);
        let name = widest(&mut views().map(|(name, _)| text::width(name)).chain(machine), 6, 24);
        let version = widest(&mut views().filter_map(|(_, view)| view.version.as_deref()).map(text::width), 7, 16);
        // A name tells more than a word whose sign is there.
        let stand = if usize::from(width) < 2 + 2 + stand + 2 + name { 0 } else { stand };
        let mut left = usize::from(width).saturating_sub(2 + 2 + stand + 2 + name);
        let rest = left >= 2 + 12;
        // What matters most takes its room first.
        let mut takes = |columns: usize| {
            let fits = left >= columns;
            left = if fits { left - columns } else { 0 };
            fits
        };
        let has_version = takes(2 + version);
        let (breaker, since, path) = (takes(2 + BREAKER_WIDTH), takes(2 + 11), takes(2 + 24));
        Self { stand, name, version: if has_version { version } else { 0 }, breaker, since, path, rest }
    }

    fn heading(&self, key: &Key) -> String {
        let mut heading = format!("  {}", text::pad(key.heading(), self.stand + 2 + 2 + self.name));
        if matches!(key, Key::Dependency(_)) {
            if self.version > 0 {
                heading += &format!("  {}", text::pad("VERSION", self.version));
            }
            for (is_there, title) in [(self.breaker, "BREAKER    "), (self.since, "FOR        "), (self.path, "PATH")] {
                if is_there {
                    heading += &format!("  {title}");
                }
            }
        }
        heading.trim_end().to_owned()
    }

    fn line(&self, key: &Key, is_checking: bool, facts: &Facts, look: &Look) -> Line<'static> {
        let now = now(facts);
        let plain = plain(look);
        let dim = look.style(Role::Dim);
        let first = |sign: &str, word: &str, role: Role| {
            let (sign, word, role) = match is_checking {
                true => (look.glyphs.retry, format!("checking{}", look.glyphs.ellipsis), Role::Running),
                false => (sign, word.to_owned(), role),
            };
            let word = if self.stand == 0 { sign.to_owned() } else { format!("{sign} {word}") };
            let width = if self.stand == 0 { 1 } else { self.stand + 2 };
            padded(word, width, look.style(role))
        };
        let gap = || Span::styled("  ", plain);
        let name = |name: &str| {
            let name = text::fit(&safe_line(name), self.name, look.glyphs.ellipsis);
            Span::styled(format!("{}{name}", if self.stand == 0 { " " } else { "  " }), plain)
        };
        match key {
            Key::Dependency(of) => {
                let Some(view) = facts.state.dependencies.get(of) else { return Line::default() };
                let (sign, role, word) = stand(view, look);
                let mut spans = first(sign, word, role).to_vec();
                spans.push(name(of));
                if self.version > 0 {
                    let version = view.version.as_deref().map_or(look.glyphs.none.into(), safe_line);
                    let version = text::fit(&version, self.version, look.glyphs.ellipsis);
                    spans.extend([gap(), Span::styled(version, plain)]);
                }
                if self.breaker {
                    spans.push(gap());
                    spans.extend(breaker_spans(facts.state.breakers.get(of), look));
                }
                if self.since {
                    let since = text::pad(&clock(now.saturating_sub(view.since)), 11);
                    spans.extend([gap(), Span::styled(since, dim)]);
                }
                if self.path {
                    let path = view.path.as_ref().map_or(look.glyphs.none.into(), |path| path.to_string_lossy());
                    spans.extend([gap(), Span::styled(safe_line(&path).into_owned(), dim)]);
                }
                Line::from(spans)
            }
            Key::Machine(at) => {
                let Some(part) = facts.state.machine.1.get(*at) else { return Line::default() };
                let (sign, word, role) = match part.well {
                    true => (look.glyphs.tick, "well", Role::Available),
                    false => (look.glyphs.cross, "not well", Role::Missing),
                };
                let details = Span::styled(safe_line(&part.details).into_owned(), plain);
                let [word, blanks] = first(sign, word, role);
                let rest = if self.rest { vec![gap(), details] } else { Vec::new() };
                Line::from([vec![word, blanks, name(&part.name)], rest].concat())
            }
            Key::Engine => {
                let Standing { sign, word, role, .. } = standing_of(facts, look);
                let jobs = match facts.state.jobs {
                    1 => "1 job".to_owned(),
                    jobs => format!("{jobs} jobs"),
                };
                let elapsed = format!("{} elapsed", clock(now));
                let [word, blanks] = first(sign, word, role);
                let rest = if self.rest { vec![gap(), Span::styled(elapsed, plain)] } else { Vec::new() };
                Line::from([vec![word, blanks, name(&jobs)], rest].concat())
            }
        }
    }
}

impl Screen for Health {
    fn draw(&mut self, facts: &Facts, look: &Look, area: Rect, buffer: &mut Buffer) {
        let area = area.intersection(buffer.area);
        let keys = keys(facts);
        self.find(&keys);
        let Some(key) = self.key(facts) else { return };
        let (list, side) = split(area, keys.len() as u16 + 5);
        self.head = list.y - area.y;
        self.draw_list(&keys, facts, look, list, buffer);
        if side.is_empty() {
            return;
        }
        let inner = panel(buffer, side, &safe_line(key.name(facts)), look);
        let lines = details::lines(&key, self.is_checking(&key, facts), facts, look, usize::from(inner.width));
        put_lines(buffer, inner, &lines, 0, look);
    }

    fn act(&mut self, action: Action, facts: &mut Facts) -> Vec<Effect> {
        let keys = keys(facts);
        self.find(&keys);
        if self.list.act(action, keys.len()) {
            self.selected = self.list.cursor(keys.len()).and_then(|at| keys.get(at).cloned());
            return Vec::new();
        }
        match (action, self.key(facts)) {
            (Action::CheckOne, Some(Key::Dependency(name))) => self.ask(Some(name), facts),
            (Action::CheckOne, Some(_)) | (Action::CheckAll, _) => self.ask(None, facts),
            (Action::Open, Some(Key::Dependency(_))) => vec![Effect::Go(Place::Breakers)],
            (Action::Copy, _) => self.copied(facts).into_iter().map(|(text, what)| Effect::Copy(text, what)).collect(),
            _ => Vec::new(),
        }
    }

    fn can(&self, action: Action, facts: &Facts) -> Result<(), String> {
        match (action, self.key(facts)) {
            (Action::Open, Some(Key::Dependency(name))) if facts.state.breakers.contains_key(&name) => Ok(()),
            (Action::Open, Some(Key::Dependency(_))) => Err("no step depends on it: it has no breaker".into()),
            (Action::Open, _) => Err("all that is known of it is here".into()),
            (Action::Copy, _) if self.copied(facts).is_none() => Err("there is neither a hint nor a path".into()),
            _ => Ok(()),
        }
    }

    fn click(&mut self, _column: u16, line: u16, again: bool, facts: &mut Facts) -> Vec<Effect> {
        let keys = keys(facts);
        let Some(at) = line.checked_sub(self.head).and_then(|line| self.list.at(line)) else { return Vec::new() };
        self.list.go(at);
        self.selected = keys.get(at).cloned();
        if again && self.can(Action::Open, facts).is_ok() { self.act(Action::Open, facts) } else { Vec::new() }
    }
}
