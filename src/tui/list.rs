//! A list with a cursor: which row it is on, and which rows are in sight.

use super::action::Action;

/// Where the cursor of a list is, and where its window begins. Rows may take several lines each.
#[derive(Debug, Clone, Default)]
pub struct List {
    cursor: usize,
    top: usize,
    /// The row of each line of the window, as it was placed last.
    lines: Vec<usize>,
}

/// A row in the window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Placed {
    /// Which.
    pub row: usize,
    /// Its first line, from the window's.
    pub line: u16,
    /// Its lines, as far as they are in the window.
    pub lines: u16,
}

impl List {
    /// The row that the cursor is on, of a list of `len` rows; nothing where there are none.
    #[must_use]
    pub fn cursor(&self, len: usize) -> Option<usize> {
        Some(self.cursor.min(len.checked_sub(1)?))
    }

    /// The first row in sight.
    #[must_use]
    pub const fn top(&self) -> usize {
        self.top
    }

    /// Puts the cursor on a row.
    pub const fn go(&mut self, row: usize) {
        self.cursor = row;
    }

    /// Moves the cursor; `false` where the action moves none.
    pub fn act(&mut self, action: Action, len: usize) -> bool {
        let last = len.saturating_sub(1);
        let at = self.cursor.min(last);
        let page = self.page();
        self.cursor = match action {
            Action::Up => at.saturating_sub(1),
            Action::Down => last.min(at + 1),
            Action::PageUp => at.saturating_sub(page),
            Action::PageDown => last.min(at + page),
            Action::Top => 0,
            Action::Bottom => last,
            _ => return false,
        };
        true
    }

    /// The first `count` rows are gone: the cursor and the window stay on what they are on.
    pub const fn forget(&mut self, count: usize) {
        self.cursor = self.cursor.saturating_sub(count);
        self.top = self.top.saturating_sub(count);
    }

    /// The row at a line of the window, as it was placed last.
    #[must_use]
    pub fn at(&self, line: u16) -> Option<usize> {
        self.lines.get(usize::from(line)).copied()
    }

    /// Places the rows of a list of `len` rows in a window of `height` lines so that the cursor is in sight; `lines` tells
    /// how many lines a row takes. Only rows about the window are asked for.
    pub fn place(&mut self, len: usize, height: u16, lines: impl Fn(usize) -> usize) -> Vec<Placed> {
        self.lines.clear();
        let height = usize::from(height);
        let Some(cursor) = self.cursor(len).filter(|_| height > 0) else { return Vec::new() };
        self.cursor = cursor;
        // The first row of a window that ends with `last`.
        let first_before = |last: usize| {
            let (mut row, mut used) = (last, lines(last).max(1));
            while row > 0 {
                used += lines(row - 1).max(1);
                if used > height {
                    break;
                }
                row -= 1;
            }
            row
        };
        // No empty lines below the last row while there are rows above the first.
        self.top = self.top.max(first_before(cursor)).min(cursor).min(first_before(len - 1));
        let mut placed = Vec::new();
        let mut used = 0;
        for row in self.top..len {
            if used == height {
                break;
            }
            let taken = lines(row).max(1).min(height - used);
            placed.push(Placed { row, line: used as u16, lines: taken as u16 });
            self.lines.extend(std::iter::repeat_n(row, taken));
            used += taken;
        }
        placed
    }

    /// Rows that a page has, so that one stays in sight.
    #[must_use]
    pub fn page(&self) -> usize {
        let (first, last) = (self.lines.first().copied().unwrap_or(0), self.lines.last().copied().unwrap_or(0));
        (last - first).max(1)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_cursor_stays_in_sight_and_the_window_moves_no_more_than_it_must() {
        let mut list = List::default();
        let top = |list: &mut List| list.place(10, 4, |_| 1).first().map(|placed| placed.row);
        assert_eq!(top(&mut list), Some(0));
        list.go(3);
        assert_eq!(top(&mut list), Some(0));
        list.go(4);
        assert_eq!(top(&mut list), Some(1));
        list.act(Action::Up, 10);
        assert_eq!(top(&mut list), Some(1));
        list.act(Action::Bottom, 10);
        assert_eq!(top(&mut list), Some(6));
        list.act(Action::PageUp, 10);
        assert_eq!(list.cursor(10), Some(6));
        assert_eq!(list.cursor(2), Some(1));
        assert_eq!(list.cursor(0), None);
        list.act(Action::Top, 10);
        assert_eq!(top(&mut list), Some(0));
        assert_eq!(list.at(3), Some(3));
        assert_eq!(list.at(4), None);
    }

    #[test]
    fn what_is_forgotten_at_the_front_moves_nothing_in_sight() {
        let mut list = List::default();
        list.go(50);
        list.place(100, 10, |_| 1);
        let before = list.top();
        list.forget(20);
        list.place(80, 10, |_| 1);
        assert_eq!((list.cursor(80), list.top()), (Some(30), before - 20));
    }

    proptest! {
        #[test]
        fn the_row_of_the_cursor_is_in_the_window_and_the_window_is_full(
            heights in prop::collection::vec(0_usize..5, 0..40),
            moves in prop::collection::vec((0_usize..60, 0_u16..12), 1..12),
        ) {
            let mut list = List::default();
            for (to, height) in moves {
                list.go(to);
                let placed = list.place(heights.len(), height, |row| heights[row]);
                if heights.is_empty() || height == 0 {
                    prop_assert!(placed.is_empty());
                    continue;
                }
                let cursor = list.cursor(heights.len());
                prop_assert!(placed.iter().any(|placed| Some(placed.row) == cursor));
                let used: u16 = placed.iter().map(|placed| placed.lines).sum();
                let all: usize = heights.iter().map(|lines| (*lines).max(1)).sum();
                let last = placed.last().map(|placed| placed.row);
                prop_assert!(used <= height);
                prop_assert!(used == height || last == Some(heights.len() - 1) || all <= usize::from(height));
            }
        }
    }
}
