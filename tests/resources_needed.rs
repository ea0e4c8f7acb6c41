//! What a run does not work with is neither needed nor connected to, and what could not be opened is listed with the reason.

#![expect(clippy::unwrap_used, reason = "a test whose step fails where it must not has failed")]

#[path = "support/server.rs"]
mod server;
mod support;

use std::process::Command;

use server::{Answer, Server};
use support::{Bench, mediamill};

/// The second step and a hook work with `office`, which has a variable; the hook of the batch with `gate`.
fn pipeline(server: &Server) -> String {
    format!(
        r#"
name = "needed"
[resources.office]
kind = "http"
base_url = "{}"
headers = {{ Authorization = "Bearer ${{OFFICE_TOKEN}}" }}
pool = {{ min_size = 2, max_size = 3 }}
[resources.gate]
kind = "http"
base_url = "{}"
[[step]]
id = "hash"
uses = "file.hash"
[[step]]
id = "send"
uses = "webhook"
resources = ["office"]
with = {{ path = "send", json = {{ hash = "{{hash.hash}}" }} }}
[[hooks.on_done]]
uses = "webhook"
resources = ["office"]
with = {{ path = "done", json = {{ item = "{{item.name}}" }} }}
[[hooks.on_fail]]
for = "batch"
uses = "webhook"
resources = ["gate"]
with = {{ path = "over", json = {{ failed = "{{run.failed}}" }} }}
"#,
        server.url("/office"),
        server.url("/gate")
    )
}

#[test]
fn a_run_of_some_steps_needs_nothing_of_the_others() {
    let server = Server::start();
    server.on("*", [Answer::status(204)]);
    let bench = Bench::new(&pipeline(&server));
    bench.inputs(2);
    // The variable is not set, and neither the step nor the item's hook comes to pass.
    bench.run().args(["--only", "hash"]).expect(0);
    let asked = |path: &str| server.received().iter().filter(|request| request.path().starts_with(path)).count();
    assert_eq!(asked("/office"), 0);
    let ended = bench.run().expect(3);
    assert!(ended.stderr.contains("OFFICE_TOKEN"), "{ended:?}");
    assert_eq!(asked("/office"), 0);
    bench.run().env("OFFICE_TOKEN", "tok-4711-tok").expect(0);
    assert!(asked("/office/send") == 2 && asked("/office/done") == 2);
}

#[test]
fn a_tool_of_a_step_that_is_left_out_refuses_no_run() {
    let steps =
        "[[step]]\nid = \"hash\"\nuses = \"file.hash\"\n[[step]]\nid = \"tool\"\nrun = [\"no-such-tool-4711\"]\n";
    let bench = Bench::new(&format!("name = \"tool\"\n{steps}"));
    bench.inputs(1);
    bench.run().args(["--only", "hash"]).expect(0);
    bench.run().expect(3);
    // What nothing works with is needed on the pipeline's word.
    bench.pipeline(&format!("name = \"tool\"\n{steps}[health]\nother-tool-4711 = {{ required = true }}\n"));
    let ended = bench.run().args(["--only", "hash"]).expect(3);
    assert!(ended.stderr.contains("other-tool-4711") && !ended.stderr.contains("no-such-tool"), "{ended:?}");
}

#[test]
fn a_run_in_which_all_is_up_to_date_only_looks_whether_its_resources_are_there() {
    let server = Server::start();
    server.on("*", [Answer::status(204)]);
    let bench = Bench::new(&pipeline(&server));
    bench.inputs(2);
    bench.run().env("OFFICE_TOKEN", "tok-4711-tok").expect(0);
    let before = server.received().len();
    bench.run().env("OFFICE_TOKEN", "tok-4711-tok").expect(0);
    let since: Vec<_> = server.received()[before..].iter().map(|request| request.method.clone()).collect();
    assert_eq!(since.len(), 2, "one look at each: {since:?}");
    assert!(since.iter().all(|method| method != "POST"));
}

#[test]
fn a_resource_that_could_not_be_opened_is_listed_with_the_reason() {
    let server = Server::start();
    server.on("*", [Answer::status(204)]);
    let bench = Bench::new(&format!("{}\n[health]\noffice = {{ required = false }}\n", pipeline(&server)));
    bench.inputs(1);
    bench.run().expect(0);
    let told = Command::new(mediamill())
        .args(["resources", "--state"])
        .arg(&bench.state)
        .current_dir(bench.path(""))
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&told.stdout).into_owned();
    let office = told.split("office").nth(1).unwrap_or_default();
    assert!(office.contains("OFFICE_TOKEN") && told.contains("gate"), "{told}");
    // Its hook is due until it can be called.
    let journal = bench.journal();
    let warning = journal.warnings().into_iter().find(|warning| warning.starts_with("hook")).unwrap_or_default();
    assert!(warning.contains("OFFICE_TOKEN") && warning.ends_with("the next run calls it again"), "{warning}");
    assert!(
        bench.checkpoints().values().all(|checkpoint| checkpoint.hooks_due.iter().all(|due| due.refused.is_none()))
    );
}
