//! `image.crop`: a part of a picture.

use std::fmt;

use schemars::JsonSchema;
use serde::de::{Error, Unexpected, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::coded::{Block, PICTURE, WRITTEN, coding_of, every_block, only, written};
use crate::media::picture::crop::{Extent, Length, Place, area};
use crate::media::picture::{still, write_on};
use crate::resilience::Fault;
use crate::steps::builtin::{Builtin, Job, Values, parameters, schema_of};
use crate::steps::common::{read, required, within};
use crate::steps::media_fault::media_fault;

/// The parameters of `image.crop`. All are in the picture as it is seen, upright.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CropParams {
    /// How far from the left the part begins: pixels (`120`), or a share of the width (`"12.5%"`). 0 where only `y` is given.
    #[serde(default)]
    pub x: Option<Side>,
    /// How far from the top the part begins, as `x`.
    #[serde(default)]
    pub y: Option<Side>,
    /// How wide the part is: pixels, or a share of the width (`"50%"`); all there is where nothing is said.
    #[serde(default)]
    pub width: Option<Side>,
    /// How high the part is, as `width`.
    #[serde(default)]
    pub height: Option<Side>,
    /// The largest part of this shape, such as `"16:9"`, in place of `width` and `height`.
    #[serde(default)]
    pub aspect: Option<String>,
    /// Which part it is where neither `x` nor `y` is given: `center`, `north`, `south-east` and so on.
    #[serde(default)]
    pub gravity: Gravity,
    /// Quality of JPEG and WebP, from 1 to 100.
    #[serde(default = "quality")]
    #[schemars(range(min = 1, max = 100))]
    pub quality: u8,
    /// WebP without loss: every pixel as it is.
    #[serde(default)]
    pub lossless: bool,
    /// Which frame of an animation, or page of a TIFF file, is taken; the first is 1. Where nothing is said, a file with
    /// several is refused.
    #[serde(default)]
    #[schemars(range(min = 1))]
    pub frame: Option<u32>,
    /// The metadata that goes along where the format holds it: by default the colour profile, EXIF, XMP, and the place
    /// (`gps`) within those. Thumbnails do not: they show what was cut away. What only a camera's maker can read stays in
    /// EXIF, and may hold one.
    #[serde(default = "every_block")]
    pub keep: Vec<Block>,
}

/// Pixels, or percent as text.
#[derive(Debug, Clone, PartialEq, JsonSchema)]
#[schemars(untagged)]
pub enum Side {
    /// Pixels.
    Pixels(u32),
    /// Percent, such as `"50%"`; or pixels, as a placeholder gives them.
    Text(String),
}

/// Where the part is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Gravity {
    /// In the middle.
    #[default]
    Center,
    /// At the top.
    North,
    /// At the top right.
    NorthEast,
    /// At the right.
    East,
    /// At the bottom right.
    SouthEast,
    /// At the bottom.
    South,
    /// At the bottom left.
    SouthWest,
    /// At the left.
    West,
    /// At the top left.
    NorthWest,
}

const fn quality() -> u8 {
    92
}

impl<'de> Deserialize<'de> for Side {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reading;
        impl Visitor<'_> for Reading {
            type Value = Side;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number of pixels, or a share like \"50%\"")
            }

            fn visit_u64<E: Error>(self, pixels: u64) -> Result<Side, E> {
                let refused = || E::invalid_value(Unexpected::Unsigned(pixels), &self);
                u32::try_from(pixels).map(Side::Pixels).map_err(|_| refused())
            }

            fn visit_i64<E: Error>(self, pixels: i64) -> Result<Side, E> {
                let refused = || E::invalid_value(Unexpected::Signed(pixels), &self);
                u64::try_from(pixels).map_err(|_| refused()).and_then(|pixels| self.visit_u64(pixels))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Side, E> {
                Ok(Side::Text(text.to_owned()))
            }
        }
        deserializer.deserialize_any(Reading)
    }
}

impl Side {
    fn length(&self, name: &str) -> Result<Length, String> {
        let wrong = |text: &str| format!("`{name}` is \"{text}\"; it is a number of pixels, or a share like \"50%\"");
        match self {
            Self::Pixels(pixels) => Ok(Length::Pixels(*pixels)),
            Self::Text(text) => match text.strip_suffix('%') {
                Some(number) => match number.trim().parse() {
                    Ok(percent) if (0.0..=100.0).contains(&percent) => Ok(Length::Percent(percent)),
                    Ok(_) => Err(format!("`{name}` is \"{text}\"; it must be between 0% and 100%")),
                    Err(_) => Err(wrong(text)),
                },
                None => text.trim().parse().map(Length::Pixels).map_err(|_| wrong(text)),
            },
        }
    }
}

impl Gravity {
    fn place(self) -> Place {
        let (across, down) = match self {
            Self::Center => (0.5, 0.5),
            Self::North => (0.5, 0.0),
            Self::NorthEast => (1.0, 0.0),
            Self::East => (1.0, 0.5),
            Self::SouthEast => (1.0, 1.0),
            Self::South => (0.5, 1.0),
            Self::SouthWest => (0.0, 1.0),
            Self::West => (0.0, 0.5),
            Self::NorthWest => (0.0, 0.0),
        };
        Place::Gravity(across, down)
    }
}

impl CropParams {
    fn part(&self) -> Result<(Extent, Place), String> {
        within("quality", self.quality, 1, 100, "")?;
        if let Some(frame) = self.frame {
            within("frame", frame, 1, u32::MAX, "")?;
        }
        let length = |name: &str, side: &Option<Side>| side.as_ref().map(|side| side.length(name)).transpose();
        let size = (length("width", &self.width)?, length("height", &self.height)?);
        let corner = (length("x", &self.x)?, length("y", &self.y)?);
        let extent = match (&self.aspect, size) {
            (Some(_), (Some(_), _) | (_, Some(_))) => {
                return Err(
                    "`aspect` is given beside `width` or `height`; one way of telling the size is enough".into()
                );
            }
            (Some(aspect), _) => {
                let (across, down) = aspect.split_once(':').ok_or_else(|| wrong_aspect(aspect))?;
                let side = |text: &str| text.trim().parse().ok().filter(|side: &f64| *side > 0.0 && side.is_finite());
                match (side(across), side(down)) {
                    (Some(across), Some(down)) => Extent::Shape(across, down),
                    _ => return Err(wrong_aspect(aspect)),
                }
            }
            (None, (width, height)) => Extent::Size(width, height),
        };
        let place = match corner {
            (None, None) if (&self.aspect, size) == (&None, (None, None)) => {
                return Err("nothing says what to cut: give `width` and `height`, `aspect`, or `x` and `y`".into());
            }
            (None, None) => self.gravity.place(),
            _ if self.aspect.is_some() => {
                return Err("`aspect` is placed by `gravity`, and not by `x` and `y`".into());
            }
            (x, y) => Place::At(x.unwrap_or(Length::Pixels(0)), y.unwrap_or(Length::Pixels(0))),
        };
        Ok((extent, place))
    }
}

fn wrong_aspect(aspect: &str) -> String {
    format!("`aspect` is \"{aspect}\"; a shape is written like \"16:9\"")
}

/// The step.
pub static CROP: Builtin = Builtin {
    name: "image.crop",
    version: 2,
    summary: "Cuts a part out of a picture, by pixels, by percent or to a shape; the result is upright",
    outputs: &[PICTURE],
    values: &WRITTEN,
    schema: schema_of::<CropParams>,
    check: |with| read::<CropParams>(with)?.part().map(drop),
    run,
};

fn run(with: Value, job: &Job) -> Result<Values, Fault> {
    let params: CropParams = parameters(with)?;
    let (extent, place) = params.part().map_err(|wrong| Fault::input("parameters", wrong))?;
    let from = job.input()?;
    let to = required(job, "picture")?;
    let coding = coding_of(to, params.quality, params.lossless)?;
    let fault = |error| media_fault(from, &error);
    let mut picture = still(from, params.frame).map_err(fault)?;
    picture.turn_upright();
    let part = area((picture.pixels.width(), picture.pixels.height()), extent, place).map_err(fault)?;
    let pixels = picture.pixels.crop_imm(part.x, part.y, part.width, part.height);
    let metadata = only(picture.metadata, &params.keep).for_new_pixels(part.width, part.height);
    let went_in = write_on(&pixels, &metadata, to, coding, [255; 3]).map_err(fault)?;
    Ok(written((part.width, part.height), coding, &went_in))
}
