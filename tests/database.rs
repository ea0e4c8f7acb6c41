//! Databases as resources: SQLite, one in memory, and real servers of PostgreSQL and MariaDB that the tests start.

#![expect(clippy::unwrap_used, reason = "a test whose step fails where it must not has failed")]

#[path = "support/databases.rs"]
mod databases;

use std::time::{Duration, Instant};

use databases::{Bench, daemon, insert, map, mariadb, postgres, runtime, statement};
use mediamill::resilience::{Fault, FaultClass};
use mediamill::resources::database::{Database, Expect, Insert, Rows, Source};
use mediamill::resources::{Health, Owner};
use serde_json::{Value, json};
use tokio::sync::mpsc;

#[test]
fn what_is_inserted_comes_back_and_a_second_attempt_inserts_nothing() {
    runtime().block_on(async {
        for bench in Bench::all("round") {
            let backend = bench.backend;
            bench.run("create table notes (title varchar(200), seconds double precision, plays integer, done boolean, extra text)").await;
            let row = json!({ "title": "Über 'quotes' \"and\" ; -- 🦀", "seconds": 2.5, "plays": "3.0", "done": true, "extra": { "a": [1, null] } });
            let first = insert("notes", row, "run/a/save");
            let database = bench.lease().await;
            let done = database.insert(&first).await.unwrap();
            assert_eq!((done.rows, done.skipped), (1, 0), "{backend}");
            let again = database.insert(&first).await.unwrap();
            assert_eq!((again.rows, again.skipped), (0, 1), "{backend}");
            // Another result of the same task, and the same row of another task, are rows of their own.
            let changed = insert("notes", json!({ "title": "another", "plays": null }), "run/a/save");
            assert_eq!(database.insert(&changed).await.unwrap().rows, 1, "{backend}");
            assert_eq!(database.insert(&Insert { once: "run/b/save".into(), ..first }).await.unwrap().rows, 1);
            let twice = insert("notes", json!([{ "title": "same" }, { "title": "same" }]), "run/c/save");
            assert_eq!(database.insert(&twice).await.unwrap().rows, 2, "{backend}: two equal rows are two");
            assert_eq!(database.insert(&twice).await.unwrap().skipped, 2, "{backend}");
            let rows = bench.rows("select * from notes where seconds is not null").await;
            assert_eq!(rows.len(), 2);
            let read = &rows[0];
            assert_eq!(read["title"], "Über 'quotes' \"and\" ; -- 🦀", "{backend}");
            assert_eq!((&read["seconds"], &read["plays"], &read["done"]), (&json!(2.5), &json!(3), &json!(true)), "{backend}");
            assert_eq!(read["extra"], "{\"a\":[1,null]}", "{backend}");
        }
    });
}

#[test]
fn a_row_that_is_known_by_its_key_is_updated() {
    runtime().block_on(async {
        for bench in Bench::all("upsert") {
            let database = bench.lease().await;
            let rows = json!([{ "id": "a", "part": 1, "n": 1 }, { "id": "b", "part": 1, "n": 2 }, { "id": "a", "part": 1, "n": 3 }]);
            let key = vec!["id".to_owned(), "part".to_owned()];
            let first = Insert { key, create: true, ..insert("songs", rows, "x") };
            assert_eq!(database.insert(&first).await.unwrap().rows, 2, "{}", bench.backend);
            let again = Insert { rows: vec![map(json!({ "id": "b", "part": 1, "n": 9 }))], ..first.clone() };
            database.insert(&again).await.unwrap();
            let rows = bench.rows("select id, n from songs order by id").await;
            assert_eq!(rows, [json!({ "id": "a", "n": 3 }), json!({ "id": "b", "n": 9 })], "{}", bench.backend);
            // Nothing but the key: the row stays as it is.
            let only = Insert { rows: vec![map(json!({ "id": "b", "part": 1 }))], ..first.clone() };
            database.insert(&only).await.unwrap();
            assert_eq!(bench.count("songs").await, 2);
            let fault = database.insert(&Insert { key: vec!["n".into()], rows: first.rows.clone(), ..first }).await.unwrap_err();
            assert_eq!((fault.class, fault.cause.as_str()), (FaultClass::Input, "key"), "{}: {fault:?}", bench.backend);
            assert!(fault.hint.unwrap().contains("unique index"));
        }
    });
}

#[test]
fn what_does_not_fit_is_the_rows_fault_and_stores_nothing() {
    runtime().block_on(async {
        for bench in Bench::all("misfit") {
            let backend = bench.backend;
            bench
                .run("create table strict_one (id integer not null unique, word varchar(5) check (word <> 'bad'))")
                .await;
            let database = bench.lease().await;
            let wrong = async |row: Value| database.insert(&insert("strict_one", row, "w")).await.unwrap_err();
            let fault = wrong(json!({ "id": 3.5 })).await;
            assert_eq!((fault.class, fault.cause.as_str()), (FaultClass::Input, "value"), "{backend}: {fault:?}");
            assert!(fault.message.contains("'id'") && fault.message.contains("3.5 is no whole number"), "{fault}");
            let fault = wrong(json!({ "id": 1, "wrod": "x" })).await;
            assert_eq!(fault.cause, "column-missing");
            assert_eq!(fault.hint.as_deref(), Some("its columns are: id, word"), "{backend}");
            for (row, cause) in
                [(json!({ "id": null }), "constraint"), (json!({ "id": 1, "word": "bad" }), "constraint")]
            {
                let fault = wrong(row).await;
                assert_eq!((fault.class, fault.cause.as_str()), (FaultClass::Input, cause), "{backend}: {fault:?}");
            }
            if !matches!(backend, "sqlite" | "memory") {
                let fault = wrong(json!({ "id": 1, "word": "much too long" })).await;
                assert_eq!((fault.class, fault.cause.as_str()), (FaultClass::Input, "value"), "{backend}: {fault:?}");
                let fault = wrong(json!({ "id": 99_999_999_999_i64 })).await;
                assert_eq!(fault.cause, "value", "{backend}: {fault:?}");
            }
            let fault = database.insert(&insert("no_such", json!({ "a": 1 }), "w")).await.unwrap_err();
            assert_eq!((fault.class, fault.cause.as_str()), (FaultClass::Input, "table-missing"), "{backend}");
            assert_eq!(bench.count("strict_one").await, 0, "{backend}");
            // The attempts that failed are not counted as stored, and the connection is as good as before.
            assert_eq!(database.insert(&insert("strict_one", json!({ "id": 1 }), "w")).await.unwrap().rows, 1);
            let both = insert("strict_one", json!([{ "id": 7 }, { "id": 1 }]), "other");
            let fault = database.insert(&both).await.unwrap_err();
            assert_eq!(fault.cause, "constraint", "{backend}: {fault:?}");
            assert_eq!(bench.count("strict_one").await, 1, "{backend}: all rows or none");
        }
    });
}

#[test]
fn names_and_values_never_become_sql() {
    runtime().block_on(async {
        for bench in Bench::all("injection") {
            let backend = bench.backend;
            let database = bench.lease().await;
            let evil = "x\"; drop table evil; -- `'\\";
            let create = Insert { create: true, ..insert("evil", json!({ evil: evil, "n": 1 }), "e") };
            assert_eq!(database.insert(&create).await.unwrap().rows, 1, "{backend}");
            let table = "\"a.b\"\"; drop table evil; --\"";
            let named = Insert { create: true, ..insert(table, json!({ "a": "'); delete from evil; --" }), "e") };
            assert_eq!(database.insert(&named).await.unwrap().rows, 1, "{backend}");
            let find = statement(
                "select n from evil where n = :n and :text = :text",
                json!({ "n": 1, "text": "1' or '1'='1" }),
            );
            assert_eq!(database.query(&find, 10, Expect::One).await.unwrap().rows.len(), 1, "{backend}");
            assert_eq!(bench.count("evil").await, 1, "{backend}");
            let fault =
                database.query(&statement("select 1; drop table evil", json!({})), 1, Expect::Any).await.unwrap_err();
            assert!(fault.message.contains("one statement at a time"), "{backend}: {fault}");
            for sql in
                ["drop table evil", "delete from evil", "update evil set n = 2", "create table more_evil (a int)"]
            {
                let done = database.query(&statement(sql, json!({})), 1, Expect::Any).await;
                let Err(fault) = done else { panic!("{backend}: {sql} is not refused") };
                assert_eq!(
                    (fault.class, fault.cause.as_str()),
                    (FaultClass::Input, "read-only"),
                    "{backend}: {sql}: {fault:?}"
                );
                assert!(fault.hint.unwrap().contains("write = true"));
            }
            assert_eq!(bench.rows("select n from evil").await, [json!({ "n": 1 })], "{backend}");
        }
    });
}

#[test]
fn a_statement_that_changes_something_runs_once_and_answers_the_same_again() {
    runtime().block_on(async {
        for bench in Bench::all("written") {
            let backend = bench.backend;
            bench.run("create table counters (name varchar(20) primary key, n integer)").await;
            bench.run("insert into counters values ('a', 1), ('b', 1)").await;
            let database = bench.lease().await;
            let more = statement("update counters set n = n + :by where name = :name", json!({ "by": 2, "name": "a" }));
            let first = database.write(&more, 10, Expect::Any, "w").await.unwrap();
            assert_eq!((first.changed, first.repeated), (1, false), "{backend}");
            let again = database.write(&more, 10, Expect::Any, "w").await.unwrap();
            assert_eq!((again.changed, again.repeated), (1, true), "{backend}");
            assert_eq!(bench.rows("select n from counters where name = 'a'").await, [json!({ "n": 3 })], "{backend}");
            // What is not expected is undone, and may be tried again.
            let delete = statement("delete from counters where name = :name returning n", json!({ "name": "a" }));
            let fault = database.write(&delete, 10, Expect::None, "d").await.unwrap_err();
            assert_eq!((fault.class, fault.cause.as_str()), (FaultClass::Input, "rows"), "{backend}");
            assert_eq!(bench.count("counters").await, 2, "{backend}");
            for _ in 0..2 {
                let done = database.write(&delete, 10, Expect::One, "d").await.unwrap();
                assert_eq!(Value::from(done.rows[0].clone()), json!({ "n": 3 }), "{backend}");
            }
            assert_eq!(bench.count("counters").await, 1, "{backend}");
        }
    });
}

#[test]
fn a_query_answers_as_many_rows_as_are_asked_for_and_expected() {
    runtime().block_on(async {
        for bench in Bench::all("limits") {
            let backend = bench.backend;
            let rows: Vec<Value> = (0..2500).map(|n| json!({ "n": n, "word": format!("word {n}") })).collect();
            let database = bench.lease().await;
            let many = Insert { create: true, ..insert("many", rows.into(), "m") };
            assert_eq!(database.insert(&many).await.unwrap().rows, 2500, "{backend}");
            assert_eq!(database.insert(&many).await.unwrap().skipped, 2500, "{backend}");
            drop(database);
            let sql = |sql: &str| statement(sql, json!({}));
            let answer =
                bench.lease().await.query(&sql("select * from many order by n"), 10, Expect::Any).await.unwrap();
            assert_eq!((answer.rows.len(), answer.more), (10, true), "{backend}");
            // The connection whose rows were left is not used again, the next lease is as good as any.
            let database = bench.lease().await;
            let answer = database.query(&sql("select n from many where n < 10"), 10, Expect::Rows).await.unwrap();
            assert_eq!((answer.rows.len(), answer.more), (10, false), "{backend}");
            let fault = database.query(&sql("select n from many where n < 0"), 10, Expect::One).await.unwrap_err();
            assert_eq!((fault.class, fault.cause.as_str()), (FaultClass::Input, "no-row"), "{backend}");
            let fault = database.query(&sql("select n as a, n as a from many"), 10, Expect::Any).await.unwrap_err();
            assert!(fault.hint.unwrap().contains("AS"), "{backend}");
            let fault = database.query(&sql("select :a"), 10, Expect::Any).await.unwrap_err();
            assert_eq!(fault.message, "`params` has no value for ':a'");
            let fault = database.query(&statement("select 1", json!({ "b": 1 })), 10, Expect::Any).await.unwrap_err();
            assert_eq!(fault.message, "the statement has no parameter ':b'");
            let fault = database.query(&sql("select nope from many"), 10, Expect::Any).await.unwrap_err();
            assert_eq!(
                (fault.class, fault.cause.as_str()),
                (FaultClass::Input, "column-missing"),
                "{backend}: {fault:?}"
            );
            let fault = database.query(&sql("selec 1"), 10, Expect::Any).await.unwrap_err();
            assert_eq!((fault.class, fault.cause.as_str()), (FaultClass::Input, "statement"), "{backend}: {fault:?}");
        }
    });
}

#[test]
fn all_rows_are_streamed_as_they_are_taken() {
    runtime().block_on(async {
        for bench in Bench::all("stream") {
            let backend = bench.backend;
            let rows: Vec<Value> = (0..1000).map(|n| json!({ "n": n })).collect();
            let database = bench.lease().await;
            database.insert(&Insert { create: true, ..insert("many", rows.into(), "m") }).await.unwrap();
            let (to, mut taken) = mpsc::channel::<Rows>(1);
            let source = Source::Statement(statement(
                "select n from many where n >= :least order by n",
                json!({ "least": 500 }),
            ));
            let streaming = database.stream(&source, to);
            let taking = async {
                let mut sum = 0;
                while let Some(lot) = taken.recv().await {
                    assert_eq!(*lot.columns, ["n".to_owned()]);
                    assert!(lot.rows.len() <= 128);
                    sum += lot.rows.iter().map(|row| row[0].as_i64().unwrap()).sum::<i64>();
                }
                sum
            };
            let (count, sum) = tokio::join!(streaming, taking);
            assert_eq!((count.unwrap(), sum), (500, (500..1000).sum()), "{backend}");
            // Columns are told where there is no row, a table is as good as a statement.
            let (to, mut taken) = mpsc::channel::<Rows>(100);
            assert_eq!(database.stream(&Source::Table("many".into()), to).await.unwrap(), 1000);
            assert_eq!(*taken.recv().await.unwrap().columns, ["n".to_owned()], "{backend}");
            // Who stops taking stops the stream.
            let (to, taken) = mpsc::channel::<Rows>(1);
            drop(taken);
            let fault = database.stream(&Source::Table("many".into()), to).await.unwrap_err();
            assert_eq!(fault.class, FaultClass::Cancelled, "{backend}");
            drop(database);
            assert_eq!(bench.count("many").await, 1000, "{backend}");
        }
    });
}

#[test]
fn a_call_that_is_dropped_does_not_poison_the_next_lease() {
    runtime().block_on(async {
        for bench in Bench::all("dropped") {
            let backend = bench.backend;
            bench.run("create table slow (n integer)").await;
            let slow = match backend {
                "postgresql" => "insert into slow select 1 from pg_sleep(30)",
                "mysql" => "insert into slow select sleep(30)",
                _ => "insert into slow with recursive c(n) as (select 1 union all select n + 1 from c where n < 300000000) select max(n) from c",
            };
            let database = bench.lease().await;
            let doing = statement(slow, json!({}));
            // Time enough to be in the middle of it, which nothing here can see.
            let dropped = tokio::time::timeout(Duration::from_millis(150), database.write(&doing, 1, Expect::Any, "s")).await;
            assert!(dropped.is_err(), "{backend}");
            drop(database);
            let began = Instant::now();
            let database = bench.lease().await;
            let row = insert("slow", json!({ "n": 7 }), "after");
            assert_eq!(database.insert(&row).await.unwrap().rows, 1, "{backend}");
            assert!(began.elapsed() < Duration::from_secs(8), "{backend}");
            assert_eq!(bench.rows("select n from slow").await, [json!({ "n": 7 })], "{backend}");
        }
    });
}

#[test]
fn writers_at_the_same_time_store_each_row_once() {
    runtime().block_on(async {
        for bench in Bench::all("writers") {
            bench.run("create table notes (writer integer, n integer)").await;
            let bench = std::sync::Arc::new(bench);
            let mut writers = tokio::task::JoinSet::new();
            for writer in 0..8 {
                let bench = std::sync::Arc::clone(&bench);
                writers.spawn(async move {
                    for n in 0..200_u32 {
                        let database = bench.lease_as(&format!("writer-{writer}")).await;
                        let row = insert("notes", json!({ "writer": writer, "n": n }), &format!("{writer}/{n}"));
                        // Each tenth is tried by two at once.
                        if n % 10 == 0 {
                            let other = bench.lease_as(&format!("other-{}", writer % 2)).await;
                            let (one, two) = tokio::join!(database.insert(&row), other.insert(&row));
                            assert_eq!(one.unwrap().rows + two.unwrap().rows, 1);
                        } else {
                            assert_eq!(database.insert(&row).await.unwrap().rows, 1);
                        }
                    }
                });
            }
            while let Some(done) = writers.join_next().await {
                done.unwrap();
            }
            assert_eq!(bench.count("notes").await, 1600, "{}", bench.backend);
            assert_eq!(bench.count("(select distinct writer, n from notes) d").await, 1600, "{}", bench.backend);
        }
    });
}

#[test]
fn what_cannot_be_reached_is_the_resources_fault_and_never_tells_the_password() {
    runtime().block_on(async {
        let mut benches: Vec<(Bench, u16, &str, &str)> = Vec::new();
        if let (Some(bench), Some(server)) = (Bench::postgresql("reach"), postgres::server()) {
            benches.push((bench, server.port, postgres::PASSWORD, "postgresql"));
        }
        if let (Some(bench), Some(server)) = (Bench::mysql("reach"), mariadb::server()) {
            benches.push((bench, server.port, mariadb::PASSWORD, "mysql"));
        }
        for (bench, port, password, scheme) in benches {
            let closed = daemon::free_port();
            let settings = |url: String| json!({ "backend": scheme, "url": url, "connect_timeout": "5s" });
            let parts = |user: &str, password: &str, host: &str, port: u16, database: &str| {
                json!({ "backend": scheme, "host": host, "port": port, "user": user, "password": password, "database": database })
            };
            let table = [
                ("wrong", settings(format!("{scheme}://mill:S3cret-wrong@127.0.0.1:{port}/reach")), "credentials"),
                ("nobody", parts("nobody", "S3cret-wrong", "127.0.0.1", port, "reach"), "credentials"),
                ("closed", parts("mill", password, "127.0.0.1", closed, "reach"), "connect"),
                ("lost", parts("mill", password, "no-such-host.invalid", port, "reach"), "unknown-host"),
                ("missing", parts("mill", password, "127.0.0.1", port, "no_such_database"), "database-missing"),
            ];
            for (name, settings, cause) in table {
                bench.register(name, settings);
                let fault: Fault = bench.manager.acquire::<Database>(name, &Owner::new("x")).await.unwrap_err().into();
                assert_eq!((fault.class, fault.cause.as_str()), (FaultClass::Dependency, cause), "{scheme} {name}: {fault:?}");
                assert!(fault.hint.is_some(), "{name}: {fault:?}");
                let report = bench.manager.check(name).await;
                assert_eq!(report.health, Health::Unhealthy);
                assert!(report.hint.is_some());
                let told = format!("{fault:?} {report:?} {:?}", bench.manager.status(name));
                assert!(!told.contains("S3cret") && !told.contains(password), "{told}");
            }
            assert!(bench.secrets.all().iter().any(|secret| secret == password));
            let report = bench.manager.check("notes").await;
            assert_eq!(report.health, Health::Healthy, "{report:?}");
            assert!(report.version.unwrap().contains('.') && report.details.contains("ms"));
            // What a server repeats of a value that does not fit is told without the secret in it.
            bench.run("create table secrets (n double precision)").await;
            let sql = if scheme == "mysql" { format!("select * from `{password}`") } else { format!("select '{password}'::int") };
            let fault = bench.lease().await.query(&statement(&sql, json!({})), 1, Expect::Any).await.unwrap_err();
            assert!(fault.message.contains("[redacted]") && !fault.message.contains(password), "{fault:?}");
        }
    });
}

#[test]
fn a_file_of_sqlite_is_made_when_it_is_used_and_not_when_it_is_looked_at() {
    runtime().block_on(async {
        let bench = Bench::sqlite();
        let file = bench.settings["path"].as_str().unwrap().to_owned();
        assert_eq!(bench.manager.check("notes").await.health, Health::Healthy);
        assert!(!std::path::Path::new(&file).exists());
        bench.lease().await.ping().await.unwrap();
        assert!(std::path::Path::new(&file).exists());
        assert!(bench.manager.check("notes").await.version.is_some());
        assert_eq!(bench.rows("pragma journal_mode").await, [json!({ "journal_mode": "wal" })]);
        assert_eq!(bench.rows("pragma foreign_keys").await, [json!({ "foreign_keys": 1 })]);
        bench.register("nowhere", json!({ "backend": "sqlite", "path": format!("{file}.d/x.db") }));
        let fault: Fault = bench.manager.acquire::<Database>("nowhere", &Owner::new("x")).await.unwrap_err().into();
        assert_eq!((fault.class, fault.cause.as_str()), (FaultClass::Dependency, "open"), "{fault:?}");
        assert_eq!(bench.manager.check("nowhere").await.health, Health::Unhealthy);
        std::fs::write(format!("{file}.txt"), "this is a text and no database, long enough to be seen as one").unwrap();
        bench.register("damaged", json!({ "backend": "sqlite", "path": format!("{file}.txt") }));
        let fault: Fault = bench.manager.acquire::<Database>("damaged", &Owner::new("x")).await.unwrap_err().into();
        assert_eq!((fault.class, fault.cause.as_str()), (FaultClass::Dependency, "damaged"), "{fault:?}");
    });
}

#[test]
fn a_database_in_memory_is_one_for_all_and_gone_with_the_run() {
    runtime().block_on(async {
        let bench = Bench::memory();
        let (one, two) = (bench.lease_as("one").await, bench.lease_as("two").await);
        one.insert(&Insert { create: true, ..insert("t", json!({ "n": 1 }), "o") }).await.unwrap();
        let seen = two.query(&statement("select n from t", json!({})), 1, Expect::One).await.unwrap();
        assert_eq!(seen.rows[0]["n"], 1);
        drop((one, two));
        assert_eq!(bench.count("t").await, 1);
        assert!(bench.manager.close().await.is_empty());
        let fresh = Bench::memory();
        assert!(fresh.rows("select name from sqlite_master").await.is_empty());
    });
}
