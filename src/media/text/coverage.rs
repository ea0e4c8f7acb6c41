//! Which characters a font has glyphs for.

use std::path::Path;

use skrifa::Font;

use super::error::TextError;
use super::open::{guarded, read_font};

/// The code points that a font maps to a glyph: OpenType specification 1.9.1, table `cmap`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Coverage {
    /// First and last of each stretch, ascending, with a gap between any two.
    ranges: Vec<(u32, u32)>,
}

/// The most code points that are read: there are no more in Unicode, and a broken table could repeat them for hours.
const MOST: usize = 0x11_0000;

/// The coverage of the font file at `path`; of a collection, that of its first font.
///
/// # Errors
/// [`TextError::Font`] for what is no font or is broken, [`TextError::Media`] where the machine does not let us read it.
pub fn coverage(path: &Path) -> Result<Coverage, TextError> {
    let (font, _) = read_font(path, 0)?;
    guarded(path, || Coverage::of(&font))?.map_err(|why| TextError::font(path, why))
}

impl Coverage {
    /// The coverage of a font that is open.
    ///
    /// # Errors
    /// What is wrong with its character map.
    pub(super) fn of(font: &Font) -> Result<Self, String> {
        let mut ranges: Vec<(u32, u32)> = Vec::new();
        let mut sorted = true;
        for (count, (code, _)) in font.charmap().unicodes().enumerate() {
            if count >= MOST {
                return Err("its character map has more entries than there are characters".to_owned());
            }
            match ranges.last_mut() {
                Some((_, last)) if last.checked_add(1) == Some(code) => *last = code,
                before => {
                    sorted &= before.is_none_or(|(_, last)| *last < code);
                    ranges.push((code, code));
                }
            }
        }
        if !sorted {
            ranges.sort_unstable();
            ranges.dedup_by(|next, kept| {
                let one = next.0 <= kept.1.saturating_add(1);
                if one {
                    kept.1 = kept.1.max(next.1);
                }
                one
            });
        }
        if ranges.is_empty() {
            return Err("it maps no character to a glyph".to_owned());
        }
        Ok(Self { ranges })
    }

    /// Whether it has a glyph for this character.
    #[must_use]
    pub fn has(&self, character: char) -> bool {
        let code = u32::from(character);
        let after = self.ranges.partition_point(|(first, _)| *first <= code);
        after.checked_sub(1).is_some_and(|at| self.ranges[at].1 >= code)
    }

    /// Whether it has a glyph for every character of `text` that needs one: see [`needs_no_glyph`].
    #[must_use]
    pub fn covers(&self, text: &str) -> bool {
        text.chars().all(|c| needs_no_glyph(c) || self.has(c))
    }

    /// The characters of `text` without a glyph, each once, in order.
    #[must_use]
    pub fn missing(&self, text: &str) -> String {
        let mut missing = String::new();
        for c in text.chars() {
            if !needs_no_glyph(c) && !self.has(c) && !missing.contains(c) {
                missing.push(c);
            }
        }
        missing
    }

    /// How many characters have a glyph.
    #[must_use]
    pub fn count(&self) -> usize {
        self.ranges.iter().map(|(first, last)| (last - first) as usize + 1).sum()
    }

    /// First and last code point of each stretch, ascending.
    #[must_use]
    pub fn ranges(&self) -> &[(u32, u32)] {
        &self.ranges
    }
}

/// Whether a character is drawn right by a font without a glyph for it: white space, controls, and what Unicode calls
/// default ignorable (joiners, marks of direction, variation selectors): UCD 16, `DerivedCoreProperties.txt`.
#[must_use]
pub fn needs_no_glyph(character: char) -> bool {
    character.is_whitespace() || character.is_control() || ignorable(character)
}

/// Default_Ignorable_Code_Point, and the controls of interlinear annotation.
pub(super) fn ignorable(character: char) -> bool {
    matches!(character,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}'
        | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}'
        | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}
