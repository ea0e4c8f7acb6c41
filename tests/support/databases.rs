//! Databases of every kind, each empty: SQLite, one in memory, and one on a server that the tests start.
#![allow(dead_code, reason = "each test file uses some of it")]
#![allow(clippy::unwrap_used, reason = "a database that is not there has failed the test")]

#[path = "daemon.rs"]
pub mod daemon;
#[path = "mariadb.rs"]
pub mod mariadb;
#[path = "postgres.rs"]
pub mod postgres;

use mediamill::resources::database::{Database, Expect, Insert, Statement};
use mediamill::resources::secret::Secrets;
use mediamill::resources::settings::{ResourceKind, ResourceSpec, register};
use mediamill::resources::{Lease, Manager, Owner, PoolSettings};
use serde_json::{Map, Value, json};

/// A database of one kind, empty.
pub struct Bench {
    pub manager: Manager,
    pub secrets: Secrets,
    pub backend: &'static str,
    pub settings: Value,
    _folder: Option<tempfile::TempDir>,
}

#[expect(clippy::print_stderr, reason = "a skipped test must be seen")]
pub fn skip(why: &str) {
    eprintln!("skipped: {why}");
    assert!(std::env::var_os("CI").is_none(), "skipped under CI: {why}");
}

impl Bench {
    pub fn of(backend: &'static str, settings: Value, folder: Option<tempfile::TempDir>) -> Self {
        let bench = Self { manager: Manager::new(), secrets: Secrets::default(), backend, settings, _folder: folder };
        bench.register("notes", bench.settings.clone());
        bench
    }

    pub fn register(&self, name: &str, settings: Value) {
        ResourceKind::Database.check(&settings).unwrap();
        let pool = PoolSettings { min_size: 0, max_size: 10, ..PoolSettings::default() };
        let spec = ResourceSpec { name: name.into(), kind: ResourceKind::Database, pool, settings };
        register(&self.manager, &spec, &|_| None, &self.secrets).unwrap();
    }

    pub fn sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let settings = json!({ "backend": "sqlite", "path": folder.path().join("notes.db") });
        Self::of("sqlite", settings, Some(folder))
    }

    pub fn memory() -> Self {
        Self::of("memory", json!({ "backend": "memory" }), None)
    }

    pub fn postgresql(name: &str) -> Option<Self> {
        let Some(server) = postgres::server() else {
            skip("PostgreSQL is not installed");
            return None;
        };
        Some(Self::of("postgresql", json!({ "backend": "postgresql", "url": server.database(name) }), None))
    }

    pub fn mysql(name: &str) -> Option<Self> {
        let Some(server) = mariadb::server() else {
            skip("MariaDB is not installed");
            return None;
        };
        Some(Self::of("mysql", json!({ "backend": "mysql", "url": server.database(name) }), None))
    }

    /// One of every kind.
    pub fn all(name: &str) -> Vec<Self> {
        let servers = [Self::postgresql(name), Self::mysql(name)];
        [Self::sqlite(), Self::memory()].into_iter().chain(servers.into_iter().flatten()).collect()
    }

    pub async fn lease_as(&self, owner: &str) -> Lease<Database> {
        self.manager.acquire("notes", &Owner::new(owner)).await.unwrap()
    }

    pub async fn lease(&self) -> Lease<Database> {
        self.lease_as("test").await
    }

    /// Does something to the database that is no matter of the test.
    pub async fn run(&self, sql: &str) {
        use std::sync::atomic::{AtomicU32, Ordering};
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let once = format!("bench-{}", COUNT.fetch_add(1, Ordering::Relaxed));
        let done = self.lease().await.write(&statement(sql, json!({})), 10, Expect::Any, &once).await;
        done.unwrap_or_else(|fault| panic!("{}: {sql}: {fault:?}", self.backend));
    }

    pub async fn rows(&self, sql: &str) -> Vec<Value> {
        let answer = self.lease().await.query(&statement(sql, json!({})), 1000, Expect::Any).await;
        let answer = answer.unwrap_or_else(|fault| panic!("{}: {sql}: {fault:?}", self.backend));
        answer.rows.into_iter().map(Value::Object).collect()
    }

    pub async fn count(&self, table: &str) -> i64 {
        self.rows(&format!("select count(*) as n from {table}")).await[0]["n"].as_i64().unwrap()
    }
}

pub fn map(value: Value) -> Map<String, Value> {
    serde_json::from_value(value).unwrap()
}

pub fn statement(sql: &str, params: Value) -> Statement {
    Statement { sql: sql.into(), params: map(params) }
}

pub fn insert(table: &str, rows: Value, once: &str) -> Insert {
    let rows: Vec<Value> = if rows.is_array() { serde_json::from_value(rows).unwrap() } else { vec![rows] };
    let rows = rows.into_iter().map(map).collect();
    Insert { table: table.into(), rows, key: Vec::new(), create: false, once: once.into() }
}

pub fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}
