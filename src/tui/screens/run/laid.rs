//! The rows in the order in which they are shown: where the longest come first, also among those that run.

use super::item::at_work_since;
use crate::events::ItemIndex;
use crate::tui::facts::Facts;
use crate::tui::rows::{Layout, Order, Row, Section};

/// As many items that run are sorted; more than that nobody looks through.
const MOST: usize = 1_000;

/// The rows in the order in which they are shown.
pub(super) struct Laid<'a> {
    layout: Layout<'a>,
    /// What runs, the longest first, where that is asked for; and the place of the first of it.
    running: Vec<ItemIndex>,
    first: usize,
}

impl<'a> Laid<'a> {
    /// The rows at this moment; `cursor` stays in sight, folded or not.
    pub(super) fn of(facts: &'a Facts, cursor: Option<Row>) -> Self {
        let rows = &facts.rows;
        let layout = rows.layout(cursor);
        let (count, head) = (rows.count(Section::Running), layout.place(Row::Head(Section::Running)));
        let is_sorted = rows.order() == Order::Time && !rows.is_folded(Section::Running) && count <= MOST;
        let Some(first) = head.filter(|_| is_sorted).map(|head| head + 1) else {
            return Self { layout, running: Vec::new(), first: 0 };
        };
        let item = |place| match layout.row(place) {
            Some(Row::Item(item)) => Some(item),
            _ => None,
        };
        let mut running: Vec<ItemIndex> = (first..first + count).filter_map(item).collect();
        running.sort_by_cached_key(|item| (facts.story.item(*item).map(at_work_since), *item));
        Self { layout, running, first }
    }

    /// How many rows there are.
    pub(super) fn len(&self) -> usize {
        self.layout.len()
    }

    /// Whether there are none.
    pub(super) fn is_empty(&self) -> bool {
        self.layout.is_empty()
    }

    /// The row at `place`.
    pub(super) fn row(&self, place: usize) -> Option<Row> {
        let sorted = place.checked_sub(self.first).and_then(|below| self.running.get(below));
        sorted.map(|item| Row::Item(*item)).or_else(|| self.layout.row(place))
    }

    /// Where the row is.
    pub(super) fn place(&self, row: Row) -> Option<usize> {
        let sorted = self.running.iter().position(|item| row == Row::Item(*item));
        sorted.map(|below| self.first + below).or_else(|| self.layout.place(row))
    }
}
