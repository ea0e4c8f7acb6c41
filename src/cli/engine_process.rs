//! The engine in a process of its own, so that a run can outlive the terminal that it was started in.
//!
//! The owner starts this very program again with the same arguments and `--owned`. The new process leads a session of its
//! own; its standard output is the socket between the two, its standard error a pipe to the owner.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::io::Read;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitCode, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use super::failure::{Failure, code};
use super::output;
use crate::engine::owner::Owned;

/// The hidden flag of `run` that makes a process an engine of its owner.
pub const OWNED: &str = "--owned";
/// The flag of `run` that is for the owner alone.
pub const DETACH: &str = "--detach";
/// What is kept of an engine's standard error, in bytes: the last of it.
const KEPT: usize = 64 * 1024;

/// An engine process and its owner's end of the socket.
#[derive(Debug)]
pub struct EngineProcess {
    /// Its events, and the way to command it.
    pub owned: Owned,
    child: Child,
    errors: Arc<Mutex<VecDeque<u8>>>,
    drain: Option<JoinHandle<()>>,
}

impl EngineProcess {
    /// Starts one: `arguments` are those of this program, from the word `run` on.
    ///
    /// # Errors
    /// That the system starts no process.
    pub fn start(arguments: impl IntoIterator<Item = OsString>) -> std::io::Result<Self> {
        let (ours, theirs) = UnixStream::pair()?;
        // A program whose file was replaced since is found by what runs.
        let program = std::env::current_exe().ok().filter(|path| path.exists());
        let mut child = Command::new(program.unwrap_or_else(|| "/proc/self/exe".into()))
            .arg0("mediamill")
            .args(engine_arguments(arguments))
            .stdout(Stdio::from(OwnedFd::from(theirs)))
            .stderr(Stdio::piped())
            .spawn()?;
        let errors = Arc::new(Mutex::new(VecDeque::new()));
        let kept = Arc::clone(&errors);
        let stderr = child.stderr.take();
        let drain = std::thread::Builder::new().name("errors".into()).spawn(move || {
            let Some(mut stderr) = stderr else { return };
            let mut block = [0; 4096];
            while let Ok(length @ 1..) = stderr.read(&mut block) {
                let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
                kept.extend(&block[..length]);
                let over = kept.len().saturating_sub(KEPT);
                kept.drain(..over);
            }
        })?;
        Ok(Self { owned: Owned::new(ours), child, errors, drain: Some(drain) })
    }

    /// The process's id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// That the system does not tell.
    pub fn wait(&mut self) -> std::io::Result<ExitStatus> {
        let status = self.child.wait()?;
        // What it wrote last is still on its way. Nothing that it started holds the pipe.
        if let Some(drain) = self.drain.take() {
            let _ = drain.join();
        }
        Ok(status)
    }

    /// What it said on its standard error so far: the last of it.
    #[must_use]
    pub fn errors(&self) -> String {
        let kept = self.errors.lock().unwrap_or_else(PoisonError::into_inner);
        let bytes: Vec<u8> = kept.iter().copied().collect();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Waits for its end, tells what it said, and gives its exit code: as if this process had been the engine.
    ///
    /// # Errors
    /// That the system does not tell how it ended.
    pub fn take_over(mut self) -> Result<ExitCode, Failure> {
        let status = self.wait().map_err(|error| Failure::new(code::FAILED, format!("the engine is lost: {error}")))?;
        output::note(&self.errors());
        if let Some(signal) = status.signal() {
            output::note(&format!(
                "error: the run was killed (signal {signal}); the same command goes on from there\n"
            ));
        }
        Ok(ExitCode::from(exit_code(status)))
    }
}

/// The exit code that stands for how a process ended.
#[must_use]
pub fn exit_code(status: ExitStatus) -> u8 {
    let by_signal = || status.signal().and_then(|signal| u8::try_from(128 + signal).ok());
    status.code().and_then(|code| u8::try_from(code).ok()).or_else(by_signal).unwrap_or(code::FAILED)
}

/// The arguments of the engine process, from those of its owner.
fn engine_arguments(arguments: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
    let mut arguments = arguments.into_iter();
    let mut kept: Vec<OsString> = arguments.next().into_iter().collect();
    kept.push(OWNED.into());
    // What follows on two dashes are inputs.
    let mut options = true;
    kept.extend(arguments.filter(|word| {
        options &= word != "--";
        !options || word != DETACH
    }));
    kept
}

/// This process's arguments as its owner was given them.
pub fn own_arguments() -> Vec<OsString> {
    let mut arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    // Its place is known: whoever starts an engine puts it there.
    if arguments.get(1).is_some_and(|word| word == OWNED) {
        arguments.remove(1);
    }
    arguments
}

/// Makes this process an engine of its owner: a session of its own, and the socket that was its standard output.
///
/// # Errors
/// That nobody owns it.
pub fn become_owned() -> Result<UnixStream, Failure> {
    let nobody = |error: std::io::Error| {
        Failure::usage(format!("{OWNED} is for mediamill itself: standard output is no socket ({error})"))
    };
    // Who leads its group already keeps its session.
    let _ = rustix::process::setsid();
    let stdout = std::io::stdout();
    rustix::net::sockopt::socket_type(&stdout).map_err(|error| nobody(error.into()))?;
    let stream = UnixStream::from(stdout.as_fd().try_clone_to_owned().map_err(nobody)?);
    // Whatever printed by mistake would be read as an event.
    let null = std::fs::File::options().read(true).write(true).open("/dev/null").map_err(nobody)?;
    rustix::stdio::dup2_stdout(&null).map_err(|error| nobody(error.into()))?;
    Ok(stream)
}

/// Lets go of standard input, when all that was to be read of it is read: nobody's terminal or pipe is held by a run that
/// may outlive them.
pub fn let_go_of_stdin() {
    if let Ok(null) = std::fs::File::open("/dev/null") {
        let _ = rustix::stdio::dup2_stdin(&null);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_engine_gets_its_owners_arguments_and_inputs_stay_inputs() {
        let words = |words: &[&str]| words.iter().map(OsString::from).collect::<Vec<_>>();
        let given = words(&["run", "--detach", "-j", "2", "p.toml", "--", "--detach"]);
        assert_eq!(engine_arguments(given), words(&["run", "--owned", "-j", "2", "p.toml", "--", "--detach"]));
    }
}
