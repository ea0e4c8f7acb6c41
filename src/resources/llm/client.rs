//! One call to a model: its turn, the request, the answer, and what the server says it cost.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use reqwest::Method;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;
use tokio::time::Instant;

use super::fitting::{AnswerSchema, json_in};
use super::meter::Meter;
use super::prompt::{Completion, Message, Prompt, Role, estimated};
use super::protocol::{Asked, Form, Listing, Protocol, Reply, Usage};
use super::refusal::{Refusal, pull};
use super::settings::{LlmVendor, Settings};
use crate::resilience::fault::{THROTTLED, UNFIT};
use crate::resilience::{Fault, FaultClass};
use crate::resources::health::HealthReport;
use crate::resources::http::{Client, ClientSettings, Request};
use crate::resources::secret::Secrets;

/// No answer is longer, in bytes: a hundred times what the longest of today's models say.
const LONGEST_ANSWER: u64 = 16 << 20;
/// From this share of a window on, the limits of a minute are nearly reached.
const NEARLY_FULL: f64 = 0.9;

/// A language model. Clones share windows, budget and connections.
#[derive(Clone)]
pub struct Llm(Arc<Shared>);

struct Shared {
    settings: Settings,
    protocol: Protocol,
    client: Client,
    meter: Meter,
    secrets: Secrets,
    /// What the service takes, as far as that is known.
    form: Mutex<Form>,
}

impl Llm {
    /// A model by settings in which every `${NAME}` is filled.
    pub(super) fn new(settings: Settings, secrets: &Secrets) -> Result<Self, Fault> {
        let misfit = |why: &str| Fault::new(FaultClass::Dependency, "settings", why);
        let base = settings.address().map_err(|why| misfit(&why))?;
        let protocol = settings.provider.protocol();
        let key = settings.api_key.as_ref().map(|key| key.secret()).filter(|key| !key.is_empty());
        if let Some(key) = key {
            secrets.add(key);
        }
        let mut headers = HeaderMap::new();
        for (name, value) in protocol.headers(key) {
            let wrong = |_| misfit("`api_key` holds a character that no header may hold");
            let mut value = HeaderValue::try_from(value).map_err(wrong)?;
            value.set_sensitive(true);
            headers.insert(HeaderName::from_static(name), value);
        }
        let meter = Meter::new(settings.limits(&base), settings.budget_tokens);
        let of_client = ClientSettings {
            base_url: Some(base),
            headers,
            timeout: settings.timeout.0,
            redirects: 0,
            max_response: LONGEST_ANSWER,
            ..ClientSettings::default()
        };
        let client = Client::new(of_client, secrets)?;
        let secrets = secrets.clone();
        Ok(Self(Arc::new(Shared { settings, protocol, client, meter, secrets, form: Mutex::default() })))
    }

    /// Asks the model, once, when its turn has come. Dropping the future ends the call.
    ///
    /// # Errors
    /// That the prompt cannot be asked, that it must wait longer than 2 s for its turn (the cause is `throttled`, and the
    /// fault says how long), that the budget is spent, or why there is no answer, with whose account that goes to.
    pub async fn complete(&self, prompt: &Prompt) -> Result<Completion, Fault> {
        self.completed(prompt).await.map_err(|fault| self.harmless(fault))
    }

    /// Asks for JSON that fits `schema`. An answer that does not fit is told why, and asked for again, up to `repairs` times;
    /// the tokens of all are summed up.
    ///
    /// # Errors
    /// Those of [`Llm::complete`], and that no answer did fit, which is [`FaultClass::Transient`].
    pub async fn complete_fitting(
        &self,
        prompt: &Prompt,
        schema: &AnswerSchema,
        repairs: u32,
    ) -> Result<Completion, Fault> {
        let mut prompt = prompt.clone().with_schema(schema.schema().clone());
        let (mut prompt_tokens, mut completion_tokens) = (0_u64, 0_u64);
        let mut left = repairs;
        let mut unfit = None;
        loop {
            let answer = match self.complete(&prompt).await {
                Ok(answer) => answer,
                // The first answer was paid for: this attempt is over, and counts.
                Err(fault) if fault.cause == THROTTLED => return Err(unfit.unwrap_or(fault)),
                Err(fault) => return Err(fault),
            };
            prompt_tokens = prompt_tokens.saturating_add(answer.prompt_tokens);
            completion_tokens = completion_tokens.saturating_add(answer.completion_tokens);
            let misfit = match &answer.json {
                Some(json) => schema.fits(json).err(),
                None => Some("it is no JSON".to_owned()),
            };
            let Some(why) = misfit else { return Ok(Completion { prompt_tokens, completion_tokens, ..answer }) };
            let message = format!("the answer does not fit the schema: {why}");
            let fault = Fault::new(FaultClass::Transient, UNFIT, message)
                .with_hint("tell the model in the prompt what is wanted, or raise `repairs`");
            let fault = self.harmless(fault);
            if left == 0 {
                return Err(fault);
            }
            unfit = Some(fault);
            left -= 1;
            let again = format!(
                "That answer does not fit the JSON schema: {why}. Answer again, with nothing but JSON that fits it."
            );
            prompt.messages.push(Message { role: Role::Assistant, text: answer.text });
            prompt.messages.push(Message { role: Role::User, text: again });
        }
    }

    async fn completed(&self, prompt: &Prompt) -> Result<Completion, Fault> {
        let Shared { settings, protocol, meter, .. } = &*self.0;
        let form = self.form();
        let asked = self.asked(prompt, form)?;
        let of_prompt = prompt.estimated_tokens();
        let turn = meter.turn(of_prompt.saturating_add(asked.max_tokens.into())).await?;
        let begun = Instant::now();
        let request = Request::new(Method::POST, protocol.call_path()).json(&protocol.body(asked));
        let answer = match self.exchange(&request).await {
            Ok(answer) => answer,
            Err(fault) => {
                // Whatever is not transient went wrong before the service had the call.
                if fault.class != FaultClass::Transient {
                    turn.unused();
                }
                return Err(fault);
            }
        };
        if !answer.is_success() {
            turn.unused();
            let refusal = self.refusal(&answer);
            if let Some(less) = protocol.less(form).filter(|_| prompt.schema.is_some() && refusal.is_of_form()) {
                // Asked for in another way at once, and from now on.
                self.ask_no_more_than(less);
                return Box::pin(self.completed(prompt)).await;
            }
            return Err(refusal.fault(Timestamp::now()));
        }
        let Reply { usage, said } = protocol.read(&read_json(&answer.body)?);
        let of_answer = said.as_ref().map_or(u64::from(asked.max_tokens), |said| estimated(&said.text));
        let Usage { prompt: prompt_tokens, completion: completion_tokens } =
            usage.unwrap_or(Usage { prompt: of_prompt, completion: of_answer });
        turn.used(prompt_tokens, completion_tokens);
        let said = said?;
        Ok(Completion {
            json: said.json.or_else(|| prompt.schema.as_ref().and_then(|_| json_in(&said.text))),
            text: said.text,
            finish_reason: said.finish_reason,
            prompt_tokens,
            completion_tokens,
            model: said.model.unwrap_or_else(|| settings.model.clone()),
            took: begun.elapsed(),
        })
    }

    fn ask_no_more_than(&self, less: Form) {
        let mut form = self.0.form.lock().unwrap_or_else(PoisonError::into_inner);
        *form = less.max(*form);
    }

    fn form(&self) -> Form {
        *self.0.form.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn asked<'a>(&'a self, prompt: &'a Prompt, form: Form) -> Result<Asked<'a>, Fault> {
        let settings = &self.0.settings;
        let wrong = |why: String| Err(Fault::input("prompt", why));
        let temperature = prompt.temperature.unwrap_or(settings.temperature);
        if let Err(why) = settings.takes(temperature) {
            return wrong(why);
        }
        let max_tokens = prompt.max_tokens.unwrap_or(settings.max_tokens);
        if max_tokens == 0 {
            return wrong("`max_tokens` is 0: no answer would have any".to_owned());
        }
        if prompt.messages.last().is_none_or(|last| last.role != Role::User || last.text.trim().is_empty()) {
            return wrong("nothing is asked: the prompt is empty".to_owned());
        }
        let context_tokens = settings.context_tokens;
        Ok(Asked { model: &settings.model, prompt, temperature, max_tokens, context_tokens, form })
    }

    /// One request and its whole answer, whatever it says.
    async fn exchange(&self, request: &Request) -> Result<Answer, Fault> {
        let mut response = self.0.client.send(request).await?;
        let (status, headers) = (response.status(), response.headers().clone());
        let body = response.bytes().await.map_err(|fault| match fault.class {
            // It is not what was asked that is too large.
            FaultClass::Input => {
                Fault::new(FaultClass::Transient, "llm-answer", "the answer of the service is too large")
            }
            _ => fault,
        })?;
        Ok(Answer { status, headers, body })
    }

    fn refusal<'a>(&'a self, answer: &'a Answer) -> Refusal<'a> {
        let settings = &self.0.settings;
        let Answer { status, headers, body } = answer;
        Refusal { vendor: settings.provider, model: &settings.model, status: *status, headers, body }
    }

    /// The fault without a secret: services repeat what they were sent.
    fn harmless(&self, fault: Fault) -> Fault {
        let message = self.0.secrets.redact(&fault.message).into_owned();
        let hint = fault.hint.as_deref().map(|hint| self.0.secrets.redact(hint).into_owned());
        Fault { message, hint, ..fault }
    }

    /// Looks whether the service answers, takes the key, and has the model.
    pub(super) async fn look(&self) -> Result<HealthReport, Fault> {
        self.looked().await.map_err(|fault| self.harmless(fault))
    }

    async fn looked(&self) -> Result<HealthReport, Fault> {
        let Shared { settings, protocol, meter, .. } = &*self.0;
        if let Some(broke) = meter.is_broke(settings.max_tokens.into()) {
            return Err(broke);
        }
        let model = &settings.model;
        let (path, listing) = protocol.listing(model);
        let answer = self.exchange(&Request::new(Method::GET, path)).await?;
        let no_list = settings.provider == LlmVendor::Custom && matches!(answer.status, 404 | 405);
        if !answer.is_success() && !no_list {
            return Err(self.refusal(&answer).fault(Timestamp::now()));
        }
        let names = match listing {
            Listing::All(names) if !no_list => names(&read_json(&answer.body)?),
            _ => None,
        };
        let is_there = names.is_none_or(|names| names.iter().any(|name| protocol.is_same_model(name, model)));
        let missing = || format!("the service has no model {model}");
        match settings.provider {
            LlmVendor::Ollama if !is_there => {
                return Err(Fault::new(FaultClass::Dependency, "llm-model", missing()).with_hint(pull(model)));
            }
            LlmVendor::OpenAi if !is_there => {
                return Err(Fault::new(FaultClass::Dependency, "llm-model", missing())
                    .with_hint("check the name of the model, and whether the key may use it"));
            }
            // Others take names that they do not list.
            _ if !is_there => {
                return Ok(HealthReport {
                    hint: Some("check the name of the model; some servers take names that they do not list".to_owned()),
                    ..HealthReport::degraded(format!("the service does not list the model {model}"))
                });
            }
            _ => {}
        }
        let fullness = meter.fullness();
        if fullness >= NEARLY_FULL {
            let details = format!("{:.0} % of what a minute allows is used", fullness * 100.0);
            let hint = "calls wait; raise requests_per_minute and tokens_per_minute if the account may use more";
            return Ok(HealthReport { hint: Some(hint.to_owned()), ..HealthReport::degraded(details) });
        }
        Ok(HealthReport::healthy(format!("answers, and has {model}")))
    }

    /// What was counted: see [`Meter::figures`].
    pub(super) fn figures(&self) -> serde_json::Map<String, Value> {
        self.0.meter.figures()
    }
}

impl fmt::Debug for Llm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Llm").field("settings", &self.0.settings).finish_non_exhaustive()
    }
}

/// An answer, whatever it says.
struct Answer {
    status: u16,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Answer {
    const fn is_success(&self) -> bool {
        matches!(self.status, 200..=299)
    }
}

fn read_json(body: &[u8]) -> Result<Value, Fault> {
    serde_json::from_slice(body).map_err(|_| {
        let message = "the answer of the service is no JSON";
        Fault::new(FaultClass::Transient, "llm-answer", message)
            .with_hint("check that base_url and provider are those of the service")
    })
}
