//! The engine's side of a host.

use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open, pidfd_send_signal};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::Notify;

use super::wire::{CancelRequest, receive, send};

/// How often it is looked whether somebody is left of a host's session: each time some of them are ended.
const LOOKS: usize = 100;

/// The program that serves as a host: this one.
#[derive(Debug, Clone)]
pub struct HostProgram(pub PathBuf);

impl Default for HostProgram {
    /// The running program, even when its file has been replaced since.
    fn default() -> Self {
        Self("/proc/self/exe".into())
    }
}

/// What a host runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HostKind {
    /// External tools.
    Tool,
    /// Built-in steps.
    Step,
}

/// A host, and the socket to it. It ends when this is dropped.
#[derive(Debug)]
pub struct Host {
    kind: HostKind,
    child: Child,
    engine: Option<UnixStream>,
}

/// A host went away, or did not answer in time, in the middle of a call.
#[derive(Debug)]
pub enum HostLost {
    /// It ended.
    Ended(ExitStatus),
    /// It took longer than it may; it was ended.
    TimedOut,
    /// The socket failed.
    Io(std::io::Error),
}

impl Host {
    /// Starts one.
    ///
    /// # Errors
    /// That it cannot be started.
    pub fn start(program: &HostProgram, kind: HostKind) -> std::io::Result<Self> {
        let (ours, theirs) = UnixStream::pair()?;
        let word = match kind {
            HostKind::Tool => "tool",
            HostKind::Step => "step",
        };
        let child = Command::new(&program.0)
            .arg0("mediamill")
            .args(["__host", word])
            .stdin(Stdio::from(OwnedFd::from(theirs)))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        Ok(Self { kind, child, engine: Some(ours) })
    }

    /// Sends `request` and waits for the reply; `is_last` sees all that comes before it, too. Until then `canceller` can end
    /// what the host is doing.
    ///
    /// # Errors
    /// That the host was lost. It is of no more use then.
    pub fn call<Request: Serialize, Reply: DeserializeOwned>(
        &mut self,
        request: &Request,
        timeout: Option<Duration>,
        canceller: &Canceller,
        mut is_last: impl FnMut(&Reply) -> bool,
    ) -> Result<Reply, HostLost> {
        let Some(engine) = &self.engine else { return Err(HostLost::Io(std::io::ErrorKind::NotConnected.into())) };
        let until = timeout.map(|timeout| Instant::now() + timeout);
        let target = match self.kind {
            HostKind::Tool => engine.try_clone().map(Target::Tool),
            HostKind::Step => {
                pidfd_open(Pid::from_child(&self.child), PidfdFlags::empty()).map(Target::Step).map_err(Into::into)
            }
        };
        let answered = target.and_then(|target| {
            send(engine, request)?;
            canceller.aim(Some(target));
            loop {
                let left = until.map(|until| until.saturating_duration_since(Instant::now()));
                // A timeout of zero would be none to the socket.
                let _ = engine.set_read_timeout(left.map(|left| left.max(Duration::from_millis(1))));
                match receive(engine)? {
                    Some(reply) if !is_last(&reply) => {}
                    end => break Ok(end),
                }
            }
        });
        canceller.aim(None);
        match answered {
            Ok(Some(reply)) => Ok(reply),
            Ok(None) => Err(self.lost()),
            Err(error) => match error.kind() {
                std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut => {
                    self.end();
                    Err(HostLost::TimedOut)
                }
                std::io::ErrorKind::BrokenPipe | std::io::ErrorKind::ConnectionReset => Err(self.lost()),
                _ => {
                    self.end();
                    Err(HostLost::Io(error))
                }
            },
        }
    }

    /// The socket closed: the host has ended.
    fn lost(&mut self) -> HostLost {
        self.end();
        self.child.wait().map_or_else(HostLost::Io, HostLost::Ended)
    }

    /// Ends the host and all that is left of its session.
    fn end(&mut self) {
        self.engine = None;
        let host = Pid::from_child(&self.child);
        if self.kind == HostKind::Step {
            let _ = self.child.kill();
        }
        // A tool host that was killed could not end its tool: whoever is left in its session is. One of them may have had
        // a child meanwhile, so that it is looked again until nobody is there.
        for _ in 0..if self.kind == HostKind::Tool { LOOKS } else { 0 } {
            let left = session(host);
            if left.is_empty() {
                break;
            }
            for pid in left {
                let _ = kill_process(pid, Signal::KILL);
            }
            std::thread::yield_now();
        }
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        self.engine = None;
        if self.kind == HostKind::Step {
            let _ = self.child.kill();
        }
        let _ = self.child.wait();
    }
}

impl HostLost {
    /// The signal that ended the host, if one did.
    #[must_use]
    pub fn signal(&self) -> Option<i32> {
        match self {
            Self::Ended(status) => status.signal(),
            _ => None,
        }
    }
}

/// The living processes of the session that `leader` leads, itself included.
fn session(leader: Pid) -> Vec<Pid> {
    let wanted = leader.as_raw_nonzero().get();
    let of = |pid: i32| {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The state, the parent, the group, the session: proc_pid_stat(5).
        let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
        let is_alive = !matches!(fields.next()?, "Z" | "X");
        is_alive.then(|| fields.nth(2)?.parse::<i32>().ok())?
    };
    std::fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok())
        .filter(|pid| of(*pid) == Some(wanted))
        .filter_map(Pid::from_raw)
        .collect()
}

/// Ends a task from outside, wherever it is: before, in, or after the call to its host.
#[derive(Debug, Default)]
pub struct Canceller(Mutex<Aim>);

#[derive(Debug, Default)]
struct Aim {
    target: Option<Target>,
    requested: Option<CancelRequest>,
}

#[derive(Debug)]
enum Target {
    Tool(UnixStream),
    Step(OwnedFd),
    Waiting(Arc<Notify>),
}

impl Canceller {
    /// Ends the task. `now` leaves a tool no grace period.
    pub fn cancel(&self, now: bool) {
        let mut aim = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        aim.requested = Some(CancelRequest { now });
        aim.fire();
    }

    /// Whether the task was asked to end.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).requested.is_some()
    }

    /// Does `work`, of which `waiting` is told when the task is asked to end: at once, where it was already.
    pub fn telling<T>(&self, waiting: &Arc<Notify>, work: impl FnOnce() -> T) -> T {
        self.aim(Some(Target::Waiting(Arc::clone(waiting))));
        let done = work();
        self.aim(None);
        done
    }

    fn aim(&self, target: Option<Target>) {
        let mut aim = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        aim.target = target;
        aim.fire();
    }
}

impl Aim {
    fn fire(&self) {
        let Some(request) = &self.requested else { return };
        match &self.target {
            Some(Target::Tool(host)) => drop(send(host, request)),
            Some(Target::Step(host)) => drop(pidfd_send_signal(host, Signal::KILL)),
            Some(Target::Waiting(waiting)) => waiting.notify_one(),
            None => {}
        }
    }
}
