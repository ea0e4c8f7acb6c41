//! What is above the items: where the run stands, how fast it goes, its steps, what it depends on.

use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use crate::events::pace::TimeLeft;
use crate::events::{RunPhase, Standing};
use crate::resilience::breaker::BreakerState;
use crate::resilience::safe_text::safe_line;
use crate::tui::action::{Action, Place};
use crate::tui::facts::Facts;
use crate::tui::look::Look;
use crate::tui::rows::Section;
use crate::tui::text;
use crate::tui::theme::Role;
use crate::tui::widgets::{clock, duration, standing_of};

/// The lines for an area of this size: as many as leave the items room.
pub(super) fn lines(facts: &Facts, look: &Look, area: Rect) -> Vec<Line<'static>> {
    let width = area.width as usize;
    if width == 0 {
        return Vec::new();
    }
    let all: [fn(&Facts, &Look, usize) -> Line<'static>; 5] = [standing, gauge, counts, steps, dependencies];
    // The order in which they appear is not the order in which they matter.
    let shown: &[usize] = match area.height {
        0..=3 => &[],
        4..=7 => &[1],
        8..=11 => &[0, 1],
        12..=15 => &[0, 1, 2],
        16..=19 => &[0, 1, 2, 4],
        _ => &[0, 1, 2, 3, 4],
    };
    let mut lines: Vec<Line<'static>> = shown.iter().map(|which| all[*which](facts, look, width)).collect();
    if area.height >= 20 {
        lines.push(if facts.is_over() { ending(facts, look, width) } else { Line::default() });
    }
    lines
}

/// What to do now that the run is over.
fn ending(facts: &Facts, look: &Look, width: usize) -> Line<'static> {
    let counts = &facts.state.counts;
    let key = |action| look.keymap.key(action, Place::Run).unwrap_or_default();
    let mut parts = Vec::new();
    if counts.failed > 0 {
        parts.push((format!("{} tells why files failed", key(Action::GoFailures)), Role::Accent));
    }
    if counts.parked + counts.cancelled + counts.waiting() > 0 {
        parts.push(("the same command goes on from here".to_owned(), Role::Accent));
    }
    parts.push((format!("outputs are in {}", safe_line(&facts.state.output.to_string_lossy())), Role::Text));
    parts.push((format!("{} leaves", key(Action::Quit)), Role::Dim));
    joined(look, &parts, width)
}

/// `running  2 of 2 tasks  02:13 elapsed  about 2 h 10 min to 2 h 40 min left  3.4 files/min`
fn standing(facts: &Facts, look: &Look, width: usize) -> Line<'static> {
    let state = &facts.state;
    let standing = standing_of(facts, look);
    let mut parts = vec![(format!("{} {}{}", standing.sign, standing.word, standing.more), standing.role)];
    let elapsed = clock(facts.now);
    if facts.is_over() {
        parts.push((format!("{elapsed} elapsed"), Role::Text));
    } else {
        let running = state.running(None);
        parts.push((format!("{running} of {} tasks", state.jobs), Role::Text));
        parts.push((format!("{elapsed} elapsed"), Role::Text));
        parts.push(left(facts));
    }
    if let Some(rate) = facts.story.pace().rate(facts.now) {
        parts.push((told_rate(rate), Role::Dim));
    }
    let mut line = joined(look, &parts, width);
    let room = width.saturating_sub(line.width() + 3).min(40);
    if room >= 8 {
        let course = facts.story.pace().course(facts.now, room);
        if course.iter().any(|ends| *ends > 0) {
            line.push_span(Span::raw("  "));
            line.push_span(Span::styled(sparkline(look, &course), look.style(Role::Spark)));
        }
    }
    line
}

/// The parts in a row, each after a separator, as many as have room.
fn joined(look: &Look, parts: &[(String, Role)], width: usize) -> Line<'static> {
    let mut spans: Vec<Span<'static>> = Vec::new();
    let mut used = 1;
    spans.push(Span::raw(" "));
    for (place, (part, role)) in parts.iter().enumerate() {
        let gap = if place == 0 { 0 } else { 3 };
        let room = width.saturating_sub(used + gap);
        if place > 0 && text::width(part) > room {
            break;
        }
        spans.push(Span::raw(" ".repeat(gap)));
        let part = text::clip(part, room, look.glyphs.ellipsis).into_owned();
        used += gap + text::width(&part);
        spans.push(Span::styled(part, look.style(*role)));
    }
    Line::from(spans)
}

/// How long it will take, where that can be told.
fn left(facts: &Facts) -> (String, Role) {
    match facts.story.pace().time_left(&facts.state, facts.now) {
        Some(TimeLeft { most, .. }) if most < 3_000 => ("almost done".into(), Role::Accent),
        Some(TimeLeft { least, most }) => (told_left(least, most), Role::Accent),
        None => match facts.state.phase {
            RunPhase::Running if facts.state.counts.waiting() > 0 => ("time left not known yet".into(), Role::Dim),
            _ => (String::new(), Role::Dim),
        },
    }
}

/// Between how much and how much is left, in words.
fn told_left(least: u64, most: u64) -> String {
    let ((least, _), (_, most)) = (coarse(least), coarse(most));
    match least {
        0 => format!("up to {} left", duration(most)),
        least if least == most => format!("about {} left", duration(most)),
        least => format!("{} to {} left", duration(least), duration(most)),
    }
}

/// As exact as a forecast is: what is at least so much, and at most.
fn coarse(ms: u64) -> (u64, u64) {
    let grain = 1000
        * match ms / 1000 {
            0..=59 => 5,
            60..=599 => 30,
            600..=3_599 => 60,
            3_600..=35_999 => 600,
            _ => 1_800,
        };
    (ms / grain * grain, ms.div_ceil(grain) * grain)
}

/// Files in the unit that gives a number people can read.
fn told_rate(a_second: f64) -> String {
    let (number, unit) = match a_second {
        rate if rate >= 1.0 => (rate, "s"),
        rate if rate * 60.0 >= 1.0 => (rate * 60.0, "min"),
        rate => (rate * 3600.0, "h"),
    };
    if number >= 10.0 { format!("{number:.0} files/{unit}") } else { format!("{number:.1} files/{unit}") }
}

fn sparkline(look: &Look, course: &[u32]) -> String {
    let levels = look.glyphs.levels;
    let most = course.iter().copied().max().unwrap_or(1).max(1);
    let top = levels.len().saturating_sub(1);
    let level = |count: &u32| {
        let level = (*count as usize * top).div_ceil(most as usize);
        levels.get(level.min(top)).copied().unwrap_or(" ")
    };
    course.iter().map(level).collect()
}

/// The whole batch as one bar: signs as well as colours tell the parts.
fn gauge(facts: &Facts, look: &Look, width: usize) -> Line<'static> {
    let counts = &facts.state.counts;
    let total = counts.total.max(1);
    let ended = counts.ended();
    let told = format!(
        " {} / {}  {:>6} ",
        text::count(ended.into()),
        text::count(counts.total.into()),
        text::percent(ended.into(), counts.total.into())
    );
    let room = width.saturating_sub(text::width(&told) + 1);
    if room < 4 {
        return Line::styled(told, look.style(Role::Text));
    }
    let good = counts.done + counts.up_to_date;
    let other = counts.left_out + counts.cancelled;
    let (running, parked) = (facts.rows.total(Section::Running), facts.rows.total(Section::Parked));
    let signs = if look.glyphs.is_ascii { ["#", "x", "z", "-", "="] } else { ["█", "▓", "░", "╌", "▒"] };
    let parts = [
        (good, signs[0], Role::GaugeDone),
        (counts.failed, signs[1], Role::GaugeFailed),
        (parked, signs[2], Role::Parked),
        (other, signs[3], Role::Skipped),
        (running, signs[4], Role::GaugeRunning),
    ];
    let mut spans = vec![Span::raw(" ")];
    let (mut used, mut passed) = (0, 0_u64);
    for (count, sign, role) in parts {
        passed += u64::from(count);
        // Whatever there is one of has a cell, however large the batch is.
        let end = (passed * room as u64 / u64::from(total)) as usize;
        let cells = end.saturating_sub(used).max(usize::from(count > 0)).min(room - used);
        if cells > 0 {
            spans.push(Span::styled(sign.repeat(cells), look.style(role)));
            used += cells;
        }
    }
    let empty = if look.glyphs.is_ascii { "." } else { "·" };
    spans.push(Span::styled(empty.repeat(room - used), look.style(Role::GaugeLeft)));
    spans.push(Span::styled(told, look.style(Role::Text)));
    Line::from(spans)
}

/// What came of the items so far.
fn counts(facts: &Facts, look: &Look, width: usize) -> Line<'static> {
    let counts = &facts.state.counts;
    let glyphs = &look.glyphs;
    let total = |section| facts.rows.total(section);
    let all = [
        (counts.failed, glyphs.failed, "failed", Role::Failed),
        (counts.done, glyphs.done, "done", Role::Done),
        (total(Section::Running), glyphs.running(0), "running", Role::Running),
        (total(Section::Parked), glyphs.parked, "parked", Role::Parked),
        (total(Section::Waiting), glyphs.waiting, "waiting", Role::Waiting),
        (counts.up_to_date, glyphs.up_to_date, "up to date", Role::UpToDate),
        (counts.cancelled, glyphs.cancelled, "cancelled", Role::Cancelled),
        (counts.left_out, glyphs.left_out, "left out", Role::Skipped),
    ];
    let told: Vec<(String, Role)> = all
        .into_iter()
        .filter(|(count, ..)| *count > 0)
        .map(|(count, sign, word, role)| (format!("{sign} {} {word}", text::count(count.into())), role))
        .collect();
    joined(look, &told, width)
}

/// The pipeline as a strip: how many items are through each step, and how many are in it.
fn steps(facts: &Facts, look: &Look, width: usize) -> Line<'static> {
    let state = &facts.state;
    let mut spans = vec![Span::raw(" ")];
    let mut used = 1;
    for (place, id) in state.steps.iter().enumerate() {
        let shape = state.shapes.get(place);
        let (told, role) = if shape.is_some_and(|shape| shape.batch) {
            match state.batch.get(&(place as u32)) {
                None => (look.glyphs.waiting.to_owned(), Role::Waiting),
                Some(view) if view.until.is_none() => (look.glyphs.running(look.beat).to_owned(), Role::Running),
                Some(view) if view.fault.is_some() => (look.glyphs.failed.to_owned(), Role::Failed),
                Some(_) => (look.glyphs.done.to_owned(), Role::Done),
            }
        } else {
            let running = state.tasks.keys().filter(|(_, step)| *step as usize == place).count();
            let through = state.step_done.get(place).copied().unwrap_or(0);
            let through = text::count(through.into());
            if running > 0 { (format!("{through} +{running}"), Role::Running) } else { (through, Role::Dim) }
        };
        let gap = if place == 0 { String::new() } else { format!(" {} ", look.glyphs.crumb.trim()) };
        let wide = text::width(&gap) + text::width(id) + 1 + text::width(&told);
        if used + wide > width {
            if used + 2 <= width {
                spans.push(Span::styled(format!(" {}", look.glyphs.ellipsis), look.style(Role::Dim)));
            }
            break;
        }
        used += wide;
        spans.push(Span::styled(gap, look.style(Role::Border)));
        spans.push(Span::styled(format!("{id} "), look.style(Role::Text)));
        spans.push(Span::styled(told, look.style(role)));
    }
    Line::from(spans)
}

/// What the run depends on: is it there, does its breaker let calls through, how much of its pools is drawn.
fn dependencies(facts: &Facts, look: &Look, width: usize) -> Line<'static> {
    let state = &facts.state;
    let glyphs = &look.glyphs;
    let mut told: Vec<(String, Role)> = Vec::new();
    let without_breaker = state.dependencies.keys().filter(|name| !state.breakers.contains_key(*name));
    for name in state.breakers.keys().chain(without_breaker) {
        let found = state.dependencies.get(name);
        let breaker = state.breakers.get(name);
        let parked = breaker.map_or(0, |breaker| breaker.parked);
        let parked = if parked > 0 { format!(", {} parked", text::count(parked.into())) } else { String::new() };
        told.push(match (found, breaker.map(|breaker| breaker.state)) {
            (Some(found), _) if !found.available => (format!("{} {name} missing", glyphs.cross), Role::Missing),
            (_, Some(BreakerState::Open)) => {
                let at = breaker.and_then(|breaker| breaker.retry_at).unwrap_or(facts.now);
                let probe = clock(at.saturating_sub(facts.now));
                (format!("{} {name} OPEN {probe}{parked}", glyphs.breaker_open), Role::BreakerOpen)
            }
            (_, Some(BreakerState::HalfOpen)) => {
                (format!("{} {name} HALF_OPEN{parked}", glyphs.breaker_half_open), Role::BreakerHalfOpen)
            }
            (_, Some(BreakerState::Closed)) if breaker.is_some_and(|breaker| breaker.failures > 0) => {
                let failures = breaker.map_or(0, |breaker| breaker.failures);
                let most = breaker.and_then(|breaker| breaker.settings.as_ref());
                let most = most.map_or_else(String::new, |shape| format!("/{}", shape.failure_threshold));
                (format!("{} {name} {failures}{most} failures", glyphs.warning), Role::Warn)
            }
            _ => (format!("{} {name}", glyphs.tick), Role::Available),
        });
    }
    for pool in state.pools() {
        let (available, all) = (pool.standing(Standing::Available), pool.assets.len());
        let (sign, role) = if available < all { (glyphs.warning, Role::Warn) } else { (glyphs.tick, Role::Available) };
        let (available, all) = (text::count(available as u64), text::count(all as u64));
        told.push((format!("{sign} {} {available}/{all}", safe_line(&pool.shape.name)), role));
    }
    // Whoever is not well is told first: there may not be room for all.
    told.sort_by_key(|(_, role)| *role == Role::Available);
    joined(look, &told, width)
}

#[cfg(test)]
mod tests {
    use super::told_left;

    #[test]
    fn a_forecast_is_never_narrower_than_what_is_known() {
        assert_eq!(told_left(2_000, 4_200), "up to 5.0 s left");
        assert_eq!(told_left(12_000, 31_000), "10 s to 35 s left");
        assert_eq!(told_left(60_000, 60_000), "about 1 min 00 s left");
        assert_eq!(told_left(119_000, 125_000), "1 min 30 s to 2 min 30 s left");
        assert_eq!(told_left(7_300_000, 9_500_000), "2 h 00 min to 2 h 40 min left");
    }
}
