//! Runs one small command to its end: bounded in time and in output, and gone afterwards with all that it started.

use std::ffi::{OsStr, OsString};
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process_group, pidfd_open};

/// The most bytes that are kept of each output stream. What comes after is read and thrown away.
const KEPT: usize = 64 * 1024;
/// The most that is read after the end, when a process that the group's end did not reach may still be writing.
const LAST_READ: usize = 1024 * 1024;
/// How long a killed process may take to be gone. One that hangs in the kernel takes for ever.
const GONE: Duration = Duration::from_millis(500);

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// By itself, with this exit code.
    Code(i32),
    /// By this signal.
    Signal(i32),
    /// It was still running at its limit, and was killed.
    TimedOut,
}

/// What a command left.
#[derive(Debug)]
pub(super) struct Ran {
    pub end: End,
    pub stdout: String,
    pub stderr: String,
}

/// Runs `program` in `folder` with the search path `path`, without standard input, for at most `limit`.
pub(super) fn run(program: &Path, args: &[OsString], folder: &Path, path: &OsStr, limit: Duration) -> io::Result<Ran> {
    let deadline = Instant::now() + limit;
    let mut child = Command::new(program)
        .args(args)
        .current_dir(folder)
        .env("PATH", path)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()?;
    let pid = Pid::from_child(&child);
    let watched = watch(&mut child, pid, deadline);
    // The group goes before its leader is waited for: as long as the leader is a zombie, nobody else can get its number.
    // The call fails where nobody is left, which is what it is for.
    let _ = kill_process_group(pid, Signal::KILL);
    let (mut streams, ended, exited) = match watched {
        Ok(watched) => watched,
        Err(error) => {
            reap_aside(child);
            return Err(error);
        }
    };
    let status = if ended || gone(&exited)? { Some(child.wait()?) } else { None };
    if status.is_none() {
        reap_aside(child);
    }
    for stream in &mut streams {
        stream.drain(LAST_READ);
    }
    let end = match status {
        Some(status) if ended => end_of(status),
        _ => End::TimedOut,
    };
    let [stdout, stderr] = streams.map(|stream| String::from_utf8_lossy(&stream.kept).into_owned());
    Ok(Ran { end, stdout, stderr })
}

fn end_of(status: ExitStatus) -> End {
    match (status.code(), status.signal()) {
        (Some(code), _) => End::Code(code),
        (None, signal) => End::Signal(signal.unwrap_or(0)),
    }
}

/// Reads both streams until the child has ended (true) or the deadline has come (false).
fn watch(child: &mut Child, pid: Pid, deadline: Instant) -> io::Result<([Stream; 2], bool, OwnedFd)> {
    let exited = pidfd_open(pid, PidfdFlags::empty())?;
    let mut streams =
        [Stream::new(child.stdout.take().map(OwnedFd::from))?, Stream::new(child.stderr.take().map(OwnedFd::from))?];
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok((streams, false, exited));
        }
        let mut fds = vec![PollFd::new(&exited, PollFlags::IN)];
        fds.extend(streams.iter().filter_map(Stream::fd).map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN)));
        wait(&mut fds, left)?;
        if !fds[0].revents().is_empty() {
            return Ok((streams, true, exited));
        }
        for stream in &mut streams {
            stream.drain(KEPT);
        }
    }
}

/// Waits a moment for a killed process to be gone.
fn gone(exited: &OwnedFd) -> io::Result<bool> {
    let mut fds = [PollFd::new(exited, PollFlags::IN)];
    wait(&mut fds, GONE)?;
    Ok(!fds[0].revents().is_empty())
}

fn wait(fds: &mut [PollFd<'_>], time: Duration) -> io::Result<()> {
    // A limit too great for the kernel is no limit.
    let timeout = Timespec::try_from(time).ok();
    match poll(fds, timeout.as_ref()) {
        Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Leaves the waiting for a process that does not go to a thread that nobody waits for.
fn reap_aside(mut child: Child) {
    let _ = std::thread::Builder::new().name("reaper".to_owned()).spawn(move || child.wait());
}

/// One output stream: closed once it has ended.
struct Stream {
    pipe: Option<std::fs::File>,
    kept: Vec<u8>,
}

impl Stream {
    fn new(pipe: Option<OwnedFd>) -> io::Result<Self> {
        if let Some(pipe) = &pipe {
            rustix::io::ioctl_fionbio(pipe, true)?;
        }
        Ok(Self { pipe: pipe.map(Into::into), kept: Vec::new() })
    }

    fn fd(&self) -> Option<BorrowedFd<'_>> {
        self.pipe.as_ref().map(AsFd::as_fd)
    }

    /// Reads what is there, at most `most` bytes of it, so that a flood cannot hold up the look at the clock.
    fn drain(&mut self, most: usize) {
        let mut buffer = [0; 8192];
        let mut read = 0;
        while read < most {
            let Some(pipe) = &mut self.pipe else { return };
            match pipe.read(&mut buffer) {
                Ok(count @ 1..) => {
                    read += count;
                    let room = KEPT.saturating_sub(self.kept.len()).min(count);
                    self.kept.extend_from_slice(&buffer[..room]);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Ok(0) | Err(_) => self.pipe = None,
            }
        }
    }
}
