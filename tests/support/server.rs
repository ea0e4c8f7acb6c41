//! A small HTTP/1.1 server on a real socket (RFC 9112), with a script of answers for each path and the faults that real
//! servers have: silence, half an answer, resets, drips, endless bodies, and times at which nobody listens. It keeps
//! connections alive and remembers what it received.
//!
//! ```ignore
//! let server = Server::start();
//! server.on("/v1/notes", [Answer::status(503).header("retry-after", "2"), Answer::json(&json!({ "id": 7 }))]);
//! let url = server.url("/v1/notes"); // the second answer is given from the second request on
//! ```
#![allow(dead_code, reason = "each test file uses some of it")]
#![allow(clippy::unwrap_used, reason = "a server that cannot answer has failed its test")]

use std::collections::{BTreeMap, VecDeque};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use serde_json::Value;

/// The longest that a test waits for the server to have seen something.
const PATIENCE: Duration = Duration::from_secs(30);
/// No more of a request's body is remembered; all of it is counted.
const REMEMBERED: usize = 4 << 20;

/// A request that came, or the part of it that came before the client went away.
#[derive(Debug, Clone, Default)]
pub struct Received {
    /// `GET`, `POST`, ...
    pub method: String,
    /// What stands in the request line: path and query.
    pub target: String,
    /// Names in lower case, in their order.
    pub headers: Vec<(String, String)>,
    /// Its first 4 MiB.
    pub body: Vec<u8>,
    /// How long its body was, in bytes.
    pub length: u64,
    /// Which connection it came over: 0 is the first.
    pub connection: usize,
    /// All of it came.
    pub is_whole: bool,
}

impl Received {
    /// The target without its query.
    pub fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }

    /// The query, without `?`.
    pub fn query(&self) -> &str {
        self.target.split_once('?').map_or("", |(_, query)| query)
    }

    /// The first header of that name, in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("no JSON: {error}: {}", self.text()))
    }
}

type Made = Arc<dyn Fn(&Received) -> Answer + Send + Sync>;

/// What the server does with a request.
#[derive(Clone)]
pub struct Answer {
    status: u16,
    headers: Vec<(String, String)>,
    body: Body,
    after: Duration,
    ending: Ending,
    made: Option<Made>,
}

#[derive(Clone)]
enum Body {
    /// With a length.
    Whole(Vec<u8>),
    /// In chunks, with a pause before each.
    Chunks(Vec<Vec<u8>>, Duration),
    /// With a length, so many bytes at a time, with a pause before each.
    Drip(Vec<u8>, usize, Duration),
    /// Zeroes, with a length.
    Zeroes(u64),
    /// The same chunk again and again, until the client goes away.
    Endless(Vec<u8>),
}

#[derive(Clone, Copy, PartialEq)]
enum Ending {
    /// The connection is kept.
    Kept,
    /// It is closed after the answer.
    Closed,
    /// After so many bytes of the answer, head and body, it is reset (TCP RST).
    Reset(usize),
    /// After so many bytes of the answer it is closed in order (TCP FIN).
    Cut(usize),
    /// Nothing is answered: the connection stays open until the client closes it.
    Silence,
}

impl Answer {
    /// An answer with an empty body.
    pub fn status(status: u16) -> Self {
        let (body, after) = (Body::Whole(Vec::new()), Duration::ZERO);
        Self { status, headers: Vec::new(), body, after, ending: Ending::Kept, made: None }
    }

    /// 200 with a text.
    pub fn text(text: &str) -> Self {
        Self::status(200).header("content-type", "text/plain; charset=utf-8").body(text)
    }

    /// 200 with JSON.
    pub fn json(value: &Value) -> Self {
        Self::status(200).header("content-type", "application/json").body(value.to_string())
    }

    /// 302 (or what `with_status` says) to `location`.
    pub fn redirect(location: &str) -> Self {
        Self::status(302).header("location", location)
    }

    /// Whatever `answer` makes of the request.
    pub fn made(answer: impl Fn(&Received) -> Answer + Send + Sync + 'static) -> Self {
        Self { made: Some(Arc::new(answer)), ..Self::status(200) }
    }

    /// No answer: the connection stays open, silent, until the client closes it.
    pub fn silence() -> Self {
        Self { ending: Ending::Silence, ..Self::status(200) }
    }

    /// No answer: the connection is reset.
    pub fn reset() -> Self {
        Self::status(200).reset_after(0)
    }

    #[must_use]
    pub fn with_status(self, status: u16) -> Self {
        Self { status, ..self }
    }

    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    #[must_use]
    pub fn body(self, body: impl Into<Vec<u8>>) -> Self {
        Self { body: Body::Whole(body.into()), ..self }
    }

    /// A body in chunks, with a pause before each: events of a stream.
    #[must_use]
    pub fn chunks(self, chunks: impl IntoIterator<Item = impl Into<Vec<u8>>>, pause: Duration) -> Self {
        Self { body: Body::Chunks(chunks.into_iter().map(Into::into).collect(), pause), ..self }
    }

    /// Its whole body so many bytes at a time, with a pause before each.
    #[must_use]
    pub fn drip(self, bytes: usize, pause: Duration) -> Self {
        let Body::Whole(body) = self.body else { panic!("only a whole body drips") };
        Self { body: Body::Drip(body, bytes, pause), ..self }
    }

    /// So many zeroes, with a length.
    #[must_use]
    pub fn zeroes(self, length: u64) -> Self {
        Self { body: Body::Zeroes(length), ..self }
    }

    /// The same chunk until the client goes away.
    #[must_use]
    pub fn endless(self, chunk: impl Into<Vec<u8>>) -> Self {
        Self { body: Body::Endless(chunk.into()), ..self }
    }

    /// Its whole body packed by gzip.
    #[must_use]
    pub fn gzip(self) -> Self {
        let Body::Whole(body) = self.body else { panic!("only a whole body is packed") };
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        packed.write_all(&body).unwrap();
        let body = Body::Whole(packed.finish().unwrap());
        Self { body, ..self }.header("content-encoding", "gzip")
    }

    /// It waits so long before it answers, or until the client goes away.
    #[must_use]
    pub fn after(self, wait: Duration) -> Self {
        Self { after: wait, ..self }
    }

    /// The connection is closed after it, and the answer says so.
    #[must_use]
    pub fn close(self) -> Self {
        Self { ending: Ending::Closed, ..self.header("connection", "close") }
    }

    /// The connection is reset after so many bytes of it.
    #[must_use]
    pub fn reset_after(self, bytes: usize) -> Self {
        Self { ending: Ending::Reset(bytes), ..self }
    }

    /// The connection is closed after so many bytes of it, which is less than it promised.
    #[must_use]
    pub fn cut_after(self, bytes: usize) -> Self {
        Self { ending: Ending::Cut(bytes), ..self }
    }
}

/// The server. It ends when it is dropped.
pub struct Server {
    address: SocketAddr,
    shared: Arc<Shared>,
    listening: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    /// The last answer of a path is given again and again.
    scripts: Mutex<BTreeMap<String, VecDeque<Answer>>>,
    received: Mutex<Vec<Received>>,
    /// Something was received, or a connection ended.
    news: Condvar,
    connections: AtomicUsize,
    /// Connections that are open now, to be shut when the server ends.
    open: Mutex<BTreeMap<usize, TcpStream>>,
    is_closing: AtomicBool,
}

impl Server {
    /// Begins to listen on a free port of 127.0.0.1. What has no script is answered with 404.
    pub fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let mut server =
            Self { address: listener.local_addr().unwrap(), shared: Arc::new(Shared::default()), listening: None };
        server.listen(listener);
        server
    }

    fn listen(&mut self, listener: TcpListener) {
        let shared = Arc::clone(&self.shared);
        shared.is_closing.store(false, Ordering::SeqCst);
        self.listening = Some(thread::spawn(move || {
            for stream in listener.incoming() {
                if shared.is_closing.load(Ordering::SeqCst) {
                    return;
                }
                let Ok(stream) = stream else { continue };
                let number = shared.connections.fetch_add(1, Ordering::SeqCst);
                let Ok(second) = stream.try_clone() else { continue };
                lock(&shared.open).insert(number, second);
                let shared = Arc::clone(&shared);
                thread::spawn(move || {
                    let _ended = shared.serve(stream, number);
                    lock(&shared.open).remove(&number);
                    shared.news.notify_all();
                });
            }
        }));
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URL of `path`, which begins with `/`.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// What is answered to requests of `path`, one after the other; the last answer is given from then on. `path` is
    /// compared without the query; `*` stands for every path that has no script.
    pub fn on(&self, path: &str, answers: impl IntoIterator<Item = Answer>) {
        lock(&self.shared.scripts).insert(path.to_owned(), answers.into_iter().collect());
    }

    /// Every request so far, in the order in which they were read.
    pub fn received(&self) -> Vec<Received> {
        lock(&self.shared.received).clone()
    }

    /// The one request there was.
    pub fn only_request(&self) -> Received {
        let mut received = self.received();
        assert_eq!(received.len(), 1, "{received:#?}");
        received.remove(0)
    }

    /// Connections that were accepted so far.
    pub fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::SeqCst)
    }

    /// Connections that are open now.
    pub fn open_connections(&self) -> usize {
        lock(&self.shared.open).len()
    }

    /// Waits until so many requests were received.
    pub fn wait_for_requests(&self, count: usize) {
        let seen = self.wait(|shared| lock(&shared.received).len() >= count);
        assert!(seen, "{count} requests did not come: {:#?}", self.received());
    }

    /// Waits until no connection is open.
    pub fn wait_until_alone(&self) {
        let alone = self.wait(|shared| lock(&shared.open).is_empty());
        assert!(alone, "the client keeps a connection open");
    }

    fn wait(&self, condition: impl Fn(&Shared) -> bool) -> bool {
        let end = Instant::now() + PATIENCE;
        let nobody = Mutex::new(());
        while !condition(&self.shared) {
            if Instant::now() > end {
                return false;
            }
            // News that comes just before the wait is seen after it.
            let short = Duration::from_millis(20);
            drop(self.shared.news.wait_timeout(lock(&nobody), short).unwrap_or_else(PoisonError::into_inner));
        }
        true
    }

    /// Nobody listens any more, and every connection is shut: whoever connects is refused.
    pub fn stop(&mut self) {
        let Some(listening) = self.listening.take() else { return };
        self.shared.is_closing.store(true, Ordering::SeqCst);
        // Wakes the listener, which then sees that it is to end.
        drop(TcpStream::connect(self.address));
        listening.join().unwrap();
        for stream in lock(&self.shared.open).values() {
            let _ended = stream.shutdown(std::net::Shutdown::Both);
        }
    }

    /// Listens again on the same port.
    pub fn start_again(&mut self) {
        let listener = TcpListener::bind(self.address).unwrap();
        self.listen(listener);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Shared {
    /// One connection, until it ends.
    fn serve(&self, stream: TcpStream, number: usize) -> io::Result<()> {
        stream.set_nodelay(true)?;
        let mut reader = BufReader::new(stream.try_clone()?);
        loop {
            let Some(mut request) = read_head(&mut reader)? else { return Ok(()) };
            request.connection = number;
            let whole = read_body(&mut reader, &mut request);
            request.is_whole = whole.is_ok();
            let mut answer = self.answer(request.path());
            if let Some(made) = answer.made.take() {
                answer = made(&request);
            }
            let closes = request.header("connection").is_some_and(|value| value.eq_ignore_ascii_case("close"));
            let has_body = request.method != "HEAD" && !matches!(answer.status, 100..=199 | 204 | 304);
            lock(&self.received).push(request);
            self.news.notify_all();
            whole?;
            if !answer.after.is_zero() && leaves_within(&stream, answer.after)? {
                return Ok(());
            }
            let mut out = Limited { stream: &stream, left: answer.ending.limit() };
            let written = answer.write(&mut out, has_body);
            match answer.ending {
                Ending::Kept if !closes => written?,
                Ending::Reset(_) => {
                    // With no time to linger, closing resets (socket(7), SO_LINGER).
                    rustix::net::sockopt::set_socket_linger(&stream, Some(Duration::ZERO))?;
                    lock(&self.open).remove(&number);
                    return Ok(());
                }
                Ending::Silence => {
                    leaves_within(&stream, Duration::from_secs(3600))?;
                    return Ok(());
                }
                _ => return stream.shutdown(std::net::Shutdown::Both),
            }
        }
    }

    fn answer(&self, path: &str) -> Answer {
        let mut scripts = lock(&self.scripts);
        let path = if scripts.contains_key(path) { path } else { "*" };
        match scripts.get_mut(path) {
            Some(answers) if answers.len() > 1 => answers.pop_front().unwrap(),
            Some(answers) => answers.front().cloned().unwrap_or_else(|| Answer::status(404)),
            None => Answer::status(404),
        }
    }
}

impl Ending {
    fn limit(self) -> Option<usize> {
        match self {
            Self::Reset(bytes) | Self::Cut(bytes) => Some(bytes),
            Self::Silence => Some(0),
            Self::Kept | Self::Closed => None,
        }
    }
}

impl Answer {
    fn write(&self, out: &mut impl Write, has_body: bool) -> io::Result<()> {
        let mut head = format!("HTTP/1.1 {} {}\r\n", self.status, "As Scripted");
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        match &self.body {
            _ if matches!(self.status, 100..=199 | 204 | 304) => {}
            Body::Whole(body) | Body::Drip(body, ..) => head.push_str(&format!("content-length: {}\r\n", body.len())),
            Body::Zeroes(length) => head.push_str(&format!("content-length: {length}\r\n")),
            Body::Chunks(..) | Body::Endless(_) => head.push_str("transfer-encoding: chunked\r\n"),
        }
        head.push_str("\r\n");
        if !has_body {
            return out.write_all(head.as_bytes());
        }
        if let Body::Whole(body) = &self.body {
            // In one piece: two small segments would wait for each other.
            return out.write_all(&[head.as_bytes(), body].concat());
        }
        out.write_all(head.as_bytes())?;
        let mut chunk = |bytes: &[u8]| -> io::Result<()> {
            out.write_all(&[format!("{:x}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat())
        };
        match &self.body {
            Body::Whole(_) => Ok(()),
            Body::Chunks(chunks, pause) => {
                for bytes in chunks {
                    thread::sleep(*pause);
                    chunk(bytes)?;
                }
                chunk(b"")
            }
            Body::Endless(bytes) => loop {
                chunk(bytes)?;
            },
            Body::Drip(body, bytes, pause) => body.chunks(*bytes).try_for_each(|part| {
                thread::sleep(*pause);
                out.write_all(part)
            }),
            Body::Zeroes(length) => io::copy(&mut io::repeat(0).take(*length), out).map(drop),
        }
    }
}

/// What is written to the client, up to a limit.
struct Limited<'a> {
    stream: &'a TcpStream,
    left: Option<usize>,
}

impl Write for Limited<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let Some(left) = &mut self.left else { return self.stream.write(bytes) };
        if *left == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        let written = self.stream.write(&bytes[..bytes.len().min(*left)])?;
        *left -= written;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

/// Request line and headers; nothing where the client closed the connection between two requests.
fn read_head(reader: &mut impl BufRead) -> io::Result<Option<Received>> {
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let mut words = line.split_ascii_whitespace().map(str::to_owned);
    let mut next = || words.next().ok_or(io::ErrorKind::InvalidData);
    let mut request = Received { method: next()?, target: next()?, ..Received::default() };
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(':') else { return Ok(Some(request)) };
        request.headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
}

fn read_body(reader: &mut impl BufRead, request: &mut Received) -> io::Result<()> {
    if request.header("transfer-encoding").is_some() {
        loop {
            let mut size = String::new();
            reader.read_line(&mut size)?;
            let size = u64::from_str_radix(size.trim(), 16).map_err(io::Error::other)?;
            keep(reader, size, request)?;
            reader.read_line(&mut String::new())?;
            if size == 0 {
                return Ok(());
            }
        }
    }
    let length = request.header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    keep(reader, length, request)
}

fn keep(reader: &mut impl BufRead, length: u64, request: &mut Received) -> io::Result<()> {
    let mut left = length;
    while left > 0 {
        let bytes = reader.fill_buf()?;
        if bytes.is_empty() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let count = bytes.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        let room = REMEMBERED.saturating_sub(request.body.len()).min(count);
        request.body.extend_from_slice(&bytes[..room]);
        reader.consume(count);
        left -= count as u64;
        request.length += count as u64;
    }
    Ok(())
}

/// Whether the client closes the connection within `wait`. It has nothing to say in that time.
fn leaves_within(stream: &TcpStream, wait: Duration) -> io::Result<bool> {
    stream.set_read_timeout(Some(wait))?;
    let left = match stream.peek(&mut [0]) {
        Ok(read) => read == 0,
        Err(error) => !matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut),
    };
    stream.set_read_timeout(None)?;
    Ok(left)
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
