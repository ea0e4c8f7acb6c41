//! The resources: how many of each are in use, who waits, who holds a lease and for how long, and how well each is.

mod columns;
mod details;
#[cfg(test)]
mod tests;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::{Screen, asks};
use crate::events::holder::Holder;
use crate::events::resources::hints;
use crate::events::{Command, ResourceView};
use crate::resilience::safe_text::safe_line;
use crate::resources::{Health, OwnerView};
use crate::tui::action::Action;
use crate::tui::effect::Effect;
use crate::tui::facts::Facts;
use crate::tui::list::List;
use crate::tui::look::Look;
use crate::tui::theme::Role;
use crate::tui::widgets::{now, panel, plain, put, put_lines, row, scrollbar, split};
use crate::tui::wrap::fold;
use columns::Columns;

/// What resources are, for whoever has none.
const NONE: [&str; 2] = [
    "this run has no resources",
    "Databases, folders, HTTP services, language models and object storage that steps share stand in [resources.NAME] of a \
     pipeline. A step that names them in `resources` gets a lease of each before it begins and gives it back when it ends, \
     whatever comes of it. Who holds one, who waits, and how well each is, is shown here.",
];

/// The resources: how many of each are in use, who waits, who holds a lease and for how long, and how well each is.
#[derive(Debug, Default)]
pub struct Resources {
    list: List,
    /// Who of those that hold a lease is chosen, from the one that has held it longest.
    owner: usize,
    /// Lines above the first row.
    head: u16,
}

/// How well it is: its sign, how that looks, and the word for it.
const fn stand(health: Health, look: &Look) -> (&'static str, Role, &'static str) {
    let (sign, role) = match health {
        Health::Unknown => (look.glyphs.waiting, Role::Dim),
        Health::Healthy => (look.glyphs.tick, Role::Available),
        Health::Degraded => (look.glyphs.warning, Role::Warn),
        Health::Unhealthy => (look.glyphs.cross, Role::Missing),
    };
    (sign, role, health.word())
}

/// How well the resource is, as far as anybody has looked.
fn health(name: &str, facts: &Facts) -> Health {
    facts.state.health_of(name).map_or(Health::Unknown, |found| found.health)
}

impl Resources {
    /// What the cursor is on.
    fn selected<'a>(&self, facts: &'a Facts) -> Option<(&'a String, &'a ResourceView)> {
        facts.state.resources.get_index(self.list.cursor(facts.state.resources.len())?)
    }

    /// The lease that is chosen.
    fn owner<'a>(&self, view: &'a ResourceView) -> Option<&'a OwnerView> {
        let owners = &view.status.owners;
        owners.get(self.owner.min(owners.len().checked_sub(1)?))
    }

    fn draw_list(&mut self, facts: &Facts, look: &Look, area: Rect, buffer: &mut Buffer) {
        let resources = &facts.state.resources;
        let columns = Columns::new(facts, area.width.saturating_sub(2));
        let head = u16::from(area.height >= 4);
        if head > 0 {
            put(buffer, row(area, 0), &columns.head(look), look);
        }
        let window = Rect { y: area.y + head, height: area.height - head, ..area };
        self.head = head;
        let placed = self.list.place(resources.len(), window.height, |_| 1);
        for place in &placed {
            let Some((name, view)) = resources.get_index(place.row) else { continue };
            let is_selected = self.list.cursor(resources.len()) == Some(place.row);
            let cursor = if is_selected { look.glyphs.cursor } else { " " };
            let mut line = columns.line(name, view, facts, look);
            line.spans.insert(0, Span::styled(format!("{cursor} "), plain(look)));
            let here = Rect { width: window.width.saturating_sub(2), ..row(window, place.line) };
            put(buffer, here, &line, look);
            if is_selected {
                look.highlight(here.intersection(buffer.area), buffer);
            }
        }
        scrollbar(buffer, window, self.list.top(), placed.len(), resources.len(), look);
    }

    fn choose_owner(&mut self, owner: usize) -> Vec<Effect> {
        self.owner = owner;
        Vec::new()
    }

    /// Shows the item that the chosen lease is held for.
    fn open(view: &ResourceView, owner: &OwnerView, facts: &Facts) -> Vec<Effect> {
        let found = Holder::read(&owner.owner).and_then(|holder| holder.find(&facts.state));
        let none = || Effect::Say(format!("no {} of this run holds {}", facts.state.item_word(), view.status.name));
        vec![found.map_or_else(none, Effect::Show)]
    }
}

impl Screen for Resources {
    fn draw(&mut self, facts: &Facts, look: &Look, area: Rect, buffer: &mut Buffer) {
        let area = area.intersection(buffer.area);
        if facts.state.resources.is_empty() {
            let [none, what] = NONE;
            put(buffer, row(area, 0), &Line::styled(none, look.style(Role::Dim)), look);
            let below = Rect { y: area.y + 2.min(area.height), height: area.height.saturating_sub(2), ..area };
            let lines = fold(what, usize::from(area.width).min(90)).into_iter();
            let lines: Vec<Line<'_>> = lines.map(|line| Line::styled(line, plain(look))).collect();
            return put_lines(buffer, below, &lines, 0, look);
        }
        let wanted = u16::try_from(facts.state.resources.len() + 2).unwrap_or(u16::MAX);
        let (list, side) = split(area, wanted);
        self.draw_list(facts, look, list, buffer);
        let Some((name, view)) = self.selected(facts).filter(|_| !side.is_empty()) else { return };
        let inner = panel(buffer, side, &safe_line(name), look);
        let chosen = self.owner.min(view.status.owners.len().saturating_sub(1));
        let room = (usize::from(inner.width), usize::from(inner.height));
        let lines = details::lines(name, view, chosen, facts, look, room);
        put_lines(buffer, inner, &lines, 0, look);
    }

    fn act(&mut self, action: Action, facts: &mut Facts) -> Vec<Effect> {
        if self.list.act(action, facts.state.resources.len()) {
            return self.choose_owner(0);
        }
        let Some((name, view)) = self.selected(facts) else { return Vec::new() };
        let last = view.status.owners.len().saturating_sub(1);
        match action {
            Action::NextOwner => self.choose_owner(last.min(self.owner + 1)),
            Action::PreviousOwner => self.choose_owner(last.min(self.owner).saturating_sub(1)),
            Action::CheckOne | Action::CheckAll => {
                let dependency = (action == Action::CheckOne).then(|| name.clone());
                let what = dependency.as_deref().map_or("all".into(), safe_line);
                let said = Effect::Say(format!("checking {what}"));
                vec![Effect::Send(Command::CheckHealth { dependency }), said]
            }
            Action::ResetBreaker => vec![Effect::Send(Command::ResetBreaker { dependency: name.clone() })],
            Action::TripBreaker => {
                let breaker = facts.state.breakers.get(name);
                breaker.map(|breaker| Effect::Confirm(asks::trip(name, breaker, facts))).into_iter().collect()
            }
            Action::Open => self.owner(view).map_or_else(Vec::new, |owner| Self::open(view, owner, facts)),
            Action::Copy => copied(name, facts).map(|(text, what)| Effect::Copy(text, what)).into_iter().collect(),
            _ => Vec::new(),
        }
    }

    fn can(&self, action: Action, facts: &Facts) -> Result<(), String> {
        let Some((name, view)) = self.selected(facts) else { return Err("there is no resource".into()) };
        let owners = view.status.owners.len();
        match action {
            Action::ResetBreaker | Action::TripBreaker => match facts.state.breakers.get(name) {
                Some(breaker) => asks::can_change(action, breaker),
                None => Err("it has no breaker".into()),
            },
            Action::Open | Action::NextOwner | Action::PreviousOwner if owners == 0 => {
                Err("nobody holds a lease of it".into())
            }
            Action::NextOwner if self.owner + 1 >= owners => Err("this is the last one".into()),
            Action::PreviousOwner if self.owner == 0 => Err("this is the first one".into()),
            Action::Open if self.owner(view).and_then(|owner| Holder::read(&owner.owner)).is_none() => {
                Err("it is held for no item".into())
            }
            Action::Copy if copied(name, facts).is_none() => Err("nothing is known of it yet".into()),
            _ => Ok(()),
        }
    }

    fn click(&mut self, _column: u16, line: u16, again: bool, facts: &mut Facts) -> Vec<Effect> {
        let Some(at) = line.checked_sub(self.head).and_then(|line| self.list.at(line)) else { return Vec::new() };
        if self.list.cursor(facts.state.resources.len()) != Some(at) {
            self.owner = 0;
        }
        self.list.go(at);
        if again && self.can(Action::Open, facts).is_ok() { self.act(Action::Open, facts) } else { Vec::new() }
    }
}

/// What is worth to be copied: what helps where something is wrong, or what the last look found.
fn copied(name: &str, facts: &Facts) -> Option<(String, &'static str)> {
    if let Some(hint) = hints(&facts.state, name, now(facts)).first() {
        return Some((safe_line(&format!("{name}: {}; {}", hint.found, hint.advice)).into_owned(), "the hint"));
    }
    let details = facts.state.health_of(name)?.details;
    (!details.is_empty()).then(|| (safe_line(details).into_owned(), "the line"))
}
