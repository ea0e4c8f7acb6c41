//! The fold of what happens to assets.
#![expect(clippy::unwrap_used, reason = "a test may")]

use super::*;
use crate::events::testing::{Drawing, drawing, pools_scene};
use crate::events::{EVENT_VERSION, RunState};

fn folded(events: &[Event]) -> RunState {
    let mut state = RunState::default();
    events.iter().for_each(|event| state.apply(event));
    state
}

#[test]
fn what_is_counted_of_a_pool_is_what_its_assets_say() {
    let state = folded(&pools_scene());
    let [fonts, papers] = state.pools() else { panic!("two pools") };
    for pool in [fonts, papers] {
        for standing in Standing::ALL {
            let count = pool.assets.iter().filter(|asset| asset.standing == standing).count();
            assert_eq!(pool.standing(standing), count);
        }
        assert_eq!(pool.draws, pool.assets.iter().map(|asset| u64::from(asset.draws)).sum::<u64>());
        assert_eq!(pool.folder_draws.iter().sum::<u64>(), pool.draws);
    }
    assert_eq!(Standing::ALL.map(|standing| fonts.standing(standing)), [34, 0, 6]);
    assert_eq!(Standing::ALL.map(|standing| papers.standing(standing)), [1, 1, 2]);
    assert!((fonts.share(0).unwrap() - 0.7).abs() < 0.05, "{:?}", fonts.share(0));
    assert_eq!((papers.share(0), papers.share(1)), (Some(1.0), None));
    let broken = fonts.assets.get(8).unwrap();
    assert_eq!((broken.failures, broken.successes, broken.draws), (6, 0, 6));
    assert_eq!(&*broken.last_failure.as_ref().unwrap().1, "its table glyf is cut off");
    // An attempt that runs has neither succeeded nor failed.
    let busy = fonts.assets.get(3).unwrap();
    assert_eq!(busy.draws, busy.successes + busy.failures + 1);
}

#[test]
fn an_attempt_that_was_ended_is_forgotten_with_its_item() {
    let mut events = drawing(Drawing { items: 3, fonts: 4, broken: 100 });
    let mut add = |kind| {
        let seq = events.len() as u64;
        events.push(Event { v: EVENT_VERSION, seq, at: 0, elapsed: 0, kind });
    };
    let draws = vec![Draw { pool: 0, asset: 1 }];
    add(EventKind::AttemptStarted { item: 2, step: 0, piece: None, attempt: 1, draws });
    let state = crate::resilience::checkpoint::ItemState::Pending;
    add(EventKind::ItemFinished { item: 2, state, step: None, fault: None, before: false });
    assert!(folded(&events).pools.drawn.is_empty());
}

#[test]
fn the_order_of_the_assets_changes_with_scores_and_failures_and_not_with_draws() {
    let events = pools_scene();
    let mut state = RunState::default();
    for event in &events {
        let before: Vec<u64> = state.pools().iter().map(|pool| pool.moves).collect();
        state.apply(event);
        let moves = state.pools().iter().zip(before).any(|(pool, before)| pool.moves != before);
        let moving = matches!(
            event.kind,
            EventKind::AssetsListed { .. } | EventKind::AssetScored { .. } | EventKind::AttemptFailed { .. }
        );
        assert!(!moves || moving, "{:?}", event.kind);
    }
}

#[test]
fn the_reason_of_a_failure_does_not_begin_with_the_path_that_stands_beside_it() {
    let fault = |message: &str| Fault::asset(std::path::Path::new("/f/a.ttf"), "font", message);
    assert_eq!(reason(&fault("font '/f/a.ttf': it is cut off")), "it is cut off");
    assert_eq!(reason(&fault("it is cut off")), "it is cut off");
    assert_eq!(reason(&Fault::input("x", "'/f/a.ttf': it is cut off")), "'/f/a.ttf': it is cut off");
}
