//! What is asked of a service.

use reqwest::Method;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;

use super::body::Body;
use super::origin::Target;

/// What is asked of a service.
#[derive(Clone)]
pub struct Request {
    pub(super) method: Method,
    pub(super) target: Target,
    pub(super) query: Vec<(String, String)>,
    pub(super) headers: HeaderMap,
    pub(super) body: Body,
    pub(super) redirects: Option<u8>,
}

impl Request {
    /// A request for what is at `path` below `base_url`. The path is as it is meant, with nothing encoded: `?` and `#` are
    /// letters of it.
    pub fn new(method: Method, path: impl Into<String>) -> Self {
        Self::to(method, Target::Path(path.into()))
    }

    /// A request for what is at a whole URL: the origin of `base_url`, or where the resource may go beside it.
    pub fn url(method: Method, url: impl Into<String>) -> Self {
        Self::to(method, Target::Url(url.into()))
    }

    fn to(method: Method, target: Target) -> Self {
        let (query, headers) = (Vec::new(), HeaderMap::new());
        Self { method, target, query, headers, body: Body::Empty, redirects: None }
    }

    /// With one more pair of the query.
    #[must_use]
    pub fn query(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.query.push((name.into(), value.into()));
        self
    }

    /// With a header. It takes the place of the resource's header of the same name.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    /// With a body.
    #[must_use]
    pub fn body(mut self, body: Body) -> Self {
        self.body = body;
        self
    }

    /// With JSON.
    #[must_use]
    pub fn json(self, value: &Value) -> Self {
        self.header(CONTENT_TYPE, HeaderValue::from_static("application/json"))
            .body(Body::Bytes(value.to_string().into_bytes()))
    }

    /// Follows so many redirects at most, whatever the resource says.
    #[must_use]
    pub fn redirects(mut self, most: u8) -> Self {
        self.redirects = Some(most);
        self
    }
}
