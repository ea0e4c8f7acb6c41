//! The screen's model: what is known, how it looks, where one is, and what lies over it.

use std::time::Duration;

use ratatui::layout::Rect;

use super::action::Place;
use super::effect::Question;
use super::facts::Facts;
use super::look::Look;
use super::overlays::{help::Help, palette::Palette, prompt::Prompt};
use super::screens::Screen;
use super::screens::breakers::Breakers;
use super::screens::failures::Failures;
use super::screens::health::Health;
use super::screens::item::ItemScreen;
use super::screens::log::Log;
use super::screens::pools::Pools;
use super::screens::resources::Resources;
use super::screens::run::RunScreen;

/// How long a word to the person stays.
pub const SAID_FOR: Duration = Duration::from_secs(4);

/// What lies over a screen.
#[derive(Debug)]
pub enum Overlay {
    /// All keys.
    Help(Help),
    /// Actions by name.
    Palette(Palette),
    /// A question.
    Confirm(Question),
    /// A line to type in, at the foot.
    Prompt(Prompt),
}

/// All that the screen is.
#[derive(Debug)]
pub struct Model {
    /// What is known of the run.
    pub facts: Facts,
    /// How things look.
    pub look: Look,
    /// The screens.
    pub screens: Screens,
    /// Where one came from, the last one in sight.
    pub path: Vec<Place>,
    /// What lies over it.
    pub overlay: Option<Overlay>,
    /// A word to the person, and until when (on the clock of `clock`).
    pub said: Option<(String, Duration)>,
    /// Time since the screen was opened.
    pub clock: Duration,
    /// Whether the mouse is ours.
    pub mouse: bool,
    /// How often the person asked for the end by the key for it.
    pub stops: u32,
    /// The number of tasks at once that was asked for last, and until when (on `clock`) that counts.
    pub asked_jobs: Option<(u32, Duration)>,
    /// The moment of the time line that was asked for last and is not in sight yet.
    pub asked_moment: Option<u64>,
    /// Whether the end of the run was told by bell or notification.
    pub told_end: bool,
    /// The area of the screen in sight, at the last frame.
    pub body: Rect,
    /// The last click: where, and when.
    pub clicked: Option<(u16, u16, Duration)>,
    /// The tabs' cells at the last frame.
    pub tabs: Vec<(Rect, Place)>,
}

/// The screens.
#[derive(Debug, Default)]
#[expect(missing_docs, reason = "each is documented where it is")]
pub struct Screens {
    pub run: RunScreen,
    pub item: ItemScreen,
    pub failures: Failures,
    pub health: Health,
    pub breakers: Breakers,
    pub log: Log,
    pub pools: Pools,
    pub resources: Resources,
}

impl Screens {
    /// The screen at `place`.
    pub fn at(&mut self, place: Place) -> &mut dyn Screen {
        match place {
            Place::Run => &mut self.run,
            Place::Item => &mut self.item,
            Place::Failures => &mut self.failures,
            Place::Health => &mut self.health,
            Place::Breakers => &mut self.breakers,
            Place::Log => &mut self.log,
            Place::Pools => &mut self.pools,
            Place::Resources => &mut self.resources,
        }
    }

    /// As [`at`](Self::at), to look only.
    #[must_use]
    pub fn look_at(&self, place: Place) -> &dyn Screen {
        match place {
            Place::Run => &self.run,
            Place::Item => &self.item,
            Place::Failures => &self.failures,
            Place::Health => &self.health,
            Place::Breakers => &self.breakers,
            Place::Log => &self.log,
            Place::Pools => &self.pools,
            Place::Resources => &self.resources,
        }
    }
}

impl Model {
    /// The model of a screen that was just opened.
    #[must_use]
    pub fn new(facts: Facts, look: Look) -> Self {
        Self {
            facts,
            look,
            screens: Screens::default(),
            path: vec![Place::Run],
            overlay: None,
            said: None,
            clock: Duration::ZERO,
            mouse: false,
            stops: 0,
            asked_jobs: None,
            asked_moment: None,
            told_end: false,
            body: Rect::default(),
            clicked: None,
            tabs: Vec::new(),
        }
    }

    /// The screen in sight.
    #[must_use]
    pub fn place(&self) -> Place {
        self.path.last().copied().unwrap_or(Place::Run)
    }

    /// A word to the person.
    pub fn say(&mut self, text: impl Into<String>) {
        self.said = Some((text.into(), self.clock + SAID_FOR));
    }
}
