#![expect(clippy::unwrap_used, reason = "a test may")]

use ratatui::crossterm::event::{KeyCode, KeyModifiers};

use super::*;
use crate::tui::facts::Link;
use crate::tui::screens::Screen;
use crate::tui::testing::{facts, look, scene, scene_over};

fn model() -> Model {
    Model::new(facts(&scene()), look())
}

fn press(model: &mut Model, keys: &str) -> Vec<Effect> {
    let mut effects = Vec::new();
    for key in keys.chars() {
        let code = match key {
            '\x1b' => KeyCode::Esc,
            '\n' => KeyCode::Enter,
            key => KeyCode::Char(key),
        };
        effects.extend(model.key(KeyEvent::new(code, KeyModifiers::NONE)));
        // The cursor is where the last frame showed it.
        crate::tui::testing::drawn((120, 30), |area, buffer| {
            model.draw(area, buffer);
        });
    }
    effects
}

fn control(model: &mut Model, key: char) -> Vec<Effect> {
    model.key(KeyEvent::new(KeyCode::Char(key), KeyModifiers::CONTROL))
}

#[test]
fn escape_goes_back_and_never_leaves() {
    let mut model = model();
    press(&mut model, "j\n");
    assert_eq!(model.place(), Place::Item);
    for _ in 0..5 {
        assert!(!press(&mut model, "\x1b").iter().any(|effect| matches!(effect, Effect::Leave(_))));
    }
    assert_eq!(model.place(), Place::Run);
    assert!(model.overlay.is_none());
}

#[test]
fn quit_asks_while_work_goes_on_and_offers_three_ways() {
    let mut model = model();
    assert_eq!(press(&mut model, "q"), []);
    assert!(matches!(model.overlay, Some(Overlay::Confirm(_))));
    assert_eq!(press(&mut model, "k"), [Effect::Leave(Leave::Detach)]);
    let stop = |level| Effect::Send(Command::Stop { level, by: "asked on the screen".into() });
    assert_eq!(press(&mut model, "qd"), [stop(StopLevel::Drain)]);
    assert_eq!(press(&mut model, "qs"), [stop(StopLevel::Cancel)]);
    assert_eq!(press(&mut model, "q\x1b"), []);
    assert!(model.overlay.is_none());
}

#[test]
fn a_run_that_is_over_or_not_ours_is_left_and_not_ended() {
    let mut over = Model::new(facts(&scene_over()), look());
    assert_eq!(press(&mut over, "q"), [Effect::Leave(Leave::Over)]);
    let mut watched = model();
    watched.facts.link = Link::Watcher;
    assert_eq!(press(&mut watched, "ql"), [Effect::Leave(Leave::Over)]);
    assert_eq!(control(&mut watched, 'c'), [Effect::Leave(Leave::Over)]);
}

#[test]
fn control_c_stops_in_order_and_then_at_once_also_from_under_a_question() {
    let mut model = model();
    press(&mut model, "q");
    let stop = |level| [Effect::Send(Command::Stop { level, by: "SIGINT".into() })];
    assert_eq!(control(&mut model, 'c'), stop(StopLevel::Cancel));
    assert_eq!(control(&mut model, 'c'), stop(StopLevel::Kill));
    assert_eq!(control(&mut model, 'c'), [Effect::Leave(Leave::Over)]);
}

#[test]
fn what_a_key_does_is_a_command() {
    let mut model = model();
    crate::tui::testing::drawn((120, 30), |area, buffer| {
        model.draw(area, buffer);
    });
    assert_eq!(press(&mut model, "p"), [Effect::Send(Command::Pause)]);
    assert_eq!(press(&mut model, "+"), [Effect::Send(Command::SetJobs { jobs: 3 })]);
    assert_eq!(press(&mut model, "-"), [Effect::Send(Command::SetJobs { jobs: 2 })]);
    // The first row is item 1; its attempt has run for some seconds.
    assert_eq!(press(&mut model, "c"), [Effect::Send(Command::CancelItem { item: 1 })]);
    model.facts.now += 60_000;
    assert_eq!(press(&mut model, "c"), []);
    assert_eq!(press(&mut model, "y"), [Effect::Send(Command::CancelItem { item: 1 })]);
    // Two rows on, after the heading, is the one that failed.
    assert_eq!(press(&mut model, "jjjr"), [Effect::Send(Command::RetryItem { item: 2 })]);
}

#[test]
fn what_cannot_be_done_says_why_and_does_nothing() {
    let mut model = model();
    crate::tui::testing::drawn((120, 30), |area, buffer| {
        model.draw(area, buffer);
    });
    assert_eq!(press(&mut model, "r"), []);
    assert!(model.said.take().unwrap().0.contains("it is running, not failed"));
    assert_eq!(press(&mut model, "["), []);
    assert!(model.said.take().unwrap().0.contains("only a run that is over has a time line"));
    let mut over = Model::new(facts(&scene_over()), look());
    assert_eq!(press(&mut over, "p"), []);
    assert!(over.said.take().unwrap().0.contains("the run is over"));
}

#[test]
fn a_filter_is_typed_used_and_taken_away() {
    let mut model = model();
    press(&mut model, "/gigue\n");
    assert_eq!(model.facts.rows.count(crate::tui::rows::Section::Waiting), 1);
    // While something is typed, letters are letters.
    press(&mut model, "/q\x1b");
    assert!(model.overlay.is_none());
    assert_eq!(model.screens.run.searched(), "gigue");
    press(&mut model, "\x1b");
    assert_eq!(model.facts.rows.count(crate::tui::rows::Section::Waiting), 4);
}

#[test]
fn every_action_is_named_once_on_a_screen_and_has_keys_that_are_read() {
    for place in [Place::Run, Place::Item, Place::Failures, Place::Health, Place::Breakers, Place::Log, Place::Pools] {
        let here = super::super::action::ACTIONS.iter().filter(|about| about.belongs_to(place));
        let mut own_keys = std::collections::HashSet::new();
        for about in here {
            for key in about.keys {
                let chord: KeyChord = key.parse().unwrap();
                if !about.places.is_empty() {
                    assert!(own_keys.insert(chord), "{key} does two things on {}", place.title());
                }
                assert!(look().keymap.action(&chord, place).is_some());
            }
        }
    }
    let names = crate::tui::keymap::Keymap::names();
    assert_eq!(names.iter().collect::<std::collections::HashSet<_>>().len(), names.len());
}

#[test]
fn escape_leaves_the_whole_log_before_the_item() {
    let mut model = model();
    press(&mut model, "j\n");
    assert_eq!(model.place(), Place::Item);
    press(&mut model, "\n\x1b");
    assert_eq!(model.place(), Place::Item);
    press(&mut model, "\x1b");
    assert_eq!(model.place(), Place::Run);
}
