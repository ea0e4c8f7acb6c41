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
        // What was found needs no installing, but something else; nobody installs a server's address.
        (if check.path.is_none() && check.kind.is_none() { "Install" } else { "Hint" }, check.hint.as_deref()),
    ];
    // Writing to a String cannot fail.
    let kind = check.kind.as_deref().map_or_else(String::new, |kind| format!(" ({})", safe_line(kind)));
    let _ = writeln!(report, "{mark} {}{kind}", safe_line(&check.name.to_uppercase()));
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

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may")]

    use super::*;

    #[test]
    fn a_resource_is_told_with_its_kind_and_a_hint_and_nobody_is_told_to_install_it() {
        let check = HealthCheck {
            name: "notes".into(),
            kind: Some("database".into()),
            available: false,
            version: None,
            path: None,
            details: "cannot connect to db.example:5432: connection refused".into(),
            hint: Some("check that the server runs".into()),
            required: true,
            check_time: 0.0,
            took_ms: 3,
        };
        let expected = "✗ NOTES (database)\n  Available: False\n  Details: cannot connect to db.example:5432: connection refused\n  \
                        Hint: check that the server runs\n\n";
        assert!(text(std::slice::from_ref(&check)).contains(expected), "{}", text(std::slice::from_ref(&check)));
        let told: serde_json::Value = serde_json::from_str(&json(std::slice::from_ref(&check))).unwrap();
        assert_eq!((&told["version"], &told["checks"][0]["kind"]), (&1.into(), &"database".into()));
        let tool = HealthCheck { kind: None, ..check };
        assert!(text(std::slice::from_ref(&tool)).contains("  Install: "));
        assert!(!json(&[tool]).contains("kind"));
    }
}
