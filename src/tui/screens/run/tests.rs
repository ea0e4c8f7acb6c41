#![expect(clippy::unwrap_used, reason = "a test may")]

use super::*;
use crate::tui::model::Model;
use crate::tui::testing::{SIZES, drawn, facts, looks, scene, scene_over};

fn model(over: bool) -> Model {
    let mut facts = facts(&if over { scene_over() } else { scene() });
    facts.now += 700;
    let (_, look) = looks().into_iter().next().unwrap();
    Model::new(facts, look)
}

#[test]
fn the_batch_in_every_size_and_look() {
    for (name, look) in looks() {
        for size in SIZES {
            for over in [false, true] {
                let mut model = model(over);
                model.look = look.clone();
                let told = drawn(size, |area, buffer| {
                    model.draw(area, buffer);
                });
                let end = if over { "-over" } else { "" };
                insta::assert_snapshot!(format!("run-{name}-{}x{}{end}", size.0, size.1), told);
            }
        }
    }
}

/// The run screen with the cursor on this item, in a run of the scene.
fn on(item: ItemIndex) -> (RunScreen, Facts) {
    let facts = facts(&scene());
    (RunScreen { cursor: Some(Row::Item(item)), chosen: true, ..RunScreen::default() }, facts)
}

#[test]
fn a_path_is_copied_so_that_it_can_be_pasted_anywhere() {
    let mut kinds = crate::tui::testing::beginning(&["a\nb.wav"]);
    kinds.push((
        10,
        crate::events::EventKind::AttemptStarted { item: 0, step: 0, piece: None, attempt: 1, draws: Vec::new() },
    ));
    let mut facts = facts(&crate::tui::testing::events(kinds));
    let (mut screen, _) = on(0);
    assert_eq!(screen.act(Action::Copy, &mut facts), [Effect::Copy(r"$'/music/a\x0ab.wav'".into(), "the path")]);
}

#[test]
fn nothing_is_tried_again_while_the_run_ends() {
    let (screen, mut facts) = on(2);
    assert_eq!(screen.can(Action::RetryItem, &facts), Ok(()));
    facts.state.phase = crate::events::RunPhase::Stopping(crate::events::StopLevel::Cancel);
    assert_eq!(screen.can(Action::RetryItem, &facts), Err("the run is ending".into()));
}

#[test]
fn what_runs_is_sorted_by_how_long_it_has_run() {
    let names: Vec<String> = (0..6).map(|number| format!("{number}.wav")).collect();
    let mut kinds = crate::tui::testing::beginning(&names.iter().map(String::as_str).collect::<Vec<_>>());
    for (at, item) in [(10, 4), (20, 1), (30, 3), (40, 0)] {
        kinds.push((
            at,
            crate::events::EventKind::AttemptStarted { item, step: 0, piece: None, attempt: 1, draws: Vec::new() },
        ));
    }
    let mut facts = facts(&crate::tui::testing::events(kinds));
    let items = |facts: &Facts| {
        let laid = Laid::of(facts, None);
        (0..laid.len()).for_each(|place| assert_eq!(laid.place(laid.row(place).unwrap()), Some(place)));
        (1..5).map(|place| laid.row(place).unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(items(&facts), [0, 1, 3, 4].map(Row::Item));
    facts.rows.set_order(crate::tui::rows::Order::Time, &facts.state);
    assert_eq!(items(&facts), [4, 1, 3, 0].map(Row::Item));
    let mut screen = RunScreen::default();
    screen.act(Action::Down, &mut facts);
    screen.act(Action::Down, &mut facts);
    assert_eq!(screen.item(), Some(1));
}

#[test]
fn how_much_of_each_pool_is_drawn_stands_with_what_the_run_depends_on() {
    let facts = facts(&crate::events::testing::pools_scene());
    let (_, look) = looks().into_iter().next().unwrap();
    let told = drawn((80, 24), |area, buffer| RunScreen::default().draw(&facts, &look, area, buffer));
    assert!(told.contains(" ▲ fonts 34/40   ▲ papers 1/4"), "{told}");
}
