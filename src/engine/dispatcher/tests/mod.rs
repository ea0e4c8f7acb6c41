//! The dispatcher in virtual time: hours of retries and recoveries in no time, every attempt scripted.

#![expect(clippy::unwrap_used, reason = "a test may")]

use std::cell::RefCell;
use std::path::Path;
use std::rc::Rc;

use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

mod asked;
mod asset_faults;
mod assets;
mod by_hand;
mod flow;
mod pieces;
mod resources;

use super::*;
use crate::engine::attempt::piece::look_at_pieces;
use crate::engine::attempt::{Ending, Report, Task};
use crate::engine::batch::{self, Batch};
use crate::engine::context::{Context, Options};
use crate::engine::control::channel;
use crate::engine::fingerprint::{fingerprint, read_source};
use crate::engine::piece::fingerprint_of;
use crate::engine::piece_view::{PieceView, called};
use crate::engine::recorder::Sink;
use crate::engine::run::{prepare, tell_beginning};
use crate::engine::slot::TooFew;
use crate::engine::survey::look;
use crate::events::{Command, Event, MachineView, RunState, Story};
use crate::health::canary::CanaryResult;
use crate::health::{HealthCheck, Wanted};
use crate::pipeline::load::parse;
use crate::pipeline::plan::Plan;
use crate::resilience::breaker::BreakerState;
use crate::resilience::checkpoint::{Artifact, Identity, StepOutcome, StepRecord};
use crate::resilience::piece::{Piece, PieceOutcome, PieceRecord};
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
    threads: u32,
    is_blind: bool,
    start: Instant,
    log: Rc<RefCell<Log>>,
}

/// What a real attempt notes of the input, whatever becomes of it.
fn note_source(task: &Task) {
    let seen = Identity::of(&task.active.item.path).unwrap();
    task.active.checkpoint().source = read_source(&task.active.item.path, seen).unwrap();
}

/// Pieces that a scripted attempt makes of an item.
const PIECES: u32 = 20;

/// What a real attempt commits, as far as later looks are concerned.
fn note_done(context: &Context, task: &Task) {
    let mut checkpoint = task.active.checkpoint();
    let spec = &context.plan.steps[task.step];
    let mut log = task.active.pieces();
    if let Some((each, place)) = spec.each.as_ref().zip(task.piece) {
        let of = called(&context.plan, each);
        let piece = log.piece(&of, place as usize).unwrap();
        let view = PieceView { index: place + 1, piece };
        let fingerprint = fingerprint_of(context, task.step, &checkpoint, &mut log, &view);
        let record = PieceRecord::without_result(PieceOutcome::Done, fingerprint, task.attempt);
        return log.append_record(&spec.id, &of, &view.piece.key, &record).unwrap();
    }
    let pieces = spec.out.iter().filter(|(_, rule)| rule.many).map(|(name, rule)| {
        let piece = |n: u32| {
            let key = format!("{n:04}");
            let path = context.target(&task.active.item, None, rule, Path::new(&key)).unwrap();
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, &key).unwrap();
            let (mtime_ns, hash) = (Identity::of(&path).unwrap().mtime_ns, key.clone());
            let artifact = Artifact { path: (&path).into(), size: 4, hash, mtime_ns, replaces: None };
            Piece { key: key.into(), artifact, values: serde_json::Map::new() }
        };
        let pieces: Vec<Piece> = (0..PIECES).map(piece).collect();
        let known = checkpoint.steps.contains_key(&spec.id);
        (name.clone(), log.append_set(&format!("{}.{name}", spec.id), &pieces, !known).unwrap())
    });
    let pieces = pieces.collect();
    let record = StepRecord {
        outcome: StepOutcome::Done,
        fingerprint: fingerprint(context, task.step, &checkpoint),
        artifacts: indexmap::IndexMap::new(),
        pieces,
        draws: indexmap::IndexMap::new(),
        each: None,
        attempts: task.attempt,
        duration: 0.0,
        left_out: None,
    };
    checkpoint.mark(&context.plan.steps[task.step].id, record, serde_json::Map::new());
}

#[derive(Default)]
struct Log {
    /// When each attempt began, with its item, step and number.
    attempts: Vec<(Duration, ItemIndex, usize, u32)>,
    /// Items that were looked at.
    looks: usize,
    canaries: Vec<Duration>,
    checks: Vec<Duration>,
    looks_at_machine: Vec<Duration>,
    most_at_once: Rc<RefCell<(u32, u32)>>,
}

impl Workers for Scripted {
    fn order(&mut self, order: Order) {
        let answers = self.answers.clone();
        match order {
            Order::Look { range, again } => {
                let first = range.start;
                self.log.borrow_mut().looks += range.len();
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
                let (took, mut ending) = (self.script)(&task, now);
                let workshop = Arc::clone(&self.workshop);
                tokio::task::spawn_local(async move {
                    tokio::time::sleep(took).await;
                    counts.borrow_mut().0 -= 1;
                    note_source(&task);
                    if task.canceller.is_cancelled() {
                        ending = failed(FaultClass::Cancelled, "cancelled");
                    } else if matches!(ending, Ending::Done(_)) {
                        note_done(&workshop.context, &task);
                    }
                    let report = Report { ending, took, log: None, leftover: 0, note: None };
                    let _ = answers.send(Answer::Attempt(task, Box::new(report)));
                });
            }
            Order::Pieces(active, step) => {
                let stands = look_at_pieces(&self.workshop, &active, step);
                answers.send(Answer::Pieces(active, step, stands)).unwrap();
            }
            Order::Canary(tool) => {
                self.log.borrow_mut().canaries.push(self.start.elapsed());
                answers.send(Answer::Canary(tool, self.canary.clone())).unwrap();
            }
            Order::Check(wanted) => {
                self.log.borrow_mut().checks.push(self.start.elapsed());
                let found = |one: Wanted| HealthCheck {
                    name: one.name,
                    kind: None,
                    available: true,
                    version: None,
                    path: None,
                    details: "it answers".into(),
                    hint: None,
                    required: one.required,
                    check_time: 0.0,
                    took_ms: 0,
                };
                let names = wanted.iter().map(|one| one.name.clone()).collect();
                let found = if self.is_blind { Vec::new() } else { wanted.into_iter().map(found).collect() };
                answers.send(Answer::Checked(names, found)).unwrap();
            }
            Order::Machine(folders) => {
                self.log.borrow_mut().looks_at_machine.push(self.start.elapsed());
                assert_eq!(folders, self.workshop.folders());
                let (name, well, details) = ("memory".into(), true, "enough".into());
                let found = vec![MachineView { name, well, details, hint: None }];
                answers.send(Answer::Machine((!self.is_blind).then_some(found))).unwrap();
            }
        }
    }

    fn grow(&mut self, jobs: u32) -> Result<(), TooFew> {
        let source = std::io::ErrorKind::WouldBlock.into();
        if jobs <= self.threads { Ok(()) } else { Err(TooFew { jobs: self.threads, source }) }
    }
}

#[derive(Default)]
struct Collect(Rc<RefCell<(Vec<Event>, Story)>>);

impl Sink for Collect {
    fn event(&mut self, event: &Event, _state: &RunState) {
        let mut collected = self.0.borrow_mut();
        collected.1.apply(event);
        collected.0.push(event.clone());
    }
}

/// The events, as the journal keeps them, fold to what the run had.
fn assert_folds(events: &[Event], state: &RunState, story: &Story) {
    let (mut replayed, mut retold) = (RunState::default(), Story::default());
    for (seq, event) in events.iter().enumerate() {
        assert_eq!(event.seq, seq as u64);
        let line = serde_json::to_string(event).unwrap();
        let read: Event = serde_json::from_str(&line).unwrap();
        replayed.apply(&read);
        retold.apply(&read);
    }
    assert!(replayed == *state, "{replayed:#?}\n{state:#?}");
    assert!(retold == *story, "{retold:#?}\n{story:#?}");
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
    /// Slots that there are threads for.
    threads: u32,
    /// Nobody can look at tools and the machine.
    is_blind: bool,
    commands: Vec<(Duration, Command)>,
    options: Options,
    /// Files of the folder that `ASSETS` stands for in the pipeline.
    assets: Vec<String>,
    /// Pieces that are held before others are looked at, where that is not as always.
    most_pieces: Option<usize>,
    /// What is done to the plan before it runs.
    shaped: fn(&mut Plan),
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
        let (commands, options) = (Vec::new(), Options::default());
        Self {
            text: ONE_TOOL,
            items,
            jobs,
            canary: None,
            threads: u32::MAX,
            is_blind: false,
            commands,
            options,
            assets: Vec::new(),
            most_pieces: None,
            shaped: |_| {},
        }
    }

    async fn play(self, script: impl FnMut(&Task, Duration) -> (Duration, Ending) + 'static) -> Ran {
        let folder = tempfile::tempdir().unwrap();
        self.play_in(folder.path(), script).await
    }

    /// As [`Self::play`], in a folder in which it may have been played before.
    async fn play_in(self, folder: &Path, script: impl FnMut(&Task, Duration) -> (Duration, Ending) + 'static) -> Ran {
        let local = tokio::task::LocalSet::new();
        let ran = local.run_until(self.run(folder, Box::new(script))).await;
        drop(local);
        ran
    }

    async fn run(self, folder: &Path, script: Script) -> Ran {
        let inputs = folder.join("in");
        std::fs::create_dir_all(&inputs).unwrap();
        for item in 0..self.items {
            std::fs::write(inputs.join(format!("{item:04}")), b"x").unwrap();
        }
        let assets = folder.join("assets");
        for name in &self.assets {
            let path = assets.join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, name).unwrap();
        }
        let text = self.text.replace("ASSETS", assets.to_str().unwrap());
        let (plan, found) = parse("test", &text, &Catalog::registered());
        let mut plan = plan.unwrap_or_else(|| panic!("{}", found.to_text(false)));
        (self.shaped)(&mut plan);
        let wanted = batch::Wanted { paths: vec![inputs], matches: vec![], recursive: true, except: vec![] };
        let batch = Batch::find(&wanted).unwrap();
        let access = Access::Run { sync: false };
        let options = Options { output: Some(folder.join("out")), ..self.options };
        let (mut context, checks) = prepare(plan, batch, options, &folder.join("state"), access).unwrap();
        context.bases.iter_mut().for_each(|basis| basis.unavailable = None);
        let scratch = RunScratch::create(&folder.join("scratch"), "test", false).unwrap();
        let workshop = Arc::new(Workshop {
            context,
            scratch,
            run_folder: folder.join("run"),
            resources: Default::default(),
            stopping: false.into(),
        });

        let (answers, from_workers) = unbounded_channel();
        let (commands, inbox) = channel();
        let log = Rc::new(RefCell::new(Log::default()));
        let workers = Scripted {
            workshop: Arc::clone(&workshop),
            answers,
            script,
            canary: self.canary,
            threads: self.threads,
            is_blind: self.is_blind,
            start: Instant::now(),
            log: Rc::clone(&log),
        };
        let events = Rc::new(RefCell::new((Vec::new(), Story::default())));
        let mut recorder = Recorder::new(None, vec![Box::new(Collect(Rc::clone(&events)))]);
        tell_beginning(&mut recorder, &workshop.context, &checks, "test", self.jobs, 7);
        let mut dispatcher = Dispatcher::new(Arc::clone(&workshop), workers, recorder, 7, self.jobs);
        dispatcher.most_pieces = self.most_pieces.unwrap_or(dispatcher.most_pieces);
        for (at, command) in self.commands {
            let commands = commands.clone();
            tokio::task::spawn_local(async move {
                tokio::time::sleep(at).await;
                let _ = commands.send(command);
            });
        }
        let (outcome, workers, recorder) = dispatcher.run(from_workers, inbox).await;
        drop(workers);
        let state = recorder.into_state();
        let (log, (events, story)) = (log.take(), events.take());
        assert_folds(&events, &state, &story);
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

/// No breaker ever left its state.
fn breakers_are_untouched(state: &RunState) -> bool {
    state.breakers.values().all(|breaker| breaker.changes == 0 && breaker.state == BreakerState::Closed)
}

const SECOND: Duration = Duration::from_secs(1);

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
