//! The items of a run as rows: in groups by where they stand, filtered, sorted, and folded, for a million of them.
//!
//! Nothing here is proportional to the batch but a change of the filter or the order, and a filter is worked off in
//! pieces. The cursor is an item, not a row: rows move under it.

use crate::events::{Event, EventKind, ItemIndex, ItemPhase, RunState, Story};

use super::ranks::Ranks;

/// A group of items, in the order in which they are shown: who is at work first, who failed in sight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Section {
    /// An attempt runs, or waits for its next.
    Running,
    /// Failed.
    Failed,
    /// Waits for a dependency.
    Parked,
    /// Ended before it was done.
    Cancelled,
    /// Done in this run.
    Done,
    /// Done before.
    UpToDate,
    /// Left out of this run.
    LeftOut,
    /// Not begun.
    Waiting,
}

/// The groups in their order.
pub const SECTIONS: [Section; 8] = [
    Section::Running,
    Section::Failed,
    Section::Parked,
    Section::Cancelled,
    Section::Done,
    Section::UpToDate,
    Section::LeftOut,
    Section::Waiting,
];

impl Section {
    /// Where the item belongs.
    #[must_use]
    pub fn of(state: &RunState, item: ItemIndex) -> Self {
        match state.phase_of(item) {
            ItemPhase::Done => Self::Done,
            ItemPhase::UpToDate => Self::UpToDate,
            ItemPhase::LeftOut => Self::LeftOut,
            ItemPhase::Failed => Self::Failed,
            ItemPhase::Parked => Self::Parked,
            ItemPhase::Cancelled => Self::Cancelled,
            ItemPhase::Waiting | ItemPhase::Running if state.waits_for(item).is_some() && !has_task(state, item) => {
                Self::Parked
            }
            ItemPhase::Running => Self::Running,
            ItemPhase::Waiting => Self::Waiting,
        }
    }

    /// Its heading.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Failed => "failed",
            Self::Parked => "parked",
            Self::Cancelled => "cancelled",
            Self::Done => "done",
            Self::UpToDate => "up to date",
            Self::LeftOut => "left out",
            Self::Waiting => "waiting",
        }
    }

    /// Whether it is folded unless somebody says otherwise: what is finished, while there is work.
    const fn folded(self, over: bool) -> bool {
        match self {
            Self::Done => !over,
            Self::UpToDate | Self::LeftOut => true,
            _ => false,
        }
    }
}

fn has_task(state: &RunState, item: ItemIndex) -> bool {
    (0..state.steps.len() as u32).any(|step| state.tasks.contains_key(&(item, step)))
}

/// What the rows of a group are sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Order {
    /// The place in the batch.
    #[default]
    Batch,
    /// The name of the file.
    Name,
    /// The time it took, or takes, the longest first.
    Time,
}

impl Order {
    /// The next one.
    #[must_use]
    pub const fn next(self) -> Self {
        match self {
            Self::Batch => Self::Name,
            Self::Name => Self::Time,
            Self::Time => Self::Batch,
        }
    }

    /// For the screen.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::Batch => "batch order",
            Self::Name => "name",
            Self::Time => "longest first",
        }
    }
}

/// One row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Row {
    /// The heading of a group.
    Head(Section),
    /// An item.
    Item(ItemIndex),
}

/// The words of a filter: all must be in the path, those with `!` must not. Upper and lower case are one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    wanted: Vec<String>,
    unwanted: Vec<String>,
}

impl Filter {
    /// The filter that `text` says.
    #[must_use]
    pub fn of(text: &str) -> Self {
        let mut filter = Self::default();
        for word in text.to_lowercase().split_whitespace() {
            match word.strip_prefix('!') {
                Some("") => {}
                Some(word) => filter.unwanted.push(word.to_owned()),
                None => filter.wanted.push(word.to_owned()),
            }
        }
        filter
    }

    /// Whether everything passes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.wanted.is_empty() && self.unwanted.is_empty()
    }

    /// Whether `text` passes.
    #[must_use]
    pub fn takes(&self, text: &str) -> bool {
        if self.is_empty() {
            return true;
        }
        let text = text.to_lowercase();
        self.wanted.iter().all(|word| text.contains(word)) && !self.unwanted.iter().any(|word| text.contains(word))
    }
}

/// Items that a filter looks at in one piece.
const PIECE: usize = 20_000;

/// The rows of the batch.
#[derive(Debug, Clone, Default)]
pub struct Rows {
    /// The members of each group that pass the filter, by their place in the order.
    groups: [Ranks; SECTIONS.len()],
    /// The members of each group, whatever the filter says.
    totals: [u32; SECTIONS.len()],
    /// The group of each item, as a place in `SECTIONS`.
    group_of: Vec<u8>,
    /// How long each item took, in milliseconds.
    took: Vec<u32>,
    order: Order,
    /// The items in their order, and each item's place in it; empty for the order of the batch.
    sorted: Vec<ItemIndex>,
    place_of: Vec<u32>,
    filter: Filter,
    /// Items below this were looked at by the filter.
    filtered: usize,
    folds: [Option<bool>; SECTIONS.len()],
    over: bool,
}

/// The rows as they are at one moment.
#[derive(Debug, Clone)]
pub struct Layout<'a> {
    rows: &'a Rows,
    /// Groups that have members: the first row, and the rows below the heading.
    parts: Vec<Part>,
}

#[derive(Debug, Clone, Copy)]
struct Part {
    section: Section,
    first: usize,
    shown: usize,
    /// Of a folded group the one item that the cursor is on.
    pinned: Option<ItemIndex>,
}

impl Rows {
    /// Follows an event that `state` and `story` have folded in.
    pub fn apply(&mut self, event: &Event, state: &RunState, story: &Story) {
        match &event.kind {
            EventKind::ItemsListed { .. } => {
                // Where they belong is what the fold says, whatever the event claims.
                let (first, size) = (self.group_of.len(), state.items());
                self.totals[Section::Waiting as usize] += size.saturating_sub(first) as u32;
                self.group_of.resize(size, Section::Waiting as u8);
                self.took.resize(size, 0);
                self.groups.iter_mut().for_each(|group| group.grow(size));
                if self.order != Order::Batch {
                    // Who joins late is sorted in when the order is chosen anew.
                    self.sorted.extend(first as u32..size as u32);
                    self.place_of.extend(first as u32..size as u32);
                }
                if self.filtered >= first {
                    self.advance(state);
                }
            }
            EventKind::ItemsUpToDate { ranges } => {
                let items = state.items() as ItemIndex;
                for item in ranges.iter().flat_map(|(from, to)| *from..items.min(*to)) {
                    self.sort_in(item, state);
                }
            }
            EventKind::AttemptStarted { item, .. }
            | EventKind::AttemptFailed { item, .. }
            | EventKind::RetryScheduled { item, .. }
            | EventKind::TaskDone { item, .. }
            | EventKind::TaskSkipped { item, .. }
            | EventKind::TaskParked { item, .. }
            | EventKind::ItemLeftOut { item, .. } => self.sort_in(*item, state),
            EventKind::ItemFinished { item, .. } => {
                let took = story.item(*item).map_or(0, |told| event.elapsed.saturating_sub(told.began));
                if let Some(slot) = self.took.get_mut(*item as usize) {
                    *slot = u32::try_from(took).unwrap_or(u32::MAX);
                }
                self.sort_in(*item, state);
            }
            EventKind::RunFinished { .. } => self.over = true,
            _ => {}
        }
    }

    /// The rows of a state that was reached elsewhere, with the filter, order and folds of these.
    pub fn rebuild(&mut self, state: &RunState, story: &Story) {
        let size = state.items();
        self.over = matches!(state.phase, crate::events::RunPhase::Finished(_));
        self.group_of = (0..size as u32).map(|item| Section::of(state, item) as u8).collect();
        self.totals = Default::default();
        self.group_of.iter().for_each(|group| self.totals[*group as usize] += 1);
        self.took = vec![0; size];
        for item in story.ended() {
            if let (Some(slot), Some(told)) = (self.took.get_mut(item as usize), story.item(item)) {
                let took = told.ended.map_or(0, |ended| ended.saturating_sub(told.began));
                *slot = u32::try_from(took).unwrap_or(u32::MAX);
            }
        }
        self.set_order(self.order, state);
    }

    fn sort_in(&mut self, item: ItemIndex, state: &RunState) {
        let Some(group) = self.group_of.get_mut(item as usize) else { return };
        let section = Section::of(state, item);
        if *group == section as u8 {
            return;
        }
        let old = std::mem::replace(group, section as u8);
        self.totals[old as usize] -= 1;
        self.totals[section as usize] += 1;
        let place = self.place(item);
        if self.groups[old as usize].contains(place) {
            self.groups[old as usize].remove(place);
            self.groups[section as usize].insert(place);
        }
    }

    fn place(&self, item: ItemIndex) -> usize {
        self.place_of.get(item as usize).map_or(item as usize, |place| *place as usize)
    }

    fn item_at(&self, place: usize) -> ItemIndex {
        self.sorted.get(place).copied().unwrap_or(place as u32)
    }

    /// The order in use.
    #[must_use]
    pub fn order(&self) -> Order {
        self.order
    }

    /// Sorts anew.
    pub fn set_order(&mut self, order: Order, state: &RunState) {
        self.order = order;
        self.sorted.clear();
        self.place_of.clear();
        let size = self.group_of.len();
        if order != Order::Batch {
            self.sorted = (0..size as u32).collect();
            match order {
                Order::Batch => {}
                Order::Name => self.sorted.sort_by_cached_key(|item| state.name(*item).to_lowercase()),
                Order::Time => self.sorted.sort_by_key(|item| std::cmp::Reverse(self.took[*item as usize])),
            }
            self.place_of = vec![0; size];
            for (place, item) in self.sorted.iter().enumerate() {
                self.place_of[*item as usize] = place as u32;
            }
        }
        self.start_filter(state);
    }

    /// Shows only what `filter` takes.
    pub fn set_filter(&mut self, filter: Filter, state: &RunState) {
        if self.filter != filter {
            self.filter = filter;
            self.start_filter(state);
        }
    }

    fn start_filter(&mut self, state: &RunState) {
        let size = self.group_of.len();
        self.groups = std::array::from_fn(|_| {
            let mut group = Ranks::new(0);
            group.grow(size);
            group
        });
        self.filtered = 0;
        self.advance(state);
    }

    /// Filters one piece more. `true`: there is more to do.
    pub fn advance(&mut self, state: &RunState) -> bool {
        let size = self.group_of.len();
        let end = if self.filter.is_empty() { size } else { size.min(self.filtered + PIECE) };
        for item in self.filtered..end {
            let passes = self.filter.is_empty()
                || state.path(item as u32).is_some_and(|path| self.filter.takes(&path.to_string_lossy()));
            if passes {
                let place = self.place(item as u32);
                self.groups[self.group_of[item] as usize].insert(place);
            }
        }
        self.filtered = end;
        self.filtered < size
    }

    /// Items of the group, whether they pass the filter or not.
    #[must_use]
    pub fn total(&self, section: Section) -> u32 {
        self.totals[section as usize]
    }

    /// Items of the group that pass the filter.
    #[must_use]
    pub fn count(&self, section: Section) -> usize {
        self.groups[section as usize].len()
    }

    /// Whether the group's rows are hidden.
    #[must_use]
    pub fn is_folded(&self, section: Section) -> bool {
        self.folds[section as usize].unwrap_or(section.folded(self.over))
    }

    /// Folds or unfolds the group.
    pub fn toggle(&mut self, section: Section) {
        self.folds[section as usize] = Some(!self.is_folded(section));
    }

    /// The group that the item is in now.
    #[must_use]
    pub fn section_of(&self, item: ItemIndex) -> Section {
        self.group_of.get(item as usize).map_or(Section::Waiting, |group| SECTIONS[*group as usize])
    }

    /// The rows at this moment; `cursor` stays in sight, folded or not.
    #[must_use]
    pub fn layout(&self, cursor: Option<Row>) -> Layout<'_> {
        let mut parts = Vec::with_capacity(SECTIONS.len());
        let mut first = 0;
        for section in SECTIONS {
            let count = self.count(section);
            if count == 0 {
                continue;
            }
            let pinned = match cursor {
                Some(Row::Item(item))
                    if self.is_folded(section)
                        && self.section_of(item) == section
                        && self.groups[section as usize].contains(self.place(item)) =>
                {
                    Some(item)
                }
                _ => None,
            };
            let shown = if self.is_folded(section) { usize::from(pinned.is_some()) } else { count };
            parts.push(Part { section, first, shown, pinned });
            first += 1 + shown;
        }
        Layout { rows: self, parts }
    }
}

impl Layout<'_> {
    /// How many rows there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.parts.last().map_or(0, |part| part.first + 1 + part.shown)
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// The row at `place`.
    #[must_use]
    pub fn row(&self, place: usize) -> Option<Row> {
        let part = self.parts.iter().rev().find(|part| part.first <= place)?;
        if part.first == place {
            return Some(Row::Head(part.section));
        }
        let below = place - part.first - 1;
        if below >= part.shown {
            return None;
        }
        if let Some(item) = part.pinned {
            return Some(Row::Item(item));
        }
        self.rows.groups[part.section as usize].select(below).map(|place| Row::Item(self.rows.item_at(place)))
    }

    /// Where the row is.
    #[must_use]
    pub fn place(&self, row: Row) -> Option<usize> {
        match row {
            Row::Head(section) => self.parts.iter().find(|part| part.section == section).map(|part| part.first),
            Row::Item(item) => {
                let section = self.rows.section_of(item);
                let part = self.parts.iter().find(|part| part.section == section)?;
                if part.pinned == Some(item) {
                    return Some(part.first + 1);
                }
                let (group, place) = (&self.rows.groups[section as usize], self.rows.place(item));
                (part.shown > 0 && group.contains(place)).then(|| part.first + 1 + group.rank(place))
            }
        }
    }
}

#[cfg(test)]
mod tests;
