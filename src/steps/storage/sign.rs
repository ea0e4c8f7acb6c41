//! `storage.sign`: a link to an object, for anybody, for a while.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use super::limits::{key_problem, link_life};
use crate::resilience::Fault;
use crate::resilience::quantity::Period;
use crate::resources::settings::ResourceKind;
use crate::resources::storage::{Key, Link, LinkMethod, SHORTEST_LINK, Storage};
use crate::steps::builtin::{Builtin, ValueDoc, Values, parameters, schema_of};
use crate::steps::common::read;
use crate::steps::resource::{Doing, ResourceJob, ResourceStep, needs_engine};

/// The parameters of `storage.sign`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SignParams {
    /// The key of the object, below the prefix of the storage. Whether there is one is not looked at.
    pub key: String,
    /// How long the link lasts: 1 hour (the default) to 7 days. Who has the link may use it, and it stands in the
    /// checkpoint. A later run keeps it while it lasts, and signs another when less than 10 minutes of it are left.
    #[serde(default = "an_hour")]
    pub expires: Period,
    /// What the link allows: to `get` the object, or to `put` it.
    #[serde(default)]
    pub method: LinkMethod,
}

const fn an_hour() -> Period {
    Period(SHORTEST_LINK)
}

/// The step.
pub static SIGN: Builtin = Builtin {
    name: "storage.sign",
    version: 1,
    summary: "Signs a link to an object in storage, which works without a key for a while; a folder gives its public address",
    outputs: &[],
    values: &[
        ValueDoc { name: "key", summary: "key of the object, below the prefix of the storage" },
        ValueDoc { name: "signed_url", summary: "the link: whoever has it may use it until it ends" },
        ValueDoc { name: "expires", summary: "when the link ends, UTC (ISO 8601); left out where it does not" },
    ],
    schema: schema_of::<SignParams>,
    check: |with| read::<SignParams>(with)?.validate(),
    run: needs_engine,
};

/// It with its resource.
pub static SIGN_RESOURCE: ResourceStep = ResourceStep {
    step: &SIGN,
    kind: ResourceKind::Storage,
    reads_file: false,
    run: |job| Box::pin(sign(job)) as Doing,
};

impl SignParams {
    fn validate(&self) -> Result<(), String> {
        if let Some(why) = key_problem(&self.key, false) {
            return Err(format!("`key`: {why}"));
        }
        link_life("expires", self.expires).map(drop)
    }
}

async fn sign(job: ResourceJob) -> Result<Values, Fault> {
    let with: SignParams = parameters(job.with.clone())?;
    let key = Key::parse(with.key)?;
    let lasts = link_life("expires", with.expires).map_err(|why| Fault::input("parameters", why))?;
    let storage = job.lease::<Storage>()?;
    let link = storage.sign(with.method, &key, lasts).await.map_err(|fault| fault.of_resource(&job.resource))?;
    let mut values = link_values(&link);
    values.insert("key".into(), json!(key.as_str()));
    Ok(values)
}

/// What is told of a link.
pub(super) fn link_values(link: &Link) -> Values {
    let mut values = Values::new();
    values.insert("signed_url".into(), json!(link.url.as_str()));
    if let Some(expires) = link.expires {
        values.insert("expires".into(), json!(expires.to_string()));
    }
    values
}
