//! The processes that stand between the engine and what a step runs. Each worker slot of the engine owns up to two, for
//! its whole life, so that no task pays for the start of a program of our own:
//!
//! - the **tool host** (`mediamill __host tool`) runs external tools: in a session of its own, as the reaper of all that
//!   a tool leaves behind, with limits, without new privileges, under landlock where the kernel has it;
//! - the **step host** (`mediamill __host step`) runs built-in steps: a decoder that crashes, hangs or takes all memory
//!   takes the host along, not the run.
//!
//! Both talk to the engine over a socket that is their standard input. When it closes, the engine is gone (even by
//! SIGKILL): the tool host ends its tool and all that came of it, then itself; the step host ends at once.

mod client;
mod descendants;
mod output;
mod sandbox;
mod step_host;
mod tool_host;
mod tool_run;
mod wire;

pub use client::{Canceller, Host, HostKind, HostLost, HostProgram};
pub use wire::{StepReply, StepRequest, ToolEnd, ToolExit, ToolRequest};

/// Serves as the host of the given kind until the engine is gone.
pub fn serve(kind: HostKind) {
    match kind {
        HostKind::Tool => tool_host::serve(),
        HostKind::Step => step_host::serve(),
    }
}
