//! What the real servers of tests have in common: a folder, a port, a user who is not root, and an end.
#![allow(dead_code, reason = "each test file uses some of it")]
#![allow(clippy::unwrap_used, reason = "a server that does not start has failed the test")]

use std::net::TcpListener;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// Ends the server whose number stands in the file `pid`, and removes the folder, when nobody holds its input any more.
const WATCH: &str = r#"cat >/dev/null
kill -9 "$(cat "$1/pid")" 2>/dev/null
for _ in 1 2 3 4 5 6 7 8; do rm -rf "$1" 2>/dev/null && break; sleep 0.2; done"#;

/// The folder of a server. However the process of the test ends, the server ends with it, and the folder goes.
pub struct Home {
    /// Where it is.
    pub path: PathBuf,
    /// Holds its input until this process is gone.
    _watch: Child,
}

impl Home {
    /// A new folder, which belongs to `user` where we are root.
    pub fn new(user: &str) -> Self {
        let path = tempfile::Builder::new().prefix("mill-server").tempdir().unwrap().keep();
        if rustix::process::geteuid().is_root() {
            assert!(Command::new("chown").arg(format!("{user}:")).arg(&path).status().unwrap().success());
        }
        let mut watch = Command::new("sh");
        watch.args(["-c", WATCH, "sh"]).arg(&path).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        Self { _watch: watch.process_group(0).spawn().unwrap(), path }
    }

    /// Notes the server that runs here now.
    pub fn note(&self, server: &Child) {
        std::fs::write(self.path.join("pid"), server.id().to_string()).unwrap();
    }
}

/// A program that runs as `user` where we are root: servers refuse to be root.
pub fn as_user(user: &str, program: &Path) -> Command {
    let mut command = if rustix::process::geteuid().is_root() {
        // It replaces itself by the program: what is killed is the program.
        let mut command = Command::new("setpriv");
        command.args(["--reuid", user, "--regid", user, "--init-groups"]).arg(program);
        command
    } else {
        Command::new(program)
    };
    command.current_dir("/").stdin(Stdio::null()).process_group(0);
    command
}

/// A port that was free a moment ago.
pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
