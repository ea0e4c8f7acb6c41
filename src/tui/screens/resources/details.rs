//! All that is known of the resource that is selected.

use ratatui::text::{Line, Span};

use super::columns::{is_ill, span};
use super::stand;
use crate::events::holder::Holder;
use crate::events::resources::{Amount, figures, hints};
use crate::events::telling::counted;
use crate::events::{ResourceView, milliseconds};
use crate::resilience::breaker::BreakerState;
use crate::resilience::safe_text::{safe_line, safe_text};
use crate::resources::{Health, Owner};
use crate::tui::facts::Facts;
use crate::tui::look::Look;
use crate::tui::text::{bytes, clip_middle, count, pad_start, width as columns};
use crate::tui::theme::Role;
use crate::tui::widgets::{breaker_role, clock, duration, folded, now, pair, plain, steps};
use crate::tui::wrap::fold;

/// The columns of the labels.
const LABEL: usize = 8;
/// Owners that are listed at least, where there is room for nothing else.
const OWNERS: usize = 5;
/// Leaks that are listed.
const LEAKS: usize = 5;

/// The lines of the panel, for so many columns and rows; `chosen` is the owner with the cursor.
pub(super) fn lines(
    name: &str,
    view: &ResourceView,
    chosen: usize,
    facts: &Facts,
    look: &Look,
    (width, height): (usize, usize),
) -> Vec<Line<'static>> {
    let mut lines = standing(name, view, facts, look, width);
    let rest =
        [trouble(name, facts, look, width), leaks(name, facts, look, width), numbers(name, view, facts, look, width)];
    let rest: Vec<Line<'static>> = rest.into_iter().flatten().collect();
    // Whatever comes below, some owners are in sight.
    let room = height.saturating_sub(lines.len() + rest.len() + 2).max(OWNERS);
    lines.extend(owners(view, chosen, facts, look, (width, room)));
    lines.extend(rest);
    lines
}

/// How well it is, what it is, and what the last look found.
fn standing(name: &str, view: &ResourceView, facts: &Facts, look: &Look, width: usize) -> Vec<Line<'static>> {
    let found = facts.state.health_of(name);
    let health = found.map_or(Health::Unknown, |found| found.health);
    let (sign, role, word) = stand(health, look);
    let version = found.and_then(|found| found.version);
    let version = version.map_or_else(String::new, |version| format!(", {}", safe_line(version)));
    let ago = found.map(|found| format!(", seen {} ago", duration(now(facts).saturating_sub(found.at))));
    let what = format!("  {}{version}{}", safe_line(&view.kind), ago.unwrap_or_default());
    let mut lines = vec![Line::from(vec![
        Span::styled(format!("{sign} {word}"), look.style(role)),
        Span::styled(what, look.style(Role::Dim)),
    ])];
    let details = found.map_or("nobody has looked at it yet", |found| found.details);
    if !details.is_empty() {
        let style = if is_ill(health) { look.style(role) } else { plain(look) };
        lines.extend(fold(&safe_text(details), width).into_iter().map(|line| Line::styled(line, style)));
    }
    if let Some(breaker) = facts.state.breakers.get(name).filter(|breaker| breaker.state != BreakerState::Closed) {
        let sign = format!("{} {}", look.glyphs.breaker(breaker.state), breaker.state);
        let mut spans = vec![Span::styled(sign, look.style(breaker_role(breaker.state)))];
        let parked = match breaker.parked {
            0 => String::new(),
            1 => ", 1 task waits for it".to_owned(),
            parked => format!(", {} tasks wait for it", count(parked.into())),
        };
        spans.push(Span::styled(parked, look.style(Role::Parked)));
        if let Some(at) = breaker.retry_at.filter(|at| *at > now(facts) && facts.reachable().is_ok()) {
            spans.push(Span::styled(format!(", probe in {}", clock(at - now(facts) + 999)), look.style(Role::Dim)));
        }
        lines.push(Line::from(spans));
    }
    lines
}

/// What is wrong, and what helps.
fn trouble(name: &str, facts: &Facts, look: &Look, width: usize) -> Vec<Line<'static>> {
    let mut lines = Vec::new();
    for hint in hints(&facts.state, name, now(facts)) {
        let lead = Span::styled(format!("{} ", look.glyphs.warning), look.style(Role::Warn));
        let told = format!("{}: {}", hint.found, hint.advice);
        lines.extend(folded(lead, &safe_line(&told), look.style(Role::Warn), width));
    }
    lines
}

/// Who holds a lease, the longest first, about the one that is chosen.
fn owners(
    view: &ResourceView,
    chosen: usize,
    facts: &Facts,
    look: &Look,
    (width, room): (usize, usize),
) -> Vec<Line<'static>> {
    let owners = &view.status.owners;
    let all = (view.status.metrics.active_connections as usize).max(owners.len());
    let said = if all == 0 { "held by nobody".to_owned() } else { format!("held by {}", count(all as u64)) };
    let mut lines = vec![Line::styled(said, look.style(Role::Dim))];
    let shown = owners.len().min(room);
    let first = (chosen + 1).saturating_sub(shown);
    for (at, owner) in owners.iter().enumerate().skip(first).take(shown) {
        let is_chosen = at == chosen;
        let cursor = if is_chosen { look.glyphs.cursor } else { " " };
        let held = pad_start(&duration(view.held(owner, now(facts))), 9);
        let who = who(&owner.owner, width.saturating_sub(2 + columns(&held) + 2), look);
        let style = if is_chosen { look.style(Role::Accent) } else { plain(look) };
        lines.push(Line::from(vec![
            Span::styled(format!("{cursor} "), plain(look)),
            Span::styled(held, style),
            Span::styled(format!("  {who}"), style),
        ]));
    }
    let more = all - shown;
    if more > 0 && all > 0 {
        lines.push(Line::styled(
            format!("  {} {} more", look.glyphs.ellipsis, count(more as u64)),
            look.style(Role::Dim),
        ));
    }
    lines
}

/// Who that is, in so many columns: the step and the attempt stay, and of the name its ends.
fn who(owner: &Owner, room: usize, look: &Look) -> String {
    let Some(holder) = Holder::read(owner) else {
        return clip_middle(&safe_line(owner.as_str()), room, look.glyphs.ellipsis).into_owned();
    };
    let again = if holder.attempt == "1" { String::new() } else { format!(" {}{}", look.glyphs.retry, holder.attempt) };
    let step = format!("  {}{again}", safe_line(holder.step));
    let name = safe_line(holder.name());
    let name = clip_middle(&name, room.saturating_sub(columns(&step)), look.glyphs.ellipsis);
    format!("{name}{step}")
}

/// Leases that were held for too long.
fn leaks(name: &str, facts: &Facts, look: &Look, width: usize) -> Vec<Line<'static>> {
    let leaks: Vec<_> = facts.state.leaks_of(name).collect();
    let mut lines = Vec::new();
    if leaks.is_empty() {
        return lines;
    }
    lines.push(Line::styled(format!("held for too long: {}", leaks.len()), look.style(Role::Dim)));
    for (leak, ended) in leaks.iter().rev().take(LEAKS) {
        let why = if *ended { "its owner has ended" } else { "longer than is expected" };
        let held = pad_start(&duration(milliseconds(leak.held)), 9);
        let who = who(&leak.owner, width.saturating_sub(2 + columns(&held) + 2), look);
        lines.push(Line::from(vec![
            Span::styled(format!("{} ", look.glyphs.warning), look.style(Role::Warn)),
            Span::styled(format!("{held}  {who}"), plain(look)),
        ]));
        let told = format!("{why}; acquired at {}", safe_line(&leak.acquired_at));
        lines.extend(folded(Span::raw("  "), &told, look.style(Role::Dim), width));
    }
    if leaks.len() > LEAKS {
        let more = format!("  {} {} earlier", look.glyphs.ellipsis, leaks.len() - LEAKS);
        lines.push(Line::styled(more, look.style(Role::Dim)));
    }
    lines
}

/// The numbers.
fn numbers(name: &str, view: &ResourceView, facts: &Facts, look: &Look, width: usize) -> Vec<Line<'static>> {
    let metrics = &view.status.metrics;
    let mut lines = vec![Line::default()];
    let mut tell = |label: &str, value: String| lines.extend(pair(label, &value, LABEL, width, look));
    let waiting =
        if metrics.waiting == 0 { String::new() } else { format!(", {} waiting", count(metrics.waiting.into())) };
    let (used, free) = (metrics.active_connections, metrics.available);
    tell("in use", format!("{used} of {}, {free} idle{waiting}", metrics.max_size));
    let missed = match (metrics.failed_acquisitions, metrics.timeouts) {
        (0, _) => String::new(),
        (failed, 0) => format!(", {} not given", count(failed)),
        (failed, late) => format!(", {} not given ({} timed out)", count(failed), count(late)),
    };
    tell("leases", format!("{}{missed}", count(metrics.total_acquisitions)));
    if metrics.total_acquisitions > 0 {
        tell("waited", format!("{} in the mean", span(metrics.average_acquisition_time)));
        let longest = span(metrics.longest_hold_time);
        tell("held", format!("{} in the mean, {longest} at most", span(metrics.average_hold_time)));
    }
    if metrics.created > 0 {
        tell("handles", format!("{} made, {} closed", count(metrics.created), count(metrics.closed)));
    }
    for (at, figure) in figures(&metrics.figures).into_iter().enumerate() {
        let amount = match figure.amount {
            Amount::Count(number) => count(number),
            Amount::Bytes(size) => bytes(size),
            Amount::Seconds(seconds) => span(seconds),
            Amount::Text(text) => safe_line(&text).into_owned(),
        };
        tell(if at == 0 { "figures" } else { "" }, format!("{}: {amount}", safe_line(&figure.label)));
    }
    let guarded = steps(name, facts);
    if !guarded.is_empty() {
        tell("steps", guarded);
    }
    if metrics.failed_health_checks > 0 {
        let failed = usize::try_from(metrics.failed_health_checks).unwrap_or(usize::MAX);
        tell("looks", format!("{} found it not well", counted(failed, "look")));
    }
    lines
}
