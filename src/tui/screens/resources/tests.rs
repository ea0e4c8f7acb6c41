//! The screen of the resources.
#![expect(clippy::unwrap_used, reason = "a test may")]

use super::*;
use crate::events::testing::resources::{owner, resources_scene, resources_scene_over, seen, unused};
use crate::events::{EVENT_VERSION, Event};
use crate::resources::{Metrics, Owner, ResourceStatus};
use crate::tui::action::Place;
use crate::tui::model::Model;
use crate::tui::testing::{SIZES, drawn, facts, look, looks, scene};

/// The run in the middle, five seconds after its last event.
fn known() -> Facts {
    let mut facts = facts(&resources_scene());
    facts.now += 5_000;
    facts
}

fn on(row: usize) -> Resources {
    let mut resources = Resources::default();
    resources.list.go(row);
    resources
}

fn text(resources: &mut Resources, facts: &Facts, size: (u16, u16)) -> String {
    drawn(size, |area, buffer| resources.draw(facts, &look(), area, buffer))
}

fn apply(facts: &mut Facts, status: ResourceStatus) {
    let (seq, elapsed) = (facts.state.next_seq(), facts.now);
    facts.apply(&Event { v: EVENT_VERSION, seq, at: 0, elapsed, kind: seen("database", status) });
}

#[test]
fn it_shows_what_is_in_use_who_holds_it_and_what_is_wrong() {
    let facts = known();
    for (width, height) in SIZES.into_iter().chain([(200, 60)]) {
        for (looks, look) in looks() {
            let told = drawn((width, height), |area, buffer| on(0).draw(&facts, &look, area, buffer));
            insta::assert_snapshot!(format!("notes-{width}x{height}-{looks}"), told);
        }
    }
    for (row, name) in [(1, "model"), (2, "bucket"), (3, "words")] {
        insta::assert_snapshot!(format!("{name}-120x30"), text(&mut on(row), &facts, (120, 30)));
        insta::assert_snapshot!(format!("{name}-80x24"), text(&mut on(row), &facts, (80, 24)));
    }
    let mut whole = Model::new(self::facts(&resources_scene_over()), look());
    whole.act(Action::GoResources);
    let told = drawn((120, 30), |area, buffer| {
        whole.draw(area, buffer);
    });
    insta::assert_snapshot!("over-120x30", told);
    insta::assert_snapshot!("none-80x24", text(&mut on(0), &self::facts(&scene()), (80, 24)));
}

#[test]
fn a_lease_grows_older_while_nothing_is_told() {
    let mut facts = known();
    assert!(text(&mut on(0), &facts, (120, 30)).contains("1 min 06 s  02 Int"));
    facts.now += 60_000;
    assert!(text(&mut on(0), &facts, (120, 30)).contains("2 min 06 s  02 Int"));
    // Of a run that is over, time stands still.
    let mut over = self::facts(&resources_scene_over());
    over.now += 9_000_000;
    let told = text(&mut on(0), &over, (120, 30));
    assert!(told.contains("held by nobody") && !told.contains("2 h"), "{told}");
}

#[test]
fn the_item_that_holds_the_chosen_lease_is_opened() {
    let mut facts = known();
    let mut notes = on(0);
    assert_eq!(notes.act(Action::Open, &mut facts), [Effect::Show(1)], "it has held it longest");
    assert_eq!(notes.can(Action::PreviousOwner, &facts).unwrap_err(), "this is the first one");
    for item in [0, 3, 2] {
        assert_eq!(notes.can(Action::NextOwner, &facts), Ok(()));
        notes.act(Action::NextOwner, &mut facts);
        assert_eq!(notes.act(Action::Open, &mut facts), [Effect::Show(item)]);
    }
    assert_eq!(notes.can(Action::NextOwner, &facts).unwrap_err(), "this is the last one");
    notes.act(Action::PreviousOwner, &mut facts);
    assert_eq!(notes.act(Action::Open, &mut facts), [Effect::Show(3)]);
    // Leases go back: the cursor stays on one that is held.
    let owners = vec![OwnerView { owner: owner(2, "save", 1), held: 1.0 }];
    let metrics = Metrics { active_connections: 1, ..Metrics::default() };
    apply(&mut facts, ResourceStatus { owners, metrics, ..unused("notes", 4) });
    assert_eq!(notes.act(Action::Open, &mut facts), [Effect::Show(2)]);
    let mut words = on(3);
    assert_eq!(words.can(Action::Open, &facts).unwrap_err(), "nobody holds a lease of it");
    assert!(words.act(Action::Open, &mut facts).is_empty());
}

#[test]
fn who_is_no_attempt_is_named_and_not_opened() {
    let mut facts = known();
    let holds = |owner: &str| ResourceStatus {
        owners: vec![OwnerView { owner: Owner::new(owner), held: 1.0 }],
        ..unused("notes", 4)
    };
    apply(&mut facts, holds("the end of the batch"));
    assert!(text(&mut on(0), &facts, (120, 30)).contains("the end of the batch"));
    assert_eq!(on(0).can(Action::Open, &facts).unwrap_err(), "it is held for no item");
    apply(&mut facts, holds("other-run/gone-0123456789ab/save/1"));
    assert_eq!(on(0).can(Action::Open, &facts), Ok(()));
    let said = Effect::Say("no file of this run holds notes".into());
    assert_eq!(on(0).act(Action::Open, &mut facts), [said]);
}

#[test]
fn health_is_looked_at_again_and_the_breaker_is_reset_and_tripped() {
    let mut facts = known();
    let check =
        |dependency: Option<&str>| Effect::Send(Command::CheckHealth { dependency: dependency.map(Into::into) });
    assert_eq!(on(2).act(Action::CheckOne, &mut facts), [check(Some("bucket")), Effect::Say("checking bucket".into())]);
    assert_eq!(on(2).act(Action::CheckAll, &mut facts), [check(None), Effect::Say("checking all".into())]);
    let reset = Command::ResetBreaker { dependency: "bucket".into() };
    assert_eq!(on(2).act(Action::ResetBreaker, &mut facts), [Effect::Send(reset)]);
    assert_eq!(on(2).can(Action::TripBreaker, &facts).unwrap_err(), "it is OPEN already");
    assert_eq!(on(0).can(Action::ResetBreaker, &facts).unwrap_err(), "it is CLOSED, and counts no failures");
    let asked = on(0).act(Action::TripBreaker, &mut facts);
    let [Effect::Confirm(question)] = asked.as_slice() else { panic!("{asked:?}") };
    assert!(
        question.text.starts_with("Open the breaker of notes? Work that needs it (save) waits"),
        "{}",
        question.text
    );
    assert_eq!(question.answers[0].2, [Effect::Send(Command::TripBreaker { dependency: "notes".into() })]);
    facts.state.breakers.clear();
    assert_eq!(on(0).can(Action::TripBreaker, &facts).unwrap_err(), "it has no breaker");
}

#[test]
fn what_helps_is_copied_or_what_was_found() {
    let mut facts = known();
    let copied = |row: usize, facts: &mut Facts| on(row).act(Action::Copy, facts);
    let [Effect::Copy(text, "the hint")] = &copied(2, &mut facts)[..] else { panic!() };
    assert_eq!(text, "bucket: it is unhealthy; check that the server runs and can be reached from here");
    assert_eq!(copied(3, &mut facts), [Effect::Copy("3 values".into(), "the line")]);
    facts.state.dependencies.clear();
    facts.state.resources.get_mut("words").unwrap().status.health.details.clear();
    assert_eq!(on(3).can(Action::Copy, &facts).unwrap_err(), "nothing is known of it yet");
}

#[test]
fn a_run_without_resources_has_no_tab_for_them_and_says_what_they_are() {
    let draw = |model: &mut Model| {
        drawn((120, 30), |area, buffer| {
            model.draw(area, buffer);
        })
    };
    let mut model = Model::new(facts(&scene()), look());
    assert!(!draw(&mut model).contains("Resources"));
    model.act(Action::GoResources);
    let told = draw(&mut model);
    assert!(told.contains(" 7 Resources ") && told.contains("[resources.NAME]"), "{told}");
    assert_eq!(model.screens.resources.can(Action::Open, &model.facts).unwrap_err(), "there is no resource");
    model.act(Action::NextScreen);
    assert_ne!(model.place(), Place::Resources);

    let mut model = Model::new(known(), look());
    assert!(draw(&mut model).contains(" 7 Resources ✗1 "), "{}", draw(&mut model));
    model.act(Action::PreviousScreen);
    assert_eq!(model.place(), Place::Resources);
}

#[test]
fn a_click_chooses_a_resource_and_a_second_one_opens_the_item() {
    let mut facts = known();
    let mut resources = on(2);
    text(&mut resources, &facts, (120, 30));
    assert!(resources.click(5, 0, false, &mut facts).is_empty(), "the head is no row");
    assert!(resources.click(5, 1, false, &mut facts).is_empty());
    assert_eq!(resources.selected(&facts).unwrap().0, "notes");
    resources.act(Action::NextOwner, &mut facts);
    assert_eq!(resources.click(5, 1, true, &mut facts), [Effect::Show(0)]);
    assert!(resources.click(5, 4, true, &mut facts).is_empty());
    assert_eq!(resources.selected(&facts).unwrap().0, "words");
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(48))]
    #[test]
    fn no_size_is_too_small_or_too_large(
        width in 0_u16..=300,
        height in 0_u16..=100,
        row in 0_usize..40,
        right in 0_usize..80,
        count in proptest::prelude::any::<u32>(),
        seconds in proptest::prelude::any::<f64>(),
    ) {
        let mut many = known();
        for at in 0..30 {
            let held = |number: usize| OwnerView { owner: Owner::new(format!("r/a\u{1b}名-{number}/s/9")), held: seconds };
            let metrics = Metrics {
                total_acquisitions: u64::MAX, active_connections: count, failed_acquisitions: u64::MAX, timeouts: u64::MAX,
                average_hold_time: seconds, average_acquisition_time: seconds, longest_hold_time: seconds,
                size: count / 2, available: count, waiting: count, max_size: count / 3, ..Metrics::default()
            };
            let owners = (0..60).map(held).collect();
            let name = format!("{}{at}", "a\u{1b}名".repeat(9));
            apply(&mut many, ResourceStatus { name, metrics, owners, ..ResourceStatus::default() });
        }
        for facts in [&mut known(), &mut many, &mut facts(&[])] {
            let mut resources = on(row);
            for _ in 0..right {
                resources.act(Action::NextOwner, facts);
            }
            for (_, look) in looks() {
                drawn((width, height), |area, buffer| resources.draw(facts, &look, area, buffer));
            }
        }
    }
}
