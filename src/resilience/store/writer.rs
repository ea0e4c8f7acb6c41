//! Writes the items' JSON files behind the run's back: changes of one item that come close together share a write.

use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use indexmap::IndexMap;

use super::ledger::{Ledger, note_of};
use super::{ItemKey, write_whole};
use crate::resilience::checkpoint::Checkpoint;

/// Changes that wait to be written; a run that makes them faster than the disk takes them waits.
const QUEUE: usize = 1024;
/// How long after a failed write it is tried again.
const TRY_AGAIN: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(super) struct JsonWriter {
    queue: SyncSender<(ItemKey, Checkpoint)>,
    thread: JoinHandle<std::io::Result<()>>,
}

impl JsonWriter {
    pub(super) fn start(items: PathBuf, ledger: Arc<Mutex<Ledger>>, sync: bool) -> Self {
        let (queue, changes) = sync_channel(QUEUE);
        let thread = std::thread::spawn(move || write_all(&items, &ledger, sync, &changes));
        Self { queue, thread }
    }

    pub(super) fn publish(&self, key: ItemKey, checkpoint: &Checkpoint) {
        // The receiver lives until `close`; were its thread to die, the ledger would still hold the change.
        let _ = self.queue.send((key, checkpoint.clone()));
    }

    pub(super) fn close(self) -> std::io::Result<()> {
        drop(self.queue);
        self.thread.join().unwrap_or_else(|_| Err(std::io::Error::other("the writer of checkpoints panicked")))
    }
}

fn write_all(
    items: &std::path::Path,
    ledger: &Mutex<Ledger>,
    sync: bool,
    changes: &Receiver<(ItemKey, Checkpoint)>,
) -> std::io::Result<()> {
    let mut waiting: IndexMap<ItemKey, Checkpoint> = IndexMap::new();
    loop {
        let next = if waiting.is_empty() {
            changes.recv().map_err(|_| RecvTimeoutError::Disconnected)
        } else {
            changes.recv_timeout(TRY_AGAIN)
        };
        let last_round = matches!(next, Err(RecvTimeoutError::Disconnected));
        for (key, checkpoint) in next.ok().into_iter().chain(changes.try_iter().take(QUEUE)) {
            // Of two that change one item at the same time the one that was recorded first may come last.
            if waiting.get(&key).is_none_or(|newest| newest.revision <= checkpoint.revision) {
                waiting.insert(key, checkpoint);
            }
        }
        let mut first_error = None;
        waiting.retain(|key, checkpoint| {
            if is_outdated(ledger, *key, checkpoint) {
                return false;
            }
            let written = write_one(items, ledger, sync, *key, checkpoint);
            written.map_err(|error| first_error.get_or_insert(error)).is_err()
        });
        if last_round {
            return first_error.map_or(Ok(()), Err);
        }
    }
}

/// Whether the item has a newer record: whoever made that has its JSON written.
fn is_outdated(ledger: &Mutex<Ledger>, key: ItemKey, checkpoint: &Checkpoint) -> bool {
    ledger.lock().unwrap_or_else(PoisonError::into_inner).revision(key) > checkpoint.revision
}

fn write_one(
    items: &std::path::Path,
    ledger: &Mutex<Ledger>,
    sync: bool,
    key: ItemKey,
    checkpoint: &Checkpoint,
) -> std::io::Result<()> {
    let mut json = serde_json::to_vec_pretty(checkpoint)?;
    json.push(b'\n');
    let metadata = write_whole(&items.join(format!("{}.json", checkpoint.item_id)), &json, sync)?;
    ledger.lock().unwrap_or_else(PoisonError::into_inner).note(key, checkpoint.revision, note_of(&metadata))
}
