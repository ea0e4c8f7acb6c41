//! What reports tell of resources.
#![expect(clippy::unwrap_used, reason = "a test may")]

use serde_json::Value;

use super::*;
use crate::events::testing::resources::{owner, resources_scene, resources_scene_over};
use crate::report::summary::{self, Places};
use crate::report::testing::{folded, story};
use crate::report::{Level, Lines, testing::Shared, testing::told as tell_sink};
use crate::resources::Leak;

const SITE: &str = "src/engine/resources/mod.rs:212:46";

fn end(state: &RunState) -> String {
    let mut out = String::new();
    tell(&mut out, state).unwrap();
    out
}

#[test]
fn the_end_of_a_run_tells_of_leases_figures_hints_and_leaks() {
    insta::assert_snapshot!("end", end(&folded(&resources_scene_over())));
    assert_eq!(end(&folded(&story())), "");
    let whole = summary::text(&folded(&resources_scene_over()), &Places::default());
    assert!(
        whole.contains("\nResources (mean times):\n") && whole.contains("\nLeases held for too long:\n"),
        "{whole}"
    );
}

#[test]
fn a_run_is_told_while_it_works_and_when_it_is_over() {
    let state = folded(&resources_scene());
    insta::assert_snapshot!("works", text(&state, Moment { works: true, now: 385_000 }));
    let over = folded(&resources_scene_over());
    let told = text(&over, Moment { works: false, now: over.elapsed });
    assert!(told.starts_with("librarian: run 20261122-080000-ab12 over, 6 min 52 s\n"), "{told}");
    assert!(!told.contains("owners"), "{told}");
    let none = text(&folded(&story()), Moment { works: false, now: 0 });
    assert!(none.contains("It has no resources"), "{none}");
}

#[test]
fn the_json_tells_owners_health_hints_and_leaks() {
    let state = folded(&resources_scene());
    let json: Value = serde_json::from_str(&json(&state, Moment { works: true, now: 385_000 })).unwrap();
    assert_eq!((&json["version"], &json["works"], &json["elapsed_seconds"]), (&1.into(), &true.into(), &385.0.into()));
    let notes = &json["resources"][0];
    assert_eq!((&notes["name"], &notes["kind"]), (&"notes".into(), &"database".into()));
    assert_eq!((&notes["metrics"]["total_acquisitions"], &notes["metrics"]["waiting"]), (&1204.into(), &3.into()));
    assert_eq!(
        (&notes["health"]["health"], &notes["health"]["version"]),
        (&"healthy".into(), &"PostgreSQL 15.8".into())
    );
    assert_eq!(notes["owners"].as_array().unwrap().len(), 4);
    // Told 25 s ago, and held since.
    assert_eq!(
        (&notes["owners"][1]["item"], &notes["owners"][1]["held_seconds"]),
        (&"01 Overture".into(), &47.5.into())
    );
    assert_eq!((&notes["owners"][1]["step"], &notes["breaker"]["state"]), (&"save".into(), &"closed".into()));
    let hints: Vec<&str> =
        notes["hints"].as_array().unwrap().iter().map(|hint| hint["trouble"].as_str().unwrap()).collect();
    assert_eq!(hints, ["leaked", "timeouts", "exhausted", "long_held"]);
    assert_eq!(json["resources"][2]["breaker"]["parked"], 2);
    assert_eq!(json["leaks"][0]["owner"], owner(6, "save", 1).as_str());
    assert_eq!((&json["leaks"][0]["owner_ended"], &json["leaks"][0]["acquired_at"]), (&true.into(), &SITE.into()));
}

#[test]
fn the_json_of_the_summary_has_the_resources_of_a_run_that_has_some() {
    let json = |events: &[crate::events::Event]| -> Value {
        serde_json::from_str(&summary::json(&folded(events), &Places::default())).unwrap()
    };
    let with = json(&resources_scene_over());
    assert_eq!(with["version"], 1);
    assert_eq!(with["resources"][1]["metrics"]["figures"]["prompt_tokens"], 402_118);
    assert_eq!(with["leaks"].as_array().unwrap().len(), 2);
    let without = json(&story());
    assert!(without.get("resources").is_none() && without.get("leaks").is_none());
}

#[test]
fn of_many_leaks_the_first_are_told_and_the_others_counted() {
    let mut state = folded(&resources_scene_over());
    let leak = |number: usize| Leak {
        resource: "notes".into(),
        owner: Owner::new(format!("r/item {number}/save/1")),
        held: 2.0,
        acquired_at: "x\u{1b}[2J.rs:1:2".into(),
    };
    state.leaks = (0..12_000).map(|number| (leak(number), true)).collect();
    let text = end(&state);
    assert!(text.contains("  ... and 11980 more\n") && !text.contains('\u{1b}'), "{text}");
    assert_eq!(text.matches("acquired at").count(), 20);
    assert_eq!(leaks(&state).len(), 10_000);
}

#[test]
fn quick_leases_are_told_in_parts_of_a_millisecond() {
    let told = [0.000_05, 0.000_4, 0.012, 1.25, 200.0, f64::NAN, -1.0].map(span);
    assert_eq!(told, ["0.1 ms", "0.4 ms", "12 ms", "1.2 s", "3 min 20 s", "0.0 ms", "0.0 ms"]);
    assert_eq!([900, 2048, 5 << 20, u64::MAX].map(bytes)[..3], ["900 B", "2.0 KiB", "5.0 MiB"]);
}

#[test]
fn lines_tell_a_leak_as_a_warning_and_figures_only_to_who_asks_for_all() {
    let lines = |level: Level| {
        let shared = Shared::default();
        tell_sink(&resources_scene(), &mut Lines::new(shared.clone(), level, false));
        shared.text()
    };
    let told = lines(Level::Warn);
    assert_eq!(told.lines().filter(|line| line.contains(" leak ")).count(), 2, "{told}");
    assert!(told.contains(&format!("acquired at {SITE}")) && !told.contains("leases so far"), "{told}");
    assert!(!lines(Level::Info).contains("leases so far"));
    assert!(lines(Level::Debug).contains("resource  notes  4 of 4 in use, 3 waiting, 1204 leases so far"));
}
