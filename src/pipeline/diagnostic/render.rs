//! Findings as text with the offending place underlined, and as JSON.

use std::borrow::Cow;

use annotate_snippets::{AnnotationKind, Element, Group, Level, Origin, Renderer, Snippet};
use serde_json::{Value, json};

use super::{Diagnostic, Diagnostics, Severity};

impl Diagnostics {
    /// All findings as text for a terminal: file, line and column, the text underlined, and what would be right.
    #[must_use]
    pub fn to_text(&self, colour: bool) -> String {
        let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
        let mut text = String::new();
        for diagnostic in self.iter() {
            text.push_str(&renderer.render(&[self.group(diagnostic)]));
            text.push_str("\n\n");
        }
        text
    }

    /// All findings as a JSON array: `file`, `line`, `column`, `end_line`, `end_column` (from 1, in characters, the end
    /// not included; `null` where a finding has no place), `severity`, `message`, `help`, `notes`.
    #[must_use]
    pub fn to_json(&self) -> Value {
        self.iter().map(|diagnostic| self.json(diagnostic)).collect()
    }

    fn json(&self, diagnostic: &Diagnostic) -> Value {
        let start = diagnostic.span.as_ref().map(|span| self.place(span.start));
        let end = diagnostic.span.as_ref().map(|span| self.place(span.end));
        json!({
            "file": self.file,
            "line": start.map(|place| place.line),
            "column": start.map(|place| place.column),
            "end_line": end.map(|place| place.line),
            "end_column": end.map(|place| place.column),
            "severity": diagnostic.severity.word(),
            "message": diagnostic.message,
            "help": diagnostic.help,
            "notes": diagnostic.notes,
        })
    }

    /// The text of the file as it may be shown: of the same length in bytes, so that spans still hold.
    fn source(&self) -> Cow<'_, str> {
        let shown = without_c1(&self.text);
        if self.hidden.is_empty() {
            return shown;
        }
        let mut masked = String::with_capacity(shown.len());
        for (at, c) in shown.char_indices() {
            // The end of a line stays one: a secret can have several.
            if c != '\n' && self.hidden.iter().any(|part| part.contains(&at)) {
                masked.extend(std::iter::repeat_n('*', c.len_utf8()));
            } else {
                masked.push(c);
            }
        }
        masked.into()
    }

    fn group<'a>(&'a self, diagnostic: &'a Diagnostic) -> Group<'a> {
        let level = match diagnostic.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
        };
        let place: Element<'a> = match &diagnostic.span {
            Some(span) => {
                let label = diagnostic.label.as_deref().map(printable);
                let mark = AnnotationKind::Primary.span(span.clone()).label(label);
                Snippet::source(self.source()).path(printable(&self.file)).annotation(mark).into()
            }
            None => Origin::path(printable(&self.file)).into(),
        };
        let notes = diagnostic.notes.iter().map(|note| Level::NOTE.message(printable(note)));
        let help = diagnostic.help.iter().map(|help| Level::HELP.message(printable(help)));
        level.primary_title(printable(&diagnostic.message)).element(place).elements(notes).elements(help)
    }
}

/// The text with every character that would steer a terminal made visible.
fn printable(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() && c != '\n' { safe.extend(c.escape_default()) } else { safe.push(c) }
    }
    safe
}

/// The source without the controls of ISO 6429, which TOML allows and some terminals obey. What stands in for them has
/// their length in bytes, so that spans still hold.
fn without_c1(source: &str) -> Cow<'_, str> {
    let c1 = '\u{80}'..='\u{9f}';
    if source.contains(|c| c1.contains(&c)) {
        source.chars().map(|c| if c1.contains(&c) { '·' } else { c }).collect()
    } else {
        source.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found() -> Diagnostics {
        let mut found = Diagnostics::new("songs.toml", "name = \"x\"\njitter = 1.5\n");
        found.push(
            Diagnostic::error("`jitter` is out of range")
                .at(20..23)
                .label("0 to 1")
                .help("leave it out")
                .note("a note"),
        );
        found
    }

    #[test]
    fn text_shows_file_line_column_and_underlines_the_place() {
        let expected = "\
error: `jitter` is out of range
 --> songs.toml:2:10
  |
2 | jitter = 1.5
  |          ^^^ 0 to 1
  |
  = note: a note
  = help: leave it out

";
        assert_eq!(found().to_text(false), expected);
        assert!(found().to_text(true).contains("\u{1b}["));
    }

    #[test]
    fn json_says_the_same_with_numbers() {
        let expected = json!([{
            "file": "songs.toml", "line": 2, "column": 10, "end_line": 2, "end_column": 13, "severity": "error",
            "message": "`jitter` is out of range", "help": ["leave it out"], "notes": ["a note"],
        }]);
        assert_eq!(found().to_json(), expected);
    }

    #[test]
    fn what_is_hidden_is_shown_with_no_finding() {
        let text = "auth = { user = \"me\", password = \"tëa42\" }";
        let mut found = Diagnostics::new("a.toml", text);
        found.hide(34..40);
        found.push(Diagnostic::error("unknown").at(9..13));
        let shown = found.to_text(false);
        assert!(shown.contains("auth = { user = \"me\", password = \"******\" }"), "{shown}");
    }

    #[test]
    fn nothing_in_a_finding_can_steer_the_terminal() {
        let mut found = Diagnostics::new("a\u{1b}[31m.toml", "x\u{1b}[31m\u{9b}31m");
        found.push(Diagnostic::error("\u{1b}[31m").at(0..2).label("\u{7}").help("\u{1b}").note("\u{9b}"));
        let text = found.to_text(false);
        assert!(!text.chars().any(|c| c.is_control() && c != '\n'), "{text:?}");
    }
}
