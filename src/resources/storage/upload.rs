//! Sending a large file in parts.
//!
//! An upload runs in a task of its own: whoever waits for it may be dropped at any moment, and the task then takes away
//! what was sent. Only the end of the process leaves parts behind; a rule of the bucket's life cycle clears those.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::time::Duration;

use object_store::multipart::PartId;
use object_store::path::Path;
use object_store::{Attributes, GetOptions, PutMultipartOptions};
use tokio::sync::{oneshot, watch};
use tokio::task::JoinSet;

use super::blame::CONFLICT;
use super::cloud::Cloud;
use super::refusal::NewOnly;
use crate::resilience::{Fault, FaultClass};
use crate::resources::filesystem::off_thread;

/// Parts that are sent at the same time; each is held in memory.
const AT_ONCE: usize = 4;
/// The most parts of an object: Amazon S3 user guide, multipart upload limits.
const MOST_PARTS: u64 = 10_000;
/// Parts that were sent whole when an upload is given up are answered within this time. A part that arrives after the
/// upload was aborted may stay: Amazon S3 API reference, AbortMultipartUpload.
const SETTLING: Duration = Duration::from_secs(2);
/// The longest that taking parts away is waited for.
const ABORT_PATIENCE: Duration = Duration::from_secs(30);

/// A file to be sent.
#[derive(Debug, Clone)]
pub(super) struct Sent {
    pub file: Arc<File>,
    /// As messages name it.
    pub name: String,
    pub size: u64,
}

impl Sent {
    /// `length` bytes from `offset` on.
    pub(super) async fn read(&self, offset: u64, length: u64) -> Result<Vec<u8>, Fault> {
        let Self { file, name, .. } = self.clone();
        off_thread(move || {
            let length = usize::try_from(length).map_err(|_| Fault::input("size", format!("{name} is too large")))?;
            let mut bytes = vec![0; length];
            file.read_exact_at(&mut bytes, offset).map_err(|error| match error.kind() {
                std::io::ErrorKind::UnexpectedEof => {
                    Fault::new(FaultClass::Transient, "changed", format!("{name} became shorter while it was sent"))
                }
                _ => Fault::from_io(&format!("cannot read {name}"), &error),
            })?;
            Ok(bytes)
        })
        .await
    }
}

/// Counts uploads that are under way, taking away included.
#[derive(Debug, Clone)]
pub(super) struct UnderWay(watch::Sender<usize>);

impl Default for UnderWay {
    fn default() -> Self {
        Self(watch::Sender::new(0))
    }
}

impl UnderWay {
    fn one(&self) -> One {
        self.0.send_modify(|count| *count += 1);
        One(self.0.clone())
    }

    /// Until there are none.
    pub(super) async fn wait(&self) {
        // The sender is ours: it is not gone.
        let _ = self.0.subscribe().wait_for(|count| *count == 0).await;
    }
}

struct One(watch::Sender<usize>);

impl Drop for One {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count -= 1);
    }
}

/// Tells the fault that an error of the library stands for.
pub(super) type Blaming = Arc<dyn Fn(&object_store::Error) -> Fault + Send + Sync>;

/// What is sent where, and how.
pub(super) struct Upload {
    pub cloud: Arc<dyn Cloud>,
    pub to: Path,
    /// Bytes of a part; they are more where there would be too many parts.
    pub part: u64,
    pub attributes: Attributes,
    pub blaming: Blaming,
    /// Given where it may take the place of no object.
    pub new_only: Option<NewOnly>,
}

impl Upload {
    /// Makes an object of the parts. Whether one is there is looked at just before, for services that cannot be asked to
    /// refuse it then.
    async fn complete(&self, id: &str, parts: Vec<PartId>) -> Result<Option<String>, Fault> {
        if let Some(new_only) = &self.new_only {
            let head = GetOptions { head: true, ..GetOptions::default() };
            if self.cloud.get_opts(&self.to, head).await.is_ok() {
                return Err(Fault::input(CONFLICT, "an object of this key came in between"));
            }
            new_only.add(id);
        }
        let done = self.cloud.complete_multipart(&self.to, &id.to_owned(), parts).await;
        self.new_only.iter().for_each(|new_only| new_only.remove(id));
        done.map(|done| done.e_tag).map_err(|error| (self.blaming)(&error))
    }
}

/// Sends `sent` in parts. The ETag. Dropping the future gives up; the parts are then taken away behind its back.
pub(super) async fn in_parts(upload: Upload, sent: Sent, under_way: &UnderWay) -> Result<Option<String>, Fault> {
    let one = under_way.one();
    let (alive, given_up) = oneshot::channel::<()>();
    let task = tokio::spawn(async move {
        let _one = one;
        let Upload { cloud, to, blaming, .. } = &upload;
        let options = PutMultipartOptions { attributes: upload.attributes.clone(), ..PutMultipartOptions::default() };
        let id = cloud.create_multipart_opts(to, options).await.map_err(|error| blaming(&error))?;
        let cancelled = || Fault::new(FaultClass::Cancelled, "cancelled", "the upload was given up");
        let mut sending = JoinSet::new();
        let parts = tokio::select! {
            biased;
            _ = given_up => Err(cancelled()),
            parts = send(&upload, &id, sent, &mut sending) => parts,
        };
        let done = match parts {
            Ok(parts) => upload.complete(&id, parts).await,
            Err(fault) => Err(fault),
        };
        match done {
            Ok(etag) => Ok(etag),
            Err(fault) => {
                let settled = async { while sending.join_next().await.is_some() {} };
                let _ = tokio::time::timeout(SETTLING, settled).await;
                sending.shutdown().await;
                // What cannot be taken away now is left to the bucket's life cycle; the fault is what counts.
                let _ = tokio::time::timeout(ABORT_PATIENCE, cloud.abort_multipart(to, &id)).await;
                Err(fault)
            }
        }
    });
    let done = task.await;
    drop(alive);
    done.unwrap_or_else(|ended| {
        let class = if ended.is_panic() { FaultClass::Bug } else { FaultClass::Cancelled };
        Err(Fault::new(class, "upload", "the upload came to grief"))
    })
}

async fn send(
    upload: &Upload,
    id: &str,
    sent: Sent,
    sending: &mut JoinSet<Result<(usize, PartId), object_store::Error>>,
) -> Result<Vec<PartId>, Fault> {
    let Upload { cloud, to, part, blaming, .. } = upload;
    let part = (*part).max(sent.size.div_ceil(MOST_PARTS));
    let mut parts: Vec<(usize, PartId)> = Vec::new();
    let mut offset = 0;
    loop {
        while sending.len() >= AT_ONCE || (offset >= sent.size && !sending.is_empty()) {
            match sending.join_next().await {
                Some(Ok(Ok(done))) => parts.push(done),
                Some(Ok(Err(error))) => return Err(blaming(&error)),
                Some(Err(_)) => {
                    return Err(Fault::new(FaultClass::Bug, "upload", "a part of the upload came to grief"));
                }
                None => break,
            }
        }
        if offset >= sent.size {
            parts.sort_unstable_by_key(|(index, _)| *index);
            return Ok(parts.into_iter().map(|(_, part)| part).collect());
        }
        let length = part.min(sent.size - offset);
        let bytes = sent.read(offset, length).await?;
        let (cloud, to, id, index) = (Arc::clone(cloud), to.clone(), id.to_owned(), parts.len() + sending.len());
        sending.spawn(async move { Ok((index, cloud.put_part(&to, &id, index, bytes.into()).await?)) });
        offset += length;
    }
}
