//! Standard output and error, the one place where commands print. A reader that went away is no error of ours.

use std::borrow::Cow;
use std::io::{IsTerminal, Write};

use super::failure::Failure;
use crate::resilience::safe_text::safe_text;
use crate::resources::secret::Secrets;

/// Whether standard output shows colours: a terminal, and nobody who said no (<https://no-color.org>).
pub fn colour() -> bool {
    std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// Prints `text` as it stands.
pub fn print(text: &str) {
    let _ = std::io::stdout().lock().write_all(text.as_bytes());
}

/// Tells why a command ended early.
pub fn error(failure: &Failure) {
    if !failure.message.is_empty() {
        let text = format!("error: {failure}\n");
        let _ = std::io::stderr().lock().write_all(safe_text(&text).as_bytes());
    }
}

/// Tells something on standard error.
pub fn note(text: &str) {
    let _ = std::io::stderr().lock().write_all(safe_text(text).as_bytes());
}

/// From now on the message of a panic shows none of `secrets`, on whatever thread.
pub fn hide_in_panics(secrets: &Secrets) {
    if secrets.is_empty() {
        return;
    }
    let (secrets, before) = (secrets.clone(), std::panic::take_hook());
    std::panic::set_hook(Box::new(move |panic| match secrets.redact(panic.payload_as_str().unwrap_or_default()) {
        Cow::Borrowed(_) => before(panic),
        Cow::Owned(clean) => {
            let place = panic.location().map_or_else(String::new, ToString::to_string);
            note(&format!("mediamill itself failed at {place}: {clean}\n"));
        }
    }));
}
