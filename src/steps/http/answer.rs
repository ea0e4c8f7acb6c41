//! What comes of an answer: a fault, or values and a file.

use std::path::Path;
use std::time::Instant;

use serde_json::{Map, Value, json};
use tokio::fs::File;
use tokio::io::{AsyncWriteExt, BufWriter};

use crate::resilience::Fault;
use crate::resources::http::{HttpService, Request, Response};
use crate::steps::builtin::Values;

/// A longer answer is no value: values stay in the checkpoint of the item. In bytes.
const MOST: usize = 256 << 10;
/// A file is written in pieces of so many bytes.
const BUFFER: usize = 64 << 10;
/// Headers that say who somebody is.
const SECRET: &[&str] = &[
    "authentication-info",
    "authorization",
    "cookie",
    "proxy-authenticate",
    "proxy-authentication-info",
    "proxy-authorization",
    "set-cookie",
    "set-cookie2",
    "www-authenticate",
    "x-api-key",
    "x-auth-token",
    "x-csrf-token",
];

/// Makes the request, and takes an answer with a status of `expect` (any 2xx where it is empty).
pub(super) async fn ask(service: &HttpService, request: &Request, expect: &[u16]) -> Result<Response, Fault> {
    let answer = service.request(request).await?;
    let status = answer.status();
    if if expect.is_empty() { (200..300).contains(&status) } else { expect.contains(&status) } {
        return Ok(answer);
    }
    Err(answer.into_fault().await)
}

/// Reads the answer, into the file `to` where one is asked for, and tells its values.
pub(super) async fn values(mut answer: Response, to: Option<&Path>, begin: Instant) -> Result<Values, Fault> {
    let mut file = match to {
        Some(path) => {
            let file = File::create(path).await.map_err(|error| cannot_write(path, &error))?;
            Some((BufWriter::with_capacity(BUFFER, file), path))
        }
        None => None,
    };
    let mut kept = Vec::new();
    while let Some(chunk) = answer.chunk().await? {
        if kept.len() <= MOST {
            kept.extend_from_slice(chunk.as_ref());
        }
        if let Some((file, path)) = &mut file {
            file.write_all(chunk.as_ref()).await.map_err(|error| cannot_write(path, &error))?;
        }
    }
    if let Some((mut file, path)) = file {
        file.flush().await.map_err(|error| cannot_write(path, &error))?;
    }
    let mut values = Values::new();
    values.insert("status".into(), json!(answer.status()));
    values.insert("headers".into(), Value::Object(headers(&answer)));
    values.insert("bytes".into(), json!(answer.received()));
    values.insert("seconds".into(), json!(seconds(begin)));
    if kept.len() <= MOST {
        let is_json = answer.content_type().is_some_and(|kind| kind == "application/json" || kind.ends_with("+json"));
        let json = is_json.then(|| serde_json::from_slice(&kept).ok()).flatten();
        match (json, String::from_utf8(kept)) {
            (Some(json), _) => drop(values.insert("json".into(), json)),
            (None, Ok(text)) => drop(values.insert("text".into(), text.into())),
            // Bytes that are no text are for the file alone.
            (None, Err(_)) => {}
        }
    }
    Ok(values)
}

/// How long it is since `begin`, to the millisecond.
pub(super) fn seconds(begin: Instant) -> f64 {
    (begin.elapsed().as_secs_f64() * 1000.0).round() / 1000.0
}

/// Names in lower case; several headers of one name are joined by commas (RFC 9110, 5.2).
fn headers(answer: &Response) -> Map<String, Value> {
    let mut headers = Map::new();
    for (name, value) in answer.headers() {
        let name = name.as_str();
        if SECRET.contains(&name) {
            continue;
        }
        let value = String::from_utf8_lossy(value.as_bytes());
        match headers.get_mut(name) {
            Some(Value::String(values)) => {
                values.push_str(", ");
                values.push_str(&value);
            }
            _ => drop(headers.insert(name.to_owned(), value.into())),
        }
    }
    headers
}

fn cannot_write(path: &Path, error: &std::io::Error) -> Fault {
    Fault::from_io(&format!("cannot write {}", path.display()), error)
}
