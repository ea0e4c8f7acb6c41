//! `audio.analyze`: everything that is measured of a sound, and its pictures, from one decoding.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::probe::described;
use super::spectrogram::{ColourMap, FrequencyScale, axes, check_frames, height, range_db, width};
use crate::media::analyze::{Analysis, Drawings, analyze};
use crate::media::source::OnDamage;
use crate::media::spectrogram::Look;
use crate::media::waveform::{WaveformColours, WaveformLook};
use crate::resilience::Fault;
use crate::steps::builtin::{Builtin, Job, OutputDoc, ValueDoc, Values, parameters, schema_of};
use crate::steps::common::{read, within, write_json};
use crate::steps::media_fault::media_fault;

/// The parameters of `audio.analyze`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AnalyzeParams {
    /// Width of the pictures, in pixels.
    #[serde(default = "width")]
    #[schemars(range(min = 16, max = 8192))]
    pub width: u32,
    /// Height of the spectrogram, in pixels; the waveform is half as high.
    #[serde(default = "height")]
    #[schemars(range(min = 16, max = 4096))]
    pub height: u32,
    /// How frequencies lie on the height of the spectrogram: `mel`, as the ear hears them, `linear`, or `log`.
    #[serde(default)]
    pub scale: FrequencyScale,
    /// From the brightest colour of the spectrogram, the loudest spot, down to black, in decibels.
    #[serde(default = "range_db")]
    #[schemars(range(min = 10.0, max = 200.0))]
    pub range_db: f32,
    /// The colours of the spectrogram: `inferno`, `magma`, `viridis`, `grey` or `paper` (dark on white).
    #[serde(default)]
    pub colors: ColourMap,
    /// Axes around the pictures, where there is room for them (200 times 100 pixels).
    #[serde(default = "axes")]
    pub axes: bool,
    /// Samples in one frame of the spectrogram, a power of two; where nothing is said those of the figures: 2048 from 32
    /// to 64 kHz, and about as long elsewhere. The figures do not depend on it.
    #[serde(default)]
    #[schemars(range(min = 256, max = 65536))]
    pub fft_size: Option<u32>,
    /// Samples from one frame of the spectrogram to the next; what fits the width where nothing is said.
    #[serde(default)]
    #[schemars(range(min = 16, max = 65536))]
    pub hop: Option<u32>,
    /// A sound that is damaged: `fail`, or `tell`, which analyses what can be decoded and lists the places.
    #[serde(default)]
    pub damage: DamageRule,
}

/// What is done about a sound that is damaged.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum DamageRule {
    /// The step fails, and says where and how much is lost.
    #[default]
    Fail,
    /// What can be decoded is analysed; `damage` in the JSON file lists the places.
    Tell,
}

impl AnalyzeParams {
    fn validate(&self) -> Result<(), String> {
        within("width", self.width, 16, 8192, "pixels")?;
        within("height", self.height, 16, 4096, "pixels")?;
        within("range_db", self.range_db, 10.0, 200.0, "dB")?;
        check_frames(self.fft_size.unwrap_or(65_536), self.hop)
    }

    /// What the pipeline asks for.
    fn drawings(&self, job: &Job) -> Drawings {
        let look = Look {
            width: self.width,
            height: self.height,
            scale: self.scale.into(),
            range_db: self.range_db,
            colours: self.colors.into(),
            axes: self.axes,
            ..Look::default()
        };
        let waveform = WaveformLook {
            width: self.width,
            height: self.height.div_ceil(2),
            colours: WaveformColours::default(),
            axes: self.axes,
        };
        Drawings {
            spectrogram: job.output("picture").map(|_| look),
            size: self.fft_size.map(|size| size as usize),
            hop: self.hop.map(|hop| hop as usize),
            waveform: job.output("waveform").map(|_| waveform),
        }
    }
}

/// The step.
pub static ANALYZE: Builtin = Builtin {
    name: "audio.analyze",
    version: 2,
    summary: "Measures loudness, tempo, key and features of a sound, and draws it, from one decoding",
    outputs: &[
        OutputDoc::new("json", "everything that was found out, as JSON: docs/analysis.md says what is in it"),
        OutputDoc::new("picture", "the spectrogram as PNG: time to the right, 0 Hz at the bottom"),
        OutputDoc::new("waveform", "the waveform as PNG: time to the right, one channel above the other"),
    ],
    values: &[
        ValueDoc { name: "duration", summary: "length in seconds, counted while decoding" },
        ValueDoc { name: "peak_dbfs", summary: "the largest sample, in dBFS; left out for digital silence" },
        ValueDoc {
            name: "rms_dbfs",
            summary: "root mean square over all channels, in dBFS; left out for digital silence",
        },
        ValueDoc {
            name: "integrated_lufs",
            summary: "loudness (EBU R 128), in LUFS; left out where it is not defined",
        },
        ValueDoc { name: "range_lu", summary: "loudness range, in LU; left out where it is not defined" },
        ValueDoc { name: "true_peak_dbtp", summary: "true peak, in dBTP; left out for digital silence" },
        ValueDoc { name: "bpm", summary: "tempo in beats a minute; left out for sounds without a beat" },
        ValueDoc { name: "tempo_confidence", summary: "how sure the tempo is, 0 to 1; left out with it" },
        ValueDoc {
            name: "key",
            summary: "the key, such as \"A minor\" or \"Eb major\"; left out for sounds without pitch",
        },
        ValueDoc { name: "key_confidence", summary: "how sure the key is, 0 to 1; left out with it" },
        ValueDoc { name: "tuning_cents", summary: "tuning above A = 440 Hz, in cents; left out without tones" },
        ValueDoc { name: "centroid_hz", summary: "mean spectral centroid, in Hz; left out for silence" },
        ValueDoc { name: "dynamic_range_db", summary: "dynamic range (DR14), in dB; left out below 6 s" },
        ValueDoc { name: "clipped_runs", summary: "runs of samples that were cut off at full scale" },
        ValueDoc { name: "silence_seconds", summary: "seconds in stretches of silence (-60 dBFS, 0.5 s and more)" },
        ValueDoc { name: "damaged_places", summary: "places that cannot be decoded; 0 unless `damage` is `tell`" },
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
    let mut source = job.source()?;
    source.damage = match params.damage {
        DamageRule::Fail => OnDamage::Refuse,
        DamageRule::Tell => OnDamage::Tell,
    };
    let fault = |error| media_fault(&source.path, &error);
    let found = analyze(&source, &params.drawings(job)).map_err(fault)?;
    for (name, picture) in [("picture", &found.spectrogram), ("waveform", &found.waveform)] {
        if let (Some(to), Some(picture)) = (job.output(name), picture) {
            picture.write_png(to).map_err(fault)?;
        }
    }
    if let Some(to) = job.output("json") {
        write_json(&found.analysis, to)?;
    }
    let mut values = figures(&found.analysis);
    values.insert("damaged_places".into(), json!(found.analysis.damage.len()));
    values.append(&mut described(&found.info));
    Ok(values)
}

/// The figures that placeholders can name.
fn figures(found: &Analysis) -> Values {
    let centroid = found.features.get("spectral_centroid").copied().flatten();
    let optional = [
        ("peak_dbfs", found.signal.peak_dbfs),
        ("rms_dbfs", found.signal.rms_dbfs),
        ("integrated_lufs", found.loudness.integrated_lufs),
        ("range_lu", found.loudness.range_lu),
        ("true_peak_dbtp", found.loudness.true_peak_dbtp),
        ("bpm", found.tempo.bpm),
        ("tempo_confidence", found.tempo.confidence),
        ("key_confidence", found.key.confidence),
        ("tuning_cents", found.tuning_cents),
        ("centroid_hz", centroid.map(|centroid| centroid.mean)),
        ("dynamic_range_db", found.signal.dynamic_range_db),
    ];
    let mut values = Values::new();
    values.insert("duration".into(), json!(found.duration_s));
    for (name, value) in optional {
        if let Some(value) = value {
            values.insert(name.into(), json!(value));
        }
    }
    if let (Some(tonic), Some(mode)) = (&found.key.tonic, &found.key.mode) {
        values.insert("key".into(), json!(format!("{tonic} {mode}")));
    }
    values.insert("clipped_runs".into(), json!(found.signal.clipping.count));
    values.insert("silence_seconds".into(), json!(found.signal.silence.seconds));
    values
}
