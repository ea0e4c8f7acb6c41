//! Starts mediamill, and turns the result into an exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    mediamill::cli::main()
}
