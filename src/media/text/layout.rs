//! Lines, and the place of every glyph on them, before any transform. x grows to the right, y down, in pixels.

use std::ops::Range;
use std::sync::Arc;

use harfrust::{Direction as Run, Feature, Language, Tag};
use skrifa::Font;
use unicode_bidi::{BidiInfo, Level, ParagraphInfo};

use super::error::TextError;
use super::font::{Face, line};
use super::runs::{Chooser, Item, is_joined};
use super::shape::{Manner, Shaped, shape};
use super::spec::{Align, Direction, TextSpec, Writing};
use super::wrap::{Advances, wrap};

/// A glyph in its place.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Glyph {
    /// Which of the fonts.
    pub(super) face: usize,
    /// Number in the font.
    pub(super) id: u32,
    /// Where its origin is.
    pub(super) at: [f64; 2],
    /// It lies on its side, its top to the right.
    pub(super) sideways: bool,
}

/// The glyphs that stand for a piece of text together, and cannot be told apart any more.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Cluster {
    /// Bytes of the text.
    pub(super) text: Range<usize>,
    /// Numbers of glyphs, which stand in a row.
    pub(super) glyphs: Range<usize>,
    /// Which of the fonts.
    pub(super) face: usize,
}

/// A line.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Line {
    /// Bytes of the text, without white space at its end.
    pub(super) text: Range<usize>,
    /// In the order of the text.
    pub(super) clusters: Vec<Cluster>,
}

/// A text, laid out.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Layout {
    pub(super) lines: Vec<Line>,
    pub(super) glyphs: Vec<Glyph>,
    /// Its first line runs to the left.
    pub(super) to_left: bool,
}

/// The fonts of a text: files, and the same at the place on their axes that is asked for.
pub(super) struct Fonts {
    pub(super) faces: Vec<Arc<Face>>,
    pub(super) set: Vec<Font>,
}

impl Fonts {
    pub(super) fn new(faces: Vec<Arc<Face>>, spec: &TextSpec) -> Self {
        let axes = || spec.variations.iter().map(|(axis, value)| (axis.as_str(), *value));
        let at = |face: &Arc<Face>| match spec.variations.is_empty() {
            true => face.font.clone(),
            false => face.font.instance_builder().variations(axes()).build(),
        };
        Self { set: faces.iter().map(at).collect(), faces }
    }
}

/// How far apart the things of a layout are, in pixels.
struct Measure {
    size: f64,
    /// From the top of a line to its baseline; in vertical writing, half a column.
    above: f64,
    /// From a line to the next.
    pitch: f64,
    letter_spacing: f64,
    vertical: bool,
}

struct Composer<'a> {
    text: &'a str,
    spec: &'a TextSpec,
    fonts: &'a Fonts,
    manner: Manner,
    measure: Measure,
    done: Layout,
    /// Length of every line, and whether it runs to the left.
    lengths: Vec<(f64, bool)>,
    /// Which of the glyphs belong to each line.
    ranges: Vec<Range<usize>>,
}

/// Lays out `text`, which [`Chooser::drawn`] gave, within `room` pixels along the lines.
pub(super) fn lay_out(text: &str, spec: &TextSpec, fonts: &Fonts, room: Option<f64>) -> Result<Layout, TextError> {
    let vertical = spec.writing == Writing::Vertical;
    let manner = Manner { language: Language::new(&spec.language), features: features(spec) };
    let measure = Measure { size: spec.size, above: 0.0, pitch: 0.0, letter_spacing: spec.letter_spacing, vertical };
    let mut composer = Composer {
        text,
        spec,
        fonts,
        manner,
        measure,
        done: Layout::default(),
        lengths: Vec::new(),
        ranges: Vec::new(),
    };
    composer.measure_lines()?;
    let chooser = Chooser { faces: &fonts.faces, missing: spec.missing };
    let level = match spec.direction {
        Direction::Auto => None,
        Direction::Ltr => Some(Level::ltr()),
        Direction::Rtl => Some(Level::rtl()),
    };
    for range in paragraphs(text) {
        let paragraph = &text[range.clone()];
        let items = chooser.items(paragraph, range.start, vertical)?;
        let bidi = BidiInfo::new(paragraph, level);
        let Some(whole) = bidi.paragraphs.first() else {
            composer.lengths.push((0.0, false));
            let end = composer.done.glyphs.len();
            composer.ranges.push(end..end);
            continue;
        };
        let lines = match room {
            None => vec![range.clone()],
            Some(room) => wrap(text, range.clone(), room, &composer.advances(&items)?),
        };
        for line in lines {
            composer.line(&bidi, whole, range.start, &items, line)?;
        }
    }
    Ok(composer.align())
}

/// The paragraphs of a text, as bytes, without what ends them: UAX #14, classes BK, CR, LF and NL.
fn paragraphs(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let (mut start, mut after_return) = (0, false);
    for (at, c) in text.char_indices() {
        let ends = matches!(c, '\n' | '\r' | '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}');
        if ends {
            if !(c == '\n' && after_return) {
                found.push(start..at);
            }
            start = at + c.len_utf8();
        }
        after_return = c == '\r';
    }
    if start < text.len() || found.is_empty() {
        found.push(start..text.len());
    }
    found
}

fn features(spec: &TextSpec) -> Vec<Feature> {
    let mut features: Vec<Feature> = Vec::new();
    if spec.letter_spacing != 0.0 {
        features.extend([b"liga", b"clig"].map(|tag| Feature::new(Tag::new(tag), 0, ..)));
    }
    features.extend(spec.features.iter().filter_map(|feature| feature.parse::<Feature>().ok()));
    features
}

impl Composer<'_> {
    fn measure_lines(&mut self) -> Result<(), TextError> {
        let (mut above, mut below, mut gap) = (0.0_f64, 0.0_f64, 0.0_f64);
        for (face, font) in self.fonts.faces.iter().zip(&self.fonts.set) {
            let (up, down, between) = line(font).map_err(|why| TextError::font(&face.path, why))?;
            (above, below, gap) = (above.max(up), below.max(down), gap.max(between));
        }
        let height = (above + below) * self.spec.size;
        self.measure.above = if self.measure.vertical { height / 2.0 } else { above * self.spec.size };
        self.measure.pitch = (height + gap * self.spec.size) * self.spec.line_spacing;
        Ok(())
    }

    fn shape(&self, item: &Item, range: Range<usize>, to_left: bool) -> Result<Vec<Shaped>, TextError> {
        let direction = match (item.upright, to_left) {
            (true, _) => Run::TopToBottom,
            (false, true) => Run::RightToLeft,
            (false, false) => Run::LeftToRight,
        };
        let font = (&*self.fonts.faces[item.face], &self.fonts.set[item.face]);
        shape(font, self.text, range, item.script, direction, &self.manner)
    }

    /// How far a glyph goes along the line, in pixels; without the space between letters.
    fn advance(&self, item: &Item, glyph: &Shaped) -> f64 {
        let ems = if item.upright { -glyph.advance[1] } else { glyph.advance[0] };
        ems * self.measure.size
    }

    fn spacing(&self, item: &Item) -> f64 {
        if is_joined(item.script) { 0.0 } else { self.measure.letter_spacing }
    }

    /// How long every cluster of a paragraph is, as one line.
    fn advances(&self, items: &[Item]) -> Result<Advances, TextError> {
        let mut advances = Advances::default();
        for item in items {
            // The direction changes no length but in fonts that would be odd.
            let glyphs = self.shape(item, item.text.clone(), false)?;
            for glyph in &glyphs {
                advances.add(glyph.cluster, self.advance(item, glyph), self.spacing(item));
            }
        }
        Ok(advances.sorted())
    }

    /// Sets one line of the paragraph that begins at byte `start`; across the lines, its place is known already.
    fn line(
        &mut self,
        bidi: &BidiInfo<'_>,
        paragraph: &ParagraphInfo,
        start: usize,
        items: &[Item],
        range: Range<usize>,
    ) -> Result<(), TextError> {
        let end = range.start + self.text[range.clone()].trim_end().len();
        let range = range.start..end;
        let first = self.done.glyphs.len();
        let mut clusters = Vec::new();
        let mut pen = 0.0;
        let (levels, runs) = match range.is_empty() {
            true => (Vec::new(), Vec::new()),
            false => bidi.visual_runs(paragraph, range.start - start..range.end - start),
        };
        for run in runs {
            let to_left = levels[run.start].is_rtl();
            let run = run.start + start..run.end + start;
            let mut parts: Vec<(&Item, Range<usize>)> = items
                .iter()
                .map(|item| (item, item.text.start.max(run.start)..item.text.end.min(run.end)))
                .filter(|(_, part)| part.start < part.end)
                .collect();
            if to_left {
                parts.reverse();
            }
            for (item, part) in parts {
                let glyphs = self.shape(item, part.clone(), to_left)?;
                self.set(item, part, &glyphs, &mut pen, &mut clusters);
            }
        }
        clusters.sort_by_key(|cluster: &Cluster| cluster.text.start);
        self.lengths.push((pen, paragraph.level.is_rtl()));
        self.ranges.push(first..self.done.glyphs.len());
        if !clusters.is_empty() {
            self.done.to_left |= self.done.lines.is_empty() && paragraph.level.is_rtl();
            self.done.lines.push(Line { text: range, clusters });
        }
        Ok(())
    }

    /// Puts shaped glyphs down along the line, from `pen` on.
    fn set(&mut self, item: &Item, part: Range<usize>, glyphs: &[Shaped], pen: &mut f64, clusters: &mut Vec<Cluster>) {
        let mut starts: Vec<usize> = glyphs.iter().map(|glyph| glyph.cluster).collect();
        starts.sort_unstable();
        starts.dedup();
        let end = |start: usize| {
            let next = starts.partition_point(|other| *other <= start);
            starts.get(next).copied().unwrap_or(part.end)
        };
        let spacing = self.spacing(item);
        let size = self.measure.size;
        let middle = if self.measure.vertical && !item.upright { self.middle(item.face) } else { 0.0 };
        for row in glyphs.chunk_by(|one, other| one.cluster == other.cluster) {
            let first = self.done.glyphs.len();
            for glyph in row {
                let [dx, dy] = glyph.offset.map(|ems| ems * size);
                let at = match (self.measure.vertical, item.upright) {
                    (false, _) => [*pen + dx, -dy],
                    (true, true) => [dx, *pen - dy],
                    (true, false) => [dy - middle, *pen + dx],
                };
                let sideways = self.measure.vertical && !item.upright;
                self.done.glyphs.push(Glyph { face: item.face, id: glyph.id, at, sideways });
                *pen += self.advance(item, glyph);
            }
            *pen += spacing;
            let start = row.first().map_or(part.start, |glyph| glyph.cluster);
            clusters.push(Cluster { text: start..end(start), glyphs: first..self.done.glyphs.len(), face: item.face });
        }
    }

    /// Height of the middle of a line of horizontal text above its baseline, in pixels.
    fn middle(&self, face: usize) -> f64 {
        line(&self.fonts.set[face]).map_or(0.0, |(above, below, _)| (above - below) / 2.0 * self.measure.size)
    }

    /// Moves every line to its place: one below the other, or one to the left of the other.
    fn align(mut self) -> Layout {
        let longest = self.lengths.iter().map(|(length, _)| *length).fold(0.0, f64::max);
        let count = self.lengths.len();
        for (at, ((length, to_left), range)) in self.lengths.iter().zip(&self.ranges).enumerate() {
            let spare = longest - length;
            let along = match (self.spec.align, to_left) {
                (Align::Start, false) | (Align::End, true) => 0.0,
                (Align::Center, _) => spare / 2.0,
                (Align::End, false) | (Align::Start, true) => spare,
            };
            let across = |number: usize| self.measure.above + number as f64 * self.measure.pitch;
            let [dx, dy] = match self.measure.vertical {
                false => [along, across(at)],
                true => [across(count - 1 - at), along],
            };
            for glyph in &mut self.done.glyphs[range.clone()] {
                glyph.at = [glyph.at[0] + dx, glyph.at[1] + dy];
            }
        }
        self.done
    }
}
