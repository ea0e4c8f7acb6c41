//! The assets of a run's pools: which files there are, found before anything runs.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::{Component, Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use super::batch::{Batch, Wanted, absolute};
use super::recorder::Recorder;
use crate::events::{EventKind, ListedAsset, PoolShape};
use crate::media::text::{Coverage, coverage};
use crate::pipeline::pools::{Pool, PoolKind};
use crate::resilience::checkpoint::{Artifact, Identity};
use crate::resilience::hash::hash_file;
use crate::resilience::os_text::OsText;

/// Assets in one event of the listing.
const LISTED_AT_ONCE: usize = 1000;

/// A pool with its files.
#[derive(Debug)]
pub struct AssetPool {
    /// What the pipeline says of it.
    pub spec: Pool,
    /// In the order of their paths.
    pub assets: Vec<Asset>,
    /// Where its files are. Absolute.
    folders: Vec<PathBuf>,
    /// What was to be looked at and cannot be.
    pub problems: Vec<String>,
    /// The content of those that were used: read once, for as long as they look the same.
    contents: Mutex<HashMap<u32, (Identity, String)>>,
}

/// One file of a pool.
#[derive(Debug)]
pub struct Asset {
    /// Absolute.
    pub path: PathBuf,
    /// The place of its folder in the pool.
    pub folder: u32,
    /// A hash of its place below its folder, or below what its glob begins with: the same wherever that is.
    pub lot: u64,
    /// Its score at the start of the run.
    pub score: i32,
    /// The characters that it has, where that matters and can be told.
    coverage: Option<Coverage>,
}

impl AssetPool {
    /// Looks for the files of all pools.
    ///
    /// # Errors
    /// That a pattern is none.
    pub fn find_all(pools: &[Pool]) -> Result<Vec<Self>, globset::Error> {
        pools.iter().map(Self::find).collect()
    }

    fn find(spec: &Pool) -> Result<Self, globset::Error> {
        let (mut assets, mut seen, mut problems, mut folders) = (Vec::new(), HashSet::new(), Vec::new(), Vec::new());
        for (place, (dir, share)) in (0..).zip(&spec.dirs) {
            let root = absolute(Path::new(dir));
            let wanted = Wanted {
                paths: vec![dir.into()],
                matches: spec.matches.patterns().to_vec(),
                recursive: true,
                except: Vec::new(),
            };
            let batch = Batch::find(&wanted)?;
            let base = if is_folder_or_file(&root) { root.clone() } else { literal_part(&root) };
            let is_one_file = batch.len() == 1 && batch.files.get(0).as_deref() == Some(root.as_path());
            let before = assets.len();
            for path in (0..batch.len()).filter_map(|place| batch.files.get(place)) {
                let taken = is_one_file || spec.matches.takes(path.file_name().unwrap_or_default());
                if taken && seen.insert(path.clone()) {
                    let lot = lot(place, path.strip_prefix(&base).unwrap_or(&path));
                    assets.push(Asset { path, folder: place, lot, score: spec.scoring.start, coverage: None });
                }
            }
            let told = batch
                .problems
                .iter()
                .map(|problem| format!("the pool '{}': {}: {}", spec.name, problem.path.display(), problem.message));
            problems.extend(told);
            if share.is_some() && batch.problems.is_empty() && assets.len() == before {
                problems.push(format!(
                    "the pool '{}': {} has a share of the draws and holds no {}: the others are drawn in its place",
                    spec.name,
                    root.display(),
                    spec.kind.one()
                ));
            }
            folders.push(root);
        }
        assets.sort_by(|one, other| one.path.cmp(&other.path));
        if spec.covers.is_some() {
            read_coverage(&mut assets);
        }
        if assets.is_empty() && spec.kind == PoolKind::Images {
            problems.push(format!(
                "the pool '{}' is empty: nothing is drawn from it ({})",
                spec.name,
                looked_for(spec)
            ));
        }
        Ok(Self { spec: spec.clone(), assets, folders, problems, contents: Mutex::default() })
    }

    /// Why nothing can run with this pool: it holds nothing, and its steps cannot do without.
    #[must_use]
    pub fn missing(&self) -> Option<String> {
        let may_be_empty = !self.assets.is_empty() || self.spec.kind == PoolKind::Images;
        let why = || {
            let problems = self.problems.iter().map(|problem| format!("; {problem}")).collect::<String>();
            format!(
                "the pool '{}' holds no {}: {}{problems}",
                self.spec.name,
                self.spec.kind.one(),
                looked_for(&self.spec)
            )
        };
        (!may_be_empty).then(why)
    }

    /// All that a person should know of it before a run: what it lacks, what cannot be looked at.
    pub fn findings(&self) -> impl Iterator<Item = String> {
        self.missing().into_iter().chain(self.problems.iter().filter(|_| self.missing().is_none()).cloned())
    }

    /// What the events tell of it.
    #[must_use]
    pub fn shape(&self) -> PoolShape {
        let shares = self.spec.dirs.iter().map(|(_, share)| *share);
        PoolShape {
            name: self.spec.name.clone(),
            kind: self.spec.kind,
            scoring: self.spec.scoring,
            folders: self.folders.iter().map(OsText::from).zip(shares).collect(),
            probation: self.spec.probation,
            persist: self.spec.persist,
        }
    }

    /// Tells of its assets, and of what is wrong with it. `place` is that of the pool in the run.
    pub(super) fn tell(&self, place: u32, recorder: &mut Recorder) {
        for message in &self.problems {
            recorder.record(EventKind::Warning { message: message.clone(), item: None });
        }
        for (chunk, assets) in self.assets.chunks(LISTED_AT_ONCE).enumerate() {
            let listed = assets.iter().map(|asset| ListedAsset {
                path: (&asset.path).into(),
                folder: asset.folder,
                score: asset.score,
            });
            let first = (chunk * LISTED_AT_ONCE) as u32;
            recorder.record(EventKind::AssetsListed { pool: place, first, assets: listed.collect() });
        }
    }

    /// The places of its assets in groups, each with its share of the draws: by folder where folders have shares.
    #[must_use]
    pub fn groups(&self) -> Vec<(f64, u64, Vec<u32>)> {
        let all = || (0..self.assets.len() as u32).collect();
        if self.spec.dirs.iter().all(|(_, share)| share.is_none()) {
            return vec![(1.0, 0, all())];
        }
        let mut by_folder: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
        for (place, asset) in (0..).zip(&self.assets) {
            by_folder.entry(asset.folder).or_default().push(place);
        }
        let share = |folder: u32| self.spec.dirs.get(folder as usize).and_then(|(_, share)| *share).unwrap_or(1.0);
        by_folder.into_iter().map(|(folder, assets)| (share(folder), lot(folder, Path::new("")), assets)).collect()
    }

    /// The asset as it is now, for the record of what is made with it.
    ///
    /// # Errors
    /// That it cannot be looked at or read.
    pub fn content(&self, place: u32) -> std::io::Result<Artifact> {
        let path = self.assets.get(place as usize).map(|asset| asset.path.as_path()).unwrap_or(Path::new(""));
        let seen = Identity::of(path)?;
        let known = {
            let contents = self.contents.lock().unwrap_or_else(PoisonError::into_inner);
            contents.get(&place).filter(|(before, _)| *before == seen).map(|(_, hash)| hash.clone())
        };
        let hash = match known {
            Some(hash) => hash,
            None => {
                let (hash, _) = hash_file(path)?;
                let mut contents = self.contents.lock().unwrap_or_else(PoisonError::into_inner);
                contents.insert(place, (seen, hash.clone()));
                hash
            }
        };
        Ok(Artifact { path: path.into(), size: seen.size, hash, mtime_ns: seen.mtime_ns, replaces: None })
    }

    /// The content of the asset, where it was read before.
    #[must_use]
    pub fn known_content(&self, place: u32) -> Option<(Identity, String)> {
        self.contents.lock().unwrap_or_else(PoisonError::into_inner).get(&place).cloned()
    }

    /// Whether a font that could be read has every character of `text`.
    #[must_use]
    pub fn has_font_for(&self, text: &str) -> bool {
        self.assets.iter().any(|asset| asset.coverage.as_ref().is_some_and(|coverage| coverage.covers(text)))
    }

    /// The place of the asset at exactly this path.
    #[must_use]
    pub fn place_at(&self, path: &Path) -> Option<u32> {
        let place = self.assets.binary_search_by(|asset| asset.path.as_path().cmp(path)).ok()?;
        u32::try_from(place).ok()
    }

    /// The place of the asset at `path`: byte for byte, or as it is written for people.
    #[must_use]
    pub fn place_of(&self, path: &OsText) -> Option<u32> {
        let place = self.assets.iter().position(|asset| is_path(&asset.path, path))?;
        u32::try_from(place).ok()
    }
}

impl Asset {
    /// Whether it has every character of `text`, as far as is known: what could not be read is drawn, and found out.
    #[must_use]
    pub fn covers(&self, text: &str) -> bool {
        self.coverage.as_ref().is_none_or(|coverage| coverage.covers(text))
    }

    /// The characters of `text` that it lacks; nothing where it could not be read.
    #[must_use]
    pub fn lacks(&self, text: &str) -> Option<String> {
        self.coverage.as_ref().map(|coverage| coverage.missing(text))
    }
}

/// Whether `named` is `path`, also where bytes of it did not survive as text.
#[must_use]
pub fn is_path(path: &Path, named: &OsText) -> bool {
    path.as_os_str() == named.0 || path.to_string_lossy() == named.display()
}

fn looked_for(spec: &Pool) -> String {
    let dirs: Vec<String> = spec.dirs.iter().map(|(dir, _)| absolute(Path::new(dir)).display().to_string()).collect();
    let what = if spec.matches.is_empty() { "any file".to_owned() } else { spec.matches.to_string() };
    format!("looked for {what} in {}", dirs.join(", "))
}

fn is_folder_or_file(path: &Path) -> bool {
    std::fs::metadata(path).is_ok()
}

/// What a glob begins with, up to its first part that is a pattern.
fn literal_part(glob: &Path) -> PathBuf {
    let is_plain =
        |part: &Component<'_>| !part.as_os_str().as_encoded_bytes().iter().any(|byte| b"*?[{".contains(byte));
    glob.components().take_while(is_plain).collect()
}

fn lot(folder: u32, below: &Path) -> u64 {
    let mut hash = blake3::Hasher::new();
    hash.update(b"mediamill asset 1");
    hash.update(&folder.to_le_bytes());
    hash.update(below.as_os_str().as_encoded_bytes());
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&hash.finalize().as_bytes()[..8]);
    u64::from_le_bytes(bytes)
}

/// Reads which characters the fonts have, on all cores. One that cannot be read is drawn all the same, and pays for it.
fn read_coverage(assets: &mut [Asset]) {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let share = assets.len().div_ceil(cores).max(1);
    std::thread::scope(|scope| {
        for part in assets.chunks_mut(share) {
            scope.spawn(move || part.iter_mut().for_each(|asset| asset.coverage = coverage(&asset.path).ok()));
        }
    });
}

#[cfg(test)]
mod tests;
