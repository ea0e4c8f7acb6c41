//! Scores of assets that outlive a run: taken up when it begins, written while it works.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::assets::AssetPool;
use super::context::Context;
use crate::resilience::checkpoint::Identity;
use crate::resilience::kept_scores::{KeptScore, KeptScores, kept_in};
use crate::resilience::store::Store;

/// Gives the assets of pools with `persist` the scores that were kept, less what was forgotten since. What is wrong with
/// the file is a problem of the first such pool.
pub fn take_up(pools: &mut [AssetPool], store: &Store) -> KeptScores {
    if pools.iter().all(|pool| !pool.spec.persist) {
        return KeptScores::default();
    }
    let path = kept_in(store.dir());
    let kept = KeptScores::read(&path, store.is_writable()).unwrap_or_else(|why| {
        if let Some(pool) = pools.iter_mut().find(|pool| pool.spec.persist) {
            pool.problems.push(why);
        }
        KeptScores::instead_of(&path)
    });
    let now = now();
    for pool in pools.iter_mut().filter(|pool| pool.spec.persist) {
        if let Some(scores) = kept.pools.get(&pool.spec.name) {
            give(pool, scores, now);
        }
    }
    kept
}

/// Only files of a size that is known are read: few have a score that was worth keeping.
fn give(pool: &mut AssetPool, scores: &BTreeMap<String, KeptScore>, now: u64) {
    let sizes: HashSet<u64> = scores.values().map(|score| score.size).collect();
    let (scoring, decay) = (pool.spec.scoring, pool.spec.decay);
    for place in 0..pool.assets.len() {
        let is_of_size = Identity::of(&pool.assets[place].path).is_ok_and(|seen| sizes.contains(&seen.size));
        let Some(file) = is_of_size.then(|| pool.content(place as u32).ok()).flatten() else { continue };
        if let Some(score) = scores.get(&file.hash) {
            let elapsed = Duration::from_secs(now.saturating_sub(score.at));
            pool.assets[place].score = score.aged(scoring.start, elapsed, decay).min(scoring.most);
        }
    }
}

/// Writes the scores that moved in this run, `score` by pool and asset, beside those that did not. Of files with the same
/// content the lowest score is kept.
///
/// # Errors
/// That they cannot be written.
pub fn keep(context: &Context, score: impl Fn(usize, u32) -> i32) -> std::io::Result<()> {
    let mut kept = context.kept.clone();
    let now = now();
    for (place, pool) in context.pools.iter().enumerate().filter(|(_, pool)| pool.spec.persist) {
        let moved = moved(pool, |asset| score(place, asset), now);
        let scores = kept.pools.entry(pool.spec.name.clone()).or_default();
        for (content, score) in moved {
            if score.score == pool.spec.scoring.start {
                scores.remove(&content);
            } else {
                scores.insert(content, score);
            }
        }
    }
    kept.pools.retain(|_, scores| !scores.is_empty());
    kept.write(&kept_in(context.store.dir()))
}

/// The scores of the pool that moved in this run, by content: of several files with it the lowest.
fn moved(pool: &AssetPool, score: impl Fn(u32) -> i32, now: u64) -> HashMap<String, KeptScore> {
    let mut moved: HashMap<String, KeptScore> = HashMap::new();
    for (at, asset) in (0..).zip(&pool.assets).filter(|(at, asset)| score(*at) != asset.score) {
        // What no attempt has read was moved by hand. What cannot be read has no score that could be kept.
        let read = || pool.content(at).ok().map(|file| (file.size, file.hash));
        let known = pool.known_content(at).map(|(seen, hash)| (seen.size, hash));
        let Some((size, content)) = known.or_else(read) else { continue };
        moved.insert(content, KeptScore { score: score(at), at: now, size, path: (&asset.path).into() });
    }
    for (at, asset) in (0..).zip(&pool.assets) {
        let copied = pool.known_content(at).and_then(|(_, content)| moved.get_mut(&content));
        if let Some(kept) = copied.filter(|kept| score(at) < kept.score) {
            kept.score = score(at);
            kept.path = (&asset.path).into();
        }
    }
    moved
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may")]
    use super::*;
    use crate::pipeline::load::parse;
    use crate::steps::catalog::Catalog;

    #[test]
    fn of_copies_the_lowest_score_is_kept_and_what_no_attempt_has_read_is_read() {
        let folder = tempfile::tempdir().unwrap();
        for (name, content) in [("1", "one"), ("2", "one"), ("3", "three"), ("4", "four")] {
            std::fs::write(folder.path().join(name), content).unwrap();
        }
        let dir = folder.path().to_str().unwrap();
        let pipeline = format!(
            "[pools.a]\nkind = \"files\"\ndirs = [{dir:?}]\npersist = true\n\
             [[step]]\nid = \"draw\"\nrun = [\"sh\", \"{{pools.a}}\"]\n"
        );
        let plan = parse("test", &pipeline, &Catalog::registered()).0.unwrap();
        for scores in [[40, 70, 90, 100], [70, 40, 90, 100], [100, 40, 90, 100]] {
            let pool = AssetPool::find_all(&plan.pools).unwrap().remove(0);
            let moved = moved(&pool, |asset| scores[asset as usize], 7);
            let mut kept: Vec<(i32, u64)> = moved.values().map(|kept| (kept.score, kept.size)).collect();
            kept.sort_unstable();
            assert_eq!(kept, [(40, 3), (90, 5)], "{scores:?}");
        }
    }
}
