//! `audio.loudness`: how loud a sound is, by EBU R 128.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::media::loudness::{Loudness, LoudnessFigures};
use crate::media::{MediaError, Source};
use crate::resilience::Fault;
use crate::steps::builtin::{Builtin, Job, OutputDoc, ValueDoc, Values, check_of, parameters, schema_of};
use crate::steps::common::write_json;
use crate::steps::media_fault::media_fault;

/// `audio.loudness` takes no parameters.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LoudnessParams {}

/// The step.
pub static LOUDNESS: Builtin = Builtin {
    name: "audio.loudness",
    version: 1,
    summary: "Measures how loud a sound is, by EBU R 128 (ITU-R BS.1770-4)",
    outputs: &[OutputDoc::new("json", "the values as a JSON file; what is not defined is null")],
    values: &[
        ValueDoc {
            name: "integrated_lufs",
            summary: "loudness of the whole, gated, in LUFS; left out for silence and below 0.4 s. One channel counts as \
                      one loudspeaker: the same in stereo measures 3 LU more",
        },
        ValueDoc { name: "range_lu", summary: "loudness range, in LU; left out for silence and below 3 s" },
        ValueDoc { name: "true_peak_dbtp", summary: "highest point of the waveform, in dBTP; left out for silence" },
        ValueDoc { name: "sample_peak_dbfs", summary: "the largest sample, in dBFS; left out for silence" },
        ValueDoc { name: "momentary_max_lufs", summary: "loudest 0.4 s, in LUFS; left out where there are none" },
        ValueDoc { name: "short_term_max_lufs", summary: "loudest 3 s, in LUFS; left out where there are none" },
        ValueDoc { name: "duration", summary: "length in seconds, counted while decoding" },
    ],
    schema: schema_of::<LoudnessParams>,
    check: check_of::<LoudnessParams>,
    run,
};

fn run(with: Value, job: &Job) -> Result<Values, Fault> {
    parameters::<LoudnessParams>(with)?;
    let source = job.source()?;
    let (figures, duration) = measure(&source).map_err(|error| media_fault(&source.path, &error))?;
    let named = [
        ("integrated_lufs", figures.integrated_lufs),
        ("range_lu", figures.range_lu),
        ("true_peak_dbtp", figures.true_peak_dbtp),
        ("sample_peak_dbfs", figures.sample_peak_dbfs),
        ("momentary_max_lufs", figures.momentary_max_lufs),
        ("short_term_max_lufs", figures.short_term_max_lufs),
        ("duration", Some(duration)),
    ];
    let mut values: Values = named.iter().map(|(name, figure)| ((*name).to_string(), json!(figure))).collect();
    if let Some(to) = job.output("json") {
        write_json(&values, to)?;
    }
    values.retain(|_, value| !value.is_null());
    Ok(values)
}

/// The figures of the whole sound and its length in seconds.
fn measure(source: &Source) -> Result<(LoudnessFigures, f64), MediaError> {
    let mut sound = source.open()?;
    let (rate, channels) = (sound.info().sample_rate, sound.info().channels);
    let (mut meter, mut samples) = (Loudness::new(rate, channels), 0_u64);
    while let Some(block) = sound.next_block()? {
        samples += block.len() as u64;
        meter.add(block);
    }
    Ok((meter.finish(), samples as f64 / channels as f64 / f64::from(rate)))
}
