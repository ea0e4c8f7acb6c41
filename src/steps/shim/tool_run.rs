//! One attempt with a tool: start, drain, time limits, and its end with all that came of it.

use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{Pid, PidfdFlags, Resource, Rlimit, Signal, WaitOptions, pidfd_open, waitpid};

use super::descendants::{cpu_ticks, end_all, kill_all, signal_all, time_left};
use super::output::{Log, Stream};
use super::sandbox::Starter;
use super::wire::{CancelRequest, ToolEnd, ToolExit, ToolRequest, receive};

/// The grace period of a tool whose engine is gone.
const ORPHAN_GRACE: Duration = Duration::from_secs(2);
/// The grace period of what a tool leaves behind when it ends by itself.
const LEFTOVER_GRACE: Duration = Duration::from_secs(1);

/// Runs the tool to its end. When this returns, nothing that it started is alive.
pub(super) fn run(request: &ToolRequest, engine: &UnixStream, starter: &mut Option<Starter>) -> ToolEnd {
    match start(request, starter) {
        Ok(child) => Attempt::new(request, child).run(engine),
        Err(error) => ToolEnd {
            exit: ToolExit::StartFailed { errno: error.raw_os_error().unwrap_or(0), message: error.to_string() },
            stdout: String::new(),
            stderr: String::new(),
            output: 0,
            leftover: 0,
        },
    }
}

fn start(request: &ToolRequest, starter: &mut Option<Starter>) -> std::io::Result<Child> {
    let (program, arguments) = request.program().ok_or(std::io::ErrorKind::InvalidInput)?;
    let mut command = Command::new(program);
    command
        .args(arguments.iter().map(|argument| &argument.0))
        .envs(request.env.iter().map(|(name, value)| (name, &value.0)))
        .current_dir(request.scratch.as_path())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0);
    let _limit = MemoryLimit::lower(request.memory);
    if !request.sandbox {
        return command.spawn();
    }
    let room = request.room.as_path();
    let serving = match starter.take().filter(|starter| starter.serves(room)) {
        Some(starter) => starter,
        None => Starter::new(room)?,
    };
    starter.insert(serving).start(command)
}

/// The memory limit that a tool inherits, lowered for the moment of its start. The hard limit stays, so it comes back.
struct MemoryLimit(Option<Rlimit>);

impl MemoryLimit {
    fn lower(bytes: Option<u64>) -> Self {
        Self(bytes.and_then(|bytes| {
            let before = rustix::process::getrlimit(Resource::As);
            let lower = Rlimit { current: Some(bytes), maximum: before.maximum };
            rustix::process::setrlimit(Resource::As, lower).is_ok().then_some(before)
        }))
    }
}

impl Drop for MemoryLimit {
    fn drop(&mut self) {
        if let Some(before) = self.0.take() {
            let _ = rustix::process::setrlimit(Resource::As, before);
        }
    }
}

struct Attempt<'a> {
    request: &'a ToolRequest,
    pid: Pid,
    pidfd: Option<OwnedFd>,
    /// Kept for its handles; it is reaped by pid.
    _child: Child,
    stdout: Option<Stream>,
    stderr: Option<Stream>,
    log: Log,
    started: Instant,
    /// Why it is being ended, if it is, and when SIGKILL comes.
    ending: Option<(ToolExit, Instant)>,
    engine_gone: bool,
    quiet: Quiet,
}

/// Since when a tool has neither written nor used the processor.
struct Quiet {
    since: Instant,
    output: u64,
    ticks: u64,
}

impl<'a> Attempt<'a> {
    fn new(request: &'a ToolRequest, mut child: Child) -> Self {
        let pid = Pid::from_child(&child);
        let stream = |pipe: Option<OwnedFd>| pipe.map(|pipe| Stream::new(pipe, &request.secrets));
        let stdout = stream(child.stdout.take().map(OwnedFd::from));
        let stderr = stream(child.stderr.take().map(OwnedFd::from));
        let now = Instant::now();
        Self {
            request,
            pid,
            pidfd: pidfd_open(pid, PidfdFlags::empty()).ok(),
            _child: child,
            stdout,
            stderr,
            log: Log::new(request.log.as_path().to_path_buf()),
            started: now,
            ending: None,
            engine_gone: false,
            quiet: Quiet { since: now, output: 0, ticks: 0 },
        }
    }

    fn run(mut self, engine: &UnixStream) -> ToolEnd {
        let mut buffer = vec![0; 64 * 1024];
        while !self.wait_for_something(engine, &mut buffer) {
            self.look_at_limits();
        }
        self.finish(&mut buffer)
    }

    /// Waits for output, the engine, a limit, or the end of the tool. `true`: it ended.
    fn wait_for_something(&mut self, engine: &UnixStream, buffer: &mut [u8]) -> bool {
        let timeout = time_left(self.next_limit());
        let (ended, from_engine) = {
            let mut fds = Vec::with_capacity(4);
            if !self.engine_gone {
                fds.push((0, PollFd::new(engine, PollFlags::IN)));
            }
            if let Some(pidfd) = &self.pidfd {
                fds.push((1, PollFd::new(pidfd, PollFlags::IN)));
            }
            for stream in [&self.stdout, &self.stderr].into_iter().flatten() {
                if let Some(fd) = stream.fd() {
                    fds.push((2, PollFd::from_borrowed_fd(fd, PollFlags::IN)));
                }
            }
            let mut polled: Vec<PollFd<'_>> = fds.iter().map(|(_, fd)| fd.clone()).collect();
            if poll(&mut polled, Some(&timeout)).is_err() {
                return false;
            }
            let happened = |what| fds.iter().zip(&polled).any(|((of, _), fd)| *of == what && !fd.revents().is_empty());
            (happened(1), happened(0))
        };
        for stream in [&mut self.stdout, &mut self.stderr].into_iter().flatten() {
            stream.drain(&mut self.log, buffer);
        }
        if from_engine {
            match receive::<CancelRequest>(engine) {
                Ok(Some(CancelRequest { now })) => {
                    let grace = if now { 0 } else { self.request.grace_ms };
                    self.end(ToolExit::Cancelled, Duration::from_millis(grace));
                }
                _ => {
                    self.engine_gone = true;
                    self.end(ToolExit::Cancelled, ORPHAN_GRACE);
                }
            }
        }
        ended || self.pidfd.is_none()
    }

    fn output(&self) -> u64 {
        [&self.stdout, &self.stderr].into_iter().flatten().map(|stream| stream.total).sum()
    }

    /// When to look at the limits again.
    fn next_limit(&self) -> Instant {
        if let Some((_, kill_at)) = self.ending {
            return kill_at;
        }
        let timeout = self.request.timeout_ms.map(|ms| self.started + Duration::from_millis(ms));
        // Looked at four times as often as it is long: the processor's use shows only from one look to the next.
        let idle = self.request.idle_ms.map(|ms| Instant::now() + Duration::from_millis(ms / 4 + 1));
        let never = Instant::now() + Duration::from_secs(3600);
        [timeout, idle].into_iter().flatten().min().unwrap_or(never)
    }

    fn look_at_limits(&mut self) {
        let now = Instant::now();
        if let Some((_, kill_at)) = &mut self.ending {
            if now >= *kill_at {
                kill_all();
                *kill_at = now + Duration::from_secs(1);
            }
            return;
        }
        let grace = Duration::from_millis(self.request.grace_ms);
        if self.output() > self.request.max_output {
            return self.end(ToolExit::OutputFlood, Duration::ZERO);
        }
        if self.request.timeout_ms.is_some_and(|ms| now >= self.started + Duration::from_millis(ms)) {
            return self.end(ToolExit::TimedOut, grace);
        }
        if let Some(idle) = self.request.idle_ms {
            let (output, ticks) = (self.output(), cpu_ticks());
            // A tool that only polls uses the processor a little: less than a hundredth of it is no work.
            let quiet_for = now.duration_since(self.quiet.since).as_secs_f64();
            let polling = quiet_for * rustix::param::clock_ticks_per_second() as f64 / 100.0;
            if output != self.quiet.output || ticks.saturating_sub(self.quiet.ticks) as f64 > polling {
                self.quiet = Quiet { since: now, output, ticks };
            } else if now >= self.quiet.since + Duration::from_millis(idle) {
                self.end(ToolExit::IdleTimedOut, grace);
            }
        }
    }

    /// Asks the tool to end. The first reason stays; a later one can only shorten the grace period.
    fn end(&mut self, why: ToolExit, grace: Duration) {
        let kill_at = Instant::now() + grace;
        match &mut self.ending {
            Some((_, at)) => *at = kill_at.min(*at),
            None => {
                if !grace.is_zero() {
                    signal_all(Signal::TERM);
                    signal_all(Signal::CONT);
                }
                self.ending = Some((why, kill_at));
            }
        }
    }

    fn finish(mut self, buffer: &mut [u8]) -> ToolEnd {
        let status = loop {
            match waitpid(Some(self.pid), WaitOptions::empty()) {
                Err(rustix::io::Errno::INTR) => {}
                other => break other.ok().flatten().map(|(_, status)| status),
            }
        };
        let grace = if self.ending.is_some() { Duration::ZERO } else { LEFTOVER_GRACE };
        let leftover = end_all(grace);
        for stream in [&mut self.stdout, &mut self.stderr].into_iter().flatten() {
            // Nobody is left to write: what is in the pipe is all there is, and it is less than one drain takes.
            stream.drain(&mut self.log, buffer);
            stream.flush(&mut self.log);
        }
        let by_itself = match status {
            Some(status) => match (status.exit_status(), status.terminating_signal()) {
                (Some(code), _) => ToolExit::Code(code),
                (_, Some(signal)) => ToolExit::Signal(signal),
                _ => ToolExit::Code(-1),
            },
            None => ToolExit::Code(-1),
        };
        let tail = |stream: &Option<Stream>| stream.as_ref().map_or_else(String::new, Stream::tail);
        let end = ToolEnd {
            exit: self.ending.take().map_or(by_itself, |(why, _)| why),
            stdout: tail(&self.stdout),
            stderr: tail(&self.stderr),
            output: self.output(),
            leftover,
        };
        let streams: Vec<&Stream> = [&self.stdout, &self.stderr].into_iter().flatten().collect();
        self.log.close(&streams);
        end
    }
}
