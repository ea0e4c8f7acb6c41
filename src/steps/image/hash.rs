//! `image.hash`: a hash of what a picture shows.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use crate::media::picture::{self, Picture};
use crate::media::similar::hash::PictureHash;
use crate::resilience::Fault;
use crate::steps::builtin::{Builtin, Job, ValueDoc, Values, check_of, parameters, schema_of};
use crate::steps::media_fault::media_fault;

/// `image.hash` takes no parameters.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HashParams {}

/// The step.
pub static HASH: Builtin = Builtin {
    name: "image.hash",
    version: 1,
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
    check: check_of::<HashParams>,
    run,
};

fn run(with: serde_json::Value, job: &Job) -> Result<Values, Fault> {
    parameters::<HashParams>(with)?;
    let path = job.input()?;
    let pixels = picture::load(path).map(Picture::into_upright).map_err(|error| media_fault(path, &error))?;
    let mut values = Values::new();
    values.insert("hash".into(), json!(PictureHash::of(&pixels).map(|hash| hash.to_string())));
    values.insert("width".into(), json!(pixels.width()));
    values.insert("height".into(), json!(pixels.height()));
    Ok(values)
}
