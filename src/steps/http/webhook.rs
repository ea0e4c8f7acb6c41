//! `webhook`: tells a service that something has happened.

use std::collections::BTreeMap;
use std::time::Instant;

use reqwest::Method;
use reqwest::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{answer, content};
use crate::resilience::Fault;
use crate::resources::http::{Body, HttpService, Request, header};
use crate::resources::settings::ResourceKind;
use crate::steps::builtin::{Builtin, ValueDoc, Values, parameters, schema_of};
use crate::steps::common::read;
use crate::steps::resource::{Doing, ResourceJob, ResourceStep, needs_engine};

/// The same for every attempt to deliver the same thing.
const DELIVERY: HeaderName = HeaderName::from_static("x-mediamill-delivery");
/// HMAC-SHA256 of the body, with the resource's secret.
const SIGNATURE: HeaderName = HeaderName::from_static("x-mediamill-signature");

/// The parameters of `webhook`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WebhookParams {
    /// What is told: any table. It is sent by `POST` as JSON.
    pub json: Map<String, Value>,
    /// The path below the resource's `base_url`; `base_url` itself where nothing is said.
    #[serde(default)]
    pub path: String,
    /// Headers beside the resource's own, or in their place.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
}

/// The step. The header `X-Mediamill-Delivery` is the same for every attempt; with the resource's `signing_secret`,
/// `X-Mediamill-Signature` is `sha256=` and the HMAC-SHA256 of the body in hexadecimal digits.
pub static WEBHOOK: Builtin = Builtin {
    name: "webhook",
    version: 1,
    summary: "Posts JSON to a service, signed where the resource has a signing_secret",
    outputs: &[],
    values: &[
        ValueDoc { name: "status", summary: "status of the answer, from 200 to 299" },
        ValueDoc { name: "delivery", summary: "what X-Mediamill-Delivery was: the same for every attempt" },
        ValueDoc { name: "seconds", summary: "time from the call to the answer" },
    ],
    schema: schema_of::<WebhookParams>,
    check: |with| {
        let params = read::<WebhookParams>(with)?;
        content::path(&params.path)?;
        params.validate()
    },
    run: needs_engine,
};

/// It with its resource.
pub static WEBHOOK_RESOURCE: ResourceStep = ResourceStep {
    step: &WEBHOOK,
    kind: ResourceKind::Http,
    reads_file: false,
    run: |job| Box::pin(run(job)) as Doing,
};

impl WebhookParams {
    fn validate(&self) -> Result<(), String> {
        self.headers.iter().try_for_each(|(name, value)| header(name, value).map(drop))
    }
}

async fn run(job: ResourceJob) -> Result<Values, Fault> {
    let wrong = |why: String| Fault::input("parameters", why);
    let params: WebhookParams = parameters(job.with.clone())?;
    let service = job.lease::<HttpService>()?;
    let body = Value::Object(params.json).to_string().into_bytes();
    // Whoever listens to a hook answers; elsewhere it has no business.
    let mut request = Request::new(Method::POST, params.path).redirects(0);
    for (name, value) in &params.headers {
        let (name, value) = header(name, value).map_err(wrong)?;
        request = request.header(name, value);
    }
    request = request.header(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    request = request.header(DELIVERY, header(DELIVERY.as_str(), &job.once).map_err(wrong)?.1);
    if let Some(signature) = service.signature(&body) {
        let signature = format!("sha256={signature}");
        request = request.header(SIGNATURE, header(SIGNATURE.as_str(), &signature).map_err(wrong)?.1);
    }
    let begin = Instant::now();
    let answered = answer::ask(&service, &request.body(Body::Bytes(body)), &[]).await;
    let answered = answered.map_err(|fault| fault.of_resource(&job.resource))?;
    let mut values = Values::new();
    values.insert("status".into(), json!(answered.status()));
    values.insert("delivery".into(), json!(job.once));
    values.insert("seconds".into(), json!(answer::seconds(begin)));
    Ok(values)
}
