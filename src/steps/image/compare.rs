//! `image.compare`: two pictures held against each other.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::media::picture::{self, Picture};
use crate::media::similar::compare::{Comparison, Unlike, compare};
use crate::pipeline::builtins::{Asked, ParamProblem};
use crate::resilience::Fault;
use crate::steps::builtin::{Builtin, Job, OutputDoc, ValueDoc, Values, parameters, schema_of};
use crate::steps::common::{read, within, write_json};
use crate::steps::media_fault::media_fault;

/// The parameters of `image.compare`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CompareParams {
    /// Pictures of different size are compared, too: the larger one is brought to the size of the smaller. They must have the
    /// same shape but for the rounding of a pixel.
    #[serde(default)]
    pub scale: bool,
    /// The step fails where the structural similarity is less than this; 1 asks for equal pictures. Nothing is asked for where
    /// nothing is said.
    #[serde(default)]
    #[schemars(range(min = -1.0, max = 1.0))]
    pub least_ssim: Option<f64>,
    /// The step fails where the peak signal-to-noise ratio is less than this, in dB. Nothing is asked for where nothing is said.
    #[serde(default)]
    #[schemars(range(min = 0.0, max = 200.0))]
    pub least_psnr_db: Option<f64>,
    /// Which frame of an animation, or page of a TIFF file, is taken of both; the first is 1. Where nothing is said, a file
    /// with several is refused.
    #[serde(default)]
    #[schemars(range(min = 1))]
    pub frame: Option<u32>,
}

impl CompareParams {
    fn validate(&self) -> Result<(), String> {
        self.frame.map_or(Ok(()), |frame| within("frame", frame, 1, u32::MAX, ""))?;
        self.least_ssim.map_or(Ok(()), |least| within("least_ssim", least, -1.0, 1.0, ""))?;
        self.least_psnr_db.map_or(Ok(()), |least| within("least_psnr_db", least, 0.0, 200.0, "dB"))
    }
}

/// The step.
pub static COMPARE: Builtin = Builtin {
    name: "image.compare",
    version: 2,
    summary: "Holds two pictures against each other, both upright: PSNR, structural similarity, largest difference, hashes",
    outputs: &[OutputDoc::new("json", "the values as a JSON file")],
    values: &[
        ValueDoc { name: "equal", summary: "whether they have the same size and the same pixels" },
        ValueDoc {
            name: "psnr_db",
            summary: "peak signal-to-noise ratio over red, green and blue together, in dB; null where nothing differs, as it \
                      is infinite then",
        },
        ValueDoc {
            name: "ssim",
            summary: "mean structural similarity of the luma (Wang et al. 2004), 1 where equal; null where a side is shorter \
                      than 11 pixels",
        },
        ValueDoc { name: "largest_difference", summary: "largest difference of a sample, of 255" },
        ValueDoc {
            name: "distance",
            summary: "bits in which the hashes of image.hash differ, 0 to 64; null where one picture has none",
        },
    ],
    schema: schema_of::<CompareParams>,
    check: |with| read::<CompareParams>(with)?.validate(),
    run,
};

/// What is wrong with asking this of the step, for any file.
pub(super) fn misfit(asked: &Asked<'_>) -> Option<ParamProblem> {
    (asked.inputs != 2).then(|| ParamProblem {
        path: Vec::new(),
        key: false,
        message: format!("`image.compare` reads two files, and it is given {}", asked.inputs),
        suggestion: Some("name both: in = [\"{item.path}\", \"{small.picture}\"]".to_owned()),
    })
}

fn run(with: Value, job: &Job) -> Result<Values, Fault> {
    let params: CompareParams = parameters(with)?;
    params.validate().map_err(|wrong| Fault::input("parameters", wrong))?;
    let [first, second] = job.inputs.as_slice() else {
        return Err(Fault::input("inputs", format!("this step reads two files, {} were given", job.inputs.len())));
    };
    let load =
        |path| picture::still(path, params.frame).map(Picture::into_upright).map_err(|error| media_fault(path, &error));
    let both = format!("{} and {}", first.display(), second.display());
    let found = compare(&load(first)?, &load(second)?, params.scale).map_err(|unlike| {
        let fault = Fault::input("size", format!("{both} cannot be compared: {unlike}"));
        match unlike {
            Unlike::Size(..) => {
                fault.with_hint("with `scale = true` the larger one is brought to the size of the other")
            }
            Unlike::Shape(..) => fault.with_hint("bring them to one size first, with image.resize"),
        }
    })?;
    let mut values = Values::new();
    values.insert("equal".into(), json!(found.equal));
    values.insert("psnr_db".into(), json!(found.psnr_db));
    values.insert("ssim".into(), json!(found.ssim));
    values.insert("largest_difference".into(), json!(found.largest_difference));
    values.insert("distance".into(), json!(found.distance));
    if let Some(to) = job.output("json") {
        write_json(&values, to)?;
    }
    alike(&found, &params).map_err(|wrong| Fault::input("differs", format!("{both} differ: {wrong}")))?;
    Ok(values)
}

/// Tells in what they are less alike than they are to be.
fn alike(found: &Comparison, params: &CompareParams) -> Result<(), String> {
    if let (Some(least), Some(psnr)) = (params.least_psnr_db, found.psnr_db)
        && psnr < least
    {
        return Err(format!("the PSNR is {psnr:.2} dB, and {least} dB at least are asked for"));
    }
    match (params.least_ssim, found.ssim) {
        (Some(least), Some(ssim)) if ssim < least => {
            Err(format!("the structural similarity is {ssim:.4}, and {least} at least is asked for"))
        }
        // Equal pictures are as alike as can be, however small.
        (Some(_), None) if !found.equal => {
            Err("they are too small for a structural similarity: it takes 11 pixels each way".into())
        }
        _ => Ok(()),
    }
}
