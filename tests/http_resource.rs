//! HTTP services as resources, against a real server with real faults: each fault goes to the right account, requests go
//! only where they may, credentials go to one place, nothing is held that is not bounded, and no secret is told.

#![expect(clippy::unwrap_used, reason = "a test whose step fails where it must not has failed")]

#[path = "support/server.rs"]
mod server;

use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use mediamill::resilience::{Fault, FaultClass};
use mediamill::resources::http::{
    Body, Client, ClientSettings, Content, HostRule, HttpService, Lookup, Part, Rate, Request, Response,
};
use mediamill::resources::secret::Secrets;
use mediamill::resources::settings::{ResourceKind, ResourceSpec, register};
use mediamill::resources::{Health, Lease, Manager, Owner};
use reqwest::Method;
use reqwest::header::{AUTHORIZATION, HeaderValue};
use serde_json::{Value, json};
use server::{Answer, Server};
use tokio::time::Instant;

/// A manager with the resource `web`, made of settings as a pipeline has them.
fn manager(settings: Value, secrets: &Secrets) -> Manager {
    let manager = Manager::new();
    ResourceKind::Http.check(&settings).unwrap();
    let spec = ResourceSpec { name: "web".into(), kind: ResourceKind::Http, pool: ResourceKind::Http.pool(), settings };
    register(&manager, &spec, &|_| None, secrets).unwrap();
    manager
}

async fn service(settings: Value) -> Lease<HttpService> {
    manager(settings, &Secrets::default()).acquire("web", &Owner::new("test")).await.unwrap()
}

/// The whole answer, or why there is none.
async fn ask(service: &HttpService, request: Request) -> Result<(u16, String), Fault> {
    whole(service.request(&request).await?).await
}

async fn whole(mut answer: Response) -> Result<(u16, String), Fault> {
    if answer.status() >= 300 {
        return Err(answer.into_fault().await);
    }
    let body = answer.bytes().await?;
    Ok((answer.status(), String::from_utf8(body).unwrap()))
}

fn get(path: &str) -> Request {
    Request::new(Method::GET, path)
}

/// Waits, while the connections' own tasks go on.
async fn until(condition: impl Fn() -> bool) {
    let end = Instant::now() + Duration::from_secs(30);
    while !condition() {
        assert!(Instant::now() < end, "it does not come to be so");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// Class and cause.
fn told(fault: &Fault) -> (FaultClass, &str) {
    (fault.class, fault.cause.as_str())
}

#[tokio::test]
async fn each_status_goes_to_the_right_account() {
    let server = Server::start();
    let web = service(json!({ "base_url": server.url("") })).await;
    let classes = [
        (FaultClass::Input, vec![400, 402, 404, 405, 406, 409, 410, 411, 412, 413, 414, 415, 416, 422, 431, 451]),
        (FaultClass::Dependency, vec![401, 403, 407]),
        (FaultClass::Transient, vec![408, 425, 429, 500, 501, 502, 503, 504, 507, 520, 599]),
        (FaultClass::Input, vec![300, 301, 304]),
    ];
    for (class, statuses) in classes {
        for status in statuses {
            server.on("/x", [Answer::status(status).body("the\r\n\x1b[31m reason ")]);
            let fault = ask(&web, get("x")).await.unwrap_err();
            assert_eq!(told(&fault), (class, format!("http-{status}").as_str()));
            let reason = if status == 304 { "" } else { ": the [31m reason" };
            assert!(fault.message.starts_with(&format!("GET {} answers {status}", server.url("/x"))), "{fault}");
            assert!(fault.message.ends_with(reason), "{fault}");
        }
    }
    let page = Answer::status(502).header("content-type", "text/html; charset=utf-8").body("<h1>Bad</h1>");
    server.on("/x", [page]);
    let fault = ask(&web, get("x")).await.unwrap_err();
    assert!(fault.message.ends_with("answers 502 Bad Gateway"), "{fault}");
}

#[tokio::test]
async fn the_wait_that_a_service_asks_for_is_told() {
    let server = Server::start();
    let web = service(json!({ "base_url": server.url("") })).await;
    let later = jiff::Timestamp::now() + Duration::from_secs(100);
    let date = jiff::fmt::rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&later).unwrap();
    for (status, value, least, most) in [
        (429, "7", Some(7000), 7000),
        (503, "0", Some(0), 0),
        (429, "100000", Some(300_000), 300_000),
        (503, date.as_str(), Some(60_000), 100_000),
        (429, "Sun, 06 Nov 1994 08:49:37 GMT", Some(0), 0),
        (429, "soon", None, 0),
        (500, "7", None, 0),
    ] {
        server.on("/x", [Answer::status(status).header("retry-after", value)]);
        let wait = ask(&web, get("x")).await.unwrap_err().retry_after;
        assert_eq!(wait.is_some(), least.is_some(), "{status} {value}");
        assert!((least.unwrap_or(0)..=most).contains(&wait.unwrap_or(0)), "{status} {value}: {wait:?}");
    }
}

#[tokio::test]
async fn each_way_to_break_off_goes_to_the_right_account() {
    let mut server = Server::start();
    let settings = json!({ "base_url": server.url(""), "timeout": "300ms", "connect_timeout": "200ms" });
    let web = service(settings).await;
    let long = "0123456789".repeat(100);
    let table = [
        (Answer::silence(), FaultClass::Transient, "timeout"),
        (Answer::text("late").after(Duration::from_secs(5)), FaultClass::Transient, "timeout"),
        (Answer::text(&long).drip(1, Duration::from_millis(20)), FaultClass::Transient, "timeout"),
        (Answer::reset(), FaultClass::Transient, "connection-lost"),
        (Answer::text(&long).reset_after(20), FaultClass::Transient, "connection-lost"),
        (Answer::text(&long).reset_after(400), FaultClass::Transient, "connection-lost"),
        (Answer::text(&long).cut_after(0), FaultClass::Transient, "connection-lost"),
        (Answer::text(&long).cut_after(30), FaultClass::Transient, "connection-lost"),
        (Answer::text(&long).cut_after(900), FaultClass::Transient, "connection-lost"),
        (
            Answer::status(200).chunks(["abc", "def"], Duration::ZERO).cut_after(70),
            FaultClass::Transient,
            "connection-lost",
        ),
        (Answer::text("no gzip").header("content-encoding", "gzip"), FaultClass::Transient, "answer"),
    ];
    for (index, (answer, class, cause)) in table.into_iter().enumerate() {
        server.on("/x", [answer]);
        let fault = ask(&web, get("x")).await.unwrap_err();
        assert_eq!(told(&fault), (class, cause), "{index}: {fault}");
        assert!(fault.message.contains(&server.url("/x")), "{index}: {fault}");
    }
    server.stop();
    let mut fault = ask(&web, get("x")).await.unwrap_err();
    // The connection that lay idle may end before its owner sees that the server closed it.
    while fault.cause == "connection-lost" {
        fault = ask(&web, get("x")).await.unwrap_err();
    }
    assert_eq!(told(&fault), (FaultClass::Dependency, "refused"), "{fault}");
    server.start_again();
    server.on("/x", [Answer::text("back")]);
    assert_eq!(ask(&web, get("x")).await.unwrap().1, "back");

    let secure = service(json!({ "base_url": server.url("").replace("http:", "https:"), "timeout": 2 })).await;
    let fault = ask(&secure, get("x")).await.unwrap_err();
    assert_eq!(fault.class, FaultClass::Dependency, "{fault:?}");
}

#[tokio::test]
async fn an_answer_without_end_costs_what_is_allowed_and_no_more() {
    let server = Server::start();
    let limit = 1 << 20;
    let settings = json!({ "base_url": server.url(""), "max_response": limit });
    let manager = manager(settings, &Secrets::default());
    let web: Lease<HttpService> = manager.acquire("web", &Owner::new("test")).await.unwrap();
    server.on("/endless", [Answer::status(200).endless(vec![b'x'; 64 << 10])]);
    server.on("/huge", [Answer::status(200).zeroes(1 << 40)]);
    server.on("/bomb", [Answer::text("").body(vec![0; 64 << 20]).gzip()]);
    server.on("/error", [Answer::status(500).endless("lots ")]);
    for path in ["/endless", "/huge", "/bomb"] {
        let fault = ask(&web, get(path)).await.unwrap_err();
        assert_eq!(told(&fault), (FaultClass::Input, "too-large"), "{path}: {fault}");
    }
    assert_eq!(told(&ask(&web, get("/error")).await.unwrap_err()).1, "http-500");
    until(|| server.open_connections() == 0).await;
    drop(web);
    let figures = manager.status("web").unwrap().metrics.figures;
    assert!(figures["bytes_received"].as_u64().unwrap() < 4 * limit, "{figures:?}");
    assert_eq!((&figures["requests"], &figures["2xx"], &figures["5xx"]), (&json!(4), &json!(3), &json!(1)));
}

#[tokio::test]
async fn a_call_that_is_given_up_ends_at_once() {
    let server = Server::start();
    let web = service(json!({ "base_url": server.url("") })).await;
    server.on("/silence", [Answer::silence()]);
    server.on("/endless", [Answer::status(200).endless("more ")]);
    for (count, path) in [(1, "/silence"), (2, "/endless")] {
        let call = tokio::spawn({
            let web = web.clone();
            async move { ask(&web, get(path)).await }
        });
        until(|| server.received().len() == count).await;
        call.abort();
        assert!(call.await.unwrap_err().is_cancelled());
        until(|| server.open_connections() == 0).await;
    }
}

#[tokio::test]
async fn requests_go_over_the_connections_that_are_there() {
    let server = Server::start();
    let web = service(json!({ "base_url": server.url("") })).await;
    server.on("*", [Answer::text("same")]);
    let tasks: Vec<_> = (0..4)
        .map(|_| {
            let web = web.clone();
            tokio::spawn(async move {
                for _ in 0..100 {
                    assert_eq!(ask(&web, get("x")).await.unwrap(), (200, "same".to_owned()));
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(server.received().len(), 400);
    assert!(server.connections() <= 4, "{}", server.connections());
}

#[tokio::test]
async fn every_request_says_who_we_are_and_takes_no_cookie() {
    let server = Server::start();
    let settings = json!({
        "base_url": server.url("/v1"), "auth": { "kind": "basic", "user": "me", "password": "pass" },
        "headers": { "X-Team": "sound" },
    });
    let web = service(settings).await;
    server.on("*", [Answer::text("packed").gzip().header("set-cookie", "a=b")]);
    for _ in 0..2 {
        assert_eq!(ask(&web, get("/a b").query("q", "1&2")).await.unwrap().1, "packed");
    }
    let request = server.received().remove(1);
    assert_eq!(request.target, "/v1/a%20b?q=1%262");
    assert_eq!(request.header("user-agent").unwrap(), concat!("mediamill/", env!("CARGO_PKG_VERSION")));
    assert_eq!(request.header("authorization"), Some("Basic bWU6cGFzcw=="));
    assert_eq!(request.header("x-team"), Some("sound"));
    assert_eq!(request.header("accept-encoding"), Some("gzip"));
    assert_eq!(request.header("cookie"), None);
}

#[tokio::test]
async fn files_are_sent_as_they_are_alone_and_in_forms() {
    let server = Server::start();
    let web = service(json!({ "base_url": server.url("") })).await;
    server.on("*", [Answer::status(201)]);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sound.wav");
    let content: Vec<u8> = (0..300_000_u32).flat_map(u32::to_le_bytes).collect();
    std::fs::write(&path, &content).unwrap();
    let put = Request::new(Method::PUT, "file").body(Body::File(path.clone()));
    ask(&web, put).await.unwrap();
    let part = |name: &str, content| Part { name: name.into(), file_name: None, content_type: None, content };
    let parts = vec![
        part("a \"b\"\r\n", Content::Bytes(b"text".to_vec())),
        Part {
            file_name: Some("sound.wav".into()),
            content_type: Some("audio/wav".into()),
            ..part("file", Content::File(path.clone()))
        },
    ];
    ask(&web, Request::new(Method::POST, "form").body(Body::Parts(parts))).await.unwrap();
    let [file, form] = server.received().try_into().unwrap();
    assert_eq!((file.length, &file.body), (1_200_000, &content));
    assert_eq!((file.header("content-length"), file.header("transfer-encoding")), (Some("1200000"), None));
    let boundary = form.header("content-type").unwrap().strip_prefix("multipart/form-data; boundary=").unwrap();
    let expected = [
        format!("--{boundary}\r\ncontent-disposition: form-data; name=\"a %22b%22%0D%0A\"\r\n\r\ntext\r\n")
            .into_bytes(),
        format!("--{boundary}\r\ncontent-disposition: form-data; name=\"file\"; filename=\"sound.wav\"\r\n")
            .into_bytes(),
        b"content-type: audio/wav\r\n\r\n".to_vec(),
        content,
        format!("\r\n--{boundary}--\r\n").into_bytes(),
    ];
    assert!(form.body == expected.concat());
    let lost = Request::new(Method::PUT, "file").body(Body::File(folder.path().join("lost")));
    assert_eq!(told(&ask(&web, lost).await.unwrap_err()), (FaultClass::Input, "not-found"));
    assert_eq!(server.received().len(), 2);
}

#[tokio::test]
async fn redirects_are_followed_where_they_may_lead_and_without_credentials() {
    let (home, other) = (Server::start(), Server::start());
    let settings = |hosts: &[&str]| {
        json!({
            "base_url": home.url("/v1"), "auth": { "kind": "api_key", "key": "the-key" }, "headers": { "X-Team": "sound" },
            "allow_hosts": hosts, "allow_private": true,
        })
    };
    let address = other.address().to_string();
    let (alone, both) = (service(settings(&[])).await, service(settings(&[&address])).await);
    let request = || {
        Request::new(Method::POST, "start")
            .json(&json!({ "a": 1 }))
            .header(AUTHORIZATION, HeaderValue::from_static("Bearer of-the-step"))
    };
    home.on("/v1/end", [Answer::text("home")]);
    other.on("/end", [Answer::text("away")]);

    // At home everything goes along; 307 and 308 keep the body, 301 to 303 read what there is.
    for (status, method, body) in [(301, "GET", ""), (302, "GET", ""), (303, "GET", ""), (307, "POST", r#"{"a":1}"#)] {
        home.on("/v1/start", [Answer::redirect("end#there").with_status(status)]);
        assert_eq!(ask(&alone, request()).await.unwrap().1, "home");
        let end = home.received().pop().unwrap();
        assert_eq!((end.method.as_str(), end.text().as_str()), (method, body), "{status}");
        assert_eq!(end.header("x-api-key"), Some("the-key"));
        assert_eq!(end.header("authorization"), Some("Bearer of-the-step"));
        assert_eq!(end.header("content-type").is_some(), method == "POST");
    }

    // Away from home nothing that says who we are.
    home.on("/v1/start", [Answer::redirect(&other.url("/end")).with_status(308)]);
    assert_eq!(ask(&both, request()).await.unwrap().1, "away");
    let end = other.only_request();
    assert_eq!((end.method.as_str(), end.text().as_str()), ("POST", r#"{"a":1}"#));
    for header in ["x-api-key", "authorization", "x-team", "referer", "cookie"] {
        assert_eq!(end.header(header), None);
    }
    // And not where nobody allowed it to lead.
    let fault = ask(&alone, request()).await.unwrap_err();
    assert_eq!(told(&fault), (FaultClass::Input, "host-refused"), "{fault}");
    assert!(fault.hint.unwrap().contains(&address));
    assert_eq!(other.received().len(), 1);

    // Not for ever, and not at all where that is said.
    home.on("/v1/start", [Answer::redirect("start")]);
    assert_eq!(told(&ask(&alone, get("start")).await.unwrap_err()), (FaultClass::Input, "redirects"));
    let fault = ask(&alone, get("start").redirects(0)).await.unwrap_err();
    assert_eq!(told(&fault), (FaultClass::Input, "http-302"));
}

#[tokio::test]
async fn urls_of_items_reach_no_private_address() {
    let server = Server::start();
    let port = server.address().port();
    server.on("*", [Answer::text("inside")]);
    let open = service(json!({})).await;
    let urls = [
        format!("http://127.0.0.1:{port}/"),
        format!("http://127.1:{port}/"),
        format!("http://2130706433:{port}/"),
        format!("http://0x7f000001:{port}/"),
        format!("http://0177.0.0.1:{port}/"),
        format!("http://0:{port}/"),
        format!("http://localhost:{port}/"),
        format!("http://LOCALHOST:{port}/"),
        format!("http://[::1]:{port}/"),
        format!("http://[::ffff:127.0.0.1]:{port}/"),
        format!("http://[::ffff:7f00:1]:{port}/"),
        format!("http://[64:ff9b::7f00:1]:{port}/"),
        "http://169.254.169.254/latest/meta-data/".to_owned(),
        "http://10.0.0.1/".to_owned(),
        "http://[fe80::1]/".to_owned(),
    ];
    for url in &urls {
        let fault = ask(&open, Request::url(Method::GET, url)).await.unwrap_err();
        assert_eq!(told(&fault), (FaultClass::Input, "address-refused"), "{url}: {fault}");
    }
    assert_eq!(server.connections(), 0);

    // What the pipeline's author names is trusted; what it leads to is not.
    let home = Server::start();
    let hosts = json!(["localhost:*", "x"]);
    assert!(ResourceKind::Http.check(&json!({ "allow_hosts": hosts })).is_err());
    let web = service(
        json!({ "base_url": home.url(""), "allow_hosts": [format!("127.0.0.1:{port}"), format!("localhost:{port}")] }),
    );
    let web = web.await;
    for url in [server.url("/"), format!("http://localhost:{port}/")] {
        home.on("/start", [Answer::redirect(&url)]);
        let found = ask(&web, get("start")).await;
        if url.contains("localhost") {
            assert_eq!(told(&found.unwrap_err()), (FaultClass::Input, "address-refused"), "{url}");
        } else {
            // The same address as that of base_url.
            assert_eq!(found.unwrap().1, "inside");
        }
    }
    let free = service(json!({ "allow_private": true })).await;
    assert_eq!(ask(&free, Request::url(Method::GET, server.url("/"))).await.unwrap().1, "inside");
}

#[tokio::test]
async fn a_name_is_looked_up_once_and_what_it_stands_for_then_is_what_counts() {
    let server = Server::start();
    let port = server.address().port();
    server.on("*", [Answer::text("inside")]);
    let lookups = Arc::new(AtomicUsize::new(0));
    let client = |base: &str, answers: &'static [&'static str]| {
        let settings = ClientSettings {
            base_url: (!base.is_empty()).then(|| base.parse().unwrap()),
            allow_hosts: vec![
                HostRule::parse("*.evil.org:80").unwrap(),
                HostRule::parse(&format!("evil.org:{port}")).unwrap(),
            ],
            connect_timeout: Duration::from_millis(200),
            ..ClientSettings::default()
        };
        let lookups = Arc::clone(&lookups);
        let lookup: Lookup = Arc::new(move |name| {
            lookups.fetch_add(1, Ordering::SeqCst);
            Box::pin(async move {
                let lost = || io::Error::new(io::ErrorKind::NotFound, format!("no {name}"));
                if answers.is_empty() {
                    Err(lost())
                } else {
                    Ok(answers.iter().map(|ip| ip.parse::<IpAddr>().unwrap()).collect())
                }
            })
        });
        Client::with_lookup(settings, &Secrets::default(), lookup).unwrap()
    };
    let url = format!("http://evil.org:{port}/");
    let cases: [(&str, &'static [&'static str], FaultClass, &str); 5] = [
        ("", &["127.0.0.1"], FaultClass::Input, "address-refused"),
        ("", &["1.1.1.1", "127.0.0.1"], FaultClass::Input, "address-refused"),
        ("", &["::ffff:127.0.0.1"], FaultClass::Input, "address-refused"),
        ("", &[], FaultClass::Input, "unknown-host"),
        ("http://evil.org/", &[], FaultClass::Dependency, "unknown-host"),
    ];
    for (base, answers, class, cause) in cases {
        let request = if base.is_empty() { Request::url(Method::GET, &url) } else { get("x") };
        let before = lookups.load(Ordering::SeqCst);
        let Err(fault) = client(base, answers).send(&request).await else { panic!("{answers:?} was reached") };
        assert_eq!(told(&fault), (class, cause), "{answers:?}: {fault}");
        assert_eq!(lookups.load(Ordering::SeqCst), before + 1);
    }
    assert_eq!(server.connections(), 0);
    // The host of base_url may be anywhere, and is asked for at its own port.
    let inside = client(&url, &["127.0.0.1"]);
    assert_eq!(whole(inside.send(&get("x")).await.unwrap()).await.unwrap().1, "inside");
    assert_eq!(server.only_request().header("host"), Some(format!("evil.org:{port}").as_str()));
}

#[tokio::test]
async fn no_message_tells_a_secret() {
    let mut server = Server::start();
    let secrets = Secrets::default();
    let base = server.url("/hooks").replace("http://", "http://user:Pass%2Dword@");
    let settings = json!({
        "base_url": base, "headers": { "X-Token": "header-secret" }, "timeout": "200ms", "signing_secret": "sign-secret",
    });
    let manager = manager(settings, &secrets);
    let web: Lease<HttpService> = manager.acquire("web", &Owner::new("test")).await.unwrap();
    secrets.add("query-secret");
    let echo = || {
        Answer::made(|request| {
            let headers: Vec<_> = request.headers.iter().map(|(_, value)| value.as_str()).collect();
            Answer::status(400).body(format!("{} Pass-word sign-secret {}", request.query(), headers.join(" ")))
        })
    };
    let location = server.url("/").replace("127.0.0.1", "u:Pass-word@127.0.0.2") + "?key=query-secret";
    let answers =
        [echo(), Answer::silence(), Answer::reset(), Answer::redirect(&location), Answer::text("x").cut_after(30)];
    let mut told = Vec::new();
    for answer in answers {
        server.on("/hooks/x", [answer]);
        told.push(ask(&web, get("x").query("key", "query-secret")).await.unwrap_err());
    }
    for url in
        ["http://u:query-secret@h/", "https://evil.org/?query-secret", "query-secret://x", "http://query-secret:x/"]
    {
        told.push(ask(&web, Request::url(Method::GET, url)).await.unwrap_err());
    }
    server.stop();
    told.push(ask(&web, get("x").query("key", "query-secret")).await.unwrap_err());
    let mut texts: Vec<String> = told.iter().map(|fault| format!("{fault:?} {fault}")).collect();
    texts.push(format!("{:?}", manager.check("web").await));
    for text in &texts {
        let coded = "dXNlcjpQYXNzLXdvcmQ=";
        for secret in ["Pass%2Dword", "Pass-word", "header-secret", "sign-secret", "query-secret", coded, "hooks"] {
            assert!(!text.contains(secret), "{secret}: {text}");
        }
    }
    assert!(told[0].message.contains("[redacted]"), "{}", told[0]);
}

#[tokio::test]
async fn a_service_is_well_when_it_answers_what_is_expected() {
    let mut server = Server::start();
    server.on("/v1/", [Answer::status(404), Answer::status(503)]);
    server.on("/v1/ready", [Answer::status(200), Answer::status(204)]);
    let plain = manager(json!({ "base_url": server.url("/v1/") }), &Secrets::default());
    let report = plain.check("web").await;
    assert_eq!((report.health, report.details.as_str()), (Health::Healthy, "HEAD / answers 404"));
    let report = plain.check("web").await;
    assert_eq!(report.health, Health::Unhealthy);
    assert!(report.details.contains("answers 503 Service Unavailable"), "{report:?}");

    let health = json!({ "path": "ready", "method": "get", "expect": [200] });
    let strict = manager(json!({ "base_url": server.url("/v1"), "health": health }), &Secrets::default());
    assert_eq!(strict.check("web").await.health, Health::Healthy);
    assert_eq!(strict.check("web").await.health, Health::Unhealthy);
    server.stop();
    // The connection that lay idle may end before its owner sees that the server closed it.
    let mut report = strict.check("web").await;
    while report.details.contains("the connection was lost") {
        report = strict.check("web").await;
    }
    assert!(report.health == Health::Unhealthy && report.details.contains("nobody listens there"), "{report:?}");
    assert_eq!(manager(json!({}), &Secrets::default()).check("web").await.health, Health::Healthy);
    let asked: Vec<_> =
        server.received().into_iter().map(|request| format!("{} {}", request.method, request.path())).collect();
    assert_eq!(asked, ["HEAD /v1/", "HEAD /v1/", "GET /v1/ready", "GET /v1/ready"]);
}

#[tokio::test(start_paused = true)]
async fn no_minute_has_more_requests_than_the_rate() {
    const LIMIT: usize = 30;
    let rate = Arc::new(Rate::per_minute(LIMIT as u32));
    let begin = Instant::now();
    let mut tasks = Vec::new();
    for index in 0..300_u64 {
        let rate = Arc::clone(&rate);
        tasks.push(tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(index * 37 % 20_000)).await;
            if index % 3 == 0 {
                // Goes away while it waits.
                let given_up = tokio::time::timeout(
                    Duration::from_millis(index * 91 % 50_000),
                    rate.turn(Duration::from_secs(60)),
                )
                .await;
                if given_up.is_err() {
                    return None;
                }
            } else {
                rate.turn(Duration::from_secs(60)).await.unwrap();
            }
            Some(begin.elapsed())
        }));
    }
    let mut times = Vec::new();
    for task in tasks {
        times.extend(task.await.unwrap());
    }
    times.sort();
    assert!((200..300).contains(&times.len()), "{}", times.len());
    for pair in times.windows(LIMIT + 1) {
        assert!(pair[LIMIT] - pair[0] >= Duration::from_secs(60), "{pair:?}");
    }
    // The first go at once, and no turn is wasted: those who went away took none.
    assert!(times[LIMIT - 1] < Duration::from_secs(3), "{:?}", times[LIMIT - 1]);
    let most = Duration::from_secs(60 * (times.len() / LIMIT) as u64 + 20);
    assert!(*times.last().unwrap() <= most, "{:?} of {most:?}", times.last());
}
