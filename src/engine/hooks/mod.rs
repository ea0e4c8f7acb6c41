//! Hooks: calls of steps that work with a resource, made when an item or the batch has come to its end.
//!
//! A thread takes what has happened in its order, reads what is known of the item, and has the call made on the desk, a few at
//! the same time. No item waits for it, and a call that fails changes nothing: that is told. What is due for an item stands in
//! its checkpoint until the call is made, so that a later run makes those that this one did not come to.

mod call;
mod calls;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::mpsc;

use self::call::{About, Call};
use self::calls::Calls;
use super::attempt::Workshop;
use super::attempt::resource::once;
use super::context::Context;
use super::due;
use super::item::{Fields, Item, fill};
use super::occasion::Occasion;
use super::recorder::Sink;
use crate::events::{Event, EventKind, ItemIndex, RunState};
use crate::pipeline::hooks::HookOn;
use crate::resilience::checkpoint::{Checkpoint, HookDue, ItemState};
use crate::resilience::store::Loaded;
use crate::resilience::{Fault, FaultClass};

/// Where what happens is told.
pub type Tell = Arc<dyn Fn(Vec<EventKind>) + Send + Sync>;

/// Something that hooks wait for.
struct Happened {
    what: What,
    /// The calls that it is counted as in [`Calls::left`].
    counted: usize,
    occasion: Occasion,
}

#[derive(Clone, Copy)]
enum What {
    /// An item, or the batch, has come to its end.
    Ended(HookOn, Option<ItemIndex>),
    /// Calls for the item are due since an earlier run.
    Due(Option<ItemIndex>),
}

/// The hooks of a run.
pub struct Hooks {
    happened: Sender<Happened>,
    ended: Receiver<()>,
    thread: JoinHandle<()>,
    calls: Arc<Calls>,
    /// By hook: what it waits for.
    on: Vec<HookOn>,
    /// What every call is told of the run.
    run: Occasion,
}

/// Hears of items that end.
struct Listener {
    happened: Sender<Happened>,
    run: Occasion,
    calls: Arc<Calls>,
    on: Vec<HookOn>,
    steps: Vec<String>,
}

impl Listener {
    fn tell(&self, what: What, counted: usize, occasion: Occasion) {
        self.calls.recount(counted, 0);
        let _ = self.happened.send(Happened { what, counted, occasion });
    }
}

impl Sink for Listener {
    fn event(&mut self, event: &Event, state: &RunState) {
        let EventKind::ItemFinished { item, state: ended, step, fault, before: false } = &event.kind else { return };
        let Some(on) = due::occasion(*ended) else { return };
        let counted = self.on.iter().filter(|one| **one == on).count();
        if counted > 0 {
            let occasion = Occasion {
                counts: state.counts,
                seconds: event.elapsed as f64 / 1000.0,
                fault: fault.clone(),
                step: step.and_then(|step| self.steps.get(step as usize).cloned()),
                ..self.run.clone()
            };
            self.tell(What::Ended(on, Some(*item)), counted, occasion);
        }
    }

    fn hooks_are_due(&mut self, item: ItemIndex, elapsed: Duration, state: &RunState) {
        let occasion = Occasion { counts: state.counts, seconds: elapsed.as_secs_f64(), ..self.run.clone() };
        self.tell(What::Due(Some(item)), 1, occasion);
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
        let calls = Calls::new();
        let (happened, to_do) = channel::<Happened>();
        let (end, ended) = channel();
        let caller = Caller { workshop: Arc::clone(workshop), calls: Arc::clone(&calls), seed, tell };
        let thread = std::thread::Builder::new().name("hooks".into()).spawn(move || {
            caller.call_all(to_do);
            // Whoever is told needs nothing of the run that this holds.
            drop(caller);
            let _ = end.send(());
        })?;
        let on: Vec<HookOn> = plan.hooks.iter().map(|hook| hook.on).collect();
        let listened = on.iter().copied().filter(|on| due::may_be_called(&workshop.context, *on)).collect();
        let steps = plan.steps.iter().map(|step| step.id.clone()).collect();
        let (heard, told) = (happened.clone(), run.clone());
        let listener = Listener { happened: heard, run: told, calls: Arc::clone(&calls), on: listened, steps };
        Ok(Some((Self { happened, ended, thread, calls, on, run }, Box::new(listener))))
    }

    /// The batch has come to its end: its hooks are called, and all are waited for, as long as one makes an attempt within
    /// `patience`, or waits for the time of its next one. Whoever hears events for this must be gone. Gives how many calls
    /// were given up.
    pub fn finish(self, on: HookOn, known: Occasion, patience: Duration) -> usize {
        let Self { happened, ended, thread, calls, on: hooks, run } = self;
        let occasion = Occasion { run: run.run, pipeline: run.pipeline, ..known };
        let counted = hooks.iter().filter(|one| **one == on).count();
        calls.recount(counted, 0);
        let _ = happened.send(Happened { what: What::Ended(on, None), counted, occasion });
        drop(happened);
        let in_time = calls.end(&ended, patience);
        let left = calls.left.load(Ordering::SeqCst);
        calls.give_up();
        let _ = thread.join();
        if in_time { 0 } else { left.max(1) }
    }
}

/// Has the calls made.
struct Caller {
    workshop: Arc<Workshop>,
    calls: Arc<Calls>,
    seed: u64,
    tell: Tell,
}

impl Caller {
    /// Ends when nothing more happens and every call has ended.
    fn call_all(&self, to_do: Receiver<Happened>) {
        let (working, mut all_done) = mpsc::channel::<()>(1);
        to_do.into_iter().for_each(|happened| self.call(happened, &working));
        drop(working);
        if let Some(desk) = self.workshop.resources.desk() {
            desk.wait_for(async move { all_done.recv().await });
        }
    }

    fn call(&self, happened: Happened, working: &mpsc::Sender<()>) {
        if self.calls.slots.is_closed() {
            return;
        }
        let Happened { what, counted, mut occasion } = happened;
        let context = &self.workshop.context;
        let (What::Ended(_, index) | What::Due(index)) = what;
        let item = index.map(|index| Item::of(&context.batch, index));
        let checkpoint = item.as_ref().and_then(|item| match context.store.load(item.key, &item.id) {
            Loaded::Known(checkpoint) => Some(checkpoint),
            _ => None,
        });
        let plan = &context.plan;
        // What stands in the checkpoint is to be called, and nothing else; where it does not tell, the item's end does.
        let calls: Vec<(usize, Option<HookDue>)> = match (what, checkpoint.as_deref()) {
            (What::Ended(on, _), Some(known)) if due::occasion(known.state) == Some(on) => noted(context, known),
            (What::Ended(on, _), _) => {
                let hooks = plan.hooks.iter().enumerate().filter(|(_, hook)| hook.on == on);
                hooks.map(|(place, _)| (place, None)).collect()
            }
            (What::Due(_), Some(known)) => {
                occasion = as_it_ended(known, occasion);
                noted(context, known)
            }
            (What::Due(_), None) => Vec::new(),
        };
        self.calls.recount(calls.len(), counted);
        let fields = Fields {
            item: item.as_ref(),
            checkpoint: checkpoint.as_deref(),
            occasion: Some(&occasion),
            ..Fields::default()
        };
        for (place, due) in calls {
            let about = About { place, item: item.as_ref().map(|item| (item.index, item.key)), due };
            let came = match self.prepare(about.clone(), &fields) {
                Ok(call) => self.begin(call, working),
                Err(fault) => Err(fault),
            };
            if let Err(fault) = came {
                about.settle(&self.workshop, &self.tell, Err(fault), Vec::new());
                self.calls.recount(0, 1);
            }
        }
    }

    /// A call with every placeholder filled.
    fn prepare(&self, about: About, fields: &Fields<'_>) -> Result<Call, Fault> {
        let (context, place) = (&self.workshop.context, about.place);
        let hook = &context.plan.hooks[place];
        if let Some(fault) = self.workshop.resources.refusal(&hook.resource) {
            return Err(fault);
        }
        let step = self.workshop.resources.step(&hook.uses).ok_or_else(|| missing("such step"))?;
        let with = fill(&hook.with, fields)
            .map_err(|why| Fault::input("placeholder", format!("a parameter cannot be filled: {why}")))?;
        let run = fields.occasion.map_or("", |occasion| occasion.run.as_str());
        let (name, owner) = match fields.item {
            Some(item) => (item.id.clone(), format!("{run}/{}/hook-{}", item.id, place + 1)),
            None => (run.to_owned(), format!("{run}/hook-{}", place + 1)),
        };
        // An item's hook is called once for each time that it comes to its end, whatever run calls it; the batch's once in each
        // run. Of an end that could not be noted the failure tells whether it is another one.
        let (id, since) = match &about.due {
            Some(due) => (due.id.clone(), due.since.to_string()),
            None => {
                let fault = fields.occasion.and_then(|occasion| occasion.fault.as_ref());
                (due::id(&context.plan, place), fault.map_or(run, |fault| &fault.message).to_owned())
            }
        };
        let key = once(&["hook", &context.plan.name, &name, &id, &since]);
        Ok(Call {
            about,
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

    /// Has the call made as soon as it is its turn.
    fn begin(&self, call: Call, working: &mpsc::Sender<()>) -> Result<(), Fault> {
        let resources = &self.workshop.resources;
        let desk = resources.desk().ok_or_else(|| missing("resource"))?;
        resources.want();
        let slots = Arc::clone(&self.calls.slots);
        // None is given any more once the calls are given up: this one is counted among them.
        let Some(Ok(slot)) = desk.wait_for(slots.acquire_owned()) else { return Ok(()) };
        let (workshop, tell, calls) = (Arc::clone(&self.workshop), Arc::clone(&self.tell), Arc::clone(&self.calls));
        let working = working.clone();
        desk.begin(async move {
            let mut given_up = calls.given_up.subscribe();
            let mut leaks = Vec::new();
            let came = tokio::select! {
                biased;
                came = call.perform(&calls, slot, &mut leaks) => came,
                _ = given_up.wait_for(|given_up| *given_up) => None,
            };
            if let Some(came) = came {
                let about = call.about;
                // It writes; nothing of the run is held by it afterwards.
                let settle = move || about.settle(&workshop, &tell, came, leaks);
                let _ = tokio::task::spawn_blocking(settle).await;
                calls.recount(0, 1);
            }
            drop(working);
        });
        Ok(())
    }
}

fn missing(what: &str) -> Fault {
    Fault::new(FaultClass::Bug, "hook", format!("there is no {what}"))
}

/// The calls that are due by the item's checkpoint.
fn noted(context: &Context, checkpoint: &Checkpoint) -> Vec<(usize, Option<HookDue>)> {
    due::calls(context, checkpoint).into_iter().map(|(place, due)| (place, Some(due.clone()))).collect()
}

/// The occasion of an item that came to its end in an earlier run.
fn as_it_ended(checkpoint: &Checkpoint, occasion: Occasion) -> Occasion {
    let fault = checkpoint.fault.as_ref().filter(|_| checkpoint.state == ItemState::Failed);
    let step = fault.map(|fault| fault.step.clone()).filter(|step| !step.is_empty());
    Occasion { fault: fault.map(|fault| fault.fault.clone()), step, ..occasion }
}
