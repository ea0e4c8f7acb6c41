//! `image.resize`: pictures upright and of the sizes that are wanted, all from one decode.

use serde_json::Value;

use super::coded::{coding_of, keeping, with_scans, written};
use super::sizes::{PICTURE, ResizeParams};
use crate::media::picture::resample::Resampling;
use crate::media::picture::resize::{Target, resize};
use crate::resilience::Fault;
use crate::steps::builtin::{Builtin, Job, OutputDoc, ValueDoc, Values, parameters, schema_of};
use crate::steps::common::{read, required};
use crate::steps::media_fault::media_fault;

/// The step.
pub static RESIZE: Builtin = Builtin {
    name: "image.resize",
    version: 3,
    summary: "Turns a picture upright and gives it other sizes, several from one decode; it is not enlarged unless told",
    outputs: &[
        OutputDoc::new(
            PICTURE,
            "the result, where `sizes` is not used: JPEG, PNG, WebP, TIFF, GIF or BMP, by the extension of its name",
        ),
        OutputDoc::new("SIZE", "for each of `sizes` its result, under its name").any(),
    ],
    values: &[
        ValueDoc { name: "width", summary: "pixels of the result from left to right; of several, of the first" },
        ValueDoc { name: "height", summary: "pixels of the result from top to bottom; of several, of the first" },
        ValueDoc { name: "format", summary: "format of the result; of several, of the first" },
        ValueDoc {
            name: "kept",
            summary: "list of the metadata that went along: exif, icc, xmp; of several, with the first",
        },
        ValueDoc {
            name: "sizes",
            summary: "for each output what `width`, `height`, `format` and `kept` are of one: {step.sizes.NAME.width} and so on",
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
        let coding = coding_of(to, wanted.quality, wanted.lossless)?;
        let coding = with_scans(coding, params.progressive, params.subsampling);
        targets.push(Target { to, shape: wanted.shape, background: wanted.background, coding });
    }
    let how = Resampling { filter: params.filter.filter(), linear: params.linear };
    let made =
        resize(from, params.frame, &targets, how, keeping(&params.keep)).map_err(|error| media_fault(from, &error))?;
    let all: Vec<Values> =
        made.iter().zip(&targets).map(|(made, target)| written(made.size, target.coding, &made.went_in)).collect();
    let mut values = all.first().cloned().unwrap_or_default();
    let sizes = wanted.iter().zip(all).map(|(wanted, one)| (wanted.output.clone(), Value::Object(one)));
    values.insert("sizes".into(), Value::Object(sizes.collect()));
    Ok(values)
}
