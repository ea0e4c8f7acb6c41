//! `file.hash`: a fingerprint of the content.

use std::fs::File;
use std::path::Path;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::resilience::Fault;
use crate::steps::builtin::{Builtin, Job, ValueDoc, Values, check_of, parameters, schema_of};

/// How a hash is made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Algorithm {
    /// BLAKE3, 256 bits.
    #[default]
    Blake3,
}

/// The parameters of `file.hash`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HashParams {
    /// How the hash is made.
    #[serde(default)]
    pub algorithm: Algorithm,
}

/// The step.
pub static HASH: Builtin = Builtin {
    name: "file.hash",
    version: 1,
    summary: "Reads the whole file and tells a hash of its content",
    outputs: &[],
    values: &[
        ValueDoc { name: "hash", summary: "the hash, 64 hexadecimal digits" },
        ValueDoc { name: "size", summary: "length in bytes" },
    ],
    schema: schema_of::<HashParams>,
    check: check_of::<HashParams>,
    run,
};

fn run(with: Value, job: &Job) -> Result<Values, Fault> {
    let HashParams { algorithm: Algorithm::Blake3 } = parameters(with)?;
    let path = job.input()?;
    let (hash, size) =
        hash(path).map_err(|error| Fault::from_io(&format!("cannot read {}", path.display()), &error))?;
    let mut values = Values::new();
    values.insert("hash".into(), json!(hash));
    values.insert("size".into(), json!(size));
    Ok(values)
}

fn hash(path: &Path) -> std::io::Result<(String, u64)> {
    let mut hasher = blake3::Hasher::new();
    hasher.update_reader(File::open(path)?)?;
    Ok((hasher.finalize().to_hex().to_string(), hasher.count()))
}
