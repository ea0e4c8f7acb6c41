//! A server that is killed while rows are written, and answers that are lost: afterwards each row is there once.

#![expect(clippy::unwrap_used, reason = "a test whose step fails where it must not has failed")]

#[path = "support/daemon.rs"]
mod daemon;
#[path = "support/mariadb.rs"]
mod mariadb;
#[path = "support/postgres.rs"]
mod postgres;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use mediamill::resilience::FaultClass;
use mediamill::resources::database::{Database, Expect, Insert, Statement};
use mediamill::resources::secret::Secrets;
use mediamill::resources::settings::{ResourceKind, ResourceSpec, register};
use mediamill::resources::{Manager, Owner, PoolSettings};
use serde_json::{Map, Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const WRITERS: u64 = 4;
const ROWS: u64 = 120;
/// How often the server is killed: each time somewhere else.
const KILLS: u64 = 3;

#[expect(clippy::print_stderr, reason = "a skipped test must be seen")]
fn skip(why: &str) {
    eprintln!("skipped: {why}");
    assert!(std::env::var_os("CI").is_none(), "skipped under CI: {why}");
}

fn map(value: Value) -> Map<String, Value> {
    serde_json::from_value(value).unwrap()
}

/// Tries until the row is in, as an engine does whose task is tried again.
async fn write(manager: &Manager, insert: &Insert, owner: &Owner) -> (u64, u64) {
    loop {
        let fault = match manager.acquire::<Database>("notes", owner).await {
            Ok(database) => match database.insert(insert).await {
                Ok(done) => return (done.rows, done.skipped),
                Err(fault) => fault,
            },
            Err(error) => error.fault,
        };
        // A server that is gone is nobody's fault but its own.
        assert!(matches!(fault.class, FaultClass::Transient | FaultClass::Dependency), "{fault:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn rows_are_stored_once(settings: Value, kill: impl Fn() + Send + Sync + 'static) {
    let (manager, secrets) = (Manager::new(), Secrets::default());
    let pool = PoolSettings { min_size: 0, ..PoolSettings::default() };
    let spec = ResourceSpec { name: "notes".into(), kind: ResourceKind::Database, pool, settings };
    register(&manager, &spec, &|_| None, &secrets).unwrap();
    let owner = Owner::new("test");
    let make = Statement { sql: "create table notes (writer integer, n integer)".into(), params: Map::new() };
    manager.acquire::<Database>("notes", &owner).await.unwrap().write(&make, 1, Expect::Any, "make").await.unwrap();
    let written = Arc::new(AtomicU64::new(0));
    let mut writers = tokio::task::JoinSet::new();
    for writer in 0..WRITERS {
        let (manager, written) = (manager.clone(), Arc::clone(&written));
        writers.spawn(async move {
            let owner = Owner::new(format!("writer-{writer}"));
            let mut skipped = 0;
            for n in 0..ROWS {
                let rows = vec![map(json!({ "writer": writer, "n": n }))];
                let once = format!("run/item-{writer}/save-{n}");
                let insert = Insert { table: "notes".into(), rows, key: Vec::new(), create: false, once };
                skipped += write(&manager, &insert, &owner).await.1;
                written.fetch_add(1, Ordering::Relaxed);
            }
            skipped
        });
    }
    let killer = tokio::task::spawn_blocking(move || {
        for round in 1..=KILLS {
            let mark = round * WRITERS * ROWS / (KILLS + 1);
            while written.load(Ordering::Relaxed) < mark {
                std::thread::yield_now();
            }
            kill();
        }
    });
    killer.await.unwrap();
    let mut skipped = 0;
    while let Some(done) = writers.join_next().await {
        skipped += done.unwrap();
    }
    let count = Statement {
        sql: "select count(*) as n, count(distinct writer * 1000 + n) as distinct_n from notes".into(),
        params: Map::new(),
    };
    let database = manager.acquire::<Database>("notes", &owner).await.unwrap();
    let answer = database.query(&count, 1, Expect::One).await.unwrap();
    let want = json!({ "n": WRITERS * ROWS, "distinct_n": WRITERS * ROWS });
    assert_eq!(Value::from(answer.rows[0].clone()), want, "{skipped} had been stored before their answer was lost");
}

/// One test at a time: some kill the server.
static ALONE: std::sync::Mutex<()> = std::sync::Mutex::new(());

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

#[test]
fn rows_are_stored_once_though_postgresql_is_killed() {
    let _alone = ALONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let Some(server) = postgres::server() else { return skip("PostgreSQL is not installed") };
    let settings = json!({ "backend": "postgresql", "url": server.database("killed") });
    runtime().block_on(rows_are_stored_once(settings, || {
        server.kill();
        server.launch();
    }));
}

#[test]
fn rows_are_stored_once_though_mariadb_is_killed() {
    let _alone = ALONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let Some(server) = mariadb::server() else { return skip("MariaDB is not installed") };
    let settings = json!({ "backend": "mysql", "url": server.database("killed") });
    runtime().block_on(rows_are_stored_once(settings, || {
        server.kill();
        server.launch();
    }));
}

/// Stands between a client and the server at `port`. Where `loses` is set, it passes on the next COMMIT, waits for the
/// server's answer, and hangs up without it. Its own port.
async fn proxy(port: u16, loses: Arc<AtomicBool>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let own = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let loses = Arc::clone(&loses);
            tokio::spawn(async move {
                let server = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
                // However it ends, both ends are closed.
                let _ = pass(client, server, &loses).await;
            });
        }
    });
    own
}

async fn pass(mut client: TcpStream, mut server: TcpStream, loses: &AtomicBool) -> std::io::Result<()> {
    let (mut asked, mut answered) = (vec![0; 1 << 16], vec![0; 1 << 16]);
    loop {
        tokio::select! {
            length = client.read(&mut asked) => {
                let message = &asked[..length?];
                server.write_all(message).await?;
                let is_commit = message.windows(6).any(|word| word == b"COMMIT");
                if message.is_empty() || (is_commit && loses.swap(false, Ordering::SeqCst)) {
                    // The server has done it when it answers, and nobody hears.
                    let _heard = server.read(&mut answered).await?;
                    return Ok(());
                }
            }
            length = server.read(&mut answered) => {
                let message = &answered[..length?];
                if message.is_empty() {
                    return Ok(());
                }
                client.write_all(message).await?;
            }
        }
    }
}

/// A commit whose answer is lost: the attempt fails, the next one finds that it was stored.
async fn a_lost_answer_stores_nothing_twice(settings: impl Fn(u16) -> Value, port: u16) {
    let loses = Arc::new(AtomicBool::new(false));
    let (manager, secrets) = (Manager::new(), Secrets::default());
    let settings = settings(proxy(port, Arc::clone(&loses)).await);
    let pool = PoolSettings { min_size: 0, ..PoolSettings::default() };
    let spec = ResourceSpec { name: "notes".into(), kind: ResourceKind::Database, pool, settings };
    register(&manager, &spec, &|_| None, &secrets).unwrap();
    let owner = Owner::new("test");
    let lease = || async { manager.acquire::<Database>("notes", &owner).await.unwrap() };
    let rows = vec![map(json!({ "n": 1 })), map(json!({ "n": 1 }))];
    let insert = Insert { table: "notes".into(), rows, key: Vec::new(), create: true, once: "task".into() };
    loses.store(true, Ordering::SeqCst);
    let fault = lease().await.insert(&insert).await.unwrap_err();
    assert_eq!((fault.class, fault.cause.as_str()), (FaultClass::Transient, "connection-lost"), "{fault:?}");
    let done = lease().await.insert(&insert).await.unwrap();
    assert_eq!((done.rows, done.skipped), (0, 2));
    let params = map(json!({ "by": 10 }));
    let more = Statement { sql: "update notes set n = n + :by".into(), params };
    loses.store(true, Ordering::SeqCst);
    let fault = lease().await.write(&more, 1, Expect::Any, "more").await.unwrap_err();
    assert_eq!(fault.class, FaultClass::Transient);
    let done = lease().await.write(&more, 1, Expect::Any, "more").await.unwrap();
    assert_eq!((done.changed, done.repeated), (2, true));
    let all = Statement { sql: "select sum(n) as n from notes".into(), params: Map::new() };
    let answer = lease().await.query(&all, 1, Expect::One).await.unwrap();
    assert_eq!(answer.rows[0]["n"], 22);
}

#[test]
fn a_commit_of_postgresql_whose_answer_is_lost_stores_nothing_twice() {
    let _alone = ALONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let Some(server) = postgres::server() else { return skip("PostgreSQL is not installed") };
    server.database("lost");
    let settings = |port: u16| json!({ "backend": "postgresql", "host": "127.0.0.1", "port": port, "user": postgres::USER, "password": postgres::PASSWORD, "database": "lost" });
    runtime().block_on(a_lost_answer_stores_nothing_twice(settings, server.port));
}

#[test]
fn a_commit_of_mariadb_whose_answer_is_lost_stores_nothing_twice() {
    let _alone = ALONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let Some(server) = mariadb::server() else { return skip("MariaDB is not installed") };
    server.database("lost");
    let settings = |port: u16| json!({ "backend": "mysql", "host": "127.0.0.1", "port": port, "user": mariadb::USER, "password": mariadb::PASSWORD, "database": "lost" });
    runtime().block_on(a_lost_answer_stores_nothing_twice(settings, server.port));
}
