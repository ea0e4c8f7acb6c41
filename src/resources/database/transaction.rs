//! The transaction around what is done on a connection, and what the session is set to for the length of it.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::connection::{Connection, Driver};
use super::fault;

/// How long SQLite waits for another writer by itself. It does so in its thread, where nobody can stop it, so it is short,
/// and what waits longer asks again.
pub(super) const BUSY: Duration = Duration::from_secs(1);

impl Connection {
    /// Begins a transaction, in which nothing is changed where it is to read only.
    pub(super) async fn begin(&mut self, reads_only: bool) -> Result<(), sqlx::Error> {
        self.in_transaction = true;
        match (&self.driver, reads_only) {
            (Driver::Postgres(_), true) => self.plain("BEGIN TRANSACTION READ ONLY").await,
            // The session too: what makes or drops a table ends the transaction first, and that with its being read only.
            (Driver::MySql(_), true) => {
                self.plain("SET SESSION TRANSACTION READ ONLY").await?;
                self.reads_only = true;
                self.plain("START TRANSACTION").await
            }
            (Driver::Sqlite(_), true) => {
                self.reads_only = true;
                self.plain("PRAGMA query_only = ON").await?;
                self.plain("BEGIN").await
            }
            // At once, so that two writers wait for each other instead of failing at the first row that is written:
            // <https://www.sqlite.org/lang_transaction.html>
            (Driver::Sqlite(_), false) => self.patient("BEGIN IMMEDIATE").await,
            (_, false) => self.plain("BEGIN").await,
        }
    }

    /// Runs a statement for which another writer of SQLite is waited for, as long as a statement may take.
    async fn patient(&mut self, sql: &str) -> Result<(), sqlx::Error> {
        let began = Instant::now();
        loop {
            match self.plain(sql).await {
                Err(error) if fault::is_busy(&error) && began.elapsed() + BUSY < self.limit => {}
                done => return done,
            }
        }
    }

    /// Ends the transaction, with all that was done in it.
    pub(super) async fn commit(&mut self) -> Result<(), sqlx::Error> {
        self.patient("COMMIT").await?;
        self.in_transaction = false;
        self.as_before().await
    }

    /// Ends the transaction, if there is one, without what was done in it.
    pub(super) async fn roll_back(&mut self) -> Result<(), sqlx::Error> {
        if !std::mem::take(&mut self.in_transaction) {
            return Ok(());
        }
        let rolled_back = self.plain("ROLLBACK").await;
        // SQLite has rolled back by itself after some errors, and says so: there is nothing to roll back then.
        if !matches!(self.driver, Driver::Sqlite(_)) {
            rolled_back?;
        }
        self.as_before().await
    }

    /// Sets back what was set for the transaction, and outlasts it.
    async fn as_before(&mut self) -> Result<(), sqlx::Error> {
        if self.reads_only {
            match self.driver {
                Driver::Sqlite(_) => self.plain("PRAGMA query_only = OFF").await?,
                Driver::MySql(_) => self.plain("SET SESSION TRANSACTION READ WRITE").await?,
                Driver::Postgres(_) => {}
            }
            self.reads_only = false;
        }
        if self.is_unlimited {
            self.keep_time().await?;
            self.is_unlimited = false;
        }
        Ok(())
    }

    /// For this transaction no statement is too long: rows come as fast as they are taken.
    pub(super) async fn take_time(&mut self) -> Result<(), sqlx::Error> {
        self.is_unlimited = true;
        match self.driver {
            Driver::Postgres(_) => self.plain("SET LOCAL statement_timeout = 0").await,
            Driver::MySql(_) if self.is_mariadb => self.plain("SET SESSION max_statement_time = 0").await,
            Driver::MySql(_) => self.plain("SET SESSION max_execution_time = 0").await,
            Driver::Sqlite(_) => Ok(()),
        }
    }

    /// Statements have their limit, from here on.
    pub(super) async fn keep_time(&mut self) -> Result<(), sqlx::Error> {
        match self.driver {
            Driver::MySql(_) if self.is_mariadb => {
                self.plain(&format!("SET SESSION max_statement_time = {}", self.limit.as_secs_f64())).await
            }
            Driver::MySql(_) => {
                self.plain(&format!("SET SESSION max_execution_time = {}", self.limit.as_millis())).await
            }
            _ => Ok(()),
        }
    }

    /// Whether a server is still sending rows. To take them only to be rid of them may last long.
    pub(super) const fn is_sending(&self) -> bool {
        self.is_midway && !matches!(self.driver, Driver::Sqlite(_))
    }

    /// Whether it can be used again: nothing is on its way.
    pub(super) const fn is_clean(&self) -> bool {
        !self.is_midway && !self.in_transaction && !self.reads_only && !self.is_unlimited && !self.is_changed
    }

    /// A call on it was given up: what it had begun is undone. Only where the connection is not lost with the call.
    pub(super) async fn recover(&mut self) -> Result<(), sqlx::Error> {
        self.in_transaction = true;
        self.reads_only = true;
        // It waits for what was stopped, and is too short to be stopped itself.
        self.roll_back().await?;
        self.is_midway = false;
        if let Some(stop) = &self.stop {
            stop.store(false, Ordering::Relaxed);
        }
        Ok(())
    }
}
