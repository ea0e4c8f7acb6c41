//! The dispatcher in virtual time: hours of retries and recoveries in no time, every attempt scripted.

#![expect(clippy::unwrap_used, reason = "a test may")]

use std::cell::RefCell;
use std::path::Path;
use std::rc::Rc;

use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

use super::*;
use crate::engine::attempt::{Ending, Report, Task};
use crate::engine::batch::{Batch, Wanted};
use crate::engine::context::Options;
use crate::engine::fingerprint::{fingerprint, read_source};
use crate::engine::recorder::Sink;
use crate::engine::run::prepare;
use crate::engine::survey::look;
use crate::events::{Event, RunState};
use crate::health::canary::CanaryResult;
use crate::pipeline::load::parse;
use crate::resilience::breaker::BreakerState;
use crate::resilience::checkpoint::{Identity, StepOutcome, StepRecord};
use crate::resilience::scratch::RunScratch;
use crate::resilience::store::Access;
use crate::resilience::{Fault, FaultClass};
use crate::steps::catalog::Catalog;

/// What the script says of an attempt: how long it takes, and how it ends. Told when it starts, since the run began.
type Script = Box<dyn FnMut(&Task, Duration) -> (Duration, Ending)>;

struct Scripted {
    workshop: Arc<Workshop>,
    answers: UnboundedSender<Answer>,
    script: Script,
    canary: Option<CanaryResult>,
    start: Instant,
    log: Rc<RefCell<Log>>,
}

impl Scripted {
    /// What a real attempt commits, as far as later looks are concerned.
    fn note_done(&self, task: &Task) {
        let context = &self.workshop.context;
        let mut checkpoint = task.active.checkpoint();
        let seen = Identity::of(&task.active.item.path).unwrap();
        checkpoint.source = read_source(&task.active.item.path, seen).unwrap();
        let record = StepRecord {
            outcome: StepOutcome::Done,
            fingerprint: fingerprint(context, task.step, &checkpoint),
            artifacts: indexmap::IndexMap::new(),
            attempts: task.attempt,
            duration: 0.0,
            left_out: None,
        };
        checkpoint.mark(&context.plan.steps[task.step].id, record, serde_json::Map::new());
    }
}

#[derive(Default)]
struct Log {
    /// When each attempt began, with its item, step and number.
    attempts: Vec<(Duration, ItemIndex, usize, u32)>,
    canaries: Vec<Duration>,
    most_at_once: Rc<RefCell<(u32, u32)>>,
}

impl Workers for Scripted {
    fn order(&mut self, order: Order) {
        let answers = self.answers.clone();
        match order {
            Order::Look { range, again } => {
                let first = range.start;
                let looks = range.map(|item| look(&self.workshop.context, item, again)).collect();
                answers.send(Answer::Looks(first, looks)).unwrap();
            }
            Order::Attempt(task) => {
                let now = self.start.elapsed();
                let item = task.active.item.index;
                let mut log = self.log.borrow_mut();
                log.attempts.push((now, item, task.step, task.attempt));
                let counts = Rc::clone(&log.most_at_once);
                drop(log);
                {
                    let mut counts = counts.borrow_mut();
                    counts.0 += 1;
                    counts.1 = counts.1.max(counts.0);
                }
                let (took, ending) = (self.script)(&task, now);
                if matches!(ending, Ending::Done(_)) {
                    self.note_done(&task);
                }
                tokio::task::spawn_local(async move {
                    tokio::time::sleep(took).await;
                    counts.borrow_mut().0 -= 1;
                    let report = Report { ending, took, log: None, leftover: 0 };
                    let _ = answers.send(Answer::Attempt(task, Box::new(report)));
                });
            }
            Order::Canary(tool) => {
                self.log.borrow_mut().canaries.push(self.start.elapsed());
                answers.send(Answer::Canary(tool, self.canary.clone())).unwrap();
            }
        }
    }

    fn grow(&mut self, _jobs: u32) {}
}

#[derive(Default)]
struct Collect(Rc<RefCell<Vec<Event>>>);

impl Sink for Collect {
    fn event(&mut self, event: &Event, _state: &RunState) {
        self.0.borrow_mut().push(event.clone());
    }
}

struct Ran {
    outcome: Outcome,
    state: RunState,
    log: Log,
    events: Vec<Event>,
}

struct Scene {
    text: &'static str,
    items: u32,
    jobs: u32,
    canary: Option<CanaryResult>,
    commands: Vec<(Duration, Command)>,
}

const ONE_TOOL: &str = r#"
[breakers.tool]
failure_threshold = 3
recovery_timeout = "120s"
success_threshold = 1
[health]
tool = { required = false }
[[step]]
id = "work"
run = ["sh", "{in}"]
tool = "tool"
"#;

impl Scene {
    fn new(items: u32, jobs: u32) -> Self {
        Self { text: ONE_TOOL, items, jobs, canary: None, commands: Vec::new() }
    }

    async fn play(self, script: impl FnMut(&Task, Duration) -> (Duration, Ending) + 'static) -> Ran {
        let folder = tempfile::tempdir().unwrap();
        let local = tokio::task::LocalSet::new();
        let ran = local.run_until(self.run(folder.path(), Box::new(script))).await;
        drop(local);
        ran
    }

    async fn run(self, folder: &Path, script: Script) -> Ran {
        let inputs = folder.join("in");
        std::fs::create_dir(&inputs).unwrap();
        for item in 0..self.items {
            std::fs::write(inputs.join(format!("{item:04}")), b"x").unwrap();
        }
        let (plan, found) = parse("test", self.text, &Catalog::registered());
        let plan = plan.unwrap_or_else(|| panic!("{}", found.to_text(false)));
        let wanted = Wanted { paths: vec![inputs], matches: vec![], recursive: true, except: vec![] };
        let batch = Batch::find(&wanted).unwrap();
        let access = Access::Run { sync: false };
        let options = Options { output: Some(folder.join("out")), ..Options::default() };
        let (mut context, _) = prepare(plan, batch, options, &folder.join("state"), access).unwrap();
        context.bases.iter_mut().for_each(|basis| basis.unavailable = None);
        let scratch = RunScratch::create(&folder.join("scratch"), "test", false).unwrap();
        let workshop = Arc::new(Workshop { context, scratch, run_folder: folder.join("run"), stopping: false.into() });

        let (answers, from_workers) = unbounded_channel();
        let (commands, to_dispatcher) = unbounded_channel();
        let log = Rc::new(RefCell::new(Log::default()));
        let workers = Scripted {
            workshop: Arc::clone(&workshop),
            answers,
            script,
            canary: self.canary,
            start: Instant::now(),
            log: Rc::clone(&log),
        };
        let events = Rc::new(RefCell::new(Vec::new()));
        let recorder = Recorder::new(None, vec![Box::new(Collect(Rc::clone(&events)))]);
        let mut dispatcher = Dispatcher::new(Arc::clone(&workshop), workers, recorder, 7, self.jobs);
        let paths = (0..self.items).filter_map(|item| workshop.context.batch.files.get(item as usize));
        let paths = paths.map(crate::resilience::os_text::OsText::from).collect();
        dispatcher.recorder.record(EventKind::ItemsListed { first: 0, paths });
        for (at, command) in self.commands {
            let commands = commands.clone();
            tokio::task::spawn_local(async move {
                tokio::time::sleep(at).await;
                let _ = commands.send(command);
            });
        }
        let (outcome, workers, recorder) = dispatcher.run(from_workers, to_dispatcher).await;
        drop(workers);
        let state = recorder.into_state();
        let (log, events) = (log.take(), events.take());
        Ran { outcome, state, log, events }
    }
}

fn done() -> Ending {
    Ending::Done(0)
}

fn failed(class: FaultClass, cause: &str) -> Ending {
    Ending::Failed { fault: Fault::new(class, cause, "it failed"), ambiguous: false }
}

fn ambiguous() -> Ending {
    Ending::Failed { fault: Fault::new(FaultClass::Transient, "exit", "exit code 1"), ambiguous: true }
}

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn a_dead_tool_costs_its_threshold_and_one_call_for_each_probe() {
    for (items, jobs) in [(1, 1), (40, 1), (40, 8), (300, 3)] {
        let ran = Scene::new(items, jobs).play(|_, _| (SECOND, failed(FaultClass::Dependency, "missing"))).await;
        let counts = ran.outcome.counts;
        assert_eq!((counts.parked, counts.failed, counts.done), (items, 0, 0), "{items} items, {jobs} jobs");
        assert!(ran.log.attempts.len() <= 3 + 3, "{items} items, {jobs} jobs: {} calls", ran.log.attempts.len());
    }
}

#[tokio::test(start_paused = true)]
async fn a_tool_that_comes_back_gets_all_its_work_done() {
    let script = |_: &Task, now: Duration| {
        let well = now < SECOND * 5 || now > SECOND * 200;
        (SECOND, if well { done() } else { failed(FaultClass::Dependency, "missing") })
    };
    let ran = Scene::new(40, 4).play(script).await;
    assert_eq!(ran.outcome.counts.done, 40);
    assert_eq!(ran.state.breakers["tool"].state, BreakerState::Closed);
    // Open at about 8 s and probed every 120 s: one probe in vain, and one that closes it.
    let in_vain = ran.log.attempts.iter().filter(|(at, ..)| *at > SECOND * 20 && *at < SECOND * 200).count();
    assert_eq!(in_vain, 1);
}

#[tokio::test(start_paused = true)]
async fn a_transient_fault_is_tried_again_after_one_two_and_four_seconds() {
    let ran = Scene { text: "[retry]\njitter = 0.0\n[[step]]\nid = \"a\"\nuses = \"noop\"\n", ..Scene::new(1, 1) }
        .play(|task, _| {
            (Duration::ZERO, if task.attempt < 4 { failed(FaultClass::Transient, "timeout") } else { done() })
        })
        .await;
    let starts: Vec<u64> = ran.log.attempts.iter().map(|(at, ..)| at.as_secs()).collect();
    assert_eq!(starts, [0, 1, 3, 7]);
    assert_eq!(ran.outcome.counts.done, 1);
}

#[tokio::test(start_paused = true)]
async fn after_the_last_attempt_the_item_has_failed() {
    let ran =
        Scene { text: "[[step]]\nid = \"a\"\nuses = \"noop\"\nretry = { max_retries = 2 }\n", ..Scene::new(3, 2) }
            .play(|_, _| (SECOND, failed(FaultClass::Transient, "timeout")))
            .await;
    assert_eq!(ran.log.attempts.len(), 9);
    assert_eq!(ran.outcome.counts.failed, 3);
}

#[tokio::test(start_paused = true)]
async fn a_thousand_bad_inputs_do_not_open_the_breaker() {
    let ran = Scene::new(1000, 4).play(|_, _| (SECOND, failed(FaultClass::Input, "decode"))).await;
    assert_eq!(ran.log.attempts.len(), 1000);
    assert_eq!(ran.outcome.counts.failed, 1000);
    assert!(ran.state.breakers.is_empty());
}

#[tokio::test(start_paused = true)]
async fn the_canary_decides_and_is_asked_once_in_thirty_seconds() {
    let well = CanaryResult { well: true, details: "fine".into() };
    let scene = Scene { canary: Some(well), ..Scene::new(100, 1) };
    let ran = scene.play(|_, _| (SECOND, ambiguous())).await;
    assert_eq!(ran.outcome.counts.failed, 100);
    assert_eq!(ran.log.attempts.len(), 100);
    assert!(ran.log.canaries.len() <= 4, "{:?}", ran.log.canaries);
    assert!(ran.state.breakers.is_empty());

    let ill = CanaryResult { well: false, details: "no model".into() };
    let ran = Scene { canary: Some(ill), ..Scene::new(100, 1) }.play(|_, _| (SECOND, ambiguous())).await;
    assert_eq!((ran.outcome.counts.failed, ran.outcome.counts.parked), (0, 100));
    assert!(ran.log.attempts.len() <= 6);
}

#[tokio::test(start_paused = true)]
async fn a_full_disk_pauses_the_run_and_costs_no_attempt() {
    let ran = Scene { text: "[retry]\nmax_retries = 0\n[[step]]\nid = \"a\"\nuses = \"noop\"\n", ..Scene::new(6, 2) }
        .play(|_, now| {
            let full = now < SECOND;
            (SECOND / 2, if full { failed(FaultClass::Environment, "disk-full") } else { done() })
        })
        .await;
    assert_eq!(ran.outcome.counts.done, 6);
    let count = |wanted: fn(&EventKind) -> bool| ran.events.iter().filter(|event| wanted(&event.kind)).count();
    assert!(count(|kind| matches!(kind, EventKind::RunPaused { .. })) > 0);
    assert_eq!(
        count(|kind| matches!(kind, EventKind::RunPaused { .. })),
        count(|kind| matches!(kind, EventKind::RunResumed { .. }))
    );
    assert!(ran.log.attempts.iter().all(|(.., attempt)| *attempt == 1));
}

#[tokio::test(start_paused = true)]
async fn a_task_that_fills_the_disk_each_time_fails_in_the_end() {
    let ran = Scene { text: "[[step]]\nid = \"a\"\nuses = \"noop\"\n", ..Scene::new(4, 2) }
        .play(|task, _| {
            let hog = task.active.item.index == 1;
            (SECOND, if hog { failed(FaultClass::Environment, "disk-full") } else { done() })
        })
        .await;
    assert_eq!((ran.outcome.counts.failed, ran.outcome.counts.done), (1, 3));
}

#[tokio::test(start_paused = true)]
async fn no_more_tasks_run_at_once_than_asked_for_and_jobs_can_be_changed() {
    let ran = Scene::new(60, 3).play(|_, _| (SECOND, done())).await;
    assert_eq!(ran.log.most_at_once.borrow().1, 3);
    let commands = vec![(SECOND * 2, Command::SetJobs { jobs: 10 })];
    let ran = Scene { commands, ..Scene::new(60, 2) }.play(|_, _| (SECOND, done())).await;
    assert_eq!(ran.log.most_at_once.borrow().1, 10);
}

#[tokio::test(start_paused = true)]
async fn pause_starts_nothing_and_resume_goes_on() {
    let commands = vec![(SECOND * 3, Command::Pause), (SECOND * 100, Command::Resume)];
    let ran = Scene { commands, ..Scene::new(20, 2) }.play(|_, _| (SECOND, done())).await;
    assert_eq!(ran.outcome.counts.done, 20);
    let between = |(at, ..): &&(Duration, ItemIndex, usize, u32)| *at > SECOND * 4 && *at < SECOND * 100;
    assert_eq!(ran.log.attempts.iter().filter(between).count(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_drain_lets_running_tasks_end_and_begins_none() {
    let stop = Command::Stop { level: StopLevel::Drain, by: "test".into() };
    let scene = Scene { commands: vec![(SECOND * 5 / 2, stop)], ..Scene::new(50, 2) };
    let ran = scene.play(|_, _| (SECOND, done())).await;
    assert_eq!(ran.outcome.counts.done, 6);
    assert_eq!(ran.outcome.reason.as_deref(), Some("test"));
    assert_eq!(ran.outcome.counts.waiting() + ran.outcome.counts.cancelled, 44);
}

#[tokio::test(start_paused = true)]
async fn a_breaker_tripped_by_hand_parks_and_one_that_is_reset_goes_on() {
    let commands = vec![
        (SECOND * 2, Command::TripBreaker { dependency: "tool".into() }),
        (SECOND * 60, Command::ResetBreaker { dependency: "tool".into() }),
    ];
    let ran = Scene { commands, ..Scene::new(20, 2) }.play(|_, _| (SECOND, done())).await;
    assert_eq!(ran.outcome.counts.done, 20);
    let between = |(at, ..): &&(Duration, ItemIndex, usize, u32)| *at > SECOND * 3 && *at < SECOND * 60;
    assert_eq!(ran.log.attempts.iter().filter(between).count(), 0);
}

#[tokio::test(start_paused = true)]
async fn other_work_goes_on_while_tasks_are_parked() {
    let text = r#"
[breakers.tool]
failure_threshold = 2
recovery_timeout = "600s"
[health]
tool = { required = false }
[[step]]
id = "mine"
uses = "noop"
[[step]]
id = "theirs"
run = ["sh", "{in}"]
tool = "tool"
"#;
    let ran = Scene { text, ..Scene::new(30, 3) }
        .play(|task, _| (SECOND, if task.step == 0 { done() } else { failed(FaultClass::Dependency, "missing") }))
        .await;
    assert_eq!(ran.outcome.counts.parked, 30);
    let mine = ran.log.attempts.iter().filter(|(.., step, _)| *step == 0).count();
    assert_eq!(mine, 30, "each item's own step ran once, though the tool was dead");
}

#[tokio::test(start_paused = true)]
async fn the_journal_folds_to_the_state_that_the_run_had() {
    let script = |task: &Task, now: Duration| {
        let ending = match (task.active.item.index + task.attempt) % 5 {
            0 => failed(FaultClass::Transient, "timeout"),
            1 if now < SECOND * 30 => failed(FaultClass::Dependency, "missing"),
            2 => failed(FaultClass::Input, "decode"),
            _ => done(),
        };
        (SECOND, ending)
    };
    let ran = Scene::new(80, 4).play(script).await;
    let mut replayed = RunState::default();
    for event in &ran.events {
        let line = serde_json::to_string(event).unwrap();
        replayed.apply(&serde_json::from_str(&line).unwrap());
    }
    assert_eq!(replayed.counts, ran.state.counts);
    assert_eq!(replayed.failures, ran.state.failures);
    assert_eq!(replayed.causes, ran.state.causes);
    assert_eq!(replayed.breakers, ran.state.breakers);
    assert_eq!(replayed.step_done, ran.state.step_done);
    assert_eq!(replayed.counts.waiting(), 0);
    assert!(ran.events.iter().enumerate().all(|(seq, event)| event.seq == seq as u64));
}

const TOOL_THEN_MINE: &str = r#"
[breakers.tool]
failure_threshold = 3
recovery_timeout = "600s"
[health]
tool = { required = false }
[[step]]
id = "theirs"
run = ["sh", "{in}"]
tool = "tool"
optional = true
on_open = "skip"
retry = { max_retries = 0 }
[[step]]
id = "mine"
uses = "noop"
after = ["theirs"]
"#;

#[tokio::test(start_paused = true)]
async fn a_step_that_is_skipped_while_its_breaker_is_open_holds_nothing_up() {
    let ran = Scene { text: TOOL_THEN_MINE, ..Scene::new(700, 2) }
        .play(|task, _| (SECOND / 10, if task.step == 1 { done() } else { failed(FaultClass::Dependency, "missing") }))
        .await;
    let counts = ran.outcome.counts;
    assert_eq!(counts.done + counts.parked, 700);
    assert!(counts.parked <= 3, "only those that were tried before it opened wait: {}", counts.parked);
    let last = ran.log.attempts.iter().filter(|(.., step, _)| *step == 1).map(|(at, ..)| *at).max();
    assert!(last.unwrap() < SECOND * 120, "{last:?}: no recovery was waited for");
}

#[tokio::test(start_paused = true)]
async fn many_items_of_a_dead_tool_are_all_looked_at_without_waiting_for_a_recovery() {
    let ran = Scene::new(3000, 2).play(|_, _| (SECOND, failed(FaultClass::Dependency, "missing"))).await;
    assert_eq!(ran.outcome.counts.parked, 3000);
    let parked = |event: &&Event| matches!(event.kind, EventKind::TaskParked { .. });
    let early = ran.events.iter().filter(|event| event.elapsed < 60_000).filter(parked).count();
    assert!(early >= 2990, "{early} were parked in the first minute");
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_item_begins_no_other_attempt_and_is_not_done() {
    let commands = vec![(SECOND * 3 / 2, Command::CancelItem { item: 1 })];
    let ran = Scene { text: TOOL_THEN_MINE, commands, ..Scene::new(4, 4) }.play(|_, _| (SECOND * 2, done())).await;
    assert_eq!((ran.outcome.counts.done, ran.outcome.counts.cancelled), (3, 1));
    assert!(ran.log.attempts.iter().all(|(_, item, step, _)| (*item, *step) != (1, 1)));
}

#[tokio::test(start_paused = true)]
async fn a_retry_that_is_asked_for_twice_runs_once() {
    let again = Command::RetryFailed { cause: None };
    let commands = vec![(SECOND * 5, again.clone()), (SECOND * 5, again)];
    let text = "[retry]\nmax_retries = 0\n[[step]]\nid = \"a\"\nuses = \"noop\"\n";
    let ran = Scene { text, commands, ..Scene::new(8, 1) }
        .play(|task, now| {
            let bad = task.active.item.index == 2 && now < SECOND * 4;
            (SECOND, if bad { failed(FaultClass::Transient, "timeout") } else { done() })
        })
        .await;
    assert_eq!(ran.outcome.counts.done, 8);
    assert_eq!(ran.log.attempts.len(), 9);
    assert!(ran.state.causes.values().all(|count| *count == 0));
}
