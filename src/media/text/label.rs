//! What a picture of a text shows and where, and what it was made from: enough to make it again.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::spec::TextSpec;

/// The version of labels. A reader refuses those it does not know.
pub const LABEL_VERSION: u32 = 1;

/// Raised whenever the same parameters would give other pixels.
pub const RENDERER: u32 = 1;

/// The label of a picture of a text. All places are in pixels of the picture, from its upper left corner: x to the right,
/// y down, a pixel from one whole number to the next.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Label {
    /// The version of this form: 1.
    pub version: u32,
    /// The version of mediamill that made the picture.
    pub mediamill: String,
    /// The version of what draws: another may draw other pixels.
    pub renderer: u32,
    /// The text as drawn: without what was left out for want of a glyph.
    pub text: String,
    /// Width of the picture, in pixels.
    pub width: u32,
    /// Height of the picture, in pixels.
    pub height: u32,
    /// Its lines, in the order of the text.
    pub lines: Vec<LabelLine>,
    /// The font, and then those to fall back to.
    pub fonts: Vec<LabelFont>,
    /// The background; null for a colour or none.
    pub background: Option<LabelBackground>,
    /// What became of the geometric parameters.
    pub geometry: Geometry,
    /// Every parameter, with the seed.
    pub parameters: TextSpec,
}

/// A line of a text.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LabelLine {
    /// Its text, without white space at its end.
    pub text: String,
    /// Where its ink is.
    #[serde(rename = "box")]
    pub bounds: Bounds,
    /// The same, turned with the text.
    pub quad: Quad,
    /// Its words: what white space separates, in the order of the text.
    pub words: Vec<LabelWord>,
}

/// A word.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LabelWord {
    /// Its text.
    pub text: String,
    /// Where its ink is.
    #[serde(rename = "box")]
    pub bounds: Bounds,
    /// The same, turned with the text.
    pub quad: Quad,
    /// Its glyphs, in the order of the text.
    pub glyphs: Vec<LabelGlyph>,
}

/// The glyphs that stand for a piece of text together: mostly one letter with its marks, sometimes a ligature.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LabelGlyph {
    /// The text.
    pub text: String,
    /// Where its ink is.
    #[serde(rename = "box")]
    pub bounds: Bounds,
    /// The same, turned with the text.
    pub quad: Quad,
    /// Which of `fonts` it is from.
    pub font: usize,
}

/// The smallest upright rectangle around ink: left, top, right, bottom. A line around letters counts, their shadow does not.
pub type Bounds = [f64; 4];

/// The corners of the rectangle around ink as it was before bending, turning and foreshortening, where they came to lie:
/// upper left, upper right, lower right, lower left.
pub type Quad = [[f64; 2]; 4];

/// A font of a picture.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LabelFont {
    /// Its file.
    pub path: String,
    /// Which font of a collection.
    pub index: u32,
    /// Its family, as it says itself.
    pub family: String,
    /// BLAKE3 of the file, in hexadecimal.
    pub blake3: String,
}

/// The background of a picture.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LabelBackground {
    /// Its file.
    pub path: String,
    /// BLAKE3 of the file, in hexadecimal.
    pub blake3: String,
    /// How much it was enlarged to cover the picture.
    pub scale: f64,
    /// The piece that is seen: left, top, width and height, in pixels of the enlarged background.
    pub piece: [u32; 4],
}

/// What became of geometric parameters.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Geometry {
    /// Degrees of the arc: less than `curve` for short texts.
    pub curve: f64,
    /// How far each corner moved, as `corners` tells it.
    pub corners: [[f64; 2]; 4],
    /// The size of what is drawn, as a share of what was asked for: below 1 where it was shrunk to fit.
    pub scale: f64,
}
