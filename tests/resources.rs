//! What the manager of resources promises to those who hold leases, in virtual time.

#![expect(clippy::unwrap_used, reason = "a test that cannot unwrap has failed")]

#[path = "support/parts.rs"]
mod parts;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use mediamill::resilience::FaultClass;
use mediamill::resources::{Activity, Finding, Fixed, Health, Manager, Operation, PoolSettings, Requirement, scoped};
use parts::{Call, Part, Parts, SECOND, Way, manager, of, owner, panic_quietly, part, part_now, settle, waiter};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep, timeout};

#[tokio::test(start_paused = true)]
async fn the_same_owner_gets_the_same_handle_until_the_last_lease_of_it_is_dropped() {
    let parts = Parts::good();
    let manager = manager(&parts, of(1));
    let first = part(&manager, "me").await.unwrap();
    let second = part(&manager, "me").await.unwrap();
    let third = manager.get_resource::<Part>("parts", &owner("me")).unwrap();
    assert_eq!((first.id, second.id, third.id), (1, 1, 1));
    drop(first);
    drop(third);
    assert!(part_now(&manager, "other").await.is_err(), "a nested release took it away");
    assert!(manager.has_resource("parts", &owner("me")));
    assert_eq!(manager.owners("parts"), [owner("me")]);
    drop(second);
    assert!(!manager.has_resource("parts", &owner("me")));
    assert!(manager.get_resource::<Part>("parts", &owner("me")).is_none());
    assert!(part_now(&manager, "other").await.is_ok());
    let metrics = manager.status("parts").unwrap().metrics;
    assert_eq!((metrics.total_acquisitions, metrics.active_connections), (2, 0));
}

#[tokio::test(start_paused = true)]
async fn the_same_owner_gets_the_same_handle_though_he_asks_twice_at_once() {
    let parts = Parts::good();
    let manager = manager(&parts, of(1));
    parts.sets(Call::Create, Way::After(SECOND));
    let (a, b, c) = tokio::join!(part(&manager, "me"), part(&manager, "me"), part(&manager, "me"));
    assert_eq!((a.unwrap().id, b.unwrap().id, c.unwrap().id), (1, 1, 1));
    assert_eq!(parts.made(), 1);
    // Who goes away or fails leaves it to the next one.
    parts.does({
        let mut first = true;
        move |call| match call {
            Call::Reuse => Way::Works,
            Call::Create if std::mem::take(&mut first) => Way::FailsAfter(SECOND),
            _ => Way::After(SECOND),
        }
    });
    sleep(7200 * SECOND).await;
    let given_up = timeout(SECOND / 2, part(&manager, "me"));
    let (given_up, had, failed) = tokio::join!(given_up, part(&manager, "me"), part(&manager, "me"));
    assert!(given_up.is_err());
    let (had, failed) = if had.is_ok() { (had, failed) } else { (failed, had) };
    assert_eq!(failed.unwrap_err().fault.cause, "refused");
    let had = had.unwrap();
    assert_eq!(had.id, 2);
    // And is waited for no longer than one wants to wait.
    let (first, second) = tokio::join!(part(&manager, "you"), async {
        let second = part_now(&manager, "you").await;
        drop(had);
        second
    });
    assert!(first.is_ok() && second.unwrap_err().is_timeout());
}

#[tokio::test(start_paused = true)]
async fn what_is_kept_by_name_is_kept_until_it_is_released_as_often() {
    let parts = Parts::good();
    let manager = manager(&parts, of(1));
    let me = owner("me");
    manager.hold("parts", &me).await.unwrap();
    manager.hold("parts", &me).await.unwrap();
    manager.release("parts", &me);
    assert!(manager.has_resource("parts", &me));
    manager.release("parts", &me);
    assert!(!manager.has_resource("parts", &me));
    // Of what is not held, not known, or not kept: nothing happens.
    manager.release("parts", &me);
    manager.release("nowhere", &me);
    let lease = part(&manager, "me").await.unwrap();
    manager.release("parts", &me);
    assert!(manager.has_resource("parts", &me));
    assert_eq!(lease.id, 1);
    drop(lease);

    manager.hold("parts", &me).await.unwrap();
    manager.hold("parts", &me).await.unwrap();
    assert!(manager.release_all(&me).is_empty());
    assert!(!manager.has_resource("parts", &me));
    // What somebody holds in the name of an owner who has ended is told, with the place where he got it.
    let lease = manager.acquire::<Part>("parts", &me).await.unwrap();
    sleep(SECOND).await;
    let leaks = manager.release_all(&me);
    assert_eq!(leaks.len(), 1);
    assert_eq!((leaks[0].resource.as_str(), &leaks[0].owner, leaks[0].held), ("parts", &me, 1.0));
    assert!(leaks[0].acquired_at.contains("resources.rs:"), "{}", leaks[0].acquired_at);
    drop(lease);
    assert!(manager.release_all(&me).is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_is_not_known_is_an_error() {
    let parts = Parts::good();
    let manager = manager(&parts, of(1));
    let error = manager.acquire::<Part>("part", &owner("me")).await.unwrap_err();
    assert_eq!((error.resource.as_str(), error.fault.cause.as_str()), ("part", "resource-unknown"));
    assert_eq!(error.to_string(), "there is no resource 'part'");
    let error = manager.acquire::<Value>("parts", &owner("me")).await.unwrap_err();
    assert_eq!(error.fault.cause, "resource-kind");
    assert_eq!(parts.made(), 0, "nothing is made for who wants something else");
    let error = manager.register("parts", parts.clone(), of(1)).unwrap_err();
    assert_eq!((error.fault.cause.as_str(), error.operation), ("resource-taken", Operation::Register));
    assert!(manager.status("part").is_none());
    assert_eq!(manager.check("part").await.health, Health::Unknown);
    assert!(!manager.validate("part").await);
    assert!(!manager.unregister("part").await);
}

#[tokio::test(start_paused = true)]
async fn a_closed_manager_refuses_and_tells_what_is_still_out() {
    let parts = Parts::good();
    let manager = manager(&parts, of(2));
    let told = Arc::default();
    let out = part(&manager, "out").await.unwrap();
    manager.hold("parts", &owner("forgetful")).await.unwrap();
    let waits = waiter(&manager, "waits", &told).await;
    let start = Instant::now();
    let leaks = manager.close().await;
    assert_eq!(start.elapsed(), 5 * SECOND, "a little while");
    waits.await.unwrap();
    assert_eq!(*told.lock().unwrap(), ["waits: resource-closed"]);
    let owners: Vec<_> = leaks.iter().map(|leak| leak.owner.as_str()).collect();
    assert_eq!(owners, ["forgetful", "out"]);
    assert!(leaks[1].to_string().starts_with("out holds 'parts' for 5.0 s, acquired at "), "{}", leaks[1]);

    let error = part(&manager, "new").await.unwrap_err();
    assert_eq!((error.fault.class, error.fault.cause.as_str()), (FaultClass::Cancelled, "resource-closed"));
    assert_eq!(manager.hold("parts", &owner("new")).await.unwrap_err().fault.cause, "resource-closed");
    assert_eq!(manager.register("new", Parts::good(), of(1)).unwrap_err().fault.cause, "resource-closed");
    assert_eq!((out.id, parts.alive()), (1, 1), "what is out can be used until it comes back");
    drop(out);
    settle().await;
    assert_eq!((parts.alive(), parts.closed()), (0, 2));
    assert!(manager.close().await.is_empty(), "closed twice");
}

#[tokio::test(start_paused = true)]
async fn a_handle_that_is_finished_after_the_close_is_given_to_nobody() {
    let parts = Parts::good();
    let manager = manager(&parts, of(2));
    parts.sets(Call::Create, Way::After(SECOND));
    let late = {
        let manager = manager.clone();
        tokio::spawn(async move { part(&manager, "late").await.unwrap_err() })
    };
    settle().await;
    assert!(manager.close().await.is_empty());
    assert_eq!(late.await.unwrap().fault.cause, "resource-closed");
    assert_eq!((parts.alive(), parts.made(), parts.closed()), (0, 1, 1));
}

#[tokio::test(start_paused = true)]
async fn closing_does_not_wait_for_one_handle_after_the_other() {
    let parts = Parts::good();
    let manager = manager(&parts, of(10));
    let leases: Vec<_> = {
        let mut leases = Vec::new();
        for who in 0..10 {
            leases.push(part(&manager, who).await.unwrap());
        }
        leases
    };
    drop(leases);
    parts.sets(Call::Close, Way::Hangs);
    let start = Instant::now();
    assert!(manager.close().await.is_empty());
    assert!(start.elapsed() <= 6 * SECOND, "{:?}", start.elapsed());
    settle().await;
    assert_eq!(parts.alive(), 0);
}

#[tokio::test(start_paused = true)]
async fn all_that_is_required_or_nothing() {
    let (a, b) = (Parts::good(), Parts::good());
    let manager = Manager::new();
    manager.register("b", b.clone(), of(1)).unwrap();
    manager.register("a", a.clone(), of(1)).unwrap();
    let me = owner("me");
    // Two who need both, named in another order: neither waits for the other for ever.
    let needs = |names: [&str; 2]| names.map(Requirement::new);
    let work = |who: &'static str, names| {
        let manager = manager.clone();
        tokio::spawn(async move {
            for _ in 0..100 {
                let leases = manager.acquire_all(&needs(names), &owner(who)).await.unwrap();
                tokio::task::yield_now().await;
                assert!(leases.get("a").is_some() && leases.get("b").is_some());
            }
        })
    };
    let start = Instant::now();
    let (one, other) = tokio::join!(work("one", ["a", "b"]), work("other", ["b", "a"]));
    assert!(one.is_ok() && other.is_ok());
    assert_eq!(start.elapsed(), Duration::ZERO);

    b.sets(Call::Create, Way::Fails);
    b.does(|call| if matches!(call, Call::Create | Call::Validate) { Way::Fails } else { Way::Works });
    sleep(61 * SECOND).await;
    let error = manager.acquire_all(&needs(["a", "b"]), &me).await.unwrap_err();
    assert_eq!(error.resource, "b");
    assert!(!manager.has_resource("a", &me), "the first one is not left behind");
    assert!(manager.acquire_within::<Part>("a", &me, Duration::ZERO).await.is_ok());

    let leases = manager.acquire_all(&[Requirement::new("b").optional(), Requirement::new("a")], &me).await.unwrap();
    assert!(leases.get("a").is_some() && leases.get("b").is_none());
    assert_eq!(leases.missing.len(), 1);
    let missing = [Requirement::new("a"), Requirement::new("nowhere").optional()];
    assert_eq!(manager.acquire_all(&missing, &me).await.unwrap().missing[0].fault.cause, "resource-unknown");
}

#[tokio::test(start_paused = true)]
async fn all_together_are_waited_for_no_longer_than_one() {
    let parts = Parts::good();
    let manager = Manager::new();
    for name in ["a", "b", "c"] {
        manager.register(name, parts.clone(), of(1)).unwrap();
    }
    let holder = owner("holder");
    let _c = manager.acquire::<Part>("c", &holder).await.unwrap();
    let b = manager.acquire::<Part>("b", &holder).await.unwrap();
    let _a = manager.acquire::<Part>("a", &holder).await.unwrap();
    let ten = |name: &str| Requirement::new(name).within(10 * SECOND);
    let start = Instant::now();
    let waits = {
        let manager = manager.clone();
        let needs = [ten("a").optional(), ten("b"), ten("c")];
        tokio::spawn(async move { manager.acquire_all(&needs, &owner("me")).await.unwrap_err() })
    };
    // What is spent on `a`, which can be missing, leaves `b` and `c` their time; what is spent on `b` does not.
    sleep(16 * SECOND).await;
    drop(b);
    let error = waits.await.unwrap();
    assert_eq!((error.resource.as_str(), start.elapsed().as_secs()), ("c", 20));
}

#[tokio::test(start_paused = true)]
async fn averages_are_averages_of_what_was() {
    let parts = Parts::good();
    let manager = manager(&parts, of(1));
    let none = manager.status("parts").unwrap().metrics;
    assert_eq!((none.average_hold_time, none.average_acquisition_time, none.since_acquisition), (0.0, 0.0, None));
    for seconds in [2, 4] {
        let lease = part(&manager, "a").await.unwrap();
        let next = {
            let manager = manager.clone();
            tokio::spawn(async move { drop(part(&manager, "b").await.unwrap()) })
        };
        sleep(seconds * SECOND).await;
        drop(lease);
        next.await.unwrap();
    }
    sleep(SECOND).await;
    let metrics = manager.status("parts").unwrap().metrics;
    // Held for 2, 0, 4, 0; waited for 0, 2, 0, 4.
    assert_eq!(
        (metrics.average_hold_time, metrics.average_acquisition_time, metrics.longest_hold_time),
        (1.5, 1.5, 4.0)
    );
    assert_eq!(
        (metrics.total_acquisitions, metrics.failed_acquisitions, metrics.created, metrics.closed),
        (4, 0, 1, 0)
    );
    assert_eq!(
        (metrics.since_acquisition, metrics.since_release, metrics.since_health_check),
        (Some(1.0), Some(1.0), None)
    );
}

#[tokio::test(start_paused = true)]
async fn a_status_without_ages_changes_only_when_something_happens() {
    let manager = manager(&Parts::good(), of(2));
    let status = || manager.status("parts").unwrap();
    let _long = part(&manager, "b").await.unwrap();
    drop(part(&manager, "a").await.unwrap());
    manager.check("parts").await;
    let before = status();
    sleep(SECOND).await;
    assert_ne!(status(), before);
    assert_eq!(status().timeless(), before.timeless());
    drop(part(&manager, "a").await.unwrap());
    assert_ne!(status().timeless(), before.timeless());
}

#[tokio::test(start_paused = true)]
async fn health_is_unknown_until_somebody_looks() {
    let parts = Parts::good();
    let manager = manager(&parts, of(1));
    let status = |manager: &Manager| manager.status("parts").unwrap();
    assert_eq!(status(&manager).health.health, Health::Unknown);
    drop(part(&manager, "a").await.unwrap());
    assert_eq!(status(&manager).health.health, Health::Unknown, "to use it is not to look at it");
    assert!(manager.validate("parts").await);
    assert_eq!((status(&manager).health.health, status(&manager).activity()), (Health::Healthy, Activity::Idle));

    parts.sets(Call::Check, Way::Fails);
    let report = manager.check("parts").await;
    assert_eq!((report.health, report.details.as_str()), (Health::Unhealthy, "no parts at all"));
    let hint = "check that the server runs and can be reached from here, and its credentials";
    assert_eq!(report.hint.as_deref(), Some(hint));
    assert_eq!((status(&manager).health, status(&manager).activity()), (report, Activity::Error));
    parts.sets(Call::Check, Way::Hangs);
    let start = Instant::now();
    assert!(!manager.validate("parts").await);
    assert_eq!(start.elapsed(), 10 * SECOND);
    assert_eq!(status(&manager).health.details, "no answer within 10 s");
    parts.sets(Call::Check, Way::Panics);
    assert_eq!(manager.check("parts").await.health, Health::Unknown);
    assert_eq!(status(&manager).metrics.failed_health_checks, 2);
}

#[tokio::test(start_paused = true)]
async fn all_are_looked_at_at_the_same_time() {
    let manager = Manager::new();
    let slow = Parts::good();
    slow.sets(Call::Check, Way::After(5 * SECOND));
    for name in ["z", "y", "x"] {
        manager.register(name, slow.clone(), of(1)).unwrap();
    }
    let start = Instant::now();
    let reports = manager.check_all().await;
    assert_eq!(start.elapsed(), 5 * SECOND);
    let names: Vec<_> = reports.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!((names, manager.names().len()), (vec!["z", "y", "x"], 3));
}

#[tokio::test(start_paused = true)]
async fn who_holds_it_for_long_is_told_of_once() {
    let parts = Parts::good();
    let manager = manager(&parts, PoolSettings { leak_threshold: Some(10 * SECOND), ..of(3) });
    let _long = part(&manager, "long").await.unwrap();
    sleep(6 * SECOND).await;
    let short = part(&manager, "short").await.unwrap();
    sleep(5 * SECOND).await;
    let told = manager.newly_long_held();
    assert_eq!(told.len(), 1);
    assert_eq!((told[0].owner.as_str(), told[0].held), ("long", 11.0));
    drop(short);
    sleep(100 * SECOND).await;
    assert!(manager.newly_long_held().is_empty());
}

#[tokio::test(start_paused = true)]
async fn the_monitor_looks_at_once_and_at_every_interval_until_the_manager_is_closed() {
    let parts = Parts::good();
    let manager = manager(&parts, PoolSettings { min_size: 1, leak_threshold: Some(90 * SECOND), ..of(2) });
    let found = Arc::<Mutex<Vec<(u64, Finding)>>>::default();
    let start = Instant::now();
    let monitor = tokio::spawn({
        let found = Arc::clone(&found);
        manager.monitor(60 * SECOND, move |finding| found.lock().unwrap().push((start.elapsed().as_secs(), finding)))
    });
    settle().await;
    assert_eq!(parts.alive(), 1, "kept ready");
    let _lease = part(&manager, "long").await.unwrap();
    sleep(61 * SECOND).await;
    parts.does(|call| if matches!(call, Call::Check | Call::Create) { Way::Fails } else { Way::Works });
    sleep(60 * SECOND).await;
    let _ = manager.close().await;
    monitor.await.unwrap();
    let words: Vec<(u64, String)> = found
        .lock()
        .unwrap()
        .iter()
        .map(|(at, finding)| match finding {
            Finding::Checked { resource, report } => (*at, format!("{resource} {}", report.health.word())),
            Finding::LongHeld(leak) => (*at, format!("{} long", leak.owner)),
            Finding::NotReady(error) => (*at, error.fault.cause.clone()),
        })
        .collect();
    let expected = [(0, "parts healthy"), (60, "parts healthy"), (120, "parts unhealthy"), (120, "long long")];
    assert_eq!(words, expected.map(|(at, word)| (at, word.to_owned())));
}

#[tokio::test(start_paused = true)]
async fn the_monitor_keeps_no_manager_alive() {
    let parts = Parts::good();
    let manager = manager(&parts, PoolSettings { min_size: 2, ..of(2) });
    let monitor = tokio::spawn(manager.monitor(60 * SECOND, |_| {}));
    sleep(SECOND).await;
    assert_eq!(parts.alive(), 2);
    drop(manager);
    let start = Instant::now();
    monitor.await.unwrap();
    settle().await;
    assert_eq!(start.elapsed(), Duration::ZERO);
    assert_eq!((parts.alive(), parts.closed()), (0, 2), "the handles are closed all the same");
}

#[tokio::test(start_paused = true)]
async fn a_scope_cleans_up_whatever_comes_of_it() {
    async fn work(manager: Manager, parts: Parts, then: &'static str) -> u32 {
        manager.register("parts", parts, of(1)).unwrap();
        let id = part(&manager, "me").await.unwrap().id;
        manager.hold("parts", &owner("forgetful")).await.unwrap();
        match then {
            "panic" => panic_quietly(),
            "hang" => std::future::pending().await,
            _ => id,
        }
    }
    let parts = Parts::good();
    let (id, leaks) = scoped(|manager| work(manager, parts.clone(), "end")).await;
    assert_eq!((id, leaks.len(), leaks[0].owner.as_str()), (1, 1, "forgetful"));
    assert_eq!((parts.alive(), parts.closed()), (0, 1));
    let ends = tokio::spawn(scoped({
        let parts = parts.clone();
        move |manager| work(manager, parts, "panic")
    }));
    assert!(ends.await.unwrap_err().is_panic());
    assert_eq!((parts.alive(), parts.closed()), (0, 2));
    assert!(timeout(SECOND, scoped(|manager| work(manager, parts.clone(), "hang"))).await.is_err());
    settle().await;
    assert_eq!((parts.alive(), parts.closed()), (0, 3));
}

#[tokio::test(start_paused = true)]
async fn a_resource_can_be_taken_away_and_another_put_in_its_place() {
    let (parts, others) = (Parts::good(), Parts::good());
    let manager = manager(&parts, of(2));
    let out = part(&manager, "a").await.unwrap();
    drop(part(&manager, "b").await.unwrap());
    assert!(manager.unregister("parts").await);
    assert_eq!((parts.closed(), parts.alive()), (1, 1));
    manager.register("parts", others.clone(), of(1)).unwrap();
    assert_eq!(part(&manager, "a").await.unwrap().id, 1);
    assert_eq!(out.id, 1);
    drop(out);
    settle().await;
    assert_eq!((parts.closed(), parts.alive(), others.alive()), (2, 0, 1));
}

#[tokio::test(start_paused = true)]
async fn data_that_never_changes_is_a_resource_too() {
    let manager = Manager::new();
    manager.register("settings", Fixed::new(json!({ "timeout": 30 })), of(1)).unwrap();
    let settings = manager.acquire::<Value>("settings", &owner("me")).await.unwrap();
    assert_eq!(settings["timeout"], 30);
    assert!(manager.validate("settings").await);
}
