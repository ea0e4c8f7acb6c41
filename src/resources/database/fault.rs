//! What an error of a database says about who is to blame.

use std::io::ErrorKind;
use std::time::Duration;

use sqlx::mysql::MySqlDatabaseError;
use sqlx::postgres::PgDatabaseError;

use crate::resilience::{Fault, FaultClass};

/// A call, or the wait for the next row, took too long.
pub(super) fn late(limit: Duration) -> Fault {
    let message = format!("the database did not answer within {} s", limit.as_secs_f64());
    Fault::new(FaultClass::Transient, "timeout", message)
        .with_hint("raise its statement_timeout, or make the statement lighter")
}

/// A connection was not made in time.
pub(super) fn late_connection(place: &str, limit: Duration) -> Fault {
    let message = format!("{place} did not answer within {} s", limit.as_secs_f64());
    Fault::new(FaultClass::Dependency, "connect-timeout", message)
        .with_hint("check that the server runs and that no firewall lies between, or raise its connect_timeout")
}

/// The statement that failed, as the fault of a call sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Doing {
    /// A connection was made.
    Connecting,
    /// Something was read, and nothing could be changed.
    Reading,
    /// Something was written.
    Writing,
}

/// Whether the connection is gone with the error, or may be.
pub(super) fn is_lost(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Database(_) => {
            matches!(code(error), Code::Postgres(state) if is_end_of_session(&state))
                || matches!(code(error), Code::MySql(1053 | 1077 | 1152 | 1158..=1161 | 1317 | 1927 | 2006 | 2013))
        }
        sqlx::Error::Encode(_) | sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) => false,
        _ => true,
    }
}

/// Errors after which PostgreSQL closes the connection: that it goes down, or that a session or a transaction was idle, or at
/// work, for longer than it lets one.
fn is_end_of_session(state: &str) -> bool {
    state.starts_with("57P") || state.starts_with("08") || matches!(state, "25P03" | "25P04")
}

/// Whether the table that the statement names is not there.
pub(super) fn is_missing_table(error: &sqlx::Error) -> bool {
    match code(error) {
        Code::Postgres(state) => state == "42P01",
        Code::MySql(number) => number == 1146,
        Code::Sqlite(_, message) => message.starts_with("no such table"),
        Code::None => false,
    }
}

/// Whether the user may not do that to a table.
pub(super) fn is_forbidden(error: &sqlx::Error) -> bool {
    match code(error) {
        Code::Postgres(state) => state == "42501",
        Code::MySql(number) => matches!(number, 1142 | 1143),
        Code::Sqlite(..) | Code::None => false,
    }
}

/// Whether transactions stood in each other's way, and this one had to go.
pub(super) fn is_contended(error: &sqlx::Error) -> bool {
    match code(error) {
        Code::Postgres(state) => state.starts_with("40"),
        Code::MySql(number) => matches!(number, 1205 | 1213),
        Code::Sqlite(..) | Code::None => false,
    }
}

/// Whether a row with the same key is there already.
pub(super) fn is_duplicate(error: &sqlx::Error) -> bool {
    match code(error) {
        Code::Postgres(state) => state == "23505",
        // MariaDB says so too where the row was committed after the transaction had begun to read.
        Code::MySql(number) => matches!(number, 1062 | 1586 | 1020),
        // SQLITE_CONSTRAINT_PRIMARYKEY and _UNIQUE
        Code::Sqlite(number, _) => matches!(number, 1555 | 2067),
        Code::None => false,
    }
}

/// Whether somebody else made the table at the same moment.
pub(super) fn is_made_by_another(error: &sqlx::Error) -> bool {
    match code(error) {
        // PostgreSQL's catalog has a key too.
        Code::Postgres(state) => matches!(state.as_str(), "42P07" | "23505" | "42710"),
        Code::MySql(number) => number == 1050,
        Code::Sqlite(_, message) => message.contains("already exists"),
        Code::None => false,
    }
}

/// Whether another holds the file of a SQLite database for this moment.
pub(super) fn is_busy(error: &sqlx::Error) -> bool {
    matches!(code(error), Code::Sqlite(number, _) if matches!(number & 0xff, 5 | 6))
}

/// What a database calls the error.
enum Code<'a> {
    /// SQLSTATE.
    Postgres(String),
    /// The server's number.
    MySql(u16),
    /// The extended result code, and the message.
    Sqlite(u32, &'a str),
    None,
}

fn code(error: &sqlx::Error) -> Code<'_> {
    let sqlx::Error::Database(error) = error else { return Code::None };
    if let Some(error) = error.try_downcast_ref::<PgDatabaseError>() {
        let is_stale = error.routine() == Some(STALE);
        return Code::Postgres(if is_stale { "08006" } else { error.code() }.to_owned());
    }
    if let Some(error) = error.try_downcast_ref::<MySqlDatabaseError>() {
        return Code::MySql(error.number());
    }
    let number = error.code().and_then(|code| code.parse().ok());
    number.map_or(Code::None, |number| Code::Sqlite(number, error.message()))
}

/// The fault that an error of a driver stands for.
pub(super) fn of(error: &sqlx::Error, place: &str, doing: Doing) -> Fault {
    let is_connecting = doing == Doing::Connecting;
    match error {
        sqlx::Error::Database(database) => {
            let (class, cause, hint) = match code(error) {
                Code::Postgres(state) => of_postgres(&state, doing),
                Code::MySql(number) => of_mysql(number, doing),
                Code::Sqlite(number, message) => of_sqlite(number, message, doing),
                Code::None => (FaultClass::Input, "statement", None),
            };
            // What is wrong before anything is asked is no item's.
            let (class, cause) = match class {
                FaultClass::Input if is_connecting => (FaultClass::Dependency, "connect"),
                _ => (class, cause),
            };
            let mut message = format!("{place}: {}", database.message());
            let mut hint = hint.map(str::to_owned);
            if let Some(error) = database.try_downcast_ref::<PgDatabaseError>() {
                if let Some(detail) = error.detail() {
                    message.push_str(": ");
                    message.push_str(&detail.lines().collect::<Vec<_>>().join(" "));
                }
                hint = hint.or_else(|| error.hint().map(str::to_owned));
            }
            let fault = Fault::new(class, cause, message);
            match hint {
                Some(hint) => fault.with_hint(hint),
                None => fault,
            }
        }
        sqlx::Error::Io(error) if is_connecting => {
            let unknown_host = matches!(error.kind(), ErrorKind::NotFound) || error.to_string().contains("lookup");
            let (cause, hint) = if unknown_host {
                ("unknown-host", "check the host's name in its settings")
            } else {
                ("connect", "check that the server runs, and its host and port in the settings")
            };
            Fault::new(FaultClass::Dependency, cause, format!("cannot connect to {place}: {error}")).with_hint(hint)
        }
        sqlx::Error::Tls(error) => {
            Fault::new(FaultClass::Dependency, "tls", format!("cannot speak TLS with {place}: {error}"))
                .with_hint("check its `tls` setting and the server's certificate")
        }
        sqlx::Error::Configuration(error) => {
            Fault::new(FaultClass::Dependency, "settings", format!("the settings of {place} do not fit: {error}"))
        }
        sqlx::Error::Encode(error) => Fault::input("value", format!("a value does not fit: {error}")),
        sqlx::Error::ColumnDecode { index, source } => {
            Fault::input("value", format!("column '{index}' cannot be read: {source}"))
                .with_hint("turn it into text in the query: CAST(... AS text)")
        }
        other if is_connecting => {
            Fault::new(FaultClass::Dependency, "connect", format!("cannot connect to {place}: {other}"))
        }
        sqlx::Error::Io(error) => {
            Fault::new(FaultClass::Transient, "connection-lost", format!("the connection to {place} was lost: {error}"))
        }
        other => {
            Fault::new(FaultClass::Transient, "connection-lost", format!("the connection to {place} was lost: {other}"))
        }
    }
}

/// Where PostgreSQL finds that a statement was prepared before its table was changed: this connection cannot run it any more.
const STALE: &str = "RevalidateCachedQuery";

type Judged = (FaultClass, &'static str, Option<&'static str>);

const CREDENTIALS: &str = "check the user and the password in its settings";
const DATABASE: &str = "make the database on the server, or check its name in the settings";
const TOO_MANY: &str = "lower its pool's max_size, or raise the server's limit of connections";
const PERMISSION: &str = "grant the user what the statement needs";
const READ_ONLY: &str = "a statement that changes something needs `write = true`";
const TABLE: &str = "make the table, or check its name";

/// <https://www.postgresql.org/docs/current/errcodes-appendix.html>
fn of_postgres(state: &str, doing: Doing) -> Judged {
    use FaultClass::{Dependency, Input, Transient};
    let is_connecting = doing == Doing::Connecting;
    match (state, state.get(..2).unwrap_or_default()) {
        (_, "28") => (Dependency, "credentials", Some(CREDENTIALS)),
        ("3D000", _) => (Dependency, "database-missing", Some(DATABASE)),
        ("53300", _) => (Transient, "too-many-connections", Some(TOO_MANY)),
        ("53100", _) => (Dependency, "server-disk-full", Some("free room on the server's disk")),
        ("57014", _) => (Transient, "timeout", Some("raise its statement_timeout, or make the statement lighter")),
        (_, "08" | "57") if is_connecting => (Dependency, "connect", None),
        (_, "08" | "57") => (Transient, "connection-lost", None),
        ("40P01", _) => (Transient, "deadlock", None),
        (_, "40") => (Transient, "serialization", None),
        ("25P03" | "25P04", _) => {
            (Transient, "timeout", Some("raise the server's limit for idle or long transactions"))
        }
        ("55P03" | "55006", _) => (Transient, "locked", None),
        (_, "53" | "58" | "XX") => (Transient, "server", None),
        ("25006", _) if doing == Doing::Reading => (Input, "read-only", Some(READ_ONLY)),
        ("25006", _) => (Dependency, "read-only", Some("the server takes no changes: connect to the primary")),
        ("42501", _) => (Dependency, "permission", Some(PERMISSION)),
        ("42P01" | "3F000", _) => (Input, "table-missing", Some(TABLE)),
        ("42703", _) => (Input, "column-missing", None),
        ("42P10", _) => (Input, "key", Some("make a unique index over the columns of `key`")),
        ("42P18", _) => (Input, "statement", Some("say what the parameter is: :name::text")),
        (_, "22") => (Input, "value", None),
        (_, "23") => (Input, "constraint", None),
        _ => (Input, "statement", None),
    }
}

/// <https://dev.mysql.com/doc/mysql-errors/8.4/en/server-error-reference.html>,
/// <https://mariadb.com/kb/en/mariadb-error-code-reference/>
fn of_mysql(number: u16, doing: Doing) -> Judged {
    use FaultClass::{Dependency, Input, Transient};
    let is_connecting = doing == Doing::Connecting;
    match number {
        1045 | 1130 | 1251 | 1524 | 1698 | 2059 => (Dependency, "credentials", Some(CREDENTIALS)),
        1044 if is_connecting => (Dependency, "credentials", Some(CREDENTIALS)),
        1049 => (Dependency, "database-missing", Some(DATABASE)),
        1040 | 1203 | 1226 => (Transient, "too-many-connections", Some(TOO_MANY)),
        1205 => (Transient, "locked", None),
        1213 => (Transient, "deadlock", None),
        // Another changed the row or the table since the transaction began.
        1020 | 1412 | 1615 | 3100 | 3101 => (Transient, "serialization", None),
        // A node of a cluster that is not ready, and a server that closes what lies idle.
        1047 | 4031 => (Transient, "connection-lost", None),
        1053 | 1077 | 1152 | 1158..=1161 | 1317 | 1927 | 2006 | 2013 if is_connecting => (Dependency, "connect", None),
        1053 | 1077 | 1152 | 1158..=1161 | 1317 | 1927 | 2006 | 2013 => (Transient, "connection-lost", None),
        1969 | 3024 => (Transient, "timeout", Some("raise its statement_timeout, or make the statement lighter")),
        1021 | 1114 => (Dependency, "server-disk-full", Some("free room on the server's disk")),
        1290 | 1792 | 1836 if doing == Doing::Reading => (Input, "read-only", Some(READ_ONLY)),
        1290 | 1792 | 1836 => (Dependency, "read-only", Some("the server takes no changes: connect to the primary")),
        1044 | 1142 | 1143 | 1227 | 1370 => (Dependency, "permission", Some(PERMISSION)),
        1146 => (Input, "table-missing", Some(TABLE)),
        1054 => (Input, "column-missing", None),
        1048 | 1062 | 1169 | 1216 | 1217 | 1451 | 1452 | 1557 | 1586 | 3819 | 4025 => (Input, "constraint", None),
        1153 => (Input, "value", Some("raise the server's max_allowed_packet")),
        1264 | 1265 | 1292 | 1364 | 1366 | 1367 | 1406 | 1411 | 1690 | 3140 => (Input, "value", None),
        _ => (Input, "statement", None),
    }
}

/// <https://www.sqlite.org/rescode.html>
fn of_sqlite(number: u32, message: &str, doing: Doing) -> Judged {
    use FaultClass::{Dependency, Environment, Input, Transient};
    match number & 0xff {
        5 | 6 => (Transient, "locked", Some("another process writes for too long; raise its statement_timeout")),
        7 | 9 | 15 | 17 => (Transient, "server", None),
        10 => (Transient, "io", None),
        8 if doing == Doing::Reading => (Input, "read-only", Some(READ_ONLY)),
        8 | 3 | 23 => (Dependency, "read-only", Some("check who may write the file and its folder")),
        11 | 26 => (Dependency, "damaged", Some("check that the path is that of a SQLite database")),
        13 => (Environment, "disk-full", Some("free room on that disk; the run goes on by itself")),
        14 => (Dependency, "open", Some("check the path: its folder must be there, and be writable")),
        19 => (Input, "constraint", None),
        18 | 20 | 25 => (Input, "value", None),
        1 if message.starts_with("no such table") => (Input, "table-missing", Some(TABLE)),
        1 if message.starts_with("no such column") || message.contains("has no column") => {
            (Input, "column-missing", None)
        }
        1 if message.starts_with("ON CONFLICT clause") => {
            (Input, "key", Some("make a unique index over the columns of `key`"))
        }
        _ => (Input, "statement", None),
    }
}
