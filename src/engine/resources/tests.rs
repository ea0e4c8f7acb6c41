//! Steps that work with a resource, through the whole engine.

#![expect(clippy::unwrap_used, reason = "a test may")]

use std::cell::RefCell;
use std::path::Path;
use std::rc::Rc;
use std::sync::Mutex;

use serde_json::{Value, json};

use super::*;
use crate::engine::batch::{Batch, Wanted as Files};
use crate::engine::context::Options;
use crate::engine::control::channel;
use crate::engine::recorder::Sink;
use crate::engine::run::{Finished, Request, RunError, run};
use crate::events::{Event, RunState};
use crate::pipeline::hooks::Hook;
use crate::pipeline::load::parse;
use crate::pipeline::plan::Action;
use crate::resilience::checkpoint::{Checkpoint, ItemState};
use crate::resilience::fault::THROTTLED;
use crate::resilience::retry::RetryPolicy;
use crate::resources::PoolSettings;
use crate::resources::settings::ResourceSpec;
use crate::steps::builtin::Builtin;
use crate::steps::catalog::Catalog;
use crate::steps::resource::{Doing, ResourceJob};

/// Steps that work with a static resource, and misbehave on demand.
pub(in crate::engine) fn step(name: &str) -> Option<&'static ResourceStep> {
    static STEPS: [ResourceStep; 6] = [
        ResourceStep { step: &ECHO, kind: ResourceKind::Static, reads_file: false, run: echo },
        ResourceStep { step: &HANG, kind: ResourceKind::Static, reads_file: false, run: hang },
        ResourceStep { step: &PANIC, kind: ResourceKind::Static, reads_file: false, run: panic },
        ResourceStep { step: &LEAK, kind: ResourceKind::Static, reads_file: false, run: leak },
        ResourceStep { step: &FAIL, kind: ResourceKind::Static, reads_file: false, run: fail },
        ResourceStep { step: &TURN, kind: ResourceKind::Static, reads_file: false, run: turn },
    ];
    STEPS.iter().find(|step| step.step.name == name)
}

const fn named(name: &'static str) -> Builtin {
    let noop = &crate::steps::noop::NOOP;
    Builtin {
        name,
        version: 1,
        summary: "",
        outputs: &[],
        values: &[],
        schema: noop.schema,
        check: noop.check,
        run: crate::steps::resource::needs_engine,
    }
}

static ECHO: Builtin = named("test.echo");
static HANG: Builtin = named("test.hang");
static PANIC: Builtin = named("test.panic");
static LEAK: Builtin = named("test.leak");
static FAIL: Builtin = named("test.fail");
static TURN: Builtin = named("test.turn");
/// What was not given back.
static LEAKED: Mutex<Vec<crate::resources::AnyLease>> = Mutex::new(Vec::new());

fn echo(job: ResourceJob) -> Doing {
    Box::pin(async move {
        let lease = job.lease::<Value>()?;
        // Others get their turn while it holds the lease.
        tokio::time::sleep(Duration::from_millis(2)).await;
        let values = json!({
            "data": *lease, "owner": lease.owner().as_str(), "once": job.once, "with": job.with, "inputs": job.inputs.len(),
        });
        Ok(values.as_object().cloned().unwrap_or_default())
    })
}

fn hang(job: ResourceJob) -> Doing {
    Box::pin(async move {
        let _lease = job.lease::<Value>()?;
        std::future::pending().await
    })
}

fn panic(job: ResourceJob) -> Doing {
    Box::pin(async move {
        let lease = job.lease::<Value>()?;
        assert!(lease["token"].is_null(), "with {lease:?} and {}", lease["token"]);
        Ok(serde_json::Map::new())
    })
}

fn leak(job: ResourceJob) -> Doing {
    Box::pin(async move {
        LEAKED.lock().unwrap().push(job.lease.clone());
        Ok(serde_json::Map::new())
    })
}

fn fail(job: ResourceJob) -> Doing {
    Box::pin(async move {
        let lease = job.lease::<Value>()?;
        Err(Fault::new(FaultClass::Input, "refused", format!("it does not take {}", lease["token"]))
            .with_hint(format!("leave out {}", lease["token"])))
    })
}

/// It is never its turn.
fn turn(_: ResourceJob) -> Doing {
    let fault = Fault::new(FaultClass::Transient, THROTTLED, "one request a minute is made");
    Box::pin(async move { Err(fault.with_retry_after(Duration::from_secs(60))) })
}

const TOKEN: &str = "tok-\"4711\"/x y";

fn variable(name: &str) -> Option<String> {
    (name == "TOKEN").then(|| TOKEN.to_owned())
}

#[derive(Default, Clone)]
struct Kept(Rc<RefCell<Vec<Event>>>);

impl Sink for Kept {
    fn event(&mut self, event: &Event, _state: &RunState) {
        self.0.borrow_mut().push(event.clone());
        if matches!(event.kind, EventKind::ResourceLeaked { .. }) {
            LEAKED.lock().unwrap().clear();
        }
    }
}

pub(in crate::engine) struct Scene {
    folder: tempfile::TempDir,
    /// The name of each step and what it uses.
    steps: Vec<(&'static str, &'static str)>,
    settings: Value,
    optional: bool,
    pub(in crate::engine) items: usize,
    pub(in crate::engine) hooks: Vec<Hook>,
}

impl Scene {
    pub(in crate::engine) fn new(steps: &[(&'static str, &'static str)]) -> Self {
        let settings = json!({ "data": { "token": "${TOKEN}" } });
        let (folder, steps) = (tempfile::tempdir().unwrap(), steps.to_vec());
        Self { folder, steps, settings, optional: false, items: 3, hooks: Vec::new() }
    }

    fn plan(&self) -> Plan {
        let steps = self.steps.iter().map(|(id, _)| format!("[[step]]\nid = \"{id}\"\nuses = \"noop\"\n"));
        let text: String = steps.collect();
        let (plan, found) = parse("test", &text, &Catalog::registered());
        let mut plan = plan.unwrap_or_else(|| panic!("{}", found.to_text(false)));
        plan.resources.push(ResourceSpec {
            name: "vault".into(),
            kind: ResourceKind::Static,
            pool: PoolSettings { min_size: 0, max_size: 3, ..PoolSettings::default() },
            settings: self.settings.clone(),
        });
        plan.hooks.clone_from(&self.hooks);
        if self.optional {
            let spec = crate::pipeline::plan::ToolSpec { required: Some(false), ..Default::default() };
            plan.tools.insert("vault".into(), spec);
        }
        for (step, (id, uses)) in plan.steps.iter_mut().zip(&self.steps) {
            step.action = Action::Uses { name: (*uses).into(), with: json!({ "name": "{item.stem}", "id": id }) };
            step.resources = vec!["vault".into()];
            step.retry = RetryPolicy { max_retries: 0, ..RetryPolicy::default() };
            step.timeout = (*uses == "test.hang").then_some(Duration::from_millis(100));
        }
        plan
    }

    pub(in crate::engine) fn run(&self) -> (Result<Finished, RunError>, Vec<Event>) {
        let inputs = self.folder.path().join("in");
        std::fs::create_dir_all(&inputs).unwrap();
        (0..self.items).for_each(|n| std::fs::write(inputs.join(format!("{n}.txt")), n.to_string()).unwrap());
        let files = Files { paths: vec![inputs], matches: vec![], recursive: true, except: vec![] };
        let kept = Kept::default();
        let request = Request {
            plan: self.plan(),
            batch: Batch::find(&files).unwrap(),
            options: Options { output: Some(self.folder.path().join("out")), fresh: true, ..Options::default() },
            state: self.folder.path().join("state"),
            jobs: 4,
            seed: 0,
            keep_scratch: false,
            host: crate::steps::shim::HostProgram("/nonexistent".into()),
            sinks: vec![Box::new(kept.clone())],
            commands: channel(),
            end_now: |_| {},
            variable,
            hide: |_| {},
            about: json!({ "arguments": [TOKEN] }),
        };
        (run(request), kept.0.take())
    }

    pub(in crate::engine) fn checkpoints(&self) -> Vec<Checkpoint> {
        let items = std::fs::read_dir(self.folder.path().join("state/test/items")).unwrap();
        let json = items.map(|entry| entry.unwrap().path()).filter(|path| path.extension().is_some());
        json.map(|path| serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()).collect()
    }
}

/// Every file below `folder`, as text.
fn all_files(folder: &Path) -> String {
    let mut all = String::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            all.push_str(&all_files(&path));
        } else if path.is_file() {
            all.push_str(&String::from_utf8_lossy(&std::fs::read(&path).unwrap()));
        }
    }
    all
}

fn faults(events: &[Event]) -> Vec<Fault> {
    let fault = |event: &Event| match &event.kind {
        EventKind::AttemptFailed { fault, .. } => Some(fault.clone()),
        _ => None,
    };
    events.iter().filter_map(fault).collect()
}

#[test]
fn a_step_works_with_its_lease_and_the_same_key_in_every_run() {
    let scene = Scene::new(&[("save", "test.echo"), ("tell", "test.echo")]);
    let once = |scene: &Scene| {
        let mut found: Vec<String> = Vec::new();
        for checkpoint in scene.checkpoints() {
            assert_eq!(checkpoint.state, ItemState::Done);
            for id in ["save", "tell"] {
                let values = checkpoint.result(id).unwrap();
                assert_eq!((&values["inputs"], &values["with"]["id"]), (&json!(0), &json!(id)));
                let owner = values["owner"].as_str().unwrap();
                assert!(owner.ends_with(&format!("/{id}/1")) && owner.split('/').count() == 4, "{owner}");
                found.push(values["once"].as_str().unwrap().to_owned());
            }
        }
        found.sort();
        found
    };
    let (finished, events) = scene.run();
    let finished = finished.unwrap();
    assert_eq!(finished.outcome.counts.done, 3);
    let first = once(&scene);
    let unlike: std::collections::HashSet<&String> = first.iter().collect();
    assert_eq!((unlike.len(), first[0].len()), (6, 32));

    let vault = &finished.state.resources["vault"];
    let metrics = &vault.status.metrics;
    assert_eq!((metrics.total_acquisitions, metrics.active_connections, metrics.size), (6, 0, 0));
    assert!(finished.state.leaks.is_empty() && vault.status.owners.is_empty());
    assert_eq!(vault.status.health.health, Health::Healthy);
    let seen = events.iter().filter(|event| matches!(event.kind, EventKind::ResourceSeen { .. })).count();
    assert!(seen >= 2, "once at the start and once at the end: {seen}");
    let checked = events.iter().any(|event| matches!(&event.kind, EventKind::DependencyChecked { name, available: true, required: true, .. } if name == "vault"));
    assert!(checked);

    assert_eq!(scene.run().0.unwrap().outcome.counts.done, 3);
    assert_eq!(once(&scene), first);
}

#[test]
fn whatever_becomes_of_a_step_its_lease_comes_back() {
    for (uses, cause, class) in [
        ("test.hang", "timeout", FaultClass::Transient),
        ("test.panic", "panic", FaultClass::Bug),
        ("test.fail", "refused", FaultClass::Input),
    ] {
        let scene = Scene::new(&[("save", uses)]);
        let (finished, events) = scene.run();
        let finished = finished.unwrap();
        assert_eq!(finished.outcome.counts.failed, 3, "{uses}");
        for fault in faults(&events) {
            let found = (fault.class, fault.cause.as_str(), fault.resource.as_deref());
            assert_eq!(found, (class, cause, Some("vault")));
        }
        let metrics = &finished.state.resources["vault"].status.metrics;
        assert_eq!((metrics.total_acquisitions, metrics.active_connections, metrics.size), (3, 0, 0), "{uses}");
        assert!(finished.state.leaks.is_empty(), "{uses}");
    }
}

#[test]
fn what_a_step_keeps_is_told_as_a_leak() {
    let scene = Scene { items: 1, ..Scene::new(&[("save", "test.leak")]) };
    // It comes back when somebody hears of it.
    let finished = scene.run().0.unwrap();
    let leaks: Vec<_> = finished.state.leaks.iter().map(|(leak, ended)| (leak.resource.as_str(), *ended)).collect();
    assert_eq!(leaks, [("vault", true)]);
    assert!(finished.state.leaks[0].0.owner.as_str().ends_with("/save/1"));
}

#[test]
fn what_a_step_has_to_say_of_every_item_is_told_of_the_first_few() {
    let resources = Resources::default();
    let told: Vec<String> = (0..20).filter_map(|_| resources.note("save", "nothing was inserted")).collect();
    assert_eq!(told[0], "step 'save': nothing was inserted");
    assert_eq!(told[4], "step 'save': nothing was inserted; so much of this step, more is not told");
    assert_eq!(told.len(), 5);
    assert!(resources.note("count", "it is odd").is_some(), "another step has its own");
}

#[test]
fn a_variable_that_is_not_set_refuses_the_run_or_leaves_out_what_is_optional() {
    let settings = json!({ "data": { "token": "${LOST_TOKEN}" } });
    let scene = Scene { settings: settings.clone(), ..Scene::new(&[("save", "test.echo")]) };
    let Err(RunError::Missing(checks)) = scene.run().0 else { panic!("it ran") };
    assert_eq!((checks.len(), checks[0].name.as_str()), (1, "vault"));
    assert!(checks[0].details.contains("LOST_TOKEN") && checks[0].hint.as_ref().unwrap().contains("export LOST_TOKEN"));

    let scene = Scene { settings, optional: true, ..Scene::new(&[("save", "test.echo")]) };
    let (finished, events) = scene.run();
    assert_eq!(finished.unwrap().outcome.counts.done, 3);
    let skipped = events.iter().filter(|event| matches!(event.kind, EventKind::TaskSkipped { .. })).count();
    assert_eq!(skipped, 3);
}

#[test]
fn nothing_that_a_run_leaves_holds_a_secret() {
    let steps = [("echo", "test.echo"), ("fail", "test.fail"), ("panic", "test.panic")];
    for step in steps {
        let scene = Scene::new(&[step]);
        let (finished, events) = scene.run();
        let state = format!("{:?}", finished.unwrap().state);
        let told = serde_json::to_string(&events).unwrap();
        let files = all_files(&scene.folder.path().join("state"));
        assert!(files.contains("[redacted]") && files.len() > 1000);
        for text in [state, told, files] {
            let found = text.find("4711");
            assert!(found.is_none(), "{}: ...{}", step.0, &text[found.unwrap_or(0).saturating_sub(200)..]);
        }
    }
}
