//! The one way in which a step that makes sound names its outputs and says how they are coded.
//!
//! Such a step lists [`SOUND_OUTPUTS`], has the parameters `bits` and `bitrate_kbps`, and gives both to [`targets`].

use schemars::{JsonSchema, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::media::encode::child::FFMPEG;
use crate::media::encode::flac::FlacBits;
use crate::media::encode::lossy::{Codec, Lossy};
use crate::media::encode::wav::WavBits;
use crate::media::encode::{Coding, Target};
use crate::resilience::Fault;
use crate::steps::builtin::{Job, OutputDoc};

/// The sound files that a step can make of its result, any of them and several at once.
pub const SOUND_OUTPUTS: [OutputDoc; 5] = [
    OutputDoc::new("wav", "the sound as WAV, of `bits` bits").one_of(),
    OutputDoc::new("flac", "the sound as FLAC, of `bits` bits, 16 or 24").one_of(),
    OutputDoc::new("mp3", "the sound as MP3").one_of().with_tool(FFMPEG),
    OutputDoc::new("m4a", "the sound as AAC in an MP4 file; more than 2 channels of it are read by ffmpeg, not here")
        .one_of()
        .with_tool(FFMPEG),
    OutputDoc::new("opus", "the sound as Opus in an Ogg file; not 5 or 7 channels").one_of().with_tool(FFMPEG),
];

/// The parameter `bits`: how many a sample has, where samples are kept as they are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Bits {
    /// 16-bit integers.
    #[default]
    Int16,
    /// 24-bit integers.
    Int24,
    /// 32-bit floating point.
    Float32,
}

impl<'de> Deserialize<'de> for Bits {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        match u64::deserialize(from)? {
            16 => Ok(Self::Int16),
            24 => Ok(Self::Int24),
            32 => Ok(Self::Float32),
            other => {
                Err(serde::de::Error::custom(format!("`bits` is {other}; it must be 16, 24 or 32 (floating point)")))
            }
        }
    }
}

impl Serialize for Bits {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_u8(match self {
            Self::Int16 => 16,
            Self::Int24 => 24,
            Self::Float32 => 32,
        })
    }
}

impl JsonSchema for Bits {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Bits".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        json_schema!({ "type": "integer", "enum": [16, 24, 32] })
    }
}

/// The parameter `bitrate_kbps`: kilobits per second of the lossy outputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(transparent)]
#[schemars(inline)]
pub struct Kbps(#[schemars(range(min = 8, max = 512))] u32);

/// What is to be written for `job`, with the step's parameters `bits` and `bitrate_kbps`.
///
/// # Errors
/// An input fault when no sound is asked for, or one that cannot have so many bits.
pub fn targets(job: &Job, bits: Bits, kbps: Option<Kbps>) -> Result<Vec<Target>, Fault> {
    let mut targets = Vec::new();
    for output in &SOUND_OUTPUTS {
        let Some(path) = job.output(output.name) else { continue };
        let lossy = |codec| Coding::Lossy(Lossy { codec, kbps: kbps.map(|Kbps(kbps)| kbps) });
        let coding = match output.name {
            "flac" => Coding::Flac(match bits {
                Bits::Int16 => FlacBits::Int16,
                Bits::Int24 => FlacBits::Int24,
                Bits::Float32 => return Err(Fault::input("parameters", "`bits` is 32, and FLAC holds 16 or 24")),
            }),
            "mp3" => lossy(Codec::Mp3),
            "m4a" => lossy(Codec::Aac),
            "opus" => lossy(Codec::Opus),
            _ => Coding::Wav(match bits {
                Bits::Int16 => WavBits::Int16,
                Bits::Int24 => WavBits::Int24,
                Bits::Float32 => WavBits::Float32,
            }),
        };
        targets.push(Target::new(path, coding));
    }
    if targets.is_empty() {
        let names = SOUND_OUTPUTS.map(|output| output.name).join("`, `");
        return Err(Fault::input("outputs", format!("this step makes `{names}`, and its `out` names none of them")));
    }
    Ok(targets)
}
