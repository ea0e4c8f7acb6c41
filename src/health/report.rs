//! The health report, for people and for programs.

use std::fmt::Write;

use serde::Serialize;

use super::probe::HealthCheck;
use crate::resilience::safe_text::{safe_line, safe_text};

/// The report for people.
#[must_use]
pub fn text(checks: &[HealthCheck]) -> String {
    let rule = "=".repeat(60);
    let mut report = format!("{rule}\nmediamill - dependency health check\n{rule}\n\n");
    for check in checks {
        item(&mut report, check);
    }
    let there = checks.iter().filter(|check| check.available).count();
    report.push_str(&format!("Summary: {there}/{} dependencies available\n", checks.len()));
    report
}

fn item(report: &mut String, check: &HealthCheck) {
    let (mark, word) = if check.available { ('✓', "True") } else { ('✗', "False") };
    let path = check.path.as_ref().map(|path| path.to_string_lossy());
    let lines = [
        ("Available", Some(word)),
        ("Version", check.version.as_deref()),
        ("Path", path.as_deref()),
        ("Details", Some(check.details.as_str())),
        // What was found needs no installing, but something else.
        (if check.path.is_none() { "Install" } else { "Hint" }, check.hint.as_deref()),
    ];
    // Writing to a String cannot fail.
    let _ = writeln!(report, "{mark} {}", safe_line(&check.name.to_uppercase()));
    for (label, value) in lines {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            let _ = writeln!(report, "  {label}: {}", safe_text(value));
        }
    }
    report.push('\n');
}

/// The version of the shape of [`json`].
pub const JSON_VERSION: u32 = 1;

#[derive(Serialize)]
struct Json<'a> {
    version: u32,
    available: usize,
    total: usize,
    checks: &'a [HealthCheck],
}

/// The report for programs: one object, with its version.
#[must_use]
pub fn json(checks: &[HealthCheck]) -> String {
    let available = checks.iter().filter(|check| check.available).count();
    let report = Json { version: JSON_VERSION, available, total: checks.len(), checks };
    // Nothing in it can fail to be written: the keys are text, and paths are made text.
    serde_json::to_string_pretty(&report).unwrap_or_default()
}
