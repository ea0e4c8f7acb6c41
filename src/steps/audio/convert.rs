//! `audio.convert`: any sound to others, with rate, channels, level and silence put right.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::encoded::{Bits, Kbps, SOUND_OUTPUTS, targets};
use crate::media::convert::{Conversion, convert};
use crate::media::segment::Trim;
use crate::resilience::Fault;
use crate::steps::builtin::{Builtin, Job, ValueDoc, Values, parameters, schema_of};
use crate::steps::common::{read, within};
use crate::steps::media_fault::media_fault;

/// The parameters of `audio.convert`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConvertParams {
    /// The new sample rate, in Hz; that of the input where nothing is said.
    #[serde(default)]
    #[schemars(range(min = 1000, max = 384_000))]
    pub sample_rate: Option<u32>,
    /// 1 or 2; those of the input where nothing is said. Surround (3 to 8 channels, in the order of WAV) becomes stereo by
    /// ITU-R BS.775: the centre at -3 dB on both sides, surrounds at -3 dB on theirs, no deep effects, all scaled down so
    /// that nothing clips. 1 is the mean of left and right.
    #[serde(default)]
    #[schemars(range(min = 1, max = 2))]
    pub channels: Option<u8>,
    /// Brings the loudest sample to -1 dBFS.
    #[serde(default)]
    pub normalize: bool,
    /// Takes off the silence at both ends: what is below this level in every channel, in dBFS. -40 suits speech.
    #[serde(default)]
    #[schemars(range(min = -120.0, max = -1.0))]
    pub trim_dbfs: Option<f64>,
    /// How much silence trimming leaves at each end, in milliseconds.
    #[serde(default = "trim_keep_ms")]
    #[schemars(range(min = 0, max = 60_000))]
    pub trim_keep_ms: u32,
    /// Bits of a sample in `wav` and `flac`: 16 or 24 (integers), or 32 (floating point, `wav` only).
    #[serde(default)]
    pub bits: Bits,
    /// Kilobits per second of `mp3`, `m4a` and `opus`, all channels together. Where nothing is said, MP3 has a constant
    /// quality (about 190 in stereo), AAC 96 and Opus 64 per channel.
    #[serde(default)]
    pub bitrate_kbps: Option<Kbps>,
    /// Tags to write over those of the input, which are kept; an empty text takes one away.
    #[serde(default)]
    pub tags: TagParams,
}

/// Tags, by name.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TagParams {
    /// The name of the piece.
    pub title: Option<String>,
    /// Who plays it.
    pub artist: Option<String>,
    /// The name of the album.
    pub album: Option<String>,
    /// Whose album it is.
    pub album_artist: Option<String>,
    /// The place on the disc, such as `3`.
    pub track: Option<String>,
    /// The number of the disc.
    pub disc: Option<String>,
    /// The year or the date, such as `1987` or `1987-06-05`.
    pub year: Option<String>,
    /// The genre.
    pub genre: Option<String>,
    /// Who wrote it.
    pub composer: Option<String>,
    /// Anything.
    pub comment: Option<String>,
}

impl TagParams {
    fn given(&self) -> Vec<(&'static str, String)> {
        let all = [
            ("title", &self.title),
            ("artist", &self.artist),
            ("album", &self.album),
            ("album_artist", &self.album_artist),
            ("track", &self.track),
            ("disc", &self.disc),
            ("year", &self.year),
            ("genre", &self.genre),
            ("composer", &self.composer),
            ("comment", &self.comment),
        ];
        all.into_iter().filter_map(|(name, text)| Some((name, text.clone()?))).collect()
    }
}

const fn trim_keep_ms() -> u32 {
    80
}

impl ConvertParams {
    fn conversion(&self) -> Result<Conversion, String> {
        if let Some(rate) = self.sample_rate {
            within("sample_rate", rate, 1000, 384_000, "Hz")?;
        }
        if let Some(channels) = self.channels {
            within("channels", channels, 1, 2, "")?;
        }
        if let Some(level) = self.trim_dbfs {
            within("trim_dbfs", level, -120.0, -1.0, "dBFS")?;
        }
        within("trim_keep_ms", self.trim_keep_ms, 0, 60_000, "milliseconds")?;
        let keep = f64::from(self.trim_keep_ms) / 1000.0;
        Ok(Conversion {
            sample_rate: self.sample_rate,
            channels: self.channels.map(usize::from),
            normalize: self.normalize,
            trim: self.trim_dbfs.map(|below_dbfs| Trim { below_dbfs, keep }),
            tags: self.tags.given(),
        })
    }
}

/// The step.
pub static CONVERT: Builtin = Builtin {
    name: "audio.convert",
    version: 2,
    summary: "Turns any sound into WAV, FLAC, MP3, AAC or Opus: rate, channels, peak level, silence at the ends; tags are kept",
    outputs: &SOUND_OUTPUTS,
    values: &[
        ValueDoc { name: "duration", summary: "length of the result, in seconds" },
        ValueDoc {
            name: "sample_rate",
            summary: "sample rate of the result, in Hz: that of its file, which for Opus is 48000; of several, that of the first in the order of outputs",
        },
        ValueDoc { name: "channels", summary: "channels of the result" },
        ValueDoc { name: "peak_dbfs", summary: "the largest sample of the result, in dBFS; left out for silence" },
        ValueDoc { name: "clipped", summary: "samples beyond full scale that were cut to it" },
        ValueDoc { name: "trimmed_start", summary: "seconds taken off the start" },
        ValueDoc { name: "trimmed_end", summary: "seconds taken off the end" },
    ],
    schema: schema_of::<ConvertParams>,
    check: |with| read::<ConvertParams>(with)?.conversion().map(drop),
    run,
};

fn run(with: Value, job: &Job) -> Result<Values, Fault> {
    let params: ConvertParams = parameters(with)?;
    let how = params.conversion().map_err(|wrong| Fault::input("parameters", wrong))?;
    let from = &job.source()?;
    let to = targets(job, params.bits, params.bitrate_kbps)?;
    let done = convert(from, &to, &how).map_err(|error| media_fault(&from.path, &error))?;
    let mut values = Values::new();
    values.insert("duration".into(), json!(done.duration));
    values.insert("sample_rate".into(), json!(done.sample_rate));
    values.insert("channels".into(), json!(done.channels));
    if let Some(peak) = done.peak_dbfs {
        values.insert("peak_dbfs".into(), json!(peak));
    }
    values.insert("clipped".into(), json!(done.clipped));
    values.insert("trimmed_start".into(), json!(done.trimmed_start));
    values.insert("trimmed_end".into(), json!(done.trimmed_end));
    Ok(values)
}
