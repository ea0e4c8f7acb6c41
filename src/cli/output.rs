//! Standard output and error, the one place where commands print. A reader that went away is no error of ours.

use std::io::{IsTerminal, Write};

use super::failure::Failure;
use crate::resilience::safe_text::safe_text;

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
