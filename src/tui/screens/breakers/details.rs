//! All that is known of the breaker that is selected.

use ratatui::text::{Line, Span};

use super::parked;
use crate::events::BreakerView;
use crate::events::telling::counted;
use crate::resilience::safe_text::safe_line;
use crate::tui::facts::Facts;
use crate::tui::look::Look;
use crate::tui::theme::Role;
use crate::tui::widgets::{BREAKER_WIDTH, breaker_word, clock, duration, now, pair, plain, steps};
use crate::tui::wrap::fold;

/// The columns of the labels.
const LABEL: usize = 8;
/// The columns of a time and a state before a reason.
const BEFORE: usize = 9 + BREAKER_WIDTH + 2;

/// The lines of the panel, for so many columns and rows.
pub(super) fn lines(
    name: &str,
    view: &BreakerView,
    facts: &Facts,
    look: &Look,
    (width, height): (usize, usize),
) -> Vec<Line<'static>> {
    let mut lines = Vec::new();
    let mut tell = |label: &str, value: &str| lines.extend(pair(label, value, LABEL, width, look));
    if let Some(settings) = &view.settings {
        let failures = counted(settings.failure_threshold as usize, "failure");
        tell("opens", &format!("after {failures} in a row"));
        tell("tries", &format!("after {}, with one call", duration(settings.recovery)));
        let successes = match settings.success_threshold {
            1 => "1 success".to_owned(),
            successes => format!("{successes} successes"),
        };
        tell("closes", &format!("after {successes}"));
    }
    let guarded = steps(name, facts);
    tell("guards", if guarded.is_empty() { "no step of this pipeline" } else { &guarded });
    if view.parked > 0 {
        tell("waiting", &parked(view).replace(" parked", if view.parked == 1 { " task" } else { " tasks" }));
    }
    let since = now(facts).saturating_sub(view.since);
    let changes = match view.changes {
        0 => "none so far".to_owned(),
        changes => format!("{changes}, the last {} ago", duration(since)),
    };
    tell("changes", &changes);
    let mut history = history(name, facts, look, width);
    if !history.is_empty() {
        lines.push(Line::default());
        // What is left out is told in the last line.
        let room = height.saturating_sub(lines.len());
        let all: usize = history.iter().map(Vec::len).sum();
        if all > room {
            let mut used = 0;
            let whole = history.iter().take_while(|change| {
                used += change.len();
                used < room
            });
            let kept = whole.count();
            let left = history.len() - kept;
            history.truncate(kept);
            lines.extend(history.into_iter().flatten());
            lines.push(Line::styled(format!("{} {left} earlier", look.glyphs.ellipsis), look.style(Role::Dim)));
        } else {
            lines.extend(history.into_iter().flatten());
        }
    }
    lines
}

/// Its changes, the newest first, each in its lines.
fn history(name: &str, facts: &Facts, look: &Look, width: usize) -> Vec<Vec<Line<'static>>> {
    let marks = facts.story.breaker(name).rev();
    let change = |mark: &crate::events::story::BreakerMark| {
        // Where the reason has no room beside them, it is below.
        let is_beside = width >= BEFORE + 20;
        let indent = if is_beside { BEFORE } else { 2 };
        let mut reason = fold(&safe_line(&mark.reason), width.saturating_sub(indent).max(8)).into_iter();
        let mut head = vec![Span::styled(format!("{:<9}", clock(mark.at)), look.style(Role::Dim))];
        head.extend(breaker_word(mark.state, look));
        head.push(Span::raw("  "));
        if is_beside {
            head.push(Span::styled(reason.next().unwrap_or_default(), plain(look)));
        }
        let rest = reason.map(|line| Line::styled(format!("{}{line}", " ".repeat(indent)), plain(look)));
        [Line::from(head)].into_iter().chain(rest).collect()
    };
    marks.map(change).collect()
}
