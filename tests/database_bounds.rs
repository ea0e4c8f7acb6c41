//! What bounds a statement: the bytes of its answer, and the time that the session gives it.

#![expect(clippy::unwrap_used, reason = "a test whose step fails where it must not has failed")]

#[path = "support/databases.rs"]
mod databases;

use std::time::{Duration, Instant};

use databases::{Bench, insert, runtime, statement};
use mediamill::resilience::FaultClass;
use mediamill::resources::database::{Expect, Rows, Source};
use serde_json::json;
use sqlx::Connection;
use tokio::sync::mpsc;

/// A megabyte of text, as the backend makes one.
fn megabyte(backend: &str) -> &'static str {
    match backend {
        "postgresql" | "mysql" => "repeat('x', 1000000)",
        _ => "printf('%.1000000c', 'x')",
    }
}

#[test]
fn an_answer_of_too_many_bytes_is_refused_while_it_is_read() {
    runtime().block_on(async {
        for bench in Bench::all("bytes") {
            let (backend, text) = (bench.backend, megabyte(bench.backend));
            let rows = |rows: u32| {
                let numbers =
                    format!("with recursive c(n) as (select 1 union all select n + 1 from c where n < {rows})");
                statement(&format!("{numbers} select {text} as word from c"), json!({}))
            };
            let database = bench.lease().await;
            assert_eq!(database.query(&rows(16), 100_000, Expect::Any).await.unwrap().rows.len(), 16, "{backend}");
            // The limit of rows is the first to be reached.
            let answer = database.query(&rows(1000), 15, Expect::Any).await.unwrap();
            assert!(answer.more, "{backend}");
            drop(database);
            // A gigabyte, or as much as there is: it is not waited for.
            let (database, began) = (bench.lease().await, Instant::now());
            let many = if backend == "mysql" { 1000 } else { 10_000_000 };
            let fault = database.query(&rows(many), 100_000, Expect::Any).await.unwrap_err();
            assert_eq!((fault.class, fault.cause.as_str()), (FaultClass::Input, "too-large"), "{backend}: {fault:?}");
            assert!(fault.hint.unwrap().contains("database.export"), "{backend}");
            assert!(began.elapsed() < Duration::from_secs(4), "{backend}: {:?}", began.elapsed());
            drop(database);
            // What is written is undone with it, and can be written in a smaller way by the same task.
            bench.run("create table big (n integer)").await;
            let write = |rows: u32| {
                let values = (0..rows).map(|n| format!("({n})")).collect::<Vec<_>>().join(", ");
                statement(&format!("insert into big values {values} returning {text} as word"), json!({}))
            };
            let fault = bench.lease().await.write(&write(9), 1000, Expect::Any, "big").await.unwrap_err();
            assert_eq!((fault.class, fault.cause.as_str()), (FaultClass::Input, "too-large"), "{backend}: {fault:?}");
            let fault = bench.lease().await.write(&write(20), 1000, Expect::Any, "big").await.unwrap_err();
            assert_eq!((fault.class, fault.cause.as_str()), (FaultClass::Input, "too-large"), "{backend}: {fault:?}");
            assert_eq!(bench.count("big").await, 0, "{backend}");
            assert_eq!(bench.lease().await.write(&write(8), 1000, Expect::Any, "big").await.unwrap().rows.len(), 8);
            assert_eq!(bench.count("big").await, 8, "{backend}");
        }
    });
}

#[test]
fn large_rows_are_streamed_a_few_at_a_time() {
    runtime().block_on(async {
        for bench in Bench::all("lots") {
            let sql = format!(
                "with recursive c(n) as (select 1 union all select n + 1 from c where n < 20) select {} as word from c",
                megabyte(bench.backend)
            );
            let (to, mut taken) = mpsc::channel::<Rows>(1);
            let database = bench.lease().await;
            let source = Source::Statement(statement(&sql, json!({})));
            let taking = async {
                let mut rows = 0;
                while let Some(lot) = taken.recv().await {
                    assert!(lot.rows.len() <= 2, "{} at once", lot.rows.len());
                    rows += lot.rows.len();
                }
                rows
            };
            let (sent, taken) = tokio::join!(database.stream(&source, to), taking);
            assert_eq!((sent.unwrap(), taken), (20, 20), "{}", bench.backend);
        }
    });
}

#[test]
fn statements_of_mariadb_have_their_limit_again_after_an_export_however_it_ended() {
    let Some(bench) = Bench::mysql("limited") else { return };
    runtime().block_on(async {
        let mut settings = bench.settings.clone();
        settings["statement_timeout"] = "7s".into();
        bench.register("limited", settings);
        let lease = || async {
            let owner = mediamill::resources::Owner::new("test");
            bench.manager.acquire::<mediamill::resources::database::Database>("limited", &owner).await.unwrap()
        };
        let session = statement(
            "select connection_id() as id, @@max_statement_time + 0 as seconds, @@session.tx_read_only as reading",
            json!({}),
        );
        let look = || async {
            let row = lease().await.query(&session, 1, Expect::One).await.unwrap().rows.remove(0);
            // A query is one that reads only, by itself.
            assert_eq!((&row["seconds"], &row["reading"]), (&json!(7.0), &json!(1)), "{row:?}");
            row["id"].clone()
        };
        let first = look().await;
        for sql in ["select nope from nowhere", "selec 1", "select :missing", "select 1 as a, 2 as a", "select 1 as n"]
        {
            let (to, _taken) = mpsc::channel::<Rows>(10);
            let done = lease().await.stream(&Source::Statement(statement(sql, json!({}))), to).await;
            assert_eq!(done.is_ok(), sql == "select 1 as n", "{sql}");
            assert_eq!(look().await, first, "{sql}: the connection is as good as before");
        }
        // Who stops taking in the middle, or is dropped there, costs the connection, and no limit.
        let endless = Source::Statement(statement("select seq from seq_1_to_100000000", json!({})));
        let (to, taken) = mpsc::channel::<Rows>(1);
        drop(taken);
        assert_eq!(lease().await.stream(&endless, to).await.unwrap_err().class, FaultClass::Cancelled);
        look().await;
        let (to, _taken) = mpsc::channel::<Rows>(1);
        let database = lease().await;
        assert!(tokio::time::timeout(Duration::from_millis(200), database.stream(&endless, to)).await.is_err());
        drop(database);
        assert_ne!(look().await, first);
    });
}

#[test]
fn a_call_that_waits_for_another_writer_of_sqlite_is_given_up_at_once() {
    runtime().block_on(async {
        let bench = Bench::sqlite();
        bench.run("create table notes (n integer)").await;
        let file = bench.settings["path"].as_str().unwrap();
        let mut other = sqlx::SqliteConnection::connect(&format!("sqlite:{file}")).await.unwrap();
        sqlx::raw_sql("begin immediate").execute(&mut other).await.unwrap();
        let row = insert("notes", json!({ "n": 1 }), "item");
        // As long as it may take it waits, longer than SQLite itself does.
        let (waiting, first) = (bench.lease().await, row.clone());
        let waiting = async move { waiting.insert(&first).await.unwrap().rows };
        let releasing = async {
            tokio::time::sleep(Duration::from_millis(1500)).await;
            sqlx::raw_sql("commit").execute(&mut other).await.unwrap();
        };
        assert_eq!(tokio::join!(waiting, releasing).0, 1);
        sqlx::raw_sql("begin immediate").execute(&mut other).await.unwrap();
        let row = insert("notes", json!({ "n": 2 }), "item");
        let began = Instant::now();
        let database = bench.lease().await;
        assert!(tokio::time::timeout(Duration::from_millis(200), database.insert(&row)).await.is_err());
        drop(database);
        // What only reads does not wait for a writer.
        assert_eq!(bench.count("notes").await, 1);
        assert!(bench.manager.close().await.is_empty());
        assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
    });
}
