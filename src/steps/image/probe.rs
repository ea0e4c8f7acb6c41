//! `image.probe`: what a picture file says of itself.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::media::picture::{PictureInfo, details, probe_metadata, verify};
use crate::media::sniff::PictureFormat;
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

/// The values that the structure of a picture tells.
pub(super) const DESCRIBED: [ValueDoc; 11] = [
    ValueDoc { name: "format", summary: "jpeg, png, gif, webp, tiff or bmp" },
    ValueDoc { name: "width", summary: "pixels from left to right, once upright" },
    ValueDoc { name: "height", summary: "pixels from top to bottom, once upright" },
    ValueDoc { name: "bits", summary: "bits of a sample as stored; of an index, where there is a palette" },
    ValueDoc { name: "colour", summary: "gray, gray-alpha, rgb or rgba: what it decodes to" },
    ValueDoc {
        name: "stored",
        summary: "how colours are stored: gray, gray-alpha, rgb, rgba, palette, ycbcr, cmyk or ycck",
    },
    ValueDoc { name: "alpha", summary: "whether pixels can be transparent" },
    ValueDoc { name: "palette", summary: "whether colours are stored in a palette" },
    ValueDoc { name: "frames", summary: "number of frames, or of pages of a TIFF file" },
    ValueDoc { name: "animated", summary: "whether there is more than one frame; pages are no animation" },
    ValueDoc { name: "orientation", summary: "how EXIF says it must be turned: 1 (not at all) to 8" },
];

/// The step.
pub static PROBE: Builtin = Builtin {
    name: "image.probe",
    version: 3,
    summary: "Reads the headers of a picture, or all of it",
    outputs: &[],
    values: &[
        DESCRIBED[0],
        DESCRIBED[1],
        DESCRIBED[2],
        DESCRIBED[3],
        DESCRIBED[4],
        DESCRIBED[5],
        DESCRIBED[6],
        DESCRIBED[7],
        DESCRIBED[8],
        DESCRIBED[9],
        DESCRIBED[10],
        ValueDoc {
            name: "icc",
            summary: "name of the colour profile, `unnamed` if it has none; left out without a profile",
        },
        ValueDoc { name: "make", summary: "who made the camera; left out where EXIF does not tell" },
        ValueDoc { name: "model", summary: "model of the camera; left out where EXIF does not tell" },
        ValueDoc {
            name: "taken",
            summary: "when it was taken, as in 2020-01-31T12:34:56; left out where EXIF does not tell",
        },
        ValueDoc { name: "gps", summary: "whether EXIF or XMP tells where it was taken" },
    ],
    schema: schema_of::<ProbeParams>,
    check: check_of::<ProbeParams>,
    run,
};

/// The values of a picture's structure.
pub(super) fn described(info: &PictureInfo) -> Values {
    let (width, height) = info.upright();
    let mut values = Values::new();
    values.insert("format".into(), json!(info.format.word()));
    values.insert("width".into(), json!(width));
    values.insert("height".into(), json!(height));
    values.insert("bits".into(), json!(info.bits));
    values.insert("colour".into(), json!(info.colour));
    values.insert("stored".into(), json!(info.stored));
    values.insert("alpha".into(), json!(info.colour.ends_with('a') || info.colour.ends_with("alpha")));
    values.insert("palette".into(), json!(info.stored == "palette"));
    values.insert("frames".into(), json!(info.frames));
    values.insert("animated".into(), json!(info.frames > 1 && info.format != PictureFormat::Tiff));
    values.insert("orientation".into(), json!(info.orientation));
    values
}

fn run(with: Value, job: &Job) -> Result<Values, Fault> {
    let params: ProbeParams = parameters(with)?;
    let path = job.input()?;
    let fault = |error| media_fault(path, &error);
    let (info, metadata) = probe_metadata(path).map_err(fault)?;
    if params.verify {
        verify(path).map_err(fault)?;
    }
    let mut values = described(&info);
    let told = details(&metadata);
    let icc = told.icc.map(|name| if name.is_empty() { "unnamed".to_owned() } else { name });
    for (name, text) in [("icc", icc), ("make", told.make), ("model", told.model), ("taken", told.taken)] {
        if let Some(text) = text {
            values.insert(name.into(), json!(text));
        }
    }
    values.insert("gps".into(), json!(told.gps));
    Ok(values)
}
