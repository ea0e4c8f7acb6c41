//! Actions by name: type some letters, choose one.

use ratatui::buffer::Buffer;
use ratatui::crossterm::event::{KeyCode, KeyEvent};
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::Possible;
use super::fuzzy::score;
use super::typed::Typed;
use crate::tui::action::{Action, Group};
use crate::tui::list::List;
use crate::tui::look::Look;
use crate::tui::text;
use crate::tui::theme::Role;
use crate::tui::widgets::{overlay, plain, put, row, scrollbar};

/// Columns and rows at most.
const SIZE: (u16, u16) = (70, 20);

/// The palette.
#[derive(Debug)]
pub struct Palette {
    rows: Vec<Possible>,
    typed: Typed,
    /// The rows that match, the best first.
    found: Vec<usize>,
    list: List,
}

impl Palette {
    /// The palette of these actions.
    #[must_use]
    pub fn new(mut rows: Vec<Possible>) -> Self {
        // It is open already.
        rows.retain(|(about, ..)| about.action != Action::Palette);
        // Nobody moves by the palette, and what cannot be done is not what is wanted.
        rows.sort_by_key(|(about, _, can)| (about.group == Group::Move, can.is_err()));
        let found = (0..rows.len()).collect();
        Self { rows, typed: Typed::default(), found, list: List::default() }
    }

    /// A key. Whether the palette is closed, and an action that was chosen.
    pub fn key(&mut self, key: KeyEvent) -> (bool, Option<Action>) {
        let motion = match key.code {
            KeyCode::Esc => return (true, None),
            KeyCode::Enter => {
                let chosen = self.chosen().filter(|(_, _, can)| can.is_ok()).map(|(about, ..)| about.action);
                // Why it cannot be done is in sight.
                return (chosen.is_some(), chosen);
            }
            KeyCode::Up | KeyCode::BackTab => Some(Action::Up),
            KeyCode::Down | KeyCode::Tab => Some(Action::Down),
            KeyCode::PageUp => Some(Action::PageUp),
            KeyCode::PageDown => Some(Action::PageDown),
            _ => None,
        };
        match motion {
            Some(motion) => drop(self.list.act(motion, self.found.len())),
            None if self.typed.key(key) => self.find(),
            None => {}
        }
        (false, None)
    }

    /// A text was pasted.
    pub fn paste(&mut self, text: &str) {
        self.typed.paste(text);
        self.find();
    }

    fn chosen(&self) -> Option<&Possible> {
        let at = self.list.cursor(self.found.len())?;
        self.rows.get(*self.found.get(at)?)
    }

    fn find(&mut self) {
        let typed = self.typed.text();
        let scored = self.rows.iter().enumerate().filter_map(|(at, (about, ..))| {
            // The name is what somebody types who knows it.
            let score = score(typed, about.name).map(|score| score + 2).max(score(typed, about.title))?;
            Some((score, at))
        });
        let mut found: Vec<(i32, usize)> = scored.collect();
        if !typed.trim().is_empty() {
            found.sort_by_key(|(score, at)| (std::cmp::Reverse(*score), *at));
        }
        self.found = found.into_iter().map(|(_, at)| at).collect();
        self.list.go(0);
    }

    /// Draws over `area`, the whole screen.
    pub fn draw(&mut self, look: &Look, area: Rect, buffer: &mut Buffer) {
        let height = (self.rows.len() as u16 + 1).min(SIZE.1).min(area.height.saturating_sub(4));
        let inner = overlay(buffer, area, (SIZE.0, height), "actions", look);
        self.typed.draw(">", "type some letters of what is to be done", look, row(inner, 0), buffer);
        let below = Rect { y: inner.y + 1.min(inner.height), height: inner.height.saturating_sub(1), ..inner };
        if self.found.is_empty() {
            put(buffer, row(below, 0), &Line::styled("  nothing is called that", look.style(Role::Dim)), look);
        }
        let placed = self.list.place(self.found.len(), below.height, |_| 1);
        let is_long = placed.len() < self.found.len();
        let lines = Rect { width: below.width.saturating_sub(2 * u16::from(is_long)), ..below };
        let names = self.rows.iter().map(|(about, ..)| about.name.len()).max().unwrap_or(0);
        let cursor = self.list.cursor(self.found.len());
        for place in &placed {
            let Some(possible) = self.found.get(place.row).and_then(|at| self.rows.get(*at)) else { continue };
            let is_on = cursor == Some(place.row);
            let here = row(lines, place.line);
            put(buffer, here, &line(possible, is_on, names, usize::from(lines.width), look), look);
            if is_on {
                look.highlight(here, buffer);
            }
        }
        scrollbar(buffer, below, self.list.top(), placed.len(), self.found.len(), look);
    }
}

/// The name, what it does, why not now, and at the right its key.
fn line((about, keys, can): &Possible, is_on: bool, names: usize, width: usize, look: &Look) -> Line<'static> {
    let style = if can.is_ok() { plain(look) } else { look.style(Role::Dim) };
    let cursor = if is_on { look.glyphs.cursor } else { " " };
    let key = keys.first().map(ToString::to_string).unwrap_or_default();
    let key = if width >= 40 { format!("  {key}") } else { String::new() };
    let mut text = if width >= 50 { format!("{cursor} {:<names$}  ", about.name) } else { format!("{cursor} ") };
    text += about.title;
    if let Err(why) = can {
        text += &format!(" ({why})");
    }
    let room = width.saturating_sub(text::width(&key));
    let key_style = if can.is_ok() { look.style(Role::Key) } else { look.style(Role::Dim) };
    Line::from(vec![Span::styled(text::fit(&text, room, look.glyphs.ellipsis), style), Span::styled(key, key_style)])
}

#[cfg(test)]
mod tests {
    use ratatui::crossterm::event::KeyModifiers;

    use super::*;
    use crate::tui::action::Place;
    use crate::tui::model::Model;
    use crate::tui::testing::{SIZES, drawn, facts, look, looks, scene};

    fn palette(place: Place) -> Palette {
        let mut model = Model::new(facts(&scene()), look());
        model.path.push(place);
        Palette::new(model.possible())
    }

    fn press(palette: &mut Palette, code: KeyCode) -> (bool, Option<Action>) {
        palette.key(KeyEvent::new(code, KeyModifiers::NONE))
    }

    fn typed(palette: &mut Palette, text: &str) {
        for c in text.chars() {
            press(palette, KeyCode::Char(c));
        }
    }

    fn best(text: &str) -> Option<&'static str> {
        let mut palette = palette(Place::Health);
        typed(&mut palette, text);
        palette.chosen().map(|(about, ..)| about.name)
    }

    #[test]
    fn some_letters_of_a_name_or_of_what_it_does_find_it() {
        assert_eq!(best("check"), Some("check"));
        assert_eq!(best("cha"), Some("check-all"));
        assert_eq!(best("look all"), Some("check-all"));
        assert_eq!(best("golog"), Some("go-log"));
        assert_eq!(best("shell"), Some("suspend"));
        assert_eq!(best("zzz"), None);
    }

    #[test]
    fn what_was_chosen_is_done_if_it_can_be() {
        let mut palette = palette(Place::Health);
        typed(&mut palette, "quit");
        assert_eq!(press(&mut palette, KeyCode::Enter), (true, Some(Action::Quit)));
        palette.paste(" xyz\nnothing");
        assert_eq!(press(&mut palette, KeyCode::Enter), (false, None));
        assert_eq!(press(&mut palette, KeyCode::Esc), (true, None));
        let mut palette = self::palette(Place::Health);
        typed(&mut palette, "later-event");
        assert_eq!(press(&mut palette, KeyCode::Enter), (false, None), "only a run that is over has a time line");
        press(&mut palette, KeyCode::Down);
        press(&mut palette, KeyCode::Up);
        assert_eq!(palette.chosen().map(|(about, ..)| about.action), Some(Action::LaterEvent));
    }

    #[test]
    fn it_shows_the_best_first_and_their_keys() {
        for (width, height) in SIZES {
            for (name, look) in looks() {
                let mut all = palette(Place::Breakers);
                let text = drawn((width, height), |area, buffer| all.draw(&look, area, buffer));
                insta::assert_snapshot!(format!("palette-{width}x{height}-{name}"), text);
            }
        }
        let mut some = palette(Place::Breakers);
        typed(&mut some, "ev");
        press(&mut some, KeyCode::Down);
        let text = drawn((80, 24), |area, buffer| some.draw(&look(), area, buffer));
        insta::assert_snapshot!("palette-typed-80x24", text);
    }

    proptest::proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig::with_cases(48))]
        #[test]
        fn no_size_is_too_small_or_too_large(width in 0_u16..=300, height in 0_u16..=100, text in "\\PC{0,8}") {
            let mut palette = palette(Place::Run);
            palette.paste(&text);
            for (_, look) in looks() {
                drawn((width, height), |area, buffer| palette.draw(&look, area, buffer));
            }
        }
    }
}
