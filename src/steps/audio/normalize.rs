//! `audio.normalize`: a sound brought to a loudness, its true peak held below a ceiling.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::encoded::{Bits, Kbps, SOUND_OUTPUTS, targets};
use crate::media::normalize::{Ceiling, Normalization, normalize};
use crate::resilience::Fault;
use crate::steps::builtin::{Builtin, Job, ValueDoc, Values, parameters, schema_of};
use crate::steps::common::{read, within};
use crate::steps::media_fault::media_fault;

/// What gives way where the target would lift the true peak above the ceiling.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// The loudness: one gain for the whole sound, and nothing else is changed.
    #[default]
    Gain,
    /// The peaks: a limiter takes them down, and the target is reached.
    Limit,
}

/// The parameters of `audio.normalize`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NormalizeParams {
    /// The loudness wanted, in LUFS. -16 is what podcasts are asked for and what AES TD1008 recommends for music;
    /// -14 is usual for streaming, -23 for broadcasting (EBU R 128). Mono counts as one channel: played on two speakers it
    /// is 3 LU louder.
    #[serde(default = "target_lufs")]
    #[schemars(range(min = -60.0, max = -5.0))]
    pub target_lufs: f64,
    /// The highest true peak allowed, in dBTP, before the sound is coded: lossy coding can lift peaks by 1 dB and more, the
    /// more the lower its bitrate. Where a lossy file must keep below 0 dBTP, say -2 or less.
    #[serde(default = "ceiling_dbtp")]
    #[schemars(range(min = -20.0, max = 0.0))]
    pub ceiling_dbtp: f64,
    /// What gives way where both cannot be had: the loudness, as the whole sound gets one gain (`gain`), or the peaks,
    /// which a limiter takes down (`limit`).
    #[serde(default)]
    pub mode: Mode,
    /// Bits of a sample in `wav` and `flac`: 16 or 24 (integers), or 32 (floating point, `wav` only).
    #[serde(default)]
    pub bits: Bits,
    /// Kilobits per second of `mp3`, `m4a` and `opus`, all channels together. Where nothing is said, MP3 has a constant
    /// quality (about 190 in stereo), AAC 96 and Opus 64 per channel.
    #[serde(default)]
    pub bitrate_kbps: Option<Kbps>,
}

const fn target_lufs() -> f64 {
    -16.0
}

const fn ceiling_dbtp() -> f64 {
    -1.0
}

impl NormalizeParams {
    fn normalization(&self) -> Result<Normalization, String> {
        within("target_lufs", self.target_lufs, -60.0, -5.0, "LUFS")?;
        within("ceiling_dbtp", self.ceiling_dbtp, -20.0, 0.0, "dBTP")?;
        let ceiling = match self.mode {
            Mode::Gain => Ceiling::HoldsGain,
            Mode::Limit => Ceiling::Limits,
        };
        Ok(Normalization { target_lufs: self.target_lufs, ceiling_dbtp: self.ceiling_dbtp, ceiling })
    }
}

/// The step.
pub static NORMALIZE: Builtin = Builtin {
    name: "audio.normalize",
    version: 2,
    summary: "Brings a sound to a loudness (EBU R 128) and holds its true peak below a ceiling; tags are kept, but ReplayGain",
    outputs: &SOUND_OUTPUTS,
    values: &[
        ValueDoc {
            name: "gain_db",
            summary: "gain that the whole sound was given, in dB. A sound without a loudness (silence, less than 0.4 s) \
                      is given none, but for its peaks",
        },
        ValueDoc {
            name: "before_lufs",
            summary: "integrated loudness of the input, in LUFS; left out where it has none",
        },
        ValueDoc {
            name: "integrated_lufs",
            summary: "integrated loudness of the result, in LUFS; left out where it has none",
        },
        ValueDoc {
            name: "shortfall_lu",
            summary: "how far the result stayed below the target, in LU; 0 where it was reached",
        },
        ValueDoc { name: "before_dbtp", summary: "true peak of the input, in dBTP; left out for silence" },
        ValueDoc {
            name: "true_peak_dbtp",
            summary: "true peak of the result, before it is coded, in dBTP; left out for silence",
        },
        ValueDoc { name: "reduction_db", summary: "the most that the limiter took off, in dB" },
        ValueDoc { name: "limited", summary: "for how long the limiter took something off, in seconds" },
        ValueDoc { name: "duration", summary: "length in seconds" },
    ],
    schema: schema_of::<NormalizeParams>,
    check: |with| read::<NormalizeParams>(with)?.normalization().map(drop),
    run,
};

fn run(with: Value, job: &Job) -> Result<Values, Fault> {
    let params: NormalizeParams = parameters(with)?;
    let how = params.normalization().map_err(|wrong| Fault::input("parameters", wrong))?;
    let from = &job.source()?;
    let to = targets(job, params.bits, params.bitrate_kbps)?;
    let done = normalize(from, &to, &how).map_err(|error| media_fault(&from.path, &error))?;
    // Within a tenth the target counts as reached.
    let missing = done.after.integrated_lufs.map(|loudness| how.target_lufs - loudness);
    let shortfall = missing.map(|missing| if missing < 0.1 { 0.0 } else { missing });
    let mut values = Values::new();
    for (name, value) in [
        ("gain_db", Some(done.gain_db)),
        ("before_lufs", done.before.integrated_lufs),
        ("integrated_lufs", done.after.integrated_lufs),
        ("shortfall_lu", shortfall),
        ("before_dbtp", done.before.true_peak_dbtp),
        ("true_peak_dbtp", done.after.true_peak_dbtp),
        ("reduction_db", Some(done.reduction_db)),
        ("limited", Some(done.limited)),
        ("duration", Some(done.duration)),
    ] {
        if let Some(value) = value {
            values.insert(name.into(), json!(value));
        }
    }
    Ok(values)
}
