//! What a service says that does not take a call, and whose account that goes to.

use std::time::Duration;

use jiff::Timestamp;
use reqwest::header::HeaderMap;
use serde_json::Value;

use super::settings::LlmVendor;
use crate::resilience::quantity;
use crate::resilience::safe_text::safe_line;
use crate::resilience::{Fault, FaultClass};
use crate::resources::http::{LONGEST, retry_after};

/// No more characters of what a service says are told.
const TOLD: usize = 300;

/// How services say that prompt and answer have no room in the model; in lower case, each a phrase of one of them.
const NO_ROOM: [&str; 8] = [
    // OpenAI and its kin: the code, and the sentences of llama-cpp-python, vLLM and the router of Hugging Face.
    "context_length_exceeded",
    "maximum context length",
    "context length exceeded",
    // llama.cpp: the type, and the sentence of older ones.
    "exceed_context_size",
    "available context size",
    // Anthropic.
    "prompt is too long",
    "exceed context limit",
    // Ollama.
    "exceeds the context length",
];

/// How services say that an account is empty.
const NO_MONEY: [&str; 5] =
    ["insufficient_quota", "billing_error", "billing_hard_limit", "credit balance is too low", "exceeded your monthly"];

/// How services say that they do not have a model.
const NO_MODEL: [&str; 5] =
    ["model_not_found", "model:", "model_not_supported", "does not exist", "try pulling it first"];

/// An answer that is a refusal.
#[derive(Debug, Clone, Copy)]
pub(super) struct Refusal<'a> {
    pub(super) vendor: LlmVendor,
    pub(super) model: &'a str,
    pub(super) status: u16,
    pub(super) headers: &'a HeaderMap,
    pub(super) body: &'a [u8],
}

impl Refusal<'_> {
    /// The fault that it stands for, at `now`. What the service says may hold a secret.
    pub(super) fn fault(self, now: Timestamp) -> Fault {
        let Self { model, status, .. } = self;
        let (told, keys) = words(self.body);
        let says = |phrases: &[&str]| phrases.iter().any(|phrase| keys.contains(phrase));
        let suffix = if told.is_empty() { String::new() } else { format!(": {told}") };
        if says(&NO_ROOM) {
            return Fault::input(
                "llm-context",
                format!("prompt and answer are longer than {model} has room for{suffix}"),
            )
            .with_hint(self.more_room());
        }
        if status == 402 || says(&NO_MONEY) {
            return Fault::new(FaultClass::Dependency, "llm-quota", format!("the account is used up{suffix}"))
                .with_hint("add credit or raise the limit of the account at the service, and let the run go on");
        }
        match status {
            // What it says here may show a part of the key.
            401 => Fault::new(FaultClass::Dependency, "llm-key", "the service does not accept the key")
                .with_hint("check api_key, and the variable that it stands for"),
            403 => Fault::new(FaultClass::Dependency, "llm-forbidden", format!("the key may not do this{suffix}"))
                .with_hint("check what the key may do, and whether the service is open to where you are"),
            400 | 404 if says(&NO_MODEL) => {
                Fault::new(FaultClass::Dependency, "llm-model", format!("the service has no model {model}{suffix}"))
                    .with_hint(self.other_model())
            }
            404 | 405 => {
                Fault::new(FaultClass::Dependency, "llm-address", format!("the service knows no such address{suffix}"))
                    .with_hint("check base_url: for most servers that speak as OpenAI does it ends in /v1")
            }
            300..=399 => Fault::new(FaultClass::Dependency, "llm-address", "the service is somewhere else")
                .with_hint("give base_url as it is now; a key is not sent on to another address"),
            408 | 409 | 425 | 500.. => {
                let (cause, what) = match status {
                    503 | 529 => ("llm-overloaded", "is overloaded"),
                    _ => ("llm-server", "failed"),
                };
                let message = format!("the service {what} (status {status}){suffix}");
                self.with_wait(Fault::new(FaultClass::Transient, cause, message), now)
            }
            429 => {
                let message = format!("the service wants no more requests for now{suffix}");
                let fault = Fault::new(FaultClass::Transient, "llm-rate", message)
                    .with_hint("lower requests_per_minute and tokens_per_minute to what the account may use");
                self.with_wait(fault, now)
            }
            _ => {
                let fault =
                    Fault::input("llm-request", format!("the service refuses the call (status {status}){suffix}"));
                match keys.contains("temperature") {
                    true => fault.with_hint("set the temperature that the model takes; for models that think it is 1"),
                    false if keys.contains("response_format") => {
                        fault.with_hint("the service takes no such schema: make it simpler")
                    }
                    false => fault,
                }
            }
        }
    }

    /// Whether the service does not know how JSON was asked for. What is wrong with the schema itself is another thing.
    pub(super) fn is_of_form(self) -> bool {
        let (_, keys) = words(self.body);
        matches!(self.status, 400 | 415 | 422 | 500 | 501)
            && keys.contains("response_format")
            && !keys.contains("invalid schema")
    }

    fn more_room(self) -> &'static str {
        match self.vendor {
            LlmVendor::Ollama => "raise context_tokens, shorten the text, or choose a model with more room",
            LlmVendor::Custom => "shorten the text, lower max_tokens, or start the server with a larger context",
            _ => "shorten the text, lower max_tokens, or choose a model with more room",
        }
    }

    fn other_model(self) -> String {
        match self.vendor {
            LlmVendor::Ollama => pull(self.model),
            _ => "check the name of the model, and whether the key may use it".to_owned(),
        }
    }

    fn with_wait(self, fault: Fault, now: Timestamp) -> Fault {
        match self.wait(now) {
            Some(wait) => fault.with_retry_after(wait.min(LONGEST)),
            None => fault,
        }
    }

    /// The wait that the service asks for: in milliseconds (OpenAI), as HTTP has it, or as when the limit that was reached
    /// is reset.
    fn wait(self, now: Timestamp) -> Option<Duration> {
        let header = |name: &str| self.headers.get(name)?.to_str().ok().map(str::trim);
        let in_millis = || {
            let millis: f64 = header("retry-after-ms")?.parse().ok()?;
            Duration::try_from_secs_f64(millis / 1000.0).ok()
        };
        // 529 is a 503 of Anthropic's own.
        let status = if self.status == 529 { 503 } else { self.status };
        in_millis().or_else(|| retry_after(status, self.headers, now)).or_else(|| {
            let is_spent = |left: &str| header(left).is_some_and(|left| left == "0");
            let openai = ["requests", "tokens"].into_iter().filter_map(|what| {
                let reset = header(&format!("x-ratelimit-reset-{what}"))?;
                is_spent(&format!("x-ratelimit-remaining-{what}")).then(|| quantity::duration(reset).ok())?
            });
            let anthropic = ["requests", "tokens", "input-tokens", "output-tokens"].into_iter().filter_map(|what| {
                let reset: Timestamp = header(&format!("anthropic-ratelimit-{what}-reset"))?.parse().ok()?;
                let is_spent = is_spent(&format!("anthropic-ratelimit-{what}-remaining"));
                is_spent.then(|| Duration::try_from(reset.duration_since(now)).unwrap_or_default())
            });
            openai.chain(anthropic).max()
        })
    }
}

/// How to get a model that Ollama does not have.
pub(super) fn pull(model: &str) -> String {
    format!("get it with: ollama pull {model}")
}

/// What the body of a refusal says, for people, and all that it may be known by, in lower case.
fn words(body: &[u8]) -> (String, String) {
    let json: Value = serde_json::from_slice(body).unwrap_or_default();
    // OpenAI and Anthropic have an object, Ollama a text, vLLM nothing around it, FastAPI `detail`.
    let error = json.get("error").or_else(|| json.get("detail")).unwrap_or(&json);
    let message = error.as_str().or_else(|| error["message"].as_str()).map_or_else(|| of_places(error), str::to_owned);
    let one_line = message.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut told: String = safe_line(&one_line).chars().take(TOLD).collect();
    if one_line.chars().count() > TOLD {
        told.push('…');
    }
    let keys = ["type", "code", "param"].iter().filter_map(|key| error[*key].as_str()).chain([one_line.as_str()]);
    (told.clone(), keys.collect::<Vec<_>>().join(" ").to_lowercase())
}

/// What FastAPI finds wrong in a request: a list of places with a message for each.
fn of_places(error: &Value) -> String {
    let places = error.as_array().into_iter().flatten().filter_map(|wrong| {
        let place = wrong["loc"].as_array()?.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(".");
        Some(format!("{place}: {}", wrong["msg"].as_str()?))
    });
    places.collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test that cannot unwrap has failed")]

    use reqwest::header::{HeaderName, HeaderValue};
    use serde_json::json;

    use super::*;

    fn told_with(vendor: LlmVendor, status: u16, headers: &[(&'static str, &'static str)], body: &Value) -> Fault {
        let headers: HeaderMap = headers
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect();
        let body = body.to_string();
        let refusal = Refusal { vendor, model: "m-1", status, headers: &headers, body: body.as_bytes() };
        refusal.fault("2026-11-22T18:00:00Z".parse().unwrap())
    }

    fn openai(message: &str, kind: &str, code: Value) -> Value {
        json!({ "error": { "message": message, "type": kind, "param": null, "code": code } })
    }

    fn anthropic(kind: &str, message: &str) -> Value {
        json!({ "type": "error", "error": { "type": kind, "message": message }, "request_id": "req_1" })
    }

    #[test]
    fn every_refusal_goes_to_its_account() {
        use FaultClass::{Dependency, Input, Transient};
        use LlmVendor::{Anthropic, Custom, HuggingFace, Ollama, OpenAi};
        let too_long = "This model's maximum context length is 8192 tokens. However, you requested 9000 tokens";
        for (vendor, status, body, class, cause, hint) in [
            (
                OpenAi,
                401,
                openai("Incorrect API key provided: sk-go*la", "invalid_request_error", "invalid_api_key".into()),
                Dependency,
                "llm-key",
                "api_key",
            ),
            (
                OpenAi,
                403,
                openai("Country not supported", "request_forbidden", json!(null)),
                Dependency,
                "llm-forbidden",
                "where you are",
            ),
            (
                OpenAi,
                404,
                openai("The model `m-1` does not exist", "invalid_request_error", "model_not_found".into()),
                Dependency,
                "llm-model",
                "name of the model",
            ),
            (
                Ollama,
                404,
                json!({ "error": "model \"m-1\" not found, try pulling it first" }),
                Dependency,
                "llm-model",
                "ollama pull m-1",
            ),
            (Anthropic, 404, anthropic("not_found_error", "model: m-1"), Dependency, "llm-model", "name of the model"),
            (
                HuggingFace,
                400,
                openai("no provider", "invalid_request_error", "model_not_supported".into()),
                Dependency,
                "llm-model",
                "name of the model",
            ),
            (Custom, 404, json!({ "detail": "Not Found" }), Dependency, "llm-address", "/v1"),
            (Custom, 405, json!("<html>"), Dependency, "llm-address", "/v1"),
            (Custom, 301, json!(null), Dependency, "llm-address", "base_url"),
            (
                OpenAi,
                400,
                openai(too_long, "invalid_request_error", "context_length_exceeded".into()),
                Input,
                "llm-context",
                "shorten",
            ),
            (
                Custom,
                400,
                json!({ "object": "error", "message": too_long, "code": 400 }),
                Input,
                "llm-context",
                "larger context",
            ),
            (
                Custom,
                500,
                openai("the request exceeds the available context size", "exceed_context_size_error", json!(500)),
                Input,
                "llm-context",
                "larger context",
            ),
            (
                Anthropic,
                400,
                anthropic("invalid_request_error", "prompt is too long: 208310 tokens > 200000 maximum"),
                Input,
                "llm-context",
                "shorten",
            ),
            (
                Ollama,
                400,
                json!({ "error": "the input length exceeds the context length" }),
                Input,
                "llm-context",
                "context_tokens",
            ),
            (
                OpenAi,
                429,
                openai("You exceeded your current quota", "insufficient_quota", "insufficient_quota".into()),
                Dependency,
                "llm-quota",
                "add credit",
            ),
            (
                Anthropic,
                400,
                anthropic("invalid_request_error", "Your credit balance is too low to access the API"),
                Dependency,
                "llm-quota",
                "add credit",
            ),
            (
                HuggingFace,
                402,
                json!({ "error": "You have exceeded your monthly included credits" }),
                Dependency,
                "llm-quota",
                "add credit",
            ),
            (
                OpenAi,
                429,
                openai("Rate limit reached", "requests", "rate_limit_exceeded".into()),
                Transient,
                "llm-rate",
                "requests_per_minute",
            ),
            (OpenAi, 500, openai("oops", "server_error", json!(null)), Transient, "llm-server", ""),
            (OpenAi, 503, json!("<html>bad</html>"), Transient, "llm-overloaded", ""),
            (Anthropic, 529, anthropic("overloaded_error", "Overloaded"), Transient, "llm-overloaded", ""),
            (
                OpenAi,
                400,
                json!({ "error": { "message": "Unsupported value", "param": "temperature" } }),
                Input,
                "llm-request",
                "it is 1",
            ),
            (
                Custom,
                400,
                json!({ "error": "Invalid schema for response_format 'answer'" }),
                Input,
                "llm-request",
                "make it simpler",
            ),
            (
                Custom,
                422,
                json!({ "detail": [{ "loc": ["body"], "msg": "field required" }] }),
                Input,
                "llm-request",
                "",
            ),
        ] {
            let told = told_with(vendor, status, &[], &body);
            assert_eq!((told.class, told.cause.as_str()), (class, cause), "{status} {body}");
            assert!(told.hint.unwrap_or_default().contains(hint), "{status} {body}");
            assert!(!told.message.contains("sk-go"), "a part of the key is shown");
        }
    }

    #[test]
    fn a_server_that_does_not_know_how_json_is_asked_for_is_told_from_one_that_does_not_take_the_schema() {
        let is_of_form = |status, body: Value| {
            let (headers, body) = (HeaderMap::new(), body.to_string());
            let (vendor, body) = (LlmVendor::Custom, body.as_bytes());
            Refusal { vendor, model: "m-1", status, headers: &headers, body }.is_of_form()
        };
        let literal =
            "1 validation error: {'loc': ('body', 'response_format', 'type'), 'msg': \"Input should be 'text'\"}";
        assert!(is_of_form(500, openai(literal, "internal_server_error", json!(null))));
        assert!(is_of_form(
            400,
            openai("This response_format type is unavailable now", "invalid_request_error", json!(null))
        ));
        let fastapi =
            json!({ "detail": [{ "loc": ["body", "response_format"], "msg": "extra fields not permitted" }] });
        assert!(is_of_form(422, fastapi.clone()));
        let told = told_with(LlmVendor::Custom, 422, &[], &fastapi);
        assert!(told.message.ends_with(": body.response_format: extra fields not permitted"), "{told}");
        assert!(!is_of_form(
            400,
            openai("Invalid schema for response_format 'answer'", "invalid_request_error", json!(null))
        ));
        assert!(!is_of_form(401, openai("response_format", "x", json!(null))));
        assert!(!is_of_form(500, openai("oops", "server_error", json!(null))));
    }

    #[test]
    fn the_wait_that_a_service_asks_for_is_kept_to() {
        let wait = |vendor, status, headers: &[_]| told_with(vendor, status, headers, &json!({})).retry_after;
        let (openai, anthropic) = (LlmVendor::OpenAi, LlmVendor::Anthropic);
        assert_eq!(wait(openai, 429, &[("retry-after", "7")]), Some(7000));
        assert_eq!(wait(openai, 429, &[("retry-after", "7"), ("retry-after-ms", "6123")]), Some(6123));
        assert_eq!(wait(openai, 429, &[("retry-after", "86400")]), Some(300_000));
        assert_eq!(wait(anthropic, 529, &[("retry-after", "3")]), Some(3000));
        assert_eq!(wait(openai, 500, &[("retry-after", "3")]), None);
        let resets = [
            ("x-ratelimit-remaining-requests", "0"),
            ("x-ratelimit-reset-requests", "1m12.5s"),
            ("x-ratelimit-remaining-tokens", "50"),
            ("x-ratelimit-reset-tokens", "6m0s"),
        ];
        assert_eq!(wait(openai, 429, &resets), Some(72_500));
        let resets = [
            ("anthropic-ratelimit-output-tokens-remaining", "0"),
            ("anthropic-ratelimit-output-tokens-reset", "2026-11-22T18:00:40Z"),
            ("anthropic-ratelimit-requests-remaining", "0"),
            ("anthropic-ratelimit-requests-reset", "2026-11-22T17:59:00Z"),
        ];
        assert_eq!(wait(anthropic, 429, &resets), Some(40_000));
        for odd in ["-1", "soon", "NaN", "inf"] {
            assert_eq!(wait(openai, 429, &[("retry-after-ms", odd)]), None, "{odd}");
        }
    }

    #[test]
    fn what_a_service_says_is_told_short_and_harmless() {
        let long = format!("a\u{1b}[2J\nb {}", "x".repeat(10_000));
        let told = told_with(LlmVendor::Custom, 400, &[], &json!({ "error": long })).message;
        assert!(told.chars().count() < 400 && told.ends_with('…') && !told.contains(['\u{1b}', '\n']), "{told}");
    }
}
