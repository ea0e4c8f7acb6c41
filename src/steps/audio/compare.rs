//! `audio.compare`: two sounds held against each other.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::media::Source;
use crate::media::compare::{Comparison, compare};
use crate::resilience::Fault;
use crate::steps::builtin::{Builtin, Job, OutputDoc, ValueDoc, Values, parameters, schema_of};
use crate::steps::common::{read, within, write_json};
use crate::steps::media_fault::media_fault;

/// The parameters of `audio.compare`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CompareParams {
    /// How late or early the second sound may be, in seconds. Where that is more than 131072 samples in all, both are read
    /// several times over.
    #[serde(default = "max_offset_s")]
    #[schemars(range(min = 0.0, max = 2.0))]
    pub max_offset_s: f64,
    /// The step fails where what is left of the second sound without the first is not so far below it, in dB, or where one
    /// goes on after the other has ended for more than a hundredth of its length. 90 asks for the same sound but for 16-bit
    /// rounding; nothing is asked for where nothing is said.
    #[serde(default)]
    #[schemars(range(min = 0.0, max = 200.0))]
    pub least_null_db: Option<f64>,
}

const fn max_offset_s() -> f64 {
    1.0
}

impl CompareParams {
    fn validate(&self) -> Result<(), String> {
        within("max_offset_s", self.max_offset_s, 0.0, 2.0, "seconds")?;
        self.least_null_db.map_or(Ok(()), |least| within("least_null_db", least, 0.0, 200.0, "dB"))
    }
}

/// How much of the longer sound may go on after the other has ended where they must be alike.
const MOST_TAIL: f64 = 0.01;

/// The step.
pub static COMPARE: Builtin = Builtin {
    name: "audio.compare",
    version: 2,
    summary: "Holds two sounds against each other: shift, gain, polarity, and what is left between them",
    outputs: &[OutputDoc::new("json", "the values as a JSON file")],
    values: &[
        ValueDoc { name: "equal", summary: "whether both have the same length and the same samples" },
        ValueDoc { name: "offset_s", summary: "by how many seconds the second is late; below 0 where it is early" },
        ValueDoc { name: "offset_frames", summary: "the same in samples of one channel, at the rate of the first" },
        ValueDoc { name: "gain_db", summary: "how much louder the second is, in dB; left out where either is silent" },
        ValueDoc { name: "inverted", summary: "whether the second has the other polarity" },
        ValueDoc {
            name: "null_depth_db",
            summary: "how far below the second that lies which is left when the first, brought to its place and level, is \
                      taken from it, in dB; left out where nothing is left",
        },
        ValueDoc { name: "overlap", summary: "seconds in which both sound when they lie over each other" },
        ValueDoc { name: "tail", summary: "seconds for which one then goes on after the other has ended" },
    ],
    schema: schema_of::<CompareParams>,
    check: |with| read::<CompareParams>(with)?.validate(),
    run,
};

fn run(with: Value, job: &Job) -> Result<Values, Fault> {
    let params: CompareParams = parameters(with)?;
    params.validate().map_err(|wrong| Fault::input("parameters", wrong))?;
    let [first, second] = job.inputs.as_slice() else {
        return Err(Fault::input("inputs", format!("this step reads two files, {} were given", job.inputs.len())));
    };
    let watched = Source { watch: job.watch.clone(), ..Source::new(first) };
    let found = compare(&watched, &Source::new(second), params.max_offset_s)
        .map_err(|(number, error)| media_fault(&job.inputs[number], &error))?;
    let mut values = Values::new();
    values.insert("equal".into(), json!(found.equal));
    values.insert("offset_s".into(), json!(found.offset as f64 / f64::from(found.sample_rate)));
    values.insert("offset_frames".into(), json!(found.offset));
    if let Some(gain) = found.gain_db {
        values.insert("gain_db".into(), json!(gain));
    }
    values.insert("inverted".into(), json!(found.inverted));
    if let Some(depth) = found.null_depth_db {
        values.insert("null_depth_db".into(), json!(depth));
    }
    values.insert("overlap".into(), json!(found.overlap));
    values.insert("tail".into(), json!(found.tail));
    if let Some(to) = job.output("json") {
        write_json(&values, to)?;
    }
    if let Some(least) = params.least_null_db {
        alike(&found, least).map_err(|wrong| {
            Fault::input("differs", format!("{} differs from {}: {wrong}", second.display(), first.display()))
        })?;
    }
    Ok(values)
}

/// Tells in what the second sound is not that of the first.
fn alike(found: &Comparison, least: f64) -> Result<(), String> {
    if let Some(depth) = found.null_depth_db.filter(|depth| *depth < least) {
        return Err(format!("what is left is {depth:.1} dB below it, not {least} dB"));
    }
    let Comparison { overlap, tail, .. } = found;
    if *tail > MOST_TAIL * (overlap + tail) {
        return Err(format!("one goes on for {tail:.3} s after the other has ended; they agree for {overlap:.3} s"));
    }
    Ok(())
}
