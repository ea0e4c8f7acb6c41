//! What a request carries: bytes, a file, or parts of both. Files are read while they are sent, never held.

use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};

use futures_util::stream;
use tokio::fs::File;
use tokio::io::{AsyncRead, AsyncReadExt};

use crate::resilience::Fault;

/// A file is sent in pieces of so many bytes.
const PIECE: usize = 64 << 10;

/// The body of a request.
#[derive(Debug, Clone, Default)]
pub enum Body {
    /// None.
    #[default]
    Empty,
    /// Bytes that are in memory.
    Bytes(Vec<u8>),
    /// A file.
    File(PathBuf),
    /// Parts, as a form with files has them (RFC 7578).
    Parts(Vec<Part>),
}

/// One part of a form.
#[derive(Debug, Clone)]
pub struct Part {
    /// Its name in the form.
    pub name: String,
    /// The name of the file, for a part that is one.
    pub file_name: Option<String>,
    /// What it is, such as `image/png`.
    pub content_type: Option<String>,
    /// What is in it.
    pub content: Content,
}

/// What is in a part.
#[derive(Debug, Clone)]
pub enum Content {
    /// Bytes that are in memory.
    Bytes(Vec<u8>),
    /// A file.
    File(PathBuf),
}

/// A body that is ready to be sent.
pub(super) struct Opened {
    pub(super) body: reqwest::Body,
    /// In bytes; the same as what is sent.
    pub(super) length: u64,
    /// What the body's form makes of the header.
    pub(super) content_type: Option<String>,
}

impl Body {
    /// Opens its files.
    pub(super) async fn open(&self) -> Result<Option<Opened>, Fault> {
        Ok(Some(match self {
            Self::Empty => return Ok(None),
            Self::Bytes(bytes) => Opened { body: bytes.clone().into(), length: bytes.len() as u64, content_type: None },
            Self::File(path) => opened(vec![piece(path).await?]),
            Self::Parts(parts) => {
                let boundary = boundary(parts);
                let mut pieces = Vec::new();
                for part in parts {
                    pieces.push(Piece::from(part.head(&boundary).into_bytes()));
                    pieces.push(match &part.content {
                        Content::Bytes(bytes) => bytes.clone().into(),
                        Content::File(path) => piece(path).await?,
                    });
                    pieces.push(b"\r\n".to_vec().into());
                }
                pieces.push(format!("--{boundary}--\r\n").into_bytes().into());
                let content_type = Some(format!("multipart/form-data; boundary={boundary}"));
                Opened { content_type, ..opened(pieces) }
            }
        }))
    }
}

impl Part {
    /// What stands before its content.
    fn head(&self, boundary: &str) -> String {
        let mut head = format!("--{boundary}\r\ncontent-disposition: form-data; name=\"{}\"", quoted(&self.name));
        if let Some(name) = &self.file_name {
            head.push_str(&format!("; filename=\"{}\"", quoted(name)));
        }
        if let Some(content_type) = &self.content_type {
            head.push_str(&format!("\r\ncontent-type: {}", content_type.replace(['\r', '\n'], " ")));
        }
        head.push_str("\r\n\r\n");
        head
    }
}

/// A name in quotes, as browsers write it (WHATWG HTML, multipart form data).
fn quoted(name: &str) -> String {
    name.replace('"', "%22").replace('\r', "%0D").replace('\n', "%0A")
}

/// A line that is in no part. It follows from what the parts are, so that the same form is sent the same way again; the
/// files are not looked at: 128 bits of a hash are in none by chance.
fn boundary(parts: &[Part]) -> String {
    let mut hash = blake3::Hasher::new();
    for part in parts {
        hash.update(part.name.as_bytes()).update(&[0]);
        match &part.content {
            Content::Bytes(bytes) => hash.update(bytes),
            Content::File(path) => hash.update(path.as_os_str().as_encoded_bytes()),
        };
    }
    format!("mediamill-{}", &hash.finalize().to_hex()[..32])
}

/// A stretch of a body.
struct Piece {
    reader: Box<dyn AsyncRead + Send + Unpin>,
    length: u64,
}

impl From<Vec<u8>> for Piece {
    fn from(bytes: Vec<u8>) -> Self {
        Self { length: bytes.len() as u64, reader: Box::new(io::Cursor::new(bytes)) }
    }
}

async fn piece(path: &Path) -> Result<Piece, Fault> {
    let failed = |error: io::Error| Fault::from_io(&format!("cannot read {}", path.display()), &error);
    let file = File::open(path).await.map_err(failed)?;
    let metadata = file.metadata().await.map_err(failed)?;
    if !metadata.is_file() {
        return Err(Fault::input("io", format!("{} is no file", path.display())));
    }
    // What a file grows by while it is sent was not announced.
    Ok(Piece { reader: Box::new(file.take(metadata.len())), length: metadata.len() })
}

fn opened(pieces: Vec<Piece>) -> Opened {
    let length = pieces.iter().map(|piece| piece.length).sum();
    let stream = stream::try_unfold(VecDeque::from(pieces), |mut pieces| async move {
        while let Some(piece) = pieces.front_mut() {
            let mut bytes = Vec::with_capacity(PIECE);
            if (&mut piece.reader).take(PIECE as u64).read_to_end(&mut bytes).await? > 0 {
                return Ok::<_, io::Error>(Some((bytes, pieces)));
            }
            pieces.pop_front();
        }
        Ok(None)
    });
    Opened { body: reqwest::Body::wrap_stream(stream), length, content_type: None }
}
