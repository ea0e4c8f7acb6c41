//! The way in for other processes: a socket in the folder of a run, for as long as the run works.
//!
//! Each line is a [`Command`] in JSON, and is answered with one: `{"ok":true}`, or `{"ok":false,"why":"..."}`. It takes
//! the run's own user, and root. Whatever a client does, the run goes on.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::Shutdown;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};

use super::control::Commands;
use crate::events::Command;

/// The socket's name in the folder of the run.
const NAME: &str = "socket";
/// Clients at the same time.
const MOST: usize = 16;
/// The longest command, in bytes.
const LONGEST: u64 = 64 * 1024;
/// How long an answer may take to be taken, and at a client, to come.
const PATIENCE: Duration = Duration::from_secs(5);

/// What is answered to a command.
#[derive(Debug, Serialize, Deserialize)]
struct Answer {
    ok: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    why: Option<String>,
}

/// The socket of a run. It is removed when this is dropped.
#[derive(Debug)]
pub struct Socket {
    path: PathBuf,
    /// Holds the folder, so that `path` means it.
    _folder: OwnedFd,
    listener: Arc<UnixListener>,
    clients: Clients,
    thread: Option<JoinHandle<()>>,
}

impl Socket {
    /// Takes commands from now on.
    ///
    /// # Errors
    /// That the folder cannot hold a socket, or the system gives none.
    pub fn serve(run_folder: &Path, commands: Commands) -> std::io::Result<Self> {
        let (folder, path) = short_path(run_folder)?;
        let listener = Arc::new(UnixListener::bind(&path)?);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))?;
        let clients = Clients::default();
        let (accepted, of) = (Arc::clone(&listener), clients.clone());
        let accept = move || {
            // Shut down from outside at the run's end.
            while let Ok(stream) = accept(&accepted) {
                admit(&of, stream, &commands);
            }
        };
        let thread = Some(std::thread::Builder::new().name("socket".into()).spawn(accept)?);
        Ok(Self { path, _folder: folder, listener, clients, thread })
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
        let _ = rustix::net::shutdown(&self.listener, rustix::net::Shutdown::Both);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
        for stream in self.clients.all().streams.values() {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

/// Who is connected.
#[derive(Debug, Clone, Default)]
struct Clients(Arc<Mutex<Connected>>);

#[derive(Debug, Default)]
struct Connected {
    next: u64,
    streams: HashMap<u64, UnixStream>,
}

impl Clients {
    fn all(&self) -> MutexGuard<'_, Connected> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The next client. What the system lacks for the moment is waited for.
fn accept(listener: &UnixListener) -> std::io::Result<UnixStream> {
    loop {
        let error = match listener.accept() {
            Ok((stream, _)) => return Ok(stream),
            Err(error) => error,
        };
        match Errno::from_io_error(&error) {
            Some(Errno::INTR | Errno::CONNABORTED) => {}
            Some(Errno::MFILE | Errno::NFILE | Errno::NOMEM | Errno::NOBUFS) => {
                std::thread::sleep(Duration::from_millis(100));
            }
            _ => return Err(error),
        }
    }
}

/// Serves a client from a thread of its own, or tells it why not.
fn admit(clients: &Clients, stream: UnixStream, commands: &Commands) {
    let _ = stream.set_write_timeout(Some(PATIENCE));
    if !is_ours(&stream) {
        return refuse(&stream, "the run is another user's");
    }
    let mut connected = clients.all();
    if connected.streams.len() >= MOST {
        drop(connected);
        return refuse(&stream, "too many others are connected");
    }
    let Ok(copy) = stream.try_clone() else { return };
    connected.next += 1;
    let number = connected.next;
    connected.streams.insert(number, copy);
    drop(connected);
    let (of, commands) = (clients.clone(), commands.clone());
    let serve = move || {
        serve(&stream, &commands);
        let _ = stream.shutdown(Shutdown::Both);
        of.all().streams.remove(&number);
    };
    if std::thread::Builder::new().name("client".into()).spawn(serve).is_err() {
        clients.all().streams.remove(&number);
    }
}

fn is_ours(stream: &UnixStream) -> bool {
    let own = rustix::process::geteuid();
    rustix::net::sockopt::socket_peercred(stream).is_ok_and(|peer| peer.uid == own || peer.uid.is_root())
}

fn refuse(stream: &UnixStream, why: &str) {
    // A word to a client that is not served must not hold up those that are.
    let _ = stream.set_nonblocking(true);
    let _ = answer(stream, Err(why.to_owned()));
}

fn answer(mut stream: &UnixStream, result: Result<(), String>) -> std::io::Result<()> {
    let answer = Answer { ok: result.is_ok(), why: result.err() };
    let mut line = serde_json::to_vec(&answer)?;
    line.push(b'\n');
    stream.write_all(&line)
}

/// Answers a client's commands until it goes away.
fn serve(stream: &UnixStream, commands: &Commands) {
    let mut lines = BufReader::new(stream);
    let mut line = Vec::new();
    loop {
        line.clear();
        match lines.by_ref().take(LONGEST).read_until(b'\n', &mut line) {
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(_) | Ok(0) => return,
            Ok(_) if line.last() != Some(&b'\n') => {
                // What follows is the rest of the same line, and no command.
                let _ = answer(stream, Err(format!("a command is one line of at most {LONGEST} bytes")));
                return;
            }
            Ok(_) => {}
        }
        let result = match serde_json::from_slice::<Command>(&line) {
            Ok(command) => commands.send(command).then_some(()).ok_or_else(|| "the run is over".to_owned()),
            Err(error) => Err(format!("that is no command: {error}")),
        };
        if answer(stream, result).is_err() {
            return;
        }
    }
}

/// A path of the socket that is short enough for one, whatever the path of the folder is; good for as long as the
/// descriptor is.
fn short_path(run_folder: &Path) -> std::io::Result<(OwnedFd, PathBuf)> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let folder = rustix::fs::open(run_folder, flags, Mode::empty())?;
    let path = PathBuf::from(format!("/proc/self/fd/{}/{NAME}", folder.as_raw_fd()));
    Ok((folder, path))
}

/// Whether the run whose folder this is takes commands: it works, and on this machine.
#[must_use]
pub fn is_running(run_folder: &Path) -> bool {
    Remote::connect(run_folder).is_ok()
}

/// A run of another process, to send commands to.
#[derive(Debug)]
pub struct Remote {
    stream: BufReader<UnixStream>,
}

impl Remote {
    /// The run whose folder this is.
    ///
    /// # Errors
    /// That it takes no commands: it is over, or was killed.
    pub fn connect(run_folder: &Path) -> std::io::Result<Self> {
        let (_folder, path) = short_path(run_folder)?;
        let stream = UnixStream::connect(path)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        Ok(Self { stream: BufReader::new(stream) })
    }

    /// Sends a command, and waits until it was taken. What comes of it is told by the run's events.
    ///
    /// # Errors
    /// Why it was not taken, for a person.
    pub fn send(&mut self, command: &Command) -> Result<(), String> {
        let gone = |error: std::io::Error| format!("the run does not answer: {error}");
        let mut line = serde_json::to_vec(command).map_err(|error| error.to_string())?;
        line.push(b'\n');
        let written = self.stream.get_ref().write_all(&line);
        // One that was turned away is told why before its command is read.
        let mut answer = String::new();
        let read = self.stream.by_ref().take(LONGEST).read_line(&mut answer);
        match (read, written) {
            (Ok(1..), _) => {}
            (Ok(0), Ok(())) => return Err("the run is over".to_owned()),
            (Err(error), Ok(())) | (_, Err(error)) => return Err(gone(error)),
        }
        match serde_json::from_str::<Answer>(&answer) {
            Ok(Answer { ok: true, .. }) => Ok(()),
            Ok(Answer { why, .. }) => Err(why.unwrap_or_else(|| "the run does not want to".to_owned())),
            Err(error) => Err(format!("the run's answer is not understood: {error}")),
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may")]

    use super::*;
    use crate::engine::control::{Inbox, channel};

    /// A folder whose path is far too long for a socket's, and the socket in it.
    fn served() -> (tempfile::TempDir, PathBuf, Socket, Inbox) {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("long".repeat(30)).join("long".repeat(30));
        std::fs::create_dir_all(&folder).unwrap();
        let (commands, inbox) = channel();
        let socket = Socket::serve(&folder, commands).unwrap();
        (root, folder, socket, inbox)
    }

    fn next(inbox: &mut Inbox) -> Option<Command> {
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(inbox.next())
    }

    #[test]
    fn commands_arrive_in_order_and_are_answered() {
        let (_root, folder, socket, mut inbox) = served();
        assert!(is_running(&folder));
        assert_eq!(folder.join(NAME).metadata().unwrap().permissions().mode() & 0o777, 0o600);
        let mut remote = Remote::connect(&folder).unwrap();
        for jobs in 1..100 {
            remote.send(&Command::SetJobs { jobs }).unwrap();
        }
        for jobs in 1..100 {
            assert_eq!(next(&mut inbox), Some(Command::SetJobs { jobs }));
        }
        drop(inbox);
        assert_eq!(remote.send(&Command::Pause), Err("the run is over".to_owned()));
        drop(socket);
        assert!(remote.send(&Command::Pause).is_err());
        assert!(!folder.join(NAME).exists());
        assert!(!is_running(&folder));
    }

    #[test]
    fn what_is_no_command_is_told_so_and_harms_nobody() {
        let (_root, folder, _socket, mut inbox) = served();
        let mut remote = Remote::connect(&folder).unwrap();
        let mut said = String::new();
        for garbage in ["\n", "{}\n", "{\"command\":\"fly\"}\n", "\u{0}\n", "[[[[[[[[\n"] {
            remote.stream.get_ref().write_all(garbage.as_bytes()).unwrap();
            said.clear();
            remote.stream.read_line(&mut said).unwrap();
            assert!(said.starts_with("{\"ok\":false,\"why\":\"that is no command"), "{said}");
        }
        remote.send(&Command::Pause).unwrap();
        assert_eq!(next(&mut inbox), Some(Command::Pause));
        let mut endless = Remote::connect(&folder).unwrap();
        let line = vec![b'x'; 1 << 20];
        let _ = endless.stream.get_ref().write_all(&line);
        said.clear();
        let _ = endless.stream.read_line(&mut said);
        remote.send(&Command::Resume).unwrap();
        assert_eq!(next(&mut inbox), Some(Command::Resume));
    }

    #[test]
    fn idle_clients_are_no_harm_and_there_are_only_so_many() {
        let (_root, folder, _socket, mut inbox) = served();
        let mut first: Vec<Remote> = (0..MOST).map(|_| Remote::connect(&folder).unwrap()).collect();
        first[MOST - 1].send(&Command::Pause).unwrap();
        assert_eq!(next(&mut inbox), Some(Command::Pause));
        let mut other = Remote::connect(&folder).unwrap();
        assert_eq!(other.send(&Command::Pause), Err("too many others are connected".to_owned()));
        drop(first);
        let end = std::time::Instant::now() + PATIENCE;
        while Remote::connect(&folder).unwrap().send(&Command::Resume).is_err() {
            assert!(std::time::Instant::now() < end, "nobody made room");
        }
        assert_eq!(next(&mut inbox), Some(Command::Resume));
    }

    #[test]
    fn a_client_that_reads_no_answers_is_left_behind_and_the_socket_ends_all_the_same() {
        let (_root, folder, socket, _inbox) = served();
        let (fd, path) = short_path(&folder).unwrap();
        let flood = UnixStream::connect(path).unwrap();
        drop(fd);
        flood.set_nonblocking(true).unwrap();
        while (&flood).write(b"{\"command\":\"pause\"}\n").is_ok() {}
        Remote::connect(&folder).unwrap().send(&Command::Pause).unwrap();
        drop(socket);
        assert!(!is_running(&folder));
    }

    #[test]
    fn the_socket_of_a_killed_run_is_known_for_what_it_is() {
        let folder = tempfile::tempdir().unwrap();
        drop(UnixListener::bind(folder.path().join(NAME)).unwrap());
        assert!(folder.path().join(NAME).exists());
        assert!(!is_running(folder.path()));
    }
}
