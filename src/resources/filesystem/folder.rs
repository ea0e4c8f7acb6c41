//! One owner's hold of a folder.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use super::beneath::{Beneath, Entry, Relative};
use super::blocking::off_thread;
use crate::resilience::Fault;

/// A folder that nothing leads out of. Paths are relative to it; `..`, an absolute path and a symbolic link anywhere in a
/// path are input faults `path`, and leave the resource as it was.
#[derive(Debug)]
pub struct Folder {
    base: Arc<Beneath>,
    temp: Arc<Beneath>,
    auto_cleanup: bool,
    temporary: Mutex<Vec<PathBuf>>,
}

impl Folder {
    pub(super) fn new(base: Beneath, temp: Beneath, auto_cleanup: bool) -> Self {
        Self { base: base.into(), temp: temp.into(), auto_cleanup, temporary: Mutex::default() }
    }

    /// Where it is: absolute.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.base.path()
    }

    /// The content of a file.
    ///
    /// # Errors
    /// An input fault: there is none, it is no regular file, or its path leads out.
    pub async fn read(&self, path: impl AsRef<Path>) -> Result<Vec<u8>, Fault> {
        let (base, path) = (Arc::clone(&self.base), Relative::parse(path)?);
        off_thread(move || {
            let mut content = Vec::new();
            let read = base.read(&path)?.read_to_end(&mut content);
            read.map_err(|error| Fault::from_io(&format!("cannot read {}", path.to_path().display()), &error))?;
            Ok(content)
        })
        .await
    }

    /// Writes a file, with the folders above it: it is there whole, or not at all.
    ///
    /// # Errors
    /// An input fault where the path leads out; those of the disk.
    pub async fn write(&self, path: impl AsRef<Path>, content: impl Into<Vec<u8>>) -> Result<(), Fault> {
        let (base, path, content) = (Arc::clone(&self.base), Relative::parse(path)?, content.into());
        off_thread(move || {
            let failed = |error| Fault::from_io(&format!("cannot write {}", path.to_path().display()), &error);
            base.write(&path, |file| file.write_all(&content).map_err(failed))
        })
        .await
    }

    /// Makes an empty temporary file; its absolute path. It is removed when the lease ends, unless `auto_cleanup` is off.
    ///
    /// # Errors
    /// Those of the disk.
    pub async fn create_temp(&self) -> Result<PathBuf, Fault> {
        let temp = Arc::clone(&self.temp);
        let made = off_thread(move || temp.create_temporary()).await?;
        if self.auto_cleanup {
            self.temporary.lock().unwrap_or_else(PoisonError::into_inner).push(made.clone());
        }
        Ok(made)
    }

    /// The files and folders in a folder, or in all of it where `path` is empty: sorted, at most `limit`.
    ///
    /// # Errors
    /// An input fault: there is no such folder, or its path leads out.
    pub async fn list(&self, path: impl AsRef<Path>, limit: usize) -> Result<Vec<Entry>, Fault> {
        let path = path.as_ref();
        let path = if path.as_os_str().is_empty() { None } else { Some(Relative::parse(path)?) };
        let base = Arc::clone(&self.base);
        off_thread(move || base.list(path.as_ref(), limit)).await
    }

    /// Removes a file or an empty folder; whether there was one.
    ///
    /// # Errors
    /// An input fault where the path leads out, or the folder is not empty; those of the disk.
    pub async fn remove(&self, path: impl AsRef<Path>) -> Result<bool, Fault> {
        let (base, path) = (Arc::clone(&self.base), Relative::parse(path)?);
        off_thread(move || base.remove(&path)).await
    }

    /// Whether there is a file or a folder.
    ///
    /// # Errors
    /// An input fault where the path leads out.
    pub async fn exists(&self, path: impl AsRef<Path>) -> Result<bool, Fault> {
        let (base, path) = (Arc::clone(&self.base), Relative::parse(path)?);
        off_thread(move || Ok(base.look(&path)?.is_some())).await
    }

    pub(super) async fn is_still_there(&self) -> bool {
        let (base, temp) = (Arc::clone(&self.base), Arc::clone(&self.temp));
        off_thread(move || Ok(base.is_still_there() && temp.is_still_there())).await.unwrap_or_default()
    }

    pub(super) fn has_temporary_files(&self) -> bool {
        !self.temporary.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        for path in self.temporary.get_mut().unwrap_or_else(PoisonError::into_inner) {
            // Whoever made it may have moved or removed it.
            let _ = std::fs::remove_file(path);
        }
    }
}
