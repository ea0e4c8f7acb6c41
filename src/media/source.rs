//! A sound file that is to be read: where it is, and who is told how far the reading has come.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::decode::SoundReader;
use super::error::MediaError;

/// Is told how many seconds of sound are done, and of how many, where that is known.
pub type Watch = Arc<dyn Fn(f64, Option<f64>) + Send + Sync>;

/// A sound file that is to be read.
#[derive(Clone)]
pub struct Source {
    /// Where it is.
    pub path: PathBuf,
    /// Who is told of the progress; about twice in a second of work.
    pub watch: Option<Watch>,
}

impl Source {
    /// The sound file at `path`, which nobody watches.
    #[must_use]
    pub fn new(path: &Path) -> Self {
        Self { path: path.to_path_buf(), watch: None }
    }

    /// Opens it; see [`SoundReader::open`].
    ///
    /// # Errors
    /// Those of [`SoundReader::open`].
    pub fn open(&self) -> Result<SoundReader, MediaError> {
        SoundReader::open_source(self, false)
    }
}
