//! `audio.trim`: takes off the silence at both ends of a sound, or all but a given stretch.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::encoded::{Bits, Kbps, SOUND_OUTPUTS, targets};
use crate::media::segment::Trim;
use crate::media::segment::trim::{Trimming, trim};
use crate::resilience::Fault;
use crate::steps::builtin::{Builtin, Job, ValueDoc, Values, parameters, schema_of};
use crate::steps::common::{read, within};
use crate::steps::media_fault::media_fault;

/// The parameters of `audio.trim`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TrimParams {
    /// What is below this level in every channel is silence, in dBFS. -40 where nothing is said, which suits speech; with
    /// `start_s` or `end_s` silence is taken off only if this is said.
    #[serde(default)]
    #[schemars(range(min = -120.0, max = -1.0))]
    pub below_dbfs: Option<f64>,
    /// How much of the silence stays at each end, in milliseconds.
    #[serde(default = "keep_ms")]
    #[schemars(range(min = 0, max = 60_000))]
    pub keep_ms: u32,
    /// What lies before this second is taken off.
    #[serde(default)]
    #[schemars(range(min = 0.0))]
    pub start_s: Option<f64>,
    /// What lies after this second is taken off.
    #[serde(default)]
    #[schemars(range(min = 0.0))]
    pub end_s: Option<f64>,
    /// Bits of a sample in `wav` and `flac`: 16 or 24 (integers), or 32 (floating point, `wav` only).
    #[serde(default)]
    pub bits: Bits,
    /// Kilobits per second of `mp3`, `m4a` and `opus`, all channels together. Where nothing is said, MP3 has a constant
    /// quality (about 190 in stereo), AAC 96 and Opus 64 per channel.
    #[serde(default)]
    pub bitrate_kbps: Option<Kbps>,
}

const fn keep_ms() -> u32 {
    80
}

/// The level of silence where nothing else is said, in dBFS.
const SILENCE_DBFS: f64 = -40.0;

impl TrimParams {
    fn trimming(&self) -> Result<Trimming, String> {
        if let Some(level) = self.below_dbfs {
            within("below_dbfs", level, -120.0, -1.0, "dBFS")?;
        }
        within("keep_ms", self.keep_ms, 0, 60_000, "milliseconds")?;
        let start = self.start_s.unwrap_or(0.0);
        within("start_s", start, 0.0, f64::MAX, "seconds")?;
        if let Some(end) = self.end_s.filter(|end| end.is_nan() || *end <= start) {
            return Err(format!("`end_s` is {end}; it must be greater than `start_s`, which is {start}"));
        }
        let fixed = self.start_s.is_some() || self.end_s.is_some();
        let below = self.below_dbfs.or((!fixed).then_some(SILENCE_DBFS));
        let silence = below.map(|below_dbfs| Trim { below_dbfs, keep: f64::from(self.keep_ms) / 1000.0 });
        Ok(Trimming { start, end: self.end_s, silence })
    }
}

/// The step.
pub static TRIM: Builtin = Builtin {
    name: "audio.trim",
    version: 2,
    summary: "Takes off the silence at both ends of a sound, or all but a given stretch; tags are kept",
    outputs: &SOUND_OUTPUTS,
    values: &[
        ValueDoc { name: "duration", summary: "length of the result, in seconds" },
        ValueDoc { name: "trimmed_start", summary: "seconds taken off the start" },
        ValueDoc { name: "trimmed_end", summary: "seconds taken off the end" },
    ],
    schema: schema_of::<TrimParams>,
    check: |with| read::<TrimParams>(with)?.trimming().map(drop),
    run,
};

fn run(with: Value, job: &Job) -> Result<Values, Fault> {
    let params: TrimParams = parameters(with)?;
    let how = params.trimming().map_err(|wrong| Fault::input("parameters", wrong))?;
    let from = &job.source()?;
    let to = targets(job, params.bits, params.bitrate_kbps)?;
    let done = trim(from, &to, &how).map_err(|error| media_fault(&from.path, &error))?;
    let seconds = |frames: u64| json!(frames as f64 / f64::from(done.sample_rate));
    let mut values = Values::new();
    values.insert("duration".into(), seconds(done.kept.frames()));
    values.insert("trimmed_start".into(), seconds(done.kept.start));
    values.insert("trimmed_end".into(), seconds(done.frames - done.kept.end));
    Ok(values)
}
