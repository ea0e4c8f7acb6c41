//! `image.resize`: pictures upright and small enough.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::media::picture::Coding;
use crate::media::picture::resize::{Fit, resize};
use crate::resilience::Fault;
use crate::steps::builtin::{Builtin, Job, OutputDoc, ValueDoc, Values, parameters, schema_of};
use crate::steps::common::{read, required, within};
use crate::steps::media_fault::media_fault;

/// The parameters of `image.resize`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ResizeParams {
    /// The most pixels from left to right; no limit where nothing is said.
    #[serde(default)]
    #[schemars(range(min = 1, max = 65_535))]
    pub width: Option<u32>,
    /// The most pixels from top to bottom; no limit where nothing is said.
    #[serde(default)]
    #[schemars(range(min = 1, max = 65_535))]
    pub height: Option<u32>,
    /// Quality of a JPEG, from 1 to 100.
    #[serde(default = "quality")]
    #[schemars(range(min = 1, max = 100))]
    pub quality: u8,
}

const fn quality() -> u8 {
    85
}

impl ResizeParams {
    fn validate(&self) -> Result<(), String> {
        for (name, side) in [("width", self.width), ("height", self.height)] {
            if let Some(side) = side {
                within(name, side, 1, 65_535, "pixels")?;
            }
        }
        within("quality", self.quality, 1, 100, "")
    }
}

/// The step.
pub static RESIZE: Builtin = Builtin {
    name: "image.resize",
    version: 1,
    summary: "Turns a picture upright and fits it into a box, without ever enlarging it",
    outputs: &[OutputDoc::new("picture", "the result: JPEG, PNG or (lossless) WebP, by its extension").required()],
    values: &[
        ValueDoc { name: "width", summary: "pixels of the result from left to right" },
        ValueDoc { name: "height", summary: "pixels of the result from top to bottom" },
    ],
    schema: schema_of::<ResizeParams>,
    check: |with| read::<ResizeParams>(with)?.validate(),
    run,
};

fn run(with: Value, job: &Job) -> Result<Values, Fault> {
    let params: ResizeParams = parameters(with)?;
    params.validate().map_err(|wrong| Fault::input("parameters", wrong))?;
    let from = job.input()?;
    let to = required(job, "picture")?;
    let coding = Coding::of_name(to, params.quality).ok_or_else(|| {
        Fault::input("parameters", format!("cannot tell from its name what {} is to be", to.display()))
            .with_hint("give the output `picture` a name that ends in .jpg, .png or .webp")
    })?;
    let fit = Fit { width: params.width, height: params.height };
    let (width, height) = resize(from, to, fit, coding).map_err(|error| media_fault(from, &error))?;
    let mut values = Values::new();
    values.insert("width".into(), json!(width));
    values.insert("height".into(), json!(height));
    Ok(values)
}
