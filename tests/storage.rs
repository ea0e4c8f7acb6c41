//! Object storage against a real S3 server: what is put is there, whole or not at all, for those who may see it.

#![expect(clippy::unwrap_used, reason = "a test whose step fails where it must not has failed")]

#[path = "support/s3.rs"]
mod s3;

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use mediamill::resilience::{Fault, FaultClass};
use mediamill::resources::secret::Secrets;
use mediamill::resources::settings::{ResourceKind, ResourceSpec, register};
use mediamill::resources::storage::{IfExists, Key, LinkMethod, PutOptions, SHORTEST_LINK, Storage};
use mediamill::resources::{Health, Lease, Manager, Owner};
use s3::{ACCESS_KEY, HOLD, S3, SECRET_KEY, Scripted, noise};
use serde_json::{Value, json};

/// Far above what anything here takes.
const PATIENCE: Duration = Duration::from_secs(60);

struct Bench {
    manager: Manager,
    secrets: Secrets,
    folder: tempfile::TempDir,
}

impl Bench {
    fn new(settings: Value) -> Self {
        let spec = ResourceSpec {
            name: "uploads".to_owned(),
            kind: ResourceKind::Storage,
            pool: ResourceKind::Storage.pool(),
            settings,
        };
        assert_eq!(ResourceKind::Storage.check(&spec.settings), Ok(()));
        let (manager, secrets) = (Manager::new(), Secrets::default());
        register(&manager, &spec, &|_| None, &secrets).unwrap();
        Self { manager, secrets, folder: tempfile::tempdir().unwrap() }
    }

    async fn lease(&self) -> Lease<Storage> {
        self.manager.acquire("uploads", &Owner::new("test")).await.unwrap()
    }

    fn file(&self, size: usize) -> std::path::PathBuf {
        noise(self.folder.path(), &format!("in-{size}"), size)
    }

    async fn health(&self) -> mediamill::resources::HealthReport {
        self.manager.check("uploads").await
    }
}

fn key(text: &str) -> Key {
    Key::parse(text).unwrap()
}

fn same(a: &Path, b: &Path) -> bool {
    std::fs::read(a).unwrap() == std::fs::read(b).unwrap()
}

async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < deadline, "never: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn what_is_put_comes_back_with_its_type_and_words() {
    let server = S3::shared();
    let bucket = server.bucket("there-and-back");
    let bench = Bench::new(server.settings("there-and-back", json!({ "prefix": "user_uploads/anna/" })));
    let storage = bench.lease().await;
    let from = bench.file(300_000);
    let options = PutOptions {
        cache_control: Some("public, max-age=60".to_owned()),
        metadata: BTreeMap::from([("episode".to_owned(), "12".to_owned())]),
        ..PutOptions::default()
    };
    let name = key("generated/Ä e\u{301} 100%+.mp3");
    let put = storage.put(&name, &from, &options).await.unwrap();
    assert_eq!((put.size, put.skipped), (300_000, false));
    // Below the prefix, byte for byte.
    assert!(same(&from, &bucket.join("user_uploads/anna/generated/Ä e\u{301} 100%+.mp3")));
    let there = storage.head(&name).await.unwrap().unwrap();
    assert_eq!((there.size, there.content_type.as_deref()), (300_000, Some("audio/mpeg")));
    assert_eq!(there.metadata.get("episode").map(String::as_str), Some("12"));
    assert_eq!((there.etag, there.cache_control.as_deref()), (put.etag, Some("public, max-age=60")));
    let to = bench.folder.path().join("back");
    storage.get(&name, &to).await.unwrap();
    assert!(same(&from, &to));
    let listed = storage.list(None, 10).await.unwrap();
    assert_eq!(listed.len(), 1);
    assert_eq!((listed[0].key.as_str(), listed[0].size), (name.as_str(), 300_000));
    assert_eq!(
        storage.url(&name).unwrap().as_str(),
        format!("{}/there-and-back/user_uploads/anna/generated/%C3%84%20e%CC%81%20100%25%2B.mp3", server.endpoint())
    );
    storage.delete(&name).await.unwrap();
    assert_eq!(storage.head(&name).await.unwrap(), None);
    storage.delete(&name).await.unwrap();
    let gone = storage.get(&name, &to).await.unwrap_err();
    assert_eq!((gone.class, gone.cause.as_str()), (FaultClass::Input, "no-object"));
}

#[tokio::test]
async fn the_same_is_not_sent_twice_and_another_is_as_the_user_says() {
    let server = S3::shared();
    server.bucket("twice");
    let bench = Bench::new(server.settings("twice", json!({})));
    let storage = bench.lease().await;
    let (first, other) = (bench.file(1000), bench.file(1001));
    let name = key("a.wav");
    let put = |file, options| {
        let (storage, name) = (storage.clone(), name.clone());
        async move { storage.put(&name, file, &options).await }
    };
    let with = |if_exists| PutOptions { if_exists, ..PutOptions::default() };
    assert!(!put(&first, with(IfExists::Overwrite)).await.unwrap().skipped);
    for if_exists in [IfExists::Overwrite, IfExists::Skip, IfExists::Fail] {
        assert!(put(&first, with(if_exists)).await.unwrap().skipped, "{if_exists:?}");
    }
    // The same content of another type is another object.
    let typed = PutOptions { content_type: Some("audio/x-wav".to_owned()), ..PutOptions::default() };
    assert!(!put(&first, typed).await.unwrap().skipped);
    let refused = put(&other, with(IfExists::Fail)).await.unwrap_err();
    assert_eq!((refused.class, refused.cause.as_str()), (FaultClass::Input, "exists"));
    let kept = put(&other, with(IfExists::Skip)).await.unwrap();
    assert_eq!((kept.skipped, kept.size), (true, 1000));
    assert!(!put(&other, with(IfExists::Overwrite)).await.unwrap().skipped);
    assert_eq!(storage.head(&name).await.unwrap().unwrap().size, 1001);
}

#[tokio::test]
async fn a_large_file_goes_in_parts_and_comes_back_the_same() {
    let server = S3::start();
    let bucket = server.bucket("large");
    let bench = Bench::new(server.settings("large", json!({ "part_size": "5MiB" })));
    let storage = bench.lease().await;
    let from = bench.file((20 << 20) + 1);
    let name = key("large.flac");
    let put = storage.put(&name, &from, &PutOptions::default()).await.unwrap();
    assert!(put.etag.unwrap().trim_matches('"').ends_with("-5"), "five parts");
    assert!(same(&from, &bucket.join("large.flac")));
    assert!(server.unfinished_uploads().is_empty());
    let there = storage.head(&name).await.unwrap().unwrap();
    assert_eq!(there.content_type.as_deref(), Some("audio/flac"));
    assert!(storage.put(&name, &from, &PutOptions::default()).await.unwrap().skipped);
    // The connection breaks on the way back.
    let to = bench.folder.path().join("back");
    server.cut_after(3_000_000);
    storage.get(&name, &to).await.unwrap();
    assert!(same(&from, &to));
    let figures = bench.manager.status("uploads").unwrap().metrics.figures;
    assert_eq!(figures["downloads_resumed"], 1, "{figures:?}");
    assert_eq!(figures["bytes_sent"], (20 << 20) + 1);
}

#[tokio::test]
async fn what_comes_in_between_is_not_replaced_by_a_large_file() {
    let server = S3::start();
    let bucket = server.bucket("between");
    let bench = Bench::new(server.settings("between", json!({ "part_size": "5MiB" })));
    let from = bench.file(48 << 20);
    let storage = bench.lease().await;
    let (name, options) = (key("x.bin"), PutOptions { if_exists: IfExists::Fail, ..PutOptions::default() });
    let somebody = async {
        until("a part arrives", || server.parts() > 0).await;
        std::fs::write(bucket.join("x.bin"), "somebody's").unwrap();
    };
    let (put, ()) = tokio::join!(storage.put(&name, &from, &options), somebody);
    let fault = put.unwrap_err();
    assert_eq!((fault.class, fault.cause.as_str()), (FaultClass::Input, "exists"));
    assert_eq!(std::fs::read(bucket.join("x.bin")).unwrap(), b"somebody's");
    assert_eq!(server.unfinished_uploads(), Vec::<String>::new());
    std::fs::remove_file(bucket.join("x.bin")).unwrap();
    assert!(!storage.put(&name, &from, &options).await.unwrap().skipped);
    assert!(storage.put(&name, &from, &options).await.unwrap().skipped);
}

#[tokio::test]
async fn a_service_of_s3_is_told_that_a_large_file_may_replace_nothing() {
    let begun = "<InitiateMultipartUploadResult><Bucket>b</Bucket><Key>x.bin</Key><UploadId>a+b/c=</UploadId>\
                 </InitiateMultipartUploadResult>";
    let refused = "<Error><Code>PreconditionFailed</Code><Message>it is there</Message></Error>";
    let (none, part) = ("404 Not Found", ("200 OK\r\netag: \"part\"", ""));
    let answers = || {
        let before = [(none, ""), ("200 OK", begun), part, part, (none, "")];
        before.into_iter().chain([("412 Precondition Failed", refused), ("204 No Content", ""), (none, "")]).collect()
    };
    for if_exists in [IfExists::Fail, IfExists::Overwrite] {
        let service = Scripted::start(answers());
        let bench = Bench::new(json!({
            "provider": "s3", "bucket": "b", "endpoint": service.endpoint(), "allow_http": true, "access_key": "a",
            "secret_key": "s", "part_size": "5MiB",
        }));
        let (storage, from) = (bench.lease().await, bench.file((5 << 20) + 1));
        let options = PutOptions { if_exists, ..PutOptions::default() };
        let fault = storage.put(&key("x.bin"), &from, &options).await.unwrap_err();
        let seen = service.requests.lock().unwrap().clone();
        let completed = seen.iter().find(|head| head.starts_with("POST") && head.contains("uploadId=")).unwrap();
        let is_told = completed.to_lowercase().contains("if-none-match: *");
        assert_eq!(is_told, if_exists == IfExists::Fail, "{completed}");
        if is_told {
            assert_eq!((fault.class, fault.cause.as_str()), (FaultClass::Input, "exists"), "{seen:?}");
        }
    }
}

#[tokio::test]
async fn of_many_who_put_one_key_into_a_folder_at_the_same_time_one_does() {
    let folder = tempfile::tempdir().unwrap();
    let bench = Bench::new(json!({ "provider": "local", "folder": folder.path() }));
    let storage = bench.lease().await;
    for round in 0..20 {
        for (if_exists, same) in [(IfExists::Fail, false), (IfExists::Fail, true), (IfExists::Skip, false)] {
            let name = key(&format!("{if_exists:?}-{same}-{round}.bin"));
            let files: Vec<_> = (0..16).map(|who| bench.file(if same { 100_000 } else { 100_000 + who })).collect();
            let puts = files.into_iter().map(|from| {
                let (storage, name) = (storage.clone(), name.clone());
                let options = PutOptions { if_exists, ..PutOptions::default() };
                tokio::spawn(async move { storage.put(&name, &from, &options).await })
            });
            let puts: Vec<_> = puts.collect();
            let (mut sent, mut skipped) = (Vec::new(), 0);
            for put in puts {
                match put.await.unwrap() {
                    Ok(put) if put.skipped => skipped += 1,
                    Ok(put) => sent.push(put.size),
                    Err(fault) => assert_eq!(fault.cause, "exists", "{fault:?}"),
                }
            }
            let there = std::fs::metadata(folder.path().join(name.as_str())).unwrap().len();
            let all_but_one = if same || if_exists == IfExists::Skip { 15 } else { 0 };
            assert_eq!((sent, skipped), (vec![there], all_but_one), "{name}");
        }
    }
    let left = std::fs::read_dir(folder.path())
        .unwrap()
        .filter(|entry| entry.as_ref().unwrap().file_name().to_string_lossy().starts_with('.'));
    assert_eq!(left.count(), 0);
}

#[tokio::test]
async fn where_a_folder_stands_nothing_is_put() {
    let folder = tempfile::tempdir().unwrap();
    let bench = Bench::new(json!({ "provider": "local", "folder": folder.path() }));
    let (storage, from) = (bench.lease().await, bench.file(1000));
    std::fs::create_dir(folder.path().join("taken")).unwrap();
    for if_exists in [IfExists::Overwrite, IfExists::Skip, IfExists::Fail] {
        let options = PutOptions { if_exists, ..PutOptions::default() };
        let name = key("taken");
        let put = tokio::time::timeout(PATIENCE, storage.put(&name, &from, &options));
        let fault = put.await.unwrap().unwrap_err();
        assert_eq!((fault.class, fault.message.as_str()), (FaultClass::Input, "'taken' is a folder"), "{if_exists:?}");
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing half-written is left");
}

#[tokio::test]
async fn a_put_that_is_dropped_leaves_no_part_behind() {
    let server = S3::start();
    let bucket = server.bucket("dropped");
    let bench = Bench::new(server.settings("dropped", json!({ "part_size": "5MiB" })));
    let from = bench.file(48 << 20);
    let storage = bench.lease().await;
    let (name, options) = (key("x.bin"), PutOptions::default());
    tokio::select! {
        done = storage.put(&name, &from, &options) => panic!("too fast to be dropped: {done:?}"),
        () = until("a part arrives", || server.parts() > 0) => {}
    }
    drop(storage);
    // The manager closes when the last part is taken away.
    assert!(bench.manager.close().await.is_empty());
    assert_eq!(server.unfinished_uploads(), Vec::<String>::new());
    assert!(!bucket.join("x.bin").exists());
}

#[tokio::test]
async fn a_put_whose_file_shrinks_leaves_no_part_behind() {
    let server = S3::start();
    let bucket = server.bucket("shrunk");
    let bench = Bench::new(server.settings("shrunk", json!({ "part_size": "5MiB" })));
    let from = bench.file(48 << 20);
    let storage = bench.lease().await;
    let (name, options) = (key("x.bin"), PutOptions::default());
    let shrunk = storage.put(&name, &from, &options);
    let shrink = async {
        until("a part arrives", || server.parts() > 0).await;
        std::fs::File::options().write(true).open(&from).unwrap().set_len(6 << 20).unwrap();
    };
    let (put, ()) = tokio::join!(shrunk, shrink);
    let fault = put.unwrap_err();
    assert_eq!((fault.class, fault.cause.as_str()), (FaultClass::Transient, "changed"));
    assert_eq!(server.unfinished_uploads(), Vec::<String>::new());
    assert!(!bucket.join("x.bin").exists());
}

#[tokio::test]
async fn a_signed_link_is_for_anybody_until_it_ends() {
    let server = S3::shared();
    let bucket = server.bucket("links");
    let bench = Bench::new(server.settings("links", json!({ "prefix": "me" })));
    let storage = bench.lease().await;
    let from = bench.file(5000);
    let name = key("a b/c+d&e=f?g#h~'%.mp3");
    storage.put(&name, &from, &PutOptions::default()).await.unwrap();
    let http = reqwest::Client::new();
    let link = storage.sign(LinkMethod::Get, &name, SHORTEST_LINK).await.unwrap();
    assert!(link.url.query_pairs().any(|(name, value)| name == "X-Amz-Expires" && value == "3600"));
    assert!(!format!("{link:?}").contains("X-Amz-Signature"));
    let ends = link.expires.unwrap().as_second() - jiff::Timestamp::now().as_second();
    assert!((3590..=3600).contains(&ends), "{ends}");
    let answer = http.get(link.url.clone()).send().await.unwrap();
    assert_eq!(answer.headers()["content-type"], "audio/mpeg");
    assert_eq!(answer.bytes().await.unwrap(), std::fs::read(&from).unwrap());
    // It opens one object, in one way.
    let mut elsewhere = link.url.clone();
    elsewhere.set_path("/links/me/another");
    assert_eq!(http.get(elsewhere).send().await.unwrap().status(), 403);
    assert_eq!(http.put(link.url).body("x").send().await.unwrap().status(), 403);
    let link = storage.sign(LinkMethod::Put, &key("theirs.txt"), SHORTEST_LINK).await.unwrap();
    assert_eq!(http.put(link.url).body("from outside").send().await.unwrap().status(), 200);
    assert_eq!(std::fs::read(bucket.join("me/theirs.txt")).unwrap(), b"from outside");
    // One of a second works, and then does not.
    let short = storage.sign(LinkMethod::Get, &name, Duration::from_secs(1)).await.unwrap();
    let deadline = Instant::now() + PATIENCE;
    while http.get(short.url.clone()).send().await.unwrap().status() != 403 {
        assert!(Instant::now() < deadline, "the link never ends");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn trouble_with_the_service_is_told_and_parks_and_shows_no_secret() {
    let server = S3::shared();
    server.bucket("trouble");
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let table = [
        (json!({ "secret_key": "another-secret-that-is-wrong" }), "credentials", "clock"),
        (json!({ "access_key": "NOBODY" }), "credentials", "access_key"),
        (json!({ "endpoint": format!("http://{free}") }), "unreachable", "endpoint"),
        (json!({ "endpoint": "http://no-such-host.invalid" }), "unreachable", "endpoint"),
    ];
    for (wrong, cause, hint) in table {
        let bench = Bench::new(server.settings("trouble", wrong.clone()));
        let storage = bench.lease().await;
        let from = bench.file(10);
        let put: Fault = storage.put(&key("a"), &from, &PutOptions::default()).await.unwrap_err();
        assert_eq!(put.class, FaultClass::Dependency, "{wrong}: {put:?}");
        assert_eq!(put.cause, cause, "{wrong}: {put:?}");
        let health = bench.health().await;
        assert_eq!(health.health, Health::Unhealthy, "{wrong}");
        let told = format!("{health:?}");
        assert!(health.hint.unwrap_or_default().contains(hint), "{told}");
        for secret in bench.secrets.all() {
            assert!(!told.contains(&secret) && !format!("{put:?}").contains(&secret), "{told}");
        }
        // Its own trouble breaks no handle, and a way out of the prefix breaks nothing.
        assert_eq!(Key::parse("../a").unwrap_err().cause, "path");
    }
    // A put would make it there, as no other service does.
    let health = Bench::new(server.settings("no-such-bucket", json!({}))).health().await;
    assert_eq!(health.health, Health::Unhealthy);
    assert!(health.hint.as_deref().is_some_and(|hint| hint.contains("no-such-bucket")), "{health:?}");
    let bench = Bench::new(server.settings("trouble", json!({ "check_writes": true })));
    let health = bench.health().await;
    assert_eq!((health.health, health.hint), (Health::Healthy, None), "{}", health.details);
    assert!(health.details.contains("can be written"));
    assert_eq!(bench.lease().await.list(None, 5).await.unwrap(), []);
}

#[tokio::test]
async fn a_service_that_is_busy_is_asked_again_when_it_said() {
    let slow = "<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>";
    let missing = ("404 Not Found", "");
    let settings = |server: &Scripted| {
        json!({
            "provider": "s3", "bucket": "b", "endpoint": server.endpoint(), "allow_http": true, "access_key": ACCESS_KEY,
            "secret_key": SECRET_KEY, "timeout": 0.5,
        })
    };
    let put = async |answer: (&'static str, &'static str)| {
        let server = Scripted::start(vec![missing, answer]);
        let bench = Bench::new(settings(&server));
        let from = bench.file(10);
        let fault = bench.lease().await.put(&key("a"), &from, &PutOptions::default()).await.unwrap_err();
        // It is the engine that tries again.
        assert_eq!(server.requests.lock().unwrap().len(), 2);
        fault
    };
    let fault = put(("503 Slow Down\r\nretry-after: 7", slow)).await;
    assert_eq!((fault.class, fault.cause.as_str(), fault.retry_after), (FaultClass::Transient, "busy", Some(7000)));
    let none = "<Error><Code>NoSuchBucket</Code><Message>The bucket does not exist</Message></Error>";
    let fault = put(("404 Not Found", none)).await;
    assert_eq!((fault.class, fault.cause.as_str()), (FaultClass::Dependency, "no-bucket"));
    let fault = put(("500 Internal Server Error", "")).await;
    assert_eq!((fault.class, fault.cause.as_str()), (FaultClass::Transient, "server"));
    let fault = put(("", "")).await;
    assert_eq!((fault.class, fault.cause.as_str()), (FaultClass::Transient, "connection"));
    let fault = put((HOLD, "")).await;
    assert_eq!((fault.class, fault.cause.as_str()), (FaultClass::Transient, "timeout"));
    let fault = put(("403 Forbidden\r\ndate: Sat, 09 May 2015 08:00:00 GMT", "")).await;
    assert_eq!((fault.class, fault.cause.as_str()), (FaultClass::Dependency, "clock"));
}

#[tokio::test]
async fn a_key_that_may_only_write_writes() {
    let server = Scripted::start(vec![("403 Forbidden", ""), ("200 OK\r\netag: \"abc\"", "")]);
    let bench = Bench::new(json!({
        "provider": "s3", "bucket": "b", "endpoint": server.endpoint(), "allow_http": true, "access_key": ACCESS_KEY,
        "secret_key": SECRET_KEY,
    }));
    let put = bench.lease().await.put(&key("a.txt"), &bench.file(10), &PutOptions::default()).await.unwrap();
    assert_eq!((put.etag.as_deref(), put.skipped), (Some("\"abc\""), false));
    let asked = server.requests.lock().unwrap().join("");
    assert!(asked.contains("HEAD /b/a.txt") && asked.contains("PUT /b/a.txt"), "{asked}");
}

#[tokio::test]
async fn azure_signs_with_the_key_of_the_account_and_its_refusals_go_to_their_accounts() {
    let told = "<?xml version=\"1.0\"?><Error><Code>ContainerNotFound</Code><Message>not there</Message></Error>";
    let server = Scripted::start(vec![("404 Not Found", ""), ("404 The specified container does not exist.", told)]);
    let settings = json!({
        "provider": "azure", "bucket": "box", "account": "acme", "endpoint": server.endpoint(), "allow_http": true,
        "account_key": "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3JldA==", "prefix": "me",
    });
    let bench = Bench::new(settings.clone());
    let storage = bench.lease().await;
    let fault = storage.put(&key("a.png"), &bench.file(10), &PutOptions::default()).await.unwrap_err();
    assert_eq!((fault.class, fault.cause.as_str()), (FaultClass::Dependency, "no-bucket"));
    let asked = server.requests.lock().unwrap().join("");
    assert!(asked.contains("PUT /box/me/a.png") && asked.contains("authorization: SharedKey acme:"), "{asked}");
    let link = storage.sign(LinkMethod::Get, &key("a.png"), SHORTEST_LINK).await.unwrap();
    let query: BTreeMap<String, String> = link.url.query_pairs().into_owned().collect();
    // Create a service SAS: resource, permission, start and expiry, signature.
    assert_eq!((query["sr"].as_str(), query["sp"].as_str(), query["sig"].len()), ("b", "r", 44), "{query:?}");
    let ends = query["se"].parse::<jiff::Timestamp>().unwrap().duration_since(jiff::Timestamp::now()).as_secs();
    assert!((3590..=3600).contains(&ends), "{ends}");
    assert!(link.url.path().ends_with("/box/me/a.png"), "{}", link.url);
    let mut with_sas = settings.as_object().unwrap().clone();
    with_sas.remove("account_key");
    with_sas.insert("sas".to_owned(), json!("?sv=2023-11-03&sp=rw&sig=a%2Bvery%2Bsecret%3D"));
    let bench = Bench::new(with_sas.into());
    let fault = bench.lease().await.sign(LinkMethod::Get, &key("a"), SHORTEST_LINK).await.unwrap_err();
    assert_eq!((fault.class, fault.cause.as_str()), (FaultClass::Dependency, "cannot-sign"));
    assert_eq!(bench.secrets.redact("x a+very+secret= y"), "x [redacted] y");
}

#[tokio::test]
async fn google_signs_with_the_key_of_the_service_account() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("key.json");
    let made = std::process::Command::new("openssl").args(["genpkey", "-algorithm", "RSA", "-quiet"]).output();
    let Some(made) = made.ok().filter(|made| made.status.success()) else {
        assert!(std::env::var_os("CI").is_none(), "openssl is missing");
        writeln!(std::io::stderr(), "skipped: openssl is missing").unwrap();
        return;
    };
    let denied = "<?xml version='1.0'?><Error><Code>AccessDenied</Code><Message>Access denied.</Message></Error>";
    let server = Scripted::start(vec![("404 Not Found", ""), ("403 Forbidden", denied)]);
    let account = json!({
        "private_key": String::from_utf8(made.stdout).unwrap(), "private_key_id": "1", "client_email": "me@acme.example",
        "token_uri": format!("{}/token", server.endpoint()), "type": "service_account", "gcs_base_url": server.endpoint(),
    });
    std::fs::write(&file, account.to_string()).unwrap();
    let bench = Bench::new(json!({
        "provider": "gcs", "bucket": "box", "service_account": file, "endpoint": server.endpoint(), "allow_http": true,
    }));
    let storage = bench.lease().await;
    let link = storage.sign(LinkMethod::Get, &key("a b.png"), SHORTEST_LINK).await.unwrap();
    let query: BTreeMap<String, String> = link.url.query_pairs().into_owned().collect();
    // V4 signing: algorithm, life, RSA signature of 2048 bits in hexadecimal.
    assert_eq!((query["X-Goog-Algorithm"].as_str(), query["X-Goog-Expires"].as_str()), ("GOOG4-RSA-SHA256", "3600"));
    assert_eq!(query["X-Goog-Signature"].len(), 512);
    assert!(link.url.path().ends_with("/box/a%20b.png"), "{}", link.url);
    let fault = storage.put(&key("a"), &bench.file(10), &PutOptions::default()).await.unwrap_err();
    assert_eq!((fault.class, fault.cause.as_str()), (FaultClass::Dependency, "access"), "{fault:?}");
    let asked = server.requests.lock().unwrap().join("");
    assert!(asked.contains("PUT /box/a HTTP") && asked.contains("authorization: Bearer ey"), "{asked}");
}

#[tokio::test]
async fn a_folder_keeps_objects_too_and_no_link_leads_out_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("objects");
    let bench = Bench::new(json!({ "provider": "local", "folder": root, "prefix": "anna" }));
    let storage = bench.lease().await;
    let from = bench.file(1000);
    let name = key("generated/1.png");
    assert!(!storage.put(&name, &from, &PutOptions::default()).await.unwrap().skipped);
    assert!(storage.put(&name, &from, &PutOptions::default()).await.unwrap().skipped);
    assert!(same(&from, &root.join("anna/generated/1.png")));
    let to = bench.folder.path().join("back");
    assert_eq!(storage.get(&name, &to).await.unwrap().size, 1000);
    assert!(same(&from, &to));
    assert_eq!(storage.list(None, 9).await.unwrap()[0].key, "generated/1.png");
    assert_eq!(storage.url(&name).unwrap().scheme(), "file");
    let fault = storage.sign(LinkMethod::Get, &name, SHORTEST_LINK).await.unwrap_err();
    assert_eq!((fault.class, fault.cause.as_str()), (FaultClass::Dependency, "cannot-sign"));
    std::os::unix::fs::symlink(bench.folder.path(), root.join("anna/out")).unwrap();
    let fault = storage.put(&key("out/x"), &from, &PutOptions::default()).await.unwrap_err();
    assert_eq!((fault.class, fault.cause.as_str()), (FaultClass::Input, "path"));
    assert!(!bench.folder.path().join("x").exists());
    storage.delete(&name).await.unwrap();
    assert_eq!(storage.head(&name).await.unwrap(), None);
    assert_eq!(storage.get(&name, &to).await.unwrap_err().cause, "no-object");
    assert_eq!(bench.health().await.health, Health::Healthy);
    let shown = json!({ "provider": "local", "folder": root, "public_url": "https://cdn.example/files/" });
    let bench = Bench::new(shown);
    let link = bench.lease().await.sign(LinkMethod::Get, &key("a b.png"), SHORTEST_LINK).await.unwrap();
    assert_eq!((link.url.as_str(), link.expires), ("https://cdn.example/files/a%20b.png", None));
}

#[test]
fn settings_that_do_not_fit_are_told_before_anything_runs() {
    let check = |settings: Value| ResourceKind::Storage.check(&settings).unwrap_err();
    let s3 = |more: Value| {
        let mut settings =
            json!({ "provider": "s3", "bucket": "b", "access_key": "${KEY}", "secret_key": "${SECRET}" });
        settings.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        settings
    };
    assert_eq!(ResourceKind::Storage.check(&s3(json!({ "endpoint": "${URL}", "prefix": "u/${USER}" }))), Ok(()));
    for (settings, told) in [
        (json!({ "provider": "s3", "bucket": "b" }), "needs `access_key`"),
        (json!({ "provider": "supabase", "bucket": "b" }), "https://PROJECT.supabase.co/storage/v1/s3"),
        (json!({ "provider": "azure", "bucket": "b", "account": "a" }), "`account_key` or `sas`"),
        (json!({ "provider": "gcs", "bucket": "b" }), "needs `service_account`"),
        (json!({ "provider": "local" }), "needs `folder`"),
        (json!({ "provider": "local", "folder": "x", "bucket": "b" }), "`bucket` means nothing"),
        (json!({ "provider": "dropbox" }), "dropbox"),
        (s3(json!({ "endpoint": "http://127.0.0.1:9000" })), "allow_http"),
        (s3(json!({ "endpoint": "ftp://x" })), "https://"),
        (s3(json!({ "endpoint": "https://user:word@x" })), "more than a host"),
        (s3(json!({ "prefix": "../out" })), "`prefix`"),
        (s3(json!({ "part_size": "1MiB" })), "between 5MiB"),
        (s3(json!({ "buckets": "b" })), "unknown field"),
    ] {
        let found = check(settings.clone());
        assert!(found.contains(told), "{settings}: {found}");
    }
}
