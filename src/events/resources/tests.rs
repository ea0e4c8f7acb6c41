//! What is told of resources, and what helps.
#![expect(clippy::unwrap_used, reason = "a test may")]

use serde_json::json;

use super::*;
use crate::events::holder::{Holder, told};
use crate::events::testing::resources::{owner, resources_scene, resources_scene_over, seen, unused};
use crate::events::{EVENT_VERSION, Event, EventKind, ResourceView, RunState, telling};
use crate::resources::{HealthReport, Metrics, Owner, OwnerView, ResourceStatus};

fn folded(events: &[Event]) -> RunState {
    let mut state = RunState::default();
    events.iter().for_each(|event| state.apply(event));
    state
}

/// What is known of `notes`, seen at these times with so many in use and waiting, of four.
fn over_time(moments: &[(u64, u32, u32)]) -> RunState {
    let mut state = RunState::default();
    for (seq, (elapsed, active, waiting)) in moments.iter().enumerate() {
        let mut status = unused("notes", 4);
        status.metrics = Metrics { active_connections: *active, waiting: *waiting, ..status.metrics };
        let kind = seen("database", status);
        state.apply(&Event { v: EVENT_VERSION, seq: seq as u64, at: 0, elapsed: *elapsed, kind });
    }
    state
}

fn troubles(state: &RunState, now: u64) -> Vec<Trouble> {
    hints(state, "notes", now).into_iter().map(|hint| hint.trouble).collect()
}

#[test]
fn each_trouble_is_told_with_what_helps() {
    let state = folded(&resources_scene());
    let told = |name: &str, now| -> Vec<String> {
        hints(&state, name, now).into_iter().map(|hint| format!("{}: {}", hint.found, hint.advice)).collect()
    };
    let expected = [
        "1 lease outlived its owner: release it on every way out; until then its connection and its memory stay taken",
        "2 leases did not come free in time: raise its acquire_timeout, or give leases back sooner",
        "all 4 were in use while others waited, for 21.0 s: raise its max_size, or hold leases for a shorter time",
        "a lease was held for 61.0 s, beyond its leak_threshold: name it only in the step that works with it, or give that \
         step a timeout",
    ];
    assert_eq!(told("notes", 381_000), expected);
    assert_eq!(told("model", 381_000), ["it is degraded: raise requests_per_minute, or run fewer jobs"]);
    let expected = "it is unhealthy: check that the server runs and can be reached from here";
    assert_eq!(told("bucket", 381_000), [expected]);
    assert!(told("words", 381_000).is_empty() && told("nothing", 0).is_empty());
}

#[test]
fn a_resource_that_does_not_say_what_helps_is_told_of_connectivity_and_credentials() {
    let mut state = folded(&resources_scene());
    state.dependencies.clear();
    let hint = hints(&state, "bucket", 0).remove(0);
    assert_eq!((hint.trouble, hint.advice.as_str()), (Trouble::NotWell, REACHABLE));
    assert!(REACHABLE.contains("credentials") && REACHABLE.contains("reached"));
}

#[test]
fn all_in_use_is_told_when_it_lasts_and_somebody_waits() {
    // For a moment, or with nobody waiting, it is what a pool is for.
    assert!(troubles(&over_time(&[(0, 4, 2)]), 9_000).is_empty());
    assert!(troubles(&over_time(&[(0, 4, 0)]), 900_000).is_empty());
    assert!(troubles(&over_time(&[(0, 3, 2)]), 900_000).is_empty());
    assert_eq!(troubles(&over_time(&[(0, 4, 2)]), 10_000), [Trouble::Exhausted]);
    // In between others were served: it goes on all the same.
    let still = [(0, 4, 2), (4_000, 4, 1), (8_000, 4, 3)];
    assert_eq!(troubles(&over_time(&still), 10_000), [Trouble::Exhausted]);
    // Over now, it is told where it was much of the run.
    let often = [(0, 4, 2), (6_000, 0, 0), (20_000, 4, 1), (26_000, 0, 0)];
    assert_eq!(over_time(&often).resources["notes"].full(30_000), 12_000);
    assert_eq!(troubles(&over_time(&often), 30_000), [Trouble::Exhausted]);
    assert!(troubles(&over_time(&often), 3_000_000).is_empty());
}

#[test]
fn a_lease_that_is_held_far_longer_than_others_is_told() {
    let held = |seconds: f64, mean: f64| {
        let mut state = over_time(&[(0, 1, 0)]);
        let status = &mut state.resources.get_mut("notes").unwrap().status;
        status.metrics.average_hold_time = mean;
        status.owners = vec![OwnerView { owner: Owner::new("somebody"), held: seconds }];
        troubles(&state, 0)
    };
    assert_eq!(held(60.0, 6.0), [Trouble::LongHeld]);
    assert!(held(60.0, 6.1).is_empty() && held(59.9, 0.1).is_empty(), "it is short, or others are as long");
    assert!(held(9e99, 0.0).is_empty() && held(f64::NAN, f64::INFINITY).is_empty());
}

#[test]
fn what_was_told_last_of_a_resource_counts() {
    let mut state = folded(&resources_scene());
    let health = |state: &RunState| state.health_of("bucket").map(|found| (found.health, found.at)).unwrap();
    assert_eq!(health(&state), (Health::Unhealthy, 375_000));
    assert_eq!(state.health_of("model").unwrap().health, Health::Degraded);
    assert_eq!(state.health_of("notes").unwrap().version, Some("PostgreSQL 15.8"));
    assert_eq!(state.health_of("nothing"), None);
    // A look that found it well again is not taken back by figures of before.
    let view = state.dependencies.get_mut("bucket").unwrap();
    (view.available, view.checked) = (true, 390_000);
    assert_eq!(health(&state), (Health::Healthy, 390_000));
    state.resources.get_mut("bucket").unwrap().at = 395_000;
    assert_eq!(health(&state), (Health::Unhealthy, 395_000));
    // What nobody has looked at but the check of dependencies.
    state.resources.get_mut("bucket").unwrap().status.health = HealthReport::default();
    assert_eq!(health(&state), (Health::Healthy, 390_000));
}

#[test]
fn an_owner_is_told_by_its_item_its_step_and_its_attempt() {
    let state = folded(&resources_scene());
    let guest = owner(1, "save", 2);
    let holder = Holder::read(&guest).unwrap();
    let name = "02 Interview with a guest whose name is far too long for most columns";
    assert_eq!((holder.name(), holder.step, holder.attempt), (name, "save", "2"));
    assert_eq!(told(&guest), format!("{name}, step save, attempt 2"));
    assert_eq!((holder.working(&state), holder.find(&state)), (Some(1), Some(1)));
    // One that is not worked on now.
    let finale = owner(7, "save.3", 1);
    let holder = Holder::read(&finale).unwrap();
    assert_eq!((holder.working(&state), holder.find(&state), holder.step), (None, Some(7), "save.3"));
    for other in ["lesson/song-1", "a/b/c/d", "", "/", "////1", "x/y/1", "run/key-0123456789ab"] {
        assert_eq!(Holder::read(&Owner::new(other)), None, "{other}");
        assert_eq!(told(&Owner::new(other)), other);
    }
    let odd = Owner::new("a run/with/a slash/id/step/1");
    assert_eq!(Holder::read(&odd).unwrap().name(), "id");
}

#[test]
fn a_lease_that_is_out_grows_older_until_now() {
    let state = folded(&resources_scene());
    let view = &state.resources["notes"];
    assert_eq!(view.held(&view.status.owners[0], 365_000), 46_000);
    assert_eq!(view.held(&view.status.owners[0], 0), 41_000, "time does not run backwards");
    let hostile = OwnerView { owner: Owner::new("x"), held: f64::MAX };
    assert_eq!(ResourceView::default().held(&hostile, u64::MAX), u64::MAX);
}

#[test]
fn figures_tell_their_units() {
    let found = json!({
        "prompt_tokens": 4021, "completion_tokens": 880, "bytes_sent": 2048, "waited_seconds": 1.5, "share": 0.25,
        "model": "small", "bytes": 7, "last": null,
    });
    let told = figures(found.as_object().unwrap());
    let amount = |label: &str| told.iter().find(|figure| figure.label == label).unwrap().amount.clone();
    assert_eq!(amount("prompt tokens"), Amount::Count(4021));
    assert_eq!(amount("sent"), Amount::Bytes(2048));
    assert_eq!(amount("bytes"), Amount::Bytes(7));
    assert_eq!(amount("waited"), Amount::Seconds(1.5));
    assert_eq!(amount("share"), Amount::Text("0.25".into()));
    assert_eq!(amount("model"), Amount::Text("small".into()));
    assert_eq!(amount("last"), Amount::Text("null".into()));
    let chiefs = |found: serde_json::Value| -> Vec<(String, Amount)> {
        chief(found.as_object().unwrap()).into_iter().map(|figure| (figure.label, figure.amount)).collect()
    };
    let named = |label: &str, amount| (label.to_owned(), amount);
    assert_eq!(chiefs(found), [named("tokens", Amount::Count(4901)), named("moved", Amount::Bytes(2048))]);
    let own = json!({ "keys": 5, "hits": 4, "misses": 1 });
    assert_eq!(chiefs(own), [named("keys", Amount::Count(5)), named("hits", Amount::Count(4))]);
    assert!(chiefs(json!({})).is_empty());
}

#[test]
fn a_leak_is_told_as_a_warning_and_figures_only_to_who_asks_for_all() {
    let state = folded(&resources_scene_over());
    let kinds: Vec<EventKind> = resources_scene_over().into_iter().map(|event| event.kind).collect();
    let told: Vec<(telling::Level, String)> = kinds
        .iter()
        .filter(|kind| matches!(kind, EventKind::ResourceLeaked { .. } | EventKind::ResourceSeen { .. }))
        .map(|kind| telling::tell_with(kind, &state, &|path| path.display().to_string()))
        .map(|told| (told.level, format!("{} {}", told.word, told.text)))
        .collect();
    let warnings: Vec<&str> =
        told.iter().filter(|(level, _)| *level == telling::Level::Warn).map(|(_, text)| text.as_str()).collect();
    let expected = [
        "leak notes  is still held though its owner has ended: 07 Questions, step save, attempt 1, for 12.5 s; acquired at \
         src/engine/resources/mod.rs:212:46",
        "leak notes  is held for long: 02 Interview with a guest whose name is far too long for most columns, step save, \
         attempt 1, for 61.0 s; acquired at src/engine/resources/mod.rs:212:46",
    ];
    assert_eq!(warnings, expected);
    assert!(told.iter().all(|(level, text)| text.starts_with("leak") || *level == telling::Level::Debug), "{told:?}");
}

#[test]
fn nothing_is_lost_of_what_a_status_holds() {
    let state = folded(&resources_scene());
    let view = &state.resources["model"];
    let back: ResourceStatus = serde_json::from_str(&serde_json::to_string(&view.status).unwrap()).unwrap();
    assert_eq!((back, view.kind.as_str(), view.at), (view.status.clone(), "llm", 370_000));
}
