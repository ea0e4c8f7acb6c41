//! `audio.mix`: several sounds summed to one.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::encoded::{Bits, Kbps, SOUND_OUTPUTS, targets};
use crate::media::Source;
use crate::media::mix::mix;
use crate::resilience::Fault;
use crate::steps::builtin::{Builtin, Job, ValueDoc, Values, parameters, schema_of};
use crate::steps::common::{read, within};
use crate::steps::media_fault::media_fault;

/// The parameters of `audio.mix`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MixParams {
    /// A gain for each input, in the order of `in`, in dB; none is changed where nothing is said.
    #[serde(default)]
    #[schemars(inner(range(min = -120.0, max = 60.0)))]
    pub gains_db: Option<Vec<f64>>,
    /// Bits of a sample in `wav` and `flac`: 16 or 24 (integers), or 32 (floating point, `wav` only).
    #[serde(default)]
    pub bits: Bits,
    /// Kilobits per second of `mp3`, `m4a` and `opus`, all channels together. Where nothing is said, MP3 has a constant
    /// quality (about 190 in stereo), AAC 96 and Opus 64 per channel.
    #[serde(default)]
    pub bitrate_kbps: Option<Kbps>,
}

impl MixParams {
    fn validate(&self) -> Result<(), String> {
        let mut gains = self.gains_db.iter().flatten();
        gains.try_for_each(|gain| within("gains_db", *gain, -120.0, 60.0, "dB"))
    }
}

/// The step.
pub static MIX: Builtin = Builtin {
    name: "audio.mix",
    version: 2,
    summary: "Sums several sounds to one, such as stems back to their song; the tags are those of the first",
    outputs: &SOUND_OUTPUTS,
    values: &[
        ValueDoc {
            name: "gain_db",
            summary: "what the sum was scaled by, in dB: below 0 only where it would have clipped; floating point never is",
        },
        ValueDoc { name: "peak_dbfs", summary: "the largest sample of the result, in dBFS; left out for silence" },
        ValueDoc { name: "duration", summary: "length in seconds: that of the longest input" },
        ValueDoc { name: "sample_rate", summary: "sample rate of the result, in Hz: that of the first input" },
        ValueDoc { name: "channels", summary: "channels of the result; mono goes on both sides of stereo" },
    ],
    schema: schema_of::<MixParams>,
    check: |with| read::<MixParams>(with)?.validate(),
    run,
};

fn run(with: Value, job: &Job) -> Result<Values, Fault> {
    let params: MixParams = parameters(with)?;
    params.validate().map_err(|wrong| Fault::input("parameters", wrong))?;
    let gains = params.gains_db.unwrap_or_else(|| vec![0.0; job.inputs.len()]);
    if gains.len() != job.inputs.len() {
        let wrong = format!("`gains_db` has {} gains, and there are {} inputs", gains.len(), job.inputs.len());
        return Err(Fault::input("parameters", wrong));
    }
    if job.inputs.is_empty() {
        return Err(Fault::input("inputs", "this step reads one file or more, none was given"));
    }
    let to = targets(job, params.bits, params.bitrate_kbps)?;
    let sources: Vec<(Source, f64)> = job.inputs.iter().map(|path| Source::new(path)).zip(gains).collect();
    let done = mix(&watched(sources, job), &to).map_err(|(number, error)| media_fault(&job.inputs[number], &error))?;
    let mut values = Values::new();
    values.insert("gain_db".into(), json!(done.gain_db));
    if let Some(peak) = done.peak_dbfs {
        values.insert("peak_dbfs".into(), json!(peak));
    }
    values.insert("duration".into(), json!(done.duration));
    values.insert("sample_rate".into(), json!(done.sample_rate));
    values.insert("channels".into(), json!(done.channels));
    Ok(values)
}

/// All are read at one pace, so that one of them tells how far they are.
fn watched(mut sources: Vec<(Source, f64)>, job: &Job) -> Vec<(Source, f64)> {
    if let Some((first, _)) = sources.first_mut() {
        first.watch = job.watch.clone();
    }
    sources
}
