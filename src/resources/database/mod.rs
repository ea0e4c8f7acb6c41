//! Resources that are databases: PostgreSQL, MySQL and MariaDB, SQLite, and one in memory for the length of a run.
//!
//! A handle, [`Database`], is one connection; the pool of the manager is the pool. What is done with it is few and whole
//! calls: [`insert`](Database::insert) rows, [`query`](Database::query), [`write`](Database::write),
//! [`stream`](Database::stream). Each of them is one transaction. A call that is dropped half-way leaves a connection that
//! is not used again.
//!
//! What is written with a key is written once, whatever dies between the commit and the answer.

mod columns;
mod connect;
mod connection;
mod decode;
mod describe;
mod fault;
mod fit;
mod handle;
mod incarnation;
mod insert;
mod moments;
mod mysql;
mod names;
mod once;
mod parameters;
mod postgres;
mod provider;
mod query;
mod settings;
mod sqlite;
mod transaction;

pub use handle::Database;
pub use insert::{Insert, Inserted};
pub use names::table_name;
pub use parameters::named_parameters;
pub use provider::DatabaseProvider;
pub use query::{Answer, Expect, Rows, Source, Statement};
pub use settings::{Backend, Settings, Tls};

use serde_json::Value;

use super::secret::Secrets;
use crate::resilience::Fault;

/// What is wrong with the settings, before any `${NAME}` is filled.
pub(super) fn check(settings: &Settings) -> Result<(), String> {
    settings.check()
}

/// The secrets of settings in which every `${NAME}` is filled, as far as it could be. They need not fit.
pub(super) fn note_secrets(settings: &Value, secrets: &Secrets) {
    let text = |name: &str| settings.get(name).and_then(Value::as_str);
    let urls = ["url", "connection", "connection_string"].into_iter().filter_map(text);
    connect::note_passwords(text("password"), urls, secrets);
}

/// The provider. Passwords are secrets from then on.
pub(super) fn open(settings: Settings, secrets: &Secrets) -> Result<DatabaseProvider, Fault> {
    DatabaseProvider::new(&settings, secrets)
}
