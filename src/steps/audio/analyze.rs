//! `audio.analyze`: the figures and the spectrogram of a sound, from one decoding.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::probe::described;
use crate::media::analyze::analyze;
use crate::media::spectrogram::{Look, Scale, write_png};
use crate::media::spectrum::Frames;
use crate::resilience::Fault;
use crate::steps::builtin::{Builtin, Job, OutputDoc, ValueDoc, Values, parameters, schema_of};
use crate::steps::common::{read, within, write_json};
use crate::steps::media_fault::media_fault;

/// How frequencies lie on the height of the spectrogram.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum FrequencyScale {
    /// As the ear hears them: even up to about 700 Hz, then by octaves.
    #[default]
    Mel,
    /// Every hertz takes the same height.
    Linear,
}

/// The parameters of `audio.analyze`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AnalyzeParams {
    /// Width of the spectrogram, in pixels.
    #[serde(default = "width")]
    #[schemars(range(min = 16, max = 8192))]
    pub width: u32,
    /// Height of the spectrogram, in pixels.
    #[serde(default = "height")]
    #[schemars(range(min = 16, max = 4096))]
    pub height: u32,
    /// How frequencies lie on the height of the spectrogram: `mel`, as the ear hears them, or `linear`.
    #[serde(default)]
    pub scale: FrequencyScale,
    /// From the brightest colour of the spectrogram, the loudest spot, down to black, in decibels.
    #[serde(default = "range_db")]
    #[schemars(range(min = 10.0, max = 200.0))]
    pub range_db: f32,
    /// Samples in one frame of the spectrum; a power of two.
    #[serde(default = "fft_size")]
    #[schemars(range(min = 256, max = 65536))]
    pub fft_size: u32,
    /// Samples from one frame to the next; a quarter of `fft_size` where nothing is said.
    #[serde(default)]
    #[schemars(range(min = 16, max = 65536))]
    pub hop: Option<u32>,
}

const fn width() -> u32 {
    1024
}

const fn height() -> u32 {
    512
}

const fn range_db() -> f32 {
    90.0
}

const fn fft_size() -> u32 {
    2048
}

impl AnalyzeParams {
    fn validate(&self) -> Result<(), String> {
        within("width", self.width, 16, 8192, "pixels")?;
        within("height", self.height, 16, 4096, "pixels")?;
        within("range_db", self.range_db, 10.0, 200.0, "dB")?;
        within("fft_size", self.fft_size, 256, 65_536, "samples")?;
        if !self.fft_size.is_power_of_two() {
            return Err(format!("`fft_size` is {}; it must be a power of two, such as 2048", self.fft_size));
        }
        match self.hop {
            Some(hop) => within("hop", hop, 16, self.fft_size, "samples"),
            None => Ok(()),
        }
    }
}

/// The step.
pub static ANALYZE: Builtin = Builtin {
    name: "audio.analyze",
    version: 1,
    summary: "Measures length, levels and brightness of a sound, and draws its spectrogram",
    outputs: &[
        OutputDoc::new("json", "the values as a JSON file"),
        OutputDoc::new("picture", "the spectrogram as PNG: time to the right, 0 Hz at the bottom"),
    ],
    values: &[
        ValueDoc { name: "duration", summary: "length in seconds, counted while decoding" },
        ValueDoc { name: "peak_dbfs", summary: "the largest sample, in dBFS; left out for digital silence" },
        ValueDoc {
            name: "rms_dbfs",
            summary: "root mean square over all channels, in dBFS; left out for digital silence",
        },
        ValueDoc { name: "centroid_hz", summary: "mean spectral centroid, in Hz; left out for silence" },
        ValueDoc { name: "sample_rate", summary: "samples per second of each channel, in Hz" },
        ValueDoc { name: "channels", summary: "number of channels" },
        ValueDoc { name: "codec", summary: "how the sound is coded: pcm_s16le, flac, mp3, vorbis, aac, ..." },
        ValueDoc { name: "format", summary: "the container: wav, flac, mpeg, ogg, mp4, ..." },
        ValueDoc { name: "bits", summary: "bits of a sample; left out for lossy codecs" },
    ],
    schema: schema_of::<AnalyzeParams>,
    check: |with| read::<AnalyzeParams>(with)?.validate(),
    run,
};

fn run(with: Value, job: &Job) -> Result<Values, Fault> {
    let params: AnalyzeParams = parameters(with)?;
    params.validate().map_err(|wrong| Fault::input("parameters", wrong))?;
    let source = job.source()?;
    let path = source.path.as_path();
    let size = params.fft_size as usize;
    let frames = Frames { size, hop: params.hop.map_or(size / 4, |hop| hop as usize) };
    let scale = match params.scale {
        FrequencyScale::Mel => Scale::Mel,
        FrequencyScale::Linear => Scale::Linear,
    };
    let look = Look { width: params.width, height: params.height, scale, range_db: params.range_db };
    let found =
        analyze(&source, frames, job.output("picture").map(|_| look)).map_err(|error| media_fault(path, &error))?;

    let mut values = Values::new();
    values.insert("duration".into(), json!(found.duration));
    for (name, value) in
        [("peak_dbfs", found.peak_dbfs), ("rms_dbfs", found.rms_dbfs), ("centroid_hz", found.centroid_hz)]
    {
        if let Some(value) = value {
            values.insert(name.into(), json!(value));
        }
    }
    values.append(&mut described(&found.info));
    if let (Some(to), Some(picture)) = (job.output("picture"), &found.picture) {
        write_png(picture, to).map_err(|error| media_fault(path, &error))?;
    }
    if let Some(to) = job.output("json") {
        write_json(&values, to)?;
    }
    Ok(values)
}
