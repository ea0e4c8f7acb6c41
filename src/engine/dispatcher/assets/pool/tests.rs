//! Draws, as a run makes them.

#![expect(clippy::unwrap_used, reason = "a test may")]

use std::collections::BTreeMap;
use std::path::Path;

use super::*;
use crate::pipeline::names::NamePatterns;
use crate::pipeline::pools::{Pool, PoolKind};
use crate::resilience::score::Scoring;

const DRAWS: u64 = 100_000;

fn spec(dirs: Vec<(String, Option<f64>)>) -> Pool {
    Pool {
        name: "files".into(),
        kind: PoolKind::Files,
        dirs,
        matches: NamePatterns::default(),
        covers: None,
        scoring: Scoring::default(),
        probation: None,
        persist: false,
        decay: None,
    }
}

fn fill(folder: &Path, count: usize) {
    std::fs::create_dir_all(folder).unwrap();
    (0..count).for_each(|n| std::fs::write(folder.join(format!("{n:06}")), "").unwrap());
}

fn found(spec: Pool) -> AssetPool {
    AssetPool::find_all(&[spec]).unwrap().remove(0)
}

/// A pool of assets with these scores.
fn scored(scores: &[i32], change: impl FnOnce(&mut Pool)) -> AssetPool {
    let folder = tempfile::tempdir().unwrap();
    fill(folder.path(), scores.len());
    let mut spec = spec(vec![(folder.path().to_str().unwrap().to_owned(), None)]);
    change(&mut spec);
    let mut pool = found(spec);
    pool.assets.iter_mut().zip(scores).for_each(|(asset, score)| asset.score = *score);
    pool
}

fn choose(state: &PoolState, pool: &AssetPool, draw: u64) -> u32 {
    state.choose(pool, mixed(draw, 7), |_| true).unwrap()
}

/// How often each is drawn, by `of`.
fn drawn<K: Ord>(pool: &AssetPool, of: impl Fn(u32) -> K) -> BTreeMap<K, f64> {
    let mut state = PoolState::new(pool);
    state.restand();
    let mut counts = BTreeMap::new();
    for draw in 0..DRAWS {
        *counts.entry(of(choose(&state, pool, draw))).or_default() += 1.0;
    }
    counts
}

#[test]
fn chances_are_in_proportion_to_scores() {
    let counts = drawn(&scored(&[100, 50], |_| {}), |asset| asset);
    let ratio = counts[&0] / counts[&1];
    assert!((ratio / 2.0 - 1.0).abs() < 0.02, "{ratio}");
    let scores = [100, 50, 75, 49];
    let counts = drawn(&scored(&scores, |_| {}), |asset| asset);
    assert_eq!(counts.len(), 3, "only the healthy are drawn");
    for (asset, count) in counts {
        let share = f64::from(scores[asset as usize]) / 225.0;
        assert!((count / DRAWS as f64 / share - 1.0).abs() < 0.02, "{asset}: {count}");
    }
}

#[test]
fn folders_are_drawn_from_by_their_shares_however_many_files_they_hold() {
    let folder = tempfile::tempdir().unwrap();
    let dirs = [("good", 2, 0.7), ("rest", 9, 0.3)].map(|(name, count, share)| {
        fill(&folder.path().join(name), count);
        (folder.path().join(name).to_str().unwrap().to_owned(), Some(share))
    });
    let pool = found(spec(dirs.to_vec()));
    let counts = drawn(&pool, |asset| pool.assets[asset as usize].folder);
    for (folder, share) in [(0, 0.7), (1, 0.3)] {
        assert!((counts[&folder] / DRAWS as f64 / share - 1.0).abs() < 0.01, "{counts:?}");
    }
}

#[test]
fn where_all_scores_are_zero_or_less_all_are_as_likely() {
    let counts = drawn(&scored(&[0, -10], |pool| pool.scoring.threshold = -100), |asset| asset);
    assert!((counts[&0] / counts[&1] - 1.0).abs() < 0.03, "{counts:?}");
    let counts = drawn(&scored(&[40, 49], |_| {}), |asset| asset);
    assert_eq!(counts.into_keys().collect::<Vec<_>>(), [1], "the best of the poor, where there is no other");
}

#[test]
fn a_score_that_falls_moves_nothing_between_the_others() {
    let pool = scored(&[100; 4], |_| {});
    let mut state = PoolState::new(&pool);
    let before: Vec<u32> = (0..5000).map(|draw| choose(&state, &pool, draw)).collect();
    (0..4).for_each(|_| drop(state.failure(1)));
    for (draw, before) in (0..).zip(before) {
        let now = choose(&state, &pool, draw);
        assert!(now == before || before == 1, "{draw}: {before} to {now}");
    }
}

#[test]
fn who_waits_longest_is_tried_first_and_once_at_a_time() {
    let pool = scored(&[100, 40, 40, 40], |pool| pool.probation = Some(10));
    let mut state = PoolState::new(&pool);
    let mut trials = Vec::new();
    for draw in 0..45 {
        let asset = choose(&state, &pool, draw);
        state.count(asset);
        if asset == 0 {
            state.success(asset);
        } else {
            state.failure(asset);
            trials.push((draw, asset));
        }
    }
    assert_eq!(trials[..6], [(10, 1), (11, 2), (12, 3), (21, 1), (22, 2), (23, 3)]);
    state.count(1);
    assert!((0..100).all(|draw| choose(&state, &pool, draw) != 1), "it is being tried");
    state.unblamed(1);
    (0..10).for_each(|_| state.count(0));
    assert!((0..100).any(|draw| choose(&state, &pool, draw) != 0), "they are due again");
}

#[test]
fn a_ban_holds_whatever_comes_of_a_trial_under_way_and_of_charges() {
    for threshold in [1, 50] {
        let change = |pool: &mut Pool| {
            pool.probation = Some(5);
            pool.scoring.threshold = threshold;
        };
        let pool = scored(&[100, 0], change);
        let mut state = PoolState::new(&pool);
        (0..5).for_each(|_| state.count(0));
        assert_eq!(choose(&state, &pool, 0), 1);
        state.count(1);
        state.ban(1);
        state.success(1);
        state.take_back(1);
        (0..100).for_each(|_| drop(state.success(1)));
        (0..100).for_each(|_| state.count(0));
        assert!(!state.is_available(1), "threshold {threshold}");
        assert!((0..100).all(|draw| choose(&state, &pool, draw) == 0));
        state.revive(1);
        assert!(state.is_available(1) && (0..100).any(|draw| choose(&state, &pool, draw) == 1));
    }
}

#[test]
fn a_charge_stays_until_something_is_done_with_the_asset() {
    let pool = scored(&[100, 100], |_| {});
    let mut state = PoolState::new(&pool);
    state.failure(0);
    state.take_back(0);
    assert_eq!(state.score(0), 90, "nobody knows whose doing it was");
    let told: Vec<_> = state.success(0).into_iter().map(|moved| (moved.score, moved.change)).collect();
    assert_eq!(told, [(100, ScoreChange::TakenBack)]);
    state.failure(0);
    state.take_back(0);
    assert_eq!(state.score(0), 100);
}

#[test]
#[ignore = "measures: cargo test --release -- --ignored --nocapture cost_of_a_draw"]
fn cost_of_a_draw() {
    for (count, draws) in [(400, 20_000_u64), (100_000, 200)] {
        for (what, out, probation) in
            [("none out", 0, None), ("half of them out, on probation", count / 2, Some(1 << 30))]
        {
            let mut scores = vec![100; count];
            scores[..out].fill(40);
            let pool = scored(&scores, |pool| pool.probation = probation);
            let mut state = PoolState::new(&pool);
            let start = std::time::Instant::now();
            for draw in 0..draws {
                let asset = choose(&state, &pool, draw);
                state.count(asset);
                state.success(asset);
            }
            let micros = start.elapsed().as_secs_f64() * 1e6 / draws as f64;
            eprintln_cost(count, what, micros);
        }
    }
}

#[expect(clippy::print_stderr, reason = "it is there to be read")]
fn eprintln_cost(count: usize, what: &str, micros: f64) {
    eprintln!("{count} assets, {what}: {micros:.2} µs a draw");
}
