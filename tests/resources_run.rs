//! Resources in runs of the real program: rows stored once, hooks, a server that dies in the middle of a batch, and no secret
//! in anything that is written.

#![expect(clippy::unwrap_used, reason = "a test whose step fails where it must not has failed")]

#[path = "support/daemon.rs"]
mod daemon;
#[path = "support/postgres.rs"]
mod postgres;
mod support;

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use mediamill::events::EventKind;
use mediamill::resilience::breaker::BreakerState;
use sqlx::{Connection, SqliteConnection};
use support::{Bench, Ended, PATIENCE, mediamill, skip, until};

/// The rows that a statement finds in a SQLite file, each as one text.
fn rows(file: &Path, sql: &'static str) -> Vec<String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut connection = SqliteConnection::connect(&format!("sqlite:{}", file.display())).await.unwrap();
        sqlx::query_scalar(sql).fetch_all(&mut connection).await.unwrap()
    })
}

fn metrics(bench: &Bench, name: &str) -> mediamill::resources::Metrics {
    let journal = bench.journal();
    let seen = journal.kinds().filter_map(|kind| match kind {
        EventKind::ResourceSeen { resource, .. } if resource.name == name => Some(resource.metrics.clone()),
        _ => None,
    });
    seen.last().unwrap()
}

fn leaks(bench: &Bench) -> usize {
    bench.journal().kinds().filter(|kind| matches!(kind, EventKind::ResourceLeaked { .. })).count()
}

const STORE: &str = r#"
name = "store"
[retry]
max_retries = 1
base_delay = "10ms"
[resources.notes]
kind = "database"
backend = "sqlite"
path = "${NOTES_FILE}"
pool = { min_size = 0, max_size = 3 }
[[step]]
id = "hash"
uses = "file.hash"
[[step]]
id = "save"
uses = "database.insert"
resources = ["notes"]
with = { table = "files", create = true, row = { name = "{item.name}", hash = "{hash.hash}" } }
[[step]]
id = "tool"
run = ["TOOL", "copy", "{in}", "{out}"]
resources = ["notes"]
out = { text = "{item.stem}.out" }
[[hooks.on_done]]
uses = "database.insert"
resources = ["notes"]
with = { table = "told", create = true, row = { name = "{item.name}", hash = "{hash.hash}", run = "{run.pipeline}" } }
[[hooks.on_done]]
for = "batch"
uses = "database.insert"
resources = ["notes"]
with = { table = "ended", create = true, row = { done = "{run.done}", failed = "{run.failed}", seconds = "{run.seconds}" } }
[[hooks.on_done]]
uses = "database.insert"
resources = ["notes"]
with = { table = "missing", row = { name = "{item.name}" } }
"#;

#[test]
fn rows_are_stored_once_leases_come_back_and_hooks_are_called() {
    let bench = Bench::new(STORE);
    bench.inputs(7);
    let file = bench.path("notes.db");
    for run in 0..2 {
        // Done again, the same rows are stored already; that an item is done again is an event of its own.
        let ended = bench.run().arg("--fresh").env("NOTES_FILE", &file).jobs(4).expect(0);
        assert_eq!(rows(&file, "SELECT name FROM files ORDER BY name").len(), 7, "{ended:?}");
        assert_eq!(rows(&file, "SELECT name FROM told WHERE run = 'store'").len(), 7 * (run + 1));
        assert_eq!(rows(&file, "SELECT name FROM told WHERE hash IN (SELECT hash FROM files)").len(), 7 * (run + 1));
        let ends = rows(&file, "SELECT done || ' ' || failed || ' ' || (seconds > 0) FROM ended");
        assert_eq!(ends, vec!["7 0 1"; run + 1]);
        let metrics = metrics(&bench, "notes");
        assert_eq!((metrics.active_connections, metrics.size), (0, 0));
        // A step that saves, a tool, and two hooks, one of whose table is missing: that is told, and changes nothing.
        assert_eq!(metrics.total_acquisitions, 7 * 4 + 1, "{metrics:?}");
        assert!(metrics.created <= 3 + metrics.closed);
        assert_eq!(leaks(&bench), 0);
        let journal = bench.journal();
        let told = |begins: &str| journal.warnings().iter().filter(|warning| warning.starts_with(begins)).count();
        assert_eq!(told("hook on_done"), 7, "{:?}", journal.warnings());
        // What is the same for every item is told of the first five.
        assert_eq!(told("step 'save': nothing was inserted"), 5 * run, "{:?}", journal.warnings());
    }
    // The table is gone, and with it the rows: they are stored again, once.
    rows(&file, "DROP TABLE files");
    for run in 0..2 {
        bench.run().arg("--from").arg("save").env("NOTES_FILE", &file).jobs(4).expect(0);
        assert_eq!(rows(&file, "SELECT name FROM files ORDER BY name").len(), 7);
        let journal = bench.journal();
        let warnings = journal.warnings();
        let skipped = warnings.iter().filter(|warning| warning.contains("nothing was inserted")).count();
        assert_eq!(skipped, 5 * run, "{warnings:?}");
    }
}

#[test]
fn a_failed_item_and_a_failed_batch_are_told_why() {
    let bench = Bench::new(
        r#"
name = "fails"
[retry]
max_retries = 0
[resources.notes]
kind = "database"
backend = "sqlite"
path = "BENCH/notes.db"
[[step]]
id = "work"
run = ["TOOL", "no-such-behaviour"]
[[hooks.on_fail]]
uses = "database.insert"
resources = ["notes"]
with = { table = "failed", create = true, row = { why = "{fault.class}/{fault.cause}/{fault.step}: {item.name}" } }
[[hooks.on_fail]]
for = "batch"
uses = "database.insert"
resources = ["notes"]
with = { table = "ended", create = true, row = { what = "{run.failed} of {run.pipeline}" } }
"#,
    );
    bench.inputs(2);
    bench.run().expect(1);
    let file = bench.path("notes.db");
    let fault = bench.journal().faults()[0].clone();
    let why = |name: &str| format!("{}/{}/work: {name}", fault.class, fault.cause);
    assert_eq!(rows(&file, "SELECT why FROM failed ORDER BY why"), [why("000.txt"), why("001.txt")]);
    assert_eq!(rows(&file, "SELECT what FROM ended"), ["2 of fails"]);
}

#[test]
fn a_variable_that_is_missing_is_named_before_anything_runs() {
    let bench = Bench::new(STORE);
    bench.inputs(1);
    let ended = bench.run().expect(3);
    assert!(ended.stderr.contains("NOTES_FILE"), "{ended:?}");
    // Neither a check nor a plan needs it: they connect nowhere.
    let pipeline = bench.path("pipeline.toml");
    for words in [vec!["check"], vec!["plan"]] {
        let mut command = Command::new(mediamill());
        command.args(&words).arg(&pipeline).current_dir(bench.path(""));
        if words == ["plan"] {
            command.arg(bench.path("in"));
        }
        let done = command.output().unwrap();
        assert!(done.status.success(), "{words:?}: {}", String::from_utf8_lossy(&done.stderr));
    }
    let health = Command::new(mediamill()).args(["health", "--json"]).arg(&pipeline).output().unwrap();
    let found = String::from_utf8_lossy(&health.stdout).into_owned();
    assert!(health.status.code() == Some(3) && found.contains("\"notes\"") && found.contains("NOTES_FILE"), "{found}");
}

/// A secret with all that is written differently elsewhere.
const SECRET: &str = "s3cr\"et/tok en+4711%&ä";
/// Its base64.
const SECRET_IN_BASE64: &str = "czNjciJldC90b2sgZW4rNDcxMSUmw6Q=";

/// What a secret looks like in places where it must not be.
fn shown(text: &str, secret: &str) -> Option<String> {
    let json = serde_json::to_string(secret).unwrap();
    let percent: String = url::form_urlencoded::byte_serialize(secret.as_bytes()).collect();
    let mut url = url::Url::parse("http://host").unwrap();
    url.set_password(Some(secret)).unwrap();
    let in_url = url.password().unwrap().to_owned();
    let forms = [secret.to_owned(), json[1..json.len() - 1].to_owned(), percent, in_url, format!("{secret:?}")];
    forms.into_iter().find_map(|form| {
        let at = text.find(form.trim_matches('"'))?;
        let around = text[..at].char_indices().rev().take(80).last().map_or(0, |(at, _)| at);
        Some(text[around..at].to_owned())
    })
}

/// Looks through all that the run has written for secrets.
fn assert_hidden(bench: &Bench, ended: &Ended, secrets: &[&str]) {
    let mut looked_at = 0;
    let mut look = |text: &str, place: &str| {
        looked_at += text.len();
        for secret in secrets {
            assert_eq!(shown(text, secret), None, "{place} shows {secret}");
        }
        assert!(!text.contains(SECRET_IN_BASE64.trim_end_matches('=')), "{place}");
    };
    look(&ended.stdout, "standard output");
    look(&ended.stderr, "standard error");
    for folder in [bench.state.clone(), bench.out.clone()] {
        support::files_below(&folder, &mut |path| {
            look(&String::from_utf8_lossy(&std::fs::read(path).unwrap_or_default()), &path.display().to_string());
        });
    }
    assert!(looked_at > 500, "there was nothing to look at");
}

#[test]
fn nothing_that_is_written_holds_a_secret() {
    let bench = Bench::new(
        r#"
name = "vault"
[retry]
max_retries = 0
[resources.vault]
kind = "static"
data = { token = "${VAULT_TOKEN}", other = "${VAULT_OTHER}" }
[resources.gone]
kind = "database"
backend = "postgresql"
url = "${GONE_URL}"
[health.gone]
required = false
[[step]]
id = "tells"
run = ["sh", "-c", "env; env >&2; for i in 1 2 3 4 5 6 7 8 9; do printf '%s' \"$VAULT_TOKEN\"; done; echo \"why: $VAULT_TOKEN\" >&2; exit 3"]
resources = ["vault"]
optional = true
[[step]]
id = "connects"
uses = "database.query"
resources = ["gone"]
optional = true
with = { sql = "SELECT 1" }
"#,
    );
    bench.inputs(2);
    let (password, other) = ("pass-word-of-4712", "other-secret-4713");
    let url = format!("postgresql://mill:{password}@127.0.0.1:1/nowhere");
    for format in ["lines", "json"] {
        let run =
            bench.run().args(["--fresh", "--format", format]).env("VAULT_TOKEN", SECRET).env("VAULT_OTHER", other);
        let ended = run.env("GONE_URL", &url).end();
        assert_hidden(&bench, &ended, &[SECRET, password, other, &url]);
        let mut logs = String::new();
        support::files_below(&bench.journal().run.join("logs"), &mut |path| {
            logs.push_str(&std::fs::read_to_string(path).unwrap());
        });
        assert!(logs.contains("VAULT_TOKEN=[redacted]") && logs.contains("why: [redacted]"), "{logs}");
        let faults = bench.journal();
        assert!(faults.faults().iter().any(|fault| fault.message.contains("[redacted]")), "{:?}", faults.faults());
    }
    // A run that does not start tells no more.
    let text = std::fs::read_to_string(bench.path("pipeline.toml")).unwrap();
    bench.pipeline(&text.replace("required = false", "required = true"));
    let run = bench.run().env("VAULT_TOKEN", SECRET).env("VAULT_OTHER", other).env("GONE_URL", &url);
    let ended = run.expect(3);
    assert!(ended.stderr.contains("gone"), "{ended:?}");
    assert_hidden(&bench, &ended, &[SECRET, password, other, &url]);
}

#[test]
fn what_an_address_or_a_name_holds_is_told_and_what_a_password_holds_is_not() {
    let bench = Bench::new(
        r#"
name = "plain"
[resources.notes]
kind = "database"
backend = "sqlite"
path = "${PLAIN_FOLDER}/notes.db"
pool = { min_size = 0 }
[resources.gone]
kind = "http"
base_url = "http://${PLAIN_HOST}:1/${HIDDEN_PATH}"
auth = { kind = "basic", user = "${PLAIN_USER}", password = "${HIDDEN_PASSWORD}" }
[health.gone]
required = false
[[step]]
id = "say"
uses = "database.query"
resources = ["notes"]
with = { sql = "SELECT :path AS path, 'localhost' AS host, 'miller' AS user", params = { path = "{item.path}" } }
[[step]]
id = "tell"
run = ["sh", "-c", "echo $PLAIN_HOST $PLAIN_USER $HIDDEN_PATH $HIDDEN_PASSWORD bWlsbGVyOndvcmQtNDcxNQ=="]
[[step]]
id = "call"
uses = "http.request"
resources = ["gone"]
optional = true
"#,
    );
    bench.inputs(1);
    let folder = bench.path("");
    let run = bench.run().env("PLAIN_FOLDER", &folder).env("PLAIN_HOST", "localhost").env("PLAIN_USER", "miller");
    let ended = run.env("HIDDEN_PATH", "hook-4714").env("HIDDEN_PASSWORD", "word-4715").end();
    assert_hidden(&bench, &ended, &["hook-4714", "word-4715", "bWlsbGVyOndvcmQtNDcxNQ"]);
    let mut kept = String::new();
    support::files_below(&bench.state, &mut |path| {
        kept.push_str(&String::from_utf8_lossy(&std::fs::read(path).unwrap_or_default()));
    });
    assert!(kept.contains("localhost miller [redacted] [redacted] [redacted]"), "{kept}");
    assert!(kept.contains("\"host\":\"localhost\"") && kept.contains("\"user\":\"miller\""), "{kept}");
    assert!(kept.contains(&format!("\"path\":\"{}", folder.display())), "{kept}");
}

#[test]
fn data_of_the_pipeline_is_what_its_steps_work_with() {
    let text = |suffix: &str, limit: u32| {
        format!(
            r#"
name = "constants"
[resources.notes]
kind = "database"
backend = "memory"
[resources.words]
kind = "static"
data = {{ suffix = "{suffix}", limit = {limit}, ask = {{ sql = "SELECT :word AS word UNION ALL SELECT 'b'" }} }}
[[step]]
id = "copy"
run = ["TOOL", "copy", "{{in}}", "{{out}}"]
out = {{ text = "{{item.stem}}-{{resources.words.suffix}}.out" }}
[[step]]
id = "ask"
uses = "database.query"
resources = ["notes"]
with = {{ sql = "{{resources.words.ask.sql}}", limit = "{{resources.words.limit}}", params = {{ word = "say {{resources.words.suffix}}" }} }}
"#
        )
    };
    let bench = Bench::new(&text("first", 1));
    bench.inputs(1);
    let plan = |extra: &[&str]| {
        let mut command = Command::new(mediamill());
        command.arg("plan").arg(bench.path("pipeline.toml")).arg(bench.path("in")).args(extra);
        command.arg("--state").arg(&bench.state).arg("--output").arg(&bench.out);
        let done = command.current_dir(bench.path("")).output().unwrap();
        assert!(done.status.success(), "{done:?}");
        String::from_utf8_lossy(&done.stdout).into_owned()
    };
    let first = plan(&[]);
    assert!(first.contains("1 to work on"), "{first}");
    bench.run().expect(0);
    let mut kept = String::new();
    support::files_below(&bench.state, &mut |path| {
        kept.push_str(&String::from_utf8_lossy(&std::fs::read(path).unwrap_or_default()));
    });
    assert!(kept.contains("\"count\":1") && kept.contains("\"word\":\"say first\""), "{kept}");
    assert_eq!(files(&bench.out), ["000-first.out"]);
    assert!(plan(&[]).contains("1 up to date"), "{}", plan(&[]));
    // Another limit is another result of the step that reads it, and of no other.
    bench.pipeline(&text("first", 2));
    let why = plan(&["--why", "000.txt"]);
    assert!(why.contains("copy             stands") && why.contains("ask              runs"), "{why}");
    // What cannot be taken is told by the check.
    bench.pipeline(&text("first", 2).replace("limit = 2", "limit = \"many\""));
    let done = Command::new(mediamill()).arg("check").arg(bench.path("pipeline.toml")).output().unwrap();
    let told = String::from_utf8_lossy(&done.stdout).into_owned() + &String::from_utf8_lossy(&done.stderr);
    assert!(done.status.code() == Some(2) && told.contains("`limit` must be a whole number, not a text"), "{told}");
}

/// The names of all files below `folder`.
fn files(folder: &Path) -> Vec<String> {
    let mut names = Vec::new();
    support::files_below(folder, &mut |path| names.push(path.file_name().unwrap().to_string_lossy().into_owned()));
    names
}

/// The server is killed when some rows are there, and is back when its breaker is open and items are parked. `MEDIAMILL_LONG`
/// leaves it away for a minute.
#[test]
fn a_server_that_is_killed_in_the_middle_of_a_batch_costs_no_item_and_no_row_twice() {
    let Some(server) = postgres::server() else { return skip("PostgreSQL is not installed") };
    let long = std::env::var_os("MEDIAMILL_LONG").is_some();
    let (items, recovery) = if long { (400, "60s") } else { (60, "1s") };
    let url = server.database("bank");
    let bench = Bench::new(&format!(
        r#"
name = "bank"
give_up_after = 50
[retry]
max_retries = 1
base_delay = "20ms"
[resources.notes]
kind = "database"
backend = "postgresql"
url = "${{NOTES_URL}}"
connect_timeout = "2s"
pool = {{ min_size = 0, max_size = 4 }}
[breakers.notes]
failure_threshold = 3
recovery_timeout = "{recovery}"
success_threshold = 2
[[step]]
id = "work"
run = ["TOOL", "sleep", "20"]
[[step]]
id = "save"
uses = "database.insert"
resources = ["notes"]
with = {{ table = "chapters", create = true, row = {{ name = "{{item.name}}" }} }}
"#
    ));
    bench.inputs(items);
    let live = bench.run().jobs(4).env("NOTES_URL", &url).start();
    let count = || {
        let there = server.admin_in("bank", "SELECT count(*) FROM pg_tables WHERE tablename = 'chapters'");
        if there == "0" { 0 } else { server.admin_in("bank", "SELECT count(*) FROM chapters").parse().unwrap() }
    };
    until("some rows are stored", PATIENCE, || count() >= 5);
    server.kill();
    let is_open = |kind: &EventKind| matches!(kind, EventKind::BreakerChanged { state: BreakerState::Open, .. });
    let parked = |kind: &&EventKind| matches!(kind, EventKind::TaskParked { dependency, .. } if dependency == "notes");
    until("the breaker is open and items are parked", PATIENCE, || {
        let journal = bench.journal();
        journal.kinds().any(is_open) && journal.kinds().filter(parked).count() >= 3
    });
    if long {
        std::thread::sleep(Duration::from_secs(60));
    }
    server.launch();
    let ended = live.end_within(PATIENCE * 4);
    assert_eq!(ended.code(), Some(0), "{ended:?}");
    let counts = bench.journal().counts().unwrap();
    assert_eq!((counts.done as usize, counts.failed, counts.parked), (items, 0, 0));
    assert_eq!(count(), items);
    assert_eq!(server.admin_in("bank", "SELECT count(DISTINCT name) FROM chapters"), items.to_string());
    let closed = |kind: &EventKind| matches!(kind, EventKind::BreakerChanged { state: BreakerState::Closed, .. });
    assert!(bench.journal().kinds().any(closed));
    assert_eq!(leaks(&bench), 0);
    assert_hidden(&bench, &ended, &[postgres::PASSWORD, postgres::PASSWORD_IN_URL]);
}
