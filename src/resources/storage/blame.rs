//! Whose fault it is when object storage does not do what was asked.

use std::error::Error;
use std::time::Duration;

use object_store::client::{HttpError, HttpErrorKind};

use super::key::Key;
use super::refusal::Refusal;
use crate::resilience::{Fault, FaultClass};
use crate::resources::secret::Secrets;

/// What was being done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Doing {
    Put,
    Get,
    Look,
    Delete,
    List,
    Sign,
}

/// The cause of a put that another one was faster than.
pub(super) const CONFLICT: &str = "conflict";

/// Services refuse a request that is signed with a clock further off: Amazon S3 API reference, RequestTimeTooSkewed.
const MOST_SKEW: i64 = 15 * 60;

/// Tells faults of one storage. No message holds a key, a signature or a signed address.
#[derive(Debug, Clone)]
pub(super) struct Blame {
    /// The bucket, as a person calls it.
    pub bucket: String,
    /// The host that is called.
    pub host: String,
    pub secrets: Secrets,
}

impl Blame {
    /// The fault that `error` stands for, met while `doing` something with the object `key`.
    pub(super) fn fault(&self, doing: Doing, key: Option<&Key>, error: &object_store::Error) -> Fault {
        let what = match (doing, key) {
            (Doing::Put, Some(key)) => format!("cannot put '{key}'"),
            (Doing::Get, Some(key)) => format!("cannot get '{key}'"),
            (Doing::Look, Some(key)) => format!("cannot look at '{key}'"),
            (Doing::Delete, Some(key)) => format!("cannot delete '{key}'"),
            (Doing::Sign, Some(key)) => format!("cannot sign a link to '{key}'"),
            _ => format!("cannot list the bucket '{}'", self.bucket),
        };
        let fault = if let Some(refusal) = within::<Refusal>(error) {
            self.refused(&what, doing, refusal)
        } else if let Some(error) = within::<HttpError>(error) {
            self.unheard(&what, error)
        } else {
            self.other(&what, error)
        };
        Fault { message: self.secrets.redact(&fault.message).into_owned(), ..fault }
    }

    /// The service answered, and said no.
    fn refused(&self, what: &str, doing: Doing, refusal: &Refusal) -> Fault {
        use FaultClass::{Dependency, Input, Transient};
        let Refusal { status, code, message, .. } = refusal;
        let said = match (code.as_str(), message.as_str()) {
            ("", "") => format!("{what}: the storage answered {status}"),
            (code, "") => format!("{what}: the storage answered {status} {code}"),
            ("", message) => format!("{what}: the storage answered {status}: {message}"),
            (code, message) => format!("{what}: the storage answered {status} {code}: {message}"),
        };
        let (class, cause, hint) = match (*status, code.as_str()) {
            (_, "RequestTimeTooSkewed") => (Dependency, "clock", Some(CLOCK)),
            (_, "NoSuchBucket" | "ContainerNotFound" | "InvalidBucketName") => {
                (Dependency, "no-bucket", Some(NO_BUCKET))
            }
            (_, "InvalidAccessKeyId" | "NotSignedUp") => (Dependency, "credentials", Some("check `access_key`")),
            (_, "SignatureDoesNotMatch") => (Dependency, "credentials", Some(SIGNATURE)),
            (_, "ExpiredToken" | "InvalidToken") => {
                (Dependency, "credentials", Some("the session token has ended: get another"))
            }
            (_, "AuthorizationHeaderMalformed" | "PermanentRedirect" | "IllegalLocationConstraintException")
            | (301 | 307 | 308, _) => {
                (Dependency, "region", Some("check `region` and `endpoint`: the bucket lies elsewhere"))
            }
            (
                _,
                "SlowDown" | "ServerBusy" | "RequestTimeout" | "InternalError" | "ServiceUnavailable"
                | "OperationAborted",
            )
            | (408 | 425 | 429, _) => (Transient, "busy", None),
            (500.., _) if *status != 501 => (Transient, "server", None),
            // The answer to a HEAD has no body that could tell more.
            (400, "") if doing == Doing::Look => {
                (Dependency, "credentials", Some("check `region` and the keys: a session token may have ended"))
            }
            (401 | 403, _) if matches!(doing, Doing::Get | Doing::Look) => (Dependency, "access", Some(NO_SIGHT)),
            (401 | 403, _) => (Dependency, "access", Some(ACCESS)),
            // A put and a list name no object that could be missing.
            (404, _) if matches!(doing, Doing::Put | Doing::List) => (Dependency, "no-bucket", Some(NO_BUCKET)),
            (404, _) => (Input, "no-object", None),
            (405 | 501, _) => {
                (Dependency, "unsupported", Some("this service does not do what was asked: check `endpoint`"))
            }
            // Two wrote at the same moment: Amazon S3 user guide, conditional writes.
            (409, "ConditionalRequestConflict") => (Transient, "busy", None),
            (409 | 412, _) if doing == Doing::Put => (Input, CONFLICT, None),
            // It was replaced while it was read.
            (412, _) => (Transient, "changed", None),
            _ => (Input, "refused", None),
        };
        let mut fault = Fault::new(class, cause, said);
        fault.hint = hint.map(|hint| match hint {
            NO_BUCKET => format!("check `bucket` ('{}'), and that it exists at {}", self.bucket, self.host),
            hint => hint.to_owned(),
        });
        // A clock that is off makes other refusals than the one that says so.
        if let (401 | 403, Some(ahead)) = (*status, refusal.ahead)
            && ahead.abs() > MOST_SKEW
        {
            let way = if ahead > 0 { "ahead of" } else { "behind" };
            let minutes = ahead.abs() / 60;
            fault.cause = "clock".to_owned();
            fault.hint = Some(format!("set this machine's clock: it is {minutes} minutes {way} the storage's"));
        }
        if let (Some(wait), Transient) = (refusal.retry_after, class) {
            // Nobody waits for a day because of one header.
            fault = fault.with_retry_after(wait.min(Duration::from_secs(86_400)));
        }
        fault
    }

    /// No answer came.
    fn unheard(&self, what: &str, error: &HttpError) -> Fault {
        let reqwest = within::<reqwest::Error>(error);
        let root = deepest(error);
        let host = &self.host;
        if reqwest.is_some_and(reqwest::Error::is_connect) || error.kind() == HttpErrorKind::Connect {
            let message = format!("{what}: cannot connect to {host}: {root}");
            return Fault::new(FaultClass::Dependency, "unreachable", message)
                .with_hint("check `endpoint`, and that this machine can reach it");
        }
        if error.kind() == HttpErrorKind::Timeout {
            let message = format!("{what}: {host} did not answer in time");
            return Fault::new(FaultClass::Transient, "timeout", message)
                .with_hint("raise `timeout`, or make `part_size` smaller");
        }
        Fault::new(FaultClass::Transient, "connection", format!("{what}: the connection to {host} was lost: {root}"))
    }

    /// The library itself came to grief: an answer that nobody can read, something that it does not do.
    fn other(&self, what: &str, error: &object_store::Error) -> Fault {
        use object_store::Error as E;
        let root = deepest(error);
        match error {
            E::NotSupported { .. } | E::NotImplemented { .. } => {
                Fault::new(FaultClass::Dependency, "unsupported", format!("{what}: {root}"))
            }
            E::InvalidPath { .. } => Fault::input("path", format!("{what}: {root}")),
            _ => Fault::new(FaultClass::Dependency, "storage", format!("{what}: {root}")),
        }
    }
}

const CLOCK: &str = "set this machine's clock: it is too far off";
const NO_BUCKET: &str = "check `bucket`";
const SIGNATURE: &str = "check `secret_key` and `region`, and this machine's clock";
const ACCESS: &str = "check what the key may do with this bucket, and this machine's clock";
// Amazon S3 API reference, HeadObject, permissions.
const NO_SIGHT: &str = "check what the key may do with this bucket, and this machine's clock; to a key that may not list it, \
                        an object that is not there is refused like this";

/// The first error of the type `E` in the chain of causes.
pub(super) fn within<'a, E: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a E> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        next = error.source();
    }
    None
}

/// What lies at the bottom of it.
fn deepest(error: &(dyn Error + 'static)) -> String {
    let mut last = error;
    while let Some(source) = last.source() {
        last = source;
    }
    last.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(doing: Doing, status: u16, code: &str) -> Fault {
        let refusal =
            Refusal { status, code: code.to_owned(), message: String::new(), retry_after: None, ahead: Some(3) };
        Blame { bucket: "b".to_owned(), host: "h".to_owned(), secrets: Secrets::default() }
            .refused("x", doing, &refusal)
    }

    #[test]
    fn each_refusal_goes_to_its_account() {
        use Doing::{Delete, Get, List, Look, Put};
        use FaultClass::{Dependency, Input, Transient};
        for (doing, status, code, class, cause) in [
            (Put, 404, "NoSuchBucket", Dependency, "no-bucket"),
            (Put, 404, "", Dependency, "no-bucket"),
            (List, 404, "NoSuchKey", Dependency, "no-bucket"),
            (Get, 404, "NoSuchBucket", Dependency, "no-bucket"),
            (Get, 404, "NoSuchKey", Input, "no-object"),
            (Get, 404, "BlobNotFound", Input, "no-object"),
            (Look, 404, "", Input, "no-object"),
            (Put, 403, "AccessDenied", Dependency, "access"),
            (Look, 403, "", Dependency, "access"),
            (Look, 400, "", Dependency, "credentials"),
            (Put, 403, "SignatureDoesNotMatch", Dependency, "credentials"),
            (Put, 403, "InvalidAccessKeyId", Dependency, "credentials"),
            (Put, 403, "RequestTimeTooSkewed", Dependency, "clock"),
            (Put, 401, "", Dependency, "access"),
            (Put, 400, "AuthorizationHeaderMalformed", Dependency, "region"),
            (Put, 301, "PermanentRedirect", Dependency, "region"),
            (Put, 503, "SlowDown", Transient, "busy"),
            (Put, 200, "InternalError", Transient, "busy"),
            (Put, 503, "ServerBusy", Transient, "busy"),
            (Put, 429, "", Transient, "busy"),
            (Put, 500, "", Transient, "server"),
            (Put, 502, "", Transient, "server"),
            (Put, 501, "NotImplemented", Dependency, "unsupported"),
            (Put, 400, "EntityTooSmall", Input, "refused"),
            (Put, 413, "EntityTooLarge", Input, "refused"),
            (Put, 412, "PreconditionFailed", Input, "conflict"),
            (Put, 409, "ConditionalRequestConflict", Transient, "busy"),
            (Get, 412, "PreconditionFailed", Transient, "changed"),
            (Delete, 400, "", Input, "refused"),
        ] {
            let fault = fault(doing, status, code);
            assert_eq!((fault.class, fault.cause.as_str()), (class, cause), "{doing:?} {status} {code}");
        }
    }

    #[test]
    fn a_clock_that_is_off_is_told_by_how_much_and_a_wait_is_passed_on() {
        let blame = Blame { bucket: "b".to_owned(), host: "h".to_owned(), secrets: Secrets::default() };
        let refusal = Refusal {
            status: 403,
            code: "AccessDenied".to_owned(),
            message: String::new(),
            retry_after: None,
            ahead: Some(-7200),
        };
        let fault = blame.refused("x", Doing::Put, &refusal);
        assert_eq!(fault.hint.as_deref(), Some("set this machine's clock: it is 120 minutes behind the storage's"));
        let busy = Refusal { status: 503, retry_after: Some(Duration::from_secs(9)), ..refusal };
        let fault = blame.refused("x", Doing::Put, &Refusal { code: "SlowDown".to_owned(), ..busy });
        assert_eq!((fault.class, fault.retry_after), (FaultClass::Transient, Some(9000)));
    }
}
