//! Scores of assets that outlive a run: taken up when it begins, written while it works.

use std::collections::HashSet;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::assets::AssetPool;
use super::context::Context;
use crate::resilience::checkpoint::Identity;
use crate::resilience::hash::hash_file;
use crate::resilience::kept_scores::{KeptScore, KeptScores, kept_in};
use crate::resilience::os_text::OsText;
use crate::resilience::store::Store;

/// Gives the assets of pools with `persist` the scores that were kept, less what was forgotten since. What is wrong with
/// the file is a problem of the first such pool.
pub fn take_up(pools: &mut [AssetPool], store: &Store) -> KeptScores {
    if pools.iter().all(|pool| !pool.spec.persist) {
        return KeptScores::default();
    }
    let kept = KeptScores::read(&kept_in(store.dir()), store.is_writable()).unwrap_or_else(|why| {
        if let Some(pool) = pools.iter_mut().find(|pool| pool.spec.persist) {
            pool.problems.push(why);
        }
        KeptScores::default()
    });
    let now = now();
    for pool in pools.iter_mut().filter(|pool| pool.spec.persist) {
        if let Some(scores) = kept.pools.get(&pool.spec.name) {
            let of_pool: Vec<(&String, &KeptScore)> = scores.iter().collect();
            give(pool, &of_pool, now);
        }
    }
    kept
}

/// Only files of a size that is known are read: few have a score that was worth keeping.
fn give(pool: &mut AssetPool, scores: &[(&String, &KeptScore)], now: u64) {
    let sizes: HashSet<u64> = scores.iter().map(|(_, score)| score.size).collect();
    let (scoring, decay) = (pool.spec.scoring, pool.spec.decay);
    for asset in &mut pool.assets {
        let Some(hash) = Identity::of(&asset.path)
            .ok()
            .filter(|seen| sizes.contains(&seen.size))
            .and_then(|_| hash_file(&asset.path).ok())
        else {
            continue;
        };
        if let Some((_, score)) = scores.iter().find(|(content, _)| **content == hash.0) {
            let elapsed = Duration::from_secs(now.saturating_sub(score.at));
            asset.score = score.aged(scoring.start, elapsed, decay).min(scoring.most);
        }
    }
}

/// Writes the scores that moved in this run, `score` by pool and asset, beside those that did not.
///
/// # Errors
/// That they cannot be written.
pub fn keep(context: &Context, score: impl Fn(usize, u32) -> i32) -> std::io::Result<()> {
    let mut kept = context.kept.clone();
    let now = now();
    for (place, pool) in context.pools.iter().enumerate().filter(|(_, pool)| pool.spec.persist) {
        let scores = kept.pools.entry(pool.spec.name.clone()).or_default();
        for (at, asset) in (0..).zip(&pool.assets) {
            let score = score(place, at);
            // An asset that was never read was never charged, but by hand.
            let Some((seen, content)) = pool.known_content(at).filter(|_| score != asset.score) else { continue };
            if score == pool.spec.scoring.start {
                scores.remove(&content);
            } else {
                let path = OsText::from(&asset.path);
                scores.insert(content, KeptScore { score, at: now, size: seen.size, path });
            }
        }
    }
    kept.pools.retain(|_, scores| !scores.is_empty());
    kept.write(&kept_in(context.store.dir()))
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
