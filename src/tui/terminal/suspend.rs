//! Stopping as Ctrl-Z does, where somebody is there to continue us.

use std::io;

use rustix::process::{Pid, Signal, getpgid, getpgrp, getppid, getsid, kill_current_process_group};

/// Whether somebody would notice that we were stopped: the parent of our process group is in our session, and in a group of
/// its own, as a shell with job control is. A group without such a parent is orphaned: nobody would continue it.
pub(super) fn is_watched() -> bool {
    let (Ok(session), group) = (getsid(None), getpgrp()) else { return false };
    let mut parent = getppid();
    // Those of our own group are stopped along with us: `time mediamill`, a script.
    while let Some(pid) = parent {
        match getpgid(Some(pid)) {
            Ok(other) if other == group => parent = parent_of(pid),
            Ok(_) => return getsid(Some(pid)) == Ok(session),
            Err(_) => return false,
        }
    }
    false
}

/// The parent of another process.
fn parent_of(pid: Pid) -> Option<Pid> {
    let text = std::fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())).ok()?;
    // The name of the program may hold blanks and brackets; after it come the state and the parent.
    let parent = text.rsplit_once(") ")?.1.split(' ').nth(1)?.parse().ok()?;
    Pid::from_raw(parent)
}

/// Stops our whole process group. This may return before it is stopped.
pub(super) fn stop() -> io::Result<()> {
    // Not SIGTSTP: we listen to that one, so that it would only tell us to do what we are doing.
    Ok(kill_current_process_group(Signal::STOP)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parent_of_a_process_is_found() {
        assert_eq!(parent_of(rustix::process::getpid()), getppid());
    }
}
