//! How reports write the names of files, times and counts.

use std::path::{Path, PathBuf};

pub(super) use crate::events::telling::{counted, duration};
use crate::resilience::safe_text::safe_line;

/// Writes paths as short as they are clear: relative to the folder that the reader is in, where they are below it.
#[derive(Debug, Clone, Default)]
pub struct Names {
    folder: Option<PathBuf>,
}

impl Names {
    /// For a reader in the current folder.
    #[must_use]
    pub fn here() -> Self {
        Self { folder: std::env::current_dir().ok() }
    }

    /// For a reader in `folder`.
    #[must_use]
    pub fn below(folder: impl Into<PathBuf>) -> Self {
        Self { folder: Some(folder.into()) }
    }

    /// `path` on one line, safe to print.
    #[must_use]
    pub fn short(&self, path: &Path) -> String {
        let below = self.folder.as_deref().and_then(|folder| path.strip_prefix(folder).ok());
        let path = below.filter(|below| !below.as_os_str().is_empty()).unwrap_or(path);
        safe_line(&path.to_string_lossy()).into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_below_the_readers_folder_is_told_from_there() {
        let names = Names::below("/home/a");
        assert_eq!(names.short(Path::new("/home/a/songs/x.wav")), "songs/x.wav");
        assert_eq!(names.short(Path::new("/home/b/x.wav")), "/home/b/x.wav");
        assert_eq!(names.short(Path::new("/home/a")), "/home/a");
    }

    #[test]
    fn a_name_can_neither_steer_the_terminal_nor_take_a_second_line() {
        assert_eq!(Names::default().short(Path::new("/a/x\n\x1b[2J.wav")), "/a/x\\n\\u{1b}[2J.wav");
    }

    #[test]
    fn times_are_told_in_units_people_read() {
        let told = [0, 250, 12_540, 119_999, 200_000, 7_500_000].map(duration);
        assert_eq!(told, ["0.0 s", "0.2 s", "12.5 s", "119.9 s", "3 min 20 s", "2 h 5 min"]);
    }
}
