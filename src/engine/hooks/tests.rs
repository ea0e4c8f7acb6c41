//! Hooks whose calls misbehave.

#![expect(clippy::unwrap_used, reason = "a test may")]

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use serde_json::json;
use tokio::time::Instant;

use super::call::{About, Call, Came};
use super::calls::Calls;
use super::gates::{Gates, Mark};
use super::{Happened, What};
use crate::engine::resources::tests::{Scene, step};
use crate::events::EventKind;
use crate::pipeline::hooks::{Hook, HookOn};
use crate::resilience::breaker::BreakerSettings;
use crate::resilience::retry::RetryPolicy;
use crate::resilience::{Fault, FaultClass};
use crate::resources::secret::Secrets;
use crate::resources::settings::{ResourceKind, ResourceSpec, register};
use crate::resources::{Manager, PoolSettings};

fn hook(on: HookOn, uses: &str) -> Hook {
    Hook { on, uses: uses.into(), resource: "vault".into(), with: json!({}) }
}

#[test]
fn a_hook_that_panics_is_told_and_due_in_the_next_run_and_one_that_is_refused_is_not() {
    let mut scene = Scene::new(&[("save", "test.echo")]);
    scene.items = 2;
    scene.hooks = ["test.panic", "test.fail", "test.echo"].map(|uses| hook(HookOn::ItemDone, uses)).into();
    scene.hooks.push(hook(HookOn::ItemFailed, "test.panic"));
    scene.hooks.push(hook(HookOn::BatchDone, "test.panic"));
    for run in 0..2 {
        let (finished, events) = scene.run();
        assert_eq!(finished.unwrap().outcome.counts.done, 2);
        let mut told: Vec<String> = Vec::new();
        for event in events {
            if let EventKind::Warning { message, .. } = event.kind {
                told.extend(Some(message).filter(|message| message.starts_with("hook ")));
            }
        }
        let count = |text: &str| told.iter().filter(|message| message.contains(text)).count();
        assert_eq!(count("hook on_done (test.panic with vault) failed: mediamill itself failed"), 3, "{run}: {told:?}");
        assert_eq!(count("; the next run calls it again"), 2, "{told:?}");
        assert_eq!(count("hook on_done (test.fail with vault) failed: it does not take"), 2, "{told:?}");
        assert_eq!(told.len(), 5, "{told:?}");
        for checkpoint in scene.checkpoints() {
            let due = checkpoint.calls_due().map(|due| (due.hook.as_str(), due.refused.is_some()));
            let due: Vec<_> = due.collect();
            assert_eq!(due, [("on_done test.panic with vault", false), ("on_done test.fail with vault", true)]);
        }
    }
}

/// The gates of `vault`, and where calls go that have waited.
fn gates(calls: &Arc<Calls>) -> (Arc<Gates>, Receiver<Happened>) {
    let settings = BreakerSettings { failure_threshold: 2, success_threshold: 2, ..BreakerSettings::default() };
    let (again, to_do) = channel();
    (Gates::new([("vault".to_owned(), settings)], calls, again), to_do)
}

fn mark(item: u32) -> Mark {
    Mark { item, id: String::new(), since: 0 }
}

#[tokio::test(start_paused = true)]
async fn while_a_service_is_down_its_calls_are_held_and_one_at_a_time_finds_out_when_it_is_well() {
    let calls = Calls::new();
    let (gates, to_do) = gates(&calls);
    let (occasion, down) = (Arc::default(), Fault::new(FaultClass::Dependency, "refused", "nobody is there"));
    let begin = |item: u32| {
        assert!(gates.enter(&mark(item)));
        calls.recount(1, 0);
        gates.ask("vault", &mark(item), &occasion)
    };
    let left = || calls.left.load(Ordering::SeqCst);
    let again = || to_do.try_iter().filter_map(|one| if let What::Due(item) = one.what { item } else { None });
    for item in 0..2 {
        let ticket = begin(item).unwrap();
        assert!(!gates.enter(&mark(item)), "it is under way");
        gates.settle("vault", ticket, Some(&down));
        assert!(gates.is_shut("vault", Some((&mark(item), &occasion))) == (item == 1));
    }
    gates.leave(&mark(0));
    calls.recount(0, 1);
    for item in 2..10 {
        assert!(begin(item).is_none(), "{item} is called");
    }
    assert_eq!((left(), gates.held()), (0, vec![("vault".to_owned(), 9, "nobody is there".to_owned())]));
    // Nothing more happens, and its time comes all the same.
    tokio::time::sleep(Duration::from_secs(59)).await;
    assert_eq!(again().count(), 0);
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!((again().collect::<Vec<_>>(), left()), (vec![1], 1));
    calls.recount(0, 1);
    // It is not well yet; the next time it is.
    gates.settle("vault", begin(1).unwrap(), Some(&down));
    assert!(gates.is_shut("vault", Some((&mark(1), &occasion))));
    tokio::time::sleep(Duration::from_secs(61)).await;
    assert_eq!(again().collect::<Vec<_>>(), [1]);
    for (item, next) in [(1, vec![2]), (2, (3..10).collect())] {
        calls.recount(0, 1);
        gates.settle("vault", begin(item).unwrap(), None);
        gates.leave(&mark(item));
        calls.recount(0, 1);
        assert_eq!(again().collect::<Vec<_>>(), next);
    }
    assert_eq!(gates.held(), []);
    // At the end of a run who is held stays so.
    gates.end();
    for item in 20..22 {
        gates.settle("vault", begin(item).unwrap(), Some(&down));
    }
    assert!(begin(30).is_none());
    tokio::time::sleep(Duration::from_secs(61)).await;
    assert_eq!((again().count(), gates.held()[0].1), (0, 1));
}

fn call(uses: &str) -> Call {
    let manager = Manager::new();
    let (kind, settings) = (ResourceKind::Static, json!({ "data": {} }));
    let spec = ResourceSpec { name: "vault".into(), kind, pool: PoolSettings::default(), settings };
    register(&manager, &spec, &|_| None, &Secrets::default()).unwrap();
    Call {
        about: About { place: 0, item: None, due: None },
        manager,
        step: step(uses).unwrap(),
        with: json!({}),
        resource: "vault".into(),
        owner: "run/hook-1".into(),
        once: String::new(),
        retry: RetryPolicy::default(),
        seed: 0,
        name: "run".into(),
        occasion: Arc::default(),
        limit: Duration::from_secs(60),
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_whose_turn_never_comes_keeps_no_other_from_being_made_and_has_an_end() {
    let (calls, start) = (Calls::new(), Instant::now());
    let free = calls.slots.available_permits();
    let slot = Arc::clone(&calls.slots).acquire_owned().await.unwrap();
    let waiting = tokio::spawn({
        let calls = Arc::clone(&calls);
        async move { call("test.turn").perform(&gates(&calls).0, &calls, slot, &mut Vec::new()).await }
    });
    tokio::time::sleep(Duration::from_secs(30)).await;
    assert_eq!(calls.slots.available_permits(), free);
    assert!(calls.waits_longer_than(Instant::now()));
    let Some(Came::Ended(Err(fault))) = waiting.await.unwrap() else { panic!("it was made") };
    assert_eq!(fault.cause, crate::resilience::fault::THROTTLED);
    let took = start.elapsed().as_secs();
    assert!((500..=600).contains(&took), "{took} s");
}

#[test]
fn the_end_waits_for_calls_that_wait_for_their_time_and_for_no_others() {
    let patience = Duration::from_millis(20);
    let (end, ended) = std::sync::mpsc::channel();
    let calls = Calls::new();
    calls.recount(1, 0);
    assert!(!calls.end(&ended, patience), "nothing gets on");
    calls.waits_until(Instant::now() + Duration::from_secs(3600));
    let waiting = std::thread::spawn({
        let calls = Arc::clone(&calls);
        move || calls.end(&ended, patience)
    });
    // Longer than its patience, however slow the machine is.
    std::thread::sleep(patience * 5);
    assert!(!waiting.is_finished());
    end.send(()).unwrap();
    assert!(waiting.join().unwrap());
}
