//! What the events tell of the asset pools, and the fold of it.

use std::collections::HashMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{Event, EventKind, ItemIndex};
use crate::resilience::os_text::OsText;

pub use crate::pipeline::pools::PoolKind;
pub use crate::resilience::score::Scoring;

/// What is to be known of a pool and does not change with what happens.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct PoolShape {
    /// Its name.
    pub name: String,
    /// What it holds.
    pub kind: PoolKind,
    /// How its scores move.
    pub scoring: Scoring,
    /// Its folders, each with its share of the draws where the pipeline gives one: the shares add up to 1.
    pub folders: Vec<(OsText, Option<f64>)>,
    /// Draws after which an asset on the denylist is tried once more; never, where nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probation: Option<u32>,
    /// Whether scores outlive the run.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub persist: bool,
}

/// An asset as it joins its pool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListedAsset {
    /// Its absolute path.
    pub path: OsText,
    /// The place of its folder in the pool's shape.
    pub folder: u32,
    /// Its score at the start of the run.
    pub score: i32,
}

/// An asset that an attempt was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Draw {
    /// The pool's place in the run.
    pub pool: u32,
    /// The asset's place in the pool.
    pub asset: u32,
}

/// Whether an asset is drawn.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// It is.
    #[default]
    Available,
    /// Its score is too low.
    Denylisted,
    /// Its score is too low, and it is drawn all the same: there is no better one in the pool.
    Spared,
}

/// Why a score moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ScoreChange {
    /// An attempt with it succeeded.
    Success,
    /// An attempt failed, and it was to blame.
    Failure,
    /// The item that blamed it turned out to be to blame itself.
    TakenBack,
    /// Somebody revived it: its score is that of the start.
    Revived,
    /// Somebody put it on the denylist.
    Banned,
    /// Its score is the same; another asset fell or came back, so that its standing is not.
    Standing,
}

/// An asset as the screen shows it.
#[derive(Debug, Clone, PartialEq)]
pub struct AssetView {
    /// Its absolute path.
    pub path: PathBuf,
    /// The place of its folder in the pool's shape.
    pub folder: u32,
    /// Its score.
    pub score: i32,
    /// Whether it is drawn.
    pub standing: Standing,
    /// How often it was drawn in this run.
    pub draws: u32,
    /// Attempts with it that were done.
    pub successes: u32,
    /// Attempts that failed for it.
    pub failures: u32,
    /// The last item that failed for it, and why.
    pub last_failure: Option<(ItemIndex, String)>,
}

/// A pool as the screen shows it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct PoolView {
    /// What does not change.
    pub shape: PoolShape,
    /// Its assets, in the order of their paths.
    pub assets: Vec<AssetView>,
    /// Draws in this run.
    pub draws: u64,
}

impl PoolView {
    /// How many assets stand like this.
    #[must_use]
    pub fn standing(&self, standing: Standing) -> usize {
        self.assets.iter().filter(|asset| asset.standing == standing).count()
    }
}

/// The pools of a run, folded from its events.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Pools {
    pub(super) views: Vec<PoolView>,
    /// What running attempts were given.
    drawn: HashMap<(ItemIndex, u32, u32), Vec<Draw>>,
}

impl Pools {
    pub(super) fn apply(&mut self, event: &Event) {
        match &event.kind {
            EventKind::RunStarted { pools, .. } => {
                let view = |shape: &PoolShape| PoolView { shape: shape.clone(), ..PoolView::default() };
                self.views = pools.iter().map(view).collect();
                self.drawn.clear();
            }
            EventKind::AssetsListed { pool, assets, .. } => {
                if let Some(pool) = self.views.get_mut(*pool as usize) {
                    pool.assets.extend(assets.iter().map(|asset| listed(asset, pool.shape.scoring.threshold)));
                }
            }
            EventKind::AttemptStarted { item, step, piece, draws, .. } if !draws.is_empty() => {
                for draw in draws {
                    if let Some(pool) = self.views.get_mut(draw.pool as usize) {
                        pool.draws += 1;
                    }
                    if let Some(asset) = self.asset(*draw) {
                        asset.draws += 1;
                    }
                }
                let piece = piece.as_ref().map_or(0, |piece| piece.index);
                self.drawn.insert((*item, *step, piece), draws.clone());
            }
            EventKind::TaskDone { item, step, piece, .. } => {
                let piece = piece.as_ref().map_or(0, |piece| piece.index);
                for draw in self.drawn.remove(&(*item, *step, piece)).unwrap_or_default() {
                    if let Some(asset) = self.asset(draw) {
                        asset.successes += 1;
                    }
                }
            }
            EventKind::AttemptFailed { item, step, piece, fault, .. } => {
                let piece = piece.as_ref().map_or(0, |piece| piece.index);
                for draw in self.drawn.remove(&(*item, *step, piece)).unwrap_or_default() {
                    let blamed = fault.asset.as_ref().map(OsText::as_path);
                    if let Some(asset) = self.asset(draw).filter(|asset| blamed == Some(asset.path.as_path())) {
                        asset.failures += 1;
                        asset.last_failure = Some((*item, fault.message.clone()));
                    }
                }
            }
            EventKind::AssetScored { pool, asset, score, standing, .. } => {
                if let Some(asset) = self.asset(Draw { pool: *pool, asset: *asset }) {
                    asset.score = *score;
                    asset.standing = *standing;
                }
            }
            _ => {}
        }
    }

    fn asset(&mut self, draw: Draw) -> Option<&mut AssetView> {
        self.views.get_mut(draw.pool as usize)?.assets.get_mut(draw.asset as usize)
    }
}

fn listed(asset: &ListedAsset, threshold: i32) -> AssetView {
    AssetView {
        path: asset.path.as_path().to_path_buf(),
        folder: asset.folder,
        score: asset.score,
        standing: if asset.score >= threshold { Standing::Available } else { Standing::Denylisted },
        draws: 0,
        successes: 0,
        failures: 0,
        last_failure: None,
    }
}
