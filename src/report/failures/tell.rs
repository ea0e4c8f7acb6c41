//! The failures of a run, for people and for programs.

use std::fmt::Write as _;

use super::{Group, Report};
use crate::report::names::{Names, counted};
use crate::report::pools;
use crate::resilience::safe_text::safe_line;

/// The report for people.
#[must_use]
pub fn text(report: &Report, names: &Names) -> String {
    let mut told = format!("Run {} of {}\n", safe_line(&report.run), safe_line(&report.pipeline));
    if !report.finished {
        told.push_str("It has not come to its end: it still runs, or it was killed.\n");
    }
    if report.groups.is_empty() {
        let _ = writeln!(told, "Nothing failed: {}.", counted(report.total as usize, "file"));
    }
    for group in &report.groups {
        tell(&mut told, group, names);
    }
    let _ = pools::tell(&mut told, &report.pools, names);
    told
}

fn tell(told: &mut String, group: &Group, names: &Names) {
    let step = group.step.as_deref().map_or_else(String::new, |step| format!(" in {}", safe_line(step)));
    let files = match group.example {
        Some(_) => match group.pieces {
            Some(pieces) => {
                format!("{} {} ({})", counted(group.count, "file"), group.status, counted(pieces, "piece"))
            }
            None => format!("{} {}", counted(group.count, "file"), group.status),
        },
        None => "the step over the whole batch failed".to_owned(),
    };
    // Writing to a String cannot fail.
    let _ = writeln!(told, "\n{files}: {}/{}{step}", group.class, safe_line(&group.cause));
    if let Some(example) = &group.example {
        let _ = writeln!(told, "  example: {}", names.short(example.as_path()));
        if !group.piece_names.is_empty() {
            let list: Vec<_> = group.piece_names.iter().map(|name| safe_line(name)).collect();
            let _ = writeln!(told, "    pieces: {}", list.join(", "));
        }
    }
    let _ = writeln!(told, "    {}", safe_line(&group.message));
    if let Some(hint) = &group.hint {
        let _ = writeln!(told, "    hint: {}", safe_line(hint));
    }
    if let Some(log) = &group.log {
        let _ = writeln!(told, "  log: {}", names.short(log.as_path()));
        for line in &group.log_end {
            let _ = writeln!(told, "    | {}", safe_line(line));
        }
    }
    let _ = writeln!(told, "  again: {}", safe_line(&group.command));
}

/// The report for programs: one object, with its version.
#[must_use]
pub fn json(report: &Report) -> String {
    // All keys are text, and paths say what bytes they hold: this cannot fail.
    let mut text = serde_json::to_string_pretty(report).unwrap_or_default();
    text.push('\n');
    text
}
