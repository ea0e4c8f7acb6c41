//! What is to be drawn: every parameter of one picture of a text, its unit, its default, and its limits.

use std::collections::BTreeMap;
use std::fmt::Display;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::colour::Colour;

/// The most characters of a text.
pub const MAX_CHARACTERS: usize = 20_000;

/// The most pixels of a picture's side.
pub const MAX_SIDE: u32 = 16_384;

/// The most pixels of a picture.
pub const MAX_PIXELS: u64 = 40_000_000;

/// What a picture of a text is made from. The same values give the same pixels.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TextSpec {
    /// The text: any script, at most 20,000 characters. A line feed begins a new line.
    pub text: String,
    /// What all chance of the picture comes from: noise, the place on the background, corners of `perspective`.
    #[serde(default)]
    pub seed: u64,
    /// The font file: TTF, OTF, TTC or OTC, with outlines.
    pub font: String,
    /// Which font of a collection (TTC, OTC), from 0.
    #[serde(default)]
    pub font_index: u32,
    /// What becomes of characters that the font has no glyph for.
    #[serde(default)]
    pub missing: Missing,
    /// Font files to take such characters from, tried in this order, with `missing = "fallback"`.
    #[serde(default)]
    pub fallback: Vec<String>,
    /// Where a variable font stands on its axes, such as `{ wght = 700 }`. Axes that the font lacks are passed over.
    #[serde(default)]
    pub variations: BTreeMap<String, f32>,
    /// Features of the font to turn on or off, such as `ss01`, `-liga` or `cv05=2`.
    #[serde(default)]
    pub features: Vec<String>,
    /// The language of the text as BCP 47, such as `tr` or `sr`: fonts have shapes of their own for some. Empty: none.
    #[serde(default)]
    pub language: String,
    /// Which way the text runs as a whole; `auto` asks its first letter with a direction (Unicode, UAX #9).
    #[serde(default)]
    pub direction: Direction,
    /// `vertical` writes columns from right to left. Chinese, Japanese and Korean stand upright, with the font's own
    /// vertical metrics and forms; a font without them stacks the upright glyphs, each as tall as a line. Other scripts lie
    /// on their side, their top to the right.
    #[serde(default)]
    pub writing: Writing,
    /// Size of the font: pixels of its em.
    #[serde(default = "size")]
    #[schemars(range(min = 2, max = 2000))]
    pub size: f64,
    /// Distance of the lines, as a factor of what the font asks for.
    #[serde(default = "one")]
    #[schemars(range(min = 0.1, max = 10))]
    pub line_spacing: f64,
    /// Pixels more (or less) between letters. It turns common ligatures off; joined scripts such as Arabic stay as they are.
    #[serde(default)]
    #[schemars(range(min = -100, max = 1000))]
    pub letter_spacing: f64,
    /// Width of the picture, in pixels; lines are broken to fit it (Unicode, UAX #14). As wide as the text where nothing is
    /// said.
    #[serde(default)]
    #[schemars(range(min = 1, max = 16_384))]
    pub width: Option<u32>,
    /// Height of the picture, in pixels; vertical text is broken to fit it. As tall as the text where nothing is said.
    #[serde(default)]
    #[schemars(range(min = 1, max = 16_384))]
    pub height: Option<u32>,
    /// Pixels between the text, with its `stroke`, and every edge of the picture.
    #[serde(default = "margin")]
    #[schemars(range(min = 0, max = 4096))]
    pub margin: u32,
    /// Where lines that are shorter than the longest stand: `start` is the left for text that runs to the right.
    #[serde(default)]
    pub align: Align,
    /// Where the text stands in a picture that is larger than it needs.
    #[serde(default)]
    pub place: Place,
    /// What becomes of a text that does not fit into `width` and `height`.
    #[serde(default)]
    pub overflow: Overflow,
    /// Colour of the letters: `#rrggbb`, `#rgb`, or one of the 16 names of HTML 4, such as `navy`.
    #[serde(default = "black")]
    pub color: Colour,
    /// How much the letters cover what is behind them, above 0 and at most 1.
    #[serde(default = "one")]
    #[schemars(range(min = 0, max = 1))]
    pub opacity: f64,
    /// A line around the letters, outside of them.
    #[serde(default)]
    pub stroke: Option<Stroke>,
    /// A shadow behind the letters.
    #[serde(default)]
    pub shadow: Option<Shadow>,
    /// The picture behind the text, upright as its EXIF says: a piece of it, at a place that `seed` chooses; enlarged
    /// first where it is too small. At most 64 megapixels and 256 MiB. Empty: none.
    #[serde(default)]
    pub background: String,
    /// Colour behind the text where there is no background picture. Without both, the picture is transparent.
    #[serde(default)]
    pub background_color: Option<Colour>,
    /// Bends the lines to an arc of so many degrees, ends down; with a minus, ends up. The radius never falls below the
    /// height of the text: a short text is bent less.
    #[serde(default)]
    #[schemars(range(min = -300, max = 300))]
    pub curve: f64,
    /// Moves the text up and down along a wave.
    #[serde(default)]
    pub wave: Option<Wave>,
    /// Leans the letters, in degrees: to the right, or with a minus to the left.
    #[serde(default)]
    #[schemars(range(min = -60, max = 60))]
    pub shear: f64,
    /// Turns the text, in degrees against the clock.
    #[serde(default)]
    #[schemars(range(min = -360, max = 360))]
    pub rotation: f64,
    /// Moves each corner of the text inwards by chance, by up to this share of its width and height.
    #[serde(default)]
    #[schemars(range(min = 0, max = 0.4))]
    pub perspective: f64,
    /// How far each corner of the text moves, as `[right, down]` in shares of its width and height: upper left, upper
    /// right, lower right, lower left. In place of `perspective`.
    #[serde(default)]
    pub corners: Option<[[f64; 2]; 4]>,
    /// Loses detail: the picture made smaller by this factor and large again.
    #[serde(default = "one")]
    #[schemars(range(min = 0.05, max = 1))]
    pub downscale: f64,
    /// Gaussian blur of the whole picture: its standard deviation, in pixels.
    #[serde(default)]
    #[schemars(range(min = 0, max = 30))]
    pub blur: f64,
    /// Contrast: distances from mid-grey are multiplied by it.
    #[serde(default = "one")]
    #[schemars(range(min = 0, max = 5))]
    pub contrast: f64,
    /// Brightness: added to every sample, of 255.
    #[serde(default)]
    #[schemars(range(min = -255, max = 255))]
    pub brightness: f64,
    /// Gaussian noise on every sample: its standard deviation, of 255.
    #[serde(default)]
    #[schemars(range(min = 0, max = 128))]
    pub noise: f64,
    /// The damage of JPEG at this quality, 1 to 100. None where nothing is said.
    #[serde(default)]
    #[schemars(range(min = 1, max = 100))]
    pub jpeg_quality: Option<u8>,
}

/// What becomes of characters without a glyph.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Missing {
    /// The picture is not made, and the characters are named.
    #[default]
    Refuse,
    /// They are taken from the fonts of `fallback`; what those lack is refused.
    Fallback,
    /// They are left out, of the label too.
    Skip,
    /// The font's box for missing glyphs is drawn.
    Box,
}

/// Which way text runs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// As its first letter with a direction.
    #[default]
    Auto,
    /// To the right.
    Ltr,
    /// To the left.
    Rtl,
}

/// How lines are laid.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Writing {
    /// In rows, from top to bottom.
    #[default]
    Horizontal,
    /// In columns, from right to left.
    Vertical,
}

/// Where short lines stand.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Align {
    /// Where reading begins.
    #[default]
    Start,
    /// In the middle.
    Center,
    /// Where reading ends.
    End,
}

/// Where the text stands in a picture with room to spare.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Place {
    /// In the middle.
    #[default]
    Center,
    /// In the upper left, or the upper right for text that runs to the left or in columns.
    Start,
    /// Where `seed` says.
    Random,
}

/// What becomes of a text that is too large.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Overflow {
    /// The picture is not made: a label must not tell of text that is not to be seen.
    #[default]
    Refuse,
    /// The text is drawn smaller, as a whole: with its `stroke` and `shadow`.
    Shrink,
    /// What does not fit is cut off. Boxes tell where it would be.
    Clip,
}

/// A line around letters.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Stroke {
    /// Its width outside of the letters, in pixels.
    #[schemars(range(min = 0, max = 100))]
    pub width: f64,
    /// Its colour: `#rrggbb` or `#rgb`.
    #[serde(default = "white")]
    pub color: Colour,
}

/// A shadow of letters.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Shadow {
    /// How far to the right, in pixels.
    #[serde(default = "two")]
    #[schemars(range(min = -200, max = 200))]
    pub x: f64,
    /// How far down, in pixels.
    #[serde(default = "two")]
    #[schemars(range(min = -200, max = 200))]
    pub y: f64,
    /// Standard deviation of its blur, in pixels.
    #[serde(default = "two")]
    #[schemars(range(min = 0, max = 30))]
    pub blur: f64,
    /// Its colour: `#rrggbb` or `#rgb`.
    #[serde(default = "black")]
    pub color: Colour,
    /// How much it covers, 0 to 1.
    #[serde(default = "half")]
    #[schemars(range(min = 0, max = 1))]
    pub opacity: f64,
}

/// A wave along the lines.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Wave {
    /// How far it goes up and down from the middle, in pixels.
    #[schemars(range(min = 0, max = 500))]
    pub amplitude: f64,
    /// From crest to crest, in pixels.
    #[schemars(range(min = 4, max = 20_000))]
    pub length: f64,
    /// Where in the wave the text begins, in degrees.
    #[serde(default)]
    #[schemars(range(min = -360, max = 360))]
    pub phase: f64,
}

const fn size() -> f64 {
    32.0
}

const fn margin() -> u32 {
    8
}

const fn one() -> f64 {
    1.0
}

const fn two() -> f64 {
    2.0
}

const fn half() -> f64 {
    0.5
}

const fn black() -> Colour {
    Colour([0, 0, 0])
}

const fn white() -> Colour {
    Colour([255, 255, 255])
}

impl TextSpec {
    /// A text in a font, with everything else as it is where nothing is said.
    #[must_use]
    pub fn new(text: impl Into<String>, font: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            seed: 0,
            font: font.into(),
            font_index: 0,
            missing: Missing::default(),
            fallback: Vec::new(),
            variations: BTreeMap::new(),
            features: Vec::new(),
            language: String::new(),
            direction: Direction::default(),
            writing: Writing::default(),
            size: size(),
            line_spacing: 1.0,
            letter_spacing: 0.0,
            width: None,
            height: None,
            margin: margin(),
            align: Align::default(),
            place: Place::default(),
            overflow: Overflow::default(),
            color: black(),
            opacity: 1.0,
            stroke: None,
            shadow: None,
            background: String::new(),
            background_color: None,
            curve: 0.0,
            wave: None,
            shear: 0.0,
            rotation: 0.0,
            perspective: 0.0,
            corners: None,
            downscale: 1.0,
            blur: 0.0,
            contrast: 1.0,
            brightness: 0.0,
            noise: 0.0,
            jpeg_quality: None,
        }
    }

    /// The same, with every number rounded to a millionth: so few digits go into a label and come out of it unchanged.
    #[must_use]
    pub(super) fn rounded(&self) -> Self {
        let round = |value: f64| (value * 1e6).round() / 1e6;
        Self {
            size: round(self.size),
            line_spacing: round(self.line_spacing),
            letter_spacing: round(self.letter_spacing),
            opacity: round(self.opacity),
            stroke: self.stroke.map(|stroke| Stroke { width: round(stroke.width), ..stroke }),
            shadow: self.shadow.map(|shadow| Shadow {
                x: round(shadow.x),
                y: round(shadow.y),
                blur: round(shadow.blur),
                opacity: round(shadow.opacity),
                ..shadow
            }),
            curve: round(self.curve),
            wave: self.wave.map(|wave| Wave {
                amplitude: round(wave.amplitude),
                length: round(wave.length),
                phase: round(wave.phase),
            }),
            shear: round(self.shear),
            rotation: round(self.rotation),
            perspective: round(self.perspective),
            corners: self.corners.map(|corners| corners.map(|corner| corner.map(round))),
            downscale: round(self.downscale),
            blur: round(self.blur),
            contrast: round(self.contrast),
            brightness: round(self.brightness),
            noise: round(self.noise),
            ..self.clone()
        }
    }

    /// Tells what is out of range or does not go together.
    ///
    /// # Errors
    /// The sentence for the reader.
    pub fn validate(&self) -> Result<(), String> {
        within("size", self.size, 2.0, 2000.0, " pixels")?;
        within("line_spacing", self.line_spacing, 0.1, 10.0, "")?;
        within("letter_spacing", self.letter_spacing, -100.0, 1000.0, " pixels")?;
        for (name, side) in [("width", self.width), ("height", self.height)] {
            within(name, side.unwrap_or(1), 1, MAX_SIDE, " pixels")?;
        }
        pixels(self.width.unwrap_or(1), self.height.unwrap_or(1))?;
        within("margin", self.margin, 0, 4096, " pixels")?;
        if !(self.opacity > 0.0 && self.opacity <= 1.0) {
            return Err(format!("`opacity` is {}; it must be above 0 and at most 1", self.opacity));
        }
        if let Some(stroke) = self.stroke {
            within("stroke.width", stroke.width, 0.0, 100.0, " pixels")?;
        }
        if let Some(shadow) = self.shadow {
            within("shadow.x", shadow.x, -200.0, 200.0, " pixels")?;
            within("shadow.y", shadow.y, -200.0, 200.0, " pixels")?;
            within("shadow.blur", shadow.blur, 0.0, 30.0, " pixels")?;
            within("shadow.opacity", shadow.opacity, 0.0, 1.0, "")?;
        }
        within("curve", self.curve, -300.0, 300.0, " degrees")?;
        if let Some(wave) = self.wave {
            within("wave.amplitude", wave.amplitude, 0.0, 500.0, " pixels")?;
            within("wave.length", wave.length, 4.0, 20_000.0, " pixels")?;
            within("wave.phase", wave.phase, -360.0, 360.0, " degrees")?;
        }
        within("shear", self.shear, -60.0, 60.0, " degrees")?;
        within("rotation", self.rotation, -360.0, 360.0, " degrees")?;
        within("perspective", self.perspective, 0.0, 0.4, "")?;
        for share in self.corners.iter().flatten().flatten() {
            within("corners", *share, -1.0, 1.0, "")?;
        }
        within("downscale", self.downscale, 0.05, 1.0, "")?;
        within("blur", self.blur, 0.0, 30.0, " pixels")?;
        within("contrast", self.contrast, 0.0, 5.0, "")?;
        within("brightness", self.brightness, -255.0, 255.0, "")?;
        within("noise", self.noise, 0.0, 128.0, "")?;
        within("jpeg_quality", self.jpeg_quality.unwrap_or(1), 1, 100, "")?;
        if self.perspective > 0.0 && self.corners.is_some() {
            return Err("`perspective` and `corners` are two ways to say one thing: give one of them".to_owned());
        }
        if self.missing == Missing::Fallback && self.fallback.is_empty() {
            return Err("`missing = \"fallback\"` needs fonts to fall back to, in `fallback`".to_owned());
        }
        for feature in &self.features {
            if feature.parse::<harfrust::Feature>().is_err() {
                return Err(format!(
                    "`features` has {feature:?}, which is no feature; such as \"ss01\", \"-liga\" or \"cv05=2\""
                ));
            }
        }
        if !self.language.is_empty() && harfrust::Language::new(&self.language).is_none() {
            return Err(format!("`language` is {:?}; it must be a BCP 47 tag such as \"tr\"", self.language));
        }
        for axis in self.variations.keys() {
            if axis.len() != 4 || !axis.is_ascii() {
                return Err(format!("`variations` has {axis:?}; axes have names of four letters, such as `wght`"));
            }
        }
        Ok(())
    }
}

/// Tells that a picture of this size is not made.
pub(super) fn pixels(width: u32, height: u32) -> Result<(), String> {
    if width > MAX_SIDE || height > MAX_SIDE || u64::from(width) * u64::from(height) > MAX_PIXELS {
        let most = MAX_PIXELS / 1_000_000;
        return Err(format!(
            "the picture would have {width} x {height} pixels (at most {MAX_SIDE} a side and {most} megapixels are made)"
        ));
    }
    Ok(())
}

fn within<T: PartialOrd + Display>(name: &str, value: T, least: T, most: T, unit: &str) -> Result<(), String> {
    // Written so that a NaN is outside.
    if value >= least && value <= most {
        return Ok(());
    }
    Err(format!("`{name}` is {value}; it must be between {least} and {most}{unit}"))
}
