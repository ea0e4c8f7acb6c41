//! A real Redis server on a free port, which ends when the test binary does, however that ends.

#![allow(dead_code, reason = "each test file uses some of it")]
#![allow(clippy::unwrap_used, reason = "a test whose step fails where it must not has failed")]

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(30);

/// The server. Dropping it ends it.
pub struct RedisServer {
    pub port: u16,
    process: Child,
    folder: tempfile::TempDir,
}

impl RedisServer {
    /// Starts one; nothing where `redis-server` is not installed.
    pub fn start() -> Option<Self> {
        which::which("redis-server").ok()?;
        // Another one may take the port between the look and the start: then it is tried again.
        (0..5).find_map(|_| Self::start_on(free_port())).or_else(|| panic!("redis-server does not start"))
    }

    /// Starts one on `port`; nothing where it ends at once.
    pub fn start_on(port: u16) -> Option<Self> {
        let folder = tempfile::Builder::new().prefix("redis").tempdir().unwrap();
        // The one in the background ends the server when nobody holds the other end of its input any more.
        let script = format!(
            "exec 3<&0; (read nothing <&3; kill -9 $$) & exec redis-server --port {port} --bind 127.0.0.1 \
             --save '' --appendonly no --daemonize no 3<&- >server.log 2>&1"
        );
        let mut shell = Command::new("sh");
        shell.args(["-c", &script]).current_dir(folder.path());
        let process = shell.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let mut server = Self { port, process, folder };
        let end = Instant::now() + PATIENCE;
        while !server.answers() {
            let log = || std::fs::read_to_string(server.folder.path().join("server.log")).unwrap_or_default();
            assert!(Instant::now() < end, "no answer from redis-server after {PATIENCE:?}:\n{}", log());
            if server.process.try_wait().unwrap().is_some() {
                return None;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        Some(server)
    }

    fn answers(&self) -> bool {
        let Ok(mut stream) = TcpStream::connect(("127.0.0.1", self.port)) else { return false };
        let mut answer = [0; 7];
        stream.set_read_timeout(Some(Duration::from_secs(1))).unwrap();
        stream.write_all(b"PING\r\n").is_ok() && stream.read_exact(&mut answer).is_ok() && &answer == b"+PONG\r\n"
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        let _ = self.process.wait();
    }
}

fn free_port() -> u16 {
    TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port()
}
