//! Stopping as Ctrl-Z does, where somebody is there to continue us.

use std::io;

use rustix::process::{Signal, kill_current_process_group};

/// Whether somebody would notice that we were stopped: the parent of our process group is in our session, and in a group of
/// its own, as a shell with job control is. A group without such a parent is orphaned: nobody would continue it.
pub(super) fn is_watched() -> bool {
    let Some(own) = Place::of("self") else { return false };
    let mut parent = own.parent();
    // Those of our own group are stopped along with us: `time mediamill`, a script.
    while let Some(place) = parent {
        if place.group != own.group {
            return (place.session, place.terminal) == (own.session, own.terminal);
        }
        parent = place.parent();
    }
    false
}

/// Where a process stands among the others, as `/proc/PID/stat` has it (proc_pid_stat(5)). A group or a session whose leader is
/// outside of the container that we are in has the number 0, which system calls would tell too, and rustix does not allow for.
#[derive(Debug, PartialEq)]
struct Place {
    parent: u32,
    group: u32,
    session: u32,
    /// The number of the controlling terminal's device, which a session has to itself.
    terminal: i32,
}

impl Place {
    fn of(process: &str) -> Option<Self> {
        Self::read(&std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?)
    }

    fn read(stat: &str) -> Option<Self> {
        // The name of the program may hold blanks and brackets; after it come the state and these.
        let mut fields = stat.rsplit_once(") ")?.1.split(' ').skip(1);
        let mut number = || fields.next()?.parse::<u32>().ok();
        let (parent, group, session) = (number()?, number()?, number()?);
        Some(Self { parent, group, session, terminal: fields.next()?.parse().ok()? })
    }

    /// The parent's place; none for a process whose parent is outside of our container, or gone.
    fn parent(&self) -> Option<Self> {
        (self.parent > 0).then(|| Self::of(&self.parent.to_string())).flatten()
    }
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
    fn a_process_knows_its_place() {
        let own = Place::of("self").expect("a place");
        assert_eq!(own.parent, std::os::unix::process::parent_id());
        assert_eq!(Place::of(&std::process::id().to_string()), Some(own));
    }

    #[test]
    fn leaders_outside_of_a_container_and_strange_names_are_understood() {
        let stat = "7 (a) b ( 1 2) S 0 0 0 34816 7 4194560 106";
        let place = Place { parent: 0, group: 0, session: 0, terminal: 34816 };
        assert_eq!(Place::read(stat), Some(place));
        assert_eq!(Place::read(stat).and_then(|place| place.parent()), None);
    }
}
