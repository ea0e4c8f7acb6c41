//! The state folder of one pipeline: checkpoints that hold against SIGKILL at any instant.
//!
//! ```text
//! <state>/<pipeline>/
//!   lock                 held by the kernel for the whole run
//!   ledger               every change of every checkpoint, appended; the index that makes resume fast
//!   items/<id>.json      one checkpoint per item: what a person opens
//!   items/<id>.pieces    what is known of its pieces, where it has any
//!   runs/<run id>/       journal, summary, logs
//! ```
//!
//! A change is appended to the ledger first, then the outputs move into place, then the item's JSON follows. The
//! ledger remembers what the JSON it wrote looked like (a *note*); a JSON that looks otherwise was touched by somebody
//! else and is believed over the ledger, one that is gone means that the item is to be forgotten.

mod files;
mod ledger;
mod lock;
mod pieces;
mod writer;

use std::collections::HashMap;
use std::fs::File;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{SystemTime, UNIX_EPOCH};

use self::ledger::Ledger;
use self::lock::Lock;
use self::writer::JsonWriter;
use super::checkpoint::{Checkpoint, Unusable, parse};
use super::os_text::to_hex;

pub(super) use self::files::set_aside;
pub use self::files::{list, remove, write_whole};
pub use self::pieces::{Claim, PieceLog};

/// Tells items apart: the first 64 bits of the BLAKE3 hash of the absolute path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ItemKey(pub u64);

impl ItemKey {
    /// The key of the item at `path`.
    #[must_use]
    pub fn of(path: &Path) -> Self {
        let hash = blake3::hash(path.as_os_str().as_bytes());
        let mut first = [0; 8];
        first.copy_from_slice(&hash.as_bytes()[..8]);
        Self(u64::from_be_bytes(first))
    }

    /// Twelve hexadecimal digits: tells files of one name apart.
    #[must_use]
    pub fn short(self) -> String {
        to_hex(&self.0.to_be_bytes()[..6])
    }

    /// The item's id: its stem, made safe for a file name, and the short hash.
    #[must_use]
    pub fn item_id(self, path: &Path) -> String {
        const LONGEST: usize = 80;
        let stem = path.file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().into_owned());
        let safe = |c: char| if c.is_alphanumeric() || "-_.+ ".contains(c) { c } else { '_' };
        let mut id: String = stem.chars().map(safe).collect();
        while id.len() > LONGEST {
            id.pop();
        }
        if id.starts_with(['.', '-']) {
            id.insert(0, '_');
        }
        format!("{id}-{}", self.short())
    }
}

/// What the store knows of an item.
#[derive(Debug)]
pub enum Loaded {
    /// Nothing: it has not run, or was forgotten. `owned` is what earlier runs made of it.
    New {
        /// The last state before it was forgotten, for knowing which output files are ours.
        owned: Option<Box<Checkpoint>>,
        /// Why an earlier checkpoint is not used, if there was one.
        set_aside: Option<String>,
    },
    /// Its checkpoint.
    Known(Box<Checkpoint>),
    /// A checkpoint that must not be touched.
    Refused(String),
}

/// Why the state folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another run holds it.
    #[error("{} is in use by another run ({holder}); wait for it, or give this one another --state", path.display())]
    Held {
        /// The state folder of the pipeline.
        path: PathBuf,
        /// Who holds it, as it told.
        holder: String,
    },
    /// It cannot be made, read or written.
    #[error("cannot {doing} {}: {source}; choose another folder with --state", path.display())]
    Io {
        /// A verb: "create", "lock", "read".
        doing: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// A newer mediamill wrote it.
    #[error("{} was written by a newer mediamill ({found}); use that one, or give this one another --state", path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its first line.
        found: String,
    },
}

/// The checkpoints of one pipeline, held for one run.
#[derive(Debug)]
pub struct Store {
    dir: PathBuf,
    ledger: Arc<Mutex<Ledger>>,
    writer: Option<JsonWriter>,
    sync: bool,
    /// The pieces of items that are worked on, by id.
    shared: Mutex<HashMap<String, Weak<Mutex<PieceLog>>>>,
    _lock: Option<Lock>,
}

/// How the state folder is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// For a run: locked, and writable. `sync` makes every change hold against a power cut.
    Run {
        /// Whether records are synced to the disk before they count.
        sync: bool,
    },
    /// For a look: nothing is locked or written.
    Look,
}

impl Store {
    /// Opens the folder of `pipeline` below `state`; a run makes it where it is missing.
    ///
    /// # Errors
    /// That another run holds it, or that it cannot be used.
    pub fn open(state: &Path, pipeline: &str, access: Access) -> Result<Self, StoreError> {
        let dir = state.join(pipeline);
        let io = |doing, path: &Path| {
            let path = path.to_path_buf();
            move |source| StoreError::Io { doing, path, source }
        };
        let items = dir.join("items");
        let sync = access == Access::Run { sync: true };
        let lock = match access {
            Access::Look => None,
            Access::Run { .. } => {
                std::fs::create_dir_all(&items).map_err(io("create", &items))?;
                let lock = Lock::take(&dir)?;
                let probe = items.join(".probe");
                write_whole(&probe, b"", false).map_err(io("write into", &items))?;
                std::fs::remove_file(&probe).map_err(io("write into", &items))?;
                Some(lock)
            }
        };
        let ledger = Ledger::open(&dir.join("ledger"), lock.is_some())?;
        let ledger = Arc::new(Mutex::new(ledger));
        let writer = lock.is_some().then(|| JsonWriter::start(items, Arc::clone(&ledger), sync));
        Ok(Self { dir, ledger, writer, sync, shared: Mutex::default(), _lock: lock })
    }

    /// The pipeline's folder in the state folder.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Whether it was opened for a run.
    #[must_use]
    pub fn is_writable(&self) -> bool {
        self.writer.is_some()
    }

    /// How many items the ledger knows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.locked().len()
    }

    /// Whether the ledger knows no item.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What is known of the item `id` with `key`. A JSON that cannot be read is put aside by name.
    #[must_use]
    pub fn load(&self, key: ItemKey, id: &str) -> Loaded {
        let path = self.json_path(id);
        let (snapshot, noted) = {
            let ledger = self.locked();
            (ledger.read(key), ledger.noted(key))
        };
        let snapshot = snapshot.and_then(|json| parse(&json).ok()).map(Box::new);
        let found = std::fs::symlink_metadata(&path).ok().map(|metadata| ledger::note_of(&metadata));
        match (snapshot, found) {
            (None, None) => Loaded::New { owned: None, set_aside: None },
            (Some(snapshot), Some(found)) if noted == Some(found) => Loaded::Known(snapshot),
            (Some(snapshot), None) if noted.is_some() => Loaded::New { owned: Some(snapshot), set_aside: None },
            (Some(snapshot), None) => self.healed(key, snapshot),
            (snapshot, Some(_)) => self.believe_json(key, id, &path, snapshot),
        }
    }

    /// The JSON differs from what the ledger knows of: whoever changed it last is right.
    fn believe_json(&self, key: ItemKey, id: &str, path: &Path, snapshot: Option<Box<Checkpoint>>) -> Loaded {
        let parsed = match std::fs::read(path) {
            Ok(json) => parse(&json).and_then(|checkpoint| {
                let is_of_the_item = checkpoint.item_id == id && ItemKey::of(checkpoint.source.path.as_path()) == key;
                let other = || Unusable::Unreadable("it tells of another item".into());
                if is_of_the_item { Ok(checkpoint) } else { Err(other()) }
            }),
            Err(error) => Err(Unusable::Unreadable(error.to_string())),
        };
        match (parsed, snapshot) {
            (Ok(json), Some(snapshot)) if json.revision < snapshot.revision => self.healed(key, snapshot),
            (Ok(json), _) => self.healed(key, Box::new(json)),
            (Err(Unusable::Newer(version)), _) => Loaded::Refused(format!(
                "its checkpoint {} is of version {version}, written by a newer mediamill",
                path.display()
            )),
            (Err(Unusable::Unreadable(why)), owned) => {
                let set_aside = if self.writer.is_none() {
                    format!("its checkpoint {} cannot be read ({why})", path.display())
                } else {
                    match files::set_aside(path) {
                        Ok(aside) => format!(
                            "its checkpoint could not be read ({why}); it is kept as {}, and the item runs again",
                            aside.display()
                        ),
                        Err(error) => {
                            return Loaded::Refused(format!(
                                "its checkpoint {} can neither be read ({why}) nor put aside ({error})",
                                path.display()
                            ));
                        }
                    }
                };
                Loaded::New { owned, set_aside: Some(set_aside) }
            }
        }
    }

    /// A checkpoint whose JSON or ledger record is behind: both are brought up to it.
    fn healed(&self, key: ItemKey, checkpoint: Box<Checkpoint>) -> Loaded {
        if self.writer.is_some() && self.heal_record(key, &checkpoint).is_ok() {
            self.publish(key, &checkpoint);
        }
        Loaded::Known(checkpoint)
    }

    fn heal_record(&self, key: ItemKey, checkpoint: &Checkpoint) -> std::io::Result<()> {
        let synced = self.append(&mut self.locked(), key, checkpoint)?;
        synced.map_or(Ok(()), |file| file.sync_data())
    }

    /// Raises the revision above that of every record of the item, sets the time, and appends `checkpoint` to the ledger. When
    /// this returns, no SIGKILL loses it (and no power cut, where asked for).
    ///
    /// # Errors
    /// That it could not be written; the ledger is as it was.
    pub fn record(&self, key: ItemKey, checkpoint: &mut Checkpoint) -> std::io::Result<()> {
        let synced = {
            let mut ledger = self.locked();
            stamp(checkpoint, ledger.revision(key));
            self.append(&mut ledger, key, checkpoint)?
        };
        // Out of the lock: records that others append meanwhile share this sync.
        synced.map_or(Ok(()), |file| file.sync_data())
    }

    /// Has the item's JSON written, soon: nothing of it where a newer one is to be.
    pub fn publish(&self, key: ItemKey, checkpoint: &Checkpoint) {
        if let Some(writer) = &self.writer {
            writer.publish(key, checkpoint);
        }
    }

    /// Takes a step further: records, and has the JSON written.
    ///
    /// # Errors
    /// That it could not be recorded.
    pub fn save(&self, key: ItemKey, checkpoint: &mut Checkpoint) -> std::io::Result<()> {
        self.record(key, checkpoint)?;
        self.publish(key, checkpoint);
        Ok(())
    }

    /// Changes the item's last record, whoever writes another one at the same time: neither is lost. Nothing happens where
    /// there is none, or `change` says `false`.
    ///
    /// # Errors
    /// That it could not be recorded.
    pub fn change(&self, key: ItemKey, change: impl FnOnce(&mut Checkpoint) -> bool) -> std::io::Result<()> {
        let (checkpoint, synced) = {
            let mut ledger = self.locked();
            let Some(Ok(mut checkpoint)) = ledger.read(key).as_deref().map(parse) else { return Ok(()) };
            if !change(&mut checkpoint) {
                return Ok(());
            }
            stamp(&mut checkpoint, ledger.revision(key));
            let synced = self.append(&mut ledger, key, &checkpoint)?;
            (checkpoint, synced)
        };
        synced.map_or(Ok(()), |file| file.sync_data())?;
        self.publish(key, &checkpoint);
        Ok(())
    }

    /// Appends a record; gives what is to be synced before it counts.
    fn append(&self, ledger: &mut Ledger, key: ItemKey, checkpoint: &Checkpoint) -> std::io::Result<Option<File>> {
        ledger.append(key, checkpoint.revision, &serde_json::to_vec(checkpoint)?)?;
        if self.sync { ledger.sync_handle().map(Some) } else { Ok(None) }
    }

    fn locked(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes the JSON of every item whose last change did not get that far before a crash.
    pub fn heal(&self) {
        let behind = self.locked().without_note();
        for key in behind {
            let json = self.locked().read(key);
            let Some(Ok(checkpoint)) = json.as_deref().map(parse) else { continue };
            let _ = self.load(key, &checkpoint.item_id);
        }
    }

    /// Waits until every JSON is written.
    ///
    /// # Errors
    /// The first that could not be; the ledger still holds it, and the next run writes it.
    pub fn close(mut self) -> std::io::Result<()> {
        self.writer.take().map_or(Ok(()), JsonWriter::close)
    }

    /// What is known of the pieces of the item `id`, to be written: whoever works on the item has the same.
    #[must_use]
    pub fn shared_pieces(&self, id: &str) -> Arc<Mutex<PieceLog>> {
        let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(log) = shared.get(id).and_then(Weak::upgrade) {
            return log;
        }
        shared.retain(|_, log| log.strong_count() > 0);
        let log = Arc::new(Mutex::new(self.pieces(id)));
        shared.insert(id.to_owned(), Arc::downgrade(&log));
        log
    }

    /// What is known of the pieces of the item `id`, for a look; nothing is read before it is asked.
    #[must_use]
    pub fn pieces(&self, id: &str) -> PieceLog {
        PieceLog::new(pieces_path(&self.dir, id), self.is_writable(), self.sync)
    }

    fn json_path(&self, id: &str) -> PathBuf {
        self.dir.join("items").join(format!("{id}.json"))
    }
}

fn pieces_path(pipeline_dir: &Path, id: &str) -> PathBuf {
    pipeline_dir.join("items").join(format!("{id}.pieces"))
}

/// What is known of the pieces of the item `id`, for a look.
#[must_use]
pub fn pieces_of(pipeline_dir: &Path, id: &str) -> PieceLog {
    PieceLog::new(pieces_path(pipeline_dir, id), false, false)
}

/// Raises the revision above its own and `known`, and sets the time.
fn stamp(checkpoint: &mut Checkpoint, known: u64) {
    checkpoint.revision = checkpoint.revision.max(known) + 1;
    checkpoint.checkpoint_time =
        SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_millis() as f64 / 1000.0);
}

type Index = HashMap<ItemKey, ledger::Entry>;

#[cfg(test)]
mod tests;
