//! Where lines are broken so that they fit.

use std::ops::Range;

use unicode_linebreak::linebreaks;

/// How long each cluster of a paragraph is, in pixels.
#[derive(Debug, Default)]
pub(super) struct Advances {
    /// First byte, and length; by their place in the text once sorted.
    clusters: Vec<(usize, f64)>,
}

impl Advances {
    /// A glyph of the cluster that begins at byte `start`; what is between letters comes once for each cluster.
    pub(super) fn add(&mut self, start: usize, advance: f64, spacing: f64) {
        match self.clusters.last_mut() {
            Some((last, length)) if *last == start => *length += advance,
            _ => self.clusters.push((start, advance + spacing)),
        }
    }

    pub(super) fn sorted(mut self) -> Self {
        self.clusters.sort_by_key(|(start, _)| *start);
        self
    }

    fn between(&self, range: Range<usize>) -> f64 {
        let place = |byte: usize| self.clusters.partition_point(|(start, _)| *start < byte);
        self.clusters[place(range.start)..place(range.end)].iter().map(|(_, length)| length).sum()
    }
}

/// The lines of the paragraph `range` of `text`: as much on each as fits into `room` pixels, broken only where Unicode
/// (UAX #14) allows it. White space at the end of a line needs no room. A word that is too long stands on a line alone.
pub(super) fn wrap(text: &str, range: Range<usize>, room: f64, advances: &Advances) -> Vec<Range<usize>> {
    // A last bit of rounding must not push a word down that fits.
    let room = room + 1e-6;
    let mut lines = Vec::new();
    let mut start = range.start;
    let mut fits = None;
    for (at, _) in linebreaks(&text[range.clone()]) {
        let end = range.start + at;
        let trimmed = |from: usize| from + text[from..end].trim_end().len();
        if advances.between(start..trimmed(start)) > room
            && let Some(last) = fits.take()
        {
            lines.push(start..last);
            start = last;
        }
        fits = Some(end);
    }
    if start < range.end || lines.is_empty() {
        lines.push(start..range.end);
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every character is ten pixels wide.
    fn lines(text: &str, room: f64) -> Vec<&str> {
        let mut advances = Advances::default();
        for (at, _) in text.char_indices() {
            advances.add(at, 10.0, 0.0);
        }
        wrap(text, 0..text.len(), room, &advances.sorted()).into_iter().map(|line| &text[line]).collect()
    }

    #[test]
    fn lines_hold_what_fits_and_break_between_words() {
        assert_eq!(lines("one two three", 130.0), ["one two three"]);
        assert_eq!(lines("one two three", 129.0), ["one two ", "three"]);
        assert_eq!(lines("one two three", 70.0), ["one two ", "three"]);
        assert_eq!(lines("one two three", 50.0), ["one ", "two ", "three"]);
        assert_eq!(lines("one two three", 1.0), ["one ", "two ", "three"]);
        assert_eq!(lines("", 50.0), [""]);
        assert_eq!(lines("漢字仮名", 25.0), ["漢字", "仮名"], "between any two");
        assert_eq!(lines("漢字。名", 25.0), ["漢", "字。", "名"], "but no line begins with a full stop");
    }
}
