//! `audio.verify`: is this sound whole?

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::probe::described;
use crate::media::MediaError;
use crate::media::damage::Damage;
use crate::media::source::OnDamage;
use crate::resilience::Fault;
use crate::steps::builtin::{Builtin, Job, ValueDoc, Values, check_of, parameters, schema_of};
use crate::steps::media_fault::media_fault;

/// `audio.verify` takes no parameters.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct VerifyParams {}

/// The step.
pub static VERIFY: Builtin = Builtin {
    name: "audio.verify",
    version: 1,
    summary: "Decodes a whole sound, and fails for one that is cut or broken: where, and how much is lost",
    outputs: &[],
    values: &[
        ValueDoc { name: "duration", summary: "length in seconds, counted while decoding" },
        ValueDoc { name: "frames", summary: "samples of one channel" },
        ValueDoc {
            name: "checksum",
            summary: "ok: the sound has the MD5 that its FLAC file tells; none: it tells none",
        },
        ValueDoc { name: "sample_rate", summary: "samples per second of each channel, in Hz" },
        ValueDoc { name: "channels", summary: "number of channels" },
        ValueDoc { name: "codec", summary: "how the sound is coded: pcm_s16le, flac, mp3, vorbis, aac, opus, ..." },
        ValueDoc { name: "format", summary: "the container: wav, flac, mpeg, ogg, mp4, ..." },
        ValueDoc { name: "bits", summary: "bits of a sample; left out for lossy codecs" },
    ],
    schema: schema_of::<VerifyParams>,
    check: check_of::<VerifyParams>,
    run,
};

fn run(with: Value, job: &Job) -> Result<Values, Fault> {
    parameters::<VerifyParams>(with)?;
    let mut source = job.source()?;
    source.damage = OnDamage::Tell;
    let fault = |error: MediaError| media_fault(&source.path, &error);
    let mut sound = source.open_verifying().map_err(fault)?;
    let channels = sound.info().channels;
    let mut frames = 0_u64;
    while let Some(block) = sound.next_block().map_err(fault)? {
        frames += (block.len() / channels) as u64;
    }
    if let Some(wrong) = told(sound.damage()) {
        return Err(fault(wrong));
    }
    let mut values = Values::new();
    values.insert("duration".into(), json!(frames as f64 / f64::from(sound.info().sample_rate)));
    values.insert("frames".into(), json!(frames));
    values.insert("checksum".into(), json!(if sound.checked() == Some(true) { "ok" } else { "none" }));
    values.append(&mut described(sound.info()));
    Ok(values)
}

/// All damage in one sentence: the first place, how many there are, how much is lost.
fn told(damage: &[Damage]) -> Option<MediaError> {
    let (first, others) = damage.split_first()?;
    let lost: f64 = damage.iter().filter_map(|damage| damage.lost_s).sum();
    let mut message = first.what.clone();
    if !others.is_empty() {
        let word = if others.len() == 1 { "place" } else { "places" };
        message.push_str(&format!("; {} more {word} up to {:.2} s", others.len(), others[others.len() - 1].at_s));
    }
    // The end of a file tells itself how much is missing.
    if lost > 0.0 && !message.contains("missing") {
        message.push_str(&format!("; {lost:.2} s are lost"));
    }
    Some(MediaError::Damaged { message, at: Some(first.at_s) })
}
