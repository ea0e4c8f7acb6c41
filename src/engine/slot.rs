//! The worker slots: threads that make attempts, each with its hosts.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use super::attempt::{Report, Task, Workshop, make};
use super::survey::{Look, look};
use crate::events::ItemIndex;
use crate::health::canary::{self, CanaryResult};
use crate::resilience::scratch::Room;
use crate::resilience::{Fault, FaultClass};
use crate::steps::shim::{
    Canceller, Host, HostKind, HostLost, HostProgram, StepReply, StepRequest, ToolEnd, ToolRequest,
};

/// The hosts of one slot, started when they are first needed, and the room that its attempts are made in.
#[derive(Debug)]
pub struct Hosts {
    /// Where attempts work.
    pub room: Room,
    program: HostProgram,
    tool: Option<Host>,
    step: Option<Host>,
}

impl Hosts {
    /// None started yet.
    #[must_use]
    pub fn new(program: HostProgram, room: Room) -> Self {
        Self { room, program, tool: None, step: None }
    }

    /// Runs a tool.
    ///
    /// # Errors
    /// That the host was lost; the next call starts another.
    pub fn tool(&mut self, request: &ToolRequest, canceller: &Canceller) -> Result<ToolEnd, HostLost> {
        call(&self.program, &mut self.tool, HostKind::Tool, request, None, canceller)
    }

    /// Runs a built-in step.
    ///
    /// # Errors
    /// That the host was lost; the next call starts another.
    pub fn step(
        &mut self,
        request: &StepRequest,
        timeout: Option<Duration>,
        canceller: &Canceller,
    ) -> Result<StepReply, HostLost> {
        call(&self.program, &mut self.step, HostKind::Step, request, timeout, canceller)
    }
}

fn call<Request: serde::Serialize, Reply: serde::de::DeserializeOwned>(
    program: &HostProgram,
    host: &mut Option<Host>,
    kind: HostKind,
    request: &Request,
    timeout: Option<Duration>,
    canceller: &Canceller,
) -> Result<Reply, HostLost> {
    let mut running = match host.take() {
        Some(running) => running,
        None => Host::start(program, kind).map_err(HostLost::Io)?,
    };
    let reply = running.call(request, timeout, canceller)?;
    // A cancel that came just after the reply is still on its way to the host: it must not meet the next task there.
    if !canceller.is_cancelled() {
        *host = Some(running);
    }
    Ok(reply)
}

/// What the dispatcher asks of its helpers.
#[derive(Debug)]
pub enum Order {
    /// Make an attempt.
    Attempt(Box<Task>),
    /// Look at the items of a range. `again`: also where they failed before and nothing changed.
    Look {
        /// The places of the items.
        range: std::ops::Range<ItemIndex>,
        /// Whether an earlier failure counts for nothing.
        again: bool,
    },
    /// Ask a tool's canary.
    Canary(String),
}

/// What they answer.
#[derive(Debug)]
pub enum Answer {
    /// An attempt ended.
    Attempt(Box<Task>, Box<Report>),
    /// Items were looked at, from the first on.
    Looks(ItemIndex, Vec<Look>),
    /// A canary answered; `None` where the tool has none.
    Canary(String, Option<CanaryResult>),
}

/// Who does what the dispatcher orders. Answers come over the channel that they were made with.
pub trait Workers {
    /// Has it done, some time.
    fn order(&mut self, order: Order);
    /// Makes sure that as many attempts can be made at once.
    fn grow(&mut self, jobs: u32);
}

/// Real threads.
#[derive(Debug)]
pub struct Threads {
    workshop: Arc<Workshop>,
    program: HostProgram,
    answers: tokio::sync::mpsc::UnboundedSender<Answer>,
    attempts: Queue,
    looks: Queue,
}

#[derive(Debug)]
struct Queue {
    sender: Option<Sender<Order>>,
    receiver: Arc<Mutex<Receiver<Order>>>,
    threads: Vec<JoinHandle<()>>,
}

impl Queue {
    fn new() -> Self {
        let (sender, receiver) = channel();
        Self { sender: Some(sender), receiver: Arc::new(Mutex::new(receiver)), threads: Vec::new() }
    }
}

impl Threads {
    /// Starts `lookers` threads that look at items; those that make attempts come with [`Workers::grow`].
    #[must_use]
    pub fn start(
        workshop: Arc<Workshop>,
        program: HostProgram,
        lookers: usize,
        answers: tokio::sync::mpsc::UnboundedSender<Answer>,
    ) -> Self {
        let mut threads = Self { workshop, program, answers, attempts: Queue::new(), looks: Queue::new() };
        for _ in 0..lookers {
            let thread = threads.spawn(&threads.looks);
            threads.looks.threads.push(thread);
        }
        threads
    }

    fn spawn(&self, queue: &Queue) -> JoinHandle<()> {
        let orders = Arc::clone(&queue.receiver);
        let workshop = Arc::clone(&self.workshop);
        let answers = self.answers.clone();
        let room = workshop.scratch.room(&format!("slot-{}", queue.threads.len()));
        let mut hosts = Hosts::new(self.program.clone(), room);
        std::thread::spawn(move || {
            loop {
                let order = orders.lock().unwrap_or_else(PoisonError::into_inner).recv();
                let Ok(order) = order else { return };
                if answers.send(follow(&workshop, order, &mut hosts)).is_err() {
                    return;
                }
            }
        })
    }

    /// Ends the threads: each finishes what it is at.
    pub fn join(mut self) {
        for queue in [&mut self.attempts, &mut self.looks] {
            queue.sender = None;
            for thread in queue.threads.drain(..) {
                let _ = thread.join();
            }
        }
    }
}

impl Workers for Threads {
    fn order(&mut self, order: Order) {
        let queue = if matches!(order, Order::Attempt(_)) { &self.attempts } else { &self.looks };
        if let Some(sender) = &queue.sender {
            let _ = sender.send(order);
        }
    }

    fn grow(&mut self, jobs: u32) {
        while self.attempts.threads.len() < jobs as usize {
            let thread = self.spawn(&self.attempts);
            self.attempts.threads.push(thread);
        }
    }
}

fn follow(workshop: &Workshop, order: Order, hosts: &mut Hosts) -> Answer {
    match order {
        Order::Attempt(task) => {
            let made = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| make(workshop, &task, hosts)));
            let report = made.unwrap_or_else(|panic| Report {
                ending: super::attempt::Ending::Failed { fault: panicked(&*panic), ambiguous: false },
                took: Duration::ZERO,
                log: None,
                leftover: 0,
            });
            Answer::Attempt(task, Box::new(report))
        }
        Order::Look { range, again } => {
            let first = range.start;
            let goes_on = |_: &ItemIndex| !workshop.stopping.load(std::sync::atomic::Ordering::Relaxed);
            let looked = range.take_while(goes_on).map(|index| {
                std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| look(&workshop.context, index, again)))
                    .unwrap_or_else(|panic| Look::Refused(panicked(&*panic)))
            });
            Answer::Looks(first, looked.collect())
        }
        Order::Canary(tool) => {
            let spec = workshop.context.plan.tools.get(&tool);
            let result = std::panic::catch_unwind(|| canary::run(&tool, spec)).unwrap_or_default();
            Answer::Canary(tool, result)
        }
    }
}

/// Our own code panicked: the item fails, the run goes on.
fn panicked(panic: &(dyn std::any::Any + Send)) -> Fault {
    let text = panic
        .downcast_ref::<&str>()
        .map(ToString::to_string)
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no message".into());
    Fault::new(FaultClass::Bug, "panic", format!("mediamill itself failed: {text}"))
        .with_hint("please report this, with the journal of the run")
}
