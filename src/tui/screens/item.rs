//! One item: its steps, the log of its tool, what was made, what is wrong.

mod detail;
mod draw;
mod graph;
mod preview;
mod steps;
#[cfg(test)]
mod tests;
mod values;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::Screen;
use super::asks;
use crate::events::story::StepStand;
use crate::events::{EventKind, ItemIndex, ItemPhase};
use crate::resilience::checkpoint::Checkpoint;
use crate::resilience::safe_text::safe_line;
use crate::tui::action::Action;
use crate::tui::effect::{Effect, Load, Loaded};
use crate::tui::facts::{Facts, Link};
use crate::tui::list::List;
use crate::tui::logview::Tail;
use crate::tui::look::Look;
use crate::tui::theme::ColorDepth;
use draw::Areas;
use preview::Preview;
use steps::{StepRow, likely, rows, story_of};
use values::Values;

/// Ticks after a change until the checkpoint is read once more: it may have been written a moment later.
const SECOND_LOOK: u8 = 4;

/// The part of the screen that the keys move in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Focus {
    #[default]
    Steps,
    Detail,
    Log,
}

/// One item: its steps, the log of its tool, what was made, what is wrong.
#[derive(Debug)]
pub struct ItemScreen {
    /// Whether pictures may be shown.
    pub images: bool,
    /// The colours that pictures may have.
    pub depth: ColorDepth,
    item: ItemIndex,
    /// The row that was chosen; none: the likeliest.
    chosen: Option<StepRow>,
    focus: Focus,
    /// The log, or the picture, has the whole screen.
    full: bool,
    tail: Tail,
    /// The text that is searched for, as it was typed.
    searched: String,
    checkpoint: Option<Result<Box<Checkpoint>, String>>,
    values: Values,
    /// What the story told when the checkpoint was asked for: a change asks for it again.
    mark: Option<(usize, bool)>,
    second_look: u8,
    scrolled: usize,
    preview: Preview,
    /// Why the item is left out of the run, and how many events were known when that was looked up.
    left_out: (u64, Option<String>),
    /// The rows in sight.
    list: List,
    areas: Areas,
}

impl Default for ItemScreen {
    fn default() -> Self {
        Self {
            images: true,
            depth: ColorDepth::Full,
            item: 0,
            chosen: None,
            focus: Focus::default(),
            full: false,
            tail: Tail::default(),
            searched: String::new(),
            checkpoint: None,
            values: Values::new(),
            mark: None,
            second_look: 0,
            scrolled: 0,
            preview: Preview::default(),
            left_out: (0, None),
            list: List::default(),
            areas: Areas::default(),
        }
    }
}

impl ItemScreen {
    /// Shows another item.
    pub fn show(&mut self, item: ItemIndex, facts: &Facts) {
        if self.item != item {
            let (images, depth, tail) = (self.images, self.depth, std::mem::take(&mut self.tail));
            // How the log is looked at stays, what was searched for does not.
            *self = Self { images, depth, item, tail, ..Self::default() };
            self.tail.view.search("");
        }
        self.tail.turn_to(self.log(facts));
        self.mark = None;
    }

    /// The selected row: the chosen one while it is there, else the likeliest.
    fn selected(&self, facts: &Facts) -> StepRow {
        let likely = || StepRow { step: likely(facts, self.known(), self.item), attempt: None };
        self.chosen.filter(|chosen| rows(facts, self.item).contains(chosen)).unwrap_or_else(likely)
    }

    /// Whether the step has a tool, and so a log.
    fn has_tool(facts: &Facts, step: u32) -> bool {
        facts.state.shapes.get(step as usize).is_some_and(|shape| shape.dependency.is_some() && !shape.batch)
    }

    /// The log of the selected row: of its attempt, or the step's latest.
    fn log(&self, facts: &Facts) -> Option<std::path::PathBuf> {
        let row = self.selected(facts);
        let attempts = story_of(facts, self.item, row.step).map_or(0, |story| story.attempts);
        let attempt = row.attempt.unwrap_or(attempts);
        (Self::has_tool(facts, row.step) && attempt > 0).then(|| facts.log(self.item, row.step, attempt)).flatten()
    }

    /// Why the selected row has no log.
    fn without_log(&self, facts: &Facts) -> &'static str {
        let step = self.selected(facts).step;
        let open = matches!(facts.state.phase_of(self.item), ItemPhase::Waiting | ItemPhase::Running);
        match facts.state.shapes.get(step as usize) {
            Some(shape) if shape.batch => "a step over the whole batch has no log here",
            Some(shape) if shape.dependency.is_none() => "a built-in step has no log",
            _ if story_of(facts, self.item, step).is_none() && open => "it has not begun",
            _ => "it did not run in this run",
        }
    }

    /// Whether the log may grow.
    fn grows(&self, facts: &Facts) -> bool {
        let row = self.selected(facts);
        let attempt = facts.state.tasks.get(&(self.item, row.step)).filter(|task| task.retry_at.is_none());
        let live = facts.link != Link::Record && facts.moment.is_none() && !facts.is_over();
        live && attempt.is_some_and(|task| row.attempt.is_none_or(|attempt| attempt == task.attempt))
    }

    fn known(&self) -> Option<&Checkpoint> {
        self.checkpoint.as_ref()?.as_ref().ok().map(|known| &**known)
    }

    /// Orders for what is to be shown and not known yet.
    fn wants(&mut self, facts: &Facts) -> Vec<Effect> {
        self.tail.turn_to(self.log(facts));
        let mut effects = Vec::new();
        effects.extend(self.tail.ask(self.grows(facts)));
        let story = facts.story.item(self.item);
        let settled = |stand: &StepStand| matches!(stand, StepStand::Done | StepStand::Skipped(..) | StepStand::Failed);
        let done = story.map_or(0, |story| story.steps.iter().filter(|told| settled(&told.stand)).count());
        let mark = Some((done, story.is_some_and(|story| story.ended.is_some())));
        let changed = self.mark != mark;
        if changed {
            (self.mark, self.second_look) = (mark, SECOND_LOOK);
        }
        self.second_look = self.second_look.saturating_sub(u8::from(!changed));
        if changed || self.second_look == 1 {
            let path = facts.checkpoint(self.item);
            effects.extend(path.map(|path| Effect::Load(Load::Checkpoint { item: self.item, path })));
        }
        effects.extend(self.preview.ask());
        effects
    }

    fn look_up(&mut self, facts: &Facts) {
        let seq = facts.state.next_seq();
        if facts.state.phase_of(self.item) != ItemPhase::LeftOut {
            self.left_out = (seq, None);
        } else if self.left_out.1.is_none() && self.left_out.0 != seq {
            let reason = facts.story.events().iter().rev().find_map(|event| match &event.kind {
                EventKind::ItemLeftOut { item, reason } if *item == self.item => Some(reason.clone()),
                _ => None,
            });
            self.left_out = (seq, reason);
        }
    }

    fn move_by(&mut self, by: isize, facts: &Facts) {
        let rows = rows(facts, self.item);
        let at = rows.iter().position(|row| *row == self.selected(facts)).unwrap_or(0);
        let to = at.saturating_add_signed(by).min(rows.len().saturating_sub(1));
        self.chosen = rows.get(to).copied();
        self.scrolled = 0;
        self.turn_pictures(facts);
    }

    fn turn_pictures(&mut self, facts: &Facts) {
        let step = self.selected(facts).step;
        let first = facts.state.steps.get(step as usize).map(String::as_str);
        let pictures = self.known().map(|known| detail::pictures(known, first));
        if !self.preview.open {
            self.preview.set(pictures.unwrap_or_default());
        }
    }

    fn sideways(&mut self, right: bool) {
        if self.preview.open && self.preview.several() && (self.focus == Focus::Log || self.full) {
            return self.preview.turn(right);
        }
        if self.focus == Focus::Log && (if right { self.tail.view.to_right() } else { self.tail.view.to_left() }) {
            return;
        }
        if self.full {
            return;
        }
        let ways: &[Focus] = if self.areas.hides > 0 || self.focus == Focus::Detail {
            &[Focus::Steps, Focus::Detail, Focus::Log]
        } else {
            &[Focus::Steps, Focus::Log]
        };
        let at = ways.iter().position(|focus| *focus == self.focus).unwrap_or(0);
        let to = if right { (at + 1).min(ways.len() - 1) } else { at.saturating_sub(1) };
        self.focus = ways[to];
    }

    fn scroll_detail(&mut self, by: isize) {
        self.scrolled = self.scrolled.saturating_add_signed(by).min(self.areas.hides);
    }
}

impl Screen for ItemScreen {
    fn draw(&mut self, facts: &Facts, look: &Look, area: Rect, buffer: &mut Buffer) {
        self.draw_all(facts, look, area, buffer);
    }

    fn act(&mut self, action: Action, facts: &mut Facts) -> Vec<Effect> {
        let page = isize::try_from(self.areas.detail.height.max(2)).unwrap_or(2) - 1;
        let log = self.focus == Focus::Log || self.full;
        let mut effects = match action {
            Action::Up | Action::Down => {
                let by = if action == Action::Up { -1 } else { 1 };
                match self.focus {
                    _ if log => self.tail.view.scroll(by),
                    Focus::Detail => self.scroll_detail(by),
                    _ => self.move_by(by, facts),
                }
                Vec::new()
            }
            Action::PageUp | Action::PageDown => {
                let by = if action == Action::PageUp { -1 } else { 1 };
                if self.focus == Focus::Detail {
                    self.scroll_detail(by * page)
                } else {
                    self.tail.view.page(by)
                }
                Vec::new()
            }
            Action::Top | Action::Bottom => {
                let bottom = action == Action::Bottom;
                match self.focus {
                    _ if log && bottom => self.tail.view.to_bottom(),
                    _ if log => self.tail.view.to_top(),
                    Focus::Detail => self.scrolled = if bottom { self.areas.hides } else { 0 },
                    _ => self.move_by(if bottom { isize::MAX } else { isize::MIN }, facts),
                }
                Vec::new()
            }
            Action::Left | Action::Right => {
                self.sideways(action == Action::Right);
                Vec::new()
            }
            Action::Open => {
                self.full = !self.full;
                self.focus = if self.full { Focus::Log } else { Focus::Steps };
                Vec::new()
            }
            Action::Follow => {
                self.tail.view.toggle_follow();
                Vec::new()
            }
            Action::Wrap => {
                self.tail.view.toggle_wrap();
                Vec::new()
            }
            Action::Preview => {
                self.preview.open = !self.preview.open;
                self.turn_pictures(facts);
                self.focus = if self.preview.open { Focus::Log } else { Focus::Steps };
                self.full &= self.preview.open;
                Vec::new()
            }
            Action::NextMatch | Action::PreviousMatch => {
                let found = self.tail.view.next_match(action == Action::NextMatch);
                let said = || Effect::Say(format!("'{}' is not in this log", safe_line(&self.searched)));
                (!found).then(said).into_iter().collect()
            }
            Action::CancelItem => asks::cancel(self.item, facts),
            Action::SkipItem => asks::leave_out(self.item, facts),
            Action::RetryItem => asks::retry(self.item, facts),
            Action::Copy => {
                let fault = detail::fault_of(facts, self.known(), self.item, self.selected(facts));
                asks::copied(self.item, fault.is_some(), facts).into_iter().collect()
            }
            _ => Vec::new(),
        };
        effects.extend(self.wants(facts));
        effects
    }

    fn can(&self, action: Action, facts: &Facts) -> Result<(), String> {
        let phase = facts.state.phase_of(self.item);
        let has_log = || self.log(facts).map(drop).ok_or_else(|| self.without_log(facts).to_owned());
        match action {
            Action::CancelItem => match phase {
                ItemPhase::Running | ItemPhase::Waiting => Ok(()),
                ItemPhase::Parked => Ok(()),
                _ => Err(format!("it is {}, nothing of it runs", draw::word(phase))),
            },
            Action::RetryItem => match phase {
                ItemPhase::Failed | ItemPhase::Cancelled | ItemPhase::LeftOut => asks::begins_anew(facts),
                ItemPhase::Parked => Err("it goes on by itself when its dependency is well".to_owned()),
                _ => Err("it has not failed".to_owned()),
            },
            Action::SkipItem => match phase {
                ItemPhase::Done | ItemPhase::UpToDate => Err("it is done".to_owned()),
                ItemPhase::LeftOut => Err("it is left out already".to_owned()),
                _ => Ok(()),
            },
            Action::Open if self.full || self.preview.open => Ok(()),
            Action::Open | Action::Follow | Action::Wrap => has_log(),
            Action::Preview if self.preview.open => Ok(()),
            Action::Preview if !self.images => Err("pictures are turned off in the configuration".to_owned()),
            Action::Preview if self.preview.is_empty() => Err("no picture was made of it".to_owned()),
            Action::NextMatch | Action::PreviousMatch if self.searched.is_empty() => {
                Err("search for something first".to_owned())
            }
            Action::NextMatch | Action::PreviousMatch => has_log(),
            Action::Copy => facts.state.path(self.item).map(drop).ok_or_else(|| "there is no such item".to_owned()),
            _ => Ok(()),
        }
    }

    fn searched(&self) -> &str {
        &self.searched
    }

    fn search(&mut self, text: &str, _facts: &mut Facts) {
        text.clone_into(&mut self.searched);
        self.tail.view.search(text);
    }

    fn back(&mut self) -> bool {
        let was_larger = self.full || self.preview.open;
        if self.full {
            self.full = false;
        } else {
            self.preview.open = false;
        }
        if was_larger && !self.preview.open {
            self.focus = Focus::Steps;
        }
        was_larger
    }

    fn tick(&mut self, facts: &Facts) -> Vec<Effect> {
        self.look_up(facts);
        self.wants(facts)
    }

    fn loaded(&mut self, loaded: &Loaded, facts: &Facts) {
        self.tail.loaded(loaded);
        self.preview.loaded(loaded);
        if let Loaded::Checkpoint { item, checkpoint } = loaded
            && *item == self.item
        {
            self.checkpoint = Some(checkpoint.clone());
            self.values = self.known().map(values::of).unwrap_or_default();
            let first = facts.state.steps.get(self.selected(facts).step as usize).map(String::as_str);
            let pictures = self.known().map(|known| detail::pictures(known, first)).unwrap_or_default();
            self.preview.set(pictures);
        }
    }

    fn click(&mut self, column: u16, row: u16, again: bool, facts: &mut Facts) -> Vec<Effect> {
        let at = ratatui::layout::Position::new(column, row);
        if self.areas.steps.contains(at) {
            let rows = rows(facts, self.item);
            if let Some(clicked) = self.list.at(row - self.areas.steps.y).and_then(|at| rows.get(at)) {
                (self.chosen, self.focus, self.scrolled) = (Some(*clicked), Focus::Steps, 0);
                self.turn_pictures(facts);
            }
            if again && self.can(Action::Open, facts).is_ok() {
                return self.act(Action::Open, facts);
            }
        } else if self.areas.log.contains(at) {
            self.focus = Focus::Log;
        } else if self.areas.detail.contains(at) {
            self.focus = Focus::Detail;
        }
        self.wants(facts)
    }
}
