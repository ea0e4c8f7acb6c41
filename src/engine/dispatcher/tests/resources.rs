//! Steps that hold leases: who waits, who pays, and when a service is called again.

use super::*;
use crate::resilience::breaker::{BreakerSettings, presets};
use crate::resilience::fault::{ACQUIRE_TIMEOUT, THROTTLED};
use crate::resources::PoolSettings;
use crate::resources::settings::{ResourceKind, ResourceSpec};

const TWO_STEPS: &str = r#"
[breakers.tool]
failure_threshold = 3
[health]
tool = { required = false }
[[step]]
id = "store"
run = ["sh", "{in}"]
tool = "tool"
[[step]]
id = "other"
uses = "noop"
"#;

/// The first step holds a lease of `notes`, of which there are two.
fn with_notes(plan: &mut Plan) {
    let pool = PoolSettings { max_size: 2, ..PoolSettings::default() };
    let settings = serde_json::json!({ "backend": "memory" });
    plan.resources.push(ResourceSpec { name: "notes".into(), kind: ResourceKind::Database, pool, settings });
    plan.steps.iter_mut().find(|step| step.id == "store").unwrap().resources.push("notes".into());
}

fn scene(items: u32, jobs: u32) -> Scene {
    Scene { text: TWO_STEPS, shaped: with_notes, ..Scene::new(items, jobs) }
}

fn of_notes(class: FaultClass, cause: &str) -> Ending {
    Ending::Failed { fault: Fault::new(class, cause, "no").of_resource("notes"), ambiguous: false }
}

fn stores(task: &Task) -> bool {
    task.step == 0
}

#[tokio::test(start_paused = true)]
async fn no_more_tasks_start_than_there_are_leases_and_others_go_on() {
    let ran = scene(40, 8).play(|task, _| (if stores(task) { SECOND * 10 } else { SECOND }, done())).await;
    assert_eq!(ran.outcome.counts.done, 40);
    let begun = |step: usize| ran.log.attempts.iter().filter(move |(_, _, of, _)| *of == step).map(|(at, ..)| *at);
    // Two at a time, 10 s each.
    let stores: Vec<Duration> = begun(0).collect();
    assert!(stores.iter().enumerate().all(|(n, at)| at.as_secs() == n as u64 / 2 * 10), "{stores:?}");
    // What needs no lease did not wait for those who do.
    assert!(begun(1).all(|at| at <= SECOND * 10), "{:?}", begun(1).max());
}

#[tokio::test(start_paused = true)]
async fn a_fault_is_charged_to_the_resource_or_to_the_tool_and_never_to_both() {
    let ran = scene(30, 2)
        .play(|task, _| match stores(task) {
            true => (SECOND, of_notes(FaultClass::Dependency, "refused")),
            false => (SECOND, done()),
        })
        .await;
    assert_eq!(ran.outcome.counts.parked, 30);
    assert_eq!(ran.state.breakers["notes"].state, BreakerState::Open);
    assert_eq!((ran.state.breakers["tool"].state, ran.state.breakers["tool"].failures), (BreakerState::Closed, 0));

    let ran = scene(30, 2)
        .play(|task, _| match stores(task) {
            true => (SECOND, failed(FaultClass::Dependency, "missing")),
            false => (SECOND, done()),
        })
        .await;
    assert_eq!(ran.outcome.counts.parked, 30);
    assert_eq!(ran.state.breakers["tool"].state, BreakerState::Open);
    assert_eq!(ran.state.breakers["notes"].failures, 0);
}

#[tokio::test(start_paused = true)]
async fn a_resource_that_is_gone_for_a_minute_costs_no_item_not_even_the_last() {
    for items in [1, 30] {
        let ran = scene(items, 4)
            .play(|task, now| {
                let is_gone = now >= SECOND && now < SECOND * 61;
                match stores(task) && is_gone {
                    true => (SECOND / 10, of_notes(FaultClass::Dependency, "refused")),
                    false => (SECOND, done()),
                }
            })
            .await;
        assert_eq!((ran.outcome.counts.done, ran.outcome.counts.failed), (items, 0));
    }
    // One alone finds it gone, with nobody else to open the breaker.
    let ran = scene(1, 1)
        .play(|task, now| match stores(task) && now < SECOND * 50 {
            true => (SECOND / 10, of_notes(FaultClass::Dependency, "refused")),
            false => (SECOND, done()),
        })
        .await;
    assert_eq!(ran.outcome.counts.done, 1);
}

#[tokio::test(start_paused = true)]
async fn a_wait_that_the_service_asks_for_holds_for_everybody() {
    let mut asked = false;
    let ran = scene(10, 4)
        .play(move |task, _| {
            if stores(task) && !asked {
                asked = true;
                let fault = Fault::new(FaultClass::Transient, "http-429", "too many requests");
                let fault = fault.of_resource("notes").with_retry_after(SECOND * 100);
                return (SECOND, Ending::Failed { fault, ambiguous: false });
            }
            (SECOND, done())
        })
        .await;
    assert_eq!(ran.outcome.counts.done, 10);
    let stores: Vec<u64> =
        ran.log.attempts.iter().filter(|(_, _, step, _)| *step == 0).map(|(at, ..)| at.as_secs()).collect();
    // Two were out when it was said.
    assert!(stores[2..].iter().all(|at| *at >= 101), "{stores:?}");
    let others = ran.log.attempts.iter().filter(|(_, _, step, _)| *step == 1);
    assert!(others.map(|(at, ..)| at.as_secs()).all(|at| at < 20));
}

#[tokio::test(start_paused = true)]
async fn whose_turn_it_is_not_loses_no_attempt_and_trips_no_breaker() {
    let ran = scene(3, 1)
        .play(|task, now| {
            if stores(task) && now < SECOND * 200 {
                let fault = Fault::new(FaultClass::Transient, THROTTLED, "60 requests a minute are made");
                let fault = fault.of_resource("notes").with_retry_after(SECOND * 30);
                return (SECOND / 100, Ending::Failed { fault, ambiguous: false });
            }
            (SECOND, done())
        })
        .await;
    assert_eq!(ran.outcome.counts.done, 3);
    let attempts: Vec<u32> = ran.log.attempts.iter().map(|(.., attempt)| *attempt).collect();
    assert!(attempts.iter().all(|attempt| *attempt == 1), "{attempts:?}");
    assert_eq!(ran.state.breakers["notes"].failures, 0);
    assert!(ran.log.attempts.len() < 20, "asked {} times", ran.log.attempts.len());
}

/// The first step holds `web` besides, whose breaker opens at the first failure.
fn with_web(plan: &mut Plan) {
    with_notes(plan);
    let mut web = plan.resources[0].clone();
    (web.name, web.pool.max_size) = ("web".into(), 8);
    plan.resources.push(web);
    plan.steps.iter_mut().find(|step| step.id == "store").unwrap().resources.push("web".into());
    plan.breakers.insert("web".into(), BreakerSettings { failure_threshold: 1, ..presets("web") });
}

#[tokio::test(start_paused = true)]
async fn a_fault_of_one_is_tried_again_though_the_breaker_of_another_is_open() {
    let script = |task: &Task, now: Duration| match (stores(task), task.active.item.index) {
        // Under way when the other one ends in a failure of `web`.
        (true, 0) if now < SECOND => (SECOND * 5, failed(FaultClass::Dependency, "busy")),
        (true, 1) if now < SECOND * 30 => (SECOND, Ending::Failed { fault: fault_of_web(), ambiguous: false }),
        _ => (SECOND, done()),
    };
    let ran = Scene { text: TWO_STEPS, shaped: with_web, ..Scene::new(2, 2) }.play(script).await;
    assert_eq!((ran.outcome.counts.done, ran.outcome.counts.parked), (2, 0));
}

fn fault_of_web() -> Fault {
    Fault::new(FaultClass::Transient, "http-500", "no").of_resource("web")
}

#[tokio::test(start_paused = true)]
async fn where_all_leases_are_out_nobody_pays_and_the_task_is_tried_again() {
    let ran = scene(4, 2)
        .play(|task, now| match stores(task) && now < SECOND * 90 {
            true => (SECOND * 30, of_notes(FaultClass::Transient, ACQUIRE_TIMEOUT)),
            false => (SECOND, done()),
        })
        .await;
    assert_eq!(ran.outcome.counts.done, 4);
    assert!(ran.log.attempts.iter().all(|(.., attempt)| *attempt == 1), "{:?}", ran.log.attempts);
    assert_eq!(ran.state.breakers["notes"].failures, 0);
}

#[tokio::test(start_paused = true)]
async fn two_that_are_down_at_once_pass_their_items_to_and_fro_no_oftener_than_they_are_probed() {
    const GONE: Duration = Duration::from_secs(600);
    let patient = |plan: &mut Plan| {
        with_web(plan);
        plan.give_up_after = 1000;
    };
    for (notes_back, web_back) in [(GONE, GONE), (GONE / 2, GONE), (GONE, GONE / 3)] {
        let mut failed = 0;
        let script = move |task: &Task, now: Duration| {
            failed += 1;
            let of_notes_now = failed % 2 == 0 || now >= web_back;
            match stores(task) {
                true if now < notes_back && of_notes_now => (SECOND / 10, of_notes(FaultClass::Dependency, "refused")),
                true if now < web_back => (SECOND / 10, Ending::Failed { fault: fault_of_web(), ambiguous: false }),
                _ => (SECOND / 10, done()),
            }
        };
        let ran = Scene { text: TWO_STEPS, shaped: patient, ..Scene::new(300, 4) }.play(script).await;
        assert_eq!((ran.outcome.counts.done, ran.outcome.counts.failed), (300, 0));
        let probes = ran.log.attempts.iter().filter(|(at, _, step, _)| *step == 0 && *at < GONE).count();
        let opened = ran.events.iter().filter(|event| matches!(event.kind, EventKind::BreakerChanged { .. })).count();
        let looks = ran.log.looks;
        // Each is looked at to begin with, and again when one of the two is back: once for each.
        assert!(probes < 100 && looks <= 300 * 3 + opened, "{probes} probes, {looks} looks, {opened} changes");
    }
}
