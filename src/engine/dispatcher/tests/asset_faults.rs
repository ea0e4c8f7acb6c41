//! Assets that are to blame, that do not fit, or that are lost: what becomes of the items, and who pays.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use super::assets::{failing, names, pool, scene};
use super::*;
use crate::events::{ScoreChange, Standing};
use crate::resilience::os_text::OsText;

fn is_charged(ran: &Ran) -> bool {
    ran.events.iter().any(|event| matches!(event.kind, EventKind::AssetScored { .. }))
}

/// The assets that each item was given, one attempt after the other.
fn given(ran: &Ran) -> BTreeMap<ItemIndex, Vec<u32>> {
    let mut given: BTreeMap<ItemIndex, Vec<u32>> = BTreeMap::new();
    for event in &ran.events {
        if let EventKind::AttemptStarted { item, draws, .. } = &event.kind {
            given.entry(*item).or_default().extend(draws.iter().map(|draw| draw.asset));
        }
    }
    given
}

#[tokio::test(start_paused = true)]
async fn a_font_that_lacks_a_letter_is_left_out_for_the_item_and_costs_nobody() {
    let script = |task: &Task, _: Duration| {
        let (item, asset) = (task.active.item.index, task.draws[0].asset);
        let path = &task.active.item.path;
        let fits = item != 7 && (item + asset).is_multiple_of(3);
        let unsuited = Fault { asset: Some("fonts".into()), ..Fault::unsuited(path, "no glyph for 'x' (U+0078)") };
        (SECOND, if fits { done() } else { Ending::Failed { fault: unsuited, ambiguous: false } })
    };
    let ran = scene(60, 4, 24).play(script).await;
    assert_eq!((ran.outcome.counts.done, ran.outcome.counts.failed), (59, 1));
    assert!(!is_charged(&ran));
    assert!(pool(&ran).assets.iter().all(|asset| asset.failures == 0));
    for (item, assets) in given(&ran) {
        assert_eq!(assets.iter().collect::<BTreeSet<_>>().len(), assets.len(), "item {item}: none is drawn again");
    }
    let (item, (_, fault)) = ran.state.failures.first().unwrap();
    assert_eq!((*item, fault.class, fault.cause.as_str()), (7, FaultClass::Input, "unsuited"));
    assert!(fault.message.contains("U+0078"), "{}", fault.message);
    assert_eq!(given(&ran)[&7].len(), 24, "there is no limit but the pool");
}

#[tokio::test(start_paused = true)]
async fn a_pool_in_which_all_is_broken_is_denylisted_and_to_blame() {
    let ran = scene(40, 4, 3).play(failing(|_, _| true)).await;
    assert_eq!(ran.outcome.counts.failed, 40);
    let mut standings: Vec<Standing> = pool(&ran).assets.iter().map(|asset| asset.standing).collect();
    standings.sort_unstable_by_key(|standing| standing.word());
    assert_eq!(standings, [Standing::Denylisted, Standing::Denylisted, Standing::Spared]);
    assert!(ran.state.failures.values().all(|(_, fault)| fault.class == FaultClass::Asset), "{:?}", ran.state.failures);
    let taken = |event: &Event| matches!(event.kind, EventKind::AssetScored { change: ScoreChange::TakenBack, .. });
    assert!(!ran.events.iter().any(taken));
}

#[tokio::test(start_paused = true)]
async fn a_font_that_fails_for_some_items_only_loses_none() {
    for jobs in [1, 8] {
        let ran = scene(300, jobs, 12).play(failing(|item, asset| asset < 3 && (item + asset) % 2 == 0)).await;
        assert_eq!(ran.outcome.counts.done, 300);
        assert!(pool(&ran).assets.iter().skip(3).all(|asset| asset.score == 100));
    }
}

#[tokio::test(start_paused = true)]
async fn what_took_its_host_along_or_too_long_is_tried_with_another_and_not_charged() {
    let text = r#"
[breakers.sh]
failure_threshold = 1000
[pools.fonts]
kind = "files"
dirs = ["ASSETS"]
[[step]]
id = "draw"
run = ["sh", "{in}", "{pools.fonts}"]
"#;
    for cause in ["timeout", "memory", "crash", "killed"] {
        let lost = move |task: &Task, _: Duration| {
            (SECOND, if task.attempt == 1 { failed(FaultClass::Transient, cause) } else { done() })
        };
        let ran = Scene { text, ..scene(50, 4, 3) }.play(lost).await;
        assert_eq!(ran.outcome.counts.done, 50);
        assert!(!is_charged(&ran));
        assert!(given(&ran).values().all(|assets| assets.len() == 2 && assets[0] != assets[1]), "{cause}");
        let ran = Scene { text, ..scene(5, 4, 1) }.play(lost).await;
        assert_eq!(ran.outcome.counts.done, 5, "the only one is drawn again");
    }
}

#[tokio::test(start_paused = true)]
async fn assets_are_counted_against_each_piece_by_itself() {
    let text = r#"
[pools.fonts]
kind = "files"
dirs = ["ASSETS"]
[[step]]
id = "make"
uses = "noop"
out = { pieces = "*.txt" }
[[step]]
id = "draw"
each = "make.pieces"
run = ["sh", "{piece}", "{pools.fonts}"]
"#;
    // Each piece fails with the first asset that it is given.
    let seen = RefCell::new(BTreeSet::new());
    let script = move |task: &Task, _: Duration| {
        let is_first = task.piece.is_some_and(|piece| seen.borrow_mut().insert((task.active.item.index, piece)));
        let fault = Fault { asset: Some("fonts".into()), ..Fault::new(FaultClass::Asset, "font", "bad") };
        (SECOND, if is_first { Ending::Failed { fault, ambiguous: false } } else { done() })
    };
    let ran = Scene { text, assets: names(40), ..Scene::new(2, 4) }.play(script).await;
    assert_eq!(ran.outcome.counts.done, 2, "{:?}", ran.state.failures);
    assert_eq!(pool(&ran).assets.iter().map(|asset| asset.failures).sum::<u32>(), 2 * PIECES);
}

#[tokio::test(start_paused = true)]
async fn what_was_done_by_hand_to_an_asset_that_nothing_has_read_is_kept() {
    let text = r#"
[pools.fonts]
kind = "files"
dirs = ["ASSETS"]
persist = true
[[step]]
id = "draw"
run = ["sh", "{in}", "{pools.fonts}"]
"#;
    let folder = tempfile::tempdir().unwrap();
    let path = OsText::from(folder.path().join("assets/01.ttf"));
    let ban = Command::BanAsset { pool: "fonts".into(), asset: path.clone() };
    let revive = Command::ReviveAsset { pool: "fonts".into(), asset: Some(path) };
    let mut standings = Vec::new();
    for command in [Some(ban), Some(revive), None] {
        let options = Options { fresh: true, ..Options::default() };
        let commands = command.map(|command| (SECOND * 5, command)).into_iter().collect();
        let scene = Scene { text, options, commands, assets: names(3), ..Scene::new(10, 1) };
        let ran = scene.play_in(folder.path(), |_, _| (SECOND, done())).await;
        let listed = ran.events.iter().find_map(|event| match &event.kind {
            EventKind::AssetsListed { assets, .. } => Some(assets[1].score),
            _ => None,
        });
        standings.push((listed.unwrap(), pool(&ran).assets[1].score));
    }
    assert_eq!(standings, [(100, 0), (0, 100), (100, 100)]);
}
