//! `audio.spectrogram`: the spectrogram of a sound as a picture.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::media::plot::Colours;
use crate::media::spectrogram::{Look, Scale, draw};
use crate::resilience::Fault;
use crate::steps::builtin::{Builtin, Job, OutputDoc, ValueDoc, Values, parameters, schema_of};
use crate::steps::common::{read, required, within};
use crate::steps::media_fault::media_fault;

/// How frequencies lie on the height of a spectrogram.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum FrequencyScale {
    /// As the ear hears them: even up to about 700 Hz, then by octaves.
    #[default]
    Mel,
    /// Every hertz takes the same height.
    Linear,
    /// Every octave takes the same height.
    Log,
}

impl From<FrequencyScale> for Scale {
    fn from(scale: FrequencyScale) -> Self {
        match scale {
            FrequencyScale::Mel => Self::Mel,
            FrequencyScale::Linear => Self::Linear,
            FrequencyScale::Log => Self::Log,
        }
    }
}

/// The colours of a spectrogram.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ColourMap {
    /// Black over purple and orange to pale yellow.
    #[default]
    Inferno,
    /// Black over purple and pink to cream.
    Magma,
    /// Violet over blue and green to yellow: for eyes that do not tell red from green.
    Viridis,
    /// Black to white.
    Grey,
    /// White to black: for paper.
    Paper,
}

impl From<ColourMap> for Colours {
    fn from(colours: ColourMap) -> Self {
        match colours {
            ColourMap::Inferno => Self::Inferno,
            ColourMap::Magma => Self::Magma,
            ColourMap::Viridis => Self::Viridis,
            ColourMap::Grey => Self::Grey,
            ColourMap::Paper => Self::Paper,
        }
    }
}

/// The parameters of `audio.spectrogram`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SpectrogramParams {
    /// Width of the picture, in pixels.
    #[serde(default = "width")]
    #[schemars(range(min = 16, max = 8192))]
    pub width: u32,
    /// Height of the picture, in pixels.
    #[serde(default = "height")]
    #[schemars(range(min = 16, max = 4096))]
    pub height: u32,
    /// How frequencies lie on the height: `mel`, as the ear hears them, `linear`, or `log`, octave by octave.
    #[serde(default)]
    pub scale: FrequencyScale,
    /// From the brightest colour, the loudest spot, down to the darkest, in decibels.
    #[serde(default = "range_db")]
    #[schemars(range(min = 10.0, max = 200.0))]
    pub range_db: f32,
    /// The colours: `inferno`, `magma`, `viridis`, `grey` or `paper` (dark on white).
    #[serde(default)]
    pub colors: ColourMap,
    /// Axes with seconds and hertz and a legend of decibels, where there is room for them (200 times 100 pixels).
    #[serde(default = "axes")]
    pub axes: bool,
    /// A line of text above the picture, where it has axes.
    #[serde(default)]
    pub title: Option<String>,
    /// The lowest frequency, in Hz; 0 where nothing is said, 20 on the scale `log`.
    #[serde(default)]
    #[schemars(range(min = 0.0, max = 192_000.0))]
    pub from_hz: Option<f64>,
    /// The highest frequency, in Hz; half the sample rate where nothing is said.
    #[serde(default)]
    #[schemars(range(min = 1.0, max = 192_000.0))]
    pub to_hz: Option<f64>,
    /// Samples in one frame of the spectrum; a power of two. More tell tones apart better, fewer tell strokes apart.
    #[serde(default = "fft_size")]
    #[schemars(range(min = 256, max = 65536))]
    pub fft_size: u32,
    /// Samples from one frame to the next; what fits the width where nothing is said, and at most half of `fft_size`.
    #[serde(default)]
    #[schemars(range(min = 16, max = 65536))]
    pub hop: Option<u32>,
}

pub(super) const fn width() -> u32 {
    1024
}

pub(super) const fn height() -> u32 {
    512
}

pub(super) const fn range_db() -> f32 {
    90.0
}

pub(super) const fn axes() -> bool {
    true
}

const fn fft_size() -> u32 {
    2048
}

/// Checks what is said of frames.
pub(super) fn check_frames(fft_size: u32, hop: Option<u32>) -> Result<(), String> {
    within("fft_size", fft_size, 256, 65_536, "samples")?;
    if !fft_size.is_power_of_two() {
        return Err(format!("`fft_size` is {fft_size}; it must be a power of two, such as 2048"));
    }
    match hop {
        Some(hop) => within("hop", hop, 16, fft_size, "samples"),
        None => Ok(()),
    }
}

impl SpectrogramParams {
    fn look(&self) -> Result<Look, String> {
        within("width", self.width, 16, 8192, "pixels")?;
        within("height", self.height, 16, 4096, "pixels")?;
        within("range_db", self.range_db, 10.0, 200.0, "dB")?;
        check_frames(self.fft_size, self.hop)?;
        if let Some(from) = self.from_hz {
            within("from_hz", from, 0.0, 192_000.0, "Hz")?;
        }
        if let Some(to) = self.to_hz {
            within("to_hz", to, 1.0, 192_000.0, "Hz")?;
        }
        if let (Some(from), Some(to)) = (self.from_hz, self.to_hz)
            && from >= to
        {
            return Err(format!("`from_hz` is {from}; it must be below `to_hz`, which is {to}"));
        }
        Ok(Look {
            width: self.width,
            height: self.height,
            scale: self.scale.into(),
            range_db: self.range_db,
            colours: self.colors.into(),
            axes: self.axes,
            title: self.title.clone(),
            from_hz: self.from_hz,
            to_hz: self.to_hz,
        })
    }
}

/// The step.
pub static SPECTROGRAM: Builtin = Builtin {
    name: "audio.spectrogram",
    version: 1,
    summary: "Draws the spectrogram of a sound, with axes",
    outputs: &[OutputDoc::new("picture", "the spectrogram as PNG: time to the right, low frequencies at the bottom")
        .required()],
    values: &[
        ValueDoc { name: "duration", summary: "length of the sound in seconds, counted while decoding" },
        ValueDoc { name: "width", summary: "width of the picture, in pixels" },
        ValueDoc { name: "height", summary: "height of the picture, in pixels" },
    ],
    schema: schema_of::<SpectrogramParams>,
    check: |with| read::<SpectrogramParams>(with)?.look().map(drop),
    run,
};

fn run(with: Value, job: &Job) -> Result<Values, Fault> {
    let params: SpectrogramParams = parameters(with)?;
    let look = params.look().map_err(|wrong| Fault::input("parameters", wrong))?;
    let source = job.source()?;
    let to = required(job, "picture")?;
    let fault = |error| media_fault(&source.path, &error);
    let hop = params.hop.map(|hop| hop as usize);
    let (picture, duration) = draw(&source, look, params.fft_size as usize, hop).map_err(fault)?;
    picture.write_png(to).map_err(fault)?;
    let mut values = Values::new();
    values.insert("duration".into(), json!(duration));
    values.insert("width".into(), json!(picture.width()));
    values.insert("height".into(), json!(picture.height()));
    Ok(values)
}
