//! What a pool promises to those who wait for its handles, in virtual time.

#![expect(clippy::unwrap_used, reason = "a test that cannot unwrap has failed")]

#[path = "support/parts.rs"]
mod parts;

use std::sync::Arc;
use std::time::Duration;

use mediamill::resilience::FaultClass;
use mediamill::resources::{Operation, PoolSettings};
use parts::{Call, Parts, SECOND, Way, manager, of, panic_quietly, part, part_now, settle, waiter, waiting};
use tokio::time::{Instant, sleep, timeout};

#[test]
fn the_defaults_are_those_of_the_guide() {
    let tuple = |s: PoolSettings| (s.min_size, s.max_size, s.max_idle_time.as_secs(), s.acquire_timeout.as_secs());
    assert_eq!(tuple(PoolSettings::default()), (2, 10, 300, 30));
    assert_eq!(tuple(PoolSettings::high()), (5, 20, 300, 10));
    assert_eq!(tuple(PoolSettings::low()), (1, 5, 600, 30));
    let PoolSettings { validation_interval, max_lifetime, leak_threshold, .. } = PoolSettings::default();
    assert_eq!((validation_interval.as_secs(), max_lifetime.as_secs(), leak_threshold), (60, 3600, None));
}

#[tokio::test(start_paused = true)]
async fn who_waits_gets_it_in_the_order_of_arrival() {
    let parts = Parts::good();
    let manager = manager(&parts, of(1));
    let told = Arc::default();
    let lease = part(&manager, "holder").await.unwrap();
    let mut tasks = Vec::new();
    for who in ["a", "b", "c", "d"] {
        tasks.push(waiter(&manager, who, &told).await);
    }
    // Whoever goes away leaves no gap.
    tasks.remove(1).abort();
    settle().await;
    assert_eq!(waiting(&manager), 3);
    drop(lease);
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(*told.lock().unwrap(), ["a", "c", "d"]);
    assert_eq!((parts.made(), parts.most()), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn nobody_who_comes_later_overtakes_one_who_waits() {
    let parts = Parts::good();
    let manager = manager(&parts, of(1));
    let told = Arc::default();
    let lease = part(&manager, "holder").await.unwrap();
    let task = waiter(&manager, "first", &told).await;
    drop(lease);
    // The slot is free, the waiter has not run yet, and it is his.
    assert_eq!(part_now(&manager, "second").await.unwrap_err().fault.cause, "acquire-timeout");
    task.await.unwrap();
    assert!(part_now(&manager, "second").await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn every_freed_slot_wakes_the_next_waiter_at_once() {
    for case in ["returned", "broken", "not reusable", "old", "holder panics", "holder is cancelled"] {
        let parts = Parts::good();
        let manager = manager(&parts, PoolSettings { max_lifetime: 5 * SECOND, ..of(1) });
        let told = Arc::default();
        let lease = part(&manager, "first").await.unwrap();
        let task = waiter(&manager, "next", &told).await;
        match case {
            "broken" => lease.mark_broken(),
            "not reusable" => parts.sets(Call::Reuse, Way::Fails),
            "old" => sleep(6 * SECOND).await,
            _ => {}
        }
        let holder = tokio::spawn(async move {
            let _lease = lease;
            match case {
                "holder panics" => panic_quietly(),
                "holder is cancelled" => std::future::pending().await,
                _ => {}
            }
        });
        settle().await;
        holder.abort();
        let freed = Instant::now();
        task.await.unwrap();
        assert_eq!(freed.elapsed(), Duration::ZERO, "{case}");
        assert_eq!(*told.lock().unwrap(), ["next"], "{case}");
        assert_eq!(parts.most(), 1, "{case}");
        let is_kept = ["returned", "holder is cancelled"].contains(&case);
        assert_eq!(parts.made(), if is_kept { 1 } else { 2 }, "{case}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_handle_that_cannot_be_made_wakes_the_next_waiter_at_once() {
    let after = SECOND;
    for way in [Way::FailsAfter(after), Way::PanicsAfter(after), Way::Hangs] {
        let parts = Parts::good();
        let manager = manager(&parts, PoolSettings { acquire_timeout: 3 * SECOND, ..of(1) });
        parts.sets(Call::Create, way);
        let first = {
            let manager = manager.clone();
            tokio::spawn(async move { part(&manager, "first").await.unwrap_err() })
        };
        settle().await;
        sleep(SECOND / 2).await;
        let told = Arc::default();
        let next = waiter(&manager, "next", &told).await;
        parts.does(|_| Way::Works);
        let error = first.await.unwrap();
        let failed = Instant::now();
        let (class, cause) = match way {
            Way::FailsAfter(_) => (FaultClass::Dependency, "refused"),
            Way::PanicsAfter(_) => (FaultClass::Bug, "provider-panic"),
            _ => (FaultClass::Dependency, "connect-timeout"),
        };
        assert_eq!((error.fault.class, error.fault.cause.as_str()), (class, cause));
        assert_eq!((error.resource.as_str(), error.operation), ("parts", Operation::Create));
        assert_eq!(error.fault.resource.as_deref(), Some("parts"));
        next.await.unwrap();
        assert_eq!(failed.elapsed(), Duration::ZERO);
        assert_eq!(*told.lock().unwrap(), ["next"]);
        assert_eq!(parts.most(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn an_acquire_timeout_is_told_at_its_time_with_who_holds_it_and_what_to_do() {
    let parts = Parts::good();
    let manager = manager(&parts, PoolSettings { acquire_timeout: 2 * SECOND, ..of(1) });
    let _lease = part(&manager, "run/song/save/1").await.unwrap();
    sleep(SECOND).await;
    let start = Instant::now();
    let error = part(&manager, "late").await.unwrap_err();
    assert!(start.elapsed() - 2 * SECOND <= Duration::from_millis(10), "{:?}", start.elapsed());
    assert_eq!(
        error.to_string(),
        "no 'parts' came free within 2 s: all 1 are in use; run/song/save/1 holds it for 3.0 s"
    );
    assert_eq!(
        error.fault.hint.as_deref(),
        Some("raise its acquire_timeout or its max_size, or hold it for a shorter time")
    );
    assert_eq!((error.fault.class, error.is_timeout()), (FaultClass::Transient, true));
    let metrics = manager.status("parts").unwrap().metrics;
    assert_eq!((metrics.failed_acquisitions, metrics.timeouts, metrics.total_acquisitions), (1, 1, 1));
    assert_eq!((metrics.waiting, metrics.active_connections, metrics.size, metrics.available), (0, 1, 1, 0));
}

#[test]
fn an_acquire_timeout_is_told_at_its_time_by_the_real_clock() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async {
        let parts = Parts::good();
        let patience = Duration::from_millis(50);
        let manager = manager(&parts, PoolSettings { acquire_timeout: patience, ..of(1) });
        let _lease = part(&manager, "holder").await.unwrap();
        let mut late = Vec::new();
        for _ in 0..21 {
            let start = std::time::Instant::now();
            assert!(part(&manager, "waiter").await.unwrap_err().is_timeout());
            let waited = start.elapsed();
            assert!(waited >= patience, "told too early: {waited:?}");
            late.push(waited - patience);
        }
        // The machine may be busy with something else at any one time, but not at most of them.
        late.sort();
        assert!(late[10] <= Duration::from_millis(10), "{late:?}");
    });
}

#[tokio::test(start_paused = true)]
async fn who_does_not_wait_is_told_at_once_and_yet_has_a_handle_made() {
    let parts = Parts::good();
    let manager = manager(&parts, PoolSettings { acquire_timeout: Duration::ZERO, ..of(1) });
    parts.sets(Call::Create, Way::After(3 * SECOND));
    let lease = part(&manager, "first").await.unwrap();
    let start = Instant::now();
    let error = part(&manager, "second").await.unwrap_err();
    assert_eq!(start.elapsed(), Duration::ZERO);
    assert_eq!(error.fault.hint.as_deref(), Some("raise its max_size, or give it an acquire_timeout"));
    drop(lease);
    assert!(part(&manager, "second").await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn the_wait_for_others_is_not_charged_to_the_service() {
    let parts = Parts::good();
    let manager = manager(&parts, PoolSettings { acquire_timeout: 10 * SECOND, ..of(1) });
    let lease = part(&manager, "holder").await.unwrap();
    let waits = {
        let manager = manager.clone();
        tokio::spawn(async move { part(&manager, "waits").await.unwrap_err() })
    };
    sleep(9 * SECOND).await;
    parts.sets(Call::Create, Way::Hangs);
    lease.mark_broken();
    drop(lease);
    // It had a second to be made.
    let error = waits.await.unwrap();
    assert_eq!((error.fault.class, error.fault.cause.as_str()), (FaultClass::Transient, "acquire-timeout"));
}

#[tokio::test(start_paused = true)]
async fn a_handle_that_went_bad_is_replaced_once_and_then_it_is_an_error() {
    for bad in [Way::Fails, Way::Hangs, Way::Panics] {
        let parts = Parts::good();
        let manager = manager(&parts, of(1));
        assert_eq!(part(&manager, "a").await.unwrap().id, 1);
        // Looked at not long ago: it is not looked at again.
        parts.sets(Call::Validate, bad);
        assert_eq!(part(&manager, "a").await.unwrap().id, 1);
        sleep(61 * SECOND).await;
        assert_eq!(part(&manager, "b").await.unwrap().id, 2, "replaced");
        sleep(61 * SECOND).await;
        parts.does(move |call| match call {
            Call::Validate => bad,
            Call::Create => Way::Fails,
            _ => Way::Works,
        });
        assert_eq!(part(&manager, "c").await.unwrap_err().fault.cause, "refused");
        settle().await;
        assert_eq!((parts.alive(), parts.most(), parts.closed()), (0, 1, 2));
        parts.does(|_| Way::Works);
        assert!(part_now(&manager, "d").await.is_ok(), "the slot is free");
    }
}

#[tokio::test(start_paused = true)]
async fn a_handle_that_nobody_looked_at_to_the_end_is_not_used_again() {
    let parts = Parts::good();
    let manager = manager(&parts, of(1));
    drop(part(&manager, "a").await.unwrap());
    sleep(61 * SECOND).await;
    parts.sets(Call::Validate, Way::After(2 * SECOND));
    assert!(timeout(SECOND, part(&manager, "goes away")).await.is_err());
    settle().await;
    assert_eq!((parts.alive(), parts.closed()), (0, 1));
    assert_eq!(part_now(&manager, "b").await.unwrap().id, 2);
}

#[tokio::test(start_paused = true)]
async fn looking_at_a_handle_and_replacing_it_do_not_prolong_the_wait() {
    for hangs in [Call::Validate, Call::Close] {
        let parts = Parts::good();
        let manager = manager(&parts, PoolSettings { acquire_timeout: 2 * SECOND, ..of(1) });
        drop(part(&manager, "a").await.unwrap());
        sleep(61 * SECOND).await;
        parts.does(move |call| match call {
            call if call == hangs => Way::Hangs,
            Call::Validate => Way::Fails,
            _ => Way::Works,
        });
        let start = Instant::now();
        assert!(part(&manager, "b").await.unwrap_err().is_timeout(), "{hangs:?}");
        assert!(start.elapsed() - 2 * SECOND <= Duration::from_millis(10), "{hangs:?}: {:?}", start.elapsed());
        // One that does not let itself be closed is dropped after a while, and its slot is free.
        sleep(6 * SECOND).await;
        assert_eq!(parts.alive(), 0, "{hangs:?}");
        assert!(part_now(&manager, "c").await.is_ok(), "{hangs:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn after_one_bad_handle_the_others_are_looked_at_before_they_are_used() {
    let parts = Parts::good();
    let manager = manager(&parts, of(3));
    let leases =
        [part(&manager, "a").await.unwrap(), part(&manager, "b").await.unwrap(), part(&manager, "c").await.unwrap()];
    let [a, b, c] = leases;
    drop(a);
    drop(b);
    // The server was started anew: all three are dead, and one holder has noticed.
    sleep(SECOND).await;
    parts.sets(Call::Validate, Way::Fails);
    c.mark_broken();
    drop(c);
    sleep(SECOND).await;
    assert_eq!(part(&manager, "d").await.unwrap().id, 4);
    sleep(SECOND).await;
    let four = part(&manager, "d").await.unwrap();
    assert_eq!((four.id, part(&manager, "e").await.unwrap().id), (4, 5), "the new one is trusted, the old one is not");
}

#[tokio::test(start_paused = true)]
async fn a_handle_that_is_being_closed_still_counts() {
    let parts = Parts::good();
    let manager = manager(&parts, of(1));
    parts.sets(Call::Close, Way::After(2 * SECOND));
    let lease = part(&manager, "a").await.unwrap();
    lease.mark_broken();
    drop(lease);
    assert_eq!(part_now(&manager, "b").await.unwrap_err().fault.cause, "acquire-timeout");
    let start = Instant::now();
    let lease = part(&manager, "b").await.unwrap();
    assert_eq!((start.elapsed(), parts.most()), (2 * SECOND, 1));
    drop(lease);
    // The same for one that is closed because nobody wants it.
    sleep(301 * SECOND).await;
    assert!(manager.tend().await.is_empty());
    assert_eq!(part_now(&manager, "b").await.unwrap_err().fault.cause, "acquire-timeout");
    assert!(part(&manager, "b").await.is_ok());
    assert_eq!(parts.most(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_lies_idle_is_closed_and_the_least_is_kept_ready() {
    let parts = Parts::good();
    let manager = manager(&parts, PoolSettings { min_size: 2, max_lifetime: 1000 * SECOND, ..of(5) });
    assert!(manager.tend().await.is_empty());
    assert_eq!(parts.alive(), 2, "ready before anybody asked");
    let mut leases = Vec::new();
    for who in 0..5 {
        leases.push(part(&manager, who).await.unwrap());
    }
    drop(leases);
    sleep(299 * SECOND).await;
    manager.tend().await;
    settle().await;
    assert_eq!(parts.alive(), 5);
    sleep(2 * SECOND).await;
    manager.tend().await;
    settle().await;
    assert_eq!((parts.alive(), parts.closed()), (2, 3));
    sleep(700 * SECOND).await;
    manager.tend().await;
    settle().await;
    assert_eq!((parts.alive(), parts.closed(), parts.made()), (2, 5, 7), "the old ones were replaced");
    assert_eq!(parts.most(), 5);
    parts.sets(Call::Create, Way::Fails);
    sleep(1001 * SECOND).await;
    let failed = manager.tend().await;
    assert_eq!((failed.len(), failed[0].fault.cause.as_str()), (1, "refused"));
}

#[tokio::test(start_paused = true)]
async fn what_lay_idle_for_too_long_is_not_used_though_nobody_tended_it() {
    let parts = Parts::good();
    let manager = manager(&parts, of(2));
    drop(part(&manager, "a").await.unwrap());
    sleep(301 * SECOND).await;
    assert_eq!(part(&manager, "a").await.unwrap().id, 2);
    sleep(3601 * SECOND).await;
    assert_eq!(part(&manager, "a").await.unwrap().id, 3, "too old");
}

#[tokio::test(start_paused = true)]
async fn a_lease_may_come_back_outside_of_the_runtime() {
    let parts = Parts::good();
    let manager = manager(&parts, of(2));
    let (good, bad) = (part(&manager, "good").await.unwrap(), part(&manager, "bad").await.unwrap());
    bad.mark_broken();
    std::thread::spawn(move || drop((good, bad))).join().unwrap();
    settle().await;
    assert_eq!((parts.alive(), parts.closed()), (1, 1));
    assert_eq!(part_now(&manager, "next").await.unwrap().id, 1);
}

#[test]
fn a_lease_may_outlive_the_runtime() {
    let parts = Parts::good();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let manager = manager(&parts, of(2));
    let lease = runtime.block_on(part(&manager, "a")).unwrap();
    let other = runtime.block_on(part(&manager, "b")).unwrap();
    drop(runtime);
    drop((lease, manager));
    assert_eq!((other.id, parts.alive()), (2, 1));
    drop(other);
    assert_eq!(parts.alive(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_any_part_of_a_provider_costs_a_handle_and_no_slot() {
    for call in [Call::Create, Call::Validate, Call::Reuse, Call::Close] {
        let parts = Parts::good();
        let manager = manager(&parts, PoolSettings { validation_interval: Duration::ZERO, ..of(1) });
        drop(part(&manager, "a").await.unwrap());
        parts.sets(call, Way::Panics);
        for _ in 0..3 {
            if let Ok(lease) = part(&manager, "a").await {
                lease.mark_broken();
            }
        }
        parts.does(|_| Way::Works);
        settle().await;
        assert!(part_now(&manager, "b").await.is_ok(), "{call:?}");
        assert_eq!((parts.alive(), parts.most()), (1, 1), "{call:?}");
    }
}
