//! `mediamill run --detach`: starts the run, and lets it go.

use std::path::Path;
use std::process::ExitCode;

use super::engine_process::EngineProcess;
use super::failure::{Failure, code};
use super::output;
use crate::events::EventKind;
use crate::resilience::safe_text::shell_word;

/// Starts the run with this process's own arguments, waits until it has begun, and tells how to find it again.
///
/// # Errors
/// That no process could be started for it. Why it did not start by itself is told as ever.
pub fn run(state: &Path) -> Result<ExitCode, Failure> {
    let failed =
        |error| Failure::new(code::FAILED, format!("the run cannot be started in a process of its own: {error}"));
    let engine = EngineProcess::start(std::env::args_os().skip(1)).map_err(failed)?;
    let mut events = engine.owned.events().map_err(failed)?;
    let Some(EventKind::RunStarted { run, .. }) = events.next().map(|event| event.kind) else {
        return engine.take_over();
    };
    let_go(engine, &run, state)
}

/// Lets the run go on without its owner, and tells how to find it again.
///
/// # Errors
/// That the system does not tell how an engine that was gone already has ended.
pub fn let_go(engine: EngineProcess, run: &str, state: &Path) -> Result<ExitCode, Failure> {
    if !engine.owned.release() {
        return engine.take_over();
    }
    let place =
        if state == Path::new("checkpoints") { String::new() } else { format!(" --state {}", shell_word(state)) };
    output::print(&format!(
        "run {run} goes on by itself\n  watch it: mediamill watch {run}{place}\n  stop it:  kill {}\n",
        engine.id()
    ));
    Ok(ExitCode::SUCCESS)
}
