//! Text with its place in the file.

use std::ops::Range;

use super::Span;
use crate::pipeline::template::Template;

/// A text value, with its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::pipeline) struct Text {
    /// What it says.
    pub(in crate::pipeline) text: String,
    /// Where it stands, quotes and all.
    pub(in crate::pipeline) span: Span,
    /// Where its content begins, when the file holds it letter for letter (without escapes).
    verbatim: Option<usize>,
}

impl Text {
    /// The text that stands at `span` in `source`.
    pub(super) fn new(source: &str, text: &str, span: Span) -> Self {
        let verbatim = source.get(span.clone()).and_then(|quoted| {
            let quotes = quoted.len().checked_sub(text.len())? / 2;
            (quoted.get(quotes..quotes + text.len())? == text).then_some(span.start + quotes)
        });
        Self { text: text.to_owned(), span, verbatim }
    }

    /// Where the bytes `part` of the text stand in the file; the whole where escapes make that hard to tell.
    pub(in crate::pipeline) fn part(&self, part: &Range<usize>) -> Span {
        match self.verbatim {
            Some(start) => start + part.start..start + part.end,
            None => self.span.clone(),
        }
    }
}

/// A template, with its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::pipeline) struct Written {
    /// What it says.
    pub(in crate::pipeline) template: Template,
    /// The text it was read from.
    pub(in crate::pipeline) text: Text,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_found_below_every_kind_of_quotes() {
        for source in ["\"abc\"", "'abc'", "'''abc'''", "\"\"\"abc\"\"\""] {
            let text = Text::new(source, "abc", 0..source.len());
            assert_eq!(&source[text.part(&(1..2))], "b", "{source}");
        }
    }

    #[test]
    fn where_escapes_hide_the_part_the_whole_is_meant() {
        let source = r#""a\u0062c""#;
        assert_eq!(Text::new(source, "abc", 0..source.len()).part(&(1..2)), 0..source.len());
    }
}
