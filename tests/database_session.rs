//! What one statement does to its session is found by no other, and ends when nobody waits for it any more.

#![expect(clippy::unwrap_used, reason = "a test whose step fails where it must not has failed")]

#[path = "support/databases.rs"]
mod databases;

use std::time::Duration;

use databases::{Bench, insert, runtime, statement};
use mediamill::resilience::FaultClass;
use mediamill::resources::database::{Expect, Insert};
use serde_json::{Value, json};
use sqlx::Connection as _;
use tokio::time::{Instant, sleep, timeout};

#[test]
fn what_a_statement_sets_in_its_session_is_found_by_no_other() {
    runtime().block_on(async {
        for bench in Bench::all("session") {
            let (set, look, wanted) = match bench.backend {
                "postgresql" => (
                    "select set_config('search_path', 'pg_catalog', false)",
                    "select current_schema() as v",
                    json!("public"),
                ),
                "mysql" => ("select @x := 1 as x", "select @x as v", json!(null)),
                _ => ("pragma case_sensitive_like = on", "select 'a' like 'A' as v", json!(1)),
            };
            if bench.backend == "memory" {
                // There it is one session by design.
                continue;
            }
            // The handle that was used last is the next that is given out.
            assert_eq!(bench.rows(look).await, [json!({ "v": wanted })], "{}", bench.backend);
            bench.rows(set).await;
            assert_eq!(bench.rows(look).await, [json!({ "v": wanted })], "{}", bench.backend);
        }
        let Some(bench) = Bench::postgresql("session_tables") else { return };
        bench.run("create table t (a text)").await;
        bench.run("create temporary table t (a text)").await;
        bench.run("insert into t values ('x')").await;
        assert_eq!(bench.count("public.t").await, 1);
        // A lock that is the session's ends with it.
        bench.rows("select pg_advisory_lock(7)").await;
        let holders = "select 1 as held from pg_locks where locktype = 'advisory'";
        let deadline = Instant::now() + Duration::from_secs(10);
        while !bench.rows(holders).await.is_empty() {
            assert!(Instant::now() < deadline, "the lock is held for ever");
            sleep(Duration::from_millis(10)).await;
        }
    });
}

#[test]
fn a_statement_that_nobody_waits_for_ends_on_the_server() {
    runtime().block_on(async {
        for bench in [Bench::postgresql("given_up"), Bench::mysql("given_up")].into_iter().flatten() {
            let (sleeps, look) = match bench.backend {
                "postgresql" => (
                    "select pg_sleep(600)",
                    "select 1 as v from pg_stat_activity where query like '%sleep(600)%' and pid <> pg_backend_pid() \
                     and state = 'active'",
                ),
                _ => (
                    "select sleep(600)",
                    "select 1 as v from information_schema.processlist where info like '%sleep(600)%' and id <> \
                     connection_id()",
                ),
            };
            let lease = bench.lease_as("sleeper").await;
            let asked = statement(sleeps, json!({}));
            let begun = async {
                while bench.rows(look).await.is_empty() {
                    sleep(Duration::from_millis(5)).await;
                }
            };
            tokio::select! {
                answer = lease.query(&asked, 1, Expect::Any) => panic!("{answer:?}"),
                begun = timeout(Duration::from_secs(10), begun) => begun.unwrap_or_else(|_| panic!("{}", bench.backend)),
            }
            drop(lease);
            let deadline = Instant::now() + Duration::from_secs(10);
            while !bench.rows(look).await.is_empty() {
                assert!(Instant::now() < deadline, "{}: it goes on", bench.backend);
                sleep(Duration::from_millis(10)).await;
            }
        }
    });
}

#[test]
fn rows_with_the_same_keys_in_any_order_stand_in_nobodys_way() {
    let Some(bench) = Bench::postgresql("same_keys") else { return };
    runtime().block_on(async {
        bench.run("create table words (word text primary key, n integer)").await;
        let put = async |owner: &str, backwards: bool| {
            let database = bench.lease_as(owner).await;
            for n in 0..60 {
                let mut rows: Vec<Value> = (0..40).map(|word| json!({ "word": format!("w{word}"), "n": n })).collect();
                if backwards {
                    rows.reverse();
                }
                let insert = Insert { key: vec!["word".into()], ..insert("words", json!(rows), "words") };
                assert_eq!(database.insert(&insert).await.unwrap().rows, 40);
            }
        };
        tokio::join!(put("a", false), put("b", true), put("c", false), put("d", true));
        assert_eq!(bench.count("words").await, 40);
        let deadlocks = "select deadlocks::int as n from pg_stat_database where datname = current_database()";
        assert_eq!(bench.rows(deadlocks).await, [json!({ "n": 0 })]);
    });
}

#[test]
fn how_many_rows_were_changed_is_told_as_it_is() {
    runtime().block_on(async {
        for bench in Bench::all("changed") {
            bench.run("create table t (n integer)").await;
            bench.run("insert into t values (1), (2), (3)").await;
            let database = bench.lease().await;
            let changed = async |sql: &str| {
                let answer =
                    database.write(&statement(sql, json!({})), 2, Expect::Any, &format!("changed {sql}")).await;
                answer.unwrap_or_else(|fault| panic!("{}: {sql}: {fault:?}", bench.backend)).changed
            };
            assert_eq!(changed("select n from t").await, 0, "{}", bench.backend);
            assert_eq!(changed("insert into t values (4), (5), (6) returning n").await, 3, "{}", bench.backend);
            assert_eq!(changed("update t set n = n + 10 where n > 3").await, 3, "{}", bench.backend);
        }
        let Some(bench) = Bench::mysql("procedures") else { return };
        let mut connection = sqlx::MySqlConnection::connect(bench.settings["url"].as_str().unwrap()).await.unwrap();
        let two = "create procedure two(x int) begin select x as a; select x * 10 as b, x + 1 as c; end";
        sqlx::raw_sql(two).execute(&mut connection).await.unwrap();
        bench.run("create procedure one(x int) select x as a").await;
        let call = async |sql: &str| bench.lease().await.query(&statement(sql, json!({})), 9, Expect::Any).await;
        assert_eq!(call("call one(3)").await.unwrap().rows, [databases::map(json!({ "a": 3 }))]);
        let fault = call("call two(3)").await.unwrap_err();
        assert_eq!((fault.class, fault.cause.as_str()), (FaultClass::Input, "statement"));
        assert!(fault.message.contains("more than one table"), "{fault:?}");
    });
}

#[test]
fn a_file_of_another_program_is_left_in_its_own_journal_mode() {
    let bench = Bench::sqlite();
    let file = bench.settings["path"].as_str().unwrap().to_owned();
    runtime().block_on(async {
        let mode = "select * from pragma_journal_mode";
        // One that is made here has a log of its own; so far there is none.
        assert_eq!(bench.rows(mode).await, [json!({ "journal_mode": "wal" })]);
        let other = format!("{file}.other");
        let by_another = sqlx::sqlite::SqliteConnectOptions::new().filename(&other).create_if_missing(true);
        let mut connection = sqlx::SqliteConnection::connect_with(&by_another).await.unwrap();
        sqlx::raw_sql("create table t (n integer)").execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
        let made = std::fs::read(&other).unwrap();
        bench.register("other", json!({ "backend": "sqlite", "path": other }));
        assert!(bench.manager.check("other").await.health == mediamill::resources::Health::Healthy);
        assert_eq!(std::fs::read(&other).unwrap(), made, "to look at it has changed it");
    });
}

#[test]
fn what_a_connection_is_refused_for_is_no_items_fault() {
    let Some(bench) = Bench::postgresql("connecting") else { return };
    runtime().block_on(async {
        let url = bench.settings["url"].as_str().unwrap();
        let options = if url.contains('?') { "&" } else { "?" };
        bench.register(
            "odd",
            json!({ "backend": "postgresql", "url": format!("{url}{options}options=-c%20no_such=1") }),
        );
        let owner = mediamill::resources::Owner::new("test");
        let error = bench.manager.acquire::<mediamill::resources::database::Database>("odd", &owner).await;
        assert_eq!(error.unwrap_err().fault.class, FaultClass::Dependency);
    });
}
