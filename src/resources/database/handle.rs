//! A handle: one connection, used by one call at a time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::{Mutex, MutexGuard, mpsc};
use tokio::time::timeout;

use super::connect::Place;
use super::connection::{Connection, Trouble};
use super::fault::{self, Doing};
use super::insert::{self, Insert, Inserted};
use super::query::{self, Answer, Expect, Rows, Source, Statement};
use crate::resilience::{Fault, FaultClass};
use crate::resources::secret::Secrets;

/// The longest that undoing what a failed call began may take.
const UNDOING: Duration = Duration::from_secs(5);

/// A connection to a database. Calls at the same time are done one after another.
pub struct Database {
    seat: Arc<Seat>,
    place: Arc<Place>,
    secrets: Secrets,
}

/// Where the connection is. Several handles share it where the database is in memory.
pub(super) struct Seat {
    connection: Mutex<Option<Connection>>,
    /// A call is under way, or was dropped half-way.
    is_unclean: AtomicBool,
    is_shared: bool,
}

impl Seat {
    pub(super) fn new(connection: Connection, is_shared: bool) -> Self {
        Self { connection: Mutex::new(Some(connection)), is_unclean: AtomicBool::new(false), is_shared }
    }
}

/// A call that is under way. Where it is dropped before its end, the connection is not used again.
struct Call<'a> {
    connection: MutexGuard<'a, Option<Connection>>,
    is_unclean: &'a AtomicBool,
    /// Stops what is under way where that does not stop by itself.
    stop: Option<Arc<AtomicBool>>,
}

impl Drop for Call<'_> {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.as_ref().filter(|_| self.is_unclean.load(Ordering::Acquire)) {
            stop.store(true, Ordering::Relaxed);
        }
    }
}

impl Call<'_> {
    fn connection(&mut self) -> Result<&mut Connection, Trouble> {
        self.connection.as_mut().ok_or_else(|| Trouble::Fault(lost()))
    }

    /// The call has come to its end: undoes what it began, where it failed.
    async fn end<T>(mut self, result: &Result<T, Trouble>) {
        let is_lost = match result {
            Err(Trouble::Driver(error)) => fault::is_lost(error),
            Err(Trouble::Late) => true,
            _ => false,
        };
        if is_lost {
            return;
        }
        let Some(connection) = self.connection.as_mut().filter(|connection| !connection.is_sending()) else { return };
        if result.is_err() && !matches!(timeout(UNDOING, connection.roll_back()).await, Ok(Ok(()))) {
            return;
        }
        self.is_unclean.store(!connection.is_clean(), Ordering::Release);
    }
}

fn lost() -> Fault {
    Fault::new(FaultClass::Transient, "connection-lost", "a call on this connection was given up half-way")
}

impl Database {
    pub(super) const fn new(seat: Arc<Seat>, place: Arc<Place>, secrets: Secrets) -> Self {
        Self { seat, place, secrets }
    }

    /// Asks the server whether it is there.
    ///
    /// # Errors
    /// The fault of the connection.
    pub async fn ping(&self) -> Result<(), Fault> {
        let mut call = self.begin().await?;
        let result = match call.connection() {
            Ok(connection) => self.in_time(async { Ok(connection.ping().await?) }).await,
            Err(trouble) => Err(trouble),
        };
        self.end(call, result, Doing::Reading).await
    }

    /// Inserts rows, once.
    ///
    /// # Errors
    /// Why nothing was inserted, or, where the connection was lost, that it is not known: the same call again inserts what
    /// is missing.
    pub async fn insert(&self, insert: &Insert) -> Result<Inserted, Fault> {
        let mut call = self.begin().await?;
        let result = match call.connection() {
            Ok(connection) => self.in_time(insert::run(connection, insert)).await,
            Err(trouble) => Err(trouble),
        };
        self.end(call, result, Doing::Writing).await
    }

    /// Runs a statement that changes nothing; at most `limit` of its rows.
    ///
    /// # Errors
    /// Why it could not, or that it answers something else than is expected.
    pub async fn query(&self, statement: &Statement, limit: usize, expect: Expect) -> Result<Answer, Fault> {
        let mut call = self.begin().await?;
        let result = match call.connection() {
            Ok(connection) => self.in_time(query::read(connection, statement, limit, expect)).await,
            Err(trouble) => Err(trouble),
        };
        self.end(call, result, Doing::Reading).await
    }

    /// Runs a statement that changes something, once for the key `once`; at most `limit` of the rows that it returns. Where
    /// it ran before, its answer is the one of then.
    ///
    /// # Errors
    /// Why it could not, or that it answers something else than is expected: then nothing is changed.
    pub async fn write(
        &self,
        statement: &Statement,
        limit: usize,
        expect: Expect,
        once: &str,
    ) -> Result<Answer, Fault> {
        let mut call = self.begin().await?;
        let result = match call.connection() {
            Ok(connection) => self.in_time(query::write(connection, statement, limit, expect, once)).await,
            Err(trouble) => Err(trouble),
        };
        self.end(call, result, Doing::Writing).await
    }

    /// Sends all rows of `source` to `rows`, as fast as they are taken, and at least one message, which says the columns;
    /// how many rows that were. The time that a call may take is that of each row here.
    ///
    /// # Errors
    /// Why it could not, or that nobody takes them any more.
    pub async fn stream(&self, source: &Source, rows: mpsc::Sender<Rows>) -> Result<u64, Fault> {
        let mut call = self.begin().await?;
        let result = match call.connection() {
            Ok(connection) => query::stream(connection, source, rows).await,
            Err(trouble) => Err(trouble),
        };
        self.end(call, result, Doing::Reading).await
    }

    /// Whether the connection may be used again.
    pub(super) fn is_clean(&self) -> bool {
        self.seat.is_shared || !self.seat.is_unclean.load(Ordering::Acquire)
    }

    /// Ends the connection in an orderly way; the one of a database in memory stays.
    pub(super) async fn close(self) {
        if !self.seat.is_shared
            && let Some(connection) = self.seat.connection.lock().await.take()
        {
            if connection.is_midway
                && let Some(session) = connection.session
            {
                self.place.cancel(session).await;
            }
            // What cannot be said goodbye to is gone all the same.
            let _ = connection.close().await;
        }
    }

    /// Waits for the calls that are under way.
    async fn begin(&self) -> Result<Call<'_>, Fault> {
        let mut connection = self.seat.connection.lock().await;
        if self.seat.is_unclean.swap(true, Ordering::AcqRel) {
            if !self.seat.is_shared {
                return Err(lost());
            }
            // The connection was not lost with the call: what that began is undone here.
            let recovered = match connection.as_mut() {
                Some(connection) => connection.recover().await,
                None => Ok(()),
            };
            recovered.map_err(|error| self.told(Trouble::Driver(error), Doing::Writing))?;
        }
        let stop = connection.as_ref().and_then(Connection::stop);
        Ok(Call { connection, is_unclean: &self.seat.is_unclean, stop })
    }

    async fn in_time<T>(&self, doing: impl Future<Output = Result<T, Trouble>>) -> Result<T, Trouble> {
        // The server has the same limit for each statement, and tells of it in an orderly way: it is let be the first.
        let limit = self.place.statement_timeout;
        timeout(limit + Duration::from_millis(500), doing).await.unwrap_or(Err(Trouble::Late))
    }

    async fn end<T>(&self, call: Call<'_>, result: Result<T, Trouble>, doing: Doing) -> Result<T, Fault> {
        call.end(&result).await;
        result.map_err(|trouble| self.told(trouble, doing))
    }

    fn told(&self, trouble: Trouble, doing: Doing) -> Fault {
        let fault = match trouble {
            Trouble::Late => fault::late(self.place.statement_timeout),
            Trouble::Fault(fault) => fault,
            Trouble::Driver(error) => fault::of(&error, &self.place.shown, doing),
        };
        Fault {
            message: self.secrets.redact(&fault.message).into_owned(),
            hint: fault.hint.as_deref().map(|hint| self.secrets.redact(hint).into_owned()),
            ..fault
        }
    }
}
