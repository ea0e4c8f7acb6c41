//! The worker slots: threads that make attempts, each with its hosts.

use std::path::PathBuf;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::mpsc::UnboundedSender;

use super::attempt::piece::{Stands, look_at_pieces};
use super::attempt::resource::owner_of;
use super::attempt::{Active, Report, Task, Workshop, make};
use super::resources::panicked;
use super::survey::{Look, look};
use super::tools;
use crate::events::{EventKind, ItemIndex, MachineView, Progress};
use crate::health::canary::{self, CanaryResult};
use crate::health::{Finder, HealthCheck, Wanted};
use crate::resilience::os_text::OsText;
use crate::resilience::scratch::Room;
use crate::steps::shim::{
    Canceller, Host, HostKind, HostLost, HostProgram, StepReply, StepRequest, ToolEnd, ToolExit, ToolRequest,
};

/// The most that a canary may write, in bytes.
const CANARY_OUTPUT: u64 = 1 << 20;

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
        call(&self.program, &mut self.tool, HostKind::Tool, request, None, canceller, |_| true)
    }

    /// Runs a built-in step; `hear` is told how far it is.
    ///
    /// # Errors
    /// That the host was lost; the next call starts another.
    pub fn step(
        &mut self,
        request: &StepRequest,
        timeout: Option<Duration>,
        canceller: &Canceller,
        hear: &dyn Fn(Progress),
    ) -> Result<StepReply, HostLost> {
        call(&self.program, &mut self.step, HostKind::Step, request, timeout, canceller, |reply| match reply {
            StepReply::Progress(done, of) => {
                let milliseconds = |seconds: f64| (seconds * 1000.0) as u64;
                hear(Progress { done: milliseconds(*done), of: of.map(milliseconds) });
                false
            }
            StepReply::Done(_) | StepReply::Failed(_) => true,
        })
    }
}

fn call<Request: serde::Serialize, Reply: serde::de::DeserializeOwned>(
    program: &HostProgram,
    host: &mut Option<Host>,
    kind: HostKind,
    request: &Request,
    timeout: Option<Duration>,
    canceller: &Canceller,
    is_last: impl FnMut(&Reply) -> bool,
) -> Result<Reply, HostLost> {
    let mut running = match host.take() {
        Some(running) => running,
        None => Host::start(program, kind).map_err(HostLost::Io)?,
    };
    let reply = running.call(request, timeout, canceller, is_last)?;
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
    /// Look where the pieces of an item stand in a step.
    Pieces(Arc<Active>, usize),
    /// Ask a tool's canary.
    Canary(String),
    /// Look at these dependencies.
    Check(Vec<Wanted>),
    /// Look at the memory, and at the disks that these folders are on.
    Machine(Vec<PathBuf>),
}

/// What they answer.
#[derive(Debug)]
pub enum Answer {
    /// An attempt at a step of an item is so far.
    Progress(ItemIndex, usize, Progress),
    /// An attempt ended.
    Attempt(Box<Task>, Box<Report>),
    /// Items were looked at, from the first on.
    Looks(ItemIndex, Vec<Look>),
    /// The pieces of an item were looked at, for a step.
    Pieces(Arc<Active>, usize, Stands),
    /// A canary answered; `None` where the tool has none.
    Canary(String, Option<CanaryResult>),
    /// Dependencies were looked at: the names that were asked for, and what was found; nothing where nobody could look.
    Checked(Vec<String>, Vec<HealthCheck>),
    /// Disks and memory were looked at; `None` where nobody could.
    Machine(Option<Vec<MachineView>>),
    /// Something happened that only has to be told.
    Told(Vec<EventKind>),
}

/// The system gives no more threads.
#[derive(Debug, thiserror::Error)]
#[error("the system gives no more threads ({source}): {jobs} at once")]
pub struct TooFew {
    /// Attempts that can be made at once.
    pub jobs: u32,
    /// What it says.
    pub source: std::io::Error,
}

/// Who does what the dispatcher orders. Answers come over the channel that they were made with.
pub trait Workers {
    /// Has it done, some time.
    fn order(&mut self, order: Order);
    /// Makes sure that as many attempts can be made at once.
    ///
    /// # Errors
    /// That fewer can.
    fn grow(&mut self, jobs: u32) -> Result<(), TooFew>;
}

/// Real threads.
#[derive(Debug)]
pub struct Threads {
    workshop: Arc<Workshop>,
    program: HostProgram,
    answers: UnboundedSender<Answer>,
    attempts: Queue,
    looks: Queue,
}

/// What waits for a thread of a queue. Whatever else is ordered gets a thread of its own.
#[derive(Debug)]
enum Queued {
    Attempt(Box<Task>),
    Look(std::ops::Range<ItemIndex>, bool),
    Pieces(Arc<Active>, usize),
    Canary(String),
}

#[derive(Debug)]
struct Queue {
    name: &'static str,
    sender: Option<Sender<Queued>>,
    receiver: Arc<Mutex<Receiver<Queued>>>,
    threads: Vec<JoinHandle<()>>,
}

impl Queue {
    fn new(name: &'static str) -> Self {
        let (sender, receiver) = channel();
        Self { name, sender: Some(sender), receiver: Arc::new(Mutex::new(receiver)), threads: Vec::new() }
    }
}

impl Threads {
    /// Starts `lookers` threads that look at items, or as many as there are, and one that makes attempts; more of these
    /// come with [`Workers::grow`].
    ///
    /// # Errors
    /// That there is not even one of each.
    pub fn start(
        workshop: Arc<Workshop>,
        program: HostProgram,
        lookers: usize,
        answers: UnboundedSender<Answer>,
    ) -> std::io::Result<Self> {
        let mut threads = Self { workshop, program, answers, attempts: Queue::new("slot"), looks: Queue::new("look") };
        let thread = threads.spawn(&threads.attempts)?;
        threads.attempts.threads.push(thread);
        while threads.looks.threads.len() < lookers {
            match threads.spawn(&threads.looks) {
                Ok(thread) => threads.looks.threads.push(thread),
                Err(error) if threads.looks.threads.is_empty() => return Err(error),
                Err(_) => break,
            }
        }
        Ok(threads)
    }

    fn spawn(&self, queue: &Queue) -> std::io::Result<JoinHandle<()>> {
        let orders = Arc::clone(&queue.receiver);
        let workshop = Arc::clone(&self.workshop);
        let answers = self.answers.clone();
        let room = workshop.scratch.room(&format!("{}-{}", queue.name, queue.threads.len()));
        let mut hosts = Hosts::new(self.program.clone(), room);
        std::thread::Builder::new().name(queue.name.into()).spawn(move || {
            loop {
                let order = orders.lock().unwrap_or_else(PoisonError::into_inner).recv();
                let Ok(order) = order else { return };
                if answers.send(follow(&workshop, order, &mut hosts, &answers)).is_err() {
                    return;
                }
            }
        })
    }

    /// Answers from a thread of its own: a probe takes its time, and neither a look nor the run's end waits for it. Where
    /// there is no thread, or it panics, the answer is what nobody knows better: whoever asks again is heard.
    fn aside(
        &self,
        answer: impl FnOnce() -> Answer + Send + 'static,
        unknown: impl Fn() -> Answer + Clone + Send + 'static,
    ) {
        let (answers, otherwise) = (self.answers.clone(), unknown.clone());
        let look = move || {
            let answer = std::panic::catch_unwind(std::panic::AssertUnwindSafe(answer));
            let _ = answers.send(answer.unwrap_or_else(|_| otherwise()));
        };
        if std::thread::Builder::new().name("check".into()).spawn(look).is_err() {
            let _ = self.answers.send(unknown());
        }
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
        let (queue, order) = match order {
            Order::Attempt(task) => (&self.attempts, Queued::Attempt(task)),
            Order::Look { range, again } => (&self.looks, Queued::Look(range, again)),
            Order::Pieces(active, step) => (&self.looks, Queued::Pieces(active, step)),
            Order::Canary(tool) => (&self.looks, Queued::Canary(tool)),
            Order::Check(wanted) => {
                let names: Vec<String> = wanted.iter().map(|one| one.name.clone()).collect();
                let asked = names.clone();
                let (resources, tools): (Vec<_>, Vec<_>) = wanted.into_iter().partition(|one| one.resource);
                let looking = self.workshop.resources.look(&resources);
                let check = move || {
                    let mut checks = tools::check(&tools);
                    checks.extend(looking.checks());
                    Answer::Checked(asked, checks)
                };
                return self.aside(check, move || Answer::Checked(names.clone(), Vec::new()));
            }
            Order::Machine(folders) => {
                let look = move || Answer::Machine(Some(tools::look_at_machine(&folders)));
                return self.aside(look, || Answer::Machine(None));
            }
        };
        if let Some(sender) = &queue.sender {
            let _ = sender.send(order);
        }
    }

    fn grow(&mut self, jobs: u32) -> Result<(), TooFew> {
        while self.attempts.threads.len() < jobs as usize {
            let threads = self.attempts.threads.len() as u32;
            let thread = self.spawn(&self.attempts).map_err(|source| TooFew { jobs: threads, source })?;
            self.attempts.threads.push(thread);
        }
        Ok(())
    }
}

fn follow(workshop: &Workshop, order: Queued, hosts: &mut Hosts, answers: &UnboundedSender<Answer>) -> Answer {
    match order {
        Queued::Attempt(task) => {
            let hear = |progress| {
                // Of pieces, it is their number that tells how far a step is. Nobody hears it once the run has ended.
                if task.piece.is_some() {
                    return;
                }
                let _ = answers.send(Answer::Progress(task.active.item.index, task.step, progress));
            };
            let made = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| make(workshop, &task, hosts, &hear)));
            let report = made.unwrap_or_else(|panic| Report {
                ending: super::attempt::Ending::Failed { fault: panicked(&*panic), ambiguous: false },
                took: Duration::ZERO,
                log: None,
                leftover: 0,
                note: None,
            });
            if !workshop.context.plan.steps[task.step].resources.is_empty() {
                let leaks = workshop.resources.let_go(&owner_of(workshop, &task));
                if !leaks.is_empty() {
                    let _ = answers.send(Answer::Told(leaks));
                }
            }
            Answer::Attempt(task, Box::new(report.without(workshop.resources.secrets())))
        }
        Queued::Look(range, again) => {
            let first = range.start;
            let goes_on = |_: &ItemIndex| !workshop.stopping.load(std::sync::atomic::Ordering::Relaxed);
            let looked = range.take_while(goes_on).map(|index| {
                std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| look(&workshop.context, index, again)))
                    .unwrap_or_else(|panic| Look::Refused(panicked(&*panic)))
            });
            Answer::Looks(first, looked.collect())
        }
        Queued::Pieces(active, step) => {
            let look = || look_at_pieces(workshop, &active, step);
            let stands = std::panic::catch_unwind(std::panic::AssertUnwindSafe(look));
            let stands = stands.unwrap_or_else(|panic| Stands {
                stands: None,
                names: Vec::new(),
                note: Some(panicked(&*panic).message),
            });
            Answer::Pieces(active, step, stands)
        }
        Queued::Canary(tool) => {
            let asked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| ask_canary(workshop, &tool, hosts)));
            let result = asked.unwrap_or_default();
            Answer::Canary(tool, result)
        }
    }
}

/// Asks the tool's canary, through the host like any other call of a tool: nothing of it outlives the engine.
fn ask_canary(workshop: &Workshop, tool: &str, hosts: &mut Hosts) -> Option<CanaryResult> {
    let spec = workshop.context.plan.tools.get(tool);
    let scratch = hosts.room.enter("canary", tool, 1).ok()?;
    let result = canary::ask(&Finder::from_env(), tool, spec, &scratch, |canary| {
        let request = ToolRequest {
            argv: std::iter::once(canary.program.as_os_str())
                .chain(canary.args.iter().map(std::ffi::OsString::as_os_str))
                .map(OsText::from)
                .collect(),
            env: Vec::new(),
            room: OsText::from(hosts.room.folder()),
            scratch: OsText::from(&scratch),
            log: OsText::from(workshop.run_folder.join("logs").join(format!("canary.{tool}.log"))),
            timeout_ms: u64::try_from(canary.limit.as_millis()).ok(),
            idle_ms: None,
            grace_ms: 0,
            memory: None,
            max_output: CANARY_OUTPUT,
            sandbox: false,
            secrets: workshop.resources.secrets().all(),
        };
        let end = hosts.tool(&request, &Canceller::default()).map_err(|lost| format!("its host was lost: {lost:?}"))?;
        match end.exit {
            ToolExit::Code(0) => Ok(()),
            exit => Err(format!(
                "{exit}: {}",
                end.stderr.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("it said nothing")
            )),
        }
    });
    hosts.room.leave();
    result
}
