//! A run, from a checked plan to its end.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use indexmap::IndexSet;
use tokio::sync::mpsc::error::SendError;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

use super::assets::AssetPool;
use super::attempt::Workshop;
use super::attempt::batch::{batch_hosts, make_batch_step};
use super::batch::Batch;
use super::context::{Basis, Context, Options, select};
use super::control::{Commands, Inbox};
use super::dispatcher::{Dispatcher, Outcome};
use super::hooks::{self, Hooks};
use super::kept;
use super::needs::Needed;
use super::occasion::Occasion;
use super::preflight::{Conflict, conflicts};
use super::recorder::{Recorder, Sink};
use super::resources::{self, Resources};
use super::signals::Signals;
use super::slot::{Answer, Threads};
use super::socket::Socket;
use super::tools;
use crate::events::journal::JournalWriter;
use crate::events::{BreakerShape, EventKind, RunState, StepShape};
use crate::health::{HealthCheck, wanted};
use crate::pipeline::hooks::HookOn;
use crate::pipeline::plan::{Durability, Plan, Step};
use crate::resilience::breaker::presets;
use crate::resilience::os_text::OsText;
use crate::resilience::scratch::{RunScratch, sweep};
use crate::resilience::store::{Access, Store, StoreError};
use crate::resources::secret::Secrets;
use crate::steps::shim::HostProgram;

/// Items in one event of the listing.
const LISTED_AT_ONCE: usize = 1000;
/// Conflicts that are told before a run is refused.
const CONFLICTS_TOLD: usize = 10;
/// The folder for scratch, where the output is on another file system than the state.
const HIDDEN_SCRATCH: &str = ".mediamill-scratch";

/// How long a run that has ended waits for the next of its hooks to end.
const HOOKS_PATIENCE: Duration = Duration::from_secs(60);

/// What is to be run.
pub struct Request {
    /// The pipeline.
    pub plan: Plan,
    /// The files.
    pub batch: Batch,
    /// What was asked for.
    pub options: Options,
    /// The state folder.
    pub state: PathBuf,
    /// Tasks at once.
    pub jobs: u32,
    /// The seed of all chance.
    pub seed: u64,
    /// Leave every attempt's scratch for a look.
    pub keep_scratch: bool,
    /// The program that serves as hosts.
    pub host: HostProgram,
    /// Where the events go, besides the journal.
    pub sinks: Vec<Box<dyn Sink>>,
    /// What sends commands to the run, for its signals too, and where they arrive: of [`channel`](super::control::channel).
    pub commands: (Commands, Inbox),
    /// Ends the process, because of this signal, when a run that has ended is only tidying up.
    pub end_now: fn(&str),
    /// The environment that `${NAME}` in the settings of resources is filled from.
    pub variable: fn(&str) -> Option<String>,
    /// Is told, before anything else, what this process may not show: in the message of a panic, too.
    pub hide: fn(&Secrets),
    /// For the record: written into the run's folder as `run.json`.
    pub about: serde_json::Value,
}

/// What a run came to, and where its parts are.
#[derive(Debug)]
pub struct Finished {
    /// How it ended.
    pub outcome: Outcome,
    /// All that is known of it.
    pub state: RunState,
    /// A step over the whole batch failed.
    pub batch_failed: bool,
    /// The run's folder.
    pub folder: PathBuf,
    /// The folder that the outputs are below.
    pub output: PathBuf,
    /// The pipeline's folder in the state folder.
    pub checkpoints: PathBuf,
}

/// Why a run did not start.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The state folder cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Tools that the pipeline cannot do without are not well.
    #[error("required dependencies are missing")]
    Missing(Vec<HealthCheck>),
    /// Outputs would collide, or could not be named.
    #[error("some outputs cannot be placed")]
    Conflicts(Vec<Conflict>),
    /// The step of `--only` or `--from` is not in the pipeline.
    #[error("there is no step called '{0}'")]
    NoSuchStep(String),
    /// Asset pools hold nothing: why, one by one.
    #[error("there is nothing to draw from")]
    EmptyPools(Vec<String>),
    /// A pattern of an asset pool is none.
    #[error("an asset pool names no pattern: {0}")]
    Pattern(#[from] globset::Error),
    /// A folder of the run cannot be made.
    #[error("cannot {doing} {}: {source}", path.display())]
    Io {
        /// A verb.
        doing: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
}

/// Prepares what a run shares, without starting anything: also what `plan` looks at.
///
/// # Errors
/// That the run could not start.
pub fn prepare(
    plan: Plan,
    batch: Batch,
    options: Options,
    state: &Path,
    access: Access,
) -> Result<(Context, Vec<HealthCheck>), RunError> {
    for asked in options.only.iter().chain(&options.from) {
        if plan.steps.iter().all(|step| step.id != *asked) {
            return Err(RunError::NoSuchStep(asked.clone()));
        }
    }
    let store = Store::open(&super::batch::absolute(state), &plan.name, access)?;
    let mut bases: Vec<Basis> = plan.steps.iter().map(|step| Basis::of(step, plan.generate.is_some())).collect();
    select(&plan, &options, &mut bases);
    let checks = tools::prepare(&plan, &mut bases, &store.dir().join("tools.json"), access != Access::Look);
    let mut pools = AssetPool::find_all(&plan.pools)?;
    let kept = kept::take_up(&mut pools, &store);
    Ok((Context { plan, batch, store, options, bases, pools, kept }, checks))
}

/// Runs it to its end.
///
/// # Errors
/// Why it did not start.
pub fn run(request: Request) -> Result<Finished, RunError> {
    let sync = request.plan.durability == Durability::Power;
    let access = Access::Run { sync };
    let io = |doing, path: &Path| {
        let path = path.to_path_buf();
        move |source| RunError::Io { doing, path, source }
    };
    let needed = Needed::of(&request.plan, &request.options);
    let resources = Resources::open(&request.plan, &|name| needed.has(name), &request.variable)
        .map_err(io("start the resources of", &request.state))?;
    (request.hide)(resources.secrets());
    let mut dependencies = wanted(&request.plan);
    dependencies.retain(|one| needed.has(&one.name));
    // At the same time as the tools.
    let looking = resources.look(&dependencies);
    let (mut context, mut checks) = prepare(request.plan, request.batch, request.options, &request.state, access)?;
    checks.extend(looking.checks());
    resources::leave_out(&context.plan, &checks, &mut context.bases);
    let is_missing = |check: &&HealthCheck| check.required && !check.available && needed.has(&check.name);
    let missing: Vec<HealthCheck> = checks.iter().filter(is_missing).cloned().collect();
    if !missing.is_empty() {
        return Err(RunError::Missing(missing));
    }
    let found = conflicts(&context, CONFLICTS_TOLD);
    if !found.is_empty() {
        return Err(RunError::Conflicts(found));
    }
    let empty: Vec<String> = context.pools.iter().filter_map(AssetPool::missing).collect();
    if !empty.is_empty() {
        return Err(RunError::EmptyPools(empty));
    }
    context.store.heal();

    let id = run_id();
    let folder = context.store.dir().join("runs").join(&id);
    std::fs::create_dir_all(&folder).map_err(io("create", &folder))?;
    let about = folder.join("run.json");
    let told = resources.secrets().redact_json(request.about);
    std::fs::write(&about, format!("{told:#}\n")).map_err(io("write", &about))?;
    let (commands, inbox) = request.commands;
    let journal_path = folder.join("journal.jsonl");
    let journal = JournalWriter::create(&journal_path).map_err(io("create", &journal_path))?;
    let scratch = make_scratch(&context, &id, request.keep_scratch)?;
    // There before anyone hears of the run, and until all of it is in the journal.
    let socket = Socket::serve(&folder, commands.clone());

    let mut recorder = Recorder::new(Some(journal), request.sinks);
    if !context.plan.resources.is_empty() {
        recorder = recorder.without(resources.secrets().clone());
    }
    tell_beginning(&mut recorder, &context, &checks, &id, request.jobs, request.seed);
    resources.seen().into_iter().for_each(|seen| recorder.record(seen));
    let (output, checkpoints) = (context.output_root(), context.store.dir().to_path_buf());
    let workshop =
        Arc::new(Workshop { context, scratch, run_folder: folder.clone(), resources, stopping: false.into() });
    if let Err(error) = &socket {
        let message = format!("other processes cannot command this run: {}: {error}", folder.join("socket").display());
        recorder.record(EventKind::Warning { message, item: None });
    }
    recorder.record(EventKind::MachineChecked { found: tools::look_at_machine(&workshop.folders()) });

    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(io("start the run in", &folder))?;
    let batch_program = request.host.clone();
    let late = Late::default();
    let ended: std::io::Result<_> = runtime.block_on(async {
        let (answers, from_workers) = unbounded_channel();
        let (tell, kept) = (answers.clone(), Arc::clone(&late));
        let tell: hooks::Tell = Arc::new(move |events| tell_or_keep(&tell, &kept, events));
        let told = Arc::clone(&tell);
        workshop.resources.watch(dependencies, move |events| told(events));
        let hooks = Hooks::start(&workshop, request.seed, tell)?;
        let hooks = hooks.map(|(hooks, listener)| {
            recorder.add(listener);
            hooks
        });
        let lookers = std::thread::available_parallelism().map_or(1, |cores| cores.get().clamp(1, 4));
        let threads = Threads::start(Arc::clone(&workshop), request.host, lookers, answers)?;
        let dispatcher = Dispatcher::new(Arc::clone(&workshop), threads, recorder, request.seed, request.jobs);
        // A system that lets nobody listen ends the run by its own default, which loses nothing either.
        let signals = Signals::listen().map(|signals| tokio::spawn(signals.forward(commands)));
        let ended = dispatcher.run(from_workers, inbox).await;
        if let Ok(signals) = signals {
            signals.abort();
        }
        Ok((ended, hooks))
    });
    let ((outcome, threads, mut recorder), hooks) = ended.map_err(io("start the threads of", &folder))?;
    // All that is left to do is recorded, and would be done again: from here on a signal is taken at its word.
    let end_now = request.end_now;
    // Without a thread the system's own default ends the process, which loses nothing either.
    let _ = std::thread::Builder::new().name("signals".into()).spawn(move || {
        runtime.block_on(async {
            if let Ok(mut signals) = Signals::listen() {
                end_now(signals.next().await);
            }
        });
    });
    let killed = outcome.stopped == Some(crate::events::StopLevel::Kill);
    if killed {
        // Their hosts end their tools when this process is gone; nothing here waits for them.
        std::mem::forget(threads);
    } else {
        threads.join();
    }
    let batch_failed = outcome.stopped.is_none() && !batch_steps(&workshop, batch_program, &mut recorder);
    if !killed {
        if let Some(hooks) = hooks {
            recorder.remove_last();
            for message in end_hooks(hooks, &outcome, batch_failed, &recorder) {
                recorder.record(EventKind::Warning { message, item: None });
            }
        }
        let closed = workshop.resources.close();
        take_late(&late).into_iter().chain(closed).for_each(|event| recorder.record(event));
    }
    let store = Arc::try_unwrap(workshop).map(|workshop| workshop.context.store);
    if let Ok(Err(error)) = store.map(Store::close) {
        let message = format!("some checkpoints could not be written ({error}); the next run writes them");
        recorder.record(EventKind::Warning { message, item: None });
    }
    let counts = recorder.state().counts;
    recorder.record(EventKind::RunFinished { counts, reason: outcome.reason.clone() });
    recorder.flush();
    drop(socket);
    let state = recorder.into_state();
    Ok(Finished { outcome, state, batch_failed, folder, output, checkpoints })
}

/// What is told after the dispatcher has ended.
type Late = Arc<Mutex<Vec<EventKind>>>;

/// Has the dispatcher tell what happened; when it has ended, it is kept for who tells the run's end.
fn tell_or_keep(dispatcher: &UnboundedSender<Answer>, late: &Late, events: Vec<EventKind>) {
    if let Err(SendError(Answer::Told(events))) = dispatcher.send(Answer::Told(events)) {
        late.lock().unwrap_or_else(PoisonError::into_inner).extend(events);
    }
}

fn take_late(late: &Late) -> Vec<EventKind> {
    std::mem::take(&mut *late.lock().unwrap_or_else(PoisonError::into_inner))
}

/// Has the hooks of the batch called, and waits for all. Tells of those that were not made.
fn end_hooks(hooks: Hooks, outcome: &Outcome, batch_failed: bool, recorder: &Recorder) -> Vec<String> {
    let counts = recorder.state().counts;
    let left = counts.failed + counts.parked + counts.waiting() + counts.cancelled;
    let well = outcome.stopped.is_none() && !batch_failed && left == 0;
    let seconds = recorder.elapsed().as_secs_f64();
    let on = if well { HookOn::BatchDone } else { HookOn::BatchFailed };
    let occasion = Occasion { counts, seconds, ..Occasion::default() };
    hooks.finish(on, occasion, outcome.stopped.is_some(), HOOKS_PATIENCE)
}

/// Tells what the run is about to do, and with what.
pub(super) fn tell_beginning(
    recorder: &mut Recorder,
    context: &Context,
    checks: &[HealthCheck],
    id: &str,
    jobs: u32,
    seed: u64,
) {
    let plan = &context.plan;
    recorder.record(EventKind::RunStarted {
        run: id.to_owned(),
        pipeline: plan.name.clone(),
        steps: plan.steps.iter().map(|step| step.id.clone()).collect(),
        jobs,
        seed,
        shapes: plan.steps.iter().map(shape).collect(),
        breakers: breakers(plan),
        pools: context.pools.iter().map(AssetPool::shape).collect(),
        output: OsText::from(context.output_root()),
        generated: context.batch.generator.is_some(),
    });
    for check in checks {
        recorder.record(tools::told(check));
    }
    for problem in &context.batch.problems {
        let message = format!("{}: {}", problem.path.display(), problem.message);
        recorder.record(EventKind::Warning { message, item: None });
    }
    for (place, pool) in (0..).zip(&context.pools) {
        pool.tell(place, recorder);
    }
    let generator = context.batch.generator.as_ref();
    if let Some(message) = generator.and_then(|generator| generator.change_since_last_run(context.store.dir())) {
        recorder.record(EventKind::Warning { message, item: None });
    }
    for first in (0..context.batch.len()).step_by(LISTED_AT_ONCE) {
        let places = first..context.batch.len().min(first + LISTED_AT_ONCE);
        let paths = places.map(|place| OsText::from(context.batch.path(place as u32))).collect();
        recorder.record(EventKind::ItemsListed { first: first as u32, paths });
    }
}

/// The breakers of the plan's dependencies, each once, in the order of their first step.
fn breakers(plan: &Plan) -> Vec<BreakerShape> {
    let dependencies: IndexSet<&String> = plan.steps.iter().flat_map(Step::needs).collect();
    let shape = |name: &&String| {
        let settings = plan.breakers.get(*name).copied().unwrap_or_else(|| presets(name));
        BreakerShape {
            dependency: (*name).clone(),
            failure_threshold: settings.failure_threshold,
            recovery: settings.recovery_timeout.as_millis() as u64,
            success_threshold: settings.success_threshold,
        }
    };
    dependencies.iter().map(shape).collect()
}

/// What the events tell of a step.
fn shape(step: &Step) -> StepShape {
    let mut before: Vec<u32> = step.reads.iter().chain(&step.after).map(|step| *step as u32).collect();
    before.sort_unstable();
    before.dedup();
    StepShape {
        dependency: step.tool.clone(),
        before,
        attempts: step.retry.max_attempts(),
        optional: step.optional,
        batch: step.batch,
    }
}

/// The steps over the whole batch, in order. `false`: one of them failed.
fn batch_steps(workshop: &Workshop, program: HostProgram, recorder: &mut Recorder) -> bool {
    let context = &workshop.context;
    let mut hosts = batch_hosts(workshop, program);
    let mut all_well = true;
    for (place, step) in context.plan.steps.iter().enumerate() {
        if !step.batch || context.bases[place].left_out {
            continue;
        }
        recorder.record(EventKind::BatchStepStarted { step: place as u32 });
        recorder.flush();
        let (fault, artifact) = match make_batch_step(workshop, place, &mut hosts) {
            Ok(artifact) => (None, artifact.map(OsText::from)),
            Err(fault) => (Some(fault), None),
        };
        all_well &= fault.is_none();
        recorder.record(EventKind::BatchStepFinished { step: place as u32, fault, artifact });
    }
    all_well
}

/// The scratch of the run, on the file system of the outputs: beside the state where that is the same one, so that
/// nobody who watches the output folder ever sees it; else hidden in the output folder.
fn make_scratch(context: &Context, id: &str, keep: bool) -> Result<RunScratch, RunError> {
    let output = context.output_root();
    let beside = context.store.dir().join("scratch");
    let hidden = output.join(HIDDEN_SCRATCH);
    for base in [&beside, &hidden] {
        sweep(base);
    }
    let io = |doing, path: &Path| {
        let path = path.to_path_buf();
        move |source| RunError::Io { doing, path, source }
    };
    let scratch = RunScratch::create(&beside, id, keep).map_err(io("create scratch in", &beside))?;
    let makes_files = context.plan.steps.iter().any(|step| !step.out.is_empty());
    if !makes_files {
        return Ok(scratch);
    }
    std::fs::create_dir_all(&output).map_err(io("create", &output))?;
    // A file without a name: nobody sees it, and a SIGKILL leaves nothing of it.
    tempfile::tempfile_in(&output).map_err(io("write into", &output))?;
    let device = |path: &Path| std::fs::metadata(path).map(|metadata| metadata.dev()).map_err(io("look at", path));
    if device(scratch.folder())? == device(&output)? {
        return Ok(scratch);
    }
    drop(scratch);
    RunScratch::create(&hidden, id, keep).map_err(io("create scratch in", &hidden))
}

/// When it began, and four digits against two in one second.
fn run_id() -> String {
    let now = jiff::Timestamp::now();
    let hash =
        crate::resilience::hash::hash_bytes(format!("{} {}", now.as_nanosecond(), std::process::id()).as_bytes());
    format!("{}-{}", now.strftime("%Y%m%d-%H%M%S"), &hash[..4])
}
