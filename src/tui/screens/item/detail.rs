//! What is to be known of the selected step: what is wrong and what to do, what it found out, what it made.

use std::path::{Path, PathBuf};

use ratatui::style::Style;
use ratatui::text::Line;

use super::steps::{StepRow, story_of, told};
use super::values::{OF_ITEM, Values};
use crate::events::{Draw, ItemIndex, ItemPhase, PieceFailure, Standing};
use crate::resilience::Fault;
use crate::resilience::checkpoint::Checkpoint;
use crate::resilience::safe_text::{safe_line, safe_text};
use crate::tui::facts::Facts;
use crate::tui::look::Look;
use crate::tui::text::{bytes, clip, clip_middle, pad, pad_start, width};
use crate::tui::theme::Role;
use crate::tui::widgets::{clock, duration, folded, span};

/// Extensions of files that are shown as pictures.
const PICTURES: [&str; 8] = ["png", "jpg", "jpeg", "webp", "gif", "bmp", "tif", "tiff"];

/// Failed pieces of a step that are named.
const PIECES_SHOWN: usize = 20;

/// The fault of the row: of the attempt that is selected, or the latest of the step.
pub(super) fn fault_of<'a>(
    facts: &'a Facts,
    known: Option<&'a Checkpoint>,
    item: ItemIndex,
    row: StepRow,
) -> Option<&'a Fault> {
    let failed = story_of(facts, item, row.step).map_or(&[][..], |story| &story.failed);
    if let Some(attempt) = row.attempt {
        return failed.iter().find(|failed| failed.attempt == attempt).map(|failed| &failed.fault);
    }
    let of_batch = || facts.state.batch.get(&row.step)?.fault.as_ref();
    let of_item = || {
        let (step, fault) = facts.state.failures.get(&item)?;
        (step.is_none_or(|step| step == row.step)).then_some(&**fault)
    };
    // Of an item that failed in an earlier run the checkpoint alone knows.
    let before = || {
        let fault = known?.fault.as_ref()?;
        (Some(&fault.step) == facts.state.steps.get(row.step as usize)).then_some(&fault.fault)
    };
    failed.last().map(|failed| &failed.fault).or_else(of_batch).or_else(of_item).or_else(before)
}

/// The pictures that the item's steps have made, those of `first` before the others.
pub(super) fn pictures(known: &Checkpoint, first: Option<&str>) -> Vec<PathBuf> {
    let is_picture = |path: &&Path| {
        let extension = path.extension().map(|extension| extension.to_string_lossy().to_lowercase());
        extension.is_some_and(|extension| PICTURES.contains(&extension.as_str()))
    };
    let mut steps: Vec<_> = known.steps.iter().collect();
    steps.sort_by_key(|(id, _)| Some(id.as_str()) != first);
    let made = steps.into_iter().flat_map(|(_, record)| record.artifacts.values());
    made.map(|artifact| artifact.path.as_path()).filter(is_picture).map(Path::to_path_buf).collect()
}

/// What the lines are made of.
pub(super) struct Detail<'a> {
    pub(super) facts: &'a Facts,
    pub(super) known: Option<&'a Checkpoint>,
    /// The values of each step, as they are told.
    pub(super) values: &'a Values,
    /// Why the checkpoint cannot be read.
    pub(super) unread: Option<&'a str>,
    pub(super) item: ItemIndex,
    pub(super) row: StepRow,
    pub(super) columns: usize,
}

impl Detail<'_> {
    /// The head: the step, and what it stands between.
    pub(super) fn title(&self) -> (String, String) {
        let state = &self.facts.state;
        let id = safe_line(state.steps.get(self.row.step as usize).map_or("", |id| id)).into_owned();
        let Some(shape) = state.shapes.get(self.row.step as usize) else { return (id, String::new()) };
        let mut said = Vec::new();
        if let Some(tool) = &shape.dependency {
            said.push(safe_line(tool).into_owned());
        }
        let before: Vec<&str> =
            shape.before.iter().filter_map(|step| state.steps.get(*step as usize)).map(String::as_str).collect();
        if !before.is_empty() {
            said.push(format!("after {}", safe_line(&before.join(", "))));
        }
        if shape.optional {
            said.push("optional".to_owned());
        }
        (id, said.join(", "))
    }

    /// The columns of the names of values and files: one for all, so that they stand below each other.
    fn names(&self) -> usize {
        let Some(known) = self.known else { return 0 };
        let values = self.values.values().flatten().map(|(name, _)| width(name));
        let files = known.steps.values().flat_map(|record| record.artifacts.keys()).map(|name| width(name));
        values.chain(files).max().unwrap_or(0).min(self.columns / 3)
    }

    /// The lines below it.
    pub(super) fn lines(&self, look: &Look) -> Vec<Line<'static>> {
        let mut lines = self.reason(look);
        lines.extend(self.fault(look));
        lines.extend(self.drawn(look));
        if let Some(made) = self.facts.state.batch.get(&self.row.step).and_then(|view| view.artifact.as_deref()) {
            let below = made.strip_prefix(&self.facts.state.output).unwrap_or(made).to_string_lossy();
            let below = clip_middle(&safe_line(&below), self.columns, look.glyphs.ellipsis).into_owned();
            lines.push(Line::from(span(below, Role::Text, look)));
        }
        if let Some(known) = self.known {
            let own = self.facts.state.steps.get(self.row.step as usize).map(String::as_str);
            lines.extend(self.found(own, look));
            lines.extend(self.made(known, own, look));
            let of_item = self.found(Some(OF_ITEM), look);
            if !of_item.is_empty() {
                lines.push(Line::default());
                lines.push(Line::from(span("of the item", Role::Dim, look)));
                lines.extend(of_item);
            }
            for id in known.steps.keys().map(String::as_str).filter(|id| Some(*id) != own) {
                let (found, made) = (self.found(Some(id), look), self.made(known, Some(id), look));
                if !found.is_empty() || !made.is_empty() {
                    lines.push(Line::default());
                    lines.push(Line::from(span(format!("from {}", safe_line(id)), Role::Dim, look)));
                    lines.extend(found.into_iter().chain(made));
                }
            }
        }
        if let Some(why) = self.unread {
            let lead = span("checkpoint: ", Role::Dim, look);
            lines.extend(folded(lead, &safe_line(why), look.style(Role::Warn), self.columns));
        }
        if lines.first().is_some_and(|line| line.width() == 0) {
            lines.remove(0);
        }
        if lines.is_empty() {
            lines.push(Line::from(span(self.nothing(), Role::Dim, look)));
        }
        lines
    }

    /// What the last attempt was given from the pools, each with where it stands now.
    fn drawn(&self, look: &Look) -> Vec<Line<'static>> {
        let story = story_of(self.facts, self.item, self.row.step);
        let draws = story.filter(|_| self.row.attempt.is_none()).map_or(&[][..], |story| &story.draws);
        let pools = self.facts.state.pools();
        let drawn = |draw: &Draw| {
            let pool = pools.get(draw.pool as usize)?;
            let asset = pool.assets.get(draw.asset as usize)?;
            let path = asset.path.to_string_lossy();
            let told = format!("score {}", asset.score);
            let name = format!("{}  ", safe_line(&pool.shape.name));
            let room = self.columns.saturating_sub(width(&name) + width(&told) + 2);
            let path = clip_middle(&safe_line(&path), room, look.glyphs.ellipsis).into_owned();
            let role = if asset.standing == Standing::Available { Role::Dim } else { Role::Warn };
            Some(Line::from(vec![
                span(name, Role::Dim, look),
                span(path, Role::Text, look),
                span(format!("  {told}"), role, look),
            ]))
        };
        draws.iter().filter_map(drawn).collect()
    }

    fn nothing(&self) -> &'static str {
        match self.facts.state.phase_of(self.item) {
            _ if self.facts.state.shapes.get(self.row.step as usize).is_some_and(|shape| shape.batch) => {
                "it runs once, when all files are done"
            }
            ItemPhase::Waiting | ItemPhase::Running => "nothing made yet",
            _ => "nothing was made",
        }
    }

    /// Why the step waits or was left out, in full: its row may have cut it off.
    fn reason(&self, look: &Look) -> Vec<Line<'static>> {
        if self.row.attempt.is_some() {
            return Vec::new();
        }
        let told = told(self.facts, self.known, self.item, self.row.step, look);
        match told.role {
            Some(role @ (Role::Parked | Role::Skipped)) => {
                folded(span(format!("{} ", told.sign), role, look), &told.word, look.style(role), self.columns)
            }
            _ => Vec::new(),
        }
    }

    fn fault(&self, look: &Look) -> Vec<Line<'static>> {
        let mut lines = self.first_fault(look);
        lines.extend(self.failed_pieces(look));
        lines
    }

    /// The pieces that failed, each with its reason.
    fn failed_pieces(&self, look: &Look) -> Vec<Line<'static>> {
        let all = self.facts.state.failed_pieces(self.item).iter().filter(|failed| failed.step == self.row.step);
        let count = all.clone().count();
        let line = |failed: &PieceFailure| {
            let text = format!("{}  {}", safe_line(&failed.piece.name), safe_line(&failed.fault.message));
            let text = clip(&text, self.columns.saturating_sub(2), look.glyphs.ellipsis).into_owned();
            Line::from(vec![span(format!("{} ", look.glyphs.failed), Role::Failed, look), span(text, Role::Text, look)])
        };
        let mut lines: Vec<_> = all.take(PIECES_SHOWN).map(line).collect();
        if count > PIECES_SHOWN {
            let more = format!("and {} more", count - PIECES_SHOWN);
            lines.push(Line::from(span(more, Role::Dim, look)));
        }
        lines
    }

    fn first_fault(&self, look: &Look) -> Vec<Line<'static>> {
        let Some(fault) = fault_of(self.facts, self.known, self.item, self.row) else { return Vec::new() };
        let story = story_of(self.facts, self.item, self.row.step);
        let all = story.map_or(&[][..], |story| &story.failed);
        let failed = match self.row.attempt {
            Some(attempt) => all.iter().find(|failed| failed.attempt == attempt),
            None => all.last(),
        };
        let separator = look.glyphs.separator;
        let mut head = format!("{} {separator} {}", fault.class, safe_line(&fault.cause));
        if let Some(failed) = failed {
            let (at, took) = (clock(failed.at), duration(failed.ms));
            let piece = failed.piece.as_ref().map_or_else(String::new, |piece| format!("{}, ", safe_line(&piece.name)));
            let which = format!(" {separator} {piece}attempt {}", failed.attempt);
            let more = [which, format!(" after {took}"), format!(", at {at}"), " of the run".to_owned()];
            for part in more {
                if width(&head) + width(&part) + 2 > self.columns {
                    break;
                }
                head += &part;
            }
        }
        let lead = || span(format!("{} ", look.glyphs.failed), Role::Failed, look);
        let mut lines = folded(lead(), &head, look.style(Role::Failed), self.columns);
        let blank = || span("  ", Role::Text, look);
        lines.extend(folded(blank(), &safe_text(&fault.message), Style::new(), self.columns));
        if let Some(hint) = &fault.hint {
            let arrow = span(format!("{} ", look.glyphs.right), Role::Accent, look);
            lines.extend(folded(arrow, &safe_text(hint), look.style(Role::Accent), self.columns));
        }
        lines
    }

    fn found(&self, step: Option<&str>, look: &Look) -> Vec<Line<'static>> {
        let values = step.and_then(|step| self.values.get(step)).map_or(&[][..], Vec::as_slice);
        let names = self.names();
        let line = |(name, value): &(String, String)| {
            let name = pad(&clip(name, names, look.glyphs.ellipsis), names + 2);
            let value = clip(value, self.columns.saturating_sub(names + 2), look.glyphs.ellipsis).into_owned();
            Line::from(vec![span(name, Role::Dim, look), span(value, Role::Text, look)])
        };
        // Two of them stand side by side where both fit.
        let half = self.columns.saturating_sub(4) / 2;
        let fits = values.iter().all(|(_, value)| names + 2 + width(value) <= half);
        if !fits || values.len() < 3 {
            return values.iter().map(line).collect();
        }
        let rows = values.len().div_ceil(2);
        let pair = |row: usize| {
            let mut left = line(&values[row]);
            if let Some(right) = values.get(row + rows) {
                left.spans.push(span(" ".repeat((half + 4).saturating_sub(left.width())), Role::Text, look));
                left.spans.extend(line(right).spans);
            }
            left
        };
        (0..rows).map(pair).collect()
    }

    fn made(&self, known: &Checkpoint, step: Option<&str>, look: &Look) -> Vec<Line<'static>> {
        let Some(record) = step.and_then(|step| known.steps.get(step)) else { return Vec::new() };
        let names = self.names();
        let line = |(name, artifact): (&String, &crate::resilience::checkpoint::Artifact)| {
            let path = artifact.path.as_path();
            let below = path.strip_prefix(&self.facts.state.output).unwrap_or(path);
            let size = bytes(artifact.size);
            let name = pad(&clip(&safe_line(name), names, look.glyphs.ellipsis), names + 2);
            let room = self.columns.saturating_sub(width(&name) + width(&size).max(8) + 2);
            let shown = below.to_string_lossy();
            let shown = clip_middle(&safe_line(&shown), room, look.glyphs.ellipsis).into_owned();
            let gap = pad_start(&size, (room + 2 + width(&size).max(8)).saturating_sub(width(&shown)));
            let gap = if width(&name) + width(&shown) + width(&gap) > self.columns { String::new() } else { gap };
            Line::from(vec![span(name, Role::Dim, look), span(shown, Role::Text, look), span(gap, Role::Dim, look)])
        };
        record.artifacts.iter().map(line).collect()
    }
}
