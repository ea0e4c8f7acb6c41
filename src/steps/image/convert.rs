//! `image.convert`: any picture as another format, depth or colour.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::coded::{Block, Chroma, PICTURE, WRITTEN, coding_of, colour, every_block, only, written};
use crate::media::picture::pixels::{eight, gray, rgb, sixteen};
use crate::media::picture::{Coding, JpegCoding, PngLevel, TiffCompression, fitting, still, write_on};
use crate::resilience::Fault;
use crate::steps::builtin::{Builtin, Job, Values, parameters, schema_of};
use crate::steps::common::{read, required, within};
use crate::steps::media_fault::media_fault;

/// The parameters of `image.convert`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConvertParams {
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
    /// How hard PNG tries to be small: `fast`, `balanced` or `best`. All are without loss.
    #[serde(default)]
    pub level: Level,
    /// How TIFF is compressed: `deflate` or `lzw`. Both are without loss.
    #[serde(default)]
    pub compression: Compression,
    /// What shows where the picture is transparent, for JPEG (which has no alpha) and GIF (which has all or nothing): a
    /// colour as `#rrggbb`.
    #[serde(default = "white")]
    pub background: String,
    /// Bits of a sample, 8 or 16; those of the input where nothing is said and the format holds them. PNG and TIFF hold 16.
    #[serde(default)]
    #[schemars(range(min = 8, max = 16))]
    pub depth: Option<u8>,
    /// `gray` (luma by ITU-R BT.709), `rgb`, or `keep`.
    #[serde(default)]
    pub colour: Colour,
    /// Which frame of an animation, or page of a TIFF file, is taken; the first is 1. Where nothing is said, a file with
    /// several is refused.
    #[serde(default)]
    #[schemars(range(min = 1))]
    pub frame: Option<u32>,
    /// The metadata that goes along where the format holds it: by default the colour profile, EXIF, XMP, and the place
    /// (`gps`) within those. Where EXIF does not, the picture is turned upright. IPTC and comments never go along, nor does
    /// the resolution but for what EXIF says of it; TIFF is given no EXIF, GIF and BMP nothing.
    #[serde(default = "every_block")]
    pub keep: Vec<Block>,
}

/// How hard PNG tries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Many times faster than the others.
    #[default]
    Fast,
    /// What other programs do.
    Balanced,
    /// As small as it gets.
    Best,
}

/// How TIFF is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Compression {
    /// As in ZIP: smaller.
    #[default]
    Deflate,
    /// What the oldest programs read.
    Lzw,
}

/// What colours become.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Colour {
    /// What they are.
    #[default]
    Keep,
    /// Shades of gray.
    Gray,
    /// Red, green and blue.
    Rgb,
}

const fn quality() -> u8 {
    85
}

fn white() -> String {
    "#ffffff".into()
}

impl ConvertParams {
    fn validate(&self) -> Result<[u8; 3], String> {
        within("quality", self.quality, 1, 100, "")?;
        if let Some(frame) = self.frame {
            within("frame", frame, 1, u32::MAX, "")?;
        }
        if let Some(depth) = self.depth.filter(|depth| ![8, 16].contains(depth)) {
            return Err(format!("`depth` is {depth}; it must be 8 or 16"));
        }
        let [red, green, blue, _] = colour("background", &self.background)?;
        Ok([red, green, blue])
    }

    fn coding(&self, usual: Coding) -> Coding {
        match usual {
            Coding::Jpeg(_) => Coding::Jpeg(JpegCoding {
                quality: self.quality,
                progressive: self.progressive,
                subsampling: self.subsampling.into(),
            }),
            Coding::Png(_) => Coding::Png(match self.level {
                Level::Fast => PngLevel::Fast,
                Level::Balanced => PngLevel::Balanced,
                Level::Best => PngLevel::Best,
            }),
            Coding::Tiff(_) => Coding::Tiff(match self.compression {
                Compression::Deflate => TiffCompression::Deflate,
                Compression::Lzw => TiffCompression::Lzw,
            }),
            other => other,
        }
    }
}

/// The step.
pub static CONVERT: Builtin = Builtin {
    name: "image.convert",
    version: 2,
    summary: "Turns any picture into JPEG, PNG, WebP, TIFF, GIF or BMP: quality, depth, colours; EXIF, XMP and the colour profile go along, and the picture never turns",
    outputs: &[PICTURE],
    values: &WRITTEN,
    schema: schema_of::<ConvertParams>,
    check: |with| read::<ConvertParams>(with)?.validate().map(drop),
    run,
};

fn run(with: Value, job: &Job) -> Result<Values, Fault> {
    let params: ConvertParams = parameters(with)?;
    let background = params.validate().map_err(|wrong| Fault::input("parameters", wrong))?;
    let from = job.input()?;
    let to = required(job, "picture")?;
    let coding = params.coding(coding_of(to, params.quality, params.lossless)?);
    let mut picture = still(from, params.frame).map_err(|error| media_fault(from, &error))?;
    picture.metadata = only(picture.metadata, &params.keep);
    let told = fitting(&picture.metadata, &picture.pixels, coding).orientation();
    // A picture that is to be turned, and whose EXIF does not go along, is turned here.
    if told != picture.info.orientation {
        picture.turn_upright();
    }
    let size = picture.info.upright();
    let pixels = match params.colour {
        Colour::Keep => picture.pixels,
        Colour::Gray => gray(&picture.pixels).into_owned(),
        Colour::Rgb => rgb(&picture.pixels).into_owned(),
    };
    let pixels = match params.depth {
        None => pixels,
        Some(8) => eight(&pixels).into_owned(),
        Some(_) => sixteen(&pixels).into_owned(),
    };
    let went_in =
        write_on(&pixels, &picture.metadata, to, coding, background).map_err(|error| media_fault(from, &error))?;
    Ok(written(size, coding, &went_in))
}
