//! The tool host: one tool at a time, for as long as the engine lives.

use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;

use rustix::process::{Resource, Rlimit};

use super::tool_run;
use super::wire::{ToolRequest, receive, send};

/// Serves until the engine is gone.
pub(super) fn serve() {
    // A session of its own: no terminal to read keys from, and Ctrl-C in the terminal reaches the engine alone.
    let _ = rustix::process::setsid();
    let _ = rustix::process::set_child_subreaper(Some(rustix::process::getpid()));
    let _ = rustix::thread::set_no_new_privs(true);
    let core = Rlimit { current: Some(0), ..rustix::process::getrlimit(Resource::Core) };
    let _ = rustix::process::setrlimit(Resource::Core, core);
    let Ok(engine) = std::io::stdin().as_fd().try_clone_to_owned().map(UnixStream::from) else { return };
    let mut starter = None;
    while let Ok(Some(request)) = receive::<ToolRequest>(&engine) {
        let end = tool_run::run(&request, &engine, &mut starter);
        if send(&engine, &end).is_err() {
            return;
        }
    }
}
