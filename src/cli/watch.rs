//! `mediamill watch`: the screen on a run of another process, or on one that is over.

use std::process::ExitCode;

use super::failure::Failure;
use super::look::ScreenArgs;
use super::runs;
use super::screen;
use super::state::StateArgs;

/// What `watch` is given.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The run: its id, the beginning of it, or `latest`.
    #[arg(default_value = runs::LATEST)]
    run: String,
    #[command(flatten)]
    place: StateArgs,
    #[command(flatten)]
    screen: ScreenArgs,
}

/// Shows the run until one leaves.
pub fn run(args: &Args) -> Result<ExitCode, Failure> {
    let folder = runs::find(&args.run, &args.place)?;
    screen::watch(&folder, &args.screen)
}
