//! The batch: which files a run works on, or which items it makes itself.

use std::collections::{HashMap, HashSet};
use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};

use super::generator::Generator;
use crate::events::ItemIndex;
use crate::events::paths::PathTable;
use crate::resilience::store::ItemKey;

/// The items of a batch, in a fixed order: files as given on the command line, and sorted within a folder.
#[derive(Debug, Default)]
pub struct Batch {
    /// The files' absolute paths.
    pub files: PathTable,
    /// What makes the items, where they are no files.
    pub generator: Option<Arc<Generator>>,
    /// For each folder, its place below the input folder that it was found in.
    below: HashMap<PathBuf, PathBuf>,
    /// What was asked for and cannot be had.
    pub problems: Vec<Problem>,
    /// The files of a list so far: a million of them need little room as keys.
    listed: HashSet<ItemKey>,
}

/// A path of the input that gave nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// As it was given.
    pub path: PathBuf,
    /// Why.
    pub message: String,
}

/// What to look for.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// Files, folders and globs, relative to the current folder.
    pub paths: Vec<PathBuf>,
    /// Patterns of file names that are taken from folders; empty takes all.
    pub matches: Vec<String>,
    /// Whether folders are read to any depth.
    pub recursive: bool,
    /// Folders that are never read: the output's, the state's.
    pub except: Vec<PathBuf>,
}

impl Batch {
    /// Looks for the files of the batch. A file that is reached twice is taken once.
    ///
    /// # Errors
    /// That a pattern is none.
    pub fn find(wanted: &Wanted) -> Result<Self, globset::Error> {
        let mut finder = Finder {
            batch: Self::default(),
            matches: set(&wanted.matches)?,
            recursive: wanted.recursive,
            except: wanted.except.iter().map(|path| absolute(path)).collect(),
            folders_seen: HashSet::new(),
            files_seen: HashSet::new(),
            missing: Vec::new(),
        };
        for path in &wanted.paths {
            finder.add(path)?;
        }
        finder.add_missing();
        Ok(finder.batch)
    }

    /// The items that `generator` makes.
    #[must_use]
    pub fn generated(generator: Generator) -> Self {
        Self { generator: Some(Arc::new(generator)), ..Self::default() }
    }

    /// Adds one file as it stands: from a list, where nothing is looked for. One that is listed twice is taken once.
    pub fn push(&mut self, path: &Path) {
        let path = absolute(path);
        if self.listed.insert(ItemKey::of(&path)) {
            self.files.push(&path);
        }
    }

    /// How many items there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.generator.as_ref().map_or(self.files.len(), |generator| generator.len())
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What the item at `place` is known by: the path of its file, or the name of one that is made.
    #[must_use]
    pub fn path(&self, place: ItemIndex) -> PathBuf {
        match &self.generator {
            Some(_) => Generator::name(place).into(),
            None => self.files.get(place as usize).unwrap_or_default(),
        }
    }

    /// The folder of the file at `place`, as it stands below the input folder that it was found in.
    #[must_use]
    pub fn below(&self, place: usize) -> &Path {
        if self.generator.is_some() {
            return Path::new("");
        }
        self.below.get(self.files.folder(place)).map_or(Path::new(""), PathBuf::as_path)
    }
}

/// The paths in a list of files: one a line, or separated by NUL where there is any.
#[must_use]
pub fn listed(text: &[u8]) -> Vec<PathBuf> {
    let end = if text.contains(&0) { 0 } else { b'\n' };
    text.split(|byte| *byte == end)
        .map(|path| if end == b'\n' { path.strip_suffix(b"\r").unwrap_or(path) } else { path })
        .filter(|path| !path.is_empty())
        .map(|path| PathBuf::from(OsString::from_vec(path.to_vec())))
        .collect()
}

/// `path` from the root, without `.` and `..`; links are left as they are.
#[must_use]
pub fn absolute(path: &Path) -> PathBuf {
    let whole = std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
    let mut clean = PathBuf::new();
    for part in whole.components() {
        match part {
            Component::ParentDir => {
                clean.pop();
            }
            Component::CurDir => {}
            other => clean.push(other),
        }
    }
    clean
}

fn set(patterns: &[String]) -> Result<Option<GlobSet>, globset::Error> {
    if patterns.is_empty() {
        return Ok(None);
    }
    let mut set = GlobSetBuilder::new();
    for pattern in patterns {
        set.add(GlobBuilder::new(pattern).case_insensitive(true).build()?);
    }
    set.build().map(Some)
}

struct Finder {
    batch: Batch,
    matches: Option<GlobSet>,
    recursive: bool,
    except: Vec<PathBuf>,
    folders_seen: HashSet<PathBuf>,
    /// What was named and is not there, and what the system says.
    missing: Vec<(PathBuf, String)>,
    /// Files named one by one; those of a folder are known by their folder.
    files_seen: HashSet<PathBuf>,
}

impl Finder {
    fn add(&mut self, given: &Path) -> Result<(), globset::Error> {
        let path = absolute(given);
        match std::fs::metadata(&path) {
            Ok(metadata) if metadata.is_dir() => self.folder(&path, &path, None),
            Ok(_) => self.file(&path),
            // A name with a star in it that exists is that file; else it is a pattern.
            Err(_) if given.as_os_str().as_bytes().iter().any(|byte| b"*?[{".contains(byte)) => {
                self.pattern(given, &path)?;
            }
            Err(error) => match std::fs::symlink_metadata(&path) {
                Ok(_) => self.file(&path),
                Err(_) => self.missing.push((given.to_path_buf(), error.to_string())),
            },
        }
        Ok(())
    }

    /// A file that was named and is not there fails like any other that cannot be read; where there is nothing else, it
    /// is more likely that the whole name is wrong.
    fn add_missing(&mut self) {
        for (path, message) in std::mem::take(&mut self.missing) {
            if self.batch.is_empty() {
                self.problem(&path, message);
            } else {
                self.file(&absolute(&path));
            }
        }
    }

    fn problem(&mut self, path: &Path, message: impl Into<String>) {
        self.batch.problems.push(Problem { path: path.to_path_buf(), message: message.into() });
    }

    fn file(&mut self, path: &Path) {
        let in_folder = path
            .parent()
            .zip(path.file_name())
            .is_some_and(|(folder, name)| self.folders_seen.contains(folder) && self.takes(folder, name, None));
        if !in_folder && self.files_seen.insert(path.to_path_buf()) {
            self.batch.files.push(path);
        }
    }

    fn pattern(&mut self, given: &Path, path: &Path) -> Result<(), globset::Error> {
        let special = |part: &Component<'_>| part.as_os_str().as_bytes().iter().any(|byte| b"*?[{".contains(byte));
        let root: PathBuf = path.components().take_while(|part| !special(part)).collect();
        let text = path.to_string_lossy();
        let glob = GlobBuilder::new(&text).literal_separator(true).build()?.compile_matcher();
        let before = self.batch.len();
        self.folder(&root, &root, Some(&glob));
        if self.batch.len() == before {
            self.problem(given, "no file matches this pattern");
        }
        Ok(())
    }

    /// Takes the files of `folder`, then those of the folders in it, each in the order of their names.
    fn folder(&mut self, root: &Path, folder: &Path, glob: Option<&globset::GlobMatcher>) {
        if self.except.iter().any(|except| folder.starts_with(except)) {
            return;
        }
        if glob.is_none() && !self.folders_seen.insert(folder.to_path_buf()) {
            return;
        }
        let entries = match std::fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(error) => {
                self.folders_seen.remove(folder);
                return self.problem(folder, format!("the folder cannot be read: {error}"));
            }
        };
        let (mut files, mut folders) = (Vec::new(), Vec::new());
        for entry in entries {
            let entry = match entry {
                Ok(entry) => entry,
                Err(error) => {
                    self.problem(folder, format!("the folder cannot be read to its end: {error}"));
                    break;
                }
            };
            let name = entry.file_name();
            // A link is followed to a file, never to a folder: that way lie circles.
            let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
            if is_folder {
                if !name.as_bytes().starts_with(b".") {
                    folders.push(name);
                }
            } else if self.takes(folder, &name, glob) && !leads_to_folder(&entry) {
                files.push(name);
            }
        }
        files.sort_unstable();
        folders.sort_unstable();
        if !files.is_empty() {
            let place = self.batch.files.folder_place(folder);
            let below = folder.strip_prefix(root).unwrap_or(Path::new("")).to_path_buf();
            self.batch.below.entry(folder.to_path_buf()).or_insert(below);
            for name in files {
                let taken_with_folder =
                    glob.is_some() && self.folders_seen.contains(folder) && self.takes(folder, &name, None);
                // A folder alone holds no name twice: a million of its files need not be remembered one by one.
                let alone = glob.is_none() && self.files_seen.is_empty();
                if !taken_with_folder && (alone || self.files_seen.insert(folder.join(&name))) {
                    self.batch.files.push_name(place, &name);
                }
            }
        }
        if self.recursive || glob.is_some() {
            for name in folders {
                self.folder(root, &folder.join(name), glob);
            }
        }
    }

    fn takes(&self, folder: &Path, name: &std::ffi::OsStr, glob: Option<&globset::GlobMatcher>) -> bool {
        match (glob, &self.matches) {
            (Some(glob), _) => glob.is_match(folder.join(name)),
            // Hidden files are nobody's input unless named.
            (None, _) if name.as_bytes().starts_with(b".") => false,
            (None, Some(matches)) => matches.is_match(Path::new(name)),
            (None, None) => true,
        }
    }
}

fn leads_to_folder(entry: &std::fs::DirEntry) -> bool {
    entry.file_type().is_ok_and(|kind| kind.is_symlink()) && entry.path().is_dir()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may")]
    use super::*;

    fn find(paths: &[&Path], matches: &[&str]) -> Batch {
        let wanted = Wanted {
            paths: paths.iter().map(|path| path.to_path_buf()).collect(),
            matches: matches.iter().map(ToString::to_string).collect(),
            recursive: true,
            except: Vec::new(),
        };
        Batch::find(&wanted).unwrap()
    }

    fn names(batch: &Batch) -> Vec<String> {
        (0..batch.len()).map(|place| batch.files.name(place).to_string_lossy().into_owned()).collect()
    }

    #[test]
    fn files_come_once_and_in_a_fixed_order() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        std::fs::create_dir_all(root.join("x.wav/deep")).unwrap();
        for name in ["b.wav", "a.WAV", "c.txt", ".hidden.wav", "x.wav/deep/d.wav"] {
            std::fs::write(root.join(name), "x").unwrap();
        }
        std::os::unix::fs::symlink(root.join("nowhere"), root.join("dangling.wav")).unwrap();
        std::os::unix::fs::symlink(root, root.join("circle.wav")).unwrap();
        let batch = find(&[root, &root.join("b.wav"), root], &["*.wav"]);
        assert_eq!(names(&batch), ["a.WAV", "b.wav", "dangling.wav", "d.wav"]);
        assert_eq!(batch.below(3), Path::new("x.wav/deep"));
        assert!(batch.problems.is_empty());

        let batch = find(&[&root.join("b.wav"), root], &["*.wav"]);
        assert_eq!(names(&batch), ["b.wav", "a.WAV", "dangling.wav", "d.wav"]);
        let batch = find(&[&root.join("**/d*.wav")], &[]);
        assert_eq!(names(&batch), ["dangling.wav", "d.wav"]);
    }

    #[test]
    fn what_is_named_is_taken_even_where_its_folder_is_taken_by_a_pattern() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["a.wav", "b.ogg", ".c.wav"] {
            std::fs::write(folder.path().join(name), "x").unwrap();
        }
        let named = [folder.path(), &folder.path().join("b.ogg"), &folder.path().join(".c.wav")];
        assert_eq!(names(&find(&named, &["*.wav"])), ["a.wav", "b.ogg", ".c.wav"]);
    }

    #[test]
    fn what_is_not_there_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let batch = find(&[&folder.path().join("none.wav"), &folder.path().join("*.mp3")], &[]);
        assert_eq!(batch.problems.len(), 2);
        assert!(batch.is_empty());
    }

    #[test]
    fn a_list_of_files_ends_its_names_by_lines_or_by_nul() {
        assert_eq!(listed(b"a b.wav\r\n\nc.wav"), [Path::new("a b.wav"), Path::new("c.wav")]);
        assert_eq!(listed(b"a\nb.wav\0c.wav\0"), [Path::new("a\nb.wav"), Path::new("c.wav")]);
    }
}
