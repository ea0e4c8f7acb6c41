//! HTTP services over TLS: only those are trusted whose authority the system or the pipeline names, and what began
//! encrypted stays so.

#![expect(clippy::unwrap_used, reason = "a test whose step fails where it must not has failed")]

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;

use mediamill::resilience::{Fault, FaultClass};
use mediamill::resources::http::{HttpService, Request};
use mediamill::resources::secret::Secrets;
use mediamill::resources::settings::{ResourceKind, ResourceSpec, register};
use mediamill::resources::{Lease, Manager, Owner};
use reqwest::Method;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::{Value, json};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/tls").join(name)
}

/// Answers every request with `answer`, over TLS, as `localhost`. Tells its port.
fn server(answer: &'static str) -> u16 {
    let chain = vec![CertificateDer::from_pem_file(fixture("localhost.pem")).unwrap()];
    let key = PrivateKeyDer::from_pem_file(fixture("localhost.key")).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = Arc::new(config.with_no_client_auth().with_single_cert(chain, key).unwrap());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let connection = ServerConnection::new(Arc::clone(&config)).unwrap();
            let mut stream = BufReader::new(StreamOwned::new(connection, stream.unwrap()));
            let mut line = String::new();
            // A client that does not trust us says so, and goes.
            while stream.read_line(&mut line).is_ok_and(|length| length > 2) {
                line.clear();
            }
            let _sent = stream.get_mut().write_all(answer.as_bytes());
            stream.get_mut().conn.send_close_notify();
            let _sent = stream.get_mut().flush();
        }
    });
    port
}

async fn ask(settings: Value) -> Result<u16, Fault> {
    let manager = Manager::new();
    ResourceKind::Http.check(&settings).unwrap();
    let spec = ResourceSpec { name: "web".into(), kind: ResourceKind::Http, pool: ResourceKind::Http.pool(), settings };
    register(&manager, &spec, &|_| None, &Secrets::default())?;
    let web: Lease<HttpService> = manager.acquire("web", &Owner::new("test")).await?;
    let mut answer = web.request(&Request::new(Method::GET, "x")).await?;
    answer.bytes().await?;
    Ok(answer.status())
}

#[tokio::test]
async fn only_a_known_authority_is_trusted() {
    let port = server("HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nhi");
    let own = fixture("ca.pem");
    let fault = ask(json!({ "base_url": format!("https://localhost:{port}") })).await.unwrap_err();
    assert_eq!((fault.class, fault.cause.as_str()), (FaultClass::Dependency, "tls"), "{fault}");
    assert!(fault.hint.unwrap().contains("`ca_file`"));
    let found = ask(json!({ "base_url": format!("https://localhost:{port}"), "ca_file": own })).await;
    assert_eq!(found, Ok(200));
    // The certificate is for another name.
    let fault = ask(json!({ "base_url": format!("https://127.0.0.1:{port}"), "ca_file": own })).await.unwrap_err();
    assert_eq!((fault.class, fault.cause.as_str()), (FaultClass::Dependency, "tls"), "{fault}");

    for (file, why) in
        [("lost.pem", "cannot read"), ("localhost.key", "no certificates"), ("README.md", "no certificates")]
    {
        let settings = json!({ "base_url": format!("https://localhost:{port}"), "ca_file": fixture(file) });
        let fault = ask(settings).await.unwrap_err();
        assert_eq!((fault.class, fault.cause.as_str()), (FaultClass::Dependency, "settings"), "{fault}");
        assert!(fault.message.contains(why), "{fault}");
    }
}

#[tokio::test]
async fn a_redirect_does_not_lead_to_where_all_can_listen() {
    let port = server(
        "HTTP/1.1 302 Found\r\nlocation: http://plain.org/?token=1\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
    );
    let settings = json!({
        "base_url": format!("https://localhost:{port}"), "ca_file": fixture("ca.pem"), "allow_hosts": ["plain.org"],
    });
    let fault = ask(settings).await.unwrap_err();
    assert_eq!((fault.class, fault.cause.as_str()), (FaultClass::Input, "host-refused"), "{fault}");
    assert!(fault.message.contains("not encrypted") && !fault.message.contains("token"), "{fault}");
}
