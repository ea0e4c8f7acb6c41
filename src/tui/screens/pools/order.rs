//! Which assets are shown, in which order, and how their scores are spread.
//!
//! Nothing is sorted anew but after a score or a count of failures changed, and then from the order before: among a hundred
//! thousand assets a few have moved.

use std::cmp::Reverse;
use std::path::{Path, PathBuf};

use crate::events::{AssetView, PoolView, Scoring, Standing};
use crate::tui::rows::Filter;

/// Parts that the scores from 0 up are shown in.
const PARTS: usize = 10;

/// What the assets are sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Sort {
    /// The lowest score first, of equal ones that which failed most.
    #[default]
    Worst,
    /// The one drawn most first.
    Drawn,
    /// The place in the pool: by path.
    Path,
}

impl Sort {
    pub(super) const fn next(self) -> Self {
        match self {
            Self::Worst => Self::Drawn,
            Self::Drawn => Self::Path,
            Self::Path => Self::Worst,
        }
    }

    /// For the screen.
    pub(super) const fn title(self) -> &'static str {
        match self {
            Self::Worst => "lowest score first",
            Self::Drawn => "most drawn first",
            Self::Path => "by path",
        }
    }

    /// What an asset is sorted by; the least first, and of equal ones that which comes first in the pool.
    fn key(self, asset: &AssetView) -> (i64, Reverse<u32>) {
        match self {
            Self::Worst => (asset.score.into(), Reverse(asset.failures)),
            Self::Drawn => (-i64::from(asset.draws), Reverse(0)),
            Self::Path => (0, Reverse(0)),
        }
    }
}

/// What is asked for.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Asked {
    /// The pool's place in the run.
    pub(super) pool: usize,
    pub(super) sort: Sort,
    /// Only those that are on the denylist, drawn all the same or not.
    pub(super) only_denylist: bool,
    /// The text that filters.
    pub(super) text: String,
}

/// The assets of a pool in their order.
#[derive(Debug, Default)]
pub(super) struct Order {
    asked: Asked,
    /// What it was made from: assets, moves, and draws where they matter.
    seen: Option<(usize, u64, u64)>,
    /// The assets that pass the text, sorted.
    passed: Vec<u32>,
    shown: Vec<u32>,
    /// Each asset's place among those that are shown.
    places: Vec<u32>,
    pub(super) scores: Scores,
    /// The folder that names are told from.
    root: PathBuf,
}

impl Order {
    /// Takes in what came since.
    pub(super) fn follow(&mut self, pool: &PoolView, asked: &Asked) {
        let draws = if asked.sort == Sort::Drawn { pool.draws } else { 0 };
        let seen = (pool.assets.len(), pool.moves, draws);
        if self.seen == Some(seen) && self.asked == *asked {
            return;
        }
        let is_other = self.asked.pool != asked.pool || self.asked.text != asked.text;
        if is_other || self.seen.is_none_or(|(len, ..)| len != seen.0) {
            self.root = root(pool);
            let filter = Filter::of(&asked.text);
            let takes = |asset: &AssetView| filter.is_empty() || filter.takes(&self.name(asset));
            let passed = pool.assets.iter().enumerate().filter(|(_, asset)| takes(asset));
            self.passed = passed.map(|(place, _)| place as u32).collect();
        }
        self.asked.clone_from(asked);
        self.seen = Some(seen);
        self.sort(pool);
        let is_shown = |place: &&u32| {
            let asset = pool.assets.get(**place as usize);
            !asked.only_denylist || asset.is_some_and(|asset| asset.standing != Standing::Available)
        };
        self.shown = self.passed.iter().filter(is_shown).copied().collect();
        self.places.clear();
        self.places.resize(seen.0, u32::MAX);
        for (row, place) in self.shown.iter().enumerate() {
            self.places[*place as usize] = row as u32;
        }
        self.scores = Scores::of(pool);
    }

    fn sort(&mut self, pool: &PoolView) {
        let by = self.asked.sort;
        let key = |place: &u32| pool.assets.get(*place as usize).map(|asset| (by.key(asset), *place));
        let mut keys: Vec<_> = self.passed.iter().filter_map(key).collect();
        // A stable sort makes use of what is in order already.
        keys.sort();
        self.passed = keys.into_iter().map(|(_, place)| place).collect();
    }

    pub(super) fn len(&self) -> usize {
        self.shown.len()
    }

    /// The asset in this row.
    pub(super) fn asset(&self, row: usize) -> Option<u32> {
        self.shown.get(row).copied()
    }

    /// The row of the asset.
    pub(super) fn row(&self, asset: u32) -> Option<usize> {
        self.places.get(asset as usize).filter(|row| **row != u32::MAX).map(|row| *row as usize)
    }

    /// The asset's name for eyes, not yet safe: its path below the folder that all of them share.
    pub(super) fn name(&self, asset: &AssetView) -> String {
        asset.path.strip_prefix(&self.root).unwrap_or(&asset.path).to_string_lossy().into_owned()
    }

    /// As [`name`](Self::name), of a folder of the pool.
    pub(super) fn folder(&self, folder: &Path) -> String {
        let below = folder.strip_prefix(&self.root).ok().filter(|below| !below.as_os_str().is_empty());
        below.unwrap_or(folder).to_string_lossy().into_owned()
    }
}

/// The folder that all folders of the pool are below, or the only one.
fn root(pool: &PoolView) -> PathBuf {
    let mut folders = pool.shape.folders.iter().map(|(folder, _)| folder.as_path());
    let mut root = folders.next().map(Path::to_path_buf).unwrap_or_default();
    for folder in folders {
        while !folder.starts_with(&root) && root.pop() {}
    }
    root
}

/// How many assets have which score.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Scores {
    /// The scores of one part.
    pub(super) step: i32,
    /// Below 0, then the parts from 0 up; the best score is in the last.
    pub(super) counts: [usize; PARTS + 1],
    /// The first part whose scores are all high enough.
    pub(super) good: usize,
}

impl Scores {
    fn of(pool: &PoolView) -> Self {
        let Scoring { most, threshold, .. } = pool.shape.scoring;
        let step = (most.max(1) + PARTS as i32 - 1) / PARTS as i32;
        let part = |score: i32| {
            let part = usize::try_from(score.div_euclid(step));
            part.map_or(0, |part| part.min(PARTS - 1) + 1)
        };
        let mut counts = [0; PARTS + 1];
        pool.assets.iter().for_each(|asset| counts[part(asset.score)] += 1);
        // A part that the threshold is in has scores of both kinds.
        let good = part(threshold) + usize::from(threshold > 0 && threshold.rem_euclid(step) != 0);
        Self { step, counts, good }
    }

    /// What a part is called by: its least score.
    pub(super) fn label(&self, part: usize) -> String {
        match part.checked_sub(1) {
            None => "<0".to_owned(),
            Some(part) => (part as i32 * self.step).to_string(),
        }
    }
}
