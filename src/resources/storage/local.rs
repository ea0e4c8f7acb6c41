//! Objects in a folder: files whose paths are their keys. A folder keeps no content type and no metadata.

use std::fs::File;
use std::io::{self, Seek};
use std::path::Path;

use url::Url;

use super::key::Key;
use super::object::{IfExists, Listed, Object, Put, PutOptions};
use super::remote::{exists, opened};
use crate::resilience::os_text::to_hex;
use crate::resilience::{Fault, FaultClass};
use crate::resources::filesystem::{Beneath, Relative, off_thread};

/// So often a new object may be there when it was not just before, and be gone when it is looked at.
const ROUNDS: usize = 16;

/// A folder that keeps objects.
#[derive(Debug, Clone)]
pub(super) struct Local {
    pub folder: std::path::PathBuf,
    pub prefix: Option<Key>,
}

impl Local {
    pub(super) fn full(&self, key: &Key) -> Result<Key, Fault> {
        self.prefix.as_ref().map_or_else(|| Ok(key.clone()), |prefix| prefix.join(key))
    }

    fn relative(&self, key: &Key) -> Result<Relative, Fault> {
        Relative::parse(self.full(key)?.as_str())
    }

    pub(super) async fn put(&self, key: &Key, from: &Path, options: &PutOptions) -> Result<Put, Fault> {
        let (folder, to, key) = (self.folder.clone(), self.relative(key)?, key.clone());
        let (if_exists, (sent, hash)) = (options.if_exists, opened(from).await?);
        off_thread(move || {
            let folder = Beneath::open(&folder)?;
            let copy = |file: &mut File| {
                let copied = (&*sent.file).rewind().and_then(|()| io::copy(&mut &*sent.file, file));
                copied.map_err(|error| Fault::from_io(&format!("cannot put '{key}'"), &error))
            };
            for _ in 0..ROUNDS {
                if let Some(there) = folder.look(&to)? {
                    let size = there.size.ok_or_else(|| Fault::input("path", format!("'{key}' is a folder")))?;
                    let is_same = size == sent.size && content_hash(&folder, &to, &key)? == hash;
                    if is_same || if_exists == IfExists::Skip {
                        return Ok(Put { size, etag: None, skipped: true });
                    }
                    if if_exists == IfExists::Fail {
                        return Err(exists(&key));
                    }
                }
                let written = match if_exists {
                    IfExists::Overwrite => Some(folder.write(&to, copy)?),
                    IfExists::Skip | IfExists::Fail => folder.write_new(&to, copy)?,
                };
                if let Some(size) = written {
                    return Ok(Put { size, etag: None, skipped: false });
                }
                // Somebody was faster: what they put is looked at.
            }
            let message = format!("cannot put '{key}': somebody else puts it and takes it away again and again");
            Err(Fault::new(FaultClass::Transient, "busy", message))
        })
        .await
    }

    pub(super) async fn look(&self, key: &Key) -> Result<Option<Object>, Fault> {
        let (folder, path) = (self.folder.clone(), self.relative(key)?);
        off_thread(move || {
            let there = Beneath::open(&folder)?.look(&path)?;
            Ok(there.and_then(|there| Some(Object { size: there.size?, ..Object::default() })))
        })
        .await
    }

    pub(super) async fn get(&self, key: &Key, to: &Path) -> Result<Object, Fault> {
        let (folder, path, to, key) = (self.folder.clone(), self.relative(key)?, to.to_owned(), key.clone());
        off_thread(move || {
            let mut file = Beneath::open(&folder)?.read(&path).map_err(|fault| match fault.cause.as_str() {
                "not-found" => Fault::input("no-object", format!("there is no object '{key}'")),
                _ => fault,
            })?;
            let failed = |error| Fault::from_io(&format!("cannot write {}", to.display()), &error);
            let size = std::fs::File::create(&to).and_then(|mut to| io::copy(&mut file, &mut to)).map_err(failed)?;
            Ok(Object { size, ..Object::default() })
        })
        .await
    }

    pub(super) async fn delete(&self, key: &Key) -> Result<(), Fault> {
        let (folder, path) = (self.folder.clone(), self.relative(key)?);
        off_thread(move || Beneath::open(&folder)?.remove(&path).map(drop)).await
    }

    pub(super) async fn list(&self, below: Option<&Key>, limit: usize) -> Result<Vec<Listed>, Fault> {
        let below = match below {
            Some(below) => Some(self.relative(below)?),
            None => self.prefix.as_ref().map(|prefix| Relative::parse(prefix.as_str())).transpose()?,
        };
        let (folder, own) = (self.folder.clone(), self.prefix.as_ref().map(|prefix| prefix.as_str().to_owned()));
        off_thread(move || {
            let found = Beneath::open(&folder)?.walk(below.as_ref(), limit)?;
            let listed = found.into_iter().filter_map(|entry| {
                let path = match &own {
                    Some(own) => entry.path.strip_prefix(own).ok()?,
                    None => &entry.path,
                };
                Some(Listed { key: path.to_str()?.to_owned(), size: entry.size? })
            });
            Ok(listed.collect())
        })
        .await
    }

    pub(super) fn url(&self, key: &Key) -> Result<Url, Fault> {
        let path = std::path::absolute(&self.folder)
            .map_err(|error| Fault::from_io("cannot tell where the folder is", &error))?
            .join(self.full(key)?.as_str());
        Url::from_file_path(path).map_err(|()| Fault::input("path", format!("'{key}' has no address")))
    }
}

/// The hash of the content of the object `key`, which is the file at `path`.
fn content_hash(folder: &Beneath, path: &Relative, key: &Key) -> Result<String, Fault> {
    let mut hasher = blake3::Hasher::new();
    let read = io::copy(&mut folder.read(path)?, &mut hasher);
    read.map_err(|error| Fault::from_io(&format!("cannot read '{key}'"), &error))?;
    Ok(to_hex(&hasher.finalize().as_bytes()[..16]))
}
