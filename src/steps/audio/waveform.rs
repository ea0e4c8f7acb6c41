//! `audio.waveform`: the outline of a sound, as a picture and as numbers.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::spectrogram::axes;
use crate::media::waveform::{WaveformColours, WaveformLook, outline};
use crate::resilience::Fault;
use crate::steps::builtin::{Builtin, Job, OutputDoc, ValueDoc, Values, parameters, schema_of};
use crate::steps::common::{read, within, write_compact_json};
use crate::steps::media_fault::media_fault;

/// The colours of a waveform.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum WaveColours {
    /// Blue on black.
    #[default]
    Blue,
    /// Orange on black, as the spectrogram.
    Inferno,
    /// White on black.
    Grey,
    /// Black on white, for paper.
    Paper,
}

impl From<WaveColours> for WaveformColours {
    fn from(colours: WaveColours) -> Self {
        match colours {
            WaveColours::Blue => Self::Blue,
            WaveColours::Inferno => Self::Inferno,
            WaveColours::Grey => Self::Grey,
            WaveColours::Paper => Self::Paper,
        }
    }
}

/// The parameters of `audio.waveform`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WaveformParams {
    /// Width of the picture, in pixels.
    #[serde(default = "width")]
    #[schemars(range(min = 16, max = 8192))]
    pub width: u32,
    /// Height of the picture, in pixels.
    #[serde(default = "height")]
    #[schemars(range(min = 16, max = 4096))]
    pub height: u32,
    /// The colours of the picture: `blue`, `inferno`, `grey` or `paper` (dark on white).
    #[serde(default)]
    pub colors: WaveColours,
    /// Axes with seconds and levels, where there is room for them (200 times 100 pixels).
    #[serde(default = "axes")]
    pub axes: bool,
    /// The most points of the JSON file; each has the smallest and the largest sample of every channel.
    #[serde(default = "points")]
    #[schemars(range(min = 2, max = 100_000))]
    pub points: u32,
    /// Bits of the numbers of the JSON file: 8 (full scale is 127) or 16 (32767).
    #[serde(default = "bits")]
    #[schemars(extend("enum" = [8, 16]))]
    pub bits: u8,
}

const fn width() -> u32 {
    1024
}

const fn height() -> u32 {
    256
}

const fn points() -> u32 {
    2000
}

const fn bits() -> u8 {
    16
}

impl WaveformParams {
    fn look(&self) -> Result<WaveformLook, String> {
        within("width", self.width, 16, 8192, "pixels")?;
        within("height", self.height, 16, 4096, "pixels")?;
        within("points", self.points, 2, 100_000, "")?;
        if ![8, 16].contains(&self.bits) {
            return Err(format!("`bits` is {}; it must be 8 or 16", self.bits));
        }
        Ok(WaveformLook { width: self.width, height: self.height, colours: self.colors.into(), axes: self.axes })
    }
}

/// The step.
pub static WAVEFORM: Builtin = Builtin {
    name: "audio.waveform",
    version: 1,
    summary: "Takes the outline of a sound, as a picture and as JSON for players",
    outputs: &[
        OutputDoc::new("picture", "the waveform as PNG: time to the right, one channel above the other"),
        OutputDoc::new("json", "peaks in the data format of audiowaveform (version 2), with the levels as `rms`"),
    ],
    values: &[
        ValueDoc { name: "duration", summary: "length of the sound in seconds, counted while decoding" },
        ValueDoc { name: "sample_rate", summary: "samples per second of each channel, in Hz" },
        ValueDoc { name: "channels", summary: "number of channels" },
    ],
    schema: schema_of::<WaveformParams>,
    check: |with| read::<WaveformParams>(with)?.look().map(drop),
    run,
};

fn run(with: Value, job: &Job) -> Result<Values, Fault> {
    let params: WaveformParams = parameters(with)?;
    let look = params.look().map_err(|wrong| Fault::input("parameters", wrong))?;
    let source = job.source()?;
    let fault = |error| media_fault(&source.path, &error);
    let points = job.output("json").map(|_| params.points as usize);
    let found = outline(&source, points, job.output("picture").map(|_| look)).map_err(fault)?;
    if let (Some(to), Some(picture)) = (job.output("picture"), &found.picture) {
        picture.write_png(to).map_err(fault)?;
    }
    if let (Some(to), Some(peaks)) = (job.output("json"), &found.points) {
        write_compact_json(&peaks.to_json(found.sample_rate, params.bits), to)?;
    }
    let mut values = Values::new();
    values.insert("duration".into(), json!(found.duration_s));
    values.insert("sample_rate".into(), json!(found.sample_rate));
    values.insert("channels".into(), json!(found.channels));
    Ok(values)
}
