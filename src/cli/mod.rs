//! The commands. This is the one room that wires the others together.

mod check;
mod checkpoint;
mod completions;
mod detach;
mod engine_process;
mod failure;
mod failures;
mod health;
mod init;
#[cfg(feature = "tui")]
mod look;
mod output;
mod plan;
mod pool;
mod resources;
mod run;
mod runs;
#[cfg(feature = "tui")]
mod screen;
mod state;
mod steps;
#[cfg(feature = "tui")]
mod watch;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::steps::shim::{self, HostKind};

/// Runs audio and image pipelines over batches of files, and never loses work.
#[derive(Debug, Parser)]
#[command(name = "mediamill", version, max_term_width = 110, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Check pipeline files, and tell everything that is wrong with them.
    Check(check::Args),
    /// Look at checkpoints: what is done, and whether it still holds; remove and export them.
    Checkpoint(checkpoint::Args),
    /// Write the completions for a shell.
    Completions(completions::Args),
    /// Tell why files of a run failed: by cause, each with an example, its log, and the command that tries them again.
    Failures(failures::Args),
    /// Look for the tools that pipelines use: what is there, what is missing, how to install it.
    Health(health::Args),
    /// Write a new pipeline: from a command that works on one file, or one to begin with.
    Init(init::Args),
    /// Tell what a run would do and why, and what is in its way.
    Plan(plan::Args),
    /// Look at the asset pools of a pipeline: scores, who is on the denylist; forget scores that were kept.
    Pool(pool::Args),
    /// Look at the resources of a pipeline: how well each is, who holds a lease and for how long, who waits.
    Resources(resources::Args),
    /// Run a pipeline over a batch of files; what is done already is not done again.
    Run(run::Args),
    /// List the built-in steps, or tell all of one: parameters, outputs, values, an example.
    Steps(steps::Args),
    /// Show a run on the screen: one that works, wherever it was started, or one that is over, with its time line.
    #[cfg(feature = "tui")]
    Watch(watch::Args),
}

/// Runs the command line and gives the process's exit code.
#[must_use]
pub fn main() -> ExitCode {
    // First of all: a host of a running engine, started for each worker slot, has no command line to read.
    if let Some(kind) = host_kind() {
        shim::serve(kind);
        return ExitCode::SUCCESS;
    }
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(failure::code::USAGE));
        }
    };
    let result = match cli.command {
        Command::Check(args) => check::run(&args),
        Command::Checkpoint(args) => checkpoint::run(&args),
        Command::Completions(args) => completions::run(&args, <Cli as clap::CommandFactory>::command()),
        Command::Failures(args) => failures::run(&args),
        Command::Health(args) => health::run(&args),
        Command::Init(args) => init::run(&args),
        Command::Plan(args) => plan::run(&args),
        Command::Pool(args) => pool::run(&args),
        Command::Resources(args) => resources::run(&args),
        #[cfg(feature = "tui")]
        Command::Run(args) if args.wants_screen() => screen::own(args.state(), args.screen()),
        Command::Run(args) => run::run(&args),
        Command::Steps(args) => steps::run(&args),
        #[cfg(feature = "tui")]
        Command::Watch(args) => watch::run(&args),
    };
    result.unwrap_or_else(|failure| {
        output::error(&failure);
        ExitCode::from(failure.code)
    })
}

/// What the host is for, where this process was started as one: `mediamill __host tool`.
fn host_kind() -> Option<HostKind> {
    let mut arguments = std::env::args_os().skip(1);
    if arguments.next()? != "__host" {
        return None;
    }
    match arguments.next()?.to_str()? {
        "tool" => Some(HostKind::Tool),
        "step" => Some(HostKind::Step),
        _ => None,
    }
}
