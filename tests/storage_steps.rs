//! The steps on object storage, against a real S3 server: keys below the prefix, links of an hour at least, no secret told.

#![expect(clippy::unwrap_used, reason = "a test whose step fails where it must not has failed")]

#[path = "support/s3.rs"]
mod s3;

use std::path::PathBuf;

use indexmap::IndexMap;
use mediamill::pipeline::builtins::{Asked, Builtins};
use mediamill::resilience::{Fault, FaultClass};
use mediamill::resources::secret::Secrets;
use mediamill::resources::settings::{ResourceKind, ResourceSpec, register};
use mediamill::resources::{Manager, Owner, Requirement};
use mediamill::steps::builtin::Values;
use mediamill::steps::catalog::Catalog;
use mediamill::steps::register::find_resource;
use mediamill::steps::resource::{Note, ResourceJob};
use s3::{S3, SECRET_KEY, noise};
use serde_json::{Value, json};

struct Bench {
    manager: Manager,
    folder: tempfile::TempDir,
}

impl Bench {
    fn new(settings: Value) -> Self {
        let kind = ResourceKind::Storage;
        let spec = ResourceSpec { name: "uploads".to_owned(), kind, pool: kind.pool(), settings };
        let manager = Manager::new();
        register(&manager, &spec, &|_| None, &Secrets::default()).unwrap();
        Self { manager, folder: tempfile::tempdir().unwrap() }
    }

    fn file(&self, name: &str, size: usize) -> PathBuf {
        noise(self.folder.path(), name, size)
    }

    fn output(&self) -> PathBuf {
        self.folder.path().join("output")
    }

    /// Runs the step as the engine does.
    async fn run(&self, step: &str, with: Value, inputs: &[PathBuf]) -> Result<Values, Fault> {
        let (owner, wanted) = (Owner::new("run/item/step/1"), [Requirement::new("uploads")]);
        let leases = self.manager.acquire_all(&wanted, &owner).await.unwrap();
        let outputs = IndexMap::from([("file".to_owned(), self.output())]);
        let lease = leases.get("uploads").unwrap();
        let (resource, once) = ("uploads".to_owned(), "once".to_owned());
        let job = ResourceJob {
            with,
            inputs: inputs.to_vec(),
            outputs,
            resource,
            lease: lease.clone(),
            once,
            note: Note::default(),
        };
        (find_resource(step).unwrap().run)(job).await
    }
}

fn text<'a>(values: &'a Values, name: &str) -> &'a str {
    values.get(name).and_then(Value::as_str).unwrap_or_else(|| panic!("no {name} in {values:?}"))
}

#[tokio::test]
async fn an_episode_is_put_linked_and_fetched_again() {
    let server = S3::shared();
    let bucket = server.bucket("episodes");
    let bench =
        Bench::new(server.settings("episodes", json!({ "prefix": "anna", "public_url": "https://cdn.example/" })));
    let song = bench.file("song one.mp3", 70_000);
    let with = json!({ "to": "abc/generated/song.mp3", "sign": "2h", "metadata": { "episode": "1" } });
    let put = bench.run("storage.put", with.clone(), std::slice::from_ref(&song)).await.unwrap();
    assert_eq!(
        (text(&put, "key"), put["bytes"].as_u64(), put["sent"].as_u64()),
        ("abc/generated/song.mp3", Some(70_000), Some(1))
    );
    assert_eq!(text(&put, "url"), "https://cdn.example/anna/abc/generated/song.mp3");
    assert!(bucket.join("anna/abc/generated/song.mp3").is_file());
    let ends =
        text(&put, "expires").parse::<jiff::Timestamp>().unwrap().duration_since(jiff::Timestamp::now()).as_secs();
    assert!((7190..=7200).contains(&ends), "{ends}");
    let answer = reqwest::get(text(&put, "signed_url")).await.unwrap();
    assert_eq!((answer.status().as_u16(), answer.headers()["content-type"].to_str().unwrap()), (200, "audio/mpeg"));
    assert_eq!(answer.bytes().await.unwrap(), std::fs::read(&song).unwrap());
    // Done again, it sends nothing.
    let again = bench.run("storage.put", with, std::slice::from_ref(&song)).await.unwrap();
    assert_eq!((again["sent"].as_u64(), &again["etag"]), (Some(0), &put["etag"]));
    let got = bench.run("storage.get", json!({ "from": text(&put, "key") }), &[]).await.unwrap();
    assert_eq!((got["bytes"].as_u64(), text(&got, "content_type")), (Some(70_000), "audio/mpeg"));
    assert_eq!(std::fs::read(bench.output()).unwrap(), std::fs::read(&song).unwrap());
    let signed = bench.run("storage.sign", json!({ "key": "abc/generated/song.mp3" }), &[]).await.unwrap();
    assert!(text(&signed, "signed_url").contains("X-Amz-Expires=3600&"));
    assert_eq!(reqwest::get(text(&signed, "signed_url")).await.unwrap().status(), 200);
    let signed =
        bench.run("storage.sign", json!({ "key": "up.txt", "method": "put", "expires": 7200 }), &[]).await.unwrap();
    let sent = reqwest::Client::new().put(text(&signed, "signed_url")).body("mine").send().await.unwrap();
    assert_eq!((sent.status().as_u16(), std::fs::read(bucket.join("anna/up.txt")).unwrap()), (200, b"mine".to_vec()));
}

#[tokio::test]
async fn several_files_go_below_a_key_that_ends_with_a_slash() {
    let server = S3::shared();
    let bucket = server.bucket("several");
    let bench = Bench::new(server.settings("several", json!({})));
    let files = [bench.file("vocals.wav", 10), bench.file("drums.wav", 20)];
    let put = bench.run("storage.put", json!({ "to": "stems/" }), &files).await.unwrap();
    assert_eq!((put["bytes"].as_u64(), put["sent"].as_u64(), put.get("key")), (Some(30), Some(2), None));
    let keys: Vec<&str> =
        put["objects"].as_array().unwrap().iter().map(|object| object["key"].as_str().unwrap()).collect();
    assert_eq!(keys, ["stems/vocals.wav", "stems/drums.wav"]);
    assert!(bucket.join("stems/drums.wav").is_file());
    let twins = [files[0].clone(), files[0].clone()];
    for (to, inputs) in [("stems", &files), ("stems/", &twins)] {
        let fault = bench.run("storage.put", json!({ "to": to }), inputs).await.unwrap_err();
        assert_eq!((fault.class, fault.cause.as_str()), (FaultClass::Input, "inputs"), "{to}");
    }
}

#[tokio::test]
async fn what_an_item_asks_for_outside_its_place_is_the_items_fault_and_the_services_trouble_is_not() {
    let server = S3::shared();
    server.bucket("faults");
    let bench = Bench::new(server.settings("faults", json!({ "prefix": "anna" })));
    let files = [bench.file("a", 10)];
    for (step, with, cause) in [
        ("storage.put", json!({ "to": "../bob/a" }), "path"),
        ("storage.put", json!({ "to": "/a" }), "path"),
        ("storage.get", json!({ "from": "%2e%2e/bob" }), "path"),
        ("storage.get", json!({ "from": "none" }), "no-object"),
        ("storage.sign", json!({ "key": "a\\b" }), "path"),
        ("storage.sign", json!({ "key": "a", "expires": "59m" }), "parameters"),
        ("storage.put", json!({ "to": "a", "sign": 60 }), "parameters"),
    ] {
        let fault = bench.run(step, with.clone(), &files).await.unwrap_err();
        assert_eq!((fault.class, fault.cause.as_str()), (FaultClass::Input, cause), "{step} {with}");
    }
    let wrong = server.settings("faults", json!({ "secret_key": "wrong-secret-for-this-test" }));
    let fault = Bench::new(wrong).run("storage.put", json!({ "to": "a" }), &files).await.unwrap_err();
    assert_eq!((fault.class, fault.resource.as_deref()), (FaultClass::Dependency, Some("uploads")));
    let told = serde_json::to_string(&fault).unwrap();
    assert!(!told.contains("wrong-secret") && !told.contains(SECRET_KEY), "{told}");
}

#[test]
fn what_a_resource_cannot_do_for_a_step_is_told_with_its_place() {
    let resources = r#"
[resources.folder]
kind = "storage"
provider = "local"
folder = "up"
[resources.web]
kind = "http"
allow_hosts = ["files.example.org"]
[resources.api]
kind = "http"
base_url = "https://api.example.org/v1"
[resources.model]
kind = "llm"
provider = "anthropic"
model = "m"
api_key = "${KEY}"
"#;
    let step = |uses: &str, resource: &str, with: &str| {
        format!(
            "{resources}[[step]]\nid = \"a\"\nuses = \"{uses}\"\nresources = [\"{resource}\"]\nwith = {{ {with} }}\n"
        )
    };
    let hook = |resource: &str| {
        let step = "[[step]]\nid = \"a\"\nrun = [\"cp\", \"{in}\"]\n[[hooks.on_done]]\nuses = \"webhook\"\n";
        format!(
            "{resources}{step}resources = [\"{resource}\"]\nwith = {{ path = \"done\", json = {{ a = \"{{item.stem}}\" }} }}\n"
        )
    };
    let outside = "url = \"https://cdn.example.org/{item.name}\"";
    for (text, message, place) in [
        (step("storage.put", "folder", "to = \"{item.name}\", sign = \"2h\""), "a folder signs nothing", "\"2h\""),
        (step("storage.sign", "folder", "key = \"{item.name}\""), "a folder signs nothing", "\"storage.sign\""),
        (step("http.request", "web", "path = \"{item.stem}\""), "has no `base_url`", "\"{item.stem}\""),
        (
            step("http.request", "web", outside),
            "is not where this resource may go",
            "\"https://cdn.example.org/{item.name}\"",
        ),
        (
            step("http.request", "api", outside),
            "is not where this resource may go",
            "\"https://cdn.example.org/{item.name}\"",
        ),
        (step("llm.complete", "model", "prompt = \"{item.stem}\", seed = 7"), "`anthropic` knows no seed", "7"),
        (step("llm.complete", "model", "prompt = \"{item.stem}\", temperature = 1.5"), "between 0 and 1", "1.5"),
        (hook("web"), "has no `base_url`", "\"done\""),
        (step("http.request", "api", "path = \"{item.stem}\""), "", ""),
        (step("storage.put", "folder", "to = \"{item.name}\""), "", ""),
        (hook("api"), "", ""),
    ] {
        let (_, found) = mediamill::pipeline::load::parse("x.toml", &text, &Catalog::registered());
        let errors: Vec<_> = found.iter().filter(|told| !told.message.contains("no step and no hook")).collect();
        let told: Vec<(&str, &str)> =
            errors.iter().map(|told| (told.message.as_str(), &text[told.span.clone().unwrap()])).collect();
        match told.as_slice() {
            [] => assert_eq!(message, "", "{text}"),
            [(told, at)] => assert!(!message.is_empty() && told.contains(message) && *at == place, "{told} at {at}"),
            more => panic!("{more:?}"),
        }
    }
}

#[test]
fn what_fails_for_every_item_is_told_at_check_time() {
    let catalog = Catalog::registered();
    let told = |step: &str, with: Value, inputs: usize| {
        let mut problems = catalog.check(step, &with);
        problems.extend(catalog.misfit(step, &with, &Asked { inputs, outputs: Vec::new() }));
        assert!(problems.len() <= 1, "{step} {with}: {problems:?}");
        problems.pop().map_or(String::new(), |problem| problem.message)
    };
    let stem = "{item.stem}";
    for (step, with, inputs, wanted) in [
        ("storage.put", json!({ "to": format!("{stem}/song.mp3"), "sign": "1h" }), 1, ""),
        ("storage.put", json!({ "to": format!("{stem}/") }), 3, ""),
        ("storage.put", json!({ "to": "{pick.folder}" }), 3, ""),
        ("storage.put", json!({ "to": format!("{stem}/song.mp3") }), 2, "`to` is one key, and 2 files"),
        ("storage.put", json!({ "to": format!("../{stem}") }), 1, "leads out"),
        ("storage.put", json!({ "to": format!("/{stem}") }), 1, "begins with a slash"),
        ("storage.put", json!({ "to": format!("a//{stem}") }), 1, "empty part"),
        ("storage.put", json!({ "to": stem, "sign": "30m" }), 1, "3600"),
        ("storage.put", json!({ "to": "a", "sign": 60 }), 1, "3600"),
        ("storage.put", json!({ "to": "a", "metadata": { "Ä": "x" } }), 1, "is no name"),
        ("storage.put", json!({ "to": "a", "cache_control": "a\nb" }), 1, "printable"),
        ("storage.put", json!({ "to": "a", "if_exists": "replace" }), 1, "if_exists"),
        ("storage.sign", json!({ "key": stem, "expires": "59m" }), 1, "3600"),
        ("storage.sign", json!({ "key": stem, "expires": "8d" }), 1, "604800"),
        ("storage.sign", json!({ "key": stem, "expires": 3600 }), 1, ""),
        ("storage.sign", json!({ "key": stem }), 1, ""),
        ("storage.get", json!({ "from": format!("{stem}/..") }), 1, "leads out"),
        ("storage.get", json!({ "from": "a/" }), 1, "empty part"),
    ] {
        let found = told(step, with.clone(), inputs);
        assert!(if wanted.is_empty() { found.is_empty() } else { found.contains(wanted) }, "{step} {with}: {found:?}");
    }
}
