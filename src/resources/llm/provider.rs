//! The provider of a language model: all its handles share windows, budget and connections.

use serde_json::{Map, Value};

use super::client::Llm;
use super::settings::{Settings, check};
use crate::resilience::{Fault, FaultClass};
use crate::resources::health::HealthReport;
use crate::resources::provider::Provider;
use crate::resources::secret::Secrets;

/// Hands out one language model.
#[derive(Debug, Clone)]
pub struct LlmProvider(Llm);

impl LlmProvider {
    /// A model by settings in which every `${NAME}` is filled. Its key is one of `secrets` from now on.
    ///
    /// # Errors
    /// What is wrong with the settings.
    pub fn new(settings: Settings, secrets: &Secrets) -> Result<Self, Fault> {
        let wrong = |why: String| Fault::new(FaultClass::Dependency, "settings", secrets.redact(&why));
        check(&settings).map_err(wrong)?;
        Llm::new(settings, secrets).map(Self)
    }
}

/// The provider.
pub(in crate::resources) fn open(settings: Settings, secrets: &Secrets) -> Result<LlmProvider, Fault> {
    LlmProvider::new(settings, secrets)
}

impl Provider for LlmProvider {
    type Handle = Llm;

    async fn create(&self) -> Result<Llm, Fault> {
        Ok(self.0.clone())
    }

    async fn check(&self) -> Result<HealthReport, Fault> {
        self.0.look().await
    }

    /// `requests`, `prompt_tokens`, `completion_tokens`; `waits` for a turn and `waited_seconds`, and calls that were
    /// `throttled`; `requests_last_minute`, `tokens_last_minute`, the most that any minute had
    /// (`most_requests_in_a_minute`, `most_tokens_in_a_minute`), and the limits, where there are any
    /// (`requests_per_minute`, `tokens_per_minute`, `budget_tokens`, `budget_left`).
    fn figures(&self) -> Map<String, Value> {
        self.0.figures()
    }
}
