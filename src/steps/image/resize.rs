//! `image.resize`: pictures upright and of the sizes that are wanted, all from one decode.

use serde_json::{Value, json};

use super::sizes::{Block, PICTURE, ResizeParams};
use crate::media::picture::Coding;
use crate::media::picture::resample::Resampling;
use crate::media::picture::resize::{Keep, Target, resize};
use crate::resilience::Fault;
use crate::steps::builtin::{Builtin, Job, OutputDoc, ValueDoc, Values, parameters, schema_of};
use crate::steps::common::{read, required};
use crate::steps::media_fault::media_fault;

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
