//! The settings of a database, and what is wrong with them.

use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;
use url::Url;

use crate::resilience::quantity::Period;

/// How long a connection is waited for where the settings say nothing.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a call may take where the settings say nothing.
const STATEMENT_TIMEOUT: Duration = Duration::from_secs(60);

/// Which database it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Backend {
    /// PostgreSQL, and what speaks its protocol.
    #[serde(alias = "postgres")]
    #[schemars(extend("x-aliases" = ["postgres"]))]
    Postgresql,
    /// MySQL or MariaDB.
    #[serde(alias = "mariadb")]
    #[schemars(extend("x-aliases" = ["mariadb"]))]
    Mysql,
    /// A file of SQLite. It is made when it is missing.
    Sqlite,
    /// In memory, gone with the run: for tests and for trying things out.
    Memory,
}

/// Whether the connection is encrypted, and what is asked of the server's certificate: as PostgreSQL's `sslmode`
/// (<https://www.postgresql.org/docs/current/libpq-ssl.html>) and MySQL's `ssl-mode`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Tls {
    /// Never.
    Disable,
    /// Where the server can, without a look at its certificate.
    Prefer,
    /// Always, without a look at its certificate.
    Require,
    /// Always, with a certificate that a known authority has signed.
    VerifyCa,
    /// The same, and it must be the host's.
    VerifyFull,
}

/// The settings: a `url`, or its parts.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Which database it is.
    pub backend: Backend,
    /// Where it is, as one text: `postgresql://user:password@host:5432/name`, `mysql://...` or `sqlite:notes.db`.
    #[serde(default, alias = "connection", alias = "connection_string")]
    #[schemars(extend("x-aliases" = ["connection", "connection_string"]))]
    pub url: Option<String>,
    /// The server's name or address. Default: localhost.
    #[serde(default)]
    pub host: Option<String>,
    /// The server's port. Default: 5432 for PostgreSQL, 3306 for MySQL.
    #[serde(default)]
    pub port: Option<u16>,
    /// The database's name on the server.
    #[serde(default)]
    pub database: Option<String>,
    /// Who logs in.
    #[serde(default)]
    pub user: Option<String>,
    /// The user's password: better `"${NAME}"` of an environment variable than the word itself.
    #[serde(default)]
    pub password: Option<String>,
    /// The file of a SQLite database; a relative one begins where mediamill is started. It is made when it is missing, its
    /// folder is not.
    #[serde(default)]
    pub path: Option<String>,
    /// The longest that making a connection may take. Default: 10 s.
    #[serde(default)]
    pub connect_timeout: Option<Period>,
    /// The longest that one call may take, and for SQLite the longest that another writer is waited for. Default: 60 s.
    #[serde(default)]
    pub statement_timeout: Option<Period>,
    /// Whether the connection is encrypted. Default: what the `url` says, else where the server can.
    #[serde(default)]
    pub tls: Option<Tls>,
}

impl Backend {
    /// As messages write it.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Postgresql => "PostgreSQL",
            Self::Mysql => "MySQL",
            Self::Sqlite => "SQLite",
            Self::Memory => "the database in memory",
        }
    }

    /// The schemes that its URLs begin with.
    const fn schemes(self) -> &'static [&'static str] {
        match self {
            Self::Postgresql => &["postgresql", "postgres"],
            Self::Mysql => &["mysql", "mariadb"],
            Self::Sqlite => &["sqlite"],
            Self::Memory => &[],
        }
    }
}

impl Settings {
    pub(super) fn connect_timeout(&self) -> Duration {
        self.connect_timeout.map_or(CONNECT_TIMEOUT, |period| period.0)
    }

    pub(super) fn statement_timeout(&self) -> Duration {
        self.statement_timeout.map_or(STATEMENT_TIMEOUT, |period| period.0)
    }

    /// The file of a SQLite database: `path`, or what stands in the `url`.
    pub(super) fn file(&self) -> Option<&str> {
        self.path.as_deref().or_else(|| {
            let url = self.url.as_deref()?;
            let path = url.strip_prefix("sqlite:").unwrap_or(url);
            Some(path.strip_prefix("//").unwrap_or(path))
        })
    }

    /// What is wrong with them: a fragment. What holds a `${` is not known yet, and nothing is wrong with it.
    pub(super) fn check(&self) -> Result<(), String> {
        let of_server = [
            ("host", self.host.is_some()),
            ("port", self.port.is_some()),
            ("database", self.database.is_some()),
            ("user", self.user.is_some()),
            ("password", self.password.is_some()),
        ];
        let server = of_server.iter().find(|(_, there)| *there).map(|(name, _)| *name);
        match self.backend {
            Backend::Memory => {
                let of_file = [("url", self.url.is_some()), ("path", self.path.is_some())];
                let file = of_file.iter().find(|(_, there)| *there).map(|(name, _)| *name);
                if let Some(name) = server.or(file).or(self.tls.map(|_| "tls")) {
                    return Err(format!("`{name}` says nothing for a database in memory: leave it out"));
                }
            }
            Backend::Sqlite => self.check_file(server)?,
            Backend::Postgresql | Backend::Mysql => self.check_server(server)?,
        }
        for (name, period) in [("connect_timeout", self.connect_timeout), ("statement_timeout", self.statement_timeout)]
        {
            if period.is_some_and(|period| period.0 < Duration::from_millis(10)) {
                return Err(format!("`{name}` is too short: at least 10 ms"));
            }
        }
        Ok(())
    }

    fn check_file(&self, server: Option<&str>) -> Result<(), String> {
        if let Some(name) = server.or(self.tls.map(|_| "tls")) {
            return Err(format!("`{name}` is for a server: SQLite is a file, name it by `path`"));
        }
        if self.path.is_some() && self.url.is_some() {
            return Err("`path` and `url` both say where the file is: keep one of them".to_owned());
        }
        if let Some(url) = self.url.as_deref().filter(|url| !url.contains("${")) {
            if !url.starts_with("sqlite:") {
                return Err("the `url` of a SQLite database begins with `sqlite:`; or give its `path`".to_owned());
            }
            if url.contains('?') {
                return Err("the `url` of a SQLite database is a path and nothing more: no `?`".to_owned());
            }
        }
        match self.file() {
            None => Err("a SQLite database needs a `path`".to_owned()),
            Some("") => Err("the path of the SQLite database is empty".to_owned()),
            Some(path) if path.contains(":memory:") => {
                Err("for a database in memory write `backend = \"memory\"`".to_owned())
            }
            Some(_) => Ok(()),
        }
    }

    fn check_server(&self, server: Option<&str>) -> Result<(), String> {
        if self.path.is_some() {
            return Err(format!("`path` is for SQLite; {} is reached by `url` or `host`", self.backend.word()));
        }
        if self.url.is_some() {
            if let Some(name) = server {
                return Err(format!("`url` and `{name}` both say where the database is: keep one of them"));
            }
            return self.check_url();
        }
        if self.database.is_none() {
            return Err("it needs a `url`, or at least the `database`'s name".to_owned());
        }
        if self.port == Some(0) {
            return Err("`port` is 0; it must be between 1 and 65535".to_owned());
        }
        Ok(())
    }

    fn check_url(&self) -> Result<(), String> {
        let Some(url) = self.url.as_deref().filter(|url| !url.contains("${")) else { return Ok(()) };
        let schemes = self.backend.schemes();
        // What is wrong is told without the text: it may hold a password.
        let url = Url::parse(url).map_err(|error| format!("`url` is no URL: {error}"))?;
        if !schemes.contains(&url.scheme()) {
            return Err(format!("the `url` of {} begins with `{}://`", self.backend.word(), schemes[0]));
        }
        // PostgreSQL takes the user's name for it.
        if self.backend == Backend::Mysql && url.path().trim_matches('/').is_empty() {
            return Err("the `url` of MySQL ends with the database's name: mysql://host:3306/name".to_owned());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test that cannot unwrap has failed")]

    use serde_json::{Value, json};

    use super::*;

    fn wrong(settings: Value) -> String {
        let settings: Settings = serde_json::from_value(settings).unwrap();
        settings.check().err().unwrap_or_default()
    }

    #[test]
    fn what_is_wrong_with_settings_is_told_before_the_run() {
        let table = [
            (json!({ "backend": "sqlite" }), "a SQLite database needs a `path`"),
            (
                json!({ "backend": "sqlite", "path": "a.db", "host": "h" }),
                "`host` is for a server: SQLite is a file, name it by `path`",
            ),
            (
                json!({ "backend": "sqlite", "path": ":memory:" }),
                "for a database in memory write `backend = \"memory\"`",
            ),
            (
                json!({ "backend": "memory", "path": "a.db" }),
                "`path` says nothing for a database in memory: leave it out",
            ),
            (json!({ "backend": "postgresql" }), "it needs a `url`, or at least the `database`'s name"),
            (
                json!({ "backend": "postgresql", "url": "mysql://h/d" }),
                "the `url` of PostgreSQL begins with `postgresql://`",
            ),
            (
                json!({ "backend": "mysql", "url": "mysql://h/d", "user": "u" }),
                "`url` and `user` both say where the database is: keep one of them",
            ),
            (
                json!({ "backend": "mysql", "url": "mysql://u@h:3306" }),
                "the `url` of MySQL ends with the database's name: mysql://host:3306/name",
            ),
            (
                json!({ "backend": "mysql", "database": "d", "connect_timeout": 0 }),
                "`connect_timeout` is too short: at least 10 ms",
            ),
        ];
        for (settings, why) in table {
            assert_eq!(wrong(settings), why);
        }
        let secret = wrong(json!({ "backend": "mysql", "url": "mysql://u:hunter22@[::/d" }));
        assert!(secret.starts_with("`url` is no URL") && !secret.contains("hunter22"), "{secret}");
    }

    #[test]
    fn settings_that_fit_are_left_alone_and_so_is_what_is_not_filled_yet() {
        for settings in [
            json!({ "backend": "postgres", "url": "${NOTES_URL}" }),
            json!({ "backend": "mysql", "connection_string": "mariadb://u:p@h:3306/d?ssl-mode=DISABLED" }),
            json!({ "backend": "sqlite", "url": "sqlite://notes.db", "statement_timeout": "5s" }),
            json!({ "backend": "sqlite", "path": "${HOME}/notes.db" }),
            json!({ "backend": "postgresql", "database": "d", "password": "${PASS}", "tls": "verify-full" }),
            json!({ "backend": "memory" }),
        ] {
            assert_eq!(wrong(settings), "");
        }
    }
}
