//! Ends everything that a tool started, wherever it went. The host is the reaper of all its descendants (a
//! *subreaper*), so whoever loses its parent becomes a child of the host: none can get away.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{Pid, PidfdFlags, Signal, WaitOptions, kill_process, pidfd_open, wait};

/// A process that does not go within this time of SIGKILL is stuck in the kernel: it is left to it.
const STUCK: Duration = Duration::from_secs(5);

/// The living descendants of this process, parents first.
pub(super) fn all() -> Vec<Pid> {
    let mut found = children(rustix::process::getpid());
    let mut next = 0;
    while next < found.len() {
        found.extend(children(found[next]));
        next += 1;
    }
    found
}

fn children(of: Pid) -> Vec<Pid> {
    let pid = of.as_raw_nonzero();
    let Ok(threads) = std::fs::read_dir(format!("/proc/{pid}/task")) else { return Vec::new() };
    let listed = threads.flatten().filter_map(|thread| std::fs::read_to_string(thread.path().join("children")).ok());
    listed
        .flat_map(|line| line.split_whitespace().filter_map(|pid| pid.parse().ok()).collect::<Vec<i32>>())
        .filter_map(Pid::from_raw)
        .collect()
}

/// Processor time that the descendants have used, in clock ticks.
pub(super) fn cpu_ticks() -> u64 {
    let ticks = |pid: &Pid| {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())).ok()?;
        // The name may hold spaces and brackets: the fields are counted from its last bracket.
        let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
        Some(fields.get(11)?.parse::<u64>().ok()? + fields.get(12)?.parse::<u64>().ok()?)
    };
    all().iter().filter_map(ticks).sum()
}

/// Sends `signal` to every descendant.
pub(super) fn signal_all(signal: Signal) {
    for pid in all() {
        let _ = kill_process(pid, signal);
    }
}

/// Kills every descendant. Each is stopped before its children are looked for, so that none that forks without end can
/// run ahead of the look; only when a look finds nobody new are they killed. Gives how many there were.
pub(super) fn kill_all() -> usize {
    let mut stopped = HashSet::new();
    loop {
        let before = stopped.len();
        let mut next = children(rustix::process::getpid());
        while let Some(pid) = next.pop() {
            let _ = kill_process(pid, Signal::STOP);
            stopped.insert(pid);
            next.extend(children(pid));
        }
        if stopped.len() == before {
            break;
        }
    }
    for pid in &stopped {
        let _ = kill_process(*pid, Signal::KILL);
    }
    stopped.len()
}

/// Reaps the dead. `false`: nobody is left.
fn reap() -> bool {
    loop {
        match wait(WaitOptions::NOHANG) {
            Ok(Some(_)) | Err(rustix::io::Errno::INTR) => {}
            Ok(None) => return true,
            Err(_) => return false,
        }
    }
}

/// Ends all descendants that are left: SIGTERM, `grace`, then SIGKILL until there are none. Gives how many there were.
pub(super) fn end_all(grace: Duration) -> u32 {
    if !reap() {
        return 0;
    }
    let found = all().len() as u32;
    if !grace.is_zero() {
        signal_all(Signal::TERM);
        // Stopped ones could not act on it.
        signal_all(Signal::CONT);
        let until = Instant::now() + grace;
        while reap() && Instant::now() < until {
            wait_for_one(until);
        }
    }
    let mut until = Instant::now() + STUCK;
    let mut fewest = usize::MAX;
    while reap() && Instant::now() < until {
        let left = kill_all();
        if left < fewest {
            // Many take their time to go; stuck is only who does not.
            (fewest, until) = (left, Instant::now() + STUCK);
        }
        wait_for_one(until);
    }
    found
}

/// Waits until one of the host's own children ends.
fn wait_for_one(until: Instant) {
    let fds: Vec<_> = children(rustix::process::getpid())
        .into_iter()
        .filter_map(|pid| pidfd_open(pid, PidfdFlags::empty()).ok())
        .collect();
    let mut polled: Vec<PollFd<'_>> = fds.iter().map(|fd| PollFd::new(fd, PollFlags::IN)).collect();
    if !polled.is_empty() {
        let _ = poll(&mut polled, Some(&time_left(until)));
    }
}

/// The time until `until`, never less than a millisecond.
pub(super) fn time_left(until: Instant) -> rustix::event::Timespec {
    let left = until.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
    rustix::event::Timespec { tv_sec: left.as_secs() as i64, tv_nsec: i64::from(left.subsec_nanos()) }
}
