//! A real S3 server in this process, on a real socket: s3s with its file system, which checks signatures (SigV4), the expiry
//! of links and the parts of uploads. And a server that answers what it is told to, for what a real one does seldom.
#![allow(dead_code, reason = "each test file uses some of it")]
#![allow(clippy::unwrap_used, reason = "a test whose step fails where it must not has failed")]

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::task::{Context, Poll};

use hyper_util::rt::TokioIo;
use s3s::auth::SimpleAuth;
use s3s::service::S3ServiceBuilder;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The key id that the server knows.
pub const ACCESS_KEY: &str = "AKIDEXAMPLE";
/// Its secret.
pub const SECRET_KEY: &str = "wJalrXUtnFEMI-a-secret-of-the-tests";

/// The server. It lives as long as the test program.
pub struct S3 {
    root: tempfile::TempDir,
    address: SocketAddr,
    /// Bytes of answers until the connection that sends them is cut, once; negative: never.
    cut_after: Arc<AtomicI64>,
}

impl S3 {
    /// The one server of this test program.
    pub fn shared() -> &'static Self {
        static SERVER: OnceLock<S3> = OnceLock::new();
        SERVER.get_or_init(Self::start)
    }

    /// A server of its own.
    pub fn start() -> Self {
        let root = tempfile::tempdir().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let cut_after = Arc::new(AtomicI64::new(-1));
        let mut builder = S3ServiceBuilder::new(s3s_fs::FileSystem::new(root.path()).unwrap());
        builder.set_auth(SimpleAuth::from_single(ACCESS_KEY, SECRET_KEY));
        let (service, cut) = (builder.build(), Arc::clone(&cut_after));
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async move {
                listener.set_nonblocking(true).unwrap();
                let listener = tokio::net::TcpListener::from_std(listener).unwrap();
                loop {
                    let (socket, _) = listener.accept().await.unwrap();
                    let (service, cut) = (service.clone(), Arc::clone(&cut));
                    tokio::spawn(async move {
                        let socket = TokioIo::new(Cut { socket, after: cut });
                        // A client that goes away is what some tests are about.
                        let _ = hyper::server::conn::http1::Builder::new().serve_connection(socket, service).await;
                    });
                }
            });
        });
        Self { root, address, cut_after }
    }

    /// Where it listens.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// A new bucket.
    pub fn bucket(&self, name: &str) -> PathBuf {
        let folder = self.root.path().join(name);
        std::fs::create_dir(&folder).unwrap();
        folder
    }

    /// Settings of a resource for the bucket, with what is `more`.
    pub fn settings(&self, bucket: &str, more: serde_json::Value) -> serde_json::Value {
        let mut settings = serde_json::json!({
            "provider": "s3", "bucket": bucket, "endpoint": self.endpoint(), "allow_http": true,
            "access_key": ACCESS_KEY, "secret_key": SECRET_KEY,
        });
        settings.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        settings
    }

    /// The connection that answers next is cut when it has sent so many bytes.
    pub fn cut_after(&self, bytes: i64) {
        self.cut_after.store(bytes, Ordering::SeqCst);
    }

    /// Files that belong to uploads that are not complete, in all buckets.
    pub fn unfinished_uploads(&self) -> Vec<String> {
        let names = std::fs::read_dir(self.root.path()).unwrap().map(|entry| entry.unwrap().file_name());
        names.filter_map(|name| name.into_string().ok()).filter(|name| name.contains(".upload")).collect()
    }

    /// How many parts have arrived of uploads that are not complete.
    pub fn parts(&self) -> usize {
        self.unfinished_uploads().iter().filter(|name| name.contains(".part-")).count()
    }
}

/// A connection that ends in the middle of an answer.
struct Cut {
    socket: tokio::net::TcpStream,
    after: Arc<AtomicI64>,
}

impl AsyncRead for Cut {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_read(cx, buf)
    }
}

impl AsyncWrite for Cut {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let left = self.after.load(Ordering::SeqCst);
        if left == 0 {
            self.after.store(-1, Ordering::SeqCst);
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        let most = if left < 0 { buf.len() } else { buf.len().min(usize::try_from(left).unwrap()) };
        let written = Pin::new(&mut self.socket).poll_write(cx, &buf[..most]);
        if let (Poll::Ready(Ok(written)), true) = (&written, left > 0) {
            self.after.fetch_sub(i64::try_from(*written).unwrap(), Ordering::SeqCst);
        }
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }
}

/// The answer that never comes.
pub const HOLD: &str = "hold";

/// A server that gives the answers it was told to, one a request, and the last one for ever.
pub struct Scripted {
    address: SocketAddr,
    /// What was asked: the head of each request.
    pub requests: Arc<Mutex<Vec<String>>>,
}

impl Scripted {
    /// Answers: a status line and headers, and a body. An empty answer cuts the connection; `HOLD` never answers.
    pub fn start(answers: Vec<(&'static str, &'static str)>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&requests);
        std::thread::spawn(move || {
            let (mut asked, mut held) = (0, Vec::new());
            for socket in listener.incoming() {
                let mut reader = BufReader::new(socket.unwrap());
                let mut head = String::new();
                while !head.ends_with("\r\n\r\n") && reader.read_line(&mut head).unwrap_or(0) > 0 {}
                let length =
                    head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
                let _ = io::copy(&mut reader.by_ref().take(length.unwrap_or(0)), &mut io::sink());
                seen.lock().unwrap().push(head);
                let (head, body) = answers[asked.min(answers.len() - 1)];
                asked += 1;
                if head == HOLD {
                    held.push(reader);
                } else if !head.is_empty() {
                    let length = body.len();
                    let answer =
                        format!("HTTP/1.1 {head}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}");
                    let _ = reader.get_mut().write_all(answer.as_bytes());
                }
            }
        });
        Self { address, requests }
    }

    /// Where it listens.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }
}

/// A file of `size` bytes that do not repeat.
pub fn noise(folder: &Path, name: &str, size: usize) -> PathBuf {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64 ^ size as u64;
    let bytes: Vec<u8> = std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    })
    .take(size)
    .collect();
    let path = folder.join(name);
    std::fs::write(&path, bytes).unwrap();
    path
}
