//! Whole files: written to a temporary name, then renamed.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use crate::resilience::checkpoint::{Checkpoint, Unusable, parse};

/// Writes `content` to `path`, whole or not at all; `sync` makes it hold against a power cut. Gives what the file
/// looks like.
///
/// # Errors
/// That it could not be written; `path` is as it was.
pub fn write_whole(path: &Path, content: &[u8], sync: bool) -> std::io::Result<std::fs::Metadata> {
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(".tmp");
    let temporary = path.with_file_name(name);
    let written = File::create(&temporary).and_then(|mut file| {
        file.write_all(content)?;
        if sync {
            file.sync_all()?;
        }
        let metadata = file.metadata()?;
        std::fs::rename(&temporary, path)?;
        Ok(metadata)
    });
    if written.is_err() {
        let _ = std::fs::remove_file(&temporary);
    }
    if sync
        && written.is_ok()
        && let Some(folder) = path.parent()
    {
        File::open(folder)?.sync_all()?;
    }
    written
}

/// Renames a file that cannot be read to the first free `<name>.unreadable-<n>`.
pub(in crate::resilience) fn set_aside(path: &Path) -> std::io::Result<PathBuf> {
    for n in 1.. {
        let mut name = path.file_name().unwrap_or_default().to_os_string();
        name.push(format!(".unreadable-{n}"));
        let aside = path.with_file_name(name);
        if std::fs::symlink_metadata(&aside).is_err() {
            std::fs::rename(path, &aside)?;
            return Ok(aside);
        }
    }
    unreachable!("there is always a free number")
}

/// The checkpoints in the folder of one pipeline, by id, each with what was wrong with it.
///
/// # Errors
/// That the folder cannot be read. One that does not exist holds none.
pub fn list(pipeline_dir: &Path) -> std::io::Result<Vec<(String, Result<Checkpoint, Unusable>)>> {
    let folder = match std::fs::read_dir(pipeline_dir.join("items")) {
        Ok(folder) => folder,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut found = Vec::new();
    for entry in folder {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let Some(id) = name.strip_suffix(".json").filter(|id| !id.starts_with('.')) else { continue };
        let read = std::fs::read(&path).map_err(|error| Unusable::Unreadable(error.to_string()));
        found.push((id.to_owned(), read.and_then(|json| parse(&json))));
    }
    found.sort_by(|(a, _), (b, _)| a.cmp(b));
    Ok(found)
}

/// Removes the checkpoint `id`: the item runs again from its start. `false` where there was none.
///
/// # Errors
/// That it cannot be removed.
pub fn remove(pipeline_dir: &Path, id: &str) -> std::io::Result<bool> {
    match std::fs::remove_file(pipeline_dir.join("items").join(format!("{id}.json"))) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}
