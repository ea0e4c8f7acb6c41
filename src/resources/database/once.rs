//! Writing once, whatever dies between the commit and the answer.
//!
//! What is written with a key goes into the same transaction as a row of the table `mediamill_once`: the key, which is the
//! same for every attempt at a task, and a hash of what was written. Where the row is there already, the attempt that
//! wrote it was committed, though nobody may have heard of it: nothing is written again. What has another hash is
//! something else, because the task was done again with another result, and is written too.
//!
//! Who wants something to be written again that is gone lets the table forget it: `answer` has the table that a row went
//! into, as the step names it, so that `DELETE FROM mediamill_once WHERE answer = 'notes'` forgets all rows of `notes`.

use super::connection::{Connection, Trouble};
use super::fault;
use super::fit::Bound;
use super::names::{quoted, quoted_list};
use super::settings::Backend;
use crate::resilience::{Fault, FaultClass};

/// The table. In the schema that a table without one is made in.
const TABLE: &str = "mediamill_once";
/// How often a transaction is begun anew because another attempt at the same task came first.
pub(super) const TRIES: u32 = 5;

/// What was written with a key: its hash, and what the statement answered.
pub(super) type Known = (String, Option<String>);

/// Begins a transaction; what was written with the key before.
pub(super) async fn begin(connection: &mut Connection, once: &str) -> Result<Vec<Known>, Trouble> {
    let backend = connection.backend();
    let select = format!(
        "SELECT {}, {} FROM {} WHERE {} = {}",
        quoted("hash", backend),
        quoted("answer", backend),
        quoted(TABLE, backend),
        quoted("once", backend),
        connection.placeholder(0),
    );
    connection.begin(false).await?;
    let rows = match connection.fetch(&select, vec![Bound::Text(once.to_owned())]).await {
        // MySQL says of a table that is not there that it may not be read, where the user has no rights in the whole database.
        Err(Trouble::Driver(error)) if fault::is_missing_table(&error) || fault::is_forbidden(&error) => {
            connection.roll_back().await?;
            make(connection).await?;
            connection.begin(false).await?;
            connection
                .fetch(&select, vec![Bound::Text(once.to_owned())])
                .await
                .map_err(|trouble| permitted(trouble, backend))?
        }
        rows => rows?,
    };
    let text = |value: Option<&serde_json::Value>| value.and_then(|value| value.as_str()).map(str::to_owned);
    Ok(rows.iter().filter_map(|row| Some((text(row.first())?, text(row.get(1))))).collect())
}

/// Notes what is being written, with an `answer` that is known already. `false`: another attempt at the same task has come
/// first, and the transaction is over.
pub(super) async fn note(
    connection: &mut Connection,
    once: &str,
    hashes: &[String],
    answer: Option<&str>,
) -> Result<bool, Trouble> {
    let backend = connection.backend();
    let answer = answer.map_or(Bound::Null, |answer| Bound::Text(answer.to_owned()));
    for hashes in hashes.chunks(500) {
        let values: Vec<_> = (0..hashes.len())
            .map(|row| [0, 1, 2].map(|column| connection.placeholder(3 * row + column)).join(", "))
            .map(|row| format!("({row})"))
            .collect();
        let insert = format!(
            "INSERT INTO {} ({}) VALUES {}",
            quoted(TABLE, backend),
            quoted_list(["once", "hash", "answer"], backend),
            values.join(", "),
        );
        let bound = hashes
            .iter()
            .flat_map(|hash| [Bound::Text(once.to_owned()), Bound::Text(hash.clone()), answer.clone()])
            .collect();
        match connection.execute(&insert, bound).await {
            Err(Trouble::Driver(error)) if fault::is_duplicate(&error) => {
                connection.roll_back().await?;
                return Ok(false);
            }
            done => drop(done.map_err(|trouble| permitted(trouble, backend))?),
        }
    }
    Ok(true)
}

/// Notes what the statement answered, so that it answers the same to the next attempt.
pub(super) async fn keep_answer(
    connection: &mut Connection,
    once: &str,
    hash: &str,
    answer: String,
) -> Result<(), Trouble> {
    let backend = connection.backend();
    let update = format!(
        "UPDATE {} SET {} = {} WHERE {} = {} AND {} = {}",
        quoted(TABLE, backend),
        quoted("answer", backend),
        connection.placeholder(0),
        quoted("once", backend),
        connection.placeholder(1),
        quoted("hash", backend),
        connection.placeholder(2),
    );
    let values = vec![Bound::Text(answer), Bound::Text(once.to_owned()), Bound::Text(hash.to_owned())];
    connection.execute(&update, values).await.map_err(|trouble| permitted(trouble, backend))?;
    Ok(())
}

/// That others at the same task came first again and again.
pub(super) fn contended() -> Trouble {
    let message = "other attempts at the same task write the same rows at the same time";
    Fault::new(FaultClass::Transient, "serialization", message).into()
}

/// What is wrong with the table itself, where that is why.
fn permitted(trouble: Trouble, backend: Backend) -> Trouble {
    match trouble {
        Trouble::Driver(error) if fault::is_forbidden(&error) => unusable("used", &error, backend).into(),
        trouble => trouble,
    }
}

fn unusable(what: &str, error: &sqlx::Error, backend: Backend) -> Fault {
    let why = match error {
        sqlx::Error::Database(error) => error.message().to_owned(),
        other => other.to_string(),
    };
    let message = format!("the table {TABLE}, which sees to it that rows are stored once, cannot be {what}: {why}");
    let hint = format!("have it made, and grant SELECT, INSERT and UPDATE on it: {}", statement(backend));
    Fault::new(FaultClass::Dependency, "once-table", message).with_hint(hint)
}

async fn make(connection: &mut Connection) -> Result<(), Trouble> {
    let backend = connection.backend();
    match connection.plain(statement(backend)).await {
        Ok(()) => Ok(()),
        Err(error) if fault::is_made_by_another(&error) => Ok(()),
        Err(error) if fault::is_lost(&error) => Err(error.into()),
        Err(error) => Err(unusable("made", &error, backend).into()),
    }
}

const fn statement(backend: Backend) -> &'static str {
    match backend {
        Backend::Postgresql => {
            "CREATE TABLE IF NOT EXISTS mediamill_once (once varchar(64) NOT NULL, hash varchar(64) NOT NULL, \
             answer text, at timestamptz NOT NULL DEFAULT now(), PRIMARY KEY (once, hash))"
        }
        // Upper and lower case are not the same key.
        Backend::Mysql => {
            "CREATE TABLE IF NOT EXISTS mediamill_once (once VARCHAR(64) NOT NULL, hash VARCHAR(64) NOT NULL, \
             answer LONGTEXT CHARACTER SET utf8mb4, at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP, \
             PRIMARY KEY (once, hash)) ENGINE = InnoDB CHARACTER SET ascii COLLATE ascii_bin"
        }
        Backend::Sqlite | Backend::Memory => {
            "CREATE TABLE IF NOT EXISTS mediamill_once (once TEXT NOT NULL, hash TEXT NOT NULL, \
             answer TEXT, at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP, PRIMARY KEY (once, hash))"
        }
    }
}
