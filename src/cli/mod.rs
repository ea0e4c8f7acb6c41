//! The commands. This is the one room that wires the others together.

use std::process::ExitCode;

/// Runs the command line and gives the process's exit code.
#[must_use]
pub fn main() -> ExitCode {
    ExitCode::SUCCESS
}
