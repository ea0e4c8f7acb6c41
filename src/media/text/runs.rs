//! Which stretches of a text are shaped as one: of one direction, one script, one font and one orientation.

use std::ops::Range;
use std::sync::Arc;

use unicode_script::{Script, UnicodeScript};
use unicode_segmentation::UnicodeSegmentation;

use super::coverage::needs_no_glyph;
use super::error::TextError;
use super::font::Face;
use super::spec::Missing;

/// A stretch of a paragraph to be shaped as one, apart from its direction.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Item {
    /// Bytes of the text.
    pub(super) text: Range<usize>,
    /// Which of the fonts.
    pub(super) face: usize,
    pub(super) script: Script,
    /// In vertical writing: it stands upright, and does not lie on its side.
    pub(super) upright: bool,
}

/// Finds the font of every character.
pub(super) struct Chooser<'a> {
    /// The font, and those to fall back to.
    pub(super) faces: &'a [Arc<Face>],
    pub(super) missing: Missing,
}

impl Chooser<'_> {
    /// The text as it will be drawn: without what is left out by rule.
    pub(super) fn drawn(&self, text: &str) -> String {
        match (self.missing, self.faces.first()) {
            (Missing::Skip, Some(face)) => {
                text.chars().filter(|c| needs_no_glyph(*c) || face.coverage.has(*c)).collect()
            }
            _ => text.to_owned(),
        }
    }

    /// The font of a grapheme: the first that has all of it.
    fn face(&self, grapheme: &str) -> Option<usize> {
        match self.missing {
            Missing::Box | Missing::Skip => Some(0),
            Missing::Refuse | Missing::Fallback => self.faces.iter().position(|face| face.coverage.covers(grapheme)),
        }
    }

    /// The stretches of `paragraph`, which begins at byte `start` of the text, in logical order.
    pub(super) fn items(&self, paragraph: &str, start: usize, vertical: bool) -> Result<Vec<Item>, TextError> {
        let mut items: Vec<Item> = Vec::new();
        let mut missing = String::new();
        for (at, grapheme) in paragraph.grapheme_indices(true) {
            let Some(face) = self.face(grapheme) else {
                let lost = self.faces.first().map(|face| face.coverage.missing(grapheme)).unwrap_or_default();
                missing.extend(lost.chars().filter(|c| !missing.contains(*c)).collect::<Vec<_>>());
                continue;
            };
            let script = script(grapheme);
            let upright = vertical && grapheme.chars().next().is_some_and(is_upright);
            let end = start + at + grapheme.len();
            // What belongs to no script, such as digits, goes with what stands before it.
            if let Some(last) = items.last_mut()
                && last.face == face
                && last.upright == upright
                && (script == last.script || is_any(script) || is_any(last.script))
            {
                last.text.end = end;
                if is_any(last.script) {
                    last.script = script;
                }
                continue;
            }
            items.push(Item { text: start + at..end, face, script, upright });
        }
        match (missing.is_empty(), self.faces.first()) {
            (false, Some(face)) => Err(TextError::Missing { path: face.path.clone(), characters: missing }),
            _ => Ok(items),
        }
    }
}

/// The script of a grapheme: that of its first character with one.
fn script(grapheme: &str) -> Script {
    grapheme.chars().map(|c| c.script()).find(|script| !is_any(*script)).unwrap_or(Script::Common)
}

fn is_any(script: Script) -> bool {
    matches!(script, Script::Common | Script::Inherited | Script::Unknown)
}

/// Whether a character stands upright in vertical text: the blocks that Unicode's UAX #50 gives `U` or `Tu` as a whole.
fn is_upright(c: char) -> bool {
    matches!(u32::from(c),
        0x1100..=0x11ff | 0x2e80..=0xa4cf | 0xa960..=0xa97f | 0xac00..=0xd7ff | 0xf900..=0xfaff | 0xfe10..=0xfe1f
        | 0xfe30..=0xfe6f | 0xff01..=0xff60 | 0xffe0..=0xffe7 | 0x16fe0..=0x18dff | 0x1aff0..=0x1b2ff
        | 0x1f000..=0x1f7ff | 0x1f900..=0x1faff | 0x20000..=0x3fffd)
}

/// Whether letters of this script are joined to each other, so that space between them would break words.
pub(super) fn is_joined(script: Script) -> bool {
    use Script::{Adlam, Arabic, Hanifi_Rohingya, Mandaic, Manichaean, Mongolian, Nko, Phags_Pa, Sogdian, Syriac};
    use Script::{Bengali, Devanagari, Gurmukhi};
    matches!(
        script,
        Arabic
            | Syriac
            | Mongolian
            | Nko
            | Adlam
            | Mandaic
            | Manichaean
            | Phags_Pa
            | Sogdian
            | Hanifi_Rohingya
            | Devanagari
            | Bengali
            | Gurmukhi
    )
}
