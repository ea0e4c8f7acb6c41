//! The help.

use ratatui::crossterm::event::KeyModifiers;

use super::*;
use crate::tui::action::Place;
use crate::tui::model::Model;
use crate::tui::testing::{SIZES, drawn, facts, look, looks, scene};

fn help(place: Place) -> Help {
    let mut model = Model::new(facts(&scene()), look());
    model.path.push(place);
    Help::new(model.possible())
}

fn press(help: &mut Help, code: KeyCode, action: Option<Action>) -> (bool, Option<Action>) {
    help.key(KeyEvent::new(code, KeyModifiers::NONE), action)
}

fn typed(help: &mut Help, text: &str) {
    for c in text.chars() {
        press(help, KeyCode::Char(c), None);
    }
}

fn names(help: &Help) -> Vec<&'static str> {
    help.found.iter().map(|at| help.rows[*at].0.name).collect()
}

#[test]
fn it_shows_every_key_in_its_group() {
    for (width, height) in SIZES {
        for (name, look) in looks() {
            let mut help = help(Place::Breakers);
            let text = drawn((width, height), |area, buffer| help.draw(&look, area, buffer));
            insta::assert_snapshot!(format!("help-{width}x{height}-{name}"), text);
        }
    }
    let mut help = help(Place::Breakers);
    typed(&mut help, "breaker");
    let text = drawn((80, 24), |area, buffer| help.draw(&look(), area, buffer));
    insta::assert_snapshot!("help-typed-80x24", text);
    let mut wide = self::help(Place::Log);
    let text = drawn((200, 50), |area, buffer| wide.draw(&look(), area, buffer));
    insta::assert_snapshot!("help-200x50", text);
}

#[test]
fn what_is_typed_filters_and_enter_does_what_is_selected() {
    let mut help = help(Place::Breakers);
    typed(&mut help, "breaker");
    assert_eq!(names(&help), ["go-breakers", "reset", "trip"]);
    press(&mut help, KeyCode::Down, None);
    // The breaker of ffmpeg counts a failure.
    assert_eq!(press(&mut help, KeyCode::Enter, None), (true, Some(Action::ResetBreaker)));
    typed(&mut help, "s OPEN");
    assert_eq!(names(&help), [""; 0]);
    assert_eq!(press(&mut help, KeyCode::Enter, None), (false, None));
}

#[test]
fn an_action_that_makes_no_sense_now_is_not_done() {
    let mut help = help(Place::Breakers);
    typed(&mut help, "later-event");
    assert_eq!(names(&help), ["later-event"]);
    assert_eq!(press(&mut help, KeyCode::Enter, None), (false, None));
    let text = drawn((80, 24), |area, buffer| help.draw(&look(), area, buffer));
    assert!(text.contains("not now: only a run that is over has a time line"), "{text}");
}

#[test]
fn a_key_is_found_as_it_is_written() {
    let mut help = help(Place::Run);
    help.paste("Ctrl-C");
    assert_eq!(names(&help), ["stop"]);
}

#[test]
fn esc_and_its_own_key_close_it_and_a_letter_that_is_typed_does_not() {
    assert_eq!(press(&mut help(Place::Run), KeyCode::Esc, Some(Action::Back)), (true, None));
    assert_eq!(press(&mut help(Place::Run), KeyCode::Char('?'), Some(Action::Help)), (true, None));
    assert_eq!(press(&mut help(Place::Run), KeyCode::F(1), Some(Action::Help)), (true, None));
    let mut help = help(Place::Run);
    typed(&mut help, "t");
    assert_eq!(press(&mut help, KeyCode::Char('h'), Some(Action::Help)), (false, None));
    assert_eq!(help.typed.text(), "th");
}

#[test]
fn the_cursor_is_in_sight_wherever_it_is() {
    let mut help = help(Place::Log);
    for _ in 0..help.rows.len() {
        let text = drawn((40, 10), |area, buffer| help.draw(&look(), area, buffer));
        assert_eq!(text.lines().filter(|line| line.contains("▸")).count(), 1, "{text}");
        press(&mut help, KeyCode::Down, None);
    }
    assert_eq!(help.list.cursor(help.rows.len()), Some(help.rows.len() - 1));
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(48))]
    #[test]
    fn no_size_is_too_small_or_too_large(width in 0_u16..=300, height in 0_u16..=100, text in "\\PC{0,4}", down in 0..60) {
        let mut help = help(Place::Item);
        help.paste(&text);
        for _ in 0..down {
            press(&mut help, KeyCode::Down, None);
        }
        for (_, look) in looks() {
            drawn((width, height), |area, buffer| help.draw(&look, area, buffer));
        }
    }
}
