//! All that is known of what is selected.

use ratatui::text::{Line, Span};

use super::{Key, checked, stand};
use crate::resilience::safe_text::{safe_line, safe_text};
use crate::tui::facts::Facts;
use crate::tui::look::Look;
use crate::tui::theme::Role;
use crate::tui::widgets::{Standing, breaker_word, duration, now, pair, plain, standing_of, steps};
use crate::tui::wrap::fold;

/// The columns of the labels.
const LABEL: usize = 8;

/// The lines of the panel, `width` columns wide.
pub(super) fn lines(key: &Key, is_checking: bool, facts: &Facts, look: &Look, width: usize) -> Vec<Line<'static>> {
    let mut lines = match key {
        Key::Dependency(name) => dependency(name, facts, look, width),
        Key::Machine(at) => machine(*at, facts, look, width),
        Key::Engine => return engine(facts, look, width),
    };
    if is_checking {
        let sign = Span::styled(look.glyphs.running(look.beat).to_owned(), look.style(Role::Running));
        let word = Span::styled(format!(" checking {}", look.glyphs.ellipsis), look.style(Role::Running));
        lines.insert(0, Line::from(vec![sign, word]));
    }
    lines
}

fn dependency(name: &str, facts: &Facts, look: &Look, width: usize) -> Vec<Line<'static>> {
    let Some(view) = facts.state.dependencies.get(name) else { return Vec::new() };
    let (sign, role, word) = stand(view, look);
    let since = format!(" for {}", duration(now(facts).saturating_sub(view.since)));
    let head = Line::from(vec![
        Span::styled(format!("{sign} {word}"), look.style(role)),
        Span::styled(since, look.style(Role::Dim)),
    ]);
    let mut lines = vec![head];
    lines.extend(paragraph(&view.details, look, width));
    if let Some(hint) = &view.hint {
        lines.push(Line::default());
        lines.push(Line::styled("what to do", look.style(Role::Dim)));
        lines
            .extend(fold(&safe_text(hint), width).into_iter().map(|line| Line::styled(line, look.style(Role::Accent))));
    }
    lines.push(Line::default());
    let version = view.version.as_deref().map(|version| safe_line(version).into_owned());
    let path = view.path.as_ref().map(|path| safe_line(&path.to_string_lossy()).into_owned());
    for (label, value) in [("version", version), ("path", path)] {
        lines.extend(value.into_iter().flat_map(|value| pair(label, &value, LABEL, width, look)));
    }
    if let Some(breaker) = facts.state.breakers.get(name) {
        let mut spans = pair("breaker", "", LABEL, width, look).swap_remove(0).spans;
        spans.extend(breaker_word(breaker.state, look));
        lines.push(Line::from(spans));
        let parked = match breaker.parked {
            0 => "",
            1 => "1 task waits for it",
            parked => &format!("{parked} tasks wait for it"),
        };
        if !parked.is_empty() {
            lines.extend(pair("", parked, LABEL, width, look));
        }
    }
    let guarded = steps(name, facts);
    let guarded = if guarded.is_empty() { "no step of this pipeline needs it".to_owned() } else { guarded };
    lines.extend(pair("steps", &guarded, LABEL, width, look));
    lines.extend(looked_at(&Key::Dependency(name.to_owned()), facts, look, width));
    lines
}

fn machine(at: usize, facts: &Facts, look: &Look, width: usize) -> Vec<Line<'static>> {
    let Some(part) = facts.state.machine.1.get(at) else { return Vec::new() };
    let (sign, word, role) = match part.well {
        true => (look.glyphs.tick, "well", Role::Available),
        false => (look.glyphs.cross, "not well", Role::Missing),
    };
    let mut lines = vec![Line::styled(format!("{sign} {word}"), look.style(role))];
    lines.extend(paragraph(&part.details, look, width));
    if let Some(hint) = &part.hint {
        lines.push(Line::default());
        lines.push(Line::styled("what to do", look.style(Role::Dim)));
        lines
            .extend(fold(&safe_text(hint), width).into_iter().map(|line| Line::styled(line, look.style(Role::Accent))));
    }
    lines.push(Line::default());
    lines.extend(looked_at(&Key::Machine(at), facts, look, width));
    lines
}

fn engine(facts: &Facts, look: &Look, width: usize) -> Vec<Line<'static>> {
    let Standing { sign, word, more, role } = standing_of(facts, look);
    let path = |path: &std::path::Path| safe_line(&path.to_string_lossy()).into_owned();
    let mut lines = vec![Line::styled(format!("{sign} {word}{more}"), look.style(role)), Line::default()];
    for (label, value) in [
        ("pipeline", safe_line(&facts.state.pipeline).into_owned()),
        ("run", safe_line(&facts.state.run).into_owned()),
        ("jobs", facts.state.jobs.to_string()),
        ("running", facts.state.running(None).to_string()),
        ("elapsed", duration(now(facts))),
        ("output", path(&facts.state.output)),
        ("state", path(&facts.places.checkpoints)),
        ("journal", path(&facts.places.run)),
    ] {
        lines.extend(pair(label, &value, LABEL, width, look));
    }
    lines
}

fn looked_at(key: &Key, facts: &Facts, look: &Look, width: usize) -> Vec<Line<'static>> {
    let ago = now(facts).saturating_sub(checked(key, facts));
    pair("checked", &format!("{} ago", duration(ago)), LABEL, width, look)
}

fn paragraph(text: &str, look: &Look, width: usize) -> Vec<Line<'static>> {
    fold(&safe_text(text), width).into_iter().map(|line| Line::styled(line, plain(look))).collect()
}
