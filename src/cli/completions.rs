//! `mediamill completions`: what a shell needs to complete the command line.

use std::process::ExitCode;

use super::failure::Failure;
use super::output;

/// Write the completions for a shell, to be put where it looks for them.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The shell.
    shell: clap_complete::Shell,
}

/// Writes the completions of `command`.
///
/// # Errors
/// None.
pub fn run(args: &Args, mut command: clap::Command) -> Result<ExitCode, Failure> {
    let mut script = Vec::new();
    let name = command.get_name().to_owned();
    clap_complete::generate(args.shell, &mut command, name, &mut script);
    output::print(&String::from_utf8_lossy(&script));
    Ok(ExitCode::SUCCESS)
}
