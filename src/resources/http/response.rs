//! An answer: its head, and its body while it comes.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use reqwest::header::{CONTENT_TYPE, HeaderMap};
use tokio::time::{Instant, timeout_at};

use super::counts::Counts;
use super::fault::Call;
use super::retry_after::retry_after;
use crate::resilience::Fault;
use crate::resources::secret::Secrets;

/// So much of an answer that tells of an error is read, in bytes.
const TOLD: usize = 16 << 10;
/// And so much of it is shown, in characters.
const SHOWN: usize = 300;

/// What an answer may take.
pub(super) struct Limits {
    pub(super) deadline: Instant,
    /// The time from the beginning to the deadline.
    pub(super) timeout: Duration,
    pub(super) bytes: u64,
}

/// An answer. Dropping it before its end closes the connection.
pub struct Response {
    answer: reqwest::Response,
    call: Call,
    limits: Limits,
    received: u64,
    counts: Arc<Counts>,
    secrets: Secrets,
}

impl Response {
    pub(super) fn new(
        answer: reqwest::Response,
        call: Call,
        limits: Limits,
        counts: Arc<Counts>,
        secrets: Secrets,
    ) -> Self {
        Self { answer, call, limits, received: 0, counts, secrets }
    }

    /// The status.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.answer.status().as_u16()
    }

    /// The headers.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        self.answer.headers()
    }

    /// The type of its content without parameters, in lower case: `application/json`.
    #[must_use]
    pub fn content_type(&self) -> Option<String> {
        let value = self.headers().get(CONTENT_TYPE)?.to_str().ok()?;
        Some(value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase())
    }

    /// Bytes of the body so far, after unpacking.
    #[must_use]
    pub fn received(&self) -> u64 {
        self.received
    }

    /// The next bytes of the body, after unpacking; nothing at its end. Dropping the future loses nothing.
    ///
    /// # Errors
    /// The connection was lost or the time is over (`Transient`), or the answer is too long (`Input`).
    pub async fn chunk(&mut self) -> Result<Option<impl AsRef<[u8]> + Send + 'static + use<>>, Fault> {
        // Nothing is read of what says beforehand that it is too long. Of what is packed, the length is not known.
        let left = self.answer.content_length().unwrap_or(0);
        if self.received.saturating_add(left) > self.limits.bytes {
            return Err(self.call.too_large(self.limits.bytes));
        }
        let next = timeout_at(self.limits.deadline, self.answer.chunk()).await;
        let next = next.map_err(|_| self.call.timeout(self.limits.timeout));
        let next = next.and_then(|next| next.map_err(|error| self.call.failed(&error)));
        let next = next.map_err(|fault| self.secrets.redact_fault(fault))?;
        let length = next.as_ref().map_or(0, |bytes| bytes.len() as u64);
        self.received += length;
        self.counts.received(length);
        if self.received > self.limits.bytes {
            return Err(self.call.too_large(self.limits.bytes));
        }
        Ok(next)
    }

    /// The whole body.
    ///
    /// # Errors
    /// Those of [`Response::chunk`].
    pub async fn bytes(&mut self) -> Result<Vec<u8>, Fault> {
        let mut bytes = Vec::new();
        while let Some(chunk) = self.chunk().await? {
            bytes.extend_from_slice(chunk.as_ref());
        }
        Ok(bytes)
    }

    /// The fault that an answer of this status stands for, with what its body tells and the wait that it asks for.
    pub async fn into_fault(mut self) -> Fault {
        let mut told = Vec::new();
        // What cannot be read is not told; the status says enough.
        while let Ok(Some(chunk)) = self.chunk().await {
            told.extend_from_slice(chunk.as_ref());
            if told.len() >= TOLD {
                break;
            }
        }
        self.fault(&told)
    }

    /// The fault that an answer of this status stands for, of whose body `told` was read.
    #[must_use]
    pub fn fault(&self, told: &[u8]) -> Fault {
        let told = self.secrets.redact(&String::from_utf8_lossy(told)).into_owned();
        // A page for browsers tells nobody anything here.
        let is_page = self.content_type().is_some_and(|kind| kind == "text/html" || kind == "application/xhtml+xml");
        let told = if is_page { String::new() } else { one_line(&told) };
        let fault = self.secrets.redact_fault(self.call.status(self.status(), &told));
        match retry_after(self.status(), self.headers(), Timestamp::now()) {
            Some(wait) => fault.with_retry_after(wait),
            None => fault,
        }
    }
}

/// The beginning of a text on one line.
fn one_line(text: &str) -> String {
    let words = text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty());
    let line = words.collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}
