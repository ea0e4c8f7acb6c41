//! Every type of a real PostgreSQL and MariaDB, there and back.

#![expect(clippy::unwrap_used, reason = "a test whose step fails where it must not has failed")]

#[path = "support/daemon.rs"]
mod daemon;
#[path = "support/mariadb.rs"]
mod mariadb;
#[path = "support/postgres.rs"]
mod postgres;

use mediamill::resilience::FaultClass;
use mediamill::resources::database::{Database, Expect, Insert, Rows, Source, Statement};
use mediamill::resources::secret::Secrets;
use mediamill::resources::settings::{ResourceKind, ResourceSpec, register};
use mediamill::resources::{Lease, Manager, Owner, PoolSettings};
use serde_json::{Map, Value, json};

#[expect(clippy::print_stderr, reason = "a skipped test must be seen")]
fn skip(why: &str) {
    eprintln!("skipped: {why}");
    assert!(std::env::var_os("CI").is_none(), "skipped under CI: {why}");
}

async fn lease(settings: Value) -> (Manager, Lease<Database>) {
    let (manager, secrets) = (Manager::new(), Secrets::default());
    let pool = PoolSettings { min_size: 0, ..PoolSettings::default() };
    let spec = ResourceSpec { name: "types".into(), kind: ResourceKind::Database, pool, settings };
    register(&manager, &spec, &|_| None, &secrets).unwrap();
    let lease = manager.acquire("types", &Owner::new("test")).await.unwrap();
    (manager, lease)
}

fn map(value: Value) -> Map<String, Value> {
    serde_json::from_value(value).unwrap()
}

fn statement(sql: &str, params: Value) -> Statement {
    Statement { sql: sql.into(), params: map(params) }
}

fn row(table: &str, row: Value) -> Insert {
    Insert {
        table: table.into(),
        once: row.to_string()[..20.min(row.to_string().len())].into(),
        rows: vec![map(row)],
        key: Vec::new(),
        create: false,
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

/// Each type with a value that goes in, and what comes back.
async fn there_and_back(database: &Database, types: &[(&str, Value, Value)]) {
    for (at, (sql_type, value, back)) in types.iter().enumerate() {
        let table = format!("type_{at}");
        let make = statement(&format!("create table {table} (id integer, value {sql_type})"), json!({}));
        database.write(&make, 1, Expect::Any, &table).await.unwrap_or_else(|fault| panic!("{sql_type}: {fault:?}"));
        for (id, value) in [(1, value), (2, &Value::Null)] {
            let insert = Insert { once: format!("{table}-{id}"), ..row(&table, json!({ "id": id, "value": value })) };
            database.insert(&insert).await.unwrap_or_else(|fault| panic!("{sql_type} from {value}: {fault:?}"));
        }
        let read = statement(&format!("select value from {table} order by id"), json!({}));
        let answer =
            database.query(&read, 2, Expect::Rows).await.unwrap_or_else(|fault| panic!("{sql_type}: {fault:?}"));
        assert_eq!(&answer.rows[0]["value"], back, "{sql_type}");
        assert_eq!(answer.rows[1]["value"], Value::Null, "{sql_type}");
        // What came back goes in again, and is the same.
        let insert = Insert { once: format!("{table}-again"), ..row(&table, json!({ "id": 3, "value": back })) };
        database.insert(&insert).await.unwrap_or_else(|fault| panic!("{sql_type} from {back}: {fault:?}"));
        let read = statement(&format!("select value from {table} where id = :id"), json!({ "id": 3 }));
        let again = database.query(&read, 2, Expect::One).await.unwrap();
        assert_eq!(&again.rows[0]["value"], back, "{sql_type}, the second time");
    }
}

#[test]
fn every_type_of_postgresql_goes_in_and_comes_back() {
    let Some(server) = postgres::server() else { return skip("PostgreSQL is not installed") };
    runtime().block_on(async {
        let url = server.database("types");
        server.admin_in("types", "CREATE TYPE mood AS ENUM ('sad', 'happy'); CREATE DOMAIN positive AS integer CHECK (value > 0);
            GRANT USAGE ON TYPE mood TO mill");
        let (_manager, database) = lease(json!({ "backend": "postgresql", "url": url })).await;
        there_and_back(&database, &[
            ("smallint", json!("-32768"), json!(-32768)),
            ("integer", json!(3.0), json!(3)),
            ("bigint", json!(i64::MAX), json!(i64::MAX)),
            ("real", json!(0.1), json!(0.1)),
            ("double precision", json!("1e300"), json!(1e300)),
            ("double precision", json!("NaN"), json!("NaN")),
            ("numeric(10,2)", json!("12.50"), json!(12.5)),
            ("numeric", json!("-0.00001234"), json!(-0.00001234)),
            ("numeric", json!("123456789012345678901234567890.123456789"), json!("123456789012345678901234567890.123456789")),
            ("numeric", json!(10000000), json!(10000000)),
            ("numeric", json!("NaN"), json!("NaN")),
            ("boolean", json!("yes"), json!(true)),
            ("text", json!("ü 🦀 '\"\\"), json!("ü 🦀 '\"\\")),
            ("text", json!(5), json!("5")),
            ("varchar(5)", json!("abcde"), json!("abcde")),
            ("char(5)", json!("abc"), json!("abc  ")),
            ("bytea", json!("AP9BQg=="), json!("AP9BQg==")),
            ("uuid", json!("A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11"), json!("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11")),
            ("json", json!({ "a": [1, null, "x"] }), json!({ "a": [1, null, "x"] })),
            ("jsonb", json!([1.5, { "b": true }]), json!([1.5, { "b": true }])),
            ("jsonb", json!("a text"), json!("a text")),
            ("date", json!("2024-02-29"), json!("2024-02-29")),
            ("date", json!("infinity"), json!("infinity")),
            ("time", json!("03:04:05.25"), json!("03:04:05.25")),
            ("timestamp", json!("2024-02-29 03:04:05.000001"), json!("2024-02-29T03:04:05.000001")),
            ("timestamp", json!("2024-02-29T03:04:05.25+02:00"), json!("2024-02-29T01:04:05.25")),
("timestamp", json!("infinity"), json!("infinity")),
("timestamp[]", json!(["2024-02-29T03:04:05+02:00", null]), json!(["2024-02-29T01:04:05", null])),
("timestamptz", json!("2024-02-29T03:04:05+02:00"), json!("2024-02-29T01:04:05Z")),
            ("timestamptz", json!("1969-12-31T23:59:59.5Z"), json!("1969-12-31T23:59:59.5Z")),
            ("integer[]", json!([1, null, 3.0]), json!([1, null, 3])),
            ("text[]", json!(["a,b", "\"q\"", "", "NULL", "\\"]), json!(["a,b", "\"q\"", "", "NULL", "\\"])),
            ("text[]", json!([["a", "b"], ["c", "d"]]), json!([["a", "b"], ["c", "d"]])),
            ("double precision[]", json!([]), json!([])),
            ("uuid[]", json!(["a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"]), json!(["a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"])),
            ("jsonb[]", json!([{ "a": 1 }, [2]]), json!([{ "a": 1 }, [2]])),
            ("bytea[]", json!(["AP8="]), json!(["AP8="])),
            ("mood", json!("happy"), json!("happy")),
            ("positive", json!(7), json!(7)),
            ("interval", json!("1 day 02:03:04"), json!("1 day 02:03:04")),
            ("inet", json!("10.0.0.1/8"), json!("10.0.0.1/8")),
            ("int4range", json!("[1,5)"), json!("[1,5)")),
            ("point", json!("(1,2)"), json!("(1,2)")),
            ("bit(3)", json!("101"), json!("101")),
            ("money", json!("$1.50"), json!("$1.50")),
        ]).await;
        // The database refuses what it cannot hold, in words.
        for (sql_type, value, cause) in [
            ("text", json!("a\0b"), "value"),
            ("uuid", json!("no uuid"), "value"),
            ("mood", json!("angry"), "value"),
            ("positive", json!(0), "constraint"),
            ("varchar(3)", json!("abcd"), "value"),
            ("timestamp", json!("yesterdays"), "value"),
            ("jsonb", json!("a\0b"), "value"),
            ("integer[]", json!("7"), "value"),
        ] {
            let table = format!("no_{}", sql_type.replace(|c: char| !c.is_alphanumeric(), "_"));
            let make = statement(&format!("create table {table} (value {sql_type})"), json!({}));
            database.write(&make, 1, Expect::Any, &table).await.unwrap();
            let fault = database.insert(&row(&table, json!({ "value": value }))).await.unwrap_err();
            assert_eq!((fault.class, fault.cause.as_str()), (FaultClass::Input, cause), "{sql_type}: {fault:?}");
        }
        // Parameters take the type of where they stand, lists are arrays.
        let find = statement(
            "select :n::int + 1 as n, :list::text[] as list, 5 = any(:ids) as found, :at::timestamptz as at, :doc::jsonb ->> 'a' as a -- the end",
            json!({ "n": "41", "list": ["x", "y z"], "ids": [4, 5], "at": "2024-01-01T00:00:00Z", "doc": { "a": "b" } }),
        );
        let answer = database.query(&find, 1, Expect::One).await.unwrap();
        let want = json!({ "n": 42, "list": ["x", "y z"], "found": true, "at": "2024-01-01T00:00:00Z", "a": "b" });
        assert_eq!(Value::from(answer.rows[0].clone()), want);
        // A table that changes under a connection that knows it.
        let make = statement("create table changing (a integer)", json!({}));
        database.write(&make, 1, Expect::Any, "changing").await.unwrap();
        database.insert(&row("changing", json!({ "a": 1 }))).await.unwrap();
        server.admin_in("types", "ALTER TABLE changing ALTER a TYPE text; ALTER TABLE changing ADD b integer");
        database.insert(&row("changing", json!({ "a": "now a text", "b": 2 }))).await.unwrap();
    });
}

#[test]
fn what_a_change_returns_of_postgresql_is_what_a_query_reads_or_is_refused() {
    let Some(server) = postgres::server() else { return skip("PostgreSQL is not installed") };
    runtime().block_on(async {
        let url = server.database("returned");
        server.admin_in(
            "returned",
            "CREATE TYPE mood AS ENUM ('sad', 'happy'); CREATE DOMAIN positive AS integer;
            CREATE DOMAIN host AS inet; CREATE DOMAIN words AS text[]; CREATE TYPE pair AS (a integer, b text);
            CREATE TABLE sink (n integer); GRANT ALL ON sink TO mill",
        );
        let (_manager, database) = lease(json!({ "backend": "postgresql", "url": url })).await;
        let readable = [
            "true",
            "7::smallint",
            "7",
            "7::bigint",
            "'7'::oid",
            "0.1::real",
            "1e300::float8",
            "'NaN'::float8",
            "12.50::numeric",
            "'NaN'::numeric",
            "'-Infinity'::numeric",
            "0.000000000000000000001::numeric",
            "1e40::numeric",
            "-10000.0001::numeric",
            "'ü'::text",
            "'x'",
            "'ab'::char(4)",
            "'ab'::varchar",
            "'n'::name",
            "'c'::\"char\"",
            "'\\x00ff'::bytea",
            "'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::uuid",
            "'{\"a\": [1, null]}'::json",
            "'[1.5]'::jsonb",
            "'2024-02-29'::date",
            "'infinity'::date",
            "'0044-03-15 BC'::date",
            "'24:00'::time",
            "'2024-02-29 03:04:05.25'::timestamp",
            "'2024-02-29 03:04:05+02'::timestamptz",
            "'-infinity'::timestamptz",
            "'happy'::mood",
            "7::positive",
            "'{a,b}'::words",
            "array[1, null, 3]",
            "array[['a'], ['b']]",
            "array[]::text[]",
            "array['happy']::mood[]",
            "array['\\x00'::bytea]",
            "array[7]::positive[]",
            "array['{}'::jsonb]",
            "null::integer",
            "pg_sleep(0)",
        ];
        let refused = [
            ("'10.0.0.1/8'::inet", "inet"),
            ("'10.0.0.0/8'::cidr", "cidr"),
            ("'08:00:2b:01:02:03'::macaddr", "macaddr"),
            ("'(1,2)'::point", "point"),
            ("'((0,0),(1,1))'::box", "box"),
            ("'[1,5)'::int4range", "int4range"),
            ("'1 day'::interval", "interval"),
            ("'03:04+02'::timetz", "timetz"),
            ("b'101'", "bit"),
            ("'$1.50'::money", "money"),
            ("'a b'::tsvector", "tsvector"),
            ("'<a/>'::xml", "xml"),
            ("'10.0.0.1'::host", "inet"),
            ("(1, 'a')::pair", "pair"),
            ("array['10.0.0.1'::inet]", "inet[]"),
            ("array['1 day'::interval]", "interval[]"),
            ("'0/1'::pg_lsn", "pg_lsn"),
            ("'sink'::regclass", "regclass"),
            ("null::inet", "inet"),
        ];
        let expressions = readable.iter().map(|sql| (*sql, None)).chain(refused.map(|(sql, name)| (sql, Some(name))));
        for (at, (sql, name)) in expressions.enumerate() {
            let read = statement(&format!("select {sql} as value"), json!({}));
            let read = database.query(&read, 1, Expect::One).await.unwrap_or_else(|fault| panic!("{sql}: {fault:?}"));
            let write = |sql: &str| {
                statement(&format!("insert into sink values ({at}) returning n, {sql} as value"), json!({}))
            };
            let once = format!("returning {at}");
            let done = database.write(&write(sql), 1, Expect::One, &once).await;
            let Some(name) = name else {
                assert_eq!(done.unwrap().rows[0]["value"], read.rows[0]["value"], "{sql}");
                continue;
            };
            let fault = done.unwrap_err();
            assert_eq!((fault.class, fault.cause.as_str()), (FaultClass::Input, "column-type"), "{sql}: {fault:?}");
            assert!(fault.message.contains("'value'"), "{sql}: {fault:?}");
            assert!(fault.message.to_lowercase().contains(&format!("({name})")), "{sql}: {fault:?}");
            // Nothing was stored, and what the hint says helps.
            assert!(fault.hint.unwrap().contains("CAST(... AS text)"));
            let done = database.write(&write(&format!("cast({sql} as text)")), 1, Expect::One, &once).await.unwrap();
            assert_eq!(done.rows[0]["value"], read.rows[0]["value"], "{sql}");
        }
        let count = statement("select count(*) as n, count(distinct n) as d from sink", json!({}));
        let count = database.query(&count, 1, Expect::One).await.unwrap();
        let all = readable.len() + refused.len();
        assert_eq!(Value::from(count.rows[0].clone()), json!({ "n": all, "d": all }));
    });
}

#[test]
fn every_type_of_mariadb_goes_in_and_comes_back() {
    let Some(server) = mariadb::server() else { return skip("MariaDB is not installed") };
    runtime().block_on(async {
        let url = server.database("types");
        let (_manager, database) = lease(json!({ "backend": "mysql", "url": url })).await;
        there_and_back(
            &database,
            &[
                ("tinyint", json!("-128"), json!(-128)),
                ("smallint unsigned", json!(65535), json!(65535)),
                ("mediumint", json!(-8388608), json!(-8388608)),
                ("int", json!(3.0), json!(3)),
                ("bigint", json!(i64::MIN), json!(i64::MIN)),
                ("bigint unsigned", json!(u64::MAX), json!(u64::MAX)),
                ("boolean", json!(true), json!(true)),
                ("boolean", json!(7), json!(7)),
                ("float", json!(0.5), json!(0.5)),
                ("double", json!("2.5e-300"), json!(2.5e-300)),
                ("decimal(10,2)", json!("12.50"), json!(12.5)),
                (
                    "decimal(40,9)",
                    json!("1234567890123456789012345678901.123456789"),
                    json!("1234567890123456789012345678901.123456789"),
                ),
                ("varchar(20)", json!("ü 🦀 '\"\\"), json!("ü 🦀 '\"\\")),
                ("varchar(20) collate utf8mb4_bin", json!("binär"), json!("binär")),
                ("longtext", json!("a\0b"), json!("a\0b")),
                ("char(5)", json!("abc"), json!("abc")),
                ("varbinary(10)", json!("AP9BQg=="), json!("AP9BQg==")),
                ("longblob", json!("AP8="), json!("AP8=")),
                ("date", json!("2024-02-29"), json!("2024-02-29")),
                ("time(2)", json!("-12:34:56.25"), json!("-12:34:56.25")),
                ("datetime", json!("2024-02-29 03:04:05"), json!("2024-02-29T03:04:05")),
                ("datetime(6)", json!("2024-02-29T03:04:05.25+02:00"), json!("2024-02-29T01:04:05.25")),
                ("datetime", json!("2024-02-29"), json!("2024-02-29T00:00:00")),
                ("timestamp(3) null", json!("2024-02-29T03:04:05.5+02:00"), json!("2024-02-29T01:04:05.5Z")),
                ("year", json!(2024), json!(2024)),
                ("bit(8)", json!(200), json!(200)),
                ("enum('sad', 'happy')", json!("happy"), json!("happy")),
                ("set('a', 'b', 'c')", json!("a,c"), json!("a,c")),
                ("json", json!({ "a": [1] }), json!("{\"a\":[1]}")),
                ("uuid", json!("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"), json!("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11")),
            ],
        )
        .await;
        for (sql_type, value) in [
            ("tinyint", json!(128)),
            ("varchar(3)", json!("abcd")),
            ("enum('a')", json!("b")),
            ("datetime", json!("yesterday")),
            ("int unsigned", json!(-1)),
            ("blob", json!("no base64!")),
        ] {
            let table = format!("no_{}", sql_type.replace(|c: char| !c.is_alphanumeric(), "_"));
            let make = statement(&format!("create table {table} (value {sql_type})"), json!({}));
            database.write(&make, 1, Expect::Any, &table).await.unwrap();
            let fault = database.insert(&row(&table, json!({ "value": value }))).await.unwrap_err();
            assert_eq!((fault.class, fault.cause.as_str()), (FaultClass::Input, "value"), "{sql_type}: {fault:?}");
        }
        // A table that cannot undo cannot be written once.
        let make = statement("create table careless (a integer) engine = MyISAM", json!({}));
        database.write(&make, 1, Expect::Any, "careless").await.unwrap();
        let fault = database.insert(&row("careless", json!({ "a": 1 }))).await.unwrap_err();
        assert_eq!((fault.class, fault.cause.as_str()), (FaultClass::Input, "engine"));
        assert!(fault.hint.unwrap().contains("InnoDB"));
    });
}

#[test]
fn values_of_sqlite_have_the_types_that_its_columns_say() {
    runtime().block_on(async {
        let (_manager, database) = lease(json!({ "backend": "memory" })).await;
        there_and_back(
            &database,
            &[
                ("integer", json!(3.0), json!(3)),
                ("bigint", json!(i64::MIN), json!(i64::MIN)),
                ("real", json!("2.5"), json!(2.5)),
                ("boolean", json!("no"), json!(false)),
                ("text", json!(5), json!("5")),
                ("text", json!("a\0b"), json!("a\0b")),
                ("text", json!([1, { "a": null }]), json!("[1,{\"a\":null}]")),
                ("blob", json!("AP9BQg=="), json!("AP9BQg==")),
                ("datetime", json!("2024-02-29T03:04:05Z"), json!("2024-02-29T03:04:05Z")),
                ("", json!("whatever"), json!("whatever")),
                ("", json!(2.5), json!(2.5)),
            ],
        )
        .await;
    });
}

#[test]
fn a_table_of_types_with_forms_of_their_own_is_streamed_too() {
    let Some(server) = postgres::server() else { return skip("PostgreSQL is not installed") };
    runtime().block_on(async {
        let url = server.database("exotic");
        let (_manager, database) = lease(json!({ "backend": "postgresql", "url": url })).await;
        let make = "create table exotic as select n, int4range(n, n + 2) as span, make_interval(hours => n) as long from generate_series(1, 3) n";
        database.write(&statement(make, json!({})), 1, Expect::Any, "make").await.unwrap();
        let (to, mut taken) = tokio::sync::mpsc::channel::<Rows>(10);
        assert_eq!(database.stream(&Source::Table("exotic".into()), to).await.unwrap(), 3);
        let mut rows = Vec::new();
        while let Some(lot) = taken.recv().await {
            rows.extend(lot.rows);
        }
        assert_eq!(rows[2], [json!(3), json!("[3,5)"), json!("03:00:00")]);
    });
}

#[test]
fn who_may_not_make_the_table_of_what_was_stored_is_told_what_to_run() {
    let Some(server) = postgres::server() else { return skip("PostgreSQL is not installed") };
    runtime().block_on(async {
        server.database("guarded");
        server.admin_in(
            "guarded",
            "CREATE ROLE guest LOGIN PASSWORD 'guest-pass'; REVOKE CREATE ON SCHEMA public FROM PUBLIC;
             CREATE TABLE notes (a integer); GRANT INSERT ON notes TO guest",
        );
        let settings = json!({ "backend": "postgresql", "host": "127.0.0.1", "port": server.port, "user": "guest", "password": "guest-pass", "database": "guarded" });
        let (_manager, database) = lease(settings).await;
        let fault = database.insert(&row("notes", json!({ "a": 1 }))).await.unwrap_err();
        assert_eq!((fault.class, fault.cause.as_str()), (FaultClass::Dependency, "once-table"), "{fault:?}");
        let hint = fault.hint.unwrap();
        let (_, create) = hint.split_once(": ").unwrap();
        server.admin_in("guarded", &format!("{create}; GRANT SELECT, INSERT, UPDATE ON mediamill_once TO guest"));
        assert_eq!(database.insert(&row("notes", json!({ "a": 1 }))).await.unwrap().rows, 1);
        // What the user may not do at all is not the item's fault.
        let fault = database.query(&statement("select * from notes", json!({})), 1, Expect::Any).await.unwrap_err();
        assert_eq!((fault.class, fault.cause.as_str()), (FaultClass::Dependency, "permission"), "{fault:?}");
    });
}
