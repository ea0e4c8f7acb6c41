//! How the model changes: keys become actions, actions become changes and effects. Nothing here touches the world.

use ratatui::crossterm::event::{KeyEvent, MouseButton, MouseEvent, MouseEventKind};

use super::action::{About, Action, Place};
use super::effect::{Effect, Leave, Loaded, Question};
use super::keys::KeyChord;
use super::model::{Model, Overlay};
use super::overlays::{help::Help, palette::Palette, prompt::Prompt};
use crate::events::{Command, RunPhase, StopLevel};

/// A second click at the same place within this time opens.
const DOUBLE_CLICK: std::time::Duration = std::time::Duration::from_millis(400);

/// What was asked of the run is in its events by then.
const ANSWERED: std::time::Duration = std::time::Duration::from_secs(1);

impl Model {
    /// A key was pressed.
    pub fn key(&mut self, key: KeyEvent) -> Vec<Effect> {
        let chord = KeyChord::from(key);
        let place = self.place();
        let action = self.look.keymap.action(&chord, place);
        // What ends or suspends the program does so from everywhere.
        if let Some(action @ (Action::Stop | Action::Suspend | Action::Repaint)) = action {
            return self.act(action);
        }
        match self.overlay.take() {
            None => match action {
                Some(action) => self.act(action),
                None => Vec::new(),
            },
            Some(overlay) => self.key_over(overlay, key, action),
        }
    }

    /// A key while something lies over the screen.
    fn key_over(&mut self, overlay: Overlay, key: KeyEvent, action: Option<Action>) -> Vec<Effect> {
        use ratatui::crossterm::event::KeyCode;
        match overlay {
            Overlay::Confirm(question) => {
                if let KeyCode::Char(typed) = key.code
                    && let Some((_, _, effects)) = question.answers.iter().find(|(answer, ..)| *answer == typed)
                {
                    return self.settle(effects.clone());
                }
                if key.code != KeyCode::Esc {
                    self.overlay = Some(Overlay::Confirm(question));
                }
                Vec::new()
            }
            Overlay::Help(mut help) => {
                let (done, act) = help.key(key, action);
                if !done {
                    self.overlay = Some(Overlay::Help(help));
                }
                act.map_or_else(Vec::new, |act| self.act(act))
            }
            Overlay::Palette(mut palette) => {
                let (done, act) = palette.key(key);
                if !done {
                    self.overlay = Some(Overlay::Palette(palette));
                }
                act.map_or_else(Vec::new, |act| self.act(act))
            }
            Overlay::Prompt(mut prompt) => {
                let place = self.place();
                let done = prompt.key(key);
                self.screens.at(place).search(prompt.text(), &mut self.facts);
                if !done {
                    self.overlay = Some(Overlay::Prompt(prompt));
                }
                Vec::new()
            }
        }
    }

    /// A text was pasted.
    pub fn paste(&mut self, text: &str) -> Vec<Effect> {
        let place = self.place();
        match &mut self.overlay {
            Some(Overlay::Prompt(prompt)) => {
                prompt.paste(text);
                self.screens.at(place).search(prompt.text(), &mut self.facts);
            }
            Some(Overlay::Palette(palette)) => palette.paste(text),
            Some(Overlay::Help(help)) => help.paste(text),
            Some(Overlay::Confirm(_)) | None => {}
        }
        Vec::new()
    }

    /// Does an action, if it makes sense now; else says why it does not.
    pub fn act(&mut self, action: Action) -> Vec<Effect> {
        if let Err(why) = self.can(action) {
            let title = action.about(self.place()).map_or("that", |about| about.title);
            self.say(format!("{title}: {why}"));
            return Vec::new();
        }
        let effects = match action {
            Action::Back => self.back(),
            Action::GoRun => self.go(Place::Run),
            Action::GoFailures => self.go(Place::Failures),
            Action::GoHealth => self.go(Place::Health),
            Action::GoBreakers => self.go(Place::Breakers),
            Action::GoLog => self.go(Place::Log),
            Action::GoPools => self.go(Place::Pools),
            Action::GoResources => self.go(Place::Resources),
            Action::NextScreen => self.go(self.tab(1)),
            Action::PreviousScreen => self.go(self.tab(-1)),
            Action::Search => {
                let text = self.screens.look_at(self.place()).searched().to_owned();
                self.overlay = Some(Overlay::Prompt(Prompt::new(self.place(), &text)));
                Vec::new()
            }
            Action::Pause => vec![Effect::Send(if self.is_paused() { Command::Resume } else { Command::Pause })],
            Action::MoreJobs => self.set_jobs(self.wanted_jobs() + 1),
            Action::FewerJobs => self.set_jobs(self.wanted_jobs() - 1),
            Action::EarlierEvent => self.seek(|at, _| at.saturating_sub(1)),
            Action::LaterEvent => self.seek(|at, end| end.min(at + 1)),
            Action::Earlier => self.seek(|at, end| at.saturating_sub(end.div_ceil(20))),
            Action::Later => self.seek(|at, end| end.min(at + end.div_ceil(20))),
            Action::Start => self.seek(|_, _| 1),
            Action::End => self.seek(|_, end| end),
            Action::Help => {
                self.overlay = Some(Overlay::Help(Help::new(self.possible())));
                Vec::new()
            }
            Action::Palette => {
                self.overlay = Some(Overlay::Palette(Palette::new(self.possible())));
                Vec::new()
            }
            Action::Mouse => {
                self.mouse = !self.mouse;
                let how =
                    if self.mouse { "the mouse is ours: hold Shift to select text" } else { "the mouse is yours" };
                self.say(how);
                vec![Effect::Mouse(self.mouse)]
            }
            Action::Repaint => vec![Effect::Repaint],
            Action::Suspend => vec![Effect::Suspend],
            Action::Stop => self.stop(),
            Action::Quit => self.quit(),
            _ => {
                let place = self.place();
                self.screens.at(place).act(action, &mut self.facts)
            }
        };
        self.settle(effects)
    }

    /// Does what an effect asks of the model itself, and hands the others on.
    fn settle(&mut self, effects: Vec<Effect>) -> Vec<Effect> {
        let mut left = Vec::new();
        for effect in effects {
            match effect {
                Effect::Confirm(question) => self.overlay = Some(Overlay::Confirm(question)),
                Effect::Go(place) => left.extend(self.go(place)),
                Effect::Show(item) => {
                    self.screens.item.show(item, &self.facts);
                    left.extend(self.go(Place::Item));
                }
                Effect::Say(text) => self.say(text),
                other => left.push(other),
            }
        }
        left
    }

    fn go(&mut self, place: Place) -> Vec<Effect> {
        // The way back is one way, not a history.
        if let Some(at) = self.path.iter().position(|passed| *passed == place) {
            self.path.truncate(at);
        } else if place != Place::Item {
            self.path.truncate(1);
        }
        self.path.push(place);
        let effects = self.screens.at(place).tick(&self.facts);
        self.settle(effects)
    }

    fn back(&mut self) -> Vec<Effect> {
        let place = self.place();
        if self.screens.at(place).back() {
            return Vec::new();
        }
        if !self.screens.look_at(place).searched().is_empty() {
            self.screens.at(place).search("", &mut self.facts);
        } else if self.path.len() > 1 {
            self.path.pop();
        }
        Vec::new()
    }

    fn tab(&self, by: isize) -> Place {
        let tabs = self.facts.tabs();
        let at = tabs.iter().position(|tab| *tab == self.place()).unwrap_or(0) as isize;
        let to = (at + by).rem_euclid(tabs.len().max(1) as isize);
        tabs.get(to as usize).copied().unwrap_or(Place::Run)
    }

    fn seek(&mut self, to: impl Fn(u64, u64) -> u64) -> Vec<Effect> {
        let Some((at, end)) = self.facts.moment else { return Vec::new() };
        // From where one is on the way to: keys can be faster than the journal is read.
        let to = to(self.asked_moment.unwrap_or(at), end);
        self.asked_moment = Some(to);
        vec![Effect::Seek(to)]
    }

    fn is_paused(&self) -> bool {
        matches!(self.facts.state.phase, RunPhase::Paused(_))
    }

    /// The number of tasks at once that was asked for last, or is: who presses a key twice is not held up by the answer.
    fn wanted_jobs(&self) -> u32 {
        let asked = self.asked_jobs.filter(|(_, until)| self.clock < *until);
        asked.map_or(self.facts.state.jobs, |(jobs, _)| jobs)
    }

    fn set_jobs(&mut self, jobs: u32) -> Vec<Effect> {
        self.asked_jobs = Some((jobs, self.clock + ANSWERED));
        vec![Effect::Send(Command::SetJobs { jobs })]
    }

    /// The key that ends: first in order, then now.
    fn stop(&mut self) -> Vec<Effect> {
        if self.facts.is_over() || self.facts.link != super::facts::Link::Owner {
            return vec![Effect::Leave(Leave::Over)];
        }
        self.stops += 1;
        if self.stops > 2 {
            // It was told to end now and did not: nobody is held here by it.
            return vec![Effect::Leave(Leave::Over)];
        }
        let level = if self.stops == 1 { StopLevel::Cancel } else { StopLevel::Kill };
        self.say(if self.stops == 1 {
            "stopping: running tools are asked to end; once more ends them now"
        } else {
            "ending now; once more leaves the screen"
        });
        vec![Effect::Send(Command::Stop { level, by: "SIGINT".into() })]
    }

    fn quit(&mut self) -> Vec<Effect> {
        if self.facts.is_over() || self.facts.link == super::facts::Link::Record {
            return vec![Effect::Leave(Leave::Over)];
        }
        let stop = |level| vec![Effect::Send(Command::Stop { level, by: "asked on the screen".into() })];
        let text = match self.facts.state.tasks.len() {
            1 => "1 task is running.".to_owned(),
            running => format!("{running} tasks are running."),
        };
        let keep = if self.facts.link == super::facts::Link::Owner {
            let words = "keep running without a screen (mediamill watch shows it again)";
            ('k', words.to_owned(), vec![Effect::Leave(Leave::Detach)])
        } else {
            ('l', "leave: the run goes on as it is".to_owned(), vec![Effect::Leave(Leave::Over)])
        };
        let answers = vec![
            keep,
            ('d', "drain: start nothing new, end when what runs is done".to_owned(), stop(StopLevel::Drain)),
            ('s', "stop: end running tools now; the next run goes on from here".to_owned(), stop(StopLevel::Cancel)),
        ];
        vec![Effect::Confirm(Question { text, answers })]
    }

    /// Whether the action makes sense now.
    ///
    /// # Errors
    /// Why not.
    pub fn can(&self, action: Action) -> Result<(), String> {
        let place = self.place();
        if !action.about(place).is_some_and(|about| about.belongs_to(place)) {
            return Err(format!("not on the screen {}", place.title()));
        }
        match action {
            Action::GoPools if self.facts.state.pools().is_empty() => {
                Err("the steps of this pipeline draw from none".into())
            }
            Action::Pause => match &self.facts.state.phase {
                RunPhase::Stopping(_) => Err("the run is ending".into()),
                _ => self.facts.reachable(),
            },
            Action::MoreJobs => self.facts.reachable(),
            Action::FewerJobs if self.wanted_jobs() <= 1 => Err("one task is the least".into()),
            Action::FewerJobs => self.facts.reachable(),
            Action::EarlierEvent
            | Action::LaterEvent
            | Action::Earlier
            | Action::Later
            | Action::Start
            | Action::End => self.facts.moment.map(drop).ok_or_else(|| {
                if self.facts.is_over() {
                    format!("mediamill watch {} shows its time line", self.facts.state.run)
                } else {
                    "only a run that is over has a time line".to_owned()
                }
            }),
            Action::CancelItem
            | Action::RetryItem
            | Action::SkipItem
            | Action::RetryGroup
            | Action::SkipGroup
            | Action::CheckOne
            | Action::CheckAll
            | Action::ResetBreaker
            | Action::TripBreaker
            | Action::ReviveAsset
            | Action::ReviveAll
            | Action::BanAsset => {
                self.facts.reachable()?;
                self.screens.look_at(place).can(action, &self.facts)
            }
            Action::Open
            | Action::Sort
            | Action::SortAssets
            | Action::NextPool
            | Action::PreviousPool
            | Action::Denylist
            | Action::NextOwner
            | Action::PreviousOwner
            | Action::Fold
            | Action::Follow
            | Action::Wrap
            | Action::Preview
            | Action::Level
            | Action::Kind
            | Action::Copy
            | Action::NextMatch
            | Action::PreviousMatch => self.screens.look_at(place).can(action, &self.facts),
            _ => Ok(()),
        }
    }

    /// All actions of the table that belong to the screen in sight or to all, each with why it cannot be done now.
    #[must_use]
    pub fn possible(&self) -> Vec<(&'static About, Vec<KeyChord>, Result<(), String>)> {
        let place = self.place();
        let here = super::action::ACTIONS.iter().filter(|about| about.belongs_to(place));
        here.map(|about| (about, self.look.keymap.keys(about).to_vec(), self.can(about.action))).collect()
    }

    /// The mouse did something.
    pub fn mouse(&mut self, event: MouseEvent) -> Vec<Effect> {
        if self.overlay.is_some() {
            return Vec::new();
        }
        let (column, row) = (event.column, event.row);
        let at = ratatui::layout::Position::new(column, row);
        match event.kind {
            MouseEventKind::ScrollUp => self.act(Action::Up),
            MouseEventKind::ScrollDown => self.act(Action::Down),
            MouseEventKind::Down(MouseButton::Left) => {
                if let Some((_, place)) = self.tabs.iter().find(|(area, _)| area.contains(at)).copied() {
                    return self.go(place);
                }
                if !self.body.contains(at) {
                    return Vec::new();
                }
                let again = self
                    .clicked
                    .is_some_and(|(c, r, when)| (c, r) == (column, row) && self.clock - when < DOUBLE_CLICK);
                self.clicked = Some((column, row, self.clock));
                let place = self.place();
                let (column, row) = (column - self.body.x, row - self.body.y);
                let effects = self.screens.at(place).click(column, row, again, &mut self.facts);
                self.settle(effects)
            }
            _ => Vec::new(),
        }
    }

    /// Time has passed.
    pub fn tick(&mut self) -> Vec<Effect> {
        if self.said.as_ref().is_some_and(|(_, until)| self.clock >= *until) {
            self.said = None;
        }
        let place = self.place();
        let effects = self.screens.at(place).tick(&self.facts);
        self.settle(effects)
    }

    /// Something that was asked for has come.
    pub fn loaded(&mut self, loaded: &Loaded) {
        for place in [Place::Item, Place::Failures, Place::Run] {
            self.screens.at(place).loaded(loaded, &self.facts);
        }
    }
}

#[cfg(test)]
mod tests;
