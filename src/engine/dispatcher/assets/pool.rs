//! The scores of one pool in a run, and who of it is drawn.

use std::collections::{BTreeMap, HashSet};

use crate::engine::assets::AssetPool;
use crate::events::{ScoreChange, Standing};
use crate::resilience::score::{HealthPool, Lots, mixed};

/// A score or a standing that is not what it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::engine::dispatcher) struct Moved {
    pub(in crate::engine::dispatcher) asset: u32,
    pub(in crate::engine::dispatcher) score: i32,
    pub(in crate::engine::dispatcher) change: ScoreChange,
    pub(in crate::engine::dispatcher) standing: Standing,
}

/// One pool of the run.
#[derive(Debug)]
pub(in crate::engine::dispatcher) struct PoolState {
    scores: HealthPool<u32>,
    /// By asset: its score and its standing, as they were told last.
    told: Vec<(i32, Standing)>,
    /// By asset: how likely it is drawn. 0: not at all.
    weights: Vec<f64>,
    /// The one that is drawn though its score is too low: there is no better one.
    spared: Option<u32>,
    groups: Vec<(f64, u64, Vec<u32>)>,
    draws: u64,
    probation: Option<u32>,
    /// Those on the denylist, and the count of draws when they came there or were last tried.
    out: BTreeMap<u32, u64>,
    /// Those of them that are being tried.
    on_trial: HashSet<u32>,
    /// Those of them that somebody put there: they are not tried.
    banned: HashSet<u32>,
}

impl PoolState {
    pub(in crate::engine::dispatcher) fn new(pool: &AssetPool) -> Self {
        let mut scores = HealthPool::new(pool.spec.scoring);
        for (place, asset) in (0..).zip(&pool.assets).filter(|(_, asset)| asset.score != pool.spec.scoring.start) {
            scores.set(&place, asset.score);
        }
        let told = |asset: u32| {
            let standing = if scores.is_available(&asset) { Standing::Available } else { Standing::Denylisted };
            (scores.score(&asset), standing)
        };
        let told: Vec<(i32, Standing)> = (0..pool.assets.len() as u32).map(told).collect();
        let out = (0..).zip(&told).filter(|(_, (_, standing))| *standing == Standing::Denylisted);
        Self {
            weights: told.iter().map(|(score, standing)| weight(*score, *standing)).collect(),
            out: out.map(|(asset, _)| (asset, 0)).collect(),
            scores,
            told,
            spared: None,
            groups: pool.groups(),
            draws: 0,
            probation: pool.spec.probation,
            on_trial: HashSet::new(),
            banned: HashSet::new(),
        }
    }

    pub(in crate::engine::dispatcher) fn score(&self, asset: u32) -> i32 {
        self.scores.score(&asset)
    }

    pub(in crate::engine::dispatcher) fn is_available(&self, asset: u32) -> bool {
        self.scores.is_available(&asset)
    }

    /// The asset for the task whose random number is `chance`, among those that fit it: of a folder by the folders' shares,
    /// then by score. One whose time on the denylist is over goes first.
    pub(in crate::engine::dispatcher) fn choose(
        &self,
        pool: &AssetPool,
        chance: u64,
        fits: impl Fn(u32) -> bool,
    ) -> Option<u32> {
        if let Some(tried) = self.to_be_tried().find(|asset| fits(*asset)) {
            return Some(tried);
        }
        let mut left: Vec<&(f64, u64, Vec<u32>)> = self.groups.iter().collect();
        while !left.is_empty() {
            let mut lots = Lots::default();
            for (place, (share, lot, _)) in left.iter().enumerate() {
                lots.offer(place, *share, mixed(chance, *lot), || true);
            }
            let (_, _, group) = left.remove(lots.chosen().unwrap_or_default());
            let chosen = self.choose_among(group, pool, chance, &fits);
            if chosen.is_some() {
                return chosen;
            }
        }
        None
    }

    fn choose_among(&self, group: &[u32], pool: &AssetPool, chance: u64, fits: &impl Fn(u32) -> bool) -> Option<u32> {
        let choose = |weight: &dyn Fn(u32) -> f64| {
            let mut lots = Lots::default();
            for asset in group {
                let lot = mixed(chance, pool.assets[*asset as usize].lot);
                lots.offer(*asset, weight(*asset), lot, || fits(*asset));
            }
            lots.chosen()
        };
        let drawn = |asset: u32| self.told[asset as usize].1 != Standing::Denylisted;
        choose(&|asset| self.weights[asset as usize])
            // Where every score is 0 or less, all are as likely.
            .or_else(|| choose(&|asset| if drawn(asset) { 1.0 } else { 0.0 }))
    }

    /// Those on the denylist that are due to be tried once more, the one that waits longest first.
    fn to_be_tried(&self) -> impl Iterator<Item = u32> {
        let wait = self.probation.map(u64::from);
        let is_due = |asset: u32, since: u64| {
            wait.is_some_and(|wait| self.draws.saturating_sub(since) >= wait)
                && self.spared != Some(asset)
                && !self.on_trial.contains(&asset)
                && !self.banned.contains(&asset)
        };
        let mut due: Vec<(u64, u32)> = match wait {
            Some(_) => {
                let due = self.out.iter().filter(|(asset, since)| is_due(**asset, **since));
                due.map(|(asset, since)| (*since, *asset)).collect()
            }
            None => Vec::new(),
        };
        due.sort_unstable();
        due.into_iter().map(|(_, asset)| asset)
    }

    /// The asset was drawn.
    pub(in crate::engine::dispatcher) fn count(&mut self, asset: u32) {
        self.draws += 1;
        if self.out.contains_key(&asset) && self.spared != Some(asset) {
            self.on_trial.insert(asset);
        }
    }

    /// An attempt with it was done. One that was tried comes back from the denylist, barely.
    pub(in crate::engine::dispatcher) fn success(&mut self, asset: u32) -> Vec<Moved> {
        let threshold = self.scores.scoring().threshold;
        if self.on_trial.remove(&asset) && !self.is_available(asset) {
            self.scores.set(&asset, threshold);
        } else {
            self.scores.record_success(&asset);
        }
        self.moved(asset, ScoreChange::Success)
    }

    /// An attempt failed, and it was to blame.
    pub(in crate::engine::dispatcher) fn failure(&mut self, asset: u32) -> Vec<Moved> {
        self.unblamed(asset);
        self.scores.record_failure(&asset);
        self.moved(asset, ScoreChange::Failure)
    }

    /// An attempt with it ended, and that tells nothing of it.
    pub(in crate::engine::dispatcher) fn unblamed(&mut self, asset: u32) -> Vec<Moved> {
        if self.on_trial.remove(&asset)
            && let Some(since) = self.out.get_mut(&asset)
        {
            *since = self.draws;
        }
        Vec::new()
    }

    /// It was not to blame after all.
    pub(in crate::engine::dispatcher) fn take_back(&mut self, asset: u32) -> Vec<Moved> {
        self.scores.take_back(&asset);
        self.moved(asset, ScoreChange::TakenBack)
    }

    pub(in crate::engine::dispatcher) fn revive(&mut self, asset: u32) -> Vec<Moved> {
        let start = self.scores.scoring().start;
        self.banned.remove(&asset);
        self.scores.set(&asset, start);
        self.moved(asset, ScoreChange::Revived)
    }

    pub(in crate::engine::dispatcher) fn ban(&mut self, asset: u32) -> Vec<Moved> {
        let below = self.scores.scoring().threshold.saturating_sub(1).min(0);
        self.banned.insert(asset);
        self.scores.set(&asset, self.scores.score(&asset).min(below));
        self.moved(asset, ScoreChange::Banned)
    }

    /// Who is spared where nobody is healthy; what stands otherwise than it was told.
    pub(in crate::engine::dispatcher) fn restand(&mut self) -> Vec<Moved> {
        self.tell(None, ScoreChange::Standing)
    }

    /// The best of those on the denylist; one that somebody put there only where there is no other.
    fn best(&self) -> Option<u32> {
        let all = 0..self.told.len() as u32;
        all.rev().max_by_key(|asset| (!self.banned.contains(asset), self.scores.score(asset)))
    }

    /// The score of the asset may have moved: what that does to it, and to others.
    fn moved(&mut self, asset: u32, change: ScoreChange) -> Vec<Moved> {
        match (self.out.contains_key(&asset), self.is_available(asset)) {
            (false, false) => {
                self.out.insert(asset, self.draws);
            }
            (true, true) => {
                self.out.remove(&asset);
                self.on_trial.remove(&asset);
                self.banned.remove(&asset);
            }
            _ => {}
        }
        self.tell(Some(asset), change)
    }

    fn tell(&mut self, asset: Option<u32>, change: ScoreChange) -> Vec<Moved> {
        let spared = if self.out.len() < self.told.len() { None } else { self.best() };
        let before = std::mem::replace(&mut self.spared, spared);
        let mut moved = Vec::new();
        for one in asset.into_iter().chain(before).chain(spared) {
            let score = self.scores.score(&one);
            let standing = match self.is_available(one) {
                true => Standing::Available,
                false if spared == Some(one) => Standing::Spared,
                false => Standing::Denylisted,
            };
            self.weights[one as usize] = weight(score, standing);
            let told = std::mem::replace(&mut self.told[one as usize], (score, standing));
            if told != (score, standing) {
                let change = if asset == Some(one) { change } else { ScoreChange::Standing };
                moved.push(Moved { asset: one, score, change, standing });
            }
        }
        moved
    }
}

/// How likely an asset is drawn.
fn weight(score: i32, standing: Standing) -> f64 {
    if standing == Standing::Denylisted { 0.0 } else { f64::from(score.max(0)) }
}
