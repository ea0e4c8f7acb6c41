//! Where a program is, and which file that is.

use std::ffi::{OsStr, OsString};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// Where programs are looked for.
#[derive(Debug, Clone)]
pub struct Finder {
    /// Folders, as in `PATH`. Probes get it as their `PATH` too.
    pub path: OsString,
    /// What a program with a slash in its name is relative to.
    pub folder: PathBuf,
}

impl Finder {
    /// As a shell would look, here and now.
    #[must_use]
    pub fn from_env() -> Self {
        Self {
            path: std::env::var_os("PATH").unwrap_or_default(),
            folder: std::env::current_dir().unwrap_or_else(|_| PathBuf::from("/")),
        }
    }

    /// The file that runs as `program`: a name is looked for on the path, anything with a slash is taken as it is.
    #[must_use]
    pub fn find(&self, program: &OsStr) -> Option<PathBuf> {
        which::which_in(program, Some(&self.path), &self.folder).ok()
    }

    /// Why `program` was not found, for the person who reads it.
    #[must_use]
    pub fn why_not(&self, program: &OsStr) -> String {
        let name = program.to_string_lossy();
        if !name.contains('/') {
            return format!("{name} was not found on PATH");
        }
        match std::fs::metadata(self.folder.join(Path::new(program))) {
            Ok(meta) if meta.is_file() => format!("{name} is not executable"),
            Ok(_) => format!("{name} is not a file"),
            Err(error) => format!("{name}: {error}"),
        }
    }
}

/// Which file a program is: another one, or a changed one, has another identity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolIdentity {
    /// Where it was found, links not followed.
    #[serde(serialize_with = "super::probe::lossy_path")]
    pub path: PathBuf,
    /// In bytes.
    pub size: u64,
    /// When its content was last changed, in nanoseconds since 1970.
    pub mtime_ns: i128,
    /// Its number on its file system.
    pub inode: u64,
}

/// The identity of what runs as `program` here and now; `None` where nothing does. It costs one look at the file system.
#[must_use]
pub fn tool_identity(program: &OsStr) -> Option<ToolIdentity> {
    Finder::from_env().identity(program)
}

impl Finder {
    /// As [`tool_identity`], looked for where this finder looks.
    #[must_use]
    pub fn identity(&self, program: &OsStr) -> Option<ToolIdentity> {
        let path = self.find(program)?;
        let meta = std::fs::metadata(&path).ok()?;
        Some(ToolIdentity {
            path,
            size: meta.size(),
            mtime_ns: i128::from(meta.mtime()) * 1_000_000_000 + i128::from(meta.mtime_nsec()),
            inode: meta.ino(),
        })
    }
}
