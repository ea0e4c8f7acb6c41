//! `storage.put`: files into object storage.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::limits::{key_problem, link_life};
use super::sign::link_values;
use crate::resilience::Fault;
use crate::resilience::quantity::Period;
use crate::resources::settings::ResourceKind;
use crate::resources::storage::{IfExists, Key, LinkMethod, PutOptions, Storage};
use crate::steps::builtin::{Builtin, ValueDoc, Values, parameters, schema_of};
use crate::steps::common::read;
use crate::steps::resource::{Doing, ResourceJob, ResourceStep, needs_engine};

/// The parameters of `storage.put`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PutParams {
    /// The key of the object, below the prefix of the storage, such as `{item.hash}/generated/song.mp3`. Where it ends with
    /// a slash, each file is put below it by its own name; several files need that.
    pub to: String,
    /// The media type, such as `audio/mpeg`; by the ending of the key where nothing is said.
    #[serde(default)]
    pub content_type: Option<String>,
    /// How long others may keep the object, as the header `Cache-Control` says it: `public, max-age=3600`.
    #[serde(default)]
    pub cache_control: Option<String>,
    /// Words of your own that go with the object, by name. Names are of lower-case letters, digits, `-` and `_`; Azure takes
    /// no `-`. Values are ASCII.
    #[serde(default)]
    pub metadata: BTreeMap<String, String>,
    /// What to do where there is an object of this key already: `overwrite` it (one with the same content, type and metadata
    /// that was put before is left as it is), `skip` and leave it, or `fail` unless it is the same.
    #[serde(default)]
    pub if_exists: IfExists,
    /// Signs a link to fetch the object, which lasts for so long: 1 hour to 7 days. Who has the link may use it, and it
    /// stands in the checkpoint. A later run keeps it while it lasts, and signs another when less than 10 minutes of it are
    /// left; an object that is there already is not sent again for that.
    #[serde(default)]
    pub sign: Option<Period>,
}

/// The step.
pub static PUT: Builtin = Builtin {
    name: "storage.put",
    version: 1,
    summary: "Puts the file into object storage, or several files; signs a link to it",
    outputs: &[],
    values: &[
        ValueDoc { name: "key", summary: "key of the object, below the prefix of the storage; of one file" },
        ValueDoc {
            name: "url",
            summary: "where it is, without a secret: below `public_url` of the storage where that is set; of one file",
        },
        ValueDoc {
            name: "signed_url",
            summary: "the signed link, where `sign` is set: whoever has it may fetch the object until it ends; of one file",
        },
        ValueDoc {
            name: "expires",
            summary: "when the signed link ends, UTC (ISO 8601); left out where it does not; of one file",
        },
        ValueDoc {
            name: "etag",
            summary: "the service's word for this version of the object; a folder has none; of one file",
        },
        ValueDoc { name: "bytes", summary: "bytes of all objects together" },
        ValueDoc { name: "sent", summary: "number of files that were sent: the others were there already" },
        ValueDoc {
            name: "objects",
            summary: "for each file, in their order: key, url, signed_url, expires, etag, bytes",
        },
    ],
    schema: schema_of::<PutParams>,
    check: |with| read::<PutParams>(with)?.validate(),
    run: needs_engine,
};

/// It with its resource.
pub static PUT_RESOURCE: ResourceStep =
    ResourceStep { step: &PUT, kind: ResourceKind::Storage, reads_file: true, run: |job| Box::pin(put(job)) as Doing };

impl PutParams {
    fn validate(&self) -> Result<(), String> {
        if let Some(why) = key_problem(&self.to, true) {
            return Err(format!("`to`: {why}"));
        }
        for (name, header) in [("content_type", &self.content_type), ("cache_control", &self.cache_control)] {
            if header.as_deref().is_some_and(|header| header.is_empty() || !is_header(header)) {
                return Err(format!("`{name}` must be printable ASCII"));
            }
        }
        for (name, value) in &self.metadata {
            let is_letter =
                |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_');
            if name.is_empty() || !name.bytes().all(is_letter) || name == "mediamill" {
                return Err(format!(
                    "`metadata`: '{}' is no name; take lower-case letters, digits, - and _",
                    name.escape_debug()
                ));
            }
            if !is_header(value) {
                return Err(format!("`metadata`: the value of '{name}' must be printable ASCII"));
            }
        }
        self.sign.map_or(Ok(()), |sign| link_life("sign", sign).map(drop))
    }
}

fn is_header(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ')
}

async fn put(job: ResourceJob) -> Result<Values, Fault> {
    let with: PutParams = parameters(job.with.clone())?;
    let blamed = |fault: Fault| fault.of_resource(&job.resource);
    // A key that leads out has its own cause, and is told before the rest.
    let keys = keys(&with.to, &job.inputs)?;
    with.validate().map_err(|why| Fault::input("parameters", why))?;
    let sign =
        with.sign.map(|sign| link_life("sign", sign)).transpose().map_err(|why| Fault::input("parameters", why))?;
    let options = PutOptions {
        content_type: with.content_type,
        cache_control: with.cache_control,
        metadata: with.metadata,
        if_exists: with.if_exists,
    };
    let storage = job.lease::<Storage>()?;
    let (mut objects, mut bytes, mut sent) = (Vec::new(), 0, 0);
    for (key, file) in keys.iter().zip(&job.inputs) {
        let put = storage.put(key, file, &options).await.map_err(blamed)?;
        bytes += put.size;
        sent += u64::from(!put.skipped);
        let mut object = Values::new();
        object.insert("key".into(), json!(key.as_str()));
        object.insert("url".into(), json!(storage.url(key).map_err(blamed)?.as_str()));
        if let Some(lasts) = sign {
            object.extend(link_values(&storage.sign(LinkMethod::Get, key, lasts).await.map_err(blamed)?));
        }
        if let Some(etag) = put.etag {
            object.insert("etag".into(), json!(etag.trim_matches('"')));
        }
        object.insert("bytes".into(), json!(put.size));
        objects.push(object);
    }
    let mut values = match objects.as_slice() {
        [one] => one.clone(),
        _ => Values::new(),
    };
    values.insert("bytes".into(), json!(bytes));
    values.insert("sent".into(), json!(sent));
    values.insert("objects".into(), objects.into_iter().map(Value::Object).collect());
    Ok(values)
}

/// The key of each file.
fn keys(to: &str, files: &[PathBuf]) -> Result<Vec<Key>, Fault> {
    let Some(folder) = to.strip_suffix('/') else {
        return match files {
            [_] => Ok(vec![Key::parse(to)?]),
            _ => Err(Fault::input("inputs", format!("`to` is one key, and {} files are given", files.len()))
                .with_hint("end it with a slash: each file is then put below it by its name")),
        };
    };
    let folder = Key::parse(folder)?;
    let mut taken = BTreeSet::new();
    let keys = files.iter().map(|file| {
        let key = folder.join(&Key::parse(file_name(file)?)?)?;
        match taken.insert(key.clone()) {
            true => Ok(key),
            false => Err(Fault::input("inputs", format!("two files would be put as '{key}'"))),
        }
    });
    keys.collect()
}

fn file_name(file: &Path) -> Result<&str, Fault> {
    let name = file.file_name().and_then(|name| name.to_str());
    name.ok_or_else(|| Fault::input("path", format!("the name of {} is no text: it makes no key", file.display())))
}
