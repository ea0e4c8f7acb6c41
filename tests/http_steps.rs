//! The steps `http.request` and `webhook` against a real server: what they send, what they tell, and that a second attempt
//! is known to be one.

#![expect(clippy::unwrap_used, reason = "a test whose step fails where it must not has failed")]

#[path = "support/server.rs"]
mod server;

use std::path::{Path, PathBuf};
use std::time::Duration;

use mediamill::resilience::{Fault, FaultClass};
use mediamill::resources::secret::Secrets;
use mediamill::resources::settings::{ResourceKind, ResourceSpec, register};
use mediamill::resources::{Manager, Owner, Requirement};
use mediamill::steps::builtin::Values;
use mediamill::steps::register::find_resource;
use mediamill::steps::resource::{Note, ResourceJob};
use serde_json::{Value, json};
use server::{Answer, Server};

/// A resource and a place for files.
struct Bench {
    manager: Manager,
    folder: tempfile::TempDir,
}

impl Bench {
    fn new(settings: Value) -> Self {
        let manager = Manager::new();
        let kind = ResourceKind::Http;
        let spec = ResourceSpec { name: "web".into(), kind, pool: kind.pool(), settings };
        register(&manager, &spec, &|_| None, &Secrets::default()).unwrap();
        Self { manager, folder: tempfile::tempdir().unwrap() }
    }

    fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        path
    }

    /// Runs the step as the engine does.
    async fn run(&self, step: &str, with: Value, inputs: &[&Path], outputs: &[(&str, &Path)]) -> Result<Values, Fault> {
        let step = find_resource(step).unwrap();
        (step.step.check)(with.clone()).unwrap();
        let needed = [Requirement::new("web")];
        let leases = self.manager.acquire_all(&needed, &Owner::new("run/item/step/1")).await.unwrap();
        let lease = leases.get("web").unwrap().clone();
        let outputs = outputs.iter().map(|(name, path)| ((*name).to_owned(), path.to_path_buf())).collect();
        let inputs = inputs.iter().map(|path| path.to_path_buf()).collect();
        let job = ResourceJob {
            with,
            inputs,
            outputs,
            resource: "web".into(),
            lease,
            once: "once-7".into(),
            note: Note::default(),
        };
        (step.run)(job).await
    }

    async fn request(&self, with: Value) -> Result<Values, Fault> {
        self.run("http.request", with, &[], &[]).await
    }
}

#[tokio::test]
async fn a_request_says_what_it_is_told_and_tells_what_it_got() {
    let server = Server::start();
    let bench = Bench::new(json!({ "base_url": server.url("/v1"), "headers": { "X-Team": "sound" } }));
    let answer = Answer::json(&json!({ "id": 7, "tags": ["a"] })).header("X-Rate", "1").header("x-rate", "2");
    server.on("/v1/notes/a b", [Answer::status(404)]);
    server.on("/v1/notes/a%20b", [answer.with_status(201).header("Set-Cookie", "session=secret")]);
    let with = json!({
        "path": "notes/a b", "query": { "tag": ["x", "y"], "n": 1.5, "deep": true, "none": null },
        "headers": { "X-Team": "mine", "X-More": "1" }, "json": { "title": "ü", "seconds": 1.5 },
    });
    let values = bench.request(with).await.unwrap();
    let seen = server.only_request();
    assert_eq!((seen.method.as_str(), seen.query()), ("POST", "tag=x&tag=y&n=1.5&deep=true"));
    assert_eq!(seen.json(), json!({ "title": "ü", "seconds": 1.5 }));
    for (name, value) in
        [("content-type", "application/json"), ("x-team", "mine"), ("x-more", "1"), ("idempotency-key", "once-7")]
    {
        assert_eq!(seen.header(name), Some(value), "{name}");
    }
    assert_eq!((&values["status"], &values["json"]), (&json!(201), &json!({ "id": 7, "tags": ["a"] })));
    assert_eq!(values["bytes"], json!(21));
    let headers = json!({ "content-type": "application/json", "x-rate": "1, 2", "content-length": "21" });
    assert_eq!(values["headers"], headers);
    assert!(values["seconds"].as_f64().unwrap() < 30.0 && !values.contains_key("text"));
}

#[tokio::test]
async fn each_kind_of_body_is_sent_as_what_it_is() {
    let server = Server::start();
    server.on("*", [Answer::text("thanks")]);
    let bench = Bench::new(json!({ "base_url": server.url("") }));
    let (sound, picture) = (bench.file("a sound.wav", "RIFF"), bench.file("p.png", "PNG"));
    bench.request(json!({ "form": { "a": "1 & 2", "b": ["x", 3] } })).await.unwrap();
    bench.request(json!({ "method": "PUT", "body": "plain ü" })).await.unwrap();
    bench.request(json!({ "body": "a,b", "content_type": "text/csv", "idempotency_key": "X-Once" })).await.unwrap();
    let values = bench.request(json!({})).await.unwrap();
    let file = json!({ "file": true, "content_type": "audio/wav", "idempotency_key": false });
    bench.run("http.request", file, &[&sound], &[]).await.unwrap();
    let parts = json!({ "parts": [
        { "name": "meta", "json": { "a": 1 } }, { "name": "one", "file": true }, { "name": "note", "text": "hi" },
        { "name": "two", "file": true, "file_name": "b.png", "content_type": "image/png" },
    ] });
    bench.run("http.request", parts, &[&sound, &picture], &[]).await.unwrap();

    let seen = server.received();
    let told: Vec<_> = seen.iter().map(|seen| (seen.method.as_str(), seen.header("content-type"))).collect();
    assert_eq!(
        told[..5],
        [
            ("POST", Some("application/x-www-form-urlencoded")),
            ("PUT", Some("text/plain; charset=utf-8")),
            ("POST", Some("text/csv")),
            ("GET", None),
            ("POST", Some("audio/wav")),
        ]
    );
    assert_eq!([seen[0].text(), seen[1].text(), seen[4].text()], ["a=1+%26+2&b=x&b=3", "plain ü", "RIFF"]);
    let once: Vec<_> = seen.iter().map(|seen| seen.header("idempotency-key")).collect();
    assert_eq!(once, [Some("once-7"), Some("once-7"), None, None, None, Some("once-7")]);
    assert_eq!(seen[2].header("x-once"), Some("once-7"));
    assert_eq!(values["text"], "thanks");
    let form = seen[5].text();
    let boundary = format!("--{}", told[5].1.unwrap().split_once("boundary=").unwrap().1);
    let parts: Vec<&str> = form.split(&boundary).skip(1).collect();
    assert_eq!(
        parts,
        [
            "\r\ncontent-disposition: form-data; name=\"meta\"\r\ncontent-type: application/json\r\n\r\n{\"a\":1}\r\n",
            "\r\ncontent-disposition: form-data; name=\"one\"; filename=\"a sound.wav\"\r\n\
             content-type: application/octet-stream\r\n\r\nRIFF\r\n",
            "\r\ncontent-disposition: form-data; name=\"note\"\r\n\r\nhi\r\n",
            "\r\ncontent-disposition: form-data; name=\"two\"; filename=\"b.png\"\r\n\
             content-type: image/png\r\n\r\nPNG\r\n",
            "--\r\n",
        ]
    );
    let fault = bench.request(json!({ "file": true })).await.unwrap_err();
    assert_eq!((fault.class, fault.cause.as_str()), (FaultClass::Input, "inputs"));
}

#[tokio::test]
async fn an_answer_goes_to_a_file_as_it_comes() {
    let server = Server::start();
    let bench = Bench::new(json!({ "base_url": server.url(""), "max_response": 8 << 20 }));
    let large: Vec<u8> = (0..1_000_000_u32).flat_map(u32::to_le_bytes).collect();
    server.on("/large", [Answer::status(200).body(large.clone()).gzip()]);
    server.on("/endless", [Answer::status(200).endless(vec![b'x'; 64 << 10])]);
    server.on("/half", [Answer::text(&"x".repeat(5000)).cut_after(3000)]);
    let to = bench.folder.path().join("out");
    let outputs = [("body", to.as_path())];
    let get = |path: &str| bench.run("http.request", json!({ "path": path }), &[], &outputs);
    let values = get("large").await.unwrap();
    assert!(std::fs::read(&to).unwrap() == large);
    assert_eq!((&values["bytes"], values.get("text"), values.get("json")), (&json!(4_000_000), None, None));
    assert_eq!(get("half").await.unwrap_err().class, FaultClass::Transient);
    let fault = get("endless").await.unwrap_err();
    assert_eq!((fault.class, fault.cause.as_str()), (FaultClass::Input, "too-large"));
    assert!(std::fs::metadata(&to).unwrap().len() <= 8 << 20);
}

#[tokio::test]
async fn only_what_is_expected_is_a_success() {
    let server = Server::start();
    let bench = Bench::new(json!({ "base_url": server.url("") }));
    server.on("/lost", [Answer::status(404).body("none such")]);
    server.on("/busy", [Answer::status(429).header("retry-after", "3")]);
    server.on("/moved", [Answer::redirect("/lost")]);
    let values = bench.request(json!({ "path": "lost", "expect": [200, 404] })).await.unwrap();
    assert_eq!((&values["status"], &values["text"]), (&json!(404), &json!("none such")));
    let fault = bench.request(json!({ "path": "lost" })).await.unwrap_err();
    assert_eq!(
        (fault.class, fault.cause.as_str(), fault.resource.as_deref()),
        (FaultClass::Input, "http-404", Some("web"))
    );
    let fault = bench.request(json!({ "path": "busy", "expect": [200] })).await.unwrap_err();
    assert_eq!((fault.class, fault.retry_after), (FaultClass::Transient, Some(3000)));
    assert_eq!(bench.request(json!({ "path": "moved" })).await.unwrap_err().cause, "http-404");
    let still = Bench::new(json!({ "base_url": server.url(""), "redirects": 0 }));
    let fault = still.request(json!({ "path": "moved" })).await.unwrap_err();
    assert!(fault.hint.as_deref().unwrap().contains("let the resource follow `redirects`"), "{fault:?}");
}

#[tokio::test]
async fn a_hook_is_told_who_sends_and_which_delivery_it_is() {
    let server = Server::start();
    let settings = json!({ "base_url": server.url("/hook/T0"), "signing_secret": "It's a Secret to Everybody" });
    let (signed, plain) = (Bench::new(settings), Bench::new(json!({ "base_url": server.url("/hook/T0") })));
    server.on("/hook/T0", [Answer::status(500), Answer::status(204), Answer::status(202), Answer::redirect("/other")]);
    let with = json!({ "json": { "event": "done", "item": "song-1" }, "headers": { "X-Room": "a" } });
    let fault = signed.run("webhook", with.clone(), &[], &[]).await.unwrap_err();
    assert_eq!((fault.class, fault.resource.as_deref()), (FaultClass::Transient, Some("web")));
    let values = signed.run("webhook", with.clone(), &[], &[]).await.unwrap();
    assert_eq!((&values["status"], &values["delivery"]), (&json!(204), &json!("once-7")));
    plain.run("webhook", with.clone(), &[], &[]).await.unwrap();
    let fault = plain.run("webhook", with, &[], &[]).await.unwrap_err();
    assert_eq!((fault.class, fault.cause.as_str()), (FaultClass::Input, "http-302"));
    assert!(fault.hint.as_deref().unwrap().contains("this call follows no redirect"), "{fault:?}");
    let seen = server.received();
    for seen in &seen {
        assert_eq!((seen.method.as_str(), seen.text().as_str()), ("POST", r#"{"event":"done","item":"song-1"}"#));
        assert_eq!(seen.header("content-type"), Some("application/json"));
        assert_eq!((seen.header("x-mediamill-delivery"), seen.header("x-room")), (Some("once-7"), Some("a")));
    }
    // openssl dgst -sha256 -hmac "It's a Secret to Everybody"
    let signature = "sha256=30c55e281590b1e7f9c9bbe1f37c813fab6ce75765613d81a7b010929c822461";
    let signatures: Vec<_> = seen.iter().map(|seen| seen.header("x-mediamill-signature")).collect();
    assert_eq!(signatures, [Some(signature), Some(signature), None, None]);
}

#[tokio::test]
async fn a_step_that_is_given_up_ends_its_request_and_gives_the_lease_back() {
    let server = Server::start();
    server.on("*", [Answer::silence()]);
    let bench = std::sync::Arc::new(Bench::new(json!({ "base_url": server.url("") })));
    let step = tokio::spawn({
        let bench = std::sync::Arc::clone(&bench);
        async move { bench.request(json!({})).await }
    });
    let wait = async |condition: &dyn Fn() -> bool| {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    wait(&|| server.received().len() == 1).await;
    step.abort();
    assert!(step.await.unwrap_err().is_cancelled());
    wait(&|| server.open_connections() == 0).await;
    assert!(bench.manager.close().await.is_empty());
}
