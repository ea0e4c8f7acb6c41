//! The health screen.
#![expect(clippy::unwrap_used, reason = "a test may")]

use super::*;
use crate::events::EventKind;
use crate::tui::testing::{SIZES, drawn, facts, look, looks, scene, scene_over};

/// The run in the middle, three seconds after its last event.
fn known() -> Facts {
    let mut facts = facts(&scene());
    facts.now += 3_000;
    facts
}

fn snapshot(name: &str, health: &mut Health, facts: &Facts) {
    for (width, height) in SIZES {
        for (looks, look) in looks() {
            let text = drawn((width, height), |area, buffer| health.draw(facts, &look, area, buffer));
            insta::assert_snapshot!(format!("{name}-{width}x{height}-{looks}"), text);
        }
    }
}

/// Puts the cursor on the row of this name.
fn on(name: &str, facts: &mut Facts) -> Health {
    let mut health = Health::default();
    while health.key(facts).unwrap().name(facts) != name {
        health.act(Action::Down, facts);
    }
    health
}

#[test]
fn it_shows_the_dependencies_and_what_to_do() {
    let mut facts = known();
    snapshot("middle", &mut on("basic-pitch", &mut facts), &facts);
    let mut engine = Health::default();
    engine.act(Action::Bottom, &mut facts);
    let text = drawn((120, 30), |area, buffer| engine.draw(&facts, &look(), area, buffer));
    insta::assert_snapshot!("engine-120x30", text);
    let over = crate::tui::testing::facts(&scene_over());
    let text = drawn((80, 24), |area, buffer| Health::default().draw(&over, &look(), area, buffer));
    insta::assert_snapshot!("over-80x24", text);
}

#[test]
fn a_check_is_asked_of_one_dependency_or_of_all() {
    let mut facts = known();
    let one = Command::CheckHealth { dependency: Some("demucs".into()) };
    let all = Command::CheckHealth { dependency: None };
    let said = |what: &str| Effect::Say(format!("checking {what}"));
    assert_eq!(on("demucs", &mut facts).act(Action::CheckOne, &mut facts), [Effect::Send(one), said("demucs")]);
    assert_eq!(on("disk", &mut facts).act(Action::CheckOne, &mut facts), [Effect::Send(all.clone()), said("all")]);
    assert_eq!(on("demucs", &mut facts).act(Action::CheckAll, &mut facts), [Effect::Send(all), said("all")]);
}

#[test]
fn a_sign_says_that_a_check_is_on_its_way_until_it_has_come() {
    let mut facts = known();
    let mut health = on("demucs", &mut facts);
    let is_checking =
        |health: &Health, facts: &Facts, name: &str| health.is_checking(&Key::Dependency(name.into()), facts);
    health.act(Action::CheckOne, &mut facts);
    assert!(is_checking(&health, &facts, "demucs") && !is_checking(&health, &facts, "ffmpeg"));
    let text = drawn((60, 16), |area, buffer| health.draw(&facts, &look(), area, buffer));
    assert!(text.contains("checking…"), "{text}");
    let mut events = scene();
    let mut event = events
        .iter()
        .find(|event| matches!(&event.kind, EventKind::DependencyChecked { name, .. } if name == "demucs"));
    let mut event = event.take().cloned().unwrap();
    (event.seq, event.elapsed) = (events.len() as u64, facts.now + 10);
    events.push(event.clone());
    facts.apply(&event);
    assert!(!is_checking(&health, &facts, "demucs"));
    // One that is never answered is not waited for without end.
    health.act(Action::CheckAll, &mut facts);
    assert!(is_checking(&health, &facts, "ffmpeg"));
    facts.now += PATIENCE;
    assert!(!is_checking(&health, &facts, "ffmpeg"));
}

#[test]
fn what_installs_it_is_copied_or_else_where_it_is() {
    let mut facts = known();
    let mut copied = |name: &str| on(name, &mut facts).act(Action::Copy, &mut facts);
    assert_eq!(copied("basic-pitch"), [Effect::Copy("pip install basic-pitch".into(), "the hint")]);
    assert_eq!(copied("demucs"), [Effect::Copy("/usr/bin/demucs".into(), "the path")]);
    assert_eq!(copied("memory"), [Effect::Copy("18.3 GiB available of 23.5 GiB".into(), "the line")]);
}

#[test]
fn what_is_copied_is_one_line_that_nothing_obeys() {
    let mut facts = known();
    let view = facts.state.dependencies.get_mut("basic-pitch").unwrap();
    view.hint = Some("pip install\nrm -r".into());
    let view = facts.state.dependencies.get_mut("demucs").unwrap();
    view.path = Some("/opt/a\nb/demucs".into());
    facts.state.machine.1[1].details = "a\u{1b}[2J".into();
    for name in ["basic-pitch", "demucs", "memory"] {
        let [Effect::Copy(text, _)] = &on(name, &mut facts).act(Action::Copy, &mut facts)[..] else { panic!() };
        assert!(!text.contains(|c: char| c.is_control()), "{text:?}");
    }
}

#[test]
fn a_dependency_opens_its_breaker_if_it_has_one() {
    let mut facts = known();
    assert_eq!(on("demucs", &mut facts).act(Action::Open, &mut facts), [Effect::Go(Place::Breakers)]);
    assert!(on("basic-pitch", &mut facts).can(Action::Open, &facts).unwrap_err().contains("no breaker"));
    assert!(on("disk", &mut facts).can(Action::Open, &facts).is_err());
}

#[test]
fn the_cursor_stays_on_its_row_where_rows_come_before_it() {
    let mut facts = known();
    let mut health = on("memory", &mut facts);
    let mut event =
        scene().into_iter().find(|event| matches!(event.kind, EventKind::DependencyChecked { .. })).unwrap();
    if let EventKind::DependencyChecked { name, .. } = &mut event.kind {
        "sox".clone_into(name);
    }
    facts.apply(&event);
    drawn((80, 24), |area, buffer| health.draw(&facts, &look(), area, buffer));
    assert_eq!(health.key(&facts).unwrap().name(&facts), "memory");
}

#[test]
fn two_file_systems_are_two_rows_each_with_its_own_data() {
    let mut facts = known();
    let mut other = facts.state.machine.1[0].clone();
    other.details = "/work/checkpoints: 1.2 GiB free of 4.0 GiB".into();
    facts.state.machine.1.insert(1, other);
    let mut health = on("disk", &mut facts);
    let drawn =
        |health: &mut Health, facts: &Facts| drawn((120, 30), |area, buffer| health.draw(facts, &look(), area, buffer));
    let text = drawn(&mut health, &facts);
    assert!(text.contains("/work/out: 74.2") && text.contains("/work/checkpoints: 1.2"), "{text}");
    assert_eq!(health.copied(&facts), Some((facts.state.machine.1[0].details.clone(), "the line")));
    health.act(Action::Down, &mut facts);
    drawn(&mut health, &facts);
    assert_eq!(health.copied(&facts), Some((facts.state.machine.1[1].details.clone(), "the line")));
    health.act(Action::Down, &mut facts);
    assert_eq!(health.key(&facts).unwrap().name(&facts), "memory");
    health.act(Action::Down, &mut facts);
    assert_eq!(health.key(&facts), Some(Key::Engine));
}

#[test]
fn a_click_selects_and_a_second_one_opens() {
    let mut facts = known();
    let mut health = Health::default();
    let text = drawn((80, 24), |area, buffer| health.draw(&facts, &look(), area, buffer));
    let line = text.lines().position(|line| line.contains("demucs")).unwrap() as u16;
    assert!(health.click(3, line, false, &mut facts).is_empty());
    assert_eq!(health.key(&facts), Some(Key::Dependency("demucs".into())));
    assert_eq!(health.click(3, line, true, &mut facts), [Effect::Go(Place::Breakers)]);
    assert!(health.click(3, 23, true, &mut facts).is_empty());
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(48))]
    #[test]
    fn no_size_is_too_small_or_too_large(width in 0_u16..=300, height in 0_u16..=100, row in 0..7) {
        let mut facts = known();
        let mut health = Health::default();
        (0..row).for_each(|_| drop(health.act(Action::Down, &mut facts)));
        for (_, look) in looks() {
            drawn((width, height), |area, buffer| health.draw(&facts, &look, area, buffer));
        }
        drawn((width, height), |area, buffer| health.draw(&crate::tui::testing::facts(&[]), &look(), area, buffer));
    }
}
