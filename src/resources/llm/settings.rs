//! The settings of a language model.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;
use url::{Host, Url};

use super::protocol::Protocol;
use super::window::Limits;
use crate::resilience::quantity::Period;
use crate::resources::http::note_user;
use crate::resources::secret::Secrets;

/// The requests of a minute, where nothing is said and the server is not local.
const REQUESTS_PER_MINUTE: u32 = 60;
/// The tokens of a minute, where nothing is said and the server is not local.
const TOKENS_PER_MINUTE: u64 = 90_000;

/// Whose service it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LlmVendor {
    /// OpenAI.
    OpenAi,
    /// Anthropic.
    Anthropic,
    /// Ollama, here or on another machine.
    Ollama,
    /// The router of Hugging Face, which speaks as OpenAI does.
    HuggingFace,
    /// Any server that speaks as OpenAI does: llama.cpp, vLLM, LM Studio, LocalAI, a gateway.
    Custom,
}

impl LlmVendor {
    /// As settings write it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::OpenAi => "openai",
            Self::Anthropic => "anthropic",
            Self::Ollama => "ollama",
            Self::HuggingFace => "huggingface",
            Self::Custom => "custom",
        }
    }

    pub(super) const fn protocol(self) -> Protocol {
        match self {
            Self::OpenAi => Protocol::OpenAi,
            Self::HuggingFace | Self::Custom => Protocol::LikeOpenAi,
            Self::Anthropic => Protocol::Anthropic,
            Self::Ollama => Protocol::Ollama,
        }
    }

    const fn base_url(self) -> Option<&'static str> {
        match self {
            Self::OpenAi => Some("https://api.openai.com/v1"),
            Self::Anthropic => Some("https://api.anthropic.com"),
            Self::Ollama => Some("http://127.0.0.1:11434"),
            Self::HuggingFace => Some("https://router.huggingface.co/v1"),
            Self::Custom => None,
        }
    }

    const fn needs_key(self) -> bool {
        matches!(self, Self::OpenAi | Self::Anthropic | Self::HuggingFace)
    }

    /// Whether the same seed can give the same answer.
    #[must_use]
    pub const fn takes_seed(self) -> bool {
        !matches!(self, Self::Anthropic)
    }

    /// The highest temperature that its reference allows.
    const fn hottest(self) -> f64 {
        match self {
            Self::Anthropic => 1.0,
            _ => 2.0,
        }
    }
}

/// The settings of a language model.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Whose service it is: `openai`, `anthropic`, `ollama`, `huggingface`, or `custom` for any server that speaks as
    /// OpenAI does.
    pub provider: LlmVendor,
    /// The model, as the service names it.
    pub model: String,
    /// The key of the account: write `${NAME}`, which stands for a variable of the environment. `openai`, `anthropic` and
    /// `huggingface` need one.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub api_key: Option<Key>,
    /// Where the service is: what comes before `/chat/completions`, `/v1/messages` or `/api/chat`; that of the vendor where
    /// nothing is said. `custom` needs one.
    #[serde(default)]
    pub base_url: Option<String>,
    /// How free answers are, from 0 to 2 (`anthropic`: to 1), unless a step says otherwise. 0 is the least free.
    #[serde(default = "temperature")]
    #[schemars(range(min = 0.0, max = 2.0))]
    pub temperature: f64,
    /// The most tokens of an answer, unless a step says otherwise.
    #[serde(default = "max_tokens")]
    #[schemars(range(min = 1))]
    pub max_tokens: u32,
    /// The most requests in any 60 seconds; 0 is no limit. 60 where nothing is said; no limit for `ollama`, and for
    /// `custom` on this machine.
    #[serde(default)]
    pub requests_per_minute: Option<u32>,
    /// The most tokens in any 60 seconds, of prompts and answers together; 0 is no limit. 90000 where nothing is said; no
    /// limit for `ollama`, and for `custom` on this machine.
    #[serde(default)]
    pub tokens_per_minute: Option<u64>,
    /// The longest that an answer may take.
    #[serde(default = "timeout")]
    pub timeout: Period,
    /// The most tokens of a whole run, of prompts and answers together, from when mediamill starts to when it ends; no limit
    /// where nothing is said. When the next call might need more than is left, it is not made, and items wait.
    #[serde(default)]
    #[schemars(range(min = 1))]
    pub budget_tokens: Option<u64>,
    /// The tokens of prompt and answer that Ollama is to make room for (`num_ctx`); Ollama's own number where nothing is
    /// said, which is often only 4096. Only for `ollama`.
    #[serde(default)]
    #[schemars(range(min = 1))]
    pub context_tokens: Option<u32>,
}

const fn temperature() -> f64 {
    0.7
}

const fn max_tokens() -> u32 {
    1000
}

const fn timeout() -> Period {
    Period(Duration::from_secs(120))
}

/// The key of an account. It shows nothing of itself.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Key(String);

impl Key {
    /// The key, without the white space that a file or a variable often ends in.
    pub(super) fn secret(&self) -> &str {
        self.0.trim()
    }
}

impl From<String> for Key {
    fn from(key: String) -> Self {
        Self(key)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(crate::resources::secret::REDACTED)
    }
}

impl Settings {
    /// Settings in which nothing is said but whose model it is and its name.
    #[must_use]
    pub fn new(provider: LlmVendor, model: impl Into<String>) -> Self {
        Self {
            provider,
            model: model.into(),
            api_key: None,
            base_url: None,
            temperature: temperature(),
            max_tokens: max_tokens(),
            requests_per_minute: None,
            tokens_per_minute: None,
            timeout: timeout(),
            budget_tokens: None,
            context_tokens: None,
        }
    }

    /// Where the service is: what paths are appended to.
    ///
    /// # Errors
    /// What is wrong with it: a fragment.
    pub(super) fn address(&self) -> Result<Url, String> {
        let written = self.base_url.as_deref().or(self.provider.base_url());
        let written = written.ok_or("provider `custom` needs a `base_url`, such as \"http://127.0.0.1:8080/v1\"")?;
        let mut url = Url::parse(written.trim()).map_err(|error| format!("`base_url` is no URL: {error}"))?;
        if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
            return Err("`base_url` must begin with http:// or https://, and name a host".to_owned());
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err("`base_url` holds a user or a password: give the key in `api_key`".to_owned());
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err("`base_url` ends before any ? and #".to_owned());
        }
        let mut path = url.path().trim_end_matches('/').to_owned();
        if let Some(version) = self.provider.protocol().version_path().filter(|version| !path.ends_with(version)) {
            path.push_str(version);
        }
        url.set_path(&path);
        Ok(url)
    }

    /// The limits of a minute for the service at `address`.
    pub(super) fn limits(&self, address: &Url) -> Limits {
        let is_local = match self.provider {
            LlmVendor::Ollama => true,
            LlmVendor::Custom => is_loopback(address),
            _ => false,
        };
        let requests = self.requests_per_minute.unwrap_or(if is_local { 0 } else { REQUESTS_PER_MINUTE });
        let tokens = self.tokens_per_minute.unwrap_or(if is_local { 0 } else { TOKENS_PER_MINUTE });
        Limits { requests: (requests > 0).then_some(requests), tokens: (tokens > 0).then_some(tokens) }
    }

    /// Whether `temperature` is one that the service may take.
    ///
    /// # Errors
    /// What is wrong with it: a fragment.
    pub fn takes(&self, temperature: f64) -> Result<(), String> {
        let hottest = self.provider.hottest();
        if (0.0..=hottest).contains(&temperature) {
            return Ok(());
        }
        let provider = self.provider.word();
        Err(format!("`temperature` is {temperature}; for `{provider}` it must be between 0 and {hottest}"))
    }
}

/// Whether the host of `url` is this machine.
fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => IpAddr::V6(address).to_canonical().is_loopback(),
        None => false,
    }
}

/// The secrets of settings in which every `${NAME}` is filled, as far as it could be. They need not fit.
pub(in crate::resources) fn note_secrets(settings: &Value, secrets: &Secrets) {
    let text = |name: &str| settings.get(name).and_then(Value::as_str);
    text("api_key").into_iter().for_each(|key| secrets.add(key.trim()));
    // An address with a user is refused, and may hold one.
    text("base_url").into_iter().for_each(|url| note_user(url, secrets));
}

/// What is wrong with the settings, before any `${NAME}` is filled.
pub(in crate::resources) fn check(settings: &Settings) -> Result<(), String> {
    let provider = settings.provider;
    if settings.model.trim().is_empty() {
        return Err("`model` is empty".to_owned());
    }
    if provider.needs_key() && settings.api_key.as_ref().is_none_or(|key| key.secret().is_empty()) {
        return Err(format!("provider `{}` needs an `api_key`: name the variable that holds it", provider.word()));
    }
    if settings.base_url.as_ref().is_none_or(|url| !url.contains("${")) {
        settings.address()?;
    }
    settings.takes(settings.temperature)?;
    if settings.max_tokens == 0 {
        return Err("`max_tokens` is 0: no answer would have any".to_owned());
    }
    if settings.timeout.0.is_zero() {
        return Err("`timeout` is 0: no answer comes so soon".to_owned());
    }
    let least = u64::from(settings.max_tokens);
    for (name, most) in [
        ("tokens_per_minute", settings.tokens_per_minute.filter(|tokens| *tokens > 0)),
        ("budget_tokens", settings.budget_tokens),
    ] {
        if most.is_some_and(|most| most <= least) {
            return Err(format!("`{name}` leaves no room for one answer: it must be more than `max_tokens`, {least}"));
        }
    }
    if settings.context_tokens.is_some() && provider != LlmVendor::Ollama {
        return Err("`context_tokens` is only for `ollama`: others know the room of their models".to_owned());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test that cannot unwrap has failed")]

    use serde_json::{Value, json};

    use super::*;

    fn told(settings: Value) -> String {
        let settings: Result<Settings, _> = serde_json::from_value(settings);
        settings.map_err(|error| error.to_string()).and_then(|settings| check(&settings)).err().unwrap_or_default()
    }

    #[test]
    fn what_no_call_could_work_with_is_told_before_the_run() {
        let with = |key: &str, value: Value| {
            let mut settings = json!({ "provider": "openai", "model": "m", "api_key": "${KEY}" });
            settings[key] = value;
            settings
        };
        assert_eq!(told(with("temperature", json!(2))), "");
        assert_eq!(told(json!({ "provider": "ollama", "model": "m", "context_tokens": 8192 })), "");
        assert_eq!(told(with("base_url", json!("${URL}/v1"))), "");
        for (settings, wanted) in [
            (json!({ "model": "m" }), "missing field `provider`"),
            (json!({ "provider": "custom", "model": "m" }), "needs a `base_url`"),
            (json!({ "provider": "anthropic", "model": "m" }), "`anthropic` needs an `api_key`"),
            (with("api_key", json!(" ")), "needs an `api_key`"),
            (with("model", json!("")), "`model` is empty"),
            (with("base_url", json!("ftp://x/v1")), "http:// or https://"),
            (with("base_url", json!("127.0.0.1:80")), "no URL"),
            (with("base_url", json!("https://me:gorilla@x/v1")), "give the key in `api_key`"),
            (with("base_url", json!("https://x/v1?a=b")), "before any ?"),
            (with("temperature", json!(2.1)), "between 0 and 2"),
            (with("max_tokens", json!(0)), "`max_tokens` is 0"),
            (with("timeout", json!(0)), "`timeout` is 0"),
            (with("tokens_per_minute", json!(900)), "more than `max_tokens`, 1000"),
            (with("budget_tokens", json!(1000)), "more than `max_tokens`, 1000"),
            (with("context_tokens", json!(10)), "only for `ollama`"),
            (with("max_token", json!(10)), "unknown field `max_token`"),
        ] {
            let told = told(settings.clone());
            assert!(told.contains(wanted), "{settings}: {told}");
        }
        let hot = json!({ "provider": "anthropic", "model": "m", "api_key": "k", "temperature": 1.5 });
        assert!(told(hot).contains("for `anthropic` it must be between 0 and 1"));
    }

    #[test]
    fn a_local_server_has_no_limits_unless_they_are_given() {
        let limits = |vendor, url: Option<&str>, requests| {
            let base_url = url.map(str::to_owned);
            let settings = Settings { base_url, requests_per_minute: requests, ..Settings::new(vendor, "m") };
            let Limits { requests, tokens } = settings.limits(&settings.address().unwrap());
            (requests, tokens)
        };
        let usual = (Some(60), Some(90_000));
        assert_eq!(limits(LlmVendor::OpenAi, None, None), usual);
        assert_eq!(limits(LlmVendor::OpenAi, Some("http://127.0.0.1:8080/v1"), None), usual);
        assert_eq!(limits(LlmVendor::OpenAi, None, Some(0)), (None, Some(90_000)));
        assert_eq!(limits(LlmVendor::Ollama, Some("http://gpu.example:11434"), None), (None, None));
        assert_eq!(limits(LlmVendor::Ollama, None, Some(5)), (Some(5), None));
        assert_eq!(limits(LlmVendor::Custom, Some("https://llm.example/v1"), None), usual);
        for local in ["http://localhost:1/v1", "http://127.8.0.1/v1", "http://[::1]/v1", "http://[::ffff:127.0.0.1]/v1"]
        {
            assert_eq!(limits(LlmVendor::Custom, Some(local), None), (None, None), "{local}");
        }
        assert_eq!(limits(LlmVendor::Custom, Some("http://localhost.example/v1"), None), usual);
    }

    #[test]
    fn a_base_url_is_taken_as_people_write_it() {
        let address = |vendor, url: &str| {
            let settings = Settings { base_url: Some(url.to_owned()), ..Settings::new(vendor, "m") };
            settings.address().unwrap().to_string()
        };
        for url in ["https://h", "https://h/", "https://h/v1", " https://h/v1/ "] {
            assert_eq!(address(LlmVendor::Anthropic, url), "https://h/v1", "{url}");
        }
        assert_eq!(address(LlmVendor::Custom, "http://h:8080/x/v1/"), "http://h:8080/x/v1");
        assert_eq!(address(LlmVendor::Ollama, "http://h:11434/"), "http://h:11434/");
    }

    #[test]
    fn settings_that_are_shown_show_no_key() {
        let settings = Settings { api_key: Some(Key("gorilla-1".into())), ..Settings::new(LlmVendor::OpenAi, "m") };
        assert!(!format!("{settings:?}").contains("gorilla"));
    }
}
