//! What the events tell of the asset pools, and the fold of it.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::assets::{AssetView, Assets, ListedAsset, Standing};
use super::{Event, EventKind, ItemIndex};
use crate::resilience::Fault;
use crate::resilience::fault::UNSUITED;
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

/// An asset that an attempt was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Draw {
    /// The pool's place in the run.
    pub pool: u32,
    /// The asset's place in the pool.
    pub asset: u32,
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

/// A pool as the screen shows it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct PoolView {
    /// What does not change.
    pub shape: PoolShape,
    /// Its assets, in the order of their paths.
    pub assets: Assets,
    /// Draws in this run.
    pub draws: u64,
    /// Draws of assets of each folder of the shape, in its order.
    pub folder_draws: Vec<u64>,
    /// How often a score, a standing or a count of failures changed: while it is the same, so is their order.
    pub moves: u64,
    /// How many assets stand like each of [`Standing::ALL`].
    standings: [usize; 3],
}

impl PoolView {
    fn new(shape: &PoolShape) -> Self {
        Self { shape: shape.clone(), folder_draws: vec![0; shape.folders.len()], ..Self::default() }
    }

    /// How many assets stand like this.
    #[must_use]
    pub fn standing(&self, standing: Standing) -> usize {
        self.standings[place(standing)]
    }

    /// The share of the draws that went to the folder, 0 to 1; nothing before the first draw.
    #[must_use]
    pub fn share(&self, folder: usize) -> Option<f64> {
        let draws = self.folder_draws.get(folder)?;
        (self.draws > 0).then(|| *draws as f64 / self.draws as f64)
    }

    fn add(&mut self, listed: &ListedAsset) {
        let asset = AssetView::listed(listed, self.shape.scoring.threshold);
        self.standings[place(asset.standing)] += 1;
        self.assets.push(asset);
        self.moves += 1;
    }

    fn draw(&mut self, asset: u32) {
        self.draws += 1;
        let Some(asset) = self.assets.get_mut(asset as usize) else { return };
        asset.draws += 1;
        if let Some(draws) = self.folder_draws.get_mut(asset.folder as usize) {
            *draws += 1;
        }
    }

    fn score(&mut self, asset: u32, score: i32, standing: Standing) {
        let Some(asset) = self.assets.get_mut(asset as usize) else { return };
        self.standings[place(asset.standing)] -= 1;
        self.standings[place(standing)] += 1;
        (asset.score, asset.standing) = (score, standing);
        self.moves += 1;
    }
}

/// Why an attempt failed for an asset, without the asset's path before it: whoever tells the one tells the other.
pub(super) fn reason(fault: &Fault) -> &str {
    let path = fault.asset.as_ref().map(|asset| format!("'{}': ", asset.display()));
    let reason = path.and_then(|path| fault.message.split_once(&path));
    reason.map_or(fault.message.as_str(), |(_, reason)| reason)
}

/// The place in [`Standing::ALL`].
const fn place(standing: Standing) -> usize {
    match standing {
        Standing::Available => 0,
        Standing::Spared => 1,
        Standing::Denylisted => 2,
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
                self.views = pools.iter().map(PoolView::new).collect();
                self.drawn.clear();
            }
            EventKind::AssetsListed { pool, assets, .. } => {
                if let Some(pool) = self.views.get_mut(*pool as usize) {
                    assets.iter().for_each(|asset| pool.add(asset));
                }
            }
            EventKind::AttemptStarted { item, step, piece, draws, .. } if !draws.is_empty() => {
                for draw in draws {
                    if let Some(pool) = self.views.get_mut(draw.pool as usize) {
                        pool.draw(draw.asset);
                    }
                }
                let piece = piece.as_ref().map_or(0, |piece| piece.index);
                self.drawn.insert((*item, *step, piece), draws.clone());
            }
            EventKind::TaskDone { item, step, piece, .. } => {
                let piece = piece.as_ref().map_or(0, |piece| piece.index);
                for draw in self.drawn.remove(&(*item, *step, piece)).unwrap_or_default() {
                    let pool = self.views.get_mut(draw.pool as usize);
                    if let Some(asset) = pool.and_then(|pool| pool.assets.get_mut(draw.asset as usize)) {
                        asset.successes += 1;
                    }
                }
            }
            EventKind::AttemptFailed { item, step, piece, fault, .. } => {
                let piece = piece.as_ref().map_or(0, |piece| piece.index);
                for draw in self.drawn.remove(&(*item, *step, piece)).unwrap_or_default() {
                    let Some(pool) = self.views.get_mut(draw.pool as usize) else { continue };
                    let blamed = fault.asset.as_ref().filter(|_| fault.cause != UNSUITED).map(OsText::as_path);
                    let asset = pool.assets.get(draw.asset as usize);
                    if asset.is_none_or(|asset| blamed != Some(&asset.path)) {
                        continue;
                    }
                    if let Some(asset) = pool.assets.get_mut(draw.asset as usize) {
                        asset.failures += 1;
                        asset.last_failure = Some((*item, reason(fault).into()));
                        pool.moves += 1;
                    }
                }
            }
            EventKind::AssetScored { pool, asset, score, standing, .. } => {
                if let Some(pool) = self.views.get_mut(*pool as usize) {
                    pool.score(*asset, *score, *standing);
                }
            }
            // What was drawn for an attempt that was ended did neither well nor badly.
            EventKind::ItemFinished { item, .. } if !self.drawn.is_empty() => {
                self.drawn.retain(|(of, ..), _| of != item);
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests;
