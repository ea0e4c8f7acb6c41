//! `image.resize`: pictures upright and of the sizes that are wanted, all from one decode.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::sizes::{ModeParam, PICTURE, Sizes};
use crate::media::picture::Coding;
use crate::media::picture::resample::{Filter, Resampling};
use crate::media::picture::resize::{Keep, Target, resize};
use crate::resilience::Fault;
use crate::steps::builtin::{Builtin, Job, OutputDoc, ValueDoc, Values, parameters, schema_of};
use crate::steps::common::{read, required};
use crate::steps::media_fault::media_fault;

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
    /// The colour around the picture on the canvas of `pad`, as `#rrggbb` or `#rrggbbaa`; transparent where nothing is
    /// said, which in a JPEG is white.
    #[serde(default = "background")]
    pub background: String,
    /// How a new pixel is made of those around its place.
    #[serde(default)]
    pub filter: FilterParam,
    /// Resamples in linear light, by the transfer function of sRGB: fine patterns keep their brightness. Takes more time, and
    /// for a JPEG more memory.
    #[serde(default)]
    pub linear: bool,
    /// Quality of a JPEG, from 1 to 100.
    #[serde(default = "quality")]
    #[schemars(range(min = 1, max = 100))]
    pub quality: u8,
    /// What goes along with the pixels. EXIF may tell the place that a photo was taken at; the picture is upright in any
    /// case.
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
    const fn filter(self) -> Filter {
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

/// What a picture file carries besides its pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Block {
    /// What the camera noted: time, place, settings.
    Exif,
    /// The colour profile.
    Icc,
    /// What programs noted.
    Xmp,
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

/// The step.
pub static RESIZE: Builtin = Builtin {
    name: "image.resize",
    version: 2,
    summary: "Turns a picture upright and gives it other sizes, several from one decode; it is not enlarged unless told",
    outputs: &[
        OutputDoc::new(
            PICTURE,
            "the result, where `sizes` is not used: JPEG, PNG or (lossless) WebP, by its extension",
        ),
        OutputDoc::new("SIZE", "for each of `sizes` its result, under its name").any(),
    ],
    values: &[
        ValueDoc { name: "width", summary: "pixels of the result from left to right; of several, of the first" },
        ValueDoc { name: "height", summary: "pixels of the result from top to bottom; of several, of the first" },
        ValueDoc {
            name: "sizes",
            summary: "for each output its size: {step.sizes.NAME.width}, {step.sizes.NAME.height}",
        },
    ],
    schema: schema_of::<ResizeParams>,
    check: |with| read::<ResizeParams>(with)?.wanted().map(drop),
    run,
};

fn run(with: Value, job: &Job) -> Result<Values, Fault> {
    let params: ResizeParams = parameters(with)?;
    let wanted = params.wanted().map_err(|wrong| Fault::input("parameters", wrong))?;
    let from = job.input()?;
    let mut targets = Vec::new();
    for wanted in &wanted {
        let to = required(job, &wanted.output)?;
        let coding = Coding::of_name(to, wanted.quality).ok_or_else(|| {
            Fault::input("parameters", format!("cannot tell from its name what {} is to be", to.display()))
                .with_hint(format!("give the output `{}` a name that ends in .jpg, .png or .webp", wanted.output))
        })?;
        targets.push(Target { to, shape: wanted.shape, canvas: wanted.background, coding });
    }
    let how = Resampling { filter: params.filter.filter(), linear: params.linear };
    let kept = |block: Block| params.keep.contains(&block);
    let keep = Keep { exif: kept(Block::Exif), icc: kept(Block::Icc), xmp: kept(Block::Xmp) };
    let made = resize(from, &targets, how, keep).map_err(|error| media_fault(from, &error))?;
    let mut values = Values::new();
    if let Some((width, height)) = made.first() {
        values.insert("width".into(), json!(width));
        values.insert("height".into(), json!(height));
    }
    let sizes = wanted.iter().zip(&made);
    let sizes =
        sizes.map(|(wanted, (width, height))| (wanted.output.clone(), json!({"width": width, "height": height})));
    values.insert("sizes".into(), Value::Object(sizes.collect()));
    Ok(values)
}
