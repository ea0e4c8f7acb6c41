//! Where lines, words and glyphs are in the picture, for its label.

use std::ops::Range;

use unicode_segmentation::UnicodeSegmentation;

use super::label::{LabelGlyph, LabelLine, LabelWord, Quad};
use super::layout::{Cluster, Layout, Line};
use super::outline::Outlines;
use super::shape::leaves_ink;
use super::warp::{Bend, Bounds, View};

/// A text that has been drawn.
pub(super) struct Placed<'a> {
    pub(super) layout: &'a Layout,
    /// As drawn.
    pub(super) outlines: &'a Outlines,
    /// Where the ink of each glyph was before it was bent.
    pub(super) inks: &'a [Bounds],
    pub(super) bend: Bend,
    pub(super) view: View,
    /// How far the line around letters reaches, in pixels.
    pub(super) around: f64,
}

/// A piece of ink: before it was bent, and as drawn.
#[derive(Clone, Copy)]
struct Ink {
    flat: Bounds,
    drawn: Bounds,
}

impl Ink {
    const NOTHING: Self = Self { flat: Bounds::NOTHING, drawn: Bounds::NOTHING };

    fn and(self, other: Self) -> Self {
        Self { flat: self.flat.and(other.flat), drawn: self.drawn.and(other.drawn) }
    }
}

/// What of `text` left ink, line by line.
pub(super) fn label_lines(text: &str, placed: &Placed<'_>) -> Vec<LabelLine> {
    placed.layout.lines.iter().filter_map(|line| placed.line(text, line)).collect()
}

impl Placed<'_> {
    fn line(&self, text: &str, line: &Line) -> Option<LabelLine> {
        let mut all = Ink::NOTHING;
        let words: Vec<LabelWord> = parted(text, line)
            .into_iter()
            .filter_map(|(word, clusters)| {
                let (word, ink) = self.word(text, word, &line.clusters[clusters])?;
                all = all.and(ink);
                Some(word)
            })
            .collect();
        if words.is_empty() {
            return None;
        }
        let (bounds, quad) = self.place(all);
        Some(LabelLine { text: text[line.text.clone()].to_owned(), bounds, quad, words })
    }

    fn word(&self, text: &str, word: Range<usize>, clusters: &[Cluster]) -> Option<(LabelWord, Ink)> {
        let mut all = Ink::NOTHING;
        let mut glyphs = Vec::with_capacity(clusters.len());
        for cluster in clusters {
            let ink = cluster.glyphs.clone().map(|glyph| self.ink(glyph)).fold(Ink::NOTHING, Ink::and);
            if ink.drawn.is_empty() {
                continue;
            }
            all = all.and(ink);
            let (bounds, quad) = self.place(ink);
            glyphs.push(LabelGlyph { text: text[cluster.text.clone()].to_owned(), bounds, quad, font: cluster.face });
        }
        if glyphs.is_empty() {
            return None;
        }
        let (bounds, quad) = self.place(all);
        Some((LabelWord { text: text[word].to_owned(), bounds, quad, glyphs }, all))
    }

    fn ink(&self, glyph: usize) -> Ink {
        let drawn = Bounds::of(&self.outlines.points[self.outlines.points_of(glyph)]);
        Ink { flat: self.inks[glyph], drawn }
    }

    /// In hundredths of a pixel; boxes never smaller than they are.
    fn place(&self, ink: Ink) -> ([f64; 4], Quad) {
        let [left, top, right, bottom] = ink.drawn.grown(self.around).0.map(|side| side * 100.0);
        let bounds = [left.floor(), top.floor(), right.ceil(), bottom.ceil()].map(|side| side / 100.0);
        let corner = |corner| self.view.map(self.bend.map(corner)).map(|side| (side * 100.0).round() / 100.0);
        (bounds, ink.flat.corners().map(corner))
    }
}

/// The words of a line as bytes of the text, each with its clusters: those that any of its letters is in. Words that share
/// a cluster, as where a font has one glyph for a phrase, are one.
fn parted(text: &str, line: &Line) -> Vec<(Range<usize>, Range<usize>)> {
    let mut parted: Vec<(Range<usize>, Range<usize>)> = Vec::new();
    for word in words(text, &line.text) {
        let first = line.clusters.partition_point(|cluster| cluster.text.end <= word.start);
        let last = line.clusters.partition_point(|cluster| cluster.text.start < word.end);
        match parted.last_mut() {
            Some((before, clusters)) if clusters.end > first => {
                before.end = word.end;
                clusters.end = last;
            }
            _ => parted.push((word, first..last)),
        }
    }
    parted
}

/// What white space separates, as bytes of the text. A space that carries a mark is none (Unicode 16, section 7.9: that is
/// how a mark is written by itself).
fn words(text: &str, line: &Range<usize>) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut start = None;
    for (at, grapheme) in text[line.clone()].grapheme_indices(true) {
        let separates = grapheme.starts_with(char::is_whitespace) && !grapheme.chars().any(leaves_ink);
        match (separates, start) {
            (true, Some(from)) => {
                found.push(from..line.start + at);
                start = None;
            }
            (false, None) => start = Some(line.start + at),
            _ => {}
        }
    }
    found.extend(start.map(|from| from..line.end));
    found
}
