//! The result of an analysis, as it is written: its names are a promise, and its schema has a version.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::media::damage::Damage;
use crate::media::features::statistics::Statistics;
use crate::media::signal::SignalFigures;

/// The version of the schema: raised when a name goes or means something else. New names come without.
pub const SCHEMA_VERSION: u32 = 1;

/// What mediamill found out about one sound, from one decoding of it. What is not defined is null, and never left out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Analysis {
    /// What this is.
    pub schema: SchemaName,
    /// Length in seconds, counted while decoding.
    pub duration_s: f64,
    /// Samples per second of each channel.
    pub sample_rate_hz: u32,
    /// The number of channels.
    pub channels: u32,
    /// How the sound is coded: `pcm_s16le`, `flac`, `mp3`, ...
    pub codec: String,
    /// The container: `wav`, `flac`, `mpeg`, `ogg`, `mp4`, ...
    pub format: String,
    /// Bits of a sample as coded; null for lossy codecs.
    pub bits: Option<u32>,
    /// Peak, level, offset, dynamic range, clipping and silence.
    pub signal: SignalFigures,
    /// Loudness by EBU R 128.
    pub loudness: Loudness,
    /// Tempo and beats.
    pub tempo: Tempo,
    /// Key and mode.
    pub key: Key,
    /// The times at which a note or a stroke begins, in seconds.
    pub onsets_s: Vec<f64>,
    /// How many cents the tones lie above (or below) a scale on A = 440 Hz, from -50 to 50.
    pub tuning_cents: Option<f64>,
    /// The features over the frames of the sound, by name; null where no frame has one, as the spectrum of digital silence.
    pub features: IndexMap<String, Option<Statistics>>,
    /// What could not be read of the file; empty for a whole one.
    pub damage: Vec<Damage>,
}

/// The name and version of the schema.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SchemaName {
    /// `mediamill.analysis`.
    pub name: String,
    /// Raised when a name goes or means something else.
    pub version: u32,
}

impl Default for SchemaName {
    fn default() -> Self {
        Self { name: "mediamill.analysis".to_owned(), version: SCHEMA_VERSION }
    }
}

/// Loudness by EBU R 128. A figure is null for digital silence and for sounds shorter than its window.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Loudness {
    /// Loudness of the whole, in LUFS.
    pub integrated_lufs: Option<f64>,
    /// Loudness range, in LU.
    pub range_lu: Option<f64>,
    /// The highest point of the waveform, between samples too, in dBTP.
    pub true_peak_dbtp: Option<f64>,
    /// The highest loudness of any 0.4 s, in LUFS.
    pub momentary_max_lufs: Option<f64>,
    /// The highest loudness of any 3 s, in LUFS.
    pub short_term_max_lufs: Option<f64>,
}

/// Tempo and beats; null and empty for sounds without a beat.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Tempo {
    /// Beats a minute.
    pub bpm: Option<f64>,
    /// How sure that is, 0 to 1.
    pub confidence: Option<f64>,
    /// Other tempi at which one could tap along, the best first.
    pub alternatives_bpm: Vec<f64>,
    /// The times of the beats, in seconds.
    pub beats_s: Vec<f64>,
}

/// Key and mode; null for sounds without pitch.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Key {
    /// C, C#, D, Eb, E, F, F#, G, Ab, A, Bb or B.
    #[schemars(extend("enum" = ["C", "C#", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B", null]))]
    pub tonic: Option<String>,
    /// `major` or `minor`.
    #[schemars(extend("enum" = ["major", "minor", null]))]
    pub mode: Option<String>,
    /// How sure that is, 0 to 1.
    pub confidence: Option<f64>,
}
