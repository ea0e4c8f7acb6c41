//! Files below one folder. Every part of a path is opened by itself, from the folder's own descriptor, and a symbolic
//! link is refused wherever it stands and wherever it leads: no `..`, no link, and nobody who swaps a folder for a link
//! between two calls gets out.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, RenameFlags};
use rustix::io::Errno;

use crate::resilience::{Fault, FaultClass};

/// A folder that nothing leads out of. Its methods wait for the disk.
#[derive(Debug)]
pub struct Beneath {
    root: OwnedFd,
    path: PathBuf,
}

/// A path below a folder: at least one part, and none that leads up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Relative {
    above: Vec<OsString>,
    name: OsString,
}

/// What a folder holds.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    /// The path from the folder that was asked for.
    pub path: PathBuf,
    /// Bytes of a file; nothing of a folder.
    pub size: Option<u64>,
}

impl Relative {
    /// Reads `path`: `.` and doubled slashes are skipped.
    ///
    /// # Errors
    /// An input fault `path`: it is empty or absolute, or leads up.
    pub fn parse(path: impl AsRef<Path>) -> Result<Self, Fault> {
        let path = path.as_ref();
        let refused = |why: &str| Fault::input("path", format!("the path '{}' {why}", path.display()));
        let mut parts = Vec::new();
        for part in path.components() {
            match part {
                Component::Normal(name) if name.as_bytes().contains(&0) => return Err(refused("holds a NUL")),
                Component::Normal(name) => parts.push(name.to_owned()),
                Component::CurDir => {}
                Component::ParentDir => return Err(refused("leads out of its folder with `..`")),
                Component::RootDir | Component::Prefix(_) => {
                    return Err(refused("is absolute: it must lie below its folder"));
                }
            }
        }
        let name = parts.pop().ok_or_else(|| refused("names no file"))?;
        Ok(Self { above: parts, name })
    }

    /// As a path.
    #[must_use]
    pub fn to_path(&self) -> PathBuf {
        self.above.iter().chain([&self.name]).collect()
    }
}

/// A file that goes when nobody took it.
struct Unfinished<'a> {
    folder: &'a OwnedFd,
    name: Option<OsString>,
}

impl Drop for Unfinished<'_> {
    fn drop(&mut self) {
        if let Some(name) = &self.name {
            // It may be gone already.
            let _ = rustix::fs::unlinkat(self.folder, name, AtFlags::empty());
        }
    }
}

impl Beneath {
    /// The folder at `path`, made where it is missing. Links that lead to it are followed: it is the user's word.
    ///
    /// # Errors
    /// A dependency fault: it cannot be made or opened, or is no folder. Those of a full disk.
    pub fn open(path: &Path) -> Result<Self, Fault> {
        let failed =
            |error: io::Error| own(Fault::from_io(&format!("cannot open the folder {}", path.display()), &error));
        std::fs::create_dir_all(path).map_err(failed)?;
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let root = rustix::fs::open(path, flags, Mode::empty()).map_err(|errno| failed(errno.into()))?;
        Ok(Self { root, path: std::path::absolute(path).map_err(failed)? })
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether its path still leads to it.
    #[must_use]
    pub fn is_still_there(&self) -> bool {
        let (Ok(opened), Ok(there)) = (rustix::fs::fstat(&self.root), rustix::fs::stat(&self.path)) else {
            return false;
        };
        (opened.st_dev, opened.st_ino) == (there.st_dev, there.st_ino)
    }

    /// Bytes that are free for us on its disk.
    #[must_use]
    pub fn free_bytes(&self) -> Option<u64> {
        let about = rustix::fs::fstatvfs(&self.root).ok()?;
        Some(about.f_bavail.saturating_mul(about.f_frsize))
    }

    /// Writes a file and removes it.
    ///
    /// # Errors
    /// A dependency fault, or that of a full disk.
    pub fn probe(&self) -> Result<(), Fault> {
        let failed = |errno: Errno| own(self.fault("cannot write into", Path::new("."), errno));
        let (file, unfinished) = self.temporary(&self.root).map_err(failed)?;
        io::Write::write_all(&mut &file, b"mediamill")
            .map_err(|error| own(Fault::from_io(&format!("cannot write into {}", self.path.display()), &error)))?;
        drop(unfinished);
        Ok(())
    }

    /// The file `path`, to be read.
    ///
    /// # Errors
    /// An input fault: there is none, it is no regular file, or a link stands in the way.
    pub fn read(&self, path: &Relative) -> Result<File, Fault> {
        let failed = |errno| self.fault("cannot read", &path.to_path(), errno);
        let folder = self.folder(&path.above, false)?;
        // Not blocking: a named pipe would hold us until somebody writes.
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = rustix::fs::openat(&folder, &path.name, flags, Mode::empty()).map_err(failed)?;
        let about = rustix::fs::fstat(&file).map_err(failed)?;
        if FileType::from_raw_mode(about.st_mode) != FileType::RegularFile {
            return Err(Fault::input("path", format!("'{}' is no regular file", path.to_path().display())));
        }
        Ok(File::from(file))
    }

    /// Writes the file `path` with `fill`, with the folders above it. It is there whole, or not at all: it is written
    /// under another name and renamed. What stood there before is replaced.
    ///
    /// # Errors
    /// Those of `fill`; an input fault where a link stands in the way; those of the disk.
    pub fn write<T>(&self, path: &Relative, fill: impl FnOnce(&mut File) -> Result<T, Fault>) -> Result<T, Fault> {
        let replace = |folder: &OwnedFd, from: &OsStr, to: &OsStr| rustix::fs::renameat(folder, from, folder, to);
        self.put_in_place(path, fill, replace)
    }

    /// The same where nothing stands there; nothing where something does, even if it came in between.
    ///
    /// # Errors
    /// Those of [`Beneath::write`].
    pub fn write_new<T>(
        &self,
        path: &Relative,
        fill: impl FnOnce(&mut File) -> Result<T, Fault>,
    ) -> Result<Option<T>, Fault> {
        let mut exists = false;
        let written = self.put_in_place(path, fill, |folder, from, to| {
            let placed = match rustix::fs::renameat_with(folder, from, folder, to, RenameFlags::NOREPLACE) {
                // The file system does not know how.
                Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {
                    let linked = rustix::fs::linkat(folder, from, folder, to, AtFlags::empty());
                    linked.and_then(|()| rustix::fs::unlinkat(folder, from, AtFlags::empty()))
                }
                placed => placed,
            };
            exists = matches!(placed, Err(Errno::EXIST));
            placed
        });
        if exists { Ok(None) } else { written.map(Some) }
    }

    fn put_in_place<T>(
        &self,
        path: &Relative,
        fill: impl FnOnce(&mut File) -> Result<T, Fault>,
        place: impl FnOnce(&OwnedFd, &OsStr, &OsStr) -> Result<(), Errno>,
    ) -> Result<T, Fault> {
        let failed = |errno| match self.fault("cannot write", &path.to_path(), errno) {
            // Rights to write are the folder's, not the item's.
            fault if fault.cause == "permission" => own(fault),
            fault => fault,
        };
        let folder = self.folder(&path.above, true)?;
        let (mut file, mut unfinished) = self.temporary(&folder).map_err(failed)?;
        let filled = fill(&mut file)?;
        if let Some(name) = &unfinished.name {
            place(&folder, name, &path.name).map_err(failed)?;
        }
        unfinished.name = None;
        Ok(filled)
    }

    /// Makes an empty file whose name nobody has; its absolute path.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn create_temporary(&self) -> Result<PathBuf, Fault> {
        let failed = |errno| own(self.fault("cannot make a file in", Path::new("."), errno));
        let (_, mut unfinished) = self.temporary(&self.root).map_err(failed)?;
        Ok(self.path.join(unfinished.name.take().unwrap_or_default()))
    }

    /// Removes the file `path`, or the empty folder; whether there was one. A link is removed itself.
    ///
    /// # Errors
    /// An input fault where a link stands above it, or the folder is not empty; those of the disk.
    pub fn remove(&self, path: &Relative) -> Result<bool, Fault> {
        let folder = match self.folder(&path.above, false) {
            Ok(folder) => folder,
            Err(fault) if fault.cause == "not-found" => return Ok(false),
            Err(fault) => return Err(fault),
        };
        let removed = match rustix::fs::unlinkat(&folder, &path.name, AtFlags::empty()) {
            // POSIX names EPERM for a folder, Linux EISDIR.
            Err(Errno::ISDIR | Errno::PERM) => rustix::fs::unlinkat(&folder, &path.name, AtFlags::REMOVEDIR),
            other => other,
        };
        match removed {
            Ok(()) => Ok(true),
            Err(Errno::NOENT) => Ok(false),
            Err(errno) => Err(self.fault("cannot remove", &path.to_path(), errno)),
        }
    }

    /// What is at `path`: nothing, a file with its size, or a folder.
    ///
    /// # Errors
    /// An input fault where a link stands there or above it, or what is there is neither.
    pub fn look(&self, path: &Relative) -> Result<Option<Entry>, Fault> {
        let folder = match self.folder(&path.above, false) {
            Ok(folder) => folder,
            Err(fault) if fault.cause == "not-found" => return Ok(None),
            Err(fault) => return Err(fault),
        };
        let about = match rustix::fs::statat(&folder, &path.name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(about) => about,
            Err(Errno::NOENT) => return Ok(None),
            Err(errno) => return Err(self.fault("cannot look at", &path.to_path(), errno)),
        };
        let shown = path.to_path();
        match FileType::from_raw_mode(about.st_mode) {
            FileType::RegularFile => Ok(Some(Entry { path: shown, size: u64::try_from(about.st_size).ok() })),
            FileType::Directory => Ok(Some(Entry { path: shown, size: None })),
            FileType::Symlink => Err(self.link(&shown)),
            _ => Err(Fault::input("path", format!("'{}' is no regular file", shown.display()))),
        }
    }

    /// The files and folders in the folder `path`, or in all of it, sorted; at most `limit` of them. Links, pipes and
    /// devices are left out.
    ///
    /// # Errors
    /// An input fault: there is no such folder, or a link stands in the way.
    pub fn list(&self, path: Option<&Relative>, limit: usize) -> Result<Vec<Entry>, Fault> {
        let mut found = self.read_folder(&parts(path))?;
        found.truncate(limit);
        Ok(found)
    }

    /// The files below the folder `path`, or below all of it, however deep; sorted within each folder, at most `limit`.
    /// Their paths begin at the top. Nothing where there is no such folder.
    ///
    /// # Errors
    /// An input fault where a link stands in the way; those of the disk.
    pub fn walk(&self, path: Option<&Relative>, limit: usize) -> Result<Vec<Entry>, Fault> {
        let mut found = Vec::new();
        let mut next = vec![parts(path)];
        while let Some(folder) = next.pop() {
            let entries = match self.read_folder(&folder) {
                Ok(entries) => entries,
                // Gone since it was seen.
                Err(fault) if fault.cause == "not-found" => continue,
                Err(fault) => return Err(fault),
            };
            for entry in entries.into_iter().rev() {
                let path = folder.iter().collect::<PathBuf>().join(&entry.path);
                match entry.size {
                    Some(_) => found.push(Entry { path, ..entry }),
                    None => next.push(folder.iter().cloned().chain([entry.path.into_os_string()]).collect()),
                }
            }
        }
        found.sort();
        found.truncate(limit);
        Ok(found)
    }

    fn read_folder(&self, parts: &[OsString]) -> Result<Vec<Entry>, Fault> {
        let shown: PathBuf = parts.iter().collect();
        let failed = |errno| self.fault("cannot list", &shown, errno);
        let folder = self.folder(parts, false)?;
        let mut found = Vec::new();
        for entry in Dir::read_from(&folder).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let name = OsStr::from_bytes(entry.file_name().to_bytes());
            if name == "." || name == ".." || name.as_bytes().starts_with(TEMPORARY.as_bytes()) {
                continue;
            }
            // Gone since it was read.
            let Ok(about) = rustix::fs::statat(&folder, name, AtFlags::SYMLINK_NOFOLLOW) else { continue };
            match FileType::from_raw_mode(about.st_mode) {
                FileType::RegularFile => {
                    found.push(Entry { path: name.into(), size: u64::try_from(about.st_size).ok() });
                }
                FileType::Directory => found.push(Entry { path: name.into(), size: None }),
                _ => {}
            }
        }
        found.sort();
        Ok(found)
    }

    /// The folder that `parts` lead to, one after the other, none of them a link.
    fn folder(&self, parts: &[OsString], make: bool) -> Result<OwnedFd, Fault> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let failed = |seen: usize, errno| self.fault("cannot open", &parts[..=seen].iter().collect::<PathBuf>(), errno);
        let mut folder = self
            .root
            .try_clone()
            .map_err(|error| Fault::from_io(&format!("cannot open {}", self.path.display()), &error))?;
        for (seen, name) in parts.iter().enumerate() {
            let mut next = rustix::fs::openat(&folder, name, flags, Mode::empty());
            if make && matches!(next, Err(Errno::NOENT)) {
                match rustix::fs::mkdirat(&folder, name, Mode::from_raw_mode(0o777)) {
                    Ok(()) | Err(Errno::EXIST) => next = rustix::fs::openat(&folder, name, flags, Mode::empty()),
                    Err(errno) => return Err(failed(seen, errno)),
                }
            }
            folder = match next {
                Ok(next) => next,
                Err(errno @ (Errno::NOTDIR | Errno::LOOP)) => {
                    let about = rustix::fs::statat(&folder, name, AtFlags::SYMLINK_NOFOLLOW);
                    let is_link = about.is_ok_and(|a| FileType::from_raw_mode(a.st_mode) == FileType::Symlink);
                    let shown: PathBuf = parts[..=seen].iter().collect();
                    return Err(if is_link { self.link(&shown) } else { failed(seen, errno) });
                }
                Err(errno) => return Err(failed(seen, errno)),
            };
        }
        Ok(folder)
    }

    /// A new empty file in `folder`.
    fn temporary<'a>(&self, folder: &'a OwnedFd) -> Result<(File, Unfinished<'a>), Errno> {
        static MADE: AtomicU64 = AtomicU64::new(0);
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        loop {
            let number = MADE.fetch_add(1, Ordering::Relaxed);
            let name = OsString::from(format!("{TEMPORARY}{}-{number}", std::process::id()));
            match rustix::fs::openat(folder, &name, flags, Mode::from_raw_mode(0o666)) {
                Ok(file) => return Ok((File::from(file), Unfinished { folder, name: Some(name) })),
                // Left behind by a process of the same number.
                Err(Errno::EXIST) => {}
                Err(errno) => return Err(errno),
            }
        }
    }

    fn link(&self, path: &Path) -> Fault {
        Fault::input(
            "path",
            format!("'{}' is a symbolic link: it may lead out of {}", path.display(), self.path.display()),
        )
        .with_hint("put the file itself there, or name the folder that it leads to as `base_path`")
    }

    fn fault(&self, doing: &str, path: &Path, errno: Errno) -> Fault {
        match errno {
            // The last part of the path, opened without following it.
            Errno::LOOP => self.link(path),
            errno => {
                let path = if path == Path::new(".") { self.path.clone() } else { self.path.join(path) };
                Fault::from_io(&format!("{doing} {}", path.display()), &errno.into())
            }
        }
    }
}

/// What names of files begin with that are not finished.
const TEMPORARY: &str = ".mediamill-";

fn parts(path: Option<&Relative>) -> Vec<OsString> {
    path.map_or_else(Vec::new, |path| path.above.iter().chain([&path.name]).cloned().collect())
}

/// What was the input's is the folder's: its items wait until somebody puts it right.
fn own(fault: Fault) -> Fault {
    match fault.class {
        FaultClass::Input => Fault { class: FaultClass::Dependency, ..fault }
            .with_hint("check that the folder exists and may be written by this user"),
        _ => fault,
    }
}
