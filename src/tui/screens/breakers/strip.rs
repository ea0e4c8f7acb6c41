//! The ways of a breaker over the run's time: a line of cells, each for as much time as the others.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use crate::events::story::BreakerMark;
use crate::resilience::breaker::BreakerState;
use crate::tui::look::Look;
use crate::tui::text;
use crate::tui::theme::Role;
use crate::tui::widgets::{breaker_role, clock, put};

/// The state in each of `cells` parts of the time up to `now`: the worst, where there were several; nothing where it is
/// forgotten.
pub(super) fn cells<'a>(
    marks: impl Iterator<Item = &'a BreakerMark>,
    changes: u32,
    now: u64,
    cells: usize,
) -> Vec<Option<BreakerState>> {
    let marks: Vec<&BreakerMark> = marks.collect();
    // A breaker begins CLOSED; of one that changed very often the first marks are gone.
    let mut state = (changes as usize <= marks.len()).then_some(BreakerState::Closed);
    let badness = |state: Option<BreakerState>| match state {
        None => 0,
        Some(BreakerState::Closed) => 1,
        Some(BreakerState::HalfOpen) => 2,
        Some(BreakerState::Open) => 3,
    };
    let mut marks = marks.into_iter().peekable();
    let end = |cell: usize| (u128::from(now.max(1)) * (cell as u128 + 1) / cells.max(1) as u128) as u64;
    let mut strip = Vec::with_capacity(cells);
    for cell in 0..cells {
        let mut worst = state;
        let is_last = cell + 1 == cells;
        while let Some(mark) = marks.next_if(|mark| mark.at < end(cell) || is_last) {
            state = Some(mark.state);
            if badness(state) > badness(worst) {
                worst = state;
            }
        }
        // The last one is how it is now.
        strip.push(if is_last { state } else { worst });
    }
    strip
}

/// The sign of a state in a strip: the higher, the worse.
fn sign(state: Option<BreakerState>, look: &Look) -> (&'static str, Role) {
    let levels = look.glyphs.levels;
    let level = |at: usize| levels.get(at * (levels.len() - 1) / 8).copied().unwrap_or(" ");
    match state {
        None => (look.glyphs.waiting, Role::Dim),
        Some(state) => {
            let height = match state {
                BreakerState::Closed => 1,
                BreakerState::HalfOpen => 4,
                BreakerState::Open => 8,
            };
            (level(height), breaker_role(state))
        }
    }
}

/// Draws the strip into the first row of `area`.
pub(super) fn draw<'a>(
    buffer: &mut Buffer,
    area: Rect,
    marks: impl Iterator<Item = &'a BreakerMark>,
    changes: u32,
    now: u64,
    look: &Look,
) {
    let signs = cells(marks, changes, now, usize::from(area.width)).into_iter().map(|state| sign(state, look));
    let spans: Vec<Span> = signs.map(|(sign, role)| Span::styled(sign, look.style(role))).collect();
    put(buffer, area, &Line::from(spans), look);
}

/// Draws the time below strips as wide as `area`, and what their signs mean.
pub(super) fn draw_axis(buffer: &mut Buffer, area: Rect, now: u64, look: &Look) {
    let width = usize::from(area.width);
    let (start, end) = (clock(0), clock(now));
    let states = [BreakerState::Closed, BreakerState::HalfOpen, BreakerState::Open];
    let legend: Vec<String> = states.map(|state| format!("{} {state}", sign(Some(state), look).0)).to_vec();
    let legend = legend.join("   ");
    let room = width.saturating_sub(start.len() + end.len());
    let legend = if room >= text::width(&legend) + 4 { legend } else { String::new() };
    let before = (room - text::width(&legend).min(room)) / 2;
    let middle = text::pad(&format!("{}{legend}", " ".repeat(before)), room);
    put(buffer, area, &Line::styled(format!("{start}{middle}{end}"), look.style(Role::Dim)), look);
}
