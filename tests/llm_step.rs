//! The step `llm.complete` against a real server: what it asks, what it delivers, and what it refuses.

#![expect(clippy::unwrap_used, reason = "a test whose step fails where it must not has failed")]

#[path = "support/llm_server.rs"]
mod llm_server;
#[path = "support/server.rs"]
mod server;

use std::path::{Path, PathBuf};

use llm_server::Speaks;
use mediamill::resilience::{Fault, FaultClass};
use mediamill::resources::secret::Secrets;
use mediamill::resources::settings::{ResourceKind, ResourceSpec, register};
use mediamill::resources::{Manager, Owner, Requirement};
use mediamill::steps::builtin::Values;
use mediamill::steps::llm::complete::COMPLETE_RESOURCE;
use mediamill::steps::resource::{Note, ResourceJob};
use serde_json::{Value, json};
use server::{Answer, Server};

const SPEAKS: Speaks = Speaks::Ollama;

/// A server, the resource that asks it, and a place for files.
struct Bench {
    server: Server,
    manager: Manager,
    folder: tempfile::TempDir,
}

impl Bench {
    fn new(answers: impl IntoIterator<Item = Answer>) -> Self {
        let (server, manager) = (Server::start(), Manager::new());
        server.on(SPEAKS.path(), answers);
        let (kind, settings) = (ResourceKind::Llm, SPEAKS.settings(&server, "", json!({})));
        let spec = ResourceSpec { name: "model".into(), kind, pool: kind.pool(), settings };
        register(&manager, &spec, &|_| None, &Secrets::default()).unwrap();
        Self { server, manager, folder: tempfile::tempdir().unwrap() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn file(&self, name: &str, content: &str) -> PathBuf {
        std::fs::write(self.path(name), content).unwrap();
        self.path(name)
    }

    /// Runs the step as the engine does.
    async fn run(&self, with: Value, inputs: &[&Path], outputs: &[&str]) -> Result<Values, Fault> {
        (COMPLETE_RESOURCE.step.check)(with.clone()).unwrap();
        let needed = [Requirement::new("model")];
        let leases = self.manager.acquire_all(&needed, &Owner::new("run/item/step/1")).await.unwrap();
        let lease = leases.get("model").unwrap().clone();
        let outputs = outputs.iter().map(|name| ((*name).to_owned(), self.path(&format!("out.{name}")))).collect();
        let inputs = inputs.iter().map(|path| path.to_path_buf()).collect();
        let job = ResourceJob {
            with,
            inputs,
            outputs,
            resource: "model".into(),
            lease,
            once: "once-7".into(),
            note: Note::default(),
        };
        (COMPLETE_RESOURCE.run)(job).await
    }
}

#[tokio::test]
async fn an_answer_is_delivered_as_values_and_as_a_file() {
    let bench = Bench::new([SPEAKS.says("Two movements.", 21, 4)]);
    let with = json!({ "prompt": "Sum up.", "system": "Be brief.", "max_tokens": 77, "temperature": 0, "seed": 5, "stop": ["\n\n"] });
    let values = bench.run(with, &[], &["text"]).await.unwrap();
    let wanted = json!({ "text": "Two movements.", "prompt_tokens": 21, "completion_tokens": 4, "model": "tiny-2026",
                         "finish_reason": "stop" });
    assert_eq!(Value::Object(values), wanted);
    assert_eq!(std::fs::read_to_string(bench.path("out.text")).unwrap(), "Two movements.");
    let body = bench.server.only_request().json();
    let options = json!({ "temperature": 0.0, "num_predict": 77, "seed": 5, "stop": ["\n\n"] });
    assert_eq!((&body["options"], body.get("format")), (&options, None));
}

#[tokio::test]
async fn a_transcript_becomes_chapters_that_fit_their_schema() {
    let chapters = json!({ "chapters": [{ "title": "Hello", "start": 0 }, { "title": "Bye", "start": 61.5 }] });
    let bench = Bench::new([
        SPEAKS.says(r#"{ "chapters": [{ "title": "Hello" }] }"#, 30, 8),
        SPEAKS.says(&format!("```json\n{chapters}\n```"), 50, 12),
    ]);
    let schema = json!({
        "type": "object", "required": ["chapters"],
        "properties": { "chapters": { "type": "array", "items": { "$ref": "#/$defs/chapter" } } },
        "$defs": { "chapter": { "type": "object", "required": ["title", "start"] } },
    });
    let transcript = bench.file("talk.txt", "Hello. ... Bye.");
    let with = json!({ "prompt": "Make chapters of this talk:", "schema": bench.file("s.json", &schema.to_string()), "attach": true });
    let values = bench.run(with, &[&transcript], &["json", "text"]).await.unwrap();
    assert_eq!(values["json"], chapters);
    assert_eq!((&values["prompt_tokens"], &values["completion_tokens"]), (&json!(80), &json!(20)));
    let written: Value = serde_json::from_str(&std::fs::read_to_string(bench.path("out.json")).unwrap()).unwrap();
    assert_eq!(written, chapters);
    let first = &bench.server.received()[0];
    assert_eq!(SPEAKS.question(first), "Make chapters of this talk:\n\nHello. ... Bye.");
    assert_eq!(first.json()["format"], schema);
}

#[tokio::test]
async fn an_answer_that_never_fits_fails_the_attempt_for_retry_to_see() {
    let bench = Bench::new([SPEAKS.says("I would rather not.", 1, 1)]);
    let with = json!({ "prompt": "Name it.", "schema": { "type": "string", "maxLength": 3 } });
    let fault = bench.run(with.clone(), &[], &[]).await.unwrap_err();
    assert_eq!((fault.class, fault.cause.as_str()), (FaultClass::Transient, mediamill::resilience::fault::UNFIT));
    assert_eq!(fault.resource.as_deref(), Some("model"));
    assert_eq!(bench.server.received().len(), 2, "asked again once");
    let mut often = with;
    often["repairs"] = json!(4);
    bench.run(often, &[], &[]).await.unwrap_err();
    assert_eq!(bench.server.received().len(), 7);
}

#[tokio::test]
async fn what_is_too_long_is_refused_and_never_cut() {
    let bench = Bench::new([SPEAKS.is_cut("Two mov")]);
    let fault = bench.run(json!({ "prompt": "Sum up." }), &[], &["text"]).await.unwrap_err();
    assert_eq!((fault.class, fault.cause.as_str()), (FaultClass::Input, "llm-length"));
    assert!(!bench.path("out.text").exists());

    let long = bench.file("long.txt", &"word ".repeat(60_000));
    let fault = bench.run(json!({ "prompt": "Sum up.", "attach": true }), &[&long], &[]).await.unwrap_err();
    assert_eq!((fault.class, fault.cause.as_str()), (FaultClass::Input, "input-size"));
    assert!(fault.hint.unwrap().contains("max_input_bytes"));
    let with = json!({ "prompt": "Sum up.", "max_input_bytes": 3 });
    assert_eq!(bench.run(with, &[], &[]).await.unwrap_err().cause, "input-size");
    assert_eq!(bench.server.received().len(), 1, "neither was asked");
}

#[test]
fn parameters_that_cannot_be_are_told_before_the_run() {
    let told = |with: Value| (COMPLETE_RESOURCE.step.check)(with).unwrap_err();
    assert!(told(json!({})).contains("missing field `prompt`"));
    assert!(told(json!({ "prompt": "?", "temprature": 1 })).contains("unknown field"));
    assert!(told(json!({ "prompt": "?", "temperature": 3 })).contains("between 0 and 2"));
    assert!(told(json!({ "prompt": "?", "repairs": 11 })).contains("between 0 and 10"));
    assert!(told(json!({ "prompt": "?", "schema": 3 })).contains("a JSON schema as a table"));
}
