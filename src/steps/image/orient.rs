//! `image.orient`: a picture that is upright without being told so.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::coded::{PICTURE, WRITTEN, coding_of, written};
use crate::media::picture::{check_structure, probe_metadata, still, write_on};
use crate::resilience::Fault;
use crate::steps::builtin::{Builtin, Job, ValueDoc, Values, parameters, schema_of};
use crate::steps::common::{read, required, within};
use crate::steps::media_fault::media_fault;

/// The parameters of `image.orient`. The colour profile, EXIF and XMP go along where the format holds them, but for
/// thumbnails, which are not turned.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OrientParams {
    /// Quality of JPEG and WebP where the picture must be coded again, from 1 to 100.
    #[serde(default = "quality")]
    #[schemars(range(min = 1, max = 100))]
    pub quality: u8,
    /// WebP without loss where it must be coded again.
    #[serde(default)]
    pub lossless: bool,
}

const fn quality() -> u8 {
    92
}

impl OrientParams {
    fn validate(&self) -> Result<(), String> {
        within("quality", self.quality, 1, 100, "")
    }
}

/// The step.
pub static ORIENT: Builtin = Builtin {
    name: "image.orient",
    version: 2,
    summary: "Turns pixels as EXIF says, and EXIF then says that nothing is to be turned; an upright picture is copied",
    outputs: &[PICTURE],
    values: &[
        WRITTEN[0],
        WRITTEN[1],
        WRITTEN[2],
        WRITTEN[3],
        ValueDoc { name: "turned", summary: "whether there was anything to turn" },
    ],
    schema: schema_of::<OrientParams>,
    check: |with| read::<OrientParams>(with)?.validate(),
    run,
};

fn run(with: Value, job: &Job) -> Result<Values, Fault> {
    let params: OrientParams = parameters(with)?;
    params.validate().map_err(|wrong| Fault::input("parameters", wrong))?;
    let from = job.input()?;
    let to = required(job, "picture")?;
    let coding = coding_of(to, params.quality, params.lossless)?;
    let fault = |error| media_fault(from, &error);
    let (info, metadata) = probe_metadata(from).map_err(fault)?;
    let turned = info.orientation != 1;
    let mut values = if !turned && info.format == coding.format() {
        check_structure(from).map_err(fault)?;
        std::fs::copy(from, to).map_err(|error| Fault::from_io(&format!("cannot copy {}", from.display()), &error))?;
        written((info.width, info.height), coding, &metadata)
    } else {
        let mut picture = still(from, None).map_err(fault)?;
        picture.turn_upright();
        let went_in = write_on(&picture.pixels, &picture.metadata, to, coding, [255; 3]).map_err(fault)?;
        written((picture.info.width, picture.info.height), coding, &went_in)
    };
    values.insert("turned".into(), json!(turned));
    Ok(values)
}
