//! Objects that a service keeps.

use std::fs::File;
use std::io::Write;
use std::path::Path as FilePath;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use object_store::list::PaginatedListOptions;
use object_store::path::Path;
use object_store::signer::Method;
use object_store::{GetOptions, GetRange, PutMode};
use url::Url;

use super::blame::{Blame, CONFLICT, Doing};
use super::cloud::Cloud;
use super::key::Key;
use super::object::{IfExists, Link, LinkMethod, Listed, Object, Put, PutOptions};
use super::refusal::NewOnly;
use super::upload::{Sent, UnderWay, Upload, in_parts};
use crate::resilience::hash::hash_file;
use crate::resilience::os_text::to_hex;
use crate::resilience::{Fault, FaultClass};
use crate::resources::filesystem::off_thread;

/// A download that is interrupted so often is given up.
const MOST_RESUMES: u32 = 5;
/// So much is gathered before it is written.
const GATHERED: usize = 1 << 20;
/// A service lists so many at once: Amazon S3 API reference, ListObjectsV2.
const PAGE: usize = 1000;

/// What was sent and fetched.
#[derive(Debug, Default)]
pub(super) struct Figures {
    pub sent: AtomicU64,
    pub fetched: AtomicU64,
    pub resumed: AtomicU64,
}

/// A bucket of a service.
pub(super) struct Remote {
    pub cloud: Arc<dyn Cloud>,
    /// What the bucket's objects lie below, for those who have the key.
    pub address: Url,
    pub prefix: Option<Key>,
    pub part: u64,
    pub signs: bool,
    pub blame: Blame,
    pub new_only: NewOnly,
    pub figures: Figures,
    pub under_way: UnderWay,
}

impl Remote {
    /// The whole key, as the service knows it.
    pub(super) fn full(&self, key: &Key) -> Result<Key, Fault> {
        self.prefix.as_ref().map_or_else(|| Ok(key.clone()), |prefix| prefix.join(key))
    }

    fn path(&self, key: &Key) -> Result<Path, Fault> {
        // A key is stricter than a path of the library, which then keeps its bytes.
        Path::parse(self.full(key)?.as_str()).map_err(|error| Fault::input("path", error.to_string()))
    }

    pub(super) async fn put(&self, key: &Key, from: &FilePath, options: &PutOptions) -> Result<Put, Fault> {
        let to = self.path(key)?;
        let (sent, hash) = opened(from).await?;
        let mark = options.mark(key, &hash);
        let there = match self.look(key).await {
            // A key that may write and not read. What is wrong, the put is told, which HEAD is not.
            Err(fault) if fault.cause == "access" && options.if_exists == IfExists::Overwrite => None,
            looked => looked?,
        };
        if let Some(there) = there {
            let is_ours = there.size == sent.size && there.mark.as_ref() == Some(&mark);
            if is_ours || options.if_exists == IfExists::Skip {
                return Ok(Put { size: there.size, etag: there.etag, skipped: true });
            }
            if options.if_exists == IfExists::Fail {
                return Err(exists(key));
            }
        }
        let attributes = options.attributes(key, mark.clone());
        let size = sent.size;
        let is_new = options.if_exists == IfExists::Fail;
        let done = if size > self.part {
            let (blame, blamed) = (self.blame.clone(), key.clone());
            let upload = Upload {
                cloud: Arc::clone(&self.cloud),
                to,
                part: self.part,
                attributes,
                blaming: Arc::new(move |error: &_| blame.fault(Doing::Put, Some(&blamed), error)),
                new_only: is_new.then(|| self.new_only.clone()),
            };
            in_parts(upload, sent, &self.under_way).await
        } else {
            let bytes = sent.read(0, size).await?;
            let mode = if is_new { PutMode::Create } else { PutMode::Overwrite };
            let how = object_store::PutOptions { mode, attributes, ..object_store::PutOptions::default() };
            let done = self.cloud.put_opts(&to, bytes.into(), how).await;
            done.map(|done| done.e_tag).map_err(|error| self.blame.fault(Doing::Put, Some(key), &error))
        };
        match done {
            Ok(etag) => {
                self.figures.sent.fetch_add(size, Ordering::Relaxed);
                Ok(Put { size, etag, skipped: false })
            }
            // Somebody was faster; it may have been with the same.
            Err(fault) if fault.cause == CONFLICT && is_new => match self.look(key).await? {
                Some(there) if there.size == size && there.mark.as_ref() == Some(&mark) => {
                    Ok(Put { size, etag: there.etag, skipped: true })
                }
                _ => Err(exists(key)),
            },
            Err(fault) => Err(fault),
        }
    }

    pub(super) async fn look(&self, key: &Key) -> Result<Option<Object>, Fault> {
        let options = GetOptions { head: true, ..GetOptions::default() };
        match self.cloud.get_opts(&self.path(key)?, options).await {
            Ok(found) => Ok(Some(Object::of(&found.meta, &found.attributes))),
            Err(error) => match self.blame.fault(Doing::Look, Some(key), &error) {
                fault if fault.cause == "no-object" => Ok(None),
                fault => Err(fault),
            },
        }
    }

    pub(super) async fn get(&self, key: &Key, to: &FilePath) -> Result<Object, Fault> {
        let path = self.path(key)?;
        let mut writing = Writing::begin(to).await?;
        let mut object: Option<Object> = None;
        let mut resumes = 0;
        loop {
            // Only the same version of the object can be gone on with.
            let etag = object.as_ref().and_then(|object| object.etag.clone());
            if writing.size > 0 && etag.is_none() {
                writing = Writing::begin(to).await?;
            }
            let range = (writing.size > 0).then_some(GetRange::Offset(writing.size));
            let options = GetOptions { if_match: etag.filter(|_| range.is_some()), range, ..GetOptions::default() };
            let blame = |error: &_| self.blame.fault(Doing::Get, Some(key), error);
            let found = self.cloud.get_opts(&path, options).await.map_err(|error| blame(&error))?;
            let expected = object.insert(Object::of(&found.meta, &found.attributes)).size;
            let mut stream = found.into_stream();
            let lost = loop {
                match std::future::poll_fn(|context| stream.as_mut().poll_next(context)).await {
                    Some(Ok(bytes)) => {
                        self.figures.fetched.fetch_add(bytes.len() as u64, Ordering::Relaxed);
                        writing.add(&bytes).await?;
                    }
                    Some(Err(error)) => break Some(blame(&error)),
                    None => break None,
                }
            };
            writing.flush().await?;
            let lost = lost.or_else(|| (writing.size < expected).then(|| short(key, writing.size, expected)));
            let Some(lost) = lost else { break };
            resumes += 1;
            if resumes > MOST_RESUMES {
                return Err(lost);
            }
            self.figures.resumed.fetch_add(1, Ordering::Relaxed);
        }
        let object = object.unwrap_or_default();
        if writing.size != object.size {
            return Err(short(key, writing.size, object.size));
        }
        let hash = to_hex(&writing.hasher.finalize().as_bytes()[..16]);
        match object.content_hash() {
            Some(known) if known != hash => {
                let message = format!("'{key}' is not what was put there: its checksum is another one");
                Err(Fault::new(FaultClass::Transient, "checksum", message))
            }
            _ => Ok(object),
        }
    }

    pub(super) async fn delete(&self, key: &Key) -> Result<(), Fault> {
        match object_store::ObjectStoreExt::delete(&*self.cloud, &self.path(key)?).await {
            Ok(()) => Ok(()),
            Err(error) => match self.blame.fault(Doing::Delete, Some(key), &error) {
                fault if fault.cause == "no-object" => Ok(()),
                fault => Err(fault),
            },
        }
    }

    pub(super) async fn list(&self, below: Option<&Key>, limit: usize) -> Result<Vec<Listed>, Fault> {
        let prefix = match below {
            Some(below) => Some(self.full(below)?),
            None => self.prefix.clone(),
        };
        let prefix = prefix.map(|prefix| format!("{prefix}/"));
        let own = self.prefix.as_ref().map_or(0, |prefix| prefix.as_str().len() + 1);
        let mut found = Vec::new();
        let mut page_token = None;
        while found.len() < limit {
            let max_keys = Some((limit - found.len()).min(PAGE));
            let options = PaginatedListOptions { max_keys, page_token, ..PaginatedListOptions::default() };
            let page = self.cloud.list_paginated(prefix.as_deref(), options).await;
            let page = page.map_err(|error| self.blame.fault(Doing::List, None, &error))?;
            found.extend(page.result.objects.into_iter().filter_map(|object| {
                let key = object.location.as_ref().get(own..)?.to_owned();
                Some(Listed { key, size: object.size })
            }));
            page_token = page.page_token;
            if page_token.is_none() {
                break;
            }
        }
        found.truncate(limit);
        Ok(found)
    }

    pub(super) async fn sign(&self, method: LinkMethod, key: &Key, lasts: Duration) -> Result<Link, Fault> {
        if !self.signs {
            let message = format!("cannot sign a link to '{key}': a shared access signature signs nothing");
            return Err(Fault::new(FaultClass::Dependency, "cannot-sign", message)
                .with_hint("give the storage an `account_key` in place of `sas`"));
        }
        let method = match method {
            LinkMethod::Get => Method::GET,
            LinkMethod::Put => Method::PUT,
        };
        // Before the service's own clock starts: the link lasts at least until then.
        let now = Timestamp::now();
        let signed = self.cloud.signed_url(method, &self.path(key)?, lasts).await;
        let url = signed.map_err(|error| self.blame.fault(Doing::Sign, Some(key), &error))?;
        let lasts = i64::try_from(lasts.as_secs()).unwrap_or(i64::MAX);
        Ok(Link { url, expires: Timestamp::from_second(now.as_second().saturating_add(lasts)).ok() })
    }
}

/// Another object has this key.
pub(super) fn exists(key: &Key) -> Fault {
    Fault::input("exists", format!("there is an object '{key}' already, and it is another one"))
        .with_hint("set `if_exists` to overwrite or skip, or choose another key")
}

fn short(key: &Key, size: u64, expected: u64) -> Fault {
    let message = format!("'{key}' ended after {size} of {expected} bytes");
    Fault::new(FaultClass::Transient, "connection", message)
}

/// The file, opened, and the hash of its content.
pub(super) async fn opened(from: &FilePath) -> Result<(Sent, String), Fault> {
    let path = from.to_owned();
    off_thread(move || {
        let failed = |error| Fault::from_io(&format!("cannot read {}", path.display()), &error);
        let file = File::open(&path).map_err(failed)?;
        if !file.metadata().map_err(failed)?.is_file() {
            return Err(Fault::input("input", format!("{} is no regular file", path.display())));
        }
        let (hash, size) = hash_file(&path).map_err(failed)?;
        Ok((Sent { file: Arc::new(file), name: path.display().to_string(), size }, hash))
    })
    .await
}

/// A file that is being written.
struct Writing {
    file: Arc<File>,
    name: String,
    gathered: Vec<u8>,
    hasher: Box<blake3::Hasher>,
    size: u64,
}

impl Writing {
    async fn begin(to: &FilePath) -> Result<Self, Fault> {
        let path = to.to_owned();
        let name = path.display().to_string();
        let shown = name.clone();
        let file = off_thread(move || {
            File::create(&path).map_err(|error| Fault::from_io(&format!("cannot write {shown}"), &error))
        });
        let file = Arc::new(file.await?);
        Ok(Self { file, name, gathered: Vec::new(), hasher: Box::default(), size: 0 })
    }

    async fn add(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        self.gathered.extend_from_slice(bytes);
        if self.gathered.len() >= GATHERED { self.flush().await } else { Ok(()) }
    }

    async fn flush(&mut self) -> Result<(), Fault> {
        if self.gathered.is_empty() {
            return Ok(());
        }
        let (file, name) = (Arc::clone(&self.file), self.name.clone());
        let gathered = std::mem::take(&mut self.gathered);
        let mut hasher = self.hasher.clone();
        let done = off_thread(move || {
            let written = (&*file).write_all(&gathered);
            written.map_err(|error| Fault::from_io(&format!("cannot write {name}"), &error))?;
            hasher.update(&gathered);
            Ok((hasher, gathered.len() as u64))
        });
        let (hasher, written) = done.await?;
        self.hasher = hasher;
        self.size += written;
        Ok(())
    }
}
