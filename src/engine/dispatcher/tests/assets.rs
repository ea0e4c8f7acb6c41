//! Assets of pools: who is drawn, who pays, and who is drawn no more.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::*;
use crate::events::{AssetView, Draw, PoolView, ScoreChange, Standing};
use crate::resilience::score::mixed;

const FONTS: &str = r#"
[pools.fonts]
kind = "files"
dirs = ["ASSETS"]
[[step]]
id = "draw"
run = ["sh", "{in}", "{pools.fonts}"]
"#;

pub(super) fn names(count: u32) -> Vec<String> {
    (0..count).map(|n| format!("{n:02}.ttf")).collect()
}

pub(super) fn scene(items: u32, jobs: u32, assets: u32) -> Scene {
    Scene { text: FONTS, assets: names(assets), ..Scene::new(items, jobs) }
}

/// A script in which an attempt fails by an asset for which `fails`, given the item and the place of the asset.
pub(super) fn failing(
    fails: impl Fn(ItemIndex, u32) -> bool + 'static,
) -> impl FnMut(&Task, Duration) -> (Duration, Ending) {
    move |task, _| {
        let item = task.active.item.index;
        let asset = task.draws.first().map_or(u32::MAX, |draw| draw.asset);
        let took = SECOND * (1 + (item * 7 + task.attempt) % 5);
        if !fails(item, asset) {
            return (took, done());
        }
        let mut fault = Fault::new(FaultClass::Asset, "font", "cannot open the font");
        fault.asset = Some("fonts".into());
        (took, Ending::Failed { fault, ambiguous: false })
    }
}

pub(super) fn pool(ran: &Ran) -> &PoolView {
    &ran.state.pools()[0]
}

/// The asset that each item was done with.
fn done_with(ran: &Ran) -> BTreeMap<ItemIndex, u32> {
    let (mut drawn, mut done) = (HashMap::new(), BTreeMap::new());
    for event in &ran.events {
        match &event.kind {
            EventKind::AttemptStarted { item, draws, .. } => {
                drawn.insert(*item, draws[0].asset);
            }
            EventKind::TaskDone { item, .. } => {
                done.insert(*item, drawn[item]);
            }
            _ => {}
        }
    }
    done
}

#[tokio::test(start_paused = true)]
async fn a_broken_asset_is_charged_and_out_after_six_failures_and_every_item_is_done() {
    for jobs in [1, 8] {
        let ran = scene(400, jobs, 20).play(failing(|_, asset| asset % 10 == 3)).await;
        assert_eq!(ran.outcome.counts.done, 400);
        let pool = pool(&ran);
        for (place, asset) in pool.assets.iter().enumerate() {
            let broken = place % 10 == 3;
            assert_eq!(asset.draws, asset.successes + asset.failures, "{place}: each draw has its end");
            if broken {
                assert!(asset.draws >= 6 && asset.draws <= 6 + jobs, "{place}: {} draws with {jobs} jobs", asset.draws);
                assert_eq!(asset.standing, Standing::Denylisted);
                assert_eq!(asset.score, 100 - 10 * i32::try_from(asset.failures).unwrap());
                let (_, why) = asset.last_failure.as_ref().unwrap();
                assert_eq!(&**why, "cannot open the font");
            } else {
                assert_eq!((asset.score, asset.failures), (100, 0), "{place}");
            }
        }
        assert_eq!(pool.draws, pool.assets.iter().map(|asset| u64::from(asset.draws)).sum::<u64>());
    }
}

#[tokio::test(start_paused = true)]
async fn no_asset_is_drawn_while_it_is_denylisted() {
    for seed in 0..20_u64 {
        // Any asset may fail any item, some more than others.
        let fails = move |item: ItemIndex, asset: u32| {
            mixed(mixed(seed, item.into()), asset.into()) % 100 < u64::from(asset * 8)
        };
        let ran = scene(150, 1 + seed as u32 % 6, 12).play(failing(fails)).await;
        let mut standing: HashMap<u32, Standing> = HashMap::new();
        for event in &ran.events {
            match &event.kind {
                EventKind::AttemptStarted { draws, .. } => {
                    assert_ne!(standing.get(&draws[0].asset), Some(&Standing::Denylisted), "seed {seed}");
                }
                EventKind::AssetScored { asset, standing: now, .. } => {
                    standing.insert(*asset, *now);
                }
                _ => {}
            }
        }
        let ends: u32 = pool(&ran).assets.iter().map(|asset| asset.successes + asset.failures).sum();
        assert_eq!(u64::from(ends), pool(&ran).draws);
    }
}

#[tokio::test(start_paused = true)]
async fn items_are_done_with_the_same_assets_however_many_run_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let mut seen = Vec::new();
    for jobs in [1, 3, 8, 64] {
        let options = Options { fresh: true, ..Options::default() };
        let scene = Scene { options, ..scene(300, jobs, 30) };
        let ran = scene.play_in(folder.path(), failing(|_, asset| asset % 4 == 1)).await;
        assert_eq!(ran.outcome.counts.done, 300);
        seen.push(done_with(&ran));
    }
    assert!(seen.windows(2).all(|pair| pair[0] == pair[1]));
    let used: BTreeSet<u32> = seen[0].values().copied().collect();
    assert!(used.len() > 18, "{used:?}");
}

#[tokio::test(start_paused = true)]
async fn a_failure_that_no_asset_is_blamed_for_charges_none_and_a_success_credits_all() {
    let text = r#"
[pools.a]
kind = "files"
dirs = ["ASSETS/a"]
[pools.b]
kind = "files"
dirs = ["ASSETS/b"]
[[step]]
id = "draw"
run = ["sh", "{in}", "{pools.a}", "{pools.b}"]
"#;
    let assets = ["a/1", "a/2", "b/1", "b/2"].map(str::to_owned).to_vec();
    let script = |task: &Task, _: Duration| {
        assert_eq!(task.draws.len(), 2);
        let blame = |asset: &str| {
            let fault = Fault { asset: Some(asset.into()), ..Fault::new(FaultClass::Asset, "x", "bad") };
            Ending::Failed { fault, ambiguous: false }
        };
        (
            SECOND,
            match task.active.item.index % 4 {
                0 => failed(FaultClass::Input, "decode"),
                1 if task.attempt == 1 => failed(FaultClass::Transient, "timeout"),
                // Nothing of the kind was drawn.
                2 => blame("/nowhere/else.ttf"),
                _ => done(),
            },
        )
    };
    let ran = Scene { text, assets, ..Scene::new(40, 4) }.play(script).await;
    assert_eq!((ran.outcome.counts.done, ran.outcome.counts.failed), (20, 20));
    assert!(!ran.events.iter().any(|event| matches!(event.kind, EventKind::AssetScored { .. })), "all stay at 100");
    for pool in ran.state.pools() {
        assert_eq!(pool.assets.iter().map(|asset| asset.successes).sum::<u32>(), 20);
        assert_eq!((pool.draws, pool.assets.iter().map(|asset| asset.failures).sum::<u32>()), (50, 0));
    }
    let inputs = ran.events.iter().filter(|event| match &event.kind {
        EventKind::AttemptFailed { fault, .. } => fault.class == FaultClass::Input && fault.asset.is_none(),
        _ => false,
    });
    assert_eq!(inputs.count(), 20);
}

#[tokio::test(start_paused = true)]
async fn an_item_that_every_asset_fails_for_gives_back_what_they_were_charged() {
    for (assets, drawn) in [(40, 16), (5, 5), (1, 1)] {
        let ran = scene(900, 4, assets).play(failing(|item, _| item % 300 == 150)).await;
        assert_eq!((ran.outcome.counts.done, ran.outcome.counts.failed), (897, 3), "{assets} assets");
        assert!(pool(&ran).assets.iter().all(|asset| asset.score == 100 && asset.standing == Standing::Available));
        let taken = ran
            .events
            .iter()
            .filter(|event| matches!(event.kind, EventKind::AssetScored { change: ScoreChange::TakenBack, .. }));
        assert_eq!(taken.count(), 3 * drawn);
        let (item, (_, fault)) = ran.state.failures.first().unwrap();
        assert_eq!((fault.class, fault.cause.as_str(), item % 300), (FaultClass::Input, "assets", 150), "{fault:?}");
        assert!(fault.message.contains("cannot open the font"), "{}", fault.message);
    }
}

#[tokio::test(start_paused = true)]
async fn the_last_one_is_spared_until_there_is_a_better_one() {
    let bad = |asset: &AssetView| asset.standing == Standing::Denylisted;
    // Both fail for the first items, whichever is drawn, so that both fall; the others are done.
    let commands = vec![(SECOND * 2000, Command::ReviveAsset { pool: "fonts".into(), asset: None })];
    let scene = Scene { commands, ..scene(200, 1, 2) };
    let ran = scene.play(failing(|item, _| item < 20)).await;
    assert_eq!(ran.outcome.counts.failed + ran.outcome.counts.done, 200);
    let standings = |event: &Event| match event.kind {
        EventKind::AssetScored { asset, standing, .. } => Some((asset, standing)),
        _ => None,
    };
    let mut now = [Standing::Available; 2];
    let mut spared = 0;
    for (asset, standing) in ran.events.iter().filter_map(standings) {
        now[asset as usize] = standing;
        spared += u32::from(standing == Standing::Spared);
    }
    assert!(spared > 0, "{now:?}");
    let denied = ran.events.iter().filter(|event| matches!(standings(event), Some((_, Standing::Denylisted))));
    assert!(denied.count() > 0);
    assert!(!pool(&ran).assets.iter().all(bad), "{:?}", pool(&ran).assets);
}

#[tokio::test(start_paused = true)]
async fn an_asset_on_probation_is_tried_once_after_so_many_draws_and_comes_back_barely() {
    let text = r#"
[pools.fonts]
kind = "files"
dirs = ["ASSETS"]
probation = 50
[[step]]
id = "draw"
run = ["sh", "{in}", "{pools.fonts}"]
"#;
    let broken_until = |until: Duration| {
        move |task: &Task, now: Duration| {
            let bad = task.draws[0].asset == 1 && now < until;
            let fault = Fault { asset: Some("fonts".into()), ..Fault::new(FaultClass::Asset, "font", "bad") };
            (SECOND, if bad { Ending::Failed { fault, ambiguous: false } } else { done() })
        }
    };
    let ran = Scene { text, assets: names(4), ..Scene::new(600, 1) }.play(broken_until(SECOND * 10_000)).await;
    let asset = &pool(&ran).assets[1];
    // Six to fall; after that one draw in about fifty.
    assert!((6 + 9..=6 + 13).contains(&asset.failures), "{}", asset.failures);
    let ran = Scene { text, assets: names(4), ..Scene::new(600, 1) }.play(broken_until(SECOND * 120)).await;
    let asset = &pool(&ran).assets[1];
    assert_eq!(asset.standing, Standing::Available);
    let back = ran.events.iter().find_map(|event| match event.kind {
        EventKind::AssetScored { asset: 1, score, change: ScoreChange::Success, .. } => Some(score),
        _ => None,
    });
    assert_eq!(back, Some(50));
}

#[tokio::test(start_paused = true)]
async fn assets_are_banned_and_revived_by_hand() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| crate::resilience::os_text::OsText::from(folder.path().join("assets").join(name));
    let ban = |name: &str| Command::BanAsset { pool: "fonts".into(), asset: path(name) };
    let revive = |name: &str| Command::ReviveAsset { pool: "fonts".into(), asset: Some(path(name)) };
    let commands = vec![
        (SECOND * 20, ban("00.ttf")),
        (SECOND * 20, ban("nowhere.ttf")),
        (SECOND * 20, Command::BanAsset { pool: "other".into(), asset: path("01.ttf") }),
        (SECOND * 100, revive("00.ttf")),
    ];
    let scene = Scene { commands, ..scene(200, 1, 3) };
    let ran = scene.play_in(folder.path(), |_, _| (SECOND, done())).await;
    let drawn = |from: u64, to: u64| {
        let mut drawn = 0;
        for event in ran.events.iter().filter(|event| (from..to).contains(&(event.elapsed / 1000))) {
            if let EventKind::AttemptStarted { draws, .. } = &event.kind {
                drawn += u32::from(draws.contains(&Draw { pool: 0, asset: 0 }));
            }
        }
        drawn
    };
    assert_eq!(drawn(21, 100), 0);
    assert!(drawn(0, 20) > 0 && drawn(101, 200) > 10);
    let told = ran.events.iter().filter_map(|event| match event.kind {
        EventKind::AssetScored { asset, score, change, standing, .. } => Some((asset, score, change, standing)),
        _ => None,
    });
    let banned = (0, 0, ScoreChange::Banned, Standing::Denylisted);
    assert_eq!(told.collect::<Vec<_>>(), [banned, (0, 100, ScoreChange::Revived, Standing::Available)]);
}
