//! What ends a command early, as a person reads it, and the exit code for it.

use std::fmt;

/// The exit codes of mediamill.
pub mod code {
    /// All is done.
    pub const DONE: u8 = 0;
    /// Some items failed.
    pub const FAILED: u8 = 1;
    /// The command line or the pipeline file is wrong.
    pub const USAGE: u8 = 2;
    /// A required dependency is missing.
    pub const DEPENDENCY: u8 = 3;
    /// The state folder is held by another run, or cannot be written.
    pub const STATE: u8 = 4;
    /// Nothing failed, but items are left for a later run.
    pub const LEFT: u8 = 5;
}

/// Why a command ended without doing what it is for.
#[derive(Debug)]
pub struct Failure {
    /// The exit code.
    pub code: u8,
    /// What happened; may have several lines. Empty where all was told already.
    pub message: String,
    /// What to do about it.
    pub hints: Vec<String>,
}

impl Failure {
    /// The command line or the pipeline is wrong.
    pub fn usage(message: impl Into<String>) -> Self {
        Self { code: code::USAGE, message: message.into(), hints: Vec::new() }
    }

    /// A failure with its own exit code.
    pub fn new(code: u8, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), hints: Vec::new() }
    }

    /// The same with a word on what to do.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.message)?;
        self.hints.iter().try_for_each(|hint| write!(f, "\n  hint: {hint}"))
    }
}

impl std::error::Error for Failure {}
