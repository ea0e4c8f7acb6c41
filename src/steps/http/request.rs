//! `http.request`: a call of a service, and what it answers.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Instant;

use reqwest::Method;
use reqwest::header::{CONTENT_TYPE, HeaderValue};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use super::answer;
use super::content::{self, PartParams};
use crate::resilience::Fault;
use crate::resources::http::{Body, HttpService, Request, header};
use crate::resources::settings::ResourceKind;
use crate::steps::builtin::{Builtin, OutputDoc, ValueDoc, Values, parameters, schema_of};
use crate::steps::common::read;
use crate::steps::resource::{Doing, ResourceJob, ResourceStep, needs_engine};

/// The parameters of `http.request`. At most one of `json`, `form`, `body`, `file` and `parts` says what is sent.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RequestParams {
    /// What is asked for; `GET` where nothing is said and nothing is sent, `POST` where something is.
    #[serde(default)]
    pub method: Option<Verb>,
    /// The path below the resource's `base_url`, as it is meant: letters that a URL cannot hold are encoded, `?` and `#`
    /// among them. It cannot lead to another host. Where neither it nor `url` is given, `base_url` itself is asked.
    #[serde(default)]
    pub path: Option<String>,
    /// A whole URL in its place. It leads to `base_url`'s host or to one of the resource's `allow_hosts`; where the
    /// resource has no `base_url`, to any public one.
    #[serde(default)]
    pub url: Option<String>,
    /// The query: for each name a text, a number, true or false, or a list of them.
    #[serde(default)]
    pub query: Map<String, Value>,
    /// Headers beside the resource's own, or in their place. A redirect to another host loses them.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// Sends this as JSON.
    #[serde(default)]
    pub json: Option<Value>,
    /// Sends this as the fields of a form.
    #[serde(default)]
    pub form: Option<Map<String, Value>>,
    /// Sends this text, as `text/plain` where `content_type` says nothing else.
    #[serde(default)]
    pub body: Option<String>,
    /// With true: sends the file that `in` names, as `application/octet-stream` where `content_type` says nothing else.
    #[serde(default)]
    pub file: bool,
    /// Sends these as a form with files (`multipart/form-data`).
    #[serde(default)]
    pub parts: Vec<PartParams>,
    /// What `body` or `file` is, such as `audio/wav`.
    #[serde(default)]
    pub content_type: Option<String>,
    /// The statuses of a success; all from 200 to 299 where nothing is said.
    #[serde(default)]
    pub expect: Vec<u16>,
    /// The header by which the service knows a call that is made again: with true, and where nothing is said,
    /// `Idempotency-Key`; a text names another; with false there is none. It holds the same text for every attempt at this
    /// step of this item. `GET`, `HEAD` and `OPTIONS` have none.
    #[serde(default)]
    pub idempotency_key: IdempotencyKey,
}

/// What is asked for (RFC 9110, 9; `PATCH`: RFC 5789).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum Verb {
    /// To have what is there.
    Get,
    /// To have its headers alone.
    Head,
    /// To have it worked on.
    Post,
    /// To put it there.
    Put,
    /// To change a part of it.
    Patch,
    /// To take it away.
    Delete,
    /// To know what can be asked for.
    Options,
}

impl Verb {
    const fn method(self) -> Method {
        match self {
            Self::Get => Method::GET,
            Self::Head => Method::HEAD,
            Self::Post => Method::POST,
            Self::Put => Method::PUT,
            Self::Patch => Method::PATCH,
            Self::Delete => Method::DELETE,
            Self::Options => Method::OPTIONS,
        }
    }
}

/// The header by which a service knows a call that is made again (draft-ietf-httpapi-idempotency-key-header).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencyKey(Option<String>);

impl Default for IdempotencyKey {
    fn default() -> Self {
        Self(Some("idempotency-key".to_owned()))
    }
}

impl<'de> Deserialize<'de> for IdempotencyKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reading;
        impl Visitor<'_> for Reading {
            type Value = IdempotencyKey;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("true, false, or the name of a header")
            }

            fn visit_bool<E: Error>(self, is_wanted: bool) -> Result<IdempotencyKey, E> {
                Ok(if is_wanted { IdempotencyKey::default() } else { IdempotencyKey(None) })
            }

            fn visit_str<E: Error>(self, name: &str) -> Result<IdempotencyKey, E> {
                header(name, "").map_err(E::custom)?;
                Ok(IdempotencyKey(Some(name.to_owned())))
            }
        }
        deserializer.deserialize_any(Reading)
    }
}

impl JsonSchema for IdempotencyKey {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "IdempotencyKey".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["boolean", "string"] })
    }

    fn inline_schema() -> bool {
        true
    }
}

/// The step.
pub static REQUEST: Builtin = Builtin {
    name: "http.request",
    version: 1,
    summary: "Calls a service over HTTP and keeps what it answers",
    outputs: &[OutputDoc::new("body", "the answer's body, as it comes, up to the resource's `max_response`")],
    values: &[
        ValueDoc { name: "status", summary: "status of the answer" },
        ValueDoc { name: "headers", summary: "headers of the answer by name, in lower case, without those of logins" },
        ValueDoc { name: "json", summary: "the answer, where it is JSON and no longer than 256 KiB" },
        ValueDoc { name: "text", summary: "the answer, where it is another text and no longer than 256 KiB" },
        ValueDoc { name: "bytes", summary: "length of the answer in bytes, unpacked" },
        ValueDoc {
            name: "seconds",
            summary: "time from the call to the end of the answer, with the wait for its turn",
        },
    ],
    schema: schema_of::<RequestParams>,
    check: |with| {
        let params = read::<RequestParams>(with)?;
        content::path(params.path.as_deref().unwrap_or_default())?;
        params.validate()
    },
    run: needs_engine,
};

/// It with its resource.
pub static REQUEST_RESOURCE: ResourceStep = ResourceStep {
    step: &REQUEST,
    kind: ResourceKind::Http,
    reads_file: false,
    run: |job| Box::pin(run(job)) as Doing,
};

impl RequestParams {
    fn validate(&self) -> Result<(), String> {
        let bodies = [
            ("json", self.json.is_some()),
            ("form", self.form.is_some()),
            ("body", self.body.is_some()),
            ("file", self.file),
            ("parts", !self.parts.is_empty()),
        ];
        let given: Vec<&str> = bodies.iter().filter(|(_, is_given)| *is_given).map(|(name, _)| *name).collect();
        if let [one, other, ..] = given.as_slice() {
            return Err(format!("give either `{one}` or `{other}`: a request carries one thing"));
        }
        let takes_none = matches!(self.method, Some(Verb::Get | Verb::Head));
        if let Some(name) = given.first().filter(|_| takes_none) {
            return Err(format!("`{name}` cannot be sent with GET or HEAD"));
        }
        if self.content_type.is_some() && self.body.is_none() && !self.file {
            return Err("`content_type` says what `body` or `file` is, and there is neither".to_owned());
        }
        if self.path.is_some() && self.url.is_some() {
            return Err("give either `path` or `url`".to_owned());
        }
        if let Some(status) = self.expect.iter().find(|status| !(200..600).contains(*status)) {
            return Err(format!("`expect`: {status} is no status that ends a request"));
        }
        self.parts.iter().try_for_each(PartParams::validate)?;
        content::pairs("query", &self.query)?;
        if let Some(form) = &self.form {
            content::pairs("form", form)?;
        }
        if let Some(kind) = &self.content_type {
            header("content-type", kind)?;
        }
        self.headers.iter().try_for_each(|(name, value)| header(name, value).map(drop))
    }

    fn has_body(&self) -> bool {
        self.json.is_some() || self.form.is_some() || self.body.is_some() || self.file || !self.parts.is_empty()
    }

    /// The request for `job`.
    fn request(self, job: &ResourceJob) -> Result<Request, Fault> {
        let wrong = |why: String| Fault::input("parameters", why);
        let verb = self.method.unwrap_or(if self.has_body() { Verb::Post } else { Verb::Get });
        let mut request = match self.url {
            Some(url) => Request::url(verb.method(), url),
            None => Request::new(verb.method(), self.path.unwrap_or_default()),
        };
        for (name, value) in content::pairs("query", &self.query).map_err(wrong)? {
            request = request.query(name, value);
        }
        let (kind, body) = if let Some(json) = self.json {
            (Some("application/json"), Body::Bytes(json.to_string().into_bytes()))
        } else if let Some(form) = self.form {
            (Some("application/x-www-form-urlencoded"), content::form(&form).map_err(wrong)?)
        } else if let Some(text) = self.body {
            (Some("text/plain; charset=utf-8"), Body::Bytes(text.into_bytes()))
        } else if self.file {
            (Some("application/octet-stream"), content::file(job.inputs.clone())?)
        } else if self.parts.is_empty() {
            (None, Body::Empty)
        } else {
            (None, content::parts(self.parts, job.inputs.clone())?)
        };
        if let Some(kind) = self.content_type.as_deref().or(kind) {
            let kind = HeaderValue::from_str(kind).map_err(|_| wrong("`content_type` is none".to_owned()))?;
            request = request.header(CONTENT_TYPE, kind);
        }
        let is_safe = matches!(verb, Verb::Get | Verb::Head | Verb::Options);
        if let Some(name) = self.idempotency_key.0.filter(|_| !is_safe) {
            let (name, value) = header(&name, &job.once).map_err(wrong)?;
            request = request.header(name, value);
        }
        for (name, value) in &self.headers {
            let (name, value) = header(name, value).map_err(wrong)?;
            request = request.header(name, value);
        }
        Ok(request.body(body))
    }
}

async fn run(job: ResourceJob) -> Result<Values, Fault> {
    let params: RequestParams = parameters(job.with.clone())?;
    params.validate().map_err(|why| Fault::input("parameters", why))?;
    let expect = params.expect.clone();
    let request = params.request(&job)?;
    let service = job.lease::<HttpService>()?;
    let begin = Instant::now();
    let to = job.outputs.get("body").map(std::path::PathBuf::as_path);
    let told = async { answer::values(answer::ask(&service, &request, &expect).await?, to, begin).await };
    told.await.map_err(|fault| fault.of_resource(&job.resource))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test that cannot unwrap has failed")]

    use serde_json::json;

    use super::*;

    #[test]
    fn what_cannot_be_asked_for_any_item_is_told_before_the_run() {
        let good = [
            json!({}),
            json!({ "path": "notes/7", "query": { "a": [1, "b", true, null] }, "expect": [200, 404] }),
            json!({ "method": "PUT", "json": null, "body": "x", "content_type": "text/csv" }),
            json!({ "method": "DELETE", "url": "https://x.org/?a=b", "idempotency_key": "X-Once" }),
            json!({ "parts": [{ "name": "a", "file": true }, { "name": "b", "text": "c" }] }),
        ];
        for with in good {
            assert_eq!((REQUEST.check)(with.clone()), Ok(()), "{with}");
        }
        let bad = [
            (json!({ "method": "get" }), "unknown variant"),
            (json!({ "path": "a?b=c" }), "`path` has `?`"),
            (json!({ "path": "a", "url": "https://x.org" }), "either `path` or `url`"),
            (json!({ "json": {}, "file": true }), "either `json` or `file`"),
            (json!({ "method": "GET", "body": "x" }), "cannot be sent with GET"),
            (json!({ "content_type": "text/csv" }), "there is neither"),
            (json!({ "expect": [42] }), "42 is no status"),
            (json!({ "query": { "a": { "b": 1 } } }), "`a` is a table"),
            (json!({ "headers": { "Host": "x.org" } }), "cannot be set"),
            (json!({ "headers": { "a": "b\r\nc" } }), "what no header can hold"),
            (json!({ "idempotency_key": "a b" }), "is no name of a header"),
            (json!({ "idempotency_key": 3 }), "true, false, or the name of a header"),
            (json!({ "parts": [{ "name": "a" }] }), "needs one of"),
            (json!({ "parts": [{ "name": "a", "text": "b", "file": true }] }), "needs one of"),
        ];
        for (with, why) in bad {
            let found = (REQUEST.check)(with.clone()).unwrap_err();
            assert!(found.contains(why), "{with}: {found}");
        }
    }
}
