//! A real PostgreSQL server of a test: in a folder of its own, on a free port, ended with the process that started it.
#![allow(dead_code, reason = "each test file uses some of it")]
#![allow(clippy::unwrap_used, reason = "a server that does not start has failed the test")]

use std::path::PathBuf;
use std::process::{Child, Command};
use std::sync::{Mutex, OnceLock};
use std::time::{Duration, Instant};

use super::daemon::{Home, as_user, free_port};

/// The user that logs in, who may make databases.
pub const USER: &str = "mill";
/// Its password: nobody else's, so that it is found wherever it is written.
pub const PASSWORD: &str = "pg-Pass%word-4711";
/// The same in a URL.
pub const PASSWORD_IN_URL: &str = "pg-Pass%25word-4711";

/// A server.
pub struct Postgres {
    programs: PathBuf,
    home: Home,
    /// Where it listens.
    pub port: u16,
    running: Mutex<Option<Child>>,
}

/// The one server of this test binary; nothing where PostgreSQL is not installed.
pub fn server() -> Option<&'static Postgres> {
    static SERVER: OnceLock<Option<Postgres>> = OnceLock::new();
    SERVER.get_or_init(Postgres::start).as_ref()
}

/// The folder of the server's programs: Debian keeps it out of the search path.
fn programs() -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let folders = versions.map(|version| version.path().join("bin"));
    let found = folders.filter(|folder| folder.join("initdb").exists()).max();
    found.or_else(|| Some(which("initdb")?.parent()?.to_path_buf()))
}

fn which(program: &str) -> Option<PathBuf> {
    std::env::split_paths(&std::env::var_os("PATH")?).map(|folder| folder.join(program)).find(|path| path.exists())
}

impl Postgres {
    fn start() -> Option<Self> {
        let programs = programs()?;
        let postgres = Self { programs, home: Home::new("postgres"), port: free_port(), running: Mutex::default() };
        let made = as_user("postgres", &postgres.programs.join("initdb"))
            .args(["-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync", "-D"])
            .arg(postgres.data())
            .output()
            .unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let rules = "local all all trust\nhost all all 127.0.0.1/32 scram-sha-256\n";
        std::fs::write(postgres.data().join("pg_hba.conf"), rules).unwrap();
        postgres.launch();
        postgres.admin(&format!("CREATE ROLE {USER} LOGIN CREATEDB CREATEROLE PASSWORD '{PASSWORD}'"));
        postgres.admin(&format!("CREATE DATABASE {USER} OWNER {USER}"));
        Some(postgres)
    }

    fn data(&self) -> PathBuf {
        self.home.path.join("data")
    }

    /// Starts the server, and waits until it takes connections.
    pub fn launch(&self) {
        let log = std::fs::File::create(self.home.path.join("log")).unwrap();
        let mut command = as_user("postgres", &self.programs.join("postgres"));
        // What was committed survives a killed server, if not a machine without power: no test is that.
        let settings = ["listen_addresses=127.0.0.1", "fsync=off", "max_connections=40", "synchronous_commit=on"];
        for setting in settings {
            command.args(["-c", setting]);
        }
        command.arg("-c").arg(format!("unix_socket_directories={}", self.home.path.display()));
        command.arg("-p").arg(self.port.to_string()).arg("-D").arg(self.data());
        let child = command.stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap();
        self.home.note(&child);
        *self.running.lock().unwrap() = Some(child);
        let end = Instant::now() + Duration::from_secs(60);
        while !self.psql("postgres", "SELECT 1").status.success() {
            let log = std::fs::read_to_string(self.home.path.join("log")).unwrap_or_default();
            assert!(Instant::now() < end, "PostgreSQL does not start:\n{log}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Kills the server. What serves a connection ends when it sees that the server is gone, which a new one waits for.
    pub fn kill(&self) {
        let mut child = self.running.lock().unwrap().take().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
    }

    fn psql(&self, database: &str, sql: &str) -> std::process::Output {
        Command::new(self.programs.join("psql"))
            .args(["-qAtX", "-v", "ON_ERROR_STOP=1", "-U", "postgres", "-d", database, "-p", &self.port.to_string()])
            .arg("-h")
            .arg(&self.home.path)
            .args(["-c", sql])
            .output()
            .unwrap()
    }

    /// Does something as the one who may do all.
    pub fn admin(&self, sql: &str) -> String {
        self.admin_in("postgres", sql)
    }

    /// The same in a database.
    pub fn admin_in(&self, database: &str, sql: &str) -> String {
        let done = self.psql(database, sql);
        assert!(done.status.success(), "{sql}: {}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8_lossy(&done.stdout).trim().to_owned()
    }

    /// A new, empty database; its URL.
    pub fn database(&self, name: &str) -> String {
        self.admin(&format!("CREATE DATABASE {name} OWNER {USER}"));
        self.url(name)
    }

    /// The URL of a database.
    pub fn url(&self, database: &str) -> String {
        format!("postgresql://{USER}:{PASSWORD_IN_URL}@127.0.0.1:{}/{database}", self.port)
    }
}
