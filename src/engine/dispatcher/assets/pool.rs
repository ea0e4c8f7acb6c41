//! The scores of one pool in a run, and who of it is drawn.

use std::collections::{BTreeSet, HashMap, HashSet};

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
    scores: HealthPool,
    /// By asset: its score and its standing, as they were told last.
    told: Vec<(i32, Standing)>,
    /// The one that was told to be spared.
    spared: Option<u32>,
    groups: Vec<(f64, u64, Vec<u32>)>,
    draws: u64,
    probation: Option<u32>,
    /// Those on the denylist, and the count of draws when they came there or were last tried.
    out: HashMap<u32, u64>,
    /// Those of them that may be tried once more, the one that waits longest first.
    due: BTreeSet<(u64, u32)>,
    /// Those of them that are being tried.
    on_trial: HashSet<u32>,
    /// Those that an attempt was done with.
    proven: HashSet<u32>,
    /// Charges of assets that nothing was done with yet, for items that failed with every asset.
    owed: HashMap<u32, u32>,
}

impl PoolState {
    pub(in crate::engine::dispatcher) fn new(pool: &AssetPool) -> Self {
        let scores = HealthPool::new(pool.spec.scoring, pool.assets.iter().map(|asset| asset.score).collect());
        let all = || 0..pool.assets.len() as u32;
        let told = |asset: u32| {
            let standing = if scores.is_available(asset) { Standing::Available } else { Standing::Denylisted };
            (scores.score(asset), standing)
        };
        let out = || all().filter(|asset| !scores.is_available(*asset));
        Self {
            told: all().map(told).collect(),
            out: out().map(|asset| (asset, 0)).collect(),
            due: out().map(|asset| (0, asset)).collect(),
            scores,
            spared: None,
            groups: pool.groups(),
            draws: 0,
            probation: pool.spec.probation,
            on_trial: HashSet::new(),
            proven: HashSet::new(),
            owed: HashMap::new(),
        }
    }

    pub(in crate::engine::dispatcher) fn score(&self, asset: u32) -> i32 {
        self.scores.score(asset)
    }

    pub(in crate::engine::dispatcher) fn is_available(&self, asset: u32) -> bool {
        self.scores.is_available(asset)
    }

    /// Whether an attempt with it was done in this run.
    pub(in crate::engine::dispatcher) fn is_proven(&self, asset: u32) -> bool {
        self.proven.contains(&asset)
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
        let lot = |asset: u32| mixed(chance, pool.assets[asset as usize].lot);
        let mut left: Vec<&(f64, u64, Vec<u32>)> = self.groups.iter().collect();
        while !left.is_empty() {
            let mut lots = Lots::default();
            for (place, (share, lot, _)) in left.iter().enumerate() {
                lots.offer(place, *share, mixed(chance, *lot), || true);
            }
            let (_, _, group) = left.remove(lots.chosen().unwrap_or_default());
            let chosen = self.scores.select(group, lot, &fits);
            if chosen.is_some() {
                return chosen;
            }
        }
        None
    }

    /// Those on the denylist that are due to be tried once more, the one that waits longest first.
    fn to_be_tried(&self) -> impl Iterator<Item = u32> {
        let latest = self.probation.and_then(|wait| self.draws.checked_sub(wait.into()));
        let waiting = self.due.iter().take_while(move |(since, _)| latest.is_some_and(|latest| *since <= latest));
        waiting.map(|(_, asset)| *asset).filter(|asset| self.spared != Some(*asset))
    }

    /// The asset was drawn.
    pub(in crate::engine::dispatcher) fn count(&mut self, asset: u32) {
        self.draws += 1;
        if self.out.contains_key(&asset) && self.spared != Some(asset) {
            self.on_trial.insert(asset);
            self.leave_queue(asset);
        }
    }

    /// An attempt with it was done. One that was tried comes back from the denylist, barely. What it was charged for items
    /// that failed with every asset is taken back: it works.
    pub(in crate::engine::dispatcher) fn success(&mut self, asset: u32) -> Vec<Moved> {
        self.proven.insert(asset);
        let mut moved = Vec::new();
        for _ in 0..self.owed.remove(&asset).unwrap_or_default() {
            moved.extend(self.take_back(asset));
        }
        let threshold = self.scores.scoring().threshold;
        if self.on_trial.remove(&asset) && !self.is_available(asset) {
            self.scores.set(asset, threshold);
        } else {
            self.scores.record_success(asset);
        }
        moved.extend(self.moved(asset, ScoreChange::Success));
        moved
    }

    /// An attempt failed, and it was to blame.
    pub(in crate::engine::dispatcher) fn failure(&mut self, asset: u32) -> Vec<Moved> {
        self.unblamed(asset);
        self.scores.record_failure(asset);
        self.moved(asset, ScoreChange::Failure)
    }

    /// An attempt with it ended, and that tells nothing of it.
    pub(in crate::engine::dispatcher) fn unblamed(&mut self, asset: u32) {
        if self.on_trial.remove(&asset) && self.out.contains_key(&asset) {
            self.queue(asset);
        }
    }

    /// The item that blamed it failed with every asset. That is the item's doing where the asset works; as long as nothing
    /// was done with it, nobody knows, and the charge stays.
    pub(in crate::engine::dispatcher) fn take_back(&mut self, asset: u32) -> Vec<Moved> {
        if !self.is_proven(asset) {
            *self.owed.entry(asset).or_default() += 1;
            return Vec::new();
        }
        self.scores.take_back(asset);
        self.moved(asset, ScoreChange::TakenBack)
    }

    pub(in crate::engine::dispatcher) fn revive(&mut self, asset: u32) -> Vec<Moved> {
        self.owed.remove(&asset);
        self.scores.revive(asset);
        self.moved(asset, ScoreChange::Revived)
    }

    /// It is drawn no more until it is revived; a trial that is under way changes nothing of that.
    pub(in crate::engine::dispatcher) fn ban(&mut self, asset: u32) -> Vec<Moved> {
        self.scores.ban(asset);
        self.on_trial.remove(&asset);
        self.leave_queue(asset);
        self.moved(asset, ScoreChange::Banned)
    }

    /// Who is spared where nobody is healthy; what stands otherwise than it was told.
    pub(in crate::engine::dispatcher) fn restand(&mut self) -> Vec<Moved> {
        self.tell(None, ScoreChange::Standing)
    }

    /// It waits on the denylist from now on; one that somebody put there is never due.
    fn queue(&mut self, asset: u32) {
        self.leave_queue(asset);
        self.out.insert(asset, self.draws);
        if !self.scores.is_banned(asset) {
            self.due.insert((self.draws, asset));
        }
    }

    fn leave_queue(&mut self, asset: u32) {
        if let Some(since) = self.out.get(&asset) {
            self.due.remove(&(*since, asset));
        }
    }

    /// The score of the asset may have moved: what that does to it, and to others.
    fn moved(&mut self, asset: u32, change: ScoreChange) -> Vec<Moved> {
        match (self.out.contains_key(&asset), self.is_available(asset)) {
            (false, false) => self.queue(asset),
            (true, true) => {
                self.leave_queue(asset);
                self.out.remove(&asset);
                self.on_trial.remove(&asset);
            }
            _ => {}
        }
        self.tell(Some(asset), change)
    }

    fn tell(&mut self, asset: Option<u32>, change: ScoreChange) -> Vec<Moved> {
        let spared = self.scores.spared();
        let before = std::mem::replace(&mut self.spared, spared);
        let mut moved = Vec::new();
        for one in asset.into_iter().chain(before).chain(spared) {
            let standing = match self.is_available(one) {
                true => Standing::Available,
                false if spared == Some(one) => Standing::Spared,
                false => Standing::Denylisted,
            };
            let now = (self.score(one), standing);
            if std::mem::replace(&mut self.told[one as usize], now) != now {
                let change = if asset == Some(one) { change } else { ScoreChange::Standing };
                moved.push(Moved { asset: one, score: now.0, change, standing });
            }
        }
        moved
    }
}

#[cfg(test)]
mod tests;
