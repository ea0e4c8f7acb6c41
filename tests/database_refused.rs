//! What is refused or has failed leaves nothing behind, and is not taken for done.

#![expect(clippy::unwrap_used, reason = "a test whose step fails where it must not has failed")]

#[path = "support/databases.rs"]
mod databases;

use databases::{Bench, insert, runtime, statement};
use mediamill::resilience::FaultClass;
use mediamill::resources::database::{Expect, Insert, Rows, Source};
use serde_json::{Value, json};
use tokio::sync::mpsc;

#[test]
fn a_key_of_mariadb_by_which_another_row_could_be_updated_is_refused() {
    let Some(bench) = Bench::mysql("unique_keys") else { return };
    runtime().block_on(async {
        bench
            .run("create table songs (id integer auto_increment primary key, path varchar(99) unique, n integer)")
            .await;
        bench.run("create table words (word text, n integer, unique (word(3)))").await;
        let database = bench.lease().await;
        let put = async |table: &str, key: &str, row: Value| {
            database.insert(&Insert { key: vec![key.into()], ..insert(table, row, "keys") }).await
        };
        put("songs", "path", json!({ "path": "a", "n": 1 })).await.unwrap();
        put("songs", "path", json!({ "path": "a", "n": 2 })).await.unwrap();
        put("songs", "ID", json!({ "ID": 1, "n": 3 })).await.unwrap();
        // By its path, which is that of the first row, the first row would be updated.
        for (table, key, row) in [
            ("songs", "id", json!({ "id": 7, "path": "a", "n": 4 })),
            ("songs", "n", json!({ "n": 4 })),
            ("words", "word", json!({ "word": "banana", "n": 4 })),
        ] {
            let fault = put(table, key, row).await.unwrap_err();
            assert_eq!((fault.class, fault.cause.as_str()), (FaultClass::Input, "key"), "{table} {key}: {fault:?}");
            assert!(fault.hint.is_some(), "{fault:?}");
        }
        assert_eq!(bench.rows("select id, path, n from songs").await, [json!({ "id": 1, "path": "a", "n": 3 })]);
    });
}

#[test]
fn what_is_written_is_what_is_named_and_what_would_be_cut_is_refused() {
    runtime().block_on(async {
        for bench in Bench::all("names") {
            let backend = bench.backend;
            let database = bench.lease().await;
            // 63 bytes are as much as all of them take.
            let (long, longer) = ("l".repeat(63), "l".repeat(65));
            let create = |table: &str, row: Value| Insert { create: true, ..insert(table, row, "names") };
            let row = |name: &str| json!({ name: 1 });
            assert_eq!(database.insert(&create(&long, row(&long))).await.unwrap().rows, 1, "{backend}");
            assert_eq!(bench.rows(&format!("select * from {long}")).await, [row(&long)], "{backend}");
            if !matches!(backend, "sqlite" | "memory") {
                for wrong in [create(&longer, row("n")), create("short", row(&longer))] {
                    let fault = database.insert(&wrong).await.unwrap_err();
                    assert_eq!(fault.class, FaultClass::Input, "{backend}: {fault:?}");
                }
                let (to, _taken) = mpsc::channel::<Rows>(9);
                let fault = database.stream(&Source::Table(longer), to).await.unwrap_err();
                assert_eq!(fault.class, FaultClass::Input, "{backend}: {fault:?}");
                let fault = database.insert(&insert("short", row("n"), "names")).await.unwrap_err();
                assert_eq!(fault.cause, "table-missing", "{backend}: nothing was made");
            }
            // What begins or ends a transaction would take the statement out of its own; a NUL would end it for the server.
            for sql in ["commit", " -- so\n ROLLBACK", "begin", "savepoint a", "select 'a\0b', :a"] {
                let params = if sql.contains(":a") { json!({ "a": 1 }) } else { json!({}) };
                let read = database.query(&statement(sql, params.clone()), 1, Expect::Any).await.unwrap_err();
                let write = database.write(&statement(sql, params), 1, Expect::Any, "once").await.unwrap_err();
                for fault in [read, write] {
                    let told = (fault.class, fault.cause.as_str());
                    assert_eq!(told, (FaultClass::Input, "statement"), "{backend}: {sql}: {fault:?}");
                }
            }
        }
        let bench = Bench::memory();
        bench.run("create table cases (\"Ä\" integer, \"ä\" integer)").await;
        bench.lease().await.insert(&insert("cases", json!({ "ä": 1 }), "cases")).await.unwrap();
        assert_eq!(bench.rows("select * from cases").await, [json!({ "Ä": null, "ä": 1 })]);
    });
}

#[test]
fn a_statement_that_failed_is_not_taken_for_done_even_where_it_ended_its_transaction() {
    runtime().block_on(async {
        for bench in Bench::all("ended") {
            let backend = bench.backend;
            bench.run("create table taken (n integer)").await;
            let make = statement("create table taken (n integer, m integer)", json!({}));
            let database = bench.lease().await;
            for _ in 0..2 {
                let fault = database.write(&make, 1, Expect::Any, "make").await.unwrap_err();
                assert_eq!(fault.class, FaultClass::Input, "{backend}: {fault:?}");
            }
            bench.run("drop table taken").await;
            assert!(!database.write(&make, 1, Expect::Any, "make").await.unwrap().repeated, "{backend}");
            assert!(bench.rows("select m from taken").await.is_empty(), "{backend}");
            assert!(database.write(&make, 1, Expect::Any, "make").await.unwrap().repeated, "{backend}");
        }
    });
}
