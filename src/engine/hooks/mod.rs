//! Hooks: calls of steps that work with a resource, made when an item or the batch has come to its end.
//!
//! A thread takes what has happened in its order, reads what is known of the item, and has the call made on the desk, a few at
//! the same time. No item waits for it, and a call that fails changes nothing: that is told. What is due for an item stands in
//! its checkpoint until the call is made, so that a later run makes those that this one did not come to.

mod call;
mod calls;
mod gates;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::mpsc;

use self::call::{About, Call, Came, limit};
use self::calls::Calls;
use self::gates::Gates;
use super::attempt::Workshop;
use super::attempt::resource::once;
use super::context::Context;
use super::due;
use super::item::{Fields, Item, fill};
use super::occasion::Occasion;
use super::recorder::Sink;
use crate::events::{Event, EventKind, ItemIndex, RunState};
use crate::pipeline::hooks::HookOn;
use crate::resilience::breaker::presets;
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
    gates: Arc<Gates>,
    /// The longest that an attempt of any may take.
    longest: Duration,
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
        let settings = |name: &String| plan.breakers.get(name).copied().unwrap_or_else(|| presets(name));
        let gated = plan.hooks.iter().map(|hook| (hook.resource.clone(), settings(&hook.resource)));
        let gates = Gates::new(gated, &calls, happened.clone());
        let longest = plan.hooks.iter().map(|hook| limit(plan, &hook.resource)).max().unwrap_or_default();
        let (of_calls, of_gates) = (Arc::clone(&calls), Arc::clone(&gates));
        let caller = Caller { workshop: Arc::clone(workshop), calls: of_calls, gates: of_gates, seed, tell };
        let thread = std::thread::Builder::new().name("hooks".into()).spawn(move || {
            caller.call_all(to_do);
            // Whoever is told needs nothing of the run that this holds.
            drop(caller);
            let _ = end.send(());
        })?;
        let on: Vec<HookOn> = plan.hooks.iter().map(|hook| hook.on).collect();
        let less = workshop.context.asks_for_less();
        let listened = on.iter().copied().filter(|on| due::may_be_called(*on, less)).collect();
        let steps = plan.steps.iter().map(|step| step.id.clone()).collect();
        let (heard, told) = (happened.clone(), run.clone());
        let listener = Listener { happened: heard, run: told, calls: Arc::clone(&calls), on: listened, steps };
        Ok(Some((Self { happened, ended, thread, calls, gates, longest, on, run }, Box::new(listener))))
    }

    /// The batch has come to its end: its hooks are called, and all are waited for, as long as one ends well within
    /// `patience`, or waits for the time of its next attempt. Of a run that was stopped only those are that are under way.
    /// Whoever hears events for this must be gone. Tells of calls that were not made.
    pub fn finish(self, on: HookOn, known: Occasion, stopped: bool, patience: Duration) -> Vec<String> {
        let Self { happened, ended, thread, calls, gates, longest, on: hooks, run } = self;
        gates.end();
        if stopped {
            calls.stop();
        }
        let occasion = Occasion { run: run.run, pipeline: run.pipeline, ..known };
        let counted = hooks.iter().filter(|one| **one == on).count();
        calls.recount(counted, 0);
        let _ = happened.send(Happened { what: What::Ended(on, None), counted, occasion });
        drop(happened);
        let patience = patience.max(longest);
        let in_time = calls.end(&ended, patience);
        let left = calls.left.load(Ordering::SeqCst);
        calls.give_up();
        let _ = thread.join();
        let mut told = Vec::new();
        if !in_time {
            let since = patience.as_secs();
            let count = of_hooks(left.max(1));
            told.push(format!("{count} given up: none ended well for {since} s; the next run makes those of items"));
        } else if left > 0 {
            told.push(format!("{} left to the next run: this one was stopped", are(left)));
        }
        for (resource, count, why) in gates.held() {
            told.push(format!("{} left to the next run: {resource} is OPEN: {why}", are(count)));
        }
        told
    }
}

fn of_hooks(count: usize) -> String {
    if count == 1 { "1 call of hooks".to_owned() } else { format!("{count} calls of hooks") }
}

fn are(count: usize) -> String {
    format!("{} {}", of_hooks(count), if count == 1 { "is" } else { "are" })
}

/// Has the calls made.
struct Caller {
    workshop: Arc<Workshop>,
    calls: Arc<Calls>,
    gates: Arc<Gates>,
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
        if *self.calls.given_up.borrow() {
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
        if item.is_some() && self.calls.slots.is_closed() {
            // Those of a run that was stopped stay due, and are counted.
            return;
        }
        let fields = Fields {
            item: item.as_ref(),
            checkpoint: checkpoint.as_deref(),
            occasion: Some(&occasion),
            ..Fields::default()
        };
        for (place, due) in calls {
            let about = About { place, item: item.as_ref().map(|item| (item.index, item.key)), due };
            let mark = about.mark();
            if mark.as_ref().is_some_and(|mark| !self.gates.enter(mark)) {
                self.calls.recount(0, 1);
                continue;
            }
            let came = match self.prepare(about.clone(), &fields) {
                Ok(call) => self.begin(call, working),
                Err(fault) => Err(fault),
            };
            if let Err(fault) = came {
                about.settle(&self.workshop, &self.tell, Err(fault), Vec::new());
                mark.iter().for_each(|mark| self.gates.leave(mark));
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
            occasion: Arc::new(fields.occasion.cloned().unwrap_or_default()),
            limit: limit(&context.plan, &hook.resource),
        })
    }

    /// Has the call made as soon as it is its turn.
    fn begin(&self, call: Call, working: &mpsc::Sender<()>) -> Result<(), Fault> {
        let resources = &self.workshop.resources;
        let desk = resources.desk().ok_or_else(|| missing("resource"))?;
        resources.want();
        let slots = Arc::clone(call.slots(&self.calls));
        // None is given any more once the calls are given up: this one is counted among them.
        let Some(Ok(slot)) = desk.wait_for(slots.acquire_owned()) else { return Ok(()) };
        let (workshop, tell, calls) = (Arc::clone(&self.workshop), Arc::clone(&self.tell), Arc::clone(&self.calls));
        let (working, gates) = (working.clone(), Arc::clone(&self.gates));
        desk.begin(async move {
            let mut given_up = calls.given_up.subscribe();
            let mut leaks = Vec::new();
            let came = tokio::select! {
                biased;
                came = call.perform(&gates, &calls, slot, &mut leaks) => came,
                _ = given_up.wait_for(|given_up| *given_up) => None,
            };
            match came {
                Some(Came::Ended(came)) => {
                    let (about, mark) = (call.about.clone(), call.about.mark());
                    // It writes; nothing of the run is held by it afterwards.
                    let settle = move || about.settle(&workshop, &tell, came, leaks);
                    let _ = tokio::task::spawn_blocking(settle).await;
                    mark.iter().for_each(|mark| gates.leave(mark));
                    calls.recount(0, 1);
                }
                Some(Came::Held | Came::Left) | None => {
                    drop(workshop);
                    if !leaks.is_empty() {
                        tell(leaks);
                    }
                }
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
