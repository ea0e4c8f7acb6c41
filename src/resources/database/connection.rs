//! One connection, whichever database it leads to: statements, rows, and the transactions around them.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::Value;
use sqlx::postgres::{PgConnection, PgTypeInfo};
use sqlx::{AssertSqlSafe, Column as _, Connection as _, Either, Executor as _, MySqlConnection, Row as _};
use sqlx::{SqlSafeStr as _, SqliteConnection, Statement as _, TypeInfo as _};

use super::columns::Table;
use super::fit::Bound;
use super::postgres::Shape;
use super::settings::Backend;
use super::{mysql, postgres, sqlite};
use crate::resilience::Fault;

/// So many steps of SQLite's machine lie between two looks at whether it is to stop: about a millisecond.
const STEPS: i32 = 10_000;

/// The longest statement that is kept prepared, in bytes.
const LONGEST_KEPT: usize = 2000;

/// A connection.
pub(super) struct Connection {
    pub(super) driver: Driver,
    /// Whether a transaction was begun and not ended.
    pub(super) in_transaction: bool,
    /// Whether the session takes no changes.
    pub(super) reads_only: bool,
    /// Whether the session has no limit for statements.
    pub(super) is_unlimited: bool,
    /// Whether a statement of the user's may have left something in the session: nobody else is to find it.
    pub(super) is_changed: bool,
    /// Whether rows are still on their way: it is not to be used again then.
    pub(super) is_midway: bool,
    /// SQLite: what is under way is to stop. Nobody listens to it any more.
    pub(super) stop: Option<Arc<AtomicBool>>,
    /// MariaDB has a limit for statements of every kind, MySQL has none.
    pub(super) is_mariadb: bool,
    /// The server's number of the session.
    pub(super) session: Option<i64>,
    /// The longest that a statement may take.
    pub(super) limit: Duration,
    /// Tables that rows went into, as they looked then.
    pub(super) tables: BTreeMap<String, Arc<Table>>,
}

/// The driver's own.
pub(super) enum Driver {
    Postgres(Box<PgConnection>),
    MySql(Box<MySqlConnection>),
    Sqlite(Box<SqliteConnection>),
}

/// Why a call came to nothing.
#[derive(Debug)]
pub(super) enum Trouble {
    /// What the driver says.
    Driver(sqlx::Error),
    /// What we say.
    Fault(Fault),
    /// Nothing came in time.
    Late,
}

impl From<sqlx::Error> for Trouble {
    fn from(error: sqlx::Error) -> Self {
        Self::Driver(error)
    }
}

impl From<Fault> for Trouble {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

/// What the server says of a statement before it runs.
pub(super) struct Prepared {
    /// The columns' names.
    pub(super) columns: Vec<String>,
    /// PostgreSQL: how each column is written; nothing where it must be made a text.
    pub(super) shapes: Vec<Option<Shape>>,
    /// PostgreSQL: the names of the columns' types.
    pub(super) types: Vec<String>,
    /// PostgreSQL: the numbers of the parameters' types.
    pub(super) parameters: Vec<u32>,
}

/// Who takes rows as they come.
pub(super) trait Taker: Send {
    /// Whether it wants to be told the columns' names, which the server did not say before.
    fn wants_columns(&self) -> bool {
        false
    }

    /// Is told the columns' names.
    fn columns(&mut self, _names: Vec<String>) -> Result<(), Trouble> {
        Ok(())
    }

    /// Takes a row. To break off leaves the rest where it is.
    fn take(&mut self, row: Vec<Value>) -> impl Future<Output = Result<ControlFlow<()>, Trouble>> + Send;
}

impl Taker for Vec<Vec<Value>> {
    async fn take(&mut self, row: Vec<Value>) -> Result<ControlFlow<()>, Trouble> {
        self.push(row);
        Ok(ControlFlow::Continue(()))
    }
}

/// Takes what a statement sends until it has ended; evaluates to how many rows it changed.
macro_rules! drain {
    ($connection:expr, $query:expr, $values:expr, $taker:expr, $limit:expr) => {{
        let mut steps = $connection.fetch_many($query);
        let (mut changed, mut has_ended) = (0, false);
        loop {
            let next = tokio::time::timeout($limit, poll_fn(|cx| steps.as_mut().poll_next(cx)));
            match next.await.map_err(|_| Trouble::Late)? {
                None => break Ok(Some(changed)),
                Some(Ok(Either::Left(done))) => {
                    changed += done.rows_affected();
                    has_ended = true;
                }
                // A procedure's second answer has other columns.
                Some(Ok(Either::Right(_))) if has_ended => Err(several_answers())?,
                Some(Ok(Either::Right(row))) => {
                    if $taker.wants_columns() {
                        $taker.columns(row.columns().iter().map(|column| column.name().to_owned()).collect())?;
                    }
                    let row = $values(&row)?;
                    if $taker.take(row).await?.is_break() {
                        break Ok(None);
                    }
                }
                Some(Err(error)) => break Err(error),
            }
        }
    }};
}

fn several_answers() -> Fault {
    Fault::input("statement", "the statement answers more than one table")
        .with_hint("let a procedure answer one, or read its tables by statements of their own")
}

impl Connection {
    pub(super) const fn new(driver: Driver, is_mariadb: bool, limit: Duration) -> Self {
        Self {
            driver,
            in_transaction: false,
            reads_only: false,
            is_unlimited: false,
            is_changed: false,
            is_midway: false,
            stop: None,
            is_mariadb,
            session: None,
            limit,
            tables: BTreeMap::new(),
        }
    }

    /// A connection of SQLite. Its statements run in a thread of their own: one that nobody waits for any more would go on
    /// there, and hold the lock of the writer.
    pub(super) async fn sqlite(mut driver: SqliteConnection, limit: Duration) -> Result<Self, sqlx::Error> {
        let stop = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&stop);
        driver.lock_handle().await?.set_progress_handler(STEPS, move || !seen.load(Ordering::Relaxed));
        Ok(Self { stop: Some(stop), ..Self::new(Driver::Sqlite(Box::new(driver)), false, limit) })
    }

    /// What stops the statement that is under way, where that does not stop by itself.
    pub(super) fn stop(&self) -> Option<Arc<AtomicBool>> {
        self.stop.clone()
    }

    /// Which database it leads to; one in memory is one of SQLite.
    pub(super) const fn backend(&self) -> Backend {
        match self.driver {
            Driver::Postgres(_) => Backend::Postgresql,
            Driver::MySql(_) => Backend::Mysql,
            Driver::Sqlite(_) => Backend::Sqlite,
        }
    }

    /// How the parameter of this index, from 0, is written.
    pub(super) fn placeholder(&self, index: usize) -> String {
        match self.driver {
            Driver::Postgres(_) => format!("${}", index + 1),
            Driver::MySql(_) => "?".to_owned(),
            Driver::Sqlite(_) => format!("?{}", index + 1),
        }
    }

    /// Runs a statement without parameters and rows.
    pub(super) async fn plain(&mut self, sql: &str) -> Result<(), sqlx::Error> {
        let sql = sqlx::raw_sql(AssertSqlSafe(sql.to_owned()));
        match &mut self.driver {
            Driver::Postgres(connection) => connection.execute(sql).await.map(drop),
            Driver::MySql(connection) => connection.execute(sql).await.map(drop),
            Driver::Sqlite(connection) => connection.execute(sql).await.map(drop),
        }
    }

    /// Runs a statement; how many rows it changed.
    pub(super) async fn execute(&mut self, sql: &str, values: Vec<Bound>) -> Result<u64, Trouble> {
        self.rows(sql, values, None, &mut Vec::new()).await
    }

    /// Runs a statement; its rows.
    pub(super) async fn fetch(&mut self, sql: &str, values: Vec<Bound>) -> Result<Vec<Vec<Value>>, Trouble> {
        let mut rows = Vec::new();
        self.rows(sql, values, None, &mut rows).await?;
        Ok(rows)
    }

    /// Runs a statement, gives its rows to `taker`; how many rows it changed.
    pub(super) async fn rows(
        &mut self,
        sql: &str,
        values: Vec<Bound>,
        shapes: Option<&[Shape]>,
        taker: &mut impl Taker,
    ) -> Result<u64, Trouble> {
        self.is_midway = true;
        // Statements of many rows differ in their number: they are not worth being kept prepared.
        let (keeps, limit) = (sql.len() <= LONGEST_KEPT, self.limit);
        let sql = AssertSqlSafe(sql.to_owned());
        let done = match &mut self.driver {
            Driver::Postgres(connection) => {
                let query = sqlx::query_with(sql, postgres::arguments(values)?).persistent(keeps);
                drain!(connection, query, |row| postgres::values(row, shapes), taker, limit)
            }
            Driver::MySql(connection) => {
                let query = sqlx::query_with(sql, mysql::arguments(values)?).persistent(keeps);
                drain!(connection, query, mysql::values, taker, limit)
            }
            Driver::Sqlite(connection) => {
                let query = sqlx::query_with(sql, sqlite::arguments(values)?).persistent(keeps);
                drain!(connection, query, sqlite::values, taker, limit)
            }
        };
        // SQLite's rows stay where they are; a server goes on sending what was broken off.
        self.is_midway = matches!(done, Ok(None)) && !matches!(self.driver, Driver::Sqlite(_));
        Ok(done?.unwrap_or(0))
    }

    /// What the server says of a statement.
    pub(super) async fn prepare(&mut self, sql: &str) -> Result<Prepared, sqlx::Error> {
        let sql = AssertSqlSafe(sql.to_owned()).into_sql_str();
        Ok(match &mut self.driver {
            Driver::Postgres(connection) => {
                let statement = connection.prepare(sql).await?;
                let oid = |info: &PgTypeInfo| info.oid().map_or(0, |oid| oid.0);
                Prepared {
                    columns: statement.columns().iter().map(|column| column.name().to_owned()).collect(),
                    shapes: statement.columns().iter().map(|column| Shape::of(column.type_info())).collect(),
                    types: statement.columns().iter().map(|column| column.type_info().name().to_owned()).collect(),
                    parameters: match statement.parameters() {
                        Some(Either::Left(types)) => types.iter().map(oid).collect(),
                        _ => Vec::new(),
                    },
                }
            }
            Driver::MySql(connection) => {
                let statement = connection.prepare(sql).await?;
                Prepared::named(statement.columns().iter().map(|column| column.name()))
            }
            Driver::Sqlite(connection) => {
                let statement = connection.prepare(sql).await?;
                Prepared::named(statement.columns().iter().map(|column| column.name()))
            }
        })
    }

    /// Whether it still works.
    pub(super) async fn ping(&mut self) -> Result<(), sqlx::Error> {
        match &mut self.driver {
            Driver::Postgres(connection) => connection.ping().await,
            Driver::MySql(connection) => connection.ping().await,
            Driver::Sqlite(connection) => connection.ping().await,
        }
    }

    /// The server's version.
    pub(super) async fn version(&mut self) -> Result<String, Trouble> {
        let sql = match self.driver {
            Driver::Postgres(_) => "SHOW server_version",
            Driver::MySql(_) => "SELECT VERSION()",
            Driver::Sqlite(_) => "SELECT sqlite_version()",
        };
        let rows = self.fetch(sql, Vec::new()).await?;
        Ok(rows.first().and_then(|row| row.first()).and_then(Value::as_str).unwrap_or_default().to_owned())
    }

    /// Says goodbye.
    pub(super) async fn close(self) -> Result<(), sqlx::Error> {
        match self.driver {
            Driver::Postgres(connection) => connection.close().await,
            Driver::MySql(connection) => connection.close().await,
            Driver::Sqlite(connection) => connection.close().await,
        }
    }
}

impl Prepared {
    fn named<'a>(names: impl Iterator<Item = &'a str>) -> Self {
        Self {
            columns: names.map(str::to_owned).collect(),
            shapes: Vec::new(),
            types: Vec::new(),
            parameters: Vec::new(),
        }
    }
}
