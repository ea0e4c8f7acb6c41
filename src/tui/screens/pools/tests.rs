//! The screen of the pools.
#![expect(clippy::unwrap_used, reason = "a test may")]

use super::order::{Scores, Sort};
use super::*;
use crate::events::testing::{Drawing, drawing, pools_scene, pools_scene_over};
use crate::events::{EVENT_VERSION, Event, EventKind, ScoreChange, Scoring};
use crate::tui::model::Model;
use crate::tui::testing::{SIZES, drawn, facts, look, looks, scene};

fn known() -> Facts {
    facts(&pools_scene())
}

/// The screen after it was drawn once: the order is that of the last frame.
fn shown(facts: &Facts) -> Pools {
    let mut pools = Pools::default();
    text(&mut pools, facts, (120, 30));
    pools
}

fn text(pools: &mut Pools, facts: &Facts, size: (u16, u16)) -> String {
    drawn(size, |area, buffer| pools.draw(facts, &look(), area, buffer))
}

fn path<'a>(pools: &Pools, facts: &'a Facts) -> &'a str {
    pools.selected(facts).unwrap().1.path.to_str().unwrap()
}

fn scored(facts: &mut Facts, asset: u32, score: i32, standing: Standing) {
    let (seq, change) = (facts.state.next_seq(), ScoreChange::Failure);
    let kind = EventKind::AssetScored { pool: 0, asset, score, change, standing, item: None };
    facts.apply(&Event { v: EVENT_VERSION, seq, at: 0, elapsed: 9_000, kind });
}

#[test]
fn it_shows_the_scores_the_folders_the_assets_and_the_denylist() {
    let facts = known();
    for (width, height) in SIZES {
        for (looks, look) in looks() {
            let told = drawn((width, height), |area, buffer| Pools::default().draw(&facts, &look, area, buffer));
            insta::assert_snapshot!(format!("pools-{width}x{height}-{looks}"), told);
        }
    }
    let mut papers = shown(&facts);
    papers.act(Action::NextPool, &mut known());
    insta::assert_snapshot!("papers-80x24", text(&mut papers, &facts, (80, 24)));
    let mut whole = Model::new(self::facts(&pools_scene_over()), look());
    whole.act(Action::GoPools);
    let told = drawn((120, 30), |area, buffer| {
        whole.draw(area, buffer);
    });
    insta::assert_snapshot!("over-120x30", told);
}

#[test]
fn the_cursor_stays_on_its_asset_while_scores_move() {
    let mut facts = known();
    let mut pools = shown(&facts);
    for _ in 0..10 {
        pools.act(Action::Down, &mut facts);
    }
    let (on, asset) = (path(&pools, &facts).to_owned(), pools.chosen.unwrap());
    let row = pools.at();
    // Everything above it is revived, and it falls below all others.
    for other in (0..40).filter(|other| *other != asset) {
        scored(&mut facts, other, 100, Standing::Available);
    }
    scored(&mut facts, asset, -20, Standing::Denylisted);
    let told = text(&mut pools, &facts, (120, 30));
    assert_eq!((path(&pools, &facts), pools.at()), (on.as_str(), Some(0)));
    assert!(row != Some(0) && told.lines().any(|line| line.contains("▸") && line.contains("-20")), "{told}");
}

#[test]
fn who_has_chosen_nothing_sees_the_worst_first() {
    let mut facts = known();
    let mut pools = shown(&facts);
    scored(&mut facts, 39, -50, Standing::Denylisted);
    text(&mut pools, &facts, (120, 30));
    assert!(path(&pools, &facts).ends_with("Font 39.ttf"));
}

#[test]
fn what_is_asked_is_done_to_what_was_in_sight_and_not_to_what_came_to_its_place_since() {
    let mut facts = known();
    let mut pools = shown(&facts);
    let seen = path(&pools, &facts).to_owned();
    scored(&mut facts, 39, -50, Standing::Denylisted);
    let effects = pools.act(Action::ReviveAsset, &mut facts);
    let asset = Some(OsText::from(seen));
    assert_eq!(effects[0], Effect::Send(Command::ReviveAsset { pool: "fonts".into(), asset }));
}

#[test]
fn a_filter_that_hides_the_cursors_asset_leaves_the_cursor_where_it_was() {
    let mut facts = known();
    let mut pools = shown(&facts);
    pools.act(Action::Bottom, &mut facts);
    let on = path(&pools, &facts).to_owned();
    pools.search("serif font", &mut facts);
    assert_eq!(pools.order.len(), 20);
    pools.search("serif !1", &mut facts);
    assert!(pools.order.len() < 20 && pools.selected(&facts).is_some());
    pools.search("nothing like it", &mut facts);
    let told = text(&mut pools, &facts, (80, 24));
    assert!(told.contains("no asset matches the filter"), "{told}");
    assert_eq!(pools.can(Action::ReviveAsset, &facts).unwrap_err(), "there is no asset");
    pools.search("", &mut facts);
    assert_eq!(path(&pools, &facts), on);
}

#[test]
fn the_denylist_alone_is_shown_and_goes_with_the_scores() {
    let mut facts = known();
    let mut pools = shown(&facts);
    pools.act(Action::Denylist, &mut facts);
    assert_eq!(pools.order.len(), 6);
    scored(&mut facts, 39, 40, Standing::Denylisted);
    text(&mut pools, &facts, (80, 24));
    assert_eq!(pools.order.len(), 7);
    let all = facts.state.pools()[0].assets.len() as u32;
    for asset in 0..all {
        scored(&mut facts, asset, 100, Standing::Available);
    }
    let told = text(&mut pools, &facts, (80, 24));
    assert!(told.contains("none is on the denylist"), "{told}");
    assert_eq!(pools.can(Action::ReviveAll, &facts).unwrap_err(), "none is on the denylist");
}

#[test]
fn assets_are_sorted_by_score_by_draws_or_by_path() {
    let mut facts = known();
    let mut pools = shown(&facts);
    let order = |pools: &Pools| -> Vec<u32> { (0..40).map(|row| pools.order.asset(row).unwrap()).collect() };
    let of = |facts: &Facts, asset: u32| facts.state.pools()[0].assets.get(asset as usize).unwrap().clone();
    let by_score: Vec<i32> = order(&pools).into_iter().map(|asset| of(&facts, asset).score).collect();
    assert!(by_score.is_sorted());
    let said = pools.act(Action::SortAssets, &mut facts);
    assert_eq!(said, [Effect::Say("sorted: most drawn first".into())]);
    let by_draws: Vec<u32> = order(&pools).into_iter().map(|asset| of(&facts, asset).draws).collect();
    assert!(by_draws.iter().rev().is_sorted());
    pools.act(Action::SortAssets, &mut facts);
    assert!(order(&pools).is_sorted());
    assert_eq!(Sort::Path.next(), Sort::Worst);
}

#[test]
fn an_asset_is_revived_at_once_and_banned_after_a_question() {
    let mut facts = known();
    let mut pools = shown(&facts);
    let asset = path(&pools, &facts).to_owned();
    let revive = |asset| Effect::Send(Command::ReviveAsset { pool: "fonts".into(), asset });
    let effects = pools.act(Action::ReviveAsset, &mut facts);
    assert_eq!(effects[0], revive(Some(OsText::from(asset))));
    let effects = pools.act(Action::ReviveAll, &mut facts);
    let said = Effect::Say("6 assets of fonts begin anew with the score 100".into());
    assert_eq!(effects, [revive(None), said]);

    pools.act(Action::Bottom, &mut facts);
    let asked = pools.act(Action::BanAsset, &mut facts);
    let [Effect::Confirm(question)] = asked.as_slice() else { panic!("{asked:?}") };
    let name = safe_line(path(&pools, &facts)).replace("/fonts/", "");
    assert_eq!(question.text, format!("Put {name} on the denylist of fonts? 33 of 40 are left."));
    let ban = Command::BanAsset { pool: "fonts".into(), asset: OsText::from(path(&pools, &facts)) };
    assert_eq!(question.answers[0].2[0], Effect::Send(ban));
    // The last that is good is never lost.
    pools.act(Action::NextPool, &mut facts);
    pools.act(Action::Bottom, &mut facts);
    let asked = pools.act(Action::BanAsset, &mut facts);
    let [Effect::Confirm(question)] = asked.as_slice() else { panic!("{asked:?}") };
    assert!(question.text.contains("It is the last that is available"), "{}", question.text);
}

#[test]
fn what_would_change_nothing_says_so() {
    let mut facts = known();
    let mut pools = shown(&facts);
    assert_eq!(pools.can(Action::ReviveAsset, &facts), Ok(()));
    assert_eq!(pools.can(Action::BanAsset, &facts).unwrap_err(), "it is on the denylist already");
    assert_eq!(pools.can(Action::Open, &facts), Ok(()));
    pools.act(Action::Bottom, &mut facts);
    assert_eq!(pools.can(Action::ReviveAsset, &facts).unwrap_err(), "it is available already");
    assert_eq!(pools.can(Action::BanAsset, &facts), Ok(()));
    assert_eq!(pools.can(Action::Open, &facts).unwrap_err(), "it has not failed in this run");
    let none = crate::tui::testing::facts(&[]);
    assert_eq!(shown(&none).can(Action::BanAsset, &none).unwrap_err(), "there is no pool");
}

#[test]
fn the_item_that_failed_last_is_opened_and_the_path_copied() {
    let mut facts = known();
    let mut pools = shown(&facts);
    let (item, _) = *pools.selected(&facts).unwrap().1.last_failure.as_ref().unwrap();
    assert_eq!(pools.act(Action::Open, &mut facts), [Effect::Show(item)]);
    let copied = Effect::Copy(path(&pools, &facts).to_owned(), "the path");
    assert_eq!(pools.act(Action::Copy, &mut facts), [copied]);
}

#[test]
fn a_run_without_pools_has_no_tab_for_them_and_says_why() {
    let mut model = Model::new(facts(&scene()), look());
    let draw = |model: &mut Model| {
        drawn((120, 30), |area, buffer| {
            model.draw(area, buffer);
        })
    };
    assert!(!draw(&mut model).contains("Pools"));
    model.act(Action::GoPools);
    assert_eq!(model.place(), crate::tui::action::Place::Run);
    assert_eq!(model.said.take().unwrap().0, "asset pools: the steps of this pipeline draw from none");
    model.act(Action::PreviousScreen);
    assert_eq!(model.place(), crate::tui::action::Place::Log);

    let mut model = Model::new(known(), look());
    assert!(draw(&mut model).contains(" 6 Pools ✗8 "), "{}", draw(&mut model));
    model.act(Action::PreviousScreen);
    assert_eq!(model.place(), crate::tui::action::Place::Pools);
}

#[test]
fn a_click_chooses_a_pool_or_an_asset_and_a_second_one_opens() {
    let mut facts = known();
    let mut pools = shown(&facts);
    assert!(pools.click(3, 1, false, &mut facts).is_empty());
    assert_eq!(pools.asked.pool, 1);
    pools.click(3, 0, false, &mut facts);
    text(&mut pools, &facts, (120, 30));
    let line = pools.areas.assets.y + 2;
    pools.click(3, line, false, &mut facts);
    assert_eq!(pools.at(), Some(2));
    assert!(matches!(pools.click(3, line, true, &mut facts)[..], [Effect::Show(_)]));
}

#[test]
fn scores_are_parted_by_tens_and_the_line_stands_where_they_are_high_enough() {
    let mut facts = known();
    for (asset, score) in [(2, -1), (4, 0), (6, 9), (10, 10), (12, 49), (14, 50), (18, 99), (20, 100)] {
        scored(&mut facts, asset, score, Standing::Available);
    }
    let mut pool = facts.state.pools()[0].clone();
    let mut order = Order::default();
    order.follow(&pool, &Asked::default());
    assert_eq!((order.scores.step, order.scores.good), (10, 6));
    assert_eq!(order.scores.counts.iter().sum::<usize>(), 40);
    assert_eq!(order.scores.counts[..3], [1, 2, 1]);
    let labels: Vec<String> = (0..=10).map(|part| order.scores.label(part)).collect();
    assert_eq!(labels, ["<0", "0", "10", "20", "30", "40", "50", "60", "70", "80", "90"]);
    let parted = |most, threshold, pool: &mut PoolView| {
        pool.shape.scoring = Scoring { most, threshold, ..Scoring::default() };
        pool.moves += 1;
        let mut order = Order::default();
        order.follow(pool, &Asked::default());
        let Scores { step, good, .. } = order.scores;
        (step, good)
    };
    assert_eq!(parted(1000, 450, &mut pool), (100, 6));
    assert_eq!(parted(10, 0, &mut pool), (1, 1));
    assert_eq!(parted(7, i32::MIN, &mut pool), (1, 0));
    assert_eq!(parted(100, i32::MAX, &mut pool).0, 10);
}

#[test]
fn a_hundred_thousand_assets_are_not_sorted_anew_for_every_frame() {
    let mut facts = facts(&drawing(Drawing { items: 50, fonts: 100_000, broken: 100 }));
    let mut pools = shown(&facts);
    let begun = std::time::Instant::now();
    for _ in 0..20 {
        text(&mut pools, &facts, (120, 30));
    }
    let still = begun.elapsed() / 20;
    let begun = std::time::Instant::now();
    for asset in 0..5 {
        scored(&mut facts, asset * 1000, 90, Standing::Available);
        text(&mut pools, &facts, (120, 30));
    }
    let moving = begun.elapsed() / 5;
    assert!(still * 4 < moving, "{still:?} a frame where nothing moved, {moving:?} where a score did");
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(48))]
    #[test]
    fn no_size_is_too_small_or_too_large(width in 0_u16..=300, height in 0_u16..=100, down in 0_usize..60) {
        let mut many = known();
        let shape = crate::events::PoolShape { name: "a\u{1b}名".repeat(20), ..Default::default() };
        let EventKind::RunStarted { mut pools, .. } = pools_scene().remove(0).kind else { unreachable!() };
        pools.extend(std::iter::repeat_n(shape, 30));
        let mut begin = pools_scene();
        if let EventKind::RunStarted { pools: told, .. } = &mut begin[0].kind {
            *told = pools;
        }
        for (facts, right) in [(&mut known(), 0), (&mut many, 1), (&mut facts(&begin), 20), (&mut facts(&[]), 0)] {
            let mut pools = Pools::default();
            for (_, look) in looks() {
                drawn((width, height), |area, buffer| pools.draw(facts, &look, area, buffer));
                for _ in 0..down {
                    pools.act(Action::Down, facts);
                }
                for _ in 0..right {
                    pools.act(Action::NextPool, facts);
                }
            }
        }
    }
}
