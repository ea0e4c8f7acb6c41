//! What a pipeline says of an HTTP service.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;
use url::Url;

use super::client::ClientSettings;
use super::origin::{HostRule, Origins, Target, has_user};
use crate::resilience::Fault;
use crate::resilience::quantity::Period;
use crate::resources::secret::{Secrets, decoded, variables};

/// The settings of an HTTP service.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Where the service is: `https://notes.example.org/v1`. Steps name paths below it. A user and a password in it are
    /// used as `auth` of the kind `basic`. Without it, steps name whole URLs, which may lead anywhere public.
    #[serde(default)]
    pub base_url: Option<String>,
    /// The longest that one request may take, from the connection to the last byte of the answer; 30 s where nothing is
    /// said.
    #[serde(default = "timeout")]
    pub timeout: Period,
    /// The longest that making a connection may take; 10 s where nothing is said.
    #[serde(default = "connect_timeout")]
    pub connect_timeout: Period,
    /// Headers of every request to `base_url`. They are sent nowhere else, and shown nowhere.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// How the service knows us.
    #[serde(default)]
    pub auth: Option<Auth>,
    /// The secret that the step `webhook` signs with.
    #[serde(default)]
    pub signing_secret: Option<String>,
    /// How to see whether the service is well.
    #[serde(default)]
    pub health: Probe,
    /// The longest answer that is taken, in bytes, after unpacking; 104857600 (100 MiB) where nothing is said.
    #[serde(default = "max_response")]
    #[schemars(range(min = 1))]
    pub max_response: u64,
    /// The most redirects that one request follows; 3 where nothing is said. With 0, a redirect is an answer like any other.
    #[serde(default = "redirects")]
    #[schemars(range(min = 0, max = 20))]
    pub redirects: u8,
    /// The most requests in any minute; no limit where nothing is said. Who would be one more waits.
    #[serde(default)]
    #[schemars(range(min = 1, max = 100_000))]
    pub rate: Option<u32>,
    /// Hosts that URLs and redirects may lead to beside that of `base_url`: `cdn.example.org`, `example.org:8443`,
    /// `*.example.org`.
    #[serde(default)]
    pub allow_hosts: Vec<String>,
    /// Hosts other than that of `base_url` may be on this machine or in a private network. They may not where nothing is
    /// said.
    #[serde(default)]
    pub allow_private: bool,
    /// A file with certificates of authorities that are trusted beside the system's, as PEM: an absolute path.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
    /// The proxy that all requests go through: `http://proxy.example.org:3128`. None is taken from the environment. The
    /// proxy looks names up, so what they stand for is for it to refuse.
    #[serde(default)]
    pub proxy: Option<String>,
}

/// How a service knows us.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Auth {
    /// A token (RFC 6750).
    Bearer {
        /// The token.
        token: String,
    },
    /// A user and a password (RFC 7617).
    Basic {
        /// The user.
        user: String,
        /// The password; empty where nothing is said.
        #[serde(default)]
        password: String,
    },
    /// A key in a header of its own.
    ApiKey {
        /// The key.
        key: String,
        /// The header's name; `x-api-key` where nothing is said.
        #[serde(default = "api_key_header")]
        header: String,
    },
}

/// How to see whether a service is well.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Probe {
    /// The path below `base_url` that is asked for; `/` where nothing is said.
    pub path: String,
    /// How it is asked for; `head` where nothing is said.
    pub method: ProbeMethod,
    /// The statuses of a service that is well; all below 500 where nothing is said.
    pub expect: Vec<u16>,
}

impl Default for Probe {
    fn default() -> Self {
        Self { path: "/".to_owned(), method: ProbeMethod::Head, expect: Vec::new() }
    }
}

/// How a probe asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ProbeMethod {
    /// For the head of the answer alone.
    Head,
    /// For the answer.
    Get,
}

const fn timeout() -> Period {
    Period(Duration::from_secs(30))
}

const fn connect_timeout() -> Period {
    Period(Duration::from_secs(10))
}

const fn max_response() -> u64 {
    100 << 20
}

const fn redirects() -> u8 {
    3
}

fn api_key_header() -> String {
    "x-api-key".to_owned()
}

/// Headers whose values are no secrets: they would be found in words that have nothing to do with them.
pub(in crate::resources) const PLAIN_HEADERS: &[&str] =
    &["accept", "accept-language", "accept-encoding", "cache-control", "content-type", "user-agent"];
/// Headers that say how a request is framed, or where it goes: they follow from it.
const FRAMING: &[&str] =
    &["connection", "content-length", "expect", "host", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade"];

/// Whether the value of the header `name` is no secret.
pub(in crate::resources) fn is_plain_header(name: &str) -> bool {
    PLAIN_HEADERS.contains(&name.to_ascii_lowercase().as_str())
}

/// What is wrong with the settings, before any `${NAME}` is filled.
///
/// # Errors
/// What is wrong: a fragment.
pub(in crate::resources) fn check(settings: &Settings) -> Result<(), String> {
    if settings.base_url.is_none() {
        let alone = [("auth", settings.auth.is_some()), ("headers", !settings.headers.is_empty())];
        if let Some((name, _)) = alone.iter().find(|(_, is_given)| *is_given) {
            return Err(format!("`{name}` goes to `base_url` only, and there is none"));
        }
    }
    if settings.timeout.0.is_zero() || settings.connect_timeout.0.is_zero() {
        return Err("a request without any time cannot be made: `timeout` and `connect_timeout` are above 0".to_owned());
    }
    if settings.max_response == 0 {
        return Err("`max_response` is above 0".to_owned());
    }
    if settings.rate == Some(0) {
        return Err("`rate` is above 0".to_owned());
    }
    if settings.redirects > 20 {
        return Err("`redirects` is 20 at most".to_owned());
    }
    if let Some(status) = settings.health.expect.iter().find(|status| !(100..=599).contains(*status)) {
        return Err(format!("`health`: {status} is no status of HTTP"));
    }
    if settings.ca_file.as_ref().is_some_and(|path| !path.is_absolute() && !holds_variable(&path.to_string_lossy())) {
        return Err("`ca_file` is no absolute path".to_owned());
    }
    client_settings(settings, true).map(drop)
}

/// Why a resource of these settings makes no request to `url`; nothing where it may, and where `${NAME}` hides that.
#[must_use]
pub fn refusal(settings: &Settings, url: &str) -> Option<Fault> {
    if settings.base_url.iter().chain(&settings.allow_hosts).any(|text| holds_variable(text)) {
        return None;
    }
    let client = client_settings(settings, true).ok()?;
    Origins::new(client.base_url, client.allow_hosts).url(&Target::Url(url.to_owned()), &[]).err()
}

/// The secrets of settings in which every `${NAME}` is filled, as far as it could be. They need not fit.
pub(in crate::resources) fn note_secrets(settings: &Value, secrets: &Secrets) {
    let text = |at: &str| settings.pointer(at).and_then(Value::as_str);
    for (name, value) in settings.get("headers").and_then(Value::as_object).into_iter().flatten() {
        if let Some(value) = value.as_str().filter(|_| !is_plain_header(name)) {
            secrets.add(value);
            // `Bearer X`: the X alone is the secret.
            value.split_whitespace().skip(1).for_each(|word| secrets.add(word));
        }
    }
    ["/auth/token", "/auth/key", "/auth/password", "/signing_secret"]
        .into_iter()
        .filter_map(text)
        .for_each(|secret| secrets.add(secret));
    if let Some(user) = text("/auth/user") {
        match settings.pointer("/auth/password").map(Value::as_str) {
            Some(Some(password)) if !password.is_empty() => add_basic(user, password, secrets),
            // A variable that is not set would be the password.
            Some(None) => {}
            // A user without a password is often a key.
            _ => {
                secrets.add(user);
                add_basic(user, "", secrets);
            }
        }
    }
    ["/base_url", "/proxy"].into_iter().filter_map(text).for_each(|url| note_user(url, secrets));
}

/// The password in a URL, or the user where there is none.
pub(in crate::resources) fn note_user(url: &str, secrets: &Secrets) {
    let Some(url) = Url::parse(url.trim()).ok().filter(has_user) else { return };
    let word = url.password().unwrap_or_else(|| url.username());
    secrets.add(word);
    secrets.add(&decoded(word));
    add_basic(&decoded(url.username()), &decoded(url.password().unwrap_or_default()), secrets);
}

/// The settings of the client.
pub(super) fn resolve(settings: &Settings) -> Result<ClientSettings, String> {
    client_settings(settings, false)
}

/// User and password as they go over the wire (RFC 7617, 2).
fn basic(user: &str, password: &str) -> String {
    STANDARD.encode(format!("{user}:{password}"))
}

fn add_basic(user: &str, password: &str, secrets: &Secrets) {
    let coded = basic(user, password);
    secrets.add(&coded);
    // Some leave out what only fills it up.
    secrets.add(coded.trim_end_matches('='));
}

/// Reads the settings. With `is_early`, texts that hold a `${NAME}` are left for later.
fn client_settings(settings: &Settings, is_early: bool) -> Result<ClientSettings, String> {
    let is_late = |text: &str| is_early && holds_variable(text);
    let url = |name: &str, text: &Option<String>| match text {
        Some(text) if !is_late(text) => url(name, text).map(Some),
        _ => Ok(None),
    };
    let mut base_url = url("base_url", &settings.base_url)?;
    let mut headers = HeaderMap::new();
    for (name, value) in &settings.headers {
        let value = if is_late(value) { "" } else { value };
        let (name, mut value) = header(name, value)?;
        value.set_sensitive(true);
        headers.insert(name, value);
    }
    let mut auth = settings.auth.clone();
    if let Some(base) = base_url.as_mut().filter(|base| has_user(base)) {
        let (user, password) = (decoded(base.username()), decoded(base.password().unwrap_or_default()));
        if auth.replace(Auth::Basic { user, password }).is_some() {
            return Err("`base_url` holds a user, and there is `auth`: one of them is enough".to_owned());
        }
        // Neither fails: a URL with a user has a host.
        let _cleared = base.set_username("").and_then(|()| base.set_password(None));
    }
    if let Some((name, value)) = auth.as_ref().map(credentials) {
        let value = if is_late(&value) { "" } else { &value };
        let (name, mut value) = header(&name, value).map_err(|why| format!("`auth`: {why}"))?;
        if headers.contains_key(&name) {
            return Err(format!("the header `{name}` is given in `headers` and made of `auth`"));
        }
        value.set_sensitive(true);
        headers.insert(name, value);
    }
    let hosts = settings.allow_hosts.iter().filter(|host| !is_late(host)).map(|host| HostRule::parse(host));
    Ok(ClientSettings {
        base_url,
        headers,
        timeout: settings.timeout.0,
        connect_timeout: settings.connect_timeout.0,
        redirects: settings.redirects,
        max_response: settings.max_response,
        rate: settings.rate,
        allow_hosts: hosts.collect::<Result<_, _>>().map_err(|why| format!("`allow_hosts`: {why}"))?,
        allow_private: settings.allow_private,
        ca_file: settings.ca_file.clone(),
        proxy: url("proxy", &settings.proxy)?,
    })
}

/// The header that tells who we are.
fn credentials(auth: &Auth) -> (String, String) {
    let authorization = || AUTHORIZATION.as_str().to_owned();
    match auth {
        Auth::Bearer { token } => (authorization(), format!("Bearer {token}")),
        // With a `${NAME}` in it, it is left for later: it must stay to be seen.
        Auth::Basic { user, password } if holds_variable(user) || holds_variable(password) => {
            (authorization(), format!("{user}:{password}"))
        }
        Auth::Basic { user, password } => (authorization(), format!("Basic {}", basic(user, password))),
        Auth::ApiKey { key, header } => (header.clone(), key.clone()),
    }
}

/// Reads a header, without showing its value.
///
/// # Errors
/// What is wrong: a fragment.
pub fn header(name: &str, value: &str) -> Result<(HeaderName, HeaderValue), String> {
    let name: HeaderName = name.parse().map_err(|_| format!("`{}` is no name of a header", name.escape_debug()))?;
    if FRAMING.contains(&name.as_str()) {
        return Err(format!("the header `{name}` follows from the request, and cannot be set"));
    }
    let value =
        HeaderValue::from_str(value).map_err(|_| format!("the header `{name}` holds what no header can hold"))?;
    Ok((name, value))
}

fn url(name: &str, text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| format!("`{name}` is no URL: {error}"))?;
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return Err(format!("`{name}` begins with `http://` or `https://`"));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(format!("`{name}` has a query or a fragment, and only a path can stand there"));
    }
    Ok(url)
}

fn holds_variable(text: &str) -> bool {
    variables(text).next().is_some()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test that cannot unwrap has failed")]

    use serde_json::json;

    use super::*;

    fn read(settings: Value) -> Result<(), String> {
        serde_json::from_value(settings).map_err(|error| error.to_string()).and_then(|settings| check(&settings))
    }

    #[test]
    fn settings_that_cannot_work_are_told_before_a_run() {
        let good = [
            json!({}),
            json!({ "base_url": "https://x.org", "auth": { "kind": "bearer", "token": "${T}" }, "timeout": "1m" }),
            json!({ "base_url": "${URL}", "headers": { "X-Key": "${KEY}" }, "proxy": "${PROXY}", "ca_file": "${CA}" }),
            json!({ "base_url": "https://u:${PASS}@x.org/v1", "allow_hosts": ["*.x.org"] }),
            json!({ "base_url": "https://u:p@x.org" }),
            json!({ "base_url": "http://x.org", "auth": { "kind": "basic", "user": "u" }, "health": { "expect": [200] } }),
            json!({ "base_url": "http://x.org", "auth": { "kind": "api_key", "key": "k", "header": "X-Token" } }),
        ];
        for settings in good {
            assert_eq!(read(settings.clone()), Ok(()), "{settings}");
        }
        let bad = [
            (json!({ "base": "https://x.org" }), "unknown field"),
            (json!({ "base_url": "x.org" }), "`base_url` is no URL"),
            (json!({ "base_url": "ftp://x.org" }), "`base_url` begins with"),
            (json!({ "base_url": "https://x.org?key=1" }), "`base_url` has a query"),
            (json!({ "auth": { "kind": "bearer", "token": "t" } }), "`auth` goes to `base_url` only"),
            (json!({ "headers": { "x": "y" } }), "`headers` goes to `base_url` only"),
            (json!({ "base_url": "https://x.org", "auth": { "kind": "digest" } }), "unknown variant"),
            (json!({ "base_url": "https://x.org", "auth": { "kind": "bearer", "tokn": "t" } }), "unknown field"),
            (
                json!({ "base_url": "https://u@x.org", "auth": { "kind": "basic", "user": "u" } }),
                "one of them is enough",
            ),
            (json!({ "base_url": "https://x.org", "headers": { "a b": "y" } }), "is no name of a header"),
            (json!({ "base_url": "https://x.org", "headers": { "Host": "y" } }), "cannot be set"),
            (json!({ "base_url": "https://x.org", "headers": { "x": "a\r\nb" } }), "what no header can hold"),
            (json!({ "base_url": "https://x.org", "timeout": 0 }), "above 0"),
            (json!({ "base_url": "https://x.org", "rate": 0 }), "above 0"),
            (json!({ "base_url": "https://x.org", "health": { "expect": [42] } }), "no status"),
            (json!({ "allow_hosts": ["https://x.org"] }), "`allow_hosts`: "),
            (json!({ "ca_file": "ca.pem" }), "no absolute path"),
        ];
        for (settings, why) in bad {
            let found = read(settings.clone()).unwrap_err();
            assert!(found.contains(why), "{settings}: {found}");
        }
    }

    #[test]
    fn every_secret_of_the_settings_is_known() {
        let settings = json!({
            "base_url": "https://user:p%40ssword@x.org", "proxy": "http://u:proxy-pass@p.org", "signing_secret": "sign-it",
            "headers": { "Accept": "text/plain", "X-Token": "Key token-value" },
        });
        let secrets = Secrets::default();
        note_secrets(&settings, &secrets);
        let client = resolve(&serde_json::from_value(settings).unwrap()).unwrap();
        assert_eq!(client.base_url.unwrap().as_str(), "https://x.org/");
        assert_eq!(client.headers[AUTHORIZATION], format!("Basic {}", STANDARD.encode("user:p@ssword")));
        let told = secrets.all();
        let (coded, of_proxy) = (STANDARD.encode("user:p@ssword"), STANDARD.encode("u:proxy-pass"));
        let words = ["p%40ssword", "p@ssword", "proxy-pass", "sign-it", "Key token-value", "token-value"];
        for secret in words.into_iter().chain([coded.as_str(), of_proxy.as_str()]) {
            assert!(told.iter().any(|known| known == secret), "{secret}");
        }
        let auth = |auth: Value| {
            let secrets = Secrets::default();
            let settings = json!({ "base_url": "https://x.org", "auth": auth });
            note_secrets(&settings, &secrets);
            secrets
        };
        let known = auth(json!({ "kind": "basic", "user": "miller", "password": "gorilla" }));
        let coded = STANDARD.encode("miller:gorilla");
        let bare = coded.trim_end_matches('=');
        assert_eq!(
            known.redact(&format!("miller gorilla {coded} {bare}.")),
            "miller [redacted] [redacted] [redacted]."
        );
        let known = auth(json!({ "kind": "basic", "user": "api-key-of-us" }));
        assert_eq!(known.redact("api-key-of-us"), "[redacted]");
        let known = auth(json!({ "kind": "bearer", "token": "token-of-us" }));
        assert_eq!(known.redact("authorization: Bearer token-of-us"), "authorization: Bearer [redacted]");
        let known = auth(json!({ "kind": "api_key", "key": "key-of-us" }));
        assert_eq!(known.redact("x-api-key: key-of-us"), "x-api-key: [redacted]");
        assert_eq!(secrets.redact("text/plain"), "text/plain");
    }
}
