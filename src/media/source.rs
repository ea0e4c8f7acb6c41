//! A sound file that is to be read: where it is, what is taken of it, and who is told how far the reading has come.

use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Is told how many seconds of sound are done, and of how many, where that is known.
pub type Watch = Arc<dyn Fn(f64, Option<f64>) + Send + Sync>;

/// The most channels that are taken: what Ambisonics of order 7 needs.
pub const MAX_CHANNELS: usize = 64;

/// The largest sound that is taken. More is [`super::MediaError::Limit`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limits {
    /// In seconds, as declared and as decoded: 30 days, if nothing else is said.
    pub duration_s: f64,
    /// Channels: 64, what Ambisonics of order 7 needs, if nothing else is said.
    pub channels: usize,
    /// The size of the file: 1 TiB, if nothing else is said.
    pub bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { duration_s: 30.0 * 86_400.0, channels: MAX_CHANNELS, bytes: 1 << 40 }
    }
}

/// What is done about a part of a sound that cannot be decoded.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum OnDamage {
    /// Reading ends there with [`super::MediaError::Damaged`].
    #[default]
    Refuse,
    /// The part is left out, and [`super::SoundReader::damage`] tells of it.
    Tell,
}

/// A sound file that is to be read.
#[derive(Clone)]
pub struct Source {
    /// Where it is.
    pub path: PathBuf,
    /// Who is told of the progress; about twice in a second of work.
    pub watch: Option<Watch>,
    /// The largest sound that is taken.
    pub limits: Limits,
    /// What is done about damage.
    pub damage: OnDamage,
}

impl Source {
    /// The sound file at `path`, which nobody watches, with the usual limits, and refused where it is damaged.
    #[must_use]
    pub fn new(path: &Path) -> Self {
        Self { path: path.to_path_buf(), watch: None, limits: Limits::default(), damage: OnDamage::default() }
    }
}
