//! Making connections.

use std::io::ErrorKind;
use std::path::Path;
use std::time::Duration;

use sqlx::mysql::{MySqlConnectOptions, MySqlSslMode};
use sqlx::postgres::{PgConnectOptions, PgSslMode};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions as _, Connection as _, MySqlConnection, PgConnection, SqliteConnection};
use tokio::time::{Instant, timeout};

use super::connection::{Connection, Driver};
use super::fault::{self, Doing};
use super::settings::{Backend, Settings, Tls};
use super::transaction::BUSY;
use crate::resilience::{Fault, FaultClass};
use crate::resources::secret::{Secrets, decoded};

/// How long a file that another opens for the first time is waited for before it is tried again.
const PAUSE: Duration = Duration::from_millis(20);

/// The longest that a server is asked for to end what nobody waits for any more.
const CANCELLING: Duration = Duration::from_secs(3);

/// The number of the session. What is committed in it is on the disk, as the checkpoint that says so is, also where the
/// server's default is another: <https://www.postgresql.org/docs/current/wal-async-commit.html>
const PG_SESSION: &str = "SELECT pg_backend_pid()::int8, CASE current_setting('synchronous_commit') \
     WHEN 'off' THEN set_config('synchronous_commit', 'on', false) END";

/// Where a database is, and how it is reached.
pub(super) struct Place {
    options: Options,
    /// For messages: without a user, without a password.
    pub(super) shown: String,
    connect_timeout: Duration,
    pub(super) statement_timeout: Duration,
}

enum Options {
    Postgres(Box<PgConnectOptions>),
    MySql(Box<MySqlConnectOptions>),
    File(Box<SqliteConnectOptions>),
    Memory,
}

impl Place {
    /// The place that the settings say. The password is a secret from then on.
    pub(super) fn new(settings: &Settings, secrets: &Secrets) -> Result<Self, Fault> {
        let wrong = |why: String| Fault::new(FaultClass::Dependency, "settings", why);
        settings.check().map_err(|why| wrong(secrets.redact(&why).into_owned()))?;
        note_passwords(settings.password.as_deref(), settings.url.as_deref(), secrets);
        let statement_timeout = settings.statement_timeout();
        // What the driver says of a text that it cannot read may hold a piece of it.
        let unreadable = |_: sqlx::Error| wrong("its `url` cannot be read".to_owned());
        let (options, shown) = match settings.backend {
            Backend::Postgresql => {
                let options = postgres(settings, statement_timeout).map_err(unreadable)?;
                let shown = shown_server(options.get_host(), options.get_port(), options.get_database());
                (Options::Postgres(Box::new(options)), format!("PostgreSQL {shown}"))
            }
            Backend::Mysql => {
                let options = mysql(settings).map_err(unreadable)?;
                let shown = shown_server(options.get_host(), options.get_port(), options.get_database());
                (Options::MySql(Box::new(options)), format!("MySQL {shown}"))
            }
            Backend::Sqlite => {
                let file = settings.file().unwrap_or_default();
                (Options::File(Box::new(sqlite(file, statement_timeout))), format!("SQLite {file}"))
            }
            Backend::Memory => (Options::Memory, "the database in memory".to_owned()),
        };
        Ok(Self { options, shown, connect_timeout: settings.connect_timeout(), statement_timeout })
    }

    /// Whether all handles share one connection.
    pub(super) const fn is_memory(&self) -> bool {
        matches!(self.options, Options::Memory)
    }

    /// The file, where it is one.
    pub(super) fn file(&self) -> Option<&Path> {
        match &self.options {
            Options::File(options) => Some(options.get_filename()),
            _ => None,
        }
    }

    /// Ends what the server still does in a session that was given up. Where that cannot be, it does it to its end.
    pub(super) async fn cancel(&self, session: i64) {
        let sql = match self.options {
            Options::Postgres(_) => format!("SELECT pg_cancel_backend({session})"),
            Options::MySql(_) => format!("KILL QUERY {session}"),
            Options::File(_) | Options::Memory => return,
        };
        let cancelled = async {
            let mut connection = self.open().await?;
            connection.plain(&sql).await?;
            connection.close().await
        };
        let _ = timeout(CANCELLING, cancelled).await;
    }

    /// Makes a connection.
    pub(super) async fn connect(&self) -> Result<Connection, Fault> {
        let made = timeout(self.connect_timeout, self.open()).await;
        let made = made.map_err(|_| fault::late_connection(&self.shown, self.connect_timeout))?;
        made.map_err(|error| fault::of(&error, &self.shown, Doing::Connecting))
    }

    async fn open(&self) -> Result<Connection, sqlx::Error> {
        let limit = self.statement_timeout;
        match &self.options {
            Options::Postgres(options) => {
                let mut driver = PgConnection::connect_with(options).await?;
                let (session, _): (i64, Option<String>) = sqlx::query_as(PG_SESSION).fetch_one(&mut driver).await?;
                Ok(Connection {
                    session: Some(session),
                    ..Connection::new(Driver::Postgres(Box::new(driver)), false, limit)
                })
            }
            Options::MySql(options) => {
                let mut driver = MySqlConnection::connect_with(options).await?;
                let (version, session): (String, i64) =
                    sqlx::query_as("SELECT VERSION(), CAST(CONNECTION_ID() AS SIGNED)").fetch_one(&mut driver).await?;
                let connection = Connection::new(Driver::MySql(Box::new(driver)), version.contains("MariaDB"), limit);
                let mut connection = Connection { session: Some(session), ..connection };
                // Otherwise what does not fit is cut and rounded in silence:
                // <https://dev.mysql.com/doc/refman/8.4/en/sql-mode.html#sql-mode-strict>
                connection.plain("SET SESSION sql_mode = CONCAT(@@sql_mode, ',STRICT_ALL_TABLES')").await?;
                connection.keep_time().await?;
                Ok(connection)
            }
            Options::File(options) => {
                let began = Instant::now();
                let options = of_file(options).await;
                // Two that open a new file at once both want to make it one with a write-ahead log: SQLite does not let
                // either wait for that.
                loop {
                    match SqliteConnection::connect_with(&options).await {
                        Ok(driver) => return Connection::sqlite(driver, limit).await,
                        Err(error) if fault::is_busy(&error) && began.elapsed() < self.connect_timeout => {
                            tokio::time::sleep(PAUSE).await;
                        }
                        Err(error) => return Err(error),
                    }
                }
            }
            Options::Memory => {
                let options =
                    SqliteConnectOptions::new().in_memory(true).foreign_keys(true).disable_statement_logging();
                let driver = SqliteConnection::connect_with(&options).await?;
                Connection::sqlite(driver, limit).await
            }
        }
    }
}

fn shown_server(host: &str, port: u16, database: Option<&str>) -> String {
    match database {
        Some(database) => format!("{host}:{port}/{database}"),
        None => format!("{host}:{port}"),
    }
}

/// The passwords of the settings, in all the ways in which they are written.
pub(super) fn note_passwords<'a>(
    password: Option<&'a str>,
    urls: impl IntoIterator<Item = &'a str>,
    secrets: &Secrets,
) {
    password.into_iter().for_each(|password| secrets.add(password));
    for url in urls.into_iter().filter_map(|url| url::Url::parse(url).ok()) {
        if let Some(password) = url.password() {
            secrets.add(password);
            secrets.add(&decoded(password));
        }
        url.query_pairs().filter(|(key, _)| key.contains("password")).for_each(|(_, value)| secrets.add(&value));
    }
}

/// Options with the parts of an address that the settings name. The options of the drivers have the same methods, and no trait
/// in common.
macro_rules! in_parts {
    ($options:expr, $settings:expr, $port:expr) => {{
        let mut options = $options;
        options = options.host($settings.host.as_deref().unwrap_or("localhost"));
        options = options.port($settings.port.unwrap_or($port));
        if let Some(user) = &$settings.user {
            options = options.username(user);
        }
        if let Some(password) = &$settings.password {
            options = options.password(password);
        }
        match &$settings.database {
            Some(database) => options.database(database),
            None => options,
        }
    }};
}

fn postgres(settings: &Settings, statement_timeout: Duration) -> Result<PgConnectOptions, sqlx::Error> {
    let mut options = match &settings.url {
        Some(url) => url.parse()?,
        None => in_parts!(PgConnectOptions::new_without_pgpass(), settings, 5432),
    };
    if let Some(tls) = settings.tls {
        options = options.ssl_mode(match tls {
            Tls::Disable => PgSslMode::Disable,
            Tls::Prefer => PgSslMode::Prefer,
            Tls::Require => PgSslMode::Require,
            Tls::VerifyCa => PgSslMode::VerifyCa,
            Tls::VerifyFull => PgSslMode::VerifyFull,
        });
    }
    let limit = statement_timeout.as_millis().to_string();
    Ok(options.application_name("mediamill").options([("statement_timeout", limit)]).disable_statement_logging())
}

fn mysql(settings: &Settings) -> Result<MySqlConnectOptions, sqlx::Error> {
    let mut options = match &settings.url {
        Some(url) => url.parse()?,
        None => in_parts!(MySqlConnectOptions::new(), settings, 3306),
    };
    if let Some(tls) = settings.tls {
        options = options.ssl_mode(match tls {
            Tls::Disable => MySqlSslMode::Disabled,
            Tls::Prefer => MySqlSslMode::Preferred,
            Tls::Require => MySqlSslMode::Required,
            Tls::VerifyCa => MySqlSslMode::VerifyCa,
            Tls::VerifyFull => MySqlSslMode::VerifyIdentity,
        });
    }
    // `||` means what the server's own mode says.
    Ok(options.pipes_as_concat(false).disable_statement_logging())
}

/// How the file is opened as it is now: a new one has a write-ahead log, another keeps what it has, and one that may only be
/// read is only read.
async fn of_file(options: &SqliteConnectOptions) -> SqliteConnectOptions {
    let options = options.clone();
    match tokio::fs::OpenOptions::new().append(true).open(options.get_filename()).await {
        Err(error) if error.kind() == ErrorKind::NotFound => options.journal_mode(SqliteJournalMode::Wal),
        Err(error) if matches!(error.kind(), ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem) => {
            options.create_if_missing(false).read_only(true)
        }
        _ => options,
    }
}

fn sqlite(file: &str, statement_timeout: Duration) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(file)
        .create_if_missing(true)
        .foreign_keys(true)
        // What was committed is on the disk, as the checkpoint that says so is.
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(statement_timeout.min(BUSY))
        .disable_statement_logging()
}
