//! `image.hash`: a hash of what a picture shows.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use crate::media::picture::resize::at_least;
use crate::media::similar::hash::PictureHash;
use crate::resilience::Fault;
use crate::steps::builtin::{Builtin, Job, ValueDoc, Values, parameters, schema_of};
use crate::steps::common::{read, within};
use crate::steps::media_fault::media_fault;

/// The parameters of `image.hash`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HashParams {
    /// Which frame of an animation, or page of a TIFF file, is taken; the first is 1. Where nothing is said, a file with
    /// several is refused.
    #[serde(default)]
    #[schemars(range(min = 1))]
    pub frame: Option<u32>,
}

impl HashParams {
    fn validate(&self) -> Result<(), String> {
        self.frame.map_or(Ok(()), |frame| within("frame", frame, 1, u32::MAX, ""))
    }
}

/// The pixels of a side that a JPEG is decoded to, at least: a hash tells 32 areas of a side apart.
const LEAST: u32 = 256;

/// The step.
pub static HASH: Builtin = Builtin {
    name: "image.hash",
    version: 2,
    summary: "A hash of what a picture shows, once upright: nearly the same after resizing, recompressing, blur, brightness",
    outputs: &[],
    values: &[
        ValueDoc {
            name: "hash",
            summary: "64 bits as 16 hexadecimal digits; hashes of copies differ in few bits, of other pictures in about 32; \
                      null where all of the picture has about one brightness",
        },
        ValueDoc { name: "width", summary: "pixels from left to right, once upright" },
        ValueDoc { name: "height", summary: "pixels from top to bottom, once upright" },
    ],
    schema: schema_of::<HashParams>,
    check: |with| read::<HashParams>(with)?.validate(),
    run,
};

fn run(with: serde_json::Value, job: &Job) -> Result<Values, Fault> {
    let params: HashParams = parameters(with)?;
    params.validate().map_err(|wrong| Fault::input("parameters", wrong))?;
    let path = job.input()?;
    let (pixels, (width, height)) = at_least(path, params.frame, LEAST).map_err(|error| media_fault(path, &error))?;
    let mut values = Values::new();
    values.insert("hash".into(), json!(PictureHash::of(&pixels).map(|hash| hash.to_string())));
    values.insert("width".into(), json!(width));
    values.insert("height".into(), json!(height));
    Ok(values)
}
