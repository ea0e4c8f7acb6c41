//! The provider of HTTP services, and the handle that it gives.

use std::sync::Arc;

use hmac::{Hmac, KeyInit, Mac};
use reqwest::Method;
use serde_json::{Map, Value};
use sha2::Sha256;

use super::client::Client;
use super::request::Request;
use super::response::Response;
use super::settings::{Probe, ProbeMethod, Settings, resolve};
use crate::resilience::fault::THROTTLED;
use crate::resilience::{Fault, FaultClass};
use crate::resources::health::HealthReport;
use crate::resources::provider::Provider;
use crate::resources::secret::Secrets;

/// A service that requests can be made to. All handles of a resource share its connections: how many there are bounds how
/// many requests run at once.
#[derive(Clone)]
pub struct HttpService {
    client: Client,
    signing_secret: Option<Arc<str>>,
}

impl HttpService {
    /// Makes a request. What comes back is an answer of any status.
    ///
    /// # Errors
    /// No answer came, or the request goes where it must not.
    pub async fn request(&self, request: &Request) -> Result<Response, Fault> {
        self.client.send(request).await
    }

    /// HMAC-SHA256 (RFC 2104) of `body` with the resource's `signing_secret`, as hexadecimal digits; nothing without one.
    #[must_use]
    pub fn signature(&self, body: &[u8]) -> Option<String> {
        // A key may have any length.
        let mut mac = Hmac::<Sha256>::new_from_slice(self.signing_secret.as_ref()?.as_bytes()).ok()?;
        mac.update(body);
        Some(mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect())
    }
}

/// Hands out an HTTP service.
pub struct HttpProvider {
    service: HttpService,
    probe: Probe,
}

/// The provider.
pub(in crate::resources) fn open(settings: Settings, secrets: &Secrets) -> Result<HttpProvider, Fault> {
    let misfit = |why: String| Fault::new(FaultClass::Dependency, "settings", secrets.redact(&why));
    let client = Client::new(resolve(&settings).map_err(misfit)?, secrets)?;
    let signing_secret = settings.signing_secret.map(Arc::from);
    Ok(HttpProvider { service: HttpService { client, signing_secret }, probe: settings.health })
}

impl Provider for HttpProvider {
    type Handle = HttpService;

    async fn create(&self) -> Result<HttpService, Fault> {
        Ok(self.service.clone())
    }

    async fn check(&self) -> Result<HealthReport, Fault> {
        if !self.service.client.has_base() {
            return Ok(HealthReport::healthy("no base_url: there is nothing to look at"));
        }
        let method = match self.probe.method {
            ProbeMethod::Head => Method::HEAD,
            ProbeMethod::Get => Method::GET,
        };
        let shown = format!("{method} {}", self.probe.path);
        let answer = match self.service.request(&Request::new(method, &self.probe.path)).await {
            Ok(answer) => answer,
            Err(fault) if fault.cause == THROTTLED => return Ok(HealthReport::degraded(fault.message)),
            Err(fault) => return Err(fault),
        };
        let status = answer.status();
        let expect = &self.probe.expect;
        if if expect.is_empty() { status < 500 } else { expect.contains(&status) } {
            return Ok(HealthReport::healthy(format!("{shown} answers {status}")));
        }
        let fault = answer.into_fault().await;
        Err(Fault { class: FaultClass::Dependency, message: format!("it is not well: {}", fault.message), ..fault })
    }

    fn figures(&self) -> Map<String, Value> {
        self.service.client.figures()
    }
}
