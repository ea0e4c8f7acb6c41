//! Why a call failed, and whose account that goes to.

use std::error::Error;
use std::io;

use reqwest::StatusCode;

use super::address::Refused;
use crate::resilience::{Fault, FaultClass};

/// How the end of a connection shows in what is read from it.
const LOST: [io::ErrorKind; 5] = [
    io::ErrorKind::BrokenPipe,
    io::ErrorKind::ConnectionAborted,
    io::ErrorKind::ConnectionReset,
    io::ErrorKind::NotConnected,
    io::ErrorKind::UnexpectedEof,
];

/// What a call is, as messages tell it.
#[derive(Debug, Clone)]
pub(super) struct Call {
    /// `GET https://example.org/x`, without a secret.
    pub(super) shown: String,
    /// It goes to `base_url`, which the pipeline's author answers for. Any other URL came with an item, and a dead link of
    /// one item says nothing about the service.
    pub(super) is_own: bool,
    /// It follows no redirect, whatever the resource says.
    pub(super) stays: bool,
}

impl Call {
    /// The class of what only the service's keeper can mend.
    fn of_service(&self) -> FaultClass {
        if self.is_own { FaultClass::Dependency } else { FaultClass::Input }
    }

    /// It did not end in time.
    pub(super) fn timeout(&self, limit: std::time::Duration) -> Fault {
        let message = format!("{} took longer than {} s", self.shown, limit.as_secs_f64());
        Fault::new(FaultClass::Transient, "timeout", message)
            .with_hint("raise the resource's `timeout` if it needs so long")
    }

    /// The answer is longer than the resource takes.
    pub(super) fn too_large(&self, limit: u64) -> Fault {
        let message = format!("{} answers with more than {limit} bytes", self.shown);
        Fault::input("too-large", message).with_hint("raise the resource's `max_response` if it is meant")
    }

    /// An error of the library: no answer came, or only a part of one.
    pub(super) fn failed(&self, error: &reqwest::Error) -> Fault {
        let shown = &self.shown;
        if let Some(refused) = find::<Refused>(error) {
            return self.refused(refused);
        }
        let io = find::<io::Error>(error);
        if let Some(io) = io.filter(|io| io.raw_os_error().is_some()) {
            // The machine's own troubles are not the service's.
            let fault = Fault::from_io(shown, io);
            if fault.class == FaultClass::Environment {
                return fault;
            }
        }
        if let Some(tls) = find::<rustls::Error>(error) {
            return Fault::new(self.of_service(), "tls", format!("{shown}: no secure connection: {tls}"))
                .with_hint("for a certificate of your own, name its authority in `ca_file`");
        }
        if error.is_dns() {
            return Fault::new(self.of_service(), "unknown-host", format!("{shown}: the host has no address"))
                .with_hint("check the name, and that names can be looked up here");
        }
        if error.is_connect() {
            let (cause, why) = match io.map(io::Error::kind) {
                Some(io::ErrorKind::ConnectionRefused) => ("refused", "nobody listens there".to_owned()),
                _ if error.is_timeout() => ("connect-timeout", "the host does not answer".to_owned()),
                Some(_) => ("connect", io.map(ToString::to_string).unwrap_or_default()),
                None => ("connect", root(error)),
            };
            return Fault::new(self.of_service(), cause, format!("cannot connect for {shown}: {why}"))
                .with_hint("check that the service runs and can be reached from here");
        }
        if error.is_builder() {
            return Fault::input("request", format!("{shown} cannot be asked: {}", root(error)));
        }
        if error.is_timeout() {
            return Fault::new(FaultClass::Transient, "timeout", format!("{shown}: the connection went silent"));
        }
        let is_lost = io.is_some_and(|io| LOST.contains(&io.kind()));
        if error.is_decode() && !is_lost {
            return Fault::new(
                FaultClass::Transient,
                "answer",
                format!("{shown}: the answer is broken: {}", root(error)),
            );
        }
        let message = format!("{shown}: the connection was lost: {}", root(error));
        Fault::new(FaultClass::Transient, "connection-lost", message)
    }

    /// The host is at an address that a URL of an item must not reach.
    pub(super) fn refused(&self, refused: &Refused) -> Fault {
        Fault::input("address-refused", format!("{}: {refused}", self.shown))
            .with_hint("if it is meant, let the resource `allow_private`")
    }

    /// An answer with a status that is none of those wanted. `told` is what its body says.
    pub(super) fn status(&self, status: u16, told: &str) -> Fault {
        let class = match status {
            401 | 403 | 407 => self.of_service(),
            408 | 425 | 429 | 500.. => FaultClass::Transient,
            _ => FaultClass::Input,
        };
        let reason = StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason());
        let reason = reason.map(|reason| format!(" {reason}")).unwrap_or_default();
        let told = if told.is_empty() { String::new() } else { format!(": {told}") };
        let fault =
            Fault::new(class, format!("http-{status}"), format!("{} answers {status}{reason}{told}", self.shown));
        match status {
            401 | 403 if self.is_own => fault.with_hint("check the resource's `auth`"),
            407 => fault.with_hint("check user and password in the resource's `proxy`"),
            301 | 302 | 303 | 307 | 308 if self.stays => {
                fault.with_hint("this call follows no redirect: name the address that it leads to in its place")
            }
            301 | 302 | 303 | 307 | 308 => {
                fault.with_hint("let the resource follow `redirects`, or name this status in `expect`")
            }
            300..=399 if !self.stays => fault.with_hint("name this status in `expect` if it is meant"),
            _ => fault,
        }
    }
}

/// The first error of the type `T` that stands behind `error`.
fn find<'a, T: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a T> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<T>() {
            return Some(found);
        }
        // An I/O error hides the error that it was made of from the chain.
        let inner = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        if let Some(found) = inner.and_then(|inner| find_boxed::<T>(inner)) {
            return Some(found);
        }
        next = error.source();
    }
    None
}

fn find_boxed<'a, T: Error + 'static>(error: &'a (dyn Error + Send + Sync + 'static)) -> Option<&'a T> {
    find::<T>(error)
}

/// The words of the last error of the chain: those before it say that there was one, and show URLs.
fn root(error: &reqwest::Error) -> String {
    let mut last: &dyn Error = error;
    while let Some(next) = last.source() {
        last = next;
    }
    match last.downcast_ref::<reqwest::Error>() {
        Some(_) => "no reason is given".to_owned(),
        None => last.to_string(),
    }
}
