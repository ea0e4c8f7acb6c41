//! Which step comes after which, drawn beside the steps: a node for each, and lines from those that it reads.

use ratatui::symbols::line;

use crate::events::StepShape;

/// Lines to one side of a cell.
type Sides = u8;
const UP: Sides = 1;
const DOWN: Sides = 2;
const LEFT: Sides = 4;
const RIGHT: Sides = 8;

/// The lines beside one step.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct GraphRow {
    /// The column of its node.
    pub(super) node: usize,
    cells: Vec<Sides>,
    below: Vec<Sides>,
}

impl GraphRow {
    /// The row as text, `node` at its place.
    pub(super) fn text(&self, node: &str, lines: &line::Set<'static>) -> String {
        let sign = |(column, sides): (usize, &Sides)| if column == self.node { node } else { sign(*sides, lines) };
        self.cells.iter().enumerate().map(sign).collect()
    }

    /// The lines that go on below it.
    pub(super) fn below(&self, lines: &line::Set<'static>) -> String {
        self.below.iter().map(|sides| sign(*sides, lines)).collect()
    }
}

fn sign(sides: Sides, lines: &line::Set<'static>) -> &'static str {
    const UP_DOWN: Sides = UP | DOWN;
    const LEFT_RIGHT: Sides = LEFT | RIGHT;
    match (sides & UP_DOWN, sides & LEFT_RIGHT) {
        (0, 0) => " ",
        (_, 0) => lines.vertical,
        (0, _) => lines.horizontal,
        (UP_DOWN, RIGHT) => lines.vertical_right,
        (UP_DOWN, LEFT) => lines.vertical_left,
        (UP_DOWN, _) => lines.cross,
        (UP, RIGHT) => lines.bottom_left,
        (UP, LEFT) => lines.bottom_right,
        (UP, _) => lines.horizontal_up,
        (_, RIGHT) => lines.top_left,
        (_, LEFT) => lines.top_right,
        (_, _) => lines.horizontal_down,
    }
}

/// The rows of the steps, in their order, each as many columns wide as the widest. A step's line goes down from its node,
/// one lane for each, until the last step that reads it.
pub(super) fn graph(shapes: &[StepShape]) -> Vec<GraphRow> {
    let mut last_use = vec![0; shapes.len()];
    let sources = |step: usize| shapes[step].before.iter().map(|source| *source as usize).filter(move |s| *s < step);
    for step in 0..shapes.len() {
        sources(step).for_each(|source| last_use[source] = step);
    }
    let mut lanes: Vec<Option<usize>> = Vec::new();
    let mut rows: Vec<GraphRow> = Vec::new();
    for (step, until) in last_use.iter().enumerate() {
        let reads: Vec<usize> = sources(step).collect();
        let read: Vec<usize> =
            (0..lanes.len()).filter(|lane| lanes[*lane].is_some_and(|source| reads.contains(&source))).collect();
        let ends = |lane: &usize| lanes[*lane].is_some_and(|source| last_use[source] <= step);
        // Right below a step that it has nothing to do with, it would seem to come after it.
        let above = rows.last().filter(|_| read.is_empty()).map(|row: &GraphRow| row.node / 2);
        let free = |lane: &usize| lanes.get(*lane).is_none_or(Option::is_none) && Some(*lane) != above;
        let lane = read.iter().copied().find(ends).or_else(|| (0..=lanes.len() + 1).find(free)).unwrap_or(0);
        lanes.resize(lanes.len().max(lane + 1), None);

        let mut cells = vec![0; lanes.len() * 2 - 1];
        for (place, source) in lanes.iter().enumerate() {
            if let Some(source) = source {
                cells[place * 2] |= if last_use[*source] > step { UP | DOWN } else { UP };
            }
        }
        for from in read.iter().copied().filter(|from| *from != lane) {
            let (start, end) = (from.min(lane) * 2, from.max(lane) * 2);
            cells[start] |= RIGHT;
            cells[end] |= LEFT;
            cells[start + 1..end].iter_mut().for_each(|cell| *cell |= LEFT | RIGHT);
        }
        for held in &mut lanes {
            *held = held.filter(|source| last_use[*source] > step);
        }
        if *until > step {
            lanes[lane] = Some(step);
        }
        let mut below = vec![0; cells.len()];
        for (place, _) in lanes.iter().enumerate().filter(|(_, source)| source.is_some()) {
            below[place * 2] = UP | DOWN;
        }
        rows.push(GraphRow { node: lane * 2, cells, below });
    }
    let width = rows.iter().map(|row| row.cells.len()).max().unwrap_or(0);
    for row in &mut rows {
        row.cells.resize(width, 0);
        row.below.resize(width, 0);
    }
    rows
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn drawn(before: &[&[u32]]) -> Vec<String> {
        let shape = |before: &&[u32]| StepShape { before: before.to_vec(), ..StepShape::default() };
        let shapes: Vec<StepShape> = before.iter().map(shape).collect();
        graph(&shapes).iter().map(|row| row.text("o", &line::NORMAL).trim_end().to_owned()).collect()
    }

    #[test]
    fn a_chain_is_a_column() {
        assert_eq!(drawn(&[&[], &[0], &[1]]), ["o", "o", "o"]);
    }

    #[test]
    fn a_branch_leaves_its_line_and_comes_back() {
        assert_eq!(drawn(&[&[], &[0], &[0], &[1, 2]]), ["o", "├─o", "o │", "o─┘"]);
        assert_eq!(drawn(&[&[], &[0], &[0], &[0], &[1, 2, 3]]), ["o", "├─o", "├─┼─o", "o │ │", "o─┴─┘"]);
    }

    #[test]
    fn steps_that_have_nothing_to_do_with_each_other_stand_apart() {
        assert_eq!(drawn(&[&[], &[], &[0, 1]]), ["o", "│ o", "o─┘"]);
        assert_eq!(drawn(&[&[], &[], &[]]), ["o", "  o", "o"]);
    }

    #[test]
    fn lines_go_on_below() {
        let shapes = [vec![], vec![0], vec![0, 1]].map(|before| StepShape { before, ..StepShape::default() });
        let below: Vec<String> = graph(&shapes).iter().map(|row| row.below(&line::NORMAL)).collect();
        assert_eq!(below, ["│  ", "│ │", "   "]);
    }

    proptest! {
        #[test]
        fn any_plan_can_be_drawn(before in prop::collection::vec(prop::collection::vec(0_u32..30, 0..5), 0..30)) {
            let shapes: Vec<StepShape> =
                before.into_iter().map(|before| StepShape { before, ..StepShape::default() }).collect();
            let rows = graph(&shapes);
            prop_assert_eq!(rows.len(), shapes.len());
            prop_assert!(rows.iter().all(|row| row.node < row.cells.len()));
        }
    }
}
