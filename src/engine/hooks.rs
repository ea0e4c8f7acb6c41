//! Hooks: calls of steps that work with a resource, made when an item or the batch has come to its end.
//!
//! A thread takes what has happened in its order, reads what is known of the item, and has the call made on the desk, a few at
//! the same time. No item waits for it, and a call that fails changes nothing: that is told.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::task::{AbortHandle, JoinSet};

use super::attempt::Workshop;
use super::attempt::resource::once;
use super::item::{Fields, Item, fill};
use super::occasion::Occasion;
use super::recorder::Sink;
use super::resources::panicked;
use crate::events::{Event, EventKind, ItemIndex, RunState};
use crate::pipeline::hooks::{Hook, HookOn};
use crate::resilience::checkpoint::ItemState;
use crate::resilience::fault::THROTTLED;
use crate::resilience::retry::{RetryPolicy, chance};
use crate::resilience::store::Loaded;
use crate::resilience::{Fault, FaultClass};
use crate::resources::{Manager, Owner, Requirement};
use crate::steps::resource::{ResourceJob, ResourceStep};

/// Calls at the same time.
const AT_ONCE: u32 = 8;
/// The longest that one call may take.
const LIMIT: Duration = Duration::from_secs(60);

/// Where what happens is told.
pub type Tell = Arc<dyn Fn(Vec<EventKind>) + Send + Sync>;

/// Something that a hook may wait for.
struct Happened {
    on: HookOn,
    item: Option<ItemIndex>,
    occasion: Occasion,
}

/// The hooks of a run.
pub struct Hooks {
    happened: Sender<Happened>,
    ended: Receiver<()>,
    thread: JoinHandle<()>,
    calls: Arc<Calls>,
    /// What every call is told of the run.
    run: Occasion,
}

/// The calls that are under way.
struct Calls {
    slots: Arc<Semaphore>,
    /// Those that were begun; some of them have ended.
    begun: Mutex<Vec<AbortHandle>>,
    /// Those that were to be made, and have not ended.
    left: AtomicUsize,
}

/// Hears of items that end.
struct Listener {
    happened: Sender<Happened>,
    run: Occasion,
    calls: Arc<Calls>,
    on: Vec<HookOn>,
    steps: Vec<String>,
}

impl Sink for Listener {
    fn event(&mut self, event: &Event, state: &RunState) {
        let EventKind::ItemFinished { item, state: ended, step, fault, before: false } = &event.kind else { return };
        let on = match ended {
            ItemState::Done => HookOn::ItemDone,
            ItemState::Failed => HookOn::ItemFailed,
            _ => return,
        };
        let calls = self.on.iter().filter(|one| **one == on).count();
        if calls == 0 {
            return;
        }
        let occasion = Occasion {
            counts: state.counts,
            seconds: event.elapsed as f64 / 1000.0,
            fault: fault.clone(),
            step: step.and_then(|step| self.steps.get(step as usize).cloned()),
            ..self.run.clone()
        };
        self.calls.left.fetch_add(calls, Ordering::SeqCst);
        let _ = self.happened.send(Happened { on, item: Some(*item), occasion });
    }
}

impl Hooks {
    /// Those of the plan, where it has any; and who has to hear every event for them.
    ///
    /// # Errors
    /// That the system gives no thread.
    pub fn start(workshop: &Arc<Workshop>, seed: u64, tell: Tell) -> std::io::Result<Option<(Self, Box<dyn Sink>)>> {
        let plan = &workshop.context.plan;
        if plan.hooks.is_empty() {
            return Ok(None);
        }
        let run = Occasion {
            run: workshop.run_folder.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            pipeline: plan.name.clone(),
            ..Occasion::default()
        };
        let calls = Arc::new(Calls {
            slots: Arc::new(Semaphore::new(AT_ONCE as usize)),
            begun: Mutex::default(),
            left: AtomicUsize::new(0),
        });
        let (happened, to_do) = channel::<Happened>();
        let (end, ended) = channel();
        let caller = Caller { workshop: Arc::clone(workshop), calls: Arc::clone(&calls), seed, tell };
        let thread = std::thread::Builder::new().name("hooks".into()).spawn(move || {
            to_do.into_iter().for_each(|happened| caller.call(&happened));
            caller.wait_for_all();
            // Whoever is told needs nothing of the run that this holds.
            drop(caller);
            let _ = end.send(());
        })?;
        // A run of some steps only leaves no item done.
        let less = workshop.context.asks_for_less();
        let on = plan.hooks.iter().map(|hook| hook.on).filter(|on| !less || *on != HookOn::ItemDone).collect();
        let steps = plan.steps.iter().map(|step| step.id.clone()).collect();
        let listener = Listener { happened: happened.clone(), run: run.clone(), calls: Arc::clone(&calls), on, steps };
        Ok(Some((Self { happened, ended, thread, calls, run }, Box::new(listener))))
    }

    /// The batch has come to its end: its hooks are called, and all are waited for, as long as one ends within `patience`.
    /// Whoever hears events for this must be gone. Gives how many calls were given up.
    pub fn finish(self, on: HookOn, known: Occasion, patience: Duration) -> usize {
        let Self { happened, ended, thread, calls, run } = self;
        let occasion = Occasion { run: run.run, pipeline: run.pipeline, ..known };
        let _ = happened.send(Happened { on, item: None, occasion });
        drop(happened);
        let mut left = calls.left.load(Ordering::SeqCst);
        let in_time = loop {
            if ended.recv_timeout(patience).is_ok() {
                break true;
            }
            let before = std::mem::replace(&mut left, calls.left.load(Ordering::SeqCst));
            if left >= before {
                break false;
            }
        };
        let abort = || calls.begun.lock().unwrap_or_else(PoisonError::into_inner).iter().for_each(AbortHandle::abort);
        calls.slots.close();
        abort();
        let _ = thread.join();
        // One may have begun just before it heard of the end.
        abort();
        if in_time { 0 } else { calls.left.load(Ordering::SeqCst).max(1) }
    }
}

/// Makes the calls.
struct Caller {
    workshop: Arc<Workshop>,
    calls: Arc<Calls>,
    seed: u64,
    tell: Tell,
}

impl Caller {
    fn call(&self, happened: &Happened) {
        let hooks = &self.workshop.context.plan.hooks;
        for (place, hook) in hooks.iter().enumerate().filter(|(_, hook)| hook.on == happened.on) {
            if let Err(fault) = self.begin(place, hook, happened) {
                self.calls.left.fetch_sub(usize::from(happened.item.is_some()), Ordering::SeqCst);
                (self.tell)(vec![failed(&self.workshop, hook, happened.item, &fault)]);
            }
        }
    }

    fn begin(&self, place: usize, hook: &Hook, happened: &Happened) -> Result<(), Fault> {
        let missing = |what: &str| Fault::input("hook", format!("there is no {what}"));
        let resources = &self.workshop.resources;
        let desk = resources.desk().ok_or_else(|| missing("resource"))?;
        let step = resources.step(&hook.uses).ok_or_else(|| missing("such step"))?;
        let slots = Arc::clone(&self.calls.slots);
        let Some(Ok(slot)) = desk.wait_for(slots.acquire_owned()) else { return Ok(()) };
        let work = self.work(place, hook, step, happened)?;
        let (workshop, tell, calls) = (Arc::clone(&self.workshop), Arc::clone(&self.tell), Arc::clone(&self.calls));
        let (hook, item) = (hook.clone(), happened.item);
        let task = desk.task(async move {
            let mut leaks = Vec::new();
            let done = work.perform(&mut leaks).await;
            if let Err(fault) = done {
                leaks.push(failed(&workshop, &hook, item, &fault));
            }
            // Its slot is free when nothing of it is left.
            drop(workshop);
            if !leaks.is_empty() {
                tell(leaks);
            }
            calls.left.fetch_sub(usize::from(item.is_some()), Ordering::SeqCst);
            drop(slot);
        });
        let mut begun = self.calls.begun.lock().unwrap_or_else(PoisonError::into_inner);
        begun.retain(|task| !task.is_finished());
        begun.push(task.abort_handle());
        Ok(())
    }

    /// What is to be done, with every placeholder filled.
    fn work(&self, place: usize, hook: &Hook, step: &'static ResourceStep, happened: &Happened) -> Result<Work, Fault> {
        let context = &self.workshop.context;
        let item = happened.item.map(|index| Item::of(&context.batch, index));
        let checkpoint = item.as_ref().and_then(|item| match context.store.load(item.key, &item.id) {
            Loaded::Known(checkpoint) => Some(checkpoint),
            _ => None,
        });
        let fields = Fields {
            item: item.as_ref(),
            checkpoint: checkpoint.as_deref(),
            occasion: Some(&happened.occasion),
            ..Fields::default()
        };
        let with = fill(&hook.with, &fields)
            .map_err(|why| Fault::input("placeholder", format!("a parameter cannot be filled: {why}")))?;
        let run = &happened.occasion.run;
        let (name, owner) = match &item {
            Some(item) => (item.id.clone(), format!("{run}/{}/hook-{}", item.id, place + 1)),
            None => (run.clone(), format!("{run}/hook-{}", place + 1)),
        };
        let number = (place + 1).to_string();
        // An item's hook is called once for it, whatever run it is; the batch's once in each run.
        let key = once(&["hook", &context.plan.name, &name, &number, &hook.uses]);
        Ok(Work {
            manager: self.workshop.resources.manager().clone(),
            step,
            with,
            resource: hook.resource.clone(),
            owner,
            once: key,
            retry: context.plan.retry,
            seed: self.seed,
            name,
        })
    }

    fn wait_for_all(&self) {
        let slots = Arc::clone(&self.calls.slots);
        if let Some(desk) = self.workshop.resources.desk() {
            let _ = desk.wait_for(slots.acquire_many_owned(AT_ONCE));
        }
    }
}

/// One call, with what it needs.
struct Work {
    manager: Manager,
    step: &'static ResourceStep,
    with: serde_json::Value,
    resource: String,
    owner: String,
    once: String,
    retry: RetryPolicy,
    seed: u64,
    name: String,
}

impl Work {
    /// Makes the call, and again as the pipeline's policy has it.
    async fn perform(self, leaks: &mut Vec<EventKind>) -> Result<(), Fault> {
        let mut failures = 0;
        loop {
            let owner = Owner::new(format!("{}/{}", self.owner, failures + 1));
            // In a task of its own: one that panics is a failure like others. It goes with this one.
            let mut attempt = JoinSet::new();
            attempt.spawn(tokio::time::timeout(LIMIT, self.attempt(owner.clone())));
            let done = match attempt.join_next().await {
                Some(Ok(Ok(done))) => done,
                Some(Ok(Err(_))) => {
                    let message = format!("it took longer than {} s", LIMIT.as_secs());
                    Err(Fault::new(FaultClass::Transient, "timeout", message))
                }
                Some(Err(lost)) => match lost.try_into_panic() {
                    Ok(panic) => Err(panicked(&*panic)),
                    Err(_) => return Ok(()),
                },
                None => return Ok(()),
            };
            let still_held = self.manager.release_all(&owner).into_iter();
            leaks.extend(still_held.map(|leak| EventKind::ResourceLeaked { leak, ended: true }));
            let Err(fault) = done else { return Ok(()) };
            let may_pass = matches!(fault.class, FaultClass::Transient | FaultClass::Dependency);
            if !may_pass || failures >= self.retry.max_retries {
                return Err(fault);
            }
            let delay = self.retry.delay(failures, chance(self.seed, &self.name, &self.owner, failures));
            let asked = fault.retry_after.map_or(Duration::ZERO, Duration::from_millis);
            tokio::time::sleep(delay.max(asked)).await;
            failures += u32::from(fault.cause != THROTTLED);
        }
    }

    fn attempt(&self, owner: Owner) -> impl Future<Output = Result<(), Fault>> + Send + 'static {
        let (manager, run, resource) = (self.manager.clone(), self.step.run, self.resource.clone());
        let (with, once) = (self.with.clone(), self.once.clone());
        async move {
            let leases = manager.acquire_all(&[Requirement::new(&resource)], &owner).await?;
            let lease = leases.get(&resource).cloned();
            let lease = lease.ok_or_else(|| Fault::new(FaultClass::Bug, "lease", "it was given no lease"))?;
            drop(leases);
            // What a hook has to say but that it failed is no warning of the run: done again, it writes nothing anew.
            let (inputs, outputs, note) = Default::default();
            let job = ResourceJob { with, inputs, outputs, resource, lease, once, note };
            run(job).await.map(drop)
        }
    }
}

/// What is told of a call that failed for good.
fn failed(workshop: &Workshop, hook: &Hook, item: Option<ItemIndex>, fault: &Fault) -> EventKind {
    let when = match hook.on {
        HookOn::ItemDone | HookOn::BatchDone => "on_done",
        HookOn::ItemFailed | HookOn::BatchFailed => "on_fail",
    };
    let why = workshop.resources.secrets().redact(&fault.message).into_owned();
    EventKind::Warning { message: format!("hook {when} ({} with {}) failed: {why}", hook.uses, hook.resource), item }
}
