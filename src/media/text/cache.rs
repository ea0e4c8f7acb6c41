//! Files that were read and decoded, kept while there is room: a process draws thousands of pictures from few of them.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

/// What tells a file from another, and from itself once it has changed.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key {
    path: PathBuf,
    index: u32,
    modified: Option<SystemTime>,
    length: u64,
}

struct Kept<T> {
    value: Arc<T>,
    bytes: usize,
    used: u64,
}

/// Decoded files, the least recently used given up first.
pub(super) struct Cache<T> {
    most: usize,
    kept: Mutex<Shelf<T>>,
}

struct Shelf<T> {
    entries: HashMap<Key, Kept<T>>,
    bytes: usize,
    clock: u64,
}

impl<T> Cache<T> {
    /// Room for so many bytes. One value is always kept, however large.
    pub(super) fn new(most: usize) -> Self {
        Self { most, kept: Mutex::new(Shelf { entries: HashMap::new(), bytes: 0, clock: 0 }) }
    }

    /// Number `index` of the file at `path`: as it is kept, or from `make`, which tells its size in bytes, too.
    pub(super) fn get<E>(
        &self,
        path: &Path,
        index: u32,
        make: impl FnOnce() -> Result<(T, usize), E>,
    ) -> Result<Arc<T>, E> {
        let file = std::fs::metadata(path).ok();
        let key = Key {
            path: path.to_owned(),
            index,
            modified: file.as_ref().and_then(|file| file.modified().ok()),
            length: file.map_or(0, |file| file.len()),
        };
        if let Some(value) = self.shelf(|shelf| shelf.find(&key)) {
            return Ok(value);
        }
        // Made without the lock: another thread may make the same, and one of the two is kept.
        let (value, bytes) = make()?;
        let value = Arc::new(value);
        self.shelf(|shelf| shelf.keep(key, Kept { value: Arc::clone(&value), bytes, used: 0 }, self.most));
        Ok(value)
    }

    fn shelf<R>(&self, work: impl FnOnce(&mut Shelf<T>) -> R) -> R {
        work(&mut self.kept.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl<T> Shelf<T> {
    fn find(&mut self, key: &Key) -> Option<Arc<T>> {
        self.clock += 1;
        let kept = self.entries.get_mut(key)?;
        kept.used = self.clock;
        Some(Arc::clone(&kept.value))
    }

    fn keep(&mut self, key: Key, mut kept: Kept<T>, most: usize) {
        self.clock += 1;
        kept.used = self.clock;
        self.bytes += kept.bytes;
        if let Some(before) = self.entries.insert(key, kept) {
            self.bytes -= before.bytes;
        }
        while self.bytes > most && self.entries.len() > 1 {
            let Some(oldest) = self.entries.iter().min_by_key(|(_, kept)| kept.used).map(|(key, _)| key.clone()) else {
                return;
            };
            if let Some(gone) = self.entries.remove(&oldest) {
                self.bytes -= gone.bytes;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test whose files cannot be written has failed")]

    use super::*;

    #[test]
    fn the_least_recently_used_goes_first_and_a_changed_file_is_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            path
        };
        let cache = Cache::new(20);
        let read = |path: &Path| {
            let mut fresh = false;
            cache
                .get(path, 0, || {
                    fresh = true;
                    Ok::<_, ()>((std::fs::read(path).unwrap(), 10))
                })
                .unwrap();
            fresh
        };
        let [a, b, c] = ["a", "b", "c"].map(|name| file(name, name));
        assert!(read(&a) && read(&b) && !read(&a));
        assert!(read(&c), "and b, unused for longest, makes room");
        assert!(!read(&a) && !read(&c) && read(&b));
        file("b", "longer");
        assert!(read(&b), "it has changed");
    }
}
