//! What a service says when it refuses: read at the wire, before the library makes a text of it, because the waits that it
//! asks for and its own word for the trouble are needed. And what the library does not say to it.

use std::collections::HashSet;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use jiff::fmt::rfc2822;
use object_store::ClientOptions;
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpResponseBody, HttpService,
    ReqwestConnector,
};
use reqwest::header::{HeaderValue, IF_NONE_MATCH};

/// As much of an answer is read as tells why.
const MOST_BYTES: usize = 64 * 1024;

/// An answer that is no success.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    pub status: u16,
    /// The service's word for it: `NoSuchBucket`; empty where it says none, as an answer to HEAD has none.
    pub code: String,
    /// The service's sentence. It may hold anything.
    pub message: String,
    /// The wait that it asks for: RFC 9110, section 10.2.3.
    pub retry_after: Option<Duration>,
    /// How far our clock is ahead of its, in seconds, by the date of its answer: RFC 9110, section 6.6.1.
    pub ahead: Option<i64>,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.status, self.code)
    }
}

impl std::error::Error for Refusal {}

impl Refusal {
    fn new(status: u16, body: &str, header: &dyn Fn(&str) -> Option<String>, now: Timestamp) -> Self {
        let (code, message) = why(body);
        let date = |text: String| rfc2822::parse(&text).ok().map(|date| date.timestamp());
        let retry_after = header("retry-after").and_then(|text| match text.trim().parse() {
            Ok(seconds) => Some(Duration::from_secs(seconds)),
            Err(_) => Duration::try_from(date(text)?.duration_since(now)).ok(),
        });
        let ahead = header("date").and_then(date).map(|theirs| now.duration_since(theirs).as_secs());
        Self { status, code, message, retry_after, ahead }
    }
}

/// The code and the message of an error, which S3, Azure and Google all write as XML: `<Code>`, `<Message>`.
fn why(body: &str) -> (String, String) {
    let element = |name: &str| {
        let (_, after) = body.split_once(&format!("<{name}>"))?;
        let (text, _) = after.split_once(&format!("</{name}>"))?;
        let text = text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&apos;", "'");
        Some(text.replace("&amp;", "&").trim().to_owned())
    };
    (element("Code").unwrap_or_default(), element("Message").unwrap_or_default())
}

/// Uploads in parts that may take the place of no object. A service of S3 refuses to complete such a one where there is an
/// object by then (Amazon S3 user guide, conditional writes); the library has no way to ask for it.
#[derive(Debug, Clone, Default)]
pub(super) struct NewOnly(Arc<Mutex<HashSet<String>>>);

impl NewOnly {
    /// The upload with this id is one.
    pub(super) fn add(&self, upload: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(upload.to_owned());
    }

    /// It has ended.
    pub(super) fn remove(&self, upload: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(upload);
    }

    /// Whether the query is that of one.
    fn holds(&self, query: &str) -> bool {
        let uploads = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        !uploads.is_empty()
            && url::form_urlencoded::parse(query.as_bytes())
                .any(|(name, upload)| name == "uploadId" && uploads.contains(upload.as_ref()))
    }
}

/// Connects as the library does, and watches what comes back.
#[derive(Debug, Default)]
pub(super) struct WatchedConnector {
    pub new_only: NewOnly,
}

impl HttpConnector for WatchedConnector {
    fn connect(&self, options: &ClientOptions) -> object_store::Result<HttpClient> {
        // The first to need TLS in this process says which cryptography it is to use.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = ReqwestConnector::default().connect(options)?;
        Ok(HttpClient::new(Watched { client, new_only: self.new_only.clone() }))
    }
}

#[derive(Debug)]
struct Watched {
    client: HttpClient,
    new_only: NewOnly,
}

impl HttpService for Watched {
    fn call<'a, 'b>(
        &'a self,
        mut request: HttpRequest,
    ) -> Pin<Box<dyn Future<Output = Result<HttpResponse, HttpError>> + Send + 'b>>
    where
        'a: 'b,
        Self: 'b,
    {
        Box::pin(async move {
            // Completing an upload may be answered with 200 and an error in the body: Amazon S3 API reference,
            // CompleteMultipartUpload. Answers to POST are short.
            let is_post = request.method().as_str() == "POST";
            if is_post && self.new_only.holds(request.uri().query().unwrap_or_default()) {
                // Signatures cover only what they name.
                request.headers_mut().insert(IF_NONE_MATCH, HeaderValue::from_static("*"));
            }
            let response = self.client.execute(request).await?;
            let status = response.status();
            let is_good = status.is_success() || status.as_u16() == 304;
            if is_good && !is_post {
                return Ok(response);
            }
            let (parts, body) = response.into_parts();
            let body = start_of(body).await?;
            let text = String::from_utf8_lossy(&body);
            if is_good && !text.contains("<Error>") {
                return Ok(HttpResponse::from_parts(parts, body.into()));
            }
            let header = |name: &str| Some(parts.headers.get(name)?.to_str().ok()?.to_owned());
            let refusal = Refusal::new(status.as_u16(), &text, &header, Timestamp::now());
            // Of a kind that the library does not retry: that is the engine's work.
            Err(HttpError::new(HttpErrorKind::Unknown, refusal))
        })
    }
}

async fn start_of(body: HttpResponseBody) -> Result<Vec<u8>, HttpError> {
    let mut stream = body.bytes_stream();
    let mut start = Vec::new();
    while start.len() < MOST_BYTES {
        match std::future::poll_fn(|context| stream.as_mut().poll_next(context)).await {
            Some(chunk) => start.extend_from_slice(&chunk?),
            None => break,
        }
    }
    Ok(start)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_read_in_the_words_of_every_service() {
        for (body, code, message) in [
            (
                "<?xml version=\"1.0\"?><Error><Code>NoSuchBucket</Code><Message>no &quot;x&quot; &amp;amp;</Message></Error>",
                "NoSuchBucket",
                "no \"x\" &amp;",
            ),
            ("<Error><Code>ServerBusy</Code>\n<Message>a\nb</Message></Error>", "ServerBusy", "a\nb"),
            ("Bad gateway", "", ""),
            ("", "", ""),
        ] {
            assert_eq!(why(body), (code.to_owned(), message.to_owned()), "{body}");
        }
    }

    #[test]
    fn a_wait_is_read_as_seconds_and_as_a_date() {
        let now: Timestamp = "2026-05-09T08:00:00Z".parse().unwrap_or_default();
        let wait = |text: &str| {
            let header = |name: &str| (name == "retry-after").then(|| text.to_owned());
            Refusal::new(503, "", &header, now).retry_after
        };
        assert_eq!(wait("7"), Some(Duration::from_secs(7)));
        assert_eq!(wait("Sat, 09 May 2026 08:01:30 GMT"), Some(Duration::from_secs(90)));
        assert_eq!(wait("Sat, 09 May 2026 07:00:00 GMT"), None);
        assert_eq!(wait("soon"), None);
    }
}
