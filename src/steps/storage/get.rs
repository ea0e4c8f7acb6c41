//! `storage.get`: a file from object storage.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use super::limits::key_problem;
use crate::resilience::Fault;
use crate::resources::settings::ResourceKind;
use crate::resources::storage::{Key, Storage};
use crate::steps::builtin::{Builtin, OutputDoc, ValueDoc, Values, parameters, schema_of};
use crate::steps::common::read;
use crate::steps::resource::{Doing, ResourceJob, ResourceStep, needs_engine};

/// The parameters of `storage.get`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GetParams {
    /// The key of the object, below the prefix of the storage.
    pub from: String,
}

/// The step.
pub static GET: Builtin = Builtin {
    name: "storage.get",
    version: 1,
    summary: "Fetches a file from object storage; its length is verified, and its checksum where mediamill put it there",
    outputs: &[OutputDoc::new("file", "the content of the object").required()],
    values: &[
        ValueDoc { name: "key", summary: "key of the object, below the prefix of the storage" },
        ValueDoc { name: "bytes", summary: "length in bytes" },
        ValueDoc { name: "content_type", summary: "its media type, where the storage tells it" },
        ValueDoc { name: "etag", summary: "the service's word for this version of the object; a folder has none" },
    ],
    schema: schema_of::<GetParams>,
    check: |with| match key_problem(&read::<GetParams>(with)?.from, false) {
        Some(why) => Err(format!("`from`: {why}")),
        None => Ok(()),
    },
    run: needs_engine,
};

/// It with its resource.
pub static GET_RESOURCE: ResourceStep =
    ResourceStep { step: &GET, kind: ResourceKind::Storage, reads_file: false, run: |job| Box::pin(get(job)) as Doing };

async fn get(job: ResourceJob) -> Result<Values, Fault> {
    let with: GetParams = parameters(job.with.clone())?;
    let key = Key::parse(with.from)?;
    let missing = || Fault::input("outputs", "this step makes `file`, and its `out` does not name it");
    let to = job.outputs.get("file").ok_or_else(missing)?;
    let storage = job.lease::<Storage>()?;
    let object = storage.get(&key, to).await.map_err(|fault| fault.of_resource(&job.resource))?;
    let mut values = Values::new();
    values.insert("key".into(), json!(key.as_str()));
    values.insert("bytes".into(), json!(object.size));
    if let Some(content_type) = object.content_type {
        values.insert("content_type".into(), json!(content_type));
    }
    if let Some(etag) = object.etag {
        values.insert("etag".into(), json!(etag.trim_matches('"')));
    }
    Ok(values)
}
