//! The steps on databases, each with a lease as the engine gives one.

#![expect(clippy::unwrap_used, reason = "a test whose step fails where it must not has failed")]

use std::path::PathBuf;

use mediamill::resilience::{Fault, FaultClass};
use mediamill::resources::secret::Secrets;
use mediamill::resources::settings::{ResourceKind, ResourceSpec, register};
use mediamill::resources::{Manager, Owner, PoolSettings, Requirement};
use mediamill::steps::builtin::Values;
use mediamill::steps::register::find_resource;
use mediamill::steps::resource::{Note, ResourceJob};
use serde_json::{Value, json};

struct Bench {
    manager: Manager,
    folder: tempfile::TempDir,
}

impl Bench {
    fn new() -> Self {
        let (manager, secrets, folder) = (Manager::new(), Secrets::default(), tempfile::tempdir().unwrap());
        let settings = json!({ "backend": "sqlite", "path": folder.path().join("notes.db") });
        let pool = PoolSettings { min_size: 0, ..PoolSettings::default() };
        let spec = ResourceSpec { name: "notes".into(), kind: ResourceKind::Database, pool, settings };
        register(&manager, &spec, &|_| None, &secrets).unwrap();
        Self { manager, folder }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    async fn run(&self, step: &str, with: Value, out: Option<&str>) -> Result<Values, Fault> {
        self.run_and_hear(step, with, out).await.map(|(values, _)| values)
    }

    /// The same; and what the step has to say.
    async fn run_and_hear(&self, step: &str, with: Value, out: Option<&str>) -> Result<(Values, Note), Fault> {
        let owner = Owner::new("run/item/step/1");
        let needs = [Requirement::new("notes")];
        let leases = self.manager.acquire_all(&needs, &owner).await.unwrap();
        let job = ResourceJob {
            with,
            inputs: Vec::new(),
            outputs: out.iter().map(|name| ("file".to_owned(), self.file(name))).collect(),
            resource: "notes".into(),
            lease: leases.get("notes").unwrap().clone(),
            once: "item/step".into(),
            note: Note::default(),
        };
        let note = job.note.clone();
        (find_resource(step).unwrap().run)(job).await.map(|values| (values, note))
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

#[test]
fn rows_go_in_are_queried_and_go_out_to_a_file() {
    runtime().block_on(async {
        let bench = Bench::new();
        let insert = json!({ "table": "chapters", "create": true, "rows": [{ "title": "a, \"b\"", "seconds": 1.5 }, { "title": "c", "seconds": null }] });
        let values = bench.run("database.insert", insert.clone(), None).await.unwrap();
        assert_eq!(Value::from(values), json!({ "rows": 2, "skipped": 0 }));
        let values = bench.run("database.insert", insert, None).await.unwrap();
        assert_eq!(Value::from(values), json!({ "rows": 0, "skipped": 2 }));
        let query = json!({ "sql": "select title from chapters where seconds > :least", "params": { "least": 1 }, "expect": "one" });
        let values = bench.run("database.query", query, None).await.unwrap();
        let row = json!({ "title": "a, \"b\"" });
        assert_eq!(Value::from(values), json!({ "count": 1, "more": false, "changed": 0, "row": row, "rows": [row] }));
        let export = json!({ "table": "chapters" });
        let values = bench.run("database.export", export, Some("out.csv")).await.unwrap();
        let written = std::fs::read_to_string(bench.file("out.csv")).unwrap();
        assert_eq!(written, "title,seconds\n\"a, \"\"b\"\"\",1.5\nc,\n");
        assert_eq!(Value::from(values), json!({ "rows": 2, "bytes": written.len() }));
        let export = json!({ "sql": "select * from chapters where title = :title", "params": { "title": "c" }, "format": "jsonl" });
        bench.run("database.export", export, Some("out.txt")).await.unwrap();
        assert_eq!(std::fs::read_to_string(bench.file("out.txt")).unwrap(), "{\"title\":\"c\",\"seconds\":null}\n");
        let empty = json!({ "sql": "select title from chapters where 1 = 0" });
        bench.run("database.export", empty, Some("empty.csv")).await.unwrap();
        assert_eq!(std::fs::read_to_string(bench.file("empty.csv")).unwrap(), "title\n");
    });
}

#[test]
fn a_fault_names_the_resource_and_a_writer_that_fails_is_the_reason() {
    runtime().block_on(async {
        let bench = Bench::new();
        let fault = bench.run("database.query", json!({ "sql": "select * from none" }), None).await.unwrap_err();
        assert_eq!((fault.class, fault.resource.as_deref()), (FaultClass::Input, Some("notes")));
        let write = json!({ "sql": "create table t (n integer)", "write": true });
        bench.run("database.query", write, None).await.unwrap();
        let export = json!({ "table": "t" });
        let fault = bench.run("database.export", export, Some("no/such/folder.csv")).await.unwrap_err();
        assert_eq!(fault.cause, "not-found", "{fault:?}");
        let fault = bench.run("database.insert", json!({ "table": "t" }), None).await.unwrap_err();
        assert_eq!(fault.message, "give either `row` or `rows`");
    });
}

#[test]
fn a_step_whose_rows_are_all_known_as_stored_says_so_and_how_that_is_forgotten() {
    runtime().block_on(async {
        let bench = Bench::new();
        let insert = |rows: Value| {
            let with = json!({ "table": "it's", "create": true, "rows": rows });
            async { bench.run_and_hear("database.insert", with, None).await.unwrap() }
        };
        let forget = |note: &Note| {
            let (_, sql) = note.said().unwrap().split_once(", run ").unwrap();
            sql.split_once(" and do").unwrap().0.to_owned()
        };
        assert_eq!(insert(json!([{ "n": 1 }])).await.1.said(), None);
        // Something new is nothing to be told of, and neither is nothing at all.
        assert_eq!(insert(json!([{ "n": 1 }, { "n": 2 }])).await.1.said(), None);
        assert_eq!(insert(json!([])).await.1.said(), None);
        let (values, note) = insert(json!([{ "n": 1 }, { "n": 2 }])).await;
        assert_eq!((&values["rows"], &values["skipped"]), (&json!(0), &json!(2)));
        assert!(note.said().unwrap().contains("all 2 rows are in 'it's'"), "{note:?}");
        let with = json!({ "sql": forget(&note), "write": true });
        let (values, said) = bench.run_and_hear("database.query", with.clone(), None).await.unwrap();
        assert_eq!((&values["changed"], said.said()), (&json!(2), None));
        assert_eq!(insert(json!([{ "n": 1 }, { "n": 2 }])).await.0["rows"], 2);
        // A statement that ran before says so too.
        let (_, note) = bench.run_and_hear("database.query", with.clone(), None).await.unwrap();
        assert_eq!(forget(&note), "DELETE FROM mediamill_once WHERE once = 'item/step'");
    });
}

#[test]
fn many_rows_go_out_in_bounded_memory() {
    // A million with MEDIAMILL_STORM, else so many that all of them at once would be seen.
    let rows: u64 = if std::env::var_os("MEDIAMILL_STORM").is_some() { 1_000_000 } else { 30_000 };
    runtime().block_on(async {
        let bench = Bench::new();
        let sql = "with recursive c(n) as (select 1 union all select n + 1 from c where n < :rows) \
                   select n, printf('%.1000c', 'x') as filling from c";
        let before = peak();
        let export = json!({ "sql": sql, "params": { "rows": rows } });
        let values = bench.run("database.export", export, Some("many.jsonl")).await.unwrap();
        assert_eq!(values["rows"], rows);
        let bytes = values["bytes"].as_u64().unwrap();
        assert!(bytes > rows * 1000);
        let grown = peak() - before;
        assert!(grown < 16 << 20, "{grown} bytes more for a file of {bytes}");
    });
}

/// The most memory that this process has had, in bytes.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
}
