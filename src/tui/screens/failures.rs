//! What failed, by cause, each with an example and what to do.

mod draw;
mod groups;
#[cfg(test)]
mod tests;

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};

use super::Screen;
use super::asks::{self, files};
use crate::events::{Command, ItemIndex};
use crate::resilience::safe_text::{safe_line, shell_word};
use crate::tui::action::Action;
use crate::tui::effect::{Effect, Loaded, Question};
use crate::tui::facts::Facts;
use crate::tui::list::List;
use crate::tui::logview::Tail;
use crate::tui::look::Look;
use crate::tui::rows::Filter;
use crate::tui::text::count;
use draw::Areas;
use groups::{Group, Groups, Key};

/// The part of the screen that the keys move in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Focus {
    #[default]
    Groups,
    Items,
}

/// What failed, by cause, each with an example and what to do.
#[derive(Debug, Default)]
pub struct Failures {
    groups: Groups,
    searched: String,
    /// The group that was chosen; none: the first.
    chosen: Option<Key>,
    /// The item of it that was chosen; none: the first.
    item: Option<ItemIndex>,
    focus: Focus,
    tail: Tail,
    group_list: List,
    item_list: List,
    areas: Areas,
}

impl Failures {
    /// The place of the selected group.
    fn at(&self) -> Option<usize> {
        let groups = &self.groups.all;
        let chosen = self.chosen.as_ref().and_then(|key| groups.iter().position(|group| group.key == *key));
        chosen.or_else(|| (!groups.is_empty()).then_some(0))
    }

    /// The selected group.
    fn group(&self) -> Option<&Group> {
        self.groups.all.get(self.at()?)
    }

    /// The place of the selected item in its group.
    fn item_at(&self) -> usize {
        let items = self.group().map_or(&[][..], |group| &group.items);
        self.item.and_then(|item| items.iter().position(|other| *other == item)).unwrap_or(0)
    }

    /// The item that stands for the group: the selected one.
    fn example(&self) -> Option<ItemIndex> {
        self.group()?.items.get(self.item_at()).copied()
    }

    fn choose(&mut self, place: usize) {
        self.chosen = self.groups.all.get(place).map(|group| group.key.clone());
        self.item = None;
    }

    fn move_by(&mut self, by: isize) {
        match self.focus {
            Focus::Groups => {
                let last = self.groups.all.len().saturating_sub(1);
                self.choose(self.at().unwrap_or(0).saturating_add_signed(by).min(last));
            }
            Focus::Items => {
                let items = self.group().map_or(&[][..], |group| &group.items);
                let to = self.item_at().saturating_add_signed(by).min(items.len().saturating_sub(1));
                self.item = items.get(to).copied();
            }
        }
    }

    /// The log of the example's last attempt.
    fn log(&self, facts: &Facts) -> Option<std::path::PathBuf> {
        let item = self.example()?;
        let steps = &facts.story.item(item)?.steps;
        let failing = facts.state.failures.get(&item).and_then(|(step, _)| *step);
        let told = steps.iter().rev().find(|told| failing.is_none_or(|step| step == told.step))?;
        told.failed.last()?.log.as_ref().map(|log| facts.places.run.join(log))
    }

    fn wants(&mut self, facts: &Facts) -> Vec<Effect> {
        self.tail.turn_to(self.log(facts));
        self.tail.ask(false).into_iter().collect()
    }

    /// The failed group that is selected, for what can be asked of the run.
    fn failed(&self) -> Result<&Group, String> {
        match self.group() {
            None => Err("nothing has failed".to_owned()),
            Some(group) => match &group.key.parked {
                None => Ok(group),
                Some(dependency) => Err(format!("they go on by themselves when {} is well", safe_line(dependency))),
            },
        }
    }
}

/// All that failed with this cause, in sight or not.
fn with_cause(facts: &Facts, cause: &str) -> usize {
    facts.state.causes.iter().filter(|((_, other), _)| other == cause).map(|(_, count)| count).sum()
}

impl Screen for Failures {
    fn draw(&mut self, facts: &Facts, look: &Look, area: Rect, buffer: &mut Buffer) {
        self.groups.follow(facts, &self.searched);
        self.draw_all(facts, look, area, buffer);
    }

    fn act(&mut self, action: Action, facts: &mut Facts) -> Vec<Effect> {
        self.groups.follow(facts, &self.searched);
        let page = isize::from(self.areas.items.height.max(self.areas.groups.height).max(2) as i16 - 1);
        let mut effects = Vec::new();
        match action {
            Action::Up => self.move_by(-1),
            Action::Down => self.move_by(1),
            Action::PageUp => self.move_by(-page),
            Action::PageDown => self.move_by(page),
            Action::Top => self.move_by(isize::MIN),
            Action::Bottom => self.move_by(isize::MAX),
            Action::Left => self.focus = Focus::Groups,
            Action::Right => self.focus = Focus::Items,
            Action::Open => match (self.focus, self.example()) {
                (Focus::Items, Some(item)) => return vec![Effect::Show(item)],
                _ => self.focus = Focus::Items,
            },
            Action::RetryGroup => {
                if let Ok(group) = self.failed() {
                    let (cause, all) = (group.key.cause.clone(), with_cause(facts, &group.key.cause));
                    let (shown, are) = (safe_line(&cause), if all == 1 { "is" } else { "are" });
                    let said = if all > group.count {
                        // The command knows causes, not filters and classes.
                        format!("all {} with '{shown}' {are} tried again", files(all))
                    } else {
                        format!("{} with '{shown}' {are} tried again", files(all))
                    };
                    effects.extend([Effect::Say(said), Effect::Send(Command::RetryFailed { cause: Some(cause) })]);
                }
            }
            Action::SkipGroup => {
                if let Ok(group) = self.failed() {
                    let all = with_cause(facts, &group.key.cause).max(group.count);
                    let (cause, files) = (safe_line(&group.key.cause).into_owned(), files(all));
                    let skip = Command::SkipFailed { cause: Some(group.key.cause.clone()) };
                    let text = format!("Leave {files} that failed with '{cause}' out of this run?");
                    let said = format!("{files} {} left out of this run", if all == 1 { "is" } else { "are" });
                    let leave = vec![Effect::Send(skip), Effect::Say(said)];
                    let answers = vec![
                        ('y', "leave them out; a later run tries them again".to_owned(), leave),
                        ('n', "keep them as they are".to_owned(), Vec::new()),
                    ];
                    effects.push(Effect::Confirm(Question { text, answers }));
                }
            }
            Action::Copy => effects.extend(self.copied(facts)),
            _ => {}
        }
        effects.extend(self.wants(facts));
        effects
    }

    fn can(&self, action: Action, facts: &Facts) -> Result<(), String> {
        match action {
            Action::RetryGroup => self.failed().and_then(|_| asks::begins_anew(facts)),
            Action::SkipGroup => self.failed().map(drop),
            Action::Open if self.example().is_none() => Err("there is nothing to open".to_owned()),
            Action::Copy if self.group().is_none() => Err("there is nothing to copy".to_owned()),
            Action::Copy if self.focus == Focus::Groups && facts.places.again.is_empty() => {
                Err("how the run was started is not known".to_owned())
            }
            _ => Ok(()),
        }
    }

    fn searched(&self) -> &str {
        &self.searched
    }

    fn search(&mut self, text: &str, facts: &mut Facts) {
        text.clone_into(&mut self.searched);
        self.groups.rebuild(facts, &Filter::of(text));
    }

    fn tick(&mut self, facts: &Facts) -> Vec<Effect> {
        self.groups.follow(facts, &self.searched);
        self.wants(facts)
    }

    fn loaded(&mut self, loaded: &Loaded, _facts: &Facts) {
        self.tail.loaded(loaded);
    }

    fn click(&mut self, column: u16, row: u16, again: bool, facts: &mut Facts) -> Vec<Effect> {
        let at = Position::new(column, row);
        if self.areas.groups.contains(at) {
            self.focus = Focus::Groups;
            if let Some(place) = self.group_list.at(row - self.areas.groups.y) {
                self.choose(place);
            }
        } else if self.areas.items.contains(at) {
            self.focus = Focus::Items;
            let place = self.item_list.at(row - self.areas.items.y).unwrap_or(usize::MAX);
            self.item = self.group().and_then(|group| group.items.get(place).copied());
            if again && let Some(item) = self.example() {
                return vec![Effect::Show(item)];
            }
        }
        self.wants(facts)
    }
}

impl Failures {
    /// The command that tries the group again, or the one item.
    fn copied(&self, facts: &Facts) -> Option<Effect> {
        if self.focus == Focus::Items {
            return asks::copied(self.example()?, true, facts);
        }
        let group = self.group()?;
        let again = &facts.places.again;
        Some(match group.key.parked {
            None => {
                let command = format!("{again} --retry-failed --cause {}", shell_word(&group.key.cause));
                Effect::Copy(command, "the command that tries these files again")
            }
            Some(_) => Effect::Copy(again.clone(), "the command that goes on with these files"),
        })
    }

    /// A line for a screen without failures.
    fn nothing(&self, facts: &Facts) -> String {
        if !self.searched.is_empty() {
            return format!("No failure has '{}' in its cause or its path.", safe_line(&self.searched));
        }
        let counts = &facts.state.counts;
        let (done, total) = (counts.done + counts.up_to_date, counts.total);
        let so_far = if facts.is_over() { "" } else { " so far" };
        match total {
            0 => "Nothing failed. No files are known yet.".to_owned(),
            _ => format!("Nothing failed. {} of {} are done{so_far}.", count(done.into()), files(total as usize)),
        }
    }
}
