//! Health scores that outlive a run: `pools.json` in the pipeline's folder, by pool and by the content of the asset.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::os_text::OsText;
use super::store::{set_aside, write_whole};

/// The version of the file that this build writes.
const VERSION: u32 = 1;
/// Its name.
const NAME: &str = "pools.json";

/// The scores that are kept of the pools of one pipeline. Assets with the score of the start are not in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptScores {
    version: u32,
    /// By pool, then by the hash of the asset's content: a copy or a new name of a file has its score.
    pub pools: BTreeMap<String, BTreeMap<String, KeptScore>>,
    /// There is a file that could not be read: it stays as it is.
    #[serde(skip)]
    is_sealed: bool,
}

/// The score of one asset.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptScore {
    /// As it was then.
    pub score: i32,
    /// When that was: seconds since 1970.
    pub at: u64,
    /// Bytes of the asset.
    pub size: u64,
    /// Where it was.
    pub path: OsText,
}

impl Default for KeptScores {
    fn default() -> Self {
        Self { version: VERSION, pools: BTreeMap::new(), is_sealed: false }
    }
}

/// Where the scores of the pipeline with this folder are kept.
#[must_use]
pub fn kept_in(pipeline_dir: &Path) -> PathBuf {
    pipeline_dir.join(NAME)
}

impl KeptScores {
    /// Nothing, in the place of what the file at `path` keeps and cannot be read: it is never written over what is still
    /// there.
    #[must_use]
    pub fn instead_of(path: &Path) -> Self {
        let is_gone = std::fs::symlink_metadata(path).is_err_and(|error| error.kind() == std::io::ErrorKind::NotFound);
        Self { is_sealed: !is_gone, ..Self::default() }
    }

    /// What the file at `path` keeps; nothing where there is none. A file that cannot be read is put aside where
    /// `is_owner`, and that is told; so is one that a newer mediamill wrote, which is left as it is.
    ///
    /// # Errors
    /// A word for the person: the scores begin anew.
    pub fn read(path: &Path, is_owner: bool) -> Result<Self, String> {
        let json = match std::fs::read(path) {
            Ok(json) => json,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(format!("the kept scores in {} cannot be read: {error}", path.display())),
        };
        match serde_json::from_slice::<Self>(&json) {
            Ok(kept) if kept.version <= VERSION => Ok(kept),
            Ok(kept) => Err(format!(
                "the kept scores in {} are of version {}, written by a newer mediamill: scores begin anew",
                path.display(),
                kept.version
            )),
            Err(error) if is_owner => Err(match set_aside(path) {
                Ok(aside) => format!(
                    "the kept scores could not be read ({error}): they begin anew, and the file is kept as {}",
                    aside.display()
                ),
                Err(_) => format!("the kept scores in {} cannot be read ({error}): they begin anew", path.display()),
            }),
            Err(error) => Err(format!("the kept scores in {} cannot be read: {error}", path.display())),
        }
    }

    /// Writes them, whole or not at all. A file of a newer version stays, and one that could not be read.
    ///
    /// # Errors
    /// That it cannot be written.
    pub fn write(&self, path: &Path) -> std::io::Result<()> {
        #[derive(Deserialize)]
        struct VersionOnly {
            version: u32,
        }
        let there = std::fs::read(path).ok().and_then(|json| serde_json::from_slice::<VersionOnly>(&json).ok());
        if self.is_sealed || there.is_some_and(|there| there.version > VERSION) {
            return Ok(());
        }
        write_whole(path, &serde_json::to_vec_pretty(self)?, false).map(drop)
    }
}

impl KeptScore {
    /// The score after `elapsed`, where half of its distance from `start` is forgotten in `half_life`.
    #[must_use]
    pub fn aged(&self, start: i32, elapsed: Duration, half_life: Option<Duration>) -> i32 {
        let Some(half_life) = half_life.filter(|half_life| !half_life.is_zero()) else { return self.score };
        let left = 0.5_f64.powf(elapsed.as_secs_f64() / half_life.as_secs_f64());
        start + (f64::from(self.score.saturating_sub(start)) * left).round() as i32
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may")]
    use super::*;

    const DAY: Duration = Duration::from_secs(86400);

    fn kept(score: i32) -> KeptScore {
        KeptScore { score, at: 1_700_000_000, size: 7, path: OsText::from("/fonts/a.ttf") }
    }

    #[test]
    fn half_of_the_distance_to_the_start_is_forgotten_in_the_time_of_decay() {
        let aged = |score, days, decay| kept(score).aged(100, DAY * days, decay);
        assert_eq!([0, 30, 60, 3000].map(|days| aged(40, days, Some(DAY * 30))), [40, 70, 85, 100]);
        assert_eq!(aged(40, 3000, None), 40);
        assert_eq!(aged(-300, 30, Some(DAY * 30)), -100);
    }

    #[test]
    fn what_is_kept_comes_back_and_a_broken_file_is_put_aside() {
        let folder = tempfile::tempdir().unwrap();
        let path = kept_in(folder.path());
        assert_eq!(KeptScores::read(&path, true), Ok(KeptScores::default()));
        let mut scores = KeptScores::default();
        scores.pools.entry("fonts".into()).or_default().insert("abc".into(), kept(40));
        scores.write(&path).unwrap();
        assert_eq!(KeptScores::read(&path, true), Ok(scores));
        std::fs::write(&path, "{\"version\": 1, \"poo").unwrap();
        assert!(KeptScores::read(&path, false).is_err() && path.exists(), "who only looks changes nothing");
        let told = KeptScores::read(&path, true).unwrap_err();
        assert!(told.contains("pools.json.unreadable-1") && !path.exists(), "{told}");
    }

    #[test]
    fn a_file_that_cannot_be_read_is_not_written_over() {
        let folder = tempfile::tempdir().unwrap();
        let path = kept_in(folder.path());
        std::fs::create_dir(&path).unwrap();
        assert!(KeptScores::read(&path, true).is_err());
        let scores = KeptScores::instead_of(&path);
        std::fs::remove_dir(&path).unwrap();
        std::fs::write(&path, "as it was").unwrap();
        scores.write(&path).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "as it was");
        std::fs::remove_file(&path).unwrap();
        KeptScores::instead_of(&path).write(&path).unwrap();
        assert!(path.exists(), "it was put aside: the place is free");
    }

    #[test]
    fn a_file_of_a_newer_version_is_not_touched() {
        let folder = tempfile::tempdir().unwrap();
        let path = kept_in(folder.path());
        std::fs::write(&path, "{\"version\": 9, \"pools\": {}}").unwrap();
        assert!(KeptScores::read(&path, true).unwrap_err().contains("version 9"));
        KeptScores::default().write(&path).unwrap();
        assert!(std::fs::read_to_string(&path).unwrap().contains('9'));
    }
}
