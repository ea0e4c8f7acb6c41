//! A real MariaDB server of a test: in a folder of its own, on a free port, ended with the process that started it.
#![allow(dead_code, reason = "each test file uses some of it")]
#![allow(clippy::unwrap_used, reason = "a server that does not start has failed the test")]

use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::{Mutex, OnceLock};
use std::time::{Duration, Instant};

use super::daemon::{Home, as_user, free_port};

/// The user that logs in.
pub const USER: &str = "mill";
/// Its password: nobody else's, so that it is found wherever it is written.
pub const PASSWORD: &str = "my-Pass%word-1147";
/// The same in a URL.
pub const PASSWORD_IN_URL: &str = "my-Pass%25word-1147";

/// A server.
pub struct MariaDb {
    home: Home,
    /// Where it listens.
    pub port: u16,
    running: Mutex<Option<Child>>,
}

/// The one server of this test binary; nothing where MariaDB is not installed.
pub fn server() -> Option<&'static MariaDb> {
    static SERVER: OnceLock<Option<MariaDb>> = OnceLock::new();
    SERVER.get_or_init(MariaDb::start).as_ref()
}

fn program(name: &str) -> Option<PathBuf> {
    ["/usr/sbin", "/usr/bin", "/usr/local/bin"]
        .map(|folder| Path::new(folder).join(name))
        .into_iter()
        .find(|path| path.exists())
}

impl MariaDb {
    fn start() -> Option<Self> {
        let (install, _) = (program("mariadb-install-db")?, program("mariadbd")?);
        let mariadb = Self { home: Home::new("mysql"), port: free_port(), running: Mutex::default() };
        let made = as_user("mysql", &install)
            .args(["--no-defaults", "--skip-test-db", "--auth-root-authentication-method=normal"])
            .arg(format!("--datadir={}", mariadb.data().display()))
            .output()
            .unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        mariadb.launch();
        mariadb
            .admin(&format!("CREATE USER '{USER}'@'%' IDENTIFIED BY '{PASSWORD}'; GRANT ALL ON *.* TO '{USER}'@'%'"));
        Some(mariadb)
    }

    fn data(&self) -> PathBuf {
        self.home.path.join("data")
    }

    fn socket(&self) -> String {
        format!("--socket={}", self.home.path.join("socket").display())
    }

    /// Starts the server, and waits until it takes connections.
    pub fn launch(&self) {
        let log = self.home.path.join("log");
        let child = as_user("mysql", &program("mariadbd").unwrap())
            .args(["--no-defaults", "--bind-address=127.0.0.1", "--skip-name-resolve", "--innodb-buffer-pool-size=32M"])
            // What was committed survives a killed server, if not a machine without power: no test is that.
            .args(["--innodb-flush-log-at-trx-commit=2", "--max-connections=40"])
            .args([format!("--datadir={}", self.data().display()), self.socket(), format!("--port={}", self.port)])
            .args([format!("--log-error={}", log.display())])
            .arg(format!("--pid-file={}", self.home.path.join("own-pid").display()))
            .spawn()
            .unwrap();
        self.home.note(&child);
        *self.running.lock().unwrap() = Some(child);
        let end = Instant::now() + Duration::from_secs(60);
        while !self.client("", "SELECT 1").status.success() {
            let log = std::fs::read_to_string(&log).unwrap_or_default();
            assert!(Instant::now() < end, "MariaDB does not start:\n{log}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Kills the server, as a machine does that goes down.
    pub fn kill(&self) {
        let mut child = self.running.lock().unwrap().take().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
    }

    fn client(&self, database: &str, sql: &str) -> std::process::Output {
        let mut command = Command::new(program("mariadb").unwrap());
        command.args(["--no-defaults", "--batch", "--skip-column-names", "-u", "root"]).arg(self.socket());
        command.args(["-e", sql]).args((!database.is_empty()).then_some(database)).output().unwrap()
    }

    /// Does something as the one who may do all.
    pub fn admin(&self, sql: &str) -> String {
        self.admin_in("", sql)
    }

    /// The same in a database.
    pub fn admin_in(&self, database: &str, sql: &str) -> String {
        let done = self.client(database, sql);
        assert!(done.status.success(), "{sql}: {}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8_lossy(&done.stdout).trim().to_owned()
    }

    /// A new, empty database; its URL.
    pub fn database(&self, name: &str) -> String {
        self.admin(&format!("CREATE DATABASE {name} CHARACTER SET utf8mb4"));
        self.url(name)
    }

    /// The URL of a database.
    pub fn url(&self, database: &str) -> String {
        format!("mysql://{USER}:{PASSWORD_IN_URL}@127.0.0.1:{}/{database}", self.port)
    }
}
