//! `image.probe`: what a picture file says of itself.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::media::picture;
use crate::resilience::Fault;
use crate::steps::builtin::{Builtin, Job, ValueDoc, Values, check_of, parameters, schema_of};
use crate::steps::media_fault::media_fault;

/// The parameters of `image.probe`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProbeParams {
    /// Decodes every pixel of every frame, and fails for a file that is cut or broken.
    #[serde(default)]
    pub verify: bool,
}

/// The step.
pub static PROBE: Builtin = Builtin {
    name: "image.probe",
    version: 1,
    summary: "Reads the headers of a picture, or all of it",
    outputs: &[],
    values: &[
        ValueDoc { name: "format", summary: "jpeg, png, gif, webp, tiff or bmp" },
        ValueDoc { name: "width", summary: "pixels from left to right, once upright" },
        ValueDoc { name: "height", summary: "pixels from top to bottom, once upright" },
        ValueDoc { name: "bits", summary: "bits of a sample" },
        ValueDoc { name: "colour", summary: "gray, gray-alpha, rgb or rgba: what it decodes to" },
        ValueDoc { name: "frames", summary: "number of frames" },
        ValueDoc { name: "animated", summary: "whether there is more than one frame" },
        ValueDoc { name: "orientation", summary: "how EXIF says it must be turned: 1 (not at all) to 8" },
    ],
    schema: schema_of::<ProbeParams>,
    check: check_of::<ProbeParams>,
    run,
};

fn run(with: Value, job: &Job) -> Result<Values, Fault> {
    let params: ProbeParams = parameters(with)?;
    let path = job.input()?;
    let info = if params.verify { picture::verify(path) } else { picture::probe(path) };
    let info = info.map_err(|error| media_fault(path, &error))?;
    let (width, height) = info.upright();
    let mut values = Values::new();
    values.insert("format".into(), json!(info.format.word()));
    values.insert("width".into(), json!(width));
    values.insert("height".into(), json!(height));
    values.insert("bits".into(), json!(info.bits));
    values.insert("colour".into(), json!(info.colour));
    values.insert("frames".into(), json!(info.frames));
    values.insert("animated".into(), json!(info.frames > 1));
    values.insert("orientation".into(), json!(info.orientation));
    Ok(values)
}
