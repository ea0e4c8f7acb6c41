//! The stream of events.

mod index;
#[cfg(test)]
mod tests;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::Screen;
use crate::events::telling::{Level, Told, Tone, Topic, subject, tell, tell_with};
use crate::events::{Event, ItemIndex};
use crate::resilience::safe_text::safe_line;
use crate::tui::action::{Action, Place};
use crate::tui::effect::Effect;
use crate::tui::facts::Facts;
use crate::tui::list::List;
use crate::tui::look::Look;
use crate::tui::text::{self, LocalTime};
use crate::tui::theme::Role;
use crate::tui::widgets::{WIDE, clock, mark, marked, padded, plain, put, row, scrollbar};
use crate::tui::wrap::fold;

use index::{Index, event};

/// From this width on a long name is shortened, so that more is seen than a name.
const SHORTENED: usize = 36;

/// The stream of events.
#[derive(Debug)]
pub struct Log {
    index: Index,
    list: List,
    /// The event that the cursor is on.
    on: Option<u64>,
    /// The cursor goes with the newest event.
    follows: bool,
    wraps: bool,
    /// Where the search began.
    from: u64,
    /// Lines above the first event.
    head: u16,
    /// Whose time of day is told.
    zone: LocalTime,
}

impl Default for Log {
    fn default() -> Self {
        Self::new(LocalTime::system())
    }
}

/// What is told before the text of an event, and in how many columns.
struct Columns {
    /// The time of day, and the level as a word.
    is_wide: bool,
    /// The time since the start: its columns.
    clock: usize,
    /// The word for what happened.
    has_word: bool,
    /// All of them.
    width: usize,
}

impl Columns {
    fn new(width: u16, facts: &Facts) -> Self {
        let is_wide = width >= WIDE;
        let clock = match width {
            0..30 => 0,
            _ if is_wide => 8,
            _ => text::width(&clock(facts.state.elapsed)),
        };
        let has_word = width >= 50;
        let level = if is_wide { 9 } else { 1 };
        let time = if clock > 0 { clock + 2 } else { 0 };
        Self {
            is_wide,
            clock,
            has_word,
            width: 2 + time + level + if width >= 30 { 2 } else { 1 } + if has_word { 11 } else { 0 },
        }
    }
}

impl Log {
    /// The log, with the time of day of `zone`.
    #[must_use]
    pub fn new(zone: LocalTime) -> Self {
        let (index, list) = (Index::default(), List::default());
        Self { index, list, on: None, follows: true, wraps: false, from: 0, head: 0, zone }
    }

    /// Takes in what came since, and finds the cursor's event again.
    fn follow(&mut self, facts: &Facts) {
        let gone = self.index.follow(&facts.story, &facts.state);
        self.list.forget(gone);
        self.find();
    }

    fn find(&mut self) {
        let last = self.index.len().saturating_sub(1);
        self.list.go(if self.follows { last } else { self.on.map_or(last, |seq| self.index.row(seq)) });
        self.on = self.list.cursor(self.index.len()).and_then(|row| self.index.seq(row));
    }

    fn go(&mut self, seq: Option<u64>) {
        if seq.is_some() {
            (self.on, self.follows) = (seq, false);
            self.find();
        }
    }

    fn event<'a>(&self, facts: &'a Facts) -> Option<&'a Event> {
        event(&facts.story, self.on?)
    }

    fn item(&self, facts: &Facts) -> Option<ItemIndex> {
        subject(&self.event(facts)?.kind)
    }

    fn draw_head(&self, look: &Look, area: Rect, buffer: &mut Buffer) {
        let (dim, plain) = (look.style(Role::Dim), plain(look));
        let topic = self.index.topic().map_or("all", Topic::word);
        let mut spans = vec![
            Span::styled("  level ", dim),
            Span::styled(self.index.level().word(), plain),
            Span::styled("   kind ", dim),
            Span::styled(topic, plain),
        ];
        if !self.index.needle().is_empty() {
            let rank = self.on.and_then(|on| self.index.rank(on)).map_or(String::new(), |rank| format!("{rank} of "));
            let found = match self.index.matches() {
                0 => "no match".to_owned(),
                1 => format!("{rank}1 match"),
                matches => format!("{rank}{} matches", text::count(matches as u64)),
            };
            spans.push(Span::styled("   search ", dim));
            spans.push(Span::styled(safe_line(self.index.needle()).into_owned(), plain));
            spans.push(Span::styled(format!(" ({found})"), dim));
        }
        let end = if self.follows { "following" } else { "" };
        let used: usize = spans.iter().map(|span| text::width(&span.content)).sum();
        let room = usize::from(area.width).saturating_sub(used);
        if room > end.len() + 2 {
            spans.push(Span::styled(text::pad_start(end, room - 1), look.style(Role::Running)));
        }
        put(buffer, area, &Line::from(spans), look);
    }

    /// What is said where no event is shown.
    fn draw_nothing(&self, facts: &Facts, look: &Look, area: Rect, buffer: &mut Buffer) {
        let key = |action| look.keymap.key(action, Place::Log).map_or(String::new(), |key| format!(" ({key})"));
        let text = if facts.story.events().is_empty() {
            "  nothing has happened yet".to_owned()
        } else {
            format!("  no event of this level{} and kind{}", key(Action::Level), key(Action::Kind))
        };
        put(buffer, area, &Line::styled(text, look.style(Role::Dim)), look);
    }

    /// The lines of an event.
    fn lines(
        &self,
        event: &Event,
        columns: &Columns,
        width: usize,
        is_on: bool,
        facts: &Facts,
        look: &Look,
    ) -> Vec<Line<'static>> {
        let mut told = tell(event, &facts.state);
        let (plain, mark) = (plain(look), mark(is_on, look));
        let cursor = if is_on { look.glyphs.cursor } else { " " };
        let mut spans = vec![Span::styled(format!("{cursor} "), plain)];
        if columns.clock > 0 {
            let time = if columns.is_wide { self.zone.time_of_day(event.at) } else { clock(event.elapsed) };
            spans.push(Span::styled(format!("{}  ", text::pad_start(&time, columns.clock)), look.style(Role::Dim)));
        }
        let (sign, role) = level(&told, look);
        if columns.is_wide {
            spans.extend(padded(format!("{sign} {}", told.level.word()), 9, look.style(role)));
        } else {
            spans.push(Span::styled(sign, look.style(role)));
        }
        if columns.clock > 0 {
            spans.push(Span::styled("  ", plain));
        } else {
            spans.push(Span::styled(" ", plain));
        }
        if columns.has_word {
            spans.extend(marked(told.word, self.index.needle(), look.style(tone(&told)), mark));
            // The room behind it is no part of the word: it would be underlined with it.
            spans.push(Span::styled(" ".repeat(11_usize.saturating_sub(told.word.len())), plain));
        }
        let style = if told.level == Level::Debug { look.style(Role::Dim) } else { plain };
        let before = spans.iter().map(|span| text::width(&span.content)).sum();
        let room = width.saturating_sub(before).max(8);
        if !self.wraps && room >= SHORTENED && text::width(&told.text) > room {
            // A long name must not push out what happened to it.
            let name = |path: &std::path::Path| {
                let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy();
                text::clip_middle(&safe_line(&name), room / 3, look.glyphs.ellipsis).into_owned()
            };
            told = tell_with(&event.kind, &facts.state, &name);
        }
        let texts = if self.wraps { fold(&told.text, room) } else { vec![told.text] };
        let mut lines = Vec::with_capacity(texts.len());
        for text in texts {
            if !lines.is_empty() {
                spans.push(Span::styled(" ".repeat(before), plain));
            }
            spans.extend(marked(&text, self.index.needle(), style, mark));
            lines.push(Line::from(std::mem::take(&mut spans)));
        }
        lines
    }
}

/// The sign of a level, and how it looks.
fn level(told: &Told, look: &Look) -> (&'static str, Role) {
    match told.level {
        Level::Error => (look.glyphs.cross, Role::LogError),
        Level::Warn => (look.glyphs.warning, Role::Warn),
        Level::Info => (look.glyphs.waiting, Role::Dim),
        Level::Debug => (" ", Role::Dim),
    }
}

/// How the word for what happened looks.
fn tone(told: &Told) -> Role {
    match (told.level, told.tone) {
        (Level::Debug, _) => Role::Dim,
        (_, Tone::Good) => Role::Done,
        (_, Tone::Bad) => Role::LogError,
        (_, Tone::Careful) => Role::Warn,
        (_, Tone::Plain) => Role::Title,
    }
}

impl Screen for Log {
    fn draw(&mut self, facts: &Facts, look: &Look, area: Rect, buffer: &mut Buffer) {
        let area = area.intersection(buffer.area);
        self.follow(facts);
        self.head = u16::from(area.height >= 6);
        if self.head > 0 {
            self.draw_head(look, row(area, 0), buffer);
        }
        let window = Rect { y: area.y + self.head.min(area.height), height: area.height - self.head, ..area };
        let len = self.index.len();
        if len == 0 {
            self.draw_nothing(facts, look, window, buffer);
        }
        let text =
            Rect { width: window.width.saturating_sub(2 * u16::from(len > usize::from(window.height))), ..window };
        let columns = Columns::new(text.width, facts);
        let width = usize::from(text.width);
        let taken = |at: usize| match self.index.seq(at).and_then(|seq| event(&facts.story, seq)) {
            Some(event) if self.wraps => {
                let room = width.saturating_sub(columns.width).max(8);
                fold(&tell(event, &facts.state).text, room).len()
            }
            _ => 1,
        };
        let mut list = std::mem::take(&mut self.list);
        let placed = list.place(len, window.height, taken);
        self.list = list;
        let cursor = self.list.cursor(len);
        for place in &placed {
            let Some(event) = self.index.seq(place.row).and_then(|seq| event(&facts.story, seq)) else { continue };
            let is_on = cursor == Some(place.row);
            for (at, line) in (0..place.lines).zip(self.lines(event, &columns, width, is_on, facts, look)) {
                let here = row(text, place.line + at);
                put(buffer, here, &line, look);
                if is_on {
                    look.highlight(here, buffer);
                }
            }
        }
        scrollbar(buffer, window, self.list.top(), placed.len(), len, look);
    }

    fn act(&mut self, action: Action, facts: &mut Facts) -> Vec<Effect> {
        self.follow(facts);
        let len = self.index.len();
        if self.list.act(action, len) {
            self.follows = action == Action::Bottom || (self.follows && action == Action::Down);
            self.on = self.list.cursor(len).and_then(|row| self.index.seq(row));
            return Vec::new();
        }
        let on = self.on.unwrap_or(0);
        match action {
            Action::Level => {
                let at = Level::ALL.iter().position(|level| *level == self.index.level()).unwrap_or(0);
                self.index.ask(Level::ALL[(at + 1) % Level::ALL.len()], self.index.topic());
                self.follow(facts);
            }
            Action::Kind => {
                let has = |topic: &Topic| match topic {
                    Topic::Pools => !facts.state.pools().is_empty(),
                    Topic::Resources => !facts.state.resources.is_empty(),
                    _ => true,
                };
                let mut topics = Topic::ALL.into_iter().filter(has);
                let next = match self.index.topic() {
                    None => topics.next(),
                    Some(topic) => topics.skip_while(|other| *other != topic).nth(1),
                };
                self.index.ask(self.index.level(), next);
                self.follow(facts);
            }
            Action::Follow => {
                self.follows = !self.follows;
                self.find();
            }
            Action::Wrap => self.wraps = !self.wraps,
            Action::NextMatch => self.go(self.index.after(on)),
            Action::PreviousMatch => self.go(self.index.before(on)),
            Action::Open => return self.item(facts).map(Effect::Show).into_iter().collect(),
            Action::Copy => {
                let told = self.event(facts).map(|event| tell(event, &facts.state));
                return told
                    .map(|told| Effect::Copy(format!("{}  {}", told.word, told.text), "the line"))
                    .into_iter()
                    .collect();
            }
            _ => {}
        }
        Vec::new()
    }

    fn can(&self, action: Action, facts: &Facts) -> Result<(), String> {
        match action {
            Action::Open if self.item(facts).is_none() => Err("the event is about no item".into()),
            Action::Copy if self.event(facts).is_none() => Err("there is no event".into()),
            Action::NextMatch | Action::PreviousMatch if self.index.needle().is_empty() => {
                Err("nothing is searched for".into())
            }
            Action::NextMatch | Action::PreviousMatch if self.index.matches() == 0 => Err("nothing matches".into()),
            _ => Ok(()),
        }
    }

    fn searched(&self) -> &str {
        self.index.needle()
    }

    fn search(&mut self, text: &str, facts: &mut Facts) {
        self.follow(facts);
        if text == self.index.needle() {
            return;
        }
        if self.index.needle().is_empty() {
            self.from = self.on.unwrap_or(0);
        }
        self.index.search(text, &facts.story, &facts.state);
        // What happened last before the place where one was is looked for first: whoever follows the end wants the latest.
        if !text.is_empty() {
            self.go(self.index.before(self.from.saturating_add(1)));
        }
    }

    fn click(&mut self, _column: u16, line: u16, again: bool, facts: &mut Facts) -> Vec<Effect> {
        let row = line.checked_sub(self.head).and_then(|line| self.list.at(line));
        self.go(row.and_then(|row| self.index.seq(row)));
        if again { self.item(facts).map(Effect::Show).into_iter().collect() } else { Vec::new() }
    }
}
