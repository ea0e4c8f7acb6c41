//! Many paths in little memory: a million files of a few folders cost their names and twelve bytes each.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// Absolute paths of files, by place.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PathTable {
    folders: Vec<PathBuf>,
    folder_places: HashMap<PathBuf, u32>,
    names: Vec<u8>,
    /// Each file's folder, and where its name ends.
    files: Vec<(u32, u64)>,
}

impl PathTable {
    /// How many paths there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.files.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// Adds a file's path.
    pub fn push(&mut self, path: &Path) {
        let folder = path.parent().unwrap_or(Path::new(""));
        let last = self.files.last().map(|(folder, _)| *folder);
        let place = match last {
            Some(place) if self.folders[place as usize] == folder => place,
            _ => self.folder_place(folder),
        };
        self.push_name(place, path.file_name().unwrap_or_default());
    }

    /// The place of `folder`, for [`push_name`](Self::push_name).
    pub fn folder_place(&mut self, folder: &Path) -> u32 {
        if let Some(place) = self.folder_places.get(folder) {
            return *place;
        }
        let place = self.folders.len() as u32;
        self.folders.push(folder.to_path_buf());
        self.folder_places.insert(folder.to_path_buf(), place);
        place
    }

    /// Adds the file `name` in the folder at `place`.
    pub fn push_name(&mut self, place: u32, name: &OsStr) {
        self.names.extend_from_slice(name.as_bytes());
        self.files.push((place, self.names.len() as u64));
    }

    /// The folder that all files are below, or in.
    #[must_use]
    pub fn root(&self) -> PathBuf {
        let mut folders = self.folders.iter();
        let first = folders.next().cloned().unwrap_or_default();
        folders.fold(first, |root, folder| {
            root.ancestors().find(|above| folder.starts_with(above)).unwrap_or(Path::new("")).to_path_buf()
        })
    }

    /// The path at `place`.
    #[must_use]
    pub fn get(&self, place: usize) -> Option<PathBuf> {
        let (folder, _) = self.files.get(place)?;
        Some(self.folders[*folder as usize].join(self.name(place)))
    }

    /// The file name at `place`, which must exist.
    #[must_use]
    pub fn name(&self, place: usize) -> &OsStr {
        let start = if place == 0 { 0 } else { self.files[place - 1].1 };
        OsStr::from_bytes(&self.names[start as usize..self.files[place].1 as usize])
    }

    /// The folder of the file at `place`, which must exist.
    #[must_use]
    pub fn folder(&self, place: usize) -> &Path {
        &self.folders[self.files[place].0 as usize]
    }
}
