//! What is known of the run: the folds of its events, and how it can be reached.

use std::path::PathBuf;

use super::action::Place;
use super::rows::Rows;
use crate::events::{Event, EventKind, ItemIndex, RunPhase, RunState, Story};
use crate::resilience::safe_text::safe_line;
use crate::resilience::store::ItemKey;

/// How the screen is joined to the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Link {
    /// The run was started by this screen, and ends with it unless it is let go.
    Owner,
    /// Somebody else's run that works.
    Watcher,
    /// A run that is over, or was killed: nothing can be asked of it.
    Record,
}

/// Where the run keeps what.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Places {
    /// The run's folder: journal, logs.
    pub run: PathBuf,
    /// The pipeline's folder in the state folder: `items` is below it.
    pub checkpoints: PathBuf,
    /// The command that runs the pipeline again, without `--retry-failed` and the like.
    pub again: String,
    /// The same command without its inputs: an item's path can be written behind it.
    pub pipeline: String,
}

/// What is known of the run.
#[derive(Debug, Clone)]
pub struct Facts {
    /// The state.
    pub state: RunState,
    /// The latest of what happened.
    pub story: Story,
    /// The items as rows.
    pub rows: Rows,
    /// The folder that all items are below: names are shown from it.
    pub root: PathBuf,
    /// The time, in milliseconds since the run's start.
    pub now: u64,
    /// How the run is reached.
    pub link: Link,
    /// Where it keeps what.
    pub places: Places,
    /// Where the time line stands, of a run that is over: the event, and how many there are.
    pub moment: Option<(u64, u64)>,
}

impl Facts {
    /// Nothing is known yet.
    #[must_use]
    pub fn new(link: Link, places: Places) -> Self {
        let (state, story, rows) = (RunState::default(), Story::default(), Rows::default());
        Self { state, story, rows, root: PathBuf::new(), now: 0, link, places, moment: None }
    }

    /// Folds one event in.
    pub fn apply(&mut self, event: &Event) {
        self.state.apply(event);
        self.story.apply(event);
        self.rows.apply(event, &self.state, &self.story);
        if matches!(event.kind, EventKind::ItemsListed { .. }) {
            self.root = self.state.root();
        }
        self.now = self.now.max(event.elapsed);
    }

    /// The item's name for eyes: its path below the folder that all items share, safe for a terminal.
    #[must_use]
    pub fn name(&self, item: ItemIndex) -> String {
        let Some(path) = self.state.path(item) else { return format!("item {item}") };
        let below = path.strip_prefix(&self.root).unwrap_or(&path);
        safe_line(&below.to_string_lossy()).into_owned()
    }

    /// The screens that have something to show, in the order of their tabs.
    #[must_use]
    pub fn tabs(&self) -> Vec<Place> {
        let has = |place: &Place| match place {
            Place::Pools => !self.state.pools().is_empty(),
            Place::Resources => !self.state.resources.is_empty(),
            _ => true,
        };
        Place::TABS.into_iter().filter(has).collect()
    }

    /// Whether the run came to its end.
    #[must_use]
    pub fn is_over(&self) -> bool {
        matches!(self.state.phase, RunPhase::Finished(_))
    }

    /// Why nothing can be asked of the run, where that is so.
    ///
    /// # Errors
    /// The reason.
    pub fn reachable(&self) -> Result<(), String> {
        if self.is_over() || self.moment.is_some() {
            return Err("the run is over".into());
        }
        match self.link {
            Link::Owner | Link::Watcher => Ok(()),
            Link::Record => Err("the run does not answer: it is over, or was killed".into()),
        }
    }

    /// The item's checkpoint.
    #[must_use]
    pub fn checkpoint(&self, item: ItemIndex) -> Option<PathBuf> {
        let path = self.state.path(item)?;
        let id = ItemKey::of(&path).item_id(&path);
        Some(self.places.checkpoints.join("items").join(format!("{id}.json")))
    }

    /// The log of an attempt with a tool. It may not be there: a tool that says nothing has none.
    #[must_use]
    pub fn log(&self, item: ItemIndex, step: u32, attempt: u32) -> Option<PathBuf> {
        let path = self.state.path(item)?;
        let id = ItemKey::of(&path).item_id(&path);
        let step = self.state.steps.get(step as usize)?;
        Some(self.places.run.join("logs").join(id).join(format!("{step}.{attempt}.log")))
    }
}
