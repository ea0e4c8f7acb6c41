//! The parameters of `image.resize`: its sizes as they are written, and whether each has its output.

use std::fmt;

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, MapAccess, Unexpected, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::coded::{Block, Chroma, colour};
use crate::media::picture::MAX_PIXELS;
use crate::media::picture::resample::Filter;
use crate::media::picture::shape::{Mode, Shape};
use crate::pipeline::builtins::{Asked, ParamProblem};
use crate::steps::common::within;

/// The output where there is one picture and it needs no name.
pub const PICTURE: &str = "picture";

/// The most pixels of a side.
const LARGEST: u32 = 65_535;

/// The parameters of `image.resize`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ResizeParams {
    /// Pixels from left to right; no limit where nothing is said.
    #[serde(default)]
    #[schemars(range(min = 1, max = 65_535))]
    pub width: Option<u32>,
    /// Pixels from top to bottom; no limit where nothing is said.
    #[serde(default)]
    #[schemars(range(min = 1, max = 65_535))]
    pub height: Option<u32>,
    /// Several sizes from one decode, in place of `width` and `height`: each by the name of its output, such as
    /// `{ large = 1024, small = { width = 256, height = 256, mode = "fill" } }`. A number is the most pixels of either
    /// side; what a size does not say is as it is said for all.
    #[serde(default)]
    pub sizes: Sizes,
    /// How the picture goes into the box; all but `fit` need both a width and a height.
    #[serde(default)]
    pub mode: ModeParam,
    /// Whether the picture may get more pixels than it has. Otherwise a smaller one keeps its size; with `fill` it gets the
    /// shape of the box, and with `pad` the canvas is still of the size of the box.
    #[serde(default)]
    pub enlarge: bool,
    /// The colour behind the picture: on the canvas of `pad`, and where the picture is transparent and the format has no
    /// alpha (JPEG) or all or nothing (GIF). As `#rrggbb` or `#rrggbbaa`; transparent white where nothing is said, which in a
    /// JPEG is white.
    #[serde(default = "background")]
    pub background: String,
    /// How a new pixel is made of those around its place.
    #[serde(default)]
    pub filter: FilterParam,
    /// Resamples in linear light, by the transfer function of sRGB: fine patterns keep their brightness. Takes more time, and
    /// for a JPEG more memory.
    #[serde(default)]
    pub linear: bool,
    /// Quality of JPEG and WebP, from 1 to 100.
    #[serde(default = "quality")]
    #[schemars(range(min = 1, max = 100))]
    pub quality: u8,
    /// WebP without loss: every pixel as it is. `quality` then has no say.
    #[serde(default)]
    pub lossless: bool,
    /// JPEG in several scans, coarse ones first: shows early over a slow line, and is a little smaller.
    #[serde(default)]
    pub progressive: bool,
    /// How fine the colours of a JPEG are: `420`, `444`, or `auto`, which is 444 from quality 90 on.
    #[serde(default)]
    pub subsampling: Chroma,
    /// Which frame of an animation, or page of a TIFF file, is taken; the first is 1. Where nothing is said, a file with
    /// several is refused.
    #[serde(default)]
    #[schemars(range(min = 1))]
    pub frame: Option<u32>,
    /// The metadata that goes along where the format holds it. The colour profile alone where nothing is said: a small copy
    /// is mostly for others to see, and EXIF and XMP may tell where a photo was taken. The picture is upright in any case.
    #[serde(default = "keep")]
    pub keep: Vec<Block>,
}

/// How a new pixel is made of those around its place.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum FilterParam {
    /// The windowed sinc of 3 lobes: the sharpest.
    #[default]
    Lanczos3,
    /// A cubic that is softer and hardly rings.
    Mitchell,
    /// A cubic between the two.
    CatmullRom,
    /// The triangle.
    Bilinear,
    /// The plain mean.
    Box,
    /// The nearest pixel alone: for drawings of pixels.
    Nearest,
}

impl FilterParam {
    pub(super) const fn filter(self) -> Filter {
        match self {
            Self::Lanczos3 => Filter::Lanczos3,
            Self::Mitchell => Filter::Mitchell,
            Self::CatmullRom => Filter::CatmullRom,
            Self::Bilinear => Filter::Bilinear,
            Self::Box => Filter::Box,
            Self::Nearest => Filter::Nearest,
        }
    }
}

const fn quality() -> u8 {
    85
}

fn background() -> String {
    "#ffffff00".to_owned()
}

fn keep() -> Vec<Block> {
    vec![Block::Icc]
}

/// How a picture goes into its box.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ModeParam {
    /// All of it, as large as fits; its shape is kept.
    #[default]
    Fit,
    /// It covers the box; its shape is kept, and what is over is cut off alike at both ends.
    Fill,
    /// All of it, stretched to the box.
    Exact,
    /// As `fit`, in the middle of a canvas of the size of the box.
    Pad,
}

impl ModeParam {
    const fn mode(self) -> Mode {
        match self {
            Self::Fit => Mode::Fit,
            Self::Fill => Mode::Fill,
            Self::Exact => Mode::Exact,
            Self::Pad => Mode::Pad,
        }
    }
}

/// One of several sizes: a number of pixels that neither side is to exceed, or more exactly.
#[derive(Debug, Clone, JsonSchema)]
#[schemars(untagged)]
pub enum Size {
    /// The most pixels of either side.
    Side(#[schemars(range(min = 1, max = 65_535))] u32),
    /// Width, height, and what differs from the other sizes.
    Box(SizeBox),
}

impl<'de> Deserialize<'de> for Size {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reading;
        impl<'de> Visitor<'de> for Reading {
            type Value = Size;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number of pixels, or a table like { width = 256, height = 256 }")
            }

            fn visit_u64<E: Error>(self, side: u64) -> Result<Size, E> {
                let refused = || E::invalid_value(Unexpected::Unsigned(side), &self);
                u32::try_from(side).map(Size::Side).map_err(|_| refused())
            }

            fn visit_i64<E: Error>(self, side: i64) -> Result<Size, E> {
                let refused = || E::invalid_value(Unexpected::Signed(side), &self);
                u64::try_from(side).map_err(|_| refused()).and_then(|side| self.visit_u64(side))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Size, A::Error> {
                SizeBox::deserialize(MapAccessDeserializer::new(map)).map(Size::Box)
            }
        }
        deserializer.deserialize_any(Reading)
    }
}

/// A size, said exactly.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SizeBox {
    /// Pixels from left to right; no limit where nothing is said.
    #[schemars(range(min = 1, max = 65_535))]
    pub width: Option<u32>,
    /// Pixels from top to bottom; no limit where nothing is said.
    #[schemars(range(min = 1, max = 65_535))]
    pub height: Option<u32>,
    /// How the picture goes into this box.
    pub mode: Option<ModeParam>,
    /// Whether the picture may get more pixels than it has.
    pub enlarge: Option<bool>,
    /// The colour behind the picture.
    pub background: Option<String>,
    /// Quality of JPEG and WebP, from 1 to 100.
    #[schemars(range(min = 1, max = 100))]
    pub quality: Option<u8>,
    /// WebP without loss.
    pub lossless: Option<bool>,
}

/// What one output is to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wanted {
    pub(super) output: String,
    pub(super) shape: Shape,
    pub(super) background: [u8; 4],
    pub(super) quality: u8,
    pub(super) lossless: bool,
}

impl ResizeParams {
    /// What each output is to be, in the order of `sizes`.
    ///
    /// # Errors
    /// What is wrong with the parameters.
    pub(super) fn wanted(&self) -> Result<Vec<Wanted>, String> {
        if let Some(frame) = self.frame {
            within("frame", frame, 1, u32::MAX, "")?;
        }
        let single = SizeBox { width: self.width, height: self.height, ..SizeBox::default() };
        if self.sizes.is_empty() {
            return Ok(vec![self.one(PICTURE, &single, "")?]);
        }
        if let Some(name) = self.width.map(|_| "width").or(self.height.map(|_| "height")) {
            return Err(format!("`{name}` is that of a single picture, and `sizes` says those of several"));
        }
        let sizes = self.sizes.iter().map(|(name, size)| {
            let size = match size {
                Size::Side(side) => SizeBox { width: Some(*side), height: Some(*side), ..SizeBox::default() },
                Size::Box(size) => size.clone(),
            };
            self.one(name, &size, &format!("sizes.{name}."))
        });
        sizes.collect()
    }

    fn one(&self, output: &str, size: &SizeBox, path: &str) -> Result<Wanted, String> {
        for (name, side) in [("width", size.width), ("height", size.height)] {
            if let Some(side) = side {
                within(&format!("{path}{name}"), side, 1, LARGEST, "pixels")?;
            }
        }
        let quality = size.quality.unwrap_or(self.quality);
        within(&format!("{path}quality"), quality, 1, 100, "")?;
        let mode = size.mode.unwrap_or(self.mode);
        if mode != ModeParam::Fit && (size.width.is_none() || size.height.is_none()) {
            let name = path.trim_end_matches('.');
            let whose = if name.is_empty() { String::new() } else { format!(" of `{name}`") };
            return Err(format!("this mode{whose} needs both a `width` and a `height`"));
        }
        let enlarge = size.enlarge.unwrap_or(self.enlarge);
        // The size of the result is that of the box, whatever the picture.
        let is_certain = mode == ModeParam::Pad || (enlarge && mode != ModeParam::Fit);
        if let (true, Some(width), Some(height)) = (is_certain, size.width, size.height)
            && u64::from(width) * u64::from(height) > MAX_PIXELS
        {
            let most = MAX_PIXELS / 1_000_000;
            return Err(format!(
                "`{path}width` x `{path}height` is {width} x {height} pixels; at most {most} megapixels are made"
            ));
        }
        let background = size.background.as_ref().unwrap_or(&self.background);
        Ok(Wanted {
            output: output.to_owned(),
            shape: Shape { width: size.width, height: size.height, mode: mode.mode(), enlarge },
            background: colour(&format!("{path}background"), background)?,
            quality,
            lossless: size.lossless.unwrap_or(self.lossless),
        })
    }
}

/// What is wrong with asking `image.resize` for these outputs: each size has one of its name, and a single picture is called
/// `picture`.
pub(super) fn misfit(with: &Value, asked: &Asked<'_>) -> Option<ParamProblem> {
    let problem = |path: &[&str], message: String, help: String| {
        let path: Vec<String> = path.iter().map(|part| (*part).to_owned()).collect();
        Some(ParamProblem { key: !path.is_empty(), path, message, suggestion: Some(help) })
    };
    let none = serde_json::Map::new();
    let sizes = with.get("sizes").and_then(Value::as_object).unwrap_or(&none);
    let has_output = |name: &str| asked.outputs.iter().any(|(output, _)| *output == name);
    if sizes.is_empty() && !has_output(PICTURE) {
        let message = "`image.resize` needs a place for its output `picture`".to_owned();
        return problem(&[], message, "add it: out = { picture = \"{item.stem}.jpg\" }".to_owned());
    }
    if let Some(name) = sizes.keys().find(|name| !has_output(name)) {
        let message = format!("the size `{name}` has no output of its name");
        return problem(
            &["sizes", name],
            message,
            format!("add it: out = {{ {name} = \"{{item.stem}}-{name}.jpg\" }}"),
        );
    }
    let is_made = |name: &str| sizes.contains_key(name) || (sizes.is_empty() && name == PICTURE);
    if let Some((name, _)) = asked.outputs.iter().find(|(name, _)| !is_made(name)) {
        let message = format!("`image.resize` makes no output `{name}`: no size has this name");
        return problem(&[], message, format!("add the size: with.sizes = {{ {name} = 1024 }}"));
    }
    None
}

/// Sizes by the names of their outputs.
pub type Sizes = IndexMap<String, Size>;

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may")]
    use serde_json::json;

    use super::*;
    use crate::steps::common::read;

    fn wanted(with: Value) -> Result<Vec<Wanted>, String> {
        read::<ResizeParams>(with)?.wanted()
    }

    #[test]
    fn a_size_takes_what_it_does_not_say_from_all() {
        let with = json!({"mode": "fill", "quality": 70, "background": "#102030", "sizes": {
            "large": 1024, "small": {"width": 64, "height": 32, "mode": "pad", "quality": 50, "background": "#01020304"},
        }});
        let sizes = wanted(with).unwrap();
        let large = Shape { width: Some(1024), height: Some(1024), mode: Mode::Fill, enlarge: false };
        assert_eq!((sizes[0].output.as_str(), sizes[0].shape, sizes[0].quality), ("large", large, 70));
        assert_eq!((sizes[0].background, sizes[1].background), ([16, 32, 48, 255], [1, 2, 3, 4]));
        assert_eq!((sizes[1].shape.mode, sizes[1].quality), (Mode::Pad, 50));
    }

    #[test]
    fn what_makes_no_sense_is_told() {
        for (with, told) in [
            (json!({"width": 0}), "`width` is 0; it must be between 1 and 65535 pixels"),
            (
                json!({"width": 1, "sizes": {"a": 1}}),
                "`width` is that of a single picture, and `sizes` says those of several",
            ),
            (
                json!({"sizes": {"a": {"height": 70_000}}}),
                "`sizes.a.height` is 70000; it must be between 1 and 65535 pixels",
            ),
            (json!({"width": 9, "mode": "fill"}), "this mode needs both a `width` and a `height`"),
            (
                json!({"sizes": {"a": {"width": 9, "mode": "pad"}}}),
                "this mode of `sizes.a` needs both a `width` and a `height`",
            ),
            (
                json!({"background": "#+12345"}),
                "`background` is \"#+12345\", which is no colour; one is written like \"#ff8000\"",
            ),
            (
                json!({"sizes": {"a": {"width": 20_000, "height": 20_000, "mode": "pad"}}}),
                "`sizes.a.width` x `sizes.a.height` is 20000 x 20000 pixels; at most 100 megapixels are made",
            ),
            (json!({"frame": 0}), "`frame` is 0; it must be between 1 and 4294967295"),
        ] {
            assert_eq!(wanted(with).unwrap_err(), told);
        }
    }

    #[test]
    fn a_size_that_is_neither_a_number_nor_a_table_is_told() {
        for (size, told) in [
            (
                json!("x"),
                "invalid type: string \"x\", expected a number of pixels, or a table like { width = 256, height = 256 }",
            ),
            (json!(-1), "invalid value: integer `-1`, expected a number of pixels, or a table like"),
            (json!({"widht": 3}), "unknown field `widht`, expected one of `width`, `height`"),
        ] {
            let why = wanted(json!({"sizes": {"a": size}})).unwrap_err();
            assert!(why.contains(told), "{why}");
        }
    }

    #[test]
    fn each_size_has_its_output_and_each_output_its_size() {
        let told = |with: Value, outputs: &[&'static str]| {
            let outputs = outputs.iter().map(|name| (*name, "a.jpg")).collect();
            misfit(&with, &Asked { inputs: 1, outputs }).map(|problem| problem.message).unwrap_or_default()
        };
        let sizes = json!({"sizes": {"a": 1, "b": {"width": 2}}});
        assert_eq!(told(json!({}), &["picture"]), "");
        assert_eq!(told(sizes.clone(), &["a", "b"]), "");
        assert_eq!(told(json!({}), &[]), "`image.resize` needs a place for its output `picture`");
        assert_eq!(told(json!({}), &["picture", "a"]), "`image.resize` makes no output `a`: no size has this name");
        assert_eq!(told(sizes.clone(), &["a"]), "the size `b` has no output of its name");
        assert_eq!(
            told(sizes, &["a", "b", "picture"]),
            "`image.resize` makes no output `picture`: no size has this name"
        );
    }
}
