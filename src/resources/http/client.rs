//! The client that resources of the kinds `http` and `llm` share: limits of time and size, redirects that are checked hop
//! by hop, credentials that go to one place only, and errors that say whose fault they are and hold no secret.
//!
//! It keeps connections alive, takes no cookie, and no proxy from the environment.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{ACCEPT, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderValue, LOCATION};
use reqwest::{Certificate, Method, Proxy, StatusCode};
use rustls::crypto::ring;
use serde_json::{Map, Value};
use tokio::time::{Instant, timeout_at};
use url::Url;

use super::address::{self, Guard, Lookup, Resolver};
use super::body::Body;
use super::counts::Counts;
use super::fault::Call;
use super::origin::{HostRule, Origins};
use super::rate::Rate;
use super::request::Request;
use super::response::{Limits, Response};
use crate::resilience::fault::THROTTLED;
use crate::resilience::{Fault, FaultClass};
use crate::resources::secret::Secrets;

/// What every request says of the program.
const USER_AGENT: &str = concat!("mediamill/", env!("CARGO_PKG_VERSION"));
/// An idle connection is closed before most servers do it (nginx: 75 s, many balancers: 60 s).
const IDLE: Duration = Duration::from_secs(50);
/// A turn that is farther away is waited for elsewhere: nobody holds a worker for it.
const LONGEST_WAIT: Duration = Duration::from_secs(2);

/// How a client behaves.
#[derive(Clone)]
pub struct ClientSettings {
    /// Where paths begin. Its host is trusted: it may have any address. Without it, requests name whole URLs.
    pub base_url: Option<Url>,
    /// Sent with every request to the origin of `base_url`, and nowhere else: redirects lose them.
    pub headers: HeaderMap,
    /// The longest that one request may take, from the connection to the last byte of the answer.
    pub timeout: Duration,
    /// The longest that making a connection may take.
    pub connect_timeout: Duration,
    /// The most redirects that are followed; with 0, a redirect is an answer like any other.
    pub redirects: u8,
    /// The longest answer, in bytes, after unpacking.
    pub max_response: u64,
    /// No more requests are made in a minute.
    pub rate: Option<u32>,
    /// Where requests may go beside the origin of `base_url`.
    pub allow_hosts: Vec<HostRule>,
    /// Hosts other than that of `base_url` may have addresses that are not public.
    pub allow_private: bool,
    /// Certificates of authorities that are trusted beside the system's, as PEM.
    pub ca_file: Option<PathBuf>,
    /// What all requests go through.
    pub proxy: Option<Url>,
}

impl Default for ClientSettings {
    fn default() -> Self {
        Self {
            base_url: None,
            headers: HeaderMap::new(),
            timeout: Duration::from_secs(30),
            connect_timeout: Duration::from_secs(10),
            redirects: 3,
            max_response: 100 << 20,
            rate: None,
            allow_hosts: Vec::new(),
            allow_private: false,
            ca_file: None,
            proxy: None,
        }
    }
}

/// A client. Clones share connections and counts.
#[derive(Clone)]
pub struct Client(Arc<Inner>);

struct Inner {
    http: reqwest::Client,
    origins: Origins,
    guard: Arc<Guard>,
    settings: ClientSettings,
    rate: Option<Rate>,
    secrets: Secrets,
    counts: Arc<Counts>,
}

impl Client {
    /// A client that looks names up as the system does.
    ///
    /// # Errors
    /// `ca_file` cannot be read, or the system trusts nobody (`Dependency`).
    pub fn new(settings: ClientSettings, secrets: &Secrets) -> Result<Self, Fault> {
        Self::with_lookup(settings, secrets, address::system())
    }

    /// A client that looks names up with `lookup`.
    ///
    /// # Errors
    /// Those of [`Client::new`].
    pub fn with_lookup(settings: ClientSettings, secrets: &Secrets, lookup: Lookup) -> Result<Self, Fault> {
        let named = [&settings.base_url, &settings.proxy];
        let trusted = named.into_iter().flatten().filter_map(|url| url.host_str()).map(str::to_owned).collect();
        let guard = Arc::new(Guard { trusted, allow_private: settings.allow_private, lookup });
        let inner = Inner {
            http: build(&settings, &guard)?,
            origins: Origins::new(settings.base_url.clone(), settings.allow_hosts.clone()),
            guard,
            rate: settings.rate.map(Rate::per_minute),
            secrets: secrets.clone(),
            counts: Arc::default(),
            settings,
        };
        Ok(Self(Arc::new(inner)))
    }

    /// Sends a request, waits for its turn first, and follows redirects. What comes back is an answer of any status.
    /// Dropping the future ends the request at once.
    ///
    /// # Errors
    /// No answer came (`Dependency` where nobody could be reached, `Transient` where the call broke off or took too long),
    /// or the request goes where it must not (`Input`).
    pub async fn send(&self, request: &Request) -> Result<Response, Fault> {
        let sent = self.try_send(request).await;
        sent.map_err(|fault| self.0.secrets.redact_fault(fault))
    }

    async fn try_send(&self, request: &Request) -> Result<Response, Fault> {
        let inner = &*self.0;
        let url = inner.origins.url(&request.target, &request.query)?;
        if let Some(rate) = &inner.rate {
            rate.turn(LONGEST_WAIT).await.map_err(|wait| {
                let message =
                    format!("the requests of this minute are made; there is room in {:.0} s", wait.as_secs_f64());
                Fault::new(FaultClass::Transient, THROTTLED, message).with_retry_after(wait)
            })?;
        }
        let deadline = Instant::now() + inner.settings.timeout;
        let most = request.redirects.unwrap_or(inner.settings.redirects);
        let mut hop = Hop { method: request.method.clone(), url, body: &request.body, is_at_home: true };
        for _ in 0..=most {
            let (call, answer) = inner.hop(request, &hop, deadline).await?;
            let next = Some(&answer).filter(|_| most > 0).and_then(|answer| target(answer, &hop.url));
            let Some(next) = next else {
                let limits = Limits { deadline, timeout: inner.settings.timeout, bytes: inner.settings.max_response };
                return Ok(Response::new(answer, call, limits, Arc::clone(&inner.counts), inner.secrets.clone()));
            };
            inner.admit_hop(&hop.url, &next).map_err(|fault| {
                let message = format!("{} redirects: {}", call.shown, fault.message);
                Fault { message, ..fault }
            })?;
            hop = hop.redirected(answer.status(), next);
        }
        let shown = inner.origins.shown(&hop.url);
        Err(Fault::input("redirects", format!("{} {shown} is one redirect more than {most}", hop.method)))
    }

    /// What was counted: `requests`, answers by class of status (`2xx`), `unanswered`, `bytes_sent`, `bytes_received`.
    #[must_use]
    pub fn figures(&self) -> Map<String, Value> {
        self.0.counts.figures()
    }

    /// Whether requests can name a path alone.
    #[must_use]
    pub fn has_base(&self) -> bool {
        self.0.settings.base_url.is_some()
    }
}

/// One request of those that a redirected one becomes.
struct Hop<'a> {
    method: Method,
    url: Url,
    body: &'a Body,
    /// No redirect has led to another origin.
    is_at_home: bool,
}

impl Hop<'_> {
    /// The next one. What becomes of the method: RFC 9110, 15.4.
    fn redirected(self, status: StatusCode, url: Url) -> Self {
        let is_read = match status {
            StatusCode::SEE_OTHER => self.method != Method::HEAD,
            StatusCode::MOVED_PERMANENTLY | StatusCode::FOUND => self.method == Method::POST,
            _ => false,
        };
        let is_at_home = self.is_at_home && url.origin() == self.url.origin();
        let (method, body) = if is_read { (Method::GET, &Body::Empty) } else { (self.method, self.body) };
        Self { method, url, body, is_at_home }
    }
}

impl Inner {
    async fn hop(
        &self,
        request: &Request,
        hop: &Hop<'_>,
        deadline: Instant,
    ) -> Result<(Call, reqwest::Response), Fault> {
        let shown = format!("{} {}", hop.method, self.origins.shown(&hop.url));
        let call = Call { shown, is_own: self.origins.is_base(&hop.url), stays: request.redirects == Some(0) };
        self.guard.literal(&hop.url).map_err(|refused| call.refused(&refused))?;
        let opened = hop.body.open().await?;
        let mut headers = if call.is_own { self.settings.headers.clone() } else { HeaderMap::new() };
        for (name, value) in &request.headers {
            // Away from where the request was meant to go, only what says nothing of the sender goes along.
            let is_plain = matches!(*name, ACCEPT | CONTENT_TYPE);
            if (hop.is_at_home || is_plain) && (*name != CONTENT_TYPE || opened.is_some()) {
                headers.insert(name, value.clone());
            }
        }
        let mut sending = self.http.request(hop.method.clone(), hop.url.clone());
        let mut length = 0;
        if let Some(opened) = opened {
            length = opened.length;
            headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
            if let Some(form) = opened.content_type.and_then(|form| HeaderValue::try_from(form).ok()) {
                headers.insert(CONTENT_TYPE, form);
            }
            sending = sending.body(opened.body);
        }
        self.counts.asked(length);
        let answered = timeout_at(deadline, sending.headers(headers).send()).await;
        let answered = answered.map_err(|_| call.timeout(self.settings.timeout));
        let answered = answered.and_then(|sent| sent.map_err(|error| call.failed(&error)));
        self.counts.answered(answered.as_ref().map_or(0, |answer| answer.status().as_u16()));
        answered.map(|answer| (call, answer))
    }

    fn admit_hop(&self, from: &Url, to: &Url) -> Result<(), Fault> {
        if from.scheme() == "https" && to.scheme() == "http" {
            return Err(Fault::input("host-refused", format!("{} is not encrypted", self.origins.shown(to))));
        }
        self.origins.admit(to)
    }
}

/// Where an answer redirects to.
fn target(answer: &reqwest::Response, from: &Url) -> Option<Url> {
    if !matches!(answer.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
        return None;
    }
    let mut next = from.join(answer.headers().get(LOCATION)?.to_str().ok()?).ok()?;
    next.set_fragment(None);
    // Who redirects does not give out credentials.
    next.set_username("").ok()?;
    next.set_password(None).ok()?;
    Some(next)
}

fn build(settings: &ClientSettings, guard: &Arc<Guard>) -> Result<reqwest::Client, Fault> {
    // TLS takes its primitives from the process's provider; whoever came first installed the same one.
    let _installed = ring::default_provider().install_default();
    let mut builder = reqwest::Client::builder()
        .user_agent(USER_AGENT)
        .connect_timeout(settings.connect_timeout)
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .pool_idle_timeout(IDLE)
        .referer(false)
        .no_proxy()
        .dns_resolver(Resolver(Arc::clone(guard)));
    if let Some(proxy) = &settings.proxy {
        let proxy = Proxy::all(proxy.clone()).map_err(|_| misfit("`proxy` is no URL of a proxy".to_owned()))?;
        builder = builder.proxy(proxy);
    }
    let own = settings.ca_file.as_ref().map(|path| authorities(path)).transpose()?.unwrap_or_default();
    let is_plain = settings.allow_hosts.is_empty()
        && settings.base_url.as_ref().is_some_and(|base| base.scheme() == "http")
        && settings.proxy.as_ref().is_none_or(|proxy| proxy.scheme() == "http");
    builder = if is_plain {
        // Nothing is encrypted: the system's authorities, which take a while to read and may be missing, are not needed.
        builder.tls_certs_only([])
    } else {
        builder.tls_certs_merge(own)
    };
    builder.build().map_err(|error| {
        use std::error::Error;
        let why = error.source().map(ToString::to_string).unwrap_or_default();
        misfit(format!("no secure connection can be made here: {why}"))
            .with_hint("install the system's certificates (ca-certificates), or name your own in `ca_file`")
    })
}

fn authorities(path: &std::path::Path) -> Result<Vec<Certificate>, Fault> {
    let shown = path.display();
    let pem = std::fs::read(path).map_err(|error| misfit(format!("cannot read {shown}: {error}")))?;
    let found =
        Certificate::from_pem_bundle(&pem).map_err(|_| misfit(format!("{shown} holds no certificates as PEM")))?;
    if found.is_empty() { Err(misfit(format!("{shown} holds no certificates as PEM"))) } else { Ok(found) }
}

/// A setting does not fit this machine.
fn misfit(message: String) -> Fault {
    Fault::new(FaultClass::Dependency, "settings", message)
}
