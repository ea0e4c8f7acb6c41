//! The assets of a pool as screens and reports show them.

use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::ItemIndex;
use crate::resilience::os_text::OsText;

/// Assets that are copied together: what a copy of a state costs once one of them changes.
const PART: usize = 32;

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

impl Standing {
    /// All of them, the best first.
    pub const ALL: [Self; 3] = [Self::Available, Self::Spared, Self::Denylisted];

    /// It in one word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Available => "available",
            Self::Spared => "spared",
            Self::Denylisted => "denylisted",
        }
    }
}

/// An asset as the screen shows it.
#[derive(Debug, Clone, PartialEq)]
pub struct AssetView {
    /// Its absolute path.
    pub path: Arc<Path>,
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
    pub last_failure: Option<(ItemIndex, Arc<str>)>,
}

impl AssetView {
    /// One that joins a pool whose assets are available from the score `threshold` on.
    pub(super) fn listed(asset: &ListedAsset, threshold: i32) -> Self {
        Self {
            path: asset.path.as_path().into(),
            folder: asset.folder,
            score: asset.score,
            standing: if asset.score >= threshold { Standing::Available } else { Standing::Denylisted },
            draws: 0,
            successes: 0,
            failures: 0,
            last_failure: None,
        }
    }
}

/// The assets of a pool. A copy shares with what it was made from all that does not change in either: a time line keeps
/// many of them.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Assets {
    parts: Vec<Arc<Vec<AssetView>>>,
    len: usize,
}

impl Assets {
    /// How many there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The asset at this place in the pool.
    #[must_use]
    pub fn get(&self, place: usize) -> Option<&AssetView> {
        self.parts.get(place / PART)?.get(place % PART)
    }

    /// All of them, in the order of the pool.
    pub fn iter(&self) -> impl Iterator<Item = &AssetView> {
        self.parts.iter().flat_map(|part| part.iter())
    }

    pub(super) fn push(&mut self, asset: AssetView) {
        if self.len.is_multiple_of(PART) {
            self.parts.push(Arc::new(Vec::new()));
        }
        if let Some(part) = self.parts.last_mut() {
            Arc::make_mut(part).push(asset);
            self.len += 1;
        }
    }

    pub(super) fn get_mut(&mut self, place: usize) -> Option<&mut AssetView> {
        Arc::make_mut(self.parts.get_mut(place / PART)?).get_mut(place % PART)
    }
}

impl std::ops::Index<usize> for Assets {
    type Output = AssetView;

    fn index(&self, place: usize) -> &AssetView {
        &self.parts[place / PART][place % PART]
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may")]

    use super::*;

    #[test]
    fn a_copy_shares_what_does_not_change() {
        let mut assets = Assets::default();
        for number in 0..1000 {
            let path = format!("/fonts/{number}.ttf").into();
            assets.push(AssetView::listed(&ListedAsset { path, folder: 0, score: 100 }, 50));
        }
        let kept = assets.clone();
        assets.get_mut(500).unwrap().score = 40;
        assert_eq!((kept.get(500).unwrap().score, assets.get(500).unwrap().score), (100, 40));
        let shared = kept.parts.iter().zip(&assets.parts).filter(|(one, other)| Arc::ptr_eq(one, other)).count();
        assert_eq!((shared, kept.parts.len()), (31, 32));
        assert_eq!((assets.len(), assets.iter().count(), assets.get(1000)), (1000, 1000, None));
        assert!(Arc::ptr_eq(&kept.get(500).unwrap().path, &assets.get(500).unwrap().path));
    }
}
