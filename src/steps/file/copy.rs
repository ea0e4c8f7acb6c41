//! `file.copy`: the input, as it is.

use std::fs::{File, FileTimes};
use std::io;
use std::path::Path;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::resilience::Fault;
use crate::steps::builtin::{Builtin, Job, OutputDoc, ValueDoc, Values, check_of, parameters, schema_of};
use crate::steps::common::required;

/// `file.copy` takes no parameters.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CopyParams {}

/// The step.
pub static COPY: Builtin = Builtin {
    name: "file.copy",
    version: 1,
    summary: "Copies the file, with its date",
    outputs: &[OutputDoc::new("copy", "the copy").required()],
    values: &[ValueDoc { name: "size", summary: "length in bytes" }],
    schema: schema_of::<CopyParams>,
    check: check_of::<CopyParams>,
    run,
};

fn run(with: Value, job: &Job) -> Result<Values, Fault> {
    parameters::<CopyParams>(with)?;
    let from = job.input()?;
    let to = required(job, "copy")?;
    let size = copy(from, to)
        .map_err(|error| Fault::from_io(&format!("cannot copy {} to {}", from.display(), to.display()), &error))?;
    let mut values = Values::new();
    values.insert("size".into(), json!(size));
    Ok(values)
}

fn copy(from: &Path, to: &Path) -> io::Result<u64> {
    let mut source = File::open(from)?;
    let about = source.metadata()?;
    if about.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    let mut copy = File::create(to)?;
    let size = io::copy(&mut source, &mut copy)?;
    // A file system that keeps no time keeps none of the source's either.
    if let Ok(modified) = about.modified() {
        copy.set_times(FileTimes::new().set_modified(modified))?;
    }
    Ok(size)
}
