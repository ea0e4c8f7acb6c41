//! What is wrong with a pipeline file: found, collected, and told with its place.

mod render;

use std::ops::Range;

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The pipeline cannot run.
    Error,
    /// It can run, but perhaps not as its author means.
    Warning,
}

impl Severity {
    /// The word for it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

/// One finding in a pipeline file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// What is wrong. A fragment: lower case, no period; it makes sense without the source.
    pub message: String,
    /// The text that is wrong: bytes of the file.
    pub span: Option<Range<usize>>,
    /// A few words below the underlined text.
    pub label: Option<String>,
    /// What would be right.
    pub help: Vec<String>,
    /// Facts that explain it.
    pub notes: Vec<String>,
}

impl Diagnostic {
    /// A finding that the pipeline cannot run with.
    pub fn error(message: impl Into<String>) -> Self {
        Self::new(Severity::Error, message.into())
    }

    /// A finding that the pipeline can run with.
    pub fn warning(message: impl Into<String>) -> Self {
        Self::new(Severity::Warning, message.into())
    }

    const fn new(severity: Severity, message: String) -> Self {
        Self { severity, message, span: None, label: None, help: Vec::new(), notes: Vec::new() }
    }

    /// The same finding, with the bytes of the file it is about.
    #[must_use]
    pub fn at(mut self, span: Range<usize>) -> Self {
        self.span = Some(span);
        self
    }

    /// The same finding, with a few words for below the underlined text.
    #[must_use]
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = Some(label.into());
        self
    }

    /// The same finding, with a word on what would be right.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help.push(help.into());
        self
    }

    /// The same finding, with a word on what would be right, where there is one.
    #[must_use]
    pub fn maybe_help(mut self, help: Option<String>) -> Self {
        self.help.extend(help);
        self
    }

    /// The same finding, with a fact that explains it.
    #[must_use]
    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }
}

/// All that was found in one pipeline file, in the order of the file.
#[derive(Debug, Clone)]
pub struct Diagnostics {
    file: String,
    text: String,
    list: Vec<Diagnostic>,
    /// What is not shown where a line of the file is.
    hidden: Vec<Range<usize>>,
}

/// A place in a text: line and column from 1, the column in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The line.
    pub line: usize,
    /// The character of the line.
    pub column: usize,
}

impl Diagnostics {
    /// Nothing found yet in the `text` of `file` (a name to show, as the user gave it).
    pub fn new(file: impl Into<String>, text: impl Into<String>) -> Self {
        Self { file: file.into(), text: text.into(), list: Vec::new(), hidden: Vec::new() }
    }

    /// What stands at `span` is not shown with any finding: it is a secret.
    pub fn hide(&mut self, span: Range<usize>) {
        let span = self.within_text(span);
        self.hidden.push(span);
    }

    /// Adds a finding, at its place in the order of the file. The same finding twice is told once.
    pub fn push(&mut self, mut diagnostic: Diagnostic) {
        diagnostic.span = diagnostic.span.map(|span| self.within_text(span));
        if self.list.contains(&diagnostic) {
            return;
        }
        let key = |d: &Diagnostic| (d.span.as_ref().map(|span| span.start), d.severity);
        let at = self.list.partition_point(|other| key(other) <= key(&diagnostic));
        self.list.insert(at, diagnostic);
    }

    /// The findings, in the order of the file; those without a place first.
    pub fn iter(&self) -> impl Iterator<Item = &Diagnostic> {
        self.list.iter()
    }

    /// Whether nothing was found.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Whether the pipeline cannot run.
    #[must_use]
    pub fn has_errors(&self) -> bool {
        self.count(Severity::Error) > 0
    }

    /// How many findings are as bad as `severity`.
    #[must_use]
    pub fn count(&self, severity: Severity) -> usize {
        self.list.iter().filter(|diagnostic| diagnostic.severity == severity).count()
    }

    /// The name of the file, as the user gave it.
    #[must_use]
    pub fn file(&self) -> &str {
        &self.file
    }

    /// Where the byte `offset` of the text stands.
    #[must_use]
    pub fn place(&self, offset: usize) -> Place {
        let before = &self.text[..self.text.floor_char_boundary(offset)];
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        // A byte-order mark takes no column in any editor.
        let column = before[line_start..].chars().filter(|c| *c != '\u{feff}').count() + 1;
        Place { line: before.matches('\n').count() + 1, column }
    }

    /// A span that lies in the text and cuts no character.
    fn within_text(&self, span: Range<usize>) -> Range<usize> {
        let start = self.text.floor_char_boundary(span.start);
        start..self.text.ceil_char_boundary(span.end.min(self.text.len())).max(start)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn findings_come_out_in_the_order_of_the_file_and_only_once() {
        let mut found = Diagnostics::new("a.toml", "abc\ndef");
        found.push(Diagnostic::error("second").at(4..5));
        found.push(Diagnostic::warning("first").at(0..1));
        found.push(Diagnostic::error("second").at(4..5));
        found.push(Diagnostic::error("nowhere"));
        let order: Vec<_> = found.iter().map(|d| d.message.as_str()).collect();
        assert_eq!(order, ["nowhere", "first", "second"]);
        assert_eq!((found.count(Severity::Error), found.count(Severity::Warning)), (2, 1));
    }

    #[test]
    fn columns_count_characters_from_1() {
        let found = Diagnostics::new("a.toml", "x\nname = \"éé\" # y");
        assert_eq!(found.place(9), Place { line: 2, column: 8 });
        assert_eq!(found.place(15), Place { line: 2, column: 12 });
        assert_eq!(found.place(999), Place { line: 2, column: 16 });
    }
}
