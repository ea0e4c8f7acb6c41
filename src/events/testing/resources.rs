//! A run that works with resources, for the tests of all who tell of it.

use std::path::Path;

use serde_json::{Map, Value, json};

use crate::events::{BreakerShape, EVENT_VERSION, Event, EventKind, RunState, StepShape};
use crate::resilience::breaker::BreakerState;
use crate::resilience::checkpoint::ItemState;
use crate::resilience::os_text::OsText;
use crate::resilience::store::ItemKey;
use crate::resilience::{Fault, FaultClass};
use crate::resources::{Health, HealthReport, Leak, Metrics, Owner, OwnerView, ResourceStatus};

/// The files of the batch.
const NAMES: [&str; 8] = [
    "01 Overture.wav",
    "02 Interview with a guest whose name is far too long for most columns.wav",
    "03 News.wav",
    "04 日本の話.wav",
    "05 Weather.wav",
    "06 Gardening.wav",
    "07 Questions.wav",
    "08 Finale.wav",
];

/// Who works at this step of this item.
pub(crate) fn owner(item: usize, step: &str, attempt: u32) -> Owner {
    let path = Path::new("/episodes").join(NAMES[item]);
    Owner::new(format!("20261122-080000-ab12/{}/{step}/{attempt}", ItemKey::of(&path).item_id(&path)))
}

/// The events of `kinds`, each with its time in milliseconds.
fn events(kinds: Vec<(u64, EventKind)>) -> Vec<Event> {
    let event = |(seq, (elapsed, kind))| {
        let at = 1_790_000_000_000 + elapsed;
        Event { v: EVENT_VERSION, seq: seq as u64, at, elapsed, kind }
    };
    kinds.into_iter().enumerate().map(event).collect()
}

/// A resource, seen with these figures.
pub(crate) fn seen(kind: &str, resource: ResourceStatus) -> EventKind {
    EventKind::ResourceSeen { kind: kind.to_owned(), resource }
}

/// A resource that is well, and that nobody has used.
pub(crate) fn unused(name: &str, max_size: u32) -> ResourceStatus {
    ResourceStatus {
        name: name.to_owned(),
        metrics: Metrics { max_size, ..Metrics::default() },
        owners: Vec::new(),
        health: HealthReport::healthy("answers in 2 ms"),
    }
}

fn figures(of: Value) -> Map<String, Value> {
    of.as_object().cloned().unwrap_or_default()
}

/// Four leases of the database are out, and three wait for one.
fn notes(owners: &[(usize, f64)], waiting: u32) -> ResourceStatus {
    let owners = owners.iter().map(|(item, held)| OwnerView { owner: owner(*item, "save", 1), held: *held });
    let owners: Vec<OwnerView> = owners.collect();
    let metrics = Metrics {
        total_acquisitions: 1_204,
        active_connections: owners.len() as u32,
        failed_acquisitions: 3,
        timeouts: 2,
        average_hold_time: 1.25,
        average_acquisition_time: 0.48,
        longest_hold_time: 41.0,
        failed_health_checks: 0,
        created: 6,
        closed: 2,
        size: 4,
        available: 4 - owners.len() as u32,
        waiting,
        max_size: 4,
        figures: figures(json!({ "statements": 4816, "bytes_sent": 1_310_720 })),
        ..Metrics::default()
    };
    let health = HealthReport { version: Some("PostgreSQL 15.8".into()), ..HealthReport::healthy("answers in 2 ms") };
    ResourceStatus { name: "notes".into(), metrics, owners, health }
}

fn model() -> ResourceStatus {
    let told = json!({
        "requests": 312, "prompt_tokens": 402_118, "completion_tokens": 88_031, "waited_seconds": 12.5,
        "requests_per_minute": 60, "budget_left": 9_851,
    });
    let metrics = Metrics {
        total_acquisitions: 320,
        active_connections: 1,
        average_hold_time: 2.9,
        average_acquisition_time: 0.0004,
        longest_hold_time: 19.0,
        created: 1,
        size: 1,
        max_size: 10,
        figures: figures(told),
        ..Metrics::default()
    };
    let health = HealthReport {
        hint: Some("raise requests_per_minute, or run fewer jobs".into()),
        ..HealthReport::degraded("its window of requests is full: 60 of 60 in the last minute")
    };
    let owners = vec![OwnerView { owner: owner(5, "chapters", 2), held: 8.0 }];
    ResourceStatus { name: "model".into(), metrics, owners, health }
}

fn bucket(health: HealthReport) -> ResourceStatus {
    let metrics = Metrics {
        total_acquisitions: 96,
        failed_acquisitions: 5,
        average_hold_time: 0.31,
        average_acquisition_time: 0.002,
        longest_hold_time: 4.4,
        failed_health_checks: 2,
        created: 2,
        closed: 2,
        max_size: 10,
        figures: figures(json!({ "bytes_sent": 734_003_200_u64, "bytes_fetched": 0, "downloads_resumed": 0 })),
        ..Metrics::default()
    };
    ResourceStatus { name: "bucket".into(), metrics, owners: Vec::new(), health }
}

/// The run that most tests look at: a database of which all is in use, a language model near its limit, a store of
/// objects that is gone, and data that nobody has asked for.
pub(crate) fn resources_scene() -> Vec<Event> {
    events(scene())
}

fn scene() -> Vec<(u64, EventKind)> {
    let shape = |dependency: &str, before: &[u32]| StepShape {
        dependency: Some(dependency.to_owned()),
        before: before.to_vec(),
        attempts: 4,
        ..StepShape::default()
    };
    let breaker = |name: &str| BreakerShape {
        dependency: name.to_owned(),
        failure_threshold: 5,
        recovery: 60_000,
        success_threshold: 2,
    };
    let checked = |name: &str, available: bool, details: &str, hint: Option<&str>| EventKind::DependencyChecked {
        name: name.to_owned(),
        available,
        required: true,
        version: (name == "notes").then(|| "PostgreSQL 15.8".to_owned()),
        details: details.to_owned(),
        path: None,
        hint: hint.map(str::to_owned),
    };
    let started = EventKind::RunStarted {
        run: "20261122-080000-ab12".to_owned(),
        pipeline: "librarian".to_owned(),
        steps: ["chapters", "save", "upload"].map(str::to_owned).to_vec(),
        jobs: 6,
        seed: 7,
        shapes: vec![shape("model", &[]), shape("notes", &[0]), shape("bucket", &[1])],
        breakers: ["notes", "model", "bucket", "words"].map(breaker).to_vec(),
        pools: Vec::new(),
        output: OsText::from(Path::new("/work/out")),
        generated: false,
    };
    let paths = NAMES.iter().map(|name| OsText::from(Path::new("/episodes").join(name))).collect();
    let start = |item, step| EventKind::AttemptStarted { item, step, piece: None, attempt: 1, draws: Vec::new() };
    let gone = HealthReport {
        health: Health::Unhealthy,
        details: "cannot connect to objects.example:9000: connection refused".into(),
        ..HealthReport::default()
    };
    let mut kinds = vec![(0, started)];
    for (name, details) in [
        ("notes", "answers in 2 ms"),
        ("model", "answers; the model is there"),
        ("bucket", "can write, read and delete below podcasts/"),
        ("words", "3 values"),
    ] {
        kinds.push((1, checked(name, true, details, None)));
    }
    kinds.extend([
        (2, seen("database", unused("notes", 4))),
        (2, seen("llm", unused("model", 10))),
        (2, seen("storage", unused("bucket", 10))),
        (2, seen("static", ResourceStatus { health: HealthReport::healthy("3 values"), ..unused("words", 10) })),
        (3, EventKind::ItemsListed { first: 0, paths }),
    ]);
    for item in 0..4 {
        kinds.push((100_000, start(item, 1)));
    }
    kinds.push((300_000, start(5, 0)));
    // Two leases that nobody gave back in time: of one its owner has ended, of the other he works on.
    let leak = |item, step, held| Leak {
        resource: "notes".into(),
        owner: owner(item, step, 1),
        held,
        acquired_at: "src/engine/resources/mod.rs:212:46".into(),
    };
    kinds.push((350_000, EventKind::ResourceLeaked { leak: leak(6, "save", 12.5), ended: true }));
    kinds.push((360_000, seen("database", notes(&[(1, 41.0), (0, 22.5), (3, 3.2), (2, 0.4)], 3))));
    kinds.push((370_000, seen("llm", model())));
    kinds.push((371_000, EventKind::TaskParked { item: 4, step: 2, dependency: "bucket".into() }));
    kinds.push((371_000, EventKind::TaskParked { item: 7, step: 2, dependency: "bucket".into() }));
    let opened = EventKind::BreakerChanged {
        dependency: "bucket".into(),
        state: BreakerState::Open,
        reason: "5 failures in a row; the last: connection refused".into(),
        retry_in: Some(60_000),
    };
    kinds.push((371_000, opened));
    let hint = "check that the server runs and can be reached from here";
    kinds.push((375_000, checked("bucket", false, &gone.details, Some(hint))));
    kinds.push((375_000, seen("storage", bucket(gone))));
    kinds.push((380_000, EventKind::ResourceLeaked { leak: leak(1, "save", 61.0), ended: false }));
    kinds
}

/// The same run, over.
pub(crate) fn resources_scene_over() -> Vec<Event> {
    let mut kinds = scene();
    kinds.push((400_000, seen("database", notes(&[], 0))));
    for item in [0, 1, 2, 3, 5, 6] {
        let (state, step) = (ItemState::Done, None);
        kinds.push((410_000, EventKind::ItemFinished { item, state, step, fault: None, before: false }));
    }
    for item in [4, 7] {
        let fault = Fault::new(FaultClass::Dependency, "parked", "bucket is OPEN: 5 failures in a row");
        let (state, step, fault) = (ItemState::Parked, Some(2), Some(fault));
        kinds.push((411_000, EventKind::ItemFinished { item, state, step, fault, before: false }));
    }
    let model = ResourceStatus { owners: Vec::new(), ..model() };
    let metrics = Metrics { active_connections: 0, size: 0, ..model.metrics };
    kinds.push((412_000, seen("llm", ResourceStatus { metrics, ..model })));
    let mut state = RunState::default();
    events(kinds.clone()).iter().for_each(|event| state.apply(event));
    kinds.push((412_001, EventKind::RunFinished { counts: state.counts, reason: None }));
    events(kinds)
}
