//! From a stretch of text to glyphs: OpenType shaping.

use std::ops::Range;

use harfrust::{Buffer, Direction, Feature, GlyphId, Language, Script, ShapeOptions, ShaperFont, Tag};
use skrifa::Font;

use super::coverage::ignorable;
use super::error::TextError;
use super::font::{Face, MAX_EMS, guarded};

/// A glyph and where it goes, in ems; up is positive, as in the font.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Shaped {
    /// Number in the font.
    pub(super) id: u32,
    /// First byte of the text that it stands for, together with the other glyphs that have the same.
    pub(super) cluster: usize,
    /// How far to go on after it.
    pub(super) advance: [f64; 2],
    /// Where it is drawn, from where we stand.
    pub(super) offset: [f64; 2],
}

/// What shaping depends on besides text and font.
pub(super) struct Manner {
    pub(super) language: Option<Language>,
    pub(super) features: Vec<Feature>,
}

/// Shapes `text[range]`, whose neighbours in `text` count for joining. The glyphs come in the order in which they are
/// drawn; along `direction` for text that runs to the left, too.
pub(super) fn shape(
    (face, font): (&Face, &Font),
    text: &str,
    range: Range<usize>,
    script: unicode_script::Script,
    direction: Direction,
    manner: &Manner,
) -> Result<Vec<Shaped>, TextError> {
    let mut buffer = Buffer::new();
    for (at, c) in text[range.clone()].char_indices() {
        // Where a font has no glyph for a control or a tab, nothing or a space must be drawn, and not a box.
        let c = match c {
            c if !c.is_control() || face.coverage.has(c) && !c.is_whitespace() => c,
            '\t' => ' ',
            _ => '\u{200b}',
        };
        buffer.push(c.into(), (range.start + at) as u32);
    }
    buffer.set_pre_context(&text[..range.start]);
    buffer.set_post_context(&text[range.end..]);
    buffer.set_direction(direction);
    buffer.set_script(Script::from_iso15924_tag(Tag::from_u32(script.as_iso15924_tag())));
    buffer.set_language(manner.language.clone());
    let shaper = ShaperFont::new(font);
    let options = ShapeOptions::new().features(&manner.features);
    guarded(&face.path, || harfrust::shape(&shaper, &mut buffer, options))?
        .map_err(|error| TextError::font(&face.path, format!("it cannot be shaped with: {error}")))?;
    if !buffer.allocation_successful() {
        return Err(TextError::font(&face.path, "its rules of shaping do not come to an end"));
    }
    let em = f64::from(font.units_per_em());
    let mut glyphs = Vec::with_capacity(buffer.len());
    for (info, position) in buffer.glyph_infos().iter().zip(buffer.glyph_positions()) {
        let ems = |value: i32| f64::from(value) / em;
        let glyph = Shaped {
            id: info.glyph_id,
            cluster: info.cluster as usize,
            advance: [ems(position.x_advance), ems(position.y_advance)],
            offset: [ems(position.x_offset), ems(position.y_offset)],
        };
        if glyph.advance.iter().chain(&glyph.offset).any(|ems| ems.abs() > MAX_EMS) {
            return Err(TextError::font(&face.path, format!("its glyph {} is {MAX_EMS} ems wide or more", glyph.id)));
        }
        glyphs.push(glyph);
    }
    Ok(glyphs)
}

/// Whether a glyph is the one that stands for missing ones.
pub(super) fn is_notdef(id: u32) -> bool {
    GlyphId::new(id) == GlyphId::NOTDEF
}

/// Whether a character ought to leave ink: what a sound font draws as nothing is excepted.
pub(super) fn leaves_ink(c: char) -> bool {
    !(c.is_whitespace() || c.is_control() || ignorable(c) || matches!(c, '\u{2800}' | '\u{1680}' | '\u{1d159}'))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test whose fixtures are missing has failed")]

    use std::path::Path;

    use super::*;
    use crate::media::text::font::face;

    /// Truth of HarfBuzz itself, written by `tests/truth/text_fonts.py`.
    #[derive(serde::Deserialize)]
    struct Truth {
        font: String,
        text: String,
        direction: String,
        script: String,
        features: Vec<String>,
        /// Glyph, byte of the text, advance and offset, in units of the font.
        glyphs: Vec<[i64; 6]>,
    }

    #[test]
    fn ligatures_marks_joining_indic_and_vertical_text_are_shaped_as_harfbuzz_shapes_them() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let text = std::fs::read_to_string(root.join("tests/fixtures/truth/text_shapes.json")).unwrap();
        let mut file: serde_json::Value = serde_json::from_str(&text).unwrap();
        let truths: Vec<Truth> = serde_json::from_value(file["shapes"].take()).unwrap();
        assert!(truths.len() >= 9);
        for truth in truths {
            let face = face(&root.join(&truth.font), 0).unwrap();
            let em = f64::from(face.font.units_per_em());
            let script = unicode_script::Script::from_short_name(&truth.script).unwrap();
            let features = truth.features.iter().map(|feature| feature.parse().unwrap()).collect();
            let manner = Manner { language: None, features };
            let direction = truth.direction.parse().unwrap();
            let shaped =
                shape((&face, &face.font), &truth.text, 0..truth.text.len(), script, direction, &manner).unwrap();
            let units = |ems: f64| (ems * em).round() as i64;
            let found: Vec<[i64; 6]> = shaped
                .iter()
                .map(|glyph| {
                    let ([ax, ay], [ox, oy]) = (glyph.advance.map(units), glyph.offset.map(units));
                    [i64::from(glyph.id), glyph.cluster as i64, ax, ay, ox, oy]
                })
                .collect();
            assert_eq!(found, truth.glyphs, "{} with {}", truth.text, truth.font);
        }
    }
}
