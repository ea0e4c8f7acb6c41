//! Folders that go away with their owner: on success, failure, cancel and panic, and after a SIGKILL at the next start.

use std::fs::{DirBuilder, File};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Removes files and folders when its scope ends.
///
/// Whatever leaves the scope without [`Cleanup::succeed`] is an error: a fault, a cancel and a panic alike.
#[derive(Debug)]
pub struct Cleanup {
    paths: Vec<PathBuf>,
    on_error: bool,
    on_success: bool,
    succeeded: bool,
}

impl Cleanup {
    /// Guards `paths`: they are removed on an error, and kept on success.
    #[must_use]
    pub fn new(paths: impl IntoIterator<Item = PathBuf>) -> Self {
        Self { paths: paths.into_iter().collect(), on_error: true, on_success: false, succeeded: false }
    }

    /// Sets when they are removed; both means always.
    #[must_use]
    pub fn when(mut self, on_error: bool, on_success: bool) -> Self {
        self.on_error = on_error;
        self.on_success = on_success;
        self
    }

    /// The scope did what it was for.
    pub fn succeed(mut self) {
        self.succeeded = true;
    }
}

impl Drop for Cleanup {
    fn drop(&mut self) {
        if if self.succeeded { self.on_success } else { self.on_error } {
            for path in &self.paths {
                // One that cannot be removed must not keep the others; the sweep at the next start tries again.
                let _ = remove_tree(path);
            }
        }
    }
}

/// Removes a file, a link itself, or a folder with all that is in it. Links are never followed.
///
/// # Errors
/// That it cannot be removed. What is not there is no error.
pub fn remove_tree(path: &Path) -> std::io::Result<()> {
    let result = match std::fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_dir() => std::fs::remove_dir(path).or_else(|_| {
            std::fs::remove_dir_all(path).or_else(|_| {
                make_writable(path);
                std::fs::remove_dir_all(path)
            })
        }),
        Ok(_) => std::fs::remove_file(path),
        Err(error) => Err(error),
    };
    match result {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// A tool may leave folders that deny their own removal.
fn make_writable(folder: &Path) {
    use std::os::unix::fs::PermissionsExt;
    let _ = std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o700));
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            make_writable(&entry.path());
        }
    }
}

/// The scratch of one run: a folder with a lock that tells later runs whether its owner lives.
#[derive(Debug)]
pub struct RunScratch {
    folder: PathBuf,
    lock: File,
    keep: bool,
}

impl RunScratch {
    /// Makes the run's folder below `base`. `keep` leaves every attempt's folder for a look.
    ///
    /// # Errors
    /// That it cannot be made.
    pub fn create(base: &Path, run_id: &str, keep: bool) -> std::io::Result<Self> {
        std::fs::create_dir_all(base)?;
        let folder = base.join(format!("run-{run_id}"));
        DirBuilder::new().mode(0o700).create(&folder)?;
        let lock = File::options().write(true).create(true).truncate(false).open(folder.join("lock"))?;
        lock.try_lock()?;
        Ok(Self { folder, lock, keep })
    }

    /// Where it is.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// A room for one who makes attempts one after another.
    #[must_use]
    pub fn room(&self, name: &str) -> Room {
        Room { folder: self.folder.join(name), keep: self.keep, current: None, spare: None }
    }
}

/// Where one worker slot makes its attempts, each in a folder of its own.
///
/// A folder that an attempt left empty becomes that of the next one: to make and remove one each time would cost more
/// than many a task does.
#[derive(Debug)]
pub struct Room {
    folder: PathBuf,
    keep: bool,
    current: Option<PathBuf>,
    spare: Option<PathBuf>,
}

impl Room {
    /// Where it is; it is made with the first attempt.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Begins an attempt: gives its folder, which is new and empty.
    ///
    /// # Errors
    /// That it cannot be made.
    pub fn enter(&mut self, item_id: &str, step: &str, attempt: u32) -> std::io::Result<PathBuf> {
        // One that a panic left behind.
        self.leave();
        let folder = self.folder.join(format!("{item_id}.{step}.{attempt}"));
        let reused = self.spare.take().is_some_and(|spare| spare == folder || std::fs::rename(&spare, &folder).is_ok());
        if !reused {
            match DirBuilder::new().mode(0o700).create(&folder) {
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
                    remove_tree(&folder)?;
                    DirBuilder::new().mode(0o700).create(&folder)?;
                }
                // The first attempt; or somebody cleaned up what looked old: no reason to fail an item.
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                    DirBuilder::new().recursive(true).mode(0o700).create(&folder)?;
                }
                other => other?,
            }
        }
        self.current = Some(folder.clone());
        Ok(folder)
    }

    /// Ends the attempt, however it ended: nothing of it stays, unless it is to be kept for a look.
    pub fn leave(&mut self) {
        let Some(folder) = self.current.take().filter(|_| !self.keep) else { return };
        let is_empty = std::fs::read_dir(&folder).is_ok_and(|mut entries| entries.next().is_none());
        if is_empty {
            self.spare = Some(folder);
        } else {
            // One that cannot be removed must not fail the attempt; the sweep at the next start tries again.
            let _ = remove_tree(&folder);
        }
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        self.leave();
    }
}

impl Drop for RunScratch {
    fn drop(&mut self) {
        if !self.keep {
            let _ = remove_tree(&self.folder);
            if let Some(base) = self.folder.parent() {
                // Only ours to remove when no other run is in it, and then it is empty.
                let _ = std::fs::remove_dir(base);
            }
        }
        let _ = self.lock.unlock();
    }
}

/// Removes the scratch of runs below `base` that are dead: whose lock nobody holds. Gives how many there were.
pub fn sweep(base: &Path) -> usize {
    let mut swept = 0;
    for entry in std::fs::read_dir(base).into_iter().flatten().flatten() {
        let ours = entry.file_name().to_string_lossy().starts_with("run-")
            && entry.file_type().is_ok_and(|kind| kind.is_dir());
        if !ours {
            continue;
        }
        // Made where it is missing: a run that was killed before it got that far is dead too, and one that is just
        // starting finds the lock taken and fails loudly.
        let no_follow = rustix::fs::OFlags::NOFOLLOW.bits() as i32;
        let lock = File::options()
            .write(true)
            .create(true)
            .truncate(false)
            .custom_flags(no_follow)
            .open(entry.path().join("lock"));
        let Ok(lock) = lock else { continue };
        if lock.try_lock().is_ok() && remove_tree(&entry.path()).is_ok() {
            swept += 1;
        }
    }
    swept
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may")]
    use super::*;

    #[test]
    fn a_guard_removes_by_its_two_flags_and_treats_a_panic_as_an_error() {
        let folder = tempfile::tempdir().unwrap();
        for (on_error, on_success) in [(true, false), (false, true), (true, true), (false, false)] {
            for ending in ["success", "error", "panic"] {
                let path = folder.path().join("work");
                std::fs::create_dir(&path).unwrap();
                std::fs::write(path.join("half"), "x").unwrap();
                let guard = Cleanup::new([path.clone()]).when(on_error, on_success);
                match ending {
                    "success" => guard.succeed(),
                    "error" => drop(guard),
                    _ => {
                        let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                            let _guard = guard;
                            std::panic::resume_unwind(Box::new("on purpose"));
                        }));
                        assert!(caught.is_err());
                    }
                }
                let removed = if ending == "success" { on_success } else { on_error };
                assert_eq!(path.exists(), !removed, "{on_error} {on_success} {ending}");
                remove_tree(&path).unwrap();
            }
        }
    }

    #[test]
    fn nothing_outside_is_touched_through_a_link() {
        let folder = tempfile::tempdir().unwrap();
        let outside = folder.path().join("outside");
        std::fs::create_dir(&outside).unwrap();
        std::fs::write(outside.join("precious"), "x").unwrap();
        let work = folder.path().join("work");
        std::fs::create_dir(&work).unwrap();
        std::os::unix::fs::symlink(&outside, work.join("link")).unwrap();
        remove_tree(&work).unwrap();
        std::os::unix::fs::symlink(&outside, &work).unwrap();
        remove_tree(&work).unwrap();
        assert!(outside.join("precious").exists());
    }

    #[test]
    fn a_tree_that_denies_its_own_removal_goes_too() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let locked = folder.path().join("work/locked");
        std::fs::create_dir_all(&locked).unwrap();
        std::fs::write(locked.join("file"), "x").unwrap();
        std::fs::set_permissions(&locked, std::fs::Permissions::from_mode(0o500)).unwrap();
        remove_tree(&folder.path().join("work")).unwrap();
        assert!(!folder.path().join("work").exists());
    }

    #[test]
    fn the_sweep_takes_the_dead_and_leaves_the_living() {
        let folder = tempfile::tempdir().unwrap();
        let living = RunScratch::create(folder.path(), "living", false).unwrap();
        std::fs::create_dir_all(folder.path().join("run-dead/item.step.1")).unwrap();
        std::fs::write(folder.path().join("run-dead/lock"), "").unwrap();
        std::fs::create_dir_all(folder.path().join("somebody's")).unwrap();
        assert_eq!(sweep(folder.path()), 1);
        assert!(living.folder().exists());
        assert!(!folder.path().join("run-dead").exists());
        assert!(folder.path().join("somebody's").exists());
    }
}
