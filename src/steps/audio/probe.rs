//! `audio.probe`: what a sound file says of itself.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::media::tags::Tags;
use crate::media::{MediaError, SoundInfo, SoundReader, decode};
use crate::resilience::Fault;
use crate::steps::builtin::{Builtin, Job, ValueDoc, Values, check_of, parameters, schema_of};
use crate::steps::media_fault::media_fault;

/// `audio.probe` takes no parameters.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProbeParams {}

/// The step.
pub static PROBE: Builtin = Builtin {
    name: "audio.probe",
    version: 2,
    summary: "Reads what a sound file says of itself, and its first block",
    outputs: &[],
    values: &[
        ValueDoc {
            name: "duration",
            summary: "length in seconds: as declared, or counted where the file does not say",
        },
        ValueDoc { name: "sample_rate", summary: "samples per second of each channel, in Hz" },
        ValueDoc { name: "channels", summary: "number of channels" },
        ValueDoc { name: "codec", summary: "how the sound is coded: pcm_s16le, flac, mp3, vorbis, aac, ..." },
        ValueDoc { name: "format", summary: "the container: wav, flac, mpeg, ogg, mp4, ..." },
        ValueDoc { name: "bits", summary: "bits of a sample; left out for lossy codecs" },
        ValueDoc { name: "bitrate_kbps", summary: "size of the file over its length, in kilobits per second" },
        ValueDoc {
            name: "tags",
            summary: "what the file says of its content, as far as it does: title, artist, album, album_artist, track, disc, \
                      year, genre, composer, comment",
        },
        ValueDoc { name: "pictures", summary: "number of pictures in it" },
    ],
    schema: schema_of::<ProbeParams>,
    check: check_of::<ProbeParams>,
    run,
};

fn run(with: Value, job: &Job) -> Result<Values, Fault> {
    parameters::<ProbeParams>(with)?;
    let path = job.input()?;
    let sound = SoundReader::open(path).map_err(|error| media_fault(path, &error))?;
    let mut values = described(sound.info());
    let duration = match sound.info().duration() {
        Some(duration) => duration,
        // Better to count than to guess: by its bit rate a song of 8 s was told to last 6.
        None => {
            let frames = decode::verify(path).map_err(|error| media_fault(path, &error))?;
            frames as f64 / f64::from(sound.info().sample_rate)
        }
    };
    values.insert("duration".into(), json!(duration));
    let size = std::fs::metadata(path).map_err(|error| media_fault(path, &MediaError::Unreadable(error)))?.len();
    if duration > 0.0 {
        values.insert("bitrate_kbps".into(), json!((size as f64 * 8.0 / duration / 1000.0).round()));
    }
    let tags = Tags::read(path).map_err(|error| media_fault(path, &error))?;
    let texts: Values = tags.texts().map(|(name, text)| (name.to_owned(), json!(text))).collect();
    values.insert("tags".into(), Value::Object(texts));
    values.insert("pictures".into(), json!(tags.pictures()));
    Ok(values)
}

/// The values that every step tells of the sound it read.
pub(super) fn described(info: &SoundInfo) -> Values {
    let mut values = Values::new();
    values.insert("sample_rate".into(), json!(info.sample_rate));
    values.insert("channels".into(), json!(info.channels));
    values.insert("codec".into(), json!(info.codec));
    values.insert("format".into(), json!(info.format.word()));
    if let Some(bits) = info.bits {
        values.insert("bits".into(), json!(bits));
    }
    values
}
